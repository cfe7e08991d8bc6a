// Integer operations at every width: edge values against digit-by-digit arithmetic (big_int.h) and bit strings,
// and every pair of 8-bit values against plain int.
#include "big_int.h"
#include "harness.h"

#include <algorithm>
#include <optional>

namespace assay::oracle {
namespace {

/// What an operation of two operands must do. No value: a trap.
struct Expected {
  std::optional<u64> value;
  TrapKind trap = TrapKind::Unreachable;
  std::optional<bool> flag = std::nullopt;
};

struct Pair {
  Type type;
  u64 a, b;
  u32 width() const { return bits_of(type); }
  Big sa() const { return Big::from_signed(a, width()); }
  Big sb() const { return Big::from_signed(b, width()); }
  Big ua() const { return Big::from_unsigned(a); }
  Big ub() const { return Big::from_unsigned(b); }
  u64 low(const Big& big) const { return big.bits(0, width()); }
  bool fits_signed(const Big& big) const { return Big::from_signed(low(big), width()) == big; }
  bool fits_unsigned(const Big& big) const { return Big::from_unsigned(low(big)) == big; }
};

Expected wrapped(const Pair& p, const Big& exact) { return {p.low(exact)}; }
Expected flagged(const Pair& p, const Big& exact, bool fits) { return {p.low(exact), TrapKind::Unreachable, !fits}; }
Expected truth(bool value) { return {value ? u64{1} : u64{0}}; }

Expected divided(const Pair& p, const Big& a, const Big& b, bool is_signed, bool want_quotient) {
  if (b.zero()) return {std::nullopt, TrapKind::DivByZero};
  Big quotient, remainder;
  Big::divide(a, b, quotient, remainder);
  if (!want_quotient) return wrapped(p, remainder);
  if (is_signed && !p.fits_signed(quotient)) return {std::nullopt, TrapKind::IntOverflow};
  return wrapped(p, quotient);
}

/// Shifts and rotations, on strings of binary digits.
std::string moved(Opcode op, std::string bits, u32 count) {
  for (u32 i = 0; i < count; ++i) {
    switch (op) {
    case Opcode::Shl: bits = bits.substr(1) + '0'; break;
    case Opcode::ShrU: bits = '0' + bits.substr(0, bits.size() - 1); break;
    case Opcode::ShrS: bits = bits[0] + bits.substr(0, bits.size() - 1); break;
    case Opcode::Rotl: bits = bits.substr(1) + bits[0]; break;
    default: bits = bits.back() + bits.substr(0, bits.size() - 1); break;
    }
  }
  return bits;
}

Expected bitwise(Opcode op, const Pair& p) {
  std::string a = to_binary(p.a, p.width());
  const std::string b = to_binary(p.b, p.width());
  for (u32 i = 0; i < p.width(); ++i) {
    const bool x = a[i] == '1', y = b[i] == '1';
    a[i] = (op == Opcode::And ? x && y : op == Opcode::Or ? x || y : x != y) ? '1' : '0';
  }
  return {from_binary(a)};
}

Expected expected(Opcode op, const Pair& p) {
  switch (op) {
  case Opcode::Add: return wrapped(p, p.ua() + p.ub());
  case Opcode::Sub: return wrapped(p, p.ua() - p.ub());
  case Opcode::Mul: return wrapped(p, p.ua() * p.ub());
  case Opcode::MulHS: return {(p.sa() * p.sb()).bits(p.width(), p.width())};
  case Opcode::MulHU: return {(p.ua() * p.ub()).bits(p.width(), p.width())};
  case Opcode::DivS: return divided(p, p.sa(), p.sb(), true, true);
  case Opcode::DivU: return divided(p, p.ua(), p.ub(), false, true);
  case Opcode::RemS: return divided(p, p.sa(), p.sb(), true, false);
  case Opcode::RemU: return divided(p, p.ua(), p.ub(), false, false);
  case Opcode::And:
  case Opcode::Or:
  case Opcode::Xor: return bitwise(op, p);
  case Opcode::Shl:
  case Opcode::ShrS:
  case Opcode::ShrU:
  case Opcode::Rotl:
  case Opcode::Rotr: {
    Big quotient, count;
    Big::divide(p.ub(), Big::from_unsigned(p.width()), quotient, count);
    return {from_binary(moved(op, to_binary(p.a, p.width()), static_cast<u32>(count.bits(0, 32))))};
  }
  case Opcode::MinS: return {p.sb() < p.sa() ? p.b : p.a};
  case Opcode::MinU: return {p.ub() < p.ua() ? p.b : p.a};
  case Opcode::MaxS: return {p.sa() < p.sb() ? p.b : p.a};
  case Opcode::MaxU: return {p.ua() < p.ub() ? p.b : p.a};
  case Opcode::AddOS: return flagged(p, p.sa() + p.sb(), p.fits_signed(p.sa() + p.sb()));
  case Opcode::AddOU: return flagged(p, p.ua() + p.ub(), p.fits_unsigned(p.ua() + p.ub()));
  case Opcode::SubOS: return flagged(p, p.sa() - p.sb(), p.fits_signed(p.sa() - p.sb()));
  case Opcode::SubOU: return flagged(p, p.ua() - p.ub(), p.fits_unsigned(p.ua() - p.ub()));
  case Opcode::MulOS: return flagged(p, p.sa() * p.sb(), p.fits_signed(p.sa() * p.sb()));
  case Opcode::MulOU: return flagged(p, p.ua() * p.ub(), p.fits_unsigned(p.ua() * p.ub()));
  case Opcode::Eq: return truth(p.ua() == p.ub());
  case Opcode::Ne: return truth(!(p.ua() == p.ub()));
  case Opcode::LtS: return truth(p.sa() < p.sb());
  case Opcode::LtU: return truth(p.ua() < p.ub());
  case Opcode::LeS: return truth(!(p.sb() < p.sa()));
  case Opcode::LeU: return truth(!(p.ub() < p.ua()));
  case Opcode::GtS: return truth(p.sb() < p.sa());
  case Opcode::GtU: return truth(p.ub() < p.ua());
  case Opcode::GeS: return truth(!(p.sa() < p.sb()));
  case Opcode::GeU: return truth(!(p.ua() < p.ub()));
  default: ADD_FAILURE() << "no expectation for " << info(op).name; return {};
  }
}

std::vector<Opcode> binary_operations() {
  std::vector<Opcode> ops;
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    const Opcode op = static_cast<Opcode>(i);
    if (info(op).operands == "TT" && (info(op).types & mask_of(Type::I8)) != 0 && op != Opcode::MemoryCopy) {
      ops.push_back(op);
    }
  }
  return ops;
}

void check_pair(OneOp& f, Opcode op, const Pair& p) {
  const Expected want = expected(op, p);
  const Outcome& got = f.run({p.a, p.b});
  const auto where = [&] {
    return ::testing::Message() << info(op).name << '.' << name_of(p.type) << ' ' << p.a << ", " << p.b;
  };
  if (!want.value) {
    EXPECT_TRUE(trapped(got, want.trap, {0, 0, 0})) << where();
    return;
  }
  ASSERT_EQ(got.kind, OutcomeKind::Returned) << where();
  EXPECT_EQ(got.values[0], *want.value) << where();
  if (want.flag) {
    EXPECT_EQ(got.values[1], *want.flag ? 1u : 0u) << where();
  }
}

TEST(Integer, every_binary_operation_of_the_table_is_covered) { EXPECT_EQ(binary_operations().size(), 37u); }

TEST(Integer, binary_operations_agree_with_wide_arithmetic_on_edge_values) {
  for (Opcode op : binary_operations()) {
    for (Type type : kIntTypes) {
      OneOp f(op, type);
      for (u64 a : edge_values(type)) {
        for (u64 b : edge_values(type)) check_pair(f, op, {type, a, b});
      }
    }
  }
}

/// The same operations on bytes, with C++ ints, which hold every exact result.
std::optional<u64> byte_result(Opcode op, int ua, int ub, bool& flag) {
  const int sa = ua < 128 ? ua : ua - 256, sb = ub < 128 ? ub : ub - 256;
  const auto byte = [](int value) { return std::optional<u64>(static_cast<u64>(value & 255)); };
  const auto with_flag = [&](int exact, int low, int high) {
    flag = exact < low || exact > high;
    return byte(exact);
  };
  const int count = ub % 8;
  switch (op) {
  case Opcode::Add: return byte(ua + ub);
  case Opcode::Sub: return byte(ua - ub);
  case Opcode::Mul: return byte(ua * ub);
  case Opcode::MulHS: return byte((sa * sb - ((sa * sb) & 255)) / 256);
  case Opcode::MulHU: return byte(ua * ub / 256);
  case Opcode::DivS: return sb == 0 || (sa == -128 && sb == -1) ? std::nullopt : byte(sa / sb);
  case Opcode::DivU: return ub == 0 ? std::nullopt : byte(ua / ub);
  case Opcode::RemS: return sb == 0 ? std::nullopt : byte(sa % sb);
  case Opcode::RemU: return ub == 0 ? std::nullopt : byte(ua % ub);
  case Opcode::And: return byte(ua & ub);
  case Opcode::Or: return byte(ua | ub);
  case Opcode::Xor: return byte(ua ^ ub);
  case Opcode::Shl: return byte(ua * (1 << count));
  case Opcode::ShrU: return byte(ua / (1 << count));
  case Opcode::ShrS: return byte((sa - (sa & ((1 << count) - 1))) / (1 << count));
  case Opcode::Rotl: return byte(ua * (1 << count) + ua * (1 << count) / 256);
  case Opcode::Rotr: return byte(ua / (1 << count) + ua * (1 << (8 - count)) % 256);
  case Opcode::MinS: return byte(std::min(sa, sb));
  case Opcode::MinU: return byte(std::min(ua, ub));
  case Opcode::MaxS: return byte(std::max(sa, sb));
  case Opcode::MaxU: return byte(std::max(ua, ub));
  case Opcode::AddOS: return with_flag(sa + sb, -128, 127);
  case Opcode::AddOU: return with_flag(ua + ub, 0, 255);
  case Opcode::SubOS: return with_flag(sa - sb, -128, 127);
  case Opcode::SubOU: return with_flag(ua - ub, 0, 255);
  case Opcode::MulOS: return with_flag(sa * sb, -128, 127);
  case Opcode::MulOU: return with_flag(ua * ub, 0, 255);
  case Opcode::Eq: return byte(ua == ub);
  case Opcode::Ne: return byte(ua != ub);
  case Opcode::LtS: return byte(sa < sb);
  case Opcode::LtU: return byte(ua < ub);
  case Opcode::LeS: return byte(sa <= sb);
  case Opcode::LeU: return byte(ua <= ub);
  case Opcode::GtS: return byte(sa > sb);
  case Opcode::GtU: return byte(ua > ub);
  case Opcode::GeS: return byte(sa >= sb);
  case Opcode::GeU: return byte(ua >= ub);
  default: ADD_FAILURE() << info(op).name; return std::nullopt;
  }
}

TEST(Integer, every_pair_of_bytes_agrees_with_plain_int) {
  for (Opcode op : binary_operations()) {
    OneOp f(op, Type::I8);
    u32 wrong = 0;
    for (int a = 0; a < 256; ++a) {
      for (int b = 0; b < 256; ++b) {
        bool flag = false;
        const std::optional<u64> want = byte_result(op, a, b, flag);
        const Outcome& got = f.run({static_cast<u64>(a), static_cast<u64>(b)});
        const bool right = want ? got.kind == OutcomeKind::Returned && got.values[0] == *want &&
                                      (got.values.size() == 1 || got.values[1] == (flag ? 1u : 0u))
                                : got.kind == OutcomeKind::Trapped;
        wrong += right ? 0 : 1;
      }
    }
    EXPECT_EQ(wrong, 0u) << info(op).name;
  }
}

TEST(Integer, counts_and_reversals_agree_with_bit_strings) {
  for (Type type : kIntTypes) {
    OneOp clz(Opcode::Clz, type), ctz(Opcode::Ctz, type), popcnt(Opcode::Popcnt, type), bitrev(Opcode::Bitrev, type);
    std::vector<u64> values = edge_values(type);
    for (u32 i = 0; i < bits_of(type); ++i) values.push_back(u64{1} << i);
    for (u64 value : values) {
      std::string text = to_binary(value, bits_of(type));
      EXPECT_EQ(clz.value({value}), std::min(text.find('1'), text.size())) << text;
      EXPECT_EQ(popcnt.value({value}), static_cast<u64>(std::count(text.begin(), text.end(), '1'))) << text;
      std::reverse(text.begin(), text.end());
      EXPECT_EQ(ctz.value({value}), std::min(text.find('1'), text.size())) << text;
      EXPECT_EQ(bitrev.value({value}), from_binary(text)) << text;
    }
  }
}

TEST(Integer, bswap_reverses_bytes) {
  EXPECT_EQ(OneOp(Opcode::Bswap, Type::I16).value({0x0102}), 0x0201u);
  EXPECT_EQ(OneOp(Opcode::Bswap, Type::I32).value({0xf1020304}), 0x040302f1u);
  EXPECT_EQ(OneOp(Opcode::Bswap, Type::I64).value({0xf102030405060708}), 0x08070605040302f1u);
}

TEST(Integer, sext_zext_and_trunc_keep_the_number_or_its_low_bits) {
  for (Type wide : kIntTypes) {
    for (Type narrow : kIntTypes) {
      if (bits_of(narrow) >= bits_of(wide)) continue;
      OneOp sext(Opcode::Sext, wide, narrow), zext(Opcode::Zext, wide, narrow), trunc(Opcode::Trunc, narrow, wide);
      for (u64 value : edge_values(narrow)) {
        EXPECT_EQ(sext.value({value}), Big::from_signed(value, bits_of(narrow)).bits(0, bits_of(wide)));
        EXPECT_EQ(zext.value({value}), value);
      }
      for (u64 value : edge_values(wide)) {
        EXPECT_EQ(trunc.value({value}), Big::from_unsigned(value).bits(0, bits_of(narrow)));
      }
    }
  }
}

TEST(Integer, select_takes_the_first_when_the_condition_is_not_zero) {
  OneOp f(Opcode::Select, Type::I32);
  EXPECT_EQ(f.value({1, 10, 20}), 10u);
  EXPECT_EQ(f.value({0x80, 10, 20}), 10u);
  EXPECT_EQ(f.value({0, 10, 20}), 20u);
}

TEST(Integer, pointers_compare_by_number) {
  OneOp eq(Opcode::Eq, Type::Ptr), ne(Opcode::Ne, Type::Ptr);
  EXPECT_EQ(eq.value({0x8000000000000000, 0x8000000000000000}), 1u);
  EXPECT_EQ(eq.value({0x8000000000000000, 0}), 0u);
  EXPECT_EQ(ne.value({1, 2}), 1u);
}

} // namespace
} // namespace assay::oracle
