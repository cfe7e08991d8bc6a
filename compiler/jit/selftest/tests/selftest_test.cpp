// selftest_test.cpp - the self-test passes here, its rows are those that docs/cli.md names, and a little stress.
#include "compiler/jit/selftest/selftest.h"

#include <gtest/gtest.h>

#include <map>

namespace assay::jit {
namespace {

// Microsoft's compilers define neither: what their runtime lacks is not in these tests.
#if defined(__x86_64__) || defined(__aarch64__)

TEST(SelfTest, EveryRowPassesOrSaysWhyItIsSkipped) {
#if defined(ASSAY_EMULATED)
  const std::vector<SelfTestRow> rows = selftest_unwinding({});
#else
  const std::vector<SelfTestRow> rows = selftest_unwinding({ASSAY_SELFTEST, "debuggee"});
#endif
  std::map<std::string, SelfTestEnd> ends;
  for (const SelfTestRow& row : rows) {
    EXPECT_NE(row.end, SelfTestEnd::Failed) << row.capability << ": " << row.detail;
    EXPECT_EQ(row.detail.empty(), row.end == SelfTestEnd::Passed) << row.capability << ": " << row.detail;
    EXPECT_TRUE(ends.emplace(row.capability, row.end).second) << "twice: " << row.capability;
  }
  for (const char* always : {"host exception", "host exception, deferred", "AIR exception", "AIR exception, handler",
                             "trap to exception", "fault to exception", "call stack"}) {
    ASSERT_TRUE(ends.count(always)) << always;
    EXPECT_EQ(ends[always], SelfTestEnd::Passed) << always;
  }
  EXPECT_TRUE(ends.count("debugger") && ends.count("profiler"));
}

TEST(Stress, ThreadsInstallThrowAndRemoveWithoutLoss) {
  StressOptions options;
  options.cycles = 500;
  options.throws = 2000;
  const auto figures = stress_unwinding(options);
  ASSERT_TRUE(figures) << figures.error().to_string();
  EXPECT_EQ(figures->cycles, 4u * 500u);
  EXPECT_EQ(figures->throws, 2000u);
  EXPECT_EQ(figures->wrong, 0u);
  EXPECT_EQ(figures->still_found, 0u);
}

/// Figures themselves are for quiet machines: they are only more than nothing.
TEST(SelfTest, CostsHaveARowForEachWayAndSize) {
#if defined(ASSAY_EMULATED) && defined(_WIN32) && defined(__aarch64__)
  GTEST_SKIP()
      << "skipped: times lie in vector registers over throws, and Wine's RtlRestoreContext does not restore those";
#endif
  const auto rows = measure_costs({1, 40});
  ASSERT_TRUE(rows) << rows.error().to_string();
  std::map<std::string, u64> ways;
  for (const CostRow& row : *rows) {
    ways[row.way] += row.functions;
    for (const double time :
         {row.one_frame_ns, row.hundred_frames_ns, row.native_one_ns, row.native_hundred_ns, row.first_ns, row.add_ns})
      EXPECT_GT(time, 0) << row.way;
  }
  EXPECT_GE(ways.size(), 1u);
  for (const auto& [way, functions] : ways) EXPECT_EQ(functions, 41u) << way;
}

#else
TEST(SelfTest, OnThisHost) { GTEST_SKIP() << "skipped: assay_selftest is run by itself"; }
#endif

} // namespace
} // namespace assay::jit
