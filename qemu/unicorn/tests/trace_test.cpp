// trace_test.cpp - the last instructions of a run, what each changed, and where a trace stops.
#include "qemu/unicorn/unicorn_stepper.h"

#include "compiler/debug/disassemble.h"
#include "qemu/unicorn/tests/support.h"

namespace assay::qemu {
namespace {

using protocol::TraceLimits;
using protocol::TraceReport;

// Twelve rounds, each with a host call and a byte stored; the byte at 7 is changed by the rounds 3 and 9.
constexpr std::string_view kRounds = R"(
import @log(i64)
memory 64
export func @main(i64) -> i64 {
^entry(%n: i64):
  %zero = const.i64 0
  jump ^loop(%zero)
^loop(%i: i64):
  call @log(%i)
  %six = const.i64 6
  %odd = rem_u.i64 %i, %six
  %three = const.i64 3
  %is = eq.i64 %odd, %three
  %seven = const.i32 7
  %byte = trunc.i8.i64 %i
  branch %is, ^store, ^next
^store:
  store.i8 %seven, 0, %byte
  jump ^next
^next:
  %one = const.i64 1
  %more = add.i64 %i, %one
  %again = lt_u.i64 %more, %n
  branch %again, ^loop(%more), ^end
^end:
  %sum = add.i64 %n, %more
  return %sum
}
)";

class Traces : public testing::TestWithParam<Target> {
protected:
  void SetUp() override {
    if (auto able = stepper_.can(GetParam()); !able) GTEST_SKIP() << able.error().message;
    auto module = parse_and_verify(kRounds);
    ASSERT_TRUE(module) << module.error().to_string();
    program_.module = std::move(module).value();
    CompileOptions options;
    options.target = GetParam();
    options.features = emulated_features(GetParam());
    const auto done = Compiler(options).compile(program_.module, program_.object);
    ASSERT_TRUE(done) << done.error().to_string();
  }
  TraceReport traced(const TraceLimits& limits) {
    TraceReport out;
    const auto loaded = stepper_.load(program_.module, program_.object);
    EXPECT_TRUE(loaded) << loaded.error().to_string();
    const u64 args[] = {12};
    const auto done = stepper_.trace(program_.module.find_function("main"), args, kFuel, limits, out);
    EXPECT_TRUE(done) << done.error().to_string();
    return out;
  }
  /// The value of a register at the end; the result's is the same index on neither target.
  u64 at_end(const TraceReport& report, u32 reg) const {
    for (const protocol::RegisterWord& word : report.registers)
      if (word.reg == reg && word.half == 0) return word.value;
    return ~u64{0};
  }
  bool some_register_is(const TraceReport& report, u64 value) const {
    return std::any_of(report.registers.begin(), report.registers.end(),
                       [&](const protocol::RegisterWord& word) { return word.half == 0 && word.value == value; });
  }

  Program program_;
  UnicornStepper stepper_;
};

TEST_P(Traces, EndsWithTheRunAndHasTheResult) {
  const TraceReport report = traced({.keep = 10});
  EXPECT_EQ(report.stop, TraceReport::AtEnd);
  EXPECT_EQ(report.outcome, OutcomeKind::Returned);
  EXPECT_EQ(at_end(report, 0), 24u) << "rax, x0";
  EXPECT_EQ(report.instructions.size(), 10u);
  ASSERT_FALSE(report.instructions.empty());
  EXPECT_EQ(report.instructions.back().number + 1, report.executed);
  for (std::size_t i = 1; i < report.instructions.size(); ++i)
    EXPECT_EQ(report.instructions[i].number, report.instructions[i - 1].number + 1);
  EXPECT_EQ(traced({.keep = 4096}).instructions.size(), report.executed) << "all of them";
}

TEST_P(Traces, EachChangeIsTheInstructionsOwn) {
  const TraceReport report = traced({.keep = 4096});
  // Added up, the changes are what the registers are at the end.
  std::vector<u64> state(protocol::kTracedRegisters * 2);
  std::vector<bool> known(state.size());
  for (const protocol::TracedInstruction& one : report.instructions) {
    ASSERT_LT(one.offset, program_.object.code.size());
    for (const protocol::RegisterWord& word : one.changed) {
      const std::size_t at = word.reg * 2u + word.half;
      EXPECT_FALSE(known[at] && state[at] == word.value) << "no change";
      state[at] = word.value;
      known[at] = true;
    }
  }
  u32 changed = 0;
  for (const protocol::RegisterWord& word : report.registers) {
    const std::size_t at = word.reg * 2u + word.half;
    if (!known[at]) continue;
    EXPECT_EQ(state[at], word.value) << u32{word.reg};
    ++changed;
  }
  EXPECT_GT(changed, 3u);
}

TEST_P(Traces, StopsAtAHostCallWithItsArguments) {
  const TraceReport report = traced({.events = 5});
  EXPECT_EQ(report.stop, TraceReport::AtEvent);
  EXPECT_TRUE(some_register_is(report, 5)) << "what is logged sixth";
  EXPECT_LT(report.executed, traced({}).executed);
  ASSERT_FALSE(report.instructions.empty());
  EXPECT_TRUE(report.instructions.back().changed.empty()) << "the call has not returned";
  EXPECT_EQ(traced({.events = 12}).stop, TraceReport::AtEnd) << "there are twelve";
}

TEST_P(Traces, GoesUpToTheLastChangeOfAByte) {
  const TraceReport report = traced({.watch = 7});
  EXPECT_EQ(report.stop, TraceReport::AtChange);
  EXPECT_TRUE(some_register_is(report, 9));
  EXPECT_LT(report.instructions.back().number + 1, report.executed);
  EXPECT_EQ(traced({.watch = 8}).stop, TraceReport::AtEnd) << "nothing is stored there";
  EXPECT_EQ(traced({.watch = u64{1} << 40}).stop, TraceReport::AtEnd) << "beyond the memory";
}

TEST_P(Traces, IsCutAndRunsAgainAsBefore) {
  const TraceReport cut = traced({.most = 20});
  EXPECT_EQ(cut.stop, TraceReport::Cut);
  EXPECT_EQ(cut.executed, 20u);
  const TraceReport whole = traced({});
  EXPECT_EQ(whole.stop, TraceReport::AtEnd);
  EXPECT_EQ(traced({}).executed, whole.executed);
}

INSTANTIATE_TEST_SUITE_P(Targets, Traces, testing::Values(Target::X64, Target::A64),
                         [](const auto& row) { return std::string(name_of(row.param)); });

} // namespace
} // namespace assay::qemu
