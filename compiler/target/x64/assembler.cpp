// assembler.cpp - the bytes behind assembler.h: prefixes, ModRM, SIB, displacements, immediates.
//
// Every emitter makes room for one whole instruction, writes with a raw pointer, then commits the new end;
// nothing is checked a byte at a time. What is odd about x64 addresses (Intel SDM 2A, 2.1.5 and 2.2.1):
//  - rm = 4 (rsp, r12) means "a SIB byte follows", so these bases always take one;
//  - mod = 0 with base 5 (rbp, r13) means "no base" (rip-relative without SIB), so these take a zero disp8;
//  - a rip-relative displacement counts from the end of the instruction, immediate included.
// Constant cost an instruction. Tested in compiler/target/x64/tests/assembler_test.cpp, assembler_forms_test.cpp.
#include "compiler/target/x64/assembler.h"

#include "assay/planted.h"

#include <algorithm>

namespace assay::x64 {

namespace {

constexpr u32 kFirstSize = 1024;
constexpr u32 kLargestSize = 1u << 30; // so that every distance within the code has 32 bits

u8* put32(u8* at, i32 value) {
  std::memcpy(at, &value, 4);
  return at + 4;
}

/// The low `size` bytes of the immediate; Qword takes 4, which the processor sign-extends.
u8* put_imm(u8* at, Size size, i32 imm) {
  std::memcpy(at, &imm, 4);
  return at + std::min(static_cast<u32>(size), 4u);
}

u32 imm_bytes(Size size) { return std::min(static_cast<u32>(size), 4u); }

constexpr u8 kMap0f38 = 2; // VEX.mmmmm

constexpr u8 modrm(u32 mod, u32 reg, u32 rm) { return static_cast<u8>((mod << 6) | ((reg & 7) << 3) | (rm & 7)); }

/// ModRM.mod: how many bytes of displacement there are (0: none, 1: one, 2: four).
u32 mod_of(const Mem& mem, u32 base) {
  if (ASSAY_PLANTED(enc_r13_without_disp) && mem.disp == 0 && base == 13) return 0;
  return mem.disp == 0 && (base & 7) != 5 ? 0 : fits_imm8(mem.disp) ? 1 : 2;
}

u32 rex_of(u8 reg, const Mem& mem) {
  u32 rex = (reg >> 3) << 2;
  if (mem.kind == Mem::Kind::Base) return rex | number_of(mem.base) >> 3;
  if (mem.kind == Mem::Kind::BaseIndex) rex |= number_of(mem.base) >> 3;
  if (mem.kind == Mem::Kind::BaseIndex || mem.kind == Mem::Kind::Index) rex |= (number_of(mem.index) >> 3) << 1;
  return rex;
}

} // namespace

void Assembler::begin(std::vector<u8>& code) {
  code_ = &code;
  base_ = code.data();
  size_ = offset_ = static_cast<u32>(code.size());
  ok_ = true;
  labels_.clear();
  uses_.clear();
  rodata_uses_.clear();
}

void Assembler::grow() {
  if (size_ >= kLargestSize) {
    // Too much code for one object: keep writing over the last part, and say so.
    ok_ = false;
    offset_ = size_ / 2;
    return;
  }
  code_->resize(std::max(kFirstSize, size_ * 2));
  size_ = static_cast<u32>(code_->size());
  base_ = code_->data();
}

void Assembler::finish() {
  reset_labels();
  code_->resize(offset_);
  base_ = code_->data();
  size_ = offset_;
}

void Assembler::reset_labels() {
  for (const LabelState& label : labels_) ok_ &= label.offset != kNone || label.first_use == kNone;
  labels_.clear();
  uses_.clear();
}

Label Assembler::new_label() {
  labels_.push_back({});
  return {static_cast<u32>(labels_.size() - 1)};
}

void Assembler::bind(Label label) {
  LabelState& state = labels_[label.id];
  state.offset = offset_;
  for (u32 use = state.first_use; use != kNone; use = uses_[use].next)
    fill_field(uses_[use].field, static_cast<i64>(offset_) + uses_[use].addend - uses_[use].field);
}

void Assembler::use_label(Label label, u32 field, i32 addend) {
  LabelState& state = labels_[label.id];
  if (state.offset != kNone) {
    fill_field(field, static_cast<i64>(state.offset) + addend - field);
    return;
  }
  uses_.push_back({field, state.first_use, addend});
  state.first_use = static_cast<u32>(uses_.size() - 1);
}

void Assembler::fill_field(u32 field, i64 value) {
  ok_ &= fits_imm32(value);
  put32(base_ + field, static_cast<i32>(static_cast<u32>(static_cast<u64>(value))));
}

void Assembler::resolve_rodata(u32 rodata_offset) {
  for (const RodataUse& use : rodata_uses_)
    fill_field(use.field, static_cast<i64>(rodata_offset) + use.target - use.field - 4 - use.trailing);
  rodata_uses_.clear();
}

// Instruction pieces.

// Each optional byte is written, then kept or overwritten: branches here would be mispredicted.
inline u8* Assembler::head(u8* at, Form form, Size size, u32 rex) {
  ASSAY_DCHECK((form.sizes & static_cast<u8>(size)) != 0 || size == Size::Dword);
  *at = 0x66;
  at += size == Size::Word;
  *at = form.prefix;
  at += form.prefix != 0;
  rex |= static_cast<u32>(size) & 8; // REX.W
  *at = static_cast<u8>(0x40 | rex);
  at += rex != 0;
  const u32 shift = 8u * (form.length - 1u);
  const u32 opcode = form.opcode + (static_cast<u32>(size != Size::Byte && form.wide) << shift);
  std::memcpy(at, &opcode, 4);
  return at + form.length;
}

inline u8* Assembler::rr_start(Form form, Size size, u8 reg, u8 rm_reg, ByteRegs byte_regs) {
  u32 bytes = size == Size::Byte ? byte_regs & kBoth : 0;
  if (byte_regs == kRmAlways) bytes = kRm;
  u32 rex = static_cast<u32>((reg >> 3) << 2) | static_cast<u32>(rm_reg >> 3);
  if (((bytes & kReg) != 0 && reg >= 4) || ((bytes & kRm) != 0 && rm_reg >= 4)) rex |= 0x40;
  if (ASSAY_PLANTED(enc_byte_reg_without_rex) && (bytes & kReg) == 0) rex &= ~0x40u;
  u8* at = head(room(), form, size, rex);
  *at++ = modrm(3, reg, rm_reg);
  return at;
}

inline u8* Assembler::rm_start(Form form, Size size, u8 reg, const Mem& mem, ByteRegs byte_regs, u32 trailing) {
  if (!encodable(mem)) {
    ok_ = false;
    return nullptr;
  }
  u32 rex = rex_of(reg, mem);
  if (size == Size::Byte && (byte_regs & kReg) != 0 && reg >= 4) rex |= 0x40;
  return memory(head(room(), form, size, rex), reg, mem, trailing);
}

inline u8* Assembler::memory(u8* at, u8 reg, const Mem& mem, u32 trailing) {
  const u32 base = number_of(mem.base), index = number_of(mem.index);
  switch (mem.kind) {
  case Mem::Kind::Base: { // written without branches, see head()
    const u32 mod = mod_of(mem, base);
    *at++ = modrm(mod, reg, base);
    *at = modrm(0, 4, base);
    at += (base & 7) == 4;
    put32(at, mem.disp);
    return at + mod * mod; // 0, 1 or 4 bytes
  }
  case Mem::Kind::BaseIndex: {
    const u32 mod = mod_of(mem, base);
    *at++ = modrm(mod, reg, 4);
    *at++ = modrm(mem.scale_log2, index, base);
    put32(at, mem.disp);
    return at + mod * mod;
  }
  case Mem::Kind::Index:
    *at++ = modrm(0, reg, 4);
    *at++ = modrm(mem.scale_log2, index, 5);
    return put32(at, mem.disp);
  case Mem::Kind::RipLabel:
  case Mem::Kind::RipRodata: break;
  }
  return rip_relative(at, reg, mem, trailing);
}

u8* Assembler::rip_relative(u8* at, u8 reg, const Mem& mem, u32 trailing) {
  *at++ = modrm(0, reg, 5);
  const u32 field = static_cast<u32>(at - base_);
  put32(at, 0);
  if (mem.kind == Mem::Kind::RipRodata) {
    rodata_uses_.push_back({field, static_cast<i32>(trailing), static_cast<u32>(mem.disp)});
  } else {
    const i64 addend = static_cast<i64>(mem.disp) - 4 - trailing;
    ok_ &= fits_imm32(addend);
    use_label(mem.label, field, static_cast<i32>(static_cast<u32>(static_cast<u64>(addend))));
  }
  return at + 4;
}

// Emitters, one for each way to encode.

void Assembler::rr(Form form, Size size, u8 reg, u8 rm_reg, ByteRegs byte_regs) {
  commit(rr_start(form, size, reg, rm_reg, byte_regs));
}

void Assembler::rm(Form form, Size size, u8 reg, const Mem& mem, ByteRegs byte_regs) {
  if (const u8* at = rm_start(form, size, reg, mem, byte_regs, 0)) commit(at);
}

void Assembler::rm_imm8(Form form, Size size, u8 reg, const Mem& mem, u8 imm) {
  u8* at = rm_start(form, size, reg, mem, kNeither, 1);
  if (at == nullptr) return;
  *at++ = imm;
  commit(at);
}

void Assembler::ri(Form form, Size size, u8 reg, i32 imm) {
  if (size == Size::Word) imm = static_cast<i16>(static_cast<u16>(imm & 0xffff));
  if (size == Size::Byte || !fits_imm8(imm)) return ri_wide(form, size, reg, imm);
  form = form.plus(2);
  u8* at = rr_start(form, size, form.ext, reg, kRm);
  *at++ = static_cast<u8>(imm & 0xff);
  commit(at);
}

void Assembler::mi(Form form, Size size, const Mem& mem, i32 imm) {
  if (size == Size::Word) imm = static_cast<i16>(static_cast<u16>(imm & 0xffff));
  if (size == Size::Byte || !fits_imm8(imm)) return mi_wide(form, size, mem, imm);
  form = form.plus(2);
  rm_imm8(form, size, form.ext, mem, static_cast<u8>(imm & 0xff));
}

void Assembler::ri_wide(Form form, Size size, u8 reg, i32 imm) {
  commit(put_imm(rr_start(form, size, form.ext, reg, kRm), size, imm));
}

void Assembler::mi_wide(Form form, Size size, const Mem& mem, i32 imm) {
  if (u8* at = rm_start(form, size, form.ext, mem, kNeither, imm_bytes(size))) commit(put_imm(at, size, imm));
}

void Assembler::rri(Form form, Size size, u8 dst, u8 src, i32 imm) {
  if (size == Size::Word) imm = static_cast<i16>(static_cast<u16>(imm & 0xffff));
  const bool short_form = fits_imm8(imm);
  if (short_form) form = form.plus(2);
  u8* at = rr_start(form, size, dst, src, kNeither);
  commit(put_imm(at, short_form ? Size::Byte : size, imm));
}

void Assembler::rmi(Form form, Size size, u8 dst, const Mem& mem, i32 imm) {
  if (size == Size::Word) imm = static_cast<i16>(static_cast<u16>(imm & 0xffff));
  const Size width = fits_imm8(imm) ? Size::Byte : size;
  if (width == Size::Byte) form = form.plus(2);
  if (u8* at = rm_start(form, size, dst, mem, kNeither, imm_bytes(width))) commit(put_imm(at, width, imm));
}

void Assembler::shift(Form form, Size size, u8 reg, u8 count) {
  if (count == 1) {
    form = form.plus(0x10);
    return rr(form, size, form.ext, reg, kRm);
  }
  rr(form, size, form.ext, reg, kRm);
  byte(count);
}

void Assembler::in_opcode(Form form, Size size, u8 reg) {
  form = form.plus(reg & 7);
  commit(head(room(), form, size, reg >> 3));
}

void Assembler::bare(Form form) { commit(head(room(), form, sole_size(form), 0)); }

void Assembler::vex_rr(Form form, u8 dst, u8 first, u8 second) {
  u8* at = room();
  *at++ = 0xc4; // inverted R, X, B and register number follow
  *at++ = static_cast<u8>((dst < 8 ? 0x80 : 0) | 0x40 | (second < 8 ? 0x20 : 0) | kMap0f38);
  *at++ = static_cast<u8>((form.sizes == 8 ? 0x80 : 0) | ((~first & 15) << 3) | 1);
  *at++ = form.last_byte();
  *at++ = modrm(3, dst, second);
  commit(at);
}

void Assembler::vex_rm(Form form, u8 dst, u8 first, const Mem& mem) {
  if (!encodable(mem)) {
    ok_ = false;
    return;
  }
  u8* at = room();
  const u32 rex = rex_of(dst, mem);
  *at++ = 0xc4;
  *at++ = static_cast<u8>(((~rex & 7) << 5) | kMap0f38);
  *at++ = static_cast<u8>((form.sizes == 8 ? 0x80 : 0) | ((~first & 15) << 3) | 1);
  *at++ = form.last_byte();
  commit(memory(at, dst, mem, 0));
}

// Branches and what has several lengths.

void Assembler::branch32(Label label) {
  put32(base_ + offset_, 0);
  const u32 field = offset_;
  offset_ += 4;
  use_label(label, field, -4);
}

void Assembler::jmp(Label label) {
  u8* at = room();
  const u32 target = offset_of(label);
  const u32 reach = ASSAY_PLANTED(enc_short_jump_range) ? 129 : 128;
  if (target != kNone && offset_ + 2 - target <= reach) {
    *at++ = 0xeb;
    *at++ = static_cast<u8>((target - (offset_ + 2)) & 0xff);
    return commit(at);
  }
  *at++ = 0xe9;
  commit(at);
  branch32(label);
}

void Assembler::jcc(Cond cond, Label label) {
  u8* at = room();
  const u32 target = offset_of(label);
  if (target != kNone && offset_ + 2 - target <= 128) {
    *at++ = static_cast<u8>(0x70 + static_cast<u8>(cond));
    *at++ = static_cast<u8>((target - (offset_ + 2)) & 0xff);
    return commit(at);
  }
  *at++ = 0x0f;
  *at++ = static_cast<u8>(0x80 + static_cast<u8>(cond));
  commit(at);
  branch32(label);
}

void Assembler::call(Label label) {
  u8* at = room();
  *at++ = 0xe8;
  commit(at);
  branch32(label);
}

u32 Assembler::call_rel32() {
  u8* at = room();
  *at++ = 0xe8;
  commit(put32(at, 0));
  return offset_ - 4;
}

u32 Assembler::jmp_rel32() {
  u8* at = room();
  *at++ = 0xe9;
  commit(put32(at, 0));
  return offset_ - 4;
}

u32 Assembler::lea_rel32(Gpr dst) {
  u8* at = room();
  *at++ = static_cast<u8>(0x48 | ((number_of(dst) >> 3) << 2));
  *at++ = 0x8d;
  *at++ = modrm(0, number_of(dst), 5);
  commit(put32(at, 0));
  return offset_ - 4;
}

u32 Assembler::mov_abs64(Gpr dst, u64 value) {
  u8* at = room();
  *at++ = static_cast<u8>(0x48 | (number_of(dst) >> 3));
  *at++ = static_cast<u8>(0xb8 | (number_of(dst) & 7));
  std::memcpy(at, &value, 8);
  commit(at + 8);
  return offset_ - 8;
}

void Assembler::mov_imm(Gpr dst, u64 value) {
  const u8 reg = number_of(dst);
  const i64 as_signed = static_cast<i64>(value);
  if (!fits_uimm32(value) && !fits_imm32(as_signed)) {
    mov_abs64(dst, value);
    return;
  }
  u8* at = room();
  const i32 low = static_cast<i32>(static_cast<u32>(value & 0xffffffffu));
  if (fits_uimm32(value)) {
    if (reg >= 8) *at++ = 0x41;
    *at++ = static_cast<u8>(0xb8 | (reg & 7));
  } else {
    *at++ = static_cast<u8>(0x48 | (reg >> 3));
    *at++ = 0xc7;
    *at++ = modrm(3, 0, reg);
  }
  commit(put32(at, low));
}

void Assembler::ret(u16 bytes) {
  if (bytes == 0) return ret();
  u8* at = room();
  *at++ = 0xc2;
  std::memcpy(at, &bytes, 2);
  commit(at + 2);
}

void Assembler::nop(u32 bytes) {
  // Intel SDM 2B, "NOP", the recommended sequences.
  static constexpr u8 sequences[9][9] = {
      {0x90},
      {0x66, 0x90},
      {0x0f, 0x1f, 0x00},
      {0x0f, 0x1f, 0x40, 0x00},
      {0x0f, 0x1f, 0x44, 0x00, 0x00},
      {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
      {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
      {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
      {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
  };
  while (bytes != 0) {
    const u32 count = std::min(bytes, 9u);
    u8* at = room();
    std::memcpy(at, sequences[count - 1], count);
    commit(at + count);
    bytes -= count;
  }
}

void Assembler::align_nop(u32 alignment) { nop((0u - offset_) & (alignment - 1)); }

void Assembler::align_int3(u32 alignment) {
  for (u32 rest = (0u - offset_) & (alignment - 1); rest != 0;) {
    const u32 count = std::min(rest, kRoom);
    u8* at = room();
    std::memset(at, 0xcc, count);
    commit(at + count);
    rest -= count;
  }
}

} // namespace assay::x64
