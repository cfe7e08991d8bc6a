// elf_object.cpp - see elf_object.h.
//
// Order in the file: header, contents of the sections, section headers. The .eh_frame section stands behind the code in
// address space, as far as debuggers need one: its entries are relative to themselves. Tested in
// compiler/debug/info/tests/elf_object_test.cpp.
#include "compiler/debug/info/elf_object.h"

#include "compiler/debug/info/byte_writer.h"
#include "compiler/debug/info/dwarf_info.h"
#include "compiler/unwind/dwarf.h"

namespace assay::debug {

namespace {

// gABI, "ELF Header", "Sections", "Symbol Table".
constexpr u32 kRelocatable = 1, kX64Machine = 62, kA64Machine = 183;
constexpr u32 kHeaderBytes = 64, kSectionHeaderBytes = 64, kSymbolBytes = 24;
constexpr u32 kProgBits = 1, kSymTab = 2, kStrTab = 3, kNoBits = 8, kX64Unwind = 0x70000001;
constexpr u64 kAlloc = 2, kExecutable = 4;
constexpr u32 kGlobalFunction = 0x12;
constexpr u32 kTextSection = 1; // by number

struct Section {
  const char* name = "";
  u32 type = kProgBits;
  u64 flags = 0, address = 0;
  std::vector<u8> contents;
  u64 size = 0; // of kNoBits
  u32 link = 0, info = 0;
  u64 align = 1, entry = 0;
};

u32 append_string(std::vector<u8>& strings, std::string_view text) {
  const u32 at = static_cast<u32>(strings.size());
  ByteWriter(strings).text(text);
  return at;
}

void write_symbols(const CodeObject& object, std::vector<u8>& symbols, std::vector<u8>& strings) {
  ByteWriter w(symbols);
  symbols.assign(kSymbolBytes, 0);
  strings.assign(1, 0);
  for (const FunctionCode& function : object.functions) {
    w.u32_(append_string(strings, shown_name(object, function)));
    w.u8_(kGlobalFunction);
    w.u8_(0);
    w.u16_(kTextSection);
    w.u64_(function.begin); // relative to the section
    w.u64_(function.end - function.begin);
  }
}

void write_file(Target target, std::vector<Section>& sections, std::vector<u8>& out) {
  Section names{".shstrtab", kStrTab};
  names.contents.assign(1, 0);
  sections.push_back(names);
  std::vector<u32> name_at, content_at;
  for (const Section& section : sections) name_at.push_back(append_string(sections.back().contents, section.name));
  ByteWriter w(out);
  for (const u8 byte : {0x7f, 'E' + 0, 'L' + 0, 'F' + 0, 2, 1, 1, 0}) w.u8_(byte);
  w.u64_(0);
  w.u16_(kRelocatable);
  w.u16_(target == Target::A64 ? kA64Machine : kX64Machine);
  w.u32_(1);
  w.u64_(0); // entry
  w.u64_(0); // program headers
  w.u64_(0); // section headers: below
  w.u32_(0);
  w.u16_(kHeaderBytes);
  w.u32_(0);
  w.u16_(kSectionHeaderBytes);
  w.u16_(sections.size() + 1);
  w.u16_(sections.size());
  for (const Section& section : sections) {
    w.align(8);
    content_at.push_back(static_cast<u32>(w.size()));
    w.bytes(section.contents.data(), section.contents.size());
  }
  w.align(8);
  w.patch(40, w.size(), 8);
  out.resize(out.size() + kSectionHeaderBytes); // the null section
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const Section& section = sections[i];
    w.u32_(name_at[i]);
    w.u32_(section.type);
    w.u64_(section.flags);
    w.u64_(section.address);
    w.u64_(content_at[i]);
    w.u64_(section.type == kNoBits ? section.size : section.contents.size());
    w.u32_(section.link);
    w.u32_(section.info);
    w.u64_(section.align);
    w.u64_(section.entry);
  }
}

} // namespace

std::vector<u8> write_elf_object(const CodeObject& object, u64 base, const DebugSource* source, bool with_frames) {
  std::vector<u8> out;
  std::vector<Section> sections(3); // of known numbers: .text, .symtab, .strtab
  Section& text = sections[kTextSection - 1];
  text.name = ".text";
  text.type = kNoBits;
  text.flags = kAlloc | kExecutable;
  text.address = base;
  text.size = object.code.size();
  text.align = 16;
  Section& symbols = sections[1];
  symbols.name = ".symtab";
  symbols.type = kSymTab;
  symbols.link = 3;
  symbols.info = 1; // the first that is global
  symbols.align = 8;
  symbols.entry = kSymbolBytes;
  sections[2].name = ".strtab";
  sections[2].type = kStrTab;
  write_symbols(object, symbols.contents, sections[2].contents);
  if (with_frames) {
    Section frames{".eh_frame", object.target == Target::X64 ? kX64Unwind : kProgBits, kAlloc};
    const u64 behind = (object.code.size() + 7) & ~u64{7};
    frames.address = base + behind;
    frames.align = 8;
    if (!unwind::write_eh_frame(object, static_cast<i64>(behind), frames.contents)) return out;
    sections.push_back(std::move(frames));
  }
  if (source != nullptr) {
    DwarfSections dwarf;
    write_dwarf_info(object, base, *source, dwarf);
    if (!dwarf.line.empty()) {
      sections.push_back({".debug_info", kProgBits, 0, 0, std::move(dwarf.info)});
      sections.push_back({".debug_abbrev", kProgBits, 0, 0, std::move(dwarf.abbrev)});
      sections.push_back({".debug_line", kProgBits, 0, 0, std::move(dwarf.line)});
    }
  }
  write_file(object.target, sections, out);
  return out;
}

} // namespace assay::debug
