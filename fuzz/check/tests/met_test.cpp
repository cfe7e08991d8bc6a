// met_test.cpp - what a program meets is counted, the same each time, and apart from what another one does.
#include "fuzz/check/met.h"

#include "assay/verify.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

#include <set>

namespace assay::fuzz {
namespace {

constexpr std::string_view kRow = "x64-O2-native-linux";

class MetFeatures : public testing::Test {
protected:
  void SetUp() override {
    const SubjectRow* const row = find_subject_row(kRow);
    ASSERT_NE(row, nullptr);
    if (const std::string reason = unavailable_reason(*row); !reason.empty()) GTEST_SKIP() << reason;
    counters_.assign(kMetCount, 0);
    want_met(counters_.data());
    auto subject = make_subject(*row);
    ASSERT_TRUE(subject.ok());
    subject_ = std::move(*subject);
  }
  void TearDown() override { want_met(nullptr); }

  /// The counters that a program and a run of it with this argument raise.
  std::set<u32> met(std::string_view body, u64 arg) {
    const auto module = parse_and_verify("memory 64\nexport func @main(i64) -> i64 {\n^e(%a: i64):\n" +
                                         std::string(body) + " return %r\n}\n");
    EXPECT_TRUE(module.ok()) << module.error().to_string();
    std::fill(counters_.begin(), counters_.end(), u8{0});
    EXPECT_TRUE(subject_->prepare(*module).ok());
    qemu::TestHost host;
    Outcome outcome;
    subject_->run(0, {&arg, 1}, 100, host, outcome);
    std::set<u32> out;
    for (u32 i = 0; i < kMetCount; ++i)
      if (counters_[i] != 0) out.insert(i);
    return out;
  }

  std::vector<u8> counters_;
  std::unique_ptr<Subject> subject_;
};

TEST_F(MetFeatures, AreTheSameEachTimeAndOthersForOtherPrograms) {
  const std::string_view sum = " %r = add.i64 %a, %a\n";
  const std::set<u32> first = met(sum, 1);
  EXPECT_GE(first.size(), 4u);
  EXPECT_EQ(met(sum, 1), first);
  for (const char* other :
       {" %r = mul.i64 %a, %a\n", " %c = const.i64 5\n %r = add.i64 %a, %c\n", " %r = load.i64 %a, 0\n",
        " %r = load.i64 %a, 8\n %s = load8_u.i64 %a, 8\n store.i64 %a, 0, %s\n"})
    EXPECT_NE(met(other, 1), first) << other;
  EXPECT_EQ(met(sum, 1), first) << "whatever came before";
}

TEST_F(MetFeatures, TellHowARunEnds) {
  const std::string_view division = " %r = div_u.i64 %a, %a\n";
  const std::string_view access = " %r = load.i64 %a, 0\n";
  EXPECT_NE(met(access, 0), met(access, 1u << 20)) << "inside, and a trap";
  EXPECT_NE(met(division, 0), met(division, 1));
}

TEST_F(MetFeatures, TellWhichRulesWereApplied) {
  // What is left is the same; what led there is not.
  const std::set<u32> plain = met(" %r = add.i64 %a, %a\n", 1);
  const std::set<u32> simplified = met(" %z = const.i64 0\n %b = or.i64 %a, %z\n %r = add.i64 %a, %b\n", 1);
  EXPECT_NE(plain, simplified);
  EXPECT_GT(simplified.size(), plain.size());
}

TEST_F(MetFeatures, NothingIsCountedWhereNobodyWantsIt) {
  want_met(nullptr);
  EXPECT_TRUE(met(" %r = add.i64 %a, %a\n", 1).empty());
}

} // namespace
} // namespace assay::fuzz
