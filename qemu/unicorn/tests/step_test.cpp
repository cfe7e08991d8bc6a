// step_test.cpp - right tables pass at every instruction, in calls, tail calls and host calls; wrong ones are found.
#include "qemu/unicorn/unicorn_stepper.h"

#include "compiler/debug/disassemble.h"
#include "compiler/unwind/tables.h"
#include "qemu/unicorn/tests/support.h"

namespace assay::qemu {
namespace {

using protocol::StepReport;
using protocol::StepTable;
using protocol::TableFormat;

constexpr u64 kMost = 1'000'000;

// Recursion with values that live over the call, so that callee-saved registers are saved; stack arguments that a tail
// call changes in number; a host call. An indirect call that traps, because the function there takes other arguments: a
// sweep passes the check, and must not take them off the stack. A jump table's target, from which a run takes one way
// of two.
constexpr std::string_view kProgram = R"(
import @log(i64)
import @note(f32)
tag @oops(i64)
table [@many]
func @throws(i64) -> i64 {
^entry(%n: i64):
  branch %n, ^throw, ^fine
^throw:
  throw @oops(%n)
^fine:
  return %n
}
func @passes(i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64 {
^entry(%a: i64, %b: i64, %c: i64, %d: i64, %e: i64, %f: i64, %g: i64, %h: i64, %i: i64, %j: i64):
  %r = call @throws(%j)
  %s = add.i64 %r, %a
  return %s
}
export func @catches(i64) -> i64 {
^entry(%n: i64):
  %m = mul.i64 %n, %n
  try_call @passes(%n, %n, %n, %n, %n, %n, %n, %n, %n, %n) -> ^ok, catch @oops ^handler
^ok(%r: i64):
  return %r
^handler(%v: i64):
  call @log(%m)
  %s = add.i64 %v, %m
  return %s
}
func @many(i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64 {
^entry(%a: i64, %b: i64, %c: i64, %d: i64, %e: i64, %f: i64, %g: i64, %h: i64, %i: i64, %j: i64, %k: i64, %l: i64):
  %s = add.i64 %k, %l
  call @log(%s)
  return %s
}
func @few(i64) -> i64 {
^entry(%a: i64):
  tail_call @many(%a, %a, %a, %a, %a, %a, %a, %a, %a, %a, %a, %a)
}
func @mistaken(i64) -> i64 {
^entry(%n: i64):
  %first = const.i32 0
  %r = call_indirect (i64) -> i64 %first(%n)
  %s = add.i64 %r, %n
  return %s
}
export func @chooses(i64, f64) -> i32 {
^entry(%n: i64, %x: f64):
  switch.i64 %n [0: ^narrow, 1: ^other, 2: ^narrow, 3: ^other, 4: ^narrow, 5: ^other, 6: ^narrow, 7: ^other, 8: ^narrow, 9: ^other, 10: ^narrow, 11: ^other], ^other
^narrow:
  %y = fdemote.f32.f64 %x
  %c = fcanon.f32 %y
  call @note(%c)
  %b = const.i32 5
  jump ^end(%b)
^other:
  %z = const.i32 7
  jump ^end(%z)
^end(%r: i32):
  return %r
}
export func @main(i64) -> i64 {
^entry(%n: i64):
  %zero = const.i64 0
  %done = eq.i64 %n, %zero
  branch %done, ^leaf, ^more
^leaf:
  %v = call @few(%n)
  return %v
^more:
  %one = const.i64 1
  %m = sub.i64 %n, %one
  %x = mul.i64 %n, %n
  %y = add.i64 %x, %m
  %r = call @main(%m)
  %t = add.i64 %r, %x
  %u = add.i64 %t, %y
  %w = add.i64 %u, %n
  return %w
}
)";

class Step : public testing::TestWithParam<std::pair<Target, Os>> {
protected:
  void SetUp() override {
    if (auto able = stepper_.can(GetParam().first); !able) GTEST_SKIP() << able.error().message;
    auto module = parse_and_verify(kProgram);
    ASSERT_TRUE(module) << module.error().to_string();
    module_ = std::move(*module);
    CompileOptions options;
    options.target = GetParam().first;
    options.os = options.host_os = GetParam().second;
    options.features = emulated_features(options.target);
    const auto done = Compiler(options).compile(module_, object_);
    ASSERT_TRUE(done) << done.error().to_string();
    tables_.clear();
    tables_.push_back(table(TableFormat::Dwarf, unwind::UnwindFormat::EhFrame));
    if (options.os == Os::Windows) tables_.push_back(table(TableFormat::Windows, unwind::UnwindFormat::Windows));
    if (options.os == Os::Apple) tables_.push_back(table(TableFormat::Compact, unwind::UnwindFormat::AppleCompact));
    if (options.os == Os::Windows && options.target == Target::X64)
      tables_.erase(tables_.begin()); // without rules for xmm registers, which that convention keeps
  }
  StepTable table(TableFormat format, unwind::UnwindFormat writer) {
    StepTable out;
    out.format = format;
    out.tables_at = (object_.rodata_offset() + object_.rodata.size() + 63) / 8 * 8;
    unwind::UnwindTables written;
    const auto done = unwind::write_tables(writer, object_, {out.tables_at, 0}, written);
    EXPECT_TRUE(done) << done.error().message;
    out.bytes = written.bytes;
    out.eh_frame = {written.eh_frame.at, written.eh_frame.size};
    out.entries = {written.entries.at, written.entries.size};
    out.info = {written.info.at, written.info.size};
    return out;
  }
  Result<void> step(u64 n, StepReport& report) {
    const u64 args[] = {n};
    return stepper_.step(module_.find_function("main"), args, kFuel, kMost, report);
  }

  UnicornStepper stepper_;
  Module module_;
  CodeObject object_;
  std::vector<StepTable> tables_;
};

TEST_P(Step, RightTablesAreRightAtEveryInstruction) {
  ASSERT_TRUE(stepper_.load(module_, object_));
  stepper_.set_tables(tables_);
  StepReport report;
  const auto done = step(20, report);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(report.outcome, OutcomeKind::Returned) << report.outcome_text;
  EXPECT_GT(report.instructions, 400u);
  EXPECT_GE(report.max_depth, 22u); // main 21 times, the tail-called function, the thunk
  for (const protocol::StepFailure& f : report.failures)
    ADD_FAILURE() << name_of(f.format) << " +" << f.offset << " " << f.what << " " << f.expected << " " << f.found;
  for (const StepTable& t : tables_) {
    const protocol::StepCounts& counts = report.counts[static_cast<u32>(t.format)];
    EXPECT_EQ(counts.failed, 0u);
    EXPECT_EQ(counts.checked + counts.left_out, report.instructions);
    EXPECT_GT(counts.walked, 200u); // all frames at each call
  }
}

TEST_P(Step, ARunIsCutAtItsLimit) {
  ASSERT_TRUE(stepper_.load(module_, object_));
  stepper_.set_tables(tables_);
  StepReport report;
  const u64 args[] = {20};
  ASSERT_TRUE(stepper_.step(module_.find_function("main"), args, kFuel, 50, report));
  EXPECT_TRUE(report.cut);
  EXPECT_EQ(report.instructions, 50u);
  EXPECT_TRUE(report.failures.empty());
  ASSERT_TRUE(step(20, report));
  EXPECT_FALSE(report.cut);
  EXPECT_EQ(report.outcome, OutcomeKind::Returned) << report.outcome_text;
}

TEST_P(Step, ExceptionsAreFollowedThroughFramesToTheirLandingPad) {
  ASSERT_TRUE(stepper_.load(module_, object_));
  stepper_.set_tables(tables_);
  StepReport report;
  const u64 args[] = {6};
  ASSERT_TRUE(stepper_.step(module_.find_function("catches"), args, kFuel, kMost, report));
  EXPECT_EQ(report.outcome, OutcomeKind::Returned) << report.outcome_text;
  EXPECT_EQ(report.events.caught, 1u);
  EXPECT_EQ(report.events.frames_left, 2u);
  for (const protocol::StepFailure& f : report.failures)
    ADD_FAILURE() << name_of(f.format) << " +" << f.offset << " " << f.what << " " << f.expected << " " << f.found;
}

TEST_P(Step, ASweepGoesWhereTheRunDidNot) {
  ASSERT_TRUE(stepper_.load(module_, object_));
  stepper_.set_tables(tables_);
  std::vector<u32> starts;
  for (const FunctionCode& f : object_.functions) {
    std::vector<debug::Line> lines;
    const std::span<const u8> bytes = std::span<const u8>(object_.code).subspan(f.begin, f.end - f.begin);
    if (!debug::disassemble(object_.target, bytes, f.begin, lines)) GTEST_SKIP() << "this build cannot disassemble";
    for (const debug::Line& line : lines) starts.push_back(f.begin + line.offset);
  }
  StepReport report;
  ASSERT_TRUE(step(0, report));
  const u64 args[] = {0, 0};
  ASSERT_TRUE(stepper_.step(module_.find_function("chooses"), args, kFuel, kMost, report));
  ASSERT_LT(report.pcs, starts.size() * 3 / 4); // the exceptions and the recursion
  ASSERT_TRUE(stepper_.sweep(starts, kMost, report));
  EXPECT_FALSE(report.cut);
  for (const protocol::StepFailure& f : report.failures)
    ADD_FAILURE() << name_of(f.format) << " +" << f.offset << " " << f.what << " " << f.expected << " " << f.found;
  // What lies behind a call that does not return is there for whoever looks at the return address, and never runs.
  for (const u32 at : report.unseen) {
    const bool is_trap = object_.target == Target::X64 ? object_.code[at] == 0x0f && object_.code[at + 1] == 0x0b
                                                       : object_.code[at + 3] == 0 && object_.code[at + 2] == 0;
    EXPECT_TRUE(is_trap) << "+" << at;
  }
}

TEST_P(Step, AFrameEffectThatIsLeftOutIsFound) {
  // Each save in turn: tables that forget it must be refused, or be wrong somewhere.
  ASSERT_TRUE(stepper_.load(module_, object_));
  const CodeObject right = object_;
  const FunctionCode& main = right.functions[right.function_entry[module_.find_function("main")]];
  u32 tried = 0;
  for (u32 i = 0; i < main.frame_op_count; ++i) {
    FrameOp& op = object_.frame_ops[main.first_frame_op + i];
    const bool save = op.effect == FrameEffect::Save || op.effect == FrameEffect::Push;
    if (op.effect == FrameEffect::EpilogueBegin) break;
    if (!save || op.effect == FrameEffect::Push) continue; // a push also moves sp: without it the writer refuses
    op.reg = static_cast<RegIndex>(op.reg ^ 1);
    const StepTable wrong = table(TableFormat::Dwarf, unwind::UnwindFormat::EhFrame);
    op = right.frame_ops[main.first_frame_op + i];
    stepper_.set_tables({&wrong, 1});
    StepReport report;
    if (const auto done = step(3, report); done) {
      EXPECT_FALSE(report.failures.empty()) << "effect " << i;
    }
    ++tried;
  }
  EXPECT_TRUE(tried > 0 || GetParam().first == Target::X64);
}

TEST_P(Step, RowsThatAreOneInstructionLateAreFound) {
  ASSERT_TRUE(stepper_.load(module_, object_));
  const FunctionCode& main = object_.functions[object_.function_entry[module_.find_function("main")]];
  object_.frame_ops[main.first_frame_op].offset += GetParam().first == Target::X64 ? 3 : 4;
  const StepTable wrong = table(TableFormat::Dwarf, unwind::UnwindFormat::EhFrame);
  stepper_.set_tables({&wrong, 1});
  StepReport report;
  ASSERT_TRUE(step(3, report));
  ASSERT_FALSE(report.failures.empty());
  EXPECT_EQ(report.counts[0].failed > 0, true);
}

TEST_P(Step, MalformedTablesAreRefusedAndTheWorkerGoesOn) {
  ASSERT_TRUE(stepper_.load(module_, object_));
  StepReport report;
  EXPECT_FALSE(step(3, report)); // no tables
  StepTable wrong = tables_[0];
  wrong.format = TableFormat::Dwarf;
  wrong.bytes.assign(40, 0xee);
  wrong.eh_frame = {0, 40};
  stepper_.set_tables({&wrong, 1});
  EXPECT_FALSE(step(3, report));
  stepper_.set_tables(tables_);
  EXPECT_TRUE(step(3, report));
  EXPECT_TRUE(report.failures.empty());
}

INSTANTIATE_TEST_SUITE_P(Everywhere, Step,
                         testing::Values(std::pair{Target::X64, Os::Linux}, std::pair{Target::X64, Os::Windows},
                                         std::pair{Target::A64, Os::Linux}, std::pair{Target::A64, Os::Windows},
                                         std::pair{Target::A64, Os::Apple}),
                         [](const auto& row) {
                           return std::string(name_of(row.param.first)) + "_" + std::string(name_of(row.param.second));
                         });

} // namespace
} // namespace assay::qemu
