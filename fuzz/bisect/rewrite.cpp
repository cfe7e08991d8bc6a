// rewrite.cpp - see rewrite.h. The answer comes from the other process as lines of text, the two forms of the function
// behind it. What became of a constant operation is judged by the oracle as a function of its own. Tested in
// fuzz/bisect/tests/bisect_test.cpp.
#include "fuzz/bisect/rewrite.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "compiler/codegen/wanted_functions.h"
#include "compiler/opt/pipeline.h"
#include "fuzz/check/settings.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/test_host.h"

namespace assay::fuzz {
namespace {

constexpr u32 kPatienceMs = 10'000;

/// Which accesses are marked as inside the memory: the text of a function does not say.
void append_marks(const Function& function, const std::vector<u8>& inside, std::string& text) {
  for (u32 block = 0; block < function.blocks.size(); ++block) {
    const Block& of = function.blocks[block];
    for (u32 i = 0; i < of.inst_count; ++i)
      if (inside[of.first_inst + i] != 0)
        text += "; not checked: ^b" + std::to_string(block) + ", instruction " + std::to_string(i) + "\n";
  }
}

/// The passes over all functions that are compiled, as compiler/codegen/compiler.cpp does it; of function `shown` the
/// text.
std::string run_passes(const Program& program, PassOptions passes, u64 limit, FunctionId shown,
                       opt::LastRewrite& last) {
  const Module& module = program.module;
  passes.rewrite_limit = limit;
  opt::Pipeline pipeline;
  opt::Optimised optimised;
  std::string text;
  codegen::WantedFunctions wanted;
  pipeline.begin(module, passes);
  wanted.begin(module, entries_for(module, program.entry));
  for (FunctionId id = wanted.next(); id != kNone; id = wanted.next()) {
    if (module.functions[id].imported) continue;
    if (Result<void> done = pipeline.run(id, optimised); !done) break; // what was done until then is told
    wanted.refer(optimised.body);
    if (id != shown) continue;
    Module copy = module;
    optimised.body.name = module.functions[id].name;
    optimised.body.exported = module.functions[id].exported;
    copy.functions[id] = optimised.body;
    print_function(copy, id, text);
    append_marks(optimised.body, optimised.inside, text);
  }
  last = pipeline.last_rewrite();
  return text;
}

/// Without what says where in the program something happened.
void drop_positions(Outcome& outcome) {
  outcome.position = {};
  outcome.frames.clear();
  for (TraceEvent& event : outcome.trace) event.frames = event.frame_count = 0;
}

/// Whether it left the memory at an access that is marked as inside: compiled code would not have trapped.
bool left_unchecked(const Module& optimised, const std::vector<std::vector<u8>>& inside, const Outcome& outcome) {
  if (outcome.kind != OutcomeKind::Trapped || outcome.trap != TrapKind::OutOfBounds) return false;
  const Position& at = outcome.position;
  return inside[at.function][optimised.functions[at.function].blocks[at.block].first_inst + at.inst] != 0;
}

/// The program as the passes make it; false when they, or the verifier, refuse.
bool optimise(const Program& program, const PassOptions& passes, Module& out, std::vector<std::vector<u8>>& inside) {
  const Module& module = program.module;
  out = module;
  inside.assign(module.functions.size(), {});
  opt::Pipeline pipeline;
  opt::Optimised body;
  codegen::WantedFunctions wanted;
  pipeline.begin(module, passes);
  wanted.begin(module, entries_for(module, program.entry));
  for (FunctionId id = wanted.next(); id != kNone; id = wanted.next()) {
    Function& function = out.functions[id];
    if (function.imported) continue;
    if (!pipeline.run(id, body)) return false;
    wanted.refer(body.body);
    body.body.name = function.name;
    body.body.exported = function.exported;
    function = body.body;
    inside[id] = body.inside;
  }
  return verify(out).ok();
}

Outcome run_on_oracle(const Module& module, FunctionId entry, std::span<const u64> args, u64 fuel) {
  oracle::Interpreter oracle;
  qemu::TestHost host;
  Outcome out;
  oracle.prepare(module);
  oracle.run(entry, args, fuel, host, out);
  return out;
}

bool agrees_on_oracle(const Program& program, const PassOptions& passes) {
  Module optimised;
  std::vector<std::vector<u8>> inside;
  if (!optimise(program, passes, optimised, inside)) return false;
  Outcome outcomes[2];
  for (u32 i = 0; i < 2; ++i) {
    outcomes[i] = run_on_oracle(i == 0 ? program.module : optimised, program.entry, program.args, program.fuel);
    if (i == 1 && left_unchecked(optimised, inside, outcomes[i])) return false;
    drop_positions(outcomes[i]);
  }
  return compare(program.module, outcomes[0], outcomes[1]) == Agreement::Agree;
}

u32 count_like(const Function& function, u32 block, const Inst& wanted) {
  u32 count = 0;
  if (block >= function.blocks.size()) return 0;
  for (const Inst& inst : function.insts_of(function.blocks[block]))
    count += inst.op == wanted.op && inst.type == wanted.type && inst.from == wanted.from;
  return count;
}

/// Whether the call, run by the oracle, ends with a trap of an instruction that this rewrite put there.
bool runs_trap(const Program& program, PassOptions passes, u64 rewrite) {
  if (program.entry == kNone) return false;
  Module before, after;
  std::vector<std::vector<u8>> inside;
  passes.rewrite_limit = rewrite - 1;
  if (!optimise(program, passes, before, inside)) return false;
  passes.rewrite_limit = rewrite;
  if (!optimise(program, passes, after, inside)) return false;
  const Outcome outcome = run_on_oracle(after, program.entry, program.args, program.fuel);
  const Position& at = outcome.position;
  if (outcome.kind != OutcomeKind::Trapped || at.function >= after.functions.size()) return false;
  const Function& function = after.functions[at.function];
  if (at.block >= function.blocks.size() || at.inst >= function.blocks[at.block].inst_count) return false;
  const Inst& trapping = function.insts[function.blocks[at.block].first_inst + at.inst];
  return count_like(function, at.block, trapping) > count_like(before.functions[at.function], at.block, trapping);
}

std::string take_line(std::string& text) {
  const std::size_t end = text.find('\n');
  std::string line = text.substr(0, end);
  text.erase(0, end == std::string::npos ? end : end + 1);
  return line;
}

/// The lines of `text` that define the operands of `line`; false when one of them is no constant.
bool constants_of(const std::string& line, const std::string& text, std::string& out) {
  for (std::size_t at = line.find('%', line.find(" = ")); at != std::string::npos; at = line.find('%', at + 1)) {
    const std::string name = line.substr(at, line.find_first_of(", )", at) - at);
    const std::size_t defined = text.find("  " + name + " = const.");
    if (defined == std::string::npos) return false;
    const std::string definition = text.substr(defined, text.find('\n', defined) - defined + 1);
    if (out.find(definition) == std::string::npos) out += definition;
  }
  return true;
}

/// Whether two bodies of one block, each with this result, give different ones.
bool differ(const std::string& type, const std::string& value, const std::string& one, const std::string& other) {
  const auto function = [&](const std::string& body) {
    return "export func @f() -> " + type + " {\n^b0:\n" + body + "\n  return " + value + "\n}\n";
  };
  const auto first = parse_and_verify(function(one)), second = parse_and_verify(function(other));
  if (!first || !second) return false;
  const Outcome outcomes[] = {run_on_oracle(*first, 0, {}, 1), run_on_oracle(*second, 0, {}, 1)};
  return outcomes[0].kind == OutcomeKind::Returned && compare(*first, outcomes[0], outcomes[1]) == Agreement::Differ;
}

/// Where all that a rewrite did is that an operation of constants became one: its name if the oracle gives another.
/// Else nothing.
std::string wrongly_folded(std::string before, std::string after) {
  const std::string whole = before;
  constexpr std::string_view kConst = " = const.";
  while (!before.empty() && !after.empty()) {
    const std::string was = take_line(before), is = take_line(after);
    if (was == is) continue;
    const std::size_t equals = is.find(kConst);
    if (equals == std::string::npos || was.compare(0, equals + 3, is, 0, equals + 3) != 0) return {};
    const std::size_t typed = equals + kConst.size();
    const std::string value = is.substr(2, equals - 2), type = is.substr(typed, is.find(' ', typed) - typed);
    std::string constants;
    if (!constants_of(was, whole, constants) || !differ(type, value, constants + was, is)) return {};
    const std::string rest = was.substr(equals + 3), operation = rest.substr(0, rest.find_first_of(". ("));
    return operation == "const" || before != after ? std::string() : operation;
  }
  return {};
}

/// Fields, one a line, then the text before and, behind a zero, after.
std::string describe(const Program& program, const PassOptions& passes, u64 rewrite) {
  const Module& module = program.module;
  opt::LastRewrite last, ignored;
  run_passes(program, passes, rewrite, kNone, last);
  const auto line = [](std::string_view text) { return std::string(text) + "\n"; };
  std::string out = line(last.number == 0 ? "" : opt::pass_info(last.pass).name) + line(std::to_string(last.run)) +
                    line(std::to_string(last.in_run)) +
                    line(last.function == kNone ? "" : module.functions[last.function].name) + line(last.rule) +
                    line(last.rule_file) + line(std::to_string(last.rule_line));
  const std::string before = run_passes(program, passes, rewrite - 1, last.function, ignored),
                    after = run_passes(program, passes, rewrite, last.function, ignored);
  out += line(runs_trap(program, passes, rewrite) ? "1" : "") + line(wrongly_folded(before, after));
  return out + before + '\0' + after;
}

} // namespace

bool optimised_is_right(const Program& program, const PassOptions& passes) {
  if (!can_fork()) return agrees_on_oracle(program, passes);
  auto companion = Companion::start(
      [&](std::string_view) { return std::string(agrees_on_oracle(program, passes) ? "right" : "wrong"); });
  std::string text;
  return companion && companion->ask("?") && companion->answer(kPatienceMs, text) == Companion::Reply::Ready &&
         text == "right";
}

bool describe_rewrite(const Program& program, const PassOptions& passes, Bisection& out) {
  std::string text;
  if (can_fork()) {
    auto companion = Companion::start([&](std::string_view) { return describe(program, passes, out.rewrite); });
    if (!companion || !companion->ask("rewrite")) return false;
    if (companion->answer(kPatienceMs, text) != Companion::Reply::Ready) return false;
  } else {
    text = describe(program, passes, out.rewrite);
  }
  out.pass = take_line(text);
  out.run = static_cast<u32>(std::stoul(take_line(text)));
  out.rewrite_in_run = std::stoull(take_line(text));
  out.function = take_line(text);
  out.rule = take_line(text);
  out.rule_file = take_line(text);
  out.rule_line = static_cast<u32>(std::stoul(take_line(text)));
  out.runs_trap = !take_line(text).empty();
  out.wrongly_folded = take_line(text);
  const std::size_t middle = text.find('\0');
  out.before = text.substr(0, middle);
  out.after = middle == std::string::npos ? std::string() : text.substr(middle + 1);
  return !out.pass.empty();
}

} // namespace assay::fuzz
