// simplify.h - the pass that computes what is constant and applies the rules of simplify_rules.def.
//
// One walk over the blocks that can be reached, in reverse postorder: what an instruction uses was simplified before
// it, and what a rule puts in its place is looked at next, so that one walk ends with nothing left to do but for what
// comes round a loop. The number of rewrites is bounded by that of instructions. Of more than five hundred rules an
// index by operation and by what makes the first two operands leaves few to be tried. Nothing is allocated in the
// steady state. What is no longer used stays for dead code elimination. Tested in compiler/opt/tests/simplify_test.cpp.
#pragma once

#include "compiler/opt/pass.h"
#include "compiler/opt/rules.h"

namespace assay::opt {

class SimplifyPass final : public Pass {
public:
  SimplifyPass();
  void run(PassContext& context) override;

  /// How often each rule was applied since this was made or cleared, by RuleId; last what was computed by fold().
  std::span<const u64> fired() const { return fired_; }
  void clear_fired() { fired_.assign(fired_.size(), 0); }

private:
  struct Match;

  InstId step(InstId at);
  void classify(const GraphInst& inst);
  bool fold_constant(InstId at);
  bool reads(const GraphInst& inst, ValueId value);
  bool has_constant_at(const GraphInst& inst, u32 index);
  bool is_so(Inner what, const GraphInst& inst);
  VariantSet candidates(const GraphInst& inst, OperandClass first, OperandClass second, bool same);
  bool try_rules(InstId at, const VariantSet& set);
  bool apply(InstId at, u32 rule_id, const Match& match);

  bool match_node(const Rule& rule, u32 node, ValueId value, Match& match);
  bool match_children(const Rule& rule, const RuleNode& node, const GraphInst& inst, Match& match);
  bool holds(const Rule& rule, const Match& match);
  bool facts_hold(const Rule& rule, const Match& match);
  bool is_truth(ValueId value, u32 depth);
  bool evaluate(RuleExpr expr, const Match& match, u64* bits) const;

  bool may_rewrite(RuleId rule);
  void rewrite(InstId at, const Rule& rule, const Match& match, const u64* bits);
  ValueId materialise(InstId at, const Rule& rule, u32 node, const Match& match, const u64* bits, ValueId* made);
  void finish_branch(InstId at, ValueId condition, bool swap);
  ValueId track(ValueId made);
  void use_instead(ValueId value, ValueId by);
  void drop(InstId at);
  bool used_once(ValueId value);

  const RuleSet& rules_;
  std::vector<u64> fired_;
  std::vector<u8> looks_;             // [Opcode] whether anything may be done
  std::vector<OperandClass> classes_; // [ValueId] of what was looked at
  PassContext* context_ = nullptr;
  Graph* graph_ = nullptr;
  u64 left_ = 0;              // rewrites
  bool swapped_ = false;      // the ways of a branch
  analysis::Table<u32> uses_; // [ValueId] once asked for
  bool counted_ = false;
};

} // namespace assay::opt
