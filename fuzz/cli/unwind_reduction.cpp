// unwind_reduction.cpp - see unwind_reduction.h.
#include "fuzz/cli/unwind_reduction.h"

#include "assay/text.h"
#include "fuzz/check/run_lines.h"

#include <algorithm>

namespace assay::cli {
namespace {

UnwindLimits limits(bool stop_at_first) {
  UnwindLimits out;
  out.instructions = 4000;
  out.sweep = 200'000;
  out.stop_at_first = stop_at_first;
  return out;
}

void cases_of(const fuzz::Program& program, fuzz::Cases& out) {
  out.clear();
  if (program.entry != kNone) out.add(program.entry, program.args, program.fuel);
}

const UnwindFinding* find_same(const std::vector<UnwindFinding>& findings, const UnwindFinding& wanted) {
  const auto found = std::find_if(findings.begin(), findings.end(), [&](const auto& f) { return same_way(f, wanted); });
  return found == findings.end() ? nullptr : &*found;
}

class UnwindJudge final : public fuzz::Judge {
public:
  UnwindJudge(const UnwindRow* row, UnwindFinding wanted)
      : checker_({row}, {wanted.format}, limits(false)), wanted_(std::move(wanted)) {}

  u32 first_same(std::span<const fuzz::Program> candidates) override {
    for (u32 i = 0; i < candidates.size(); ++i) {
      findings_.clear();
      cases_of(candidates[i], cases_);
      // A candidate on which the compiler or the emulator fails has another failure.
      if (checker_.check(candidates[i].module, cases_, findings_) && find_same(findings_, wanted_) != nullptr) return i;
    }
    return kNone;
  }

private:
  UnwindChecker checker_;
  UnwindFinding wanted_;
  fuzz::Cases cases_;
  std::vector<UnwindFinding> findings_;
};

/// The first call with which the tables are wrong.
Result<bool> find_wrong(const Module& module, const fuzz::Cases& cases, const std::vector<const UnwindRow*>& rows,
                        fuzz::Program& program, UnwindFinding& finding) {
  UnwindChecker checker(rows, {}, limits(true));
  std::vector<UnwindFinding> findings;
  fuzz::Cases one;
  program = {module, kNone, {}, 0};
  for (u32 i = 0; i <= cases.size(); ++i) {
    if (i != 0) {
      program.entry = cases.entry(i - 1);
      program.args.assign(cases.args(i - 1).begin(), cases.args(i - 1).end());
      program.fuel = cases.fuel(i - 1);
    }
    cases_of(program, one);
    if (auto done = checker.check(module, one, findings); !done) return done.error();
    if (findings.empty()) continue;
    finding = findings.front();
    return true;
  }
  return false;
}

} // namespace

Result<UnwindReduction> reduce_unwinding(const Module& module, const fuzz::Cases& cases,
                                         const std::vector<const UnwindRow*>& rows,
                                         const fuzz::ReduceOptions& options) {
  UnwindReduction out;
  fuzz::Program program;
  const auto found = find_wrong(module, cases, rows, program, out.before);
  if (!found) return found.error();
  out.fails = *found;
  if (!out.fails) return out;
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto* r) { return r->name == out.before.row; });
  UnwindJudge judge(*row, out.before);
  out.reduction = fuzz::reduce(program, judge, options);
  UnwindChecker checker(rows, {}, limits(false));
  std::vector<UnwindFinding> findings;
  fuzz::Cases one;
  cases_of(out.reduction.program, one);
  if (auto done = checker.check(out.reduction.program.module, one, findings); !done) return done.error();
  if (const UnwindFinding* same = find_same(findings, out.before)) out.after = *same;
  for (const UnwindFinding& finding : findings) {
    std::string name = std::string(finding.row) + " " + finding.format;
    if (std::find(out.wrong.begin(), out.wrong.end(), name) == out.wrong.end()) out.wrong.push_back(std::move(name));
  }
  if (!out.after.row.empty()) out.culprit = culprit_of(out.reduction.program.module, one, **row, out.after, findings);
  return out;
}

std::string to_text(const UnwindReduction& r, const std::string& path) {
  const fuzz::Program& program = r.reduction.program;
  std::string out = "; wrong unwind tables: " + std::string(r.after.row) + " " + r.after.format + " " + r.after.where +
                    ": " + r.after.what + "\n; culprit: " + r.culprit.words + "\n; reduced from " +
                    std::to_string(r.reduction.instructions_before) + " to " +
                    std::to_string(r.reduction.instructions) +
                    " instructions\n; assay unwind --subject=" + std::string(r.after.row) + " " + path + "\n";
  if (program.entry != kNone)
    out += "; run: " + fuzz::call_to_string(program.module, program.entry, program.args) + "\n";
  return out + "\n" + assay::to_text(program.module);
}

} // namespace assay::cli
