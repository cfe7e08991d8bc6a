// machine_state.cpp - see machine_state.h. Tested in fuzz/triage/tests/machine_state_test.cpp.
#include "fuzz/triage/machine_state.h"

#include "compiler/codegen/backend.h"
#include "compiler/debug/disassemble.h"
#include "fuzz/check/settings.h"
#include "qemu/unicorn/unicorn_stepper.h"

#include <algorithm>
#include <fmt/format.h>

namespace assay::fuzz {
namespace {

using qemu::protocol::RegisterWord;
using qemu::protocol::TraceReport;

constexpr u32 kShown = 48; // instructions

/// Whether the first `count` events are the same in both; the rest of the runs is left out.
bool agree_so_far(const Module& module, const Outcome& a, const Outcome& b, std::size_t count) {
  const auto cut = [&](const Outcome& whole) {
    Outcome out;
    out.trace.assign(whole.trace.begin(), whole.trace.begin() + static_cast<std::ptrdiff_t>(count));
    out.trace_args = whole.trace_args;
    out.frames = whole.frames;
    return out;
  };
  return compare(module, cut(a), cut(b)) == Agreement::Agree;
}

Variant emulated(const Variant& variant) {
  Variant out = variant;
  out.exec = Exec::Unicorn;
  return out;
}

std::string register_name(Target target, u32 reg) {
  return reg == qemu::protocol::kFlagsRegister
             ? "flags"
             : std::string(codegen::lir_names(target).reg_name(static_cast<codegen::PReg>(reg)));
}

/// "rax=0x1 xmm0=0x3ff0000000000000:0x0": halves of a vector register from the low one on.
std::string say_registers(Target target, std::span<const RegisterWord> words, std::size_t width) {
  std::string out, line;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string one = register_name(target, words[i].reg) + (words[i].half == 1 ? ".high" : "") + "=" +
                      fmt::format("0x{:x}", words[i].value);
    if (words[i].half == 0 && i + 1 < words.size() && words[i + 1].reg == words[i].reg && words[i + 1].half == 1)
      one += fmt::format(":0x{:x}", words[++i].value);
    if (width != 0 && !line.empty() && line.size() + one.size() + 1 > width) out += line + "\n", line.clear();
    line += (line.empty() ? "" : " ") + one;
  }
  return out + line;
}

/// The text of each instruction by its offset.
Result<std::vector<std::string>> instruction_texts(const CodeObject& object) {
  std::vector<std::string> out(object.code.size());
  std::vector<debug::Line> lines;
  for (const FunctionCode& code : object.functions) {
    const std::span<const u8> bytes{object.code.data() + code.begin, code.end - code.begin};
    if (auto done = debug::disassemble(object.target, bytes, code.begin, lines); !done) return done.error();
    for (const debug::Line& line : lines) out[code.begin + line.offset] = line.text;
  }
  return out;
}

std::string say_stop(const TraceReport& report, const PartingPoint& at) {
  const std::string before = fmt::format("after {} instructions", report.executed);
  switch (report.stop) {
  case TraceReport::AtEvent: return fmt::format("at host call, throw or rethrow {} of the run, {}", at.event, before);
  case TraceReport::AtChange:
    return fmt::format("where memory byte {} was changed last, instruction {}", at.byte,
                       report.instructions.empty() ? 0 : report.instructions.back().number);
  case TraceReport::Cut: return "cut, " + before;
  case TraceReport::AtEnd: break;
  }
  return "at the run's end, " + before;
}

std::string say(const TraceReport& report, const PartingPoint& at, const CodeObject& object,
                const std::vector<std::string>& texts) {
  std::string out = say_stop(report, at) + "\n\n";
  for (const qemu::protocol::TracedInstruction& one : report.instructions) {
    const std::string text = one.offset < texts.size() ? texts[one.offset] : std::string();
    const std::string changed = say_registers(object.target, one.changed, 0);
    out += fmt::format("{:6x}  {:<40}{}{}\n", one.offset, text, changed.empty() ? "" : "  ", changed);
  }
  return out + "\n" + say_registers(object.target, report.registers, 100) + "\n";
}

MachineState state_at(const Program& program, const Variant& variant, const PartingPoint& at) {
  const SubjectRow row = row_of(variant);
  CodeObject object;
  const CompileOptions options = compile_options(Settings{row, variant.passes}, program.module, program.entry);
  if (auto done = Compiler(options).compile(program.module, object); !done) return {"", done.error().message};
  qemu::UnicornStepper stepper;
  if (auto loaded = stepper.load(program.module, object); !loaded) return {"", loaded.error().message};
  const auto texts = instruction_texts(object);
  if (!texts) return {"", texts.error().message};
  TraceReport report;
  qemu::protocol::TraceLimits limits;
  limits.keep = kShown;
  limits.events = at.event;
  limits.watch = at.byte;
  if (auto done = stepper.trace(program.entry, program.args, program.fuel, limits, report); !done)
    return {"", done.error().message};
  return {say(report, at, object, *texts), ""};
}

} // namespace

PartingPoint parting_point(const Module& module, const Outcome& expected, const Outcome& actual) {
  PartingPoint out;
  const std::size_t both = std::min(expected.trace.size(), actual.trace.size());
  std::size_t same = 0, end = both + 1; // `same` events agree, `end` do not, or there are not so many
  while (end - same > 1) {
    const std::size_t middle = same + (end - same) / 2;
    (agree_so_far(module, expected, actual, middle) ? same : end) = middle;
  }
  if (same < std::max(expected.trace.size(), actual.trace.size())) {
    out.event = static_cast<u32>(same);
    return out;
  }
  const std::size_t bytes = std::min(expected.memory.size(), actual.memory.size());
  for (std::size_t i = 0; i < bytes && out.byte == ~u64{0}; ++i)
    if (expected.memory[i] != actual.memory[i]) out.byte = i;
  return out;
}

std::vector<MachineState> machine_states(const Program& program, const Variant& failing, const Variant* witness) {
  const Variant shown = emulated(failing);
  const SubjectRow row = row_of(shown);
  if (const std::string reason = unavailable_reason(row); !reason.empty()) return {{"", reason}};
  const SubjectRow* rows[] = {&row};
  SubjectOptions options;
  options.passes = failing.passes;
  auto checker = Checker::make(rows, options);
  if (!checker) return {{"", checker.error().message}};
  Cases cases;
  cases.add(program.entry, program.args, program.fuel);
  if (checker->check_one(program.module, cases, 0, 0)) return {{"", "in the emulator it does not fail"}};
  if (checker->difference().case_index == kNone) return {{"", checker->difference().what}};
  const PartingPoint at = parting_point(program.module, checker->expected(0), checker->actual());
  std::vector<MachineState> out = {state_at(program, shown, at)};
  // The witness may be another target, which has no state to be held against this one.
  if (witness != nullptr && witness->target == failing.target && !is_peer(witness->exec))
    out.push_back(state_at(program, emulated(*witness), at));
  return out;
}

} // namespace assay::fuzz
