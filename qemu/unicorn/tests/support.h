// support.h - what tests of the Unicorn executor share: programs from text, and a fixture that compares with the
// oracle.
#pragma once

#include "assay/compiler.h"
#include "assay/verify.h"
#include "compiler/codegen/vm_context.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/test_host.h"
#include "qemu/unicorn/unicorn_executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>

namespace assay::qemu {

struct Program {
  Module module;
  CodeObject object;
};

inline Program compile(std::string_view text, Os os = Os::Linux, Os host = Os::Linux) {
  Program program;
  auto module = parse_and_verify(text);
  EXPECT_TRUE(module) << module.error().to_string();
  program.module = std::move(module).value();
  CompileOptions options;
  options.os = os;
  options.host_os = host;
  options.features = emulated_features(Target::X64);
  const auto done = Compiler(options).compile(program.module, program.object);
  EXPECT_TRUE(done) << done.error().to_string();
  return program;
}

constexpr u64 kFuel = 100000;

class Unicorn : public testing::Test {
protected:
  void SetUp() override {
    if (auto able = executor_->can(Target::X64, Os::Linux); !able) GTEST_SKIP() << able.error().message;
  }
  Outcome run(const Program& program, std::string_view name, std::vector<u64> args, u64 fuel = kFuel) {
    Outcome out;
    const auto loaded = executor_->load(program.module, program.object);
    EXPECT_TRUE(loaded) << loaded.error().to_string();
    executor_->run(program.module.find_function(name), args, fuel, host_, out);
    return out;
  }
  /// Runs in the emulator and by the oracle; they must agree. Gives the emulator's Outcome.
  Outcome check(const Program& program, std::string_view name, std::vector<u64> args, u64 fuel = kFuel) {
    const Outcome out = run(program, name, args, fuel);
    Outcome wanted;
    oracle::Interpreter interpreter;
    interpreter.prepare(program.module);
    interpreter.run(program.module.find_function(name), args, fuel, host_, wanted);
    EXPECT_EQ(compare(program.module, out, wanted), Agreement::Agree)
        << first_difference(program.module, out, wanted) << " " << out.text;
    return out;
  }

  UnicornOptions options_;
  std::unique_ptr<RemoteExecutor> executor_ = make_unicorn_executor();
  TestHost host_;
};

} // namespace assay::qemu
