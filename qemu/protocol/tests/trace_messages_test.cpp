// trace_messages_test.cpp - what is sent arrives; what is cut off or out of range is refused.
#include "qemu/protocol/trace_messages.h"

#include "assay/verify.h"
#include "qemu/protocol/frame.h"

#include <gtest/gtest.h>

namespace assay::qemu::protocol {
namespace {

std::span<const u8> trace_payload(const std::vector<u8>& frame) { return std::span(frame).subspan(kHeaderBytes); }

std::vector<u8> some_trace_report() {
  TraceReport report;
  report.stop = TraceReport::AtChange;
  report.outcome = OutcomeKind::Trapped;
  report.outcome_text = "text";
  report.executed = 12345;
  report.instructions = {{17, 0x1c, {{3, 0, 5}, {40, 1, ~u64{0}}}}, {18, 0x20, {}}};
  report.registers = {{kFlagsRegister, 0, 0x246}};
  std::vector<u8> out;
  encode_trace_report(8, report, out);
  return out;
}

TEST(TraceMessages, AReportArrives) {
  const std::vector<u8> frame = some_trace_report();
  TraceReport got;
  ASSERT_TRUE(decode_trace_report(trace_payload(frame), got));
  EXPECT_EQ(got.stop, TraceReport::AtChange);
  EXPECT_EQ(got.outcome, OutcomeKind::Trapped);
  EXPECT_EQ(got.outcome_text, "text");
  EXPECT_EQ(got.executed, 12345u);
  ASSERT_EQ(got.instructions.size(), 2u);
  EXPECT_EQ(got.instructions[0].number, 17u);
  EXPECT_EQ(got.instructions[0].offset, 0x1cu);
  ASSERT_EQ(got.instructions[0].changed.size(), 2u);
  EXPECT_EQ(got.instructions[0].changed[1].reg, 40u);
  EXPECT_EQ(got.instructions[0].changed[1].half, 1u);
  EXPECT_EQ(got.instructions[0].changed[1].value, ~u64{0});
  ASSERT_EQ(got.registers.size(), 1u);
  EXPECT_EQ(got.registers[0].reg, kFlagsRegister);
}

TEST(TraceMessages, ARequestArrivesAndIsHeldAgainstTheModule) {
  const auto module = parse_and_verify("export func @main(i32) -> i32 {\n^entry(%a: i32):\n  return %a\n}\n");
  ASSERT_TRUE(module.ok());
  const u64 args[] = {5};
  const auto decoded = [&](const TraceLimits& limits, FunctionId function, TraceMessage& out) {
    std::vector<u8> frame;
    encode_trace(3, function, args, 99, limits, frame);
    return decode_trace(trace_payload(frame), *module, out);
  };
  TraceMessage got;
  ASSERT_TRUE(decoded({1000, 20, 7, 17}, 0, got));
  EXPECT_EQ(got.limits.most, 1000u);
  EXPECT_EQ(got.limits.keep, 20u);
  EXPECT_EQ(got.limits.events, 7u);
  EXPECT_EQ(got.limits.watch, 17u);
  EXPECT_EQ(got.run.fuel, 99u);
  EXPECT_EQ(got.run.args, std::vector<u64>{5});
  EXPECT_FALSE(decoded({1000, kMostTraced + 1}, 0, got)) << "more than a report may have";
  EXPECT_FALSE(decoded({}, 1, got)) << "there is no such function";
}

TEST(TraceMessages, WhatIsCutOffOrOutOfRangeIsRefused) {
  const std::vector<u8> frame = some_trace_report();
  const std::span<const u8> whole = trace_payload(frame);
  TraceReport got;
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(decode_trace_report(whole.first(size), got)) << size;
  std::vector<u8> longer(whole.begin(), whole.end());
  longer.push_back(0);
  EXPECT_FALSE(decode_trace_report(longer, got));
  // The register of the last word, and its half.
  std::vector<u8> other(whole.begin(), whole.end());
  other[other.size() - 10] = kTracedRegisters;
  EXPECT_FALSE(decode_trace_report(other, got));
  other[other.size() - 10] = 0;
  EXPECT_TRUE(decode_trace_report(other, got));
  other[other.size() - 9] = 2;
  EXPECT_FALSE(decode_trace_report(other, got));
  other = {whole.begin(), whole.end()};
  other[0] = TraceReport::Cut + 1;
  EXPECT_FALSE(decode_trace_report(other, got));
}

} // namespace
} // namespace assay::qemu::protocol
