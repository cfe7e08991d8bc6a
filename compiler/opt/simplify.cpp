// simplify.cpp - see simplify.h: the walk, matching, and the one place where a rewrite is made.
//
// References into the graph end with the first insertion: whatever is needed later is copied before.
#include "compiler/opt/simplify.h"

#include "assay/planted.h"
#include "compiler/ir/always_inline.h"
#include "compiler/ir/op_shape.h"
#include "compiler/opt/fold.h"

#include <bit>
#include <utility>

namespace assay::opt {

/// What a rule's letters stand for.
struct SimplifyPass::Match {
  ValueId vars[kMaxRuleVars] = {kNone, kNone, kNone, kNone};
  ValueId const_values[kMaxRuleConsts] = {kNone, kNone, kNone};
  u64 consts[kMaxRuleConsts] = {};
  Type types[kTypeRefs] = {Type::None, Type::I8,  Type::I16, Type::I32, Type::I64,
                           Type::F32,  Type::F64, Type::Ptr, Type::None};

  /// A pointer is never what a rule speaks of.
  bool bind(TypeRef ref, Type type) {
    if (types[ref] == Type::None && type != Type::Ptr) types[ref] = type;
    return types[ref] == type;
  }
};

namespace {

constexpr u8 kMayFold = 1, kHasRules = 2;
/// For each instruction so many rewrites, and some for small functions.
constexpr u64 kRewritesPerInst = 8, kRewrites = 256;
constexpr u32 kMaxTruthDepth = 3;

bool gives_overflow_flag(Opcode op) { return op >= Opcode::AddOS && op <= Opcode::MulOU; }

} // namespace

SimplifyPass::SimplifyPass() : rules_(RuleSet::standard()), fired_(rules_.rules().size() + 1), looks_(kOpcodeCount) {
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    const Opcode op = static_cast<Opcode>(i);
    constexpr OpFlags kNever = kReads | kWrites | kCalls | kEnds | kEffect;
    const ir::OpShape& shape = ir::shape(op);
    const bool folds = shape.form == Form::Plain && !shape.is(kNever) && shape.operand_count != 0;
    looks_[i] = static_cast<u8>((folds ? kMayFold : 0) | (rules_.has_rules(op) ? kHasRules : 0));
  }
}

bool SimplifyPass::reads(const GraphInst& inst, ValueId value) {
  for (u32 i = 0; i < inst.operand_count; ++i)
    if (graph_->operand(inst, i) == value) return true;
  return false;
}

bool SimplifyPass::has_constant_at(const GraphInst& inst, u32 index) {
  return index < inst.operand_count && graph_->constant(graph_->operand(inst, index)) != nullptr;
}

bool SimplifyPass::is_so(Inner what, const GraphInst& inst) {
  const ValueId first = graph_->operand(inst, 0);
  const GraphInst* const left = graph_->source(first);
  if (what == Inner::LeftFirstConst || what == Inner::LeftSecondConst)
    return left != nullptr && has_constant_at(*left, what == Inner::LeftFirstConst ? 0 : 1);
  const ValueId second = graph_->operand(inst, 1);
  const GraphInst* const right = graph_->source(second);
  switch (what) {
  case Inner::LeftHasRight: return left != nullptr && reads(*left, second);
  case Inner::RightHasLeft: return right != nullptr && reads(*right, first);
  case Inner::Shared: break;
  default: return right != nullptr && has_constant_at(*right, what == Inner::RightFirstConst ? 0 : 1);
  }
  if (left == nullptr || right == nullptr) return false;
  for (u32 i = 0; i < left->operand_count; ++i)
    if (reads(*right, graph_->operand(*left, i))) return true;
  return false;
}

/// The variants that are worth trying.
ASSAY_ALWAYS_INLINE VariantSet SimplifyPass::candidates(const GraphInst& inst, OperandClass first, OperandClass second,
                                                        bool same) {
  VariantSet set = rules_.candidates(inst.op, first, second, same);
  if (!set.meets(rules_.wanting_any(inst.op))) return set;
  for (u32 i = 0; i < kInnerCount; ++i) {
    const Inner what = static_cast<Inner>(i);
    const VariantSet& wanting = rules_.wanting(inst.op, what);
    if (set.meets(wanting) && !is_so(what, inst)) set.remove(wanting);
  }
  return set;
}

