// edit_test.cpp - insertion, removal and renumbering keep a function's arrays consistent.
#include "fuzz/mutate/edit.h"

#include "fuzz/generate/generator.h"
#include "fuzz/mutate/tests/helpers.h"

namespace assay::fuzz {
namespace {

constexpr std::string_view kText = "func @f(i32) -> i32 {\n^b0(%0: i32):\n  %1 = const.i32 1\n  branch %0, ^b1, ^b2\n"
                                   "^b1:\n  %2 = add.i32 %0, %1\n  return %2\n^b2:\n  return %0\n}\n";

Inst literal(Function& f, u64 bits) {
  Inst inst = make_inst(f, Opcode::Const, Type::I32, Type::None, {}, Type::I32);
  inst.imm = bits;
  return inst;
}

TEST(InsertAll, keeps_order_and_places_several_at_one_point) {
  Module module = module_of(kText);
  Function& f = module.functions[0];
  std::vector<Insertion> insertions;
  insertions.push_back({0, literal(f, 10)});
  insertions.push_back({0, literal(f, 11)});
  insertions.push_back({2, literal(f, 12)}); // the first of ^b1
  insertions.push_back({4, literal(f, 13)}); // the first of ^b2
  insert_all(f, insertions);
  ASSERT_TRUE(verify(module).ok()) << verify(module).error().to_string();
  EXPECT_EQ(to_text(module), "func @f(i32) -> i32 {\n^b0(%0: i32):\n  %1 = const.i32 10\n  %2 = const.i32 11\n"
                             "  %3 = const.i32 1\n  branch %0, ^b1, ^b2\n^b1:\n  %4 = const.i32 12\n"
                             "  %5 = add.i32 %0, %3\n  return %5\n^b2:\n  %6 = const.i32 13\n  return %0\n}\n");
}

TEST(EraseInst, takes_one_instruction_and_its_value) {
  Module module = module_of(kText);
  Function& f = module.functions[0];
  Inst unused = literal(f, 7);
  insert_all(f, std::vector<Insertion>{{2, unused}});
  EXPECT_EQ(f.value_count(), 4u);
  erase_inst(f, 2);
  EXPECT_EQ(f.value_count(), 3u);
  EXPECT_TRUE(verify(module).ok());
  EXPECT_EQ(to_text(module), kText);
}

TEST(Renumber, changes_no_program_and_drops_what_is_unused) {
  Generator generator;
  Module module;
  for (u64 seed = 0; seed < 200; ++seed) {
    generator.generate(seed, module);
    const std::string before = to_text(module);
    for (Function& f : module.functions) {
      f.pool.push_back(0); // garbage
      if (!f.imported) renumber(f);
    }
    ASSERT_TRUE(verify(module).ok()) << seed;
    ASSERT_EQ(to_text(module), before) << seed;
    for (const Function& f : module.functions) {
      u64 used = 0;
      for (const Inst& inst : f.insts) {
        used += inst.operand_count;
        for (const Edge& edge : f.edges_of(inst)) used += edge.arg_count;
      }
      EXPECT_EQ(f.pool.size(), f.imported ? 1 : used);
    }
  }
}

TEST(BlockOf, finds_the_block) {
  const Module module = module_of(kText);
  EXPECT_EQ(block_of(module.functions[0], 1), 0u);
  EXPECT_EQ(block_of(module.functions[0], 2), 1u);
  EXPECT_EQ(block_of(module.functions[0], 4), 2u);
  EXPECT_EQ(block_of(module.functions[0], 99), kNone);
}

} // namespace
} // namespace assay::fuzz
