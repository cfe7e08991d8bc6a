// emit.h - allocated LIR to A64 machine code, frames, positions, faults, relocations and read-only data.
//
// Needs LIR from Lowering and an allocation of it; leaves code appended to the CodeObject. The frame, from high to
// low addresses (x29 and sp are fixed in the body, sp 16-aligned):
//   [x29+16 ..] stack arguments   [x29] frame record: caller's x29, return address
//   pairs of callee-saved x registers | pairs of d registers | spill slots | frame objects | outgoing area at [sp]
// Traps jump to stubs behind the body, which `blr` VmContext::trap_entry: its return address has the position.
// x16, x17 and v31 belong to the emitter; where both an address and a value need one, x17 is the address's.
// One switch an instruction, no allocation in steady state.
// Tested in compiler/target/a64/tests/compile_test.cpp and by every differential check.
#pragma once

#include "compiler/codegen/emission.h"
#include "compiler/target/a64/assembler.h"
#include "compiler/target/a64/call_conv.h"
#include "compiler/target/a64/lir_ops.h"

namespace assay::a64 {

class Emitter : private codegen::EmissionBase<Assembler> {
public:
  void begin(const Module& module, const CompileOptions& options, codegen::Decisions& decisions, CodeObject& out);
  Result<void> function(const codegen::FunctionInput& input, const codegen::LirFunction& lir,
                        const codegen::Allocation& allocation, const codegen::LoweredFunction& info);
  Result<void> thunk(FunctionId import, const codegen::CallLayout& layout);
  /// Cuts the code to its length and resolves read-only data.
  Result<void> finish();

private:
  friend EmissionBase;
  using LirInst = codegen::LirInst;
  using Location = codegen::Location;

  /// Distances below x29.
  struct Frame {
    codegen::RegSet saved = 0; // callee-saved registers in whole pairs; frame pointer, link and context apart
    u32 pushed_bytes = 0;
    u32 spills = 0;  // slot i lies at x29 - spills - 8 * (i + 1), i counted from the last constant on
    u32 objects = 0; // frame object 0 lies at x29 - objects
    u32 size = 0;    // x29 - sp in the body, a multiple of 16
  };

  // The walk (emit.cpp).
  void instruction(const LirInst& inst);
  void move(const codegen::Edit& edit);
  bool move_pair(const codegen::Edit& first);
  void make_constant(const codegen::Constant& constant, codegen::RegClass reg_class, Location to);
  void jump_over(Label label) { as_.b(label); }
  void fill(u32 bytes) { as_.nops((bytes + 3) / 4); }
  void align_loop() { as_.align_nop(16); }
  void raise(const Stub& stub);
  void start(FunctionId id, bool is_thunk);
  void trap_call(TrapKind kind);
  void call_through(u32 context_offset);

  // Frames (emit_frame.cpp).
  Result<void> make_frame(codegen::RegSet written, u32 spill_slots, u32 object_bytes, u32 outgoing_bytes);
  void prologue(bool check_stack);
  void stack_check();
  void probe(u32 bytes);
  void zero_objects(u32 bytes);
  void push_pair(u32 first);
  void pop_pair(u32 first);
  void set_sp(Gpr base, i64 bytes);
  void move_sp(i64 bytes);
  void add_offset(Gpr dst, Gpr base, i64 bytes);
  void epilogue(u32 popped);
  void restore_saved();
  void tail_frame(u32 bytes);
  void copy_words(Gpr to_base, i32 to, u32 bytes);

  // Places. The address register, when one is needed, is x17.
  Mem stack(i64 sp_offset, u32 bytes) { return reachable(Gpr::Sp, sp_offset, bytes); }
  Mem reachable(Gpr base, i64 offset, u32 bytes);
  /// `bytes`: of the access, at the slot's low end.
  Mem slot(Location at, u32 bytes = 8) {
    const u32 index = at.slot_index() - static_cast<u32>(lir_->constants.size());
    return stack(frame_.size - frame_.spills - i64{8} * (index + 1), bytes);
  }
  Mem object(i64 offset, u32 bytes) { return stack(i64{frame_.size} - frame_.objects + offset, bytes); }
  static Mem context_field(u32 offset) { return Mem::at(kContext, offset); }

  // Operands of the current instruction.
  Gpr gpr(u32 index) const { return gpr_of(location(index).preg()); }
  Vreg vreg(u32 index) const { return vreg_of(location(index).preg()); }
  /// The operand's register; when it is in a slot, `scratch` after a load of all 64 bits.
  Gpr int_in(u32 index, Gpr scratch) {
    if (in_reg(index)) return gpr(index);
    as_.ldr(Size::X, scratch, slot(location(index)));
    return scratch;
  }
  Vreg float_in(u32 index) {
    if (in_reg(index)) return vreg(index);
    as_.ldr(FSize::D, kFloatScratch, slot(location(index)));
    return kFloatScratch;
  }
  static Size word(u32 bytes) { return bytes == 8 ? Size::X : Size::W; }
  static FSize fsize(u32 bytes) { return bytes == 8 ? FSize::D : FSize::S; }
  static bool is_signed(const LirInst& inst) { return (inst.flags & codegen::kSigned) != 0; }

