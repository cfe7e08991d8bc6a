// reducer_test.cpp - reduction by made-up judges: to the smallest program, always the same one, within its limits.
#include "fuzz/reduce/reducer.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "fuzz/generate/generator.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace assay::fuzz {
namespace {

/// Fails when the program has one of these operations.
class HasOperation final : public Judge {
public:
  explicit HasOperation(Opcode op, u32 width = 1) : op_(op), width_(width) {}
  u32 first_same(std::span<const Program> candidates) override {
    for (u32 i = 0; i < candidates.size(); ++i) {
      EXPECT_TRUE(verify(candidates[i].module).ok()) << "a candidate is not valid";
      if (has(candidates[i])) return i;
    }
    return kNone;
  }
  u32 width() const override { return width_; }
  bool has(const Program& program) const {
    for (const Function& f : program.module.functions)
      for (const Inst& inst : f.insts)
        if (inst.op == op_) return true;
    return false;
  }

private:
  Opcode op_;
  u32 width_;
};

/// A random program whose last exported function has the operation: what the entry does not reach is dropped first.
Program program_with(Opcode op) {
  Generator generator{GeneratorConfig{}};
  Program out;
  const auto entry_has_it = [&] {
    for (const Inst& inst : out.module.functions[out.entry].insts)
      if (inst.op == op) return true;
    return false;
  };
  for (u64 seed = 1;; ++seed) {
    generator.generate(seed, out.module);
    for (FunctionId id = 0; id < out.module.functions.size(); ++id)
      if (out.module.functions[id].exported && !out.module.functions[id].imported) out.entry = id;
    if (entry_has_it()) break;
  }
  out.args.assign(out.module.params_of(out.module.functions[out.entry]).size(), 0);
  out.fuel = 100;
  return out;
}

TEST(Reduce, comes_down_to_the_operation_that_matters) {
  for (const Opcode op : {Opcode::RemS, Opcode::Store, Opcode::Branch, Opcode::Call, Opcode::Rotl}) {
    const Program program = program_with(op);
    HasOperation judge(op);
    const ReduceResult result = reduce(program, judge);
    EXPECT_TRUE(result.done);
    EXPECT_TRUE(judge.has(result.program));
    EXPECT_LE(result.instructions, 6u) << to_text(result.program.module);
    EXPECT_LT(result.instructions, result.instructions_before);
    EXPECT_EQ(result.program.args.size(),
              result.program.module.params_of(result.program.module.functions[result.program.entry]).size());
  }
}

TEST(Reduce, what_fails_in_a_block_that_nothing_leads_to_comes_down_too) {
  auto module = parse_and_verify("export func @main(i32) -> i32 {\n^b0(%x: i32):\n  %a = mul.i32 %x, %x\n  jump ^b3\n"
                                 "^b1:\n  %b = rem_s.i32 %x, %x\n  %c = add.i32 %b, %x\n  jump ^b3\n"
                                 "^b2:\n  %d = sub.i32 %x, %x\n  jump ^b3\n^b3:\n  return %a\n}\n");
  ASSERT_TRUE(module.ok());
  Program program;
  program.module = std::move(*module);
  program.entry = 0;
  program.args = {1};
  HasOperation judge(Opcode::RemS);
  const ReduceResult result = reduce(program, judge);
  EXPECT_TRUE(judge.has(result.program));
  EXPECT_EQ(result.instructions, 3u) << to_text(result.program.module);
}

/// Fails when an exported function takes the addresses of two that are not: exports cannot be given back one by one.
class HasHiddenAddresses final : public Judge {
public:
  u32 first_same(std::span<const Program> candidates) override {
    for (u32 i = 0; i < candidates.size(); ++i)
      if (has(candidates[i].module)) return i;
    return kNone;
  }
  static bool has(const Module& module) {
    for (const Function& f : module.functions) {
      u32 hidden = 0;
      for (const Inst& inst : f.insts)
        hidden += inst.op == Opcode::FuncAddr && !module.functions[inst.ref].exported ? 1 : 0;
      if (f.exported && hidden > 1) return true;
    }
    return false;
  }
};

TEST(Reduce, what_fails_because_it_is_not_exported_stays_so) {
  auto module =
      parse_and_verify("func @first() {\n^0:\n  call @other()\n  return\n}\n"
                       "export func @main() {\n^0:\n  %p = func_addr @first\n  %q = func_addr @second\n"
                       "  call @other()\n  return\n}\n"
                       "func @second() {\n^0:\n  call @other()\n  return\n}\nfunc @other() {\n^0:\n  return\n}\n",
                       "test");
  ASSERT_TRUE(module.ok());
  Program program;
  program.module = std::move(*module);
  HasHiddenAddresses judge;
  const ReduceResult result = reduce(program, judge);
  EXPECT_TRUE(HasHiddenAddresses::has(result.program.module)) << to_text(result.program.module);
  EXPECT_LE(result.instructions, 5u) << to_text(result.program.module);
}

TEST(Reduce, gives_the_same_program_whatever_is_asked_about_at_once) {
  const Program program = program_with(Opcode::Rotl);
  HasOperation one(Opcode::Rotl, 1), four(Opcode::Rotl, 4);
  EXPECT_EQ(to_text(reduce(program, one).program.module), to_text(reduce(program, four).program.module));
}

TEST(Reduce, stops_at_its_limit_with_what_it_has) {
  const Program program = program_with(Opcode::Rotl);
  HasOperation judge(Opcode::Rotl);
  ReduceOptions options;
  options.programs = 3;
  const ReduceResult result = reduce(program, judge, options);
  EXPECT_FALSE(result.done);
  EXPECT_LE(result.tried, 3u);
  EXPECT_TRUE(judge.has(result.program));
}

TEST(Reduce, result_cannot_be_reduced_further) {
  HasOperation judge(Opcode::Store);
  const ReduceResult first = reduce(program_with(Opcode::Store), judge);
  const ReduceResult second = reduce(first.program, judge);
  EXPECT_EQ(to_text(first.program.module), to_text(second.program.module));
}

TEST(Reduce, keeps_loops_bounded_and_nans_unseen) {
  auto module = parse_and_verify(R"(export func @main(f64, i64) -> f64, i64 {
^0(%x: f64, %n: i64):
  %y = fadd.f64 %x, %x
  %c = fcanon.f64 %y
  jump ^1(%n)
^1(%i: i64):
  fuel 1
  %one = const.i64 1
  %j = sub.i64 %i, %one
  branch %j, ^1(%j), ^2
^2:
  return %c, %j
}
)");
  ASSERT_TRUE(module.ok()) << module.error().to_string();
  const Program program{std::move(*module), 0, {0, 3}, 100};
  class LoopAndSum final : public Judge {
  public:
    u32 first_same(std::span<const Program> candidates) override {
      for (u32 i = 0; i < candidates.size(); ++i) {
        const std::string text = to_text(candidates[i].module);
        const bool loops = text.find("branch") != std::string::npos, adds = text.find("fadd") != std::string::npos;
        EXPECT_TRUE(!loops || text.find("fuel") != std::string::npos) << text;
        EXPECT_TRUE(!adds || text.find("return %") == std::string::npos || text.find("-> f64") == std::string::npos ||
                    text.find("fcanon") != std::string::npos)
            << text;
        if (loops && adds) return i;
      }
      return kNone;
    }
  } judge;
  const ReduceResult result = reduce(program, judge);
  EXPECT_LT(result.instructions, result.instructions_before);
}

} // namespace
} // namespace assay::fuzz
