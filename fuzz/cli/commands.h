// commands.h - the subcommands of `assay`, one file each (cmd_NAME.cpp), and what they share.
//
// Each add_NAME registers its subcommand; when the user chose it, its callback sets `status`. Exit statuses are those
// of docs/cli.md. Errors go to the error stream, facts to the output. Tested end to end in fuzz/cli/tests/.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"
#include "assay/text.h"
#include "fuzz/check/subject.h"

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>

namespace assay::cli {

enum Status : int {
  kClean = 0,
  kDifference = 1,
  kUsage = 2,
  kBadInput = 3,
  kCannot = 4,
  kInternal = 5,
  kSkipped = 125,
};

/// Each adds one subcommand.
void add_run(CLI::App& app, int& status);
void add_check(CLI::App& app, int& status);
void add_compile(CLI::App& app, int& status);
void add_gen(CLI::App& app, int& status);
void add_fuzz(CLI::App& app, int& status);
void add_replay(CLI::App& app, int& status);
void add_reduce(CLI::App& app, int& status);
void add_bisect(CLI::App& app, int& status);
void add_subjects(CLI::App& app, int& status);
void add_mutants(CLI::App& app, int& status);
void add_bench(CLI::App& app, int& status);
void add_opinion(CLI::App& app, int& status);
void add_unwind(CLI::App& app, int& status);
void add_self_test(CLI::App& app, int& status);
void add_triage(CLI::App& app, int& status);
void add_report(CLI::App& app, int& status);
void add_corpus(CLI::App& app, int& status);

/// A program read from a file or standard input.
struct Source {
  std::string name; // as given; "<stdin>" for "-"
  std::string text;
};
/// The bytes of `path`, "-" is standard input.
Result<Source> read_source(const std::string& path);
/// The verified module of a source: AIR, or Ore by its name. Unsupported for the kinds of source that this version does
/// not read. `map` is of AIR only. `all`: every error, where there are several.
Result<Module> load_module(const Source& source, SourceMap* map = nullptr, std::vector<Error>* all = nullptr);

/// Prints "file:line:column: message" with the line and a caret below; the exit status of its kind.
int report(const Error& error, std::string_view text = {});
/// The same for all of them; the status of the first.
int report(const std::vector<Error>& errors, std::string_view text);

/// Prints that a word of the command line of this subcommand is wrong, which has no place in a file; kUsage.
int usage_error(const char* command, const std::string& message);

/// --target, --level, --exec, --os, --subject.
void add_selection(CLI::App& command, fuzz::SubjectFilter& filter);
/// --pass and --without (opt::parse_passes).
void add_passes(CLI::App& command, std::vector<std::string>& passes, std::vector<std::string>& without);
/// The chosen rows; on failure the error is printed and `status` set.
bool choose(const fuzz::SubjectFilter& filter, std::vector<const fuzz::SubjectRow*>& rows, int& status,
            std::vector<fuzz::LeftOut>* left_out = nullptr);
/// --fuel.
void add_fuel(CLI::App& command, u64& fuel);
/// The files under `paths` that are programs, folders walked, in order of their names. Io when one is not there.
Result<std::vector<std::string>> list_programs(const std::vector<std::string>& paths);
/// Findings that lie in the folder itself, in order of their names; none where it cannot be read.
std::vector<std::string> findings_in(const std::string& folder);

inline constexpr u64 kDefaultFuel = 1'000'000;
/// A preceding character by which main.cpp keeps a literal such as -inf from being taken for an option.
inline constexpr char kLiteralMark = '\x01';

} // namespace assay::cli
