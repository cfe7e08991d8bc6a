// program.cpp - one call on one variant, in this process. See program.h.
//
// A checker with a single subject is made for each variant and kept, because to make one costs more than a call.
// Tested in fuzz/probe/tests/probe_test.cpp.
#include "fuzz/probe/program.h"

#include "assay/verify.h"
#include "fuzz/check/finding.h"
#include "fuzz/check/run_lines.h"
#include "fuzz/check/settings.h"

#include <algorithm>
#include <deque>
#include <optional>

namespace assay::fuzz {
namespace {

bool same_passes(const PassOptions& a, const PassOptions& b) {
  return a.switched_off == b.switched_off && a.rewrite_limit == b.rewrite_limit && a.order_count == b.order_count &&
         std::equal(a.order, a.order + a.order_count, b.order) &&
         std::equal(std::begin(a.decision_limits), std::end(a.decision_limits), b.decision_limits);
}

/// How a run ended, without what may change with the program: values, positions, names.
std::string end_of(const Outcome& outcome) {
  switch (outcome.kind) {
  case OutcomeKind::Returned: return "returned";
  case OutcomeKind::Threw: return "threw";
  case OutcomeKind::ThrewHost: return "threw host";
  case OutcomeKind::Trapped: return "trapped " + std::string(name_of(outcome.trap));
  case OutcomeKind::Crashed: return "crashed";
  case OutcomeKind::Hung: return "hung";
  case OutcomeKind::Breached: return "breached";
  case OutcomeKind::Refused: break;
  }
  return "refused";
}

std::string observable_of(const Difference& difference, const Outcome& expected, const Outcome& actual) {
  if (difference.case_index == kNone)
    return difference.kind == FindingKind::Checker ? observable(difference.what) : without_names(difference.what);
  std::string out = observable(difference.what);
  if (out == "end") out += ": " + end_of(expected) + ", " + end_of(actual);
  return out;
}

std::string differing_globals(const Module& module, const Outcome& expected, const Outcome& actual) {
  std::string out;
  const std::size_t both = std::min({module.globals.size(), expected.globals.size(), actual.globals.size()});
  for (std::size_t i = 0; i < both; ++i)
    if (expected.globals[i] != actual.globals[i]) out += module.globals[i].name + " ";
  return out;
}

} // namespace

bool same_way(const Variant& a, const Variant& b) {
  return a.target == b.target && a.level == b.level && a.os == b.os && a.exec == b.exec &&
         a.extensions == b.extensions && a.max_registers == b.max_registers && a.spill_all == b.spill_all &&
         a.block_padding == b.block_padding && a.decisions == b.decisions && a.check_allocation == b.check_allocation &&
         a.time_limit_ms == b.time_limit_ms && a.throw_traps == b.throw_traps && same_passes(a.passes, b.passes);
}

std::string without_names(std::string_view message) {
  std::string out;
  bool in_name = false;
  for (const char c : message.substr(0, 120)) {
    const bool digit = c >= '0' && c <= '9';
    const bool word = digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '$';
    if (c == '@' || c == '%' || c == '^' || digit) {
      if (!in_name) out += '#';
      in_name = true;
    } else if (!(in_name && word)) {
      in_name = false;
      out += c;
    }
  }
  return out;
}

Variant variant_of(const SubjectRow& row, const Module& module, const PassOptions& passes) {
  const Settings settings = settings_for(row, module, passes);
  Variant out;
  out.subject = row.drawn == Drawn::Nothing ? std::string(row.name) : name_of_settings(settings.row);
  out.target = settings.row.target;
  out.level = settings.row.level;
  out.os = settings.row.os;
  out.exec = settings.row.exec;
  out.extensions = settings.row.extensions;
  out.max_registers = settings.row.max_registers;
  out.spill_all = settings.row.spill_all;
  out.block_padding = settings.row.block_padding;
  out.decisions = settings.row.decisions;
  out.passes = settings.passes;
  return out;
}

SubjectRow row_of(const Variant& variant) {
  SubjectRow row;
  row.name = variant.subject;
  row.exec = variant.exec;
  row.target = variant.target;
  row.level = variant.level;
  row.os = variant.os;
  row.extensions = variant.extensions;
  row.max_registers = variant.max_registers;
  row.spill_all = variant.spill_all;
  row.block_padding = variant.block_padding;
  row.decisions = variant.decisions;
  return row;
}

struct Probe::Impl {
  struct Kept {
    Variant variant;
    SubjectRow row;
    std::optional<Checker> checker; // none: it cannot be made here
    std::string reason;
  };

