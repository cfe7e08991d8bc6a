// Tests of what Ore says of bad programs: place and words, several at once, and that no text whatever harms it.
#include "assay/ore.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

namespace assay {
namespace {

struct Bad {
  const char* text;
  u32 line, column;
  const char* words;
};

// Bodies of one function, on its second line from column 3 on.
constexpr Bad kBodies[] = {
    {"x = 1;", 2, 3, "'x' is not declared"},
    {"let x = 1; x = 2;", 2, 14, "cannot be assigned"},
    {"let x = 1; let x = 2;", 2, 18, "declared already, at 2:7"},
    {"let x: i32 = 1.5;", 2, 16, "expected i32"},
    {"let x: u8 = 300;", 2, 15, "does not fit in u8"},
    {"let x = 1 + true;", 2, 13, "operands of two types"},
    {"let x = 1.5 % 2.0;", 2, 15, "'%' is not for"},
    {"let x = !1;", 2, 11, "expected bool behind '!'"},
    {"if 1 { }", 2, 6, "expected bool, found an integer"},
    {"while 1.0 { }", 2, 9, "expected bool"},
    {"for i in 0..1.5 { }", 2, 7, "expected integers around '..'"},
    {"break;", 2, 3, "expected a loop around this"},
    {"rethrow;", 2, 3, "inside a `catch` of everything"},
    {"throw Nothing;", 2, 9, "expected an exception"},
    {"throw E(1, 2);", 2, 9, "expected 1 values, found 2"},
    {"try { } catch E { }", 2, 17, "a name for each value"},
    {"try { } catch { } catch E(x) { }", 2, 27, "catches nothing"},
    {"trap nothing;", 2, 8, "there is no trap 'nothing'"},
    {"return 1;", 2, 3, "returns nothing"},
    {"f(1);", 2, 4, "expected 0 arguments, found 1"},
    {"g(true);", 2, 5, "expected i32, found bool"},
    {"let x = sqrt(1, 2);", 2, 15, "expected 1 argument, found 2"},
    {"let x = clz(1.5);", 2, 14, "'clz' is not for"},
    {"let x = len(1);", 2, 14, "expected an array of known length"},
    {"let x = f();", 2, 7, "a call without a result"},
    {"1 + 2;", 2, 5, "this value is not used"},
    {"var a: [i32; 0];", 2, 16, "expected a length from 1"},
    {"var a: [i32; 100000];", 2, 7, "at most 65536 bytes"},
    {"var a: [i32; 4]; let v: []i32 = &a;", 2, 35, "behind '&'"},
    {"let x = 5[0];", 2, 12, "expected an array before '['"},
    {"let x = a[true];", 2, 13, "expected an integer as index"},
    {"let x = 1 as bool;", 2, 13, "cannot become bool"},
    {"let x = 'ab';", 2, 11, "one byte between the quotes"},
    {"let x = 0xg;", 2, 11, "digits of an integer"},
    {"let x = 18446744073709551616;", 2, 11, "at most 64 bits"},
    {"let x = ;", 2, 11, "expected an expression, found ';'"},
    {"let = 3;", 2, 7, "expected a name, found '='"},
    {"g(1", 3, 1, "expected ')'"},
};

std::string in_a_function(const char* body) {
  return std::string("exception E(i32); var a: [i32; 4]; fn g(x: i32) { } fn f() {\n  ") + body + "\n}\n";
}

TEST(OreErrors, name_the_place_and_what_was_expected) {
  for (const Bad& bad : kBodies) {
    const OreResult out = compile_ore(in_a_function(bad.text), "test.ore");
    ASSERT_FALSE(out.ok()) << bad.text;
    const Error& error = out.errors.front();
    EXPECT_EQ(error.kind, ErrorKind::BadInput) << bad.text;
    EXPECT_EQ(error.file, "test.ore");
    EXPECT_EQ(error.line, bad.line) << bad.text << ": " << error.message;
    EXPECT_EQ(error.column, bad.column) << bad.text << ": " << error.message;
    EXPECT_NE(error.message.find(bad.words), std::string::npos) << bad.text << ": " << error.message;
  }
}

constexpr Bad kItems[] = {
    {"fn f() -> i32 { }", 1, 4, "may end without 'return'"},
    {"fn f() -> i32 { while true { break; } }", 1, 4, "may end without 'return'"},
    {"fn f() { } fn f() { }", 1, 15, "declared already, at 1:4"},
    {"const A = B; const B = A;", 1, 7, "depends on itself"},
    {"const A = 1 / 0;", 1, 13, "would trap"},
    {"const A: i32 = f(); fn f() -> i32 { return 1; }", 1, 17, "expected a constant"},
    {"var x: i32 = 1.5;", 1, 14, "expected i32, found a number with a fraction"},
    {"const A = 1 < true;", 1, 13, "operands of two types"},
    {"const A = true < false;", 1, 16, "expected a constant"},
    {"const A = 1 && true;", 1, 13, "expected bool around '&&'"},
    {"const A = 1 ? 2 : 3;", 1, 13, "expected bool before '?'"},
    {"const A = true ? 1 : false;", 1, 16, "operands of two types"},
    {"const A = true ? 1 : 1 / 0;", 1, 24, "would trap"},
    {"const A = 1 << 1.5;", 1, 13, "expected a constant"},
    {"var x: [u8; _];", 1, 8, "expected a length"},
    {"var x: [u8; _] = \"\";", 1, 18, "expected the array's values"},
    {"var x: [u8; _] = [];", 1, 18, "expected the array's values"},
    {"fn f() { var x: [u8; _]; }", 1, 17, "expected a length"},
    {"var x;", 1, 6, "expected ':' and a type, or '=' and a value"},
    {"var x = [1, 2];", 1, 7, "expected ':' and the array's type"},
    {"var x = 1 / 0;", 1, 11, "would trap"},
    {"var x = y;", 1, 9, "'y' is not declared"},
    {"var x: [u8; 2] = [1, 2, 3];", 1, 18, "more values than"},
    {"var x: [u8; 2] = [1, 256];", 1, 22, "does not fit in u8"},
    {"var x: [u8; 2000000000];", 1, 13, "expected a length"},
    {"fn f(a: [i32; 4]) { }", 1, 9, "write []i32"},
    {"fn f() -> [i32; 4] { }", 1, 11, "does not return an array"},
    {"memory 1 << 40;", 1, 10, "expected at most"},
    {"export extern fn f();", 1, 8, "expected 'fn'"},
    {"hello", 1, 1, "expected 'fn', 'export'"},
};

TEST(OreErrors, of_items) {
  for (const Bad& bad : kItems) {
    const OreResult out = compile_ore(bad.text, "test.ore");
    ASSERT_FALSE(out.ok()) << bad.text;
    EXPECT_EQ(out.errors.front().line, bad.line) << bad.text << ": " << out.errors.front().message;
    EXPECT_EQ(out.errors.front().column, bad.column) << bad.text << ": " << out.errors.front().message;
    EXPECT_NE(out.errors.front().message.find(bad.words), std::string::npos)
        << bad.text << ": " << out.errors.front().message;
  }
}

TEST(OreErrors, several_are_reported_in_order_of_the_text) {
  const OreResult types = compile_ore("fn f() {\n  let a = b;\n  let c = true + 1;\n  g();\n}\n", "test.ore");
  ASSERT_EQ(types.errors.size(), 3u);
  for (u32 i = 0; i < 3; ++i) EXPECT_EQ(types.errors[i].line, i + 2);
  const OreResult syntax = compile_ore("fn f() {\n  let = 1;\n  let b = ;\n}\nfn ( {\n}\nfn g() { }\n", "test.ore");
  ASSERT_GE(syntax.errors.size(), 3u);
  EXPECT_EQ(syntax.errors[0].line, 2u);
  EXPECT_EQ(syntax.errors[1].line, 3u);
  EXPECT_EQ(syntax.errors[2].line, 5u);
}

TEST(OreErrors, an_error_is_not_complained_about_again) {
  EXPECT_EQ(compile_ore("fn f() -> i32 { let a = b; let c = a + 1; return c * a; }", "t").errors.size(), 1u);
}

TEST(OreErrors, are_bounded_in_number) {
  std::string text = "fn f() {\n";
  for (int i = 0; i < 1000; ++i) text += "  x" + std::to_string(i) + " = 1;\n";
  EXPECT_EQ(compile_ore(text + "}\n", "t").errors.size(), kMaxOreErrors);
}

TEST(OreErrors, deep_nesting_is_refused) {
  const std::string many(100000, '(');
  EXPECT_FALSE(compile_ore("fn f() { let x = " + many + "1; }", "t").ok());
  std::string blocks = "fn f() { ", types = "fn f(x: ", sums = "fn f() -> i32 { return 1";
  for (int i = 0; i < 100000; ++i) blocks += "{ ", types += "fn(", sums += "+1";
  EXPECT_FALSE(compile_ore(blocks, "t").ok());
  EXPECT_FALSE(compile_ore(types, "t").ok());
  EXPECT_FALSE(compile_ore(sums + "; }", "t").ok());
  std::string chain;
  for (int i = 0; i < 20000; ++i) chain += "const C" + std::to_string(i) + " = C" + std::to_string(i + 1) + ";\n";
  EXPECT_FALSE(compile_ore(chain + "const C20000 = 1;", "t").ok());
}

TEST(OreErrors, long_programs_are_compiled) {
  std::string text = "fn f(x: i32) -> i32 {\n";
  for (int i = 0; i < 20000; ++i)
    text += i == 0 ? "  if x == 0 { return 0; }" : " else if x == " + std::to_string(i) + " { return 1; }\n";
  text += "  return 2;\n}\n";
  for (int i = 0; i < 5000; ++i) text += "fn g" + std::to_string(i) + "() { }\n";
  EXPECT_TRUE(compile_ore(text, "t").ok());
}

std::vector<std::string> seeds() {
  std::vector<std::string> out;
  for (const char* folder : {"/corpus/run", "/corpus/real"}) {
    for (const auto& entry : std::filesystem::directory_iterator(std::string(ASSAY_SOURCE_DIR) + folder)) {
      if (entry.path().extension() != ".ore") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      std::stringstream text;
      text << in.rdbuf();
      out.push_back(text.str());
    }
  }
  return out;
}

/// A program, or errors each of which has a place in the text.
void survives(const std::string& text) {
  const OreResult out = compile_ore(text, "t");
  for (const Error& error : out.errors) {
    ASSERT_EQ(error.kind, ErrorKind::BadInput) << error.to_string() << "\n" << text;
    ASSERT_NE(error.line, 0u) << error.to_string() << "\n" << text;
  }
}

TEST(OreErrors, every_truncation_gives_a_program_or_errors) {
  ASSERT_FALSE(seeds().empty());
  for (const std::string& text : seeds()) {
    for (std::size_t length = 0; length < text.size(); length += 1 + text.size() / 300)
      survives(text.substr(0, length));
  }
}

TEST(OreErrors, every_mutation_gives_a_program_or_errors) {
  std::mt19937 random(1);
  constexpr std::string_view kPieces[] = {"(",   ")",  "{", "}", ";",  "[",     "]",      "1", "1.5", "true",
                                          "i64", "as", "&", "-", "fn", "catch", "return", "x", "\"",  "\xff"};
  for (const std::string& seed : seeds()) {
    for (int round = 0; round < 100; ++round) {
      std::string text = seed;
      for (u32 edits = 1 + random() % 3; edits != 0; --edits) {
        const std::size_t at = random() % text.size(), length = std::min<std::size_t>(random() % 8, text.size() - at);
        text.replace(at, length, kPieces[random() % std::size(kPieces)]);
      }
      survives(text);
    }
  }
}

} // namespace
} // namespace assay
