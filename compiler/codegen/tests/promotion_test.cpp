// promotion_test.cpp - locals as values: where blocks have parameters for them, by examples; and on random graphs, by
// walking over them: what comes into a block without a parameter is the same definition whichever way was walked.
#include "compiler/codegen/promotion.h"

#include "compile_support.h"

#include "assay/builder.h"

#include <map>
#include <random>

namespace assay::codegen {
namespace {

struct Promoted {
  Module module;
  Flow flow;
  Promotion promotion;
};

Promoted promoted(std::string_view text) {
  Promoted out{parse(text), {}, {}};
  const Function& function = out.module.functions.back();
  out.flow.compute(function);
  out.promotion.compute(function, out.flow, (Locals{1} << function.locals.size()) - 1);
  return out;
}

TEST(Promotion, AJoinHasAParameterForWhatOneWaySetsAndSomebodyReads) {
  const Promoted p =
      promoted("func @f(i64) -> i64 {\n local $x: i64\n local $y: i64\n local $z: i64\n"
               "^e(%a: i64):\n local_set.i64 $y, %a\n branch %a, ^t, ^o\n"
               "^t:\n local_set.i64 $x, %a\n local_set.i64 $z, %a\n jump ^o\n"
               "^o:\n %x = local_get.i64 $x\n %y = local_get.i64 $y\n %s = add.i64 %x, %y\n return %s\n}");
  EXPECT_EQ(p.promotion.locals(), 7u);
  EXPECT_EQ(p.promotion.params(2), 1u);    // $x
  EXPECT_EQ(p.promotion.passed_on(2), 2u); // $y, which was set before; nobody reads $z
  EXPECT_EQ(p.promotion.params(1), 0u);
}

TEST(Promotion, ALoopHasOneForWhatATurnSets) {
  const Promoted p =
      promoted("func @f(i64) -> i64 {\n local $i: i64\n local $n: i64\n"
               "^e(%a: i64):\n local_set.i64 $n, %a\n jump ^h\n"
               "^h:\n %i = local_get.i64 $i\n %n = local_get.i64 $n\n %l = lt_s.i64 %i, %n\n branch %l, ^b, ^o\n"
               "^b:\n %j = add.i64 %i, %n\n local_set.i64 $i, %j\n jump ^h\n"
               "^o:\n %r = local_get.i64 $i\n return %r\n}");
  EXPECT_EQ(p.promotion.params(1), 1u);    // $i
  EXPECT_EQ(p.promotion.passed_on(1), 2u); // $n
  EXPECT_EQ(p.promotion.params(2) | p.promotion.params(3), 0u);
}

TEST(Promotion, WhatIsSetBeforeItIsReadIsNotLive) {
  const Promoted p =
      promoted("func @f(i64) -> i64 {\n local $t: i64\n^e(%a: i64):\n jump ^h\n"
               "^h:\n local_set.i64 $t, %a\n %t = local_get.i64 $t\n branch %t, ^h, ^o\n^o:\n return %t\n}");
  EXPECT_EQ(p.promotion.locals(), 1u);
  EXPECT_EQ(p.promotion.params(1) | p.promotion.passed_on(1), 0u);
}

TEST(Promotion, OnlyTheFirstSixtyFour) {
  std::string text = "func @f() -> i64 {\n";
  for (u32 i = 0; i < 66; ++i) text += " local $l" + std::to_string(i) + ": i64\n";
  text += "^e:\n %x = local_get.i64 $l65\n return %x\n}";
  Module module = parse(text);
  Flow flow;
  flow.compute(module.functions.back());
  Promotion promotion;
  promotion.compute(module.functions.back(), flow, ~Locals{0});
  EXPECT_TRUE(promotion.has(63));
  EXPECT_FALSE(promotion.has(64));
  EXPECT_FALSE(promotion.has(65));
}

TEST(Promotion, NoneWhereThereIsTooMuchToLookAt) {
  constexpr u32 kBlocks = 17'000;
  std::string text = "func @f(i64) -> i64 {\n";
  for (u32 i = 0; i < kMostPromoted; ++i) text += " local $l" + std::to_string(i) + ": i64\n";
  text += "^e(%a: i64):\n local_set.i64 $l0, %a\n jump ^b0\n";
  for (u32 i = 0; i < kBlocks; ++i) text += "^b" + std::to_string(i) + ":\n jump ^b" + std::to_string(i + 1) + "\n";
  text += "^b" + std::to_string(kBlocks) + ":\n %x = local_get.i64 $l0\n return %x\n}";
  Module module = parse(text);
  Flow flow;
  flow.compute(module.functions.back());
  Promotion promotion;
  promotion.compute(module.functions.back(), flow, ~Locals{0});
  EXPECT_EQ(promotion.locals(), 0u);
  EXPECT_FALSE(promotion.has(0));
}

constexpr u32 kLocals = 5;

/// Blocks that read and set some locals and go on to any others, loops with several entries among them.
std::string random_function(std::mt19937& random, u32 blocks) {
  std::string text = "func @f(i64) -> i64 {\n";
  for (u32 i = 0; i < kLocals; ++i) text += " local $l" + std::to_string(i) + ": i64\n";
  text += "^e(%a: i64):\n jump ^b0\n";
  u32 value = 0;
  for (u32 b = 0; b < blocks; ++b) {
    text += "^b" + std::to_string(b) + ":\n";
    for (u32 i = random() % 6; i != 0; --i) {
      const std::string local = "$l" + std::to_string(random() % kLocals);
      if (random() % 2 == 0) text += " local_set.i64 " + local + ", %a\n";
      else text += " %v" + std::to_string(value++) + " = local_get.i64 " + local + "\n";
    }
    const std::string first = "^b" + std::to_string(random() % blocks),
                      second = "^b" + std::to_string(random() % blocks);
    if (random() % 16 == 0) text += " return %a\n";
    else text += random() % 3 == 0 ? " jump " + first + "\n" : " branch %a, " + first + ", " + second + "\n";
  }
  return text + "}";
}

/// Which definition a local has: of its own for each execution of one, so that turns of a loop differ.
struct Walker {
  const Function& function;
  const Promotion& promotion;
  std::mt19937& random;
  std::map<std::pair<BlockId, u32>, u64> known; // what came into a block: a parameter's block, or a set's, and which
  u64 now[kLocals] = {};

