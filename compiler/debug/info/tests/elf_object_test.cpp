// elf_object_test.cpp - the object for debuggers, read strictly by its specification, and by readelf where that is.
#include "compiler/debug/info/elf_object.h"
#include "support.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace assay::debug {
namespace {

class ElfObject : public EveryCompile {};

constexpr u64 kBase = 0x7fff00002000;

struct Section {
  u64 name = 0, type = 0, flags = 0, address = 0, offset = 0, size = 0, link = 0, info = 0, align = 0, entry = 0;
};

/// Sections by name. Everything that the gABI says of header and sections is checked on the way.
std::map<std::string, Section> read(const std::vector<u8>& file, Target target) {
  std::map<std::string, Section> out;
  Reader r(file.data(), file.size());
  EXPECT_EQ(r.number(8), 0x000101'02464c457fu);
  r.number(8);
  EXPECT_EQ(r.number(2), 1u); // relocatable
  EXPECT_EQ(r.number(2), target == Target::X64 ? 62u : 183u);
  EXPECT_EQ(r.number(4), 1u);
  EXPECT_EQ(r.number(8), 0u);
  EXPECT_EQ(r.number(8), 0u);
  const u64 table = r.number(8);
  EXPECT_EQ(r.number(4), 0u);
  EXPECT_EQ(r.number(2), 64u);
  EXPECT_EQ(r.number(4), 0u);
  EXPECT_EQ(r.number(2), 64u);
  const u64 count = r.number(2), names = r.number(2);
  if (table % 8 != 0 || table + 64 * count != file.size() || names >= count) {
    ADD_FAILURE() << "the section headers are not at the end";
    return out;
  }
  std::vector<Section> sections;
  Reader t(file.data() + table, 64 * count);
  for (u64 i = 0; i < count; ++i) {
    Section s;
    s.name = t.number(4), s.type = t.number(4), s.flags = t.number(8), s.address = t.number(8);
    s.offset = t.number(8), s.size = t.number(8), s.link = t.number(4), s.info = t.number(4);
    s.align = t.number(8), s.entry = t.number(8);
    if (s.type != 8) {
      EXPECT_LE(s.offset + s.size, table);
    }
    sections.push_back(s);
  }
  EXPECT_EQ(sections[0].type, 0u);
  for (u64 i = 1; i < count; ++i) {
    EXPECT_LT(sections[i].name, sections[names].size);
    out[reinterpret_cast<const char*>(file.data() + sections[names].offset + sections[i].name)] = sections[i];
  }
  EXPECT_EQ(out.size(), count - 1) << "two sections have one name";
  return out;
}

TEST_P(ElfObject, HasASymbolForEachFunctionAtItsPlace) {
  const Compiled c(GetParam().first, GetParam().second);
  const std::vector<u8> file = write_elf_object(c.object, kBase, &c.source);
  auto sections = read(file, c.object.target);
  EXPECT_EQ(sections[".text"].type, 8u);
  EXPECT_EQ(sections[".text"].address, kBase);
  EXPECT_EQ(sections[".text"].size, c.object.code.size());
  EXPECT_EQ(sections[".text"].flags, 6u);
  const Section symbols = sections[".symtab"], strings = sections[".strtab"];
  ASSERT_EQ(symbols.size, 24 * (c.object.functions.size() + 1));
  EXPECT_EQ(symbols.entry, 24u);
  Reader r(file.data() + symbols.offset + 24, symbols.size - 24);
  for (const FunctionCode& f : c.object.functions) {
    const u64 name = r.number(4);
    ASSERT_LT(name, strings.size);
    EXPECT_EQ(reinterpret_cast<const char*>(file.data() + strings.offset + name), shown_name(c.object, f));
    EXPECT_EQ(r.number(1), 0x12u);
    EXPECT_EQ(r.number(1), 0u);
    EXPECT_EQ(r.number(2), 1u);
    EXPECT_EQ(r.number(8), f.begin);
    EXPECT_EQ(r.number(8), f.end - f.begin);
  }
}

TEST_P(ElfObject, HasOnlyWhatIsKnown) {
  const Compiled c(GetParam().first, GetParam().second);
  EXPECT_EQ(read(write_elf_object(c.object, kBase, nullptr), c.object.target).count(".debug_line"), 0u);
  EXPECT_EQ(read(write_elf_object(c.object, kBase, &c.source), c.object.target).count(".debug_line"), 1u);
  EXPECT_EQ(read(write_elf_object(c.object, kBase, &c.source, false), c.object.target).count(".eh_frame"), 0u);
  CodeObject nothing;
  EXPECT_EQ(read(write_elf_object(nothing, kBase, nullptr), Target::X64).count(".symtab"), 1u);
}

#if !defined(_WIN32) && !defined(ASSAY_EMULATED)
std::string readelf(const std::vector<u8>& file, const std::string& options) {
  const std::string path =
      testing::TempDir() + "assay-elf-" + std::to_string(getpid()) + ".o"; // tests run side by side;
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  std::string out;
  FILE* pipe = popen(("readelf -W " + options + " '" + path + "' 2>&1").c_str(), "r");
  char buffer[1024];
  for (size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) != 0;) out.append(buffer, got);
  pclose(pipe);
  std::remove(path.c_str());
  return out;
}

TEST_P(ElfObject, ReadelfHasNothingToSayAgainst) {
  if (std::system("command -v readelf >/dev/null 2>&1") != 0) GTEST_SKIP() << "skipped: readelf is not installed";
  const Compiled c(GetParam().first, GetParam().second);
  const std::vector<u8> file = write_elf_object(c.object, kBase, &c.source);
  const std::string all = readelf(file, "-a --debug-dump=info,abbrev,rawline,frames");
  EXPECT_EQ(all.find("arning"), all.npos) << all;
  EXPECT_EQ(all.find("rror"), all.npos) << all;
  EXPECT_NE(all.find("DW_TAG_subprogram"), all.npos);
  EXPECT_NE(all.find("dir"), all.npos);
  const std::string lines = readelf(file, "--debug-dump=decodedline");
  char row[100];
  std::vector<LineRow> rows;
  for (const FunctionCode& f : c.object.functions) {
    lines_of(c.object, f, c.source, rows);
    for (const LineRow& one : rows) {
      std::snprintf(row, sizeof row, "0x%llx", static_cast<unsigned long long>(kBase + one.offset));
      const size_t at = lines.find(row);
      ASSERT_NE(at, lines.npos) << row << lines;
      const size_t line_begin = lines.rfind('\n', at) + 1;
      EXPECT_NE(lines.substr(line_begin, at - line_begin).find(" " + std::to_string(one.line) + " "), lines.npos)
          << row << lines;
    }
  }
}
#endif

INSTANTIATE_TEST_SUITE_P(All, ElfObject, testing::ValuesIn(kEveryCompile));

} // namespace
} // namespace assay::debug
