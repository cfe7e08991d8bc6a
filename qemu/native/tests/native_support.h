// native_support.h - what tests of the native executor share: programs from text, and a fixture that compares with the
// oracle.
#pragma once

#include "assay/compiler.h"
#include "assay/verify.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/native/native_executor.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace assay::qemu {

struct Program {
  Module module;
  CodeObject object;
  FunctionId find(std::string_view name) const { return module.find_function(name); }
};

inline Program compile(std::string_view text, Os os = host_os()) {
  Program program;
  auto module = parse_and_verify(text);
  EXPECT_TRUE(module) << module.error().to_string();
  program.module = std::move(module).value();
  CompileOptions options;
  options.os = os;
  Compiler compiler(options);
  const auto done = compiler.compile(program.module, program.object);
  EXPECT_TRUE(done) << done.error().to_string();
  return program;
}

/// Generous with time: no test may fail because the machine is busy.
inline std::unique_ptr<NativeExecutor> make(NativeOptions options = {.time_limit_ms = 60000}) {
  auto made = NativeExecutor::create(options);
  EXPECT_TRUE(made) << made.error().to_string();
  return std::move(made).value();
}

constexpr u64 kFuel = 100000;

class NativeExecutorTest : public testing::Test {
protected:
  /// Runs natively and by the oracle; they must agree. Gives the native Outcome.
  Outcome check(const Program& program, std::string_view name, std::vector<u64> args, u64 fuel = kFuel) {
    Outcome native, wanted;
    EXPECT_TRUE(executor_->load(program.module, program.object));
    executor_->run(program.find(name), args, fuel, host_, native);
    oracle::Interpreter interpreter;
    interpreter.prepare(program.module);
    interpreter.run(program.find(name), args, fuel, host_, wanted);
    EXPECT_EQ(compare(program.module, native, wanted), Agreement::Agree)
        << first_difference(program.module, native, wanted);
    return native;
  }
  std::unique_ptr<NativeExecutor> executor_ = make();
  TestHost host_;
};

} // namespace assay::qemu