  u64 parameter(BlockId block) const { return 2 * u64{block} + 1; }
  u64 set(BlockId block) const { return 2 * u64{block} + 2; }

  void enter(BlockId block) {
    for (u32 local = 0; local < kLocals; ++local) {
      if ((promotion.params(block) >> local & 1) != 0) now[local] = parameter(block);
      else if ((promotion.passed_on(block) >> local & 1) != 0) {
        const auto [at, fresh] = known.try_emplace({block, local}, now[local]);
        EXPECT_EQ(at->second, now[local]) << "local " << local << " comes into block " << block << " in two ways";
      }
    }
  }
  void walk(u32 steps) {
    BlockId block = 0;
    std::fill(std::begin(now), std::end(now), 0);
    for (u32 step = 0; step < steps; ++step) {
      enter(block);
      Locals may_read = promotion.params(block) | promotion.passed_on(block);
      for (const Inst& inst : function.insts_of(function.blocks[block])) {
        if (inst.op == Opcode::LocalGet) {
          EXPECT_NE(may_read >> inst.ref & 1, 0u) << "read, and not live";
        }
        if (inst.op != Opcode::LocalSet) continue;
        may_read |= Locals{1} << inst.ref;
        now[inst.ref] = set(block);
      }
      const auto edges = function.edges_of(function.terminator(function.blocks[block]));
      if (edges.empty()) return;
      block = edges[random() % edges.size()].target;
    }
  }
};

TEST(Promotion, OnRandomGraphsEachBlockKnowsWhatComesIn) {
  std::mt19937 random(7);
  u32 compared = 0, parameters = 0;
  for (u32 round = 0; round < 400; ++round) {
    const Promoted p = promoted(random_function(random, 2 + random() % 12));
    ASSERT_EQ(p.promotion.locals(), (Locals{1} << kLocals) - 1);
    Walker walker{p.module.functions.back(), p.promotion, random, {}};
    for (u32 i = 0; i < 40; ++i) walker.walk(60);
    ASSERT_FALSE(::testing::Test::HasFailure()) << to_text(p.module);
    compared += static_cast<u32>(walker.known.size());
    for (const BlockId block : p.flow.order()) parameters += static_cast<u32>(std::popcount(p.promotion.params(block)));
  }
  EXPECT_GT(compared, 1000u);
  EXPECT_GT(parameters, 500u);
}

} // namespace
} // namespace assay::codegen
