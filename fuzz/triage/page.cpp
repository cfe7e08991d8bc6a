// page.cpp - see page.h. Tested in fuzz/triage/tests/page_test.cpp.
#include "fuzz/triage/page.h"

#include "fuzz/triage/cause.h"

#include <algorithm>
#include <array>

namespace assay::fuzz {
namespace {

constexpr std::string_view kStyle =
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:110em;padding:0 1.5em;color:#222}"
    "h1{font-size:1.35em}h2{font-size:1.1em;margin:1.6em 0 .4em}"
    "pre{background:#f6f6f3;border:1px solid #ddd;padding:.7em;overflow:auto;margin:0;font:13px/1.4 monospace}"
    "table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.15em 1em .15em 0}"
    "th{font-weight:600;white-space:nowrap}.row{display:flex;gap:1em;flex-wrap:wrap}.row>div{flex:1 1 24em;min-width:0}"
    ".changed{background:#ffe9b8}p{margin:.4em 0}";

/// Bytes of one character of UTF-8 at the start, 0: there is none that can be shown.
std::size_t utf8_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<u8>(bytes[i]); };
  const u8 first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((at(i) & 0xc0) != 0x80) return 0;
  // Too long a form, half a pair, beyond Unicode, or a control character of Latin-1.
  const u8 second = at(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
      (first == 0xf4 && second > 0x8f) || (first == 0xc2 && second < 0xa0))
    return 0;
  return length;
}

class Html {
public:
  Html& raw(std::string_view markup) {
    out_ += markup;
    return *this;
  }
  Html& text(std::string_view bytes) {
    out_ += escape_html(bytes);
    return *this;
  }
  void heading(std::string_view words) { raw("<h2>").text(words).raw("</h2>\n"); }
  void block(std::string_view bytes) { raw("<pre>").text(bytes).raw("</pre>\n"); }
  void column(std::string_view title, std::string_view bytes) {
    raw("<div><p><b>").text(title).raw("</b></p>\n");
    block(bytes);
    raw("</div>\n");
  }
  void fact(std::string_view name, std::string_view value) {
    if (!value.empty()) raw("<tr><th>").text(name).raw("</th><td>").text(value).raw("</td></tr>\n");
  }
  void begin(std::string_view title) {
    raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>").text(title);
    raw("</title>\n<style>").raw(kStyle).raw("</style>\n</head>\n<body>\n");
  }
  std::string end() {
    raw("</body>\n</html>\n");
    return std::move(out_);
  }

private:
  std::string out_;
};

std::string call_of(const Finding& finding) {
  if (finding.entry.empty()) return {};
  std::string out = "@" + finding.entry + "(";
  for (std::size_t i = 0; i < finding.args.size(); ++i) out += (i == 0 ? "" : ", ") + finding.args[i];
  return out + ")";
}

