// mutant_reduction.cpp - see mutant_reduction.h.
#include "fuzz/cli/mutant_reduction.h"

#include "assay/verify.h"
#include "fuzz/cli/commands.h"
#include "fuzz/cli/mutant_naming.h"
#include "fuzz/triage/sign.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>

namespace assay::cli {
namespace {

template <typename T> T percentile(std::vector<T> values, u32 percent) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, values.size() * percent / 100)];
}

struct Figures {
  std::vector<u32> sizes;
  std::vector<double> seconds;
  u32 drifted = 0, judged = 0, named = 0, not_reduced = 0, tables = 0, tables_named = 0;

  explicit Figures(const std::vector<MutantReduction>& reductions) {
    for (const MutantReduction& r : reductions) {
      if (!r.reduced) {
        ++not_reduced;
        continue;
      }
      sizes.push_back(r.result.reduction.instructions);
      seconds.push_back(r.seconds);
      drifted += r.drifted;
      (r.wrong.empty() ? judged : tables) += 1;
      (r.wrong.empty() ? named : tables_named) += r.named;
    }
  }
};

} // namespace

MutantReduction reduce_finding(const fuzz::PlantedBug& bug, const std::string& path, double seconds, u32 jobs) {
  MutantReduction out;
  out.bug = &bug;
  const auto start = std::chrono::steady_clock::now();
  const auto source = read_source(path);
  if (!source) return out.why_not = source.error().to_string(), out;
  const auto finding = fuzz::parse_finding(source->text, path);
  if (!finding) return out.why_not = finding.error().to_string(), out;
  auto module = parse_and_verify(source->text, path);
  if (!module) return out.why_not = module.error().to_string(), out;
  fuzz::TriageOptions triage;
  triage.jobs = jobs;
  fuzz::ReduceOptions options;
  options.seconds = seconds;
  {
    const fuzz::Planted planted(&bug);
    auto failure = fuzz::failure_of(*finding, *module, triage);
    if (!failure) return out.why_not = failure.error().to_string(), out;
    if (!*failure) return out.why_not = "the finding is gone", out;
    if ((*failure)->reproduced != fuzz::kTriageReplays) return out.why_not = "it comes and goes", out;
    out.result = fuzz::reduce_failure(**failure, triage, options);
  }
  out.reduced = true;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fuzz::Prober without;
  out.drifted = out.result.failure.reproduced != fuzz::kTriageReplays ||
                without.ask(out.result.failure.program, out.result.failure.variant).state != fuzz::Seen::Agrees;
  {
    const fuzz::Planted planted(&bug);
    fuzz::Signed explained;
    explained.failure = out.result.failure;
    fuzz::explain(explained, {triage, seconds});
    out.culprit = explained.cause.culprit;
  }
  out.named = names_component(out.culprit, bug);
  // Beside the finding, for who keeps them.
  const fuzz::Finding small = fuzz::finding_of(out.result.failure, &*finding, &out.result.after);
  static_cast<void>(
      fuzz::write_file_atomically(path.substr(0, path.rfind('.')) + ".reduced.air", to_text(small, "FILE")));
  return out;
}

MutantReduction reduce_tables(const fuzz::PlantedBug& bug, const Module& module, const fuzz::Cases& cases,
                              const std::vector<const UnwindRow*>& rows, double seconds) {
  MutantReduction out;
  out.bug = &bug;
  fuzz::ReduceOptions options;
  options.seconds = seconds;
  const auto start = std::chrono::steady_clock::now();
  const auto reduce_it = [&] {
    const fuzz::Planted planted(&bug);
    return reduce_unwinding(module, cases, rows, options);
  };
  auto reduced = reduce_it();
  if (!reduced) return out.why_not = reduced.error().to_string(), out;
  if (!reduced->fails) return out.why_not = "the finding is gone", out;
  out.reduced = true;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out.culprit = reduced->culprit.culprit;
  out.named = names_component(out.culprit, bug);
  out.wrong = std::string(reduced->after.row) + " " + reduced->after.format + ", in all " +
              std::to_string(reduced->wrong.size()) + " platforms and formats";
  out.result.reduction = std::move(reduced->reduction);
  const fuzz::Program& small = out.result.reduction.program;
  fuzz::Cases call;
  if (small.entry != kNone) call.add(small.entry, small.args, small.fuel);
  fuzz::ReduceOptions nothing;
  nothing.programs = 1;
  const auto without = reduce_unwinding(small.module, call, rows, nothing);
  out.drifted = reduced->after.row.empty() || !without || without->fails;
  return out;
}

