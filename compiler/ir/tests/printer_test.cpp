// printer_test.cpp - the canonical text, and its round trip for every row of the table with every type.
#include "assay/text.h"

#include "assay/verify.h"
#include "compiler/ir/tests/every_row.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

std::string reprint(std::string_view text) {
  const Result<Module> m = parse_module(text);
  return m ? to_text(*m) : m.error().to_string();
}

const char kCanonical[] = R"(memory 65536 131072
data 16 "\01\02hello\n\"\\\ff"
global @g : f64 = -inf
global @h : i8 = -1
tag @t(i32)
tag @u()
import @imp(i32)
import @two(i32, f64) -> i64, f32
table [@later, null, @imp]

export func @main(i64) -> i64, i32 {
  slot $s0 : 64 align 16
  slot $s1 : 1 align 1
  local $l0 : i64
  local $l1 : ptr
^b0(%0: i64):
  %1 = const.i64 -5
  %2 = const.f32 0x1.8p+1
  %3 = const.f64 nan:0x7ff0000000000001
  %4, %5 = add_o_s.i64 %0, %1
  %6 = slot_addr $s1
  pstore.i64 %6, 8, %4
  %7 = load.i32 %0, 0
  store8.i32 %7, 18446744073709551615, %7
  %8 = call @later(%7)
  %9, %10 = call_indirect (i32, f64) -> i64, f32 %0(%7, %3)
  call_ptr () %6()
  %11 = func_addr @two
  local_set.ptr $l1, %11
  %12 = global_get.f64 @g
  switch.i32 %8 [0: ^b4, -1: ^b1(%1)], ^b4
^b1(%13: i64):
  fuel 3
  try_call @imp(%7) -> ^b4, catch @t ^b2(%13), catch_all ^b3
^b2(%14: i32, %15: i64):
  trap user3
^b3(%16: ptr):
  rethrow %16
^b4:
  branch %7, ^b5, ^b6
^b5:
  try_call_indirect (i32) %7(%7) -> ^b6
^b6:
  return %4, %7
^b7:
  %17 = zext.i64.i8 %5
  jump ^b1(%17)
}

func @later(i32) -> i32 {
^b0(%0: i32):
  tail_call @later(%0)
}
)";

TEST(Printer, CanonicalTextPrintsAsItStands) {
  ASSERT_TRUE(parse_and_verify(kCanonical).ok()) << parse_and_verify(kCanonical).error().to_string();
  EXPECT_EQ(reprint(kCanonical), kCanonical);
}

TEST(Printer, NamesAndSpacingAndLiteralsBecomeCanonical) {
  EXPECT_EQ(reprint("func @f(f32)->f32{local $i:i8 slot $q:8\n^start(%x:f32):%c=const.f32 1.5 %d=fadd.f32 %x,%c jump "
                    "^end(%d)\n^end(%r:f32):return %r}"),
            "func @f(f32) -> f32 {\n  slot $s0 : 8 align 8\n  local $l0 : i8\n^b0(%0: f32):\n  %1 = const.f32 "
            "0x1.8p+0\n  %2 = fadd.f32 %0, %1\n"
            "  jump ^b1(%2)\n^b1(%3: f32):\n  return %3\n}\n");
}

TEST(Printer, MemoryPrintsItsMaximumOnlyWhenUnusual) {
  EXPECT_EQ(reprint("memory 65536"), "memory 65536\n");
  EXPECT_EQ(reprint("memory 65536 16777216"), "memory 65536\n");
  EXPECT_EQ(reprint("memory 0x10000 65536"), "memory 65536 65536\n");
  EXPECT_EQ(reprint("memory 33554432"), "memory 33554432\n");
}

TEST(Printer, AnEmptyModuleIsAnEmptyText) { EXPECT_EQ(to_text(Module()), ""); }

TEST(Printer, FunctionsAreSeparatedByOneBlankLine) {
  EXPECT_EQ(reprint("func @a() {\n^a:\n return\n}\n\n\nfunc @b() {\n^a:\n return\n}"),
            "func @a() {\n^b0:\n  return\n}\n\nfunc @b() {\n^b0:\n  return\n}\n");
}

