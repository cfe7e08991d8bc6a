// pads.h - the numbers of the addresses at which code leaves the program.
#pragma once

#include "compiler/codegen/vm_context.h"
#include "qemu/unicorn/worker/engine.h"

namespace assay::qemu::unicorn {

inline constexpr u32 kReturnPad = 0, kHostCallPad = 1, kTrapPads = 2, kRuntimePads = kTrapPads + kTrapCount;
static_assert(kRuntimePads + static_cast<u32>(RuntimeFn::Count) <= kPads);

constexpr u64 pad_address(u32 pad) { return kPadsAt + pad * kPadStride; }

} // namespace assay::qemu::unicorn
