// step.h - judges unwind tables at every instruction of a run: what the decoders in oracle/unwind say of the caller's
// registers, compared with what they truly were.
//
// The truth is a stack of frames kept beside the run: at each call the caller's pc, sp and callee-saved registers as they
// are when the callee is entered; a tail call keeps them; a return drops them. At each instruction of compiled code one
// frame is unwound by each format from the registers of that moment; at each call, and wherever code is left (host calls,
// runtime functions, traps), all frames up to the entry. Memory below sp cannot be read: whoever wants it is wrong.
// sp: a callee pops its stack arguments, so a frame may be found with the sp before the call or, where sp has already
// gone beyond that, with the one after it. A tail call with other stack arguments moves the first; where tables say so
// before the jump they must agree with what the jump then does.
// Rules are decoded once a pc and format. Cost: 0.6 us an instruction with one format, most of it reading registers.
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
  void begin(Engine& engine, protocol::StepReport& report);

  /// A call from the host into compiled code begins, and ends, however that is.
  void enter();
  void leave();
  /// Compiled code has called something outside; the registers are as after its return to `address`.
  void called_out(const Registers& registers, u64 address);
  void on_instruction(u64 pc, u32 size) override;

private:
  static constexpr u32 kMostValues = 32;
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
  enum class Part : u8 { Prologue, Body, Epilogue };
  /// A half of a register that a callee keeps.
  struct Kept {
    RegIndex reg = 0;
    u8 half = 0;
  };
  struct Format {
    protocol::StepTable table;
    std::unique_ptr<oracle::UnwindTables> tables;
    std::vector<u32> rule_of; // [offset in code]: index in `rules` and 1; 0: not decoded
    std::vector<u32> rule_of_return;
    std::vector<oracle::FrameRule> rules;
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
  oracle::Region stack_from(u64 sp) const;
  void check(Format& format, u64 pc);
  bool judge_sp(Format& format, Frame& frame, u64 found, u64 sp, u32 offset, bool walk);
  void walk(Format& format, u64 pc, bool is_return);
  void fail(Format& format, u64 pc, bool in_walk, std::string what, u64 expected, u64 found);
  u32 function_at(u64 pc) const;

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
  u64 left_to_ = 0;                     // what was called outside returns to here, unless it throws; 0: nothing was
  bool host_enters_ = false;            // the next instruction is the first of a call from the host
  bool authenticates_ = false;          // a64: x17 is being authenticated for x30
};

} // namespace assay::qemu::unicorn
