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

void Emitter::begin(const Module& module, const CompileOptions& options, CodeObject& out) {
  module_ = &module;
  out_ = &out;
  conv_ = &x64_conv(options.os);
  host_ = &x64_conv(options.host_os);
  as_.begin(out.code);
  pool_.begin(out.rodata);
  tables_.clear();
}

void Emitter::begin_function(FunctionId id, bool is_thunk) {
  as_.reset_labels();
  as_.align_int3(16);
  function_ = id;
  fn_ = &module_->functions[id];
  begin_ = as_.offset();
  stubs_.clear();
  own_tables_.clear();
  table_labels_.clear();
  FunctionCode& code = out_->functions.emplace_back();
  code.function = id;
  code.begin = begin_;
  code.first_frame_op = static_cast<u32>(out_->frame_ops.size());
  code.frame_size = frame_.size + 8;
  code.is_thunk = is_thunk;
}

void Emitter::end_function() {
  FunctionCode& code = out_->functions.back();
  code.end = as_.offset();
  code.frame_op_count = static_cast<u32>(out_->frame_ops.size()) - code.first_frame_op;
}

Result<void> Emitter::function(FunctionId id, const codegen::LirFunction& lir, const codegen::Allocation& allocation,
                               const LoweredFunction& info) {
  lir_ = &lir;
  allocation_ = &allocation;
  info_ = &info;
  incoming_bytes_ = info.incoming_bytes;
  if (Result<void> made = make_frame(allocation.written, allocation.slot_count, info.object_bytes, lir.outgoing_bytes);
      !made) {
    return made;
  }
  begin_function(id, false);
  forward_empty_blocks();
  prologue(true);
  zero_objects(info.zero_bytes);
  blocks();
  stubs();
  // Jump tables hold code offsets until the place of read-only data is known.
  u32 next = 0;
  for (const TableFixup& table : own_tables_) {
    if (ASSAY_PLANTED(switch_table_targets)) next = static_cast<u32>(table_labels_.size()) - table.count;
    for (u32 i = 0; i < table.count; ++i) pool_.put32(table.rodata + 4 * i, as_.offset_of(table_labels_[next++]));
    tables_.push_back(table);
  }
  end_function();
  return {};
}

Result<void> Emitter::finish() {
  as_.finish();
  const u32 rodata = out_->rodata_offset();
  as_.resolve_rodata(rodata);
  if (!as_.ok())
    return Error{ErrorKind::Unsupported, "", 0, 0, "the module's code is too large for x64's 32-bit displacements"};
  for (const TableFixup& table : tables_) {
    for (u32 i = 0; i < table.count; ++i) {
      const u32 at = table.rodata + 4 * i;
      pool_.put32(at, pool_.get32(at) - (rodata + table.rodata));
    }
  }
  return {};
}

// ---- blocks ------------------------------------------------------------------------------------------

/// Also makes one label a block, numbered like the blocks.
void Emitter::forward_empty_blocks() {
  const u32 count = static_cast<u32>(lir_->blocks.size());
  forward_.resize(count);
  const auto& edits = allocation_->edits;
  u32 edit = 0;
  for (u32 b = 0; b < count; ++b) {
    as_.new_label();
    const codegen::LirBlock& block = lir_->blocks[b];
    while (edit < edits.size() && edits[edit].inst < block.first_inst) ++edit;
    const bool has_edit = edit < edits.size() && edits[edit].inst < block.first_inst + block.inst_count;
    const bool is_edge = block.origin == kNone && block.inst_count == 1;
    forward_[b] = is_edge && !has_edit ? lir_->succs_of(block)[0] : b;
  }
}

void Emitter::blocks() {
  const u32 count = static_cast<u32>(lir_->blocks.size());
  const auto& edits = allocation_->edits;
  u32 edit = 0;
  for (block_ = 0; block_ < count; block_ = next_block_) {
    next_block_ = block_ + 1;
    while (next_block_ < count && forward_[next_block_] != next_block_) ++next_block_;
    const codegen::LirBlock& block = lir_->blocks[block_];
    as_.bind(Label{block_});
    air_block_ = block.origin;
    const u32 end = block.first_inst + block.inst_count;
    for (u32 i = block.first_inst; i < end; ++i) {
      for (; edit < edits.size() && edits[edit].inst <= i; ++edit) move(edits[edit]);
      instruction(lir_->insts[i]);
    }
  }
}

/// All 64 bits. Between two slots through r11, whatever the class.
void Emitter::move(const Edit& edit) {
  const bool is_int = edit.reg_class == RegClass::Int;
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
  locations_ = allocation_->locations.data() + inst.operands;
  origin_ = inst.origin;
  switch (static_cast<Op>(inst.op)) {
#define LIR(name, text, emitter, param, meaning) \
  case Op::name:                                 \
    emitter(inst, param);                        \
    return;
#include "compiler/target/x64/lir_ops.def"
  }
}

// ---- traps -------------------------------------------------------------------------------------------

/// Only instructions of AIR blocks ask: split edges hold nothing that traps or calls.
Position Emitter::position() const { return {function_, air_block_, origin_ - fn_->blocks[air_block_].first_inst}; }

/// A label, bound behind the body, at which this trap is raised for the current instruction.
Label Emitter::trap_label(TrapKind kind) {
  if (ASSAY_PLANTED(trap_stubs_merged) && !stubs_.empty() && stubs_.back().kind == kind) return stubs_.back().label;
  const Label label = as_.new_label();
  stubs_.push_back({label, kind, origin_, air_block_});
  return label;
}

// The call never returns. The byte after it belongs to this function, so that an unwinder which looks up the return
// address finds it.
void Emitter::trap_call(TrapKind kind) {
  as_.call(context_field(static_cast<u32>(offsetof(VmContext, trap_entry)) + 8 * static_cast<u32>(kind)));
}

void Emitter::stubs() {
  for (const Stub& stub : stubs_) {
    as_.bind(stub.label);
    // The budget went below zero (`trap out_of_fuel` has no stub, and leaves it alone).
    if (stub.kind == TrapKind::OutOfFuel) as_.mov(Size::Qword, context_field(offsetof(VmContext, fuel)), 0);
    trap_call(stub.kind);
    record_position({function_, stub.block, stub.origin - fn_->blocks[stub.block].first_inst});
    as_.ud2();
  }
}

void Emitter::trap(const LirInst& inst, u32) {
  trap_call(static_cast<TrapKind>(inst.aux));
  record_position(position());
  as_.ud2();
}

} // namespace assay::x64
