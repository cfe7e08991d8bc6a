// debugger_test.cpp - gdb and lldb on the debuggee: names, AIR lines, the order of frames, and registers of callers.
//
// Each has a negative control: without the object the debugger must not know the frames, or the test would show
// nothing.
#include "assay/engine.h"
#include "compiler/os/debugger.h"
#include "run_tool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace assay {
namespace {

/// Whether the words occur in this order.
testing::AssertionResult in_order(const std::string& text, const std::vector<std::string>& words) {
  size_t at = 0;
  for (const std::string& word : words) {
    at = text.find(word, at);
    if (at == text.npos) return testing::AssertionFailure() << "no '" << word << "' (in this order) in\n" << text;
    at += word.size();
  }
  return testing::AssertionSuccess();
}

std::string gdb(const std::string& what, const std::vector<std::string>& commands) {
  std::string line =
      "gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'set width 0' -ex 'set print frame-arguments none'"
      " -ex 'set startup-with-shell off' -ex 'b stop_here' -ex run";
  for (const std::string& command : commands) line += " -ex '" + command + "'";
  return run_shell("timeout 120 " + line + " --args " + kDebuggee + " " + kProgram + " " + what).output;
}

std::string lldb(const std::string& what) {
  return run_shell("timeout 120 lldb-14 --batch --no-lldbinit -o 'settings set plugin.jit-loader.gdb.enable on'"
                   " -o 'settings set symbols.enable-external-lookup false' -o 'b stop_here' -o run -o bt -- " +
                   kDebuggee + " " + kProgram + " " + what)
      .output;
}

const std::vector<std::string> kOneRound = {"host_cb", "import_host (", "inner (",      "nested.air:9",
                                            "outer (", "nested.air:21", "assay_enter ("};

/// Why a debugger cannot show anything here: a container may forbid ptrace.
bool was_refused(const std::string& output) {
  return output.find("ptrace") != output.npos || output.find("personality set failed") != output.npos;
}

class Gdb : public testing::Test {
protected:
  static std::string refusal() { // tried out once
    if (!is_installed("gdb")) return "gdb is not installed";
    return was_refused(gdb("calls", {})) ? "this system does not let gdb trace a process" : "";
  }
  void SetUp() override {
#if defined(ASSAY_EMULATED)
    GTEST_SKIP() << "skipped: gdb does not look into an emulated process";
#endif
    static const std::string why = refusal();
    if (!why.empty()) GTEST_SKIP() << "skipped: " << why;
  }
};

TEST_F(Gdb, ShowsNamesAndLinesOfNestedCallsInTheirOrder) {
  std::vector<std::string> expected = {"stop_here"};
  for (int round = 0; round < 3; ++round) expected.insert(expected.end(), kOneRound.begin(), kOneRound.end());
  expected.insert(expected.end(), {"assay::jit::Instance::enter", "main ("});
  EXPECT_TRUE(in_order(gdb("calls+debugger", {"bt"}), expected));
}

TEST_F(Gdb, WithoutTheObjectDoesNotKnowTheFrames) {
  const std::string output = gdb("calls", {"bt"});
  EXPECT_NE(output.find("host_cb"), output.npos) << output;
  EXPECT_EQ(output.find("nested.air:"), output.npos) << output;
  EXPECT_EQ(output.find("main ("), output.npos) << output;
}

TEST_F(Gdb, FindsTheRegistersOfCallersWhereCodeSavedThem) {
  const std::string output = gdb("registers+debugger", {"frame function assay_enter", "info registers rbx r12 r13 r15",
                                                        "frame function outer", "info frame", "up", "info symbol $pc"});
#if defined(__x86_64__)
  EXPECT_TRUE(in_order(output, {"rbx            0x5a0003", "r12            0x5a000c", "r13            0x5a000d",
                                "r15            0x5a000f"}));
  // The function uses registers that it must save, or the test would show less than it seems to.
  EXPECT_TRUE(in_order(output, {"nested.air:21", "rip = 0x", "in outer (nested.air:21)", "Saved registers:", "rbx at",
                                "rbp at", "r12 at", "rip at"}));
#endif
  EXPECT_TRUE(in_order(output, {"in outer (nested.air:21)", "assay_enter ()", "assay_enter + "}));
}

TEST_F(Gdb, StopsAtAFunctionByNameBehindItsPrologue) {
  const std::string output =
      run_shell("timeout 120 gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'tbreak host_cb' -ex run -ex 'b inner'"
                " -ex continue -ex 'x/i $pc' -ex bt --args " +
                kDebuggee + " " + kProgram + " calls+debugger")
          .output;
  EXPECT_TRUE(in_order(output, {"Breakpoint 2, inner () at nested.air:9", "=> 0x", "<inner+", "inner (", "nested.air:9",
                                "outer (", "nested.air:21", "host_cb (", "outer (", "main ("}));
}

TEST_F(Gdb, DoesNotChangeWhatTheProgramDoes) {
  const std::string alone = run_shell(kDebuggee + " " + kProgram + " calls").output;
  EXPECT_NE(alone.find("outer: "), alone.npos);
  EXPECT_NE(gdb("calls+debugger", {"continue"}).find(alone), std::string::npos);
}

class Lldb : public testing::Test {
protected:
  static std::string refusal() {
    if (!is_installed("lldb-14")) return "lldb-14 is not installed";
    return lldb("calls").find("stop reason = breakpoint") == std::string::npos ? "lldb does not run a program here"
                                                                               : "";
  }
  void SetUp() override {
#if defined(ASSAY_EMULATED)
    GTEST_SKIP() << "skipped: lldb does not look into an emulated process";
#endif
    static const std::string why = refusal();
    if (!why.empty()) GTEST_SKIP() << "skipped: " << why;
  }
};

TEST_F(Lldb, ShowsNamesAndLinesInTheirOrder) {
  EXPECT_TRUE(
      in_order(lldb("registers+debugger"), {"stop_here", "host_cb", "`import_host", "`inner at nested.air:9",
                                            "`outer at nested.air:21", "`assay_enter", "Instance::enter", "`main"}));
}

TEST_F(Lldb, WithoutTheObjectDoesNotKnowTheFrames) {
  const std::string output = lldb("calls");
  EXPECT_NE(output.find("host_cb"), output.npos) << output;
  EXPECT_EQ(output.find("nested.air:"), output.npos) << output;
}

TEST(DebuggerObjects, AreThoseOfLivingInstances) {
  EngineOptions options;
  options.tools.debugger = true;
  const auto load = [](Engine& engine) {
    return engine.load_text("export func @f() {\n^e:\n  return\n}\n", "f.air").value();
  };
  Engine silent, telling(options);
  const Instance stubs = load(telling); // the stubs' object stays for ever
  const u64 before = os::debugger_object_count();
  EXPECT_GE(before, 2u);
  {
    const Instance one = load(silent), two = load(telling), three = load(telling);
    EXPECT_EQ(os::debugger_object_count(), before + 2);
  }
  EXPECT_EQ(os::debugger_object_count(), before);
}

TEST(DebuggerObjects, ComeAndGoFromManyThreads) {
  const u64 before = os::debugger_object_count();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      std::vector<std::unique_ptr<os::DebuggerObject>> mine;
      for (u32 i = 0; i < 2000; ++i) {
        if (mine.size() < 10) mine.push_back(std::make_unique<os::DebuggerObject>(std::vector<u8>(8)));
        else mine.erase(mine.begin() + i % 10);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(os::debugger_object_count(), before);
}

} // namespace
} // namespace assay
