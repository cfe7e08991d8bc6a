// edits_control.cpp - edits of blocks and the ways between them. See edits.h.
//
// Tested in fuzz/reduce/tests/edits_test.cpp.
#include "fuzz/reduce/edit_functions.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

std::span<const Type> results_of(const Program& program, FunctionId id) {
  return program.module.results_of(program.module.functions[id]);
}

template <typename Visit> void each_edge_to(LooseFunction& f, BlockId target, Visit visit) {
  for (u32 b = 0; b < f.blocks.size(); ++b) {
    for (LooseInst& inst : f.blocks[b].insts)
      for (LooseEdge& edge : inst.edges)
        if (edge.target == target) visit(b, inst, edge);
  }
}

/// How many parameters of the block no edge writes, since a try_call gives them.
std::size_t implicit_params(LooseFunction& f, BlockId block) {
  std::size_t most = 0;
  each_edge_to(f, block, [&](u32, const LooseInst&, const LooseEdge& edge) {
    most = std::max(most, f.blocks[block].params.size() - std::min(f.blocks[block].params.size(), edge.args.size()));
  });
  return most;
}

LooseInst jump_to(BlockId target, std::vector<ValueId> args) {
  LooseInst jump;
  jump.op = Opcode::Jump;
  jump.edges.push_back({target, std::move(args), EdgeKind::Normal, 0});
  return jump;
}

Opcode plain_call(Opcode op) {
  return op == Opcode::TryCall ? Opcode::Call : op == Opcode::TryCallIndirect ? Opcode::CallIndirect : Opcode::CallPtr;
}

} // namespace

void list_blocks(const Program& program, Places& out) {
  for (FunctionId id = 0; id < program.module.functions.size(); ++id)
    for (BlockId b = 0; b < program.module.functions[id].blocks.size(); ++b) out.push_back({id, b, 0, 0});
}

bool empty_block(LooseFunction& f, const Program& program, const Place& place) {
  f.end_with_return(place.block, 0, results_of(program, place.function));
  return true;
}

bool cut_block(LooseFunction& f, const Program& program, const Place& place) {
  const auto& insts = f.blocks[place.block].insts;
  if (insts.back().op == Opcode::Return) return false;
  f.end_with_return(place.block, insts.size() - 1, results_of(program, place.function));
  return true;
}

/// The block ends with a return of the last values in it that have the types of the results.
bool return_latest(LooseFunction& f, const Program& program, const Place& place) {
  LooseBlock& block = f.blocks[place.block];
  const std::span<const Type> types = results_of(program, place.function);
  if (types.empty()) return false;
  f.end_with_return(place.block, block.insts.size() - 1, types);
  std::vector<ValueId> values = block.params;
  for (const LooseInst& inst : block.insts) values.insert(values.end(), inst.results.begin(), inst.results.end());
  for (std::size_t i = types.size(); i-- != 0;) {
    const auto found =
        std::find_if(values.rbegin(), values.rend(), [&](ValueId value) { return f.type(value) == types[i]; });
    if (found == values.rend()) continue;
    block.insts.back().operands[i] = *found;
    values.erase(std::next(found).base());
  }
  return true;
}

void list_edges(const Program& program, Places& out) {
  each_inst(program.module, [&](Place place, const Function&, const Inst& inst) {
    if (inst.op == Opcode::Jump) return;
    for (place.index = 0; place.index < inst.edge_count; ++place.index) out.push_back(place);
  });
}

/// One of the ways becomes the only one. The ^ok way of a try_call keeps the call; others get zeros for what is thrown.
bool pick_edge(LooseFunction& f, const Program&, const Place& place) {
  auto& insts = f.blocks[place.block].insts;
  LooseInst last = insts.back();
  if (place.index >= last.edges.size()) return false;
  const LooseEdge edge = last.edges[place.index];
  const auto& params = f.blocks[edge.target].params;
  const std::size_t implicit = params.size() - std::min(params.size(), edge.args.size());
  std::vector<ValueId> args;
  insts.pop_back();
  for (std::size_t i = 0; i < implicit; ++i)
    args.push_back(is_try(last.op) && place.index == 0 ? f.new_value(f.type(params[i])) : f.zero(f.type(params[i])));
  if (is_try(last.op) && place.index == 0) {
    last.op = plain_call(last.op);
    last.results = args;
    last.edges.clear();
    insts.push_back(std::move(last));
  }
  args.insert(args.end(), edge.args.begin(), edge.args.end());
  insts.push_back(jump_to(edge.target, std::move(args)));
  return true;
}

void list_droppable_edges(const Program& program, Places& out) {
  each_inst(program.module, [&](Place place, const Function& f, const Inst& inst) {
    for (place.index = 0; place.index < inst.edge_count; ++place.index)
      if (f.edges[inst.first_edge + place.index].kind != EdgeKind::Normal) out.push_back(place);
  });
}

