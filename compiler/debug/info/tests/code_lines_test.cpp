// code_lines_test.cpp - lines of code, at every call and fault site, for both targets and levels.
#include "support.h"

namespace assay::debug {
namespace {

class CodeLines : public EveryCompile {};

u32 line_at(const std::vector<LineRow>& rows, u32 offset) {
  u32 line = 0;
  for (const LineRow& row : rows)
    if (row.offset <= offset) line = row.line;
  return line;
}

u32 line_of(const Compiled& c, const Position& p) {
  return c.map.lines[p.function][c.module.functions[p.function].blocks[p.block].first_inst + p.inst];
}

TEST_P(CodeLines, AreExactBeforeEachReturnAddressAndAtEachFaultSite) {
  const Compiled c(GetParam().first, GetParam().second);
  u32 checked = 0;
  for (const FunctionCode& function : c.object.functions) {
    std::vector<LineRow> rows;
    lines_of(c.object, function, c.source, rows);
    if (function.is_thunk) {
      EXPECT_TRUE(rows.empty());
      continue;
    }
    ASSERT_GE(rows.size(), 2u);
    EXPECT_EQ(rows[0].offset, function.begin);
    EXPECT_EQ(rows[0].line, declared_at(function, c.source));
    for (size_t i = 1; i < rows.size(); ++i) EXPECT_LT(rows[i - 1].offset, rows[i].offset);
    EXPECT_LT(rows.back().offset, function.end);
    for (const PcPosition& call : c.object.positions) {
      if (call.offset <= rows[1].offset || call.offset <= function.begin || call.offset > function.end) continue;
      EXPECT_EQ(line_at(rows, call.offset - 1), line_of(c, call.position)) << "at " << call.offset;
      ++checked;
    }
    for (const FaultSite& fault : c.object.faults) {
      if (fault.offset < function.begin || fault.offset >= function.end) continue;
      EXPECT_EQ(line_at(rows, fault.offset), line_of(c, fault.position)) << "at " << fault.offset;
    }
  }
  EXPECT_GE(checked, 3u);
}

TEST_P(CodeLines, NameTheCallsInOrder) {
  const Compiled c(GetParam().first, GetParam().second);
  std::vector<LineRow> rows;
  lines_of(c.object, c.function("twice"), c.source, rows);
  std::vector<u32> lines;
  for (const LineRow& row : rows) lines.push_back(row.line);
  ASSERT_GE(lines.size(), 4u);
  lines.resize(4);
  EXPECT_EQ(lines, (std::vector<u32>{kTwiceLine, kFirstCall, kLogCall, kSecondCall}));
}

TEST_P(CodeLines, OfAnUnknownSourceAreNone) {
  const Compiled c(GetParam().first, GetParam().second);
  std::vector<LineRow> rows(1);
  lines_of(c.object, c.function("leaf"), DebugSource{"x.air", nullptr, nullptr}, rows);
  EXPECT_TRUE(rows.empty());
  SourceMap empty; // of another parse: no index may be believed
  lines_of(c.object, c.function("leaf"), DebugSource{"x.air", &c.module, &empty}, rows);
  EXPECT_TRUE(rows.empty());
}

TEST_P(CodeLines, NamesTellThunksApart) {
  const Compiled c(GetParam().first, GetParam().second);
  EXPECT_EQ(shown_name(c.object, c.function("leaf")), "leaf");
  EXPECT_EQ(shown_name(c.object, c.function("log")), "import_log");
}

INSTANTIATE_TEST_SUITE_P(All, CodeLines, testing::ValuesIn(kEveryCompile));

} // namespace
} // namespace assay::debug
