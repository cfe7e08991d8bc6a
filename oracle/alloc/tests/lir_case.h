// lir_case.h - a LIR function together with an allocation of it, written down line by line.
//
// Moves stand where they are executed: before the instruction that follows. Registers r0..r3 and f0..f1 are
// allocatable, r4 is not, r5 and f5 are the scratch registers. Integer VRegs unless `floats` names them.
#pragma once

#include "compiler/codegen/lir.h"

#include <initializer_list>

namespace assay::oracle {

using codegen::Location;
using codegen::Operand;
using codegen::PReg;
using codegen::RegClass;
using codegen::Role;
using codegen::VReg;
using codegen::Where;

inline Location r(PReg index) { return Location::reg(index); }
inline Location f(PReg index) { return Location::reg(static_cast<PReg>(32 + index)); }
inline Location slot(u32 index) { return Location::slot(index); }

/// An operand and the place that the allocation gives it.
struct Placed {
  Operand operand;
  Location location;
};
inline Placed use(VReg v, Location at) { return {{v, Role::Use, Where::Any, 0, 0}, at}; }
inline Placed use_reg(VReg v, Location at) { return {{v, Role::Use, Where::Reg, 0, 0}, at}; }
inline Placed use_late(VReg v, Location at) { return {{v, Role::UseLate, Where::Reg, 0, 0}, at}; }
inline Placed use_fixed(VReg v, PReg reg, Location at) { return {{v, Role::Use, Where::Fixed, reg, 0}, at}; }
inline Placed def(VReg v, Location at) { return {{v, Role::Def, Where::Reg, 0, 0}, at}; }
inline Placed def_early(VReg v, Location at) { return {{v, Role::DefEarly, Where::Reg, 0, 0}, at}; }
inline Placed def_fixed(VReg v, PReg reg, Location at) { return {{v, Role::Def, Where::Fixed, reg, 0}, at}; }
inline Placed def_tied(VReg v, u8 to, Location at) { return {{v, Role::Def, Where::Tied, to, 0}, at}; }
inline Placed temp(VReg v, Location at) { return {{v, Role::Temp, Where::Reg, 0, 0}, at}; }

struct LirCase {
  codegen::LirFunction lir;
  codegen::Allocation allocation;
  codegen::RegisterFile registers;

  LirCase() {
    registers.allocatable = 0xf | u64{0x3} << 32;
    registers.scratch[0] = 5;
    registers.scratch[1] = 32 + 5;
    lir.clobber_sets = {0};
    allocation.slot_count = 4;
    allocation.written = 0x1f | u64{0x3} << 32;
    lir.vreg_class.assign(64, RegClass::Int);
  }

  void floats(std::initializer_list<VReg> vregs) {
    for (VReg v : vregs) lir.vreg_class[v] = RegClass::Float;
  }
  /// Starts the next block; blocks are numbered from 0.
  void block(std::initializer_list<VReg> params = {}) {
    codegen::LirBlock b;
    b.first_inst = static_cast<u32>(lir.insts.size());
    b.params = static_cast<u32>(lir.vreg_pool.size());
    b.param_count = static_cast<u32>(params.size());
    lir.vreg_pool.insert(lir.vreg_pool.end(), params);
    lir.blocks.push_back(b);
  }
  void move(Location from, Location to, RegClass reg_class = RegClass::Int) {
    allocation.edits.push_back({static_cast<u32>(lir.insts.size()), reg_class, from, to});
  }
  void inst(std::initializer_list<Placed> operands, codegen::RegSet clobbers = 0) {
    codegen::LirInst i;
    i.operands = static_cast<u32>(lir.operands.size());
    i.operand_count = static_cast<u16>(operands.size());
    for (const Placed& p : operands) {
      lir.operands.push_back(p.operand);
      allocation.locations.push_back(p.location);
    }
    if (clobbers != 0) {
      i.clobbers = static_cast<u16>(lir.clobber_sets.size());
      lir.clobber_sets.push_back(clobbers);
    }
    lir.insts.push_back(i);
    ++lir.blocks.back().inst_count;
  }
  /// The terminator: reads `operands`, goes to `succs`, giving `args`.
  void end(std::initializer_list<Placed> operands, std::initializer_list<u32> succs = {},
           std::initializer_list<VReg> args = {}) {
    inst(operands);
    codegen::LirBlock& b = lir.blocks.back();
    b.succs = static_cast<u32>(lir.block_pool.size());
    b.succ_count = static_cast<u32>(succs.size());
    lir.block_pool.insert(lir.block_pool.end(), succs);
    b.args = static_cast<u32>(lir.vreg_pool.size());
    b.arg_count = static_cast<u32>(args.size());
    lir.vreg_pool.insert(lir.vreg_pool.end(), args);
  }
  /// Fills in the predecessors; after the last block.
  void link() {
    for (u32 b = 0; b < lir.blocks.size(); ++b) {
      const u32 first = static_cast<u32>(lir.block_pool.size());
      for (u32 p = 0; p < lir.blocks.size(); ++p) {
        for (u32 i = 0; i < lir.blocks[p].succ_count; ++i) {
          if (lir.block_pool[lir.blocks[p].succs + i] == b) lir.block_pool.push_back(p);
        }
      }
      lir.blocks[b].preds = first;
      lir.blocks[b].pred_count = static_cast<u32>(lir.block_pool.size()) - first;
    }
  }
};

} // namespace assay::oracle
