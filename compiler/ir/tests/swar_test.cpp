// swar_test.cpp - the eight-characters-at-a-time helpers against the plain loops that they replace.
#include "compiler/ir/swar.h"

#include "compiler/ir/chars.h"

#include <gtest/gtest.h>

#include <random>

namespace assay::ir {
namespace {

TEST(Swar, LeadingDigitsAndTheirValue) {
  std::mt19937 random(3);
  for (int i = 0; i < 100000; ++i) {
    char text[8];
    for (char& c : text) c = static_cast<char>(random() % 4 != 0 ? '0' + random() % 10 : random() % 256);
    u32 count = 0, value = 0;
    while (count < 8 && is_digit(text[count])) value = value * 10 + static_cast<u32>(text[count++] - '0');
    ASSERT_EQ(leading_digits(load8(text)), count);
    if (count == 0) continue;
    ASSERT_EQ(digits_value(load8(text), count), value);
  }
}

TEST(Swar, FirstCharacterBelow) {
  std::mt19937 random(5);
  for (int i = 0; i < 100000; ++i) {
    char text[8];
    for (char& c : text) c = static_cast<char>(random() % 4 != 0 ? 'a' + random() % 26 : random() % 256);
    u32 first = 0;
    while (first < 8 && static_cast<u8>(text[first]) >= '0') ++first;
    ASSERT_EQ(first_below(load8(text), '0'), first);
  }
}

TEST(Swar, FirstCharsKeepsThatMany) {
  EXPECT_EQ(first_chars(0x8877665544332211u, 0), 0u);
  EXPECT_EQ(first_chars(0x8877665544332211u, 3), 0x332211u);
  EXPECT_EQ(first_chars(0x8877665544332211u, 8), 0x8877665544332211u);
}

} // namespace
} // namespace assay::ir
