// random_lir.h - random LIR functions, and a machine that runs an allocated one along random paths twice: by value
// names and by locations. Every read must find the value it names. (oracle/alloc proves the same over all paths.)
#pragma once

#include "compiler/codegen/lir_builder.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

namespace assay::codegen {

inline RegisterFile small_file() {
  RegisterFile file;
  for (u32 r = 0; r < 8; ++r) {
    if (r == 4) continue; // never allocatable
    file.allocatable |= bit(static_cast<PReg>(r));
    file.order[0][file.order_count[0]++] = static_cast<u8>(r);
  }
  for (u32 r = 32; r < 38; ++r) {
    file.allocatable |= bit(static_cast<PReg>(r));
    file.order[1][file.order_count[1]++] = static_cast<u8>(r);
  }
  file.callee_saved = bit(5) | bit(6);
  file.scratch[0] = 15;
  file.scratch[1] = 47;
  return file;
}

// Makes functions that meet lir.h's invariants: a random control flow graph in reverse postorder with split
// edges, values used only where their definition dominates.
class RandomLir {
public:
  /// `constants`: up to so many values that no instruction defines.
  explicit RandomLir(u32 seed, u32 constants = 0)
      : random_(seed), as_lowered_(seed % 4 != 0), constants_(constants != 0 ? pick(constants + 1) : 0) {}

  LirFunction make() { return build(); }

private:
  u32 pick(u32 bound) { return static_cast<u32>(random_() % bound); }

  VReg new_vreg(RegClass c) {
    function_.vreg_class.push_back(c);
    return function_.vreg_count() - 1;
  }

  // Blocks form a chain of shapes: straight, diamond, loop; the values visible at each block are kept.
  LirFunction build() {
    function_.clobber_sets = {0, bit(0) | bit(1) | bit(2) | bit(3) | bit(7) | bit(32) | bit(33) | bit(34)};
    std::vector<VReg> visible;
    for (u32 k = 0; k < constants_; ++k) {
      visible.push_back(new_vreg(pick(3) == 0 ? RegClass::Float : RegClass::Int));
      function_.constants.push_back({visible.back(), Constant::Kind::Bits, 8, k});
    }
    open_block();
    fill(visible, 3 + pick(8));
    shapes(visible, 1 + pick(5), 0);
    terminate({}, visible, true);
    finish_edges();
    return std::move(function_);
  }

  // Shapes in a row. Two deep, they lie within a side of a diamond or the body of a loop.
  void shapes(std::vector<VReg>& visible, u32 count, u32 depth) {
    for (u32 s = 0; s < count; ++s) {
      switch (pick(3)) {
      case 0: diamond(visible, depth); break;
      case 1: loop(visible, depth); break;
      default: fill(visible, 1 + pick(12)); break;
      }
    }
  }
  void inner_shapes(std::vector<VReg>& visible, u32 depth) {
    if (depth < 2 && pick(3) == 0) shapes(visible, 1 + pick(3), depth + 1);
  }

  void open_block() {
    LirBlock block;
    block.first_inst = static_cast<u32>(function_.insts.size());
    block.params = static_cast<u32>(function_.vreg_pool.size());
    if (as_lowered_) block.first_vreg = function_.vreg_count();
    function_.blocks.push_back(block);
    succs_.push_back({});
    args_.push_back({});
  }
  u32 current() const { return static_cast<u32>(function_.blocks.size() - 1); }

  std::vector<VReg> add_params(u32 count) {
    std::vector<VReg> params;
    for (u32 i = 0; i < count; ++i) params.push_back(new_vreg(pick(3) == 0 ? RegClass::Float : RegClass::Int));
    LirBlock& block = function_.blocks.back();
    block.params = static_cast<u32>(function_.vreg_pool.size());
    block.param_count = count;
    function_.vreg_pool.insert(function_.vreg_pool.end(), params.begin(), params.end());
    return params;
  }

  static void put_defs_first(std::vector<Operand>& operands) {
    const auto is_def = [](const Operand& operand) { return operand.role == Role::Def; };
    const auto defs = std::count_if(operands.begin(), operands.end(), is_def);
    for (Operand& operand : operands) {
      if (operand.where == Where::Tied) operand.index = static_cast<u8>(operand.index + defs);
    }
    std::stable_partition(operands.begin(), operands.end(), is_def);
  }

