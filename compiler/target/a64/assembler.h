// assembler.h - writes A64 machine code into a byte vector, one function a form.
//
// The functions come from assembler_forms.def: an `add` row of shape PPI is `void add(Size, Gpr d, Gpr n, AddSubImm)`,
// where d and n may be sp but not the zero register. Aliases, branches, labels and what takes several instructions
// follow by hand.
//  - What has no encoding (sp for zr, an address that encodable() refuses, a shift beyond the width) is not emitted
//    and makes ok() false; so does code beyond kLargestSize, within which every b reaches every label.
//  - Conditional branches reach any label, too. Backward and too far: the opposite condition over a b. Forward: before
//    the first of them gets out of reach the assembler puts an island between two instructions: b targets that the
//    branches go through, and a b over them all. Hence offset() before an instruction is that instruction's only after
//    keep_together(n), which is also how a sequence of n is kept free of islands. Constant cost an instruction.
// The vector is longer than the code until finish(): offset() is where the next instruction goes.
// Some nanoseconds an instruction (bench/assembler_bench.cpp).
// Tested in compiler/target/a64/tests/assembler_test.cpp, assembler_forms_test.cpp, ranges_test.cpp.
#pragma once

#include "assay/errors.h"
#include "compiler/codegen/decisions.h"
#include "compiler/target/a64/encoding.h"

#include <cstring>
#include <vector>

namespace assay::a64 {

class Assembler {
public:
  /// Code beyond this makes ok() false: 128 MiB, so that b and bl reach from anywhere to anywhere.
  static constexpr u32 kLargestSize = 1u << 27;

  /// Appends to `code` from its present end, on a multiple of 4. Labels and fix-ups are forgotten, their storage kept.
  void begin(std::vector<u8>& code);
  /// Who is asked from now on before each form that is not the general one (area Encoding); null: nobody.
  void ask(codegen::Decisions* decisions) { decisions_ = decisions; }
  /// Places what constants are pending, then cuts the vector to the code written. Every label that was used must be
  /// bound, else ok() becomes false.
  void finish();
  /// Forgets the labels, so that the next function's begin again at 0; unbound uses make ok() false. Places what
  /// constants are pending: not where control would run into them.
  void reset_labels();
  /// Where the next byte goes, in the vector.
  u32 offset() const { return offset_; }
  /// Everything asked for since begin() could be encoded.
  bool ok() const { return ok_; }
  /// The code is right only where its first byte lies 4096-aligned: a lea spans more than 17 MiB, or an ldr_rodata 1.
  bool needs_page_alignment() const { return by_page_; }
  /// The next `instructions` (at most 500) follow each other without an island; the first of them is at offset().
  void keep_together(u32 instructions) { room(16 * instructions); } // each may make an island due 12 bytes sooner

  Label new_label();
  /// The label is here: fills in every use so far.
  void bind(Label label);
  bool is_bound(Label label) const { return labels_[label.id].offset != kNone; }
  /// kNone when not bound.
  u32 offset_of(Label label) const { return labels_[label.id].offset; }

  // Relocations: each returns the offset of its first instruction, for patch_rel26, patch_lea (encoding.h).
  u32 b_rel26() { return rel26(0x14000000); }
  u32 bl_rel26() { return rel26(0x94000000); }
  u32 lea_rel(Gpr dst); // two instructions; not for sp or zr (kNone)

  /// dst := address of the label, at any distance: adr for a label behind, else two instructions.
  void lea(Gpr dst, Label label);
  /// dst := address in the read-only data, `target` bytes after its start; two instructions. See resolve_rodata.
  void lea_rodata(Gpr dst, u32 target);
  /// Loads from there, naturally aligned. Two instructions (one and a nop within 1 MiB); beyond, `temp` is written.
  void ldr_rodata(Size size, Gpr dst, u32 target);
  void ldr_rodata(FSize size, Vreg dst, Gpr temp, u32 target);
  /// Fills those in: the read-only data lies `rodata_offset` after the vector's first byte
  /// (CodeObject::rodata_offset()). After finish().
  void resolve_rodata(u32 rodata_offset);

  /// Loads a constant of the operand's width from a pool in the code: within 1 MiB, in an island when need be.
  void ldr_const(Size size, Gpr dst, u64 value);
  void ldr_const(FSize size, Vreg dst, u64 value); // S, D
  /// Places the pending constants here, where control must not come. Islands do without being asked.
  void flush_pool();

