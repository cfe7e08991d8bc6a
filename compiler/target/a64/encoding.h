// encoding.h - the operands of A64 instructions: immediates, addresses, distances, and what of them has an encoding.
//
// What cannot be encoded is a value: each encoder gives an empty optional, and the caller's `if` is the fallback. The
// immediate types can only be had from their encoder, so a form that takes one cannot fail on it. Their `bits` lie
// where the instruction has them. Pure. Tested in compiler/target/a64/tests/encoding_test.cpp.
#pragma once

#include "compiler/target/a64/registers.h"

#include <bit>
#include <optional>

namespace assay::a64 {

/// A place in the code, bound once. From Assembler::new_label.
struct Label {
  u32 id = kNone;
};

constexpr bool fits_signed(i64 value, u32 bits) {
  return value >= -(i64{1} << (bits - 1)) && value < (i64{1} << (bits - 1));
}
/// The low `bits` bits of a signed number.
constexpr u32 low_bits(i64 value, u32 bits) {
  return static_cast<u32>(static_cast<u64>(value) & ((u64{1} << bits) - 1));
}

// Immediates.

/// Immediate of add, sub, cmp: 12 bits, perhaps shifted by 12.
struct AddSubImm {
  u32 bits = 0;
};
constexpr std::optional<AddSubImm> add_sub_imm(u64 value) {
  if (value < 0x1000) return AddSubImm{static_cast<u32>(value) << 10};
  if ((value & 0xfff) == 0 && value < 0x1000000) return AddSubImm{static_cast<u32>(value >> 12) << 10 | 1u << 22};
  return {};
}

/// Immediate of and, orr, eor, tst: a rotated run of ones, repeated in elements of 2 to 64 bits. Of a width: one made
/// for X is refused by a W form unless its elements have at most 32 bits.
struct LogicalImm {
  u32 bits = 0; // N:immr:imms, from bit 10
  constexpr bool only_x() const { return (bits >> 22 & 1) != 0; }
};
/// For W the upper half of `value` must be zero. 0 and all ones have no encoding.
constexpr std::optional<LogicalImm> logical_imm(Size size, u64 value) {
  if (size == Size::W) {
    if (value >> 32 != 0) return {};
    value |= value << 32;
  }
  if (value == 0 || value == ~u64{0}) return {};
  // The shortest period. A value with period p is its own rotation by p.
  u32 width = 64;
  while (width > 2 && std::rotr(value, static_cast<int>(width / 2)) == value) width /= 2;
  const u64 mask = width == 64 ? ~u64{0} : (u64{1} << width) - 1;
  u64 element = value & mask;
  // Rotate so that the run of ones starts at bit 0: by its start, or, when it wraps around, by what lies on top.
  const bool wraps = (element & 1) != 0 && (element >> (width - 1)) != 0;
  const u32 on_top = wraps ? static_cast<u32>(std::countl_one(element << (64 - width))) : 0;
  const u32 start = wraps ? width - on_top : static_cast<u32>(std::countr_zero(element));
  if (start != 0) element = (element >> start | element << (width - start)) & mask;
  if ((element & (element + 1)) != 0) return {};
  const u32 ones = static_cast<u32>(std::countr_one(element));
  const u32 imms = ((~(width * 2 - 1)) & 0x3f) | (ones - 1);
  const u32 immr = (width - start) & (width - 1);
  return LogicalImm{(width == 64 ? 1u << 22 : 0u) | immr << 16 | imms << 10};
}
/// What such a field means, or nothing when it is reserved (Arm ARM, DecodeBitMasks).
constexpr std::optional<u64> logical_imm_value(Size size, LogicalImm imm) {
  const u32 n = imm.bits >> 22 & 1, immr = imm.bits >> 16 & 63, imms = imm.bits >> 10 & 63;
  const u32 length = static_cast<u32>(std::bit_width(n << 6 | (~imms & 63)));
  if (length < 2 || (size == Size::W && n != 0)) return {};
  const u32 width = 1u << (length - 1), levels = width - 1;
  if ((imms & levels) == levels) return {};
  u64 value = 0;
  for (u32 bit = 0; bit <= (imms & levels); ++bit) {
    const u32 at = (bit + width - (immr & levels)) & levels;
    for (u32 copy = at; copy < bits_of(size); copy += width) value |= u64{1} << copy;
  }
  return value;
}

/// Immediate of fmov: 3 bits of exponent, 4 of fraction: +-(16..31)/16 * 2^(-3..4).
struct FmovImm {
  u32 bits = 0; // imm8 from bit 13
};
/// `value`: the bits of the float (in the low half for S).
constexpr std::optional<FmovImm> fmov_imm(FSize size, u64 value) {
  const u32 fraction_bits = size == FSize::S ? 23 : 52, exponent_bits = size == FSize::S ? 8 : 11;
  if (size == FSize::Q || (size == FSize::S && value >> 32 != 0)) return {};
  if ((value & ((u64{1} << (fraction_bits - 4)) - 1)) != 0) return {};
  const u32 fraction = static_cast<u32>(value >> (fraction_bits - 4) & 15);
  const u32 exponent = static_cast<u32>(value >> fraction_bits & ((1u << exponent_bits) - 1));
  const u32 sign = static_cast<u32>(value >> (fraction_bits + exponent_bits) & 1);
  // The exponent is NOT(b) b...b cd.
  const u32 b = exponent >> 2 & 1;
  const u32 expected = ((b ^ 1) << (exponent_bits - 1)) | (b != 0 ? ((1u << (exponent_bits - 3)) - 1) << 2 : 0);
  if ((exponent & ~3u) != expected) return {};
  return FmovImm{(sign << 7 | b << 6 | (exponent & 3) << 4 | fraction) << 13};
}

/// The instructions that load a 64-bit constant.
struct MovSequence {
  u32 words[4] = {};
  u32 count = 0;
};
/// The shortest sequence of movz, movn, movk and orr with an immediate that sets all 64 bits. Never empty; `dst` is
/// not sp or zr.
MovSequence mov_sequence(Gpr dst, u64 value);

// Addresses.

/// A memory operand. Loads and stores of pairs take the kinds without an index.
struct Mem {
  enum class Kind : u8 {
    Offset, // [base, offset]
    Pre, // [base, offset]!: the base takes the sum first
    Post, // [base], offset: the base takes the sum afterwards
    Index, // [base, extended index]
  };
  Kind kind = Kind::Offset;
  Gpr base = Gpr::X0;
  Gpr index = Gpr::X0;
  Extend extend = Extend::Uxtx; // Uxtx is lsl; otherwise Uxtw, Sxtw (of w registers), Sxtx
  u32 shift = 0; // 0, or log2 of the access size
  i64 offset = 0;

