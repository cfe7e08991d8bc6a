// test_host_test.cpp - each kind of import of the standard test host, and its limits.
#include "assay/errors.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace assay::qemu {
namespace {

/// Calls made back into the program.
struct Recorder final : Reentry {
  void call(FunctionId function, std::span<const u64> args, std::span<u64> results) override {
    called.push_back(function);
    arguments.assign(args.begin(), args.end());
    for (u64& result : results) result = 77;
    if (again) again();
  }
  std::vector<FunctionId> called;
  std::vector<u64> arguments;
  std::function<void()> again;
};

FunctionId add(Module& module, const char* name, std::vector<Type> params, std::vector<Type> results, bool imported) {
  Function function;
  function.name = name;
  function.imported = imported;
  function.exported = !imported;
  function.signature = module.intern_signature(params, results);
  module.functions.push_back(function);
  return static_cast<FunctionId>(module.functions.size() - 1);
}

TEST(TestHost, LogAndUnknownNamesReturnWhatWasThere) {
  Module module;
  const FunctionId log = add(module, "log2", {Type::I32}, {Type::I32}, true);
  TestHost host;
  Recorder recorder;
  u64 args[1] = {5}, results[1] = {0};
  host.call(module, log, args, results, recorder);
  EXPECT_EQ(results[0], 0u);
  EXPECT_TRUE(recorder.called.empty());
}

TEST(TestHost, ThrowThrowsItsName) {
  Module module;
  const FunctionId f = add(module, "throw_me", {}, {}, true);
  TestHost host;
  Recorder recorder;
  try {
    host.call(module, f, {}, {}, recorder);
    FAIL() << "did not throw";
  } catch (const HostThrow& e) {
    EXPECT_STREQ(e.what(), "throw_me");
  }
}

TEST(TestHost, IdReturnsArgumentsOfTheSameType) {
  Module module;
  const FunctionId f = add(module, "id3", {Type::I32, Type::F64, Type::I8}, {Type::I32, Type::I64, Type::I8}, true);
  TestHost host;
  Recorder recorder;
  u64 args[3] = {1, 2, 3}, results[3] = {0, 0, 0};
  host.call(module, f, args, results, recorder);
  EXPECT_EQ(results[0], 1u);
  EXPECT_EQ(results[1], 0u);
  EXPECT_EQ(results[2], 3u);
}

TEST(TestHost, CallBackCallsTheFirstExportThatTakesAnI64) {
  Module module;
  const FunctionId f = add(module, "call_back", {Type::I64, Type::I32}, {Type::I64}, true);
  add(module, "other", {Type::I32}, {Type::I64}, false);
  const FunctionId target = add(module, "target", {Type::I64}, {Type::I64}, false);
  TestHost host;
  Recorder recorder;
  u64 args[2] = {9, 1}, results[1] = {0};
  host.call(module, f, args, results, recorder);
  EXPECT_EQ(recorder.called, std::vector<FunctionId>{target});
  EXPECT_EQ(recorder.arguments, std::vector<u64>{9});
  EXPECT_EQ(results[0], 77u);
}

TEST(TestHost, CallBackNestsToALimitAndNoFurther) {
  Module module;
  const FunctionId f = add(module, "call_back", {Type::I64}, {Type::I64}, true);
  add(module, "target", {Type::I64}, {Type::I64}, false);
  TestHost host;
  Recorder recorder;
  u64 args[1] = {1};
  recorder.again = [&] {
    u64 results[1] = {0};
    host.call(module, f, args, results, recorder);
  };
  recorder.again();
  EXPECT_EQ(recorder.called.size(), TestHost::kMaxNesting);
}

TEST(TestHost, ATrapThroughACallBackLeavesTheNestingAsItWas) {
  Module module;
  const FunctionId f = add(module, "call_back", {Type::I64}, {Type::I64}, true);
  add(module, "target", {Type::I64}, {Type::I64}, false);
  TestHost host;
  Recorder recorder;
  u64 args[1] = {1}, results[1] = {0};
  recorder.again = [] { throw TrapException(TrapKind::Unreachable, {}); };
  for (u32 i = 0; i < 2 * TestHost::kMaxNesting; ++i) {
    EXPECT_THROW(host.call(module, f, args, results, recorder), TrapException);
  }
  EXPECT_EQ(recorder.called.size(), 2 * TestHost::kMaxNesting);
}

} // namespace
} // namespace assay::qemu