void print(const MutantReduction& r) {
  if (!r.reduced) {
    std::printf("  not reduced: %s\n", r.why_not.c_str());
  } else {
    const fuzz::ReduceResult& reduction = r.result.reduction;
    std::printf("  reduced from %u to %u instructions in %.2f s (%llu programs)%s%s; culprit %s%s%s%s\n",
                reduction.instructions_before, reduction.instructions, r.seconds,
                static_cast<unsigned long long>(reduction.tried), reduction.done ? "" : ", not to the end",
                r.drifted ? ", DRIFTED" : "", r.wrong.empty() ? to_string(r.result.after).c_str() : r.wrong.c_str(),
                r.culprit.empty() ? "" : ": ", r.culprit.c_str(), r.named ? "" : ", NOT NAMED");
  }
  std::fflush(stdout);
}

Json to_json(const MutantReduction& r) {
  if (!r.reduced) return Json{{"reduced", false}, {"why_not", r.why_not}};
  if (!r.wrong.empty())
    return Json{{"reduced", true},
                {"instructions_before", r.result.reduction.instructions_before},
                {"instructions", r.result.reduction.instructions},
                {"programs", r.result.reduction.tried},
                {"seconds", r.seconds},
                {"done", r.result.reduction.done},
                {"drifted", r.drifted},
                {"named", r.named},
                {"culprit", r.culprit},
                {"wrong", r.wrong}};
  return Json{{"reduced", true},
              {"instructions_before", r.result.reduction.instructions_before},
              {"instructions", r.result.reduction.instructions},
              {"programs", r.result.reduction.tried},
              {"seconds", r.seconds},
              {"done", r.result.reduction.done},
              {"drifted", r.drifted},
              {"named", r.named},
              {"culprit", r.culprit},
              {"subject", r.result.failure.variant.subject},
              {"program", fuzz::finding_of(r.result.failure, nullptr, nullptr).program},
              {"bisection", json_of(r.result.after)}};
}

Json summary_of(const std::vector<MutantReduction>& reductions) {
  const Figures f(reductions);
  return Json{{"reduced", f.sizes.size()},
              {"not_reduced", f.not_reduced},
              {"median_instructions", percentile(f.sizes, 50)},
              {"p95_instructions", percentile(f.sizes, 95)},
              {"median_seconds", percentile(f.seconds, 50)},
              {"p95_seconds", percentile(f.seconds, 95)},
              {"drifted", f.drifted},
              {"bugs_of_code", f.judged},
              {"named", f.named},
              {"bugs_of_tables", f.tables},
              {"tables_named", f.tables_named}};
}

void print_summary(const std::vector<MutantReduction>& reductions) {
  const Figures f(reductions);
  std::printf(
      "%zu findings reduced, %u not; instructions: median %u, 95%% at most %u; seconds: median %.2f, 95%% at most %.2f; "
      "drifted: %u; of %u bugs of code the component is named of %u, of %u of unwind tables the writer of %u\n",
      f.sizes.size(), f.not_reduced, percentile(f.sizes, 50), percentile(f.sizes, 95), percentile(f.seconds, 50),
      percentile(f.seconds, 95), f.drifted, f.judged, f.named, f.tables, f.tables_named);
}

} // namespace assay::cli
