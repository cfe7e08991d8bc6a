// page_test.cpp - the page of a finding: all that is known, whatever bytes there are, the same each time; and the
// regression file that it carries.
#include "fuzz/triage/page.h"

#include "assay/planted.h"
#include "assay/verify.h"
#include "compiler/debug/disassemble.h"
#include "fuzz/check/run_lines.h"
#include "fuzz/triage/triage.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

constexpr std::string_view kProgram = "export func @main(f64) -> i32 {\n^b0(%0: f64):\n"
                                      "  %1 = f2i_sat_s.i32.f64 %0\n  return %1\n}\n";

Finding sample() {
  Finding out;
  out.subject = "x64-O0-native-linux";
  out.entry = "main";
  out.args = {"nan"};
  out.fuel = 100;
  out.expected = "returned 0";
  out.actual = "returned -2147483648";
  out.difference = "result 0: 0 != -2147483648";
  out.culprit = "x64 code";
  out.cause = "miscompile x64 O0 result x64/code:f2i_sat_s";
  out.run_line = "; run: @main(nan) == 0";
  out.tool = "assay 0.1.0";
  out.program = kProgram;
  return out;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(Page, any_byte_is_shown_and_none_becomes_markup) {
  EXPECT_EQ(escape_html("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(escape_html(std::string("\0\x1b\x7f\xff", 4)), "\\x00\\x1b\\x7f\\xff");
  EXPECT_EQ(escape_html("\xc3\xa9 \xe2\x82\xac\n\t"), "\xc3\xa9 \xe2\x82\xac\n\t");
  EXPECT_EQ(escape_html("\xc3"), "\\xc3");
  EXPECT_EQ(escape_html("\xc0\xaf\xed\xa0\x80"), "\\xc0\\xaf\\xed\\xa0\\x80") << "too long a form; half a pair";
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (const char c : escape_html(all)) EXPECT_TRUE(c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f));
}

TEST(Page, of_a_campaign_leads_to_each_group_and_names_what_is_in_none) {
  CampaignInput input;
  input.title = "Findings in <here>";
  input.facts = {{"findings", "3"}, {"the last campaign", ""}};
  input.groups.resize(2);
  for (PageInput& group : input.groups) group.finding = sample();
  input.groups[0].same = {"findings/other.air"};
  input.groups[1].finding.difference = "fuel left: 1 != 2";
  input.groups[1].file = "findings/second.air";
  input.others = {{"findings/odd.air", "left out: it is no finding"}};
  const std::string page = campaign_page_of(input);
  EXPECT_EQ(page, campaign_page_of(input));
  for (const char* part :
       {"<h1>Findings in &lt;here&gt;</h1>", "<th>findings</th><td>3</td>", "<a href=\"#g1\">1</a>",
        "<h1 id=\"g1\">1. ", "<a href=\"#g2\">2</a>",
        "<h1 id=\"g2\">2. miscompile on x64-O0-native-linux: fuel left: 1 != 2", "</td><td>2</td>",
        "<td>findings/second.air</td>", "<th>findings/odd.air</th><td>left out: it is no finding</td>", "</html>"})
    EXPECT_TRUE(has(page, part)) << part;
  EXPECT_FALSE(has(page, "the last campaign")) << "of which nothing is known";
  EXPECT_EQ(page.find("<html"), page.rfind("<html"));
}

TEST(Page, says_what_is_known_and_is_the_same_each_time) {
  PageInput input;
  input.finding = sample();
  input.file = "findings/it's here.air";
  input.regression = "sat.air";
  input.same = {"findings/other.air"};
  const std::string page = page_of(input);
  EXPECT_EQ(page, page_of(input));
  for (const char* part :
       {"<!DOCTYPE html>", "miscompile x64 O0 result x64/code:f2i_sat_s", "@main(nan)", "returned -2147483648",
        "f2i_sat_s.i32.f64", "assay replay &#39;findings/it&#39;\\&#39;&#39;s here.air&#39;", "corpus/regress/sat.air",
        "; run: @main(nan) == 0", "findings/other.air", "1 more findings", "</html>"})
    EXPECT_TRUE(has(page, part)) << part;
  for (const char* part : {"<script", "http:", "https:", "src=", "href="}) EXPECT_FALSE(has(page, part)) << part;
  EXPECT_FALSE(has(page, "<th>date")) << "nobody gave one";
}

TEST(Page, program_cannot_leave_its_place) {
  PageInput input;
  input.finding = sample();
  input.finding.difference = "</pre><script>alert(1)</script>";
  input.finding.program = "; </pre><b>\n" + std::string(kProgram) + "; \xff\xfe</pre>\n";
  input.file = "<x>.air";
  const std::string page = page_of(input);
  EXPECT_FALSE(has(page, "<script>"));
  EXPECT_FALSE(has(page, "<x>"));
  EXPECT_TRUE(has(page, "\\xff\\xfe&lt;/pre&gt;"));
}

TEST(Page, lines_that_the_culprit_changed_are_marked) {
  PageInput input;
  input.finding = sample();
  input.bisection.pass = "gvn";
  input.bisection.rewrite = 7;
  input.bisection.before = "a\nb\nc\n";
  input.bisection.after = "a\nd\nc\n";
  const std::string page = page_of(input);
  EXPECT_TRUE(has(page, "a\n<span class=\"changed\">b\n</span>c\n")) << page;
  EXPECT_TRUE(has(page, "a\n<span class=\"changed\">d\n</span>c\n")) << page;
  EXPECT_TRUE(has(page, "before rewrite 7 (gvn)"));
  // What has nothing in common, and what is the same, too.
  for (const auto& [before, after] : {std::pair{"", "x"}, {"x", "x"}, {"x\n", "xx\n"}, {"ab", "b"}}) {
    input.bisection.before = before;
    input.bisection.after = after;
    EXPECT_TRUE(has(page_of(input), "</html>"));
  }
}

TEST(Page, regression_file_is_a_finding_and_a_checked_program) {
  const std::string text = regression_file(sample(), "sat.air");
  const auto finding = parse_finding(text, "sat.air");
  ASSERT_TRUE(finding.ok()) << finding.error().to_string();
  EXPECT_EQ(finding->cause, sample().cause);
  const auto module = parse_and_verify(text);
  ASSERT_TRUE(module.ok()) << text;
  const auto lines = parse_run_lines(text, "sat.air", *module);
  ASSERT_TRUE(lines.ok());
  EXPECT_EQ(lines->size(), 1u);
  // From what was written, the same again.
  Finding again = sample();
  again.program = text;
  EXPECT_EQ(regression_file(again, "sat.air"), text);
  const std::string note = commit_note(sample(), "sat.air");
  EXPECT_EQ(note.rfind("corpus/regress: ", 0), 0u);
  EXPECT_TRUE(has(note, "\n\nmiscompile on x64-O0-native-linux: result 0")) << note;
  EXPECT_EQ(regression_name(sample()), "x64_code_f2i_sat_s.air");
}

#ifdef ASSAY_MUTANTS
TEST(Page, evidence_has_code_with_places_and_both_runs) {
  if (host_target() != Target::X64) GTEST_SKIP() << "the bug is in x64 code";
  constexpr std::string_view kCalls = "import @log(i32)\nexport func @main(f64) -> i32 {\n^b0(%0: f64):\n"
                                      "  %1 = f2i_sat_s.i32.f64 %0\n  call @log(%1)\n  return %1\n}\n";
  auto module = parse_and_verify(kCalls);
  ASSERT_TRUE(module.ok());
  Finding finding = sample();
  finding.program = kCalls;
  planted::active = planted::name_hash("emit_sat_nan");
  const auto failure = failure_of(finding, *module, {});
  Evidence evidence;
  if (failure && *failure) {
    Prober prober;
    const Bisection bisection = bisect((*failure)->program, (*failure)->variant, prober);
    evidence = gather((*failure)->program, (*failure)->variant, bisection);
  }
  planted::active = 0;
  ASSERT_FALSE(evidence.listings.empty());
  if (debug::can_disassemble()) {
    EXPECT_TRUE(has(evidence.listings[0].assembly, "; @main ^b0 #")) << evidence.listings[0].assembly;
  }
  EXPECT_EQ(evidence.why_not, "");
  EXPECT_TRUE(has(evidence.oracle, "(0) at @main ^b0 #1")) << evidence.oracle;
  EXPECT_TRUE(has(evidence.subject, "(-2147483648) at @main ^b0 #1")) << evidence.subject;
}
#endif

} // namespace
} // namespace assay::fuzz