/// The program without the header of its file.
std::string_view program_of(const Finding& finding) {
  std::string_view text = finding.program;
  while (!text.empty() && (text[0] == ';' || text[0] == '\n' || text[0] == '\r')) {
    const std::size_t end = text.find('\n');
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return text;
}

void facts(Html& html, const PageInput& input) {
  const Finding& f = input.finding;
  html.raw("<table>\n");
  html.fact("signature", to_string(cause_of(f)));
  html.fact("kind", name_of(f.kind));
  html.fact("subject", f.subject);
  html.fact("passes", f.passes);
  html.fact("call", call_of(f));
  html.fact("fuel", f.entry.empty() ? "" : std::to_string(f.fuel));
  html.fact("oracle", f.expected);
  html.fact("subject's", f.actual);
  html.fact("first difference", f.difference);
  html.fact("culprit", f.culprit);
  html.fact("level", input.bisection.seen.fails() ? name_of(input.bisection.level) : std::string_view());
  html.fact("tried", f.trials);
  if (f.replays != 0) html.fact("shown again", std::to_string(f.reproduced) + " of " + std::to_string(f.replays));
  html.fact("size", f.sizes);
  html.fact("reduced", f.reduced);
  html.fact("origin", f.origin);
  html.fact("seed", std::to_string(f.seed) + ", program " + std::to_string(f.program_index));
  html.fact("tool", f.tool);
  html.fact("date", input.date);
  html.raw("</table>\n");
}

/// Lines that the other text does not have at this place, from both ends, are marked.
void marked(Html& html, std::string_view title, std::string_view text, std::string_view other) {
  std::size_t same = 0;
  const std::size_t shorter = std::min(text.size(), other.size());
  while (same < shorter && text[same] == other[same]) ++same;
  std::size_t tail = 0;
  while (tail < shorter - same && text[text.size() - 1 - tail] == other[other.size() - 1 - tail]) ++tail;
  const std::size_t line = text.rfind('\n', same == 0 ? 0 : same - 1);
  const std::size_t begin = same == 0 || line == std::string_view::npos ? 0 : line + 1;
  const std::size_t next = text.find('\n', std::max(begin, text.size() - tail));
  const std::size_t end = next == std::string_view::npos ? text.size() : next + 1;
  html.raw("<div><p><b>").text(title).raw("</b></p>\n<pre>");
  html.text(text.substr(0, begin)).raw("<span class=\"changed\">").text(text.substr(begin, end - begin));
  html.raw("</span>").text(text.substr(end)).raw("</pre>\n</div>\n");
}

void programs(Html& html, const PageInput& input) {
  const Bisection& b = input.bisection;
  html.heading(b.before.empty() ? "Program" : "Program, and AIR before and after the culprit");
  html.raw("<div class=\"row\">\n");
  html.column("the program", program_of(input.finding));
  if (!b.before.empty() || !b.after.empty()) {
    const std::string rewrite = "rewrite " + std::to_string(b.rewrite) + " (" + b.pass + ")";
    marked(html, "@" + b.function + " before " + rewrite, b.before, b.after);
    marked(html, "@" + b.function + " after it", b.after, b.before);
  }
  html.raw("</div>\n");
}

void trials(Html& html, const Bisection& bisection) {
  if (bisection.trials.empty()) return;
  html.heading("Compiled and run otherwise");
  html.raw("<table>\n");
  for (const BisectTrial& trial : bisection.trials) {
    static constexpr std::array<std::string_view, 5> kWords = {"agrees", "fails", "refused", "unknown", "unavailable"};
    html.fact(trial.name, kWords[trial.seen]);
  }
  html.raw("</table>\n");
}

void machine_code(Html& html, const Evidence& evidence) {
  if (evidence.listings.empty()) return;
  html.heading("Machine code, and the places in AIR that it is mapped to");
  html.raw("<div class=\"row\">\n");
  for (const Listing& listing : evidence.listings)
    html.column(listing.title, listing.assembly.empty() ? "none: " + listing.why_not : listing.assembly);
  html.raw("</div>\n");
}

void runs(Html& html, const Evidence& evidence) {
  if (evidence.oracle.empty() && evidence.why_not.empty()) return;
  html.heading("Both runs, with the call stack of each host call and throw");
  if (!evidence.why_not.empty()) {
    html.raw("<p>none: ").text(evidence.why_not).raw("</p>\n");
    return;
  }
  html.raw("<div class=\"row\">\n");
  marked(html, "oracle", evidence.oracle, evidence.subject);
  marked(html, "subject", evidence.subject, evidence.oracle);
  html.raw("</div>\n");
}

void machine_states_of(Html& html, const Evidence& evidence) {
  if (evidence.states.empty()) return;
  html.heading(
      "The machine where the runs part, in the emulator: the last instructions, what each changed, all registers");
  html.raw("<div class=\"row\">\n");
  for (const auto& [title, state] : evidence.states)
    html.column(title, state.text.empty() ? "none: " + state.why_not : state.text);
  html.raw("</div>\n");
}

/// A word of a shell's command line.
std::string quoted(std::string_view word) {
  const bool plain = std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_./-+,:=@").find(c) != std::string_view::npos;
  });
  if (plain && !word.empty()) return std::string(word);
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string headline(const Finding& finding) {
  const std::string on = finding.subject.empty() ? "" : " on " + finding.subject;
  return std::string(name_of(finding.kind)) + on + ": " + finding.difference;
}

/// All that is known of one, below its headline.
void finding(Html& html, const PageInput& input) {
  facts(html, input);
  programs(html, input);
  runs(html, input.evidence);
  machine_states_of(html, input.evidence);
  machine_code(html, input.evidence);
  trials(html, input.bisection);
  html.heading("To see it again");
  const std::string file = quoted(input.file);
  html.block("assay replay " + file + "\nassay check " + file + "\nassay bisect " + file + "\nassay reduce " + file +
             "\n");
  html.heading("For the corpus: corpus/regress/" + input.regression);
  html.block(regression_file(input.finding, input.regression));
  html.heading("Note for the commit");
  html.block(commit_note(input.finding, input.regression));
  if (input.same.empty()) return;
  html.heading(std::to_string(input.same.size()) + " more findings of the same group");
  std::string all;
  for (const std::string& other : input.same) all += other + "\n";
  html.block(all);
}

