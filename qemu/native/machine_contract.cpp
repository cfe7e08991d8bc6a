// machine_contract.cpp - the table for each processor, see machine_contract.h.
//
// MXCSR, and on ARM64 FPCR and FPSR, are an instruction away. Tested in qemu/native/tests/.
#include "qemu/native/machine_contract.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#elif defined(_M_ARM64) && !defined(__clang__)
#include <intrin.h>
#endif

namespace assay::qemu {

#if defined(__x86_64__) || defined(_M_X64)

const MachineContract* host_contract() {
  static const char* const names[64] = {
      "rax",  "rcx",  "rdx",  "rbx",  "rsp",  "rbp",  "rsi",   "rdi",   "r8",    "r9",    "r10",   "r11",
      "r12",  "r13",  "r14",  "r15",  "",     "",     "",      "",      "",      "",      "",      "",
      "",     "",     "",     "",     "",     "",     "",      "",      "xmm0",  "xmm1",  "xmm2",  "xmm3",
      "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"};
  static const MachineContract contract = {
      .target = Target::X64,
      .sp = 4,
      .fp = 5,
      .context = 14,
      .flags = u64{1} << 10,
      .float_control = 0xffc0, // masks, rounding, flush-to-zero; the low bits are sticky flags
      .flags_name = "direction flag",
      .float_control_name = "MXCSR",
      .names = names,
  };
  return &contract;
}

FloatState::FloatState() : control_(_mm_getcsr()) {}
void FloatState::restore() const { _mm_setcsr(static_cast<u32>(control_)); }

#elif defined(__aarch64__) || defined(_M_ARM64)

const MachineContract* host_contract() {
  static const char* const names[64] = {
      "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
      "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",
      "v0",  "v1",  "v2",  "v3",  "v4",  "v5",  "v6",  "v7",  "v8",  "v9",  "v10", "v11", "v12", "v13", "v14", "v15",
      "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"};
  static const MachineContract contract = {
    .target = Target::A64,
    .sp = 31,
    .fp = 29,
    .context = 28,
#if !defined(__APPLE__) // there the system may clear it at any time
    .platform = 18,
#endif
    .float_control = ~u64{0},
    .flags_name = "flags",
    .float_control_name = "FPCR",
    .names = names,
  };
  return &contract;
}

// FPCR below, FPSR above; std::fenv_t has other contents on each system.
#if defined(_MSC_VER) && !defined(__clang__)
constexpr int kFpcr = 0x5a20, kFpsr = 0x5a21; // as _ReadStatusReg counts them
FloatState::FloatState()
    : control_(static_cast<u32>(_ReadStatusReg(kFpcr)) | static_cast<u64>(_ReadStatusReg(kFpsr)) << 32) {}
void FloatState::restore() const {
  _WriteStatusReg(kFpcr, static_cast<__int64>(control_ & 0xffffffff));
  _WriteStatusReg(kFpsr, static_cast<__int64>(control_ >> 32));
}
#else
FloatState::FloatState() {
  u64 control = 0, status = 0;
  asm volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control), "=r"(status));
  control_ = (control & 0xffffffff) | status << 32;
}
void FloatState::restore() const {
  asm volatile("msr fpcr, %0\n\tmsr fpsr, %1" : : "r"(control_ & 0xffffffff), "r"(control_ >> 32) : "memory");
}
#endif

#else

const MachineContract* host_contract() { return nullptr; }
FloatState::FloatState() = default;
void FloatState::restore() const {}

#endif

} // namespace assay::qemu
