// house_rules.cpp - see house_rules.h.
//
// A rule is a row: a folder, and the prefixes of the quoted includes that its files may use. The longest
// matching folder decides. An include without a folder means a file beside the including one and is always
// allowed. Tests and benchmarks may look at more than the code they test: rows of their own.
#include "house_rules.h"

#include <algorithm>
#include <array>
#include <span>

namespace house {
namespace {

using Prefixes = std::span<const std::string_view>;

// The headers of compiler/include/assay that describe programs and what is seen of them, without a compiler.
constexpr std::string_view kIr[] = {
    "assay/types.h", "assay/errors.h", "assay/opcodes.h", "assay/opcodes.def", "assay/module.h",  "assay/builder.h",
    "assay/text.h",  "assay/verify.h", "assay/outcome.h", "assay/host.h",      "assay/planted.h", "compiler/ir/",
};
constexpr std::string_view kLang[] = {
    "assay/types.h",   "assay/errors.h", "assay/opcodes.h", "assay/opcodes.def", "assay/module.h",
    "assay/builder.h", "assay/text.h",   "assay/verify.h",  "assay/ore.h",       "compiler/lang/",
};
constexpr std::string_view kPublic[] = {"assay/"};
constexpr std::string_view kPure[] = {
    "assay/types.h",   "assay/errors.h",    "assay/opcodes.h",     "assay/opcodes.def", "assay/module.h",
    "assay/builder.h", "assay/text.h",      "assay/verify.h",      "assay/outcome.h",   "assay/planted.h",
    "assay/frame.h",   "assay/compiler.h",  "assay/code_object.h", "compiler/ir/",      "compiler/analysis/",
    "compiler/opt/",   "compiler/codegen/", "compiler/target/",    "compiler/unwind/",
};
constexpr std::string_view kCompiler[] = {"assay/", "compiler/"};
// lir.h and vm_context.h are data definitions: arrays and a layout, without code that evaluates anything.
constexpr std::string_view kOracle[] = {
    "assay/types.h",   "assay/errors.h",      "assay/opcodes.h", "assay/opcodes.def",      "assay/module.h",
    "assay/builder.h", "assay/text.h",        "assay/verify.h",  "assay/outcome.h",        "assay/host.h",
    "assay/frame.h",   "assay/code_object.h", "oracle/",         "compiler/codegen/lir.h",
};
constexpr std::string_view kOracleTests[] = {"assay/", "compiler/", "oracle/"};
constexpr std::string_view kQemu[] = {"assay/", "compiler/", "qemu/"};
// The emulator steps by the decoders of unwind tables, and unwinds with them.
constexpr std::string_view kQemuWorker[] = {"assay/", "compiler/", "oracle/unwind/", "qemu/"};
constexpr std::string_view kQemuTests[] = {"assay/", "compiler/", "oracle/", "qemu/"};
constexpr std::string_view kAll[] = {"assay/", "compiler/", "oracle/", "qemu/", "fuzz/"};

struct Row {
  std::string_view folder;
  Prefixes allowed;
  Prefixes allowed_in_tests;
};

constexpr Row kRows[] = {
    {"compiler/include/assay/", kPublic, kPublic},
    {"compiler/ir/", kIr, kIr},
    {"compiler/lang/", kLang, kAll},
    {"compiler/analysis/", kPure, kAll},
    {"compiler/opt/", kPure, kAll},
    // Tests of the code generator run what it makes and check its register allocation.
    {"compiler/codegen/", kPure, kAll},
    {"compiler/target/", kPure, kAll},
    {"compiler/unwind/", kPure, kAll},
    {"compiler/", kCompiler, kAll},
    {"oracle/", kOracle, kOracleTests},
    {"qemu/unicorn/worker/", kQemuWorker, kQemuTests},
    {"qemu/", kQemu, kQemuTests},
    {"fuzz/", kAll, kAll},
    {"corpus/", {}, {}},
    {"ci/", kPublic, kPublic},
};

// Headers through which a program reaches the operating system.
constexpr std::string_view kSystemHeaders[] = {
    "windows.h",  "unistd.h",
    "signal.h",   "csignal",
    "pthread.h",  "ucontext.h",
    "dlfcn.h",    "fcntl.h",
    "poll.h",     "sched.h",
    "spawn.h",    "sys/",
    "linux/",     "mach/",
    "mach-o/",    "asm/",
    "libkern/",   "unwind.h",
    "execinfo.h", "psapi.h",
    "winternl.h", "TargetConditionals.h",
};
// Folders that may: platform code lives in folders called os, and the libraries whose work it is to run code.
constexpr std::string_view kSystemFolders[] = {"compiler/os/", "fuzz/os/", "qemu/os/"};

// What a path from the root begins with.
constexpr std::string_view kTopFolders[] = {"compiler/", "oracle/", "qemu/", "fuzz/",
                                            "corpus/",   "ci/",     "docs/", "cmake/"};
// What a path from the file's own folder begins with.
constexpr std::string_view kTestFolders[] = {"tests/", "bench/"};

constexpr std::size_t kMaxLines = 600;
constexpr std::size_t kMaxColumns = 120;

bool starts_with_any(std::string_view text, Prefixes prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view p) { return text.starts_with(p); });
}