bool drop_edge(LooseFunction& f, const Program&, const Place& place) {
  auto& edges = f.blocks[place.block].insts.back().edges;
  if (place.index >= edges.size() || edges[place.index].kind == EdgeKind::Normal) return false;
  edges.erase(edges.begin() + place.index);
  return true;
}

void list_inner_blocks(const Program& program, Places& out) {
  for (FunctionId id = 0; id < program.module.functions.size(); ++id)
    for (BlockId b = 1; b < program.module.functions[id].blocks.size(); ++b) out.push_back({id, b, 0, 0});
}

/// One that nothing leads to, where the failure needs another such.
bool drop_block(LooseFunction& f, const Program&, const Place& place) {
  u32 ways = 0;
  each_edge_to(f, place.block, [&](u32, const LooseInst&, const LooseEdge&) { ++ways; });
  if (ways != 0) return false;
  f.blocks.erase(f.blocks.begin() + place.block);
  for (LooseBlock& block : f.blocks)
    for (LooseInst& inst : block.insts)
      for (LooseEdge& edge : inst.edges) edge.target -= edge.target > place.block ? 1 : 0;
  return true;
}

/// Into the one block that jumps to it.
bool merge_block(LooseFunction& f, const Program&, const Place& place) {
  u32 ways = 0, from = 0;
  bool jumps = false;
  each_edge_to(f, place.block, [&](u32 b, const LooseInst& inst, const LooseEdge&) {
    ++ways;
    from = b;
    jumps = inst.op == Opcode::Jump;
  });
  if (ways != 1 || !jumps || from == place.block) return false;
  LooseBlock& block = f.blocks[place.block];
  auto& insts = f.blocks[from].insts;
  const std::vector<ValueId> args = insts.back().edges[0].args;
  if (args.size() != block.params.size()) return false;
  for (std::size_t i = 0; i < args.size(); ++i) f.replace(block.params[i], args[i]);
  insts.pop_back();
  for (LooseInst& inst : block.insts) insts.push_back(std::move(inst));
  block.insts.clear();
  block.params.clear();
  return true;
}

/// Who comes to a block that only jumps on goes there at once.
bool skip_block(LooseFunction& f, const Program&, const Place& place) {
  const LooseBlock block = f.blocks[place.block];
  if (block.insts.size() != 1 || block.insts[0].op != Opcode::Jump) return false;
  const LooseEdge onward = block.insts[0].edges[0];
  if (onward.target == place.block || implicit_params(f, place.block) != 0) return false;
  each_edge_to(f, place.block, [&](u32, const LooseInst&, LooseEdge& edge) {
    std::vector<ValueId> args;
    for (const ValueId arg : onward.args) {
      const auto param = std::find(block.params.begin(), block.params.end(), f.now(arg));
      args.push_back(param == block.params.end() ? arg
                                                 : edge.args[static_cast<std::size_t>(param - block.params.begin())]);
    }
    edge.args = std::move(args);
    edge.target = onward.target;
  });
  return true;
}

void list_block_params(const Program& program, Places& out) {
  for (FunctionId id = 0; id < program.module.functions.size(); ++id) {
    const Function& f = program.module.functions[id];
    for (BlockId b = 1; b < f.blocks.size(); ++b)
      for (u32 i = 0; i < f.blocks[b].param_count; ++i) out.push_back({id, b, 0, i});
  }
}

namespace {
/// The parameter goes, from the edges too; false when a try_call gives it.
bool remove_param(LooseFunction& f, const Place& place) {
  auto& params = f.blocks[place.block].params;
  if (place.index >= params.size() || place.index < implicit_params(f, place.block)) return false;
  const std::size_t count = params.size();
  each_edge_to(f, place.block, [&](u32, const LooseInst&, LooseEdge& edge) {
    edge.args.erase(edge.args.begin() + static_cast<std::ptrdiff_t>(place.index - (count - edge.args.size())));
  });
  params.erase(params.begin() + place.index);
  return true;
}
} // namespace

bool zero_block_param(LooseFunction& f, const Program&, const Place& place) {
  const ValueId param = f.blocks[place.block].params[place.index];
  if (!remove_param(f, place)) return false;
  f.replace(param, f.zero(f.type(param)));
  return true;
}

/// By what the first edge gives for it.
bool replace_block_param(LooseFunction& f, const Program&, const Place& place) {
  const auto& params = f.blocks[place.block].params;
  const ValueId param = params[place.index];
  ValueId given = kNone;
  each_edge_to(f, place.block, [&](u32, const LooseInst&, const LooseEdge& edge) {
    const std::size_t implicit = params.size() - edge.args.size();
    if (given == kNone && place.index >= implicit) given = f.now(edge.args[place.index - implicit]);
  });
  if (given == kNone || given == param || !remove_param(f, place)) return false;
  f.replace(param, given);
  return true;
}

} // namespace assay::fuzz
