// trace_messages.h - what is said to a runner that shows the machine's state: the last instructions of a run, with the
// registers that each of them changed.
//
//   Trace        one call, like Run, whose instructions are noted. Answered by TraceReport or Refused
//   TraceReport  the instructions before the end of the run, or before what the message stops at
//
// Registers are words of unified indices (assay/frame.h): general ones have the first word, vector registers both; the
// condition flags are one word more. Decoders trust nothing. Linear.
// Tested in qemu/protocol/tests/trace_messages_test.cpp.
#pragma once

#include "qemu/protocol/messages.h"

namespace assay::qemu::protocol {

inline constexpr u32 kMostTraced = 4096;  // instructions in a report
inline constexpr u32 kFlagsRegister = 64; // the index of the condition flags (RFLAGS, NZCV)
inline constexpr u32 kTracedRegisters = 65;

/// What to note, and where to stop.
struct TraceLimits {
  u64 most = 1'000'000; // instructions; then the run is cut
  u32 keep = 64;        // instructions to report, the last ones; at most kMostTraced
  u32 events = kNone;   // stop at the host call or throw after so many
  u64 watch = ~u64{0};  // report up to the last change of this byte of the linear memory; ~0: of none
};

struct TraceMessage {
  TraceLimits limits;
  RunMessage run;
};

/// A register after an instruction.
struct RegisterWord {
  u8 reg = 0; // below kTracedRegisters
  u8 half = 0;
  u64 value = 0;
};

/// An instruction that ran.
struct TracedInstruction {
  u64 number = 0; // in the run, from 0
  u32 offset = 0; // in the code
  std::vector<RegisterWord> changed;
};

struct TraceReport {
  /// Where `instructions` ends. AtEvent: with the instruction that calls or throws, whose changes are not there.
  enum Stop : u8 { AtEnd, AtEvent, AtChange, Cut } stop = AtEnd;
  OutcomeKind outcome = OutcomeKind::Returned; // of the run, unless it was stopped
  std::string outcome_text;
  u64 executed = 0; // instructions until the run ended or was stopped
  std::vector<TracedInstruction> instructions;
  std::vector<RegisterWord> registers; // all, at that place
};

void encode_trace(u32 serial, FunctionId function, std::span<const u64> args, u64 fuel, const TraceLimits& limits,
                  std::vector<u8>& out);
void encode_trace_report(u32 serial, const TraceReport& report, std::vector<u8>& out);

Result<void> decode_trace(std::span<const u8> payload, const Module& module, TraceMessage& out);
Result<void> decode_trace_report(std::span<const u8> payload, TraceReport& out);

} // namespace assay::qemu::protocol
