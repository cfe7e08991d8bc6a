// opcode_index_test.cpp - the sorted table holds every row it should, once.
#include "fuzz/generate/draw/opcode_index.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

namespace assay::fuzz {
namespace {

TEST(OpcodeIndex, holds_every_admissible_pure_combination_without_pointers) {
  std::set<std::tuple<Opcode, Type, Type>> indexed;
  for (const Combination& c : opcode_index().combinations) {
    EXPECT_TRUE(indexed.insert({c.op, c.type, c.from}).second) << info(c.op).name;
  }
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    const Opcode op = static_cast<Opcode>(i);
    const OpcodeInfo& row = info(op);
    const bool plain =
        row.form == Form::Plain && (row.flags == kPure || row.flags == (kPure | kCommutes) || row.flags == kTraps);
    if (!plain || op == Opcode::PtrAdd) continue;
    for (u32 t = 1; t < kTypeCount; ++t) {
      for (u32 s = 0; s < kTypeCount; ++s) {
        const Type type = static_cast<Type>(t), from = static_cast<Type>(s);
        if (type == Type::Ptr || from == Type::Ptr || !types_allowed(op, type, from)) continue;
        EXPECT_TRUE(indexed.count({op, type, from})) << row.name << ' ' << name_of(type) << ' ' << name_of(from);
      }
    }
  }
}

TEST(OpcodeIndex, rows_cover_the_combinations_without_overlap) {
  u32 total = 0;
  for (const auto& family : opcode_index().families) {
    EXPECT_FALSE(family.empty());
    for (const OpcodeIndex::Row& row : family) total += row.count;
  }
  EXPECT_EQ(total, opcode_index().combinations.size());
}

TEST(OpcodeIndex, trapping_rows_are_in_families_that_guard_them) {
  for (const Family family : {Family::Integer, Family::Compare, Family::Floating, Family::Choice}) {
    for (const OpcodeIndex::Row& row : opcode_index().families[static_cast<u32>(family)]) {
      EXPECT_FALSE(info(opcode_index().combinations[row.first].op).is(kTraps));
    }
  }
}

TEST(AccessBytes, follow_the_name_or_the_type) {
  EXPECT_EQ(access_bytes(Opcode::Load8S, Type::I64), 1u);
  EXPECT_EQ(access_bytes(Opcode::PStore16, Type::I32), 2u);
  EXPECT_EQ(access_bytes(Opcode::Load32U, Type::I64), 4u);
  EXPECT_EQ(access_bytes(Opcode::Store, Type::F64), 8u);
  EXPECT_EQ(access_bytes(Opcode::Load, Type::I16), 2u);
}

} // namespace
} // namespace assay::fuzz