  void add_inst(std::vector<Operand> operands, u32 clobbers) {
    LirInst inst;
    if (as_lowered_) {
      put_defs_first(operands);
      if (clobbers == 0) {
        const OperandPlan plan = plan_of(operands);
        inst.def_count = plan.def_count;
        inst.plan = plan.plan;
      }
    }
    inst.operands = static_cast<u32>(function_.operands.size());
    inst.operand_count = static_cast<u16>(operands.size());
    inst.clobbers = static_cast<u16>(clobbers);
    function_.operands.append(operands.data(), operands.data() + operands.size());
    function_.insts.push_back(inst);
    ++function_.blocks.back().inst_count;
  }

  VReg some(const std::vector<VReg>& visible, RegClass c) {
    std::vector<VReg> fit;
    for (VReg v : visible) {
      if (function_.vreg_class[v] == c) fit.push_back(v);
    }
    if (fit.empty()) return kNone;
    return pick(2) == 0 ? fit[pick(static_cast<u32>(fit.size()))]
                        : fit[fit.size() - 1 - pick(std::min<u32>(4, static_cast<u32>(fit.size())))];
  }

  void fill(std::vector<VReg>& visible, u32 count) {
    for (u32 n = 0; n < count; ++n) {
      std::vector<Operand> operands;
      std::vector<VReg> made;
      const bool call = pick(8) == 0;
      RegSet fixed_uses = 0, fixed_defs = 0;
      const u32 uses = pick(call ? 5 : 3);
      for (u32 u = 0; u < uses; ++u) {
        const RegClass c = pick(4) == 0 ? RegClass::Float : RegClass::Int;
        const VReg v = some(visible, c);
        if (v == kNone) continue;
        Operand operand{v, Role::Use, Where::Reg, 0, 0};
        const u32 kind = pick(6);
        if (call || kind == 0) {
          const PReg reg = static_cast<PReg>(c == RegClass::Int ? pick(4) : 32 + pick(3));
          if ((fixed_uses & bit(reg)) == 0) {
            operand.where = Where::Fixed;
            operand.index = reg;
            fixed_uses |= bit(reg);
          }
        } else if (kind == 1) {
          operand.where = Where::Any;
        } else if (kind == 2) {
          operand.role = Role::UseLate;
        }
        operands.push_back(operand);
      }
      if (!call && pick(4) == 0) operands.push_back({new_vreg(RegClass::Int), Role::Temp, Where::Reg, 0, 0});
      if (!call && pick(8) == 0 && (fixed_uses & bit(3)) == 0) {
        operands.push_back({new_vreg(RegClass::Int), Role::Temp, Where::Fixed, 3, 0});
        fixed_defs |= bit(3);
      }
      const u32 defs = pick(3);
      for (u32 d = 0; d < defs; ++d) {
        const RegClass c = pick(4) == 0 ? RegClass::Float : RegClass::Int;
        Operand operand{new_vreg(c), Role::Def, Where::Reg, 0, 0};
        const u32 kind = pick(4);
        if (call || kind == 0) {
          const PReg reg = static_cast<PReg>(c == RegClass::Int ? pick(3) : 32 + pick(2));
          if ((fixed_defs & bit(reg)) == 0) {
            operand.where = Where::Fixed;
            operand.index = reg;
            fixed_defs |= bit(reg);
          }
        } else if (kind == 1 && d == 0 && !operands.empty() && operands[0].role == Role::Use &&
                   operands[0].where == Where::Reg && function_.vreg_class[operands[0].vreg] == c) {
          operand.where = Where::Tied;
          operand.index = 0;
        } else if (kind == 2 && c == RegClass::Int) {
          operand.role = Role::DefEarly;
        }
        made.push_back(operand.vreg);
        operands.push_back(operand);
      }
      add_inst(operands, call ? 1 : 0);
      visible.insert(visible.end(), made.begin(), made.end());
    }
  }

  // Ends the block; `uses` of a return or a branch.
  void terminate(std::vector<u32> succs, const std::vector<VReg>& visible, bool may_read) {
    std::vector<Operand> operands;
    if (may_read) {
      const VReg v = some(visible, RegClass::Int);
      if (v != kNone) operands.push_back({v, Role::Use, Where::Any, 0, 0});
    }
    add_inst(operands, 0);
    succs_[current()] = std::move(succs);
  }

