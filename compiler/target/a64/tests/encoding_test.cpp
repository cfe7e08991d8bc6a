// encoding_test.cpp - registers, immediates, addresses and distances: what has an encoding, and what it means.
//
// Bitmask immediates are listed here by a construction of their own (every run, rotation and repetition), constants
// are judged by a small evaluator of the moves.
#include "compiler/target/a64/encoding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <random>
#include <set>
#include <vector>

namespace assay::a64 {
namespace {

TEST(Registers, UnifiedIndexRoundTripsAndNumber31IsTheStackPointer) {
  for (u32 i = 0; i < 32; ++i) {
    EXPECT_EQ(index_of(gpr_of(static_cast<RegIndex>(i))), i);
    EXPECT_EQ(index_of(vreg_of(static_cast<RegIndex>(32 + i))), 32 + i);
  }
  EXPECT_EQ(gpr_of(31), Gpr::Sp);
  EXPECT_EQ(gpr_of(30), kLinkRegister);
  EXPECT_EQ(vreg_of(63), Vreg::V31);
  EXPECT_NE(Gpr::Sp, Gpr::Zr);
  EXPECT_EQ(field_of(Gpr::Sp), 31u);
  EXPECT_EQ(field_of(Gpr::Zr), 31u);
}

TEST(Registers, OppositeConditionsAreTheOtherOutcome) {
  EXPECT_EQ(opposite(Cond::Eq), Cond::Ne);
  EXPECT_EQ(opposite(Cond::Cc), Cond::Cs);
  EXPECT_EQ(opposite(Cond::Gt), Cond::Le);
  EXPECT_EQ(opposite(Cond::Vs), Cond::Vc);
}

TEST(Immediates, AddSubTakes12BitsPerhapsShiftedBy12) {
  for (u64 value : {0x0ull, 0x1ull, 0xfffull}) {
    ASSERT_TRUE(add_sub_imm(value));
    EXPECT_EQ(add_sub_imm(value)->bits, value << 10);
  }
  for (u64 value : {0x1000ull, 0xfff000ull, 0x800000ull}) {
    ASSERT_TRUE(add_sub_imm(value));
    EXPECT_EQ(add_sub_imm(value)->bits, (value >> 12) << 10 | 1u << 22);
  }
  for (u64 value : {0x1001ull, 0xfff001ull, 0x1000000ull, 0xffffffffffffffffull, 0x8000000000000000ull, 0x100000000ull})
    EXPECT_FALSE(add_sub_imm(value)) << value;
}

/// Every bitmask immediate, by definition: runs of ones, rotated, in elements of 2 to `bits` bits.
std::set<u64> all_bitmasks(u32 bits) {
  std::set<u64> out;
  for (u32 width = 2; width <= bits; width *= 2)
    for (u32 ones = 1; ones < width; ++ones)
      for (u32 rotation = 0; rotation < width; ++rotation) {
        u64 value = 0;
        for (u32 i = 0; i < ones; ++i)
          for (u32 copy = 0; copy < bits; copy += width) value |= u64{1} << (copy + (i + rotation) % width);
        out.insert(value);
      }
  return out;
}

void expect_all_round_trip(Size size, const std::set<u64>& values) {
  std::set<u32> encodings;
  for (u64 value : values) {
    const auto imm = logical_imm(size, value);
    ASSERT_TRUE(imm) << std::hex << value;
    ASSERT_EQ(imm->bits & ~0x007ffc00u, 0u);
    EXPECT_EQ(logical_imm_value(size, *imm), value) << std::hex << value;
    encodings.insert(imm->bits);
  }
  EXPECT_EQ(encodings.size(), values.size());
}

TEST(BitmaskImmediates, AllOf64BitsEncodeToWhatDecodesBack) {
  const std::set<u64> values = all_bitmasks(64);
  EXPECT_EQ(values.size(), 5334u);
  expect_all_round_trip(Size::X, values);
}

TEST(BitmaskImmediates, AllOf32BitsEncodeToWhatDecodesBack) {
  const std::set<u64> values = all_bitmasks(32);
  EXPECT_EQ(values.size(), 1302u);
  expect_all_round_trip(Size::W, values);
}

TEST(BitmaskImmediates, ExactlyTheUnreservedFieldsDecodeAndTheyToKnownValues) {
  const std::set<u64> wide = all_bitmasks(64), narrow = all_bitmasks(32);
  std::set<u64> seen_wide, seen_narrow;
  for (u32 field = 0; field < 1u << 13; ++field) {
    if (const auto value = logical_imm_value(Size::X, LogicalImm{field << 10})) seen_wide.insert(*value);
    if (const auto value = logical_imm_value(Size::W, LogicalImm{field << 10})) seen_narrow.insert(*value);
  }
  EXPECT_EQ(seen_wide, wide);
  EXPECT_EQ(seen_narrow, narrow);
}

TEST(BitmaskImmediates, EveryOtherValueIsRefused) {
  const std::set<u64> wide = all_bitmasks(64), narrow = all_bitmasks(32);
  for (u64 value : {u64{0}, ~u64{0}, u64{5}, u64{0x12345678}, u64{0xffff00000000ff01}})
    EXPECT_FALSE(logical_imm(Size::X, value)) << std::hex << value;
  EXPECT_FALSE(logical_imm(Size::W, 0));
  EXPECT_FALSE(logical_imm(Size::W, 0xffffffffu));
  EXPECT_FALSE(logical_imm(Size::W, 0x100000001u)) << "more than 32 bits";
  // One bit away from an immediate, and random values.
  std::mt19937_64 random(1);
  for (u64 value : wide)
    for (u32 bit = 0; bit < 64; ++bit) {
      const u64 near = value ^ u64 { 1 } << bit;
      ASSERT_EQ(logical_imm(Size::X, near).has_value(), wide.count(near) != 0) << std::hex << near;
    }
  for (u64 value : narrow)
    for (u32 bit = 0; bit < 32; ++bit) {
      const u64 near = value ^ u64 { 1 } << bit;
      ASSERT_EQ(logical_imm(Size::W, near).has_value(), narrow.count(near) != 0) << std::hex << near;
    }
  for (u32 i = 0; i < 100000; ++i) {
    const u64 value = random();
    ASSERT_EQ(logical_imm(Size::X, value).has_value(), wide.count(value) != 0) << std::hex << value;
    ASSERT_EQ(logical_imm(Size::W, value >> 32).has_value(), narrow.count(value >> 32) != 0) << std::hex << value;
  }
}

TEST(FloatImmediates, Exactly256OfEachWidthHaveAnEncoding) {
  // Of float, every pattern whose low 16 bits are zero; the others cannot have one.
  u32 singles = 0, doubles = 0;
  for (u32 high = 0; high < 0x10000; ++high) {
    singles += fmov_imm(FSize::S, u64{high} << 16).has_value();
    EXPECT_FALSE(fmov_imm(FSize::S, u64{high} << 16 | 1));
    doubles += fmov_imm(FSize::D, u64{high} << 48).has_value();
    EXPECT_FALSE(fmov_imm(FSize::D, u64{high} << 48 | 1));
  }
  EXPECT_EQ(singles, 256u);
  EXPECT_EQ(doubles, 256u);
  EXPECT_FALSE(fmov_imm(FSize::D, 0)) << "zero";
  EXPECT_FALSE(fmov_imm(FSize::S, u64{0x3f800000} << 32 | 0x3f800000)) << "more than 32 bits";
  EXPECT_EQ(fmov_imm(FSize::D, 0x3ff0000000000000u)->bits, 0x70u << 13) << "1.0";
  EXPECT_EQ(fmov_imm(FSize::S, 0xc0000000u)->bits, 0x80u << 13) << "-2.0";
}

/// What the instructions of mov_sequence leave in the register.
u64 evaluate(const MovSequence& sequence, u32 dst) {
  u64 value = 0xdeadbeefdeadbeefu;
  for (u32 i = 0; i < sequence.count; ++i) {
    const u32 word = sequence.words[i];
    EXPECT_EQ(word & 31, dst);
    const bool x = word >> 31 != 0;
    const u32 shift = (word >> 21 & 3) * 16;
    const u64 imm = u64{word >> 5 & 0xffff} << shift;
    const u32 opcode = word & 0x7f800000u;
    EXPECT_TRUE(x || shift < 32 || opcode == 0x32000000u);
    if (opcode == 0x52800000u) {
      value = imm;
    } else if (opcode == 0x12800000u) {
      value = ~imm;
    } else if (opcode == 0x72800000u) {
      value = (value & ~(u64{0xffff} << shift)) | imm;
    } else {
      EXPECT_EQ(word & 0x7f8003e0u, 0x320003e0u) << "orr of zr";
      const auto mask = logical_imm_value(x ? Size::X : Size::W, LogicalImm{word & 0x007ffc00u});
      EXPECT_TRUE(mask);
      value = mask.value_or(0);
    }
    if (!x) value &= 0xffffffffu;
  }
  return value;
}

u32 length_of(u64 value) {
  const MovSequence sequence = mov_sequence(Gpr::X7, value);
  EXPECT_EQ(evaluate(sequence, 7), value) << std::hex << value;
  return sequence.count;
}

TEST(Constants, EdgeValuesTakeTheShortestSequence) {
  const struct {
    u64 value;
    u32 length;
  } rows[] = {
      {0, 1},
      {1, 1},
      {0xffff, 1},
      {0x10000, 1},
      {0xffff0000, 1},
      {0xffffffff, 1},
      {0xffff1234, 1}, // movn w
      {0x12345678, 2},
      {0xfffffffe, 1},
      {0x100000000, 1},
      {~u64{0}, 1},
      {~u64{1}, 1},
      {0xffffffff00000000, 1}, // orr, or movn with movk
      {0xffffffff12345678, 2}, // movn and movk
      {0x8000000000000000, 1},
      {0x7fffffffffffffff, 1},
      {0x5555555555555555, 1}, // orr
      {0x00ff00ff00ff00ff, 1},
      {0x55555555, 1}, // orr w
      {0x0000aaaa0000aaaa, 2},
      {0x1234000000005678, 2},
      {0x5555555512345555, 2}, // orr and movk
      {0x00ffffffffff1234, 2}, // orr of a long run, and movk
      {0xff0000001234ffff, 2}, // orr of a run that wraps around, and movk
      {0x000012345555ffff, 2}, // movn w and movk
      {0x1234000080000001, 2}, // orr w and movk
      {0xff0012341234ffff, 3},
      {0xff00123412345678, 4},
      {0x123456789abcdef0, 4},
      {0x0000123456789abc, 3},
      {0xffff123456789abc, 3},
  };
  for (const auto& row : rows) EXPECT_EQ(length_of(row.value), row.length) << std::hex << row.value;
}

/// The least number of instructions, by trying: one; any first instruction with one movk; then by parts.
u32 best_length(u64 value, const std::set<u64>& bitmasks) {
  const auto single = [&](u64 v) {
    for (u32 shift = 0; shift < 64; shift += 16) {
      if ((v & ~(u64{0xffff} << shift)) == 0 || (~v & ~(u64{0xffff} << shift)) == 0) return true;
      if (shift < 32 && (v >> 32) == 0 && (~v & 0xffffffffu & ~(u64{0xffff} << shift)) == 0) return true;
    }
    return bitmasks.count(v) != 0 || (v >> 32 == 0 && bitmasks.count(v | v << 32) != 0);
  };
  if (single(value)) return 1;
  u32 zeros = 0, ones = 0;
  for (u32 shift = 0; shift < 64; shift += 16) {
    const u64 mask = u64{0xffff} << shift;
    zeros += (value & mask) == 0;
    ones += (~value & mask) == 0;
    for (u32 part = 0; part < 0x10000; ++part)
      if (single((value & ~mask) | u64{part} << shift)) return 2;
  }
  return 4 - std::max(zeros, ones);
}

TEST(Constants, NoSequenceOfAtMostTwoInstructionsIsMissed) {
  const std::set<u64> bitmasks = all_bitmasks(64);
  std::mt19937_64 random(2);
  const u16 parts[] = {0, 0xffff, 0x5555, 0x00ff, 0xff00, 0x8000, 1, 0x1234, 0x0ff0};
  for (u32 i = 0; i < 300; ++i) {
    u64 value = 0;
    for (u32 part = 0; part < 4; ++part) value = value << 16 | parts[random() % std::size(parts)];
    EXPECT_EQ(length_of(value), best_length(value, bitmasks)) << std::hex << value;
  }
}

TEST(Constants, RandomValuesOfEveryLengthAreRight) {
  std::mt19937_64 random(3);
  u32 total = 0;
  for (u32 i = 0; i < 200000; ++i) {
    u64 value = random() >> (random() & 63);
    if ((i & 1) != 0) value = ~value;
    if ((i & 6) == 6) value &= ~(u64{0xffff} << (16 * (random() & 3)));
    const u32 length = length_of(value);
    ASSERT_LE(length, 4u);
    total += length;
  }
  EXPECT_GT(total, 200000u);
}

TEST(Constants, EveryBitmaskTakesOneInstructionAndTwoWithOnePartChanged) {
  std::mt19937_64 random(4);
  for (u64 value : all_bitmasks(64)) {
    EXPECT_EQ(length_of(value), 1u) << std::hex << value;
    const u32 shift = static_cast<u32>(random() & 3) * 16;
    EXPECT_LE(length_of(value ^ (random() & 0xffff) << shift), 2u) << std::hex << value;
  }
}

TEST(Addresses, OffsetsOfEachFormFitExactlyInTheirRange) {
  for (u32 log2 = 0; log2 <= 4; ++log2) {
    const i64 size = i64{1} << log2;
    EXPECT_TRUE(fits_scaled(0, log2) && fits_scaled(4095 * size, log2));
    EXPECT_FALSE(fits_scaled(4096 * size, log2) || fits_scaled(-size, log2));
    EXPECT_EQ(fits_scaled(size / 2, log2), log2 == 0);
    EXPECT_TRUE(fits_pair(63 * size, log2) && fits_pair(-64 * size, log2));
    EXPECT_FALSE(fits_pair(64 * size, log2) || fits_pair(-65 * size, log2));
    EXPECT_TRUE(encodable(Mem::at(Gpr::Sp, 255), log2) && encodable(Mem::at(Gpr::Sp, -256), log2));
    EXPECT_FALSE(encodable(Mem::at(Gpr::Sp, -257), log2) || encodable(Mem::at(Gpr::Sp, 4096 * size), log2));
    EXPECT_EQ(encodable(Mem::at(Gpr::Sp, 257), log2), log2 == 0) << "neither a multiple nor unscaled";
  }
  EXPECT_FALSE(encodable(Mem::at(Gpr::X0, i64{1} << 40), 3));
  EXPECT_FALSE(encodable(Mem::at(Gpr::X0, -(i64{1} << 40)), 3));
  EXPECT_TRUE(encodable(Mem::pre(Gpr::X0, -256), 3) && encodable(Mem::post(Gpr::X0, 255), 3));
  EXPECT_FALSE(encodable(Mem::pre(Gpr::X0, 256), 3) || encodable(Mem::post(Gpr::X0, -257), 3));
}

TEST(Addresses, IndexesTakeOnlyWordExtensionsAndTheShiftOfTheAccess) {
  EXPECT_TRUE(encodable(Mem::at(Gpr::X0, Gpr::Zr, Extend::Uxtw, 3), 3));
  EXPECT_TRUE(encodable(Mem::at(Gpr::X0, Gpr::X1, Extend::Sxtx), 3));
  EXPECT_FALSE(encodable(Mem::at(Gpr::X0, Gpr::X1, Extend::Uxtw, 2), 3));
  EXPECT_FALSE(encodable(Mem::at(Gpr::X0, Gpr::X1, Extend::Uxtb), 3));
  EXPECT_FALSE(encodable(Mem::at(Gpr::X0, Gpr::X1, Extend::Sxth), 3));
  EXPECT_FALSE(encodable(Mem::at(Gpr::X0, Gpr::Sp), 3)) << "sp as index";
  EXPECT_FALSE(encodable(Mem::at(Gpr::Zr, 0), 3)) << "zr as base";
  EXPECT_FALSE(encodable_pair(Mem::at(Gpr::X0, Gpr::X1), 3));
  EXPECT_FALSE(encodable_pair(Mem::at(Gpr::Zr, 0), 3));
}

TEST(Distances, FitExactlyInTheirRange) {
  const i64 b = i64{1} << 27, c = 1 << 20, t = 1 << 15;
  EXPECT_TRUE(encode_distance26(b - 4) && encode_distance26(-b));
  EXPECT_FALSE(encode_distance26(b) || encode_distance26(-b - 4) || encode_distance26(2));
  EXPECT_TRUE(encode_distance19(c - 4) && encode_distance19(-c));
  EXPECT_FALSE(encode_distance19(c) || encode_distance19(-c - 4) || encode_distance19(1));
  EXPECT_TRUE(encode_distance14(t - 4) && encode_distance14(-t));
  EXPECT_FALSE(encode_distance14(t) || encode_distance14(-t - 4) || encode_distance14(3));
  EXPECT_TRUE(encode_distance21(c - 1) && encode_distance21(-c));
  EXPECT_FALSE(encode_distance21(c) || encode_distance21(-c - 1));
}

/// The address that the two instructions put into their register, the code's first byte being at `base`.
i64 evaluate(const LeaWords& lea, i64 base, i64 at, u32 dst) {
  const u32 first = lea.words[0], second = lea.words[1];
  EXPECT_EQ(first & 31, dst);
  i64 low = static_cast<i64>((first >> 5 & 0x7ffff) << 2 | (first >> 29 & 3));
  if (low >= 1 << 20) low -= 1 << 21;
  i64 value = (first >> 31) != 0 ? ((base + at) & ~i64{4095}) + low * 4096 : base + at + low;
  if (second == 0xd503201f) return value;
  EXPECT_EQ(second & 0x3ff, dst << 5 | dst);
  const i64 imm = static_cast<i64>(second >> 10 & 0xfff) << ((second >> 22 & 1) * 12);
  EXPECT_TRUE((second & 0xff800000u) == 0x91000000u || (second & 0xff800000u) == 0xd1000000u);
  return (second & 0x40000000u) != 0 ? value - imm : value + imm;
}

TEST(LoadAddress, ReachesEveryDistanceAndNeedsPagesOnlyBeyond17MiB) {
  const i64 beyond = 0xfff000 + (1 << 20);
  for (i64 magnitude : {i64{0}, i64{1}, i64{4095}, i64{4096}, (i64{1} << 20) - 1, i64{1} << 20, (i64{1} << 20) + 1,
                        i64{0xffffff}, i64{0x1000000}, beyond - 1, beyond, beyond + 1, i64{1} << 27, i64{1} << 31})
    for (i64 sign : {1, -1})
      for (i64 at : {i64{0}, i64{4}, i64{4092}, i64{0x12345678}}) {
        const i64 target = at + sign * magnitude;
        const auto lea = lea_words(Gpr::X9, at, target);
        ASSERT_TRUE(lea) << magnitude;
        EXPECT_EQ(lea->by_page, magnitude > beyond || (sign > 0 && magnitude == beyond)) << sign * magnitude;
        const i64 base = lea->by_page ? 0x7000 : 0x7040;
        EXPECT_EQ(evaluate(*lea, base, at, 9), base + target) << sign * magnitude;
      }
  EXPECT_FALSE(lea_words(Gpr::X9, 0, i64{1} << 33));
}

TEST(Relocations, FillTheirFieldsAndRefuseWhatDoesNotReach) {
  u32 words[2] = {0x94000000u, 0};
  u8 bytes[8];
  std::memcpy(bytes, words, 8);
  EXPECT_TRUE(patch_rel26(bytes, -4));
  EXPECT_TRUE(patch_rel26(bytes, 0x1000)); // over an earlier value
  std::memcpy(words, bytes, 8);
  EXPECT_EQ(words[0], 0x94000400u);
  EXPECT_FALSE(patch_rel26(bytes, i64{1} << 27));
  EXPECT_EQ(std::memcmp(bytes, words, 8), 0) << "changed though refused";

  words[0] = 0x1000000b; // adr x11
  std::memcpy(bytes, words, 8);
  EXPECT_TRUE(patch_lea(bytes, 16, 16 + 0x345678));
  LeaWords lea;
  std::memcpy(lea.words, bytes, 8);
  EXPECT_EQ(evaluate(lea, 0, 16, 11), 16 + 0x345678);
  EXPECT_FALSE(patch_lea(bytes, 0, i64{1} << 40));
}

} // namespace
} // namespace assay::a64
