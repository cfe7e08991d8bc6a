// pipeline.h - the passes of -O2 and their order.
//
// One Pipeline a Compiler, kept from compile to compile. Linear but for what the passes say of themselves. In builds
// with ASSAY_VERIFY the function is verified after each pass. Tested in compiler/opt/tests/passes_test.cpp.
#pragma once

#include "assay/compiler.h"
#include "compiler/opt/pass.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace assay::opt {

enum class PassId : u8 {
#define PASS(name, text, type, meaning) name,
#include "compiler/opt/passes.def"
};
inline constexpr u32 kPassCount = 0
#define PASS(name, text, type, meaning) +1
#include "compiler/opt/passes.def"
    ;

struct PassInfo {
  std::string_view name, meaning;
};
const PassInfo& pass_info(PassId id);
/// False: there is no pass of that name.
bool pass_from_name(std::string_view name, PassId& out);

/// From the words of a command line: the passes to run, in this order, or else the standard ones without some. BadInput
/// names a word that is no pass, or says that they are too many.
Result<PassOptions> parse_passes(const std::vector<std::string>& order, const std::vector<std::string>& without);

struct RewriteInfo {
  PassId pass; // that makes it
  std::string_view name, meaning;
};
/// Of any kind but None.
const RewriteInfo& rewrite_info(RewriteKind kind);
std::span<const RewriteInfo> rewrite_infos();

/// What -O2 runs when nothing else is asked for.
std::span<const PassId> standard_passes();

/// The optimised body of a function, and where its instructions come from.
struct Optimised {
  Function body;
  std::vector<SourcePosition> positions;     // [InstId]; of what has none, the function's start
  std::vector<SourcePosition> inlined_calls; // what they refer to
  std::vector<u8> inside;                    // [InstId] 1: an access that needs no check (bounds.h)
  std::vector<AccessExtent> extents;         // of accesses of f64 that are inside, as far as they are known
};

/// The last change that passes made in a module: with a limit of rewrites, the one that reached it.
struct LastRewrite {
  u64 number = 0; // in the module, from 1; 0: none was made
  PassId pass = PassId::Ssa;
  u32 run = 0;    // of this pass in this function: a pass may come several times, from 1
  u64 in_run = 0; // number among those of this run, from 1
  FunctionId function = kNone;
  std::string_view rule;      // its name in rewrites.def; of a rule of simplification that one's own
  std::string_view rule_file; // where it is asked for, "gvn.cpp"; of a rule of simplification "simplify_rules.def"
  u32 rule_line = 0;
};

class Pipeline {
public:
  Pipeline();
  ~Pipeline();

  /// Starts a module: no rewrite was made yet.
  void begin(const Module& module, const PassOptions& options);
  /// Overwrites `out`. Internal when a pass left a function that is not valid (only noticed with ASSAY_VERIFY).
  Result<void> run(FunctionId function, Optimised& out);
  u64 rewrites() const { return rewrites_.made; }
  LastRewrite last_rewrite() const;
  /// How often each rule of simplification was ever applied; behind them, how often constants were folded.
  std::span<const u64> rules_fired() const;

private:
  Result<void> run_pass(PassId id, FunctionId function);
  void note_rewrites(PassId id, FunctionId function, u64 before);

  const Module* module_ = nullptr;
  PassOptions options_;
  Rewrites rewrites_;
  // Of the last rewrite: what is known without looking anything up, its kind, its rule, its place.
  LastRewrite last_;
  RewriteKind last_kind_ = RewriteKind::None;
  u32 last_rule_ = kNone;
  const char* last_file_ = "";
  u32 runs_[kPassCount] = {};       // in the present function
  u64 made_after_[kPassCount] = {}; // rewrites when each pass had run last
  Graph graph_;
  Analyses analyses_;
  std::unique_ptr<Pass> passes_[kPassCount];
  std::vector<InstId> origins_;
  SourceMap source_;
  Function checked_;
};

} // namespace assay::opt
