// check.cpp - see check.h.
//
// Order: the oracle runs every case first, because its outcomes are needed by every subject; then each subject is
// prepared once and runs every case. A case that the oracle refuses (the program left AIR's guarantees) is not run
// on a subject at all: there its behaviour would be anything. Tested in fuzz/check/tests/check_test.cpp.
#include "fuzz/check/check.h"

#include "fuzz/generate/inputs.h"

#include <algorithm>

namespace assay::fuzz {

void Cases::clear() {
  cases_.clear();
  args_.clear();
}

void Cases::add(FunctionId entry, std::span<const u64> args, u64 fuel) {
  cases_.push_back({entry, static_cast<u32>(args_.size()), static_cast<u32>(args.size()), fuel});
  args_.insert(args_.end(), args.begin(), args.end());
}

void make_cases(const Module& module, u64 seed, u32 per_entry, u64 fuel, Cases& out) {
  thread_local std::vector<u64> args;
  thread_local std::vector<FunctionId> entries;
  out.clear();
  list_entries(module, entries);
  for (const FunctionId entry : entries) {
    const u32 params = static_cast<u32>(module.params_of(module.functions[entry]).size());
    const u32 count = params == 0 ? 1 : per_entry;
    make_inputs(module, entry, seed, count, args);
    for (u32 i = 0; i < count; ++i) out.add(entry, {args.data() + std::size_t{i} * params, params}, fuel);
  }
}

namespace {
constexpr std::string_view kKindNames[] = {"miscompile", "crash",         "hang",   "breach",
                                           "checker",    "compile-error", "invalid"};

FindingKind kind_of(OutcomeKind outcome) {
  switch (outcome) {
  case OutcomeKind::Crashed: return FindingKind::Crash;
  case OutcomeKind::Hung: return FindingKind::Hang;
  case OutcomeKind::Breached: return FindingKind::Breach;
  default: return FindingKind::Miscompile;
  }
}
} // namespace

std::string_view name_of(FindingKind kind) { return kKindNames[static_cast<u32>(kind)]; }

bool finding_kind_from_name(std::string_view name, FindingKind& out) {
  const auto* found = std::find(std::begin(kKindNames), std::end(kKindNames), name);
  if (found == std::end(kKindNames)) return false;
  out = static_cast<FindingKind>(found - std::begin(kKindNames));
  return true;
}

Checker::Checker(std::vector<Entry> subjects)
    : subjects_(std::move(subjects)), oracle_(std::make_unique<oracle::Interpreter>()) {}
Checker::~Checker() = default;
Checker::Checker(Checker&&) noexcept = default;
Checker& Checker::operator=(Checker&&) noexcept = default;

Result<Checker> Checker::make(std::span<const SubjectRow* const> rows, const SubjectOptions& options) {
  std::vector<Entry> subjects;
  for (const SubjectRow* row : rows) {
    if (row->exec == Exec::Oracle) continue;
    auto subject = make_subject(*row, options);
    if (!subject) return subject.error();
    subjects.push_back({std::string(row->name), std::move(*subject)});
  }
  return Checker(std::move(subjects));
}

u32 Checker::find_subject(std::string_view name) const {
  for (u32 i = 0; i < subjects_.size(); ++i)
    if (subjects_[i].name == name) return i;
  return kNone;
}

void Checker::at(u32 subject, u32 case_index) {
  if (progress_ == nullptr) return;
  progress_->subject.store(subject, std::memory_order_relaxed);
  progress_->case_index.store(case_index, std::memory_order_relaxed);
}

bool Checker::check(const Module& module, const Cases& cases) {
  ++counts_.programs;
  run_oracle(module, cases, 0, cases.size());
  if (all_refused_ && cases.size() != 0) return true;
  for (u32 subject = 0; subject < subjects_.size(); ++subject)
    if (!check_subject(module, cases, 0, cases.size(), subject)) return false;
  return true;
}

bool Checker::check_one(const Module& module, const Cases& cases, u32 case_index, u32 subject) {
  const u32 first = case_index == kNone ? 0 : case_index;
  const u32 last = case_index == kNone ? 0 : case_index + 1;
  run_oracle(module, cases, first, last);
  return check_subject(module, cases, first, last, subject);
}

void Checker::run_oracle(const Module& module, const Cases& cases, u32 first, u32 last) {
  if (expected_.size() < last) expected_.resize(last);
  oracle_->prepare(module);
  all_refused_ = true;
  for (u32 i = first; i < last; ++i) {
    at(kNone, i);
    oracle_->run(cases.entry(i), cases.args(i), cases.fuel(i), host_, expected_[i]);
    ++counts_.runs;
    ++counts_.outcomes[static_cast<u32>(expected_[i].kind)];
    if (expected_[i].kind == OutcomeKind::Refused) ++counts_.refused;
    else all_refused_ = false;
  }
}

bool Checker::check_subject(const Module& module, const Cases& cases, u32 first, u32 last, u32 subject) {
  at(subject, kNone);
  bool skipped = false;
  if (!prepare(module, subject, skipped)) return false;
  if (skipped) return true;
  requests_.clear();
  for (u32 i = first; i < last; ++i) {
    if (expected_[i].kind != OutcomeKind::Refused) requests_.push_back({cases.entry(i), cases.args(i), cases.fuel(i)});
  }
  subjects_[subject].subject->expect(requests_);
  for (u32 i = first; i < last; ++i) {
    if (expected_[i].kind == OutcomeKind::Refused) continue;
    at(subject, i);
    subjects_[subject].subject->run(cases.entry(i), cases.args(i), cases.fuel(i), host_, actual_);
    if (!compare_case(module, i, subject)) return false;
  }
  return true;
}

bool Checker::prepare(const Module& module, u32 subject, bool& skipped) {
  Subject& tested = *subjects_[subject].subject;
  const Result<void> prepared = tested.prepare(module);
  if (prepared) return true;
  if (prepared.error().kind == ErrorKind::Unsupported) {
    skipped = true;
    ++counts_.skipped;
    // Where it stands in the program differs from program to program; what is lacking does not.
    const std::string& message = prepared.error().message;
    count_skip(subject, message.substr(0, message.rfind(" (function @")));
    return true;
  }
  difference_.kind = tested.allocation_refused() ? FindingKind::Checker : FindingKind::CompileError;
  difference_.subject = subject;
  difference_.case_index = kNone;
  difference_.what = prepared.error().message;
  return false;
}

bool Checker::compare_case(const Module& module, u32 case_index, u32 subject) {
  ++counts_.compared;
  switch (compare(module, expected_[case_index], actual_)) {
  case Agreement::Agree: ++counts_.agree; return true;
  case Agreement::Unknown: ++counts_.unknown; return true;
  case Agreement::Differ: break;
  }
  difference_.kind = kind_of(actual_.kind);
  difference_.subject = subject;
  difference_.case_index = case_index;
  difference_.what = first_difference(module, expected_[case_index], actual_);
  return false;
}

void Checker::count_skip(u32 subject, const std::string& reason) {
  for (Skip& skip : skips_) {
    if (skip.subject == subject && skip.reason == reason) {
      ++skip.count;
      return;
    }
  }
  skips_.push_back({subject, reason, 1});
}

} // namespace assay::fuzz
