// run_lines_test.cpp - check lines: what is read, what is refused and where, what counts as a mismatch.
#include "fuzz/check/run_lines.h"

#include "assay/verify.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

constexpr std::string_view kModule = R"(import @log(i64)
import @log_pair(i32, f64)
tag @bad(i64, f64)
export func @f(i32, i8) -> i64 {
^entry(%a: i32, %b: i8):
  %r = const.i64 7
  return %r
}
export func @g(f64) -> f64, i32 {
^entry(%a: f64):
  %r = const.i32 7
  return %a, %r
}
export func @v() {
^entry:
  return
}
)";

const Module& module() {
  static const Module parsed = [] {
    auto result = parse_and_verify(kModule);
    EXPECT_TRUE(result.ok()) << result.error().to_string();
    return std::move(*result);
  }();
  return parsed;
}

RunLine one(const std::string& text) {
  auto lines = parse_run_lines(text, "t.air", module());
  EXPECT_TRUE(lines.ok()) << lines.error().to_string();
  EXPECT_EQ(lines->size(), 1u);
  return lines->empty() ? RunLine() : (*lines)[0];
}

Error refused(const std::string& text) {
  const auto lines = parse_run_lines(text, "t.air", module());
  EXPECT_FALSE(lines.ok()) << text;
  return lines.ok() ? Error() : lines.error();
}

Outcome returned(std::vector<u64> values, std::vector<Type> types) {
  Outcome out;
  out.values = std::move(values);
  out.value_types = std::move(types);
  return out;
}

TEST(RunLines, arguments_are_read_by_the_parameters_types) {
  const RunLine line = one("; run: @f(-1, -2) == 7");
  EXPECT_EQ(line.entry, module().find_function("f"));
  EXPECT_EQ(line.args, (std::vector<u64>{0xffffffffu, 0xfeu}));
  ASSERT_EQ(line.values.size(), 1u);
  EXPECT_EQ(line.values[0].bits, 7u);
}

TEST(RunLines, line_numbers_count_from_one_and_other_lines_are_ignored) {
  const RunLine line = one("; a comment\nmemory 1 ; run: @f(1, 1) == 1\n  ;  run: @v() ==\n");
  EXPECT_EQ(line.line, 3u);
  EXPECT_TRUE(line.values.empty());
  EXPECT_TRUE(line.has_expectation);
}

TEST(RunLines, remark_in_parentheses_after_the_results_is_allowed) {
  EXPECT_EQ(one("; run: @g(nan) == 0x1p+0, 7            (several results)").values.size(), 2u);
}

TEST(RunLines, line_without_expectation_only_says_what_to_run) {
  const RunLine line = one("; run: @v()");
  EXPECT_FALSE(line.has_expectation);
  Outcome trapped;
  trapped.kind = OutcomeKind::Trapped;
  EXPECT_EQ(mismatch(module(), line, trapped), "");
}

TEST(RunLines, nan_stands_for_any_nan_and_nan_with_bits_for_that_one) {
  const u64 payload = 0x7ff8000000000123u;
  const RunLine any = one("; run: @g(0x0p+0) == nan, 1");
  EXPECT_EQ(mismatch(module(), any, returned({payload, 1}, {Type::F64, Type::I32})), "");
  EXPECT_NE(mismatch(module(), any, returned({0x7ff0000000000000u, 1}, {Type::F64, Type::I32})), "");
  const RunLine exact = one("; run: @g(0x0p+0) == nan:0x7ff8000000000000, 1");
  EXPECT_NE(mismatch(module(), exact, returned({payload, 1}, {Type::F64, Type::I32})), "");
}

TEST(RunLines, negative_zero_is_not_zero) {
  const RunLine line = one("; run: @g(0x0p+0) == 0x0p+0, 1");
  EXPECT_NE(mismatch(module(), line, returned({u64{1} << 63, 1}, {Type::F64, Type::I32})), "");
}

TEST(RunLines, expected_trap_must_be_that_trap) {
  const RunLine line = one("; run: @v() trap div_by_zero");
  Outcome outcome;
  outcome.kind = OutcomeKind::Trapped;
  outcome.trap = TrapKind::DivByZero;
  EXPECT_EQ(mismatch(module(), line, outcome), "");
  outcome.trap = TrapKind::OutOfBounds;
  EXPECT_NE(mismatch(module(), line, outcome), "");
}