  /// All 64 bits := value, by the shortest sequence; flags unchanged. Not for sp or zr.
  void mov_imm(Gpr dst, u64 value);
  /// That many instructions that do nothing.
  void nops(u32 count);
  /// Pads with nop or udf until offset() is a multiple of `alignment` (a power of two).
  void align_nop(u32 alignment);
  void align_udf(u32 alignment);
  /// Overwrites four bytes written before.
  void put32_at(u32 at, u32 value) { std::memcpy(base_ + at, &value, 4); }

  // Aliases.
  // clang-format off
  void mov(Size s, Gpr d, Gpr n) {
    if (d == Gpr::Sp || n == Gpr::Sp) add(s, d, n, AddSubImm{});
    else orr(s, d, Gpr::Zr, n);
  }
  void ret() { ret(kLinkRegister); }
  void lsl(Size s, Gpr d, Gpr n, u32 amount) { ubfm(s, d, n, negated(s, amount), bits_of(s) - 1 - amount); }
  void lsr(Size s, Gpr d, Gpr n, u32 amount) { ubfm(s, d, n, amount, bits_of(s) - 1); }
  void asr(Size s, Gpr d, Gpr n, u32 amount) { sbfm(s, d, n, amount, bits_of(s) - 1); }
  void ror(Size s, Gpr d, Gpr n, u32 amount) { extr(s, d, n, n, amount); }
  void uxtb(Gpr d, Gpr n) { ubfm(Size::W, d, n, 0, 7); }
  void uxth(Gpr d, Gpr n) { ubfm(Size::W, d, n, 0, 15); }
  void sxtb(Size s, Gpr d, Gpr n) { sbfm(s, d, n, 0, 7); }
  void sxth(Size s, Gpr d, Gpr n) { sbfm(s, d, n, 0, 15); }
  void sxtw(Gpr d, Gpr n) { sbfm(Size::X, d, n, 0, 31); }
  // Fields of `width` bits: ubfx, sbfx, bfxil take them from bit `lsb` of n, the others put them there in d.
  void ubfx(Size s, Gpr d, Gpr n, u32 lsb, u32 width) { if (field(s, lsb, width)) ubfm(s, d, n, lsb, lsb + width - 1); }
  void sbfx(Size s, Gpr d, Gpr n, u32 lsb, u32 width) { if (field(s, lsb, width)) sbfm(s, d, n, lsb, lsb + width - 1); }
  void bfxil(Size s, Gpr d, Gpr n, u32 lsb, u32 width) { if (field(s, lsb, width)) bfm(s, d, n, lsb, lsb + width - 1); }
  void ubfiz(Size s, Gpr d, Gpr n, u32 lsb, u32 width) {
    if (field(s, lsb, width)) ubfm(s, d, n, negated(s, lsb), width - 1);
  }
  void sbfiz(Size s, Gpr d, Gpr n, u32 lsb, u32 width) {
    if (field(s, lsb, width)) sbfm(s, d, n, negated(s, lsb), width - 1);
  }
  void bfi(Size s, Gpr d, Gpr n, u32 lsb, u32 width) {
    if (field(s, lsb, width)) bfm(s, d, n, negated(s, lsb), width - 1);
  }
  // Of a condition other than Al.
  void cset(Size s, Gpr d, Cond c) { if (other(c)) csinc(s, d, Gpr::Zr, Gpr::Zr, opposite(c)); }
  void csetm(Size s, Gpr d, Cond c) { if (other(c)) csinv(s, d, Gpr::Zr, Gpr::Zr, opposite(c)); }
  void cinc(Size s, Gpr d, Gpr n, Cond c) { if (other(c)) csinc(s, d, n, n, opposite(c)); }
  void cinv(Size s, Gpr d, Gpr n, Cond c) { if (other(c)) csinv(s, d, n, n, opposite(c)); }
  void cneg(Size s, Gpr d, Gpr n, Cond c) { if (other(c)) csneg(s, d, n, n, opposite(c)); }

