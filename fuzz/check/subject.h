// subject.h - things under test: the table of subjects and the interface that each has.
//
// A subject runs a module and yields an Outcome. The oracle is a subject like the others, so that it can be run
// and listed; the checker judges the rest by it. One row of subject.cpp's table makes a subject; another JIT is
// one row and one class. Storage is kept from program to program.
// Tested in fuzz/check/tests/.
#pragma once

#include "assay/code_tools.h"
#include "assay/compiler.h"
#include "assay/errors.h"
#include "assay/host.h"
#include "assay/module.h"
#include "assay/outcome.h"
#include "qemu/executor.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::fuzz {

/// Where the bundled compiler's code runs, or what runs in its place: the oracle, another compiler.
enum class Exec : u8 { Oracle, Native, Qemu, Unicorn, Llvm, Gccjit };
std::string_view name_of(Exec exec); // "oracle", "native", "qemu", "unicorn", "llvm", "gccjit"
/// Another compiler, its code run in this process (fuzz/subjects).
inline bool is_peer(Exec exec) { return exec == Exec::Llvm || exec == Exec::Gccjit; }
std::string_view name_of(Level level); // "O0", "O2"

/// What a row leaves to the program (settings.h).
enum class Drawn : u8 {
  Nothing,
  Passes,  // which, and in what order
  Settings // level, convention, extensions, registers, spilling, padding, decisions and passes
};

/// One subject. For the oracle only `name`, `exec` and `meaning` mean something, for a peer `level` too.
struct SubjectRow {
  std::string_view name;
  Exec exec = Exec::Native;
  Target target = Target::X64;
  Level level = Level::O0;
  Os os = Os::Linux;      // convention between AIR functions
  bool extensions = true; // use what the processor has, this machine's or the emulated one; else the target's baseline
  u32 max_registers = 0;  // see CompileOptions
  bool spill_all = false;
  std::string_view meaning;
  Drawn drawn = Drawn::Nothing;
  u32 block_padding = 0; // see CompileOptions
  u32 decisions = 0;     // the most choices of each area of the back end (PassOptions); 0: no limit
};

/// All that this version knows, the oracle first.
std::span<const SubjectRow> subject_rows();

/// The row of that name, in the table or made from the settings that the name says (settings.h); null: it is none.
const SubjectRow* find_subject_row(std::string_view name);

/// Empty when this host and build can run the subject, else why not.
std::string unavailable_reason(const SubjectRow& row);

/// One thing under test. One thread uses it.
class Subject {
public:
  virtual ~Subject() = default;

  /// Makes `module` (valid, unchanged until the next prepare) the one that runs. Unsupported: this subject cannot
  /// run this module, for the reason given; the caller counts a skip. Any other error is a defect of the subject.
  virtual Result<void> prepare(const Module& module) = 0;

  /// A hint, after `prepare`: these runs will follow, in this order (qemu/executor.h).
  virtual void expect(std::span<const RunRequest> requests) { static_cast<void>(requests); }

  /// Runs a function of the prepared module on fresh memory and globals. Overwrites `out`.
  virtual void run(FunctionId entry, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) = 0;

  /// True when the last prepare failed because the symbolic checker refused a register allocation.
  virtual bool allocation_refused() const { return false; }
};

struct SubjectOptions {
  /// Judge each register allocation with the symbolic checker.
#ifdef ASSAY_VERIFY
  bool check_allocation = true;
#else
  bool check_allocation = false;
#endif
  /// Debuggers and profilers to tell about code that runs natively, and where the module was written (may be null).
  ToolOptions tools;
  const DebugSource* source = nullptr;
  /// Milliseconds that one run in this process may take; 0: what the executor thinks right.
  u32 time_limit_ms = 0;
  /// Natively each trap of every program is thrown, and call stacks are unwound, where else one program in so many is
  /// chosen by its code (qemu::NativeOptions::throw_traps_one_in).
  bool throw_traps = false;
  /// What subjects at O2 run, unless they draw their own order.
  PassOptions passes;
};

/// The subject of a row, which must be available. Io or Internal when the host refuses what it needs.
Result<std::unique_ptr<Subject>> make_subject(const SubjectRow& row, const SubjectOptions& options = {});

/// How to compile for the row, whose passes are not said.
CompileOptions compile_options(const SubjectRow& row);

/// A choice of subjects, as the command line says it; an empty list admits all.
struct SubjectFilter {
  std::vector<std::string> names, targets, levels, execs, oses;
  /// Admits subjects that run in an emulator, at a tenth of the speed, although neither `names` nor `execs` asks for
  /// them.
  bool emulated = false;
  bool names_given() const { return !names.empty(); }
};

/// A subject that was asked for but cannot run here.
struct LeftOut {
  const SubjectRow* row = nullptr;
  std::string reason;
};

/// Rows that the filter admits, in table order, the oracle and peers only when they are asked for, emulated ones also
/// where nothing else is left. `left_out` (may be null) is told which of them cannot run here, and why. BadInput for a
/// word that no version knows; Unsupported when nothing is left, or a subject asked for by name cannot run here.
Result<std::vector<const SubjectRow*>> select_subjects(const SubjectFilter& filter,
                                                       std::vector<LeftOut>* left_out = nullptr);

} // namespace assay::fuzz
