// cmd_check.cpp - `assay check FILE...`: every program on every subject against the oracle, and against its check
// lines.
//
// A file's `; run:` lines say what to call and what to expect; without any, exported functions are called with
// inputs made from a fixed seed. A file with an `; error:` line must be refused just so. Folders are walked.
// Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "assay/text.h"
#include "compiler/opt/pipeline.h"
#include "fuzz/check/attribution.h"
#include "fuzz/check/check.h"
#include "fuzz/check/finding.h"
#include "fuzz/check/run_lines.h"
#include "fuzz/cli/check_variants.h"
#include "fuzz/cli/commands.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

struct CheckOptions {
  std::vector<std::string> files;
  fuzz::SubjectFilter filter;
  u64 fuel = kDefaultFuel;
  bool json = false, verbose = false;
  std::vector<std::string> passes, without;
  VariantOptions variants;
};

class FileChecker {
public:
  FileChecker(const CheckOptions& options, fuzz::Checker checker, std::vector<fuzz::LeftOut> left_out)
      : options_(options), checker_(std::move(checker)), left_out_(std::move(left_out)) {}

  void check_file(const std::string& path);
  int finish();

private:
  void check_error_line(const Source& source, const fuzz::ErrorLine& expected);
  u64 fuel_for(const Source& source) const;
  void check_program(const Source& source, const Module& module);
  void check_expectations(const Source& source, const Module& module, const std::vector<fuzz::RunLine>& lines);
  void fail(const std::string& message) {
    ++failures_;
    std::fprintf(stderr, "%s\n", message.c_str());
  }
  void refuse(const Error& error, std::string_view text) {
    const int status = report(error, text);
    worst_ = worst_ == kBadInput ? worst_ : status;
  }

  const CheckOptions& options_;
  fuzz::Checker checker_;
  std::vector<fuzz::LeftOut> left_out_; // subjects that cannot run here
  fuzz::Cases cases_;
  fuzz::Attributor attributor_;
  u64 files_ = 0, runs_ = 0, failures_ = 0, errors_ = 0;
  VariantCounts variants_;
  int worst_ = kClean;
};

void FileChecker::check_file(const std::string& path) {
  ++files_;
  const auto source = read_source(path);
  if (!source) return refuse(source.error(), {});
  bool has_error_line = false;
  const auto error_line = fuzz::parse_error_line(source->text, source->name, has_error_line);
  if (!error_line) return refuse(error_line.error(), source->text);
  if (has_error_line) return check_error_line(*source, *error_line);
  std::vector<Error> errors;
  const auto module = load_module(*source, nullptr, &errors);
  for (const Error& error : errors) refuse(error, source->text);
  if (!module) return;
  check_program(*source, *module);
}

void FileChecker::check_error_line(const Source& source, const fuzz::ErrorLine& expected) {
  ++errors_;
  const std::string where = source.name + ":" + std::to_string(expected.line) + ": ";
  const std::string wanted =
      std::to_string(expected.at_line) + ":" + std::to_string(expected.at_column) + " " + expected.message;
  const auto module = load_module(source);
  if (module) return fail(where + "expected error " + wanted + ", but the program is valid");
  const Error& error = module.error();
  const bool same = error.line == expected.at_line && error.column == expected.at_column &&
                    error.message.find(expected.message) != std::string::npos;
  if (!same)
    fail(where + "expected error " + wanted + ", found " + std::to_string(error.line) + ":" +
         std::to_string(error.column) + " " + error.message);
}

/// A finding says with how much its call fails.
u64 FileChecker::fuel_for(const Source& source) const {
  const auto finding = fuzz::parse_finding(source.text, source.name);
  return finding && finding->fuel != 0 && options_.fuel == kDefaultFuel ? finding->fuel : options_.fuel;
}

void FileChecker::check_program(const Source& source, const Module& module) {
  const auto lines = fuzz::parse_run_lines(source.text, source.name, module);
  if (!lines) return refuse(lines.error(), source.text);
  if (lines->empty()) {
    fuzz::make_cases(module, 0, 4, options_.fuel, cases_);
  } else {
    cases_.clear();
    const u64 fuel = fuel_for(source);
    for (const fuzz::RunLine& line : *lines) cases_.add(line.entry, line.args, fuel);
  }
  runs_ += cases_.size();
  const u64 refused = checker_.counts().refused;
  const bool same = checker_.check(module, cases_);
  check_expectations(source, module, *lines);
  if (checker_.counts().refused != refused && lines->empty())
    std::fprintf(stderr, "%s: note: the oracle refuses %llu calls, which are not compared\n", source.name.c_str(),
                 static_cast<unsigned long long>(checker_.counts().refused - refused));
  if (same)
    return check_variants(source.name, module, cases_, options_.variants, checker_, variants_,
                          [this](const std::string& message) { fail(message); });
  const fuzz::Difference& difference = checker_.difference();
  std::string where = source.name;
  if (difference.case_index != kNone && !lines->empty())
    where += ":" + std::to_string((*lines)[difference.case_index].line);
  std::string message = where + ": " + checker_.subjects()[difference.subject].name + ": " +
                        std::string(fuzz::name_of(difference.kind)) + ": " + difference.what;
  if (difference.case_index != kNone) {
    message += "\n  call      " +
               fuzz::call_to_string(module, cases_.entry(difference.case_index), cases_.args(difference.case_index));
    message += "\n  oracle    " + to_string(module, checker_.expected(difference.case_index));
    message += "\n  subject   " + to_string(module, checker_.actual());
  }
  const fuzz::Attribution attribution = fuzz::attribute(attributor_, module, cases_, checker_);
  if (!attribution.culprit.empty())
    message +=
        "\n  culprit   " + attribution.culprit + (attribution.trials.empty() ? "" : " (" + attribution.trials + ")");
  fail(message);
}

