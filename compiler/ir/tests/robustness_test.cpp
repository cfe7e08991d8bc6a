// robustness_test.cpp - hostile and damaged texts: an error or a module, never a crash, and never quadratic time.
#include "assay/text.h"
#include "assay/verify.h"
#include "compiler/ir/tests/every_row.h"

#include <gtest/gtest.h>

#include <random>

namespace assay {
namespace {

/// A text with every form in it.
const std::string& seed_text() {
  static const std::string text = [] {
    std::string all = "; seed\nmemory 65536 131072\ndata 3 \"a\\01\\\\\\n\"\nglobal @g : f64 = 0x1.8p+1\ntag @t(i32, "
                      "f64)\ntable [@callee, null]\n";
    u32 number = 0;
    for (const testing::RowUse& use : testing::every_row()) {
      const Opcode op = use.op;
      if (number % 7 != 0 && info(op).form == Form::Plain) {
        ++number;
        continue;
      }
      std::string f;
      print_function(use.module, 1, f);
      f.replace(f.find("@f"), 2, "@f" + std::to_string(number++));
      if (info(op).form == Form::Global) continue;
      all += f;
    }
    return all + "import @callee(i32, f64) -> f32, i64\n";
  }();
  return text;
}

/// Parses, and what parses is verified, printed, and read again.
void digest(std::string_view text) {
  const Result<Module> m = parse_module(text);
  if (!m) {
    ASSERT_FALSE(m.error().message.empty());
    ASSERT_GE(m.error().line, 1u);
    ASSERT_GE(m.error().column, 1u);
    return;
  }
  const bool valid = verify(*m).ok();
  const std::string canonical = to_text(*m);
  const Result<Module> again = parse_module(canonical);
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  ASSERT_EQ(to_text(*again), canonical);
  ASSERT_EQ(verify(*again).ok(), valid);
}

TEST(Robustness, TheSeedIsValid) {
  const Result<Module> m = parse_and_verify(seed_text());
  ASSERT_TRUE(m.ok()) << m.error().to_string();
}

TEST(Robustness, EveryTruncationIsDigested) {
  const std::string& text = seed_text();
  for (std::size_t size = 0; size < text.size(); size += 1 + size / 2000)
    digest(std::string_view(text).substr(0, size));
}

TEST(Robustness, EveryTruncationOfASmallTextIsDigested) {
  const std::string text = seed_text().substr(0, 3000);
  for (std::size_t size = 0; size <= text.size(); ++size) digest(std::string(text, 0, size));
}

TEST(Robustness, MutatedBytesAreDigested) {
  std::mt19937 random(1);
  const std::string& seed = seed_text();
  constexpr std::string_view kAlphabet = "%^@$(){}[]:,=->; \n\"\\0123456789.xpabcinf_\xff";
  for (u32 i = 0; i < 6000; ++i) {
    const std::size_t start = random() % (seed.size() - 1200);
    std::string text =
        i % 2 == 0 ? seed.substr(0, 1500) : "func @m(i32, f64) {\n" + seed.substr(seed.find("^b0", start), 600);
    for (u32 n = 1 + random() % 4; n > 0; --n) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
      case 0: text[at] = kAlphabet[random() % kAlphabet.size()]; break;
      case 1: text.erase(at, 1 + random() % 8); break;
      case 2: text.insert(at, text.substr(random() % text.size(), random() % 30)); break;
      default: text[at] = static_cast<char>(random() % 256); break;
      }
      if (text.empty()) text = "x";
    }
    digest(text);
  }
}

/// Random garbage in the arrays of a valid module: the verifier judges it, the printer prints it.
TEST(Robustness, DamagedModulesAreJudgedAndPrinted) {
  std::mt19937 random(2);
  const Result<Module> seed = parse_module(seed_text());
  u32 refused = 0;
  for (u32 i = 0; i < 6000; ++i) {
    Module m = *seed;
    Function& f = m.functions[1 + random() % (m.functions.size() - 1)];
    const u32 kinds[] = {0, 1, 2, 3, 7, 100, 0x7fffffff, 0x80000000, 0xfffffffe, kNone};
    const u32 value = kinds[random() % std::size(kinds)];
    Inst& inst = f.insts[random() % f.insts.size()];
    Block& block = f.blocks[random() % f.blocks.size()];
    switch (random() % 22) {
    case 0: inst.op = static_cast<Opcode>(value); break;
    case 1: inst.type = static_cast<Type>(value); break;
    case 2: inst.from = static_cast<Type>(value); break;
    case 3: inst.operands = value; break;
    case 4: inst.operand_count = value; break;
    case 5: inst.first_result = value; break;
    case 6: inst.result_count = value; break;
    case 7: inst.first_edge = value; break;
    case 8: inst.edge_count = value; break;
    case 9: inst.ref = value; break;
    case 10: inst.imm = value; break;
    case 11: block.first_inst = value; break;
    case 12: block.inst_count = value; break;
    case 13: block.first_param = value; break;
    case 14: block.param_count = value; break;
    case 15:
      if (!f.edges.empty()) f.edges[0].target = value;
      break;
    case 16:
      if (!f.edges.empty()) f.edges[0].args = value;
      break;
    case 17:
      if (!f.edges.empty()) f.edges.back().arg_count = value;
      break;
    case 18:
      if (!f.edges.empty()) f.edges.back().kind = static_cast<EdgeKind>(value);
      break;
    case 19:
      if (!f.pool.empty()) f.pool[0] = value;
      break;
    case 20:
      if (!f.value_types.empty()) f.value_types.back() = static_cast<Type>(value);
      break;
    default: f.signature = value; break;
    }
    refused += !verify(m).ok();
    std::string out;
    print_function(m, static_cast<FunctionId>(&f - m.functions.data()), out);
    ASSERT_FALSE(out.empty());
  }
  EXPECT_GT(refused, 3000u);
}

