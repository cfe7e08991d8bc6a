// outcome_test.cpp - agreement, the first difference in words, and the printed forms.
#include "assay/outcome.h"

#include "assay/text.h"

#include <gtest/gtest.h>

#include <bit>
#include <functional>

namespace assay {
namespace {

class Outcomes : public ::testing::Test {
protected:
  Outcomes()
      : module_(*parse_module("global @g : i32 = 0\nglobal @x : f64 = 0.0\ntag @bad_input(i64, f64)\nimport @log(i32, "
                              "f32)\nimport @take(ptr, i8)\n"
                              "func @f() {\n^a:\n  return\n}\nfunc @main() {\n^a:\n  return\n}")) {
    a_.values = {42, std::bit_cast<u64>(3.0)};
    a_.value_types = {Type::I32, Type::F64};
    a_.memory = {1, 2, 3};
    a_.globals = {7, 0};
    a_.trace_args = {3, std::bit_cast<u32>(0.5f), 0x1000, 0xff};
    a_.frames = {{2, 1, 4}, {3, 0, 0}, {3, 0, 1}};
    a_.trace = {{TraceKind::HostCall, 0, 0, 2, 0, 2}, {TraceKind::HostCall, 1, 2, 2, 2, 1}};
    a_.fuel_left = 10;
    b_ = a_;
  }

  void expect_differ(const std::string& words) {
    EXPECT_EQ(compare(module_, a_, b_), Agreement::Differ);
    EXPECT_EQ(compare(module_, b_, a_), Agreement::Differ);
    EXPECT_EQ(first_difference(module_, a_, b_), words);
  }
  void expect_agree() {
    EXPECT_EQ(compare(module_, a_, b_), Agreement::Agree);
    EXPECT_EQ(first_difference(module_, a_, b_), "");
  }
  void trap(Outcome& o, TrapKind kind) {
    o.kind = OutcomeKind::Trapped;
    o.trap = kind;
    o.position = {2, 2, 3};
  }

