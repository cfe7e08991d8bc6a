// rules_test.cpp - the reader of rules refuses what it must not guess about, and says where; orders of operands and the
// index by operands find what they should.
#include "compiler/opt/rules.h"

#include <gtest/gtest.h>

namespace assay::opt {
namespace {

std::string error_of(const char* pattern, const char* condition, const char* result) {
  const RuleSet::Row rows[] = {{"r", pattern, condition, result}};
  const RuleSet set(rows);
  return set.errors().empty() ? std::string() : set.errors()[0];
}

TEST(Rules, what_is_wrong_is_said) {
  EXPECT_EQ(error_of("(add x 0)", "", "x"), "");
  EXPECT_EQ(error_of("(branch c)", "", "c"), "r: a variable of two types in c");
  EXPECT_EQ(error_of("(plus x 0)", "", "x"), "r: unknown operation in (plus x 0)");
  EXPECT_EQ(error_of("(load x)", "", "x"), "r: an operation that rules do not know in (load x)");
  EXPECT_EQ(error_of("x", "", "x"), "r: no operation in x");
  EXPECT_EQ(error_of("(add x", "", "x"), "r: wants an operand in (add x");
  EXPECT_EQ(error_of("(add x 0", "", "x"), "r: wants a closing bracket in (add x 0");
  EXPECT_EQ(error_of("(add x 0) y", "", "x"), "r: more than one pattern in (add x 0) y");
  EXPECT_EQ(error_of("(add x q)", "", "x"), "r: unknown variable in (add x q)");
  EXPECT_EQ(error_of("(add x C4)", "", "x"), "r: unknown constant in (add x C4)");
  EXPECT_EQ(error_of("(add x 12a)", "", "x"), "r: unknown literal in (add x 12a)");
  EXPECT_EQ(error_of("(add x 0)", "", "y"), "r: a variable that the pattern does not have in y");
  EXPECT_EQ(error_of("(add x 0)", "", "C1"), "r: a constant that the pattern does not have in C1");
  EXPECT_EQ(error_of("(add x 0)", "", "x x"), "r: too many results in x x");
  EXPECT_EQ(error_of("(add_o_s x 0)", "", "x"), "r: wants an operand in x");
  EXPECT_EQ(error_of("(add x 0)", "", "(add_o_s x 0)"), "r: two results in (add_o_s x 0)");
  EXPECT_EQ(error_of("(add x 0)", "(eq x 0)", "x"), "r: a condition on what is not constant in (eq x 0)");
  EXPECT_EQ(error_of("(add x 0)", "(truth 3)", "x"), "r: wants a variable in (truth 3)");
  EXPECT_EQ(error_of("(zext.T.S x)", "", "x"), "r: a variable of two types in x");
  EXPECT_EQ(error_of("(zext.T.Q x)", "", "x"), "r: unknown type in (zext.T.Q x)");
  EXPECT_EQ(error_of("(add.T.S x 0)", "", "x"), "r: wrong suffix in (add.T.S x 0)");
  EXPECT_EQ(error_of("(select (add.T x 0) x x)", "", "x"), "");
  EXPECT_EQ(error_of("(select 1 x x)", "", "x"), "r: a literal without a type in (select 1 x x)");
  EXPECT_EQ(error_of("(add (eq x y) x)", "", "x"), "r: a value of another type is wanted in (add (eq x y) x)");
  EXPECT_EQ(error_of("(branch c:i8)", "", "c"), "r: not a branch for a branch in c");
  EXPECT_EQ(error_of("(div_u x C1)", "", "(mul x (magic_u x))"),
            "r: a function of what is not constant in (mul x (magic_u x))");
}

/// Names of the rules that may match, tried in this order.
std::vector<std::string> tried(const RuleSet& set, Opcode op, OperandClass first, OperandClass second,
                               bool same = false) {
  std::vector<std::string> out;
  const VariantSet found = set.candidates(op, first, second, same);
  for (u32 bit = 0; bit < 128; ++bit)
    if ((found.words[bit / 64] >> bit % 64 & 1) != 0) out.emplace_back(set.rules()[set.variant(op, bit).rule].name);
  return out;
}

TEST(Rules, operands_lead_to_rules) {
  const RuleSet::Row rows[] = {{"zero", "(add x 0)", "", "x"},
                               {"left", "(add C1 x)", "(variable x)", "(add x C1)"},
                               {"chain", "(add (add x C1) C2)", "", "(add x (add C1 C2))"},
                               {"cancel", "(add (sub x y) y)", "", "x"},
                               {"twice", "(add x x)", "", "(shl x 1)"},
                               {"not", "(xor x -1)", "", "(sub -1 x)"}};
  const RuleSet set(rows);
  using Names = std::vector<std::string>;
  EXPECT_EQ(tried(set, Opcode::Add, kClassOther, kClassZero), (Names{"zero"}));
  EXPECT_EQ(tried(set, Opcode::Add, kClassZero, kClassOther), (Names{"left"}));
  EXPECT_EQ(tried(set, Opcode::Add, kClassConst, kClassConst), Names{});
  EXPECT_EQ(tried(set, Opcode::Add, set.class_of(Opcode::Add), kClassConst), (Names{"chain"}));
  EXPECT_EQ(tried(set, Opcode::Add, set.class_of(Opcode::Add), kClassZero), (Names{"zero", "chain"}));
  EXPECT_EQ(tried(set, Opcode::Add, set.class_of(Opcode::Sub), kClassOther), (Names{"cancel"}));
  EXPECT_EQ(tried(set, Opcode::Add, kClassOther, set.class_of(Opcode::Sub)), (Names{"cancel"}));
  EXPECT_EQ(tried(set, Opcode::Add, kClassOther, kClassOther), Names{});
  EXPECT_EQ(tried(set, Opcode::Add, kClassOther, kClassOther, true), (Names{"twice"}));
  EXPECT_EQ(tried(set, Opcode::Xor, kClassOther, kClassOnes), (Names{"not"}));
  EXPECT_FALSE(set.has_rules(Opcode::Sub));
}

/// Names of the rules, in order, that surely want that of what makes their operands; a rule of several orders may come
/// several times.
std::vector<std::string> wanting(const RuleSet& set, Opcode op, Inner what) {
  std::vector<std::string> out;
  const VariantSet& found = set.wanting(op, what);
  for (u32 bit = 0; bit < 128; ++bit)
    if ((found.words[bit / 64] >> bit % 64 & 1) != 0) out.emplace_back(set.rules()[set.variant(op, bit).rule].name);
  return out;
}

TEST(Rules, operands_of_operands_leave_rules_out) {
  const RuleSet::Row rows[] = {{"absorb", "(and (or x y) x)", "", "x"},
                               {"cancel", "(sub x (add x y))", "", "(sub 0 y)"},
                               {"chain", "(sub (sub x y) (sub z y))", "", "(sub x z)"},
                               {"deep", "(and (or (xor x y) z) x)", "", "(and z x)"},
                               {"const_first", "(sub (sub C1 x) C2)", "", "(sub (sub C1 C2) x)"},
                               {"const_second", "(sub x (shl y 1))", "", "(sub x (add y y))"}};
  const RuleSet set(rows);
  using Names = std::vector<std::string>;
  EXPECT_EQ(wanting(set, Opcode::And, Inner::LeftHasRight), (Names{"absorb", "absorb"})); // not what looks deeper
  EXPECT_EQ(wanting(set, Opcode::And, Inner::RightHasLeft), (Names{"absorb", "absorb"}));
  EXPECT_EQ(wanting(set, Opcode::Sub, Inner::RightHasLeft), (Names{"cancel", "cancel"}));
  EXPECT_EQ(wanting(set, Opcode::Sub, Inner::LeftHasRight), Names{});
  EXPECT_EQ(wanting(set, Opcode::Sub, Inner::Shared), (Names{"chain"}));
  EXPECT_EQ(wanting(set, Opcode::Sub, Inner::LeftFirstConst), (Names{"const_first"}));
  EXPECT_EQ(wanting(set, Opcode::Sub, Inner::LeftSecondConst), Names{});
  EXPECT_EQ(wanting(set, Opcode::Sub, Inner::RightFirstConst), Names{});
  EXPECT_EQ(wanting(set, Opcode::Sub, Inner::RightSecondConst), (Names{"const_second"}));
}

TEST(Rules, constants_have_classes) {
  EXPECT_EQ(class_of_constant(Type::I8, 0), kClassZero);
  EXPECT_EQ(class_of_constant(Type::I8, 1), kClassOne);
  EXPECT_EQ(class_of_constant(Type::I8, 7), kClassConst);
  EXPECT_EQ(class_of_constant(Type::I8, 8), kClassLarge);
  EXPECT_EQ(class_of_constant(Type::I8, 8 + 4), kClassLarge);
  for (const u64 edge : {15, 127, 128, 129, 126}) EXPECT_EQ(class_of_constant(Type::I8, edge), kClassEdge) << edge;
  for (const u64 large : {125, 130, 254}) EXPECT_EQ(class_of_constant(Type::I8, large), kClassLarge) << large;
  EXPECT_EQ(class_of_constant(Type::I8, 255), kClassOnes);
  EXPECT_EQ(class_of_constant(Type::I32, 255), kClassEdge);
  EXPECT_EQ(class_of_constant(Type::I64, ~u64{0}), kClassOnes);
  EXPECT_EQ(class_of_constant(Type::F64, 0), kClassConst);
  EXPECT_EQ(class_of_constant(Type::Ptr, 0), kClassPointer);
}

/// A literal is looked for among the constants of its class, whatever type it comes to have.
TEST(Rules, literals_are_found) {
  const RuleSet::Row rows[] = {{"low", "(and x 255)", "", "x"},
                               {"min", "(add x MIN)", "", "(xor x MIN)"},
                               {"most", "(sub x MAX-1)", "", "x"},
                               {"width", "(shl x W)", "", "x"},
                               {"last", "(shr_u x W-1)", "", "(shr_u x W-1)"},
                               {"half", "(fmul x 0.5)", "", "x"}};
  const RuleSet set(rows);
  using Names = std::vector<std::string>;
  EXPECT_EQ(tried(set, Opcode::And, kClassOther, class_of_constant(Type::I8, 255)), (Names{"low"}));
  EXPECT_EQ(tried(set, Opcode::And, kClassOther, class_of_constant(Type::I64, 255)), (Names{"low"}));
  EXPECT_EQ(tried(set, Opcode::And, kClassOther, class_of_constant(Type::I64, 1000)), Names{});
  for (const Type type : {Type::I8, Type::I16, Type::I32, Type::I64}) {
    const u64 min = bit_mask(type) / 2 + 1;
    EXPECT_EQ(tried(set, Opcode::Add, kClassOther, class_of_constant(type, min)), (Names{"min"}));
    EXPECT_EQ(tried(set, Opcode::Sub, kClassOther, class_of_constant(type, min - 2)), (Names{"most"}));
    EXPECT_EQ(tried(set, Opcode::Shl, kClassOther, class_of_constant(type, bits_of(type))), (Names{"width"}));
    EXPECT_EQ(tried(set, Opcode::ShrU, kClassOther, class_of_constant(type, bits_of(type) - 1)), (Names{"last"}));
  }
  EXPECT_EQ(tried(set, Opcode::FMul, kClassOther, class_of_constant(Type::F64, 0x3fe0000000000000u)), (Names{"half"}));
}

} // namespace
} // namespace assay::opt