  std::vector<VReg> args_for(const std::vector<VReg>& params, const std::vector<VReg>& visible) {
    std::vector<VReg> args;
    for (VReg p : params) args.push_back(some(visible, function_.vreg_class[p]));
    return args;
  }
  bool have_both(const std::vector<VReg>& visible) {
    return some(visible, RegClass::Int) != kNone && some(visible, RegClass::Float) != kNone;
  }

  void diamond(std::vector<VReg>& visible, u32 depth) {
    if (!have_both(visible)) return fill(visible, 4);
    const u32 head = current();
    terminate({}, visible, true);
    std::vector<VReg> side[2];
    std::vector<u32> ends;
    for (u32 s = 0; s < 2; ++s) {
      open_block();
      succs_[head].push_back(current());
      side[s] = visible;
      fill(side[s], pick(8));
      inner_shapes(side[s], depth);
      terminate({}, visible, false);
      ends.push_back(current());
    }
    open_block();
    const auto params = add_params(pick(6));
    for (u32 s = 0; s < 2; ++s) {
      args_[ends[s]] = args_for(params, side[s]);
      succs_[ends[s]] = {current()};
    }
    visible.insert(visible.end(), params.begin(), params.end());
    fill(visible, pick(4));
  }

  void loop(std::vector<VReg>& visible, u32 depth) {
    if (!have_both(visible)) return fill(visible, 4);
    const u32 before = current();
    terminate({before + 1}, visible, false);
    open_block(); // header
    const auto params = add_params(pick(6));
    args_[before] = args_for(params, visible);
    visible.insert(visible.end(), params.begin(), params.end());
    fill(visible, pick(6));
    terminate({before + 2}, visible, true);
    open_block(); // body, jumps back
    std::vector<VReg> inside = visible;
    fill(inside, pick(10));
    inner_shapes(inside, depth);
    terminate({before + 1}, inside, false);
    // A swap of parameters is the classic trap.
    args_[current()] = pick(2) == 0 ? rotated(params) : args_for(params, inside);
    open_block(); // exit
    succs_[before + 1].push_back(current());
    fill(visible, pick(4));
  }

  std::vector<VReg> rotated(const std::vector<VReg>& params) {
    std::vector<VReg> args = params;
    for (u32 i = 0; i < params.size(); ++i) {
      for (u32 k = 1; k <= params.size(); ++k) {
        const VReg other = params[(i + k) % params.size()];
        if (function_.vreg_class[other] == function_.vreg_class[params[i]]) {
          args[i] = other;
          break;
        }
      }
    }
    return args;
  }

  void finish_edges() {
    std::vector<std::vector<u32>> preds(function_.blocks.size());
    for (u32 b = 0; b < function_.blocks.size(); ++b) {
      LirBlock& block = function_.blocks[b];
      block.args = static_cast<u32>(function_.vreg_pool.size());
      block.arg_count = static_cast<u32>(args_[b].size());
      function_.vreg_pool.insert(function_.vreg_pool.end(), args_[b].begin(), args_[b].end());
      block.succs = static_cast<u32>(function_.block_pool.size());
      block.succ_count = static_cast<u32>(succs_[b].size());
      for (u32 s : succs_[b]) {
        function_.block_pool.push_back(s);
        preds[s].push_back(b);
      }
    }
    for (u32 b = 0; b < function_.blocks.size(); ++b) {
      function_.blocks[b].preds = static_cast<u32>(function_.block_pool.size());
      function_.blocks[b].pred_count = static_cast<u32>(preds[b].size());
      function_.block_pool.insert(function_.block_pool.end(), preds[b].begin(), preds[b].end());
    }
  }

  std::mt19937 random_;
  bool as_lowered_; // with all that lowering says of instructions and blocks, which allocation can do without
  u32 constants_;
  LirFunction function_;
  std::vector<std::vector<u32>> succs_;
  std::vector<std::vector<VReg>> args_;
};

// Runs the function along a random path, naming each value by a number, once in VRegs and once in locations.
class Machine {
public:
  Machine(const LirFunction& function, const Allocation& allocation, const RegisterFile& file, u32 seed)
      : function_(function), allocation_(allocation), file_(file), random_(seed) {
    for (u32 k = 0; k < function.constants.size(); ++k)
      places_[Location::slot(k).bits] = values_[function.constants[k].vreg] = ++next_value_;
  }

