// emit.cpp - the walk over blocks and instructions: moves of the allocator, dispatch, labels, trap stubs.
//
// A split edge that needed no move is not emitted: jumps to it go where it leads. Each function starts
// 16-aligned; its positions, faults and frame effects come out in code order, so that every table is sorted.
// Linear in instructions and edits. Tested in compiler/codegen/tests/compile_test.cpp.
#include "compiler/target/x64/emit.h"

#include "assay/planted.h"

#include <cstddef>

namespace assay::x64 {

using codegen::Edit;
using codegen::RegClass;

void Emitter::begin(const Module& module, const CompileOptions& options, codegen::Decisions& decisions,
                    CodeObject& out) {
  conv_ = &x64_conv(options.os);
  host_ = &x64_conv(options.host_os);
  begin_module(module, options, decisions, out);
}

void Emitter::start(FunctionId id, bool is_thunk) {
  as_.reset_labels();
  as_.align_int3(16);
  begin_function(id, is_thunk, frame_.size + 8);
}

Result<void> Emitter::function(const codegen::FunctionInput& input, const codegen::LirFunction& lir,
                               const codegen::Allocation& allocation, const codegen::LoweredFunction& info) {
  set_body(input, lir, allocation, info);
  incoming_bytes_ = info.incoming_bytes;
  if (Result<void> made = make_frame(allocation.written, allocation.slot_count, info.object_bytes, lir.outgoing_bytes);
      !made) {
    return made;
  }
  start(input.id, false);
  const bool is_optimised = !input.positions.empty();
  if (is_optimised) as_.hold_branches();
  flags_ = {}; // offsets and blocks are counted anew in each module: a note of the last one would fit by accident
  forward_empty_blocks();
  prologue(true);
  zero_objects(info.zero_bytes);
  walk(*this);
  for (const Stub& stub : stubs_) raise(stub);
  if (is_optimised) settle_branches();
  end_function();
  return {};
}

/// And all that was noted by offset: but for labels, whose offsets are asked for later.
void Emitter::settle_branches() {
  as_.settle_branches(*decisions_);
  const auto move_all = [&](auto& entries) {
    Assembler::Moved moved = as_.moved();
    for (std::size_t i = entries.size(); i-- != 0 && entries[i].offset >= begin_;)
      entries[i].offset = moved(entries[i].offset);
  };
  if (!ASSAY_PLANTED(relax_position_kept)) move_all(out_->positions);
  move_all(out_->relocs);
  move_all(out_->faults);
  move_all(out_->call_sites);
  Assembler::Moved moved = as_.moved();
  for (std::size_t i = out_->frame_ops.size(); i-- != out_->functions.back().first_frame_op;) {
    FrameOp& op = out_->frame_ops[i];
    op.offset = moved(begin_ + op.offset) - begin_;
  }
}

Result<void> Emitter::finish() {
  as_.finish();
  as_.resolve_rodata(out_->rodata_offset());
  if (!as_.ok()) {
    // Beyond the limit the assembler writes over the upper half again. With less code something else was refused.
    if (as_.offset() < Assembler::kLargestSize / 2)
      return Error{ErrorKind::Internal, "", 0, 0, "an instruction without an encoding was asked for"};
    return Error{ErrorKind::Unsupported, "", 0, 0, "the module's code is too large for x64's 32-bit displacements"};
  }
  finish_tables();
  return {};
}

// ---- the walk ----------------------------------------------------------------------------------------

/// All 64 bits. Between two slots through r11, whatever the class. Cycles of registers take r11 too.
void Emitter::move(const Edit& given) {
  const bool is_int = given.reg_class == RegClass::Int;
  const Edit edit = beyond_cycle_slot(given, index_of(kScratch));
  const bool to_scratch = edit.to != given.to, from_scratch = edit.from != given.from;
  if (!is_int && to_scratch) return as_.movq(kScratch, xmm_of(edit.from.preg()));
  if (!is_int && from_scratch) return as_.movq(xmm_of(edit.to.preg()), kScratch);
  if (to_scratch && ASSAY_PLANTED(emit_cycle_half)) return as_.mov(Size::Dword, kScratch, gpr_of(edit.from.preg()));
  if (edit.from.is_reg() && edit.to.is_reg()) {
    if (is_int) as_.mov(Size::Qword, gpr_of(edit.to.preg()), gpr_of(edit.from.preg()));
    else as_.movaps(xmm_of(edit.to.preg()), xmm_of(edit.from.preg()));
  } else if (edit.from.is_reg()) {
    if (is_int) as_.mov(Size::Qword, slot(edit.to), gpr_of(edit.from.preg()));
    else as_.movsd(slot(edit.to), xmm_of(edit.from.preg()));
  } else if (edit.to.is_reg()) {
    if (is_int) as_.mov(Size::Qword, gpr_of(edit.to.preg()), slot(edit.from));
    else as_.movsd(xmm_of(edit.to.preg()), slot(edit.from));
  } else {
    as_.mov(Size::Qword, kScratch, slot(edit.from));
    as_.mov(Size::Qword, slot(edit.to), kScratch);
  }
}

void Emitter::instruction(const LirInst& inst) {
  switch (static_cast<Op>(inst.op)) {
#define LIR(name, text, emitter, param, meaning) \
  case Op::name:                                 \
    emitter(inst, param);                        \
    return;
#include "compiler/target/x64/lir_ops.def"
  }
}

// ---- traps -------------------------------------------------------------------------------------------

// The call never returns. The byte after it belongs to this function, so that an unwinder which looks up the return
// address finds it.
void Emitter::trap_call(TrapKind kind) {
  as_.call(context_field(static_cast<u32>(offsetof(VmContext, trap_entry)) + 8 * static_cast<u32>(kind)));
}

void Emitter::raise(const Stub& stub) {
  as_.bind(stub.label);
  // The budget went below zero (`trap out_of_fuel` has no stub, and leaves it alone).
  if (stub.kind == TrapKind::OutOfFuel) as_.mov(Size::Qword, context_field(offsetof(VmContext, fuel)), 0);
  trap_call(stub.kind);
  record_position(stub);
  as_.ud2();
}

void Emitter::trap(const LirInst& inst, u32) {
  trap_call(static_cast<TrapKind>(inst.aux));
  record_position(position());
  as_.ud2();
}

} // namespace assay::x64
