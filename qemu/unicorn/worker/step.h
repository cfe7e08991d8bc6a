// step.h - judges unwind tables at every instruction of a run: what the decoders in oracle/unwind say of the caller's
// registers, compared with what they truly were.
//
// The truth is a stack of frames kept beside the run: at each call the caller's pc, sp and callee-saved registers as
// they are when the callee is entered; a tail call keeps them; a return drops them. At each instruction of compiled
// code one frame is unwound by each format from the registers of that moment; at each call, and wherever code is left
// (host calls, runtime functions, traps), all frames up to the entry. Memory below sp cannot be read: whoever wants it
// is wrong. sp: a callee pops its stack arguments, so a frame may be found with the sp before the call or, where sp has
// already gone beyond that, with the one after it. A tail call with other stack arguments moves the first; where tables
// say so before the jump they must agree with what the jump then does.
// An exception takes frames away: the unwinder says how many, and the registers at the landing pad must be those of the
// frame that is left, as they were when it made its call.
// Rules are decoded once a pc and format. Cost: 0.3 us an instruction with one format, most of it reading registers.
//
// A sweep (step_sweep.cpp) walks through a function instead of running it: whichever side a branch takes, the other one
// is gone back to, with the registers that unwinding needs and the frame's memory as they were at the branch. Calls are
// passed over, landing pads taken as a side of their call. So everything that can be reached is judged, once.
// Tested in qemu/unicorn/tests/step_test.cpp.
#pragma once

#include "oracle/unwind/unwind.h"
#include "qemu/protocol/step_messages.h"
#include "qemu/unicorn/worker/engine.h"

#include <memory>
#include <vector>

namespace assay::qemu::unicorn {

class Stepper final : public InstructionObserver {
public:
  /// The tables of a program whose code starts at kCodeAt. BadInput when a decoder cannot open them.
  Result<void> set(const protocol::Program& program, std::vector<protocol::StepTable> tables);
  /// Counts and failures go to `report` until the next begin.
  /// `most`: instructions until the run is cut.
  void begin(Engine& engine, protocol::StepReport& report, u64 most);

  /// A call from the host into compiled code begins, and ends, however that is.
  void enter();
  void leave();
  /// Compiled code has called something outside; the registers are as after its return to `address`.
  void called_out(const Registers& registers, u64 address);
  /// An exception was caught: `frames` frames are gone, the call that returns to `pc` has a landing pad, where
  /// `registers` are what the unwinder says.
  void caught(const Registers& registers, u64 pc, u32 frames);
  bool on_instruction(u64 pc, u32 size) override;
  bool elsewhere(u64& pc) override;

  /// The next call from the host is a sweep of that function (index in CodeObject::functions), if any of its
  /// instructions, which start at `starts`, was not seen. False: all were.
  bool sweep(u32 function, std::span<const u32> starts);
  void end_sweep() { sweeping_ = false; }
  bool sweeping() const { return sweeping_; }
  /// In a sweep: the instruction cannot be done. Goes on behind it, if `passable` and it is no jump, or elsewhere.
  bool over_fault(bool passable, u64& pc);
  /// In a sweep: a call that returns to `pc` has thrown.
  void over_throw(u64 pc) { keep_pads(pc); }
  /// Appends those of `starts` that nobody executed.
  void unseen(std::span<const u32> starts, std::vector<u32>& out) const;

private:
  static constexpr u32 kMostValues = 32;
  static constexpr u32 kUnwoundRegisters = 34; // that are read, at most
  struct Frame {
    u64 return_address = 0;
    u64 sp = 0;         // before the call
    u64 sp_after = 0;   // after the return
    u64 next_sp = 0;    // what some table says that a tail call will make of `sp`; 0: nothing
    u32 next_sp_at = 0; // where: offset in the code
    u32 function = 0;   // index in CodeObject::functions
    bool is_signed = false;
    bool from_host = false;
    u64 values[kMostValues] = {};
  };
  /// A way not taken yet, in a sweep.
  struct Way {
    u64 pc = 0;
    Frame frame;
    u64 memory_at = 0; // of the frame's upper end
    std::vector<u8> memory;
    u64 values[kUnwoundRegisters][2] = {}; // of ids_
  };
  enum class Part : u8 { Prologue, Body, Epilogue, Return }; // Return: an epilogue that ends with one
  /// A half of a register that a callee keeps.
  struct Kept {
    RegIndex reg = 0;
    u8 half = 0;
  };
  /// Where one of the values of kept_ is: that word of the register file, or in memory at that word and `offset`.
  struct Source {
    u16 word = 0;
    bool in_memory = false;
    i32 offset = 0;
  };
  /// A rule as the comparison wants it. The sources are those of kept_, then the return address.
  struct Check {
    Source caller_sp;
    u32 first_source = 0; // in Format::sources
    bool whole = false;   // everything that is compared has a source of this form
    bool return_signed = false;
  };
  struct Format {
    protocol::StepTable table;
    std::unique_ptr<oracle::UnwindTables> tables;
    std::vector<u32> rule_of; // [offset in code]: index in `rules` and 1; 0: not decoded
    std::vector<u32> rule_of_return;
    std::vector<oracle::FrameRule> rules;
    std::vector<Check> checks; // [index in rules]
    std::vector<Source> sources;
    std::vector<bool> reported, reported_walk; // [offset in code]
  };

