// assembler.h - writes x64 machine code into a byte vector, one function a form.
//
// The functions come from assembler_forms.def: an `add` row of shape RmR is
// `void add(Size, Gpr rm, Gpr reg)`; operands in Intel order, destination first. Branches, labels and what
// has several lengths (mov_imm, nop) follow by hand.
//  - Immediates and displacements are i32, so each has an encoding; the caller asks fits_imm32 before it
//    narrows. For Byte and Word only the low bits of an immediate count. The shortest form is taken, if who was
//    named by ask() says yes.
//  - What has no encoding (encodable(Mem) false, a branch over 2 GiB) is not emitted and makes ok() false.
//  - Forward branches take 32 bits, backward ones 8 when they reach. Between hold_branches and settle_branches the form
//    is chosen afterwards, the short one wherever it reaches (assembler_relax.cpp); no call(Label), no Mem::rip there.
// The vector is longer than the code until finish(): offset() is where the next instruction goes.
// About 10 ns an instruction (bench/assembler_bench.cpp).
// Tested in compiler/target/x64/tests/assembler_test.cpp, assembler_forms_test.cpp, assembler_relax_test.cpp.
#pragma once

#include "assay/errors.h"
#include "compiler/codegen/decisions.h"
#include "compiler/codegen/sequence.h"
#include "compiler/target/x64/encoding.h"

#include <cstring>
#include <vector>

namespace assay::x64 {

class Assembler {
  /// A branch to a label, or the padding before a loop, whose length comes later.
  struct Held {
    enum class Kind : u8 { Jmp, Jcc, Loop };
    u32 at = 0;
    u32 argument = 0; // the label's id; of a loop the bytes of a line
    Kind kind = Kind::Jmp;
    u8 cond = 0;
    bool is_short = false;
    u32 back = kNone; // of a loop: the last branch back to it in held_
    u32 padding = 0;  // of a loop, once it is known
  };

public:
  /// Code beyond this makes ok() false: 1 GiB, so that every distance within it has 32 bits.
  static constexpr u32 kLargestSize = 1u << 30;

  /// Appends to `code` from its present end. Labels and fixups are forgotten, their storage kept.
  void begin(std::vector<u8>& code);
  /// Who is asked from now on before each form that is not the general one (area Encoding); null: nobody.
  void ask(codegen::Decisions* decisions) { decisions_ = decisions; }
  /// Cuts the vector to the code written. Every label that was used must be bound, else ok() becomes false.
  void finish();
  /// Forgets the labels, so that the next function's begin again at 0; unbound uses make ok() false.
  void reset_labels();
  /// Where the next byte goes, in the vector.
  u32 offset() const { return static_cast<u32>(cursor_ - base_); }
  /// Everything asked for since begin() could be encoded.
  bool ok() const { return ok_; }

  Label new_label();
  /// The label is here: fills in every use so far.
  void bind(Label label);
  bool is_bound(Label label) const { return labels_[label.id].offset != kNone; }
  /// kNone when not bound.
  u32 offset_of(Label label) const { return labels_[label.id].offset; }

  /// From here on branches have the longest form until settle_branches. All labels are unbound.
  void hold_branches();
  /// All labels that were used are bound. Offsets since hold_branches are others now: those of labels are told right by
  /// offset_of, those that somebody noted by `moved`.
  void settle_branches(codegen::Decisions& decisions);
  /// New offsets by old ones since hold_branches, to be asked for from the highest to the lowest; all together linear.
  class Moved {
  public:
    u32 operator()(u32 offset) {
      while (known_ != 0 && held_[known_ - 1].at >= offset) --known_;
      return offset - removed_[known_];
    }

  private:
    friend Assembler;
    const Held* held_ = nullptr;
    const u32* removed_ = nullptr;
    std::size_t known_ = 0; // behind the last one before the offset
  };
  Moved moved() const;

  /// Fills in every Mem::rodata since begin(): read-only data lies `rodata_offset` after the vector's
  /// first byte (CodeObject::rodata_offset()). After finish().
  void resolve_rodata(u32 rodata_offset);