  // Pieces shared by emitters of one kind.
  Cond test(const LirInst& inst, u32 kind, u32 first, u32 size);
  void choose(const LirInst& inst, Cond cond, u32 next);
  void compare(u32 size, bool sign, Gpr a, Gpr b);
  void compare_imm(u32 size, Gpr a, i64 value);
  void jump_to(u32 block);
  void extend(Gpr dst, Gpr src, u32 bytes, bool sign);
  void arith_op(u32 kind, Size size, Gpr dst, Gpr a, Gpr b, Shift by, u32 count);
  Gpr replicated(Gpr value, u32 bytes);
  void load(const LirInst& inst, const Mem& mem);
  void store(const LirInst& inst, const Mem& mem, u32 index, bool zero);
  Mem linear_address(const LirInst& inst, u32 index);
  Mem fixed_address(const LirInst& inst, u32 index, Gpr base);
  void check_fixed(const LirInst& inst, Size size, Gpr address);
  void fault_site(const LirInst& inst);
  void float_value(Vreg dst, u64 bits, u32 size);
  void packed_canon(Vreg value, Vreg other);
  void switch_table(const LirInst& inst, std::span<const codegen::SwitchCase> cases);
  void switch_search(const LirInst& inst, std::span<const codegen::SwitchCase> cases);
  void compare_case(const LirInst& inst, u64 value);

  // Thunks (emit_thunk.cpp).
  void thunk_store_args(const codegen::CallLayout& layout, std::span<const Type> params);
  void thunk_call_host(FunctionId import, u32 params, u32 results);
  void thunk_load_results(const codegen::CallLayout& layout, u32 results_at, u32 pointer_at);

  // One function an `emitter` of lir_ops.def.
  // clang-format off
#define ASSAY_EMIT(name) void name(const LirInst& inst, u32 param);
  ASSAY_EMIT(imm) ASSAY_EMIT(float_imm) ASSAY_EMIT(move_to_float) ASSAY_EMIT(move_to_int) ASSAY_EMIT(arith)
  ASSAY_EMIT(add_imm) ASSAY_EMIT(logic_imm) ASSAY_EMIT(arith_shifted) ASSAY_EMIT(arith_extended) ASSAY_EMIT(logic_inverted)
  ASSAY_EMIT(multiply_add) ASSAY_EMIT(shift) ASSAY_EMIT(shift_imm) ASSAY_EMIT(bit_field) ASSAY_EMIT(rotate)
  ASSAY_EMIT(rotate_imm) ASSAY_EMIT(zero_extend) ASSAY_EMIT(sign_extend) ASSAY_EMIT(multiply_high) ASSAY_EMIT(divide)
  ASSAY_EMIT(remainder) ASSAY_EMIT(min_max) ASSAY_EMIT(clz) ASSAY_EMIT(ctz) ASSAY_EMIT(popcnt) ASSAY_EMIT(bitrev)
  ASSAY_EMIT(bswap) ASSAY_EMIT(overflow) ASSAY_EMIT(overflow_mul) ASSAY_EMIT(set) ASSAY_EMIT(branch)
  ASSAY_EMIT(branch_bit) ASSAY_EMIT(select)
  ASSAY_EMIT(float_binary) ASSAY_EMIT(float_unary) ASSAY_EMIT(float_copysign) ASSAY_EMIT(float_fma)
  ASSAY_EMIT(float_canon) ASSAY_EMIT(float_convert) ASSAY_EMIT(int_to_float) ASSAY_EMIT(float_to_int)
  ASSAY_EMIT(float_sat)
  ASSAY_EMIT(packed) ASSAY_EMIT(linear_load) ASSAY_EMIT(linear_store) ASSAY_EMIT(memory_base) ASSAY_EMIT(check_inside) ASSAY_EMIT(pointer_load) ASSAY_EMIT(pointer_store)
  ASSAY_EMIT(frame_load) ASSAY_EMIT(frame_store) ASSAY_EMIT(global_load) ASSAY_EMIT(global_store) ASSAY_EMIT(frame_addr)
  ASSAY_EMIT(func_addr) ASSAY_EMIT(context) ASSAY_EMIT(memory_size) ASSAY_EMIT(range_check) ASSAY_EMIT(fuel)
  ASSAY_EMIT(trap) ASSAY_EMIT(nothing) ASSAY_EMIT(load_arg) ASSAY_EMIT(store_out) ASSAY_EMIT(table_entry)
  ASSAY_EMIT(call_direct) ASSAY_EMIT(call_register) ASSAY_EMIT(call_host) ASSAY_EMIT(tail_call) ASSAY_EMIT(ret)
  ASSAY_EMIT(jump) ASSAY_EMIT(jump_table) ASSAY_EMIT(try_call) ASSAY_EMIT(landing_pad) ASSAY_EMIT(stop)
#undef ASSAY_EMIT
      // clang-format on

      const codegen::CallConv* conv_ = nullptr;
  const codegen::CallConv* host_ = nullptr;
  CpuFeatures features_;
  Frame frame_;
  const codegen::Edit* done_ = nullptr; // a move that was made with the one before it
  u32 incoming_bytes_ = 0;              // stack arguments that the function pops
};

} // namespace assay::a64
