// unwind_check.cpp - see unwind_check.h. Tested end to end in fuzz/cli/tests/.
#include "fuzz/cli/unwind_check.h"

#include "compiler/debug/disassemble.h"
#include "compiler/unwind/dwarf.h"
#include "compiler/unwind/tables.h"
#include "oracle/unwind/compact.h"
#include "oracle/unwind/dwarf.h"
#include "oracle/unwind/windows.h"

#include <algorithm>

namespace assay::cli {

namespace {

constexpr u64 kCodeAt = 0x10000000; // where the strict reader is told that the code lies
constexpr u64 kCodeRva = 0x1000;

unwind::UnwindFormat writers_name(TableFormat format) {
  switch (format) {
  case TableFormat::Windows: return unwind::UnwindFormat::Windows;
  case TableFormat::Compact: return unwind::UnwindFormat::AppleCompact;
  default: return unwind::UnwindFormat::EhFrame;
  }
}

qemu::protocol::TablePart part_of(unwind::TableSection section) { return {section.at, section.size}; }

/// The decoder of the table's format, opened; the Error is its first complaint.
Result<std::unique_ptr<oracle::UnwindTables>> open_table(const StepTable& table, const CodeObject& object) {
  std::vector<oracle::CodeRange> functions;
  for (const FunctionCode& f : object.functions) functions.push_back({f.begin, f.end});
  const oracle::Region code{kCodeAt, object.code};
  const auto part = [&](qemu::protocol::TablePart p) {
    return oracle::Region{kCodeAt + table.tables_at + p.at, std::span<const u8>(table.bytes).subspan(p.at, p.size)};
  };
  using Opened = Result<std::unique_ptr<oracle::UnwindTables>>;
  const auto base = [](auto tables) -> Opened {
    if (!tables) return tables.error();
    return std::unique_ptr<oracle::UnwindTables>(std::move(*tables));
  };
  const u64 image_base = kCodeAt - table.code_rva;
  if (table.format == TableFormat::Dwarf)
    return base(oracle::DwarfTables::open(object.target, part(table.eh_frame), code, functions));
  if (table.format == TableFormat::Compact) {
    const oracle::CompactImage image{image_base, code, part(table.entries), part(table.eh_frame)};
    return base(oracle::CompactTables::open(object.target, image, functions));
  }
  const oracle::WindowsImage image{image_base, code, part(table.entries), part(table.info)};
  if (object.target == Target::X64) return base(oracle::WindowsX64Tables::open(image, functions));
  return base(oracle::WindowsA64Tables::open(image, functions));
}

/// What the tables name must be where instructions begin, or a function ends.
std::string check_boundaries(const oracle::UnwindTables& tables, const CodeObject& object) {
  if (!debug::can_disassemble()) return {};
  std::vector<u64> named;
  if (auto done = tables.boundaries(named); !done) return done.error().message;
  std::vector<bool> starts(object.code.size() + 1);
  std::vector<debug::Line> lines;
  for (const FunctionCode& f : object.functions) {
    const std::span<const u8> bytes = std::span<const u8>(object.code).subspan(f.begin, f.end - f.begin);
    if (auto done = debug::disassemble(object.target, bytes, f.begin, lines); !done) return {};
    for (const debug::Line& line : lines) starts[f.begin + line.offset] = true;
    starts[f.end] = true;
  }
  for (const u64 address : named) {
    const u64 offset = address - kCodeAt;
    if (offset > object.code.size() || !starts[offset])
      return "code+" + oracle::hex(offset) + " is named, where no instruction begins";
  }
  return {};
}

} // namespace

Result<StepTable> write_table(TableFormat format, const CodeObject& object) {
  StepTable out;
  out.format = format;
  out.tables_at = (object.rodata_offset() + object.rodata.size() + 63) / 8 * 8;
  out.code_rva = kCodeRva;
  if (format == TableFormat::Dwarf) {
    unwind::EhFrameOptions options;
    options.vector_registers = object.os == Os::Windows;
    if (!unwind::write_eh_frame(object, static_cast<i64>(out.tables_at), out.bytes, options))
      return Error{ErrorKind::Unsupported, {}, 0, 0, "code and unwind tables lie 2 GiB apart or more"};
    out.eh_frame.size = static_cast<u32>(out.bytes.size());
    return out;
  }
  unwind::UnwindTables tables;
  if (auto written = unwind::write_tables(writers_name(format), object, {out.tables_at, out.code_rva}, tables);
      !written)
    return written.error();
  out.bytes = std::move(tables.bytes);
  out.eh_frame = part_of(tables.eh_frame);
  out.entries = part_of(tables.entries);
  out.info = part_of(tables.info);
  return out;
}

std::string lint_table(const StepTable& table, const CodeObject& object) {
  auto tables = open_table(table, object);
  if (!tables) return tables.error().message;
  if (auto clean = (*tables)->lint(); !clean) return clean.error().message;
  return check_boundaries(**tables, object);
}

void UnwindTotals::add(const qemu::protocol::StepReport& report) {
  ++runs;
  instructions += report.instructions;
  max_depth = std::max(max_depth, report.max_depth);
  for (u32 i = 0; i < qemu::protocol::kTableFormats; ++i) {
    counts[i].checked += report.counts[i].checked;
    counts[i].left_out += report.counts[i].left_out;
    counts[i].walked += report.counts[i].walked;
    counts[i].failed += report.counts[i].failed;
  }
}

std::string place_in_code(const CodeObject& object, u32 offset) {
  for (const FunctionCode& f : object.functions) {
    if (offset < f.begin || offset >= f.end) continue;
    std::string out = "@" + object.names[f.function] + "+" + oracle::hex(offset - f.begin);
    const std::span<const u8> bytes = std::span<const u8>(object.code).subspan(f.begin, f.end - f.begin);
    std::vector<debug::Line> lines;
    if (auto done = debug::disassemble(object.target, bytes, f.begin, lines); !done) return out;
    for (const debug::Line& line : lines) {
      if (f.begin + line.offset == offset) out += "  " + line.text;
    }
    return out;
  }
  return "code+" + oracle::hex(offset);
}

Result<void> step_cases(qemu::UnicornStepper& stepper, const CodeObject& object, const fuzz::Cases& cases,
                        UnwindTotals& totals, std::vector<UnwindFinding>& findings) {
  qemu::protocol::StepReport report;
  u32 pcs = 0;
  for (u32 i = 0; i < cases.size(); ++i) {
    if (auto done = stepper.step(cases.entry(i), cases.args(i), cases.fuel(i), report); !done) return done;
    totals.add(report);
    pcs = report.pcs;
    for (const qemu::protocol::StepFailure& f : report.failures) {
      std::string what = f.what;
      if (f.expected != 0 || f.found != 0)
        what += ": expected " + oracle::hex(f.expected) + ", found " + oracle::hex(f.found);
      if (f.walk) what += " (of a frame that waits, or in a walk through all frames)";
      findings.push_back({f.format, place_in_code(object, f.offset), std::move(what)});
    }
  }
  totals.pcs += pcs;
  return {};
}

} // namespace assay::cli
