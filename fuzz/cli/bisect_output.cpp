// bisect_output.cpp - see bisect_output.h. Tested in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/bisect_output.h"

#include "fuzz/cli/commands.h"

#include <cstdio>

namespace assay::cli {
namespace {

constexpr std::size_t kLongestShown = 2000; // characters of a function's text

std::string_view word_of(fuzz::Seen::State seen) {
  switch (seen) {
  case fuzz::Seen::Agrees: return "agrees";
  case fuzz::Seen::Fails: return "fails";
  case fuzz::Seen::Refused: return "refused";
  case fuzz::Seen::Unknown: return "unknown";
  case fuzz::Seen::Unavailable: break;
  }
  return "unavailable";
}

void line(const char* name, const std::string& text) {
  if (!text.empty()) std::printf("  %-10s %s\n", name, text.c_str());
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

} // namespace

Json json_of(const fuzz::Bisection& b) {
  Json json{{"component", b.component}, {"level", fuzz::name_of(b.level)}, {"summary", to_string(b)}};
  if (!b.pass.empty()) {
    json["pass"] = b.pass;
    json["run"] = b.run;
    json["function"] = b.function;
    json["rewrite"] = b.rewrite;
    json["rewrite_in_run"] = b.rewrite_in_run;
    json["optimised_is_right"] = b.optimised_is_right;
  }
  if (b.decision != 0) {
    json["area"] = b.area;
    json["decision_function"] = b.decision_function;
    json["decision"] = b.decision;
    json["decision_in_function"] = b.decision_in_function;
  }
  if (!b.rule.empty()) json["rule"] = b.rule;
  if (b.rule_line != 0) {
    json["rule_file"] = b.rule_file;
    json["rule_line"] = b.rule_line;
  }
  json["cures"] = b.cures;
  json["operations"] = b.operations;
  for (const fuzz::BisectTrial& trial : b.trials)
    json["trials"].push_back({{"name", trial.name}, {"seen", word_of(trial.seen)}});
  if (!b.before.empty()) json["before"] = b.before;
  if (!b.after.empty()) json["after"] = b.after;
  return json;
}

void print_bisection(const fuzz::Bisection& b) {
  line("culprit", to_string(b));
  line("level", b.level == Level::O0 ? "O0: at every level" : "O2: not at O0");
  if (!b.pass.empty()) line("pass", b.pass + ", run " + std::to_string(b.run) + " in @" + b.function);
  if (b.optimised_is_right) line("oracle", "finds the optimised program right");
  if (b.rewrite != 0 && !b.pass.empty())
    line("rewrite", std::to_string(b.rewrite) + " of the module, " + std::to_string(b.rewrite_in_run) + " of this run");
  if (b.decision != 0)
    line("decision", std::to_string(b.decision) + " of " + b.area + " in the module, " +
                         std::to_string(b.decision_in_function) + " in @" + b.decision_function);
  const std::string folder = b.decision != 0 ? "" : "compiler/opt/";
  if (b.rule_line != 0) line("rule", b.rule + ", " + folder + b.rule_file + ":" + std::to_string(b.rule_line));
  else line("rule", b.rule);
  std::vector<std::string> agrees, fails;
  for (const fuzz::BisectTrial& trial : b.trials) {
    if (trial.seen == fuzz::Seen::Agrees) agrees.push_back(trial.name);
    if (trial.seen == fuzz::Seen::Fails) fails.push_back(trial.name);
  }
  line("agrees", join(agrees));
  line("fails", join(fails));
  if (b.operations.size() <= 12) line("of", join(b.operations));
  if (b.before.empty() || b.before.size() + b.after.size() > kLongestShown) return;
  std::printf("\nwithout that rewrite\n%s\nwith it\n%s", b.before.c_str(), b.after.c_str());
}

} // namespace assay::cli
