// lower_test.cpp - which LIR the x64 rules make: immediates, fusion, extension, checks; and LIR's invariants.
#include "compile_support.h"
#include "compiler/codegen/lowering.h"
#include "compiler/opt/pipeline.h"
#include "compiler/target/x64/lir_ops.h"

namespace assay::codegen {
namespace {

using x64::Cond;

std::string lowered(std::string_view text, CompileOptions options = {}) { return op_names(lower(text, options)); }

/// A function of two values of the type, whose body computes %r.
std::string binary(const std::string& type, const std::string& body, const std::string& result = "") {
  const std::string r = result.empty() ? type : result;
  return "export func @f(" + type + ", " + type + ") -> " + r + " {\n^e(%a: " + type + ", %b: " + type + "):\n" + body +
         "\n return %r\n}\n";
}

// ---- constants ---------------------------------------------------------------------------------------

TEST(Lower, ConstantOperandBecomesAnImmediate) {
  const LirFunction f = lower(binary("i64", " %c = const.i64 7\n %r = xor.i64 %a, %c"));
  EXPECT_EQ(op_names(f), "args xor.i ret");
  EXPECT_EQ(find_op(f, "xor.i").imm, 7);
}

TEST(Lower, ConstantOnTheLeftOfACommutativeOperationBecomesAnImmediate) {
  EXPECT_EQ(lowered(binary("i32", " %c = const.i32 7\n %r = mul.i32 %c, %a")), "args imul.i ret");
  EXPECT_EQ(lowered(binary("i32", " %c = const.i32 7\n %r = sub.i32 %c, %a")), "args imm sub ret");
}

TEST(Lower, ProductsByPowersOfTwoAreShifts) {
  for (const u32 shift : {1u, 7u, 30u}) {
    const std::string product = " %c = const.i64 " + std::to_string(u64{1} << shift) + "\n %r = mul.i64 %c, %a\n";
    EXPECT_EQ(find_op(lower(binary("i64", product)), "shl.i").imm, shift);
  }
  EXPECT_EQ(lowered(binary("i8", " %c = const.i8 -128\n %r = mul.i8 %a, %c")), "args imul.i ret");
  EXPECT_EQ(lowered(binary("i64", " %c = const.i64 1\n %r = mul.i64 %a, %c")), "args imul.i ret");
}

TEST(Lower, ProductsByThreeFiveAndNineAreSumsAndTakeAConstantAlong) {
  for (const u32 factor : {3u, 5u, 9u}) {
    const std::string product = " %c = const.i64 " + std::to_string(factor) + "\n %p = mul.i64 %a, %c\n";
    const LirFunction f = lower(binary("i64", product + " %k = const.i64 -7\n %r = add.i64 %p, %k"));
    EXPECT_EQ(op_names(f), "args times ret");
    EXPECT_EQ(1u + (1u << find_op(f, "times").aux), factor);
    EXPECT_EQ(find_op(f, "times").imm, -7);
    EXPECT_EQ(lowered(binary("i64", product + " %k = const.i64 7\n %s = add.i64 %p, %k\n %r = xor.i64 %p, %s")),
              "args times add.i xor ret")
        << "the product is read elsewhere";
    EXPECT_EQ(lowered(binary("i64", product + " %q = xor.i64 %a, %b\n %k = const.i64 7\n %s = add.i64 %p, %k\n"
                                              " %r = xor.i64 %q, %s")),
              "args times xor add.i xor ret");
  }
  EXPECT_EQ(lowered(binary("i8", " %c = const.i8 3\n %r = mul.i8 %a, %c")), "args times ret");
  EXPECT_EQ(lowered(binary("i64",
                           " %c = const.i64 3\n %p = mul.i64 %a, %c\n %n = trunc.i32.i64 %p\n %d = const.i32 1\n"
                           " %r = add.i32 %n, %d",
                           "i32")),
            "args times add.i ret")
      << "the product has another type, and perhaps other readers";
}

TEST(Lower, ImmediatesOf64BitsAreOnlyThoseThatSignExtend) {
  EXPECT_EQ(lowered(binary("i64", " %c = const.i64 0x80000000\n %r = and.i64 %a, %c")), "args imm and ret");
  EXPECT_EQ(lowered(binary("i64", " %c = const.i64 0xffffffff\n %r = and.i64 %a, %c")), "args imm and ret");
  EXPECT_EQ(find_op(lower(binary("i64", " %c = const.i64 -2147483648\n %r = and.i64 %a, %c")), "and.i").imm,
            -2147483648LL);
  EXPECT_EQ(lowered(binary("i32", " %c = const.i32 0x80000000\n %r = and.i32 %a, %c")), "args and.i ret");
}

TEST(Lower, SubtractionOfTheLeastImmediateIsNotNegated) {
  EXPECT_EQ(find_op(lower(binary("i64", " %c = const.i64 5\n %r = sub.i64 %a, %c")), "add.i").imm, -5);
  EXPECT_EQ(lowered(binary("i64", " %c = const.i64 -2147483648\n %r = sub.i64 %a, %c")), "args imm sub ret");
  EXPECT_EQ(lowered(binary("i32", " %c = const.i32 -2147483648\n %r = sub.i32 %a, %c")), "args imm sub ret");
}

TEST(Lower, UnusedValuesAreNotMade) {
  EXPECT_EQ(lowered(binary("i64", " %c = const.i64 5\n %d = mul.i64 %a, %b\n %r = add.i64 %a, %b")), "args add ret");
}

TEST(Lower, UnusedOperationsThatTrapStay) {
  EXPECT_EQ(lowered(binary("i64", " %d = div_u.i64 %a, %b\n %r = add.i64 %a, %b")), "args div_u add ret");
}

TEST(Lower, EachUseOfAConstantMakesItsOwn) {
  EXPECT_EQ(
      lowered(
          "export func @f(f64) -> f64 {\n^e(%a: f64):\n %c = const.f64 2.5\n %x = fadd.f64 %a, %c\n %r = fmul.f64 %x, %c\n return %r\n}"),
      "args fimm fadd fimm fmul ret");
}

// ---- narrow types ------------------------------------------------------------------------------------

TEST(Lower, NarrowAdditionDoesNotExtend) { EXPECT_EQ(lowered(binary("i8", " %r = add.i8 %a, %b")), "args add ret"); }

TEST(Lower, NarrowRightShiftsAndDivisionsExtendFirst) {
  EXPECT_EQ(lowered(binary("i8", " %c = const.i8 3\n %r = shr_u.i8 %a, %c")), "args zx shr.i ret");
  EXPECT_EQ(lowered(binary("i16", " %c = const.i16 3\n %r = shr_s.i16 %a, %c")), "args sx sar.i ret");
  EXPECT_EQ(lowered(binary("i16", " %r = div_u.i16 %a, %b")), "args zx zx div_u ret");
  EXPECT_EQ(lowered(binary("i8", " %r = rem_s.i8 %a, %b")), "args sx sx rem_s ret");
}

TEST(Lower, NarrowCompareUsesTheExactWidth) {
  EXPECT_EQ(find_op(lower(binary("i8", " %r = lt_u.i8 %a, %b")), "set.cmp").size, 1);
  EXPECT_EQ(find_op(lower(binary("i16", " %r = lt_u.i16 %a, %b", "i8")), "set.cmp").size, 2);
}

TEST(Lower, TruncationIsTheSameRegister) {
  EXPECT_EQ(lowered("export func @f(i64) -> i8 {\n^e(%a: i64):\n %r = trunc.i8.i64 %a\n return %r\n}"), "args ret");
}

TEST(Lower, ZeroExtensionOf32BitsIsNeverLeftOut) {
  EXPECT_EQ(
      lowered(
          "export func @f(i64) -> i64 {\n^e(%a: i64):\n %t = trunc.i32.i64 %a\n %r = zext.i64.i32 %t\n return %r\n}"),
      "args zx ret");
}

// ---- shifts, divisions ---------------------------------------------------------------------------------

TEST(Lower, ShiftCountsAreTakenModuloTheWidth) {
  EXPECT_EQ(find_op(lower(binary("i32", " %c = const.i32 33\n %r = shl.i32 %a, %c")), "shl.i").imm, 1);
  EXPECT_EQ(find_op(lower(binary("i8", " %c = const.i8 9\n %r = shl.i8 %a, %c")), "shl.i").imm, 1);
  EXPECT_EQ(find_op(lower(binary("i64", " %c = const.i64 -1\n %r = shl.i64 %a, %c")), "shl.i").imm, 63);
}

TEST(Lower, ShiftByAMultipleOfTheWidthIsTheValueItself) {
  EXPECT_EQ(lowered(binary("i32", " %c = const.i32 32\n %r = shr_u.i32 %a, %c")), "args ret");
  EXPECT_EQ(lowered(binary("i16", " %c = const.i16 16\n %r = rotl.i16 %a, %c")), "args ret");
}

TEST(Lower, VariableCountsOfNarrowShiftsAreMasked) {
  const LirFunction f = lower(binary("i8", " %r = shl.i8 %a, %b"));
  EXPECT_EQ(op_names(f), "args and.i shl.c ret");
  EXPECT_EQ(find_op(f, "and.i").imm, 7);
  EXPECT_EQ(lowered(binary("i32", " %r = shl.i32 %a, %b")), "args shl.c ret");
}

TEST(Lower, DivisionByAConstantNeedsOnlyTheChecksThatCanFail) {
  EXPECT_EQ(find_op(lower(binary("i32", " %r = div_s.i32 %a, %b")), "div_s").flags, kCheckZero | kCheckMinusOne);
  EXPECT_EQ(find_op(lower(binary("i32", " %c = const.i32 10\n %r = div_s.i32 %a, %c")), "div_s").flags, 0);
  EXPECT_EQ(find_op(lower(binary("i32", " %c = const.i32 -1\n %r = div_s.i32 %a, %c")), "div_s").flags, kCheckMinusOne);
  EXPECT_EQ(find_op(lower(binary("i32", " %c = const.i32 0\n %r = div_s.i32 %a, %c")), "div_s").flags, kCheckZero);
  EXPECT_EQ(find_op(lower(binary("i32", " %c = const.i32 -1\n %r = div_u.i32 %a, %c")), "div_u").flags, 0);
}

// ---- fusion ------------------------------------------------------------------------------------------

constexpr const char* kBranchTail = "\n branch %c, ^t, ^u\n^t:\n return %a\n^u:\n return %b\n}\n";

std::string branching(const std::string& type, const std::string& body) {
  return "export func @f(" + type + ", " + type + ") -> " + type + " {\n^e(%a: " + type + ", %b: " + type + "):\n" +
         body + kBranchTail;
}

TEST(Lower, ComparisonUsedOnceByTheNextBranchIsFused) {
  EXPECT_EQ(lowered(branching("i32", " %c = lt_s.i32 %a, %b")), "args br.cmp ret ret");
  EXPECT_EQ(lowered(branching("f32", " %c = flt.f32 %a, %b")), "args br.f ret ret");
}

TEST(Lower, ConstantsBetweenDoNotHinderFusion) {
  EXPECT_EQ(lowered(branching("i32", " %k = const.i32 3\n %c = lt_s.i32 %a, %k\n %z = const.i32 1")),
            "args br.cmpi ret ret");
}

TEST(Lower, ComparisonIsNotMovedOverAnotherOperation) {
  EXPECT_EQ(lowered(branching("i32", " %c = lt_s.i32 %a, %b\n fuel 1")), "args set.cmp fuel br.test ret ret");
}

TEST(Lower, ComparisonUsedTwiceIsNotFused) {
  EXPECT_EQ(
      lowered(
          "export func @f(i64, i64) -> i8 {\n^e(%a: i64, %b: i64):\n %c = lt_s.i64 %a, %b\n branch %c, ^t, ^u\n^t:\n return %c\n^u:\n trap user0\n}"),
      "args set.cmp br.test ret trap");
}

TEST(Lower, ConstantOnTheLeftExchangesTheCondition) {
  const LirInst branch = find_op(lower(branching("i32", " %k = const.i32 3\n %c = lt_s.i32 %k, %a")), "br.cmpi");
  EXPECT_EQ(static_cast<Cond>(branch.cond), Cond::G);
  EXPECT_EQ(branch.imm, 3);
}

TEST(Lower, FloatLessIsGreaterOfExchangedOperands) {
  const LirFunction f = lower(branching("f64", " %c = flt.f64 %a, %b"));
  const LirInst branch = find_op(f, "br.f");
  EXPECT_EQ(static_cast<x64::FCond>(branch.cond), x64::FCond::Gt);
  const LirInst args = find_op(f, "args");
  EXPECT_EQ(f.operands_of(branch)[0].vreg, f.operands_of(args)[1].vreg);
}

TEST(Lower, SelectTakesTheComparison) {
  EXPECT_EQ(lowered(binary("i64", " %c = eq.i64 %a, %b\n %r = select.i64 %c, %a, %b")), "args sel.cmp ret");
  EXPECT_EQ(lowered(binary("f32", " %c = feq.f32 %a, %b\n %r = select.f32 %c, %a, %b")), "args sel.f ret");
}

TEST(Lower, ComparisonSelectedAsAValueIsNotFused) {
  EXPECT_EQ(lowered(binary("i8", " %c = eq.i8 %a, %b\n %r = select.i8 %a, %c, %b")), "args set.cmp sel.test ret");
}

// ---- memory ------------------------------------------------------------------------------------------

std::string memory_function(const std::string& body) {
  return "memory 65536\nexport func @f(i32) -> i64 {\n^e(%a: i32):\n" + body + "\n return %r\n}\n";
}

TEST(Lower, ConstantAddressIsFoldedIntoTheAccess) {
  const LirFunction f = lower(memory_function(" %c = const.i32 100\n %r = load.i64 %c, 8"));
  EXPECT_EQ(op_names(f), "args load ret");
  EXPECT_EQ(find_op(f, "load").aux, 116u);
  EXPECT_EQ(find_op(f, "load").operand_count, 1);
}

TEST(Lower, AddressThatNoMemoryReachesIsATrap) {
  EXPECT_EQ(lowered(memory_function(" %r = load.i64 %a, 1073741817")), "args trap imm ret");
  EXPECT_EQ(lowered(memory_function(" %r = load.i64 %a, 18446744073709551615")), "args trap imm ret");
  EXPECT_EQ(lowered(memory_function(" %c = const.i32 -1\n %r = load.i64 %c, 8")), "args trap imm ret");
  EXPECT_EQ(lowered(memory_function(" %r = load.i64 %a, 1073741816")), "args load ret");
}

TEST(Lower, AConstantAddressWithinTheFirstSizeNeedsNoCheck) {
  EXPECT_TRUE(find_op(lower(memory_function(" %c = const.i32 65528\n %r = load.i64 %c, 0")), "load").flags &
              kSurelyInside);
  EXPECT_FALSE(find_op(lower(memory_function(" %c = const.i32 65528\n %r = load.i64 %c, 1")), "load").flags &
               kSurelyInside);
}

/// Of an access to element %a of an array, at -O2.
std::string element_at_o2(const std::string& address, const std::string& access = " %r = load.i64 %p, 16") {
  CompileOptions o2;
  o2.level = Level::O2;
  return lowered(memory_function(address + "\n" + access), o2);
}

TEST(Lower, AtO2AnIndexThatIsExtendedAndShiftedForAccessesAloneStaysAsItIs) {
  EXPECT_EQ(element_at_o2(" %w = sext.i64.i32 %a\n %k = const.i64 3\n %p = shl.i64 %w, %k"), "args membase load ret");
  EXPECT_EQ(element_at_o2(" %p = sext.i64.i32 %a"), "args membase load ret");
  EXPECT_EQ(element_at_o2(" %w = zext.i64.i32 %a\n %c = const.i64 100\n %p = add.i64 %w, %c"), "args membase load ret");
  EXPECT_EQ(element_at_o2(" %w = sext.i64.i32 %a\n %c = const.i64 100\n %p = add.i64 %w, %c"),
            "args membase sx add.i load ret")
      << "a negative index may lead into the memory";
  EXPECT_EQ(element_at_o2(" %w = sext.i64.i32 %a\n %k = const.i64 4\n %p = shl.i64 %w, %k"),
            "args membase sx shl.i load ret")
      << "there is no such scale";
  EXPECT_EQ(element_at_o2(" %p = sext.i64.i32 %a", " store.i64 %p, 8, %p\n %r = load.i64 %p, 16"),
            "args membase sx store load ret")
      << "the address is stored too";
}

TEST(Lower, AtO2AnIndexedAccessSaysItsScaleAndAllThatIsAdded) {
  CompileOptions o2;
  o2.level = Level::O2;
  const LirFunction f = lower(memory_function(" %w = zext.i64.i32 %a\n %k = const.i64 2\n %s = shl.i64 %w, %k\n"
                                              " %c = const.i64 100\n %p = add.i64 %s, %c\n %r = load.i64 %p, 16"),
                              o2);
  const LirInst& load = find_op(f, "load");
  EXPECT_EQ(load.cond, 2);
  EXPECT_EQ(load.aux, 100u + 16 + 8);
  EXPECT_EQ(load.flags & kWideAddress, 0);
}

TEST(Lower, AtO2WhatWasLoadedNeedsNoExtensionByZeros) {
  CompileOptions o2;
  o2.level = Level::O2;
  EXPECT_EQ(lowered(memory_function(" %b = load.i8 %a, 0\n %r = zext.i64.i8 %b"), o2), "args membase load ret");
  EXPECT_EQ(lowered(memory_function(" %b = load.i8 %a, 0\n %r = sext.i64.i8 %b"), o2), "args membase load sx ret");
  EXPECT_EQ(lowered(memory_function(" %b = trunc.i8.i32 %a\n %r = zext.i64.i8 %b"), o2), "args zx ret");
}

TEST(Lower, AtO2OneValueHoldsTheBaseOfMemory) {
  CompileOptions o2;
  o2.level = Level::O2;
  const LirFunction f = lower(memory_function(" store.i32 %a, 0, %a\n %r = load.i64 %a, 8"), o2);
  EXPECT_EQ(op_names(f), "args membase store load ret");
  EXPECT_EQ(f.operands_of(find_op(f, "load")).back().vreg, f.operands_of(find_op(f, "membase"))[0].vreg);
  EXPECT_EQ(find_op(f, "load").flags & (kBaseGiven | kFixedSize), kBaseGiven | kFixedSize);
  EXPECT_EQ(lowered("export func @f(i64) -> i64 {\n^e(%a: i64):\n return %a\n}", o2), "args ret");
}

TEST(Lower, AnAddressIsCheckedOnceWhereverThatIsSure) {
  CompileOptions o2;
  o2.level = Level::O2;
  const LirFunction f = lower(R"(memory 65536
export func @f(i32) -> i64 {
^e(%a: i32):
  %b = load.i32 %a, 8
  store.i32 %a, 4, %b
  branch %b, ^t, ^f
^t:
  %c = load.i64 %a, 0
  %d = load.i64 %a, 8
  jump ^j(%d)
^f:
  %z = const.i64 0
  jump ^j(%z)
^j(%p: i64):
  %e = load.i64 %a, 8
  %r = add.i64 %e, %p
  return %r
}
)",
                              o2);
  std::vector<u32> checked;
  for (const LirInst& inst : f.insts) {
    const std::string_view name = lir_names(Target::X64).op_name(inst.op);
    if (name == "load" || name == "store" || name == "add.t") checked.push_back((inst.flags & kSurelyInside) == 0);
  }
  EXPECT_EQ(checked, (std::vector<u32>{1, 0, 0, 1, 1})); // the last is behind a join
}

TEST(Lower, AnAccessThatTheOptimiserMarkedIsNotChecked) {
  CompileOptions o2;
  o2.level = Level::O2;
  const auto flags = [&](const char* mask, const char* before) {
    const std::string body = std::string(before) + " %m = const.i32 " + mask + "\n %i = and.i32 %a, %m\n";
    return find_op(lower(memory_function(body + " %r = load.i64 %i, 0"), o2), "load").flags;
  };
  EXPECT_NE(flags("127", "") & kSurelyInside, 0);
  EXPECT_EQ(flags("65535", "") & kSurelyInside, 0);
  EXPECT_NE(flags("127", " %g = memory_grow.i32 %a\n") & kSurelyInside, 0); // it never shrinks
  o2.passes.switched_off = 1u << static_cast<u32>(opt::PassId::Bounds);
  EXPECT_EQ(flags("127", "") & kSurelyInside, 0);
}

TEST(Lower, AtO2AnAddressWithZerosAboveItIsUsedAsItIs) {
  CompileOptions o2;
  o2.level = Level::O2;
  const auto is_clean = [&](const std::string& body) {
    return (find_op(lower(memory_function(body + " %r = load.i64 %i, 0"), o2), "load").flags & kCleanAddress) != 0;
  };
  const std::string one = " %one = const.i32 1\n";
  EXPECT_FALSE(is_clean(one + " %i = rotl.i32 %a, %one\n"));
  EXPECT_TRUE(is_clean(one + " %i = add.i32 %a, %one\n"));
  EXPECT_TRUE(is_clean(one + " %i = shl.i32 %a, %one\n"));
  EXPECT_FALSE(is_clean(" %c = call @f(%a)\n %i = trunc.i32.i64 %c\n"));
  EXPECT_EQ(find_op(lower(memory_function(" %r = load.i64 %a, 0"), o2), "load").flags & kCleanAddress, 0);
}

TEST(Lower, AtO2AnExtensionByZerosThatAreThereIsNothing) {
  CompileOptions o2;
  o2.level = Level::O2;
  const std::string access = " %v = load.i64 %a, 0\n %r = add.i64 %w, %v\n";
  EXPECT_EQ(lowered(memory_function(" %i = add.i32 %a, %a\n %w = zext.i64.i32 %i\n" + access), o2),
            "args membase shl.i add.t ret");
  EXPECT_EQ(lowered(memory_function(" %w = zext.i64.i32 %a\n" + access), o2), "args membase zx add.t ret");
}

TEST(Lower, AtO2ABaseAndAScaledIndexAreAddedAtOnce) {
  CompileOptions o2;
  o2.level = Level::O2;
  const auto names = [&](const char* count, const char* more) {
    return lowered(
        std::string("memory 65536\nexport func @f(i64, i64) -> i64 {\n^e(%a: i64, %b: i64):\n %n = const.i64 ") +
            count + "\n %s = shl.i64 %b, %n\n %i = add.i64 %s, %a\n %v = load.i64 %i, 0\n" + more + " return %r\n}\n",
        o2);
  };
  constexpr const char* kAlone = " %r = add.i64 %v, %a\n";
  EXPECT_EQ(names("3", kAlone), "args membase add.s add.t ret");
  EXPECT_EQ(names("4", kAlone), "args membase shl.i add add.t ret");
  EXPECT_EQ(names("3", " %r = add.i64 %v, %s\n"), "args membase shl.i add add.t ret"); // somebody else reads it
}

TEST(Lower, AtO2ABlocksParameterHasZerosAboveItWhereAllThatIsPassedHas) {
  CompileOptions o2;
  o2.level = Level::O2;
  const auto is_clean = [&](const std::string& first) {
    const LirFunction f =
        lower("memory 65536\nexport func @f(i32, i32) -> i32 {\n^e(%a: i32, %b: i32):\n" + first +
                  "\n %one = const.i32 1\n jump ^h(%s)\n^h(%i: i32):\n fuel 1\n" +
                  " %v = load.i32 %i, 0\n %n = add.i32 %i, %one\n branch %v, ^h(%n), ^x\n" + "^x:\n return %i\n}\n",
              o2);
    return (find_op(f, "load").flags & kCleanAddress) != 0;
  };
  EXPECT_TRUE(is_clean(" %s = const.i32 0"));
  EXPECT_TRUE(is_clean(" %s = add.i32 %a, %b"));
  EXPECT_FALSE(is_clean(" %s = rotl.i32 %a, %b"));
}

TEST(Lower, AMemoryThatMayGrowIsComparedWithItsPresentSize) {
  CompileOptions o2;
  o2.level = Level::O2;
  const std::string body = " %g = memory_grow.i32 %a\n";
  const LirFunction f = lower(memory_function(body + " %r = load.i64 %a, 65530"), o2);
  EXPECT_EQ(find_op(f, "load").flags & (kBaseGiven | kFixedSize), kBaseGiven + 0);
  EXPECT_EQ(lowered(memory_function(" %r = load.i64 %a, 65530"), o2), "args membase trap imm ret");
}

TEST(Lower, ConstantIsStoredDirectlyWhenItSignExtends) {
  EXPECT_EQ(lowered(memory_function(" %c = const.i64 -1\n store.i64 %a, 0, %c\n %r = load.i64 %a, 0")),
            "args store.i load ret");
  EXPECT_EQ(lowered(memory_function(" %c = const.i64 0x80000000\n store.i64 %a, 0, %c\n %r = load.i64 %a, 0")),
            "args imm store load ret");
}

TEST(Lower, AccessInsideASlotAddressesTheFrame) {
  EXPECT_EQ(
      lowered(
          "export func @f(i64) -> i64 {\n slot $s : 16 align 8\n^e(%a: i64):\n %p = slot_addr $s\n pstore.i64 %p, 8, %a\n %r = pload.i64 %p, 8\n return %r\n}"),
      "args fstore fload ret");
}

TEST(Lower, AccessBeyondASlotOrInAnOveralignedOneUsesItsAddress) {
  EXPECT_EQ(
      lowered(
          "export func @f() -> i64 {\n slot $s : 16 align 8\n^e:\n %p = slot_addr $s\n %r = pload.i64 %p, 9\n return %r\n}"),
      "args faddr pload ret");
  EXPECT_EQ(
      lowered(
          "export func @f() -> i64 {\n slot $s : 16 align 64\n^e:\n %p = slot_addr $s\n %r = pload.i64 %p, 0\n return %r\n}"),
      "args faddr pload ret");
}

// ---- features ----------------------------------------------------------------------------------------

TEST(Lower, ExtensionsAreUsedOnlyWhenAllowed) {
  CompileOptions all;
  all.features = {true, true, true, true, true};
  EXPECT_EQ(lowered(binary("i32", " %r = popcnt.i32 %a")), "args popcnt.soft ret");
  EXPECT_EQ(lowered(binary("i32", " %r = popcnt.i32 %a"), all), "args popcnt ret");
  EXPECT_EQ(find_op(lower(binary("i32", " %r = clz.i32 %a")), "clz").flags & kExtension, 0);
  EXPECT_NE(find_op(lower(binary("i32", " %r = clz.i32 %a"), all), "clz").flags & kExtension, 0);
  EXPECT_EQ(find_op(lower(binary("i32", " %r = ctz.i32 %a")), "ctz").flags & kExtension, 0);
  EXPECT_EQ(lowered(binary("f64", " %r = fma.f64 %a, %b, %b")), "args call.host ret");
  EXPECT_EQ(lowered(binary("f64", " %r = fma.f64 %a, %b, %b"), all), "args fma ret");
  EXPECT_EQ(lowered(binary("f32", " %r = fnearest.f32 %a")), "args call.host ret");
  EXPECT_EQ(lowered(binary("f32", " %r = fnearest.f32 %a"), all), "args fround ret");
}

// ---- calls and switches --------------------------------------------------------------------------------

TEST(Lower, RuntimeCallsClobberWhatTheHostClobbers) {
  CompileOptions wine;
  wine.os = Os::Windows;
  wine.host_os = Os::Linux;
  const LirFunction f = lower(binary("f64", " %r = fceil.f64 %a"), wine);
  const RegSet clobbers = f.clobber_sets[find_op(f, "call.host").clobbers];
  EXPECT_NE(clobbers & bit(x64::index_of(x64::Gpr::Rsi)), 0u);
  EXPECT_NE(clobbers & bit(x64::index_of(x64::Xmm::Xmm6)), 0u);
  EXPECT_EQ(clobbers & bit(x64::index_of(x64::Xmm::Xmm0)), 0u) << "the result's register is not a clobber";
}

TEST(Lower, CallsReserveTheShadowOnWindows) {
  const char* text = "import @g(i64)\nexport func @f(i64) {\n^e(%a: i64):\n call @g(%a)\n return\n}";
  CompileOptions windows;
  windows.os = Os::Windows;
  EXPECT_EQ(lower(text, windows).outgoing_bytes, 32u);
  CompileOptions system_v;
  system_v.os = Os::Linux;
  EXPECT_EQ(lower(text, system_v).outgoing_bytes, 0u);
}

TEST(Lower, SwitchWithoutCasesIsAJump) {
  EXPECT_EQ(
      lowered("export func @f(i32) -> i32 {\n^e(%a: i32):\n switch.i32 %a [], ^d(%a)\n^d(%x: i32):\n return %x\n}"),
      "args jump ret");
}

TEST(Lower, NarrowSwitchIsExtended) {
  EXPECT_EQ(
      lowered("export func @f(i8) {\n^e(%a: i8):\n switch.i8 %a [-1: ^d, 3: ^g], ^d\n^d:\n return\n^g:\n return\n}"),
      "args zx switch jump jump ret ret");
}

// ---- invariants ----------------------------------------------------------------------------------------

void expect_invariants(const LirFunction& f) {
  ASSERT_FALSE(f.blocks.empty());
  EXPECT_EQ(f.blocks[0].param_count, 0u);
  std::vector<u32> defined(f.vreg_count(), 0);
  for (u32 b = 0; b < f.blocks.size(); ++b) {
    const LirBlock& block = f.blocks[b];
    ASSERT_NE(block.inst_count, 0u);
    for (VReg v : f.params_of(block)) ++defined[v];
    bool forward_pred = b == 0;
    for (u32 p : f.preds_of(block)) forward_pred |= p < b;
    EXPECT_TRUE(forward_pred) << "b" << b << " has no predecessor before it";
    if (block.succ_count > 1) {
      EXPECT_EQ(block.arg_count, 0u);
      for (u32 s : f.succs_of(block)) EXPECT_EQ(f.blocks[s].pred_count, 1u) << "critical edge b" << b << " to b" << s;
    } else if (block.succ_count == 1) {
      EXPECT_EQ(block.arg_count, f.blocks[f.succs_of(block)[0]].param_count);
    }
    for (const LirInst& inst : f.insts_of(block)) {
      for (const Operand& o : f.operands_of(inst)) {
        if (o.role == Role::Def || o.role == Role::DefEarly || o.role == Role::Temp) ++defined[o.vreg];
        EXPECT_TRUE(o.where != Where::Tied || f.operands_of(inst)[o.index].role == Role::Use);
      }
    }
  }
  for (VReg v = 0; v < f.vreg_count(); ++v) EXPECT_EQ(defined[v], 1u) << "v" << v;
}

TEST(Lower, CriticalEdgesAndEdgesWithArgumentsAreSplit) {
  const LirFunction f = lower("export func @f(i64) -> i64 {\n^e(%n: i64):\n %z = const.i64 0\n jump ^h(%n, %z)\n"
                              "^h(%x: i64, %s: i64):\n fuel 1\n %c = eq.i64 %x, %s\n branch %c, ^o(%s), ^b\n"
                              "^b:\n %d = add.i64 %s, %x\n branch %d, ^h(%d, %x), ^o(%d)\n^o(%r: i64):\n return %r\n}");
  expect_invariants(f);
  EXPECT_EQ(f.blocks.size(), 7u); // four, and three split edges; the edge to ^b is not critical
}

TEST(Lower, BothArmsMayLeadToOneBlock) {
  expect_invariants(lower(
      "export func @f(i64, i64) -> i64 {\n^e(%a: i64, %b: i64):\n branch %a, ^o(%a), ^o(%b)\n^o(%r: i64):\n return %r\n}"));
}

TEST(Lower, UnreachableBlocksAreDropped) {
  const LirFunction f =
      lower("export func @f(i64) -> i64 {\n^e(%a: i64):\n return %a\n^x:\n jump ^y\n^y:\n jump ^x\n}");
  EXPECT_EQ(f.blocks.size(), 1u);
}

TEST(Lower, ParametersThatNobodyReadsAreNotPassed) {
  const LirFunction f = lower(
      "export func @f(i64, i64) -> i64 {\n^e(%a: i64, %b: i64):\n jump ^o(%a, %b)\n^o(%x: i64, %y: i64):\n return %y\n}");
  expect_invariants(f);
  EXPECT_EQ(f.blocks[1].param_count, 1u);
}

TEST(Lower, LoopsAndIrreducibleGraphsKeepTheOrder) {
  expect_invariants(lower(
      "export func @f(i64) -> i64 {\n^e(%a: i64):\n branch %a, ^p(%a), ^q(%a)\n^p(%x: i64):\n fuel 1\n %u = add.i64 %x, %x\n"
      " branch %u, ^q(%u), ^o\n^q(%y: i64):\n fuel 1\n %v = mul.i64 %y, %y\n branch %v, ^p(%v), ^o\n^o:\n return %a\n}"));
}

TEST(Lower, ATryCallEndsItsBlockAndHasALandingPadAClause) {
  const LirFunction f =
      lower("tag @t(i32, f64)\nimport @g(i64) -> i64\nexport func @f(i64) -> i64 {\n^e(%n: i64):\n"
            " try_call @g(%n) -> ^ok, catch @t ^h(%n), catch_all ^x\n^ok(%r: i64):\n return %r\n"
            "^h(%a: i32, %b: f64, %k: i64):\n %w = sext.i64.i32 %a\n %s = add.i64 %w, %k\n return %s\n"
            "^x(%p: ptr):\n rethrow %p\n}");
  expect_invariants(f);
  EXPECT_EQ(op_names(f), "args trycall jump landing context faddr call.host fload jump landing context call.host jump "
                         "ret sx add ret context call.host trap")
      << "the payload that nobody reads is not fetched";
  u32 pads = 0;
  for (const LirBlock& block : f.blocks) pads += block.landing_pad ? 1 : 0;
  EXPECT_EQ(pads, 2u);
}

TEST(Lower, ATryCallWithoutClausesIsACall) {
  const LirFunction f = lower("import @g(i64) -> i64\nexport func @f(i64) -> i64 {\n^e(%n: i64):\n"
                              " try_call @g(%n) -> ^ok\n^ok(%r: i64):\n return %r\n}");
  expect_invariants(f);
  EXPECT_EQ(op_names(f), "args call jump ret");
}

TEST(Lower, AThrowHandsThePayloadOverInMemory) {
  const LirFunction f = lower("tag @t(i8, f32)\nexport func @f(i8, f32) {\n^e(%a: i8, %b: f32):\n throw @t(%a, %b)\n}");
  EXPECT_EQ(op_names(f), "args fstore fstore context imm faddr call.host stop");
}

TEST(Lower, DumpNamesOperationsRegistersAndLocations) {
  Recorder recorder;
  CompileOptions options;
  options.os = Os::Linux;
  options.observer = &recorder;
  compile(binary("i64", " %r = sub.i64 %a, %b"), options);
  std::string text;
  dump_lir(Target::X64, recorder.functions[0], nullptr, text);
  EXPECT_NE(text.find("b0:  ; ^0\n  v0:rdi, v1:rsi = args.64"), std::string::npos) << text;
  EXPECT_NE(text.find("v2:=1 = sub.64 v0, v1:any"), std::string::npos) << text;
  text.clear();
  dump_lir(Target::X64, recorder.functions[0], &recorder.allocations[0], text);
  EXPECT_NE(text.find("v2:=1@rax = sub.64 v0@rax, v1:any@rsi"), std::string::npos) << text;
  EXPECT_NE(text.find("move rax <- rdi"), std::string::npos) << text;
}

TEST(Lower, LocalsAreValuesUnlessAllIsSpilled) {
  const std::string text = "export func @f(i64) -> i64 {\n  local $x : i64\n  local $y : i64\n^e(%a: i64):\n"
                           "  local_set.i64 $x, %a\n  %x = local_get.i64 $x\n  %y = local_get.i64 $y\n"
                           "  %r = xor.i64 %x, %y\n  return %r\n}\n";
  EXPECT_EQ(lowered(text), "args imm xor ret") << "$y is zero";
  CompileOptions options;
  options.spill_all = true;
  EXPECT_EQ(lowered(text, options), "args fstore fload fload xor ret");
}

} // namespace
} // namespace assay::codegen