/// Notes the class of what the instruction gives: it stands before all that read it.
ASSAY_ALWAYS_INLINE void SimplifyPass::classify(const GraphInst& inst) {
  if (inst.op == Opcode::Const) {
    classes_[inst.first_result] = class_of_constant(inst.type, inst.imm);
    return;
  }
  for (u32 r = 0; r < inst.result_count; ++r) classes_[inst.first_result + r] = rules_.class_of(inst.op);
}

/// Does what can be done about an instruction; gives the next one to look at.
ASSAY_ALWAYS_INLINE InstId SimplifyPass::step(InstId at) {
  const GraphInst& inst = graph_->inst(at);
  const u8 looks = looks_[static_cast<u32>(inst.op)];
  const InstId next = inst.next;
  classify(inst);
  if (looks == 0) return next;
  // All that rules are for has an operand.
  const ValueId first = graph_->operand(inst, 0), second = inst.operand_count > 1 ? graph_->operand(inst, 1) : kNone;
  const OperandClass class_a = classes_[first], class_b = second == kNone ? kClassOther : classes_[second];
  const bool all_const = (kConstClasses >> class_a & 1 & (second == kNone ? 1 : kConstClasses >> class_b)) != 0;
  if (all_const && (looks & kMayFold) != 0 && fold_constant(at)) return next;
  if ((looks & kHasRules) == 0) return next;
  const VariantSet set = candidates(inst, class_a, class_b, first == second);
  if (set.empty()) return next;
  const InstId new_ones = graph_->inst_count();
  if (!try_rules(at, set)) return next;
  if (graph_->inst_count() != new_ones) return new_ones;
  return graph_->inst(at).block == kNone ? next : at;
}

void SimplifyPass::run(PassContext& context) {
  context_ = &context;
  graph_ = &context.graph;
  left_ = graph_->inst_count() * kRewritesPerInst + kRewrites;
  swapped_ = false;
  counted_ = false;
  classes_.assign(graph_->value_count(), kClassOther);
  const analysis::BlockOrder& flow = context.analyses.order();
  for (analysis::Node node = 0; node < flow.size(); ++node) {
    InstId at = graph_->block(flow.block(node)).first;
    while (at != kNone) at = step(at);
  }
  if (swapped_) context.analyses.control_changed();
}

bool SimplifyPass::used_once(ValueId value) {
  if (!counted_) graph_->count_uses(context_->analyses.order(), uses_);
  counted_ = true;
  return uses_[value] == 1;
}

/// When all operands are constants.
bool SimplifyPass::fold_constant(InstId at) {
  const GraphInst inst = graph_->inst(at);
  u64 operands[3] = {}, results[2] = {};
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const GraphInst* const source = graph_->constant(graph_->operand(inst, i));
    if (source == nullptr) return false;
    operands[i] = source->imm;
  }
  if (!fold(inst.op, inst.type, inst.from, {operands, inst.operand_count}, results)) return false;
  if (!may_rewrite(static_cast<RuleId>(rules_.rules().size()))) return false;
  for (u32 r = 0; r < inst.result_count; ++r) {
    const ValueId value = inst.first_result + r;
    use_instead(value, track(graph_->insert_const(at, graph_->value(value).type, results[r])));
  }
  drop(at);
  return true;
}

bool SimplifyPass::try_rules(InstId at, const VariantSet& set) {
  const Opcode op = graph_->inst(at).op;
  for (u32 w = 0; w < 2; ++w) {
    for (u64 bits = set.words[w]; bits != 0; bits &= bits - 1) {
      const RuleVariant& variant = rules_.variant(op, w * 64 + static_cast<u32>(std::countr_zero(bits)));
      const Rule& rule = rules_.rules()[variant.rule];
      if (rule.planted != nullptr && !rule.planted()) continue;
      const RuleNode& root = rules_.node(variant.root);
      const GraphInst& inst = graph_->inst(at);
      Match match;
      if (!match.bind(root.type, inst.type) || !match.bind(root.from, inst.from)) continue;
      if (!match_children(rule, root, inst, match) || !holds(rule, match)) continue;
      if (apply(at, variant.rule, match)) return true;
    }
  }
  return false;
}

