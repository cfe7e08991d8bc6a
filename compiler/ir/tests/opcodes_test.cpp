// opcodes_test.cpp - the operation table, its look-ups, and the digested rows against the written ones.
#include "assay/opcodes.h"

#include "compiler/ir/mnemonic.h"
#include "compiler/ir/op_shape.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace assay {
namespace {

Opcode opcode(u32 index) { return static_cast<Opcode>(index); }

TEST(Opcodes, EveryNameFindsItsRow) {
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    Opcode found = Opcode::Fuel;
    ASSERT_TRUE(opcode_from_name(info(opcode(i)).name, found)) << info(opcode(i)).name;
    EXPECT_EQ(found, opcode(i));
  }
}

TEST(Opcodes, AccessesAreAsWideAsTheirNamesSay) {
  u32 narrow = 0, linear = 0;
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    const OpcodeInfo& row = info(opcode(i));
    EXPECT_EQ(is_linear_access(opcode(i)), row.form == Form::Access && row.name[0] != 'p') << row.name;
    if (row.form != Form::Access) continue;
    linear += is_linear_access(opcode(i)) ? 1 : 0;
    const std::size_t digit = row.name.find_first_of("123456789");
    if (digit == std::string_view::npos) {
      EXPECT_EQ(access_bytes(opcode(i), Type::F64), 8u) << row.name;
      EXPECT_EQ(access_bytes(opcode(i), Type::I16), 2u) << row.name;
      continue;
    }
    ++narrow;
    EXPECT_EQ(access_bytes(opcode(i), Type::I64) * 8, std::stoul(std::string(row.name.substr(digit)))) << row.name;
  }
  EXPECT_EQ(narrow, 18u);
  EXPECT_EQ(linear, 11u);
}

TEST(Opcodes, NamesAreDistinct) {
  std::set<std::string_view> names;
  for (u32 i = 0; i < kOpcodeCount; ++i) EXPECT_TRUE(names.insert(info(opcode(i)).name).second);
}

TEST(Opcodes, OtherNamesAreNotFound) {
  Opcode found = Opcode::Add;
  for (std::string_view name :
       {"", "a", "ad", "addd", "Add", "add.i32", "call_indirec", "call_indirectt", "\xff\xfe", "jump "})
    EXPECT_FALSE(opcode_from_name(name, found)) << name;
}

TEST(Opcodes, EachNameShortenedOrChangedIsAnotherOrNone) {
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    std::string name(info(opcode(i)).name);
    for (char& c : name) {
      c ^= 1;
      Opcode found = Opcode::Add;
      if (opcode_from_name(name, found)) {
        EXPECT_EQ(info(found).name, name);
      }
      c ^= 1;
    }
  }
}

TEST(Opcodes, ShapesAgreeWithTheWrittenRows) {
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    const OpcodeInfo& row = info(opcode(i));
    const ir::OpShape& s = ir::shape(opcode(i));
    const bool star = row.operands.find('*') != std::string_view::npos,
               result_star = row.results.find('*') != std::string_view::npos;
    EXPECT_EQ(s.operand_count, row.operands.size() - star) << row.name;
    EXPECT_EQ(s.result_count, row.results.size() - result_star) << row.name;
    EXPECT_EQ(s.any_operands, star) << row.name;
    EXPECT_EQ(s.any_results, result_star) << row.name;
    EXPECT_EQ(s.form, row.form) << row.name;
    EXPECT_EQ(s.flags, row.flags) << row.name;
    EXPECT_EQ(s.has_type(), row.has_type()) << row.name;
    EXPECT_EQ(s.has_from(), row.has_from()) << row.name;
  }
}

TEST(Opcodes, ThePairsOfAShapeAreTheTypesAllowed) {
  for (u32 i = 0; i < kOpcodeCount; ++i)
    for (u32 type = 0; type < kTypeCount; ++type)
      for (u32 from = 0; from < kTypeCount; ++from)
        EXPECT_EQ((ir::shape(opcode(i)).pairs >> (8 * type + from) & 1) != 0,
                  types_allowed(opcode(i), static_cast<Type>(type), static_cast<Type>(from)));
}

TEST(Opcodes, ExactlyTheRowsOfLinearMemoryNeedOne) {
  for (u32 i = 0; i < kOpcodeCount; ++i)
    EXPECT_EQ(ir::shape(opcode(i)).linear_memory, opcode(i) >= Opcode::Load && opcode(i) <= Opcode::MemoryCopy)
        << info(opcode(i)).name;
}

TEST(Opcodes, TheMasksMeanWhatTheLegendSays) {
  EXPECT_EQ(info(Opcode::Add).types, mask_of(Type::I8) | mask_of(Type::I16) | mask_of(Type::I32) | mask_of(Type::I64));
  EXPECT_EQ(info(Opcode::Eq).types, info(Opcode::Add).types | mask_of(Type::Ptr));
  EXPECT_EQ(info(Opcode::FAdd).types, mask_of(Type::F32) | mask_of(Type::F64));
  EXPECT_EQ(info(Opcode::Load).types, info(Opcode::Add).types | info(Opcode::FAdd).types);
  EXPECT_EQ(info(Opcode::Const).types, info(Opcode::Load).types | mask_of(Type::Ptr));
  EXPECT_EQ(info(Opcode::Load8S).types, info(Opcode::Add).types & ~mask_of(Type::I8));
  EXPECT_EQ(info(Opcode::Load16S).types, mask_of(Type::I32) | mask_of(Type::I64));
  EXPECT_EQ(info(Opcode::Load32S).types, mask_of(Type::I64));
  EXPECT_EQ(info(Opcode::MemorySize).types, mask_of(Type::I32) | mask_of(Type::I64));
  EXPECT_EQ(info(Opcode::Bitcast).types,
            mask_of(Type::I32) | mask_of(Type::I64) | mask_of(Type::F32) | mask_of(Type::F64) | mask_of(Type::Ptr));
}

TEST(Opcodes, CastsRelateTheirTypes) {
  EXPECT_TRUE(types_allowed(Opcode::Sext, Type::I64, Type::I8));
  EXPECT_FALSE(types_allowed(Opcode::Sext, Type::I8, Type::I8));
  EXPECT_FALSE(types_allowed(Opcode::Sext, Type::I16, Type::I32));
  EXPECT_TRUE(types_allowed(Opcode::Trunc, Type::I8, Type::I16));
  EXPECT_FALSE(types_allowed(Opcode::Trunc, Type::I16, Type::I16));
  EXPECT_TRUE(types_allowed(Opcode::Bitcast, Type::F32, Type::I32));
  EXPECT_TRUE(types_allowed(Opcode::Bitcast, Type::Ptr, Type::I64));
  EXPECT_FALSE(types_allowed(Opcode::Bitcast, Type::I32, Type::I32));
  EXPECT_FALSE(types_allowed(Opcode::Bitcast, Type::F64, Type::I32));
  EXPECT_TRUE(types_allowed(Opcode::FPromote, Type::F64, Type::F32));
  EXPECT_FALSE(types_allowed(Opcode::FPromote, Type::F32, Type::F64));
}

TEST(Opcodes, SuffixesAreThereExactlyWhereTheRowHasThem) {
  EXPECT_TRUE(types_allowed(Opcode::Jump, Type::None, Type::None));
  EXPECT_FALSE(types_allowed(Opcode::Jump, Type::I32, Type::None));
  EXPECT_FALSE(types_allowed(Opcode::Add, Type::None, Type::None));
  EXPECT_FALSE(types_allowed(Opcode::Add, Type::I32, Type::I32));
}

} // namespace
} // namespace assay
