// lowering_call.cpp - selection for calls, returns, tail calls, traps, switches and fuel.
//
// Stack arguments are stored to the outgoing area at the frame's bottom before the call; register arguments are
// fixed operands of the call itself, so the allocator moves all of them at once. Linear in arguments and
// results. Tested in compiler/codegen/tests/lower_test.cpp and call_conv_test.cpp.
#include "compiler/codegen/lowering.h"

#include "assay/planted.h"

#include <algorithm>

namespace assay::codegen {

namespace {

/// In which a stack argument travels; packed ones must not touch their neighbours.
u32 stored_size(const CallConv& conv, Type type) { return conv.packed_arguments ? size_of(type) : travel_size(type); }

} // namespace

/// A call of VmContext::runtime[fn] in the host's convention. All arguments are of one class, so that counting
/// registers by position or by class is the same.
void LoweringBase::call_runtime(RuntimeFn fn, std::span<const VReg> args, VReg result_reg) {
  RegSet clobbers = host_->caller_saved;
  operands_.clear();
  for (u32 i = 0; i < args.size(); ++i) {
    const bool is_int = b_.function().vreg_class[args[i]] == RegClass::Int;
    operands_.push_back(use_fixed(args[i], is_int ? host_->int_args[i] : host_->float_args[i]));
  }
  if (result_reg != kNone) {
    const bool is_int = b_.function().vreg_class[result_reg] == RegClass::Int;
    const PReg place = is_int ? host_->int_result : host_->float_result;
    operands_.push_back(def_fixed(result_reg, place));
    clobbers &= ~bit(place);
  }
  kept_.clear();
  LirInst& call = b_.add_span(static_cast<u16>(CommonOp::CallHost), 8, operands_);
  call.aux = static_cast<u32>(fn);
  if (ASSAY_PLANTED(eh_throw_position) && fn == RuntimeFn::Throw) --call.origin;
  if (ASSAY_PLANTED(eh_rethrow_position) && fn == RuntimeFn::Rethrow) call.origin = fn_->blocks[block_].first_inst;
  call.clobbers = b_.clobber_set(clobbers);
  b_.need_outgoing(host_->shadow_bytes);
}

// ---- arguments ---------------------------------------------------------------------------------------

void LoweringBase::store_stack_args(const CallLayout& layout, std::span<const ValueId> args) {
  for (u32 i = 0; i < args.size(); ++i) {
    const ArgPlace& place = layout.params[i];
    if (place.in_register) continue;
    u32 bits = 0;
    if (stored_immediate(args[i], bits)) {
      LirInst& store = add_op(CommonOp::StoreOutI, stored_size(*conv_, place.type), {});
      store.imm = place.offset;
      store.aux = bits;
      continue;
    }
    const VReg value = reg(args[i]);
    LirInst& store = add_op(CommonOp::StoreOut, stored_size(*conv_, place.type), {use(value)});
    store.imm = place.offset;
    if (ASSAY_PLANTED(a64_apple_args_unpacked)) store.imm = (store.imm + 7) & ~i64{7};
    store.flags = is_float(place.type) ? kFloatValue : 0;
  }
}

/// Appends to operands_. Constants are made before, each in a register of its own.
void LoweringBase::fixed_args(const CallLayout& layout, std::span<const ValueId> args, VReg result_pointer) {
  for (u32 i = 0; i < args.size(); ++i) {
    if (layout.params[i].in_register) operands_.push_back(use_fixed(reg(args[i]), layout.params[i].reg));
  }
  if (layout.result_bytes != 0) operands_.push_back(use_fixed(result_pointer, layout.result_pointer.reg));
}

// ---- calls -------------------------------------------------------------------------------------------

/// Address of the place for memory results. Calls share it: results are fetched at once.
VReg LoweringBase::results_address(u32 bytes) {
  const u32 end = bytes + (ASSAY_PLANTED(isel_result_area_short) ? 0 : results_at());
  info_->object_bytes = std::max(info_->object_bytes, end);
  const VReg pointer = new_int();
  LirInst& address = add_op(CommonOp::FrameAddr, 8, {def(pointer)});
  address.imm = results_at();
  address.aux = 1;
  return pointer;
}

/// The call without what fetches memory results. Defines those of results_ that come in registers.
void LoweringBase::make_call(CommonOp op, FunctionId ref, const CallLayout& layout, std::span<const ValueId> args,
                             VReg target) {
  kept_.clear(); // each would need a register that the call saves
  store_stack_args(layout, args);
  b_.need_outgoing(layout.stack_bytes);
  b_.need_outgoing(conv_->shadow_bytes);
  const VReg pointer = layout.result_bytes != 0 ? results_address(layout.result_bytes) : kNone;
  operands_.clear();
  if (target != kNone) operands_.push_back(use(target));
  fixed_args(layout, args, pointer);
  RegSet clobbers = conv_->caller_saved;
  for (u32 i = 0; i < results_.size(); ++i) {
    if (!layout.results[i].in_register || results_[i] == kNone) continue;
    operands_.push_back(def_fixed(results_[i], layout.results[i].reg));
    clobbers &= ~bit(layout.results[i].reg);
  }
  LirInst& call = b_.add_span(static_cast<u16>(op), 8, operands_);
  call.aux = ref;
  call.imm = layout.stack_bytes;
  call.clobbers = b_.clobber_set(clobbers);
}

void LoweringBase::load_results(const CallLayout& layout) {
  for (u32 i = 0; i < results_.size(); ++i) {
    if (layout.results[i].in_register || results_[i] == kNone) continue;
    const Type type = layout.results[i].type;
    LirInst& load = add_op(CommonOp::FrameLoad, travel_size(type), {def(results_[i])});
    load.imm = results_at() + layout.results[i].offset;
    load.flags = is_float(type) ? kFloatValue : 0;
  }
}

/// `target`: the code to call, or kNone for the function inst.ref.
void LoweringBase::any_call(const Inst& inst, const CallLayout& layout, std::span<const ValueId> args, VReg target) {
  results_.clear();
  for (u32 i = 0; i < inst.result_count; ++i)
    results_.push_back(flow_.uses(inst.first_result + i) != 0 ? result(inst, i) : kNone);
  make_call(target != kNone ? CommonOp::CallReg : CommonOp::Call, inst.ref, layout, args, target);
  load_results(layout);
}

void LoweringBase::call(const Inst& inst, OpCode, u32) {
  any_call(inst, layout_of(module_->functions[inst.ref].signature), fn_->operands_of(inst), kNone);
}

VReg LoweringBase::table_entry(const Inst& inst) {
  const ValueId index = operand(inst, 0);
  const VReg index_reg = reg(index), code = new_int();
  add_op(CommonOp::TableEntry, size_of(type_of(index)), {def(code), use_any(index_reg)}).aux = inst.ref;
  return code;
}

void LoweringBase::call_indirect(const Inst& inst, OpCode, u32) {
  const VReg code = table_entry(inst);
  any_call(inst, layout_of(inst.ref), fn_->operands_of(inst).subspan(1), code);
}

void LoweringBase::call_pointer(const Inst& inst, OpCode, u32) {
  const VReg code = reg(operand(inst, 0));
  any_call(inst, layout_of(inst.ref), fn_->operands_of(inst).subspan(1), code);
}

/// The emitter moves the outgoing area to where this function's own stack arguments lie. When the sizes differ, the
/// return address moves too; twice the room keeps the two places apart (emit_call.cpp).
void LoweringBase::any_tail_call(const Inst& inst, const CallLayout& layout, std::span<const ValueId> args,
                                 VReg target) {
  store_stack_args(layout, args);
  const bool same_size = layout.stack_bytes == info_->incoming_bytes || ASSAY_PLANTED(isel_tail_room_short);
  b_.need_outgoing(same_size ? layout.stack_bytes : 2 * layout.stack_bytes + 16);
  operands_.clear();
  if (target != kNone) operands_.push_back(use_fixed(target, conv_->tail_target));
  fixed_args(layout, args, result_pointer_);
  LirInst& call =
      b_.add_span(static_cast<u16>(target != kNone ? CommonOp::TailCallReg : CommonOp::TailCall), 8, operands_);
  call.aux = inst.ref;
  call.imm = layout.stack_bytes;
}

void LoweringBase::tail_call(const Inst& inst, OpCode, u32) {
  any_tail_call(inst, layout_of(module_->functions[inst.ref].signature), fn_->operands_of(inst), kNone);
}

void LoweringBase::tail_call_indirect(const Inst& inst, OpCode, u32) {
  const VReg code = table_entry(inst);
  any_tail_call(inst, layout_of(inst.ref), fn_->operands_of(inst).subspan(1), code);
}

void LoweringBase::return_(const Inst& inst, OpCode op, u32) {
  const CallLayout& layout = layout_of(fn_->signature);
  const auto values = fn_->operands_of(inst);
  for (u32 i = 0; i < values.size(); ++i) {
    const ArgPlace& place = layout.results[i];
    if (place.in_register) continue;
    const VReg value = reg(values[i]);
    LirInst& store = add_op(CommonOp::PtrStore, travel_size(place.type), {use(value), use(result_pointer_)});
    store.imm = place.offset;
    store.flags = is_float(place.type) ? kFloatValue : 0;
  }
  operands_.clear();
  for (u32 i = 0; i < values.size(); ++i) {
    if (layout.results[i].in_register) operands_.push_back(use_fixed(reg(values[i]), layout.results[i].reg));
  }
  b_.add_span(op.value, 8, operands_);
}

// ---- other control -----------------------------------------------------------------------------------

void LoweringBase::jump(const Inst&, OpCode, u32) {} // finish_block makes it, after the arguments

void LoweringBase::trap(const Inst& inst, OpCode op, u32) { add_op(op, 8, {}).aux = static_cast<u32>(inst.imm); }

void LoweringBase::fuel(const Inst& inst, OpCode op, u32) { add_op(op, 8, {}).imm = static_cast<i64>(inst.imm); }

// Cases sorted by value as unsigned bit patterns; of equal values the first counts.
void LoweringBase::switch_(const Inst& inst, OpCode op, u32) {
  if (inst.edge_count < 2) return; // only the default: a jump
  const Type type = inst.type;
  const VReg value = size_of(type) < 4 ? extended(operand(inst, 0), false) : reg(operand(inst, 0));
  auto& cases = info_->cases;
  const u32 first = static_cast<u32>(cases.size());
  const auto edges = fn_->edges_of(inst);
  for (u32 i = 0; i + 1 < edges.size(); ++i) cases.push_back({edges[i].value & bit_mask(type), i});
  std::sort(cases.begin() + first, cases.end(), [](const SwitchCase& a, const SwitchCase& b) {
    return a.value != b.value ? a.value < b.value : a.succ < b.succ;
  });
  cases.erase(std::unique(cases.begin() + first, cases.end(),
                          [](const SwitchCase& a, const SwitchCase& b) { return a.value == b.value; }),
              cases.end());
  LirInst& chosen = add_op(op, size_of(type) == 8 ? 8 : 4, {use(value), temp(new_int())});
  chosen.aux = first;
  chosen.imm = static_cast<i64>(cases.size() - first);
}

} // namespace assay::codegen
