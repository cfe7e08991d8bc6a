// machine.h - runs compiled functions in an Engine and says all that can be observed of each run.
//
// A call sets every register: arguments, a canary in each callee-saved register, junk elsewhere, also in the bits above
// narrow arguments. It runs until the code reaches a pad: the return, a trap, a host call or a function of the runtime.
// Host calls go to the Host while nothing is being emulated, so a Host may call back in: the inner call runs on the
// same stack below the outer one, whose registers are put back afterwards. What a host function may clobber is
// clobbered. At the return: callee-saved registers, stack, frame and context pointer, control registers, guard words,
// the context and the guard zones must be as they were, else the run is Breached.
// A fault of memory is run again, slowly, to learn at which instruction it was; runs are pure, so it comes again.
// One program at a time, runs in any number. Tested in qemu/unicorn/tests/.
#pragma once

#include "assay/host.h"
#include "assay/outcome.h"
#include "compiler/codegen/vm_context.h"
#include "oracle/unwind/dwarf.h"
#include "qemu/protocol/messages.h"
#include "qemu/unicorn/worker/engine.h"
#include "qemu/unicorn/worker/step.h"

#include <deque>
#include <exception>

namespace assay::qemu::unicorn {

class Machine {
public:
  static Result<std::unique_ptr<Machine>> create(const Isa& isa);

  /// Another machine should take its place before the next load.
  bool worn() const { return engine_->worn(); }
  /// `program` must stay until the next load. Io or Unsupported when there is no room for it.
  Result<void> load(const protocol::Program& program);
  void run(FunctionId function, std::span<const u64> args, u64 fuel, Host& host, Outcome& out);
  /// Runs from now on are watched by the stepper, whose tables are of the program loaded; null: by nobody.
  void watch(Stepper* stepper);
  /// They are told to this observer instead; null: to nobody.
  void trace(InstructionObserver* observer);
  Engine& engine() { return *engine_; }
  /// Empty when the emulator does what is needed of it, else what it does not. Loads programs of its own.
  std::string self_test();

private:
  class Back;
  class ActivationScope;
  struct RunOver {}; // thrown through a host function when the run in it did not end by a trap or an exception

  /// A call that is under way.
  struct Activation {
    u64 exit_fp = 0; // of the activation around it, while it waits
    u64 entry = 0;   // the frame at which its chain of frame pointers ends
  };
  /// Where a call has what.
  struct Entry {
    u64 frame = 0; // its fp
    u64 sp = 0;    // after the return
    u64 results = 0, results_end = 0;
  };

  /// An exception in flight, or held.
  struct Exception {
    TagId tag = kNone; // kNone: no AIR exception
    std::vector<u64> payload;
    std::exception_ptr host; // what the host threw
  };

  explicit Machine(std::unique_ptr<Engine> engine);
  const Isa& isa() const { return engine_->isa(); }
  Result<void> link();
  void reset();
  void run_once(FunctionId function, std::span<const u64> args, u64 fuel);
  void call_and_catch(FunctionId function, std::span<const u64> args);
  bool call(FunctionId function, std::span<const u64> args, std::span<u64> results);
  bool place(FunctionId function, std::span<const u64> args, u64 below, Entry& entry, Registers& registers);
  void place_args(const codegen::CallLayout& layout, std::span<const u64> args, u64 args_at, Registers& registers);
  void collect(FunctionId function, const Entry& entry, const Registers& registers, std::span<u64> results);
  void check_return(const Entry& entry, const Registers& before, const Registers& after);
  void check_words(const Entry& entry);
  void check_zones();
  void observe();

  bool leave(u32 pad, u64& resume_at);
  bool fault(const Stop& stop);
  bool swept_on(const Stop& stop, u64& pc);
  bool trap(TrapKind kind, const Position& position);
  bool end(OutcomeKind kind, std::string text);
  void breach(std::string_view what, u64 found, u64 expected);
  bool trap_pad(TrapKind kind, Registers& registers);
  bool pop_return(Registers& registers, u64& address);
  void clobber(Registers& registers);
  void clobber_registers(Registers& registers);
  void clobber_shadow_space(u64 from);
  bool serve_host_call(Registers& registers, u64& resume_at);
  bool serve_runtime(RuntimeFn function, Registers& registers, u64& resume_at);
  bool fill_or_copy(RuntimeFn function, const u64 (&args)[3]);
  u64 grow_memory(u64 pages);
  Result<void> open_tables();
  bool find_handler(Registers& registers, u64 pc, u64& resume_at);
  void land(Registers& registers, const oracle::RegisterFile& file, u32 frames);
  void unwind_frame(oracle::RegisterFile& file);
  [[noreturn]] void throw_on() const;
  bool host_threw(const AirException* air, Registers& registers, u64& resume_at);
  bool throw_tag(const u64 (&args)[3], Registers& registers, u64& resume_at);
  bool rethrow(u64 handle, Registers& registers, u64& resume_at);
  bool catch_tag(const u64 (&args)[3]);
  bool catch_all(const u64 (&args)[3], u64& handle);
  void record_call(FunctionId import, std::span<const u64> args);
  void record_throw(TraceKind kind, const Registers& registers, u64 return_to);
  bool walk(u64 fp);
  bool walk_frame(u64 return_to);
  bool walk_activation(u64 exit_fp, u64 entry);

  const codegen::CallLayout& layout_of(FunctionId function);
  const PcPosition* position_of(u64 return_address) const;
  u64 entry_of(FunctionId function) const;
  u64* word(u64 guest) { return reinterpret_cast<u64*>(engine_->writable(guest, 8)); }

  std::unique_ptr<Engine> engine_;
  const protocol::Program* program_ = nullptr;
  const Module* module_ = nullptr;
  const CodeObject* object_ = nullptr;
  const HostRegisters* host_registers_ = nullptr;
  codegen::RegSet all_ = 0, canaries_ = 0, clobbered_ = 0;
  codegen::RegSet whole_canaries_ = 0; // vector registers of which both halves are kept
  codegen::RegSet half_clobbered_ = 0; // those of which the host keeps the low half only
  u64 shadow_bytes_ = 0;               // of the host convention
  u64 code_bytes_ = 0;                 // of code and rodata
  u64 stack_top_ = 0;
  Registers file_; // what each call starts from
  VmContext* context_ = nullptr;
  VmContext expected_context_; // what compiled code must leave as it is
  u64* globals_ = nullptr;     // behind the guard words
  jit::LinearMemory memory_;
  u64 largest_memory_ = 0;                   // memory_max seen
  std::vector<codegen::CallLayout> layouts_; // [SignatureId], made when asked for
  std::vector<u8> layout_known_;

  std::unique_ptr<oracle::DwarfTables> tables_; // of a program with handlers
  std::vector<u8> eh_frame_;
  Exception flying_;
  std::deque<Exception> held_; // by catch_all, the latest kHeldExceptions of the run
  u64 held_before_ = 0;        // how many were, and are no longer

  std::vector<Activation> activations_;
  u64 sp_ = 0; // of the activation that waits for the host
  bool precise_ = false;
  bool memory_fault_ = false; // the run ended by one
  bool frames_intact_ = true;
  bool fresh_ = false;      // loaded and not run yet: the memory is as it should be
  bool distrusted_ = false; // the last run may have written anywhere
  Stepper* stepper_ = nullptr;
  InstructionObserver* observer_ = nullptr; // the stepper or another
  Host* host_ = nullptr;
  Outcome* out_ = nullptr;
  std::string breach_; // the first of this run
};

} // namespace assay::qemu::unicorn
