// encoding.h - the operands of x64 instructions, and the bytes of one form.
//
// What cannot be encoded is a value: fits_imm8, fits_imm32 are what a caller asks before it narrows an
// immediate; encodable(Mem) says whether an address has a form. Pure data.
// Tested in compiler/target/x64/tests/assembler_forms_test.cpp.
#pragma once

#include "compiler/target/x64/registers.h"

namespace assay::x64 {

/// The value survives being sign-extended from that many bits.
constexpr bool fits_imm8(i64 value) { return value >= -128 && value <= 127; }
constexpr bool fits_imm32(i64 value) { return value >= -2147483648LL && value <= 2147483647LL; }
/// The value survives being zero-extended from 32 bits (what writing a 32-bit register does).
constexpr bool fits_uimm32(u64 value) { return value <= 0xffffffffu; }

/// A place in the code, bound once. From Assembler::new_label.
struct Label {
  u32 id = kNone;
};

/// A memory operand.
struct Mem {
  enum class Kind : u8 {
    Base,      // [base + disp]
    BaseIndex, // [base + index * scale + disp]
    Index,     // [index * scale + disp]
    RipLabel,  // [label + disp], relative to rip
    RipRodata, // [read-only data + disp], relative to rip; patched by Assembler::resolve_rodata
  };
  Kind kind = Kind::Base;
  Gpr base = Gpr::Rax;
  Gpr index = Gpr::Rax;
  u8 scale_log2 = 0; // 0-3
  i32 disp = 0;
  Label label;

  static constexpr Mem at(Gpr base, i32 disp = 0) { return {Kind::Base, base, Gpr::Rax, 0, disp, {}}; }
  /// `scale_log2`: 0-3 for a factor of 1, 2, 4, 8. With factor 1, rsp as index changes places with the base.
  static constexpr Mem at(Gpr base, Gpr index, u32 scale_log2, i32 disp = 0) {
    const bool swap = index == Gpr::Rsp && scale_log2 == 0;
    return {Kind::BaseIndex, swap ? index : base, swap ? base : index, static_cast<u8>(scale_log2), disp, {}};
  }
  /// Without a base. Factor 1 is the plain base form.
  static constexpr Mem scaled(Gpr index, u32 scale_log2, i32 disp = 0) {
    if (scale_log2 == 0) return at(index, disp);
    return {Kind::Index, Gpr::Rax, index, static_cast<u8>(scale_log2), disp, {}};
  }
  static constexpr Mem rip(Label label, i32 disp = 0) { return {Kind::RipLabel, Gpr::Rax, Gpr::Rax, 0, disp, label}; }
  /// `offset`: from the start of the code object's read-only data.
  static constexpr Mem rodata(u32 offset) {
    return {Kind::RipRodata, Gpr::Rax, Gpr::Rax, 0, static_cast<i32>(offset), {}};
  }
};

/// False for rsp as an index, and for a factor beyond 8.
constexpr bool encodable(const Mem& mem) {
  if (mem.kind != Mem::Kind::BaseIndex && mem.kind != Mem::Kind::Index) return true;
  return mem.index != Gpr::Rsp && mem.scale_log2 <= 3;
}

/// The fixed bytes of a form (assembler_forms.def), so laid out that writing them takes no branch: opcode bytes with
/// their escapes in one word, a length, an optional prefix. Passed in one machine register.
struct Form {
  u32 opcode = 0; // little-endian: [0F [38 | 3A]] op
  u8 prefix = 0;
  u8 ext = 0;
  u8 sizes = 0;      // sum of the sizes allowed in bytes; 16 for a vector
  u8 length : 2 = 0; // bytes of `opcode`
  u8 wide : 1 = 0;   // sizes other than Byte have op + 1

  /// The same with `more` added to the last opcode byte.
  constexpr Form plus(u32 more) const {
    Form form = *this;
    form.opcode += more << (8 * (length - 1));
    return form;
  }
  constexpr u8 last_byte() const { return static_cast<u8>(opcode >> (8 * (length - 1))); }
};

/// From the columns of the table; of `size_digits`, 1248 allows 1, 2, 4 and 8 bytes, and 16 is one number.
constexpr Form make_form(u8 prefix, u8 map, u8 opcode, u8 ext, u32 size_digits) {
  Form form;
  form.prefix = prefix;
  form.ext = ext;
  form.length = map == 0 ? 1 : map == 1 ? 2 : 3;
  const u32 escapes = map == 0 ? 0 : map == 1 ? 0x0f : map == 2 ? 0x380f : 0x3a0f;
  form.opcode = escapes | static_cast<u32>(opcode) << (8 * (form.length - 1));
  if (size_digits == 16) {
    form.sizes = 16;
    return form;
  }
  for (u32 rest = size_digits; rest != 0; rest /= 10) form.sizes = static_cast<u8>(form.sizes | (rest % 10));
  form.wide = (form.sizes & 1) != 0 && form.sizes != 1;
  return form;
}

} // namespace assay::x64
