// known_emulator_faults.cpp - see known_emulator_faults.h.
#include "fuzz/check/known_emulator_faults.h"

namespace assay::fuzz {
namespace {

#define EMULATOR_FAULT(name, place, version, target, feature, opcode, reason, program) \
  {#name, Exec::place, version, Target::target, &CpuFeatures::feature, Opcode::opcode, reason, program},
constexpr EmulatorFault kFaults[] = {
#include "fuzz/check/known_emulator_faults.def"
};
#undef EMULATOR_FAULT
static_assert(std::size(kFaults) <= kMaxEmulatorFaults);

} // namespace

std::span<const EmulatorFault> emulator_faults() { return kFaults; }

u32 emulator_faults_of(const SubjectRow& row) {
  u32 found = 0;
  for (u32 i = 0; i < std::size(kFaults); ++i)
    if (kFaults[i].place == row.exec && kFaults[i].target == row.target) found |= 1u << i;
  return found;
}

u32 emulator_faults_in(const Module& module) {
  u32 found = 0;
  for (const Function& function : module.functions) {
    for (const Inst& inst : function.insts) {
      for (u32 i = 0; i < std::size(kFaults); ++i) found |= u32{inst.op == kFaults[i].opcode} << i;
    }
  }
  return found;
}

} // namespace assay::fuzz