TEST(RunLines, expected_throw_compares_tag_and_payload) {
  const RunLine line = one("; run: @v() throw @bad(7, 0x1p+0)");
  Outcome outcome = returned({7, 0x3ff0000000000000u}, {Type::I64, Type::F64});
  outcome.kind = OutcomeKind::Threw;
  outcome.tag = 0;
  EXPECT_EQ(mismatch(module(), line, outcome), "");
  outcome.values[0] = 8;
  EXPECT_NE(mismatch(module(), line, outcome), "");
}

TEST(RunLines, host_throw_compares_the_text) {
  const RunLine line = one("; run: @v() throw host \"throw_x\"");
  Outcome outcome;
  outcome.kind = OutcomeKind::ThrewHost;
  outcome.text = "throw_x";
  EXPECT_EQ(mismatch(module(), line, outcome), "");
  outcome.text = "throw_y";
  EXPECT_NE(mismatch(module(), line, outcome), "");
}

TEST(RunLines, calls_must_be_exactly_those) {
  const RunLine line = one("; run: @v() == calls @log(1) @log_pair(2, 0x1p+0)");
  Outcome outcome;
  outcome.trace = {{TraceKind::HostCall, 0, 0, 1, 0, 0},
                   {TraceKind::Rethrow, kNone, 1, 0, 0, 0},
                   {TraceKind::HostCall, 1, 1, 2, 0, 0}};
  outcome.trace_args = {1, 2, 0x3ff0000000000000u};
  EXPECT_EQ(mismatch(module(), line, outcome), "");
  outcome.trace_args[0] = 5;
  EXPECT_EQ(mismatch(module(), line, outcome), "host call 0: expected @log(1), found @log(5)");
  outcome.trace.pop_back();
  outcome.trace_args[0] = 1;
  EXPECT_EQ(mismatch(module(), line, outcome), "expected 2 host calls, found 1");
}

TEST(RunLines, unknown_function_is_refused_with_its_place) {
  const Error error = refused("\n; run: @nobody() == 1");
  EXPECT_EQ(error.line, 2u);
  EXPECT_EQ(error.column, 8u);
  EXPECT_NE(error.message.find("@nobody"), std::string::npos);
}

TEST(RunLines, wrong_number_of_arguments_is_refused) { refused("; run: @f(1) == 7"); }
TEST(RunLines, too_many_results_are_refused) { refused("; run: @f(1, 2) == 7, 8"); }
TEST(RunLines, literal_of_the_wrong_type_is_refused) { refused("; run: @f(1.5, 2) == 7"); }
TEST(RunLines, unknown_trap_is_refused) { refused("; run: @v() trap sadness"); }
TEST(RunLines, call_of_a_function_that_is_not_imported_is_refused) { refused("; run: @v() == calls @f(1, 2)"); }

TEST(RunLines, written_line_reads_back_as_what_was_written) {
  const u64 args[] = {5, 0xff};
  const std::string text =
      write_run_line(module(), module().find_function("f"), args, returned({~u64{0}}, {Type::I64}));
  EXPECT_EQ(text, "; run: @f(5, -1) == -1");
  const RunLine line = one(text);
  EXPECT_EQ(line.args, (std::vector<u64>{5, 0xff}));
  EXPECT_EQ(line.values[0].bits, ~u64{0});
}

TEST(ErrorLine, place_and_message_are_read) {
  bool found = false;
  const auto line = parse_error_line("func\n; error: 12:7 expected a type          (a remark)\n", "t.air", found);
  ASSERT_TRUE(line.ok());
  EXPECT_TRUE(found);
  EXPECT_EQ(line->at_line, 12u);
  EXPECT_EQ(line->at_column, 7u);
  EXPECT_EQ(line->message, "expected a type");
}

TEST(ErrorLine, second_one_is_refused) {
  bool found = false;
  EXPECT_FALSE(parse_error_line("; error: 1:1 a\n; error: 1:2 b\n", "t.air", found).ok());
}

TEST(ErrorLine, absence_is_not_an_error) {
  bool found = true;
  EXPECT_TRUE(parse_error_line("; run: @f()\n", "t.air", found).ok());
  EXPECT_FALSE(found);
}

} // namespace
} // namespace assay::fuzz
