// lower_folded_test.cpp - which loads become an operand of what reads them on x64, and what these operations say.
#include "compile_support.h"
#include "compiler/codegen/lowering.h"

namespace assay::codegen {
namespace {

LirFunction folded_in(const std::string& text) {
  CompileOptions options;
  options.level = Level::O2;
  return lower(text, options);
}

/// A function of an address, two integers, a pointer and a float; the body computes %r, of this type.
std::string reader(const std::string& type, const std::string& body) {
  return "memory 65536\nexport func @f(i32, i32, i64, ptr, f64) -> " + type +
         " {\n^e(%a: i32, %b: i32, %w: i64, %p: ptr, %x: f64):\n" + body + " return %r\n}\n";
}

bool has_op(const LirFunction& function, const std::string& name) {
  return (" " + op_names(function) + " ").find(" " + name + " ") != std::string::npos;
}

/// The operation has the load for an operand: nothing else loads, and traps are told by the load's place.
void expect_folded(const std::string& type, const std::string& body, const std::string& op, u32 origin) {
  const LirFunction f = folded_in(reader(type, body));
  const LirInst inst = find_op(f, op);
  EXPECT_NE(inst.flags & kFoldedLoad, 0) << body;
  EXPECT_EQ(inst.origin, origin) << body;
  for (const char* const load : {"load", "pload", "fload"}) EXPECT_FALSE(has_op(f, load)) << op_names(f);
}

void expect_not_folded(const std::string& type, const std::string& body) {
  const LirFunction f = folded_in(reader(type, body));
  for (const LirInst& inst : f.insts) EXPECT_EQ(inst.flags & kFoldedLoad, 0) << op_names(f);
}

TEST(LowerFolded, IntegerOperationsTakeALoadOnEitherSideWhereThatIsTheSame) {
  const std::string load = " %v = load.i32 %a, 8\n";
  for (const char* const each : {"add", "and", "or", "xor", "imul"}) {
    const std::string name = each == std::string("imul") ? "mul" : each, op = name == "add" ? "add.t" : each;
    expect_folded("i32", load + " %r = " + name + ".i32 %v, %b\n", op, 0);
    expect_folded("i32", load + " %r = " + name + ".i32 %b, %v\n", op, 0);
  }
  expect_folded("i32", load + " %r = sub.i32 %b, %v\n", "sub", 0);
  expect_not_folded("i32", load + " %r = sub.i32 %v, %b\n");
  expect_not_folded("i32", load + " %k = const.i32 77\n %r = add.i32 %v, %k\n"); // the sum goes where it was loaded to
}

TEST(LowerFolded, ComparisonsTakeItsExactWidthAndTurnWhereItComesFirst) {
  expect_folded("i8", " %v = load.i8 %a\n %k = const.i8 -7\n %r = lt_u.i8 %v, %k\n", "set.cmpi", 0);
  expect_folded("i8", " %v = load.i32 %a\n %r = lt_s.i32 %b, %v\n", "set.cmp", 0);
  const LirFunction turned = folded_in(reader("i8", " %v = load.i64 %a\n %r = lt_s.i64 %v, %w\n"));
  EXPECT_EQ(find_op(turned, "set.cmp").cond, static_cast<u8>(0xf)); // greater
  EXPECT_EQ(find_op(turned, "set.cmp").size, 8);
  expect_folded("i8", " %v = pload.f64 %p\n %r = flt.f64 %v, %x\n", "set.f", 0);
  expect_folded("i8", " %v = pload.f64 %p\n %r = fge.f64 %x, %v\n", "set.f", 0);
  expect_not_folded("i8", " %v = pload.f64 %p\n %r = fge.f64 %v, %x\n");
}

TEST(LowerFolded, ABranchMakesTheComparisonOfALoad) {
  const LirFunction f = folded_in(
      reader("i32", " %v = load.i16 %a\n %k = const.i16 9\n %c = ge_s.i16 %v, %k\n branch %c, ^y, ^n\n^y:\n return %a\n"
                    "^n:\n %r = xor.i32 %a, %b\n"));
  EXPECT_NE(find_op(f, "br.cmpi").flags & kFoldedLoad, 0);
  EXPECT_EQ(find_op(f, "br.cmpi").size, 2);
}

TEST(LowerFolded, ASelectHasNoPlaceForIt) {
  expect_not_folded("i32", " %v = load.i32 %a\n %c = lt_s.i32 %v, %b\n %r = select.i32 %c, %a, %b\n");
}

TEST(LowerFolded, FloatsTakeLoadsByPointerAndFaultThere) {
  for (const char* const op : {"fadd", "fsub", "fmul", "fdiv"}) {
    const std::string body = " %v = pload.f64 %p, 24\n %r = " + std::string(op) + ".f64 %x, %v\n";
    expect_folded("f64", body, op, 0);
    EXPECT_NE(find_op(folded_in(reader("f64", body)), op).flags & kMayFault, 0);
    EXPECT_EQ(find_op(folded_in(reader("f64", body)), op).aux, 24u);
  }
  expect_not_folded("f64", " %v = pload.f64 %p\n %r = fsub.f64 %v, %x\n");
}

TEST(LowerFolded, OnlyPureOperationsMayStandBetween) {
  const std::string load = " %v = load.i32 %a, 8\n", sum = " %r = add.i32 %q, %v\n";
  expect_folded("i32", load + " %q = mul.i32 %b, %b\n" + sum, "add.t", 0);
  expect_not_folded("i32", load + " %q = mul.i32 %b, %b\n store.i32 %a, 4, %b\n" + sum);
  expect_not_folded("i32", load + " fuel 1\n %q = mul.i32 %b, %b\n" + sum);
  expect_not_folded("i32", load + " %q = div_u.i32 %a, %b\n" + sum);
  expect_not_folded("i32", load + " %q = xor.i32 %b, %v\n" + sum); // two read it
}

TEST(LowerFolded, OfTwoLoadsTheSecondIsTheOperand) {
  const LirFunction f = folded_in(reader("i32", " %v = load.i32 %a\n %u = load.i32 %b\n %r = add.i32 %v, %u\n"));
  EXPECT_TRUE(has_op(f, "load")) << op_names(f);
  EXPECT_EQ(find_op(f, "add.t").origin, 1u);
}

TEST(LowerFolded, TheCodeReadsMemoryAndFaultsAtThatInstruction) {
  CompileOptions options;
  options.level = Level::O2;
  const CodeObject object = compile(reader("f64", " %v = pload.f64 %p, 16\n %r = fadd.f64 %v, %x\n"), options);
  ASSERT_EQ(object.faults.size(), 1u);
  EXPECT_EQ(object.faults[0].position, (Position{0, 0, 0}));
  bool found = false;
  for (const debug::Line& line : disassemble(object, object.functions[0])) {
    if (line.offset != object.faults[0].offset - object.functions[0].begin) continue;
    found = true;
    EXPECT_EQ(line.text.find("addsd"), 0u) << line.text;
  }
  EXPECT_TRUE(found);
}

} // namespace
} // namespace assay::codegen
