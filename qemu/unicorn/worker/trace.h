// trace.h - notes the instructions of a run and the registers that each changed, the last ones of which are reported.
//
// An instruction's changes are what is different when the next one begins, so that a call out of compiled code has
// those of whatever it called. Cost: some microseconds an instruction; it is for one run that somebody looks at.
// Tested in qemu/unicorn/tests/trace_test.cpp.
#pragma once

#include "assay/outcome.h"
#include "qemu/protocol/trace_messages.h"
#include "qemu/unicorn/worker/engine.h"

#include <deque>

namespace assay::qemu::unicorn {

class Tracer final : public InstructionObserver {
public:
  /// The next run is of a program with so many bytes of code; `outcome` is where the run's events are written.
  void begin(Engine& engine, u64 code_bytes, const protocol::TraceLimits& limits, const Outcome& outcome);
  /// The run is over.
  void end(protocol::TraceReport& report);

  bool on_instruction(u64 pc, u32 size) override;
  bool elsewhere(u64&) override { return false; }

private:
  using State = u64[protocol::kTracedRegisters][2];

  void read_registers(State& state);
  void finish_last();
  void note_change();
  bool at_event() const { return outcome_->trace.size() > limits_.events; }
  static void words_of(const State& state, const State* before, const Isa& isa,
                       std::vector<protocol::RegisterWord>& out);

  Engine* engine_ = nullptr;
  const Outcome* outcome_ = nullptr;
  u64 code_bytes_ = 0;
  protocol::TraceLimits limits_;
  std::vector<int> ids_; // Unicorn's numbers, and which word of a state each has
  std::vector<u32> regs_;
  std::vector<void*> places_;
  State before_ = {}, now_ = {}; // at the last instruction; at this one
  std::deque<protocol::TracedInstruction> last_;
  u64 executed_ = 0;
  bool cut_ = false, stopped_ = false;
  u8 watched_ = 0;       // the byte at the last instruction
  bool known_ = false;   // watched_ is
  bool changed_ = false; // it has changed: what follows is of then
  std::deque<protocol::TracedInstruction> last_at_change_;
  State at_change_ = {};
};

} // namespace assay::qemu::unicorn
