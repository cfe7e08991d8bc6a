// errors_test.cpp - printed errors, results, exceptions, and the end on a broken invariant.
#include "assay/errors.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

Error error(std::string file, u32 line, u32 column) {
  return {ErrorKind::BadInput, std::move(file), line, column, "expected a type"};
}

TEST(Errors, ToStringLeavesOutWhatIsNotKnown) {
  EXPECT_EQ(error("a.air", 12, 7).to_string(), "a.air:12:7: expected a type");
  EXPECT_EQ(error("a.air", 12, 0).to_string(), "a.air:12: expected a type");
  EXPECT_EQ(error("a.air", 0, 0).to_string(), "a.air: expected a type");
  EXPECT_EQ(error("", 12, 7).to_string(), "12:7: expected a type");
  EXPECT_EQ(error("", 0, 0).to_string(), "expected a type");
}

TEST(Errors, ResultHoldsAValueOrAnError) {
  const Result<int> good(3), bad(error("f", 1, 2));
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good, 3);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().column, 2u);
  EXPECT_TRUE(Result<void>().ok());
  EXPECT_EQ(Result<void>(error("f", 9, 2)).error().line, 9u);
}

TEST(Errors, TrapExceptionNamesEveryTrap) {
  for (u32 i = 0; i < kTrapCount; ++i) {
    const auto kind = static_cast<TrapKind>(i);
    EXPECT_EQ(std::string(TrapException(kind, {}).what()), "assay: trap " + std::string(name_of(kind)));
  }
}

TEST(ErrorsDeathTest, ABrokenInvariantNamesItselfAndEndsTheProcess) {
  EXPECT_DEATH(ASSAY_CHECK(1 + 1 == 3), "errors_test.cpp:[0-9]+: 1 \\+ 1 == 3");
}

} // namespace
} // namespace assay
