// step_messages.h - what is said to a runner that steps through code and judges unwind tables at each instruction.
//
//   Tables      unwind tables of the program that was loaded last, in place of those before. Answered only when refused
//   Step        one call, like Run, with every instruction checked. Answered by StepReport or Refused with the same serial
//   StepReport  what was checked and what was wrong
//
// Decoders trust nothing: lengths, kinds, and that parts of tables lie inside them. What tables say is not looked at here.
// Linear. Tested in qemu/protocol/tests/step_messages_test.cpp.
#pragma once

#include "qemu/protocol/messages.h"

namespace assay::qemu::protocol {

enum class TableFormat : u8 { Dwarf, Windows, Compact };
inline constexpr u32 kTableFormats = 3;
std::string_view name_of(TableFormat format); // "dwarf"

/// A part of StepTable::bytes.
struct TablePart {
  u32 at = 0, size = 0;
};

/// The tables of one format, and where they are to stand.
struct StepTable {
  TableFormat format = TableFormat::Dwarf;
  u64 tables_at = 0; // distance from the code's first byte to that of `bytes`
  u64 code_rva = 0;  // distance from the base that entries are relative to, to the code's first byte
  std::vector<u8> bytes;
  TablePart eh_frame; // Dwarf, Compact
  TablePart entries;  // Windows: .pdata; Compact: __unwind_info
  TablePart info;     // Windows: .xdata
};

struct StepCounts {
  u64 checked = 0;  // instructions at which one frame was unwound
  u64 left_out = 0; // instructions of which the format says nothing
  u64 walked = 0;   // frames unwound in walks through all frames of a call
  u64 failed = 0;
};

struct StepFailure {
  TableFormat format = TableFormat::Dwarf;
  u32 offset = 0;    // of the instruction, or the return address, in the code
  bool walk = false; // found in a walk, at a return address
  std::string what;  // "rbx", "sp", "pc", or what the decoder said
  u64 expected = 0, found = 0;
};

struct StepReport {
  OutcomeKind outcome = OutcomeKind::Returned; // of the run
  std::string outcome_text;
  u64 instructions = 0;
  u32 max_depth = 0; // frames of compiled code at once
  u32 pcs = 0;       // different instructions seen since the tables were set
  StepCounts counts[kTableFormats];
  std::vector<StepFailure> failures; // the first ones, each place once
};

void encode_tables(u32 serial, std::span<const StepTable> tables, std::vector<u8>& out);
void encode_step(u32 serial, FunctionId function, std::span<const u64> args, u64 fuel, std::vector<u8>& out);
void encode_step_report(u32 serial, const StepReport& report, std::vector<u8>& out);

Result<void> decode_tables(std::span<const u8> payload, std::vector<StepTable>& out);
/// A Step has the payload of a Run: decode_run.
Result<void> decode_step_report(std::span<const u8> payload, StepReport& out);

} // namespace assay::qemu::protocol