  // One function a row. Legend of the shapes: assembler_forms.def. of(form, s) is the word of the size asked for.
#define ASSAY_A64_RR(f, form)    void f(Size s, Gpr d, Gpr n) { regs(of(form, s), d, n, Gpr::X0, Gpr::X0); }
#define ASSAY_A64_RRR(f, form)   void f(Size s, Gpr d, Gpr n, Gpr m) { regs(of(form, s), d, n, m, Gpr::X0); }
#define ASSAY_A64_RRRR(f, form)  void f(Size s, Gpr d, Gpr n, Gpr m, Gpr a) { regs(of(form, s), d, n, m, a); }
#define ASSAY_A64_XX(f, form)    void f(Gpr d, Gpr n) { regs((form).bits, d, n, Gpr::X0, Gpr::X0); }
#define ASSAY_A64_XXX(f, form)   void f(Gpr d, Gpr n, Gpr m) { regs((form).bits, d, n, m, Gpr::X0); }
#define ASSAY_A64_XWW ASSAY_A64_XXX
#define ASSAY_A64_XWWX(f, form)  void f(Gpr d, Gpr n, Gpr m, Gpr a) { regs((form).bits, d, n, m, a); }
#define ASSAY_A64_RRRS(f, form) \
  void f(Size s, Gpr d, Gpr n, Gpr m, Shift h = Shift::Lsl, u32 by = 0) { shifted(of(form, s), s, d, n, m, h, by, 3); }
#define ASSAY_A64_RRRL(f, form) \
  void f(Size s, Gpr d, Gpr n, Gpr m, Shift h = Shift::Lsl, u32 by = 0) { shifted(of(form, s), s, d, n, m, h, by, 4); }
#define ASSAY_A64_NRRS(f, form) \
  void f(Size s, Gpr n, Gpr m, Shift h = Shift::Lsl, u32 by = 0) { shifted(of(form, s), s, Gpr::Zr, n, m, h, by, 3); }
#define ASSAY_A64_NRRL(f, form) \
  void f(Size s, Gpr n, Gpr m, Shift h = Shift::Lsl, u32 by = 0) { shifted(of(form, s), s, Gpr::Zr, n, m, h, by, 4); }
#define ASSAY_A64_DRRS(f, form) \
  void f(Size s, Gpr d, Gpr m, Shift h = Shift::Lsl, u32 by = 0) { shifted(of(form, s), s, d, Gpr::Zr, m, h, by, 3); }
#define ASSAY_A64_DRRL(f, form) \
  void f(Size s, Gpr d, Gpr m, Shift h = Shift::Lsl, u32 by = 0) { shifted(of(form, s), s, d, Gpr::Zr, m, h, by, 4); }
#define ASSAY_A64_PPRX(f, form) \
  void f(Size s, Gpr d, Gpr n, Gpr m, Extend e, u32 by = 0) { extended(of(form, s), Gpr::Zr, d, n, m, e, by); }
#define ASSAY_A64_RPRX(f, form) \
  void f(Size s, Gpr d, Gpr n, Gpr m, Extend e, u32 by = 0) { extended(of(form, s), Gpr::Sp, d, n, m, e, by); }
#define ASSAY_A64_NPRX(f, form) \
  void f(Size s, Gpr n, Gpr m, Extend e, u32 by = 0) { extended(of(form, s), Gpr::Sp, Gpr::Zr, n, m, e, by); }
#define ASSAY_A64_PPI(f, form) \
  void f(Size s, Gpr d, Gpr n, AddSubImm imm) { immediate(of(form, s) | imm.bits, d == Gpr::Zr || n == Gpr::Zr, d, n); }
#define ASSAY_A64_RPI(f, form) \
  void f(Size s, Gpr d, Gpr n, AddSubImm imm) { immediate(of(form, s) | imm.bits, d == Gpr::Sp || n == Gpr::Zr, d, n); }
#define ASSAY_A64_NPI(f, form) \
  void f(Size s, Gpr n, AddSubImm imm) { immediate(of(form, s) | imm.bits, n == Gpr::Zr, Gpr::Zr, n); }
#define ASSAY_A64_PRB(f, form) \
  void f(Size s, Gpr d, Gpr n, LogicalImm imm) { \
    immediate(of(form, s) | imm.bits, d == Gpr::Zr || n == Gpr::Sp || too_wide(s, imm), d, n); \
  }
#define ASSAY_A64_RRB(f, form) \
  void f(Size s, Gpr d, Gpr n, LogicalImm imm) { \
    immediate(of(form, s) | imm.bits, d == Gpr::Sp || n == Gpr::Sp || too_wide(s, imm), d, n); \
  }
#define ASSAY_A64_NRB(f, form) \
  void f(Size s, Gpr n, LogicalImm imm) { \
    immediate(of(form, s) | imm.bits, n == Gpr::Sp || too_wide(s, imm), Gpr::Zr, n); \
  }
#define ASSAY_A64_RI16(f, form) \
  void f(Size s, Gpr d, u16 imm, u32 by = 0) { \
    immediate(of(form, s) | by << 17 | u32{imm} << 5, d == Gpr::Sp || by >= bits_of(s) || by % 16 != 0, d, Gpr::X0); \
  }
#define ASSAY_A64_RRBF(f, form) \
  void f(Size s, Gpr d, Gpr n, u32 immr, u32 imms) { bit_field(of(form, s), s, d, n, Gpr::X0, immr, imms); }
#define ASSAY_A64_RRRF(f, form) \
  void f(Size s, Gpr d, Gpr n, Gpr m, u32 lsb) { bit_field(of(form, s), s, d, n, m, 0, lsb); }
#define ASSAY_A64_RRRC(f, form) \
  void f(Size s, Gpr d, Gpr n, Gpr m, Cond c) { regs(of(form, s) | at(c), d, n, m, Gpr::X0); }
#define ASSAY_A64_NRRC(f, form) \
  void f(Size s, Gpr n, Gpr m, u32 nzcv, Cond c) { \
    immediate(of(form, s) | at(c) | nzcv | field_of(m) << 16, n == Gpr::Sp || m == Gpr::Sp || nzcv > 15, Gpr::X0, n); \
  }
#define ASSAY_A64_NRIC(f, form) \
  void f(Size s, Gpr n, u32 imm5, u32 nzcv, Cond c) { \
    immediate(of(form, s) | at(c) | nzcv | imm5 << 16, n == Gpr::Sp || imm5 > 31 || nzcv > 15, Gpr::X0, n); \
  }
#define ASSAY_A64_LD(f, form)    void f(Size s, Gpr t, const Mem& m) { load_store(of(form, s), t, m); }
#define ASSAY_A64_LD1(f, form)   void f(Gpr t, const Mem& m) { load_store((form).bits, t, m); }
#define ASSAY_A64_LDV(f, form) \
  void f(FSize s, Vreg t, const Mem& m) { load_store(of(form, s) ^ (s == FSize::Q ? 0x80800000u : 0), t, m); }
#define ASSAY_A64_LP(f, form)    void f(Size s, Gpr t, Gpr t2, const Mem& m) { pair(of(form, s), s, t, t2, m); }
#define ASSAY_A64_LPV(f, form) \
  void f(FSize s, Vreg t, Vreg t2, const Mem& m) { pair(of(form, s) ^ (s == FSize::Q ? 0x80000000u : 0), s, t, t2, m); }
#define ASSAY_A64_LIT(f, form)   void f(Size s, Gpr t, Label l) { literal(of(form, s), field_of(t), l, t == Gpr::Sp); }
#define ASSAY_A64_LIT1(f, form)  void f(Gpr t, Label l) { literal((form).bits, field_of(t), l, t == Gpr::Sp); }
#define ASSAY_A64_LITV(f, form) \
  void f(FSize s, Vreg t, Label l) { literal(of(form, s) ^ (s == FSize::Q ? 0x80000000u : 0), field_of(t), l, false); }
#define ASSAY_A64_ADR(f, form)   void f(Gpr d, Label l) { adr_label((form).bits, d, l); }
#define ASSAY_A64_ADRP(f, form)  void f(Gpr d, i32 pages) { adrp_pages((form).bits, d, pages); }
#define ASSAY_A64_B26(f, form)   void f(Label l) { branch26((form).bits, l); }
#define ASSAY_A64_BC(f, form) \
  void f(Cond c, Label l) { \
    if (c == Cond::Al) branch26(0x14000000, l); else branch19((form).bits | static_cast<u32>(c), 1, l); \
  }
#define ASSAY_A64_CB(f, form) \
  void f(Size s, Gpr t, Label l) { if (t == Gpr::Sp) refuse(); else branch19(of(form, s) | field_of(t), 1u << 24, l); }
#define ASSAY_A64_TB(f, form) \
  void f(Gpr t, u32 bit, Label l) { \
    if (t == Gpr::Sp || bit > 63) return refuse(); \
    branch14((form).bits | (bit >> 5) << 31 | (bit & 31) << 19 | field_of(t), l); \
  }
#define ASSAY_A64_BR(f, form)    void f(Gpr n) { immediate((form).bits, n == Gpr::Sp, Gpr::X0, n); }
#define ASSAY_A64_NO(f, form)    void f() { put((form).bits); }
#define ASSAY_A64_I16(f, form)   void f(u16 imm) { put((form).bits | u32{imm} << 5); }
#define ASSAY_A64_U16(f, form)   void f(u16 imm) { put((form).bits | imm); }
#define ASSAY_A64_HINT(f, form)  void f(u32 imm) { if (imm > 127) refuse(); else put((form).bits | imm << 5); }
#define ASSAY_A64_BTI(f, form)   void f(BtiKind k) { put((form).bits | static_cast<u32>(k) << 6); }
#define ASSAY_A64_BAR(f, form)   void f(Barrier b) { put((form).bits | static_cast<u32>(b) << 8); }
#define ASSAY_A64_R1(f, form)    void f(Gpr t) { immediate((form).bits, t == Gpr::Sp, t, Gpr::X0); }
#define ASSAY_A64_MRS(f, form) \
  void f(Gpr t, SysReg r) { immediate((form).bits | static_cast<u32>(r) << 5, t == Gpr::Sp, t, Gpr::X0); }
#define ASSAY_A64_MSR(f, form) \
  void f(SysReg r, Gpr t) { immediate((form).bits | static_cast<u32>(r) << 5, t == Gpr::Sp, t, Gpr::X0); }
#define ASSAY_A64_VV(f, form)    void f(FSize s, Vreg d, Vreg n) { vregs(of(form, s), s, d, n, Vreg::V0); }
#define ASSAY_A64_VVV(f, form)   void f(FSize s, Vreg d, Vreg n, Vreg m) { vregs(of(form, s), s, d, n, m); }
#define ASSAY_A64_VVVV(f, form) \
  void f(FSize s, Vreg d, Vreg n, Vreg m, Vreg a) { vregs(of(form, s) | field_of(a) << 10, s, d, n, m); }
#define ASSAY_A64_NVV(f, form)   void f(FSize s, Vreg n, Vreg m) { vregs(of(form, s), s, Vreg::V0, n, m); }
#define ASSAY_A64_NV0(f, form)   void f(FSize s, Vreg n) { vregs(of(form, s), s, Vreg::V0, n, Vreg::V0); }
#define ASSAY_A64_NVVC(f, form) \
  void f(FSize s, Vreg n, Vreg m, u32 nzcv, Cond c) { \
    if (nzcv > 15) refuse(); else vregs(of(form, s) | at(c) | nzcv, s, Vreg::V0, n, m); \
  }
#define ASSAY_A64_VVVC(f, form) \
  void f(FSize s, Vreg d, Vreg n, Vreg m, Cond c) { vregs(of(form, s) | at(c), s, d, n, m); }
#define ASSAY_A64_VI8(f, form) \
  void f(FSize s, Vreg d, FmovImm imm) { vregs(of(form, s) | imm.bits, s, d, Vreg::V0, Vreg::V0); }
#define ASSAY_A64_CVT(f, form)   void f(Vreg d, Vreg n) { vregs((form).bits, FSize::D, d, n, Vreg::V0); }
#define ASSAY_A64_CNT8 ASSAY_A64_CVT
#define ASSAY_A64_ADDV ASSAY_A64_CVT
#define ASSAY_A64_V16B(f, form)  void f(Vreg d, Vreg n, Vreg m) { vregs((form).bits, FSize::D, d, n, m); }
#define ASSAY_A64_V2D ASSAY_A64_V16B
#define ASSAY_A64_V2DE ASSAY_A64_V16B
#define ASSAY_A64_V0(f, form)    void f(Vreg d) { vregs((form).bits, FSize::D, d, Vreg::V0, Vreg::V0); }
#define ASSAY_A64_VR(f, form) \
  void f(FSize s, Vreg d, Size from, Gpr n) { convert(of(form, s) | sf(from), s, field_of(d), field_of(n), n); }
#define ASSAY_A64_RV(f, form) \
  void f(Size to, Gpr d, FSize s, Vreg n) { convert(of(form, s) | sf(to), s, field_of(d), field_of(n), d); }
#define ASSAY_A64_MRV(f, form) \
  void f(Size s, Gpr d, Vreg n) { convert(of(form, s), FSize::D, field_of(d), field_of(n), d); }
#define ASSAY_A64_MVR(f, form) \
  void f(Size s, Vreg d, Gpr n) { convert(of(form, s), FSize::D, field_of(d), field_of(n), n); }
#define FORM(shape, function, mnemonic, bits, wide, sizes) ASSAY_A64_##shape(function, (Form{bits, wide}))
#include "compiler/target/a64/assembler_forms.def"
#undef FORM
  // clang-format on

private:
  /// The fixed bits of a form (assembler_forms.def).
  struct Form {
    u32 bits = 0;
    u32 wide = 0;
  };
  enum class UseKind : u8 { Done, Branch26, Branch19, Branch14, Literal, Adr, Lea };
  struct LabelState {
    u32 offset = kNone;
    u32 first_use = kNone; // in uses_
    u32 veneer = kNone;    // offset of the last b to it in an island
  };
  /// An instruction to fill in when its label is bound. Those of kinds 19 and 14 lie in uses_ by rising `field`.
  struct Use {
    u32 field = 0;    // offset of the instruction
    u32 next = kNone; // next use of the same label
    u32 label = kNone;
    UseKind kind = UseKind::Done;
  };
  struct RodataUse {
    u32 field = 0; // offset of the first of two instructions
    u32 target = 0;
    u32 literal = 0; // ldr of a literal, without its distance; 0: the address is wanted
    u32 load = 0;    // ldr dst, [temp], with offset 0
    u32 temp = 0;
  };
  struct Constant {
    u64 value = 0;
    u32 field = 0; // offset of the ldr
    u32 bytes = 0;
  };

