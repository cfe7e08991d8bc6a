// perf_records_test.cpp - map lines and jitdump records, read by a strict reader written from perf's specification.
#include "compiler/debug/info/perf_records.h"
#include "support.h"

namespace assay::debug {
namespace {

class PerfRecords : public EveryCompile {};

constexpr u64 kBase = 0x7fff00001000;
constexpr DumpProcess kProcess{1234, 1235, 99};

TEST_P(PerfRecords, MapLinesAreStartSizeName) {
  const Compiled c(GetParam().first, GetParam().second);
  std::string expected, text;
  char line[100];
  for (const FunctionCode& f : c.object.functions) {
    std::snprintf(line, sizeof line, "%llx %x %s\n", static_cast<unsigned long long>(kBase + f.begin), f.end - f.begin,
                  shown_name(c.object, f).c_str());
    expected += line;
  }
  append_perf_map(c.object, kBase, text);
  EXPECT_EQ(text, expected);
}

TEST_P(PerfRecords, ANameCannotBreakItsLine) {
  Compiled c(GetParam().first, GetParam().second);
  for (std::string& name : c.object.names) name = "a\nb";
  std::string text;
  append_perf_map(c.object, kBase, text);
  EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')), c.object.functions.size());
}

/// What stands before a function's code in the dump.
struct Before {
  bool lines = false, frames = false;
};

void read_lines(Reader& r, const Compiled& c, const FunctionCode& f) {
  std::vector<LineRow> rows;
  lines_of(c.object, f, c.source, rows);
  EXPECT_EQ(r.number(8), kBase + f.begin);
  ASSERT_EQ(r.number(8), rows.size());
  for (const LineRow& row : rows) {
    EXPECT_EQ(r.number(8), kBase + row.offset);
    EXPECT_EQ(r.number(4), row.line);
    EXPECT_EQ(r.number(4), 0u);
    EXPECT_EQ(r.text(), "dir/lines.air");
  }
}

/// .eh_frame and .eh_frame_hdr, as they stand behind the function: each reference leads where it should.
void read_frames(Reader& r, const FunctionCode& f) {
  const u64 size = r.number(8), header_size = r.number(8);
  EXPECT_EQ(r.number(8), 0u); // not mapped
  ASSERT_GT(size, header_size);
  const u64 frames_at = (f.end - f.begin + 7) & ~u64{7}, header_at = frames_at + size - header_size;
  const u8* const section = r.skip(size);
  Reader header(section + size - header_size, header_size);
  EXPECT_EQ(header.number(4), 0x3b031b01u);
  const auto relative = [&] { return static_cast<i64>(static_cast<i32>(header.number(4))); };
  EXPECT_EQ(static_cast<i64>(header_at) + 4 + relative(), static_cast<i64>(frames_at));
  EXPECT_EQ(header.number(4), 1u);
  EXPECT_EQ(static_cast<i64>(header_at) + relative(), 0); // the function
  const i64 fde_at = static_cast<i64>(header_at) + relative() - static_cast<i64>(frames_at);
  EXPECT_EQ(header.left(), 0u);
  Reader fde(section + fde_at, size - static_cast<u64>(fde_at));
  fde.number(4);
  const u64 back = fde.number(4);
  EXPECT_EQ(static_cast<i64>(back), fde_at + 4) << "the CIE comes first";
  const i64 begin = static_cast<i64>(frames_at) + fde_at + 8 + static_cast<i32>(fde.number(4));
  EXPECT_EQ(begin, 0);
  EXPECT_EQ(fde.number(4), f.end - f.begin);
}

TEST_P(PerfRecords, DumpHasLinesAndFramesBeforeEachFunctionsCode) {
  const Compiled c(GetParam().first, GetParam().second);
  std::vector<u8> bytes;
  append_dump_header(c.object.target, kProcess, bytes);
  u64 index = 7;
  append_dump_code(c.object, c.object.code.data(), kBase, &c.source, kProcess, index, bytes);
  EXPECT_EQ(index, 7 + c.object.functions.size());
  Reader r(bytes.data(), bytes.size());
  EXPECT_EQ(r.number(4), 0x4a695444u);
  EXPECT_EQ(r.number(4), 1u);
  EXPECT_EQ(r.number(4), 40u);
  EXPECT_EQ(r.number(4), c.object.target == Target::X64 ? 62u : 183u);
  EXPECT_EQ(r.number(4), 0u);
  EXPECT_EQ(r.number(4), kProcess.pid);
  EXPECT_EQ(r.number(8), kProcess.time);
  EXPECT_EQ(r.number(8), 0u);
  size_t function = 0;
  Before before;
  while (r.left() != 0) {
    const u64 begin = r.position(), id = r.number(4), size = r.number(4);
    EXPECT_EQ(r.number(8), kProcess.time);
    ASSERT_LT(function, c.object.functions.size());
    const FunctionCode& f = c.object.functions[function];
    if (id == 2) {
      read_lines(r, c, f);
      before.lines = true;
    } else if (id == 4) {
      read_frames(r, f);
      before.frames = true;
      r.skip(begin + size - r.position());
      EXPECT_EQ(size % 8, 0u);
    } else {
      ASSERT_EQ(id, 0u);
      EXPECT_TRUE(before.frames);
      EXPECT_EQ(before.lines, !f.is_thunk);
      EXPECT_EQ(r.number(4), kProcess.pid);
      EXPECT_EQ(r.number(4), kProcess.tid);
      EXPECT_EQ(r.number(8), kBase + f.begin);
      EXPECT_EQ(r.number(8), kBase + f.begin);
      EXPECT_EQ(r.number(8), f.end - f.begin);
      EXPECT_EQ(r.number(8), 7 + function);
      EXPECT_EQ(r.text(), shown_name(c.object, f));
      EXPECT_EQ(std::memcmp(r.skip(f.end - f.begin), c.object.code.data() + f.begin, f.end - f.begin), 0);
      before = {};
      ++function;
    }
    EXPECT_EQ(r.position(), begin + size);
  }
  EXPECT_EQ(function, c.object.functions.size());
}

INSTANTIATE_TEST_SUITE_P(All, PerfRecords, testing::ValuesIn(kEveryCompile));

} // namespace
} // namespace assay::debug
