// literal_test.cpp - literals, text to bits and back: ranges, exactness, rounding, everything refused.
#include "assay/text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>

namespace assay {
namespace {

u64 bits(double value) { return std::bit_cast<u64>(value); }
u64 bits(float value) { return std::bit_cast<u32>(value); }

std::string print(Type type, u64 value) {
  std::string out;
  print_literal(type, value, out);
  return out;
}

u64 parse(std::string_view text, Type type) {
  const Result<u64> result = parse_literal(text, type);
  EXPECT_TRUE(result.ok()) << text;
  return result.ok() ? *result : 0xdeadbeef;
}

bool refused(std::string_view text, Type type) { return !parse_literal(text, type).ok(); }

TEST(Literal, IntegersRunFromTheSignedMinimumToTheUnsignedMaximum) {
  struct Range {
    Type type;
    const char *below, *min, *max, *above, *hex_max, *hex_above;
  };
  const Range ranges[] = {
      {Type::I8, "-129", "-128", "255", "256", "0xff", "0x100"},
      {Type::I16, "-32769", "-32768", "65535", "65536", "0xffff", "0x10000"},
      {Type::I32, "-2147483649", "-2147483648", "4294967295", "4294967296", "0xffffffff", "0x100000000"},
      {Type::I64, "-9223372036854775809", "-9223372036854775808", "18446744073709551615", "18446744073709551616",
       "0xffffffffffffffff", "0x10000000000000000"},
      {Type::Ptr, "-9223372036854775809", "-9223372036854775808", "18446744073709551615", "18446744073709551616",
       "0xffffffffffffffff", "0x10000000000000000"},
  };
  for (const Range& r : ranges) {
    EXPECT_TRUE(refused(r.below, r.type)) << r.below;
    EXPECT_EQ(parse(r.min, r.type), u64{1} << (bits_of(r.type) - 1));
    EXPECT_EQ(parse(r.max, r.type), bit_mask(r.type));
    EXPECT_TRUE(refused(r.above, r.type)) << r.above;
    EXPECT_EQ(parse(r.hex_max, r.type), bit_mask(r.type));
    EXPECT_TRUE(refused(r.hex_above, r.type)) << r.hex_above;
  }
}

TEST(Literal, IntegersPrintSigned) {
  EXPECT_EQ(print(Type::I8, 0x80), "-128");
  EXPECT_EQ(print(Type::I8, 0x7f), "127");
  EXPECT_EQ(print(Type::I16, 0xffff), "-1");
  EXPECT_EQ(print(Type::I32, 0x80000000), "-2147483648");
  EXPECT_EQ(print(Type::I64, u64{1} << 63), "-9223372036854775808");
  EXPECT_EQ(print(Type::I64, 9223372036854775807u), "9223372036854775807");
  EXPECT_EQ(print(Type::Ptr, ~u64{0}), "-1");
  EXPECT_EQ(print(Type::I32, 0), "0");
}

TEST(Literal, MalformedIntegersAreRefused) {
  for (std::string_view text :
       {"", "-", "+1", "--1", "0x", "0xg", "-0x1", "1x", "1.0", "1e3", "nan", " 1", "1 ", "0b1", "\xff"})
    EXPECT_TRUE(refused(text, Type::I32)) << text;
  EXPECT_EQ(parse("-0", Type::I8), 0u);
  EXPECT_EQ(parse("0007", Type::I8), 7u);
  EXPECT_EQ(parse("0XaB", Type::I16), 0xabu);
}

TEST(Literal, TheErrorSaysWhatWasExpectedAndFound) {
  EXPECT_EQ(parse_literal("300", Type::I8).error().message, "expected an i8 literal (-128 to 255), found '300'");
  EXPECT_EQ(parse_literal("x", Type::F64).error().message, "expected an f64 literal, found 'x'");
}

TEST(Literal, FloatsPrintAsExactHexFloats) {
  EXPECT_EQ(print(Type::F64, bits(1.5)), "0x1.8p+0");
  EXPECT_EQ(print(Type::F64, bits(3.0)), "0x1.8p+1");
  EXPECT_EQ(print(Type::F64, bits(-0.0)), "-0x0p+0");
  EXPECT_EQ(print(Type::F64, bits(0.1)), "0x1.999999999999ap-4");
  EXPECT_EQ(print(Type::F32, bits(0.1f)), "0x1.99999ap-4");
  EXPECT_EQ(print(Type::F64, bits(DBL_MAX)), "0x1.fffffffffffffp+1023");
  EXPECT_EQ(print(Type::F32, bits(FLT_MAX)), "0x1.fffffep+127");
  EXPECT_EQ(print(Type::F64, bits(DBL_MIN)), "0x1p-1022");
  EXPECT_EQ(print(Type::F64, 1), "0x0.0000000000001p-1022");
  EXPECT_EQ(print(Type::F64, 0x000fffffffffffff), "0x0.fffffffffffffp-1022");
  EXPECT_EQ(print(Type::F32, 1), "0x0.000002p-126");
  EXPECT_EQ(print(Type::F32, 0x00400000), "0x0.8p-126");
}

TEST(Literal, InfinitiesAndNans) {
  EXPECT_EQ(print(Type::F64, 0x7ff0000000000000), "inf");
  EXPECT_EQ(print(Type::F32, 0xff800000), "-inf");
  EXPECT_EQ(print(Type::F32, 0x7fc00000), "nan");
  EXPECT_EQ(print(Type::F32, 0xffc00000), "nan:0xffc00000");
  EXPECT_EQ(print(Type::F64, 0x7ff0000000000001), "nan:0x7ff0000000000001");
  EXPECT_EQ(parse("nan", Type::F64), 0x7ff8000000000000u);
  EXPECT_EQ(parse("nan:0xffc00000", Type::F32), 0xffc00000u);
  EXPECT_EQ(parse("-inf", Type::F64), 0xfff0000000000000u);
  for (std::string_view text : {"nan:0x7f800000", "nan:0x3f800000", "nan:0x100000000", "nan:", "nan:0x", "nan:7",
                                "-nan", "nan:-0x7fc00000", "infinity", "+inf"})
    EXPECT_TRUE(refused(text, Type::F32)) << text;
}

TEST(Literal, HexFloatsRoundToNearestEven) {
  EXPECT_EQ(parse("0x1.000001p0", Type::F32), bits(1.0f));                           // a tie, to even
  EXPECT_EQ(parse("0x1.000003p0", Type::F32), bits(std::nextafter(1.0f, 2.0f)) + 1); // a tie, to even
  EXPECT_EQ(parse("0x1.0000010000000000000000000001p0", Type::F32), bits(std::nextafter(1.0f, 2.0f)));
  EXPECT_EQ(parse("0x1.fffffffffffff8p0", Type::F64), bits(2.0));
  EXPECT_EQ(parse("0x1.fffffffffffff7ffffffffffffffp0", Type::F64), bits(std::nextafter(2.0, 1.0)));
  EXPECT_EQ(parse("0x0.00000000000008p-1022", Type::F64), 0u); // half the least subnormal
  EXPECT_EQ(parse("0x0.000000000000081p-1022", Type::F64), 1u);
  EXPECT_EQ(parse("0x1p-1075", Type::F64), 0u);
  EXPECT_EQ(parse("0x1.8p-1075", Type::F64), 1u);
  EXPECT_EQ(parse("0x0.fffffffffffff8p-1022", Type::F64), bits(DBL_MIN)); // up into the normal numbers
  EXPECT_EQ(parse("0x1p-100000000000000", Type::F64), 0u);
}

TEST(Literal, HexFloatsInOtherShapesAreTheSameNumbers) {
  for (std::string_view text : {"0x3", "0x3.", "0x3p0", "0x.3p4", "0x.6p+3", "0x0000003p-0", "0X3P0", "0x30p-4",
                                "0x18p-3", "3", "3.", "3.0", "0.3e1", "300e-2", ".3E+1"})
    EXPECT_EQ(parse(text, Type::F64), bits(3.0)) << text;
}

TEST(Literal, FloatsTooLargeAreRefusedNotMadeInfinite) {
  for (std::string_view text : {"0x1p+1024", "0x1.fffffffffffff8p+1023", "1e309", "0x1p99999999999999999999",
                                "1e99999999999999999999", "-1e400", "1797693134862315708145274237317043567980e270"})
    EXPECT_TRUE(refused(text, Type::F64)) << text;
  EXPECT_TRUE(refused("0x1.ffffffp+127", Type::F32));
  EXPECT_TRUE(refused("3.5e38", Type::F32));
  EXPECT_EQ(parse("0x1.fffffefffffp+127", Type::F32), bits(FLT_MAX));
}

TEST(Literal, MalformedFloatsAreRefused) {
  for (std::string_view text :
       {"",          "-",   ".",      "0x",   "0x.", "0xp1", "1e", "1e+", "0x1p",   "0x1p+", "1.2.3",
        "0x1.2.3p0", "1p3", "0x1e+3", "0x1g", "1f",  "--1",  "1 ", "e5",  "0x1p1x", "1e1.5"})
    EXPECT_TRUE(refused(text, Type::F64)) << text;
}

TEST(Literal, DecimalFloatsAreCorrectlyRounded) {
  const char* texts[] = {"0.1",
                         "1.5",
                         "2.2250738585072011e-308",
                         "2.2250738585072014e-308",
                         "4.9406564584124654e-324",
                         "2.4703282292062327e-324",
                         "2.4703282292062328e-324",
                         "1.7976931348623157e308",
                         "9007199254740993",
                         "9007199254740992.9999999999999999999",
                         "9007199254740993.00000000000000000000001",
                         "123456789012345678901234567890",
                         "3.14159265358979323846264338327950288",
                         "6.02214076e23",
                         "1e22",
                         "1e23",
                         "8.5e-320",
                         "0.000000000000000000000000000001",
                         "0e999999999",
                         "1.00000000000000011102230246251565404236316680908203125",
                         "1.00000000000000011102230246251565404236316680908203124",
                         "1.00000000000000011102230246251565404236316680908203126"};
  for (const char* text : texts) {
    EXPECT_EQ(parse(text, Type::F64), bits(std::strtod(text, nullptr))) << text;
    const float narrow = std::strtof(text, nullptr);
    if (std::isinf(narrow)) continue;
    EXPECT_EQ(parse(text, Type::F32), bits(narrow)) << text;
  }
}

TEST(Literal, RandomDecimalFloatsAgreeWithTheCLibrary) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    char text[64];
    const int digits = 1 + static_cast<int>(random() % 20);
    std::string mantissa;
    for (int d = 0; d < digits; ++d) mantissa += static_cast<char>('0' + random() % 10);
    std::snprintf(text, sizeof text, "%s.%se%d", mantissa.c_str(), mantissa.c_str(),
                  static_cast<int>(random() % 640) - 340);
    const double expected = std::strtod(text, nullptr);
    const Result<u64> wide = parse_literal(text, Type::F64);
    ASSERT_EQ(wide.ok(), !std::isinf(expected)) << text;
    if (wide.ok()) {
      EXPECT_EQ(*wide, bits(expected)) << text;
    }
    const float narrow = std::strtof(text, nullptr);
    const Result<u64> single = parse_literal(text, Type::F32);
    ASSERT_EQ(single.ok(), !std::isinf(narrow)) << text;
    if (single.ok()) {
      EXPECT_EQ(*single, bits(narrow)) << text;
    }
  }
}

