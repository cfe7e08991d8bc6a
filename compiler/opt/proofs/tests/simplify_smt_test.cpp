// simplify_smt_test.cpp - every rule of simplify_rules.def is proved by an SMT solver, for 8, 16, 32 and 64 bits.
//
// One process of z3 a width, all questions in one file, each with a limit of its own. What is planted as a wrong rule
// must be refuted. Where the solver does not answer in time, or the rule uses numbers that a solver does not know,
// simplify_rules_test.cpp is what stands (all operands at 8 bits, chosen ones at others), and magic_test.cpp; the test
// prints which. Skipped where there is no z3.
#include "smt_text.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

namespace assay::opt {
namespace {

using testing::Input;
using testing::RuleClaim;
using testing::SmtQuestion;
using testing::Types;

constexpr u32 kLimitMs = 2500; // a question

struct Question {
  const Rule* rule = nullptr;
  std::string types, text, answer;
};

u32 width_of(const Rule& rule, const RuleSet& set, const Types& types) {
  u32 out = 0;
  for (const RuleExpr expr : {rule.pattern, rule.result})
    for (const RuleNode& node : set.nodes(expr)) out = std::max(out, bits_of(types[node.gives]));
  return out;
}

bool has_function(const RuleSet& set, const Rule& rule) {
  for (const RuleExpr expr : {rule.condition, rule.result})
    for (const RuleNode& node : set.nodes(expr))
      if (node.kind == NodeKind::Function) return true;
  return false;
}

/// Not a rotation: one by one these take longer than all the others together.
bool is_shift(Opcode op) { return op >= Opcode::Shl && op <= Opcode::ShrU; }

/// A rule whose first constant is asked about value by value, because all at once are beyond a solver.
enum class OneByOne : u8 { No, Divisors, Powers, Counts };

OneByOne one_by_one(const RuleSet& set, const Rule& rule) {
  const RuleNode& root = set.node(rule.pattern.first + rule.pattern.count - 1u);
  if (rule.const_count == 1 && root.op >= Opcode::DivS && root.op <= Opcode::RemU) return OneByOne::Divisors;
  for (const RuleNode& node : set.nodes(rule.condition))
    if (node.kind == NodeKind::Op && node.op == Opcode::Popcnt && root.op >= Opcode::Mul && root.op <= Opcode::MulHU)
      return OneByOne::Powers;
  if (rule.const_count != 2 || root.child_count == 0) return OneByOne::No;
  const RuleNode& inner = set.node(root.children[0]);
  const bool by_count = inner.kind == NodeKind::Op && is_shift(inner.op) && set.node(inner.children[1]).index == 0 &&
                        set.node(inner.children[1]).kind == NodeKind::Const;
  return by_count && is_shift(root.op) ? OneByOne::Counts : OneByOne::No;
}

std::vector<u64> values_for(OneByOne kind, Type type, bool with_functions) {
  std::vector<u64> out;
  if (kind == OneByOne::Divisors) out = {3, 10, bit_mask(type) - 2, bit_mask(type) >> 1};
  for (u32 i = 0; i < bits_of(type) && !with_functions; ++i) {
    out.push_back(kind == OneByOne::Counts ? i : u64{1} << i);
    if (kind != OneByOne::Counts) out.push_back((0 - (u64{1} << i)) & bit_mask(type));
  }
  return out;
}

std::string names_of(const Types& types) {
  std::string out;
  for (u32 i = kTypeT; i < kTypeRefs; ++i)
    if (types[i] != Type::None) out += " " + std::string(name_of(types[i]));
  return out;
}

void ask(const RuleSet& set, const Rule& rule, const Types& types, const Input* constants, std::vector<Question>& out) {
  SmtQuestion question(set, rule, types, constants);
  Question asked{&rule, names_of(types), question.text(), {}};
  if (constants != nullptr) asked.types += " C1=" + std::to_string(constants->consts[0]);
  if (asked.text.empty()) asked.answer = question.error();
  out.push_back(std::move(asked));
}

std::vector<Question> questions(const RuleSet& set, u32 width) {
  std::vector<Question> out;
  for (const Rule& rule : set.rules()) {
    const RuleClaim claim(set, rule);
    for (const Types& types : claim.assignments()) {
      if (width_of(rule, set, types) != width) continue;
      const OneByOne kind = one_by_one(set, rule);
      if (kind == OneByOne::No) {
        ask(set, rule, types, nullptr, out);
        continue;
      }
      const bool with_functions = has_function(set, rule);
      if (with_functions && width > 8) continue; // magic_test.cpp proves these
      for (const u64 value : values_for(kind, claim.const_type(types, 0), with_functions)) {
        Input input;
        input.consts[0] = value;
        if (kind == OneByOne::Counts || claim.condition_holds(types, input)) ask(set, rule, types, &input, out);
      }
    }
  }
  return out;
}

std::string temporary_name(const char* suffix) {
  const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string("assay_") + test->name() + std::to_string(std::random_device()()) + suffix;
  for (char& c : name)
    if (c == '/') c = '_';
  return (std::filesystem::temp_directory_path() / name).string();
}

/// Why nothing can be proved; empty: it can.
std::string no_solver() {
#ifdef ASSAY_EMULATED
  return "an emulated program starts no other: the rules are proved where this is built";
#else
  const std::string out = temporary_name(".txt");
  const bool have = std::system(("z3 --version >\"" + out + "\" 2>&1").c_str()) == 0;
  std::filesystem::remove(out);
  return have ? "" : "there is no z3 (package z3)";
#endif
}

/// Fills the answers: "unsat", "sat", "unknown", or what the solver complained of.
void solve(std::vector<Question>& all) {
  const std::string in = temporary_name(".smt2"), out = temporary_name(".txt");
  std::ofstream file(in);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].answer.empty())
      file << "(reset)\n(set-option :timeout " << kLimitMs << ")\n"
           << all[i].text << "(echo \"question " << i << "\")\n(check-sat)\n";
  file.close();
  ASSERT_NE(std::system(("z3 -smt2 \"" + in + "\" >\"" + out + "\" 2>&1").c_str()), -1);
  std::ifstream answers(out);
  std::size_t at = all.size();
  for (std::string line; std::getline(answers, line);) {
    if (line.rfind("question ", 0) == 0) at = std::strtoul(line.c_str() + 9, nullptr, 10);
    else if (at < all.size() && all[at].answer.empty()) all[at].answer = line;
    else ADD_FAILURE() << "z3: " << line;
  }
  std::filesystem::remove(in);
  std::filesystem::remove(out);
}

