// cpu_features_test.cpp - our reading of CPUID agrees with the compiler's own run-time check.
#include "assay/compiler.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

#if defined(__x86_64__) && defined(__GNUC__) && !defined(ASSAY_NO_CPU_MODEL)
TEST(HostFeatures, AgreeWithTheToolchain) {
  const CpuFeatures features = host_features();
  EXPECT_EQ(features.sse41, __builtin_cpu_supports("sse4.1") != 0);
  EXPECT_EQ(features.popcnt, __builtin_cpu_supports("popcnt") != 0);
  EXPECT_EQ(features.bmi1, __builtin_cpu_supports("bmi") != 0);
  EXPECT_EQ(features.fma, __builtin_cpu_supports("fma") != 0);
}
#endif

TEST(HostFeatures, AreTheSameEachTime) {
  const CpuFeatures a = host_features(), b = host_features();
  EXPECT_EQ(a.fma, b.fma);
  EXPECT_EQ(a.lzcnt, b.lzcnt);
}

} // namespace
} // namespace assay
