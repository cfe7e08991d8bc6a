// compile_tables_test.cpp - positions, faults, relocations and jump tables agree with the code they describe.
#include "compile_support.h"

#include <cstring>
#include <set>

namespace assay::codegen {
namespace {

constexpr const char* kProgram = R"(
memory 65536
import @log(i64)
table [@f]
export func @f(i64, i32) -> i64 {
^e(%a: i64, %i: i32):
  fuel 3
  call @log(%a)
  %d = div_s.i64 %a, %a
  %l = load.i64 %i, 8
  %p = func_addr @f
  %w = pload.i64 %p, 4294967296
  pstore8.i64 %p, 0, %w
  branch %d, ^t, ^u
^t:
  %r = call_indirect (i64, i32) -> i64 %i(%l, %i)
  return %r
^u:
  %s = call_ptr (i64, i32) -> i64 %p(%d, %i)
  trap user3
}
)";

TEST(Tables, EveryCallHasAPositionAndNothingElseHas) {
  const CodeObject object = compile(kProgram);
  std::set<u32> returns;
  for (const FunctionCode& f : object.functions) {
    if (f.is_thunk) continue;
    for (const debug::Line& line : disassemble(object, f)) {
      if (line.text.rfind("call", 0) == 0) returns.insert(line.offset + line.length);
    }
  }
  // disassemble() counts from the function's first byte or from the object's: normalise by the first entry.
  std::set<u32> positions;
  const u32 begin = object.functions[object.function_entry[1]].begin;
  for (const PcPosition& p : object.positions) positions.insert(p.offset - begin);
  EXPECT_EQ(returns, positions);
}

TEST(Tables, PositionsNameTheInstruction) {
  const CodeObject object = compile(kProgram);
  std::set<std::pair<u32, u32>> places;
  for (const PcPosition& p : object.positions) {
    EXPECT_EQ(p.position.function, 1u);
    places.insert({p.position.block, p.position.inst});
  }
  // fuel, call, division, load, call_indirect, call_ptr, trap; the stack check is (0, 0) too.
  EXPECT_EQ(places, (std::set<std::pair<u32, u32>>{{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 0}, {2, 0}, {2, 1}}));
}

TEST(Tables, TablesAreSortedAndFoundByOffset) {
  const CodeObject object = compile(kProgram);
  for (std::size_t i = 1; i < object.positions.size(); ++i)
    EXPECT_LT(object.positions[i - 1].offset, object.positions[i].offset);
  for (const PcPosition& p : object.positions) EXPECT_EQ(object.position_at(p.offset), &p);
  for (const FaultSite& f : object.faults) EXPECT_EQ(object.fault_at(f.offset), &f);
  EXPECT_EQ(object.position_at(object.positions[0].offset + 1), nullptr);
  EXPECT_EQ(object.position_at(0xffffffff), nullptr);
  EXPECT_EQ(object.fault_at(0), nullptr);
}

TEST(Tables, NativeAccessesAreFaultSitesAtTheirInstruction) {
  const CodeObject object = compile(kProgram);
  ASSERT_EQ(object.faults.size(), 2u);
  EXPECT_EQ(object.faults[0].position, (Position{1, 0, 5}));
  EXPECT_EQ(object.faults[1].position, (Position{1, 0, 6}));
  const FunctionCode& f = object.functions[object.function_entry[1]];
  u32 found = 0;
  for (const debug::Line& line : disassemble(object, f)) {
    for (const FaultSite& site : object.faults) {
      if (site.offset - f.begin != line.offset) continue;
      ++found;
      EXPECT_EQ(line.text.rfind("mov ", 0), 0u) << line.text;
      EXPECT_NE(line.text.find('['), std::string::npos) << line.text;
    }
  }
  EXPECT_EQ(found, 2u);
}

TEST(Tables, RelocationsAreTheCallsAndAddressesOfFunctions) {
  const CodeObject object = compile(kProgram);
  ASSERT_EQ(object.relocs.size(), 4u); // call @log; func_addr @f is made at each of three uses
  EXPECT_EQ(object.relocs[0].function, 0u);
  EXPECT_EQ(object.relocs[1].function, 1u);
  for (const Reloc& r : object.relocs) {
    EXPECT_EQ(r.kind, RelocKind::Rel32);
    EXPECT_EQ(r.addend, 0);
    u32 field = 1;
    std::memcpy(&field, object.code.data() + r.offset, 4);
    EXPECT_EQ(field, 0u);
  }
}

TEST(Tables, ATrapStubIsFollowedByCodeOfItsFunction) {
  const CodeObject object = compile(kProgram);
  for (const PcPosition& p : object.positions) {
    const FunctionCode& f = object.functions[object.function_entry[1]];
    EXPECT_LT(p.offset, f.end);
  }
}

TEST(Tables, JumpTableEntriesLeadToInstructionsOfTheFunction) {
  std::string text = "export func @f(i32) -> i32 {\n^e(%a: i32):\n switch.i32 %a [";
  for (int i = -3; i < 9; ++i) text += (i == -3 ? "" : ", ") + std::to_string(i) + ": ^b" + std::to_string(i + 3);
  text += "], ^d\n";
  for (int i = 0; i < 12; ++i)
    text += "^b" + std::to_string(i) + ":\n %r" + std::to_string(i) + " = const.i32 " + std::to_string(i) +
            "\n return %r" + std::to_string(i) + "\n";
  const CodeObject sparse = compile(text + "^d:\n return %a\n}");
  EXPECT_TRUE(sparse.rodata.empty()) << "-3 and 0 lie far apart as unsigned values";
  for (int i = -3; i < 0; ++i) text.replace(text.find(std::to_string(i) + ": "), 2, "1" + std::to_string(-i + 3));
  const CodeObject object = compile(text + "^d:\n return %a\n}");
  ASSERT_EQ(object.rodata.size() % 4, 0u);
  ASSERT_GE(object.rodata.size(), 4 * 12u);
  const FunctionCode& f = object.functions[0];
  std::set<u32> starts;
  for (const debug::Line& line : disassemble(object, f)) starts.insert(line.offset + f.begin);
  for (std::size_t i = 0; i < object.rodata.size(); i += 4) {
    i32 distance = 0;
    std::memcpy(&distance, object.rodata.data() + i, 4);
    EXPECT_TRUE(starts.count(object.rodata_offset() + static_cast<u32>(distance)) == 1) << "entry " << i / 4;
  }
}

} // namespace
} // namespace assay::codegen
