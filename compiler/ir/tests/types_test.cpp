// types_test.cpp - names and sizes of types, names of traps.
#include "assay/types.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

TEST(Types, NamesAreThoseOfTheReference) {
  EXPECT_EQ(name_of(Type::None), "none");
  EXPECT_EQ(name_of(Type::I8), "i8");
  EXPECT_EQ(name_of(Type::I16), "i16");
  EXPECT_EQ(name_of(Type::I32), "i32");
  EXPECT_EQ(name_of(Type::I64), "i64");
  EXPECT_EQ(name_of(Type::F32), "f32");
  EXPECT_EQ(name_of(Type::F64), "f64");
  EXPECT_EQ(name_of(Type::Ptr), "ptr");
  EXPECT_EQ(name_of(static_cast<Type>(200)), "?");
}

TEST(Types, MasksCoverTheWidth) {
  EXPECT_EQ(bit_mask(Type::I8), 0xffu);
  EXPECT_EQ(bit_mask(Type::I16), 0xffffu);
  EXPECT_EQ(bit_mask(Type::F32), 0xffffffffu);
  EXPECT_EQ(bit_mask(Type::Ptr), ~u64{0});
  EXPECT_EQ(bit_mask(Type::None), 0u);
}

TEST(Types, TrapNamesGoBothWays) {
  for (u32 i = 0; i < kTrapCount; ++i) {
    TrapKind found = TrapKind::User15;
    ASSERT_TRUE(trap_from_name(name_of(static_cast<TrapKind>(i)), found));
    EXPECT_EQ(static_cast<u32>(found), i);
  }
  EXPECT_EQ(name_of(TrapKind::BadIndirectCall), "bad_indirect_call");
  EXPECT_EQ(name_of(TrapKind::User15), "user15");
}

TEST(Types, OtherTrapNamesAreNotFound) {
  TrapKind found = TrapKind::Unreachable;
  EXPECT_FALSE(trap_from_name("", found));
  EXPECT_FALSE(trap_from_name("user16", found));
  EXPECT_FALSE(trap_from_name("user", found));
}

} // namespace
} // namespace assay
