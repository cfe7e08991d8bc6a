// decision.cpp - see decision.h. The answer comes from the other process as lines of text. Tested in
// fuzz/bisect/tests/bisect_test.cpp.
#include "fuzz/bisect/decision.h"

#include "compiler/codegen/observer.h"
#include "fuzz/check/settings.h"
#include "fuzz/os/process.h"

namespace assay::fuzz {
namespace {

constexpr u32 kDecisionPatienceMs = 10'000;

class Listener final : public codegen::Observer {
public:
  explicit Listener(codegen::DecisionArea area) : area_(area) {}
  void decided(const codegen::Decisions& decisions) override {
    last = decisions.last(area_);
    first_refused = decisions.first_refused(area_);
  }

  codegen::LastDecision last, first_refused;

private:
  codegen::DecisionArea area_;
};

/// Fields, one a line: of the decision as the last that is taken, or as the first that is not.
std::string describe_one(const Program& program, const Variant& variant, codegen::DecisionArea area, u64 decision,
                         bool is_taken) {
  Listener listener(area);
  const Module& module = program.module;
  CompileOptions options = compile_options(Settings{row_of(variant), variant.passes}, module, program.entry);
  options.passes.decision_limits[static_cast<u32>(area)] = is_taken ? decision : decision - 1;
  options.observer = &listener;
  CodeObject object;
  static_cast<void>(Compiler(options).compile(module, object)); // that it fails may be what is looked at
  const codegen::LastDecision& one = is_taken ? listener.last : listener.first_refused;
  if (one.number == 0) return {};
  const auto line = [](std::string_view text) { return std::string(text) + "\n"; };
  return line(codegen::decision_info(one.decision).name) + line(one.file) + line(std::to_string(one.line)) +
         line(std::to_string(one.in_function)) + line(module.functions[one.function].name);
}

std::string next_line(std::string& text) {
  const std::size_t end = text.find('\n');
  std::string line = text.substr(0, end);
  text.erase(0, end == std::string::npos ? end : end + 1);
  return line;
}

} // namespace

bool describe_decision(const Program& program, const Variant& variant, codegen::DecisionArea area, Bisection& out) {
  std::string text;
  const auto ask = [&](bool is_taken) {
    auto companion = Companion::start(
        [&](std::string_view) { return describe_one(program, variant, area, out.decision, is_taken); });
    if (!companion || !companion->ask("decision")) return false;
    return companion->answer(kDecisionPatienceMs, text) == Companion::Reply::Ready;
  };
  if (!can_fork()) text = describe_one(program, variant, area, out.decision, true);
  else if (!ask(true) && !ask(false)) return false; // a compiler that dies of it lives without it
  if (text.empty()) return false;
  out.area = codegen::name_of(area);
  out.rule = next_line(text);
  out.rule_file = next_line(text);
  out.rule_line = static_cast<u32>(std::stoul(next_line(text)));
  out.decision_in_function = std::stoull(next_line(text));
  out.decision_function = next_line(text);
  return true;
}

} // namespace assay::fuzz
