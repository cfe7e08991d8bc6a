// run_lines.cpp - see run_lines.h.
//
// A recursive-descent reader over one line. After the expectation only blanks, a parenthesised remark or a
// further comment may follow. Tested in fuzz/check/tests/run_lines_test.cpp.
#include "fuzz/check/run_lines.h"

#include "assay/text.h"

#include <algorithm>
#include <iterator>

namespace assay::fuzz {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '$';
}

/// Calls `use(line number, column of the text after the keyword, that text)` for each "; KEYWORD:" line.
template <typename Use> Result<void> for_check_lines(std::string_view text, std::string_view keyword, Use use) {
  u32 number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::size_t at = 0;
    const auto skip = [&] {
      while (at < line.size() && is_blank(line[at])) ++at;
    };
    skip();
    if (at == line.size() || line[at] != ';') continue;
    ++at;
    skip();
    if (line.substr(at, keyword.size()) != keyword || line.substr(at + keyword.size(), 1) != ":") continue;
    at += keyword.size() + 1;
    Result<void> used = use(number, static_cast<u32>(at + 1), line.substr(at));
    if (!used) return used;
  }
  return {};
}

/// Reads one line from left to right; the first failure stays.
class LineReader {
public:
  LineReader(std::string_view text, std::string_view file, u32 line, u32 column)
      : text_(text), file_(file), line_(line), column_(column) {}

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  bool at_end() {
    skip_blanks();
    return at_ == text_.size() || text_[at_] == ';';
  }
  bool accept(std::string_view token) {
    skip_blanks();
    if (text_.substr(at_, token.size()) != token) return false;
    // A word must end where the token ends.
    const std::size_t next = at_ + token.size();
    if (is_name_char(token.back()) && next < text_.size() && is_name_char(text_[next])) return false;
    at_ = next;
    return true;
  }
  bool expect(std::string_view token) { return accept(token) || fail("expected '" + std::string(token) + "'"); }

  /// "@name"; the name without '@'.
  bool symbol(std::string_view& out) {
    if (!expect("@")) return false;
    const std::size_t first = at_;
    while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
    out = text_.substr(first, at_ - first);
    return !out.empty() || fail("expected a name");
  }
  /// Everything up to a delimiter.
  std::string_view word() {
    skip_blanks();
    const std::size_t first = at_;
    while (at_ < text_.size() && !is_blank(text_[at_]) &&
           std::string_view(",();").find(text_[at_]) == std::string_view::npos)
      ++at_;
    return text_.substr(first, at_ - first);
  }
  bool literal(Type type, ExpectedValue& out) {
    skip_blanks();
    const std::size_t first = at_;
    const std::string_view literal = word();
    if (type == Type::Ptr) {
      at_ = first;
      return fail("a pointer cannot be written here");
    }
    const Result<u64> bits = parse_literal(literal, type);
    if (!bits) {
      at_ = first;
      return fail(bits.error().message);
    }
    out = {*bits, is_float(type) && literal == "nan"};
    return true;
  }
  bool quoted(std::string& out) {
    if (!expect("\"")) return false;
    const std::size_t end = text_.find('"', at_);
    if (end == std::string_view::npos) return fail("expected '\"' at the end of the text");
    out = text_.substr(at_, end - at_);
    at_ = end + 1;
    return true;
  }
  u32 number() {
    u64 value = 0;
    skip_blanks();
    const std::size_t first = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9' && value < 1000000000u)
      value = value * 10 + static_cast<u64>(text_[at_++] - '0');
    if (at_ == first) fail("expected a number");
    return static_cast<u32>(value);
  }
  std::string_view rest() {
    skip_blanks();
    return text_.substr(at_);
  }

  bool fail(std::string message) {
    if (failed_) return false;
    failed_ = true;
    error_.file = file_;
    error_.line = line_;
    error_.column = column_ + static_cast<u32>(at_);
    error_.message = std::move(message);
    if (at_ < text_.size()) error_.message += ", found '" + std::string(text_.substr(at_, 20)) + "'";
    return false;
  }
  /// Where the next word begins; and a failure that is about that place.
  std::size_t mark() {
    skip_blanks();
    return at_;
  }
  bool fail_at(std::size_t mark, std::string message) {
    at_ = mark;
    return fail(std::move(message));
  }
  bool failed() const { return failed_; }
  const Error& error() const { return error_; }

private:
  std::string_view text_, file_;
  u32 line_, column_;
  std::size_t at_ = 0;
  bool failed_ = false;
  Error error_;
};

/// "(1, 2)" with one literal for each type.
bool read_list(LineReader& in, std::span<const Type> types, std::vector<ExpectedValue>& out) {
  if (!in.expect("(")) return false;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (i != 0 && !in.expect(",")) return false;
    if (!in.literal(types[i], out.emplace_back())) return false;
  }
  return in.expect(")");
}

