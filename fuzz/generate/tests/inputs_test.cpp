// inputs_test.cpp - argument vectors: determinism, width, variety.
#include "fuzz/generate/inputs.h"

#include <gtest/gtest.h>

#include <set>

namespace assay::fuzz {
namespace {

Module module_with(std::initializer_list<Type> params) {
  Module module;
  Function f;
  f.name = "f";
  f.exported = true;
  f.signature = module.intern_signature({params.begin(), params.size()}, {});
  module.functions.push_back(f);
  return module;
}

TEST(Inputs, first_vectors_do_not_depend_on_how_many_are_asked_for) {
  const Module module = module_with({Type::I32, Type::F64, Type::I8});
  std::vector<u64> few, many;
  make_inputs(module, 0, 9, 2, few);
  make_inputs(module, 0, 9, 8, many);
  ASSERT_EQ(few.size(), 6u);
  ASSERT_EQ(many.size(), 24u);
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
}

TEST(Inputs, differ_by_seed_and_vector) {
  const Module module = module_with({Type::I64, Type::I64, Type::I64});
  std::set<std::vector<u64>> seen;
  for (u64 seed = 0; seed < 50; ++seed) {
    std::vector<u64> out;
    make_inputs(module, 0, seed, 1, out);
    seen.insert(out);
  }
  EXPECT_GT(seen.size(), 45u);
}

TEST(Inputs, are_zero_above_the_width) {
  const Module module = module_with({Type::I8, Type::I16, Type::I32, Type::F32});
  std::vector<u64> out;
  make_inputs(module, 0, 1, 500, out);
  constexpr Type kTypes[] = {Type::I8, Type::I16, Type::I32, Type::F32};
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i] & ~bit_mask(kTypes[i % 4]), 0u);
}

TEST(Inputs, have_known_bits_on_every_host) {
  const Module module = module_with({Type::I32, Type::F64});
  std::vector<u64> out;
  make_inputs(module, 0, 0, 2, out);
  const std::vector<u64> expected = {65535, 13596367275031527424u, 2797561744, 13974669643728551936u};
  EXPECT_EQ(out, expected);
}

TEST(Entries, are_the_exported_bodies) {
  Module module = module_with({});
  module.functions.push_back(module.functions[0]);
  module.functions[0].exported = false;
  std::vector<FunctionId> entries;
  list_entries(module, entries);
  EXPECT_EQ(entries, std::vector<FunctionId>{1});
}

} // namespace
} // namespace assay::fuzz
