// edges.cpp - mutations of control flow: arms swapped, edges sent elsewhere, block parameters added and removed.
//
// An edge that changes may take dominance from values; such uses get another value afterwards. The entry
// block is never a target. Linear in the function, and one computation of dominators.
// Tested in fuzz/mutate/tests/mutator_test.cpp.
#include "fuzz/generate/draw/constants.h"
#include "fuzz/mutate/context.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

/// Calls `visit(inst, edge)` for every edge to the block.
template <typename Visit> void each_edge_to(const Function& f, BlockId target, Visit visit) {
  for (const Block& block : f.blocks) {
    const InstId last = block.first_inst + block.inst_count - 1;
    const Inst& inst = f.insts[last];
    for (u32 i = 0; i < inst.edge_count; ++i) {
      if (f.edges[inst.first_edge + i].target == target) visit(last, inst.first_edge + i);
    }
  }
}

/// Gives the block parameters of these types, in fresh values; old ones, where kept, are `kept[i]`.
void renew_parameters(MutationContext& c, BlockId id, std::span<const Type> types, std::span<const ValueId> kept) {
  Function& f = c.f();
  const ValueId first = f.value_count();
  for (u32 i = 0; i < types.size(); ++i) {
    f.value_types.push_back(types[i]);
    f.value_defs.push_back({id, true});
    if (kept[i] != kNone) c.replace_uses(kept[i], first + i);
  }
  f.blocks[id].first_param = first;
  f.blocks[id].param_count = static_cast<u32>(types.size());
}

} // namespace

/// The arms of a branch, or two edges of a switch, with their arguments.
bool swap_arms(MutationContext& c) {
  Function& f = c.f();
  const InstId id = c.random_inst([](const Inst& inst) { return inst.edge_count >= 2 && !is_try_call(inst.op); });
  if (id == kNone) return false;
  const Inst& inst = f.insts[id];
  const u32 a = c.random().below(inst.edge_count);
  const u32 b = (a + 1 + c.random().below(inst.edge_count - 1)) % inst.edge_count;
  Edge& x = f.edges[inst.first_edge + a];
  Edge& y = f.edges[inst.first_edge + b];
  std::swap(x.target, y.target);
  std::swap(x.args, y.args);
  std::swap(x.arg_count, y.arg_count);
  return true;
}

bool redirect_edge(MutationContext& c) {
  Function& f = c.f();
  if (f.blocks.size() < 3) return false;
  const InstId id = c.random_inst([](const Inst& inst) { return inst.edge_count != 0 && !is_try_call(inst.op); });
  if (id == kNone) return false;
  const u32 edge = f.insts[id].first_edge + c.random().below(f.insts[id].edge_count);
  const BlockId target = c.random().between(1, static_cast<u32>(f.blocks.size()) - 1);
  if (target == f.edges[edge].target) return false;
  // A block whose exceptions come in first cannot be reached by a plain edge without one: a ptr is needed then.
  std::vector<ValueId> args;
  const Block block = f.blocks[target];
  for (u32 i = 0; i < block.param_count; ++i) {
    const ValueId value = c.pick_or_make(f.value_types[block.first_param + i], id);
    if (value == kNone) return false;
    args.push_back(value);
  }
  f.edges[edge].args = add_operands(f, args);
  f.edges[edge].arg_count = block.param_count;
  f.edges[edge].target = target;
  return c.repair();
}

/// A new parameter, given by every edge, takes the place of one value in the block.
bool add_block_parameter(MutationContext& c) {
  Function& f = c.f();
  const Use* use = c.random_use();
  if (use == nullptr || use->block == 0 || !c.reachable(use->block)) return false;
  const BlockId id = use->block;
  const Type type = f.value_types[f.pool[use->pool]];
  const u32 place = use->pool;
  if (f.blocks[id].param_count >= 200) return false;
  each_edge_to(f, id, [&](InstId last, u32 index) {
    const ValueId value = c.pick_or_make(type, last);
    std::vector<ValueId> args(f.args_of(f.edges[index]).begin(), f.args_of(f.edges[index]).end());
    args.push_back(value);
    f.edges[index].args = add_operands(f, args);
    f.edges[index].arg_count = static_cast<u32>(args.size());
  });
  std::vector<Type> types;
  std::vector<ValueId> kept;
  const Block block = f.blocks[id];
  for (u32 i = 0; i < block.param_count; ++i) {
    types.push_back(f.value_types[block.first_param + i]);
    kept.push_back(block.first_param + i);
  }
  types.push_back(type);
  kept.push_back(kNone);
  renew_parameters(c, id, types, kept);
  // The use may have been an argument of an edge that was copied: then the old place is dead, which is harmless.
  f.pool[place] = f.blocks[id].first_param + block.param_count;
  c.finish();
  renumber(f);
  return true;
}

/// A parameter goes; a value that dominates the block, or a literal, takes its place.
bool remove_block_parameter(MutationContext& c) {
  Function& f = c.f();
  if (f.blocks.size() < 2) return false;
  const BlockId id = c.random().between(1, static_cast<u32>(f.blocks.size()) - 1);
  const Block block = f.blocks[id];
  if (block.param_count == 0) return false;
  const u32 gone = c.random().below(block.param_count);
  const ValueId old = block.first_param + gone;
  u32 implicit = 0; // parameters that a try_call gives by itself
  each_edge_to(f, id,
               [&](InstId, u32 index) { implicit = std::max(implicit, block.param_count - f.edges[index].arg_count); });
  if (gone < implicit) return false;
  const ValueId other = c.pick_or_make(f.value_types[old], block.first_inst, old);
  if (other == kNone || (other >= block.first_param && other < block.first_param + block.param_count)) return false;
  each_edge_to(f, id, [&](InstId, u32 index) {
    Edge& edge = f.edges[index];
    const u32 at = gone - (block.param_count - edge.arg_count);
    std::vector<ValueId> args(f.args_of(edge).begin(), f.args_of(edge).end());
    args.erase(args.begin() + at);
    edge.args = add_operands(f, args);
    edge.arg_count = static_cast<u32>(args.size());
  });
  c.replace_uses(old, other);
  std::vector<Type> types;
  std::vector<ValueId> kept;
  for (u32 i = 0; i < block.param_count; ++i) {
    if (i == gone) continue;
    types.push_back(f.value_types[block.first_param + i]);
    kept.push_back(block.first_param + i);
  }
  renew_parameters(c, id, types, kept);
  c.finish();
  renumber(f);
  return true;
}

/// Two arguments of one type on one edge change places: swaps and cycles of parallel copies.
bool permute_arguments(MutationContext& c) {
  Function& f = c.f();
  const InstId id = c.random_inst([](const Inst& inst) { return inst.edge_count != 0; });
  if (id == kNone) return false;
  const Edge& edge = f.edges[f.insts[id].first_edge + c.random().below(f.insts[id].edge_count)];
  if (edge.arg_count < 2) return false;
  const u32 a = c.random().below(edge.arg_count);
  for (u32 i = 1; i < edge.arg_count; ++i) {
    u32& x = f.pool[edge.args + a];
    u32& y = f.pool[edge.args + (a + i) % edge.arg_count];
    if (x == y || f.value_types[x] != f.value_types[y] || f.value_types[x] == Type::Ptr) continue;
    std::swap(x, y);
    return true;
  }
  return false;
}

} // namespace assay::fuzz
