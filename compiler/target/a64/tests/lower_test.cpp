// lower_test.cpp - which LIR the a64 rules make: immediates, folding, fusion, extension, checks.
#include "compile_support.h"
#include "compiler/codegen/lowering.h"
#include "compiler/target/a64/encoding.h"
#include "compiler/target/a64/lir_ops.h"
#include "compiler/target/a64/registers.h"

#include <algorithm>

namespace assay::a64 {
namespace {

std::string names(const std::string& text) { return op_names(lowered(text)); }

// ---- immediates --------------------------------------------------------------------------------------

TEST(A64Lower, AdditionTakesTwelveBitsOrTwelveShifted) {
  EXPECT_EQ(names(binary("i64", " %c = const.i64 4095\n %r = add.i64 %a, %c")), "args add.i ret");
  EXPECT_EQ(names(binary("i64", " %c = const.i64 0xfff000\n %r = add.i64 %c, %a")), "args add.i ret");
  EXPECT_EQ(names(binary("i64", " %c = const.i64 4097\n %r = add.i64 %a, %c")), "args imm add ret");
}

TEST(A64Lower, SubtractionOfAnImmediateAddsItsNegative) {
  EXPECT_EQ(find_op(lowered(binary("i32", " %c = const.i32 5\n %r = sub.i32 %a, %c")), "add.i").imm, -5);
  EXPECT_EQ(find_op(lowered(binary("i32", " %c = const.i32 -5\n %r = sub.i32 %a, %c")), "add.i").imm, 5);
}

TEST(A64Lower, LogicTakesBitmaskImmediatesOfTheWidth) {
  EXPECT_EQ(find_op(lowered(binary("i32", " %c = const.i32 -2\n %r = and.i32 %a, %c")), "and.i").imm, 0xfffffffe);
  EXPECT_EQ(names(binary("i64", " %c = const.i64 0x5555555555555555\n %r = xor.i64 %c, %a")), "args xor.i ret");
  EXPECT_EQ(names(binary("i64", " %c = const.i64 5\n %r = or.i64 %a, %c")), "args imm or ret");
  EXPECT_EQ(names(binary("i32", " %c = const.i32 -1\n %r = or.i32 %a, %c")), "args imm or ret") << "all ones";
}

TEST(A64Lower, NarrowUnsignedComparisonsExtendTheirImmediateWithZeros) {
  const auto test = find_op(lowered(binary("i8", " %c = const.i8 -1\n %r = lt_u.i8 %a, %c")), "set.cmpi");
  EXPECT_EQ(test.imm, 255);
  EXPECT_EQ(find_op(lowered(binary("i8", " %c = const.i8 -1\n %r = lt_s.i8 %a, %c")), "set.cmpi").imm, -1);
}

TEST(A64Lower, ConstantOnTheLeftExchangesTheCondition) {
  const auto test = find_op(lowered(binary("i64", " %c = const.i64 7\n %r = lt_s.i64 %c, %a", "i8")), "set.cmpi");
  EXPECT_EQ(static_cast<Cond>(test.cond), Cond::Gt);
}

TEST(A64Lower, OnlyZeroIsStoredWithoutARegister) {
  const std::string memory = "memory 65536\n";
  EXPECT_EQ(names(memory + "export func @f(i32) {\n^e(%a: i32):\n %c = const.i64 0\n store.i64 %a, 0, %c\n return\n}"),
            "args store.i ret");
  EXPECT_EQ(names(memory + "export func @f(i32) {\n^e(%a: i32):\n %c = const.i64 1\n store.i64 %a, 0, %c\n return\n}"),
            "args imm store ret");
}

// ---- two operations in one ---------------------------------------------------------------------------

TEST(A64Lower, ProductIsFoldedIntoTheSumBehindIt) {
  EXPECT_EQ(names(binary("i64", " %p = mul.i64 %a, %b\n %r = add.i64 %p, %a")), "args madd ret");
  EXPECT_EQ(names(binary("i32", " %p = mul.i32 %a, %b\n %r = sub.i32 %a, %p")), "args msub ret");
  EXPECT_EQ(names(binary("i32", " %p = mul.i32 %a, %b\n %r = sub.i32 %p, %a")), "args mul sub ret") << "not c - a * b";
}

TEST(A64Lower, ProductByOneMoreIsAddedToTheSquare) {
  const std::string text = " %k = const.i32 1\n %s = add.i32 %a, %k\n";
  EXPECT_EQ(names(binary("i32", text + " %r = mul.i32 %a, %s")), "args madd ret");
  EXPECT_EQ(names(binary("i32", text + " %r = mul.i32 %s, %a")), "args madd ret");
  EXPECT_EQ(names(binary("i32", text + " %r = mul.i32 %s, %b")), "args add.i mul ret");
  EXPECT_EQ(names(binary("i32", text + " %r = mul.i32 %s, %s")), "args add.i mul ret");
  EXPECT_EQ(names(binary("i32", " %k = const.i32 2\n %s = add.i32 %a, %k\n %r = mul.i32 %a, %s")),
            "args add.i mul ret");
}

TEST(A64Lower, ProductByAPowerOfTwoIsAShift) {
  for (const u32 shift : {1u, 2u, 31u, 62u}) {
    const std::string constant = std::to_string(u64{1} << shift);
    const auto made =
        find_op(lowered(binary("i64", " %c = const.i64 " + constant + "\n %r = mul.i64 %c, %a")), "shl.i");
    EXPECT_EQ(made.imm, shift);
  }
}

TEST(A64Lower, ProductByOneMoreThanAPowerOfTwoIsASum) {
  const auto sum = find_op(lowered(binary("i32", " %c = const.i32 9\n %r = mul.i32 %a, %c")), "add.s");
  EXPECT_EQ(sum.imm, 3);
  EXPECT_EQ(names(binary("i64", " %c = const.i64 3\n %r = mul.i64 %c, %b")), "args add.s ret");
  EXPECT_EQ(names(binary("i64", " %c = const.i64 0x4000000000000001\n %r = mul.i64 %a, %c")), "args add.s ret");
  for (const char* other : {"0", "1", "7", "-3", "0x8000000000000001"})
    EXPECT_EQ(names(binary("i64", " %c = const.i64 " + std::string(other) + "\n %r = mul.i64 %a, %c")),
              "args imm mul ret")
        << other;
  EXPECT_EQ(names(binary("i8", " %c = const.i8 -127\n %r = mul.i8 %a, %c")), "args imm mul ret") << "as it is extended";
}

// ---- addresses that accesses share -------------------------------------------------------------------

/// The memory does not grow; `body` has %a: i64, the address, and %i: i32.
std::string accesses(std::string_view body) {
  CompileOptions options = options_for();
  options.level = Level::O2;
  return op_names(
      lowered("import @log(i64)\nmemory 1048576\nexport func @f(i64, i32) -> i64 {\n^e(%a: i64, %i: i32):\n" +
                  std::string(body) + " return %r\n}",
              options));
}

TEST(A64Lower, AccessesNearEachOtherShareTheirAddress) {
  EXPECT_EQ(accesses(" %r = load.i64 %a, 0\n"), "args load ret") << "the access adds both itself";
  EXPECT_EQ(accesses(" %r = load.i64 %a, 16\n"), "args check_in add load ret");
  EXPECT_EQ(accesses(" %x = load.i64 %a, 24\n %y = load.i64 %a, 16\n %r = add.i64 %x, %y\n"),
            "args check_in add load load add ret")
      << "the first check is that of both";
  EXPECT_EQ(accesses(" %x = load.i64 %a, 100008\n %y = load.i64 %a, 100000\n %r = add.i64 %x, %y\n"),
            "args check_in add add.i load load add ret");
  EXPECT_EQ(accesses(" %x = load.i64 %a, 40008\n %y = load.i64 %a, 8\n %r = add.i64 %x, %y\n"),
            "args check_in add add.i load add load add ret")
      << "too far from each other";
  EXPECT_EQ(accesses(" %r = load.i64 %a, 17\n"), "args load ret") << "the access cannot have an odd offset";
}

TEST(A64Lower, IndexIsShiftedInTheSharedAddress) {
  const std::string address = " %w = zext.i64.i32 %i\n %c = const.i64 3\n %s = shl.i64 %w, %c\n";
  EXPECT_EQ(accesses(address + " %x = load.i64 %s, 8\n %y = load.i64 %s, 16\n %r = add.i64 %x, %y\n"),
            "args check_in add.x load check_in load add ret");
  EXPECT_EQ(accesses(address + " %r = load.i64 %s, 0\n"), "args load ret") << "ldr shifts by its size";
}

TEST(A64Lower, AddressesAreNotKeptOverCalls) {
  EXPECT_EQ(accesses(" store.i64 %a, 16, %a\n call @log(%a)\n store.i64 %a, 8, %a\n %r = mul.i64 %a, %a\n"),
            "args check_in add store call add store mul ret");
}

TEST(A64Lower, LoadedByteIsTestedAsAWord) {
  CompileOptions options = options_for();
  options.level = Level::O2;
  const std::string text = "memory 64\nexport func @f(i64, i8) -> i64 {\n^e(%a: i64, %i: i8):\n"
                           " %c = load.i8 %a, 0\n %r = select.i64 %c, %a, %x\n return %r\n}";
  const auto selected = [&](std::string_view source) {
    std::string with = text;
    with.replace(with.find("%c = load.i8 %a, 0"), 18, source);
    with.replace(with.find("%x"), 2, "%d");
    with.insert(with.find(" %r = select"), " %d = const.i64 7\n");
    return codegen::test_size(find_op(lowered(with, options), "sel.test").flags);
  };
  EXPECT_EQ(selected("%c = load.i8 %a, 0"), 4u);
  EXPECT_EQ(selected("%c = add.i8 %i, %i"), 1u) << "there may be anything above it";
}

TEST(A64Lower, AddressesAreNotSharedOverBlocksNorAtO0) {
  EXPECT_EQ(accesses(" store.i64 %a, 16, %a\n branch %i, ^l, ^m\n^l:\n return %a\n^m:\n store.i64 %a, 8, %a\n"
                     " %r = mul.i64 %a, %a\n"),
            "args check_in add store br.test ret add store mul ret");
  EXPECT_EQ(names("memory 64\nexport func @f(i64) -> i64 {\n^e(%a: i64):\n %r = load.i64 %a, 8\n return %r\n}"),
            "args load ret");
}

// ---- constants in loops ------------------------------------------------------------------------------

/// A loop over %i up to %n whose body may be anything, lowered as it stands; %n: i32, %a: i64.
codegen::LirFunction loop(std::string_view body, u64 selection = ~u64{0}) {
  CompileOptions options = options_for();
  options.level = Level::O2;
  options.passes.rewrite_limit = 0;
  options.passes.decision_limits[0] = selection;
  return lowered("memory 1048576\nexport func @f(i32, i64) -> i32 {\n^e(%n: i32, %a: i64):\n %z = const.i32 0\n"
                 " jump ^h(%z)\n^h(%i: i32):\n %t = lt_s.i32 %i, %n\n branch %t, ^b, ^x\n^b:\n" +
                     std::string(body) + " %o = const.i32 1\n %j = add.i32 %i, %o\n jump ^h(%j)\n^x:\n return %i\n}",
                 options);
}

TEST(A64Lower, ConstantsInLoopsAreValuesThatNothingDefines) {
  const std::string body =
      " %k = const.i32 1000003\n %p = mul.i32 %i, %k\n %q = mul.i32 %p, %k\n store.i32 %a, 0, %q\n";
  const codegen::LirFunction held = loop(body);
  EXPECT_EQ(op_names(held), "args imm jump br.cmp mul mul check_in store add.i jump ret") << "the first zero is made";
  ASSERT_EQ(held.constants.size(), 3u) << "the base of memory, the bound, and one for both products";
  EXPECT_EQ(held.constants[0].kind, codegen::Constant::Kind::MemoryBase);
  EXPECT_EQ(held.constants[2].bits + held.constants[1].bits, 1000003u + 1048572u);
  EXPECT_TRUE(loop(body, 0).constants.empty()) << "the plain way";
  const std::string halves = " %k = const.i64 0x100000007\n %l = const.i64 0x200000007\n %p = mul.i64 %a, %k\n"
                             " %q = mul.i64 %p, %l\n store.i64 %a, 0, %q\n";
  EXPECT_EQ(loop(halves).constants.size(), 4u) << "base, bound, and two that differ in the upper half";
}

TEST(A64Lower, BoundsThatAreNoImmediatesAreHeldInLoops) {
  const codegen::LirFunction held = loop(" store.i64 %a, 0, %a\n");
  EXPECT_EQ(find_op(held, "check_in").operand_count, 2u);
  ASSERT_EQ(held.constants.size(), 2u);
  EXPECT_EQ(held.constants[1].bits, 1048576u - 8);
  const codegen::LirFunction encodable = loop(" store.i32 %a, 4092, %n\n");
  EXPECT_EQ(find_op(encodable, "check_in").operand_count, 1u) << "a multiple of 4096 is an immediate";
}

TEST(A64Lower, PlaceOfAnIndexInALoopIsOneOfABaseThatIsHeld) {
  const std::string extended = " %w = zext.i64.i32 %i\n %c = const.i64 3\n %s = shl.i64 %w, %c\n";
  const codegen::LirFunction one = loop(extended + " store.i64 %s, 100000, %a\n");
  EXPECT_EQ(op_names(one), "args imm jump br.cmp check_in store add.i jump ret");
  const auto held_base = [](const codegen::Constant& constant) {
    return constant.kind == codegen::Constant::Kind::MemoryBase && constant.bits == 100000;
  };
  EXPECT_EQ(std::count_if(one.constants.begin(), one.constants.end(), held_base), 1);
  const codegen::LirFunction two = loop(extended + " store.i64 %s, 100000, %a\n store.i64 %s, 100008, %a\n");
  EXPECT_EQ(op_names(two), "args imm jump br.cmp check_in store check_in store add.i jump ret")
      << "each access by itself";
  const codegen::LirFunction three =
      loop(extended + " store.i64 %s, 100000, %a\n store.i64 %s, 100008, %a\n store.i64 %s, 100016, %a\n");
  EXPECT_EQ(op_names(three), "args imm jump br.cmp check_in add.x store check_in store check_in store add.i jump ret")
      << "one addition for all";
}

TEST(A64Lower, PartOfAnAddressThatALoopDoesNotChangeIsAddedToTheBaseBefore) {
  CompileOptions options;
  options.target = Target::A64;
  options.level = Level::O2;
  const auto sum = [&](const char* address) {
    return op_names(
        lowered("memory 1048576\nexport func @f(i32, i64) -> i32 {\n^e(%n: i32, %a: i64):\n %z = const.i32 0\n"
                " %most = const.i64 65535\n %p = and.i64 %a, %most\n jump ^h(%z)\n^h(%i: i32):\n fuel 1\n"
                " %t = lt_s.i32 %i, %n\n branch %t, ^b, ^x\n^b:\n %few = const.i32 255\n"
                " %m = and.i32 %i, %few\n %w = zext.i64.i32 %m\n" +
                    std::string(address) +
                    " store.i64 %s, 0, %a\n %o = const.i32 1\n %j = add.i32 %i, %o\n jump ^h(%j)\n^x:\n"
                    " return %i\n}",
                options));
  };
  EXPECT_EQ(sum(" %s = add.i64 %p, %w\n"), "args and.i add imm jump fuel br.cmp and.i store add.i jump ret");
  EXPECT_EQ(sum(" %c = const.i64 3\n %v = shl.i64 %w, %c\n %s = add.i64 %v, %p\n"),
            "args and.i add imm jump fuel br.cmp and.i store add.i jump ret");
  EXPECT_EQ(sum(" %c = const.i64 3\n %v = add.i64 %w, %p\n %s = add.i64 %v, %c\n"),
            "args and.i add imm jump fuel br.cmp and.i store add.i jump ret");
  options.passes.decision_limits[0] = 0;
  EXPECT_EQ(sum(" %s = add.i64 %p, %w\n").find("add imm jump"), std::string::npos) << "the plain way";
  EXPECT_EQ(op_names(loop(" store.i64 %a, 8, %a\n store.i64 %a, 16, %a\n store.i64 %a, 24, %a\n")),
            "args add imm jump br.cmp check_in store check_in store check_in store add.i jump ret")
      << "one addition for all turns";
}

// ---- two operations in one, once more ----------------------------------------------------------------

TEST(A64Lower, ShiftIsFoldedIntoArithmeticAndLogic) {
  EXPECT_EQ(names(binary("i64", " %c = const.i64 3\n %s = shl.i64 %b, %c\n %r = add.i64 %a, %s")), "args add.s ret");
  EXPECT_EQ(names(binary("i64", " %c = const.i64 3\n %s = shl.i64 %b, %c\n %r = xor.i64 %s, %a")), "args xor.s ret");
  EXPECT_EQ(names(binary("i64", " %c = const.i64 0\n %s = shl.i64 %b, %c\n %r = add.i64 %a, %s")), "args add ret");
}

TEST(A64Lower, ShiftsToTheRightAndRotationsAreFoldedAsFarAsThereAreSuchOperands) {
  const auto folded = [](const std::string& shift, const std::string& user) {
    const std::string text = binary("i32", " %c = const.i32 5\n %s = " + shift + ".i32 %b, %c\n %o = mul.i32 %a, %b\n" +
                                               " %q = " + user + ".i32 %a, %s\n %r = add.i32 %q, %o");
    const auto function = lowered(text);
    for (const codegen::LirInst& inst : function.insts) {
      const std::string_view name = codegen::lir_names(Target::A64).op_name(inst.op);
      if (name == user + ".s") return std::to_string(inst.cond) + " by " + std::to_string(inst.imm);
    }
    return std::string();
  };
  EXPECT_EQ(folded("shl", "sub"), "0 by 5");
  EXPECT_EQ(folded("shr_u", "add"), "1 by 5");
  EXPECT_EQ(folded("shr_u", "and"), "1 by 5");
  EXPECT_EQ(folded("shr_s", "sub"), "2 by 5");
  EXPECT_EQ(folded("rotr", "xor"), "3 by 5");
  EXPECT_EQ(folded("rotl", "or"), "3 by 27") << "there is but one direction";
  EXPECT_EQ(folded("rotr", "add"), "") << "only logic rotates";
}

TEST(A64Lower, InversionsAreFoldedIntoBitwiseOperations) {
  for (const char* type : {"i32", "i64"}) {
    const std::string t = type, inverted = " %m = const." + t + " -1\n %n = xor." + t + " %a, %m\n";
    EXPECT_EQ(names(binary(type, inverted + " %r = and." + t + " %n, %b")), "args and.n ret");
    EXPECT_EQ(names(binary(type, inverted + " %r = or." + t + " %b, %n")), "args or.n ret");
    EXPECT_EQ(names(binary(type, inverted + " %r = xor." + t + " %n, %b")), "args xor.n ret");
    EXPECT_EQ(names(binary(type, inverted + " %s = and." + t + " %n, %b\n %r = xor." + t + " %s, %n")),
              "args imm xor and xor ret");
    EXPECT_EQ(names(binary(type, inverted + " %r = add." + t + " %n, %b")), "args imm xor add ret");
    EXPECT_EQ(names(binary(type, inverted + " %k = const." + t + " 255\n %r = and." + t + " %n, %k")),
              "args imm xor and.i ret");
  }
  const codegen::LirFunction function =
      lowered(binary("i32", " %m = const.i32 -1\n %n = xor.i32 %a, %m\n %r = and.i32 %n, %b"));
  const auto operands = function.operands_of(find_op(function, "and.n"));
  const auto arguments = function.operands_of(function.insts[0]);
  EXPECT_EQ(operands[2].vreg, arguments[0].vreg) << "the inverted one is the last";
}

TEST(A64Lower, ConstantsThatAreNoImmediatesDoNotKeepAProductFromItsSum) {
  const auto sum = [](const std::string& constant, const std::string& op) {
    return names(binary("i32", " %p = mul.i32 %a, %b\n %c = const.i32 " + constant + "\n %r = " + op));
  };
  EXPECT_EQ(sum("1013904223", "add.i32 %p, %c"), "args imm madd ret");
  EXPECT_EQ(sum("12", "add.i32 %p, %c"), "args mul add.i ret");
  EXPECT_EQ(sum("12", "sub.i32 %c, %p"), "args imm msub ret");
  EXPECT_EQ(sum("12", "sub.i32 %p, %c"), "args mul add.i ret");
}

TEST(A64Lower, ExtensionAndShiftAreFoldedIntoTheSumBoth) {
  const auto sum = [](const std::string& count, const std::string& op) {
    return lowered("export func @f(i64, i32) -> i64 {\n^e(%a: i64, %b: i32):\n %x = sext.i64.i32 %b\n %c = const.i64 " +
                   count + "\n %s = shl.i64 %x, %c\n %r = " + op + ".i64 %a, %s\n return %r\n}");
  };
  EXPECT_EQ(op_names(sum("3", "add")), "args add.x ret");
  EXPECT_EQ(find_op(sum("3", "add"), "add.x").cond, 3);
  EXPECT_EQ(find_op(sum("3", "add"), "add.x").imm, 4);
  EXPECT_EQ(op_names(sum("2", "sub")), "args sub.x ret");
  EXPECT_EQ(op_names(sum("5", "add")), "args sx add.s ret") << "four is the most";
  EXPECT_EQ(op_names(sum("3", "xor")), "args sx xor.s ret");
}

TEST(A64Lower, MaskedBitsAreTestedByTheirUser) {
  const std::string masked = " %m = const.i64 6\n %z = const.i64 0\n %t = and.i64 %a, %m\n";
  const auto chosen = lowered(binary("i64", masked + " %r = select.i64 %t, %a, %b"));
  EXPECT_EQ(op_names(chosen), "args sel.mask ret");
  EXPECT_EQ(find_op(chosen, "sel.mask").imm, 6);
  const auto compared = lowered(binary("i64", masked + " %q = eq.i64 %t, %z\n %r = select.i64 %q, %a, %b"));
  EXPECT_EQ(op_names(compared), "args sel.mask ret");
  EXPECT_EQ(find_op(compared, "sel.mask").cond, static_cast<u8>(Cond::Eq));
  EXPECT_EQ(names(binary("i64", masked + " %q = ne.i64 %t, %z\n %r = zext.i64.i8 %q")), "args set.mask zx ret");
  EXPECT_EQ(names(binary("i64", masked + " branch %t, ^x, ^y\n^x:\n return %a\n^y:\n %r = add.i64 %a, %b")),
            "args br.mask ret add ret");
  EXPECT_EQ(names(binary("i64", masked + " %q = eq.i64 %t, %b\n %r = select.i64 %q, %a, %b")),
            "args and.i sel.cmp ret");
  EXPECT_EQ(names(binary("i64", " %m = const.i64 5\n %t = and.i64 %a, %m\n %r = select.i64 %t, %a, %b")),
            "args imm and sel.test ret")
      << "no immediate of tst";
  EXPECT_EQ(names(binary("i64", masked + " %r = clz.i64 %t")), "args and.i clz ret") << "an operation of one operand";
}

// ---- choices -----------------------------------------------------------------------------------------

TEST(A64Lower, OneMoreInvertedAndNegatedAreMadeByTheChoice) {
  const auto chosen = [](const std::string& step, const std::string& choices) {
    return lowered(binary("i64", " %n = const.i64 -1\n %k = const.i64 1\n %z = const.i64 0\n " + step +
                                     "\n %c = lt_s.i64 %a, %b\n %r = select.i64 %c, " + choices));
  };
  const auto how = [&](const std::string& step, const std::string& choices) {
    const auto function = chosen(step, choices);
    EXPECT_EQ(op_names(function), "args sel.cmp ret");
    return find_op(function, "sel.cmp").aux;
  };
  const u32 increment = static_cast<u32>(Step::Increment), invert = static_cast<u32>(Step::Invert);
  EXPECT_EQ(how("%s = add.i64 %a, %k", "%b, %s"), increment);
  EXPECT_EQ(how("%s = add.i64 %a, %k", "%s, %b"), increment | kOtherWay);
  EXPECT_EQ(how("%s = xor.i64 %a, %n", "%b, %s"), invert);
  EXPECT_EQ(how("%s = sub.i64 %z, %a", "%b, %s"), static_cast<u32>(Step::Negate));
  EXPECT_EQ(how("", "%z, %b"), kFirstZero) << "the zero register";
  EXPECT_EQ(how("", "%k, %b"), increment | kOtherWay | kSecondZero);
  EXPECT_EQ(how("", "%b, %n"), invert | kSecondZero);
  EXPECT_EQ(how("", "%z, %k"), increment | kFirstZero | kSecondZero);
  EXPECT_EQ(op_names(chosen("%s = add.i64 %a, %n", "%b, %s")), "args add.i sel.cmp ret") << "one less";
  EXPECT_EQ(op_names(chosen("%s = sub.i64 %a, %z", "%b, %s")), "args add.i sel.cmp ret");
}

TEST(A64Lower, StepsThatOthersReadAreMadeWhereTheyStand) {
  EXPECT_EQ(names(binary("i64", " %k = const.i64 1\n %s = add.i64 %a, %k\n %c = lt_s.i64 %s, %b\n"
                                " %r = select.i64 %c, %s, %b")),
            "args add.i sel.cmp ret");
  EXPECT_EQ(names(binary("i64", " %k = const.i64 1\n %s = add.i64 %a, %k\n %r = select.i64 %s, %a, %b")),
            "args add.i sel.test ret")
      << "it decides";
}

TEST(A64Lower, ComparisonsThatAreAddedChooseOneMore) {
  const auto counted = [](const std::string& rest) {
    return lowered(binary("i64", " %m = const.i64 6\n %z = const.i64 0\n %c = lt_u.i64 %a, %b\n"
                                 " %x = zext.i64.i8 %c\n" +
                                     rest));
  };
  const auto sum = counted(" %r = add.i64 %x, %b");
  EXPECT_EQ(op_names(sum), "args sel.cmp ret");
  EXPECT_EQ(find_op(sum, "sel.cmp").aux, static_cast<u32>(Step::Increment) | kOtherWay);
  EXPECT_EQ(op_names(counted(" %p = mul.i64 %a, %b\n %r = add.i64 %x, %p")), "args mul sel.cmp ret")
      << "the sum makes one of the two";
  EXPECT_EQ(
      names(binary("i64", " %c = lt_u.i64 %a, %b\n %d = ne.i64 %a, %b\n %y = zext.i64.i8 %d\n %x = zext.i64.i8 %c\n"
                          " %r = add.i64 %x, %y")),
      "args set.cmp zx sel.cmp ret");
  const std::string shifted = " %d = ne.i64 %a, %b\n %y = zext.i64.i8 %d\n %z = shl.i64 %y, %k\n";
  const std::string both = " %k = const.i64 1\n %c = lt_u.i64 %a, %b\n";
  EXPECT_EQ(names(binary("i64", both + " %x = zext.i64.i8 %c\n" + shifted + " %r = add.i64 %x, %z")),
            "args set.cmp zx shl.i sel.cmp ret");
  EXPECT_EQ(names(binary("i64", " %k = const.i64 1\n %d = ne.i64 %a, %b\n %y = zext.i64.i8 %d\n %c = lt_u.i64 %a, %b\n"
                                " %x = zext.i64.i8 %c\n %z = shl.i64 %y, %k\n %r = add.i64 %x, %z")),
            "args set.cmp set.cmp zx add.x ret");
  EXPECT_EQ(op_names(counted(" %r = sub.i64 %b, %x")), "args set.cmp sub.x ret");
  EXPECT_EQ(op_names(counted(" %y = add.i64 %b, %x\n %r = xor.i64 %x, %y")), "args set.cmp zx add xor ret");
  EXPECT_EQ(names(binary("i8", " %c = ne.i8 %a, %b\n %r = add.i8 %a, %c")), "args sel.cmp ret");
}

TEST(A64Lower, LoadedBytesAreComparedAsWords) {
  CompileOptions options = options_for();
  options.level = Level::O2;
  const auto size = [&](const std::string& compared) {
    return find_op(lowered("memory 64\nexport func @f(i64, i8) -> i8 {\n^e(%a: i64, %i: i8):\n %c = load.i8 %a, 0\n"
                           " %d = load.i8 %a, 1\n %r = " +
                               compared + "\n return %r\n}",
                           options),
                   "set.cmp")
        .size;
  };
  EXPECT_EQ(size("lt_u.i8 %c, %d"), 4u);
  EXPECT_EQ(size("lt_s.i8 %c, %d"), 1u) << "the signs lie in the middle";
  EXPECT_EQ(size("lt_u.i8 %c, %i"), 1u) << "there may be anything above it";
}

TEST(A64Lower, ExtensionIsFoldedIntoTheSum) {
  const std::string text = "export func @f(i64, i8) -> i64 {\n^e(%a: i64, %b: i8):\n %x = sext.i64.i8 %b\n"
                           " %r = sub.i64 %a, %x\n return %r\n}";
  const auto function = lowered(text);
  EXPECT_EQ(op_names(function), "args sub.x ret");
  EXPECT_EQ(find_op(function, "sub.x").imm, 1);
  EXPECT_NE(find_op(function, "sub.x").flags & codegen::kSigned, 0);
}

TEST(A64Lower, ShiftsAndMasksAreBitFields) {
  const auto u = find_op(
      lowered(binary("i64", " %c = const.i64 5\n %s = shr_u.i64 %a, %c\n %m = const.i64 255\n %r = and.i64 %s, %m")),
      "field_u");
  EXPECT_EQ(u.imm, 5);
  EXPECT_EQ(u.aux, 8u);
  const auto s = find_op(
      lowered(binary("i32", " %c = const.i32 20\n %s = shl.i32 %a, %c\n %d = const.i32 24\n %r = shr_s.i32 %s, %d")),
      "field_s");
  EXPECT_EQ(s.imm, 4);
  EXPECT_EQ(s.aux, 8u);
}

TEST(A64Lower, MaskBeyondTheShiftedValueIsNoField) {
  EXPECT_EQ(
      names(binary("i32", " %c = const.i32 28\n %s = shr_u.i32 %a, %c\n %m = const.i32 255\n %r = and.i32 %s, %m")),
      "args shr.i and.i ret");
}

TEST(A64Lower, BranchOnOneBitTestsIt) {
  const std::string text = binary("i64", " %m = const.i64 0x100000000\n %t = and.i64 %a, %m\n branch %t, ^x, ^y\n^x:\n"
                                         " return %a\n^y:\n %r = add.i64 %a, %b");
  const auto function = lowered(text);
  EXPECT_EQ(op_names(function), "args br.bit ret add ret");
  EXPECT_EQ(find_op(function, "br.bit").imm, 32);
}

TEST(A64Lower, ValueUsedTwiceIsNotFolded) {
  EXPECT_EQ(names(binary("i64", " %p = mul.i64 %a, %b\n %q = add.i64 %p, %a\n %r = xor.i64 %p, %q")),
            "args mul add xor ret");
}

TEST(A64Lower, ValueIsNotFoldedOverAnotherOperation) {
  EXPECT_EQ(names(binary("i64", " %p = mul.i64 %a, %b\n fuel 1\n %r = add.i64 %p, %a")), "args mul fuel add ret");
}

TEST(A64Lower, NothingIsFoldedIntoAnOperationThatIsLeftOut) {
  EXPECT_EQ(names(binary("i64", " %p = mul.i64 %a, %b\n %q = add.i64 %p, %a\n %r = add.i64 %a, %b")),
            "args mul add ret");
}

// ---- two f64 at once ---------------------------------------------------------------------------------

/// Two f64 from `from` on, computed by `op` with x and stored from `to` on.
std::string both(const std::string& op, u32 from, u32 to, const std::string& before = "") {
  std::string out;
  for (const u32 half : {0u, 8u}) {
    const std::string n = std::to_string(half);
    out += " %l" + n + " = load.f64 %p, " + std::to_string(from + half) + "\n %m" + n + " = " + op + ".f64 " + before +
           "%l" + n + (before.empty() ? ", %x" : "") + "\n store.f64 %p, " + std::to_string(to + half) + ", %m" + n +
           "\n";
  }
  return out;
}
CompileOptions optimised() {
  CompileOptions options = options_for();
  options.level = Level::O2;
  return options;
}
std::string in_memory(const std::string& body, const std::string& type = "i32") {
  return "memory 1048576\nexport func @f(" + type + ", f64) {\n^e(%i: " + type + ", %x: f64):\n %mask = const." + type +
         " 4088\n %p = and." + type + " %i, %mask\n" + body + " return\n}\n";
}

TEST(A64Lower, NeighbouringDoublesAreComputedAtOnceAtAKeptAddress) {
  EXPECT_EQ(op_names(lowered(in_memory(both("fmul", 0, 1024)), optimised())), "args and.i add.x packed ret");
  EXPECT_EQ(op_names(lowered(in_memory(both("fmul", 0, 1024), "i64"), optimised())), "args and.i add packed ret");
  EXPECT_EQ(op_names(lowered(in_memory(both("fmul", 65536, 65552)), optimised())), "args and.i add.x add.i packed ret");
  EXPECT_EQ(op_names(lowered(in_memory(both("fmul", 232, 248)), optimised())), "args and.i add.x packed ret");
  EXPECT_EQ(op_names(lowered(in_memory(both("fmul", 264, 280)), optimised())), "args and.i add.x add.i packed ret");
}

TEST(A64Lower, WhatIsAddedToAnAddressOfTwoDoublesIsAnImmediate) {
  const codegen::LirFunction function = lowered(in_memory(both("fmul", 65537, 131075)), optimised());
  EXPECT_EQ(op_names(function), "args and.i add.x add.i add.i add.x add.i add.i packed ret");
  for (const codegen::LirInst& inst : function.insts) {
    if (codegen::lir_names(Target::A64).op_name(inst.op) != "add.i") continue;
    EXPECT_TRUE(add_sub_imm(static_cast<u64>(inst.imm)).has_value()) << inst.imm;
  }
}

TEST(A64Lower, OneFactorOfTwoDoublesNeedsNotBeThereTwice) {
  if (!can_disassemble()) GTEST_SKIP() << "no Capstone";
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  const std::string product = assembly(compiled(in_memory(both("fmul", 0, 1024)), optimised()));
  EXPECT_TRUE(has(product, ".d[0]") && has(product, "ldr q") && has(product, "str q")) << product;
  EXPECT_FALSE(has(product, "zip1")) << product;
  const std::string sum = assembly(compiled(in_memory(both("fadd", 0, 1024)), optimised()));
  EXPECT_TRUE(has(sum, "zip1")) << sum;
}

// ---- narrow types, divisions, conversions ------------------------------------------------------------

TEST(A64Lower, NarrowRightShiftsAndDivisionsExtendFirst) {
  EXPECT_EQ(names(binary("i8", " %c = const.i8 3\n %r = shr_u.i8 %a, %c")), "args zx shr.i ret");
  EXPECT_EQ(names(binary("i16", " %r = div_s.i16 %a, %b")), "args sx sx div_s ret");
}

TEST(A64Lower, VariableCountsOfNarrowShiftsAreMasked) {
  EXPECT_EQ(names(binary("i8", " %r = shl.i8 %a, %b")), "args and.i shl ret");
  EXPECT_EQ(names(binary("i32", " %r = shl.i32 %a, %b")), "args shl ret");
}

TEST(A64Lower, DivisionByAConstantNeedsOnlyTheChecksThatCanFail) {
  EXPECT_EQ(find_op(lowered(binary("i32", " %r = div_s.i32 %a, %b")), "div_s").flags,
            codegen::kCheckZero | codegen::kCheckMinusOne);
  EXPECT_EQ(find_op(lowered(binary("i32", " %c = const.i32 10\n %r = div_s.i32 %a, %c")), "div_s").flags, 0);
  EXPECT_EQ(find_op(lowered(binary("i32", " %r = rem_s.i32 %a, %b")), "rem_s").flags, codegen::kCheckZero)
      << "MIN % -1 comes out right by itself";
}

TEST(A64Lower, FusedMultiplyAddNeedsNoRuntime) {
  EXPECT_EQ(names(binary("f64", " %r = fma.f64 %a, %b, %a")), "args fma ret");
}

TEST(A64Lower, AppleStackArgumentsAreMovedInTheirOwnSize) {
  std::string params = "i64", values = "%a";
  for (u32 i = 1; i < 8; ++i) params += ", i64", values += ", %a";
  params += ", i8, i8", values += ", %b, %b";
  const std::string text = "import @g(" + params + ")\nexport func @f(i64, i8) {\n^e(%a: i64, %b: i8):\n call @g(" +
                           values + ")\n return\n}";
  EXPECT_EQ(find_op(lowered(text, options_for(Os::Apple)), "storeout").size, 1);
  EXPECT_EQ(find_op(lowered(text, options_for(Os::Linux)), "storeout").size, 8);
}

} // namespace
} // namespace assay::a64