  // Words and operands. A register field refuses the wrong meaning of 31; bit 5 of Gpr is set for sp only.
  static constexpr u32 of(Form form, Size s) { return form.bits ^ (s == Size::X ? form.wide : 0); }
  static constexpr u32 of(Form form, FSize s) { return form.bits ^ (s == FSize::D ? form.wide : 0); }
  static constexpr u32 sf(Size s) { return s == Size::X ? 1u << 31 : 0; }
  static constexpr u32 at(Cond c) { return static_cast<u32>(c) << 12; }
  static constexpr u32 negated(Size s, u32 amount) { return (0 - amount) & (bits_of(s) - 1); }
  static constexpr bool too_wide(Size s, LogicalImm imm) { return s == Size::W && imm.only_x(); }
  static constexpr bool any_sp(Gpr a, Gpr b, Gpr c, Gpr d) {
    return ((static_cast<u32>(a) | static_cast<u32>(b) | static_cast<u32>(c) | static_cast<u32>(d)) & 32) != 0;
  }
  void refuse() { ok_ = false; }
  bool field(Size s, u32 lsb, u32 width) {
    const bool fits = lsb < bits_of(s) && width >= 1 && width <= bits_of(s) - lsb;
    ok_ &= fits;
    return fits;
  }
  bool other(Cond c) {
    ok_ &= c != Cond::Al;
    return c != Cond::Al;
  }

