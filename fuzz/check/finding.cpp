// finding.cpp - see finding.h.
//
// Header lines are "; key: value" in a fixed order; values are made one line (\n and \\ escaped). The program
// begins after the first line that is not a comment. Unknown keys are skipped, so that older tools read newer
// files. Tested in fuzz/check/tests/finding_test.cpp.
#include "fuzz/check/finding.h"

#include "assay/text.h"
#include "fuzz/check/run_lines.h"
#include "fuzz/os/process.h"
#include "fuzz/subjects/peer_subject.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <system_error>

#ifndef ASSAY_VERSION
#define ASSAY_VERSION "unknown"
#endif

namespace assay::fuzz {
namespace {

constexpr std::string_view kFirstLine = "; assay finding";

u64 hash_of(std::string_view text, u64 hash = 0xcbf29ce484222325u) {
  for (const char c : text) hash = (hash ^ static_cast<u8>(c)) * 0x100000001b3u;
  return hash;
}

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else if (c == '\r') out += "\\r";
    else out += c;
  }
  return out;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char next = text[++i];
    out += next == 'n' ? '\n' : next == 'r' ? '\r' : next;
  }
  return out;
}

Error io_error(std::string_view what, const std::string& path, const std::error_code& code) {
  Error error;
  error.kind = ErrorKind::Io;
  error.file = path;
  error.message = std::string(what) + ": " + code.message();
  return error;
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

/// "@f(1, 2)" into the finding's entry and args; false when it is not of that form.
bool parse_call(std::string_view text, Finding& out) {
  const std::size_t open = text.find('(');
  if (text.empty() || text[0] != '@' || open == std::string_view::npos || text.back() != ')') return false;
  out.entry = text.substr(1, open - 1);
  out.args.clear();
  std::string_view list = text.substr(open + 1, text.size() - open - 2);
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    out.args.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (!list.empty() && list[0] == ' ') list.remove_prefix(1);
  }
  return true;
}

bool parse_number(std::string_view text, u64& out) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failure == std::errc() && end == text.data() + text.size();
}

/// Takes one header line; empty, or what was expected.
std::string_view take(std::string_view key, const std::string& value, Finding& out) {
  if (key == "kind") return finding_kind_from_name(value, out.kind) ? "" : "expected a kind of finding";
  if (key == "seed") return parse_number(value, out.seed) ? "" : "expected a number";
  if (key == "program") return parse_number(value, out.program_index) ? "" : "expected a number";
  if (key == "fuel") return parse_number(value, out.fuel) ? "" : "expected a number";
  if (key == "call") return parse_call(value, out) ? "" : "expected a call, @f(1, 2)";
  if (key == "origin") out.origin = value;
  else if (key == "tool") out.tool = value;
  else if (key == "size") out.sizes = value;
  else if (key == "reduced") out.reduced = value;
  else if (key == "subject") out.subject = value;
  else if (key == "passes") out.passes = value;
  else if (key == "expected") out.expected = value;
  else if (key == "actual") out.actual = value;
  else if (key == "difference") out.difference = value;
  else if (key == "culprit") out.culprit = value;
  else if (key == "trials") out.trials = value;
  else if (key == "cause") out.cause = value;
  return "";
}

} // namespace

std::string tool_version() { return "assay " ASSAY_VERSION; }

std::string tools_of(std::string_view subject) {
  const SubjectRow* const row = find_subject_row(subject);
  if (row == nullptr || !is_peer(row->exec)) return tool_version();
  return tool_version() + ", " + peer_version(row->exec);
}

std::string observable(std::string_view difference) {
  std::string out;
  for (const char c : difference) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) out += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    else if ((c == ' ' || c == '-' || c == '_') && !out.empty() && out.back() != '-') out += '-';
    else break;
    if (out.size() == 24) break;
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "other" : out;
}

std::string signature(const Finding& finding) {
  u64 hash = hash_of(finding.program);
  hash = hash_of(finding.entry, hash);
  for (const std::string& arg : finding.args) hash = hash_of(arg, hash ^ ',');
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(hash ^ (hash >> 32)));
  std::string out(name_of(finding.kind));
  if (!finding.subject.empty()) out += "-" + finding.subject;
  return out + "-" + observable(finding.difference) + "-" + digits;
}

