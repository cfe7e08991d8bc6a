// loose_test.cpp - a function taken apart and put together is the same, or what was asked for.
#include "fuzz/reduce/loose.h"

#include "assay/text.h"
#include "assay/verify.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

constexpr const char* kLoop = R"(func @f(i64) -> i64 {
^0(%0: i64):
  %1 = const.i64 0
  %2 = const.i64 7
  jump ^1(%0, %1)
^1(%3: i64, %4: i64):
  fuel 1
  %5 = const.i64 1
  %6 = sub.i64 %3, %5
  %7 = add.i64 %4, %6
  branch %6, ^1(%6, %7), ^2
^2:
  %8 = add.i64 %7, %7
  return %7
}
)";

Module module_of(const char* text) {
  auto module = parse_and_verify(text);
  EXPECT_TRUE(module.ok()) << module.error().to_string();
  return std::move(*module);
}

TEST(Loose, taken_apart_and_written_is_the_same_text) {
  Module module = module_of(kLoop);
  const std::string before = to_text(module);
  LooseFunction(module, 0).write(module, 0);
  EXPECT_EQ(to_text(module), before);
}

TEST(Loose, dead_instructions_go_and_effects_stay) {
  Module module = module_of(kLoop);
  LooseFunction f(module, 0);
  f.drop_dead();
  f.write(module, 0);
  ASSERT_TRUE(verify(module).ok());
  const std::string text = to_text(module);
  EXPECT_EQ(text.find("const.i64 7"), std::string::npos) << text;
  EXPECT_NE(text.find("fuel 1"), std::string::npos) << text;
  EXPECT_EQ(module.functions[0].insts.size(), 8u) << text;
}

TEST(Loose, blocks_without_a_way_to_them_go) {
  Module module = module_of(kLoop);
  LooseFunction f(module, 0);
  f.end_with_return(0, 2, module.results_of(module.functions[0]));
  f.drop_unreachable();
  f.write(module, 0);
  ASSERT_TRUE(verify(module).ok()) << to_text(module);
  EXPECT_EQ(module.functions[0].blocks.size(), 1u);
}

TEST(Loose, zero_is_shared_with_the_one_that_is_there) {
  Module module = module_of(kLoop);
  LooseFunction f(module, 0);
  const ValueId there = f.zero(Type::I64), made = f.zero(Type::F32);
  EXPECT_EQ(there, f.blocks[0].insts[0].results[0]);
  EXPECT_EQ(f.zero(Type::F32), made);
  f.write(module, 0);
  EXPECT_TRUE(verify(module).ok());
  EXPECT_EQ(module.functions[0].insts[0].type, Type::F32);
}

TEST(Loose, replaced_values_are_followed) {
  Module module = module_of(kLoop);
  LooseFunction f(module, 0);
  LooseInst& sum = f.blocks[1].insts[3];
  ASSERT_EQ(sum.op, Opcode::Add);
  const ValueId result = sum.results[0], operand = sum.operands[1];
  f.blocks[1].insts.erase(f.blocks[1].insts.begin() + 3);
  f.replace(result, operand);
  f.write(module, 0);
  ASSERT_TRUE(verify(module).ok()) << to_text(module);
  EXPECT_EQ(module.functions[0].insts.size(), 9u);
}

} // namespace
} // namespace assay::fuzz
