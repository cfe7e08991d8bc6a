// emit.h - allocated LIR to machine code, frames, positions, faults, relocations and read-only data.
//
// Needs LIR from Lowering and an allocation of it; leaves code appended to the CodeObject. The frame, from high to
// low addresses (rbp is 16-aligned and fixed, rsp constant in the body):
//   [rbp+16 ..] stack arguments (Windows: shadow first)   [rbp+8] return address   [rbp] caller's rbp
//   callee-saved registers, pushed | callee-saved xmm | spill slots | frame objects | outgoing area at [rsp]
// Traps jump to stubs behind the body: `call [context.trap_entry]`, whose return address has the position.
// r11 belongs to the emitter. One switch an instruction, no allocation in steady state.
// Tested in compiler/codegen/tests/compile_test.cpp and by every differential check.
#pragma once

#include "compiler/codegen/emission.h"
#include "compiler/target/x64/assembler.h"
#include "compiler/target/x64/call_conv.h"
#include "compiler/target/x64/lir_ops.h"

namespace assay::x64 {

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

  /// Distances below rbp.
  struct Frame {
    codegen::RegSet saved = 0; // callee-saved registers that are written, frame pointer and context apart
    u32 pushed_bytes = 0;
    u32 xmm = 0;     // the first saved xmm lies at rbp - xmm
    u32 spills = 0;  // slot i lies at rbp - spills - 8 * (i + 1)
    u32 objects = 0; // frame object 0 lies at rbp - objects
    u32 size = 0;    // rbp - rsp in the body, a multiple of 16
  };
  /// A condition in the flags. Parity: floats also need "ordered" (AndNp), or "unordered" suffices (OrP).
  struct Flags {
    Cond cond = Cond::Ne;
    enum class Parity : u8 { None, AndNp, OrP } parity = Parity::None;
  };

  /// Where the flags say whether a register is zero.
  struct KnownFlags {
    u32 behind = kNone, block = kNone;
    Gpr reg = Gpr::Rax;
    Size size = Size::Dword;
  };

  // The walk (emit.cpp).
  void instruction(const LirInst& inst);
  void move(const codegen::Edit& edit);
  void jump_over(Label label) { as_.jmp(label); }
  void fill(u32 bytes) { as_.nop(bytes); }
  void align_loop() { as_.align_loop(64); }
  void raise(const Stub& stub);
  void settle_branches();
  void start(FunctionId id, bool is_thunk);
  void trap_call(TrapKind kind);

  // Frames (emit_frame.cpp).
  Result<void> make_frame(codegen::RegSet written, u32 spill_slots, u32 object_bytes, u32 outgoing_bytes);
  void prologue(bool check_stack);
  void stack_check();
  void probe(u32 bytes);
  void zero_objects(u32 bytes);
  void restore_xmms();
  void epilogue();
  void tail_frame(u32 bytes);
  void copy_words(Gpr to_base, i32 to, i32 from, u32 bytes);
  Mem slot(Location location) const {
    return Mem::at(Gpr::Rbp, -static_cast<i32>(frame_.spills + 8 * (location.slot_index() + 1)));
  }
  Mem object(i64 offset) const { return Mem::at(Gpr::Rbp, static_cast<i32>(offset - frame_.objects)); }
  static Mem context_field(u32 offset) { return Mem::at(kContext, static_cast<i32>(offset)); }

  // Operands of the current instruction.
  Gpr gpr(u32 index) const { return gpr_of(location(index).preg()); }
  Xmm xmm(u32 index) const { return xmm_of(location(index).preg()); }
  /// Calls `write` with the integer operand as a Gpr or as its slot's Mem; it has a form for both.
  template <typename Write> void int_rm(u32 index, Write write) {
    if (in_reg(index)) write(gpr(index));
    else write(slot(location(index)));
  }
  template <typename Write> void float_rm(u32 index, Write write) {
    if (in_reg(index)) write(xmm(index));
    else write(slot(location(index)));
  }
  /// The same of an operand that may be a load's place.
  template <typename Write> void int_rm(const LirInst& inst, u32 index, Write write) {
    if ((inst.flags & codegen::kFoldedLoad) != 0) write(folded_place(inst, index));
    else int_rm(index, write);
  }
  template <typename Write> void float_rm(const LirInst& inst, u32 index, Write write) {
    if ((inst.flags & codegen::kFoldedLoad) != 0) write(folded_place(inst, index));
    else float_rm(index, write);
  }
  static Size size_of_inst(const LirInst& inst) { return static_cast<Size>(inst.size); }
  static Size word(u32 bytes) { return bytes == 8 ? Size::Qword : Size::Dword; }
  void copy_int(Gpr to, Gpr from) {
    if (to != from) as_.mov(Size::Qword, to, from);
  }
  void copy_float(Xmm to, Xmm from) {
    if (to != from) as_.movaps(to, from);
  }

