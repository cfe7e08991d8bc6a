// assembler.cpp - the bytes behind assembler.h: prefixes, ModRM, SIB, displacements, immediates.
//
// Every emitter makes room for one whole instruction, writes with a raw pointer, then commits the new end;
// nothing is checked a byte at a time. The common instructions are in assembler_encode.h; here are the addresses that
// are not a base and a displacement, VEX, branches and labels. A rip-relative displacement counts from the end of the
// instruction, immediate included.
// Constant cost an instruction. Tested in compiler/target/x64/tests/assembler_test.cpp, assembler_forms_test.cpp.
#include "compiler/target/x64/assembler.h"

#include "assay/planted.h"

#include <algorithm>

namespace assay::x64 {

namespace {

constexpr u32 kFirstSize = 1024;

u8* put32(u8* at, i32 value) {
  std::memcpy(at, &value, 4);
  return at + 4;
}

constexpr u8 kMap0f38 = 2; // VEX.mmmmm

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
  cursor_ = limit_ = base_ + code.size();
  ok_ = true;
  labels_.clear();
  uses_.clear();
  rodata_uses_.clear();
  is_holding_ = false;
}

void Assembler::grow() {
  const std::size_t size = code_->size();
  std::size_t offset = static_cast<std::size_t>(cursor_ - base_);
  if (size >= kLargestSize) {
    // Too much code for one object: keep writing over the last part, and say so.
    ok_ = false;
    offset = size / 2;
  } else {
    code_->resize(std::max<std::size_t>(kFirstSize, size * 2));
  }
  base_ = code_->data();
  cursor_ = base_ + offset;
  limit_ = base_ + code_->size() - kRoom;
}

void Assembler::finish() {
  reset_labels();
  code_->resize(offset());
  base_ = code_->data();
  cursor_ = limit_ = base_ + code_->size();
}

void Assembler::reset_labels() {
  for (const LabelState& label : labels_) ok_ &= label.offset != kNone || label.first_use == kNone;
  labels_.clear();
  uses_.clear();
}

Label Assembler::new_label() {
  *labels_.extend(1) = LabelState{};
  return {static_cast<u32>(labels_.size() - 1)};
}

void Assembler::bind(Label label) {
  LabelState& state = labels_[label.id];
  state.offset = offset();
  state.held_before = static_cast<u32>(held_.size());
  for (u32 use = state.first_use; use != kNone; use = uses_[use].next)
    fill_field(uses_[use].field, static_cast<i64>(offset()) + uses_[use].addend - uses_[use].field);
}

void Assembler::use_label(Label label, u32 field, i32 addend) {
  LabelState& state = labels_[label.id];
  if (state.offset != kNone) {
    fill_field(field, static_cast<i64>(state.offset) + addend - field);
    return;
  }
  *uses_.extend(1) = {field, state.first_use, addend};
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

/// What start_rm does, for every kind of address. No address: null, and ok() becomes false.
u8* Assembler::other_memory(Form form, Size size, u8 reg, const Mem& mem, u32 byte_rex, u32 trailing) {
  if (!encodable(mem)) {
    ok_ = false;
    return nullptr;
  }
  u8* at = room();
  const u32 rex = rex_of(reg, mem) | byte_rex | (static_cast<u32>(size) & 8);
  if (size == Size::Word) *at++ = 0x66;
  if (form.prefix != 0) *at++ = form.prefix;
  if (rex != 0) *at++ = static_cast<u8>(0x40 | rex);
  if (size != Size::Byte && form.wide != 0) form = form.plus(1);
  std::memcpy(at, &form.opcode, 4);
  return address(at + form.length, reg, mem, trailing);
}

u8* Assembler::address(u8* at, u8 reg, const Mem& mem, u32 trailing) {
  const u32 base = number_of(mem.base), index = number_of(mem.index);
  switch (mem.kind) {
  case Mem::Kind::Base: {
    const u32 mod = mod_for(mem.disp, base);
    *at++ = modrm(mod, reg, base);
    *at = modrm(0, 4, base);
    at += (base & 7) == 4;
    put32(at, mem.disp);
    return at + mod * mod; // 0, 1 or 4 bytes
  }
  case Mem::Kind::BaseIndex: {
    const u32 mod = mod_for(mem.disp, base);
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
    rodata_uses_.push_back(RodataUse{field, static_cast<i32>(trailing), static_cast<u32>(mem.disp)});
  } else {
    const i64 addend = static_cast<i64>(mem.disp) - 4 - trailing;
    ok_ &= fits_imm32(addend);
    use_label(mem.label, field, static_cast<i32>(static_cast<u32>(static_cast<u64>(addend))));
  }
  return at + 4;
}

// VEX.

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
  commit(address(at, dst, mem, 0));
}

// Branches and what has several lengths.

void Assembler::branch32(Label label) {
  const u32 field = offset();
  commit(put32(cursor_, 0));
  use_label(label, field, -4);
}

void Assembler::jmp(Label label) {
  if (is_holding_) return hold(Held::Kind::Jmp, 0, label.id);
  u8* at = room();
  const u32 target = offset_of(label);
  const u32 reach = ASSAY_PLANTED(enc_short_jump_range) ? 129 : 128;
  if (target != kNone && offset() + 2 - target <= reach && may(codegen::Decision::ShortJump)) {
    *at++ = 0xeb;
    *at++ = static_cast<u8>((target - (offset() + 2)) & 0xff);
    return commit(at);
  }
  *at++ = 0xe9;
  commit(at);
  branch32(label);
}

void Assembler::jcc(Cond cond, Label label) {
  if (is_holding_) return hold(Held::Kind::Jcc, static_cast<u8>(cond), label.id);
  u8* at = room();
  const u32 target = offset_of(label);
  if (target != kNone && offset() + 2 - target <= 128 && may(codegen::Decision::ShortJump)) {
    *at++ = static_cast<u8>(0x70 + static_cast<u8>(cond));
    *at++ = static_cast<u8>((target - (offset() + 2)) & 0xff);
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
  return offset() - 4;
}

u32 Assembler::jmp_rel32() {
  u8* at = room();
  *at++ = 0xe9;
  commit(put32(at, 0));
  return offset() - 4;
}

u32 Assembler::lea_rel32(Gpr dst) {
  u8* at = room();
  *at++ = static_cast<u8>(0x48 | ((number_of(dst) >> 3) << 2));
  *at++ = 0x8d;
  *at++ = modrm(0, number_of(dst), 5);
  commit(put32(at, 0));
  return offset() - 4;
}

u32 Assembler::mov_abs64(Gpr dst, u64 value) {
  u8* at = room();
  *at++ = static_cast<u8>(0x48 | (number_of(dst) >> 3));
  *at++ = static_cast<u8>(0xb8 | (number_of(dst) & 7));
  std::memcpy(at, &value, 8);
  commit(at + 8);
  return offset() - 8;
}

void Assembler::mov_imm(Gpr dst, u64 value) {
  const u8 reg = number_of(dst);
  const i64 as_signed = static_cast<i64>(value);
  if ((!fits_uimm32(value) && !fits_imm32(as_signed)) || !may(codegen::Decision::ShortConstant)) {
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

u8* Assembler::put_nop(u8* at, u32 bytes) {
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
    std::memcpy(at, sequences[count - 1], count);
    at += count;
    bytes -= count;
  }
  return at;
}

void Assembler::nop(u32 bytes) {
  constexpr u32 kMost = 27; // whole sequences, within the room for an instruction
  for (; bytes > kMost; bytes -= kMost) commit(put_nop(room(), kMost));
  commit(put_nop(room(), bytes));
}

void Assembler::align_nop(u32 alignment) { nop((0u - offset()) & (alignment - 1)); }

void Assembler::align_loop(u32 line) {
  if (is_holding_) hold(Held::Kind::Loop, 0, line);
  else align_nop(line);
}

void Assembler::align_int3(u32 alignment) {
  for (u32 rest = (0u - offset()) & (alignment - 1); rest != 0;) {
    const u32 count = std::min(rest, kRoom);
    u8* at = room();
    std::memset(at, 0xcc, count);
    commit(at + count);
    rest -= count;
  }
}

} // namespace assay::x64