bool read_results(LineReader& in, std::span<const Type> types, std::vector<ExpectedValue>& out) {
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (i != 0 && !in.expect(",")) return false;
    if (!in.literal(types[i], out.emplace_back())) return false;
  }
  return true;
}

bool read_throw(LineReader& in, const Module& module, RunLine& out) {
  if (in.accept("host")) {
    out.kind = OutcomeKind::ThrewHost;
    return in.quoted(out.text);
  }
  out.kind = OutcomeKind::Threw;
  std::string_view name;
  if (!in.symbol(name)) return false;
  for (TagId tag = 0; tag < module.tags.size(); ++tag)
    if (module.tags[tag].name == name) out.tag = tag;
  if (out.tag == kNone) return in.fail("there is no tag @" + std::string(name));
  return read_list(in, module.params(module.signatures[module.tags[out.tag].signature]), out.values);
}

bool read_calls(LineReader& in, const Module& module, RunLine& out) {
  out.has_calls = true;
  while (!in.at_end()) {
    ExpectedCall call;
    std::string_view name;
    if (!in.symbol(name)) return false;
    call.function = module.find_function(name);
    if (call.function == kNone || !module.functions[call.function].imported)
      return in.fail("there is no imported function @" + std::string(name));
    if (!read_list(in, module.params_of(module.functions[call.function]), call.args)) return false;
    out.calls.push_back(std::move(call));
  }
  return true;
}

bool read_expectation(LineReader& in, const Module& module, RunLine& out) {
  out.has_expectation = true;
  if (in.accept("==")) {
    out.kind = OutcomeKind::Returned;
    return read_results(in, module.results_of(module.functions[out.entry]), out.values);
  }
  if (in.accept("trap")) {
    out.kind = OutcomeKind::Trapped;
    const std::string_view name = in.word();
    return trap_from_name(name, out.trap) || in.fail("there is no trap '" + std::string(name) + "'");
  }
  if (in.accept("throw")) return read_throw(in, module, out);
  return in.fail("expected '==', 'trap' or 'throw'");
}

bool read_run(LineReader& in, const Module& module, RunLine& out) {
  std::string_view name;
  const std::size_t at = in.mark();
  if (!in.symbol(name)) return false;
  out.entry = module.find_function(name);
  if (out.entry == kNone) return in.fail_at(at, "expected a function of this module");
  std::vector<ExpectedValue> args;
  if (!read_list(in, module.params_of(module.functions[out.entry]), args)) return false;
  for (const ExpectedValue& arg : args) out.args.push_back(arg.bits);
  if (in.at_end()) return true;
  if (!read_expectation(in, module, out)) return false;
  if (in.accept("calls") && !read_calls(in, module, out)) return false;
  return in.at_end() || in.accept("(") || in.fail("expected the end of the line");
}

bool equal(Type type, const ExpectedValue& expected, u64 bits) {
  if (!expected.any_nan) return expected.bits == bits;
  return type == Type::F32 ? (bits & 0x7fffffffu) > 0x7f800000u : (bits & ~(u64{1} << 63)) > 0x7ff0000000000000u;
}

void append_values(std::string& out, std::span<const Type> types, std::span<const u64> bits) {
  for (std::size_t i = 0; i < bits.size() && i < types.size(); ++i) {
    if (i != 0) out += ", ";
    if (types[i] == Type::Ptr) out += "ptr";
    else print_literal(types[i], bits[i], out);
  }
}

void append_expected(std::string& out, std::span<const Type> types, std::span<const ExpectedValue> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out += ", ";
    if (values[i].any_nan) out += "nan";
    else print_literal(types[i], values[i].bits, out);
  }
}

std::string expectation_to_string(const Module& module, const RunLine& line) {
  std::string out;
  switch (line.kind) {
  case OutcomeKind::Trapped: return "trap " + std::string(name_of(line.trap));
  case OutcomeKind::ThrewHost: return "throw host \"" + line.text + "\"";
  case OutcomeKind::Threw:
    out = "throw @" + module.tags[line.tag].name + "(";
    append_expected(out, module.params(module.signatures[module.tags[line.tag].signature]), line.values);
    return out + ")";
  default:
    out = "returned ";
    append_expected(out, module.results_of(module.functions[line.entry]), line.values);
    return out;
  }
}