  std::string run() {
    u32 block = 0, edit = 0;
    for (u32 steps = 0; steps < 60; ++steps) {
      const LirBlock& b = function_.blocks[block];
      edit = first_edit(b.first_inst);
      for (u32 i = b.first_inst; i < b.first_inst + b.inst_count; ++i) {
        for (; edit < allocation_.edits.size() && allocation_.edits[edit].inst == i; ++edit)
          apply(allocation_.edits[edit]);
        if (std::string wrong = step(i) + written_; !wrong.empty()) return wrong;
      }
      const auto succs = function_.succs_of(b);
      if (succs.empty()) return {};
      const u32 next = succs[random_() % succs.size()];
      std::vector<u64> passed;
      for (VReg arg : function_.args_of(b)) passed.push_back(values_.at(arg));
      const auto params = function_.params_of(function_.blocks[next]);
      for (u32 p = 0; p < params.size(); ++p) values_[params[p]] = passed[p];
      block = next;
    }
    return {};
  }

private:
  u32 first_edit(u32 inst) const {
    u32 e = 0;
    while (e < allocation_.edits.size() && allocation_.edits[e].inst < inst) ++e;
    return e;
  }
  bool is_constant(Location place) const { return place.is_slot() && place.slot_index() < function_.constants.size(); }
  void apply(const Edit& edit) {
    if (is_constant(edit.to)) written_ = "a constant's slot is written";
    places_[edit.to.bits] = places_.count(edit.from.bits) != 0 ? places_[edit.from.bits] : 0;
  }

  std::string step(u32 index) {
    const LirInst& inst = function_.insts[index];
    const std::string at = "instruction " + std::to_string(index) + " operand ";
    std::set<u32> uses, late, early, defs;
    for (u32 o = 0; o < inst.operand_count; ++o) {
      const Operand& operand = function_.operands[inst.operands + o];
      const Location place = allocation_.locations[inst.operands + o];
      if (!place.valid()) return at + std::to_string(o) + " has no location";
      if (place.is_reg() && operand.where != Where::Fixed && (file_.allocatable & bit(place.preg())) == 0)
        return at + std::to_string(o) + " not allocatable";
      if (operand.where == Where::Fixed && place != Location::reg(operand.index))
        return at + std::to_string(o) + " fixed";
      if (is_constant(place)) return at + std::to_string(o) + " in a constant's slot";
      if (place.is_slot() && operand.where != Where::Any) return at + std::to_string(o) + " in a slot";
      if (operand.where == Where::Tied && place != allocation_.locations[inst.operands + operand.index])
        return at + std::to_string(o) + " tied";
      if (operand.role == Role::Use || operand.role == Role::UseLate) {
        if (places_.count(place.bits) == 0 || places_[place.bits] != values_.at(operand.vreg))
          return at + std::to_string(o) + " reads another value";
        (operand.role == Role::Use ? uses : late).insert(place.bits);
      } else if (operand.role == Role::Def) {
        if (!defs.insert(place.bits).second) return at + std::to_string(o) + " shares a definition";
      } else {
        if (!early.insert(place.bits).second) return at + std::to_string(o) + " shares an early write";
      }
    }
    for (u32 e : early) {
      if (uses.count(e) != 0 || late.count(e) != 0 || defs.count(e) != 0) return at + "early write overlaps";
    }
    for (u32 d : defs) {
      if (late.count(d) != 0) return at + "late read overlaps a definition";
    }
    const RegSet clobbers = function_.clobber_sets[inst.clobbers];
    for (u32 r = 0; r < 64; ++r) {
      if ((clobbers & bit(static_cast<PReg>(r))) != 0) places_[r] = 0;
    }
    for (u32 o = 0; o < inst.operand_count; ++o) {
      const Operand& operand = function_.operands[inst.operands + o];
      if (operand.role == Role::Use || operand.role == Role::UseLate) continue;
      values_[operand.vreg] = operand.role == Role::Temp ? 0 : ++next_value_;
      places_[allocation_.locations[inst.operands + o].bits] = values_[operand.vreg];
    }
    return {};
  }

  const LirFunction& function_;
  const Allocation& allocation_;
  const RegisterFile& file_;
  std::mt19937 random_;
  std::map<VReg, u64> values_;
  std::map<u32, u64> places_;
  u64 next_value_ = 0;
  std::string written_; // what went wrong with an edit
};

} // namespace assay::codegen
