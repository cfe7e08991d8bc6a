// isa.h - all that the emulator's worker needs to know of one instruction set, as a table. A new one is a new file like
// isa_x64.cpp and a line in `isas`.
#pragma once

#include "assay/code_object.h"
#include "compiler/codegen/call_conv.h"

#include <span>
#include <unicorn/unicorn.h>

namespace assay::qemu::unicorn {

inline constexpr u32 kRegisters = 64; // unified indices (frame.h): from 32 on float and vector registers

/// A register with bits that compiled code may change for itself but must leave as they were.
struct ControlRegister {
  int id = 0; // Unicorn's
  u64 initial = 0;
  u64 kept = 0; // the bits
  const char* name = "";
};

/// Where a call by the C convention has what the runtime's functions take and give.
struct HostRegisters {
  codegen::PReg ints[4] = {};
  codegen::PReg floats[3] = {};
  codegen::PReg int_result = 0, float_result = 0;
};

/// Code of functions for the self-test: () -> i64 giving 1 and 2, and the sum of two f64.
struct SelfTestCode {
  std::span<const u8> one, two, add;
};

struct Isa {
  Target target = Target::X64;
  uc_arch arch = UC_ARCH_X86;
  uc_mode mode = UC_MODE_64;
  std::span<const int> registers;     // [kRegisters] Unicorn's numbers; 0: there is none
  std::span<const char* const> names; // [kRegisters]
  u32 sp = 0, fp = 0, context = 0;
  u32 link = kNone;     // has the return address; kNone: it is on the stack
  u32 platform = kNone; // belongs to the system: neither compiled code nor the host touches it
  int pc = 0;           // Unicorn's number
  int flags = 0;        // of the condition flags, so too
  std::span<const ControlRegister> controls;
  std::span<const u8> stop;              // an instruction that ends the emulation without an error
  u32 stop_skip = 0;                     // by how much the pc is beyond the instruction then
  u8 filler = 0;                         // a byte that, repeated, is no valid program
  bool (*prepare)(uc_engine*) = nullptr; // once, for a new engine; false when it fails
  const HostRegisters& (*host_registers)(Os) = nullptr;
  SelfTestCode self_test;
};

const Isa& x64_isa();
const Isa& a64_isa();

/// All that this worker emulates.
std::span<const Isa* const> isas();

} // namespace assay::qemu::unicorn