  static constexpr Mem at(Gpr base, i64 offset = 0) { return {Kind::Offset, base, Gpr::X0, Extend::Uxtx, 0, offset}; }
  static constexpr Mem at(Gpr base, Gpr index, Extend extend = Extend::Uxtx, u32 shift = 0) {
    return {Kind::Index, base, index, extend, shift, 0};
  }
  static constexpr Mem pre(Gpr base, i64 offset) { return {Kind::Pre, base, Gpr::X0, Extend::Uxtx, 0, offset}; }
  static constexpr Mem post(Gpr base, i64 offset) { return {Kind::Post, base, Gpr::X0, Extend::Uxtx, 0, offset}; }
};

/// Offset that is a multiple of the access size, as an unsigned 12-bit count of it (ldr, str).
constexpr bool fits_scaled(i64 offset, u32 access_log2) {
  return offset >= 0 && (offset >> access_log2) < 4096 && low_bits(offset, access_log2) == 0;
}
/// Offset of ldur, stur, and of pre and post index.
constexpr bool fits_unscaled(i64 offset) { return fits_signed(offset, 9); }
/// Offset of ldp, stp: a signed 7-bit count of the size of one register.
constexpr bool fits_pair(i64 offset, u32 access_log2) {
  return fits_signed(offset, 7 + access_log2) && low_bits(offset, access_log2) == 0;
}

/// The address bits of a load or store of 2^access_log2 bytes. An offset takes the scaled form when it has one, else
/// the unscaled one.
constexpr std::optional<u32> encode_address(const Mem& mem, u32 access_log2) {
  if (mem.base == Gpr::Zr) return {};
  const u32 base = field_of(mem.base) << 5;
  if (mem.kind == Mem::Kind::Index) {
    const u32 option = static_cast<u32>(mem.extend);
    const bool shift_fits = mem.shift == 0 || mem.shift == access_log2;
    if (mem.index == Gpr::Sp || (option & 2) == 0 || !shift_fits) return {};
    return 0x00200800u | base | field_of(mem.index) << 16 | option << 13 | (mem.shift != 0 ? 1u << 12 : 0u);
  }
  if (mem.kind == Mem::Kind::Offset && fits_scaled(mem.offset, access_log2))
    return 0x01000000u | base | static_cast<u32>(mem.offset >> access_log2) << 10;
  if (!fits_unscaled(mem.offset)) return {};
  const u32 mode = mem.kind == Mem::Kind::Offset ? 0 : mem.kind == Mem::Kind::Pre ? 0xc00u : 0x400u;
  return base | low_bits(mem.offset, 9) << 12 | mode;
}
/// The same for a pair of registers of 2^access_log2 bytes each.
constexpr std::optional<u32> encode_pair_address(const Mem& mem, u32 access_log2) {
  if (mem.base == Gpr::Zr || mem.kind == Mem::Kind::Index || !fits_pair(mem.offset, access_log2)) return {};
  const u32 mode = mem.kind == Mem::Kind::Offset ? 2 : mem.kind == Mem::Kind::Pre ? 3 : 1;
  return field_of(mem.base) << 5 | low_bits(mem.offset >> access_log2, 7) << 15 | mode << 23;
}
constexpr bool encodable(const Mem& mem, u32 access_log2) { return encode_address(mem, access_log2).has_value(); }
constexpr bool encodable_pair(const Mem& mem, u32 access_log2) {
  return encode_pair_address(mem, access_log2).has_value();
}

// Distances, in bytes from the instruction to its target.

/// b, bl: +-128 MiB.
constexpr std::optional<u32> encode_distance26(i64 distance) {
  if (!fits_signed(distance, 28) || (distance & 3) != 0) return {};
  return low_bits(distance >> 2, 26);
}
/// b.cond, cbz, cbnz, ldr of a literal: +-1 MiB.
constexpr std::optional<u32> encode_distance19(i64 distance) {
  if (!fits_signed(distance, 21) || (distance & 3) != 0) return {};
  return low_bits(distance >> 2, 19) << 5;
}
/// tbz, tbnz: +-32 KiB.
constexpr std::optional<u32> encode_distance14(i64 distance) {
  if (!fits_signed(distance, 16) || (distance & 3) != 0) return {};
  return low_bits(distance >> 2, 14) << 5;
}
/// adr: +-1 MiB of bytes; adrp: of pages.
constexpr std::optional<u32> encode_distance21(i64 distance) {
  if (!fits_signed(distance, 21)) return {};
  return low_bits(distance, 2) << 29 | low_bits(distance >> 2, 19) << 5;
}

/// Two instructions that put the address of `target` into a register; both numbers are offsets in the code.
struct LeaWords {
  u32 words[2] = {};
  bool by_page = false; // right only where the code's first byte lies 4096-aligned
};
/// adr alone reaches 1 MiB; with an add or sub 17 MiB; adrp and add, which goes by pages, 4 GiB.
std::optional<LeaWords> lea_words(Gpr dst, i64 at, i64 target);

/// Fills in a b or bl at `word` whose target is `distance` bytes away: what a loader does with a relocation from
/// Assembler::bl_rel26. False beyond 128 MiB, with nothing changed.
bool patch_rel26(u8* word, i64 distance);
/// Fills in the two words of Assembler::lea_rel; offsets as for lea_words, from any 4096-aligned origin.
bool patch_lea(u8* words, i64 at, i64 target);

} // namespace assay::a64
