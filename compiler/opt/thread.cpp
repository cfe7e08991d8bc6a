// thread.cpp - see thread.h. References into the graph end with the first insertion.
#include "compiler/opt/thread.h"

#include "assay/planted.h"
#include "compiler/opt/fold.h"

namespace assay::opt {

using analysis::Node;

namespace {

constexpr u32 kMostWayWork = 6; // instructions of a block that is copied, its branch and constants not counted
constexpr u32 kMostWayInsts = 16;
constexpr u32 kMostCopied = 200;
constexpr u32 kNoWay = kNone;

bool is_decision(Opcode op) { return op == Opcode::Branch || op == Opcode::Switch; }

} // namespace

// ---- which blocks ------------------------------------------------------------------------------------------

/// Ends in a decision, and what comes before may be done twice in the text.
bool ThreadPass::is_short(Graph& graph, BlockId block) {
  if (block == 0 || !is_decision(graph.terminator(block).op)) return false;
  u32 count = 0, work = 0;
  for (InstId at = graph.block(block).first; at != graph.block(block).last; at = graph.inst(at).next) {
    const GraphInst& inst = graph.inst(at);
    work += inst.op != Opcode::Const ? 1 : 0;
    if (++count > kMostWayInsts || work > kMostWayWork || inst.result_count > 1 || info(inst.op).is(kCalls)) return false;
  }
  return true;
}

/// Whether anyone but the block itself reads what it makes.
bool ThreadPass::is_read_behind(Graph& graph, BlockId block) {
  u32 uses = 0, own = 0;
  const auto count_own = [&](ValueId value) {
    const GraphValue& used = graph.value(value);
    own += used.inst == kNone ? used.block == block : graph.inst(used.inst).block == block;
  };
  for (const ValueId param : graph.block(block).params) uses += uses_[param];
  for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) {
    const GraphInst& inst = graph.inst(at);
    for (u32 r = 0; r < inst.result_count; ++r) uses += uses_[inst.first_result + r];
    for (u32 i = 0; i < inst.operand_count; ++i) count_own(graph.operand(inst, i));
    for (const GraphEdge& edge : graph.edges_of(inst))
      for (const ValueId arg : edge.args) count_own(graph.now(arg));
  }
  return uses != own;
}

/// Asked when a way past the block has been found.
bool ThreadPass::may_pass(PassContext& c, BlockId block) {
  if (may_pass_[block] != Answer::Unknown) return may_pass_[block] == Answer::Yes;
  may_pass_[block] = Answer::No;
  const analysis::BlockOrder& flow = c.analyses.order();
  if (!counted_) c.graph.count_uses(flow, uses_);
  counted_ = true;
  if (is_read_behind(c.graph, block)) return false;
  const analysis::Loops& loops = c.analyses.loops();
  const Node node = flow.node(block);
  const u32 loop = loops.of(node);
  if (loop != kNone && (loops.all()[loop].header == node || loops.all()[loop].irreducible)) return false;
  may_pass_[block] = Answer::Yes;
  return true;
}

// ---- which way ---------------------------------------------------------------------------------------------

/// What a value means on the way: of the block's parameters what is passed for them.
ValueId ThreadPass::argument(Graph& graph, const Way& way, ValueId value) {
  const GraphValue& asked = graph.value(value);
  if (asked.inst != kNone || asked.block != way.through) return value;
  const std::vector<ValueId>& params = graph.block(way.through).params;
  u32 index = 0;
  while (params[index] != value) ++index;
  return graph.now(edge_of(graph, way).args[index]);
}

bool ThreadPass::constant(Graph& graph, const Way& way, ValueId value, u64& bits) {
  for (const Known& known : known_) {
    if (known.value != value) continue;
    bits = known.bits;
    return known.is_constant;
  }
  value = argument(graph, way, value);
  if (const GraphInst* const source = graph.constant(value)) {
    bits = source->imm;
    return true;
  }
  // What the branch or switch that the edge leaves has found.
  const GraphInst& last = graph.terminator(way.from);
  if (!is_decision(last.op) || graph.operand(last, 0) != value) return false;
  const GraphEdge& edge = edge_of(graph, way);
  bits = last.op == Opcode::Switch ? edge.value : way.edge == 0 ? 1 : 0;
  if (last.op == Opcode::Switch) return edge.kind == EdgeKind::Case;
  return way.edge == 1 || ASSAY_PLANTED(thread_true_is_one);
}

/// What is constant of the results of the block.
void ThreadPass::evaluate(Graph& graph, const Way& way) {
  known_.clear();
  for (InstId at = graph.block(way.through).first; at != graph.block(way.through).last; at = graph.inst(at).next) {
    const GraphInst& inst = graph.inst(at);
    if (inst.result_count == 0) continue;
    u64 operands[3] = {}, results[2] = {inst.imm};
    bool folds = inst.operand_count <= 3;
    for (u32 i = 0; i < inst.operand_count && folds; ++i)
      folds = constant(graph, way, graph.operand(inst, i), operands[i]);
    folds = folds &&
            (inst.op == Opcode::Const || fold(inst.op, inst.type, inst.from, {operands, inst.operand_count}, results));
    known_.push_back({inst.first_result, folds, results[0], kNone});
  }
}

