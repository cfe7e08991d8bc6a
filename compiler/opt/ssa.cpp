// ssa.cpp - see ssa.h.
#include "compiler/opt/ssa.h"

#include "compiler/analysis/fill.h"

namespace assay::opt {

using analysis::Node;

namespace {

/// Sorts items by a number below `keys`, those of one number in their order; `firsts` gets where each number's begin,
/// and the end.
template <typename Item, typename Key>
void sort_by(Key key, u32 keys, std::vector<Item>& items, std::vector<Item>& scratch, analysis::Table<u32>& firsts) {
  analysis::fill_zero(firsts, keys + 1);
  for (const Item& item : items) ++firsts[key(item)];
  u32 total = 0;
  for (u32& first : firsts) first = total += first;
  scratch.resize(items.size());
  for (std::size_t i = items.size(); i-- > 0;) scratch[--firsts[key(items[i])]] = items[i];
  items.swap(scratch);
}

} // namespace

/// One event for each local that a block touches, sorted by local.
void SsaPass::collect(Graph& graph) {
  const u32 locals = static_cast<u32>(graph.locals().size());
  events_.clear();
  analysis::fill_none(event_of_, locals);
  analysis::fill_none(event_block_, locals);
  for (Node node = 0; node < flow_->size(); ++node) {
    for (InstId at = graph.block(flow_->block(node)).first; at != kNone; at = graph.inst(at).next) {
      const GraphInst& inst = graph.inst(at);
      if (inst.op != Opcode::LocalGet && inst.op != Opcode::LocalSet) continue;
      const u32 local = inst.ref;
      if (event_block_[local] != node) {
        event_block_[local] = node;
        event_of_[local] = static_cast<u32>(events_.size());
        events_.push_back({local, node, inst.op == Opcode::LocalGet, false});
      }
      if (inst.op == Opcode::LocalSet) events_[event_of_[local]].sets = true;
    }
  }
  sort_by([](const Event& event) { return event.local; }, locals, events_, sorted_events_, event_of_);
}

/// The entry counts as a definition: every local is zero there.
void SsaPass::place(Graph& graph) {
  frontier_.begin(*flow_, *dominators_);
  joined_.clear();
  for (std::size_t i = 0; i < events_.size();) {
    const u32 local = events_[i].local;
    defs_.assign(1, 0);
    uses_.clear();
    for (; i < events_.size() && events_[i].local == local; ++i) {
      const Event& event = events_[i];
      if (event.node == 0) continue;
      if (event.sets) defs_.push_back(event.node);
      if (event.reads_first) uses_.push_back(event.node);
    }
    if (uses_.empty()) continue;
    frontier_.live_in(uses_, defs_);
    frontier_.meet(defs_, meets_);
    for (const Node node : meets_) joined_.push_back({flow_->block(node), local, kNone});
  }
  sort_by([](const Joined& join) { return join.block; }, graph.block_count(), joined_, sorted_joined_, joined_firsts_);
  for (Joined& join : joined_) join.value = graph.add_param(join.block, graph.locals()[join.local]);
}

std::span<const SsaPass::Joined> SsaPass::joined_at(BlockId block) const {
  return {joined_.data() + joined_firsts_[block], joined_firsts_[block + 1] - joined_firsts_[block]};
}

/// The value that reaches this place; zero where nothing was set.
ValueId SsaPass::current(Graph& graph, u32 local) {
  if (current_[local] != kNone) return current_[local];
  if (zeros_[local] == kNone) zeros_[local] = graph.insert_const(graph.block(0).first, graph.locals()[local], 0);
  return zeros_[local];
}

void SsaPass::enter(Graph& graph, Node node) {
  const BlockId block = flow_->block(node);
  const auto set = [&](u32 local, ValueId value) {
    log_.push_back({local, current_[local]});
    current_[local] = value;
  };
  for (const Joined& join : joined_at(block)) set(join.local, join.value);
  for (InstId at = graph.block(block).first; at != kNone;) {
    const GraphInst& inst = graph.inst(at);
    const InstId id = at;
    at = inst.next;
    if (inst.op == Opcode::LocalSet) {
      set(inst.ref, graph.operand(inst, 0));
      graph.remove(id);
    } else if (inst.op == Opcode::LocalGet) {
      const ValueId result = inst.first_result;
      graph.replace(result, current(graph, inst.ref)); // may add an instruction
      graph.remove(id);
    }
  }
  pass_on(graph, block);
}

void SsaPass::pass_on(Graph& graph, BlockId block) {
  const u32 count = graph.terminator(block).edge_count;
  for (u32 i = 0; i < count; ++i) {
    const BlockId target = graph.edges_of(graph.terminator(block))[i].target;
    for (const Joined& join : joined_at(target)) {
      const ValueId value = current(graph, join.local); // may add an instruction
      graph.edges_of(graph.terminator(block))[i].args.push_back(value);
    }
  }
}

void SsaPass::rename(Graph& graph) {
  analysis::fill_none(current_, graph.locals().size());
  analysis::fill_none(zeros_, graph.locals().size());
  log_.clear();
  stack_.assign(1, {0, 0, 0});
  enter(graph, 0);
  while (!stack_.empty()) {
    Visit& top = stack_.back();
    const auto children = dominators_->children(top.node);
    if (top.next_child == children.size()) {
      for (; log_.size() > top.log; log_.pop_back()) current_[log_.back().local] = log_.back().before;
      stack_.pop_back();
      continue;
    }
    const Node child = children[top.next_child++];
    stack_.push_back({child, 0, log_.size()});
    enter(graph, child);
  }
}

void SsaPass::run(PassContext& context) {
  Graph& graph = context.graph;
  if (graph.locals().empty()) return;
  flow_ = &context.analyses.flow();
  dominators_ = &context.analyses.dominators();
  collect(graph);
  place(graph);
  rename(graph);
  graph.drop_locals();
}

} // namespace assay::opt
