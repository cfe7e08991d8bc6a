// encoding.cpp - the sequences of encoding.h that are too long for a header: constants, addresses in the code.
//
// mov_sequence tries, from cheap to dear: one orr (a bitmask), movz or movn with a movk for each 16-bit part that
// differs; when that takes three or more, one instruction of a value that differs in one part (a bitmask, or one for
// a W register, which leaves the upper half zero), and a movk for that. Constant cost: a few nanoseconds, some dozens
// for the last attempt, which random values skip. Tested in compiler/target/a64/tests/encoding_test.cpp.
#include "compiler/target/a64/encoding.h"

#include <cstring>

namespace assay::a64 {

namespace {

constexpr u32 kMovn = 0x12800000, kMovz = 0x52800000, kMovk = 0x72800000;
constexpr u32 kOrrImm = 0x320003e0; // from zr
constexpr u32 kWide = 0x80000000;
constexpr u32 kAdr = 0x10000000, kAdrp = 0x90000000;
constexpr u32 kAddImm = 0x91000000, kSubImm = 0xd1000000;
constexpr u32 kNop = 0xd503201f;

constexpr u32 part(u64 value, u32 index) { return static_cast<u32>(value >> (16 * index) & 0xffff); }

/// How many of the first `parts` parts of 16 bits are not `fill`.
constexpr u32 parts_unlike(u64 value, u32 parts, u32 fill) {
  u32 count = 0;
  for (u32 i = 0; i < parts; ++i) count += part(value, i) != fill;
  return count;
}

constexpr u32 move(u32 opcode, u32 index, u32 imm) { return opcode | index << 21 | imm << 5; }

/// movz or movn of one part that differs from `fill` (0 or ffff), movk of the others.
MovSequence chain(u32 dst, u64 value, u32 parts, u32 fill, u32 wide) {
  MovSequence out;
  u32 opcode = fill == 0 ? kMovz : kMovn, flip = fill;
  for (u32 i = 0; i < parts; ++i) {
    const u32 bits = part(value, i);
    if (bits == fill) continue;
    out.words[out.count++] = move(opcode | wide, i, bits ^ flip) | dst;
    opcode = kMovk;
    flip = 0;
  }
  if (out.count == 0) out.words[out.count++] = opcode | wide | dst;
  return out;
}

/// A bitmask that is `value` but for one part: that part's index is given.
std::optional<LogicalImm> bitmask_but_for_one_part(u64 value, u32& index) {
  const u32 parts[4] = {part(value, 0), part(value, 1), part(value, 2), part(value, 3)};
  // An element of 64 bits has two ends at most, so one of the parts that stay is without an end, 0 or ffff.
  const bool may_be_long = parts_unlike(value, 4, 0) + parts_unlike(value, 4, 0xffff) < 8;
  if (!may_be_long && parts[0] != parts[2] && parts[1] != parts[3]) return {};
  for (index = 0; index < 4; ++index) {
    const u64 hole = value & ~(u64{0xffff} << (16 * index));
    // Elements of up to 32 bits: the part is the one two places on, and the other two are equal.
    if (parts[(index + 1) & 3] == parts[(index + 3) & 3]) {
      if (const auto imm = logical_imm(Size::X, hole | u64{parts[(index + 2) & 3]} << (16 * index))) return imm;
    }
    if (!may_be_long) continue;
    if (const auto imm = logical_imm(Size::X, hole)) return imm;
    if (const auto imm = logical_imm(Size::X, hole | u64{0xffff} << (16 * index))) return imm;
  }
  return {};
}

/// The one instruction that sets a W register to `low`, if there is one; both of its parts are other than 0.
u32 one_narrow(u64 low) {
  if (part(low, 0) == 0xffff) return move(kMovn, 1, part(low, 1) ^ 0xffff);
  if (part(low, 1) == 0xffff) return move(kMovn, 0, part(low, 0) ^ 0xffff);
  const auto imm = logical_imm(Size::W, low);
  return imm ? kOrrImm | imm->bits : 0;
}

} // namespace

MovSequence mov_sequence(Gpr dst, u64 value) {
  const u32 d = field_of(dst);
  const bool narrow = value >> 32 == 0;
  const u32 zeros = parts_unlike(value, 4, 0);
  // Writing a W register clears the upper half, so a narrow value never needs the wide forms.
  const u32 ones = narrow ? parts_unlike(value, 2, 0xffff) : parts_unlike(value, 4, 0xffff);
  if (zeros > 1 && ones > 1) {
    if (const auto imm = logical_imm(Size::X, value)) return {{kOrrImm | kWide | imm->bits | d}, 1};
    if (narrow) {
      if (const auto imm = logical_imm(Size::W, value)) return {{kOrrImm | imm->bits | d}, 1};
    }
  }
  u32 index = 0;
  if (zeros > 2 && ones > 2) {
    const u64 low = value & 0xffffffffu;
    if (zeros == 3 && part(low, 0) != 0 && part(low, 1) != 0) {
      index = part(value, 2) != 0 ? 2 : 3;
      if (const u32 first = one_narrow(low); first != 0)
        return {{first | d, move(kMovk | kWide, index, part(value, index)) | d}, 2};
    }
    if (const auto imm = bitmask_but_for_one_part(value, index))
      return {{kOrrImm | kWide | imm->bits | d, move(kMovk | kWide, index, part(value, index)) | d}, 2};
  }
  return chain(d, value, narrow ? 2 : 4, ones < zeros ? 0xffff : 0, narrow ? 0 : kWide);
}

std::optional<LeaWords> lea_words(Gpr dst, i64 at, i64 target) {
  const u32 d = field_of(dst);
  const i64 distance = target - at;
  if (const auto near = encode_distance21(distance)) return LeaWords{{kAdr | *near | d, kNop}, false};
  // adr takes the low part, as much of it as the add or sub of a multiple of 4096 leaves over.
  const i64 magnitude = distance < 0 ? -distance : distance;
  const i64 upper = magnitude >> 12 < 4095 ? magnitude >> 12 : 4095;
  const i64 rest = magnitude - upper * 4096;
  if (const auto low = encode_distance21(distance < 0 ? -rest : rest)) {
    const u32 step = (distance < 0 ? kSubImm : kAddImm) | 1u << 22 | static_cast<u32>(upper) << 10;
    return LeaWords{{kAdr | *low | d, step | d << 5 | d}, false};
  }
  if (const auto pages = encode_distance21((target >> 12) - (at >> 12)))
    return LeaWords{{kAdrp | *pages | d, kAddImm | low_bits(target, 12) << 10 | d << 5 | d}, true};
  return {};
}

bool patch_rel26(u8* word, i64 distance) {
  const auto bits = encode_distance26(distance);
  if (!bits) return false;
  u32 old = 0;
  std::memcpy(&old, word, 4);
  old = (old & 0xfc000000u) | *bits;
  std::memcpy(word, &old, 4);
  return true;
}

bool patch_lea(u8* words, i64 at, i64 target) {
  u32 old = 0;
  std::memcpy(&old, words, 4);
  const auto lea = lea_words(static_cast<Gpr>(old & 31), at, target);
  if (!lea) return false;
  std::memcpy(words, lea->words, 8);
  return true;
}

} // namespace assay::a64