/// The edge by which the block is left.
u32 ThreadPass::decide(Graph& graph, const Way& way) {
  evaluate(graph, way);
  const GraphInst& last = graph.terminator(way.through);
  const ValueId asked = graph.operand(last, 0);
  u64 bits = 0;
  if (last.op == Opcode::Branch) {
    if (constant(graph, way, asked, bits)) return bits != 0 ? 0 : 1;
    const GraphInst& before = graph.terminator(way.from);
    const bool same = before.op == Opcode::Branch && graph.operand(before, 0) == argument(graph, way, asked);
    return same && way.edge == 0 ? 0 : kNoWay; // not zero, whatever it is
  }
  if (!constant(graph, way, asked, bits)) return kNoWay;
  const auto edges = graph.edges_of(last);
  for (u32 i = 0; i < edges.size(); ++i)
    if (edges[i].kind == EdgeKind::Case && edges[i].value == bits) return i;
  return last.edge_count - 1; // the default is the last
}

// ---- the copy ----------------------------------------------------------------------------------------------

RewriteKind ThreadPass::kind_of_rewrite(Graph& graph, const Way& way) {
  const GraphBlock& block = graph.block(way.through);
  for (InstId at = block.first; at != block.last; at = graph.inst(at).next)
    if (graph.inst(at).result_count == 0) return RewriteKind::ThreadWithEffects;
  return graph.inst(block.last).op == Opcode::Branch ? RewriteKind::ThreadPastBranch : RewriteKind::ThreadPastSwitch;
}

/// What stands for a value of the block in its copy.
ValueId ThreadPass::in_copy(Graph& graph, const Way& way, ValueId value) {
  for (const Known& known : known_)
    if (known.value == value) return known.copy;
  return argument(graph, way, value);
}

void ThreadPass::copy_inst(Graph& graph, const Way& way, InstId at, InstId before) {
  const GraphInst inst = graph.inst(at);
  if (inst.result_count == 0 && ASSAY_PLANTED(thread_effect_lost)) return;
  for (Known& known : known_) {
    if (inst.result_count == 0 || known.value != inst.first_result || !known.is_constant) continue;
    known.copy = graph.insert_const(before, graph.value(known.value).type, known.bits);
    return;
  }
  args_.clear();
  for (u32 i = 0; i < inst.operand_count; ++i) args_.push_back(in_copy(graph, way, graph.operand(inst, i)));
  const ValueId made = graph.insert(before, inst, args_, inst.result_count != 0);
  if (made == kNone) return;
  graph.set_type(made, graph.value(inst.first_result).type);
  for (Known& known : known_)
    if (known.value == inst.first_result) known.copy = made;
}

void ThreadPass::pass(Graph& graph, const Way& way, u32 decided) {
  const BlockId to = graph.edges_of(graph.terminator(way.through))[decided].target;
  const BlockId made = graph.add_jump_block(to, {});
  const InstId jump = graph.block(made).last;
  const InstId end = graph.block(way.through).last;
  ++copied_;
  for (InstId at = graph.block(way.through).first; at != end; at = graph.inst(at).next, ++copied_)
    copy_inst(graph, way, at, jump);
  GraphEdge& onward = graph.edges_of(graph.inst(jump))[0];
  for (const ValueId arg : graph.edges_of(graph.inst(end))[decided].args)
    onward.args.push_back(in_copy(graph, way, graph.now(arg)));
  edge_of(graph, way).args.clear();
  edge_of(graph, way).target = made;
}

void ThreadPass::look_at(PassContext& c, BlockId from) {
  Graph& graph = c.graph;
  if (is_try_call(graph.terminator(from).op)) return;
  for (u32 i = 0; i < graph.terminator(from).edge_count; ++i) {
    const Way way{from, i, graph.edges_of(graph.terminator(from))[i].target};
    if (way.through >= may_pass_.size()) continue; // a copy: it decides nothing
    if (may_pass_[way.through] == Answer::No || !is_short(graph, way.through)) continue;
    const u32 decided = decide(graph, way);
    if (decided == kNoWay || !may_pass(c, way.through) || copied_ >= kMostCopied) continue;
    if (!c.may_rewrite(kind_of_rewrite(graph, way))) continue;
    pass(graph, way, decided);
    // The copy reads what `from` makes perhaps, so that `from` cannot be passed itself any more.
    if (from < may_pass_.size()) may_pass_[from] = Answer::No;
  }
}

void ThreadPass::run(PassContext& c) {
  const analysis::BlockOrder& flow = c.analyses.order();
  const u32 blocks = c.graph.block_count();
  may_pass_.assign(blocks, Answer::Unknown);
  counted_ = false;
  copied_ = 0;
  for (Node node = 0; node < flow.size(); ++node) look_at(c, flow.block(node));
  for (BlockId copy = blocks; copy < c.graph.block_count(); ++copy) look_at(c, copy);
  if (c.graph.block_count() != blocks) c.analyses.control_changed();
}

} // namespace assay::opt