bool is_test(std::string_view path) { return path.find("/tests/") != path.npos || path.find("/bench/") != path.npos; }

std::string at(std::string_view path, std::size_t line, std::string_view what) {
  return std::string(path) + ":" + std::to_string(line) + ": " + std::string(what);
}

/// Calls `use(number, line)` for each line.
template <typename Use> void for_lines(std::string_view text, Use use) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    use(number, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// The name in an #include line and its opening delimiter; false for any other line.
bool parse_include(std::string_view line, std::string_view& name, char& delimiter) {
  const auto skip_space = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
  skip_space();
  if (!line.starts_with('#')) return false;
  line.remove_prefix(1);
  skip_space();
  if (!line.starts_with("include")) return false;
  line.remove_prefix(7);
  skip_space();
  if (line.empty() || (line[0] != '"' && line[0] != '<')) return false;
  delimiter = line[0];
  line.remove_prefix(1);
  name = line.substr(0, line.find(delimiter == '"' ? '"' : '>'));
  return true;
}

/// `include` as a path from the root: for "../tests/a.h" in a/b/bench/c.cpp that is a/b/tests/a.h.
std::string resolve(std::string_view path, std::string_view include) {
  if (!include.starts_with("../")) return std::string(include);
  // `path` up to the slash that ends the folder; each ".." takes one folder off.
  path = path.substr(0, path.find_last_of('/') + 1);
  while (include.starts_with("../") && !path.empty()) {
    include.remove_prefix(3);
    path.remove_suffix(1);
    path = path.substr(0, path.find_last_of('/') + 1);
  }
  return std::string(path) + std::string(include);
}

/// Written without a folder, an include means a file beside the including one.
bool in_same_folder(std::string_view include) { return include.find('/') == include.npos; }

/// Characters of UTF-8 text.
std::size_t columns(std::string_view line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// A line that has nothing but a comment; clang-format sees to the width of the others.
bool is_comment(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return line.starts_with("//");
}

/// Calls use(name) for each way to read the first "{a,b}" of `name`, and of what follows; once for a name without.
template <typename Use> void for_expansions(const std::string& name, Use use) {
  const std::size_t open = name.find('{');
  const std::size_t close = name.find('}', open);
  if (open == name.npos || close == name.npos) return use(name);
  std::string_view choices = std::string_view(name).substr(open + 1, close - open - 1);
  for (bool more = true; more;) {
    const std::size_t comma = std::min(choices.find(','), choices.size());
    for_expansions(name.substr(0, open) + std::string(choices.substr(0, comma)) + name.substr(close + 1), use);
    more = comma < choices.size();
    choices.remove_prefix(std::min(comma + 1, choices.size()));
  }
}

/// Calls use(path) for each path that a comment names, as written but for the punctuation around it.
template <typename Use> void for_paths(std::string_view comment, Use use) {
  constexpr std::string_view kInPath =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./{},*"; // a comma only inside braces
  while (!comment.empty()) {
    comment.remove_prefix(std::min(comment.find_first_of(kInPath), comment.size()));
    const std::size_t word_end = std::min(comment.find_first_not_of(kInPath), comment.size());
    std::string_view word = comment.substr(0, word_end);
    comment.remove_prefix(word_end);
    while (!word.empty() && std::string_view(".,-").find(word.back()) != word.npos) word.remove_suffix(1);
    const bool from_root = starts_with_any(word, kTopFolders);
    if (from_root || starts_with_any(word, kTestFolders)) use(std::string(word), from_root);
  }
}

} // namespace

void check_paths(std::string_view path, std::string_view text, const std::function<bool(const std::string&)>& exists,
                 Findings& out) {
  std::string folder(path.substr(0, path.find_last_of('/') + 1));
  if (is_test(path)) folder.resize(folder.find_last_of('/', folder.size() - 2) + 1);
  for_lines(text, [&](std::size_t number, std::string_view line) {
    const std::size_t start = line.find("//");
    if (start == line.npos) return;
    for_paths(line.substr(start + 2), [&](const std::string& name, bool from_root) {
      for_expansions(name, [&](std::string one) {
        if (const std::size_t star = one.find('*'); star != one.npos) one.resize(one.find_last_of('/', star) + 1);
        if (exists(from_root ? one : folder + one)) return;
        out.push_back(at(path, number, "names " + one + ", which does not exist"));
      });
    });
  });
}

void check_includes(std::string_view path, std::string_view text, Findings& out) {
  const Row* row =
      std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return path.starts_with(r.folder); });
  if (row == std::end(kRows)) {
    out.push_back(at(path, 1, "a source file in a folder that the include rules do not name"));
    return;
  }
  const Prefixes allowed = is_test(path) ? row->allowed_in_tests : row->allowed;
  const bool may_call_system = starts_with_any(path, kSystemFolders) || is_test(path) || path.starts_with("ci/");
  for_lines(text, [&](std::size_t number, std::string_view line) {
    std::string_view name;
    char delimiter = 0;
    if (!parse_include(line, name, delimiter)) return;
    if (delimiter == '"') {
      if (in_same_folder(name) || starts_with_any(resolve(path, name), allowed)) return;
      out.push_back(at(path, number, "may not include \"" + std::string(name) + "\""));
    } else if (starts_with_any(name, kCompiler) || starts_with_any(name, kAll)) {
      out.push_back(at(path, number, "write \"" + std::string(name) + "\" with quotes: it is ours"));
    } else if (!may_call_system && starts_with_any(name, kSystemHeaders)) {
      out.push_back(at(path, number, "system header <" + std::string(name) + "> outside the os folders"));
    }
  });
}

void check_shape(std::string_view path, std::string_view text, Findings& out) {
  std::size_t lines = 0;
  for_lines(text, [&](std::size_t number, std::string_view line) {
    lines = number;
    if (line.find('\t') != line.npos) out.push_back(at(path, number, "a tab"));
    if (line.find('\r') != line.npos) out.push_back(at(path, number, "a carriage return"));
    if (is_comment(line) && columns(line) > kMaxColumns) {
      out.push_back(at(path, number, "a comment of over 120 columns"));
    }
    if (line.ends_with(' ')) out.push_back(at(path, number, "white space at the end of the line"));
  });
  if (lines >= kMaxLines && !path.ends_with(".def")) {
    out.push_back(at(path, lines, "a file has fewer than " + std::to_string(kMaxLines) + " lines"));
  }
  if (!text.starts_with("// ") && !text.starts_with("/* ")) {
    out.push_back(at(path, 1, "a file begins with a comment that says what it is"));
  }
  if (!text.ends_with('\n')) out.push_back(at(path, lines, "a file ends with a newline"));
}

} // namespace house
