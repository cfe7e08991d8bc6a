// known.cpp - see known.h. Tested in fuzz/triage/tests/known_test.cpp.
#include "fuzz/triage/known.h"

#include <algorithm>
#include <iterator>

namespace assay::fuzz {
namespace {

constexpr std::string_view kBlanks = " \t\r";

/// Takes words from a line and knows the column of what is next.
class Words {
public:
  explicit Words(std::string_view line) : line_(line) { skip(); }
  u32 column() const { return static_cast<u32>(at_ + 1); }
  std::string_view take() {
    const std::size_t end = std::min(line_.find_first_of(kBlanks, at_), line_.size());
    const std::string_view word = line_.substr(at_, end - at_);
    at_ = end;
    skip();
    return word;
  }
  std::string_view rest() const {
    std::string_view out = line_.substr(at_);
    const std::size_t last = out.find_last_not_of(kBlanks);
    return last == std::string_view::npos ? std::string_view() : out.substr(0, last + 1);
  }

private:
  void skip() { at_ = std::min(line_.find_first_not_of(kBlanks, at_), line_.size()); }
  std::string_view line_;
  std::size_t at_ = 0;
};

bool is_pattern_word(std::string_view word) {
  std::string without_stars(word);
  std::replace(without_stars.begin(), without_stars.end(), '*', 'x');
  return !word.empty() && as_word(without_stars) == without_stars;
}

/// What is wrong with word `number` of the pattern; empty when it may stand there.
std::string wrong_word(u32 number, std::string_view word) {
  static constexpr std::string_view kNames[] = {"a kind of finding ('miscompile', or a pattern with '*')",
                                                "a target ('x64')", "a level (O0, O2, any or '*')",
                                                "an observable ('result')", "a culprit ('gvn')"};
  FindingKind kind{};
  const bool pattern = word.find('*') != std::string_view::npos;
  bool good = is_pattern_word(word);
  if (number == 0 && !pattern) good = finding_kind_from_name(word, kind);
  if (number == 2 && !pattern) good = word == "O0" || word == "O2" || word == "any";
  if (good) return {};
  return "expected " + std::string(kNames[number]) + ", found '" + std::string(word) + "'";
}

bool is_date(std::string_view word) {
  if (word.size() != 10 || word[4] != '-' || word[7] != '-') return false;
  for (std::size_t i = 0; i < word.size(); ++i)
    if (i != 4 && i != 7 && (word[i] < '0' || word[i] > '9')) return false;
  const int month = (word[5] - '0') * 10 + word[6] - '0', day = (word[8] - '0') * 10 + word[9] - '0';
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/// One row; what is wrong with it, and the column in `column`.
std::string parse_row(std::string_view line, KnownRow& out, u32& column) {
  Words words(line);
  for (u32 i = 0; i < 5; ++i) {
    column = words.column();
    const std::string_view word = words.take();
    if (std::string wrong = wrong_word(i, word); !wrong.empty()) return wrong;
    out.pattern += (i == 0 ? "" : " ") + std::string(word);
  }
  column = words.column();
  const std::string_view date = words.take();
  if (!is_date(date)) return "expected a day, YYYY-MM-DD, found '" + std::string(date) + "'";
  out.date = date;
  column = words.column();
  out.reason = words.rest();
  return out.reason.empty() ? "expected a reason" : "";
}

} // namespace

Result<std::vector<KnownRow>> parse_known(std::string_view text, std::string_view file) {
  std::vector<KnownRow> out;
  Error error;
  error.file = file;
  for (u32 number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t first = line.find_first_not_of(kBlanks);
    if (first == std::string_view::npos || line[first] == '#') continue;
    KnownRow row;
    row.line = error.line = number;
    error.message = parse_row(line, row, error.column);
    if (!error.message.empty()) return error;
    const auto same =
        std::find_if(out.begin(), out.end(), [&](const KnownRow& other) { return other.pattern == row.pattern; });
    if (same != out.end()) {
      error.column = static_cast<u32>(first + 1);
      error.message = "expected another signature: line " + std::to_string(same->line) + " has this one";
      return error;
    }
    out.push_back(std::move(row));
  }
  return out;
}

u32 find_known(const std::vector<KnownRow>& rows, const Cause& cause) {
  const std::string line = to_string(cause);
  for (u32 i = 0; i < rows.size(); ++i) {
    // Word by word: a '*' does not reach into the next one.
    std::string_view pattern = rows[i].pattern, text = line;
    bool same = true;
    while (same && !pattern.empty() && !text.empty()) {
      const std::size_t a = std::min(pattern.find(' '), pattern.size()), b = std::min(text.find(' '), text.size());
      same = matches(pattern.substr(0, a), text.substr(0, b));
      pattern.remove_prefix(std::min(a + 1, pattern.size()));
      text.remove_prefix(std::min(b + 1, text.size()));
    }
    if (same && pattern.empty() && text.empty()) return i;
  }
  return kNone;
}

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

} // namespace assay::fuzz
