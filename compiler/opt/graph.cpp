// graph.cpp - see graph.h: reading, writing, and the steps that passes are made of.
#include "compiler/opt/graph.h"

#include "assay/errors.h"

#include "compiler/analysis/fill.h"

#include <utility>

namespace assay::opt {

// ---- reading -----------------------------------------------------------------------------------------------

void Graph::read(const Function& function) {
  insts_.clear();
  values_.clear();
  pool_.clear();
  locals_.clear();
  slots_.clear();
  extents_.clear();
  block_count_ = edge_count_ = 0;
  copy(function, {});
}

BlockId Graph::append(const Function& function, InstId first_origin) {
  Bases bases;
  bases.inst = inst_count();
  bases.block = block_count_;
  bases.edge = edge_count_;
  bases.value = value_count();
  bases.pool = static_cast<u32>(pool_.size());
  bases.local = static_cast<u32>(locals_.size());
  bases.slot = static_cast<u32>(slots_.size());
  bases.origin = first_origin;
  copy(function, bases);
  return bases.block;
}

void Graph::copy(const Function& function, const Bases& bases) {
  pool_.insert(pool_.end(), function.pool.begin(), function.pool.end()); // values are all that it holds
  if (bases.value != 0)
    for (std::size_t i = bases.pool; i < pool_.size(); ++i) pool_[i] += bases.value;
  locals_.insert(locals_.end(), function.locals.begin(), function.locals.end());
  slots_.insert(slots_.end(), function.slots.begin(), function.slots.end());
  block_count_ += static_cast<u32>(function.blocks.size());
  if (blocks_.size() < block_count_) blocks_.resize(block_count_);
  edge_count_ += static_cast<u32>(function.edges.size());
  if (edges_.size() < edge_count_) edges_.resize(edge_count_);
  values_.resize(bases.value + function.value_count());
  for (ValueId id = 0; id < function.value_count(); ++id) values_[bases.value + id].type = function.value_types[id];
  insts_.resize(bases.inst + function.insts.size());
  for (BlockId id = 0; id < function.blocks.size(); ++id) copy_block(function, id, bases);
  for (u32 i = 0; i < function.edges.size(); ++i) {
    const Edge& from = function.edges[i];
    GraphEdge& edge = edges_[bases.edge + i];
    edge.target = bases.block + from.target;
    edge.kind = from.kind;
    edge.value = from.value;
    edge.args.clear();
    for (const ValueId arg : function.args_of(from)) edge.args.push_back(bases.value + arg);
  }
}

void Graph::copy_block(const Function& function, BlockId id, const Bases& bases) {
  const Block& from = function.blocks[id];
  GraphBlock& block = blocks_[bases.block + id];
  block.params.clear();
  for (u32 i = 0; i < from.param_count; ++i) {
    const ValueId param = bases.value + from.first_param + i;
    block.params.push_back(param);
    values_[param].block = bases.block + id;
  }
  block.first = bases.inst + from.first_inst;
  block.last = block.first + from.inst_count - 1;
  for (InstId at = block.first; at <= block.last; ++at) {
    const Inst& source = function.insts[at - bases.inst];
    const bool names_local = source.op == Opcode::LocalGet || source.op == Opcode::LocalSet;
    const u32 shift = names_local ? bases.local : source.op == Opcode::SlotAddr ? bases.slot : 0;
    GraphInst& inst = insts_[at];
    inst.op = source.op;
    inst.type = source.type;
    inst.from = source.from;
    inst.ref = source.ref + shift;
    inst.imm = source.imm;
    inst.operands = source.operands + bases.pool;
    inst.operand_count = source.operand_count;
    inst.first_edge = source.first_edge + bases.edge;
    inst.edge_count = source.edge_count;
    inst.first_result = source.first_result + bases.value;
    inst.result_count = source.result_count;
    inst.prev = at == block.first ? kNone : at - 1;
    inst.next = at == block.last ? kNone : at + 1;
    inst.block = bases.block + id;
    inst.origin = bases.origin + (at - bases.inst);
    for (u32 r = 0; r < source.result_count; ++r) values_[inst.first_result + r].inst = at;
  }
}

// ---- steps -------------------------------------------------------------------------------------------------

/// To where a replaced value leads.
ValueId Graph::follow(ValueId id) {
  ValueId root = id;
  while (values_[root].replaced_by != kNone) root = values_[root].replaced_by;
  while (values_[id].replaced_by != kNone) { // the next reader has it in one step
    const ValueId next = values_[id].replaced_by;
    values_[id].replaced_by = root;
    id = next;
  }
  return root;
}

void Graph::unlink(InstId id) {
  const GraphInst& inst = insts_[id];
  GraphBlock& block = blocks_[inst.block];
  if (inst.prev == kNone) block.first = inst.next;
  else insts_[inst.prev].next = inst.next;
  if (inst.next == kNone) block.last = inst.prev;
  else insts_[inst.next].prev = inst.prev;
}

void Graph::link(InstId id, InstId before) {
  GraphInst& inst = insts_[id];
  inst.prev = insts_[before].prev;
  inst.next = before;
  inst.block = insts_[before].block;
  if (inst.prev == kNone) blocks_[inst.block].first = id;
  else insts_[inst.prev].next = id;
  insts_[before].prev = id;
}

void Graph::remove(InstId id) {
  unlink(id);
  insts_[id].block = kNone;
}

void Graph::move(InstId id, InstId before) {
  unlink(id);
  link(id, before);
}

ValueId Graph::add_param(BlockId block, Type type) {
  const ValueId id = static_cast<ValueId>(values_.size());
  values_.push_back({type, kNone, kNone, block});
  blocks_[block].params.push_back(id);
  return id;
}

ValueId Graph::insert(InstId before, GraphInst inst, std::span<const ValueId> operands, bool has_result) {
  const InstId id = static_cast<InstId>(insts_.size());
  inst.operands = static_cast<u32>(pool_.size());
  inst.operand_count = static_cast<u32>(operands.size());
  pool_.insert(pool_.end(), operands.begin(), operands.end());
  inst.first_edge = edge_count_;
  inst.edge_count = 0;
  inst.first_result = value_count();
  inst.result_count = has_result;
  if (has_result) values_.push_back({inst.type, kNone, id, kNone});
  insts_.push_back(inst);
  link(id, before);
  return has_result ? inst.first_result : kNone;
}

ValueId Graph::insert_const(InstId before, Type type, u64 bits) {
  GraphInst inst;
  inst.op = Opcode::Const;
  inst.type = type;
  inst.imm = bits;
  return insert(before, inst, {}, true);
}

u32 Graph::add_local(Type type) {
  locals_.push_back(type);
  return static_cast<u32>(locals_.size() - 1);
}

void Graph::make_jump(BlockId block, u32 edge) {
  GraphInst& inst = terminator(block);
  if (edge != 0) std::swap(edges_[inst.first_edge], edges_[inst.first_edge + edge]);
  edges_[inst.first_edge].kind = EdgeKind::Normal;
  edges_[inst.first_edge].value = 0;
  inst.op = Opcode::Jump;
  inst.type = Type::None;
  inst.operand_count = 0;
  inst.edge_count = 1;
}

void Graph::merge_with_next(BlockId id) {
  GraphBlock& block = blocks_[id];
  const InstId jump = block.last;
  const GraphEdge& edge = edges_[insts_[jump].first_edge];
  GraphBlock& next = blocks_[edge.target];
  for (std::size_t i = 0; i < next.params.size(); ++i) replace(next.params[i], now(edge.args[i]));
  for (InstId at = next.first; at != kNone; at = insts_[at].next) insts_[at].block = id;
  insts_[next.first].prev = insts_[jump].prev;
  if (insts_[jump].prev == kNone) block.first = next.first;
  else insts_[insts_[jump].prev].next = next.first;
  block.last = next.last;
  insts_[jump].block = kNone;
  next.first = next.last = kNone;
  next.params.clear();
}

u32 Graph::new_edge(BlockId target) {
  const u32 edge = edge_count_++;
  if (edges_.size() < edge_count_) edges_.resize(edge_count_);
  edges_[edge].target = target;
  edges_[edge].kind = EdgeKind::Normal;
  edges_[edge].value = 0;
  edges_[edge].args.clear();
  return edge;
}

BlockId Graph::split_behind(InstId id) {
  const BlockId made = block_count_++;
  if (blocks_.size() < block_count_) blocks_.resize(block_count_);
  GraphBlock& from = blocks_[insts_[id].block];
  GraphBlock& to = blocks_[made];
  to.params.clear();
  to.first = insts_[id].next;
  to.last = from.last;
  from.last = id;
  insts_[id].next = kNone;
  insts_[to.first].prev = kNone;
  for (InstId at = to.first; at != kNone; at = insts_[at].next) insts_[at].block = made;
  return made;
}

void Graph::end_with_jump(InstId last, BlockId target, std::span<const ValueId> args) {
  const u32 edge = new_edge(target);
  edges_[edge].args.assign(args.begin(), args.end());
  GraphInst& jump = insts_[last];
  jump.op = Opcode::Jump;
  jump.type = jump.from = Type::None;
  jump.ref = kNone;
  jump.imm = 0;
  jump.operand_count = 0;
  jump.first_edge = edge;
  jump.edge_count = 1;
  jump.first_result = value_count();
  jump.result_count = 0;
  jump.origin = kNone;
}

void Graph::make_branch(BlockId block, ValueId condition, BlockId if_true) {
  const u32 first = new_edge(if_true), other = new_edge(kNone);
  GraphInst& inst = terminator(block);
  std::swap(edges_[other], edges_[inst.first_edge]);
  inst.op = Opcode::Branch;
  inst.operands = static_cast<u32>(pool_.size());
  inst.operand_count = 1;
  pool_.push_back(condition);
  inst.first_edge = first;
  inst.edge_count = 2;
}

BlockId Graph::add_jump_block(BlockId target, std::span<const ValueId> params_like) {
  const BlockId id = block_count_++;
  if (blocks_.size() < block_count_) blocks_.resize(block_count_);
  const u32 edge = new_edge(target);
  blocks_[id].params.clear();
  for (const ValueId like : params_like) edges_[edge].args.push_back(add_param(id, values_[like].type));
  GraphInst jump;
  jump.op = Opcode::Jump;
  jump.first_edge = edge;
  jump.edge_count = 1;
  jump.first_result = value_count();
  jump.block = id;
  blocks_[id].first = blocks_[id].last = inst_count();
  insts_.push_back(jump);
  return id;
}

BlockId Graph::add_block_like(BlockId like) {
  const BlockId id = block_count_++;
  if (blocks_.size() < block_count_) blocks_.resize(block_count_);
  blocks_[id].params.clear();
  for (const ValueId param : blocks_[like].params) add_param(id, values_[param].type);
  GraphInst last = terminator(like);
  ASSAY_CHECK(last.result_count == 0);
  const u32 operands = static_cast<u32>(pool_.size());
  for (u32 i = 0; i < last.operand_count; ++i) pool_.push_back(ValueId{pool_[last.operands + i]});
  const u32 first_edge = edge_count_;
  for (u32 i = 0; i < last.edge_count; ++i) {
    const u32 to = new_edge(kNone);
    edges_[to] = edges_[last.first_edge + i];
  }
  last.operands = operands;
  last.first_edge = first_edge;
  last.first_result = value_count();
  last.prev = last.next = kNone;
  last.block = id;
  blocks_[id].first = blocks_[id].last = inst_count();
  insts_.push_back(last);
  return id;
}

BlockId Graph::open_entry() {
  const BlockId made = add_jump_block(0, blocks_[0].params);
  std::swap(blocks_[0], blocks_[made]);
  edges_[terminator(0).first_edge].target = made;
  for (const BlockId id : {BlockId{0}, made}) {
    for (const ValueId param : blocks_[id].params) values_[param].block = id;
    for (InstId at = blocks_[id].first; at != kNone; at = insts_[at].next) insts_[at].block = id;
  }
  return made;
}

void Graph::remove_params(const analysis::BlockOrder& flow, std::span<const u8> gone) {
  for (analysis::Node node = 0; node < flow.size(); ++node) {
    for (GraphEdge& edge : edges_of(terminator(flow.block(node)))) {
      const std::vector<ValueId>& params = blocks_[edge.target].params;
      const std::size_t implicit = params.size() - edge.args.size();
      std::size_t kept = 0;
      for (std::size_t i = 0; i < edge.args.size(); ++i)
        if (gone[params[implicit + i]] == 0) edge.args[kept++] = edge.args[i];
      edge.args.resize(kept);
    }
  }
  for (analysis::Node node = 0; node < flow.size(); ++node) {
    std::vector<ValueId>& params = blocks_[flow.block(node)].params;
    std::size_t kept = 0;
    for (const ValueId param : params)
      if (gone[param] == 0) params[kept++] = param;
    params.resize(kept);
  }
}

void Graph::count_uses(const analysis::BlockOrder& flow, analysis::Table<u32>& uses) {
  analysis::fill_zero(uses, value_count());
  for (analysis::Node node = 0; node < flow.size(); ++node) {
    for (InstId at = blocks_[flow.block(node)].first; at != kNone; at = insts_[at].next) {
      const GraphInst& inst = insts_[at];
      for (u32 i = 0; i < inst.operand_count; ++i) ++uses[operand(inst, i)];
      for (u32 e = 0; e < inst.edge_count; ++e)
        for (ValueId& arg : edges_[inst.first_edge + e].args) ++uses[arg = now(arg)];
    }
  }
}

void Graph::remove_unread(std::vector<ValueId>& values, analysis::Table<u32>& uses) {
  const auto is_part = [](Opcode op) {
    return op == Opcode::Add || op == Opcode::Shl || op == Opcode::Mul || op == Opcode::Zext || op == Opcode::Sext;
  };
  while (!values.empty()) {
    const ValueId value = values.back();
    values.pop_back();
    const InstId id = values_[value].inst;
    if (id == kNone || uses[value] != 0 || insts_[id].block == kNone || !is_part(insts_[id].op)) continue;
    for (u32 i = 0; i < insts_[id].operand_count; ++i) {
      const ValueId read = operand(insts_[id], i);
      if (uses[read] != 0 && --uses[read] == 0) values.push_back(read);
    }
    remove(id);
  }
}

void Graph::list_edges(std::vector<u32>& ends, std::vector<BlockId>& targets) const {
  ends.resize(block_count_);
  targets.resize(edge_count_); // at most: no two instructions in blocks have edges in common
  u32 count = 0;
  for (BlockId id = 0; id < block_count_; ++id) {
    if (const InstId last = blocks_[id].last; last != kNone) {
      const GraphInst& inst = insts_[last];
      for (u32 i = 0; i < inst.edge_count; ++i) targets[count++] = edges_[inst.first_edge + i].target;
    }
    ends[id] = count;
  }
  targets.resize(count);
}

// ---- writing -----------------------------------------------------------------------------------------------

/// Operands and edges; every value used has its number by then.
void Graph::write_values(Function& function, const GraphInst& inst, Inst& out) {
  out.operands = static_cast<u32>(function.pool.size());
  for (u32 i = 0; i < inst.operand_count; ++i) function.pool.push_back(written_as_[operand(inst, i)]);
  out.first_edge = static_cast<u32>(function.edges.size());
  for (const GraphEdge& edge : edges_of(inst)) {
    Edge to;
    to.target = block_as_[edge.target];
    to.kind = edge.kind;
    to.value = edge.value;
    to.args = static_cast<u32>(function.pool.size());
    to.arg_count = static_cast<u32>(edge.args.size());
    for (const ValueId arg : edge.args) function.pool.push_back(written_as_[now(arg)]);
    function.edges.push_back(to);
  }
}

/// Numbers parameters and results; instructions without operands yet.
void Graph::write_block(Function& function, BlockId id, std::vector<InstId>& origins, const Marks* marks) {
  ValueId next = function.value_count();
  const auto number = [&](ValueId value, ValueDef def) {
    written_as_[value] = next++;
    function.value_types.push_back(values_[value].type);
    function.value_defs.push_back(def);
  };
  const u32 index = static_cast<u32>(function.blocks.size());
  InstId written = static_cast<InstId>(function.insts.size());
  Block& block = function.blocks.emplace_back();
  block.first_inst = written;
  block.first_param = next;
  block.param_count = static_cast<u32>(blocks_[id].params.size());
  for (const ValueId param : blocks_[id].params) number(param, {index, true});
  for (InstId at = blocks_[id].first; at != kNone; at = insts_[at].next, ++written) {
    const GraphInst& inst = insts_[at];
    Inst& out = function.insts.emplace_back();
    out.op = inst.op;
    out.type = inst.type;
    out.from = inst.from;
    out.ref = inst.ref;
    out.imm = inst.imm;
    out.operand_count = inst.operand_count;
    out.edge_count = inst.edge_count;
    out.first_result = next;
    out.result_count = inst.result_count;
    for (u32 r = 0; r < inst.result_count; ++r) number(inst.first_result + r, {written, false});
    origins.push_back(inst.origin);
    if (marks == nullptr) continue;
    marks->inside.push_back(inst.inside ? 1 : 0);
    if (inst.extent != kNone) marks->extents.push_back({written, extents_[inst.extent]});
  }
  block.inst_count = written - block.first_inst;
}

void Graph::write(Function& function, std::vector<InstId>& origins, const Marks* marks) {
  list_edges(ends_, targets_);
  order_.order(ends_, targets_);
  write(order_, function, origins, marks);
}

void Graph::write(const analysis::BlockOrder& order, Function& function, std::vector<InstId>& origins,
                  const Marks* marks) {
  if (marks != nullptr) {
    marks->inside.clear();
    marks->extents.clear();
  }
  function.clear_body();
  function.slots.assign(slots_.begin(), slots_.end());
  function.locals.assign(locals_.begin(), locals_.end());
  origins.clear();
  analysis::fill_none(written_as_, values_.size());
  analysis::fill_none(block_as_, block_count_);
  for (analysis::Node node = 0; node < order.size(); ++node) block_as_[order.block(node)] = node;
  for (analysis::Node node = 0; node < order.size(); ++node) write_block(function, order.block(node), origins, marks);
  for (analysis::Node node = 0; node < order.size(); ++node) {
    InstId written = function.blocks[node].first_inst;
    for (InstId at = blocks_[order.block(node)].first; at != kNone; at = insts_[at].next)
      write_values(function, insts_[at], function.insts[written++]);
  }
}

} // namespace assay::opt
