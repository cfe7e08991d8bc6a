// dwarf_info.cpp - see dwarf_info.h.
//
// The line program uses standard and extended opcodes only; special opcodes would save a few bytes a row. Each function
// is a sequence of its own. Tested in compiler/debug/info/tests/elf_object_test.cpp.
#include "compiler/debug/info/dwarf_info.h"

#include "compiler/debug/info/byte_writer.h"

#include <initializer_list>
#include <utility>

namespace assay::debug {

namespace {

// DWARF 4, 7.5: tags, attributes, forms, a language.
constexpr u32 kTagCompileUnit = 0x11, kTagSubprogram = 0x2e;
constexpr u32 kAtName = 0x03, kAtStmtList = 0x10, kAtLowPc = 0x11, kAtHighPc = 0x12, kAtLanguage = 0x13,
              kAtCompDir = 0x1b, kAtProducer = 0x25, kAtDeclFile = 0x3a, kAtDeclLine = 0x3b, kAtExternal = 0x3f;
constexpr u32 kFormAddr = 0x01, kFormData2 = 0x05, kFormData8 = 0x07, kFormString = 0x08, kFormData4 = 0x06,
              kFormSecOffset = 0x17, kFormFlagPresent = 0x19, kFormData1 = 0x0b;
constexpr u32 kLangC99 = 0x0c; // none is nearer: debuggers have no AIR
constexpr u32 kAbbrevUnit = 1, kAbbrevFunction = 2;
// 6.2.5: opcodes of the line program.
constexpr u32 kCopy = 1, kAdvancePc = 2, kAdvanceLine = 3, kSetPrologueEnd = 10;
constexpr u32 kExtended = 0, kEndSequence = 1, kSetAddress = 2;
constexpr u32 kOpcodeBase = 13;

void write_abbrev(std::vector<u8>& out) {
  ByteWriter w(out);
  const auto entry = [&](u32 code, u32 tag, bool children, std::initializer_list<std::pair<u32, u32>> attributes) {
    w.uleb(code);
    w.uleb(tag);
    w.u8_(children ? 1 : 0);
    for (const auto& [attribute, form] : attributes) {
      w.uleb(attribute);
      w.uleb(form);
    }
    w.u16_(0);
  };
  entry(kAbbrevUnit, kTagCompileUnit, true,
        {{kAtProducer, kFormString},
         {kAtLanguage, kFormData2},
         {kAtName, kFormString},
         {kAtCompDir, kFormString},
         {kAtLowPc, kFormAddr},
         {kAtHighPc, kFormData8},
         {kAtStmtList, kFormSecOffset}});
  entry(kAbbrevFunction, kTagSubprogram, false,
        {{kAtExternal, kFormFlagPresent},
         {kAtName, kFormString},
         {kAtDeclFile, kFormData1},
         {kAtDeclLine, kFormData4},
         {kAtLowPc, kFormAddr},
         {kAtHighPc, kFormData8}});
  w.u8_(0);
}

/// The folder and the name in it, as compilers write them.
struct SplitPath {
  std::string folder, name;
  explicit SplitPath(const std::string& path) {
    const std::size_t slash = path.find_last_of('/');
    folder = slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
    name = slash == std::string::npos ? path : path.substr(slash + 1);
  }
};

void write_info(const CodeObject& object, u64 base, const DebugSource& source, std::vector<u8>& out) {
  const SplitPath path(source.file);
  ByteWriter w(out);
  w.u32_(0); // length
  w.u16_(4);
  w.u32_(0); // .debug_abbrev
  w.u8_(8);
  w.uleb(kAbbrevUnit);
  w.text("assay");
  w.u16_(kLangC99);
  w.text(path.name);
  w.text(path.folder);
  w.u64_(base);
  w.u64_(object.code.size());
  w.u32_(0); // .debug_line
  for (const FunctionCode& function : object.functions) {
    const u32 line = declared_at(function, source);
    if (function.is_thunk || line == 0) continue; // a symbol is enough
    w.uleb(kAbbrevFunction);
    w.text(shown_name(object, function));
    w.u8_(1);
    w.u32_(line);
    w.u64_(base + function.begin);
    w.u64_(function.end - function.begin);
  }
  w.u8_(0); // no more children
  w.patch(0, w.size() - 4, 4);
}

/// Files and the shape of the line program.
void write_line_header(const DebugSource& source, std::vector<u8>& out) {
  const SplitPath path(source.file);
  ByteWriter w(out);
  w.u32_(0); // length
  w.u16_(4);
  w.u32_(0); // header length
  w.u8_(1);  // bytes of an instruction
  w.u8_(1);  // operations of an instruction
  w.u8_(1);  // rows are statements
  w.u8_(static_cast<u8>(-3));
  w.u8_(12);
  w.u8_(kOpcodeBase);
  for (const u8 operands : {0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1}) w.u8_(operands);
  w.u8_(0); // no folder but the unit's
  w.text(path.name);
  w.uleb(0); // folder
  w.uleb(0); // time
  w.uleb(0); // size
  w.u8_(0);  // no more files
  w.patch(6, w.size() - 10, 4);
}

/// True when there was any row.
bool write_line_program(const CodeObject& object, u64 base, const DebugSource& source, std::vector<u8>& out) {
  ByteWriter w(out);
  std::vector<LineRow> rows;
  u64 pc = 0;
  i64 line = 1;
  const auto at = [&](u64 address) {
    if (pc == 0) {
      w.u8_(kExtended);
      w.uleb(9);
      w.u8_(kSetAddress);
      w.u64_(address);
    } else if (address != pc) {
      w.u8_(kAdvancePc);
      w.uleb(address - pc);
    }
    pc = address;
  };
  for (const FunctionCode& function : object.functions) {
    lines_of(object, function, source, rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      at(base + rows[i].offset);
      if (rows[i].line != line) {
        w.u8_(kAdvanceLine);
        w.sleb(static_cast<i64>(rows[i].line) - line);
        line = rows[i].line;
      }
      if (i == 1) w.u8_(kSetPrologueEnd);
      w.u8_(kCopy);
    }
    if (rows.empty()) continue;
    at(base + function.end); // what lies between functions has no line
    w.u8_(kExtended);
    w.uleb(1);
    w.u8_(kEndSequence);
    pc = 0;
    line = 1;
  }
  return w.size() != 0;
}

} // namespace

void write_dwarf_info(const CodeObject& object, u64 base, const DebugSource& source, DwarfSections& out) {
  out.info.clear();
  out.abbrev.clear();
  out.line.clear();
  std::vector<u8> program;
  if (!write_line_program(object, base, source, program)) return;
  write_line_header(source, out.line);
  out.line.insert(out.line.end(), program.begin(), program.end());
  ByteWriter(out.line).patch(0, out.line.size() - 4, 4);
  write_abbrev(out.abbrev);
  write_info(object, base, source, out.info);
}

} // namespace assay::debug
