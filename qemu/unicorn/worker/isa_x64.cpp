// isa_x64.cpp - x86-64 for the emulator's worker.
//
// hlt ends the emulation; the pc is then behind it. Of what the compiler may use beyond SSE2, Unicorn 2.0 can do
// SSE4.1, lzcnt and BMI1, but neither popcnt nor FMA, whatever processor model it is told to be.
// Tested by the self-test and qemu/unicorn/tests/.
#include "compiler/target/x64/registers.h"
#include "qemu/unicorn/worker/isa.h"

namespace assay::qemu::unicorn {

namespace {

constexpr int kIds[kRegisters] = {UC_X86_REG_RAX,
                                  UC_X86_REG_RCX,
                                  UC_X86_REG_RDX,
                                  UC_X86_REG_RBX,
                                  UC_X86_REG_RSP,
                                  UC_X86_REG_RBP,
                                  UC_X86_REG_RSI,
                                  UC_X86_REG_RDI,
                                  UC_X86_REG_R8,
                                  UC_X86_REG_R9,
                                  UC_X86_REG_R10,
                                  UC_X86_REG_R11,
                                  UC_X86_REG_R12,
                                  UC_X86_REG_R13,
                                  UC_X86_REG_R14,
                                  UC_X86_REG_R15,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0, //
                                  UC_X86_REG_XMM0,
                                  UC_X86_REG_XMM1,
                                  UC_X86_REG_XMM2,
                                  UC_X86_REG_XMM3,
                                  UC_X86_REG_XMM4,
                                  UC_X86_REG_XMM5,
                                  UC_X86_REG_XMM6,
                                  UC_X86_REG_XMM7,
                                  UC_X86_REG_XMM8,
                                  UC_X86_REG_XMM9,
                                  UC_X86_REG_XMM10,
                                  UC_X86_REG_XMM11,
                                  UC_X86_REG_XMM12,
                                  UC_X86_REG_XMM13,
                                  UC_X86_REG_XMM14,
                                  UC_X86_REG_XMM15};

constexpr const char* kNames[kRegisters] = {"rax",  "rcx",  "rdx",   "rbx",   "rsp",   "rbp",   "rsi",   "rdi",
                                            "r8",   "r9",   "r10",   "r11",   "r12",   "r13",   "r14",   "r15",
                                            "",     "",     "",      "",      "",      "",      "",      "",
                                            "",     "",     "",      "",      "",      "",      "",      "", //
                                            "xmm0", "xmm1", "xmm2",  "xmm3",  "xmm4",  "xmm5",  "xmm6",  "xmm7",
                                            "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"};

// The direction flag; masks, rounding and flush-to-zero, but not the sticky flags.
constexpr ControlRegister kControls[] = {
    {UC_X86_REG_EFLAGS, 0x2, 0x400, "direction flag"},
    {UC_X86_REG_MXCSR, 0x1f80, 0xffc0, "MXCSR"},
};

constexpr u8 kStop[] = {0xf4};                        // hlt
constexpr u8 kOne[] = {0xb8, 1, 0, 0, 0, 0xc3};       // mov eax, 1; ret
constexpr u8 kTwo[] = {0xb8, 2, 0, 0, 0, 0xc3};       // mov eax, 2; ret
constexpr u8 kAdd[] = {0xf2, 0x0f, 0x58, 0xc1, 0xc3}; // addsd xmm0, xmm1; ret

constexpr codegen::PReg reg(x64::Gpr gpr) { return static_cast<codegen::PReg>(gpr); }

constexpr HostRegisters kSysv = {{reg(x64::Gpr::Rdi), reg(x64::Gpr::Rsi), reg(x64::Gpr::Rdx), reg(x64::Gpr::Rcx)},
                                 {32, 33, 34},
                                 reg(x64::Gpr::Rax),
                                 32};
constexpr HostRegisters kWindows = {{reg(x64::Gpr::Rcx), reg(x64::Gpr::Rdx), reg(x64::Gpr::R8), reg(x64::Gpr::R9)},
                                    {32, 33, 34},
                                    reg(x64::Gpr::Rax),
                                    32};

} // namespace

const Isa& x64_isa() {
  static const Isa isa = {
      .target = Target::X64,
      .arch = UC_ARCH_X86,
      .mode = UC_MODE_64,
      .registers = kIds,
      .names = kNames,
      .sp = reg(x64::Gpr::Rsp),
      .fp = reg(x64::Gpr::Rbp),
      .context = reg(x64::Gpr::R14),
      .link = kNone,
      .platform = kNone,
      .pc = UC_X86_REG_RIP,
      .flags = UC_X86_REG_EFLAGS,
      .controls = kControls,
      .stop = kStop,
      .stop_skip = 1,
      .filler = 0xcc,
      .prepare = [](uc_engine*) { return true; },
      .host_registers = [](Os os) -> const HostRegisters& { return os == Os::Windows ? kWindows : kSysv; },
      .self_test = {kOne, kTwo, kAdd},
  };
  return isa;
}

std::span<const Isa* const> isas() {
  static const Isa* const all[] = {&x64_isa(), &a64_isa()};
  return all;
}

} // namespace assay::qemu::unicorn
