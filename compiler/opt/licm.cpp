// licm.cpp - see licm.h.
#include "compiler/opt/licm.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"
#include "compiler/opt/traps.h"

namespace assay::opt {

using analysis::Loop;
using analysis::Node;

namespace {

constexpr u32 kMaxLevels = 8;
constexpr BlockId kUnknown = kNone, kImpossible = kNone - 1;

/// Whether it may run where it did not run before. Of native loads that is known only where they are.
bool may_run_early(PassContext& c, const GraphInst& inst) {
  if (info(inst.op).is(kWrites | kCalls | kEnds | kEffect)) return false;
  const MemoryKind kind = kind_of(c.graph, inst);
  if (kind == kSlots || kind == kOther) return false;
  return !may_trap(c, inst) || ASSAY_PLANTED(licm_hoists_traps);
}

RewriteKind kind_of_rewrite(Graph& graph, const GraphInst& inst) {
  if (kind_of(graph, inst) != kMemoryKinds) return RewriteKind::LicmLoad;
  return info(inst.op).is(kTraps) ? RewriteKind::LicmDivision : RewriteKind::LicmOperation;
}

} // namespace

/// Where values are computed, and what loops write, those within them included.
void LicmPass::begin(PassContext& c) {
  Graph& graph = c.graph;
  const auto& all = loops_->all();
  analysis::fill_none(home_, graph.value_count());
  analysis::fill_zero(writes_, all.size());
  preheader_.assign(all.size(), kUnknown);
  for (Node node = 0; node < flow_->size(); ++node) {
    const u32 loop = loops_->of(node);
    const BlockId block = flow_->block(node);
    for (const ValueId param : graph.block(block).params) home_[param] = loop;
    for (InstId at = graph.block(block).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      for (u32 r = 0; r < inst.result_count; ++r) home_[inst.first_result + r] = loop;
      if (loop != kNone) writes_[loop] |= written_by(graph, inst);
    }
  }
  for (std::size_t i = all.size(); i-- > 0;)
    if (all[i].parent != kNone) writes_[all[i].parent] |= writes_[i];
}

bool LicmPass::contains(u32 loop, u32 inner) const {
  const auto& all = loops_->all();
  while (inner != kNone && all[inner].depth > all[loop].depth) inner = all[inner].parent;
  return inner == loop;
}

bool LicmPass::reads_from(Graph& graph, const GraphInst& inst, u32 loop) {
  for (u32 i = 0; i < inst.operand_count; ++i)
    if (contains(loop, home_[graph.operand(inst, i)])) return true;
  return false;
}

/// Whether it gives the same before the loop as inside, whenever that is.
bool LicmPass::may_leave(PassContext& c, const GraphInst& inst, u32 loop) {
  if (loops_->all()[loop].irreducible || reads_from(c.graph, inst, loop)) return false;
  const MemoryKind kind = kind_of(c.graph, inst);
  if (kind != kMemoryKinds && (writes_[loop] & mask_of(kind)) != 0 && !ASSAY_PLANTED(licm_ignores_stores)) return false;
  return preheader(c, loop) != kImpossible;
}

/// The outermost loop, from `loop` outwards, before which the instruction may go; kNone: it stays.
u32 LicmPass::outermost(PassContext& c, const GraphInst& inst, u32 loop) {
  u32 found = kNone;
  for (u32 level = 0; level < kMaxLevels && loop != kNone && may_leave(c, inst, loop); ++level) {
    found = loop;
    loop = loops_->all()[loop].parent;
  }
  return found;
}

BlockId LicmPass::make_preheader(Graph& graph, u32 loop) {
  const Node header = loops_->all()[loop].header;
  const BlockId target = flow_->block(header);
  u32 entries = 0;
  BlockId only = kNone;
  for (const Node pred : flow_->preds(header)) {
    if (contains(loop, loops_->of(pred))) continue;
    only = flow_->block(pred);
    for (const GraphEdge& edge : graph.edges_of(graph.terminator(only)))
      if (edge.target == target && edge.args.size() != graph.block(target).params.size()) return kImpossible;
    ++entries;
  }
  if (entries == 1 && graph.terminator(only).op == Opcode::Jump) return only;
  const std::vector<ValueId> params = graph.block(target).params;
  const BlockId made = graph.add_jump_block(target, params);
  home_.resize(graph.value_count(), loops_->all()[loop].parent);
  for (const Node pred : flow_->preds(header)) {
    if (contains(loop, loops_->of(pred))) continue;
    for (GraphEdge& edge : graph.edges_of(graph.terminator(flow_->block(pred))))
      if (edge.target == target) edge.target = made;
  }
  control_changed_ = true;
  return made;
}

BlockId LicmPass::preheader(PassContext& c, u32 loop) {
  if (preheader_[loop] == kUnknown) preheader_[loop] = make_preheader(c.graph, loop);
  return preheader_[loop];
}

void LicmPass::visit(PassContext& c, Node node) {
  Graph& graph = c.graph;
  const u32 loop = loops_->of(node);
  for (InstId at = graph.block(flow_->block(node)).first; at != kNone;) {
    const InstId id = at;
    at = graph.inst(id).next;
    // Most read what the loop computes: that is asked first.
    if (reads_from(graph, graph.inst(id), loop) || !may_run_early(c, graph.inst(id))) continue;
    const GraphInst inst = graph.inst(id); // a new block has a jump, which may move it
    const u32 out_of = outermost(c, inst, loop);
    if (out_of == kNone || !c.may_rewrite(kind_of_rewrite(graph, inst))) continue;
    graph.move(id, graph.block(preheader_[out_of]).last);
    for (u32 r = 0; r < inst.result_count; ++r) home_[inst.first_result + r] = loops_->all()[out_of].parent;
  }
}

void LicmPass::run(PassContext& c) {
  flow_ = &c.analyses.flow();
  loops_ = &c.analyses.loops();
  if (loops_->all().empty()) return;
  control_changed_ = false;
  begin(c);
  for (Node node = 0; node < flow_->size(); ++node)
    if (loops_->of(node) != kNone) visit(c, node);
  if (control_changed_) c.analyses.control_changed();
}

} // namespace assay::opt
