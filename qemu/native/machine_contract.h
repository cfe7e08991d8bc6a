// machine_contract.h - what a call of compiled code must leave as it was, on this host's processor, as a table.
//
// Which registers are callee-saved stands in codegen/call_conv.h; here is the rest: where EntryFrame has stack, frame
// and context pointer, the state beside registers, and names for reports. Also reading and restoring the float control
// register of this thread, for runs that did not end by a return.
// Tested in qemu/native/tests/.
#pragma once

#include "compiler/codegen/call_conv.h"
#include "compiler/codegen/entry_frame.h"

namespace assay::qemu {

struct MachineContract {
  Target target = Target::X64;
  u32 sp = 0, fp = 0, context = 0; // indices in EntryFrame::gpr_out
  u32 platform = kNone;            // a register that belongs to the platform: compiled code may not write it
  u64 flags = 0;                   // bits of flags_out that must be clear
  u64 float_control = 0;           // bits of float_control_out that must be as they were
  const char* flags_name = "";
  const char* float_control_name = "";
  const char* const* names = nullptr; // [64], by unified index
};

/// Of the processor that this program is for; null when compiled code does not exist for it.
const MachineContract* host_contract();

/// Rounding mode, flush-to-zero and the like of this thread.
class FloatState {
public:
  FloatState(); // takes it
  void restore() const;

private:
  u64 control_ = 0;
};

} // namespace assay::qemu
