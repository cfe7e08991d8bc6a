// lir.h - LIR: machine instructions over virtual registers, and what allocation says of them.
//
// Target neutral in shape: the allocator, the symbolic checker and the dumper read only what is here; the
// meaning of LirInst::op, size, cond, imm belongs to the target. Arrays reused from function to function.
// The allocator leaves the code as it is and gives an Allocation: a location for each operand, and moves
// (edits) between instructions. (The interface is that of regalloc2.)
//
// Invariants of a LirFunction:
//  - blocks[0] is the entry, without parameters; every block is reachable; order is a reverse postorder,
//    so each block but the entry has a predecessor before it.
//  - each VReg has one definition (an operand of role Def, DefEarly or Temp, or a block parameter) that
//    dominates its uses; a constant's (LirFunction::constants) has none and is there from the start.
//  - a block with more than one successor passes no arguments, and none of its successors has another
//    predecessor (critical edges are split); so edge moves go to the end of a block with one successor.
//  - a block's last instruction is its terminator, and no other is.
//  - a landing pad (LirBlock::landing_pad) is entered by the unwinder while the terminator of its predecessor, a call,
//    is under way. What is live there lies in slots: its first instruction clobbers every register, which for the
//    caller's sake writes none, since the unwinder brings those back.
#pragma once

#include "assay/types.h"
#include "compiler/codegen/sequence.h"

#include <span>
#include <string>
#include <vector>

namespace assay::codegen {

using VReg = u32;
/// Unified register index (frame.h): 0-31 integer class, 32-63 float class.
using PReg = u8;
using RegSet = u64; // one bit a PReg

enum class RegClass : u8 { Int, Float };
constexpr RegClass class_of(PReg reg) { return reg < 32 ? RegClass::Int : RegClass::Float; }
constexpr RegSet bit(PReg reg) { return RegSet{1} << reg; }

/// When an operand is read or written. "Early" is before, "late" is after the instruction's effect.
enum class Role : u8 {
  Use,      // read early: its register may be reused for a Def
  UseLate,  // read late: must not share a register with any Def, DefEarly or Temp
  Def,      // written late: may share a register with a Use
  DefEarly, // written early: shares with no Use
  Temp,     // written early, dead afterwards: shares with no operand; its VReg occurs nowhere else
};

/// Where an operand may live.
enum class Where : u8 {
  Reg,   // any register of its class
  Any,   // a register or a stack slot (only Use, UseLate)
  Fixed, // the register `index`
  Tied,  // (a Def) the register of the Use operand number `index` of the same instruction
};

struct Operand {
  VReg vreg = kNone;
  Role role = Role::Use;
  Where where = Where::Reg;
  u8 index = 0;
  u8 unused = 0;
};
inline bool is_use(const Operand& operand) { return operand.role == Role::Use || operand.role == Role::UseLate; }

struct LirInst {
  // Values of `plan`. All but kGeneral promise: no fixed register, only Use and Def, at most operand 0 tied.
  static constexpr u8 kGeneral = 255;
  static constexpr u8 kUntied = 254; // below that: the Use that operand 0 is tied to

  u16 op = 0;       // target's operation
  u8 size = 0;      // target's: operand size in bytes
  u8 cond = 0;      // target's: condition code
  u32 operands = 0; // first of operand_count in LirFunction::operands
  u16 operand_count = 0;
  u16 flags = 0;      // target's
  u16 clobbers = 0;   // index in LirFunction::clobber_sets; 0: none. Written late, besides the Defs
  u8 def_count = 0;   // unless `plan` is kGeneral: how many operands are Defs; they come first
  u8 plan = kGeneral; // what allocation need not find out by looking at each operand
  u32 aux = 0;        // target's: callee, trap site, rodata offset, address form
  u32 origin = kNone; // AIR InstId that it implements
  i64 imm = 0;        // target's: immediate or displacement
};

struct LirBlock {
  u32 first_inst = 0, inst_count = 0;
  u32 params = 0, param_count = 0; // in LirFunction::vreg_pool: VRegs defined on entry
  u32 args = 0, arg_count = 0;     // in vreg_pool: given to the sole successor's parameters
  u32 succs = 0, succ_count = 0;   // in LirFunction::block_pool
  u32 preds = 0, pred_count = 0;   // in LirFunction::block_pool
  BlockId origin = kNone;          // AIR block, kNone for a split edge
  u32 first_vreg = kNone;          // VRegs below it are defined in earlier blocks, no others are; kNone: not known
  bool landing_pad = false;
};

/// A definition demanded in one register: allocation tries to keep the value there.
struct FixedDef {
  VReg vreg;
  PReg reg;
};

/// A value that no instruction defines: constant k lies in slot k, as it were, which nobody writes and only moves read.
/// That slot is nowhere: such a move makes the value. So a constant has a register where one is free, and to give that
/// up costs nothing.
struct Constant {
  enum class Kind : u8 { Bits, MemoryBase }; // `bits` are the value; are added to the base of linear memory
  VReg vreg = kNone;
  Kind kind = Kind::Bits;
  u8 size = 8; // of a float, in bytes
  u64 bits = 0;
};

struct LirFunction {
  Sequence<LirInst> insts;
  Sequence<Operand> operands;
  std::vector<LirBlock> blocks;
  std::vector<VReg> vreg_pool;
  std::vector<u32> block_pool;
  Sequence<RegClass> vreg_class;    // [VReg]
  std::vector<RegSet> clobber_sets; // [0] is empty
  std::vector<FixedDef> fixed_defs; // hints: may lack some
  std::vector<Constant> constants;  // few; none where allocation is that of regalloc.h
  u32 outgoing_bytes = 0;           // largest area for stack arguments of the calls made
  bool may_loop = true;             // false: no edge leads to its own or an earlier block

