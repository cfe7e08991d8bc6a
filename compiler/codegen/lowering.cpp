// lowering.cpp - the frame of lowering: blocks, edges and values.
//
// Needs a verified function. Leaves LIR that meets the invariants of lir.h. Block numbers are decided before
// any block is built: an AIR block is followed by the blocks of those of its edges that are split, in edge order.
// Linear in instructions, edges and arguments. Tested in compiler/codegen/tests/lower_test.cpp.
#include "compiler/codegen/lowering.h"

#include "assay/planted.h"

#include <algorithm>

namespace assay::codegen {

namespace {

/// Further constants are made at each use: sets of live values stay small.
constexpr std::size_t kMostHeld = 32;

constexpr u32 align_up(u32 value, u32 alignment) { return (value + alignment - 1) & ~(alignment - 1); }

} // namespace

i64 sign_extended(u64 bits, Type type) {
  switch (size_of(type)) {
  case 1: return static_cast<i8>(bits);
  case 2: return static_cast<i16>(bits);
  case 4: return static_cast<i32>(bits);
  default: return static_cast<i64>(bits);
  }
}

void LoweringBase::begin(const Module& module, const CompileOptions& options, Decisions& decisions) {
  module_ = &module;
  decisions_ = &decisions;
  options_ = options;
  conv_ = &call_conv(options.target, options.os);
  host_ = &call_conv(options.target, options.host_os);
  if (layouts_.size() < module.signatures.size()) layouts_.resize(module.signatures.size());
  layout_known_.assign(module.signatures.size(), 0);
  find_memory();
}

const CallLayout& LoweringBase::layout_of(SignatureId id) {
  CallLayout& layout = layouts_[id];
  if (layout_known_[id] == 0) {
    const Signature& signature = module_->signatures[id];
    layout_call(*conv_, module_->params(signature), module_->results(signature), layout);
    layout_known_[id] = 1;
  }
  return layout;
}

void LoweringBase::fail(std::string message) {
  if (!failed_) failure_ = std::move(message);
  failed_ = true;
}

void LoweringBase::begin_function(const FunctionInput& function, LirFunction& out, LoweredFunction& info) {
  fn_ = function.body;
  inside_ = function.inside;
  extents_ = function.extents;
  may_hold_ = function.may_hold && abilities_.holds_constants && options_.level == Level::O2;
  info_ = &info;
  failed_ = false;
  fused_ = kNone;
  result_pointer_ = kNone;
  b_.begin(out);
  flow_.compute(*fn_);
  analysis::fill_none(vregs_, fn_->value_count());
  promote_locals();
  layout_frame();
  number_blocks();
}

/// Each for itself: one that is not promoted lies in the frame beside the others.
void LoweringBase::promote_locals() {
  promotion_.none();
  if (fn_->locals.empty() || options_.spill_all) return;
  const u32 count = std::min(static_cast<u32>(fn_->locals.size()), kMostPromoted);
  Locals wanted = 0;
  for (LocalId id = 0; id < count; ++id) wanted |= may(Decision::LocalPromoted) ? Locals{1} << id : 0;
  promotion_.compute(*fn_, flow_, wanted);
  local_now_.assign(count, kNone);
}

// Frame objects: locals, then slots (both zeroed at entry), then the memory results of calls. An alignment
// beyond the frame's 16 is made at each slot_addr, within bytes reserved for it here.
void LoweringBase::layout_frame() {
  u32 offset = 0;
  local_offset_.clear();
  for (LocalId id = 0; id < fn_->locals.size(); ++id) {
    const bool is_value = promotion_.has(id);
    local_offset_.push_back(is_value ? kNone : offset);
    offset += is_value ? 0 : 8;
  }
  slot_offset_.clear();
  for (const Slot& slot : fn_->slots) {
    offset = align_up(offset, slot.align < 16 ? slot.align : 16);
    slot_offset_.push_back(offset);
    offset += slot.size + (slot.align > 16 ? slot.align - 16 : 0);
  }
  info_->zero_bytes = align_up(offset, 8);
  info_->object_bytes = align_up(offset, 16);
  info_->incoming_bytes = 0;
  info_->cases.clear();
  info_->packed.clear();
}

// ---- blocks and edges --------------------------------------------------------------------------------

bool LoweringBase::needs_split(const Inst& terminator, const Edge& edge) const {
  if (is_try_call(terminator.op)) return terminator.edge_count > 1;
  return terminator.edge_count > 1 && (edge.arg_count != 0 || flow_.edges_into(edge.target) > 1);
}

void LoweringBase::number_blocks() {
  ASSAY_DCHECK(flow_.edges_into(0) == 0); // the verifier's word
  analysis::fill_none(lir_block_, fn_->blocks.size());
  u32 next = 0;
  bool loops = false;
  for (BlockId id : flow_.order()) {
    lir_block_[id] = next++;
    const Inst& terminator = fn_->terminator(fn_->blocks[id]);
    for (const Edge& edge : fn_->edges_of(terminator)) {
      next += needs_split(terminator, edge) ? 1 : 0;
      loops |= lir_block_[edge.target] != kNone;
    }
  }
  in_loop_.clear();
  holds_ = false;
  if (loops && may_hold_) note_loops();
}

/// A loop is what lies between the target of an edge that leads back and the last such edge's source.
void LoweringBase::note_loops() {
  in_loop_.assign(fn_->blocks.size(), 0);
  loop_head_.assign(fn_->blocks.size(), kNone);
  for (const BlockId id : flow_.order()) { // the number of the last block of the loop that begins there
    for (const Edge& edge : fn_->edges_of(fn_->terminator(fn_->blocks[id])))
      if (lir_block_[edge.target] <= lir_block_[id]) in_loop_[edge.target] = lir_block_[id] + 1;
  }
  u32 end = 0;
  loops_around_.clear();
  for (const BlockId id : flow_.order()) {
    const u32 number = lir_block_[id];
    while (!loops_around_.empty() && loops_around_.back().end <= number) loops_around_.pop_back();
    if (in_loop_[id] > number) loops_around_.push_back({number, in_loop_[id]});
    loop_head_[id] = loops_around_.empty() ? kNone : loops_around_.back().head;
    end = std::max(end, in_loop_[id]);
    in_loop_[id] = number < end ? 1 : 0;
  }
}

/// Opens the entry block with the parameters.
void LoweringBase::entry() {
  const CallLayout& layout = layout_of(fn_->signature);
  const ValueId first = fn_->blocks[0].first_param;
  const u32 count = fn_->blocks[0].param_count;
  info_->incoming_bytes = layout.stack_bytes;
  b_.open_block(0);
  operands_.clear();
  if (layout.result_bytes != 0) {
    result_pointer_ = new_int();
    operands_.push_back(def_fixed(result_pointer_, layout.result_pointer.reg));
  }
  for (u32 i = 0; i < count; ++i) {
    if (flow_.uses(first + i) == 0) continue;
    vregs_[first + i] = b_.vreg(class_of(type_of(first + i)));
    if (layout.params[i].in_register) operands_.push_back(def_fixed(vregs_[first + i], layout.params[i].reg));
  }
  b_.add_span(static_cast<u16>(CommonOp::Args), 8, operands_);
  for (u32 i = 0; i < count; ++i) {
    if (layout.params[i].in_register || flow_.uses(first + i) == 0) continue;
    const u32 size = size_of(type_of(first + i));
    LirInst& load =
        add_op(CommonOp::LoadArg, size < 4 && !conv_->packed_arguments ? 4 : size, {def(vregs_[first + i])});
    load.imm = layout.params[i].offset;
    if (ASSAY_PLANTED(abi_win64_shadow_ignored)) load.imm -= conv_->shadow_bytes;
    load.flags = is_float(type_of(first + i)) ? kFloatValue : 0;
  }
  hold_memory_base();
}

void LoweringBase::open(BlockId id) {
  block_ = id;
  holds_ = !in_loop_.empty() && in_loop_[id] != 0;
  if (!ASSAY_PLANTED(a64_address_of_before)) kept_.clear();
  if (id == 0) {
    entry();
    return;
  }
  b_.open_block(id);
  const Block& source = fn_->blocks[id];
  for (ValueId v = source.first_param; v < source.first_param + source.param_count; ++v) {
    if (flow_.uses(v) == 0) continue;
    vregs_[v] = b_.vreg(class_of(type_of(v)));
    b_.param(vregs_[v]);
  }
  if (promotion_.locals() != 0) open_locals(id);
}

void LoweringBase::open_locals(BlockId id) {
  each_local(promotion_.passed_on(id), [&](u32 local) { local_now_[local] = promotion_.row(id)[local]; });
  each_local(promotion_.params(id), [&](u32 local) {
    local_now_[local] = b_.vreg(class_of(fn_->locals[local]));
    b_.param(local_now_[local]);
  });
}

/// What the block leaves to those behind it without a parameter: the same from wherever these are come to.
void LoweringBase::pass_on_locals(const Inst& terminator) {
  for (const Edge& edge : fn_->edges_of(terminator)) {
    VReg* const row = promotion_.row(edge.target);
    each_local(promotion_.passed_on(edge.target), [&](u32 local) { row[local] = local_now_[local]; });
  }
}

VReg LoweringBase::local_value(LocalId local) {
  if (local_now_[local] != kNone) return local_now_[local];
  const Type type = fn_->locals[local];
  return is_float(type) ? float_constant(0, size_of(type)) : int_constant(0, word_size(type));
}

/// Arguments of parameters that nobody reads are not passed. `leading` go to the first parameters.
void LoweringBase::pass_args(const Edge& edge, std::span<const VReg> leading) {
  ValueId first = fn_->blocks[edge.target].first_param;
  for (const VReg value : leading) {
    if (flow_.uses(first++) != 0) b_.arg(value);
  }
  const auto args = fn_->args_of(edge);
  for (u32 i = 0; i < args.size(); ++i) {
    if (flow_.uses(first + i) != 0) b_.arg(reg(args[i]));
  }
  if (promotion_.locals() == 0) return;
  each_local(promotion_.params(edge.target), [&](u32 local) { b_.arg(local_value(local)); });
}

/// Closes the block.
void LoweringBase::jump_along(const Edge& edge, std::span<const VReg> leading) {
  pass_args(edge, leading);
  add_op(CommonOp::Jump, 8, {});
  b_.succ(lir_block_[edge.target]);
  b_.close_block();
}

void LoweringBase::finish_block(const Inst& terminator) {
  if (memory_base_ != kNone) {
    for (const Edge& edge : fn_->edges_of(terminator))
      if (flow_.edges_into(edge.target) == 1) only_pred_[edge.target] = block_;
  }
  if (terminator.edge_count == 0) {
    b_.close_block();
    return;
  }
  if (promotion_.locals() != 0) pass_on_locals(terminator);
  if (is_try_call(terminator.op)) return finish_try(terminator);
  if (terminator.edge_count == 1) return jump_along(fn_->edges[terminator.first_edge]);
  split_edges_.clear();
  u32 next_split = static_cast<u32>(b_.function().blocks.size());
  for (u32 e = terminator.first_edge; e < terminator.first_edge + terminator.edge_count; ++e) {
    const Edge& edge = fn_->edges[e];
    if (needs_split(terminator, edge)) {
      split_edges_.push_back(e);
      b_.succ(next_split++);
    } else {
      b_.succ(lir_block_[edge.target]);
    }
  }
  b_.close_block();
  for (u32 e : split_edges_) {
    b_.open_block(kNone);
    jump_along(fn_->edges[e]);
  }
}

// ---- values ------------------------------------------------------------------------------------------

VReg LoweringBase::rematerialise(const Inst& source) {
  if (source.op == Opcode::Const) {
    if (is_float(source.type)) return float_constant(source.imm, size_of(source.type));
    return int_constant(sign_extended(source.imm, source.type), size_of(source.type) == 8 ? 8 : 4);
  }
  const VReg v = new_int();
  if (source.op == Opcode::SlotAddr) {
    LirInst& inst = add_op(CommonOp::FrameAddr, 8, {def(v)});
    inst.imm = slot_offset_[source.ref];
    inst.aux = fn_->slots[source.ref].align;
    return v;
  }
  ASSAY_CHECK(source.op == Opcode::FuncAddr);
  add_op(CommonOp::FuncAddr, 8, {def(v)}).aux = source.ref;
  return v;
}

/// Of the same bits there is one, whatever asks for it.
VReg LoweringBase::held(RegClass reg_class, Constant wanted) {
  if (!holds_ || !may(Decision::ConstantHeld)) return kNone;
  LirFunction& lir = b_.function();
  const u64 compared = ASSAY_PLANTED(a64_held_constant) ? 0xffffffffu : ~u64{0};
  for (const Constant& known : lir.constants) {
    if (known.kind == wanted.kind && (known.bits & compared) == (wanted.bits & compared) && known.size == wanted.size &&
        lir.vreg_class[known.vreg] == reg_class)
      return known.vreg;
  }
  if (lir.constants.size() == kMostHeld) return kNone;
  wanted.vreg = b_.vreg(reg_class);
  lir.constants.push_back(wanted);
  return wanted.vreg;
}

VReg LoweringBase::int_constant(i64 value, u32 size) {
  const u64 bits = size == 8 ? static_cast<u64>(value) : static_cast<u32>(value);
  if (const VReg known = held(RegClass::Int, {kNone, Constant::Kind::Bits, 8, bits}); known != kNone) return known;
  const VReg v = new_int();
  add_op(CommonOp::Imm, size, {def(v)}).imm = static_cast<i64>(bits);
  return v;
}

VReg LoweringBase::float_constant(u64 bits, u32 size) {
  const Constant wanted{kNone, Constant::Kind::Bits, static_cast<u8>(size), bits};
  if (const VReg known = held(RegClass::Float, wanted); known != kNone) return known;
  const VReg v = new_float();
  add_op(CommonOp::FImm, size, {def(v)}).imm = static_cast<i64>(bits);
  return v;
}

bool LoweringBase::unnamed_int_const(ValueId value, i64& out) const {
  const ValueDef& source = fn_->value_defs[value];
  if (source.is_param) return false;
  const Inst& inst = fn_->insts[source.index];
  if (inst.op != Opcode::Const || is_float(inst.type)) return false;
  out = sign_extended(inst.imm, inst.type);
  return true;
}

bool LoweringBase::unnamed_stored_immediate(ValueId value, u32& out) const {
  const ValueDef& source = fn_->value_defs[value];
  if (source.is_param) return false;
  const Inst& inst = fn_->insts[source.index];
  if (inst.op != Opcode::Const) return false;
  const i64 integer = sign_extended(inst.imm, inst.type);
  out = static_cast<u32>(integer);
  return stored_ == StoredImmediates::Zero ? integer == 0 : integer == static_cast<i32>(integer);
}

u16 LoweringBase::division_checks(bool is_signed, ValueId divisor, const char* file, u32 line) const {
  i64 value = 0;
  const bool known = int_const(divisor, value) && may(Decision::DivisorKnown, file, line);
  u16 flags = 0;
  if (!known || value == 0) flags |= kCheckZero;
  if (is_signed && (!known || value == -1)) flags |= kCheckMinusOne;
  return flags;
}

/// The value of a type narrower than 64 bits with its upper bits made right.
VReg LoweringBase::extended(ValueId value, bool is_signed) {
  const Type type = type_of(value);
  i64 constant = 0;
  if (int_const(value, constant) && may(Decision::ConstantExtended)) {
    if (ASSAY_PLANTED(isel_const_zext_unmasked)) is_signed = true;
    return int_constant(is_signed ? constant : static_cast<i64>(static_cast<u64>(constant) & bit_mask(type)), 8);
  }
  const VReg source = reg(value);
  const VReg v = new_int();
  add_op(is_signed ? CommonOp::Sx : CommonOp::Zx, size_of(type), {def(v), use_any(source)});
  return v;
}

// ---- instructions ------------------------------------------------------------------------------------

bool LoweringBase::left_to_user(const Inst& inst) {
  if (flow_.uses(inst.first_result) != 1) return false;
  InstId next = b_.origin() + 1;
  while (is_rematerialised(fn_->insts[next].op)) ++next;
  const Inst& user = fn_->insts[next];
  if ((user.op != Opcode::Branch && user.op != Opcode::Select) || operand(user, 0) != inst.first_result) return false;
  if (!may(Decision::FusedComparison)) return false;
  fused_ = inst.first_result;
  return true;
}

bool LoweringBase::ends_here(ValueId value) const {
  const ValueDef& source = fn_->value_defs[value];
  if (options_.level != Level::O2) return true;
  if (vregs_[value] == kNone) return !holds_; // made for this use
  return !source.is_param && flow_.uses(value) == 1 && source.index >= fn_->blocks[block_].first_inst &&
         source.index < b_.origin();
}

/// The result is the operand's register, read at another width or type.
void LoweringBase::same_register(const Inst& inst, OpCode, u32) { vregs_[inst.first_result] = reg(operand(inst, 0)); }

void LoweringBase::rematerialised(const Inst&, OpCode, u32) {}

/// What reads something that was left out must be left out, too.
bool LoweringBase::may_leave_out(const Inst& inst, const char* file, u32 line) const {
  if (may(Decision::UnusedLeftOut, file, line)) return true;
  for (u32 i = 0; i < inst.operand_count; ++i) {
    const Inst* const source = made_by(operand(inst, i));
    if (vregs_[operand(inst, i)] == kNone && (source == nullptr || !is_rematerialised(source->op))) return true;
  }
  return false;
}

} // namespace assay::codegen
