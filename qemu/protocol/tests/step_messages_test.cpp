// step_messages_test.cpp - what is sent arrives; what is cut off or out of range is refused.
#include "qemu/protocol/step_messages.h"

#include <gtest/gtest.h>

namespace assay::qemu::protocol {
namespace {

std::span<const u8> payload_of(const std::vector<u8>& frame) { return std::span(frame).subspan(kHeaderBytes); }

std::vector<u8> some_tables() {
  StepTable table;
  table.format = TableFormat::Windows;
  table.tables_at = 0x1000;
  table.code_rva = 0x2000;
  table.bytes = {1, 2, 3, 4, 5, 6, 7, 8};
  table.entries = {4, 4};
  table.info = {0, 4};
  std::vector<u8> out;
  encode_tables(7, {&table, 1}, out);
  return out;
}

std::vector<u8> some_report() {
  StepReport report;
  report.outcome = OutcomeKind::Trapped;
  report.outcome_text = "text";
  report.cut = true;
  report.instructions = 12345;
  report.events = {1, 2, 3, 4, 5, 6};
  report.max_depth = 3;
  report.pcs = 99;
  report.counts[1] = {4, 5, 6, 7};
  report.failures.push_back({TableFormat::Compact, 0x1c, true, "rbx", 1, 2});
  report.unseen = {4, 8};
  std::vector<u8> out;
  encode_step_report(8, report, out);
  return out;
}

TEST(StepMessages, TablesArrive) {
  const std::vector<u8> frame = some_tables();
  std::vector<StepTable> got;
  ASSERT_TRUE(decode_tables(payload_of(frame), got));
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].format, TableFormat::Windows);
  EXPECT_EQ(got[0].tables_at, 0x1000u);
  EXPECT_EQ(got[0].code_rva, 0x2000u);
  EXPECT_EQ(got[0].bytes, (std::vector<u8>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(got[0].entries.at, 4u);
  EXPECT_EQ(got[0].info.size, 4u);
}

TEST(StepMessages, AReportArrives) {
  const std::vector<u8> frame = some_report();
  StepReport got;
  ASSERT_TRUE(decode_step_report(payload_of(frame), got));
  EXPECT_EQ(got.outcome, OutcomeKind::Trapped);
  EXPECT_TRUE(got.cut);
  EXPECT_EQ(got.instructions, 12345u);
  EXPECT_EQ(got.events.tail_calls, 2u);
  EXPECT_EQ(got.events.skipped, 6u);
  EXPECT_EQ(got.unseen, (std::vector<u32>{4, 8}));
  EXPECT_EQ(got.pcs, 99u);
  EXPECT_EQ(got.counts[1].walked, 6u);
  ASSERT_EQ(got.failures.size(), 1u);
  EXPECT_EQ(got.failures[0].what, "rbx");
  EXPECT_TRUE(got.failures[0].walk);
}

TEST(StepMessages, ASweepArrives) {
  const u32 starts[] = {0, 4, 0x20};
  std::vector<u8> frame;
  encode_sweep(9, starts, 777, frame);
  SweepMessage got;
  ASSERT_TRUE(decode_sweep(payload_of(frame), got));
  EXPECT_EQ(got.most, 777u);
  EXPECT_EQ(got.starts, (std::vector<u32>{0, 4, 0x20}));
  for (std::size_t n = 0; n < payload_of(frame).size(); ++n)
    EXPECT_FALSE(decode_sweep(payload_of(frame).first(n), got)) << n;
}

TEST(StepMessages, EveryTruncationIsRefused) {
  const std::vector<u8> tables = some_tables(), report = some_report();
  std::vector<StepTable> got;
  StepReport got_report;
  for (std::size_t n = 0; n < payload_of(tables).size(); ++n)
    EXPECT_FALSE(decode_tables(payload_of(tables).first(n), got)) << n;
  for (std::size_t n = 0; n < payload_of(report).size(); ++n)
    EXPECT_FALSE(decode_step_report(payload_of(report).first(n), got_report)) << n;
}

TEST(StepMessages, PartsOutsideTheTablesAreRefused) {
  StepTable table;
  table.bytes = {1, 2, 3, 4};
  table.eh_frame = {2, 3};
  std::vector<u8> frame;
  encode_tables(1, {&table, 1}, frame);
  std::vector<StepTable> got;
  EXPECT_FALSE(decode_tables(payload_of(frame), got));
}

} // namespace
} // namespace assay::qemu::protocol