  void regs(u32 word, Gpr d, Gpr n, Gpr m, Gpr a) {
    if (any_sp(d, n, m, a)) return refuse();
    put(word | field_of(d) | field_of(n) << 5 | field_of(m) << 16 | field_of(a) << 10);
  }
  void immediate(u32 word, bool wrong, Gpr d, Gpr n) {
    if (wrong) return refuse();
    put(word | field_of(d) | field_of(n) << 5);
  }
  void shifted(u32 word, Size s, Gpr d, Gpr n, Gpr m, Shift shift, u32 amount, u32 shifts) {
    if (amount >= bits_of(s) || static_cast<u32>(shift) >= shifts) return refuse();
    regs(word | static_cast<u32>(shift) << 22 | amount << 10, d, n, m, Gpr::X0);
  }
  /// `not_d`: what d may not be.
  void extended(u32 word, Gpr not_d, Gpr d, Gpr n, Gpr m, Extend extend, u32 amount) {
    if (d == not_d || n == Gpr::Zr || m == Gpr::Sp || amount > 4) return refuse();
    put(word | field_of(d) | field_of(n) << 5 | field_of(m) << 16 | static_cast<u32>(extend) << 13 | amount << 10);
  }
  void bit_field(u32 word, Size s, Gpr d, Gpr n, Gpr m, u32 immr, u32 imms) {
    if (immr >= bits_of(s) || imms >= bits_of(s)) return refuse();
    regs(word | immr << 16 | imms << 10, d, n, m, Gpr::X0);
  }
  void vregs(u32 word, FSize s, Vreg d, Vreg n, Vreg m) {
    if (s == FSize::Q) return refuse();
    put(word | field_of(d) | field_of(n) << 5 | field_of(m) << 16);
  }
  void convert(u32 word, FSize s, u32 d, u32 n, Gpr general) {
    if (s == FSize::Q || general == Gpr::Sp) return refuse();
    put(word | d | n << 5);
  }
  void load_store(u32 word, Gpr t, const Mem& mem);
  void load_store(u32 word, Vreg t, const Mem& mem);
  void pair(u32 word, Size s, Gpr t, Gpr t2, const Mem& mem);
  void pair(u32 word, FSize s, Vreg t, Vreg t2, const Mem& mem);
  void adrp_pages(u32 word, Gpr d, i32 pages);

