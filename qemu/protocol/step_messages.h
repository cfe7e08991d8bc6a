// step_messages.h - what is said to a runner that steps through code and judges unwind tables at each instruction.
//
//   Tables      unwind tables of the program that was loaded last, in place of those before. Answered only when refused
//   Step        one call, like Run, with every instruction checked, until it ends or so many instructions were.
//               Answered by StepReport or Refused with the same serial
//   Sweep       calls of all functions that take both sides of each branch and every landing pad, wherever the values
//               would lead: whatever was not seen since Tables and can be reached at all. Answered by one StepReport,
//               or Refused
//   StepReport  what was checked and what was wrong
//
// Decoders trust nothing: lengths, kinds, and that parts of tables lie inside them. What tables say is not looked at
// here. Linear. Tested in qemu/protocol/tests/step_messages_test.cpp.
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

/// What the program did meanwhile; each is a place where frames come and go.
struct StepEvents {
  u64 calls = 0, tail_calls = 0;   // between compiled functions
  u64 called_out = 0;              // to the host, the runtime, and by traps
  u64 caught = 0, frames_left = 0; // exceptions that reached a landing pad, and frames that they left for it
  u64 skipped = 0;                 // by a sweep: calls and instructions that could not be done
};

struct StepReport {
  OutcomeKind outcome = OutcomeKind::Returned; // of the run; a sweep has none
  std::string outcome_text;
  bool cut = false; // the instructions allowed were used up before the run ended
  u64 instructions = 0;
  StepEvents events;
  u32 max_depth = 0; // frames of compiled code at once
  u32 pcs = 0;       // different instructions seen since the tables were set
  StepCounts counts[kTableFormats];
  std::vector<StepFailure> failures; // the first ones, each place once
  std::vector<u32> unseen;           // of a sweep: instructions (offsets in the code) that nothing has executed
};

struct StepMessage {
  u64 most = 0; // instructions
  RunMessage run;
};

struct SweepMessage {
  u64 most = 0;            // instructions
  std::vector<u32> starts; // of all instructions, as offsets in the code, rising
};

void encode_tables(u32 serial, std::span<const StepTable> tables, std::vector<u8>& out);
void encode_step(u32 serial, FunctionId function, std::span<const u64> args, u64 fuel, u64 most, std::vector<u8>& out);
void encode_sweep(u32 serial, std::span<const u32> starts, u64 most, std::vector<u8>& out);
void encode_step_report(u32 serial, const StepReport& report, std::vector<u8>& out);

Result<void> decode_tables(std::span<const u8> payload, std::vector<StepTable>& out);
/// A Step is a limit and the payload of a Run.
Result<void> decode_step(std::span<const u8> payload, const Module& module, StepMessage& out);
Result<void> decode_sweep(std::span<const u8> payload, SweepMessage& out);
Result<void> decode_step_report(std::span<const u8> payload, StepReport& out);

} // namespace assay::qemu::protocol