TEST(Literal, RandomBitsSurviveTheRoundTrip) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 20000; ++i) {
    const u64 value = random() >> (random() % 64);
    for (u32 t = 1; t < kTypeCount; ++t) {
      const Type type = static_cast<Type>(t);
      const u64 cut = value & bit_mask(type);
      EXPECT_EQ(parse(print(type, cut), type), cut) << print(type, cut);
    }
  }
}

TEST(Literal, PrintedHexFloatsAreReadAlikeByTheCLibrary) {
  std::mt19937_64 random(13);
  for (int i = 0; i < 20000; ++i) {
    const u64 value = random() >> (random() % 64);
    if (std::isnan(std::bit_cast<double>(value))) continue;
    EXPECT_EQ(bits(std::strtod(print(Type::F64, value).c_str(), nullptr)), value);
  }
}

TEST(Literal, AMillionDigitsAreReadInLinearTime) {
  const std::string zeros(1000000, '0'), nines(1000000, '9');
  EXPECT_EQ(parse("1." + zeros + "1", Type::F64), bits(1.0));
  EXPECT_EQ(parse("0x1." + zeros + "1p0", Type::F64), bits(1.0));
  EXPECT_EQ(parse("0." + zeros + "1e1000001", Type::F64), bits(1.0));
  EXPECT_EQ(parse("1" + zeros + "e-1000000", Type::F64), bits(1.0));
  EXPECT_TRUE(refused(nines, Type::F64));
  EXPECT_TRUE(refused(nines, Type::I64));
  EXPECT_EQ(parse(zeros + "5", Type::I8), 5u);
}

} // namespace
} // namespace assay