  // Labels. `flip`: what turns the branch into its opposite.
  void branch26(u32 word, Label label);
  void branch19(u32 word, u32 flip, Label label) { conditional(word, flip, label, UseKind::Branch19); }
  void branch14(u32 word, Label label) { conditional(word, 1u << 24, label, UseKind::Branch14); }
  void conditional(u32 word, u32 flip, Label label, UseKind kind);
  void literal(u32 word, u32 t, Label label, bool wrong);
  void adr_label(u32 word, Gpr d, Label label);
  void constant(u32 word, u64 value, u32 bytes);
  u32 rel26(u32 word) {
    put(word);
    return offset_ - 4;
  }
  void add_use(Label label, UseKind kind, u32 field);
  void aim(Label label, UseKind kind);
  bool fill(u32 field, UseKind kind, i64 target);

  // Islands.
  void room(u32 bytes) {
    if (offset_ + bytes > limit_) make_room(bytes);
  }
  void make_room(u32 bytes);
  void grow(u32 bytes);
  void overflow();
  u32 deadline() const;
  void set_limit();
  void wait(UseKind kind);
  void settle(UseKind kind);
  void advance(UseKind kind, u32& cursor, u32& first) const;
  bool due14(u32 bytes) const;
  bool due19(u32 bytes) const;
  bool island_step(u32 bytes, bool whole_pool);
  bool redirect(Use& use);
  void veneer(Use& use);
  void place_constant(const Constant& constant);
  void forget_labels();

