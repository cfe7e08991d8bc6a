// rewrite.cpp - see rewrite.h. The answer comes from the other process as lines of text, the two forms of the function
// behind it. Tested in fuzz/bisect/tests/bisect_test.cpp.
#include "fuzz/bisect/rewrite.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "compiler/opt/pipeline.h"
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

/// The passes over all functions, as compiler/codegen/compiler.cpp does it; of function `wanted` the text.
std::string run_passes(const Module& module, PassOptions passes, u64 limit, FunctionId wanted, opt::LastRewrite& last) {
  passes.rewrite_limit = limit;
  opt::Pipeline pipeline;
  opt::Optimised optimised;
  std::string text;
  pipeline.begin(module, passes);
  for (FunctionId id = 0; id < module.functions.size(); ++id) {
    if (module.functions[id].imported) continue;
    if (Result<void> done = pipeline.run(id, optimised); !done) break; // what was done until then is told
    if (id != wanted) continue;
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

/// Fields, one a line, then the text before and, behind a line of its own, after.
std::string describe(const Module& module, const PassOptions& passes, u64 rewrite) {
  opt::LastRewrite last, ignored;
  run_passes(module, passes, rewrite, kNone, last);
  const auto line = [](std::string_view text) { return std::string(text) + "\n"; };
  std::string out = line(last.number == 0 ? "" : opt::pass_info(last.pass).name) + line(std::to_string(last.run)) +
                    line(std::to_string(last.in_run)) +
                    line(last.function == kNone ? "" : module.functions[last.function].name) + line(last.rule) +
                    line(last.rule_file) + line(std::to_string(last.rule_line));
  out += run_passes(module, passes, rewrite - 1, last.function, ignored) + '\0';
  return out + run_passes(module, passes, rewrite, last.function, ignored);
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

bool agrees_on_oracle(const Program& program, const PassOptions& passes) {
  Module optimised = program.module;
  std::vector<std::vector<u8>> inside(optimised.functions.size());
  opt::Pipeline pipeline;
  opt::Optimised body;
  pipeline.begin(program.module, passes);
  for (FunctionId id = 0; id < optimised.functions.size(); ++id) {
    Function& function = optimised.functions[id];
    if (function.imported) continue;
    if (!pipeline.run(id, body)) return false;
    body.body.name = function.name;
    body.body.exported = function.exported;
    function = body.body;
    inside[id] = body.inside;
  }
  if (!verify(optimised)) return false;
  oracle::Interpreter oracle;
  qemu::TestHost host;
  Outcome outcomes[2];
  for (u32 i = 0; i < 2; ++i) {
    oracle.prepare(i == 0 ? program.module : optimised);
    oracle.run(program.entry, program.args, program.fuel, host, outcomes[i]);
    if (i == 1 && left_unchecked(optimised, inside, outcomes[i])) return false;
    drop_positions(outcomes[i]);
  }
  return compare(program.module, outcomes[0], outcomes[1]) == Agreement::Agree;
}

std::string take_line(std::string& text) {
  const std::size_t end = text.find('\n');
  std::string line = text.substr(0, end);
  text.erase(0, end == std::string::npos ? end : end + 1);
  return line;
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

bool describe_rewrite(const Module& module, const PassOptions& passes, Bisection& out) {
  std::string text;
  if (can_fork()) {
    auto companion = Companion::start([&](std::string_view) { return describe(module, passes, out.rewrite); });
    if (!companion || !companion->ask("rewrite")) return false;
    if (companion->answer(kPatienceMs, text) != Companion::Reply::Ready) return false;
  } else {
    text = describe(module, passes, out.rewrite);
  }
  out.pass = take_line(text);
  out.run = static_cast<u32>(std::stoul(take_line(text)));
  out.rewrite_in_run = std::stoull(take_line(text));
  out.function = take_line(text);
  out.rule = take_line(text);
  out.rule_file = take_line(text);
  out.rule_line = static_cast<u32>(std::stoul(take_line(text)));
  const std::size_t middle = text.find('\0');
  out.before = text.substr(0, middle);
  out.after = middle == std::string::npos ? std::string() : text.substr(middle + 1);
  return !out.pass.empty();
}

} // namespace assay::fuzz
