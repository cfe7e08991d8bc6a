// name_map_test.cpp - scopes of names, canonical and other.
#include "compiler/ir/name_map.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

namespace assay::ir {
namespace {

TEST(NameMap, NewNamesHaveNoId) {
  NameMap map;
  map.reset(10);
  EXPECT_EQ(map.find("a", kNone), kNone);
  EXPECT_EQ(map.find("3", 3), kNone);
}

TEST(NameMap, IdsAreKeptUntilReset) {
  NameMap map;
  map.reset(10);
  map.find("a", kNone) = 1;
  map.find("3", 3) = 2;
  map.find("12", 12) = 4; // beyond the dense limit
  EXPECT_EQ(map.find("a", kNone), 1u);
  EXPECT_EQ(map.find("3", 3), 2u);
  EXPECT_EQ(map.find("12", 12), 4u);
  map.reset(10);
  EXPECT_EQ(map.find("a", kNone), kNone);
  EXPECT_EQ(map.find("3", 3), kNone);
  EXPECT_EQ(map.find("12", 12), kNone);
}

TEST(NameMap, ManyNamesOfAllLengthsStayApart) {
  NameMap map;
  std::deque<std::string> names;
  for (u32 i = 0; i < 5000; ++i) names.push_back(std::string(i % 23, 'x') + std::to_string(i));
  for (u32 scope = 0; scope < 3; ++scope) {
    map.reset(0);
    for (u32 i = 0; i < names.size(); ++i) {
      ASSERT_EQ(map.find(names[i], kNone), kNone);
      map.find(names[i], kNone) = i;
    }
    for (u32 i = 0; i < names.size(); ++i) ASSERT_EQ(map.find(names[i], kNone), i);
  }
}

} // namespace
} // namespace assay::ir
