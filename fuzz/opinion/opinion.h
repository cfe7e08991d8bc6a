// opinion.h - the second opinion on the oracle: programs as C (fuzz/export_c), compiled by a C compiler that knows
// nothing of AIR, with its checks for undefined behaviour, run, and their Outcomes compared with the oracle's.
//
// Many programs share one C file, because a compiler takes long to start; so much of a batch as a process did not
// survive is run again without the run that killed it. Everything observable is compared, memory by size and hash.
// Files lie in a folder of the caller's. Cost: the C compilers, some 10 ms a program.
// Tested in fuzz/opinion/tests/, ctest opinion.*.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"
#include "assay/outcome.h"
#include "fuzz/check/check.h"

#include <string>
#include <vector>

namespace assay::fuzz {

/// One word for the shell, whatever the text is.
std::string shell_word(const std::string& text);

/// A C compiler that this host has.
struct CCompiler {
  std::string name;    // "gcc", "clang-19"
  std::string command; // with flags, but for input and output
};
/// Those of `names` that make programs with `flags` which run here; why the others do not is told to `missing`.
std::vector<CCompiler> find_c_compilers(const std::vector<std::string>& names, const std::string& flags,
                                        std::vector<std::string>& missing);
/// Whether there is a shell that knows a command of that name.
bool is_command(const std::string& name);
/// gcc, and the newest clang.
std::vector<std::string> usual_c_compilers();
/// Checked for what is undefined, which ends the process.
inline constexpr const char* kCheckedFlags =
    "-std=c11 -O2 -w -fsanitize=undefined -fno-sanitize-recover=all -fno-strict-aliasing";

struct OpinionProgram {
  std::string name;
  Module module;
  Cases cases;
};

struct Disagreement {
  std::string program, compiler;
  std::string what; // in lines: the difference, the call, the oracle's outcome, the C program's
};

struct OpinionCounts {
  u64 programs = 0, runs = 0, compared = 0, agree = 0, unknown = 0, refused = 0, failed = 0;
  std::vector<std::string> cannot; // programs that could not be exported, with the reason
};

class Opinion {
public:
  /// `folder` exists and is the caller's to remove.
  Opinion(std::vector<CCompiler> compilers, std::string folder);

  /// Runs the cases of all programs on the oracle and, by each compiler, as C. Io or Internal when a compiler cannot
  /// make a program of the file; what differs is a Disagreement.
  Result<void> ask(const std::vector<OpinionProgram>& programs);

  const OpinionCounts& counts() const { return counts_; }
  const std::vector<Disagreement>& disagreements() const { return disagreements_; }

private:
  /// A run to be compared, with what the oracle says of it; the memory as size and hash.
  struct Run {
    u32 program = 0, case_index = 0;
    Outcome expected;
    u64 memory_size = 0, memory_hash = 0;
  };
  void run_oracle(const std::vector<OpinionProgram>& programs);
  Result<std::string> write_c(const std::vector<OpinionProgram>& programs);
  Result<void> build(const CCompiler& compiler);
  Result<void> run_all(const std::vector<OpinionProgram>& programs, const CCompiler& compiler);
  std::string run_batch();
  void judge(const OpinionProgram& program, const CCompiler& compiler, const Run& run, const Outcome& actual,
             u64 memory_size, u64 memory_hash);
  void disagree(const OpinionProgram& program, const CCompiler& compiler, const Run& run, const std::string& what,
                const std::string& actual);

  std::vector<CCompiler> compilers_;
  std::string folder_;
  OpinionCounts counts_;
  std::vector<Disagreement> disagreements_;
  std::vector<Run> runs_;
  std::vector<u8> exported_; // by program
  std::string answers_;
};

} // namespace assay::fuzz
