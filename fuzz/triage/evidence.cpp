// evidence.cpp - see evidence.h. What the other process found comes as one text, its parts between zero bytes.
// Tested in fuzz/triage/tests/page_test.cpp.
#include "fuzz/triage/evidence.h"

#include "compiler/debug/disassemble.h"
#include "fuzz/check/check.h"
#include "fuzz/check/settings.h"
#include "fuzz/os/process.h"

#include <cstdio>
#include <functional>

namespace assay::fuzz {
namespace {

constexpr u32 kPatienceMs = 15'000;

/// Where the instruction that ends at `end` is mapped to, if it is.
std::string place_of(const CodeObject& object, const Module& module, u32 begin, u32 end) {
  std::string out;
  if (const PcPosition* at = object.position_at(end); at != nullptr) {
    out = to_string(module, at->position);
    for (u32 call = at->inlined_at; call != kNone; call = object.inlined_calls[call].inlined_at)
      out += ", in " + to_string(module, object.inlined_calls[call].position);
  }
  if (const FaultSite* fault = object.fault_at(begin); fault != nullptr)
    out += (out.empty() ? "" : "; ") + std::string("may trap ") + std::string(assay::name_of(fault->trap)) + " at " +
           to_string(module, fault->position);
  return out;
}

/// Empty assembly: the reason behind a zero byte.
std::string assembly_of(const Program& program, const Variant& variant) {
  const CompileOptions options =
      compile_options(Settings{row_of(variant), variant.passes}, program.module, program.entry);
  CodeObject object;
  if (auto compiled = Compiler(options).compile(program.module, object); !compiled)
    return '\0' + compiled.error().message;
  std::string out;
  std::vector<debug::Line> lines;
  for (const FunctionCode& code : object.functions) {
    if (code.is_thunk) continue;
    out += "@" + object.names[code.function] + "\n";
    const std::span<const u8> bytes{object.code.data() + code.begin, code.end - code.begin};
    if (auto done = debug::disassemble(object.target, bytes, code.begin, lines); !done)
      return '\0' + done.error().message;
    for (const debug::Line& line : lines) {
      char offset[16];
      std::snprintf(offset, sizeof offset, "%6x  ", code.begin + line.offset);
      const u32 begin = code.begin + line.offset;
      const std::string place = place_of(object, program.module, begin, begin + line.length);
      std::string text = offset + line.text;
      if (!place.empty()) text.resize(std::max<std::size_t>(text.size() + 2, 48), ' ');
      out += text + (place.empty() ? "" : "; " + place) + "\n";
    }
  }
  return out + '\0';
}

/// The oracle's run, a zero byte, the subject's; or a reason behind two.
std::string runs_of(const Program& program, const Variant& variant) {
  SubjectRow row = row_of(variant);
  const SubjectRow* rows[] = {&row};
  SubjectOptions options;
  options.passes = variant.passes;
  auto checker = Checker::make(rows, options);
  if (!checker) return std::string(2, '\0') + checker.error().message;
  Cases cases;
  cases.add(program.entry, program.args, program.fuel);
  const bool same = checker->check_one(program.module, cases, 0, 0);
  const auto text = [&](const Outcome& outcome) {
    return to_string(program.module, outcome) + "\n" + trace_to_string(program.module, outcome);
  };
  if (!same && checker->difference().case_index == kNone) return std::string(2, '\0') + checker->difference().what;
  return text(checker->expected(0)) + '\0' + text(checker->actual()) + '\0';
}

/// The answer of a process of its own; how it ended, in `why_not`, when there is none.
std::string ask_elsewhere(const std::function<std::string()>& question, std::string& why_not) {
  if (!can_fork()) return question();
  auto companion = Companion::start([&](std::string_view) { return question(); });
  std::string out;
  if (!companion) why_not = companion.error().message;
  else if (!companion->ask("?")) why_not = "the process ended: " + companion->end();
  else if (const auto reply = companion->answer(kPatienceMs, out); reply != Companion::Reply::Ready)
    why_not = reply == Companion::Reply::Late ? "no end within the time" : "the process ended: " + companion->end();
  return why_not.empty() ? out : std::string();
}

std::string take_part(std::string& text) {
  const std::size_t end = std::min(text.find('\0'), text.size());
  std::string out = text.substr(0, end);
  text.erase(0, std::min(end + 1, text.size()));
  return out;
}

/// What each state is, its text and why there is none, each before a zero byte.
std::string states_of(const Program& program, const Variant& variant, const Variant* witness) {
  std::string out;
  for (const MachineState& state : machine_states(program, variant, witness))
    out += state.text + '\0' + state.why_not + '\0';
  return out;
}

Listing list(std::string title, const Program& program, const Variant& variant) {
  Listing out;
  out.title = std::move(title);
  std::string text = ask_elsewhere([&] { return assembly_of(program, variant); }, out.why_not);
  out.assembly = take_part(text);
  if (out.why_not.empty() && out.assembly.empty()) out.why_not = text;
  return out;
}

std::string say(const Variant& variant) {
  return std::string(assay::name_of(variant.target)) + " at " + std::string(name_of(variant.level)) + ", " +
         std::string(assay::name_of(variant.os)) + " convention";
}

/// The witness as titles name it.
std::string say_witness(const Bisection& bisection) {
  std::string how = "otherwise";
  for (const BisectTrial& trial : bisection.trials)
    if (trial.seen == Seen::Agrees && trial.name == "without " + bisection.component) how = trial.name;
  return say(bisection.witness) + ", " + how + ": agrees";
}

void add_states(const Program& program, const Variant& variant, const Bisection& bisection, Evidence& out) {
  const Variant* witness = bisection.has_witness ? &bisection.witness : nullptr;
  std::string why_not;
  std::string text = ask_elsewhere([&] { return states_of(program, variant, witness); }, why_not);
  if (text.empty()) out.states.push_back({say(variant) + ": fails", {"", why_not}});
  while (!text.empty()) {
    const std::string title = out.states.empty() ? say(variant) + ": fails" : say_witness(bisection);
    std::string state = take_part(text);
    out.states.push_back({title, {std::move(state), take_part(text)}});
  }
}

} // namespace

Evidence gather(const Program& program, const Variant& variant, const Bisection& bisection) {
  Evidence out;
  if (!is_peer(variant.exec)) {
    out.listings.push_back(list(say(variant) + ": fails", program, variant));
    if (bisection.has_witness) out.listings.push_back(list(say_witness(bisection), program, bisection.witness));
  } else {
    out.listings.push_back({std::string(name_of(variant.exec)), "", "the code of another compiler is its own matter"});
  }
  if (program.entry == kNone) {
    out.why_not = "it fails before any call";
    return out;
  }
  std::string text = ask_elsewhere([&] { return runs_of(program, variant); }, out.why_not);
  out.oracle = take_part(text);
  out.subject = take_part(text);
  if (out.why_not.empty() && out.oracle.empty()) out.why_not = text;
  if (!is_peer(variant.exec)) add_states(program, variant, bisection, out);
  return out;
}

} // namespace assay::fuzz
