// assembler_encode.h - the bytes of one instruction, written without branches; the end of assembler.h.
//
// A form's fixed bytes are known when its function is compiled, so each form has its own code: prefixes, REX, opcode
// and ModRM are put together in one register, stored at once, and what is not needed is overwritten by what follows.
// Branches on operands would be mispredicted: a program that compiles something else each time takes them at random.
// What is odd about x64 addresses (Intel SDM 2A, 2.1.5 and 2.2.1):
//  - rm = 4 (rsp, r12) means "a SIB byte follows", so these bases always take one;
//  - mod = 0 with base 5 (rbp, r13) means "no base" (rip-relative without SIB), so these take a zero disp8.
// Other kinds of address are less common and written by Assembler::other_memory (assembler.cpp).
// Tested in compiler/target/x64/tests/assembler_test.cpp, assembler_forms_test.cpp.
#pragma once

#include "assay/planted.h"
#include "compiler/target/x64/assembler.h"

namespace assay::x64 {

/// The bytes before ModRM's addressing, as far as they fit one register.
struct Assembler::Head {
  u64 bytes = 0;
  u32 count = 0;

  /// Puts `value` in front of what is there when `wanted` (0 or 1).
  void prepend(u32 wanted, u32 value) {
    bytes = (bytes << (8 * wanted)) | (value & (0u - wanted));
    count += wanted;
  }
};

constexpr u8 modrm(u32 mod, u32 reg, u32 rm) { return static_cast<u8>((mod << 6) | ((reg & 7) << 3) | (rm & 7)); }

/// ModRM.mod: how many bytes of displacement there are (0: none, 1: one, 2: four).
inline u32 mod_of(i32 disp, u32 base) {
  if (ASSAY_PLANTED(enc_r13_without_disp) && disp == 0 && base == 13) return 0;
  const u32 some = static_cast<u32>(disp != 0) | static_cast<u32>((base & 7) == 5);
  return some << static_cast<u32>(!fits_imm8(disp));
}

inline u32 Assembler::mod_for(i32 disp, u32 base) {
  const u32 mod = mod_of(disp, base);
  return mod == 2 || may(codegen::Decision::ShortDisplacement) ? mod : 2;
}

/// `rex`: its low bits, 0x40 when it is needed for a byte register. `more`: added to the opcode.
template <Form F> Assembler::Head Assembler::head(Size size, u32 rex, u8 modrm_byte, u32 more) {
  constexpr u32 shift = 8u * (F.length - 1u);
  const u32 wide = F.wide != 0 ? static_cast<u32>(size != Size::Byte) : 0;
  Head head;
  head.bytes = F.opcode + (u64{wide + more} << shift);
  head.bytes |= u64{modrm_byte} << (8u * F.length);
  head.count = F.length + 1u;
  rex |= static_cast<u32>(size) & 8; // REX.W
  head.prepend(rex != 0 ? 1 : 0, 0x40 | rex);
  if (F.prefix != 0) head.prepend(1, F.prefix);
  if ((F.sizes & 2) != 0) head.prepend(size == Size::Word ? 1 : 0, 0x66);
  return head;
}

/// Which bit of REX a byte register needs, or 0.
template <Form F> u32 Assembler::byte_rex(Size size, u32 reg, u32 rm_reg, ByteRegs byte_regs) {
  if (byte_regs == kRmAlways) return rm_reg >= 4 ? 0x40 : 0;
  if ((F.sizes & 1) == 0 || byte_regs == kNeither) return 0;
  if (size == Size::Byte && !may(codegen::Decision::RexLeftOut)) return 0x40;
  if (ASSAY_PLANTED(enc_byte_reg_without_rex) && (byte_regs & kReg) == 0) return 0;
  u32 high = 0;
  if ((byte_regs & kReg) != 0) high |= reg;
  if ((byte_regs & kRm) != 0) high |= rm_reg; // 8 and above have a REX anyway
  return static_cast<u32>(size == Size::Byte) & static_cast<u32>(high >= 4) ? 0x40 : 0;
}

/// The instruction up to and including ModRM for two registers; not committed.
template <Form F> u8* Assembler::start_rr(Size size, u8 reg, u8 rm_reg, ByteRegs byte_regs, u32 more) {
  ASSAY_DCHECK((F.sizes & static_cast<u8>(size)) != 0 || size == Size::Dword);
  const u32 rex =
      static_cast<u32>((reg >> 3) << 2) | static_cast<u32>(rm_reg >> 3) | byte_rex<F>(size, reg, rm_reg, byte_regs);
  const Head bytes = head<F>(size, rex, modrm(3, reg, rm_reg), more);
  u8* at = room();
  std::memcpy(at, &bytes.bytes, 8);
  return at + bytes.count;
}

/// The same for a register and an address, displacement included; null when there is no such address. `trailing`: bytes
/// of the immediate that follows.
template <Form F>
u8* Assembler::start_rm(Size size, u8 reg, const Mem& mem, ByteRegs byte_regs, u32 trailing, u32 more) {
  ASSAY_DCHECK((F.sizes & static_cast<u8>(size)) != 0 || size == Size::Dword);
  const u32 byte = byte_rex<F>(size, reg, 0, static_cast<ByteRegs>(byte_regs & kReg));
  if (mem.kind != Mem::Kind::Base) return other_memory(F.plus(more), size, reg, mem, byte, trailing);
  const u32 base = number_of(mem.base), mod = mod_for(mem.disp, base);
  const Head bytes = head<F>(size, static_cast<u32>((reg >> 3) << 2) | base >> 3 | byte, modrm(mod, reg, base), more);
  u8* at = room();
  std::memcpy(at, &bytes.bytes, 8);
  at += bytes.count;
  *at = modrm(0, 4, base);
  at += (base & 7) == 4;
  std::memcpy(at, &mem.disp, 4);
  return at + mod * mod; // 0, 1 or 4 bytes
}

/// An immediate of `size`, at most 4 bytes, or of one byte when `is_short`.
inline u8* Assembler::put_imm(u8* at, Size size, i32 imm, bool is_short) {
  std::memcpy(at, &imm, 4);
  const u32 full = static_cast<u32>(size) < 4 ? static_cast<u32>(size) : 4;
  return at + (is_short ? 1 : full);
}

/// Whether the sign-extended byte form does; a Word's immediate counts by its low bits.
inline bool Assembler::short_imm(Size size, i32& imm) {
  if (size == Size::Word) imm = static_cast<i16>(static_cast<u16>(imm & 0xffff));
  return size != Size::Byte && fits_imm8(imm) && may(codegen::Decision::ShortImmediate);
}

template <Form F> void Assembler::rr(Size size, u8 reg, u8 rm_reg, ByteRegs byte_regs, u32 more) {
  commit(start_rr<F>(size, reg, rm_reg, byte_regs, more));
}
template <Form F> void Assembler::rm(Size size, u8 reg, const Mem& mem, ByteRegs byte_regs, u32 more) {
  if (const u8* at = start_rm<F>(size, reg, mem, byte_regs, 0, more)) commit(at);
}
template <Form F> void Assembler::rm_imm8(Size size, u8 reg, const Mem& mem, u8 imm) {
  u8* at = start_rm<F>(size, reg, mem, kNeither, 1, 0);
  if (at == nullptr) return;
  *at++ = imm;
  commit(at);
}
template <Form F> void Assembler::ri(Size size, u8 reg, i32 imm) {
  const bool is_short = short_imm(size, imm);
  commit(put_imm(start_rr<F>(size, F.ext, reg, kRm, is_short ? 2 : 0), size, imm, is_short));
}
template <Form F> void Assembler::mi(Size size, const Mem& mem, i32 imm) {
  const bool is_short = short_imm(size, imm);
  const u32 trailing = is_short ? 1 : static_cast<u32>(size) < 4 ? static_cast<u32>(size) : 4;
  if (u8* at = start_rm<F>(size, F.ext, mem, kNeither, trailing, is_short ? 2 : 0))
    commit(put_imm(at, size, imm, is_short));
}
template <Form F> void Assembler::ri_wide(Size size, u8 reg, i32 imm) {
  commit(put_imm(start_rr<F>(size, F.ext, reg, kRm, 0), size, imm, false));
}
template <Form F> void Assembler::mi_wide(Size size, const Mem& mem, i32 imm) {
  const u32 trailing = static_cast<u32>(size) < 4 ? static_cast<u32>(size) : 4;
  if (u8* at = start_rm<F>(size, F.ext, mem, kNeither, trailing, 0)) commit(put_imm(at, size, imm, false));
}
template <Form F> void Assembler::rri(Size size, u8 dst, u8 src, i32 imm) {
  const bool is_short = short_imm(size, imm);
  commit(put_imm(start_rr<F>(size, dst, src, kNeither, is_short ? 2 : 0), size, imm, is_short));
}
template <Form F> void Assembler::rmi(Size size, u8 dst, const Mem& mem, i32 imm) {
  const bool is_short = short_imm(size, imm);
  const u32 trailing = is_short ? 1 : static_cast<u32>(size) < 4 ? static_cast<u32>(size) : 4;
  if (u8* at = start_rm<F>(size, dst, mem, kNeither, trailing, is_short ? 2 : 0))
    commit(put_imm(at, size, imm, is_short));
}
template <Form F> void Assembler::shift(Size size, u8 reg, u8 count) {
  const bool by_one = count == 1 && may(codegen::Decision::ShiftByOne);
  u8* at = start_rr<F>(size, F.ext, reg, kRm, by_one ? 0x10 : 0);
  *at = count;
  commit(at + (by_one ? 0 : 1));
}
template <Form F> void Assembler::in_opcode(Size size, u8 reg) {
  const Head bytes = head<F>(size, reg >> 3, 0, reg & 7);
  u8* at = room();
  std::memcpy(at, &bytes.bytes, 8);
  commit(at + bytes.count - 1); // there is no ModRM
}
template <Form F> void Assembler::bare() {
  const Head bytes = head<F>(sole_size(F), 0, 0, 0);
  u8* at = room();
  std::memcpy(at, &bytes.bytes, 8);
  commit(at + bytes.count - 1);
}

} // namespace assay::x64
