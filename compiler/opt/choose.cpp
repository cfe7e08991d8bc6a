// choose.cpp - see choose.h.
#include "compiler/opt/choose.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"

#include <utility>

namespace assay::opt {

namespace {

constexpr u32 kMostSpeculated = 3; // on both ways together
constexpr u32 kMostBlockInsts = 8;
constexpr u32 kMostSelects = 2;

/// Costs no more than a branch that is predicted now and then, and never traps.
bool is_cheap(Opcode op) {
  switch (op) {
  case Opcode::Const:
  case Opcode::Add:
  case Opcode::Sub:
  case Opcode::Mul:
  case Opcode::And:
  case Opcode::Or:
  case Opcode::Xor:
  case Opcode::Shl:
  case Opcode::ShrS:
  case Opcode::ShrU:
  case Opcode::Rotl:
  case Opcode::Rotr:
  case Opcode::MinS:
  case Opcode::MinU:
  case Opcode::MaxS:
  case Opcode::MaxU:
  case Opcode::Sext:
  case Opcode::Zext:
  case Opcode::Trunc: return true;
  case Opcode::DivU:
  case Opcode::RemU: return ASSAY_PLANTED(choose_runs_traps);
  default: return false;
  }
}

const GraphEdge& edge_on(Graph& graph, const GraphEdge& edge, BlockId through) {
  return through == kNone ? edge : graph.edges_of(graph.terminator(through))[0];
}

} // namespace

/// Where an edge of a branch leads, past a block that does little and that no other edge leads to.
ChoosePass::Way ChoosePass::way_of(PassContext& c, const GraphEdge& edge) const {
  Graph& graph = c.graph;
  Way way;
  way.to = edge.target;
  const GraphBlock& block = graph.block(edge.target);
  if (edges_into_[edge.target] != 1 || !block.params.empty() || graph.inst(block.last).op != Opcode::Jump) return way;
  u32 work = 0, count = 0;
  for (InstId at = block.first; at != block.last; at = graph.inst(at).next) {
    if (++count > kMostBlockInsts || !is_cheap(graph.inst(at).op)) return way;
    work += graph.inst(at).op != Opcode::Const ? 1 : 0;
  }
  way.through = edge.target;
  way.to = graph.edges_of(graph.inst(block.last))[0].target;
  way.work = work;
  return way;
}

/// Whether the edges pass on the same values but for a few integers; which.
bool ChoosePass::find_differing(Graph& graph, const GraphEdge& first, const GraphEdge& second) {
  differing_.clear();
  if (first.args.size() != second.args.size()) return false;
  for (u32 i = 0; i < first.args.size(); ++i) {
    const ValueId a = graph.now(first.args[i]);
    if (a == graph.now(second.args[i])) continue;
    const Type type = graph.value(a).type;
    if (differing_.size() == kMostSelects || is_float(type) || type == Type::Ptr) return false;
    differing_.push_back(i);
  }
  return true;
}

/// What stood on the ways goes before the branch, selects behind it, and the branch becomes a jump along one way.
void ChoosePass::join(Graph& graph, BlockId block, const Way (&ways)[2]) {
  const InstId branch = graph.block(block).last;
  for (const Way& way : ways) {
    if (way.through == kNone) continue;
    while (graph.block(way.through).first != graph.block(way.through).last)
      graph.move(graph.block(way.through).first, branch);
  }
  const auto edge = [&](u32 way) -> GraphEdge& {
    const BlockId from = ways[way].through;
    return from == kNone ? graph.edges_of(graph.inst(branch))[way] : graph.edges_of(graph.terminator(from))[0];
  };
  for (const u32 index : differing_) {
    ValueId values[3] = {graph.operand(graph.inst(branch), 0), graph.now(edge(0).args[index]),
                         graph.now(edge(1).args[index])};
    GraphInst select;
    select.op = Opcode::Select;
    select.type = graph.value(values[1]).type;
    if (ASSAY_PLANTED(choose_wrong_way)) std::swap(values[1], values[2]);
    const ValueId chosen = graph.insert(branch, select, values, true);
    edge(0).args[index] = chosen; // the way that stays
  }
  graph.make_jump(block, 0);
}

bool ChoosePass::choose(PassContext& c, BlockId block) {
  Graph& graph = c.graph;
  const GraphInst& branch = graph.terminator(block);
  if (branch.op != Opcode::Branch) return false;
  const auto edges = graph.edges_of(branch);
  const Way ways[2] = {way_of(c, edges[0]), way_of(c, edges[1])};
  if (ways[0].to != ways[1].to || ways[0].work + ways[1].work > kMostSpeculated) return false;
  if (ways[0].to == block) return false;
  if (!find_differing(graph, edge_on(graph, edges[0], ways[0].through), edge_on(graph, edges[1], ways[1].through)))
    return false;
  const bool works = ways[0].work + ways[1].work != 0;
  if (!c.may_rewrite(works ? RewriteKind::ChooseSelectOfWork : RewriteKind::ChooseSelect)) return false;
  join(graph, block, ways);
  return true;
}

void ChoosePass::run(PassContext& c) {
  const analysis::BlockOrder& flow = c.analyses.order();
  analysis::fill_zero(edges_into_, c.graph.block_count());
  for (analysis::Node node = 0; node < flow.size(); ++node)
    for (const GraphEdge& edge : c.graph.edges_of(c.graph.terminator(flow.block(node)))) ++edges_into_[edge.target];
  bool changed = false;
  // Inner ways first.
  for (analysis::Node node = flow.size(); node-- > 0;) changed |= choose(c, flow.block(node));
  if (changed) c.analyses.control_changed();
}

} // namespace assay::opt
