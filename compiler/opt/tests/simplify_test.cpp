// simplify_test.cpp - the pass: every rule is applied where its pattern stands, and what comes out is a valid program
// that means the same on the oracle, positions of traps included.
#include "compiler/opt/simplify.h"

#include "assay/builder.h"
#include "compiler/ir/op_shape.h"
#include "derived.h"
#include "rule_semantics.h"

#include <random>

namespace assay::opt {
namespace {

using testing::Input;
using testing::RuleClaim;
using testing::Types;

Derived simplified(const Module& source, SimplifyPass& pass, u64 limit = ~u64{0}) {
  Analyses analyses;
  Rewrites rewrites{0, limit};
  SourceMap map;
  return derive(source, [&](Graph& graph) {
    analyses.begin(graph);
    PassContext context{source, graph, analyses, rewrites, map};
    pass.run(context);
  });
}

TEST(Simplify, generated_programs_mean_the_same) {
  SimplifyPass pass;
  for_programs([&](const Module& module, u64 seed) {
    const Derived after = simplified(module, pass);
    ASSERT_NO_FATAL_FAILURE(expect_valid(after.module, seed));
    same_meaning(module, after, seed);
  });
  EXPECT_GT(pass.fired().back(), 100u);
}

// ---- rule by rule ------------------------------------------------------------------------------------------

u64 some_bits(Type type, std::mt19937_64& random) {
  const u64 mask = bit_mask(type), bits = random();
  switch (random() % 5) {
  case 0: return bits % (2 * bits_of(type)) & mask;
  case 1: return ((mask >> 1) + bits % 5 - 2) & mask;
  case 2: return u64{1} << bits % bits_of(type);
  case 3: return mask >> bits % bits_of(type);
  default: return bits & mask;
  }
}

/// The function of a rule's variables that its pattern is, with these constants.
Module program_of(const RuleSet& set, const Rule& rule, const Types& types, const Input& input, bool y_is_const) {
  Module module;
  std::vector<Type> params, results;
  std::vector<u32> param_of(kMaxRuleVars, 0);
  for (u32 v = 0; v < rule.var_count; ++v) {
    if (rule.var_types[v] == 0) continue;
    param_of[v] = static_cast<u32>(params.size());
    params.push_back(types[rule.var_types[v]]);
  }
  const RuleNode& root = set.node(rule.pattern.first + rule.pattern.count - 1u);
  results.push_back(types[root.gives]);
  if (rule.result_count == 2) results.push_back(Type::I8);
  module.functions.emplace_back();
  module.functions[0].name = "f";
  module.functions[0].exported = true;
  module.functions[0].signature = module.intern_signature(params, results);
  FunctionBuilder builder(module, 0);
  const BlockId entry = builder.entry();
  builder.begin(entry);
  std::vector<ValueId> vars(kMaxRuleVars, kNone), values;
  for (const RuleNode& node : set.nodes(rule.pattern)) {
    if (node.kind == NodeKind::Branch) break;
    const Type type = types[node.gives];
    std::vector<ValueId> operands;
    for (u32 c = 0; c < node.child_count; ++c) {
      const RuleNode& child = set.node(node.children[c]);
      u64 child_bits = child.kind == NodeKind::Const ? input.consts[child.index] : 0;
      if (child.kind == NodeKind::Literal) literal_bits(child, types[child.gives], child_bits);
      const bool again = child.kind == NodeKind::Const || child.kind == NodeKind::Literal; // a value of its own
      operands.push_back(again ? builder.emit(Opcode::Const, types[child.gives], Type::None, {}, kNone, child_bits)
                               : values[node.children[c] - rule.pattern.first]);
    }
    if (node.kind == NodeKind::Op) {
      values.push_back(builder.emit(node.op, types[node.type], types[node.from], operands));
      continue;
    }
    if (node.kind == NodeKind::Var) {
      ValueId& var = vars[node.index];
      if (var == kNone) var = builder.param(entry, param_of[node.index]);
      if (y_is_const && node.index == 1 && (rule.not_const & 2) == 0)
        var = builder.emit(Opcode::Const, type, Type::None, {}, kNone, input.vars[1]);
      // A variable that is to be a truth value becomes one in a way that the pass sees, and that no rule removes.
      if ((rule.truth >> node.index & 1) != 0) {
        const ValueId one = builder.emit(Opcode::Const, type, Type::None, {}, kNone, 1);
        var = builder.emit(Opcode::And, type, {var, one});
      }
      values.push_back(var);
      continue;
    }
    values.push_back(kNone); // constants are made where they are used
  }
  if (root.kind == NodeKind::Branch) {
    const BlockId yes = builder.block(), no = builder.block();
    EdgeTarget if_true, if_false;
    if_true.block = yes;
    if_false.block = no;
    builder.branch(values[root.children[0] - rule.pattern.first], if_true, if_false);
    builder.begin(yes);
    builder.ret({builder.iconst(Type::I8, 1)});
    builder.begin(no);
    builder.ret({builder.iconst(Type::I8, 0)});
    return module;
  }
  if (rule.result_count == 2) builder.ret({values.back(), values.back() + 1});
  else if (is_float(results[0])) builder.ret({builder.emit(Opcode::FCanon, results[0], {values.back()})});
  else builder.ret({values.back()});
  return module;
}

/// Runs both on operands; empty when they agree.
std::string compare_runs(const Module& source, const Derived& after, std::mt19937_64& random) {
  qemu::TestHost host;
  oracle::Interpreter first, second;
  first.prepare(source);
  second.prepare(after.module);
  for (int i = 0; i < 12; ++i) {
    std::vector<u64> args;
    for (const Type type : source.params_of(source.functions[0])) args.push_back(some_bits(type, random));
    Outcome a, b;
    first.run(0, args, 1000, host, a);
    second.run(0, args, 1000, host, b);
    const std::string out = difference(source, after, a, b);
    if (!out.empty()) return out + "\n" + to_text(source) + to_text(after.module);
  }
  return {};
}

TEST(Simplify, every_rule_is_applied_where_its_pattern_stands) {
  const RuleSet& set = RuleSet::standard();
  SimplifyPass pass;
  std::mt19937_64 random(3);
  for (u32 id = 0; id < set.rules().size(); ++id) {
    const Rule& rule = set.rules()[id];
    if (rule.planted != nullptr) continue;
    const RuleClaim claim(set, rule);
    const u64 before = pass.fired()[id];
    for (const Types& types : claim.assignments()) {
      u32 samples = 0;
      for (u32 attempt = 0; attempt < 4000 && samples < 4; ++attempt) {
        Input input;
        for (u32 c = 0; c < rule.const_count; ++c) input.consts[c] = some_bits(claim.const_type(types, c), random);
        if (rule.const_count >= 2 && attempt % 2 == 0) input.consts[1] = input.consts[0] + random() % 3 - 1;
        if (rule.const_count >= 2 && attempt % 5 == 0)
          input.consts[1] = bits_of(claim.const_type(types, 1)) - input.consts[0];
        for (u32 c = 0; c < rule.const_count; ++c) input.consts[c] &= bit_mask(claim.const_type(types, c));
        if (!claim.condition_holds(types, input)) continue;
        ++samples;
        if (rule.var_types[1] != 0)
          input.vars[1] = some_bits(claim.var_type(types, 1), random) & ((rule.truth & 2) != 0 ? 1 : ~u64{0});
        const Module module = program_of(set, rule, types, input, samples % 2 == 0);
        ASSERT_TRUE(verify(module).ok()) << rule.name << verify(module).error().to_string() << to_text(module);
        const Derived after = simplified(module, pass);
        ASSERT_TRUE(verify(after.module).ok()) << rule.name << to_text(module) << to_text(after.module);
        ASSERT_EQ(compare_runs(module, after, random), "") << rule.name;
      }
    }
    EXPECT_GT(pass.fired()[id], before) << rule.name << " " << rule.text;
  }
}

// ---- single programs ---------------------------------------------------------------------------------------

std::string passed(const char* text, u64 limit = ~u64{0}) {
  const auto module = parse_and_verify(text);
  EXPECT_TRUE(module.ok());
  SimplifyPass pass;
  const Derived out = simplified(*module, pass, limit);
  EXPECT_TRUE(verify(out.module).ok());
  return to_text(out.module);
}

TEST(Simplify, what_a_rule_makes_is_simplified_in_turn) {
  // x * 8 / 8 by way of shl, and a division by 8 that becomes a shift.
  const std::string out = passed("func @f(i32) -> i32 {\n^b0(%0: i32):\n  %1 = const.i32 8\n  %2 = mul.i32 %1, %0\n"
                                 "  %3 = div_u.i32 %2, %1\n  return %3\n}\n");
  EXPECT_EQ(out.find("div_u"), std::string::npos);
  EXPECT_NE(out.find("%6 = and.i32 %0, %5\n  return %6"), std::string::npos) << out;
}

TEST(Simplify, a_trap_stays_where_it_is) {
  const char* const text = "func @f(i32) -> i32 {\n^b0(%0: i32):\n  %1 = const.i32 0\n  %2 = div_u.i32 %0, %1\n"
                           "  return %2\n}\n";
  EXPECT_EQ(passed(text), text);
}

TEST(Simplify, a_branch_on_equality_with_zero_changes_its_ways) {
  EXPECT_EQ(passed("func @f(i64) -> i64 {\n^b0(%0: i64):\n  %1 = const.i64 0\n  %2 = eq.i64 %0, %1\n"
                   "  branch %2, ^b1, ^b2\n^b1:\n  return %0\n^b2:\n  return %1\n}\n"),
            "func @f(i64) -> i64 {\n^b0(%0: i64):\n  %1 = const.i64 0\n  %2 = eq.i64 %0, %1\n"
            "  branch %0, ^b1, ^b2\n^b1:\n  return %1\n^b2:\n  return %0\n}\n");
}

TEST(Simplify, rewrites_nothing_that_is_not_allowed) {
  const char* const text = "func @f(i32) -> i32 {\n^b0(%0: i32):\n  %1 = const.i32 0\n  %2 = add.i32 %0, %1\n"
                           "  %3 = add.i32 %2, %1\n  return %3\n}\n";
  EXPECT_EQ(passed(text, 0), text);
  EXPECT_NE(passed(text, 1).find("%2 = add.i32 %0, %1\n  return %2"), std::string::npos);
}

} // namespace
} // namespace assay::opt
