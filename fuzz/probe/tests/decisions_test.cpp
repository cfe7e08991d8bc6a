// decisions_test.cpp - whatever choices the back end leaves out, programs do the same; and every choice is met. (The
// corpus: ctest -R quick.decisions.)
#include "compiler/codegen/decisions.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "compiler/codegen/observer.h"
#include "fuzz/check/check.h"
#include "fuzz/generate/generator.h"
#include "fuzz/probe/program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

namespace assay::fuzz {
namespace {

using codegen::kDecisionAreas;

/// No limit, none at all, or some number.
void draw_limits(std::mt19937_64& random, PassOptions& passes) {
  for (u64& limit : passes.decision_limits) {
    const u64 kind = random() % 4;
    limit = kind == 0 ? ~u64{0} : kind == 1 ? 0 : random() % (kind == 2 ? 20 : 400);
  }
}

std::vector<Module> corpus_programs() {
  std::vector<std::filesystem::path> paths;
  for (const char* folder : {"run", "regress"})
    for (const auto& entry : std::filesystem::directory_iterator(std::string(ASSAY_SOURCE_DIR "/corpus/") + folder))
      if (entry.path().extension() == ".air") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Module> out;
  for (const auto& path : paths) {
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (auto module = parse_and_verify(text)) out.push_back(std::move(*module));
  }
  return out;
}

std::vector<Module> random_programs(u32 count) {
  std::vector<Module> out(count);
  Generator generator{GeneratorConfig()};
  for (u32 i = 0; i < count; ++i) generator.generate(i + 1, out[i]);
  return out;
}

void do_the_same(const char* subject, const std::vector<Module>& modules, u64 seed) {
  const SubjectRow* const row = find_subject_row(subject);
  ASSERT_NE(row, nullptr);
  if (!unavailable_reason(*row).empty()) GTEST_SKIP() << unavailable_reason(*row);
  std::mt19937_64 random(seed);
  u32 agreed = 0;
  for (const Module& module : modules) {
    Cases cases;
    make_cases(module, seed, 2, 3000, cases);
    Probe probe;
    Program program{module, kNone, {}, 0};
    Variant variant = variant_of(*row, module);
    draw_limits(random, variant.passes);
    for (u32 i = 0; i < cases.size(); ++i) {
      program.entry = cases.entry(i);
      program.args.assign(cases.args(i).begin(), cases.args(i).end());
      program.fuel = cases.fuel(i);
      const Seen seen = probe.ask(program, variant);
      EXPECT_FALSE(seen.fails()) << seen.what << "\nlimits " << testing::PrintToString(variant.passes.decision_limits)
                                 << "\n"
                                 << to_text(module);
      if (seen.fails()) return;
      agreed += seen.state == Seen::Agrees;
    }
  }
  EXPECT_GT(agreed, modules.size() / 2);
}

TEST(DecisionLimits, random_programs_do_the_same_at_O0) { do_the_same("x64-O0-native-linux", random_programs(300), 4); }
TEST(DecisionLimits, random_programs_do_the_same_at_O2) { do_the_same("x64-O2-native-linux", random_programs(300), 5); }
TEST(DecisionLimits, random_programs_do_the_same_with_four_registers) {
  do_the_same("x64-O2-native-linux-regs4", random_programs(150), 6);
}
TEST(DecisionLimits, random_programs_do_the_same_on_a64) {
  do_the_same("a64-O0-unicorn-linux", random_programs(100), 7);
  do_the_same("a64-O2-unicorn-linux", random_programs(100), 8);
}

constexpr u64 kCounted = 1u << 30; // the most: what assemblers choose is counted where there is a limit

class Counter final : public codegen::Observer {
public:
  void decided(const codegen::Decisions& decisions) override { last = decisions; }
  codegen::Decisions last;
};

constexpr const char* kFieldAndComparison = R"(
export func @main(i64) -> i64 {
^0(%a: i64):
  %n = const.i64 5
  %m = const.i64 255
  %b = shr_u.i64 %a, %n
  %c = and.i64 %b, %m
  %t = lt_s.i64 %m, %a
  %r = select.i64 %t, %c, %a
  return %r
}
)";

constexpr const char* kProductAndConstant = R"(
export func @main(i64) -> i64 {
^0(%a: i64):
  %n = const.i64 5
  %m = const.i64 255
  %b = mul.i64 %a, %n
  %r = add.i64 %b, %m
  return %r
}
)";

