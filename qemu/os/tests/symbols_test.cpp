// symbols_test.cpp - tests of symbols.h.
#include "qemu/os/symbols.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace assay::qemu {
namespace {

TEST(Symbols, FindsAFunctionOfTheSystemsLibrary) {
  using Labs = long (*)(long);
  const auto found = reinterpret_cast<Labs>(hidden_definition("labs"));
#ifdef _WIN32
  EXPECT_EQ(found, nullptr);
#else
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found(-5), 5);
#endif
}

TEST(Symbols, FindsNothingForAFunctionThatIsNowhere) {
  EXPECT_EQ(hidden_definition("assay_a_function_of_no_library"), nullptr);
}

} // namespace
} // namespace assay::qemu