  // Branches.
  void jmp(Label label);
  void jcc(Cond cond, Label label);
  void call(Label label);
  /// The 32-bit field is left zero and its offset returned, for a Reloc of kind Rel32 (addend 0).
  u32 call_rel32();
  u32 jmp_rel32();
  u32 lea_rel32(Gpr dst);
  /// mov dst, imm64; returns the offset of the field, for a Reloc of kind Abs64.
  u32 mov_abs64(Gpr dst, u64 value = 0);

  /// All 64 bits := value, by the shortest mov; flags unchanged.
  void mov_imm(Gpr dst, u64 value);
  /// ret that pops `bytes` more. `ret()` comes from the table.
  void ret(u16 bytes);
  /// Exactly that many bytes of no-operation, in instructions of up to 9 bytes.
  void nop(u32 bytes);
  /// Pads with nop or int3 until offset() is a multiple of `alignment` (a power of two).
  void align_nop(u32 alignment);
  /// The next byte is a loop's first. Nops before it, less than `line` bytes of them: to a multiple of that, but while
  /// branches are held no more than the loop needs to lie in few lines.
  void align_loop(u32 line);
  void align_int3(u32 alignment);
  /// Overwrites four bytes written before.
  void put32_at(u32 at, u32 value) { std::memcpy(code_->data() + at, &value, 4); }

