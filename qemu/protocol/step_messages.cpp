// step_messages.cpp - see step_messages.h. Tested in qemu/protocol/tests/step_messages_test.cpp.
#include "qemu/protocol/step_messages.h"

#include "qemu/protocol/wire.h"

namespace assay::qemu::protocol {

namespace {

Error wrong(std::string_view message) {
  return Error{ErrorKind::BadInput, {}, 0, 0, "malformed message: " + std::string(message)};
}

void write_part(TablePart part, Writer& w) {
  w.u32_(part.at);
  w.u32_(part.size);
}

TablePart read_part(Reader& r, std::size_t bytes) {
  TablePart part;
  part.at = r.u32_();
  part.size = r.u32_();
  if (part.at > bytes || part.size > bytes - part.at) r.fail();
  return r.failed() ? TablePart() : part;
}

void write_offsets(std::span<const u32> offsets, Writer& w) {
  w.u32_(offsets.size());
  for (const u32 offset : offsets) w.u32_(offset);
}

void read_offsets(Reader& r, std::vector<u32>& out) {
  out.resize(r.count(4));
  for (u32& offset : out) offset = r.u32_();
}

} // namespace

std::string_view name_of(TableFormat format) {
  switch (format) {
  case TableFormat::Dwarf: return "dwarf";
  case TableFormat::Windows: return "windows";
  case TableFormat::Compact: return "compact";
  }
  return "";
}

void encode_tables(u32 serial, std::span<const StepTable> tables, std::vector<u8>& out) {
  const std::size_t begun = begin_frame(out, MessageType::Tables, serial);
  Writer w(out);
  w.u32_(tables.size());
  for (const StepTable& table : tables) {
    w.u8_(static_cast<u8>(table.format));
    w.u64_(table.tables_at);
    w.u64_(table.code_rva);
    w.u32_(table.bytes.size());
    w.raw(table.bytes);
    for (const TablePart part : {table.eh_frame, table.entries, table.info}) write_part(part, w);
  }
  end_frame(out, begun);
}

Result<void> decode_tables(std::span<const u8> payload, std::vector<StepTable>& out) {
  Reader r(payload);
  out.resize(r.count(45));
  for (StepTable& table : out) {
    table.format = r.choice<TableFormat>(kTableFormats);
    table.tables_at = r.u64_();
    table.code_rva = r.u64_();
    const std::span<const u8> bytes = r.raw(r.count(1));
    table.bytes.assign(bytes.begin(), bytes.end());
    table.eh_frame = read_part(r, bytes.size());
    table.entries = read_part(r, bytes.size());
    table.info = read_part(r, bytes.size());
  }
  if (!r.done()) return wrong("tables");
  return {};
}

void encode_step(u32 serial, FunctionId function, std::span<const u64> args, u64 fuel, u64 most, std::vector<u8>& out) {
  const std::size_t begun = begin_frame(out, MessageType::Step, serial);
  Writer w(out);
  w.u64_(most);
  w.u32_(function);
  w.u64_(fuel);
  w.words(args);
  end_frame(out, begun);
}

Result<void> decode_step(std::span<const u8> payload, const Module& module, StepMessage& out) {
  Reader r(payload);
  out.most = r.u64_();
  if (r.failed()) return wrong("step");
  return decode_run(r.rest(), module, out.run);
}

void encode_sweep(u32 serial, std::span<const u32> starts, u64 most, std::vector<u8>& out) {
  const std::size_t begun = begin_frame(out, MessageType::Sweep, serial);
  Writer w(out);
  w.u64_(most);
  write_offsets(starts, w);
  end_frame(out, begun);
}

Result<void> decode_sweep(std::span<const u8> payload, SweepMessage& out) {
  Reader r(payload);
  out.most = r.u64_();
  read_offsets(r, out.starts);
  if (!r.done()) return wrong("sweep");
  return {};
}

void encode_step_report(u32 serial, const StepReport& report, std::vector<u8>& out) {
  const std::size_t begun = begin_frame(out, MessageType::StepReport, serial);
  Writer w(out);
  w.u8_(static_cast<u8>(report.outcome));
  w.text(report.outcome_text);
  w.u8_(report.cut ? 1 : 0);
  const StepEvents& e = report.events;
  for (const u64 count : {report.instructions, e.calls, e.tail_calls, e.called_out, e.caught, e.frames_left, e.skipped})
    w.u64_(count);
  w.u32_(report.max_depth);
  w.u32_(report.pcs);
  for (const StepCounts& c : report.counts) {
    for (const u64 count : {c.checked, c.left_out, c.walked, c.failed}) w.u64_(count);
  }
  w.u32_(report.failures.size());
  for (const StepFailure& f : report.failures) {
    w.u8_(static_cast<u8>(f.format));
    w.u32_(f.offset);
    w.u8_(f.walk ? 1 : 0);
    w.text(f.what);
    w.u64_(f.expected);
    w.u64_(f.found);
  }
  write_offsets(report.unseen, w);
  end_frame(out, begun);
}

Result<void> decode_step_report(std::span<const u8> payload, StepReport& out) {
  Reader r(payload);
  out.outcome = r.choice<OutcomeKind>(static_cast<u32>(OutcomeKind::Refused) + 1);
  r.text(out.outcome_text);
  out.cut = r.flag();
  StepEvents& e = out.events;
  for (u64* count : {&out.instructions, &e.calls, &e.tail_calls, &e.called_out, &e.caught, &e.frames_left, &e.skipped})
    *count = r.u64_();
  out.max_depth = r.u32_();
  out.pcs = r.u32_();
  for (StepCounts& c : out.counts)
    c.checked = r.u64_(), c.left_out = r.u64_(), c.walked = r.u64_(), c.failed = r.u64_();
  out.failures.resize(r.count(26));
  for (StepFailure& f : out.failures) {
    f.format = r.choice<TableFormat>(kTableFormats);
    f.offset = r.u32_();
    f.walk = r.flag();
    r.text(f.what);
    f.expected = r.u64_();
    f.found = r.u64_();
  }
  read_offsets(r, out.unseen);
  if (!r.done()) return wrong("step report");
  return {};
}

} // namespace assay::qemu::protocol