  Result<void> open(Format& format);
  void collect_kept();
  void collect_bodies();
  void read_registers();
  void follow(u64 pc);
  void push(u64 return_address, u32 function, bool from_host);
  void entered(u64 pc, u32 function);
  void note_signature(u32 word);
  const oracle::FrameRule* rule_at(Format& format, u64 pc, bool is_return);
  void prepare(Format& format, const oracle::FrameRule& rule);
  bool passes(const Format& format, const Check& check, const Frame& frame, u64& found_sp) const;
  oracle::Region stack_from(u64 sp) const;
  static bool is_exact(const Format& format, u64 pc);
  void check(Format& format, u64 pc);
  void judge(Format& format, u64 pc, const oracle::FrameRule& rule);
  bool judge_sp(Format& format, Frame& frame, u64 found, u64 sp, u32 offset, bool walk);
  void walk(Format& format, u64 pc, bool is_return);
  void fail(Format& format, u64 pc, bool in_walk, std::string what, u64 expected, u64 found);
  bool sweep_on(u64 pc);
  void guard_frame(u64 offset);
  bool divert(u64 to);
  bool is_new(u64 pc) const;
  Way way_to(u64 pc);
  bool called_nowhere(u64 pc);
  void keep_way(u64 pc);
  void keep_pads(u64 pc);
  void take(const Way& way);
  u64 next_rest() const;
  u64 behind_call(u64 pc);

  const protocol::Program* program_ = nullptr;
  const CodeObject* object_ = nullptr;
  const Isa* isa_ = nullptr;
  std::vector<Format> formats_;
  std::vector<Part> body_;    // [offset in code]
  std::vector<u8> seen_;      // [offset in code]
  std::vector<u32> popped_;   // [index in CodeObject::functions]: bytes of stack arguments
  std::vector<u32> entry_at_; // [offset in code / 16]: the function that begins there
  std::vector<Kept> kept_;
  std::vector<int> ids_; // of the registers to read, and where they go
  std::vector<void*> places_;

  Engine* engine_ = nullptr;
  protocol::StepReport* report_ = nullptr;
  u32 pcs_ = 0;
  std::vector<Frame> frames_;
  oracle::RegisterFile now_;
  u64 previous_ = 0, previous_end_ = 0; // the instruction before
  bool host_enters_ = false;            // the next instruction is the first of a call from the host
  bool authenticates_ = false;          // a64: x17 is being authenticated for x30
  u64 most_ = 0;

  bool sweeping_ = false;
  u32 swept_function_ = 0;
  std::vector<u32> starts_; // of the function's instructions
  std::vector<u64> swept_;  // [offset in the code]: the sweep in which it was last seen
  u64 sweeps_ = 0;
  std::vector<Way> ways_;
  u64 last_rest_ = 0;
  Way rest_;                // to the first instruction of the body: what no way leads to begins so; pc 0: not there yet
  u64 go_on_at_ = 0;        // passing over something: where the run goes on; 0: the next way
  u64 call_sp_ = 0;         // at the last instruction
  std::vector<u8> guarded_; // the memory of saved registers, as the prologue left it; empty before that
  u64 guarded_at_ = 0;
};

} // namespace assay::qemu::unicorn
