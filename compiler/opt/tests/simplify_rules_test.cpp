// simplify_rules_test.cpp - every rule of simplify_rules.def holds: on all operands where they have few bits together,
// on chosen and random ones of every width. What is planted as a wrong rule is found to be wrong.
#include "rule_semantics.h"

#include <gtest/gtest.h>

#include <random>

namespace assay::opt {
namespace {

using testing::Input;
using testing::RuleClaim;
using testing::Types;

// Of all operands together. An emulated processor takes ten times as long, and computes the same.
#ifdef ASSAY_EMULATED
constexpr u32 kExhaustiveBits = 12;
#else
constexpr u32 kExhaustiveBits = 17;
#endif
constexpr u32 kTries = 6000, kSamples = 1500;

struct Checked {
  u64 cases = 0; // where the condition held
  std::string difference;
};

void all_vars(const RuleClaim& claim, const Rule& rule, const Types& types, Input& input, u32 var, Checked& out) {
  if (var == rule.var_count) {
    if (!out.difference.empty()) return;
    ++out.cases;
    out.difference = claim.difference(types, input);
    return;
  }
  const bool truth = (rule.truth >> var & 1) != 0;
  const u64 last = rule.var_types[var] == 0 ? 0 : truth ? 1 : bit_mask(claim.var_type(types, var));
  for (u64 bits = 0; bits <= last; ++bits) {
    input.vars[var] = bits;
    all_vars(claim, rule, types, input, var + 1, out);
  }
}

void all_consts(const RuleClaim& claim, const Rule& rule, const Types& types, Input& input, u32 index, Checked& out) {
  if (index == rule.const_count) {
    input.vars = {};
    if (claim.condition_holds(types, input)) all_vars(claim, rule, types, input, 0, out);
    return;
  }
  const u64 last = bit_mask(claim.const_type(types, index));
  for (u64 bits = 0; bits <= last; ++bits) {
    input.consts[index] = bits;
    all_consts(claim, rule, types, input, index + 1, out);
  }
}

u64 any_bits(Type type, std::mt19937_64& random) {
  const u64 mask = bit_mask(type), bits = random();
  static constexpr u64 kFloats[] = {0x3f800000u, 0x7f800000u, 0x7fc00000u, 0x7f800001u, 0x80000000u,
                                    0x00000001u, 0x3f000000u, 0x00800000u, 0x7f7fffffu, 0x00ffffffu};
  static constexpr u64 kDoubles[] = {0x3ff0000000000000u, 0x7ff0000000000000u, 0x7ff8000000000000u,
                                     0x7ff0000000000001u, 0x8000000000000000u, 0x0000000000000001u,
                                     0x3fe0000000000000u, 0x0010000000000000u, 0x7fefffffffffffffu};
  if (type == Type::F32 && bits % 3 != 0) return kFloats[random() % std::size(kFloats)] ^ (random() & 0x80000000u);
  if (type == Type::F64 && bits % 3 != 0) return kDoubles[random() % std::size(kDoubles)] ^ (random() & u64{1} << 63);
  switch (random() % 7) {
  case 0: return bits % (2 * bits_of(type)) & mask;
  case 1: return (mask >> 1) + bits % 5 - 2;
  case 2: return (bits % 5 - 2) & mask;
  case 3: return u64{1} << bits % bits_of(type);
  case 4: return mask >> bits % bits_of(type);
  case 5: return (mask << bits % bits_of(type)) & mask;
  default: return bits & mask;
  }
}

/// Of constants that conditions like to compare.
u64 related(u64 other, Type type, std::mt19937_64& random) {
  const u64 mask = bit_mask(type), bits = random();
  switch (random() % 8) {
  case 0: return (other + bits % 5 - 2) & mask;
  case 1: return (0 - other) & mask;
  case 2: return (bits_of(type) - other) & mask;
  case 3: return ~other & mask;
  case 4: return other & bits;
  case 5: return (other | bits) & mask;
  default: return any_bits(type, random);
  }
}

void random_inputs(const RuleClaim& claim, const Rule& rule, const Types& types, Checked& out) {
  std::mt19937_64 random(1);
  u32 samples = 0;
  for (u32 i = 0; i < kTries && samples < kSamples && out.difference.empty(); ++i) {
    Input input;
    for (u32 v = 0; v < rule.var_count; ++v)
      if (rule.var_types[v] != 0)
        input.vars[v] = (rule.truth >> v & 1) != 0 ? random() & 1 : any_bits(claim.var_type(types, v), random);
    for (u32 c = 0; c < rule.const_count; ++c) {
      const Type type = claim.const_type(types, c);
      input.consts[c] = c == 0 ? any_bits(type, random) : related(input.consts[0], type, random);
    }
    if (rule.const_count == 1 && i % 2 == 0) // a mask or a bound that fits a narrower type
      input.consts[0] = bit_mask(static_cast<Type>(1 + random() % 4)) & any_bits(claim.const_type(types, 0), random);
    input.consts[0] &= rule.const_count != 0 ? bit_mask(claim.const_type(types, 0)) : 0;
    if (!claim.condition_holds(types, input)) continue;
    ++samples;
    ++out.cases;
    out.difference = claim.difference(types, input);
  }
}

Checked check(const RuleSet& set, const Rule& rule) {
  const RuleClaim claim(set, rule);
  Checked out;
  for (const Types& types : claim.assignments()) {
    if (!out.difference.empty()) break;
    Input input;
    if (claim.input_bits(types) <= kExhaustiveBits) all_consts(claim, rule, types, input, 0, out);
    else random_inputs(claim, rule, types, out);
  }
  return out;
}

TEST(SimplifyRules, are_read_without_complaint) {
  for (const std::string& error : RuleSet::standard().errors()) ADD_FAILURE() << error;
  EXPECT_GT(RuleSet::standard().rules().size(), 500u);
}

TEST(SimplifyRules, have_names_of_their_own) {
  std::vector<std::string_view> names;
  for (const Rule& rule : RuleSet::standard().rules()) names.push_back(rule.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST(SimplifyRules, hold) {
  const RuleSet& set = RuleSet::standard();
  for (const Rule& rule : set.rules()) {
    const Checked checked = check(set, rule);
    EXPECT_GT(checked.cases, 0u) << rule.name << " never applies";
    if (rule.planted == nullptr) EXPECT_EQ(checked.difference, "");
    else EXPECT_NE(checked.difference, "") << rule.name << " is planted as wrong, and holds";
  }
}

TEST(SimplifyRules, a_wrong_rule_is_refuted) {
  const RuleSet::Row rows[] = {{"add_is_or", "(add x y)", "", "(or x y)"},
                               {"traps_get_lost", "(div_u x C1)", "", "(mul x (div_u 1 C1))"},
                               {"wide_only", "(shl x C1)", "(eq W 64)", "x"},
                               {"off_by_one", "(lt_s x C1)", "", "(le_s x (sub C1 1))"},
                               {"signs_of_zero", "(fadd x 0.0)", "", "x"},
                               {"signalling", "(fmul x 1.0)", "", "x"},
                               {"two_results", "(add_o_s x C1)", "", "(add x C1) 0"}};
  const RuleSet set(rows);
  ASSERT_TRUE(set.errors().empty()) << set.errors()[0];
  for (const Rule& rule : set.rules()) EXPECT_NE(check(set, rule).difference, "") << rule.name;
}

} // namespace
} // namespace assay::opt
