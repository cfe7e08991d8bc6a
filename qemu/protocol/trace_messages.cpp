// trace_messages.cpp - see trace_messages.h. Tested in qemu/protocol/tests/trace_messages_test.cpp.
#include "qemu/protocol/trace_messages.h"

#include "qemu/protocol/frame.h"
#include "qemu/protocol/wire.h"

namespace assay::qemu::protocol {

namespace {

constexpr u32 kWordBytes = 10;

Error malformed(std::string_view message) {
  return Error{ErrorKind::BadInput, {}, 0, 0, "malformed message: " + std::string(message)};
}

void write_registers(std::span<const RegisterWord> registers, Writer& w) {
  w.u32_(registers.size());
  for (const RegisterWord& word : registers) {
    w.u8_(word.reg);
    w.u8_(word.half);
    w.u64_(word.value);
  }
}

void read_registers(Reader& r, std::vector<RegisterWord>& out) {
  out.resize(r.count(kWordBytes));
  for (RegisterWord& word : out) {
    word.reg = r.choice<u8>(kTracedRegisters);
    word.half = r.choice<u8>(2);
    word.value = r.u64_();
  }
}

} // namespace

void encode_trace(u32 serial, FunctionId function, std::span<const u64> args, u64 fuel, const TraceLimits& limits,
                  std::vector<u8>& out) {
  const std::size_t begun = begin_frame(out, MessageType::Trace, serial);
  Writer w(out);
  w.u64_(limits.most);
  w.u32_(limits.keep);
  w.u32_(limits.events);
  w.u64_(limits.watch);
  w.u32_(function);
  w.u64_(fuel);
  w.words(args);
  end_frame(out, begun);
}

Result<void> decode_trace(std::span<const u8> payload, const Module& module, TraceMessage& out) {
  Reader r(payload);
  out.limits.most = r.u64_();
  out.limits.keep = r.u32_();
  out.limits.events = r.u32_();
  out.limits.watch = r.u64_();
  if (r.failed() || out.limits.keep > kMostTraced) return malformed("trace");
  return decode_run(r.rest(), module, out.run);
}

void encode_trace_report(u32 serial, const TraceReport& report, std::vector<u8>& out) {
  const std::size_t begun = begin_frame(out, MessageType::TraceReport, serial);
  Writer w(out);
  w.u8_(report.stop);
  w.u8_(static_cast<u8>(report.outcome));
  w.text(report.outcome_text);
  w.u64_(report.executed);
  w.u32_(report.instructions.size());
  for (const TracedInstruction& one : report.instructions) {
    w.u64_(one.number);
    w.u32_(one.offset);
    write_registers(one.changed, w);
  }
  write_registers(report.registers, w);
  end_frame(out, begun);
}

Result<void> decode_trace_report(std::span<const u8> payload, TraceReport& out) {
  Reader r(payload);
  out.stop = r.choice<TraceReport::Stop>(TraceReport::Cut + 1);
  out.outcome = r.choice<OutcomeKind>(static_cast<u32>(OutcomeKind::Refused) + 1);
  r.text(out.outcome_text);
  out.executed = r.u64_();
  out.instructions.resize(r.count(16));
  for (TracedInstruction& one : out.instructions) {
    one.number = r.u64_();
    one.offset = r.u32_();
    read_registers(r, one.changed);
  }
  read_registers(r, out.registers);
  if (!r.done()) return malformed("trace report");
  return {};
}

} // namespace assay::qemu::protocol