class SimplifySmt : public ::testing::TestWithParam<u32> {};

TEST_P(SimplifySmt, proves_every_rule) {
  if (const std::string reason = no_solver(); !reason.empty()) GTEST_SKIP() << reason;
  const RuleSet& set = RuleSet::standard();
  std::vector<Question> all = questions(set, GetParam());
  EXPECT_GT(all.size(), 200u);
  solve(all);
  u32 proved = 0;
  std::string refuted, open;
  for (const Question& question : all) {
    const std::string name = std::string(question.rule->name) + question.types;
    if (question.rule->planted != nullptr) {
      if (question.answer == "sat") refuted += " " + std::string(question.rule->name) + " ";
      else EXPECT_TRUE(question.answer == "unsat" || question.answer == "unknown") << name << ": " << question.answer;
    } else if (question.answer == "unknown" || question.answer == "timeout") {
      open += " " + name + ";";
    } else {
      EXPECT_EQ(question.answer, "unsat") << name << "\n" << question.text;
      ++proved;
    }
  }
  for (const Rule& rule : set.rules()) { // all of them show at 32 bits
    if (rule.planted == nullptr || GetParam() != 32) continue;
    EXPECT_NE(refuted.find(" " + std::string(rule.name) + " "), std::string::npos) << rule.name;
  }
  std::printf("%u questions proved at %u bits; no answer in time:%s\n", proved, GetParam(),
              open.empty() ? " none" : open.c_str());
}

INSTANTIATE_TEST_SUITE_P(Widths, SimplifySmt, ::testing::Values(8, 16, 32, 64),
                         [](const auto& param) { return "bits" + std::to_string(param.param); });

} // namespace
} // namespace assay::opt