  u32 word_at(u32 at) const {
    u32 word = 0;
    std::memcpy(&word, base_ + at, 4);
    return word;
  }
  /// Writes a word where there is room.
  void write(u32 word) {
    std::memcpy(base_ + offset_, &word, 4);
    offset_ += 4;
  }
  /// Writes a word of an island.
  void write_grown(u32 word) {
    if (offset_ + 4 > size_) grow(4);
    write(word);
  }
  /// Writes an instruction.
  void put(u32 word) {
    if (offset_ >= limit_) make_room(4);
    write(word);
  }

  bool may(codegen::Decision decision, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    return decisions_ == nullptr || decisions_->may(decision, file, line);
  }

  static constexpr u32 kFar = 0xf0000000; // an offset beyond all code
  codegen::Decisions* decisions_ = nullptr;

  std::vector<u8>* code_ = nullptr;
  u8* base_ = nullptr; // code_->data()
  u32 offset_ = 0;     // next instruction
  u32 limit_ = 0;      // no instruction may start here or later before make_room: the smaller of size_ and deadline()
  u32 size_ = 0;       // code_->size(), a multiple of 4
  bool ok_ = true;
  bool by_page_ = false;
  std::vector<LabelState> labels_;
  std::vector<Use> uses_;
  std::vector<RodataUse> rodata_uses_;
  std::vector<Constant> pool_; // placed up to pool_placed_
  size_t pool_placed_ = 0;
  // Forward branches of either range that wait for their label: how many, and (as a lower bound) the first's offset.
  u32 pending19_ = 0, pending14_ = 0;
  u32 first19_ = kFar, first14_ = kFar;
  u32 cursor19_ = 0, cursor14_ = 0; // its index in uses_
};

} // namespace assay::a64
