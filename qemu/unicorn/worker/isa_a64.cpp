// isa_a64.cpp - ARM64 for the emulator's worker.
//
// wfi ends the emulation; the pc is then behind it. Floating point traps until CPACR_EL1 allows it. The processor
// is Unicorn's usual one, a Cortex-A57 (Armv8.0): the hints of pointer authentication and branch targets do nothing
// there. What is not seen: a stack pointer that is not aligned at an access (the emulator allows it; it is judged at
// calls out). Tested by the self-test and qemu/unicorn/tests/.
#include "compiler/target/a64/registers.h"
#include "qemu/unicorn/worker/isa.h"

#include <array>

namespace assay::qemu::unicorn {

namespace {

constexpr std::array<int, kRegisters> make_ids() {
  std::array<int, kRegisters> ids{};
  for (int i = 0; i <= 28; ++i) ids[static_cast<u32>(i)] = UC_ARM64_REG_X0 + i; // x29 and x30 have numbers apart
  ids[29] = UC_ARM64_REG_X29;
  ids[30] = UC_ARM64_REG_X30;
  ids[31] = UC_ARM64_REG_SP;
  for (int i = 0; i < 32; ++i) ids[static_cast<u32>(32 + i)] = UC_ARM64_REG_Q0 + i;
  return ids;
}
constexpr std::array<int, kRegisters> kIds = make_ids();

constexpr const char* kNames[kRegisters] = {
    "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
    "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",
    "v0",  "v1",  "v2",  "v3",  "v4",  "v5",  "v6",  "v7",  "v8",  "v9",  "v10", "v11", "v12", "v13", "v14", "v15",
    "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"};

// Rounding, flushing to zero, default NaNs and trapped exceptions; the sticky flags are in FPSR.
constexpr ControlRegister kControls[] = {{UC_ARM64_REG_FPCR, 0, 0xffffffff, "FPCR"}};

constexpr u64 kFloatsAllowed = u64{3} << 20; // CPACR_EL1.FPEN

constexpr u8 kStop[] = {0x7f, 0x20, 0x03, 0xd5};                        // wfi
constexpr u8 kOne[] = {0x20, 0x00, 0x80, 0xd2, 0xc0, 0x03, 0x5f, 0xd6}; // mov x0, 1; ret
constexpr u8 kTwo[] = {0x40, 0x00, 0x80, 0xd2, 0xc0, 0x03, 0x5f, 0xd6}; // mov x0, 2; ret
constexpr u8 kAdd[] = {0x00, 0x28, 0x61, 0x1e, 0xc0, 0x03, 0x5f, 0xd6}; // fadd d0, d0, d1; ret

// AAPCS64, and all that Apple and Microsoft change of it leaves this as it is.
constexpr HostRegisters kHost = {{0, 1, 2, 3}, {32, 33, 34}, 0, 32};

constexpr u32 index(a64::Gpr reg) { return a64::index_of(reg); }

} // namespace

const Isa& a64_isa() {
  static const Isa isa = {
      .target = Target::A64,
      .arch = UC_ARCH_ARM64,
      .mode = UC_MODE_ARM,
      .registers = kIds,
      .names = kNames,
      .sp = index(a64::Gpr::Sp),
      .fp = index(a64::kFramePointer),
      .context = index(a64::Gpr::X28),
      .link = index(a64::kLinkRegister),
      .platform = index(a64::Gpr::X18),
      .pc = UC_ARM64_REG_PC,
      .flags = UC_ARM64_REG_NZCV,
      .controls = kControls,
      .stop = kStop,
      .stop_skip = 4,
      .filler = 0, // udf #0
      .prepare =
          [](uc_engine* uc) {
            u64 value = kFloatsAllowed;
            return uc_reg_write(uc, UC_ARM64_REG_CPACR_EL1, &value) == UC_ERR_OK;
          },
      .host_registers = [](Os) -> const HostRegisters& { return kHost; },
      .self_test = {kOne, kTwo, kAdd},
  };
  return isa;
}

} // namespace assay::qemu::unicorn
