// interval_test.cpp - bounds of operations against the oracle: whatever lies within those of the operands gives
// something within those of the result, and for some the bounds are as near as they must be.
#include "compiler/opt/interval.h"

#include "one_operation.h"

#include <algorithm>
#include <random>

namespace assay::opt {
namespace {

i64 with_sign(u64 bits, Type type) {
  const u32 above = 64 - bits_of(type);
  return static_cast<i64>(bits << above) >> above;
}

constexpr Type kInts[] = {Type::I8, Type::I16, Type::I32, Type::I64};

/// An end of an interval: small, near the ends of the type or a power of two, or anywhere.
i64 some_end(std::mt19937_64& random, Type type) {
  const Interval all = all_of(type);
  switch (random() % 5) {
  case 0: return static_cast<i64>(random() % 9) - 4;
  case 1: return static_cast<i64>(static_cast<u64>(all.hi) - random() % 5);
  case 2: return static_cast<i64>(static_cast<u64>(all.lo) + random() % 5);
  case 3: {
    const u64 power = u64{1} << random() % bits_of(type);
    return with_sign((random() % 2 == 0 ? power : 0 - power) + random() % 3 - 1, type);
  }
  default: return with_sign(random() >> random() % bits_of(type), type);
  }
}

Interval some_interval(std::mt19937_64& random, Type type) {
  const i64 a = some_end(random, type), b = random() % 3 == 0 ? a : some_end(random, type);
  return {std::min(a, b), std::max(a, b)};
}

i64 some_value(std::mt19937_64& random, const Interval& in) {
  const u64 span = static_cast<u64>(in.hi) - static_cast<u64>(in.lo);
  switch (random() % 4) {
  case 0: return in.lo;
  case 1: return in.hi;
  default: return static_cast<i64>(static_cast<u64>(in.lo) + (span == ~u64{0} ? random() : random() % (span + 1)));
  }
}

/// Random intervals for the operands, random values in them.
void holds_for(Opcode op, Type type, Type from, std::mt19937_64& random, u32& bounded) {
  OneOperation program(op, type, from);
  GraphInst inst;
  inst.op = op;
  inst.type = type;
  inst.from = from;
  const Type result = is_comparison(op) ? Type::I8 : type;
  for (u32 round = 0; round < 300; ++round) {
    Interval in[3];
    for (u32 i = 0; i < program.params.size(); ++i) in[i] = some_interval(random, program.params[i]);
    const Interval out = interval_of(inst, result, in);
    bounded += out == all_of(result) ? 0 : 1;
    for (u32 tried = 0; tried < 12; ++tried) {
      std::vector<u64> operands;
      for (u32 i = 0; i < program.params.size(); ++i)
        operands.push_back(static_cast<u64>(some_value(random, in[i])) & bit_mask(program.params[i]));
      const Outcome& outcome = program.run(operands);
      if (outcome.kind != OutcomeKind::Returned) continue;
      const i64 value = with_sign(outcome.values[0], result);
      ASSERT_TRUE(out.lo <= value && value <= out.hi)
          << info(op).name << "." << name_of(type) << " of " << in[0].lo << ".." << in[0].hi << " and " << in[1].lo
          << ".." << in[1].hi << " is not in " << out.lo << ".." << out.hi << ": " << value;
    }
  }
}

bool is_of_integers(Opcode op) {
  const ir::OpShape& shape = ir::shape(op);
  return shape.form == Form::Plain && shape.operand_count != 0 && shape.result_count == 1 && !shape.any_operands &&
         !shape.is(kReads | kWrites | kCalls | kEnds | kEffect) && shape.has_type() &&
         (op < Opcode::FAdd || op > Opcode::Bitcast);
}

TEST(Interval, holds_all_that_an_operation_gives) {
  std::mt19937_64 random(11);
  u32 operations = 0, bounded = 0;
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    const Opcode op = static_cast<Opcode>(i);
    if (!is_of_integers(op)) continue;
    const bool casts = op == Opcode::Sext || op == Opcode::Zext || op == Opcode::Trunc;
    for (const Type type : kInts) {
      for (const Type from : kInts) {
        if (casts ? (op == Opcode::Trunc ? from <= type : from >= type) : from != Type::I8) continue;
        if (op == Opcode::Bswap && type == Type::I8) continue;
        ++operations;
        ASSERT_NO_FATAL_FAILURE(holds_for(op, type, casts ? from : Type::None, random, bounded));
      }
    }
  }
  EXPECT_GT(operations, 100u);
  EXPECT_GT(bounded, operations * 100);
}

Interval of(Opcode op, Type type, Interval a, Interval b = {}) {
  GraphInst inst;
  inst.op = op;
  inst.type = type;
  inst.from = Type::I32;
  const Interval in[3] = {a, b, b};
  return interval_of(inst, type, in);
}

TEST(Interval, is_as_near_as_an_address_needs) {
  EXPECT_EQ(of(Opcode::Add, Type::I32, {1, 5}, {-1, 7}), (Interval{0, 12}));
  EXPECT_EQ(of(Opcode::Sub, Type::I32, {1, 5}, {-1, 7}), (Interval{-6, 6}));
  EXPECT_EQ(of(Opcode::Mul, Type::I32, {-3, 5}, {2, 7}), (Interval{-21, 35}));
  EXPECT_EQ(of(Opcode::Shl, Type::I64, {0, 95}, {3, 3}), (Interval{0, 760}));
  EXPECT_EQ(of(Opcode::And, Type::I32, all_of(Type::I32), {63, 63}), (Interval{0, 63}));
  EXPECT_EQ(of(Opcode::Or, Type::I32, {4, 9}, {0, 3}), (Interval{4, 15}));
  EXPECT_EQ(of(Opcode::Xor, Type::I32, {0, 9}, {0, 3}), (Interval{0, 15}));
  EXPECT_EQ(of(Opcode::ShrU, Type::I32, all_of(Type::I32), {24, 24}), (Interval{0, 255}));
  EXPECT_EQ(of(Opcode::ShrS, Type::I32, {-9, 9}, {1, 1}), (Interval{-5, 4}));
  EXPECT_EQ(of(Opcode::RemU, Type::I32, all_of(Type::I32), {8, 8}), (Interval{0, 7}));
  EXPECT_EQ(of(Opcode::RemS, Type::I32, all_of(Type::I32), {8, 8}), (Interval{-7, 7}));
  EXPECT_EQ(of(Opcode::DivU, Type::I32, {8, 80}, {2, 4}), (Interval{2, 40}));
  EXPECT_EQ(of(Opcode::DivS, Type::I32, {-8, 80}, {2, 4}), (Interval{-4, 40}));
  EXPECT_EQ(of(Opcode::MinS, Type::I32, {1, 80}, {2, 4}), (Interval{1, 4}));
  EXPECT_EQ(of(Opcode::MinU, Type::I32, all_of(Type::I32), {2, 4}), (Interval{0, 4}));
  EXPECT_EQ(of(Opcode::Zext, Type::I64, {-1, 4}), (Interval{0, 0xffffffff}));
  EXPECT_EQ(of(Opcode::Zext, Type::I64, {0, 4}), (Interval{0, 4}));
  EXPECT_EQ(of(Opcode::Load8U, Type::I32, {}), (Interval{0, 255}));
}

TEST(Interval, is_the_whole_type_where_an_operation_may_wrap) {
  EXPECT_EQ(of(Opcode::Add, Type::I32, {0, 0x7fffffff}, {1, 1}), all_of(Type::I32));
  EXPECT_EQ(of(Opcode::Sub, Type::I8, {-128, 0}, {1, 1}), all_of(Type::I8));
  EXPECT_EQ(of(Opcode::Mul, Type::I32, {0, 65536}, {0, 65536}), all_of(Type::I32));
  EXPECT_EQ(of(Opcode::Add, Type::I64, {0, INT64_MAX}, {1, 1}), all_of(Type::I64));
  EXPECT_EQ(of(Opcode::Shl, Type::I32, {0, 0x40000000}, {1, 1}), all_of(Type::I32));
  constexpr i64 kHalf = i64{1} << 62;
  EXPECT_EQ(of(Opcode::Add, Type::I64, {0, kHalf}, {0, kHalf}), all_of(Type::I64));
  EXPECT_EQ(of(Opcode::Sub, Type::I64, {0, kHalf}, {-kHalf, 0}), all_of(Type::I64));
  EXPECT_EQ(of(Opcode::Add, Type::I64, {0, kHalf - 1}, {0, kHalf - 1}), (Interval{0, 2 * (kHalf - 1)}));
  EXPECT_FALSE(sum_fits({0, kHalf}, {kHalf, kHalf}, Type::I64));
  EXPECT_FALSE(sum_fits({0, 0x7fffffff}, {1, 1}, Type::I32));
  EXPECT_TRUE(sum_fits({0, 0x7fffffff}, {1, 1}, Type::I64));
}

} // namespace
} // namespace assay::opt
