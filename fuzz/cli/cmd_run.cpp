// cmd_run.cpp - `assay run FILE [FUNC [ARG...]]`: one function on one subject (or several), its Outcome.
//
// Without a choice the subject is the compiler on this host at its first level. An engine at fault (crash, hang,
// breach) or several subjects that do not agree give exit status 1.
// Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "assay/ore.h"
#include "compiler/opt/pipeline.h"
#include "fuzz/cli/commands.h"
#include "fuzz/cli/outcome_output.h"
#include "fuzz/cli/picture.h"
#include "qemu/test_host.h"

#include <cstdio>
#include <memory>

namespace assay::cli {
namespace {

struct RunOptions {
  std::string file;
  std::string function = "main";
  std::vector<std::string> args;
  fuzz::SubjectFilter filter;
  u64 fuel = kDefaultFuel;
  std::string expression, picture;
  bool trace = false, memory = false, json = false;
  std::vector<std::string> debug_info; // words of --debug-info
  std::string debug_directory = "/tmp";
  std::vector<std::string> passes, without;
};

bool parse_args(const Module& module, FunctionId function, const std::vector<std::string>& words, std::vector<u64>& out,
                int& status) {
  const std::span<const Type> types = module.params_of(module.functions[function]);
  if (types.size() != words.size()) {
    status = usage_error("run", "@" + module.functions[function].name + " takes " + std::to_string(types.size()) +
                                    " arguments, found " + std::to_string(words.size()));
    return false;
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    std::string word = words[i];
    if (!word.empty() && word[0] == kLiteralMark) word.erase(0, 1);
    const Result<u64> bits = parse_literal(word, types[i]);
    if (!bits) {
      status = usage_error("run", "argument " + std::to_string(i + 1) + ": " + bits.error().message);
      return false;
    }
    out.push_back(*bits);
  }
  return true;
}

/// The rows to run: what was chosen, or the first that this host can run.
bool choose_rows(const RunOptions& options, std::vector<const fuzz::SubjectRow*>& rows, int& status) {
  if (!choose(options.filter, rows, status)) return false;
  const fuzz::SubjectFilter& f = options.filter;
  if (f.names.empty() && f.targets.empty() && f.levels.empty() && f.execs.empty() && f.oses.empty()) rows.resize(1);
  return true;
}

bool at_fault(const Outcome& outcome) {
  return outcome.kind == OutcomeKind::Crashed || outcome.kind == OutcomeKind::Hung ||
         outcome.kind == OutcomeKind::Breached;
}

void print(const Module& module, const Outcome& outcome, const RunOptions& options, std::string_view prefix) {
  std::string out(prefix);
  out += to_string(module, outcome) + "\n";
  if (options.trace) out += trace_to_string(module, outcome);
  if (options.memory) out += memory_to_string(module, outcome);
  std::fputs(out.c_str(), stdout);
}

/// What --debug-info asks for.
ToolOptions tools_of(const RunOptions& options) {
  ToolOptions tools;
  for (const std::string& word : options.debug_info) {
    tools.debugger |= word == "gdb";
    tools.perf_map |= word == "perf-map";
    tools.perf_dump |= word == "perf-dump";
  }
  tools.directory = options.debug_directory;
  return tools;
}

int run_on(const std::vector<const fuzz::SubjectRow*>& rows, const Module& module, FunctionId function,
           const std::vector<u64>& args, const RunOptions& options, const PassOptions& passes,
           const DebugSource& source) {
  qemu::TestHost host;
  std::vector<Outcome> outcomes(rows.size());
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  int status = kClean;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    fuzz::SubjectOptions how;
    how.tools = tools_of(options);
    how.source = &source;
    how.passes = passes;
    if (how.tools.any() && rows[i]->exec != fuzz::Exec::Native)
      return usage_error("run", "--debug-info is about code that runs natively, and " + std::string(rows[i]->name) +
                                    " does not");
    auto subject = fuzz::make_subject(*rows[i], how);
    if (!subject) return report(subject.error());
    if (auto ready = (*subject)->prepare(module); !ready) return report(ready.error());
    (*subject)->run(function, args, options.fuel, host, outcomes[i]);
    if (!options.picture.empty() && i == 0) {
      if (auto done = write_picture(options.picture, module, **subject, outcomes[i]); !done)
        return report(done.error());
    }
    if (at_fault(outcomes[i]) || compare(module, outcomes[0], outcomes[i]) == Agreement::Differ) status = kDifference;
    if (options.json) {
      json.push_back({{"subject", rows[i]->name}});
      json.back().update(outcome_to_json(module, outcomes[i]));
    } else {
      print(module, outcomes[i], options, rows.size() == 1 ? std::string() : std::string(rows[i]->name) + ": ");
    }
  }
  if (options.json)
    std::printf(
        "%s\n",
        (rows.size() == 1 ? json[0] : json).dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return status;
}

/// The program of the file, or of the expression. `map` stays empty where the source is not AIR.
Result<Module> load(const RunOptions& options, Source& source, SourceMap& map, std::vector<Error>& errors) {
  if (options.expression.empty()) {
    auto read = read_source(options.file);
    if (!read) {
      errors = {read.error()};
      return read.error();
    }
    source = std::move(*read);
    return load_module(source, &map, &errors);
  }
  source = {"<expression>", options.expression};
  OreResult compiled = compile_ore_expression(source.text, source.name);
  if (compiled.ok()) return std::move(compiled.module);
  errors = std::move(compiled.errors);
  return errors.front();
}

int run(const RunOptions& options) {
  int status = kClean;
  std::vector<const fuzz::SubjectRow*> rows;
  if (options.file.empty() == options.expression.empty())
    return usage_error("run", "expected a FILE, or -e with an expression");
  const auto passes = opt::parse_passes(options.passes, options.without);
  if (!passes) return usage_error("run", passes.error().message);
  if (!choose_rows(options, rows, status)) return status;
  Source source;
  std::vector<Error> errors;
  SourceMap map;
  const auto module = load(options, source, map, errors);
  if (!module) return report(errors, source.text);
  const std::string name = options.function.starts_with('@') ? options.function.substr(1) : options.function;
  const FunctionId function = module->find_function(name);
  if (function == kNone) return usage_error("run", source.name + " has no function @" + name);
  std::vector<u64> args;
  if (!parse_args(*module, function, options.args, args, status)) return status;
  return run_on(rows, *module, function, args, options, *passes, {source.name, &*module, &map});
}

} // namespace

void add_run(CLI::App& app, int& status) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "run one function, print its Outcome");
  command->add_option("FILE", options->file, "program, '-' for standard input");
  command->add_option("-e,--expression", options->expression, "an expression of Ore, in place of a program");
  command->add_option("--pgm", options->picture,
                      "write the picture that the program left in its memory: exported image() -> []u8, "
                      "image_width() -> i32, image_height() -> i32");
  command->add_option("FUNC", options->function, "function")->capture_default_str();
  command->add_option("ARG", options->args, "its arguments: literals of the parameters' types");
  command->add_flag("--trace", options->trace, "host calls and their call stacks too");
  command->add_flag("--memory", options->memory, "digest of linear memory and what changed in it too");
  command->add_flag("--json", options->json, "as JSON");
  command
      ->add_option("--debug-info", options->debug_info,
                   "tell debuggers and profilers about the code: gdb (lldb too), perf-map, perf-dump")
      ->delimiter(',')
      ->check(CLI::IsMember({"gdb", "perf-map", "perf-dump"}));
  command->add_option("--debug-dir", options->debug_directory, "folder of perf's files")->capture_default_str();
  add_fuel(*command, options->fuel);
  add_passes(*command, options->passes, options->without);
  add_selection(*command, options->filter);
  command->callback([options, &status] { status = run(*options); });
}

} // namespace assay::cli