/// The oracle against what the file says; the subjects are compared with the oracle.
void FileChecker::check_expectations(const Source& source, const Module& module,
                                     const std::vector<fuzz::RunLine>& lines) {
  for (u32 i = 0; i < lines.size(); ++i) {
    const Outcome& outcome = checker_.expected(i);
    std::string wrong = fuzz::mismatch(module, lines[i], outcome);
    if (wrong.empty() && outcome.kind == OutcomeKind::Refused) wrong = to_string(module, outcome);
    if (!wrong.empty())
      fail(source.name + ":" + std::to_string(lines[i].line) +
           ": oracle: " + fuzz::call_to_string(module, lines[i].entry, lines[i].args) + ": " + wrong);
    else if (options_.verbose)
      std::printf("%s:%u: %s\n", source.name.c_str(), lines[i].line, to_string(module, outcome).c_str());
  }
}

int FileChecker::finish() {
  const fuzz::CheckCounts& counts = checker_.counts();
  if (options_.json) {
    nlohmann::ordered_json json{{"files", files_},
                                {"runs", runs_},
                                {"error_lines", errors_},
                                {"subjects", nlohmann::ordered_json::array()},
                                {"compared", counts.compared},
                                {"agree", counts.agree},
                                {"unknown", counts.unknown},
                                {"refused", counts.refused},
                                {"failures", failures_},
                                {"skips", nlohmann::ordered_json::array()},
                                {"cannot", nlohmann::ordered_json::array()}};
    if (options_.variants.count != 0) json["variants"] = {{"made", variants_.made}, {"unchanged", variants_.unchanged}};
    for (const auto& entry : checker_.subjects()) json["subjects"].push_back(entry.name);
    for (const fuzz::Skip& skip : checker_.skips())
      json["skips"].push_back(
          {{"subject", checker_.subjects()[skip.subject].name}, {"reason", skip.reason}, {"programs", skip.count}});
    for (const fuzz::LeftOut& left : left_out_)
      json["cannot"].push_back({{"subject", left.row->name}, {"reason", left.reason}});
    std::printf("%s\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    const auto n = [](u64 value) { return static_cast<unsigned long long>(value); };
    std::printf(
        "%llu files, %llu calls, %llu error lines; %zu subjects, %llu comparisons, %llu agree, %llu unknown; %llu failures\n",
        n(files_), n(runs_), n(errors_), checker_.subjects().size(), n(counts.compared), n(counts.agree),
        n(counts.unknown), n(failures_));
    if (options_.variants.count != 0)
      std::printf("%llu variants, %llu times no change fitted\n", n(variants_.made), n(variants_.unchanged));
    for (const fuzz::Skip& skip : checker_.skips())
      std::printf("skipped %llu programs on %s: %s\n", n(skip.count), checker_.subjects()[skip.subject].name.c_str(),
                  skip.reason.c_str());
    for (const fuzz::LeftOut& left : left_out_)
      std::printf("cannot run %s: %s\n", std::string(left.row->name).c_str(), left.reason.c_str());
  }
  if (failures_ != 0) return kDifference;
  if (worst_ != kClean || !fuzz::is_undecided(counts.agree, counts.unknown)) return worst_;
  std::fprintf(stderr, "assay check: %.*s\n", static_cast<int>(fuzz::kUndecided.size()), fuzz::kUndecided.data());
  return kCannot;
}

int check(const CheckOptions& options) {
  int status = kClean;
  std::vector<const fuzz::SubjectRow*> rows;
  std::vector<fuzz::LeftOut> left_out;
  if (!choose(options.filter, rows, status, &left_out)) return status;
  fuzz::SubjectOptions how;
  auto passes = opt::parse_passes(options.passes, options.without);
  if (!passes) return static_cast<void>(report(passes.error())), kUsage;
  how.passes = *passes;
  auto files = list_programs(options.files);
  if (!files) return report(files.error());
  auto checker = fuzz::Checker::make(rows, how);
  if (!checker) return report(checker.error());
  FileChecker file_checker(options, std::move(*checker), std::move(left_out));
  for (const std::string& file : *files) file_checker.check_file(file);
  return file_checker.finish();
}

} // namespace

void add_check(CLI::App& app, int& status) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command =
      app.add_subcommand("check", "run programs on every subject, compare with the oracle and their check lines");
  command->add_option("FILE", options->files, "programs or folders, '-' for standard input")->required();
  command->add_flag("--json", options->json, "as JSON");
  command->add_flag("-v,--verbose", options->verbose, "the oracle's outcome of each call too");
  command->add_option("--variants", options->variants.count,
                      "so many times each program is said otherwise, and must do the same");
  command->add_option("--keep", options->variants.keep, "folder for variants that differ");
  add_fuel(*command, options->fuel);
  add_selection(*command, options->filter);
  add_passes(*command, options->passes, options->without);
  options->filter.emulated = true;
  command->callback([options, &status] { status = check(*options); });
}

} // namespace assay::cli