// ---- matching ----------------------------------------------------------------------------------------------

bool SimplifyPass::match_children(const Rule& rule, const RuleNode& node, const GraphInst& inst, Match& match) {
  for (u32 i = 0; i < node.child_count; ++i)
    if (!match_node(rule, node.children[i], graph_->operand(inst, i), match)) return false;
  return true;
}

bool SimplifyPass::match_node(const Rule& rule, u32 id, ValueId value, Match& match) {
  const RuleNode& node = rules_.node(id);
  if (node.kind == NodeKind::Var) {
    ValueId& bound = match.vars[node.index];
    if (bound != kNone) return bound == value;
    bound = value;
    return match.bind(node.gives, graph_->value(value).type);
  }
  const InstId def = graph_->value(value).inst;
  if (def == kNone) return false;
  const GraphInst& inst = graph_->inst(def);
  if (node.kind == NodeKind::Op) {
    if (inst.op != node.op || value != inst.first_result) return false;
    if (!match.bind(node.type, inst.type) || !match.bind(node.from, inst.from)) return false;
    return match_children(rule, node, inst, match) && (!rule.once || used_once(value)); // counting costs most: last
  }
  if (inst.op != Opcode::Const || !match.bind(node.gives, inst.type)) return false;
  if (node.kind == NodeKind::Literal) {
    u64 bits = 0;
    return literal_bits(node, inst.type, bits) && bits == inst.imm;
  }
  ValueId& bound = match.const_values[node.index];
  if (bound != kNone) return match.consts[node.index] == inst.imm;
  bound = value;
  match.consts[node.index] = inst.imm;
  return true;
}

/// Known to be 0 or 1.
bool SimplifyPass::is_truth(ValueId value, u32 depth) {
  const InstId def = graph_->value(value).inst;
  if (def == kNone || depth == 0) return false;
  const GraphInst& inst = graph_->inst(def);
  if (is_comparison(inst.op)) return true;
  switch (inst.op) {
  case Opcode::Const: return inst.imm <= 1 && is_int(inst.type);
  case Opcode::And:
    return is_truth(graph_->operand(inst, 0), depth - 1) || is_truth(graph_->operand(inst, 1), depth - 1);
  case Opcode::Or:
  case Opcode::Xor:
    return is_truth(graph_->operand(inst, 0), depth - 1) && is_truth(graph_->operand(inst, 1), depth - 1);
  case Opcode::Zext:
  case Opcode::Trunc: return is_truth(graph_->operand(inst, 0), depth - 1);
  default: return gives_overflow_flag(inst.op) && value == inst.first_result + 1;
  }
}

bool SimplifyPass::facts_hold(const Rule& rule, const Match& match) {
  for (u32 i = 0; i < rule.var_count; ++i) {
    const ValueId value = match.vars[i];
    if ((rule.truth >> i & 1) != 0 && !is_truth(value, kMaxTruthDepth)) return false;
    if ((rule.not_const >> i & 1) == 0) continue;
    const InstId def = graph_->value(value).inst;
    if (def != kNone && graph_->inst(def).op == Opcode::Const) return false;
  }
  return true;
}

bool SimplifyPass::holds(const Rule& rule, const Match& match) {
  if ((rule.truth | rule.not_const) != 0 && !facts_hold(rule, match)) return false;
  if (rule.condition.count == 0) return true;
  u64 bits[kMaxRuleNodes];
  if (!evaluate(rule.condition, match, bits)) return false;
  const auto nodes = rules_.nodes(rule.condition);
  for (u32 i = 0; i < nodes.size(); ++i)
    if (nodes[i].root && bits[i] == 0) return false;
  return true;
}

/// The bits of the nodes without variables.
bool SimplifyPass::evaluate(RuleExpr expr, const Match& match, u64* bits) const {
  const auto nodes = rules_.nodes(expr);
  for (u32 i = 0; i < nodes.size(); ++i) {
    const RuleNode& node = nodes[i];
    bits[i] = 0;
    if (!node.constant) {
      if (!node_allowed(node, match.types)) return false;
      continue;
    }
    if (node.kind == NodeKind::Const) {
      bits[i] = match.consts[node.index];
      continue;
    }
    u64 children[3] = {};
    for (u32 c = 0; c < node.child_count; ++c) children[c] = bits[node.children[c] - expr.first];
    if (!evaluate_constant(node, match.types, {children, node.child_count}, bits[i])) return false;
  }
  return true;
}