  std::span<const LirInst> insts_of(const LirBlock& b) const { return {insts.data() + b.first_inst, b.inst_count}; }
  std::span<const Operand> operands_of(const LirInst& i) const {
    return {operands.data() + i.operands, i.operand_count};
  }
  std::span<const VReg> params_of(const LirBlock& b) const { return {vreg_pool.data() + b.params, b.param_count}; }
  std::span<const VReg> args_of(const LirBlock& b) const { return {vreg_pool.data() + b.args, b.arg_count}; }
  std::span<const u32> succs_of(const LirBlock& b) const { return {block_pool.data() + b.succs, b.succ_count}; }
  std::span<const u32> preds_of(const LirBlock& b) const { return {block_pool.data() + b.preds, b.pred_count}; }
  u32 vreg_count() const { return static_cast<u32>(vreg_class.size()); }
  void clear();
};

/// A register or a spill slot (8 bytes each, numbered from 0).
struct Location {
  u32 bits = kNone;
  static Location reg(PReg r) { return {r}; }
  static Location slot(u32 index) { return {0x80000000u | index}; }
  bool valid() const { return bits != kNone; }
  bool is_reg() const { return bits < 64; }
  bool is_slot() const { return valid() && (bits & 0x80000000u) != 0; }
  PReg preg() const { return static_cast<PReg>(bits); }
  u32 slot_index() const { return bits & 0x7fffffffu; }
  friend bool operator==(const Location&, const Location&) = default;
};

/// One move, executed before instruction `inst` (after all edits listed earlier for it). Moves for the
/// end of a block stand before its terminator. All 64 bits are moved. A slot-to-slot move is allowed: the
/// emitter does it through the class's scratch register, which no value ever lives in.
struct Edit {
  u32 inst = 0;
  RegClass reg_class = RegClass::Int;
  Location from, to;
};

struct Allocation {
  Sequence<Location> locations; // [index in LirFunction::operands]
  std::vector<Edit> edits;      // sorted by inst; order within one inst is execution order
  u32 slot_count = 0;           // spill slots used, the constants' among them
  u32 cycle_slot = kNone;       // one that is only written and read with nothing but moves of one class between
                                // registers in between: the emitter may take its scratch register of that class
  RegSet written = 0;           // every register that an operand, edit or clobber writes
  void clear();
  /// The edit as the emitter makes it, with its scratch register in place of cycle_slot.
  Edit beyond_cycle_slot(Edit edit, PReg scratch) const {
    const Location slot = cycle_slot == kNone ? Location{} : Location::slot(cycle_slot);
    if (edit.from == slot) edit.from = Location::reg(scratch);
    if (edit.to == slot) edit.to = Location::reg(scratch);
    return edit;
  }
};

/// What the allocator may use; from the target and the convention.
struct RegisterFile {
  RegSet allocatable = 0;  // never includes stack pointer, frame pointer, context, scratch
  RegSet callee_saved = 0; // cost of first use; subset of all registers
  PReg scratch[2] = {};    // [RegClass]: reserved for the emitter
  u8 order[2][32] = {};    // [RegClass]: allocation preference, caller-saved first
  u8 order_count[2] = {};
  RegSet wanted_fixed = 0; // registers that instructions often demand: others are better for everything else
};

} // namespace assay::codegen