  // One function a row. Legend of the shapes: assembler_forms.def.
  // clang-format off
#define ASSAY_X64_RMR(f, form)  void f(Size s, Gpr rm, Gpr reg) { rr<form>(s, number_of(reg), number_of(rm), kBoth); }
#define ASSAY_X64_RRM(f, form)  void f(Size s, Gpr reg, Gpr rm) { rr<form>(s, number_of(reg), number_of(rm), kBoth); }
#define ASSAY_X64_MR(f, form)   void f(Size s, const Mem& m, Gpr reg) { rm<form>(s, number_of(reg), m); }
#define ASSAY_X64_RM(f, form)   void f(Size s, Gpr reg, const Mem& m) { rm<form>(s, number_of(reg), m); }
#define ASSAY_X64_EXTM ASSAY_X64_RM
#define ASSAY_X64_LEA ASSAY_X64_RM
#define ASSAY_X64_RMS ASSAY_X64_RM
#define ASSAY_X64_RI(f, form)   void f(Size s, Gpr reg, i32 imm) { ri<form>(s, number_of(reg), imm); }
#define ASSAY_X64_MI(f, form)   void f(Size s, const Mem& m, i32 imm) { mi<form>(s, m, imm); }
#define ASSAY_X64_RIW(f, form)  void f(Size s, Gpr reg, i32 imm) { ri_wide<form>(s, number_of(reg), imm); }
#define ASSAY_X64_MIW(f, form)  void f(Size s, const Mem& m, i32 imm) { mi_wide<form>(s, m, imm); }
#define ASSAY_X64_R1(f, form)   void f(Size s, Gpr reg) { rr<form>(s, (form).ext, number_of(reg), kRm); }
#define ASSAY_X64_RCL ASSAY_X64_R1
#define ASSAY_X64_M1(f, form)   void f(Size s, const Mem& m) { rm<form>(s, (form).ext, m, kNeither); }
#define ASSAY_X64_RI8(f, form) \
  void f(Size s, Gpr reg, u8 imm) { rr<form>(s, (form).ext, number_of(reg), kRm); byte(imm); }
#define ASSAY_X64_RSH(f, form)  void f(Size s, Gpr reg, u8 imm) { shift<form>(s, number_of(reg), imm); }
#define ASSAY_X64_RRI(f, form)  void f(Size s, Gpr d, Gpr a, i32 imm) { rri<form>(s, number_of(d), number_of(a), imm); }
#define ASSAY_X64_RMI(f, form)  void f(Size s, Gpr d, const Mem& m, i32 imm) { rmi<form>(s, number_of(d), m, imm); }
#define ASSAY_X64_EXTR(f, form) \
  void f(Size s, Gpr d, Gpr a) { rr<form>(s, number_of(d), number_of(a), (form).ext == 1 ? kRmAlways : kNeither); }
#define ASSAY_X64_CR(f, form)   void f(Cond c, Gpr reg) { rr<form>(Size::Byte, 0, number_of(reg), kRm, number_of(c)); }
#define ASSAY_X64_CM(f, form)   void f(Cond c, const Mem& m) { rm<form>(Size::Byte, 0, m, kNeither, number_of(c)); }
#define ASSAY_X64_CRRM(f, form) \
  void f(Cond c, Size s, Gpr d, Gpr a) { rr<form>(s, number_of(d), number_of(a), kNeither, number_of(c)); }
#define ASSAY_X64_CRM(f, form) \
  void f(Cond c, Size s, Gpr d, const Mem& m) { rm<form>(s, number_of(d), m, kNeither, number_of(c)); }
#define ASSAY_X64_OPR(f, form)  void f(Size s, Gpr reg) { in_opcode<form>(s, number_of(reg)); }
#define ASSAY_X64_OP64(f, form) void f(Gpr reg) { in_opcode<form>(Size::Dword, number_of(reg)); }
#define ASSAY_X64_R64(f, form)  void f(Gpr reg) { rr<form>(Size::Dword, (form).ext, number_of(reg), kNeither); }
#define ASSAY_X64_M64(f, form)  void f(const Mem& m) { rm<form>(Size::Dword, (form).ext, m); }
#define ASSAY_X64_MST ASSAY_X64_M64
#define ASSAY_X64_NO(f, form)   void f() { bare<form>(); }
#define ASSAY_X64_XX(f, form)   void f(Xmm d, Xmm a) { rr<form>(Size::Dword, number_of(d), number_of(a), kNeither); }
#define ASSAY_X64_XM(f, form)   void f(Xmm d, const Mem& m) { rm<form>(Size::Dword, number_of(d), m); }
#define ASSAY_X64_MX(f, form)   void f(const Mem& m, Xmm a) { rm<form>(Size::Dword, number_of(a), m); }
#define ASSAY_X64_XXI(f, form) \
  void f(Xmm d, Xmm a, u8 imm) { rr<form>(Size::Dword, number_of(d), number_of(a), kNeither); byte(imm); }
#define ASSAY_X64_XMI(f, form) \
  void f(Xmm d, const Mem& m, u8 imm) { rm_imm8<form>(Size::Dword, number_of(d), m, imm); }
#define ASSAY_X64_XI(f, form) \
  void f(Xmm d, u8 imm) { rr<form>(Size::Dword, (form).ext, number_of(d), kNeither); byte(imm); }
#define ASSAY_X64_XR(f, form) \
  void f(Xmm d, Gpr a) { rr<form>(sole_size(form), number_of(d), number_of(a), kNeither); }
#define ASSAY_X64_RX(f, form) \
  void f(Gpr d, Xmm a) { rr<form>(sole_size(form), number_of(a), number_of(d), kNeither); }
#define ASSAY_X64_XRS(f, form)  void f(Size s, Xmm d, Gpr a) { rr<form>(s, number_of(d), number_of(a), kNeither); }
#define ASSAY_X64_XMS(f, form)  void f(Size s, Xmm d, const Mem& m) { rm<form>(s, number_of(d), m); }
#define ASSAY_X64_RXS(f, form)  void f(Size s, Gpr d, Xmm a) { rr<form>(s, number_of(d), number_of(a), kNeither); }
#define ASSAY_X64_VXX(f, form)  void f(Xmm d, Xmm a, Xmm b) { vex_rr(form, number_of(d), number_of(a), number_of(b)); }
#define ASSAY_X64_VXM(f, form)  void f(Xmm d, Xmm a, const Mem& m) { vex_rm(form, number_of(d), number_of(a), m); }
#define FORM(shape, function, mnemonic, prefix, map, opcode, ext, sizes) \
  ASSAY_X64_##shape(function, make_form(prefix, map, opcode, ext, sizes))
#include "compiler/target/x64/assembler_forms.def"
#undef FORM
  // clang-format on

private:
  /// Which register fields name a byte register when the size is Byte (kRmAlways: whatever the size). Those
  /// need a REX prefix from number 4 on, or they would mean ah, ch, dh, bh.
  enum ByteRegs : u8 { kNeither = 0, kReg = 1, kRm = 2, kBoth = 3, kRmAlways = 4 };
  struct LabelState {
    u32 offset = kNone;
    u32 first_use = kNone; // in uses_
    u32 held_before = 0;   // of held_, where it was bound
  };
  struct Use {
    u32 field = 0;    // offset of the 32-bit field
    u32 next = kNone; // next use of the same label
    i32 addend = 0;   // displacement, less the bytes between the field's start and the instruction's end
  };
  struct RodataUse {
    u32 field = 0;
    i32 trailing = 0;
    u32 target = 0;
  };

