// test_host_test.cpp - each kind of import does what docs/cli.md says; programs are run by the oracle.
#include "assay/verify.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

namespace assay::qemu {
namespace {

Outcome run(std::string_view text, std::vector<u64> args, std::string_view name = "main") {
  auto module = parse_and_verify(text);
  EXPECT_TRUE(module) << module.error().to_string();
  TestHost host;
  oracle::Interpreter interpreter;
  Outcome out;
  interpreter.prepare(*module);
  interpreter.run(module->find_function(name), args, 1000000, host, out);
  return out;
}

TEST(TestHost, LogReturnsZeros) {
  const Outcome out = run("import @log_x(i64) -> i64, f64\n"
                          "export func @main(i64) -> i64, f64 {\n^entry(%x: i64):\n  %a, %b = call @log_x(%x)\n  return %a, %b\n}\n",
                          {5});
  EXPECT_EQ(out.values, (std::vector<u64>{0, 0}));
  EXPECT_EQ(out.trace_args, std::vector<u64>{5});
}

TEST(TestHost, UnknownNamesBehaveAsLog) {
  const Outcome out =
      run("import @other(i64) -> i64\nexport func @main(i64) -> i64 {\n^entry(%x: i64):\n  %a = call @other(%x)\n  return %a\n}\n", {5});
  EXPECT_EQ(out.values, std::vector<u64>{0});
}

TEST(TestHost, IdReturnsArgumentsWhereTypesAreEqual) {
  const Outcome out = run("import @id3(i64, i32, f64) -> i64, i64, f64, i32\n"
                          "export func @main(i64, i32, f64) -> i64, i64, f64, i32 {\n^entry(%x: i64, %y: i32, %z: f64):\n"
                          "  %a, %b, %c, %d = call @id3(%x, %y, %z)\n  return %a, %b, %c, %d\n}\n",
                          {5, 6, 7});
  EXPECT_EQ(out.values, (std::vector<u64>{5, 0, 7, 0}));
}

TEST(TestHost, ThrowThrowsItsName) {
  const Outcome out = run("import @throw_me()\nexport func @main() {\n^entry():\n  call @throw_me()\n  return\n}\n", {});
  EXPECT_EQ(out.kind, OutcomeKind::ThrewHost);
  EXPECT_EQ(out.text, "throw_me");
}

const char* const kCallBack = R"(
import @call_back(i64, i32) -> i64
func @private(i64) -> i64 {
^entry(%x: i64):
  %m = const.i64 -1
  return %m
}
export func @main(i64, i32) -> i64 {
^entry(%x: i64, %y: i32):
  %r = call @call_back(%x, %y)
  return %r
}
export func @callee(i64) -> i64 {
^entry(%x: i64):
  %one = const.i64 1
  %y = const.i32 0
  %z = add.i64 %x, %one
  %deep = call @call_back(%z, %y)
  %r = add.i64 %deep, %z
  return %r
}
)";

TEST(TestHost, CallBackCallsTheFirstExportedFunctionOfOneI64AndEndsAtItsDepth) {
  const Outcome out = run(kCallBack, {0, 0});
  EXPECT_EQ(out.kind, OutcomeKind::Returned);
  EXPECT_EQ(out.values, std::vector<u64>{1 + 2 + 3 + 4 + 5 + 6 + 7 + 8});
  EXPECT_EQ(out.trace.size(), 9u);
}

TEST(TestHost, CallBackWithoutACalleeReturnsZeros) {
  const Outcome out = run("import @call_back(i64) -> i64\nexport func @main() -> i64 {\n^entry():\n  %x = const.i64 3\n"
                          "  %r = call @call_back(%x)\n  return %r\n}\n",
                          {});
  EXPECT_EQ(out.values, std::vector<u64>{0});
}

TEST(TestHost, CallBackThatTrapsLeavesTheDepthAsItWas) {
  auto module = parse_and_verify("import @call_back(i64)\nexport func @main(i64) {\n^entry(%x: i64):\n  trap user1\n}\n"
                                 "export func @go() {\n^entry():\n  %x = const.i64 3\n  call @call_back(%x)\n  return\n}\n");
  ASSERT_TRUE(module) << module.error().to_string();
  TestHost host;
  oracle::Interpreter interpreter;
  Outcome out;
  interpreter.prepare(*module);
  for (u32 i = 0; i < 2 * TestHost::kMaxDepth; ++i) {
    interpreter.run(module->find_function("go"), {}, 1000, host, out);
    ASSERT_EQ(out.kind, OutcomeKind::Trapped);
    ASSERT_EQ(out.trap, TrapKind::User1);
  }
}

} // namespace
} // namespace assay::qemu
