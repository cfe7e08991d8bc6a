// instance.h - a module's state at run time (memory, globals, table, fuel) and the way in and out of its code.
//
// Owns the VmContext that compiled code addresses. One object serves one module after another (`load`), keeping its
// storage, so that a fuzzing loop allocates nothing. A call goes place -> enter -> collect; `invoke` does all three.
// Calls nest through host functions: each `enter` is an activation, and `walk` lists the AIR frames of all of them.
//
// What compiled code calls: host functions through ImportHandler, traps (which become TrapException, thrown through
// the compiled frames so that host frames between them are destroyed), and the runtime functions of vm_context.h.
// An Instance belongs to one thread at a time. Tested in compiler/jit/tests/instance_test.cpp.
#pragma once

#include "assay/module.h"
#include "compiler/codegen/call_conv.h"
#include "compiler/codegen/entry_frame.h"
#include "compiler/codegen/vm_context.h"
#include "compiler/jit/installer.h"
#include "compiler/jit/linear_memory.h"
#include "compiler/jit/stubs.h"
#include "compiler/os/caller_frame.h"

#include <csetjmp>
#include <deque>
#include <exception>
#include <span>

namespace assay::jit {

class Instance;

/// Receives the calls of imported functions. May throw; may call `Instance::invoke`.
class ImportHandler {
public:
  virtual ~ImportHandler() = default;
  /// `args` and `results` hold a u64 a value: bits, zero above the type's width. `results` is zero on entry.
  virtual void on_import(Instance& instance, FunctionId import, std::span<const u64> args, std::span<u64> results) = 0;
};

/// What AIR code is about to throw.
struct Thrown {
  bool again = false;           // by rethrow
  TagId tag = kNone;            // kNone: an exception of the host, or of another module
  std::span<const u64> payload; // what a host function made up may have bits above a value's width
};
/// Is told of each throw and rethrow before the exception flies; `Instance::walk` then begins at the frame that throws.
/// May not throw.
using ThrowObserver = void (*)(void* with, const Instance& instance, const Thrown& thrown);

/// A trap, not thrown.
struct TrapValue {
  TrapKind kind = TrapKind::Unreachable;
  Position position;
};

/// Host activations (through re-entry) that may be nested; one more traps stack_overflow at the host's call.
inline constexpr u32 kMaxActivations = 200;

class Instance {
public:
  /// `stack_bytes`: how far compiled code may go below the stack pointer of the outermost call.
  explicit Instance(u64 stack_bytes = 1u << 20);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// Becomes an instance of `module`, whose code is `code`. All four are referred to until the next load.
  Result<void> load(const Module& module, const Installed& code, ImportHandler& imports);
  /// Memory, globals and table as they were after `load`.
  void reset();
  /// After a call that was ended by recovery (os/fault_handler.h), not by return or exception: nothing is active.
  void abandon();

  const Module& module() const { return *module_; }
  const Installed& code() const { return *code_; }
  VmContext& context() { return context_; }
  LinearMemory& memory() { return memory_; }
  std::span<u64> globals() { return {globals_.data() + kGuardWords, module_->globals.size()}; }
  /// Unwind, or Defer where code or stubs are not unwindable (assay/exception_model.h).
  ExceptionModel exceptions() const { return defers_ ? ExceptionModel::Defer : ExceptionModel::Unwind; }
  u64 fuel() const { return context_.fuel; }
  void set_fuel(u64 fuel) { context_.fuel = fuel; }

  const codegen::CallLayout& layout_of(FunctionId function);
  /// Fills code, context, stack arguments and argument registers; leaves the other registers as they are. What the
  /// convention leaves open (bits above a narrow value, words between stack arguments) is taken from `junk`.
  void place(FunctionId function, std::span<const u64> args, EntryFrame& frame, u64 junk = 0);
  /// Runs what was placed. Throws TrapException and whatever host functions throw.
  void enter(FunctionId function, EntryFrame& frame);
  /// The same, but a trap of this very activation comes back as a value, false and `trap` filled, ten times cheaper
  /// than an exception: no host frame lies between the trap and this call, so none is skipped. Traps of activations
  /// nested in it arrive as TrapException, since they pass through host frames.
  bool try_enter(FunctionId function, EntryFrame& frame, TrapValue& trap);
  /// try_enter for the outermost call, at whose frame an exception does not stop, which makes it cheaper: whoever
  /// catches it calls `end_outermost`.
  bool try_enter_outermost(FunctionId function, EntryFrame& frame, TrapValue& trap);
  /// Nothing is active.
  void end_outermost();
  /// The results of the call that returned, bits zero above the type's width.
  void collect(FunctionId function, const EntryFrame& frame, std::span<u64> results);
  void invoke(FunctionId function, std::span<const u64> args, std::span<u64> results);
  bool try_invoke(FunctionId function, std::span<const u64> args, std::span<u64> results, TrapValue& trap);

