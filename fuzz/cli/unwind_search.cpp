// unwind_search.cpp - see unwind_search.h.
#include "fuzz/cli/unwind_search.h"

#include "fuzz/cli/unwind_shapes.h"

#include <chrono>

namespace assay::cli {

namespace {

constexpr u64 kSearchFuel = 2000;
constexpr u32 kInputs = 1;

} // namespace

Result<void> search_tables(const UnwindSearch& search, fuzz::Measurement& out, SearchedProgram& program) {
  UnwindLimits limits;
  limits.instructions = 4000;
  limits.stop_at_first = true;
  UnwindChecker checker(search.rows, {}, limits);
  UnwindPrograms programs({}, kInputs, kSearchFuel);
  Module& module = program.module;
  fuzz::Cases& cases = program.cases;
  std::vector<UnwindFinding> findings;
  const auto start = std::chrono::steady_clock::now();
  make_shapes(module, cases);
  for (u64 i = 0;; programs.make(search.seed + i, module, cases), ++i) {
    ++out.programs;
    auto done = checker.check(module, cases, findings);
    if (!done && done.error().kind != ErrorKind::BadInput) return done;
    if (!done) findings.push_back({"", "tables", "writer", done.error().message});
    if (!findings.empty()) break;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if ((search.programs != 0 && out.programs >= search.programs) || (search.seconds > 0 && seconds > search.seconds))
      return {};
  }
  const UnwindFinding& first = findings.front();
  out.found = true;
  out.check = first.where == "tables" ? "reader" : "step";
  out.difference = std::string(first.row) + " " + first.format + " " + first.where + ": " + first.what;
  return {};
}

} // namespace assay::cli
