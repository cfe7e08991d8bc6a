// pipeline.cpp - see pipeline.h. The order of work is the table below, each row with its reason.
#include "compiler/opt/pipeline.h"

#include "compiler/ir/verifier.h"
#include "compiler/opt/bounds.h"
#include "compiler/opt/choose.h"
#include "compiler/opt/control.h"
#include "compiler/opt/dce.h"
#include "compiler/opt/gvn.h"
#include "compiler/opt/idle.h"
#include "compiler/opt/inline.h"
#include "compiler/opt/licm.h"
#include "compiler/opt/sccp.h"
#include "compiler/opt/simplify.h"
#include "compiler/opt/sink.h"
#include "compiler/opt/ssa.h"
#include "compiler/opt/tail.h"
#include "compiler/opt/thread.h"
#include "compiler/opt/turns.h"
#include "compiler/opt/unroll.h"
#include "compiler/opt/within.h"

#include <algorithm>

namespace assay::opt {

namespace {

constexpr PassInfo kInfos[] = {
#define PASS(name, text, type, meaning) {text, meaning},
#include "compiler/opt/passes.def"
};

constexpr RewriteInfo kRewriteInfos[] = {
#define REWRITE(pass, name, text, meaning) {PassId::pass, text, meaning},
#include "compiler/opt/rewrites.def"
};

/// Of a path in whichever form the compiler was given it.
std::string_view last_part(std::string_view path) {
  const std::size_t slash = path.find_last_of("/\\");
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

constexpr PassId kStandard[] = {
    PassId::Inline,   // first: what callers know is worth most to all that follow
    PassId::Ssa,      // all others see values only
    PassId::Tail,     // before anything looks at loops
    PassId::Sccp,     // before blocks join, so that the next has its branches to decide
    PassId::Control,  // what front ends leave: empty blocks, straight lines
    PassId::Turns,    // before anything folds constants: each turn has its own
    PassId::Simplify, // brings what is equal to one form
    PassId::Gvn,      // makes equal things one, so that the next see that they are
    PassId::Choose,   // while what the short ways do is small, and before selects are simplified
    PassId::Thread,   // the ways that are left, before blocks join and parameters with one value go
    PassId::Control,  // ways that are known now, parameters that are the same from everywhere
    PassId::Simplify, // with these known, and equal operands the same value
    PassId::Licm,     // with loops in their final shape
    PassId::Gvn,      // what left different loops, and loads behind merged blocks
    PassId::Dce,      // what the others left over
    PassId::Idle,     // of which nothing is left but that it ends
    PassId::Dce,      // what these alone read
    PassId::Bounds,   // of what is left
    PassId::Gvn,      // loads behind stores that they do not meet, as bounds say, if they do
    PassId::Dce,      // what made addresses of those
    PassId::Within,   // of what is left unchecked, and before loops become longer
    PassId::Sink,     // last to move anything: nobody may come between a comparison and its branch
    PassId::Unroll,   // knowing what is inside; cleans up behind itself
};

} // namespace

const PassInfo& pass_info(PassId id) { return kInfos[static_cast<u32>(id)]; }

std::span<const RewriteInfo> rewrite_infos() { return kRewriteInfos; }
const RewriteInfo& rewrite_info(RewriteKind kind) { return kRewriteInfos[static_cast<u32>(kind) - 1]; }

bool pass_from_name(std::string_view name, PassId& out) {
  const auto* const found =
      std::find_if(std::begin(kInfos), std::end(kInfos), [&](const PassInfo& i) { return i.name == name; });
  out = static_cast<PassId>(found - std::begin(kInfos));
  return found != std::end(kInfos);
}

Result<PassOptions> parse_passes(const std::vector<std::string>& order, const std::vector<std::string>& without) {
  PassOptions out;
  std::string names;
  for (const PassInfo& pass : kInfos) names += " " + std::string(pass.name);
  if (order.size() > std::size(out.order))
    return Error{ErrorKind::BadInput, "", 0, 0, "expected at most " + std::to_string(std::size(out.order)) + " passes"};
  for (const auto* const words : {&order, &without}) {
    for (const std::string& word : *words) {
      PassId id{};
      if (!pass_from_name(word, id))
        return Error{ErrorKind::BadInput, "", 0, 0, "there is no pass '" + word + "'; expected some of" + names};
      if (words == &order) out.order[out.order_count++] = static_cast<u8>(id);
      else out.switched_off |= 1u << static_cast<u32>(id);
    }
  }
  return out;
}

std::span<const PassId> standard_passes() { return kStandard; }

Pipeline::Pipeline()
    : passes_{
#define PASS(name, text, type, meaning) std::make_unique<type>(),
#include "compiler/opt/passes.def"
      } {
}
Pipeline::~Pipeline() = default;

void Pipeline::begin(const Module& module, const PassOptions& options) {
  module_ = &module;
  options_ = options;
  rewrites_ = {};
  rewrites_.limit = options.rewrite_limit;
  last_ = {};
  last_kind_ = RewriteKind::None;
}

void Pipeline::note_rewrites(PassId id, FunctionId function, u64 before) {
  ++runs_[static_cast<u32>(id)];
  if (rewrites_.made == before) return;
  last_ = {rewrites_.made, id, runs_[static_cast<u32>(id)], rewrites_.made - before, function, {}, {}, rewrites_.line};
  last_kind_ = rewrites_.kind;
  last_rule_ = rewrites_.rule;
  last_file_ = rewrites_.file;
}

LastRewrite Pipeline::last_rewrite() const {
  LastRewrite out = last_;
  if (last_kind_ == RewriteKind::None) return out;
  out.rule = rewrite_info(last_kind_).name;
  out.rule_file = last_part(last_file_);
  if (last_kind_ != RewriteKind::SimplifyRule) return out;
  const Rule& rule = RuleSet::standard().rules()[last_rule_];
  out.rule = rule.name;
  out.rule_file = "simplify_rules.def";
  out.rule_line = rule.line;
  return out;
}

std::span<const u64> Pipeline::rules_fired() const {
  return static_cast<const SimplifyPass&>(*passes_[static_cast<u32>(PassId::Simplify)]).fired();
}

Result<void> Pipeline::run_pass(PassId id, FunctionId function) {
  PassContext context{*module_, graph_, analyses_, rewrites_, source_};
  const u64 before = rewrites_.made;
  passes_[static_cast<u32>(id)]->run(context);
  made_after_[static_cast<u32>(id)] = rewrites_.made;
  note_rewrites(id, function, before);
#ifdef ASSAY_VERIFY
  graph_.write(checked_, origins_);
  thread_local ir::VerifierScratch scratch;
  ir::Verifier verifier(*module_, scratch);
  if (!verifier.body(function, checked_)) {
    Error error = verifier.error("", nullptr);
    error.kind = ErrorKind::Internal;
    error.message = "after pass " + std::string(pass_info(id).name) + ": " + error.message;
    return error;
  }
#endif
  return {};
}

Result<void> Pipeline::run(FunctionId function, Optimised& out) {
  const Function& source = module_->functions[function];
  out.body.signature = checked_.signature = source.signature;
  graph_.read(source);
  analyses_.begin(graph_);
  std::fill(std::begin(runs_), std::end(runs_), 0);
  source_.begin(function, source);
  const bool standard = options_.order_count == 0;
  const u32 count = standard ? static_cast<u32>(std::size(kStandard)) : options_.order_count;
  for (u32 i = 0; i <= count; ++i) {
    const PassId id = i == count ? PassId::Ssa : standard ? kStandard[i] : static_cast<PassId>(options_.order[i]);
    if (standard && id != PassId::Ssa && (options_.switched_off >> static_cast<u32>(id) & 1) != 0) continue;
    if (id != PassId::Inline && !graph_.locals().empty()) {
      if (Result<void> done = run_pass(PassId::Ssa, function); !done) return done;
    }
    if (id == PassId::Ssa) continue;
    // Nothing was rewritten since this pass came last: it would find nothing.
    if (standard && runs_[static_cast<u32>(id)] != 0 && rewrites_.made == made_after_[static_cast<u32>(id)]) continue;
    // Behind Bounds these are for functions with such accesses alone.
    const bool again = id == PassId::Gvn || id == PassId::Dce;
    if (standard && again && runs_[static_cast<u32>(PassId::Bounds)] != 0 && !graph_.knows_extents()) continue;
    if (Result<void> done = run_pass(id, function); !done) return done;
  }
  const Graph::Marks marks{out.inside, out.extents};
  graph_.write(analyses_.order(), out.body, origins_, &marks);
  const SourcePosition nowhere{{function, 0, 0}, kNone};
  out.positions.resize(origins_.size());
  for (std::size_t i = 0; i < origins_.size(); ++i)
    out.positions[i] = origins_[i] == kNone ? nowhere : source_.positions[origins_[i]];
  out.inlined_calls.assign(source_.calls.begin(), source_.calls.end());
  return {};
}

} // namespace assay::opt