std::string calls_mismatch(const Module& module, const RunLine& expected, const Outcome& outcome) {
  if (!expected.has_calls) return {};
  std::vector<TraceEvent> calls;
  std::copy_if(outcome.trace.begin(), outcome.trace.end(), std::back_inserter(calls),
               [](const TraceEvent& event) { return event.kind == TraceKind::HostCall; });
  const std::size_t count = std::min(expected.calls.size(), calls.size());
  for (std::size_t i = 0; i < count; ++i) {
    const TraceEvent& call = calls[i];
    const ExpectedCall& wanted = expected.calls[i];
    const std::span<const u64> args{outcome.trace_args.data() + call.args, call.arg_count};
    const std::span<const Type> types = module.params_of(module.functions[wanted.function]);
    bool same = wanted.function == call.subject && wanted.args.size() == args.size();
    for (std::size_t a = 0; same && a < args.size(); ++a) same = equal(types[a], wanted.args[a], args[a]);
    if (same) continue;
    std::string want = "@" + module.functions[wanted.function].name + "(";
    append_expected(want, types, wanted.args);
    return "host call " + std::to_string(i) + ": expected " + want + "), found " +
           call_to_string(module, call.subject, args);
  }
  if (expected.calls.size() == calls.size()) return {};
  return "expected " + std::to_string(expected.calls.size()) + " host calls, found " + std::to_string(calls.size());
}

} // namespace

Result<std::vector<RunLine>> parse_run_lines(std::string_view text, std::string_view file, const Module& module) {
  std::vector<RunLine> lines;
  const Result<void> parsed =
      for_check_lines(text, "run", [&](u32 number, u32 column, std::string_view rest) -> Result<void> {
        LineReader in(rest, file, number, column);
        RunLine line;
        line.line = number;
        if (!read_run(in, module, line)) return in.error();
        lines.push_back(std::move(line));
        return {};
      });
  if (!parsed) return parsed.error();
  return lines;
}

Result<ErrorLine> parse_error_line(std::string_view text, std::string_view file, bool& found) {
  ErrorLine out;
  found = false;
  const Result<void> parsed =
      for_check_lines(text, "error", [&](u32 number, u32 column, std::string_view rest) -> Result<void> {
        LineReader in(rest, file, number, column);
        if (found) {
          in.fail("a file has at most one error line");
          return in.error();
        }
        found = true;
        out.line = number;
        out.at_line = in.number();
        in.expect(":");
        out.at_column = in.number();
        if (in.failed()) return in.error();
        out.message = in.rest();
        out.message.resize(std::min(out.message.find("  ("), out.message.size())); // a remark after two blanks
        while (!out.message.empty() && is_blank(out.message.back())) out.message.pop_back();
        return {};
      });
  if (!parsed) return parsed.error();
  return out;
}

std::string mismatch(const Module& module, const RunLine& expected, const Outcome& outcome) {
  if (!expected.has_expectation) return {};
  bool same = outcome.kind == expected.kind;
  if (same && outcome.kind == OutcomeKind::Trapped) same = outcome.trap == expected.trap;
  if (same && outcome.kind == OutcomeKind::ThrewHost) same = outcome.text == expected.text;
  if (same && outcome.kind == OutcomeKind::Threw) same = outcome.tag == expected.tag;
  if (same && (outcome.kind == OutcomeKind::Returned || outcome.kind == OutcomeKind::Threw)) {
    same = outcome.values.size() == expected.values.size();
    for (std::size_t i = 0; same && i < outcome.values.size(); ++i)
      same = equal(outcome.value_types[i], expected.values[i], outcome.values[i]);
  }
  if (!same) return "expected " + expectation_to_string(module, expected) + ", found " + to_string(module, outcome);
  return calls_mismatch(module, expected, outcome);
}

std::string call_to_string(const Module& module, FunctionId function, std::span<const u64> args) {
  std::string out = "@" + module.functions[function].name + "(";
  append_values(out, module.params_of(module.functions[function]), args);
  return out + ")";
}

std::string write_run_line(const Module& module, FunctionId entry, std::span<const u64> args, const Outcome& outcome) {
  std::string out = "; run: " + call_to_string(module, entry, args);
  bool has_pointer = false;
  for (const Type type : outcome.value_types) has_pointer |= type == Type::Ptr;
  if (has_pointer) return out;
  if (outcome.kind == OutcomeKind::Returned) {
    out += " == ";
    append_values(out, outcome.value_types, outcome.values);
    while (out.back() == ' ') out.pop_back();
  } else if (outcome.kind == OutcomeKind::Trapped) {
    out += " trap " + std::string(name_of(outcome.trap));
  } else if (outcome.kind == OutcomeKind::Threw && outcome.tag < module.tags.size()) {
    out += " throw @" + module.tags[outcome.tag].name + "(";
    append_values(out, outcome.value_types, outcome.values);
    out += ")";
  } else if (outcome.kind == OutcomeKind::ThrewHost && outcome.text.find_first_of("\"\n") == std::string::npos) {
    out += " throw host \"" + outcome.text + "\"";
  }
  return out;
}

} // namespace assay::fuzz