std::vector<std::string> words_of(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    out.emplace_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return out;
}

std::string sizes_of(const Module& module) {
  std::size_t functions = 0, blocks = 0, insts = 0;
  for (const Function& function : module.functions) {
    if (function.imported) continue;
    ++functions;
    blocks += function.blocks.size();
    insts += function.insts.size();
  }
  return std::to_string(functions) + " functions, " + std::to_string(blocks) + " blocks, " + std::to_string(insts) +
         " instructions";
}

Finding make_finding(const Module& module, const Cases& cases, const Checker& checker, Attributor* attributor) {
  const Difference& difference = checker.difference();
  Finding out;
  if (attributor != nullptr) {
    Attribution found = attribute(*attributor, module, cases, checker);
    out.culprit = std::move(found.culprit);
    out.trials = std::move(found.trials);
  }
  out.kind = difference.kind;
  out.subject = checker.subjects()[difference.subject].name;
  out.difference = difference.what;
  out.tool = tools_of(out.subject);
  out.sizes = sizes_of(module);
  out.program = to_text(module);
  if (difference.case_index == kNone) return out;

  const u32 index = difference.case_index;
  const Function& function = module.functions[cases.entry(index)];
  const std::span<const Type> types = module.params_of(function);
  out.entry = function.name;
  for (std::size_t i = 0; i < types.size(); ++i) print_literal(types[i], cases.args(index)[i], out.args.emplace_back());
  out.fuel = cases.fuel(index);
  out.expected = to_string(module, checker.expected(index));
  out.actual = to_string(module, checker.actual());
  out.run_line = write_run_line(module, cases.entry(index), cases.args(index), checker.expected(index));
  return out;
}

std::string to_text(const Finding& finding, std::string_view path) {
  std::string out(kFirstLine);
  const auto line = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    out += "\n; " + std::string(key) + ": " + escape(value);
  };
  line("kind", name_of(finding.kind));
  line("signature", signature(finding));
  line("seed", std::to_string(finding.seed));
  line("program", std::to_string(finding.program_index));
  line("origin", finding.origin);
  line("tool", finding.tool);
  line("size", finding.sizes);
  line("reduced", finding.reduced);
  line("reference", "oracle");
  line("subject", finding.subject);
  line("passes", finding.passes);
  if (!finding.entry.empty()) {
    line("call", "@" + finding.entry + "(" + join(finding.args) + ")");
    line("fuel", std::to_string(finding.fuel));
  }
  line("expected", finding.expected);
  line("actual", finding.actual);
  line("difference", finding.difference);
  line("culprit", finding.culprit);
  line("trials", finding.trials);
  line("cause", finding.cause);
  if (finding.replays != 0)
    line("reproduced", std::to_string(finding.reproduced) + " of " + std::to_string(finding.replays));
  line("replay", "assay replay " + std::string(path));
  if (finding.reduced.empty() && finding.kind != FindingKind::Invalid)
    line("reduce", "assay reduce " + std::string(path));
  if (!finding.run_line.empty()) out += "\n" + finding.run_line;
  return out + "\n\n" + finding.program;
}

Result<Finding> parse_finding(std::string_view text, std::string_view file) {
  Finding out;
  out.program = text;
  Error error;
  error.file = file;
  error.line = 1;
  error.column = 1;
  bool has_kind = false;
  if (text.substr(0, kFirstLine.size()) != kFirstLine) {
    error.message = "expected '" + std::string(kFirstLine) + "': this is not a finding";
    return error;
  }
  for (u32 number = 1; !text.empty() && text[0] == ';'; ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(1, end - 1);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos || line[0] != ' ') continue;
    const std::string_view key = line.substr(1, colon - 1);
    const std::string_view wrong = take(key, unescape(line.substr(colon + 2)), out);
    has_kind |= key == "kind";
    if (wrong.empty()) continue;
    error.line = number;
    error.column = static_cast<u32>(colon + 4);
    error.message = std::string(wrong) + ", found '" + std::string(line.substr(colon + 2)) + "'";
    return error;
  }
  if (has_kind) return out;
  error.message = "expected a line '; kind: ...' in the header";
  return error;
}