  static constexpr Size sole_size(Form form) { return static_cast<Size>(form.sizes); }

  // Instructions, and pieces of them: assembler_encode.h.
  struct Head;
  template <Form F> static Head head(Size size, u32 rex, u8 modrm_byte, u32 more);
  template <Form F> u32 byte_rex(Size size, u32 reg, u32 rm_reg, ByteRegs byte_regs);
  template <Form F> u8* start_rr(Size size, u8 reg, u8 rm_reg, ByteRegs byte_regs, u32 more);
  template <Form F> u8* start_rm(Size size, u8 reg, const Mem& mem, ByteRegs byte_regs, u32 trailing, u32 more);
  static u8* put_imm(u8* at, Size size, i32 imm, bool is_short);
  bool short_imm(Size size, i32& imm);
  u32 mod_for(i32 disp, u32 base);
  bool may(codegen::Decision decision, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    if (decisions_ == nullptr) [[likely]]
      return true;
    return decisions_->may(decision, file, line);
  }
  template <Form F> void rr(Size size, u8 reg, u8 rm_reg, ByteRegs byte_regs, u32 more = 0);
  template <Form F> void rm(Size size, u8 reg, const Mem& mem, ByteRegs byte_regs = kReg, u32 more = 0);
  template <Form F> void rm_imm8(Size size, u8 reg, const Mem& mem, u8 imm);
  template <Form F> void ri(Size size, u8 reg, i32 imm);
  template <Form F> void mi(Size size, const Mem& mem, i32 imm);
  template <Form F> void ri_wide(Size size, u8 reg, i32 imm);
  template <Form F> void mi_wide(Size size, const Mem& mem, i32 imm);
  template <Form F> void rri(Size size, u8 dst, u8 src, i32 imm);
  template <Form F> void rmi(Size size, u8 dst, const Mem& mem, i32 imm);
  template <Form F> void shift(Size size, u8 reg, u8 count);
  template <Form F> void in_opcode(Size size, u8 reg);
  template <Form F> void bare();
  void vex_rr(Form form, u8 dst, u8 first, u8 second);
  void vex_rm(Form form, u8 dst, u8 first, const Mem& mem);

  u8* room() {
    if (cursor_ >= limit_) grow();
    return cursor_;
  }
  void grow();
  void commit(const u8* end) { cursor_ += end - cursor_; }
  u8* other_memory(Form form, Size size, u8 reg, const Mem& mem, u32 byte_rex, u32 trailing);
  u8* address(u8* at, u8 reg, const Mem& mem, u32 trailing);
  u8* rip_relative(u8* at, u8 reg, const Mem& mem, u32 trailing);
  void use_label(Label label, u32 field, i32 addend);
  void branch32(Label label);
  static u8* put_nop(u8* at, u32 bytes);
  static u32 length_of(const Held& held);
  void hold(Held::Kind kind, u8 cond, u32 argument);
  bool is_near(u32 index) const;
  void shorten(codegen::Decisions& decisions);
  void find_loops();
  u32 padding(u32 index) const;
  void place();
  u8* put_held(u8* at, const Held& held) const;
  void fill_field(u32 field, i64 value);
  /// The imm8 of an instruction whose start made the room.
  void byte(u8 value) { *cursor_++ = value; }

  static constexpr u32 kRoom = 32; // more than the longest instruction, 15 bytes

  codegen::Decisions* decisions_ = nullptr;
  std::vector<u8>* code_ = nullptr;
  u8* base_ = nullptr;   // code_->data()
  u8* cursor_ = nullptr; // next byte
  u8* limit_ = nullptr;  // from here on there may be no room for an instruction
  bool ok_ = true;
  codegen::Sequence<LabelState> labels_;
  codegen::Sequence<Use> uses_;
  codegen::Sequence<RodataUse> rodata_uses_;
  bool is_holding_ = false;
  u32 hold_from_ = 0; // offset of hold_branches
  codegen::Sequence<Held> held_;
  codegen::Sequence<u32> removed_; // [index in held_] bytes that went before it; one more
};

} // namespace assay::x64

#include "compiler/target/x64/assembler_encode.h"
