// cmd_report.cpp - `assay report FILE -o PAGE.html`: one self-contained page about a failing program.
//
// Of a finding its call on its subject, of another program the first call that fails, as `assay reduce` seeks it. Exit
// status 1 when the page was written: the program fails. Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/failing.h"
#include "fuzz/cli/finding_page.h"

#include <cstdio>
#include <filesystem>
#include <memory>

namespace assay::cli {
namespace {

struct ReportOptions {
  FailingOptions failing;
  fuzz::SignOptions sign;
  std::string out, date;
  bool reduce = false;
};

int report_on(ReportOptions& options) {
  std::error_code failure;
  if (std::filesystem::is_directory(options.failing.file, failure))
    return usage_error("report",
                       options.failing.file + " is a folder: 'assay triage --out' makes a page for each group");
  int status = kClean;
  Failing failing;
  if (!find_failing(options.failing, "report", failing, status)) return status;
  fuzz::Finding from = failing.finding.value_or(fuzz::Finding{});
  if (!failing.finding) from.origin = failing.source.name;
  options.sign.reduce = options.reduce;
  options.sign.triage = options.failing.triage;
  fuzz::Signed result;
  result.state = fuzz::Signed::Fails;
  result.failure = std::move(failing.failure);
  fuzz::explain(result, options.sign);
  const fuzz::Finding shown = fuzz::finding_of(result, from);
  fuzz::PageInput page = page_input(result, shown, failing.source.name);
  page.date = options.date;
  const std::string text = page_of(page);
  if (options.out == "-") {
    std::fputs(text.c_str(), stdout);
    return kDifference;
  }
  if (auto written = fuzz::write_file_atomically(options.out, text); !written)
    return static_cast<void>(report(written.error())), static_cast<int>(kCannot);
  std::printf("%s: %s\n  written    %s\n", failing.source.name.c_str(), shown.cause.c_str(), options.out.c_str());
  return kDifference;
}

} // namespace

void add_report(CLI::App& app, int& status) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command = app.add_subcommand("report", "a self-contained page about a failing program");
  add_failing(*command, options->failing);
  command->add_option("-o,--out", options->out, "the page, HTML; '-' for the output")->required();
  command->add_option("--date", options->date, "a day or time to be said in the page; else it has none");
  command->add_flag("--reduce", options->reduce, "make the program small first");
  command->add_option("--budget", options->sign.seconds, "seconds to reduce it")->capture_default_str();
  command->callback([options, &status] { status = report_on(*options); });
}

} // namespace assay::cli
