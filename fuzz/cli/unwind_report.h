// unwind_report.h - what `assay unwind` found and counted, as text or JSON: findings at once, the summary at the end.
//
// Facts go to the output; that the emulator failed, to the error stream. Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/cli/unwind_mutate.h"

#include <nlohmann/json.hpp>

namespace assay::cli {

class UnwindReport {
public:
  UnwindReport(bool as_json, bool mutated) : as_json_(as_json), mutated_(mutated) {}

  void add(const std::string& program, const UnwindFinding& finding);
  void add_error(const std::string& program, const std::string& message);
  /// The emulator failed, and the program is checked once more.
  void add_repeated(const std::string& program, const std::string& message);
  void add_unseen(const std::string& program, std::string_view row, const std::string& place);
  MutationTotals& mutations() { return mutations_; }
  u64 unexplained() const { return mutations_.sum().unexplained; }

  /// The emulator fails so often that going on is of no use.
  bool hopeless() const;
  void print(const UnwindTotals& totals, const std::map<std::string, u64>& skips, double seconds) const;
  u64 findings() const { return findings_; }
  u64 errors() const { return errors_; }

private:
  void print_json(const UnwindTotals& t, const std::map<std::string, u64>& skips, double seconds) const;
  void print_text(const UnwindTotals& t, const std::map<std::string, u64>& skips, double seconds) const;
  void print_mutations() const;
  nlohmann::ordered_json mutations_json() const;

  bool as_json_, mutated_;
  u64 findings_ = 0, errors_ = 0, repeated_ = 0;
  MutationTotals mutations_;
  nlohmann::ordered_json found_ = nlohmann::ordered_json::array();
};

} // namespace assay::cli
