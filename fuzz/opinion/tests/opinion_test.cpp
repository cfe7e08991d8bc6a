// opinion_test.cpp - that the second opinion sees what differs, whatever it is, and goes on. That nothing does differ
// is the business of ctest opinion.*.
#include "fuzz/opinion/opinion.h"

#include "assay/verify.h"

#include <filesystem>
#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

class OpinionTest : public testing::Test {
protected:
  void SetUp() override {
    std::vector<std::string> missing;
    compilers_ = find_c_compilers({"gcc"}, kCheckedFlags, missing);
    if (compilers_.empty()) compilers_ = find_c_compilers({"clang"}, kCheckedFlags, missing);
    if (compilers_.empty()) GTEST_SKIP() << "skipped: neither gcc nor clang is installed";
    folder_ = testing::TempDir() + "/opinion_test_" + testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override {
    std::error_code failure;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, failure);
  }

  static OpinionProgram program(const std::string& name, std::string_view air, const std::vector<u64>& args,
                                u64 fuel = 100) {
    OpinionProgram out;
    out.name = name;
    auto module = parse_and_verify(air);
    EXPECT_TRUE(module.ok()) << module.error().to_string();
    out.module = std::move(*module);
    out.cases.add(static_cast<FunctionId>(out.module.functions.size() - 1), args, fuel);
    return out;
  }
  /// Asks, with more flags for the compiler.
  Opinion ask(const std::vector<OpinionProgram>& programs, const std::string& flags = {}) {
    std::vector<CCompiler> compilers = compilers_;
    for (CCompiler& each : compilers) each.command += " " + flags;
    Opinion out(std::move(compilers), folder_);
    const auto done = out.ask(programs);
    EXPECT_TRUE(done.ok()) << done.error().to_string();
    return out;
  }

  std::vector<CCompiler> compilers_;
  std::string folder_;
};

constexpr const char* kEverything = R"(
memory 20
data 3 "abc"
global @g : f64 = 0x1p+0
tag @t(i8, f32)
import @log(i64)
import @throw_x()
func @inner(i64) {
^e(%a: i64):
  call @log(%a)
  %one = const.i32 1
  store.i64 %one, 2, %a
  %f = const.f64 nan:0x7ff0000000000001
  global_set.f64 @g, %f
  fuel 7
  %b = const.i8 -3
  %c = const.f32 -0x0p+0
  throw @t(%b, %c)
}
export func @f(i64) {
^e(%a: i64):
  try_call @inner(%a) -> ^never, catch_all ^h
^never:
  trap unreachable
^h(%x: ptr):
  rethrow %x
}
)";
constexpr const char* kTraps = "export func @traps(i32) -> i32 {\n^e(%a: i32):\n  %z = const.i32 0\n"
                               "  %r = div_s.i32 %a, %z\n  return %r\n}\n";

TEST_F(OpinionTest, everything_that_is_observed_agrees) {
  const Opinion opinion = ask({program("everything", kEverything, {0x1122334455667788u})});
  EXPECT_EQ(opinion.counts().agree, 1u) << opinion.disagreements().front().what;
  EXPECT_EQ(opinion.counts().failed, 0u);
}

/// A C compiler for which floor is ceil: 1 in AIR is 2 in C.
TEST_F(OpinionTest, what_differs_is_told_wherever_it_shows) {
  const struct {
    const char *head, *results, *body, *difference;
  } rows[] = {
      {"", " -> f64", "return %r", "result 0: 0x1p+0 != 0x1p+1"},
      {"memory 20\n", "", "%a = const.i32 9\n  store.f64 %a, 3, %r\n  return", "memory: "},
      {"memory 20 200000\n", " -> i64", "%n = f2i_s.i64.f64 %r\n  %p = memory_grow.i64 %n\n  return %p", "memory: "},
      {"global @g : f64 = 0x0p+0\n", "", "global_set.f64 @g, %r\n  return", "global @g: 0x1p+0 != 0x1p+1"},
      {"import @log(f64)\n", "", "call @log(%r)\n  return", "host call 0: @log(0x1p+0) != @log(0x1p+1)"},
      {"tag @t(f64)\n", "", "throw @t(%r)", "payload 0: 0x1p+0 != 0x1p+1"},
      {"", "",
       "%n = f2i_s.i8.f64 %r\n  switch.i8 %n [1: ^one, 2: ^two], ^two\n^one:\n  trap user1\n^two:\n  trap user2",
       "end: trapped user1 at @f ^b1 #0 != trapped user2 at @f ^b2 #0"},
      {"", "",
       "%n = f2i_s.i8.f64 %r\n  switch.i8 %n [1: ^one, 2: ^two], ^two\n^one:\n  return\n^two:\n  fuel 5\n  return",
       "fuel left: 100 != 95"},
  };
  std::vector<OpinionProgram> programs;
  for (const auto& row : rows)
    programs.push_back(program(row.difference,
                               std::string(row.head) + "export func @f(f64)" + row.results +
                                   " {\n^e(%x: f64):\n  %r = ffloor.f64 %x\n  " + row.body + "\n}\n",
                               {0x3ff8000000000000u}));
  const Opinion opinion = ask(programs, "-Dfloor=ceil");
  ASSERT_EQ(opinion.disagreements().size(), std::size(rows));
  for (const Disagreement& each : opinion.disagreements()) EXPECT_EQ(each.what.find(each.program), 0u) << each.what;
}

TEST_F(OpinionTest, a_death_is_told_and_the_rest_goes_on) {
  const Opinion opinion =
      ask({program("traps", kTraps, {1}), program("everything", kEverything, {1})}, "'-Dlongjmp(a,b)=abort()'");
  ASSERT_EQ(opinion.disagreements().size(), 1u);
  EXPECT_EQ(opinion.disagreements()[0].program, "traps");
  EXPECT_NE(opinion.disagreements()[0].what.find("died"), std::string::npos);
  EXPECT_EQ(opinion.counts().agree, 1u);
}

} // namespace
} // namespace assay::fuzz