TEST(Robustness, AMillionInstructions) {
  std::string text = "func @f(i64) -> i64 {\n^b0(%0: i64):\n";
  for (u32 i = 1; i <= 1000000; ++i)
    text += "  %" + std::to_string(i) + " = add.i64 %" + std::to_string(i - 1) + ", %0\n";
  text += "  return %1000000\n}\n";
  const Result<Module> m = parse_and_verify(text);
  ASSERT_TRUE(m.ok()) << m.error().to_string();
  EXPECT_EQ(m->functions[0].insts.size(), 1000001u);
  EXPECT_EQ(to_text(*m), text);
}

/// Each block may leave to one common exit: quadratic for dominator algorithms that walk up the tree.
TEST(Robustness, AHundredThousandBlocksThatShareAnExit) {
  constexpr u32 kBlocks = 100000;
  std::string text = "func @f(i64) -> i64 {\n^b0(%0: i64):\n  jump ^b1\n";
  for (u32 i = 1; i < kBlocks; ++i)
    text += "^b" + std::to_string(i) + ":\n  branch %0, ^b" + std::to_string(i + 1 == kBlocks ? 1 : i + 1) + ", ^b" +
            std::to_string(kBlocks) + "\n";
  text += "^b" + std::to_string(kBlocks) + ":\n  return %0\n}\n";
  const Result<Module> m = parse_and_verify(text);
  ASSERT_TRUE(m.ok()) << m.error().to_string();
  EXPECT_EQ(to_text(*m), text);
}

TEST(Robustness, AHundredThousandNamesThatAreNotCanonical) {
  std::string text = "func @f(i64) {\n^a(%x: i64):\n";
  for (u32 i = 0; i < 100000; ++i)
    text += "  %name." + std::to_string(i) + " = add.i64 %name." + std::to_string((i * 7919) % 100000) + ", %x\n";
  text += "  return\n}\n";
  ASSERT_TRUE(parse_module(text).ok());
}

TEST(Robustness, ManySmallFunctionsWithHugeNumbers) {
  std::string text;
  for (u32 i = 0; i < 20000; ++i)
    text += "func @f" + std::to_string(i) + "(i32) {\n^b99999(%9999999: i32):\n  return\n}\n";
  const Result<Module> m = parse_and_verify(text);
  ASSERT_TRUE(m.ok()) << m.error().to_string();
}

TEST(Robustness, ManySignaturesCallsAndCases) {
  std::string text = "func @f(i32) {\n^a(%x: i32):\n  switch.i32 %x [";
  for (u32 i = 0; i < 50000; ++i) text += (i == 0 ? "" : ", ") + std::to_string(i) + ": ^b";
  text += "], ^b\n^b:\n";
  for (u32 i = 0; i < 50000; ++i) text += "  call @f" + std::to_string(49999 - i) + "()\n";
  text += "  return\n}\n";
  for (u32 i = 0; i < 50000; ++i) text += "import @f" + std::to_string(i) + "()\n";
  for (u32 i = 0; i < 3000; ++i) {
    text += "tag @t" + std::to_string(i) + "(i8";
    for (u32 bit = 0; bit < 12; ++bit) text += (i >> bit & 1) != 0 ? ", f32" : ", i32";
    text += ")\n";
  }
  const Result<Module> m = parse_and_verify(text);
  ASSERT_TRUE(m.ok()) << m.error().to_string();
  EXPECT_EQ(m->functions.size(), 50001u);
}

TEST(Robustness, HugeCountsAreRefusedBeforeAnythingIsAllocated) {
  EXPECT_FALSE(parse_and_verify("memory 18446744073709551615 18446744073709551615").ok());
  EXPECT_FALSE(parse_and_verify("func @f() {\n  slot $s : 4294967295\n^a:\n  return\n}").ok());
  std::string many = "import @f(i32";
  for (u32 i = 0; i < 2000; ++i) many += ", i32";
  EXPECT_FALSE(parse_and_verify(many + ")").ok());
}

TEST(Robustness, DeepNestingOfBracketsIsJustAnError) {
  EXPECT_FALSE(parse_module("func @f" + std::string(1000000, '(')).ok());
  EXPECT_FALSE(parse_module("table " + std::string(1000000, '[')).ok());
}

} // namespace
} // namespace assay
