// reach_test.cpp - what a program reaches of the compiler is noted, by target and level, and the rest is named.
#include "fuzz/check/reach.h"

#include "assay/verify.h"
#include "fuzz/check/subject.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace assay::fuzz {
namespace {

class ReachOf : public testing::Test {
protected:
  ~ReachOf() override { want_reach(nullptr); }

  /// Prepares the program on a subject; false: this host cannot run that.
  bool prepare(const char* name, const char* text) {
    const SubjectRow* const row = find_subject_row(name);
    EXPECT_NE(row, nullptr);
    if (!unavailable_reason(*row).empty()) return false;
    want_reach(reach_.get());
    auto subject = make_subject(*row);
    EXPECT_TRUE(subject.ok());
    const auto module = parse_and_verify(text);
    EXPECT_TRUE(module.ok());
    EXPECT_TRUE((*subject)->prepare(*module).ok());
    return true;
  }
  /// The row whose name ends so; none: nothing of that was reached.
  ReachRow row(std::string_view end) const {
    for (ReachRow& each : reach_rows(*reach_))
      if (each.what.ends_with(end)) return std::move(each);
    return {};
  }
  static bool misses(const ReachRow& row, std::string_view name) {
    return std::find(row.missing.begin(), row.missing.end(), name) != row.missing.end();
  }

  std::unique_ptr<Reach> reach_ = std::make_unique<Reach>();
};

constexpr const char* kProgram =
    "export func @main(i64) -> i64 {\n local $l : i64\n^e(%a: i64):\n local_set.i64 $l, %a\n"
    " %b = local_get.i64 $l\n %z = const.i64 0\n %c = or.i64 %b, %z\n"
    " %r = mul.i64 %c, %a\n return %r\n}\n";

TEST_F(ReachOf, nothing_is_no_row) { EXPECT_TRUE(reach_rows(*reach_).empty()); }

TEST_F(ReachOf, programs_is_told_by_level) {
  if (!prepare("x64-O0-native-linux", kProgram)) GTEST_SKIP() << "skipped: x64 code does not run here";
  const ReachRow plain = row("x64 O0: operations with their types");
  EXPECT_EQ(plain.reached, 6u) << "local_set, local_get, const, or, mul, return";
  EXPECT_EQ(plain.reached + plain.missing.size(), plain.all);
  EXPECT_FALSE(misses(plain, "or.i64"));
  EXPECT_TRUE(misses(plain, "or.i32"));
  EXPECT_EQ(row("x64 O2: operations with their types").all, 0u) << "nothing was compiled so";
  EXPECT_EQ(row("rules of simplification").all, 0u);

  ASSERT_TRUE(prepare("x64-O2-native-linux", kProgram));
  const ReachRow better = row("x64 O2: operations with their types");
  EXPECT_EQ(better.reached, 2u) << "mul, return";
  EXPECT_EQ(better.all + 2 * kTypeCount - 2, plain.all) << "no locals, of any type";
  EXPECT_TRUE(misses(better, "or.i64"));
  const ReachRow rules = row("rules of simplification");
  EXPECT_EQ(rules.reached, 1u);
  EXPECT_GT(rules.all, 200u);
}

TEST_F(ReachOf, programs_names_the_targets_operations) {
  if (!prepare("x64-O2-native-linux", kProgram)) GTEST_SKIP() << "skipped: x64 code does not run here";
  const ReachRow made = row("x64: the target's own operations");
  EXPECT_FALSE(misses(made, "ret"));
  EXPECT_FALSE(misses(made, "imul"));
  EXPECT_TRUE(misses(made, "popcnt"));
  EXPECT_EQ(row("a64: the target's own operations").all, 0u);
}

TEST_F(ReachOf, two_is_what_either_has) {
  auto other = std::make_unique<Reach>();
  other->rules[0] = 1;
  reach_->rules[1] = 1;
  reach_->add(*other);
  EXPECT_EQ(row("rules of simplification").reached, 2u);
  want_reach(reach_.get());
  EXPECT_TRUE(is_reach_wanted());
  const u64 fired[] = {0, 0, 3};
  reach_rules(fired);
  EXPECT_EQ(row("rules of simplification").reached, 3u);
}

} // namespace
} // namespace assay::fuzz