// ---- rewriting ---------------------------------------------------------------------------------------------

/// Every rewrite asks here, and is made when this says so.
bool SimplifyPass::may_rewrite(RuleId rule) {
  const bool folds = rule == rules_.rules().size();
  if (left_ == 0 || !context_->may_rewrite(folds ? RewriteKind::SimplifyFolding : RewriteKind::SimplifyRule))
    return false;
  --left_;
  context_->rewrites.rule = rule;
  ++fired_[rule];
  return true;
}

bool SimplifyPass::apply(InstId at, u32 rule_id, const Match& match) {
  const Rule& rule = rules_.rules()[rule_id];
  u64 bits[kMaxRuleNodes];
  if (!evaluate(rule.result, match, bits) || !may_rewrite(rule_id)) return false;
  rewrite(at, rule, match, bits);
  return true;
}

void SimplifyPass::rewrite(InstId at, const Rule& rule, const Match& match, const u64* bits) {
  ValueId made[kMaxRuleNodes];
  for (ValueId& value : made) value = kNone;
  const GraphInst inst = graph_->inst(at);
  const RuleNode& root = rules_.node(rule.result_roots[0]);
  if (root.kind == NodeKind::Branch || root.kind == NodeKind::BranchNot) {
    const ValueId condition = materialise(at, rule, root.children[0], match, bits, made);
    return finish_branch(at, condition, root.kind == NodeKind::BranchNot);
  }
  for (u32 r = 0; r < rule.result_count; ++r)
    use_instead(inst.first_result + r, materialise(at, rule, rule.result_roots[r], match, bits, made));
  drop(at);
}

/// The value of a node of the rule's result, made before `at` unless it was there.
ValueId SimplifyPass::materialise(InstId at, const Rule& rule, u32 id, const Match& match, const u64* bits,
                                  ValueId* made) {
  const RuleNode& node = rules_.node(id);
  ValueId& value = made[id - rule.result.first];
  if (value != kNone) return value;
  if (node.kind == NodeKind::Var) return value = match.vars[node.index];
  if (node.kind == NodeKind::Const) return value = match.const_values[node.index];
  if (node.constant)
    return value = track(graph_->insert_const(at, match.types[node.gives], bits[id - rule.result.first]));
  ValueId operands[3] = {};
  for (u32 i = 0; i < node.child_count; ++i) {
    operands[i] = materialise(at, rule, node.children[i], match, bits, made);
    if (counted_) ++uses_[operands[i]];
  }
  GraphInst inst;
  inst.op = node.op;
  inst.type = match.types[node.type];
  inst.from = match.types[node.from];
  inst.origin = graph_->inst(at).origin;
  const ValueId out = graph_->insert(at, inst, {operands, node.child_count}, true);
  graph_->set_type(out, match.types[node.gives]);
  return value = track(out);
}

void SimplifyPass::finish_branch(InstId at, ValueId condition, bool swap) {
  const GraphInst& inst = graph_->inst(at);
  if (counted_) {
    --uses_[graph_->operand(inst, 0)];
    ++uses_[condition];
  }
  graph_->set_operand(inst, 0, condition);
  const auto edges = graph_->edges_of(inst);
  if (swap && !ASSAY_PLANTED(opt_branch_not_inverted)) std::swap(edges[0], edges[1]);
  swapped_ = swapped_ || swap;
}

ValueId SimplifyPass::track(ValueId made) {
  if (counted_) uses_.resize(graph_->value_count(), 0);
  classes_.resize(graph_->value_count(), kClassOther);
  classify(graph_->inst(graph_->value(made).inst));
  return made;
}

void SimplifyPass::use_instead(ValueId value, ValueId by) {
  if (counted_) uses_[by] += uses_[value];
  graph_->replace(value, by);
}

void SimplifyPass::drop(InstId at) {
  const GraphInst& inst = graph_->inst(at);
  for (u32 i = 0; counted_ && i < inst.operand_count; ++i) --uses_[graph_->operand(inst, i)];
  graph_->remove(at);
}

} // namespace assay::opt
