// support.cpp - reading programs, reporting errors and choosing subjects, for all commands. See commands.h.
//
// Tested in fuzz/cli/tests/cli_test.cmake.
#include "assay/ore.h"
#include "assay/verify.h"
#include "fuzz/cli/commands.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace assay::cli {
namespace {

Error io_error(const std::string& path, const std::string& what) {
  Error error;
  error.kind = ErrorKind::Io;
  error.file = path;
  error.message = what;
  return error;
}

/// What is wrong, if something is. A device may have no end.
const char* read_all(std::FILE* file, std::string& out) {
  constexpr std::size_t kMostBytes = std::size_t{256} << 20;
  char buffer[65536];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, file)) != 0;) {
    if (out.size() + got > kMostBytes) return "expected a program of at most 256 MiB, found more";
    out.append(buffer, got);
  }
  return std::ferror(file) == 0 ? nullptr : "cannot read";
}

constexpr std::string_view kExtensions[] = {".air", ".ore", ".wasm", ".wat"};

/// What a kind of source is called when this version does not read it; empty when it does.
std::string_view foreign_language(std::string_view name) {
  if (name.ends_with(".wasm") || name.ends_with(".wat")) return "WebAssembly";
  return {};
}

std::string_view line_of(std::string_view text, u32 number) {
  for (; number > 1; --number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find_first_of("\r\n"));
}

/// The line with a caret under the column, behind the line's own tabs: of a long line what is around it, and nothing
/// that a terminal would obey.
void show_line(std::string_view line, u32 column) {
  constexpr std::size_t kMost = 160;
  std::size_t begin = 0;
  if (line.size() > kMost) {
    begin = std::min<std::size_t>(column > kMost / 2 ? column - kMost / 2 : 0, line.size() - kMost);
    while (begin < line.size() && (line[begin] & 0xc0) == 0x80) ++begin; // not in the middle of a character
  }
  std::string shown(line.substr(begin, kMost)), caret;
  for (char& c : shown)
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) c = '?';
  std::fprintf(stderr, "  %s\n", shown.c_str());
  for (std::size_t i = 0; i < shown.size() && begin + i + 1 < column; ++i) caret += shown[i] == '\t' ? '\t' : ' ';
  if (column != 0) std::fprintf(stderr, "  %s^\n", caret.c_str());
}

} // namespace

Result<Source> read_source(const std::string& path) {
  Source out;
  out.name = path == "-" ? "<stdin>" : path;
  if (path == "-") {
    if (const char* const wrong = read_all(stdin, out.text)) return io_error(out.name, wrong);
    return out;
  }
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure)) return io_error(path, "expected a file, found a folder");
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return io_error(path, "cannot read: " + std::generic_category().message(errno));
  const char* const wrong = read_all(file, out.text);
  std::fclose(file);
  if (wrong != nullptr) return io_error(path, wrong);
  return out;
}

Result<Module> load_module(const Source& source, SourceMap* map, std::vector<Error>* all) {
  if (source.name.ends_with(".ore")) {
    OreResult compiled = compile_ore(source.text, source.name);
    if (compiled.ok()) return std::move(compiled.module);
    const Error first = compiled.errors.front();
    if (all != nullptr) *all = std::move(compiled.errors);
    return first;
  }
  const std::string_view language = foreign_language(source.name);
  if (!language.empty()) {
    Error error;
    error.kind = ErrorKind::Unsupported;
    error.file = source.name;
    error.message = "this version does not read " + std::string(language);
    if (all != nullptr) *all = {error};
    return error;
  }
  SourceMap own;
  SourceMap* used = map == nullptr ? &own : map;
  const auto refuse = [&](const Error& error) {
    if (all != nullptr) *all = {error};
    return error;
  };
  auto module = parse_module(source.text, source.name, used);
  if (!module) return refuse(module.error());
  if (auto valid = verify(*module, source.name, used); !valid) return refuse(valid.error());
  return module;
}

int usage_error(const char* command, const std::string& message) {
  std::fprintf(stderr, "assay %s: %s\n", command, message.c_str());
  return kUsage;
}

int report(const Error& error, std::string_view text) {
  std::fprintf(stderr, "%s\n", error.to_string().c_str());
  const std::string_view line = error.line == 0 ? std::string_view() : line_of(text, error.line);
  if (!line.empty()) show_line(line, error.column);
  switch (error.kind) {
  case ErrorKind::BadInput: return kBadInput;
  case ErrorKind::Unsupported: return kCannot;
  case ErrorKind::Io: return kBadInput;
  case ErrorKind::Internal: return kInternal;
  }
  return kInternal;
}

int report(const std::vector<Error>& errors, std::string_view text) {
  int status = kClean;
  for (const Error& error : errors) {
    const int now = report(error, text);
    if (status == kClean) status = now;
  }
  return status;
}

void add_selection(CLI::App& command, fuzz::SubjectFilter& filter) {
  const auto add = [&](const char* name, std::vector<std::string>& words, const char* meaning) {
    command.add_option(name, words, meaning)->delimiter(',')->allow_extra_args(false)->group("Selection of subjects");
  };
  add("--subject", filter.names, "subjects by name ('assay subjects' lists them)");
  add("--target", filter.targets, "x64,a64");
  add("--level", filter.levels, "O0,O2");
  add("--exec", filter.execs, "native,qemu,unicorn");
  add("--os", filter.oses, "linux,windows,apple: conventions and unwind format");
}

void add_passes(CLI::App& command, std::vector<std::string>& passes, std::vector<std::string>& without) {
  const auto add = [&](const char* name, std::vector<std::string>& words, const char* meaning) {
    command.add_option(name, words, meaning)->delimiter(',')->allow_extra_args(false);
  };
  add("--pass", passes, "at O2 only these passes, in this order");
  add("--without", without, "at O2 not these passes");
}

bool choose(const fuzz::SubjectFilter& filter, std::vector<const fuzz::SubjectRow*>& rows, int& status,
            std::vector<fuzz::LeftOut>* left_out) {
  auto chosen = fuzz::select_subjects(filter, left_out);
  if (chosen) {
    rows = std::move(*chosen);
    return true;
  }
  status = report(chosen.error());
  if (chosen.error().kind == ErrorKind::BadInput) status = kUsage; // a word on the command line
  return false;
}

void add_fuel(CLI::App& command, u64& fuel) {
  command.add_option("--fuel", fuel, "budget of the program's fuel operations")->capture_default_str();
}

std::vector<std::string> findings_in(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code failure;
  for (std::filesystem::directory_iterator it(folder, failure), end; !failure && it != end; it.increment(failure))
    if (it->path().extension() == ".air") out.push_back(it->path().string());
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::vector<std::string>> list_programs(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    std::error_code failure;
    if (path == "-" || !fs::is_directory(path, failure)) {
      out.push_back(path);
      continue;
    }
    const std::size_t first = out.size();
    for (fs::recursive_directory_iterator it(path, failure), end; !failure && it != end; it.increment(failure)) {
      const std::string extension = it->path().extension().string();
      const bool program =
          std::find(std::begin(kExtensions), std::end(kExtensions), extension) != std::end(kExtensions);
      if (program && it->is_regular_file()) out.push_back(it->path().string());
    }
    if (failure) return io_error(path, "cannot read the folder: " + failure.message());
    std::sort(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
  }
  return out;
}

} // namespace assay::cli
