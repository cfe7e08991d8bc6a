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

constexpr std::size_t kMaxLines = 600;

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

/// `include` as a path from the root: "../tests/a.h" in oracle/alloc/bench/b.cpp is oracle/alloc/tests/a.h.
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

} // namespace

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
