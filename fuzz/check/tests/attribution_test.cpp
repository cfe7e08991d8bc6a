// attribution_test.cpp - who is said to be at fault: from trials as values, and from bugs planted in one target, in
// what all
// targets share, and in what one place alone uses.
#include "fuzz/check/attribution.h"

#include "assay/planted.h"
#include "assay/verify.h"
#include "fuzz/check/finding.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

constexpr Target kX64 = Target::X64, kA64 = Target::A64;
constexpr Exec kNative = Exec::Native, kQemu = Exec::Qemu, kUnicorn = Exec::Unicorn;
constexpr Verdict kAgrees = Verdict::Agrees, kDiffers = Verdict::Differs;

std::string culprit(Target failing, const std::vector<Trial>& trials) { return culprit_of(failing, trials); }

TEST(Culprit, one_target_wherever_it_runs) {
  EXPECT_EQ(culprit(kA64, {{kA64, kUnicorn, kDiffers}, {kA64, kQemu, kDiffers}, {kX64, kNative, kAgrees}}), "a64");
  EXPECT_EQ(culprit(kX64, {{kX64, kNative, kDiffers}, {kA64, kUnicorn, kAgrees}}), "x64");
}

TEST(Culprit, one_place_alone_with_the_same_bytes) {
  EXPECT_EQ(culprit(kA64, {{kA64, kUnicorn, kDiffers}, {kA64, kQemu, kAgrees}, {kX64, kNative, kAgrees}}),
            "emulator: unicorn");
  EXPECT_EQ(culprit(kA64, {{kA64, kUnicorn, kAgrees}, {kA64, kQemu, kDiffers}}), "emulator: qemu");
  EXPECT_EQ(culprit(kX64, {{kX64, kNative, kDiffers}, {kX64, kUnicorn, kAgrees}}), "machine: native");
}

TEST(Culprit, all_targets_or_the_oracle) {
  EXPECT_EQ(culprit(kX64, {{kX64, kNative, kDiffers}, {kX64, kUnicorn, kDiffers}, {kA64, kUnicorn, kDiffers}}),
            "oracle or all targets");
}

TEST(Culprit, the_target_where_nothing_else_ran_or_nothing_shows_again) {
  EXPECT_EQ(culprit(kX64, {{kX64, kNative, kDiffers}}), "x64");
  EXPECT_EQ(culprit(kX64, {}), "x64");
  EXPECT_EQ(culprit(kX64, {{kX64, kNative, kAgrees}, {kA64, kUnicorn, kDiffers}}), "x64");
}

TEST(Culprit, trials_are_told_in_words) {
  const std::vector<Trial> trials = {{kA64, kUnicorn, kDiffers}, {kA64, kQemu, kDiffers}, {kX64, kNative, kAgrees}};
  EXPECT_EQ(to_string(trials), "x64 agrees in native; a64 differs in unicorn, qemu");
}

#ifdef ASSAY_MUTANTS
class PlantedBugIn : public testing::Test {
protected:
  /// Checks one call on one subject while the bug is active; the finding, with its culprit.
  Finding find(u64 bug, std::string_view subject, std::string_view text, std::vector<u64> args, u64 fuel = 1000) {
    Finding none;
    const SubjectRow* row = find_subject_row(subject);
    auto checker = Checker::make({&row, 1});
    if (!checker) return none;
    const auto module = parse_and_verify(text);
    EXPECT_TRUE(module) << module.error().to_string();
    Cases cases;
    cases.add(module->find_function("f"), args, fuel);
    EXPECT_TRUE(checker->check(*module, cases)) << checker->difference().what;
    planted::active = bug;
    const bool same = checker->check(*module, cases);
    Attributor attributor;
    if (!same) none = make_finding(*module, cases, *checker, &attributor);
    planted::active = 0;
    EXPECT_FALSE(same);
    return none;
  }
  void need(std::initializer_list<std::string_view> subjects) {
    for (const std::string_view name : subjects) {
      const std::string reason = unavailable_reason(*find_subject_row(name));
      if (!reason.empty()) GTEST_SKIP() << name << ": " << reason;
    }
  }
};

constexpr std::string_view kFuel = "export func @f() {\n^e:\n  fuel 5\n  return\n}\n";

TEST_F(PlantedBugIn, the_x64_target_is_its) {
  need({"x64-O0-native-linux", "x64-O0-unicorn-linux", "a64-O0-unicorn-linux"});
  if (IsSkipped()) return;
  const Finding finding = find(planted::name_hash("fuel_exact"), "x64-O0-native-linux", kFuel, {}, 5);
  EXPECT_EQ(finding.culprit, "x64");
  EXPECT_EQ(finding.trials.substr(0, 31), "x64 differs in native, unicorn;") << finding.trials;
}

TEST_F(PlantedBugIn, the_a64_target_is_its) {
  need({"x64-O0-native-linux", "a64-O0-unicorn-linux"});
  if (IsSkipped()) return;
  const Finding finding = find(planted::name_hash("a64_fuel_not_cleared"), "a64-O0-unicorn-linux", kFuel, {}, 3);
  EXPECT_EQ(finding.culprit, "a64");
  EXPECT_NE(finding.trials.find("x64 agrees in native"), std::string::npos) << finding.trials;
}

TEST_F(PlantedBugIn, what_targets_share_is_everybodys_or_the_oracles) {
  need({"x64-O0-native-linux", "a64-O0-unicorn-linux"});
  if (IsSkipped()) return;
  const std::string_view text =
      "export func @f(i32) {\n^e(%x: i32):\n  %one = const.i32 1\n  %q = div_u.i32 %one, %x\n  return\n}\n";
  EXPECT_EQ(find(planted::name_hash("isel_dead_division"), "x64-O0-native-linux", text, {0}).culprit,
            "oracle or all targets");
  EXPECT_EQ(find(planted::name_hash("isel_dead_division"), "a64-O0-unicorn-linux", text, {0}).culprit,
            "oracle or all targets");
}

TEST_F(PlantedBugIn, the_runtime_of_this_process_is_the_places) {
  need({"x64-O0-native-linux-baseline", "x64-O0-unicorn-linux", "a64-O0-unicorn-linux"});
  if (IsSkipped()) return;
  const std::string_view text = "export func @f(f64, f64, f64) -> f64 {\n^e(%a: f64, %b: f64, %c: f64):\n"
                                "  %r = fma.f64 %a, %b, %c\n  return %r\n}\n";
  // (1 + 2^-52)^2 - (1 + 2^-51) is 2^-104, which a product rounded first has lost.
  const std::vector<u64> args = {0x3ff0000000000001, 0x3ff0000000000001, 0xbff0000000000002};
  EXPECT_EQ(find(planted::name_hash("rt_fma_rounds_twice"), "x64-O0-native-linux-baseline", text, args).culprit,
            "machine: native");
}
#endif

} // namespace
} // namespace assay::fuzz
