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

constexpr Opcode kMakers[] = {Opcode::FAdd,     Opcode::FSub,    Opcode::FMul,  Opcode::FDiv,   Opcode::FSqrt,
                              Opcode::Fma,      Opcode::FMin,    Opcode::FMax,  Opcode::FCeil,  Opcode::FFloor,
                              Opcode::FTrunc,   Opcode::FNearest, Opcode::FPromote, Opcode::FDemote};
constexpr Opcode kBlind[] = {Opcode::FEq,  Opcode::FNe,  Opcode::FLt,     Opcode::FLe,     Opcode::FGt,  Opcode::FGe,
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

bool is_dirty(const Function& f, ValueId value) {
  if (!is_float(f.value_types[value])) return false;
  const ValueDef& def = f.value_defs[value];
  return !def.is_param && kKinds.makes[static_cast<u32>(f.insts[def.index].op)];
}

/// Calls `visit` with the pool index of every use that exposes a dirty value.
template <typename Visit> void each_exposed(const Function& f, Visit visit) {
  for (const Inst& inst : f.insts) {
    if (!kKinds.blind[static_cast<u32>(inst.op)]) {
      for (u32 i = 0; i < inst.operand_count; ++i) {
        if (is_dirty(f, f.pool[inst.operands + i])) visit(inst.operands + i);
      }
    }
    for (const Edge& edge : f.edges_of(inst)) {
      for (u32 i = 0; i < edge.arg_count; ++i) {
        if (is_dirty(f, f.pool[edge.args + i])) visit(edge.args + i);
      }
    }
  }
}

u32 canonicalise(Function& f, std::vector<u32>& uses, std::vector<ValueId>& canonical,
                 std::vector<Insertion>& insertions) {
  const auto makes = [](const Inst& inst) { return kKinds.makes[static_cast<u32>(inst.op)]; };
  if (std::none_of(f.insts.begin(), f.insts.end(), makes)) return 0;
  uses.clear();
  each_exposed(f, [&](u32 use) { uses.push_back(use); });
  if (uses.empty()) return 0;
  // By defining instruction, so that the insertions come out in their order.
  canonical.assign(f.insts.size(), kNone);
  for (const u32 use : uses) canonical[f.value_defs[f.pool[use]].index] = 0;
  insertions.clear();
  const u32 count = static_cast<u32>(f.insts.size());
  for (InstId id = 0; id < count; ++id) {
    if (canonical[id] == kNone) continue;
    const ValueId value = f.insts[id].first_result;
    const Type type = f.value_types[value];
    const Inst inst = make_inst(f, Opcode::FCanon, type, Type::None, {&value, 1}, type);
    canonical[id] = inst.first_result;
    insertions.push_back({id + 1, inst});
  }
  for (const u32 use : uses) f.pool[use] = canonical[f.value_defs[f.pool[use]].index];
  insert_all(f, insertions);
  return static_cast<u32>(insertions.size());
}

} // namespace

bool makes_arbitrary_nan(Opcode op) { return kKinds.makes[static_cast<u32>(op)]; }

u32 canonicalise_exposed_nans(Module& module) {
  std::vector<u32> uses;
  std::vector<ValueId> canonical;
  std::vector<Insertion> insertions;
  u32 count = 0;
  for (Function& f : module.functions) count += canonicalise(f, uses, canonical, insertions);
  return count;
}

} // namespace assay::fuzz
