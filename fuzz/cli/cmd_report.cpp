// cmd_report.cpp - `assay report FILE -o PAGE.html`: a page about a failing program, or a folder of them.
//
// Of a finding its call on its subject, of another program the first call that fails, as `assay reduce` seeks it; of a
// folder what triage makes of its findings. Exit status 1 when the page was written and something fails; that of
// `assay triage` for a folder. Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/campaign_page.h"
#include "fuzz/cli/failing.h"
#include "fuzz/cli/finding_page.h"
#include "fuzz/os/process.h"

#include <cstdio>
#include <filesystem>
#include <memory>

namespace assay::cli {
namespace {

struct ReportOptions {
  FailingOptions failing;
  fuzz::SignOptions sign;
  std::string out, date, known;
  bool reduce = false;
};

/// 0 when the page is where it should be.
int put_page(const std::string& out, const std::string& text) {
  if (out == "-") return std::fputs(text.c_str(), stdout), kClean;
  if (auto written = fuzz::write_file_atomically(out, text); !written) {
    report(written.error());
    return kCannot;
  }
  return kClean;
}

int report_on_folder(ReportOptions& options) {
  int status = kClean;
  if (!plant(options.failing, "report", status)) return status;
  TriageSettings settings;
  settings.known = options.known;
  settings.sign = options.sign;
  Triaged all;
  auto files = list_findings({options.failing.file}, all);
  if (!files) return report(files.error());
  settings.files = std::move(*files);
  fuzz::catch_interrupts();
  if (!run_triage(settings, all, status)) return status;
  for (std::size_t i = 0; options.reduce && i < all.groups.size() && !fuzz::interrupted(); ++i)
    shrink(settings, all, all.groups[i]);
  const std::string page = campaign_page_of(campaign_page_input(all, options.failing.file, options.date));
  if (const int failed = put_page(options.out, page); failed != kClean) return failed;
  if (options.out != "-") std::printf("%s  written    %s\n", to_text(all).c_str(), options.out.c_str());
  return status;
}

int report_on(ReportOptions& options) {
  std::error_code failure;
  if (std::filesystem::is_directory(options.failing.file, failure)) return report_on_folder(options);
  if (!options.known.empty()) return usage_error("report", "--known is for folders of findings");
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
  if (const int failed = put_page(options.out, page_of(page)); failed != kClean) return failed;
  if (options.out != "-")
    std::printf("%s: %s\n  written    %s\n", failing.source.name.c_str(), shown.cause.c_str(), options.out.c_str());
  return kDifference;
}

} // namespace

void add_report(CLI::App& app, int& status) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command =
      app.add_subcommand("report", "a self-contained page about a failing program, or a folder of findings");
  add_failing(*command, options->failing);
  command->add_option("-o,--out", options->out, "the page, HTML; '-' for the output")->required();
  command->add_option("--date", options->date, "a day or time to be said in the page; else it has none");
  command->add_option("--known", options->known, "of a folder: list of known findings, as 'assay triage' has it");
  command->add_flag("--reduce", options->reduce, "make the program small first");
  command->add_option("--budget", options->sign.seconds, "seconds to reduce it")->capture_default_str();
  command->callback([options, &status] { status = report_on(*options); });
}

} // namespace assay::cli
