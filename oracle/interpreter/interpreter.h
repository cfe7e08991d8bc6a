// interpreter.h - the reference interpreter: runs a verified Module and says what it must do.
//
// The meaning of every operation is written from docs/air.md alone, one small function each, and shares no
// evaluation code with the compiler. Speed comes from doing nothing that is not asked: the module's own arrays
// are the program (no predecoding), the values of all frames lie in one flat stack, AIR calls do not recurse
// in C++, and storage is kept from run to run: about 10 ns an instruction, nothing allocated in the steady state.
// Tested in oracle/interpreter/tests/; speed in oracle/interpreter/bench/.
#pragma once

#include "assay/host.h"
#include "assay/module.h"
#include "assay/outcome.h"

#include <memory>
#include <span>

namespace assay::oracle {

/// Frames of AIR functions that may be active at once; one more traps `stack_overflow` at the entry of
/// the function called (block 0, instruction 0).
inline constexpr u32 kMaxDepth = 20000;
/// Bytes of values, and bytes of slots, of all active frames; beyond, the same trap.
inline constexpr u64 kMaxValueBytes = u64{64} << 20;
inline constexpr u64 kMaxSlotBytes = u64{64} << 20;
/// Host functions that may be active at once through re-entry; one more traps the same.
inline constexpr u32 kMaxHostDepth = 200;
/// Blocks and functions entered by one run before it is Refused as endless, unless set otherwise.
inline constexpr u64 kDefaultStepLimit = u64{1} << 28;
inline constexpr u64 kBytesPerStep = 16; // of slots zeroed, of memory filled and copied

struct Machine;

/// One interpreter serves one thread; it may run any number of modules, one after the other.
class Interpreter {
public:
  Interpreter();
  ~Interpreter();
  Interpreter(Interpreter&&) noexcept;
  Interpreter& operator=(Interpreter&&) noexcept;

  /// Makes `module`, which must be valid (verify.h), the one that `run` runs. It is referred to, not copied:
  /// it must stay unchanged while it is run. Costs next to nothing.
  void prepare(const Module& module);

  /// Runs `entry` (a body or an import) on fresh memory and globals. `args` are the bits of its parameters;
  /// their number must be right. Everything observable is written to `out`, whose storage is reused: kind is
  /// Returned, Threw, ThrewHost, Trapped, or Refused when the program leaves AIR's guarantees (a native access
  /// outside a live slot, a call of a ptr that is none, a run beyond the step limit or with more frames in
  /// its call stacks than kMaxRecordedFrames).
  /// `host` must not call `run` of this interpreter; it may call back through its Reentry.
  void run(FunctionId entry, std::span<const u64> args, u64 fuel, Host& host, Outcome& out);

  /// Blocks and functions that one run may enter, and bytes that it may zero, fill and copy (kBytesPerStep of them are
  /// a step): what an engine does in a time that it bounds, too.
  void set_step_limit(u64 steps);

private:
  std::unique_ptr<Machine> machine_;
};

} // namespace assay::oracle
