// unwind_check.h - judges the unwind tables of programs: compiled for every platform, written in each of its formats,
// read
// strictly, and held against the truth at every instruction in the emulator. What `assay unwind` does with each
// program, and `assay mutants` with bugs of unwind tables.
//
// After the program's own cases a sweep (qemu/unicorn/worker/step.h) goes where they did not. What then is still not
// executed is counted. One checker serves one thread and keeps storage and worker. Tested end to end in
// fuzz/cli/tests/.
#pragma once

#include "fuzz/check/check.h"
#include "fuzz/cli/unwind_tables.h"
#include "fuzz/generate/generator.h"
#include "qemu/unicorn/unicorn_stepper.h"

#include <functional>
#include <map>
#include <memory>

namespace assay::cli {

/// A platform to compile for.
struct UnwindRow {
  std::string_view name;
  Target target = Target::X64;
  Level level = Level::O0;
  Os os = Os::Linux;
  u32 max_registers = 0;
  bool spill_all = false;
  bool sign_return = false;
  /// So many rows of the tables are in short forms, the others in the most general ones (FrameOp::plain), to which the
  /// strict reader would object: it is not asked then.
  u64 short_rows = ~u64{0};
};
std::span<const UnwindRow> unwind_rows();
/// Rows that the filter admits; BadInput or Unsupported when there are none, or none can run here.
Result<std::vector<const UnwindRow*>> select_unwind_rows(const fuzz::SubjectFilter& filter);
CompileOptions compile_options(const UnwindRow& row);
/// What the platform uses, and DWARF, which debuggers want everywhere; of them those `wanted`, all when that is empty.
std::vector<TableFormat> formats_of(const UnwindRow& row, const std::vector<std::string>& wanted);

/// A place where tables are wrong.
struct UnwindFinding {
  std::string_view row;
  std::string format; // or "call sites"
  std::string where;  // function, offset, instruction
  std::string what;
  u32 offset = kNone; // of the instruction in the code, where it is known
};

struct UnwindLimits {
  u64 instructions = 20'000;  // of a run; then it is cut
  u64 sweep = 2'000'000;      // of the sweep through a program; 0: none
  bool stop_at_first = false; // do not go on to the next row when something was found
};

struct UnwindTotals {
  u64 programs = 0, functions = 0; // of AIR
  u64 compiled = 0;                // functions, for all rows
  u64 runs = 0, cut = 0, traps = 0, instructions = 0, swept = 0;
  u64 code = 0, executed = 0, by_sweep = 0; // instructions of the code; of them executed by runs; by sweeps only
  u64 never = 0;                            // traps behind calls that do not return: nothing executes them
  u32 max_depth = 0;
  double step_seconds = 0; // of stepping, the rest is compiling, writing, reading
  qemu::protocol::StepEvents events;
  qemu::protocol::StepCounts counts[qemu::protocol::kTableFormats];
  u64 linted[qemu::protocol::kTableFormats] = {};
};

class UnwindChecker {
public:
  UnwindChecker(std::vector<const UnwindRow*> rows, std::vector<std::string> formats, UnwindLimits limits);

  /// Appends what is wrong to `out`. An Error is the emulator's, or one of compilation; others are skips.
  Result<void> check(const Module& module, const fuzz::Cases& cases, std::vector<UnwindFinding>& out);

  const UnwindTotals& totals() const { return totals_; }
  const std::map<std::string, u64>& skips() const { return skips_; }
  void skip(const std::string& reason) { ++skips_[reason]; }
  /// Told of each instruction that nothing executed: its row and place. Null: nobody.
  std::function<void(std::string_view row, const std::string& place)> on_unseen;
  /// Called for each row with its code and tables, loaded in the stepper, when nothing was wrong. Null: nobody.
  std::function<Result<void>(const UnwindRow&, const CodeObject&, const CodeMap&, const fuzz::Cases&,
                             std::span<const StepTable>)>
      on_clean;
  qemu::UnicornStepper& stepper() { return stepper_; }
  const UnwindLimits& limits() const { return limits_; }

private:
  Result<bool> check_row(std::size_t index, const Module& module, const fuzz::Cases& cases,
                         std::vector<UnwindFinding>& out);
  Result<void> write(const UnwindRow& row, std::vector<StepTable>& tables, std::vector<UnwindFinding>& out);
  Result<void> step(const UnwindRow& row, const fuzz::Cases& cases, std::vector<UnwindFinding>& out);
  void add(const qemu::protocol::StepReport& report, const UnwindRow& row, std::vector<UnwindFinding>& out);

  std::vector<const UnwindRow*> rows_;
  std::vector<std::unique_ptr<Compiler>> compilers_; // of rows
  std::vector<std::string> formats_;
  UnwindLimits limits_;
  qemu::UnicornStepper stepper_;
  CodeObject object_;
  CodeMap map_;
  qemu::protocol::StepReport report_;
  UnwindTotals totals_;
  std::map<std::string, u64> skips_;
};

/// Random programs of several kinds in turn.
class UnwindPrograms {
public:
  /// Of one preset, of all that suit when `preset` is empty. `inputs`: argument vectors an exported function.
  UnwindPrograms(const std::string& preset, u32 inputs, u64 fuel);
  void make(u64 seed, Module& module, fuzz::Cases& cases);
  static std::span<const std::string_view> presets();

private:
  std::vector<fuzz::Generator> generators_;
  u32 inputs_;
  u64 fuel_;
};

} // namespace assay::cli
