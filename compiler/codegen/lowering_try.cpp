// lowering_try.cpp - selection for throw, rethrow and the try_call forms.
//
// A try_call with clauses ends its LIR block. Its first successor is a block that fetches memory results and goes on to
// ^ok; each clause has a landing pad: there the exception is in the register that the unwinder put it into, the runtime
// takes it over and gives its payload, or a handle, and the handler gets these as its first arguments. What is live
// into a landing pad lies in stack slots (lir.h), so a call that throws nothing pays for that and for nothing else.
// Linear in arguments, results and payloads. Tested in compiler/codegen/tests/lower_test.cpp and by execution.
#include "compiler/codegen/lowering.h"

#include "assay/planted.h"

namespace assay::codegen {

/// The payload is handed over in memory, one u64 a value; what lies above a narrow one is the runtime's to clear.
void LoweringBase::throw_(const Inst& inst, OpCode, u32) {
  const auto values = fn_->operands_of(inst);
  for (u32 i = 0; i < values.size(); ++i) {
    const Type type = type_of(values[i]);
    const VReg value = reg(values[i]);
    LirInst& store = add_op(CommonOp::FrameStore, travel_size(type), {use(value)});
    store.imm = results_at() + 8 * i;
    store.flags = is_float(type) ? kFloatValue : 0;
  }
  const VReg context = new_int();
  add_op(CommonOp::Context, 8, {def(context)});
  const VReg args[] = {context, int_constant(inst.ref, 8), results_address(8 * static_cast<u32>(values.size()))};
  call_runtime(RuntimeFn::Throw, args, kNone);
  add_op(CommonOp::Stop, 8, {});
}

/// The runtime comes back only when the handle is none.
void LoweringBase::rethrow(const Inst& inst, OpCode, u32) {
  const VReg handle = reg(operand(inst, 0)), context = new_int();
  add_op(CommonOp::Context, 8, {def(context)});
  const VReg args[] = {context, handle};
  call_runtime(RuntimeFn::Rethrow, args, kNone);
  add_op(CommonOp::Trap, 8, {}).aux = static_cast<u32>(TrapKind::Unreachable);
}

void LoweringBase::any_try_call(const Inst& inst, const CallLayout& layout, std::span<const ValueId> args,
                                VReg target) {
  const ValueId first = fn_->blocks[fn_->edges[inst.first_edge].target].first_param;
  results_.clear();
  for (u32 i = 0; i < layout.results.size(); ++i)
    results_.push_back(flow_.uses(first + i) != 0 ? b_.vreg(class_of(layout.results[i].type)) : kNone);
  try_layout_ = &layout;
  const bool direct = target == kNone;
  const bool catches = inst.edge_count > 1;
  make_call(catches  ? direct ? CommonOp::TryCall : CommonOp::TryCallReg
            : direct ? CommonOp::Call
                     : CommonOp::CallReg,
            inst.ref, layout, args, target);
}

void LoweringBase::try_call(const Inst& inst, OpCode, u32) {
  any_try_call(inst, layout_of(module_->functions[inst.ref].signature), fn_->operands_of(inst), kNone);
}

void LoweringBase::try_call_indirect(const Inst& inst, OpCode, u32) {
  const VReg code = table_entry(inst);
  any_try_call(inst, layout_of(inst.ref), fn_->operands_of(inst).subspan(1), code);
}

void LoweringBase::try_call_pointer(const Inst& inst, OpCode, u32) {
  const VReg code = reg(operand(inst, 0));
  any_try_call(inst, layout_of(inst.ref), fn_->operands_of(inst).subspan(1), code);
}

void LoweringBase::finish_try(const Inst& terminator) {
  const auto edges = fn_->edges_of(terminator);
  if (edges.size() > 1) {
    const u32 next = static_cast<u32>(b_.function().blocks.size());
    for (u32 i = 0; i < edges.size(); ++i) b_.succ(next + i);
    b_.close_block();
    b_.open_block(kNone);
  }
  load_results(*try_layout_);
  jump_along(edges[0], results_);
  for (const Edge& edge : edges.subspan(1)) landing_pad(edge);
}

/// The whole block.
void LoweringBase::landing_pad(const Edge& edge) {
  const VReg exception = new_int();
  const PReg place = host_->int_result;
  b_.open_landing_pad(block_);
  RegSet clobbers = ~bit(place);
  if (ASSAY_PLANTED(eh_pad_keeps_registers)) clobbers &= conv_->caller_saved;
  add_op(CommonOp::LandingPad, 8, {def_fixed(exception, place)}).clobbers = b_.clobber_set(clobbers);
  const VReg context = new_int();
  add_op(CommonOp::Context, 8, {def(context)});
  results_.clear();
  if (edge.kind == EdgeKind::CatchAll) {
    results_.push_back(new_int());
    const VReg args[] = {context, exception};
    call_runtime(RuntimeFn::CatchAll, args, results_[0]);
  } else {
    const std::span<const Type> types = module_->params(module_->signatures[module_->tags[edge.value].signature]);
    const VReg args[] = {context, exception, results_address(8 * static_cast<u32>(types.size()))};
    call_runtime(RuntimeFn::CatchTag, args, kNone);
    const ValueId first = fn_->blocks[edge.target].first_param;
    for (u32 i = 0; i < types.size(); ++i) {
      results_.push_back(kNone);
      if (flow_.uses(first + i) == 0) continue;
      results_[i] = b_.vreg(class_of(types[i]));
      LirInst& load = add_op(CommonOp::FrameLoad, travel_size(types[i]), {def(results_[i])});
      load.imm = results_at() + 8 * (ASSAY_PLANTED(eh_payload_reversed) ? types.size() - 1 - i : i);
      load.flags = is_float(types[i]) ? kFloatValue : 0;
    }
  }
  jump_along(edge, results_);
}

} // namespace assay::codegen
