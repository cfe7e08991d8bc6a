// nan.cpp - canonicalises NaNs whose payload could be observed.
//
// AIR leaves the payload of a NaN that arithmetic makes open. A value is dirty when such an operation made it.
// Dirty values may flow into arithmetic, comparisons, conversions to integer and fcanon, which all treat
// every NaN alike; any other use exposes them and takes the result of an fcanon placed right after the
// definition. Parameters, loads and call results are clean, since what feeds them was an exposing use. One
// pass to find, one to insert. Tested in fuzz/mutate/tests/nan_test.cpp.
#include "fuzz/mutate/nan.h"

#include "fuzz/mutate/edit.h"

#include <algorithm>
#include <array>

namespace assay::fuzz {
namespace {

constexpr Opcode kMakers[] = {Opcode::FAdd,   Opcode::FSub,     Opcode::FMul,     Opcode::FDiv,   Opcode::FSqrt,
                              Opcode::Fma,    Opcode::FMin,     Opcode::FMax,     Opcode::FCeil,  Opcode::FFloor,
                              Opcode::FTrunc, Opcode::FNearest, Opcode::FPromote, Opcode::FDemote};
constexpr Opcode kBlind[] = {Opcode::FEq,  Opcode::FNe,  Opcode::FLt,     Opcode::FLe,     Opcode::FGt,   Opcode::FGe,
                             Opcode::F2iS, Opcode::F2iU, Opcode::F2iSatS, Opcode::F2iSatU, Opcode::FCanon};

struct Kinds {
  std::array<bool, kOpcodeCount> makes{}; // an arbitrary NaN
  std::array<bool, kOpcodeCount> blind{}; // to payloads
  constexpr Kinds() {
    for (const Opcode op : kMakers) makes[static_cast<u32>(op)] = blind[static_cast<u32>(op)] = true;
    for (const Opcode op : kBlind) blind[static_cast<u32>(op)] = true;
  }
};
constexpr Kinds kKinds;

struct Scratch {
  std::vector<u8> dirty;          // by ValueId
  std::vector<u32> uses;          // pool indices of the uses that expose
  std::vector<ValueId> canonical; // by InstId of the definition
  std::vector<Insertion> insertions;
};

/// Marks the values that arithmetic made. False when there are none.
bool mark_dirty(const Function& f, std::vector<u8>& dirty) {
  const auto makes = [](const Inst& inst) { return kKinds.makes[static_cast<u32>(inst.op)]; };
  auto next = std::find_if(f.insts.begin(), f.insts.end(), makes);
  if (next == f.insts.end()) return false;
  dirty.assign(f.value_count(), 0);
  for (; next != f.insts.end(); ++next) {
    if (makes(*next)) dirty[next->first_result] = 1;
  }
  return true;
}

void find_exposed(const Function& f, Scratch& scratch) {
  scratch.uses.clear();
  const u8* dirty = scratch.dirty.data();
  const ValueId* pool = f.pool.data();
  const auto look = [&scratch, dirty, pool](u32 first, u32 count) {
    for (u32 use = first; use < first + count; ++use) {
      if (dirty[pool[use]] != 0) scratch.uses.push_back(use);
    }
  };
  for (const Inst& inst : f.insts) {
    if (!kKinds.blind[static_cast<u32>(inst.op)]) look(inst.operands, inst.operand_count);
    if (inst.edge_count == 0) continue;
    for (const Edge& edge : f.edges_of(inst)) look(edge.args, edge.arg_count);
  }
}

u32 canonicalise(Function& f, Scratch& scratch) {
  if (!mark_dirty(f, scratch.dirty)) return 0;
  find_exposed(f, scratch);
  if (scratch.uses.empty()) return 0;
  // By defining instruction, so that the insertions come out in their order.
  scratch.canonical.assign(f.insts.size(), kNone);
  for (const u32 use : scratch.uses) scratch.canonical[f.value_defs[f.pool[use]].index] = 0;
  scratch.insertions.clear();
  const u32 count = static_cast<u32>(f.insts.size());
  for (InstId id = 0; id < count; ++id) {
    if (scratch.canonical[id] == kNone) continue;
    const ValueId value = f.insts[id].first_result;
    const Type type = f.value_types[value];
    const Inst inst = make_inst(f, Opcode::FCanon, type, Type::None, {&value, 1}, type);
    scratch.canonical[id] = inst.first_result;
    scratch.insertions.push_back({id + 1, inst});
  }
  for (const u32 use : scratch.uses) f.pool[use] = scratch.canonical[f.value_defs[f.pool[use]].index];
  insert_all(f, scratch.insertions);
  return static_cast<u32>(scratch.insertions.size());
}

} // namespace

bool makes_arbitrary_nan(Opcode op) { return kKinds.makes[static_cast<u32>(op)]; }

u32 canonicalise_exposed_nans(Module& module) {
  thread_local Scratch scratch;
  u32 count = 0;
  for (Function& f : module.functions) count += canonicalise(f, scratch);
  return count;
}

} // namespace assay::fuzz