  // Pieces shared by emitters of one kind.
  Flags test(const LirInst& inst, u32 kind, u32 first, Size size);
  void note_flags(const LirInst& inst);
  bool flags_tell_of(Gpr reg, Size size) const;
  void jump_to(u32 block);
  void and_mask(Size size, Gpr reg, u64 mask);
  void load(const LirInst& inst, const Mem& mem);
  void store(const LirInst& inst, const Mem& mem, u32 index);
  Mem linear_address(const LirInst& inst, u32 index);
  Mem fixed_address(const LirInst& inst, u32 index, Gpr base);
  Mem pointer_address(const LirInst& inst, u32 index);
  Mem folded_place(const LirInst& inst, u32 index);
  void ucomis(u32 size, Xmm a, const Mem& mem);
  void ucomis(u32 size, Xmm a, Xmm b);
  void cvtt(u32 size, Gpr dst, Xmm src);
  Mem float_constant(u64 bits, u32 size) { return Mem::rodata(pool_.constant(bits, size)); }
  void packed_canon(Xmm value, Xmm other);
  Mem two_to_63(u32 size, bool negative);
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
  ASSAY_EMIT(imm) ASSAY_EMIT(float_imm) ASSAY_EMIT(move_to_float) ASSAY_EMIT(move_to_int) ASSAY_EMIT(add)
  ASSAY_EMIT(add_imm) ASSAY_EMIT(add_scaled) ASSAY_EMIT(alu) ASSAY_EMIT(alu_imm) ASSAY_EMIT(imul) ASSAY_EMIT(imul_imm) ASSAY_EMIT(times)
  ASSAY_EMIT(shift_cl)
  ASSAY_EMIT(shift_imm) ASSAY_EMIT(zero_extend) ASSAY_EMIT(sign_extend) ASSAY_EMIT(multiply_high) ASSAY_EMIT(divide)
  ASSAY_EMIT(min_max) ASSAY_EMIT(clz) ASSAY_EMIT(ctz) ASSAY_EMIT(popcnt) ASSAY_EMIT(popcnt_soft) ASSAY_EMIT(bitrev)
  ASSAY_EMIT(bswap) ASSAY_EMIT(overflow) ASSAY_EMIT(overflow_wide) ASSAY_EMIT(set) ASSAY_EMIT(branch) ASSAY_EMIT(select)
  ASSAY_EMIT(float_binary) ASSAY_EMIT(float_sqrt) ASSAY_EMIT(float_sign) ASSAY_EMIT(float_copysign)
  ASSAY_EMIT(float_round) ASSAY_EMIT(float_fma) ASSAY_EMIT(float_min_max) ASSAY_EMIT(float_canon)
  ASSAY_EMIT(float_convert) ASSAY_EMIT(int_to_float) ASSAY_EMIT(u64_to_float) ASSAY_EMIT(float_to_small)
  ASSAY_EMIT(float_to_s64) ASSAY_EMIT(float_to_u64) ASSAY_EMIT(float_sat) ASSAY_EMIT(float_sat_u64) ASSAY_EMIT(packed)
  ASSAY_EMIT(linear_load) ASSAY_EMIT(linear_store) ASSAY_EMIT(memory_base) ASSAY_EMIT(pointer_load) ASSAY_EMIT(pointer_store)
  ASSAY_EMIT(frame_load) ASSAY_EMIT(frame_store) ASSAY_EMIT(global_load) ASSAY_EMIT(global_store) ASSAY_EMIT(frame_addr)
  ASSAY_EMIT(func_addr) ASSAY_EMIT(context) ASSAY_EMIT(memory_size) ASSAY_EMIT(range_check) ASSAY_EMIT(fuel)
  ASSAY_EMIT(trap) ASSAY_EMIT(nothing) ASSAY_EMIT(load_arg) ASSAY_EMIT(store_out) ASSAY_EMIT(table_entry)
  ASSAY_EMIT(call_direct) ASSAY_EMIT(call_register) ASSAY_EMIT(call_host) ASSAY_EMIT(tail_call) ASSAY_EMIT(ret)
  ASSAY_EMIT(jump) ASSAY_EMIT(jump_table) ASSAY_EMIT(try_call) ASSAY_EMIT(landing_pad) ASSAY_EMIT(stop)
#undef ASSAY_EMIT
      // clang-format on

      const X64Conv* conv_ = nullptr;
  const X64Conv* host_ = nullptr;
  Frame frame_;
  u32 incoming_bytes_ = 0; // stack arguments that the function pops
  KnownFlags flags_;
};

} // namespace assay::x64
