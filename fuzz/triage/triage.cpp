// triage.cpp - see triage.h.
//
// While a program is reduced, limits of time are short, or each candidate without an end would take seconds; how the
// small program fails is asked with the long ones in the end. Tested in fuzz/triage/tests/triage_test.cpp.
#include "fuzz/triage/triage.h"

#include "assay/text.h"
#include "compiler/opt/pipeline.h"
#include "fuzz/check/settings.h"

#include <algorithm>
#include <chrono>

namespace assay::fuzz {
namespace {

constexpr u32 kHangMs = 150, kRunMs = 500, kAnswerMs = 2000; // of a hang that is reduced; of other runs; of an answer

/// Milliseconds that the failing call takes, all in all.
u32 time_of(const Failure& failure, u32 timeout_ms) {
  Prober prober(timeout_ms);
  prober.ask(failure.program, failure.variant); // starts the process
  const auto start = std::chrono::steady_clock::now();
  prober.ask(failure.program, failure.variant);
  const auto taken = std::chrono::steady_clock::now() - start;
  return static_cast<u32>(std::chrono::duration_cast<std::chrono::milliseconds>(taken).count());
}

Error error_of(ErrorKind kind, std::string message) {
  Error error;
  error.kind = kind;
  error.message = std::move(message);
  return error;
}

/// With the budget that commands give when nothing else is said, if it fails alike with it.
void prefer_default_fuel(Failure& failure, Prober& prober, u64 fuel) {
  if (failure.program.fuel == fuel || failure.program.entry == kNone) return;
  Program other = failure.program;
  other.fuel = fuel;
  const Seen seen = prober.ask(other, failure.variant);
  if (!seen.same(failure.seen)) return;
  failure.program = std::move(other);
  failure.seen = seen;
}

/// What differs need not be the same each time where only that it fails, and the kind, are.
void reproduce(Failure& failure, Prober& prober) {
  u32 same_kind = 0;
  failure.reproduced = 0;
  for (u32 i = 0; i < kTriageReplays; ++i) {
    const Seen seen = prober.ask(failure.program, failure.variant);
    failure.reproduced += seen.same(failure.seen);
    same_kind += seen.fails() && seen.kind == failure.seen.kind;
  }
  if (failure.reproduced == kTriageReplays || same_kind != kTriageReplays) return;
  failure.reproduced = same_kind;
  failure.seen.observable.clear();
}

/// `reason`: why the first question could not be asked; empty when it was answered.
std::optional<Failure> try_variant(const Module& module, const Cases& cases, const Variant& variant, Prober& prober,
                                   const TriageOptions& options, std::string& reason) {
  Failure failure;
  failure.program.module = module;
  failure.variant = variant;
  for (u32 i = 0; i <= cases.size(); ++i) {
    if (i != 0) {
      failure.program.entry = cases.entry(i - 1);
      failure.program.args.assign(cases.args(i - 1).begin(), cases.args(i - 1).end());
      failure.program.fuel = cases.fuel(i - 1);
    }
    failure.seen = prober.ask(failure.program, variant);
    if (failure.seen.state == Seen::Unavailable) {
      if (i == 0) reason = failure.seen.what.empty() ? "it cannot run this program" : failure.seen.what;
      break;
    }
    if (!failure.seen.fails()) continue;
    prefer_default_fuel(failure, prober, options.default_fuel);
    reproduce(failure, prober);
    return failure;
  }
  return std::nullopt;
}

} // namespace

std::vector<Variant> variants_of(const SubjectRow& row, const Module& module, const PassOptions& passes) {
  const Variant whole = variant_of(row, module, passes);
  if (row.drawn == Drawn::Nothing) return {whole};
  Variant usual = whole, usual_passes = whole;
  usual.max_registers = usual.block_padding = usual.decisions = 0;
  usual.spill_all = false;
  usual.extensions = row.extensions;
  usual.passes = usual_passes.passes = passes;
  usual.subject = name_of_settings(row_of(usual));
  std::vector<Variant> out{usual};
  for (const Variant& other : {usual_passes, whole}) {
    const auto same = [&](const Variant& one) { return same_way(one, other); };
    if (std::none_of(out.begin(), out.end(), same)) out.push_back(other);
  }
  return out;
}

std::optional<Failure> find_failure(const Module& module, const Cases& cases, std::span<const SubjectRow* const> rows,
                                    const TriageOptions& options, std::string* not_asked) {
  Prober prober(options.timeout_ms);
  std::string first_reason;
  bool asked = false;
  for (const SubjectRow* row : rows) {
    for (const Variant& variant : variants_of(*row, module, options.passes)) {
      std::string reason;
      if (auto failure = try_variant(module, cases, variant, prober, options, reason)) return failure;
      asked |= reason.empty();
      if (first_reason.empty()) first_reason = std::move(reason);
    }
  }
  if (not_asked != nullptr && !asked) *not_asked = std::move(first_reason);
  return std::nullopt;
}

Result<std::optional<Failure>> failure_of(const Finding& finding, const Module& module, const TriageOptions& options) {
  const SubjectRow* const row = find_subject_row(finding.subject);
  if (row == nullptr) return error_of(ErrorKind::BadInput, "there is no subject '" + finding.subject + "'");
  const std::string reason = unavailable_reason(*row);
  if (!reason.empty())
    return error_of(ErrorKind::Unsupported, "subject " + finding.subject + " cannot run here: " + reason);
  Cases cases;
  if (auto made = cases_of(finding, module, cases); !made) return made.error();
  TriageOptions own = options;
  if (!finding.passes.empty()) {
    auto passes = opt::parse_passes(words_of(finding.passes), {});
    if (!passes) return passes.error();
    own.passes = *passes;
  }
  std::string not_asked;
  auto failure = find_failure(module, cases, {&row, 1}, own, &not_asked);
  if (!not_asked.empty())
    return error_of(ErrorKind::Unsupported, "subject " + finding.subject + " could not be asked: " + not_asked);
  return failure;
}

Reduced reduce_failure(const Failure& failure, const TriageOptions& options, const ReduceOptions& reduce_options) {
  Reduced out;
  Failure now = failure;
  u32 timeout_ms = options.timeout_ms;
  if (failure.seen.kind == FindingKind::Hang || time_of(failure, timeout_ms) < kRunMs / 10) {
    now.variant.time_limit_ms = failure.seen.kind == FindingKind::Hang ? kHangMs : kRunMs;
    timeout_ms = std::min(timeout_ms, kAnswerMs);
  }
  Prober prober(timeout_ms);
  out.before = bisect(now.program, now.variant, prober);
  DifferenceJudge judge(failure.seen, now.variant, options.jobs, timeout_ms);
  if (out.before.has_witness) judge.set_witness(out.before.witness);
  out.reduction = reduce(now.program, judge, reduce_options);
  now.program = out.reduction.program;
  out.after = bisect(now.program, now.variant, prober);
  out.asked = judge.asked() + prober.asked();
  out.deaths = judge.deaths() + prober.deaths();
  now.variant.time_limit_ms = 0;
  prober.set_timeout(options.timeout_ms);
  const Seen again = prober.ask(now.program, now.variant);
  now.seen = again.same(failure.seen) ? again : out.after.seen;
  reproduce(now, prober);
  out.failure = std::move(now);
  return out;
}

Finding finding_of(const Failure& failure, const Finding* from, const Bisection* bisection) {
  Finding out;
  if (from != nullptr) out = *from;
  const Program& program = failure.program;
  out.kind = failure.seen.kind;
  out.subject = failure.variant.subject;
  out.passes = names_of(failure.variant.passes);
  out.entry.clear();
  out.args.clear();
  out.fuel = 0;
  if (program.entry != kNone) {
    const Function& function = program.module.functions[program.entry];
    const auto types = program.module.params_of(function);
    out.entry = function.name;
    for (std::size_t i = 0; i < types.size(); ++i) print_literal(types[i], program.args[i], out.args.emplace_back());
    out.fuel = program.fuel;
  }
  out.expected = failure.seen.expected;
  out.actual = failure.seen.actual;
  out.difference = failure.seen.what;
  if (bisection != nullptr && !bisection->component.empty()) out.culprit = to_string(*bisection);
  out.trials.clear();
  out.run_line = failure.seen.run_line;
  if (out.run_line.empty() && !out.entry.empty()) { // the process died: the call alone
    out.run_line = "; run: @" + out.entry + "(";
    for (std::size_t i = 0; i < out.args.size(); ++i) out.run_line += (i == 0 ? "" : ", ") + out.args[i];
    out.run_line += ")";
  }
  out.sizes = sizes_of(program.module);
  out.tool = tools_of(out.subject);
  out.replays = kTriageReplays;
  out.reproduced = failure.reproduced;
  out.program = to_text(program.module);
  return out;
}

std::string names_of(const PassOptions& passes) {
  std::string out;
  const auto add = [&out](opt::PassId id) { out += (out.empty() ? "" : ",") + std::string(opt::pass_info(id).name); };
  if (passes.order_count != 0) {
    for (u32 i = 0; i < passes.order_count; ++i) add(static_cast<opt::PassId>(passes.order[i]));
  } else if (passes.switched_off != 0) {
    for (const opt::PassId id : opt::standard_passes())
      if ((passes.switched_off >> static_cast<u32>(id) & 1) == 0) add(id);
  }
  return out;
}

} // namespace assay::fuzz