constexpr const char* kPlaceAndExtension = R"(
memory 65536
export func @main(i64, i64, i32) -> i64 {
^0(%a: i64, %b: i64, %c: i32):
  %n = const.i64 2
  %s = shl.i64 %a, %n
  %p = add.i64 %s, %b
  %v = load.i32 %p, 0
  %w = add.i32 %v, %c
  %r = zext.i64.i32 %w
  return %r
}
)";

constexpr const char* kPartedAddress = R"(
memory 65536
export func @main(i64, i64) -> i64 {
^0(%a: i64, %n: i64):
  %zero = const.i64 0
  %one = const.i64 1
  %m = const.i64 255
  %p = and.i64 %a, %m
  jump ^1(%zero)
^1(%i: i64):
  store.i64 %p, 8, %i
  %x = load.i64 %p, 64
  %y = load.i64 %p, 1024
  %z = load.i64 %p, 9000
  %s = add.i64 %x, %y
  %t = add.i64 %s, %z
  store.i64 %p, 4096, %t
  %j = add.i64 %i, %one
  %l = lt_u.i64 %j, %n
  branch %l, ^1(%j), ^2
^2:
  return %t
}
)";

constexpr const char* kInversion = R"(
export func @main(i64, i64) -> i64 {
^0(%a: i64, %b: i64):
  %m = const.i64 -1
  %n = xor.i64 %a, %m
  %r = and.i64 %b, %n
  return %r
}
)";

TEST(DecisionLimits, each_choice_is_met_by_some_program) {
  std::set<std::string_view> met;
  std::vector<Module> modules = random_programs(300);
  const std::size_t first_rare = modules.size();
  for (const char* const rare :
       {kFieldAndComparison, kProductAndConstant, kPlaceAndExtension, kPartedAddress, kInversion})
    modules.push_back(std::move(*parse_and_verify(rare)));
  const std::size_t behind_rare = modules.size();
  for (Module& module : corpus_programs()) modules.push_back(std::move(module));
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const Module& module = modules[i];
    const u64 steps = i >= first_rare && i < behind_rare ? 40 : 8;
    for (const Target target : {Target::X64, Target::A64}) {
      for (const Level level : {Level::O0, Level::O2}) {
        Counter counter;
        CompileOptions options;
        options.target = target;
        options.level = level;
        options.entries = i % 2 == 0 ? Entries::All : Entries::Exported;
        options.max_registers = met.size() % 2 == 0 ? 0 : 4;
        options.features.sign_return = target == Target::A64;
        options.features.popcnt = options.features.lzcnt = true;
        options.observer = &counter;
        options.passes.decision_limits[static_cast<u32>(codegen::DecisionArea::Encoding)] = kCounted;
        CodeObject object;
        if (!Compiler(options).compile(module, object)) continue;
        const codegen::Decisions all = counter.last;
        for (u64 step = 0; step < steps; ++step) {
          for (u32 area = 0; area < kDecisionAreas; ++area)
            options.passes.decision_limits[area] =
                1 + all.made(static_cast<codegen::DecisionArea>(area)) * step / steps;
          ASSERT_TRUE(Compiler(options).compile(module, object).ok());
          for (u32 area = 0; area < kDecisionAreas; ++area) {
            const codegen::LastDecision& last = counter.last.last(static_cast<codegen::DecisionArea>(area));
            if (last.number == 0) continue;
            met.insert(codegen::decision_info(last.decision).name);
            EXPECT_GT(last.line, 10u);
            EXPECT_NE(last.function, kNone);
          }
        }
        for (u64& limit : options.passes.decision_limits) limit = ~u64{0};
      }
    }
  }
  for (const codegen::DecisionInfo& info : codegen::decision_infos()) EXPECT_EQ(met.count(info.name), 1u) << info.name;
}

} // namespace
} // namespace assay::fuzz