  Kept& kept_for(const Variant& variant);

  std::deque<Kept> kept; // rows are referred to
  bool ran_natively = false;
  Cases cases;
};

Probe::Impl::Kept& Probe::Impl::kept_for(const Variant& variant) {
  constexpr std::size_t kMost = 12; // limits of rewrites are many, and each is asked for once
  for (Kept& one : kept)
    if (same_way(one.variant, variant)) return one;
  if (kept.size() == kMost) kept.pop_front();
  Kept& one = kept.emplace_back();
  one.variant = variant;
  one.row = row_of(one.variant);
  SubjectOptions options;
  options.passes = variant.passes;
  options.check_allocation = variant.check_allocation;
  options.time_limit_ms = variant.time_limit_ms;
  options.throw_traps = variant.throw_traps;
  const SubjectRow* row = &one.row;
  auto checker = Checker::make({&row, 1}, options);
  if (checker) one.checker.emplace(std::move(*checker));
  else one.reason = checker.error().message;
  return one;
}

Probe::Probe() : impl_(std::make_unique<Impl>()) {}
Probe::~Probe() = default;
Probe::Probe(Probe&&) noexcept = default;

/// What lies where deep frames will be is the same for each question, and not zero, also in a new process.
static void fill_deep_stack() {
  constexpr std::size_t kWords = 40 * 1024;
  volatile u64 words[kWords];
  for (volatile u64& word : words) word = 0xa5a5a5a5a5a5a5a5u;
}

Seen Probe::ask(const Program& program, const Variant& variant) {
  Seen seen;
  if (variant.exec == Exec::Native) fill_deep_stack();
  Impl::Kept& kept = impl_->kept_for(variant);
  if (!kept.checker) {
    seen.state = Seen::Unavailable;
    seen.what = kept.reason;
    return seen;
  }
  Checker& checker = *kept.checker;
  const bool calls = program.entry != kNone;
  impl_->cases.clear();
  if (calls) impl_->cases.add(program.entry, program.args, program.fuel);
  const CheckCounts before = checker.counts();
  bool same = checker.check_one(program.module, impl_->cases, calls ? 0 : kNone, 0);
  // In a new process the first run has the dynamic linker write where the program's frames will be.
  if (same && calls && variant.exec == Exec::Native && !impl_->ran_natively) {
    fill_deep_stack();
    same = checker.check_one(program.module, impl_->cases, 0, 0);
  }
  impl_->ran_natively |= variant.exec == Exec::Native;
  const CheckCounts& after = checker.counts();
  if (calls && after.refused == before.refused) {
    seen.expected = to_string(program.module, checker.expected(0));
    seen.run_line = write_run_line(program.module, program.entry, program.args, checker.expected(0));
  }
  if (same) {
    if (after.refused != before.refused) seen.state = Seen::Refused;
    else if (after.unknown != before.unknown) seen.state = Seen::Unknown;
    else if (after.skipped != before.skipped) seen.state = Seen::Unavailable;
    return seen;
  }
  const Difference& difference = checker.difference();
  static const Outcome kNothing;
  const bool ran = difference.case_index != kNone;
  seen.state = Seen::Fails;
  seen.kind = difference.kind;
  seen.what = difference.what;
  seen.observable = observable_of(difference, ran ? checker.expected(0) : kNothing, checker.actual());
  if (ran) seen.actual = to_string(program.module, checker.actual());
  if (ran) seen.globals = differing_globals(program.module, checker.expected(0), checker.actual());
  return seen;
}

} // namespace assay::fuzz