namespace {

/// Writes all of it and closes; the first failure, or none.
std::error_code write_whole(const std::filesystem::path& path, std::string_view text) {
  std::FILE* file = std::fopen(path.string().c_str(), "wb");
  if (file == nullptr) return {errno, std::generic_category()};
  bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  written = std::fflush(file) == 0 && written;
  const std::error_code failure(written ? 0 : errno, std::generic_category());
  const bool closed = std::fclose(file) == 0;
  if (failure || closed) return failure;
  return {errno, std::generic_category()};
}

} // namespace

Result<void> write_file_atomically(const std::string& path, std::string_view text) {
  namespace fs = std::filesystem;
  static std::atomic<u32> counter{0};
  const fs::path target(path);
  std::error_code failure, ignored;
  const fs::file_status existing = fs::status(target, ignored); // of what a link leads to
  if (fs::exists(existing) && !fs::is_regular_file(existing)) {
    // A device or a pipe is written to, never replaced by a file.
    failure = fs::is_directory(existing) ? std::make_error_code(std::errc::is_a_directory) : write_whole(target, text);
    if (failure) return io_error("cannot write", path, failure);
    return {};
  }
  // Unlike any other writer's: two workers may write the same finding at the same time.
  const std::string name =
      ".assay-" + std::to_string(process_id()) + "-" + std::to_string(counter.fetch_add(1)) + ".tmp";
  const fs::path temporary = target.parent_path() / name;
  failure = write_whole(temporary, text);
  if (!failure) fs::rename(temporary, target, failure);
  if (!failure) return {};
  fs::remove(temporary, ignored); // the first failure is the one to report
  return io_error("cannot write", path, failure);
}

Result<void> prepare_findings_folder(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) return io_error("cannot make the folder for findings", folder, failure);
  const std::string probe = (fs::path(folder) / ".assay-probe").string();
  // As large as a finding, so that a full disk shows now.
  Result<void> written = write_file_atomically(probe, std::string(16384, ';'));
  fs::remove(probe, failure);
  return written;
}

Result<std::string> write_finding(const Finding& finding, const std::string& folder) {
  const std::string path = (std::filesystem::path(folder) / (signature(finding) + ".air")).string();
  const Result<void> written = write_file_atomically(path, to_text(finding, path));
  if (!written) return written.error();
  return path;
}

Result<void> cases_of(const Finding& finding, const Module& module, Cases& out) {
  out.clear();
  if (finding.entry.empty()) return {};
  Error error;
  const FunctionId entry = module.find_function(finding.entry);
  if (entry == kNone) {
    error.message = "the program has no function @" + finding.entry;
    return error;
  }
  const std::span<const Type> types = module.params_of(module.functions[entry]);
  if (types.size() != finding.args.size()) {
    error.message = "@" + finding.entry + " takes " + std::to_string(types.size()) + " arguments, the call has " +
                    std::to_string(finding.args.size());
    return error;
  }
  std::vector<u64> args;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const Result<u64> bits = parse_literal(finding.args[i], types[i]);
    if (!bits) return bits.error();
    args.push_back(*bits);
  }
  out.add(entry, args, finding.fuel);
  return {};
}

Result<bool> replay(const Finding& finding, const Module& module, Checker& checker) {
  Error error;
  const u32 subject = checker.find_subject(finding.subject);
  if (subject == kNone) {
    error.kind = ErrorKind::Unsupported;
    error.message = "the finding's subject '" + finding.subject + "' is not among those that run here";
    return error;
  }
  Cases cases;
  const Result<void> made = cases_of(finding, module, cases);
  if (!made) return made.error();
  const bool same = checker.check_one(module, cases, cases.size() == 0 ? kNone : 0, subject);
  return !same && checker.difference().kind == finding.kind;
}

} // namespace assay::fuzz
