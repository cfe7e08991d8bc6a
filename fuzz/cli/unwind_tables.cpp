// unwind_tables.cpp - see unwind_tables.h. Tested end to end in fuzz/cli/tests/.
#include "fuzz/cli/unwind_tables.h"

#include "compiler/debug/disassemble.h"
#include "compiler/unwind/dwarf.h"
#include "compiler/unwind/tables.h"
#include "oracle/unwind/compact.h"
#include "oracle/unwind/dwarf.h"
#include "oracle/unwind/meaning.h"
#include "oracle/unwind/windows.h"

#include <algorithm>

namespace assay::cli {

namespace {

constexpr u64 kCodeRva = 0x1000;

unwind::UnwindFormat writers_name(TableFormat format) {
  switch (format) {
  case TableFormat::Windows: return unwind::UnwindFormat::Windows;
  case TableFormat::Compact: return unwind::UnwindFormat::AppleCompact;
  default: return unwind::UnwindFormat::EhFrame;
  }
}

qemu::protocol::TablePart part_of(unwind::TableSection section) { return {section.at, section.size}; }

/// What the tables name must be where instructions begin, or a function ends.
std::string check_boundaries(const oracle::UnwindTables& tables, const CodeMap& map) {
  if (map.starts.empty()) return {};
  std::vector<u64> named;
  if (auto done = tables.boundaries(named); !done) return done.error().message;
  for (const u64 address : named) {
    const u64 offset = address - kCodeAt;
    if (offset >= map.is_border.size() || !map.is_border[offset])
      return "code+" + oracle::hex(offset) + " is named, where no instruction begins";
  }
  return {};
}

/// The function whose code has the offset; null: none.
const FunctionCode* function_with(const CodeObject& object, u32 offset) {
  const auto behind = std::upper_bound(object.functions.begin(), object.functions.end(), offset,
                                       [](u32 at, const FunctionCode& f) { return at < f.begin; });
  return behind == object.functions.begin() || offset >= (behind - 1)->end ? nullptr : &*(behind - 1);
}

/// Whether the frame is whole at that offset of the function: behind the prologue and in no epilogue.
bool in_body(const CodeObject& object, const FunctionCode& function, u32 offset) {
  u32 prologue = 0;
  bool before_epilogues = true;
  for (const FrameOp& op : object.frame_of(function)) {
    const u32 at = function.begin + op.offset;
    if (op.effect == FrameEffect::EpilogueBegin) {
      before_epilogues = false;
      prologue = at;
    } else if (op.effect == FrameEffect::EpilogueEnd) {
      if (offset > prologue && offset < at) return false;
    } else if (before_epilogues && offset < at) {
      return false;
    }
  }
  return true;
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

void CodeMap::make(const CodeObject& object) {
  starts.clear();
  is_border.assign(object.code.size() + 1, false);
  std::vector<debug::Line> lines;
  for (const FunctionCode& f : object.functions) {
    const std::span<const u8> bytes = std::span<const u8>(object.code).subspan(f.begin, f.end - f.begin);
    if (object.target == Target::A64) {
      for (u32 at = f.begin; at < f.end; at += 4) starts.push_back(at);
    } else if (debug::disassemble(object.target, bytes, f.begin, lines)) {
      for (const debug::Line& line : lines) starts.push_back(f.begin + line.offset);
    }
    is_border[f.end] = true;
  }
  for (const u32 at : starts) is_border[at] = true;
}

Result<std::unique_ptr<oracle::UnwindTables>> open_table(const StepTable& table, const CodeObject& object,
                                                         u64 code_at) {
  std::vector<oracle::CodeRange> functions;
  for (const FunctionCode& f : object.functions) functions.push_back({f.begin, f.end});
  const oracle::Region code{code_at, object.code};
  const auto part = [&](qemu::protocol::TablePart p) {
    return oracle::Region{code_at + table.tables_at + p.at, std::span<const u8>(table.bytes).subspan(p.at, p.size)};
  };
  using Opened = Result<std::unique_ptr<oracle::UnwindTables>>;
  const auto base = [](auto tables) -> Opened {
    if (!tables) return tables.error();
    return std::unique_ptr<oracle::UnwindTables>(std::move(*tables));
  };
  const u64 image_base = code_at - table.code_rva;
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

std::string lint_table(const StepTable& table, const CodeObject& object, const CodeMap& map) {
  auto tables = open_table(table, object, kCodeAt);
  if (!tables) return tables.error().message;
  if (auto clean = (*tables)->lint(); !clean) return clean.error().message;
  return check_boundaries(**tables, map);
}

std::string lint_with_handlers(const StepTable& plain, const CodeObject& object, const CodeMap& map) {
  constexpr oracle::DwarfHandlers kHandlers{0x1122334455667788, 0x7fedcba987654321};
  unwind::EhFrameOptions options;
  options.vector_registers = object.os == Os::Windows;
  options.personality = kHandlers.personality;
  options.lsda = kHandlers.data;
  std::vector<u8> bytes;
  if (!unwind::write_eh_frame(object, static_cast<i64>(plain.tables_at), bytes, options)) return "not written";
  auto without = open_table(plain, object, kCodeAt);
  if (!without) return without.error().message;
  std::vector<oracle::CodeRange> functions;
  std::vector<u64> pcs;
  for (const FunctionCode& f : object.functions) functions.push_back({f.begin, f.end});
  for (const u32 start : map.starts) pcs.push_back(kCodeAt + start);
  const oracle::Region section{kCodeAt + plain.tables_at, bytes}, code{kCodeAt, object.code};
  auto with = oracle::DwarfTables::open(object.target, section, code, functions, kHandlers);
  if (!with) return with.error().message;
  if (auto clean = (*with)->lint(); !clean) return clean.error().message;
  const u64 differs = oracle::Meaning(**without, pcs, pcs).first_difference(**with);
  return differs == 0 ? ""
                      : "another rule than without a personality routine at code+" + oracle::hex(differs - kCodeAt);
}

std::string lint_call_sites(const CodeObject& object, const CodeMap& map) {
  const auto where = [](u32 offset) { return "code+" + oracle::hex(offset); };
  u32 last = 0;
  for (const CallSite& site : object.call_sites) {
    if (site.offset <= last) return "call site " + where(site.offset) + " is out of order";
    last = site.offset;
    const FunctionCode* function = function_with(object, site.offset - 1);
    if (function == nullptr || (!map.starts.empty() && !map.is_border[site.offset]))
      return "call site " + where(site.offset) + " is not where a call returns to";
    if (object.position_at(site.offset) == nullptr) return "call site " + where(site.offset) + " has no position";
    if (!in_body(object, *function, site.offset)) return "call site " + where(site.offset) + " is not in a body";
    if (site.clause_count == 0) return "call site " + where(site.offset) + " catches nothing";
    for (const Clause& clause : object.clauses_of(site)) {
      const u32 pad = clause.landing_pad;
      if (pad < function->begin || pad >= function->end || !in_body(object, *function, pad))
        return "landing pad " + where(pad) + " is not in the body of the function that calls";
      if (!map.starts.empty() && !map.is_border[pad]) return "landing pad " + where(pad) + " is no instruction";
    }
  }
  return {};
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

} // namespace assay::cli