  /// Null: nobody, which is so at first. `with` is handed on to the observer.
  void observe_throws(ThrowObserver observer, void* with) { throw_observer_ = observer, throw_observer_with_ = with; }

  /// Appends the positions of the AIR frames that are active, innermost first, until `out` has `most` of them. Call it
  /// from an ImportHandler or a ThrowObserver.
  void walk(std::vector<Position>& out, std::size_t most = std::size_t{1} << 32) const;
  /// Whether the system's unwinder, by the unwind tables, finds the AIR frames `frames`, which `walk` has just found by
  /// frame pointers. Looks at 1000 native frames at most, and at none behind the outermost entry. True where exceptions
  /// are deferred: it knows no frames there.
  bool unwinder_finds(std::span<const Position> frames) const;
  u32 activation_count() const { return depth_; }
  /// False when a chain of frame pointers did not lead from an exit to its entry, or a return address in compiled code
  /// has no position: compiled code or its tables are at fault. Reset by `load` and `reset`.
  bool frames_intact() const { return frames_intact_; }
  /// False when a word just outside the globals was written.
  bool globals_intact() const;
  /// Where a trap entry leads: throws the TrapException. `return_address` is where the trapping code would go on.
  [[noreturn]] static void on_trap(VmContext* context, u64 kind, u64 return_address);

private:
  struct Activation {
    u64 exit_fp = 0, entry_fp = 0; // of the activation around this one, while it waits
    Activation* outer = nullptr;
    std::jmp_buf* trap_exit = nullptr; // where a trap of this activation goes; null: it throws
    TrapValue trap;
  };
  class ActivationScope;
  struct OutermostActivation;
  struct CallBuffers {
    std::vector<u64> stack_args, results;
  };
  static constexpr u32 kGuardWords = 4;

  static void host_call(VmContext* context, u64 import, const u64* args, u64* results);
  static u64 memory_grow(VmContext* context, u64 pages);
  static void on_throw(VmContext* context, u64 tag, const u64* payload);
  static void on_rethrow(VmContext* context, u64 handle);
  static void catch_tag(VmContext* context, void* exception, u64* payload);
  static u64 catch_all(VmContext* context, void* exception);

  void begin_activation(FunctionId function);
  void enter_deferring(EntryFrame& frame);
  template <typename Scope> bool enter_for_value(FunctionId function, EntryFrame& frame, TrapValue& trap);
  void rethrow_deferred();
  AirException air_exception(u64 tag, const u64* payload) const;
  void tell_throw(os::CallerFrame at, const AirException* exception, bool again);
  bool import_returns(FunctionId function, std::span<const u64> args, std::span<u64> results);
  void reset_globals();
  void reset_table();
  class Walk;
  u64 outermost_entry() const;
  const SourcePosition* call_position(u64 return_address) const;
  CallBuffers& buffers();

  VmContext context_;
  LinearMemory memory_;
  const Module* module_ = nullptr;
  const Installed* code_ = nullptr;
  ImportHandler* imports_ = nullptr;
  const Stubs* stubs_ = nullptr;
  std::vector<u64> globals_; // with kGuardWords of pattern on both sides
  std::vector<TableEntry> table_;
  std::vector<codegen::CallLayout> layouts_; // [SignatureId], made when asked for
  std::vector<u8> layout_known_;
  std::deque<CallBuffers> buffers_; // [activation depth]; a deque does not move its elements
  Activation* activation_ = nullptr;
  u32 depth_ = 0;
  std::deque<std::exception_ptr> held_; // what catch_all caught, the latest kHeldExceptions; until no call is active
  std::exception_ptr deferred_;         // on its way past the frames of one activation
  u64 held_before_ = 0;                 // how many were, and are no longer
  u64 stack_bytes_;
  ThrowObserver throw_observer_ = nullptr;
  void* throw_observer_with_ = nullptr;
  /// Positions of return addresses met lately, because a loop or a recursion meets the same ones at each host call.
  struct KnownCall {
    u64 return_address = 0; // 0: none
    SourcePosition position;
  };
  static constexpr u32 kKnownCalls = 16;
  mutable KnownCall known_calls_[kKnownCalls]; // by the address's low bits; of code_
  static constexpr u32 kWalkChunk = 64;
  mutable Position walk_chunk_[kWalkChunk]; // a member so that a walk need not initialise it
  mutable bool frames_intact_ = true;
  bool defers_ = false; // exceptions
};

} // namespace assay::jit