void overview(Html& html, const std::vector<PageInput>& groups) {
  html.heading("Groups");
  html.raw("<table>\n<tr><th></th><th>signature</th><th>findings</th><th>smallest</th><th>size</th></tr>\n");
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const PageInput& group = groups[i];
    const std::string number = std::to_string(i + 1);
    html.raw("<tr><td><a href=\"#g" + number + "\">" + number + "</a></td><td>");
    html.text(to_string(cause_of(group.finding))).raw("</td><td>" + std::to_string(1 + group.same.size()));
    html.raw("</td><td>").text(group.file).raw("</td><td>").text(group.finding.sizes).raw("</td></tr>\n");
  }
  html.raw("</table>\n");
}

} // namespace

std::string escape_html(std::string_view bytes) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    const char c = bytes[0];
    const bool shown = length != 0 && (static_cast<u8>(c) >= 0x80 || c == '\n' || c == '\t' || (c >= ' ' && c < 0x7f));
    if (!shown) out += std::string("\\x") + kHex[static_cast<u8>(c) >> 4] + kHex[static_cast<u8>(c) & 15];
    else if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else if (c == '\'') out += "&#39;";
    else out += bytes.substr(0, length);
    bytes.remove_prefix(shown ? length : 1);
  }
  return out;
}

std::string regression_name(const Finding& finding) {
  const Cause cause = cause_of(finding);
  const std::string key = cause.culprit == "unknown" ? to_string(cause) : cause.culprit;
  std::string out;
  for (const char c : std::string_view(key).substr(0, 80)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || (!out.empty() && out.back() != '_')) out += plain ? c : '_';
  }
  return out + ".air";
}

std::string regression_file(const Finding& finding, std::string_view name) {
  std::string note = "; " + finding.subject + ": " + finding.difference + ". Culprit: " + finding.culprit + "\n;\n";
  std::replace_if(
      note.begin(), note.end() - 3, [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
  Finding whole = finding;
  whole.program = program_of(finding);
  // The header begins the file, or it would be no finding any more: `assay replay` reads it.
  std::string text = to_text(whole, "corpus/regress/" + std::string(name));
  const std::size_t end = text.find("\n\n");
  const std::size_t run = text.rfind("\n; run:", end);
  if (run != std::string::npos && run < end) text.insert(run + 1, note);
  return text;
}

std::string commit_note(const Finding& finding, std::string_view name) {
  const Cause cause = cause_of(finding);
  std::string out = "corpus/regress: add " + std::string(name) + ", a " + std::string(name_of(finding.kind)) + " by " +
                    cause.culprit + "\n\n";
  out += std::string(name_of(finding.kind)) + " on " + finding.subject + ": " + finding.difference + "\n";
  if (!finding.entry.empty()) {
    out += "  call      " + call_of(finding) + "\n  oracle    " + finding.expected + "\n";
    if (!finding.actual.empty()) out += "  subject   " + finding.actual + "\n";
  }
  if (!finding.culprit.empty()) out += "Culprit: " + finding.culprit + ".\n";
  out += "Signature: " + to_string(cause) + "\n";
  if (!finding.reduced.empty()) out += "Reduced " + finding.reduced + ", by " + finding.tool + ".\n";
  return out + "Shown by: assay check corpus/regress/" + std::string(name) + "\n";
}

std::string page_of(const PageInput& input) {
  Html html;
  html.begin(to_string(cause_of(input.finding)));
  html.raw("<h1>").text(headline(input.finding)).raw("</h1>\n");
  finding(html, input);
  return html.end();
}

std::string campaign_page_of(const CampaignInput& input) {
  Html html;
  html.begin(input.title);
  html.raw("<h1>").text(input.title).raw("</h1>\n<table>\n");
  for (const auto& [name, value] : input.facts) html.fact(name, value);
  html.fact("date", input.date);
  html.raw("</table>\n");
  if (!input.groups.empty()) overview(html, input.groups);
  if (!input.others.empty()) {
    html.heading("In no group");
    html.raw("<table>\n");
    for (const auto& [file, why] : input.others) html.fact(file, why);
    html.raw("</table>\n");
  }
  for (std::size_t i = 0; i < input.groups.size(); ++i) {
    html.raw("<hr>\n<h1 id=\"g" + std::to_string(i + 1) + "\">" + std::to_string(i + 1) + ". ");
    html.text(headline(input.groups[i].finding)).raw("</h1>\n");
    finding(html, input.groups[i]);
  }
  return html.end();
}

} // namespace assay::fuzz