TEST(Printer, PrintingAppends) {
  const Result<Module> m = parse_module("import @a()");
  std::string out = "x";
  print_module(*m, out);
  print_function(*m, 0, out);
  print_function(*m, 7, out);
  EXPECT_EQ(out, "ximport @a()\nimport @a()\n");
}

TEST(Printer, EveryRowWithEveryTypeSurvivesTheRoundTrip) {
  u32 count = 0;
  for (const testing::RowUse& use : testing::every_row()) {
    const std::string text = to_text(use.module);
    const Result<void> valid = verify(use.module);
    ASSERT_TRUE(valid.ok()) << text << valid.error().to_string();
    const Result<Module> again = parse_and_verify(text);
    ASSERT_TRUE(again.ok()) << text << again.error().to_string();
    EXPECT_EQ(to_text(*again), text);
    const Inst &written = use.module.functions[1].insts[0], &read = again->functions[1].insts[0];
    EXPECT_EQ(read.op, use.op) << text;
    EXPECT_EQ(read.type, use.type) << text;
    EXPECT_EQ(read.from, use.from) << text;
    EXPECT_EQ(read.imm, written.imm) << text;
    EXPECT_EQ(read.operand_count, written.operand_count) << text;
    EXPECT_EQ(read.result_count, written.result_count) << text;
    EXPECT_EQ(read.edge_count, written.edge_count) << text;
    const bool signature = written.ref != kNone && info(use.op).form >= Form::CallIndirect;
    if (!signature) {
      EXPECT_EQ(read.ref, written.ref) << text;
    }
    EXPECT_EQ(again->functions[1].value_types, use.module.functions[1].value_types) << text;
    ++count;
  }
  EXPECT_GT(count, kOpcodeCount * 2);
}

TEST(Printer, EveryRowIsReadWithUnusualSpacingToo) {
  for (const testing::RowUse& use : testing::every_row()) {
    const std::string text = to_text(use.module);
    std::string spaced;
    for (char c : text) spaced += c == ' ' || c == '\n' ? std::string(" ;x\n\t") : std::string(1, c);
    EXPECT_EQ(reprint(spaced), text);
  }
}

TEST(Printer, ValuesAreRenumberedInOrderOfAppearance) {
  Module m;
  Function f;
  f.name = "f";
  f.signature = m.intern_signature({}, {});
  m.functions.push_back(f);
  FunctionBuilder b(m, 0);
  const BlockId entry = b.entry(), second = b.block(std::array<Type, 1>{Type::I8});
  const BlockId third = b.block(std::array<Type, 1>{Type::I8});
  b.begin(third), b.ret({});
  b.begin(entry);
  const ValueId c = b.iconst(Type::I8, 1);
  b.jump(third, {c});
  b.begin(second), b.jump(third, {b.param(second, 0)});
  EXPECT_EQ(to_text(m), "func @f() {\n^b0:\n  %0 = const.i8 1\n  jump ^b2(%0)\n^b1(%1: i8):\n  jump ^b2(%1)\n^b2(%2: "
                        "i8):\n  return\n}\n");
}

TEST(Printer, AnInvalidModulePrintsQuestionMarks) {
  Result<Module> m = parse_module(kCanonical);
  ASSERT_TRUE(m.ok());
  for (u32& v : m->functions[2].pool) v = 1000000;
  for (Inst& i : m->functions[2].insts) i.ref = 1000000;
  m->functions[2].insts[0].op = static_cast<Opcode>(250);
  m->functions[2].insts[1].first_result = 0xfffffff0;
  m->functions[2].insts[1].result_count = 0xffffffff;
  m->functions[2].blocks[1].first_inst = 0xfffffff0;
  m->functions[2].blocks[2].param_count = 0xffffffff;
  m->table[0] = 99;
  m->functions[3].signature = 99;
  const std::string text = to_text(*m);
  EXPECT_NE(text.find("%?"), std::string::npos);
  EXPECT_NE(text.find("@?"), std::string::npos);
  EXPECT_NE(text.find("(?)"), std::string::npos);
}

} // namespace
} // namespace assay
