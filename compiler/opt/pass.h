// pass.h - what a pass is, and what it is given.
//
// A pass rewrites the graph of one function, without locals (SsaPass comes first), so that it means the same: results,
// traps and their positions, memory and globals at every trap, call and throw, fuel. It asks `may_rewrite` before each
// change that could be left out, saying which kind of rewrites.def it is; when that says no it leaves things as they
// are (so the harness finds the change that went wrong by counting). Analyses are of the graph as it is: computed when
// first asked for, and again after `control_changed`. Storage is reused from function to function. Tested in
// compiler/opt/tests/passes_test.cpp.
#pragma once

#include "assay/code_object.h"
#include "compiler/analysis/dominators.h"
#include "compiler/analysis/loops.h"
#include "compiler/opt/graph.h"

namespace assay::opt {

class Analyses {
public:
  void begin(Graph& graph) {
    graph_ = &graph;
    control_changed();
  }
  /// For what only walks over the blocks: edges are not put in order for it.
  const analysis::BlockOrder& order();
  const analysis::FlowGraph& flow();
  const analysis::Dominators& dominators();
  const analysis::Loops& loops();
  /// Blocks or edges are not those of the last look any more.
  void control_changed() { have_order_ = have_flow_ = have_dominators_ = have_loops_ = false; }

private:
  Graph* graph_ = nullptr;
  bool have_order_ = false, have_flow_ = false, have_dominators_ = false, have_loops_ = false;
  std::vector<u32> ends_; // what flow_ is made from
  std::vector<BlockId> targets_;
  analysis::FlowGraph flow_;
  analysis::Dominators dominators_;
  analysis::Loops loops_;
};

/// Where instructions come from. A graph's `origin` is an index in `positions`.
struct SourceMap {
  FunctionId function = kNone; // that is optimised
  std::vector<SourcePosition> positions;
  std::vector<SourcePosition> calls; // that became the bodies of what they call

  void begin(FunctionId id, const Function& source) {
    function = id;
    positions.clear();
    calls.clear();
    add(id, source, kNone);
  }
  /// The positions of another body: that of its first instruction.
  u32 add(FunctionId id, const Function& source, u32 inlined_at);
};

/// What a pass rewrites: a row of rewrites.def, named by its pass and its own name.
enum class RewriteKind : u8 {
  None,
#define REWRITE(pass, name, text, meaning) pass##name,
#include "compiler/opt/rewrites.def"
};

/// Counts rewrites over a whole module, and stops at a limit.
struct Rewrites {
  u64 made = 0;
  u64 limit = ~u64{0};
  // Of the last one:
  RewriteKind kind = RewriteKind::None;
  u32 rule = kNone;      // RuleId, of simplification
  const char* file = ""; // where it was asked for
  u32 line = 0;
};

struct PassContext {
  const Module& module;
  Graph& graph;
  Analyses& analyses;
  Rewrites& rewrites;
  SourceMap& source;

  /// The place is the caller's.
  bool may_rewrite(RewriteKind kind, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    if (rewrites.made >= rewrites.limit) return false;
    ++rewrites.made;
    rewrites.kind = kind;
    rewrites.file = file;
    rewrites.line = line;
    return true;
  }
};

class Pass {
public:
  virtual ~Pass() = default;
  virtual void run(PassContext& context) = 0;
};

} // namespace assay::opt