  Module module_;
  Outcome a_, b_;
};

TEST_F(Outcomes, EqualOnesAgree) { expect_agree(); }

TEST_F(Outcomes, AResultDiffers) {
  b_.values[0] = 43;
  expect_differ("result 0: 42 != 43");
}

TEST_F(Outcomes, AResultTypeDiffers) {
  b_.value_types[0] = Type::I64;
  expect_differ("result 0 type: i32 != i64");
}

TEST_F(Outcomes, TheNumberOfResultsDiffers) {
  b_.values.pop_back();
  b_.value_types.pop_back();
  expect_differ("number of results: 2 != 1");
}

TEST_F(Outcomes, ZerosOfDifferentSignDiffer) {
  a_.values[1] = 0;
  b_.values[1] = u64{1} << 63;
  expect_differ("result 1: 0x0p+0 != -0x0p+0");
}

TEST_F(Outcomes, NansAreComparedByBits) {
  a_.values[1] = b_.values[1] = 0x7ff8000000000000;
  expect_agree();
  b_.values[1] = 0x7ff8000000000001;
  expect_differ("result 1: nan != nan:0x7ff8000000000001");
}

TEST_F(Outcomes, PointersAreNotCompared) {
  a_.value_types[0] = b_.value_types[0] = Type::Ptr;
  b_.values[0] = 99;
  b_.trace_args[2] = 0x2000;
  expect_agree();
}

TEST_F(Outcomes, TheKindDiffers) {
  trap(b_, TrapKind::DivByZero);
  expect_differ("end: returned 42 0x1.8p+1 != trapped div_by_zero at @f ^b2 #3");
}

TEST_F(Outcomes, TheTrapDiffers) {
  trap(a_, TrapKind::DivByZero);
  trap(b_, TrapKind::IntOverflow);
  expect_differ("end: trapped div_by_zero at @f ^b2 #3 != trapped int_overflow at @f ^b2 #3");
}

TEST_F(Outcomes, ThePositionOfATrapDiffers) {
  trap(a_, TrapKind::DivByZero);
  trap(b_, TrapKind::DivByZero);
  expect_agree();
  b_.position.inst = 4;
  expect_differ("end: trapped div_by_zero at @f ^b2 #3 != trapped div_by_zero at @f ^b2 #4");
}

TEST_F(Outcomes, WhatATrappedRunLeftInValuesDoesNotMatter) {
  trap(a_, TrapKind::DivByZero);
  trap(b_, TrapKind::DivByZero);
  b_.values.clear();
  expect_agree();
}

TEST_F(Outcomes, TheTagAndThePayloadDiffer) {
  a_.kind = b_.kind = OutcomeKind::Threw;
  a_.tag = b_.tag = 0;
  b_.values[1] = 0;
  expect_differ("payload 1: 0x1.8p+1 != 0x0p+0");
  b_ = a_;
  b_.tag = 1;
  expect_differ("end: threw @bad_input 42 0x1.8p+1 != threw @? 42 0x1.8p+1");
}

TEST_F(Outcomes, TheTextOfAHostExceptionDiffers) {
  a_.kind = b_.kind = OutcomeKind::ThrewHost;
  a_.text = "x";
  b_.text = "y\"";
  expect_differ("end: threw host \"x\" != threw host \"y\\\"\"");
}

TEST_F(Outcomes, AMemoryByteDiffers) {
  b_.memory[1] = 0xff;
  expect_differ("memory byte 1: 0x02 != 0xff");
}

TEST_F(Outcomes, TheMemorySizeDiffers) {
  b_.memory.push_back(0);
  expect_differ("memory size: 3 != 4");
}

TEST_F(Outcomes, AGlobalDiffers) {
  b_.globals[1] = std::bit_cast<u64>(1.0);
  expect_differ("global @x: 0x0p+0 != 0x1p+0");
}

TEST_F(Outcomes, TheNumberOfGlobalsDiffers) {
  b_.globals.pop_back();
  expect_differ("number of globals: 2 != 1");
}

TEST_F(Outcomes, AHostCallArgumentDiffers) {
  b_.trace_args[0] = 4;
  expect_differ("host call 0: @log(3, 0x1p-1) != @log(4, 0x1p-1)");
}

TEST_F(Outcomes, ANarrowArgumentBesideAPointerDiffers) {
  b_.trace_args[3] = 1;
  expect_differ("host call 1: @take(ptr, -1) != @take(ptr, 1)");
}

TEST_F(Outcomes, TheCalledFunctionDiffers) {
  b_.trace[1] = {TraceKind::HostCall, 0, 0, 2, 2, 1};
  expect_differ("host call 1: @take(ptr, -1) != @log(3, 0x1p-1)");
}

TEST_F(Outcomes, TheNumberOfHostCallsDiffers) {
  b_.trace.pop_back();
  expect_differ("number of host calls: 2 != 1");
}

TEST_F(Outcomes, AFrameOfACallStackDiffers) {
  b_.frames[1].inst = 9;
  expect_differ("host call 0 frame 1: @main ^b0 #0 != @main ^b0 #9");
}

TEST_F(Outcomes, TheDepthOfACallStackDiffers) {
  b_.trace[0].frame_count = 1;
  expect_differ("host call 0 number of frames: 2 != 1");
}

/// @log from @f, @take, then two throws and two rethrows, of which the last is of a host exception.
class Throws : public Outcomes {
protected:
  Throws() {
    a_.trace_args.insert(a_.trace_args.end(), {4, 0});
    a_.frames.push_back({3, 1, 2});
    for (const TraceKind kind : {TraceKind::Throw, TraceKind::Throw, TraceKind::Rethrow})
      a_.trace.push_back({kind, 0, 4, 2, 2, 2});
    a_.trace.push_back({TraceKind::Rethrow, kNone, 0, 0, 3, 1});
    b_ = a_;
  }
};

TEST_F(Throws, EqualOnesAgreeAndStandInTheTrace) {
  expect_agree();
  const std::string stack = " at @main ^b0 #1, @main ^b1 #2\n";
  EXPECT_EQ(trace_to_string(module_, a_), "@log(3, 0x1p-1) at @f ^b1 #4, @main ^b0 #0\n@take(ptr, -1) at @main ^b0 #1\n"
                                          "throw @bad_input(4, 0x0p+0)" +
                                              stack + "throw @bad_input(4, 0x0p+0)" + stack +
                                              "rethrow @bad_input(4, 0x0p+0)" + stack +
                                              "rethrow host exception at @main ^b1 #2\n");
}

TEST_F(Throws, APayloadDiffers) {
  b_.trace_args.insert(b_.trace_args.end(), {9, 0});
  b_.trace[3].args = 6;
  expect_differ("throw 1: @bad_input(4, 0x0p+0) != @bad_input(9, 0x0p+0)");
}

TEST_F(Throws, ATagDiffers) {
  b_.trace[2].subject = 1;
  expect_differ("throw 0: @bad_input(4, 0x0p+0) != @?(4, 0)");
}

TEST_F(Throws, TheRethrownExceptionDiffers) {
  b_.trace[5] = b_.trace[4];
  expect_differ("rethrow 1: host exception != @bad_input(4, 0x0p+0)");
}

TEST_F(Throws, AFrameOfAThrowDiffers) {
  b_.trace[3].frames = 3;
  b_.frames.push_back({3, 1, 2});
  expect_differ("throw 1 frame 0: @main ^b0 #1 != @main ^b1 #2");
}

TEST_F(Throws, TheDepthOfARethrowDiffers) {
  b_.trace[4].frame_count = 1;
  expect_differ("rethrow 0 number of frames: 2 != 1");
}

TEST_F(Throws, ThrowsAndHostCallsInAnotherOrderDiffer) {
  std::swap(b_.trace[1], b_.trace[2]);
  expect_differ("event 1: @take(ptr, -1) != throw @bad_input(4, 0x0p+0)");
}

TEST_F(Throws, TheNumberOfOneKindDiffers) {
  b_.trace.pop_back();
  expect_differ("number of rethrows: 2 != 1");
  b_.trace.pop_back();
  b_.trace.pop_back();
  expect_differ("number of throws: 2 != 1");
}

TEST_F(Throws, EventsAreBuiltWithTheFramesAddedInBetween) {
  Outcome out;
  out.begin_event(TraceKind::HostCall, 0, a_.trace_args);
  out.frames.push_back({2, 1, 4});
  out.end_event();
  const u64 payload[] = {7, 8};
  out.begin_event(TraceKind::Throw, 0, payload);
  out.frames.insert(out.frames.end(), 2, {3, 0, 0});
  out.end_event();
  const TraceEvent& last = out.trace.back();
  EXPECT_EQ(last.args, a_.trace_args.size());
  EXPECT_EQ(last.arg_count, 2u);
  EXPECT_EQ(out.trace_args.back(), 8u);
  EXPECT_EQ(last.frames, 1u);
  EXPECT_EQ(last.frame_count, 2u);
  EXPECT_EQ(out.trace[0].frame_count, 1u);
  out.clear();
  EXPECT_TRUE(out.trace.empty() && out.trace_args.empty());
}

TEST_F(Throws, TypesAreThoseOfTheCalledFunctionOrTheTag) {
  EXPECT_EQ(arg_types(module_, a_.trace[1])[0], Type::Ptr);
  EXPECT_EQ(arg_types(module_, a_.trace[2])[1], Type::F64);
  EXPECT_TRUE(arg_types(module_, a_.trace[5]).empty());
  EXPECT_TRUE(is_tag_with(module_, 0, 2));
  EXPECT_FALSE(is_tag_with(module_, 0, 1));
  EXPECT_FALSE(is_tag_with(module_, 1, 2));
}

TEST_F(Outcomes, CallsInOtherPlacesOfTheArraysAreEqual) {
  b_.trace_args.insert(b_.trace_args.begin(), 5, 0);
  b_.frames.insert(b_.frames.begin(), 2, Position{});
  for (TraceEvent& call : b_.trace) call.args += 5, call.frames += 2;
  expect_agree();
}

TEST_F(Outcomes, TheFuelLeftDiffers) {
  b_.fuel_left = 9;
  expect_differ("fuel left: 10 != 9");
}

TEST_F(Outcomes, TheFirstDifferenceIsTheOneToldOfSeveral) {
  b_.fuel_left = 9;
  b_.memory[0] = 9;
  b_.trace_args[0] = 9;
  expect_differ("host call 0: @log(3, 0x1p-1) != @log(9, 0x1p-1)");
}

TEST_F(Outcomes, AStackOverflowOnOneSideIsUnknown) {
  trap(b_, TrapKind::StackOverflow);
  EXPECT_EQ(compare(module_, a_, b_), Agreement::Unknown);
  EXPECT_EQ(compare(module_, b_, a_), Agreement::Unknown);
}

TEST_F(Outcomes, StackOverflowsThatLeftDifferentTracesAreUnknownAndEqualOnesAgree) {
  trap(a_, TrapKind::StackOverflow);
  trap(b_, TrapKind::StackOverflow);
  expect_agree();
  b_.fuel_left = 3;
  EXPECT_EQ(compare(module_, a_, b_), Agreement::Unknown);
}

TEST_F(Outcomes, ACrashIsADifferenceEvenFromAStackOverflow) {
  trap(a_, TrapKind::StackOverflow);
  for (OutcomeKind kind : {OutcomeKind::Crashed, OutcomeKind::Hung, OutcomeKind::Breached}) {
    b_.kind = kind;
    EXPECT_EQ(compare(module_, a_, b_), Agreement::Differ);
    EXPECT_EQ(compare(module_, b_, a_), Agreement::Differ);
  }
}

TEST_F(Outcomes, ARefusedProgramIsNotCompared) {
  b_.kind = OutcomeKind::Refused;
  EXPECT_EQ(compare(module_, a_, b_), Agreement::Unknown);
}

TEST_F(Outcomes, InconsistentRangesAreClamped) {
  b_.trace[0].args = 1000;
  b_.trace[1].frames = 0xfffffff0;
  b_.trace[1].frame_count = 0xffffffff;
  EXPECT_EQ(compare(module_, a_, b_), Agreement::Differ);
  EXPECT_EQ(trace_to_string(module_, b_), "@log() at @f ^b1 #4, @main ^b0 #0\n@take(ptr, -1)\n");
}

TEST_F(Outcomes, PrintedForms) {
  EXPECT_EQ(to_string(module_, a_), "returned 42 0x1.8p+1");
  a_.kind = OutcomeKind::Threw;
  a_.tag = 0;
  EXPECT_EQ(to_string(module_, a_), "threw @bad_input 42 0x1.8p+1");
  a_.kind = OutcomeKind::ThrewHost;
  a_.text = "what() \"text\"\n\x01";
  EXPECT_EQ(to_string(module_, a_), "threw host \"what() \\\"text\\\"\\n\\01\"");
  a_.kind = OutcomeKind::Crashed;
  EXPECT_EQ(to_string(module_, a_).substr(0, 9), "crashed \"");
  a_.kind = OutcomeKind::Hung;
  a_.text.clear();
  EXPECT_EQ(to_string(module_, a_), "hung");
  trap(a_, TrapKind::User3);
  EXPECT_EQ(to_string(module_, a_), "trapped user3 at @f ^b2 #3");
  a_.position = {};
  EXPECT_EQ(to_string(module_, a_), "trapped user3");
  EXPECT_EQ(to_string(module_, Outcome()), "returned");
}

TEST_F(Outcomes, PositionsLeaveOutWhatIsNotKnown) {
  EXPECT_EQ(to_string(module_, Position{2, 1, 0}), "@f ^b1 #0");
  EXPECT_EQ(to_string(module_, Position{2, 1, kNone}), "@f ^b1");
  EXPECT_EQ(to_string(module_, Position{2, kNone, kNone}), "@f");
  EXPECT_EQ(to_string(module_, Position{99, 1, 0}), "@? ^b1 #0");
}

TEST_F(Outcomes, TheTraceHasALineACall) {
  EXPECT_EQ(trace_to_string(module_, a_),
            "@log(3, 0x1p-1) at @f ^b1 #4, @main ^b0 #0\n@take(ptr, -1) at @main ^b0 #1\n");
}

TEST_F(Outcomes, ClearForgetsTheRun) {
  trap(a_, TrapKind::User3);
  a_.clear();
  EXPECT_EQ(compare(module_, a_, Outcome()), Agreement::Agree);
  EXPECT_TRUE(a_.value_types.empty() && a_.frames.empty() && a_.trace.empty() && a_.trace_args.empty() &&
              a_.text.empty());
}

} // namespace
} // namespace assay
