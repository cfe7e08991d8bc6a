// fold_test.cpp - fold() against the oracle: every operation with every type on values where things change, the binary
// ones of i8 on all values.
//
// Where fold() says nothing the oracle must have trapped or given a NaN.
#include "compiler/opt/fold.h"

#include "one_operation.h"

#include <random>

namespace assay::opt {
namespace {

/// What fold() is to know: everything that computes from numbers alone.
bool computes(Opcode op) {
  const ir::OpShape& shape = ir::shape(op);
  return shape.form == Form::Plain && shape.operand_count != 0 && shape.result_count != 0 && !shape.any_operands &&
         !shape.is(kReads | kWrites | kCalls | kEnds | kEffect) && shape.has_type() && op != Opcode::Fma;
}

bool is_nan(Type type, u64 bits) {
  if (type == Type::F32) return (bits & 0x7fffffffu) > 0x7f800000u;
  return type == Type::F64 && (bits & 0x7fffffffffffffffu) > 0x7ff0000000000000u;
}

::testing::AssertionResult agrees(Opcode op, Type type, Type from, OneOperation& program,
                                  std::span<const u64> operands) {
  u64 results[2] = {~u64{0}, ~u64{0}};
  const bool known = fold(op, type, from, operands, results);
  const Outcome& outcome = program.run(operands);
  const auto where = [&] {
    std::string out = std::string(info(op).name) + "." + std::string(name_of(type)) + "." + std::string(name_of(from));
    for (const u64 operand : operands) out += " " + std::to_string(operand);
    return out + " fold gives " + (known ? std::to_string(results[0]) : "nothing");
  };
  const bool returned = outcome.kind == OutcomeKind::Returned;
  if (!known && returned && !is_nan(outcome.value_types[0], outcome.values[0]))
    return ::testing::AssertionFailure() << where() << ", the oracle " << outcome.values[0];
  if (!known) return ::testing::AssertionSuccess();
  if (!returned) return ::testing::AssertionFailure() << where() << ", the oracle traps";
  for (u32 i = 0; i < outcome.values.size(); ++i)
    if (outcome.values[i] != results[i])
      return ::testing::AssertionFailure() << where() << ", the oracle has " << outcome.values[i] << " as result " << i;
  return ::testing::AssertionSuccess();
}

std::vector<u64> edges(Type type) {
  std::vector<u64> out = {0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 100, 0x55, 0x80, 0xff};
  const u64 mask = bit_mask(type);
  for (u32 i = 0; i < bits_of(type); i += 3) out.push_back(u64{1} << i);
  for (const u64 low : {0, 1, 2, 3}) {
    out.push_back((mask >> 1) - low);
    out.push_back((mask >> 1) + 1 + low);
    out.push_back(mask - low);
  }
  std::mt19937_64 random(7);
  for (int i = 0; i < 8; ++i) out.push_back(random());
  if (type == Type::F32)
    for (const u64 bits : {0x3f800000u, 0xbf800000u, 0x3f000000u, 0x40200000u, 0x4b000001u, 0x7f800000u, 0xff800000u,
                           0x7fc00000u, 0x7f800001u, 0x00800000u, 0x7f7fffffu, 0x4f000000u, 0x4effffffu, 0xcf000000u,
                           0x5f000000u, 0x5f800000u, 0x43000000u, 0xc3010000u, 0x3effffffu, 0x80000000u})
      out.push_back(bits);
  if (type == Type::F64)
    for (const u64 bits :
         {0x3ff0000000000000u, 0xbff0000000000000u, 0x3fe0000000000000u, 0x4004000000000000u, 0x4330000000000001u,
          0x7ff0000000000000u, 0xfff0000000000000u, 0x7ff8000000000000u, 0x7ff0000000000001u, 0x0010000000000000u,
          0x7fefffffffffffffu, 0x41e0000000000000u, 0x41dfffffffe00000u, 0xc1e0000000200000u, 0x43e0000000000000u,
          0x43f0000000000000u, 0x47efffffe0000000u, 0x47effffff0000000u, 0x36a0000000000000u, 0x3690000000000000u,
          0x3fdfffffffffffffu, 0x8000000000000000u, 0x40dfffe000000000u, 0xc060000000000000u})
      out.push_back(bits);
  for (u64& value : out) value &= mask;
  return out;
}

template <typename Use> void for_operations(Use use) {
  u32 count = 0;
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    const Opcode op = static_cast<Opcode>(i);
    if (!computes(op)) continue;
    for (u32 t = 0; t < kTypeCount; ++t) {
      for (u32 s = 0; s < kTypeCount; ++s) {
        const Type type = static_cast<Type>(t), from = static_cast<Type>(s);
        if (type == Type::Ptr || from == Type::Ptr || !types_allowed(op, type, from)) continue;
        ++count;
        use(op, type, from);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
  EXPECT_GT(count, 250u);
}

TEST(Fold, agrees_with_the_oracle_where_things_change) {
  for_operations([](Opcode op, Type type, Type from) {
    OneOperation program(op, type, from);
    std::vector<std::vector<u64>> values;
    for (const Type param : program.params) values.push_back(edges(param));
    if (values.size() == 3) values[0] = {0, 1, 0x100, 0xffff}; // a condition
    const std::vector<u64> one = {0};
    for (const u64 a : values[0])
      for (const u64 b : values.size() > 1 ? values[1] : one)
        for (const u64 c : values.size() > 2 ? values[2] : one) {
          const u64 operands[3] = {a, b, c};
          ASSERT_TRUE(agrees(op, type, from, program, {operands, values.size()}));
        }
  });
}

TEST(Fold, agrees_with_the_oracle_on_all_i8) {
  for_operations([](Opcode op, Type type, Type from) {
    if (type != Type::I8 || (from != Type::None && !is_int(from))) return;
    OneOperation program(op, type, from);
    if (program.params.size() > 2) return;
    const u64 last = program.params.size() == 2 ? 255 : 0;
    for (u64 a = 0; a < 256; ++a)
      for (u64 b = 0; b <= last; ++b) {
        const u64 operands[2] = {a, b};
        ASSERT_TRUE(agrees(op, type, from, program, {operands, program.params.size()}));
      }
  });
}

TEST(Fold, agrees_with_the_oracle_on_random_floats) {
  std::mt19937_64 random(11);
  for_operations([&](Opcode op, Type type, Type from) {
    if (!is_float(type) && !is_float(from)) return;
    OneOperation program(op, type, from);
    for (int i = 0; i < 400; ++i) {
      u64 operands[3] = {};
      for (u32 p = 0; p < program.params.size(); ++p) {
        u64 bits = random();
        // Exponents near each other, so that something is left to round; and the whole range.
        if (program.params[p] == Type::F32 && i % 2 == 0) bits = (bits & 0x80ffffffu) | 0x3f000000u;
        if (program.params[p] == Type::F64 && i % 2 == 0) bits = (bits & 0x803fffffffffffffu) | 0x3fc0000000000000u;
        operands[p] = bits & bit_mask(program.params[p]);
      }
      ASSERT_TRUE(agrees(op, type, from, program, {operands, program.params.size()}));
    }
  });
}

TEST(Fold, says_nothing_of_what_it_cannot_know) {
  u64 results[2] = {};
  const u64 zero[3] = {0, 0, 0}, least[2] = {0x80, 0xff}, ones[3] = {0x3f800000, 0x3f800000, 0x3f800000};
  EXPECT_FALSE(fold(Opcode::DivU, Type::I32, Type::None, {zero, 2}, results));
  EXPECT_FALSE(fold(Opcode::DivS, Type::I8, Type::None, least, results));
  EXPECT_TRUE(fold(Opcode::RemS, Type::I8, Type::None, least, results));
  EXPECT_FALSE(fold(Opcode::FDiv, Type::F32, Type::None, {zero, 2}, results));
  EXPECT_FALSE(fold(Opcode::Fma, Type::F32, Type::None, ones, results));
  EXPECT_FALSE(fold(Opcode::Eq, Type::Ptr, Type::None, {zero, 2}, results));
  EXPECT_FALSE(fold(Opcode::Bitcast, Type::I64, Type::Ptr, {zero, 1}, results));
  EXPECT_FALSE(fold(Opcode::PtrAdd, Type::None, Type::None, {zero, 2}, results));
  EXPECT_FALSE(fold(Opcode::Load, Type::I32, Type::None, {zero, 1}, results));
  EXPECT_FALSE(fold(Opcode::MemoryGrow, Type::I32, Type::None, {zero, 1}, results));
  EXPECT_FALSE(fold(Opcode::Const, Type::I32, Type::None, {}, results));
}

} // namespace
} // namespace assay::opt
