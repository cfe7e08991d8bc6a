// lowering_memory.cpp - selection for linear memory, native memory, locals and globals.
//
// No memory is larger than kMemoryLimit, so an access whose constant part alone reaches beyond it always
// traps and is lowered to that; every other end fits 31 bits and can be an immediate. It never shrinks, so what lies
// within its first size needs no check, nor what the optimiser says is (opt/bounds.h). Accesses inside a stack slot
// address the frame directly.
// At O2 a function that touches linear memory holds its base in a value of its own, defined at the entry or a constant
// (lir.h): the base does not change while a call runs. What an access with the same address has shown is not checked
// again: within a block, and behind it as far as no other way leads there. And where nothing in the module can make
// the memory larger, its size is a constant; an i32 that is extended and shifted for accesses alone is then checked
// and used as it is. Constant time an instruction; at O2 one look at each of the module's before, and at the
// function's. Tested in compiler/codegen/tests/lower_test.cpp.
#include "assay/planted.h"
#include "compiler/codegen/lowering.h"

#include <algorithm>

namespace assay::codegen {

/// `param` is ACCESS(size, signed) of rules.def; size 0 is that of the type.
LoweringBase::Access LoweringBase::access_of(const Inst& inst, u32 param) const {
  Access access;
  access.size = (param & 0xff) != 0 ? param & 0xff : size_of(inst.type);
  access.flags = static_cast<u16>(((param & 0x100) != 0 ? kSigned : 0) | (is_float(inst.type) ? kFloatValue : 0));
  return access;
}

/// Whether the memory may grow.
void LoweringBase::find_memory() {
  fixed_memory_ = options_.level == Level::O2;
  if (!fixed_memory_) return;
  for (const Function& function : module_->functions) {
    for (const Inst& inst : function.insts) fixed_memory_ &= inst.op != Opcode::MemoryGrow;
  }
}

void LoweringBase::hold_memory_base() {
  memory_base_ = kNone;
  scaled_.clear();
  clean_.clear();
  parts_.clear();
  parted_.clear();
  packed_.clear();
  if (options_.level != Level::O2) return;
  addresses_.clear();
  u32 wide_stores = 0;
  for (const BlockId block : flow_.order()) {
    for (const Inst& inst : fn_->insts_of(fn_->blocks[block])) {
      if (!is_linear_access(inst.op)) continue;
      addresses_.push_back(operand(inst, 0));
      wide_stores += inst.op == Opcode::Store && inst.type == Type::F64 ? 1 : 0;
    }
  }
  if (addresses_.empty() || !may(Decision::MemoryBaseHeld)) return;
  memory_base_ = new_int();
  if (may_hold_) b_.function().constants.push_back({memory_base_, Constant::Kind::MemoryBase, 8, 0});
  else add_op(CommonOp::MemBase, 8, {def(memory_base_)});
  checked_.assign(fn_->value_count(), {});
  only_pred_.assign(fn_->blocks.size(), kNone);
  find_indexed();
  find_clean();
  if (abilities_.adds_scaled) find_scaled();
  if (abilities_.packs_doubles && wide_stores > 1) find_packed();
  if (in_loop_.empty()) return;
  find_shared();
  find_parted();
}

// ---- addresses that are computed from an index -------------------------------------------------------

const Inst* LoweringBase::made_by(ValueId value) const {
  const ValueDef& source = fn_->value_defs[value];
  return source.is_param ? nullptr : &fn_->insts[source.index];
}

bool LoweringBase::is_loaded(ValueId value) const {
  const Inst* const inst = made_by(value);
  return inst != nullptr && (inst->op == Opcode::Load || inst->op == Opcode::PLoad || inst->op == Opcode::GlobalGet) &&
         !is_float(inst->type) && vregs_[value] != kNone;
}

/// (ext(x) << n) + c. A negative x makes an address far beyond any memory, unless something is added.
LoweringBase::Indexed LoweringBase::as_indexed(ValueId address) const {
  Indexed out;
  const Inst* inst = made_by(address);
  i64 constant = 0;
  if (inst != nullptr && inst->op == Opcode::Add && unnamed_int_const(operand(*inst, 1), constant)) {
    if (constant <= 0 || constant > i64{kMemoryLimit}) return {};
    out.beyond = static_cast<u32>(constant);
    inst = made_by(operand(*inst, 0));
  }
  if (inst != nullptr && inst->op == Opcode::Shl && unnamed_int_const(operand(*inst, 1), constant)) {
    if (constant < 0 || constant > 3) return {};
    out.scale = static_cast<u8>(constant);
    inst = made_by(operand(*inst, 0));
  }
  if (inst == nullptr || inst->from != Type::I32 || inst->type != Type::I64) return {};
  out.is_signed = inst->op == Opcode::Sext;
  if (!out.is_signed && inst->op != Opcode::Zext) return {};
  if (out.is_signed && out.beyond != 0 && !ASSAY_PLANTED(mem_index_wraps)) return {};
  out.index = operand(*inst, 0);
  return out;
}

/// Nobody reads the value any more for one of its users; if it was the last, what makes it reads nothing either.
void LoweringBase::forget_use(ValueId value) {
  for (const Inst* inst = nullptr;; value = operand(*inst, 0)) {
    flow_.drop_use(value);
    inst = made_by(value);
    if (flow_.uses(value) != 0 || inst == nullptr) return;
    if (inst->op != Opcode::Add && inst->op != Opcode::Shl && inst->op != Opcode::Sext && inst->op != Opcode::Zext)
      return;
  }
}

/// Addresses that only accesses read, and that these can compute themselves: nothing will stand where they are made.
void LoweringBase::find_indexed() {
  indexed_.assign(fn_->value_count(), {});
  if (!fixed_memory_) return;
  accesses_.assign(fn_->value_count(), 0);
  for (const ValueId address : addresses_) ++accesses_[address];
  for (const ValueId address : addresses_) {
    Indexed& known = indexed_[address];
    if (known.index == kNone && accesses_[address] == flow_.uses(address) && type_of(address) == Type::I64) {
      known = as_indexed(address);
      if (known.index != kNone && !may(Decision::IndexedAddress)) known = {};
    }
    accesses_[address] = kNone; // is decided
    if (known.index == kNone) continue;
    flow_.add_use(known.index);
    forget_use(address);
  }
}

/// Addresses that are a base and a shifted index, which nobody else reads, become one instruction.
void LoweringBase::find_scaled() {
  scaled_.assign(fn_->value_count(), {});
  for (const ValueId address : addresses_) {
    const Inst* const sum = made_by(address);
    if (sum == nullptr || sum->op != Opcode::Add || sum->type != Type::I64 || flow_.uses(address) == 0) continue;
    for (u32 side = 0; side < 2 && scaled_[address].index == kNone; ++side) {
      const ValueId shifted = operand(*sum, side), base = operand(*sum, 1 - side);
      const Inst* const shift = made_by(shifted);
      i64 count = 0, constant = 0;
      if (shift == nullptr || shift->op != Opcode::Shl || flow_.uses(shifted) != 1) continue;
      if (!unnamed_int_const(operand(*shift, 1), count) || count < 1 || count > 3) continue;
      if (unnamed_int_const(base, constant) || unnamed_int_const(operand(*shift, 0), constant)) continue;
      if (!may(Decision::ScaledAddress)) continue;
      scaled_[address] = {base, operand(*shift, 0), static_cast<u8>(count)};
      flow_.add_use(operand(*shift, 0));
      forget_use(shifted);
    }
  }
}

// ---- accesses ----------------------------------------------------------------------------------------

/// Whether an access that is on every way here has shown that this one is inside; if not, this one will have.
bool LoweringBase::already_checked(ValueId address, u32 end) {
  constexpr u32 kMostSteps = 8;
  if (memory_base_ == kNone) return false;
  Checked& known = checked_[address];
  BlockId at = block_;
  for (u32 i = 0; i < kMostSteps && at != known.block && at != kNone; ++i) at = only_pred_[at];
  const bool holds = known.block != kNone && (at == known.block || ASSAY_PLANTED(mem_checked_elsewhere));
  if (holds && end <= known.end && may(Decision::CheckLeftOut)) return true;
  known = {end, block_};
  return false;
}

/// The operands that say where an access is; how many.
u32 LoweringBase::add_place(Operand* operands, LinearPlace& place) const {
  u32 count = 0;
  const bool by_register = memory_base_ != kNone && (place.flags & (kWideAddress | kCleanAddress)) != 0 &&
                           (place.flags & (kFixedSize | kSurelyInside)) != 0;
  if ((place.flags & kConstAddress) == 0) operands[count++] = by_register ? use(place.address) : use_any(place.address);
  if (memory_base_ == kNone) return count;
  place.flags |= kBaseGiven;
  operands[count++] = use(place.base != kNone ? place.base : memory_base_);
  return count;
}

bool LoweringBase::linear_address(const Inst& inst, u32 size, LinearPlace& place) {
  const ValueId value = operand(inst, 0);
  const Type type = type_of(value);
  i64 constant = 0;
  const bool known = int_const(value, constant);
  const u64 base = known ? static_cast<u64>(constant) & bit_mask(type) : 0;
  // Each summand is checked against the limit first, so the sum cannot wrap.
  if (base > kMemoryLimit || inst.imm > kMemoryLimit || base + inst.imm + size > kMemoryLimit) {
    add_op(CommonOp::Trap, 8, {}).aux = static_cast<u32>(TrapKind::OutOfBounds);
    return false;
  }
  if (!parted_.empty() && parted_[value].base != kNone) {
    place.end = static_cast<u32>(inst.imm) + size + parted_[value].beyond;
    parted_place(parted_[value], place);
    return true;
  }
  const bool is_indexed = memory_base_ != kNone && !known && indexed_[value].index != kNone;
  const Indexed indexed = is_indexed ? indexed_[value] : Indexed{};
  const u64 end = base + inst.imm + size + indexed.beyond;
  const bool within = end <= module_->memory_size;
  if (end > kMemoryLimit || (fixed_memory_ && !within)) {
    add_op(CommonOp::Trap, 8, {}).aux = static_cast<u32>(TrapKind::OutOfBounds);
    return false;
  }
  place.end = static_cast<u32>(end);
  if (known) {
    place.flags |= kConstAddress;
    if (within && may(Decision::ConstantInside)) place.flags |= kSurelyInside;
    return true;
  }
  if (fixed_memory_ && (is_indexed || may(Decision::FixedBound))) place.flags |= kFixedSize;
  const bool proven = !inside_.empty() && inside_[b_.origin()] != 0;
  if (already_checked(value, place.end) || (proven && may(Decision::ProvenInside))) place.flags |= kSurelyInside;
  const ValueId index = is_indexed ? indexed.index : value;
  if (type == Type::I64 && !is_indexed) place.flags |= kWideAddress;
  else if (is_clean(index) && may(Decision::CleanAddress)) place.flags |= kCleanAddress;
  place.scale = indexed.scale;
  place.address = reg(index);
  place.index = index;
  return true;
}

void LoweringBase::linear_load(const Inst& inst, OpCode op, u32 param) {
  if (!packed_.empty() && is_packed_load(inst.first_result)) return;
  const Access access = access_of(inst, param);
  LinearPlace place;
  place.flags = access.flags;
  if (!linear_address(inst, access.size, place)) {
    // Never reached; the value still needs a definition.
    const Type type = inst.type;
    vregs_[inst.first_result] = is_float(type) ? float_constant(0, size_of(type)) : int_constant(0, 4);
    return;
  }
  keep_address(place, access.size);
  Operand operands[3] = {def(result(inst))};
  const u32 count = 1 + add_place(operands + 1, place);
  place.give(b_.add_span(op.value, static_cast<u8>(access.size), {operands, count}));
}

void LoweringBase::linear_store(const Inst& inst, OpCode op, u32 param) {
  if (const Packed* const pair = packed_.empty() ? nullptr : packed_of(b_.origin())) {
    if (pair->later == b_.origin()) store_packed(*pair);
    return;
  }
  const Access access = access_of(inst, param);
  Operand operands[3];
  u32 bits = 0, count = 0;
  LinearPlace place;
  place.flags = access.flags;
  if (!linear_address(inst, access.size, place)) return;
  keep_address(place, access.size);
  const bool immediate_value = stored_immediate(operand(inst, 1), bits);
  if (!immediate_value) operands[count++] = use(reg(operand(inst, 1)));
  count += add_place(operands + count, place);
  LirInst& store = b_.add_span((immediate_value ? OpCode(CommonOp::LinStoreI) : op).value, static_cast<u8>(access.size),
                               {operands, count});
  place.give(store);
  store.imm = static_cast<i32>(bits);
}

void LoweringBase::memory_size(const Inst& inst, OpCode op, u32) { add_op(op, 8, {def(result(inst))}); }

void LoweringBase::memory_grow(const Inst& inst, OpCode, u32) {
  const VReg pages = inst.type == Type::I32 ? extended(operand(inst, 0), false) : reg(operand(inst, 0));
  const VReg context_reg = new_int();
  add_op(CommonOp::Context, 8, {def(context_reg)});
  const VReg args[2] = {context_reg, pages};
  call_runtime(RuntimeFn::MemoryGrow, args, result(inst));
}

/// memory_fill (address, byte, length) and memory_copy (to, from, length): checked here, done by the runtime.
void LoweringBase::memory_bulk(const Inst& inst, OpCode, u32 fn) {
  const bool is_copy = static_cast<RuntimeFn>(fn) == RuntimeFn::MemoryCopy;
  const u32 size = size_of(inst.type);
  const VReg length = inst.type == Type::I32 ? extended(operand(inst, 2), false) : reg(operand(inst, 2));
  VReg args[3] = {new_int(), kNone, length};
  const VReg to = reg(operand(inst, 0));
  add_op(CommonOp::RangeCheck, size, {def(args[0]), use_any(to), use_any(length)});
  if (is_copy) {
    const VReg from = reg(operand(inst, 1));
    args[1] = new_int();
    add_op(CommonOp::RangeCheck, size, {def(args[1]), use_any(from), use_any(length)});
  } else {
    args[1] = extended(operand(inst, 1), false);
  }
  call_runtime(static_cast<RuntimeFn>(fn), args, kNone);
}

/// The frame object offset of an access through a slot_addr, when it lies inside the slot; else kNone.
u32 LoweringBase::slot_place(ValueId value, u64 offset, u32 size) {
  const ValueDef& source = fn_->value_defs[value];
  if (source.is_param || fn_->insts[source.index].op != Opcode::SlotAddr) return kNone;
  const Slot& slot = fn_->slots[fn_->insts[source.index].ref];
  if (slot.align > 16 || offset > slot.size || size > slot.size - offset) return kNone;
  if (!may(Decision::FrameAccess)) return kNone;
  return slot_offset_[fn_->insts[source.index].ref] + static_cast<u32>(offset);
}

void LoweringBase::pointer_load(const Inst& inst, OpCode op, u32 param) {
  const Access access = access_of(inst, param);
  const u32 place = slot_place(operand(inst, 0), inst.imm, access.size);
  if (place != kNone) {
    LirInst& load = add_op(CommonOp::FrameLoad, access.size, {def(result(inst))});
    load.flags = access.flags;
    load.imm = place;
    return;
  }
  const VReg pointer = reg(operand(inst, 0));
  LirInst& load = add_op(op, access.size, {def(result(inst)), use(pointer)});
  load.flags = static_cast<u16>(access.flags | kMayFault);
  load.imm = static_cast<i64>(inst.imm);
}

void LoweringBase::pointer_store(const Inst& inst, OpCode op, u32 param) {
  const Access access = access_of(inst, param);
  const u32 place = slot_place(operand(inst, 0), inst.imm, access.size);
  u32 bits = 0, count = 0;
  Operand operands[2];
  const bool immediate_value = stored_immediate(operand(inst, 1), bits);
  if (!immediate_value) operands[count++] = use(reg(operand(inst, 1)));
  if (place == kNone) operands[count++] = use(reg(operand(inst, 0)));
  OpCode chosen = immediate_value ? OpCode(CommonOp::PtrStoreI) : op;
  if (place != kNone) chosen = immediate_value ? CommonOp::FrameStoreI : CommonOp::FrameStore;
  LirInst& store = b_.add_span(chosen.value, static_cast<u8>(access.size), {operands, count});
  store.flags = static_cast<u16>(access.flags | (place == kNone ? kMayFault : 0));
  store.imm = place == kNone ? static_cast<i64>(inst.imm) : place;
  store.aux = bits;
}

void LoweringBase::local_get(const Inst& inst, OpCode op, u32) {
  if (promotion_.has(inst.ref)) {
    if (flow_.uses(inst.first_result) != 0) vregs_[inst.first_result] = local_value(inst.ref);
    return;
  }
  LirInst& load = add_op(op, word_size(inst.type), {def(result(inst))});
  load.flags = is_float(inst.type) ? kFloatValue : 0;
  load.imm = local_offset_[inst.ref];
}

void LoweringBase::local_set(const Inst& inst, OpCode op, u32) {
  if (promotion_.has(inst.ref)) {
    local_now_[inst.ref] = reg(operand(inst, 0));
    return;
  }
  u32 bits = 0;
  LirInst* store = nullptr;
  if (stored_immediate(operand(inst, 0), bits)) {
    store = &add_op(CommonOp::FrameStoreI, word_size(inst.type), {});
  } else {
    const VReg value = reg(operand(inst, 0));
    store = &add_op(op, word_size(inst.type), {use(value)});
    store->flags = is_float(inst.type) ? kFloatValue : 0;
  }
  store->imm = local_offset_[inst.ref];
  store->aux = bits;
}

void LoweringBase::global_get(const Inst& inst, OpCode op, u32) {
  LirInst& load = add_op(op, size_of(inst.type), {def(result(inst))});
  load.flags = is_float(inst.type) ? kFloatValue : 0;
  load.aux = inst.ref;
}

/// Writes exactly the type's bytes: what lies above in the cell stays zero.
void LoweringBase::global_set(const Inst& inst, OpCode op, u32) {
  const VReg value = reg(operand(inst, 0));
  LirInst& store = add_op(op, size_of(inst.type), {use(value)});
  store.flags = is_float(inst.type) ? kFloatValue : 0;
  store.aux = inst.ref;
}

} // namespace assay::codegen
