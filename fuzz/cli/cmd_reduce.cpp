// cmd_reduce.cpp - `assay reduce FILE`: a smaller program with the same failure.
//
// The result is a finding file with its check line. It is written whenever there is a smaller program and a second has
// passed, under a temporary name and renamed, so that an interruption loses little; --resume goes on from there. Exit
// status 1 when the program fails (and was reduced), 0 when it does not. Tested end to end in
// fuzz/cli/tests/cli_test.cmake.
#include "fuzz/check/run_lines.h"
#include "fuzz/cli/bisect_output.h"
#include "fuzz/cli/failing.h"
#include "fuzz/cli/unwind_reduction.h"
#include "fuzz/os/process.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

namespace assay::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct ReduceOptions {
  FailingOptions failing;
  fuzz::ReduceOptions reduce;
  std::string out;
  bool json = false, resume = false, unwind = false;
};

std::string default_out(const std::string& file) {
  if (file == "-") return "-";
  std::filesystem::path path(file);
  path.replace_extension(".reduced.air");
  return path.string();
}

/// Where `out` is a finding that still fails in the same way, it takes the program's place.
void take_up(ReduceOptions& options, Failing& failing) {
  std::error_code failure;
  if (options.out == "-" || !std::filesystem::exists(options.out, failure)) return;
  FailingOptions again = options.failing;
  again.file = options.out;
  Failing found;
  int status = kClean;
  if (!find_failing(again, "reduce", found, status) || !found.failure.seen.same(failing.failure.seen)) {
    std::fprintf(stderr, "assay reduce: %s does not fail in the same way: begun again\n", options.out.c_str());
    return;
  }
  failing.failure = std::move(found.failure);
}

Result<void> write(const fuzz::Finding& finding, const std::string& out) {
  const std::string text = to_text(finding, out == "-" ? "FILE" : out);
  if (out != "-") return fuzz::write_file_atomically(out, text);
  std::fputs(text.c_str(), stdout);
  return {};
}

std::string sizes_before_and_after(const fuzz::ReduceResult& reduction) {
  return "from " + std::to_string(reduction.instructions_before) + " to " + std::to_string(reduction.instructions) +
         " instructions";
}

fuzz::Finding finding_of(const Failing& failing, const fuzz::Failure& failure, const fuzz::Bisection* bisection,
                         const std::string& reduced) {
  const fuzz::Finding* from = failing.finding ? &*failing.finding : nullptr;
  fuzz::Finding out = fuzz::finding_of(failure, from, bisection);
  if (from == nullptr) out.origin = failing.source.name;
  out.reduced = reduced;
  return out;
}

