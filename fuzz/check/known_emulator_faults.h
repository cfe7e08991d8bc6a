// known_emulator_faults.h - the table of known_emulator_faults.def: none is silent, each is tested again, each is
// counted.
//
// Tested in fuzz/check/tests/known_emulator_faults_test.cpp.
#pragma once

#include "assay/opcodes.h"
#include "fuzz/check/subject.h"

namespace assay::fuzz {

struct EmulatorFault {
  std::string_view name;
  Exec place = Exec::Unicorn;
  std::string_view version;
  Target target = Target::X64;
  bool CpuFeatures::*feature = nullptr;
  Opcode opcode = Opcode::Popcnt;
  std::string_view reason;
  std::string_view program;
};

inline constexpr u32 kMaxEmulatorFaults = 16;
std::span<const EmulatorFault> emulator_faults();

/// Bit i: code of that subject goes without what row i is about.
u32 emulator_faults_of(const SubjectRow& row);
/// Bit i: the module has the operation of row i. Linear in the instructions.
u32 emulator_faults_in(const Module& module);

} // namespace assay::fuzz