void tell(const ReduceOptions& options, const Failing& failing, const fuzz::Reduced& reduced) {
  const fuzz::ReduceResult& r = reduced.reduction;
  // With the program on the output, what there is to say goes to the error stream.
  std::FILE* const to = options.out == "-" ? stderr : stdout;
  if (options.json) {
    Json json{{"file", failing.source.name},
              {"kind", fuzz::name_of(reduced.failure.seen.kind)},
              {"subject", reduced.failure.variant.subject},
              {"difference", reduced.failure.seen.what},
              {"instructions_before", r.instructions_before},
              {"instructions", r.instructions},
              {"programs", r.tried},
              {"calls", reduced.asked},
              {"deaths", reduced.deaths},
              {"seconds", r.seconds},
              {"done", r.done},
              {"reproduced", reduced.failure.reproduced},
              {"before", json_of(reduced.before)},
              {"bisection", json_of(reduced.after)},
              {"out", options.out}};
    std::fprintf(to, "%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  std::fprintf(to, "%s: %s\n", failing.source.name.c_str(), describe(failing.failure).c_str());
  std::fprintf(to, "  reduced    %s, %llu programs tried in %.2f s%s\n", sizes_before_and_after(r).c_str(),
               static_cast<unsigned long long>(r.tried), r.seconds,
               r.done ? "" : "; stopped before its end: --resume goes on");
  std::fprintf(to, "  now        %s\n", describe(reduced.failure).c_str());
  if (reduced.after.seen.fails()) std::fprintf(to, "  culprit    %s\n", to_string(reduced.after).c_str());
  if (options.out != "-") std::fprintf(to, "  written    %s\n", options.out.c_str());
}

void tell(const ReduceOptions& options, const UnwindReduction& r) {
  std::FILE* const to = options.out == "-" ? stderr : stdout;
  const auto place = [](const UnwindFinding& f) {
    return std::string(f.row) + " " + f.format + " " + f.where + ": " + f.what;
  };
  if (options.json) {
    const Json json{{"file", options.failing.file},
                    {"wrong", place(r.before)},
                    {"now", place(r.after)},
                    {"instructions_before", r.reduction.instructions_before},
                    {"instructions", r.reduction.instructions},
                    {"programs", r.reduction.tried},
                    {"seconds", r.reduction.seconds},
                    {"done", r.reduction.done},
                    {"all", r.wrong},
                    {"culprit", r.culprit.words},
                    {"out", options.out}};
    std::fprintf(to, "%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  std::fprintf(to, "%s: %s\n  reduced    %s, %llu programs tried in %.2f s%s\n  now        %s\n",
               options.failing.file.c_str(), place(r.before).c_str(), sizes_before_and_after(r.reduction).c_str(),
               static_cast<unsigned long long>(r.reduction.tried), r.reduction.seconds,
               r.reduction.done ? "" : "; stopped before its end", place(r.after).c_str());
  std::fprintf(to, "  culprit    %s\n", r.culprit.words.c_str());
  for (const std::string& wrong : r.wrong) std::fprintf(to, "  wrong      %s\n", wrong.c_str());
  if (options.out != "-") std::fprintf(to, "  written    %s\n", options.out.c_str());
}

/// --unwind: the tables of a program, not what it does.
int reduce_tables(ReduceOptions& options) {
  const FailingOptions& failing = options.failing;
  int status = kClean;
  if (!plant(failing, "reduce", status)) return status;
  auto rows = select_unwind_rows(failing.filter);
  if (!rows) return report(rows.error());
  const auto source = read_source(failing.file);
  if (!source) return report(source.error());
  const auto module = load_module(*source);
  if (!module) return report(module.error(), source->text);
  const auto lines = fuzz::parse_run_lines(source->text, source->name, *module);
  if (!lines) return report(lines.error(), source->text);
  fuzz::Cases cases;
  for (const fuzz::RunLine& line : *lines) cases.add(line.entry, line.args, failing.fuel);
  if (lines->empty()) fuzz::make_cases(*module, 1, 2, failing.fuel, cases);
  fuzz::catch_interrupts();
  const auto reduced = reduce_unwinding(*module, cases, *rows, options.reduce);
  if (!reduced) return report(reduced.error());
  if (!reduced->fails) {
    std::fprintf(stderr, "assay reduce: the unwind tables of %s are right on every platform tried (%zu)\n",
                 source->name.c_str(), rows->size());
    return kClean;
  }
  const std::string text = to_text(*reduced, options.out == "-" ? "FILE" : options.out);
  if (options.out == "-") {
    std::fputs(text.c_str(), stdout);
  } else if (auto done = fuzz::write_file_atomically(options.out, text); !done) {
    report(done.error());
    return kCannot;
  }
  tell(options, *reduced);
  return kDifference;
}

int reduce(ReduceOptions& options) {
  int status = kClean;
  if (options.unwind) {
    if (options.out.empty()) options.out = default_out(options.failing.file);
    return reduce_tables(options);
  }
  Failing failing;
  if (!find_failing(options.failing, "reduce", failing, status)) return status;
  if (options.out.empty()) options.out = default_out(options.failing.file);
  if (options.resume) take_up(options, failing);
  fuzz::catch_interrupts();
  Clock::time_point written = Clock::now();
  fuzz::Failure now = failing.failure;
  options.reduce.on_smaller = [&](const fuzz::Program& program) {
    if (options.out == "-" || Clock::now() - written < std::chrono::seconds(1)) return;
    written = Clock::now();
    now.program = program;
    now.seen.run_line.clear(); // the outcomes are not known before the end
    // A failure to write is told in the end.
    static_cast<void>(write(finding_of(failing, now, nullptr, "not to the end yet"), options.out));
  };
  const fuzz::Reduced reduced = fuzz::reduce_failure(failing.failure, options.failing.triage, options.reduce);
  const fuzz::Finding finding =
      finding_of(failing, reduced.failure, &reduced.after, sizes_before_and_after(reduced.reduction));
  if (auto done = write(finding, options.out); !done) {
    report(done.error());
    return kCannot;
  }
  tell(options, failing, reduced);
  return kDifference;
}

} // namespace

void add_reduce(CLI::App& app, int& status) {
  auto options = std::make_shared<ReduceOptions>();
  CLI::App* command = app.add_subcommand("reduce", "a smaller program with the same failure");
  add_failing(*command, options->failing);
  command->add_option("--out", options->out, "where to; FILE with .reduced.air when not given, '-' for the output");
  command->add_option("--budget", options->reduce.seconds, "seconds; 0: no limit")->capture_default_str();
  command->add_option("--programs", options->reduce.programs, "programs to try at most; 0: no limit");
  command->add_flag("--resume", options->resume, "go on with what an earlier call has left in --out");
  command->add_flag("--unwind", options->unwind,
                    "what is wrong is an unwind table; --target, --os, --subject as for unwind");
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options, &status] { status = reduce(*options); });
}

} // namespace assay::cli
