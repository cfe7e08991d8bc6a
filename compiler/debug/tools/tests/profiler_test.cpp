// profiler_test.cpp - perf's files: what the Engine writes, and what perf itself makes of it.
#include "assay/engine.h"
#include "compiler/os/profiler.h"
#include "run_tool.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

namespace assay {
namespace {

#if defined(__linux__)

constexpr const char* kTwoFunctions = R"(
func @callee(i64) -> i64 {
^e(%n: i64):
  return %n
}
export func @caller(i64) -> i64 {
^e(%n: i64):
  %r = call @callee(%n)
  return %r
}
)";

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Engine engine_with(bool map, bool dump, const std::string& folder) {
  EngineOptions options;
  options.tools.perf_map = map;
  options.tools.perf_dump = dump;
  options.tools.directory = folder;
  return Engine(options);
}

TEST(PerfMap, HasALineForEachFunctionOfEveryEngine) {
  const TemporaryFolder folder;
  Engine first = engine_with(true, false, folder.path()), second = engine_with(true, false, folder.path());
  const Instance one = first.load_text(kTwoFunctions).value(), two = second.load_text(kTwoFunctions).value();
  std::istringstream lines(contents(folder.path() + "/perf-" + std::to_string(os::process_number()) + ".map"));
  std::multiset<std::string> names;
  std::map<u64, u64> ends; // by where a function begins
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    u64 begin = 0, size = 0;
    std::string name, rest;
    ASSERT_TRUE(fields >> std::hex >> begin >> size >> name) << line;
    EXPECT_FALSE(fields >> rest) << line;
    EXPECT_GT(size, 0u);
    EXPECT_TRUE(ends.emplace(begin, begin + size).second) << "two functions begin there: " << line;
    names.insert(name);
  }
  u64 end_before = 0;
  for (const auto& [begin, end] : ends) {
    EXPECT_GE(begin, end_before) << "functions overlap";
    end_before = end;
  }
  EXPECT_EQ(names, (std::multiset<std::string>{"assay_enter", "assay_trap", "callee", "callee", "caller", "caller"}));
}

TEST(PerfFiles, ThatCannotBeMadeAreAnErrorOfTheLoad) {
  for (const bool dump : {false, true}) {
    Engine engine = engine_with(!dump, dump, "/nonexistent/folder");
    const auto loaded = engine.load_text(kTwoFunctions);
    ASSERT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.error().kind, ErrorKind::Io);
    EXPECT_NE(loaded.error().to_string().find("/nonexistent/folder"), std::string::npos);
  }
}

TEST(PerfFiles, DoNotFollowALinkThatLiesInTheWay) {
  const TemporaryFolder folder;
  const std::string victim = folder.path() + "/victim";
  std::ofstream(victim) << "untouched";
  const std::string path = folder.path() + "/perf-" + std::to_string(os::process_number()) + ".map";
  ASSERT_EQ(symlink(victim.c_str(), path.c_str()), 0);
  Engine engine = engine_with(true, false, folder.path());
  const Instance program = engine.load_text(kTwoFunctions).value();
  EXPECT_EQ(contents(victim), "untouched");
  EXPECT_NE(contents(path).find(" caller\n"), std::string::npos);
}

/// Records `what` of the debuggee with perf; what is wrong with perf here, or nothing.
class Perf : public testing::Test {
protected:
  void SetUp() override {
#if defined(ASSAY_EMULATED)
    GTEST_SKIP() << "skipped: perf does not look into an emulated process";
#endif
    if (!is_installed("perf")) GTEST_SKIP() << "skipped: perf is not installed";
    const Ran tried = in_folder("perf record -q -e cpu-clock -o try.data true");
    if (tried.status != 0) GTEST_SKIP() << "skipped: this system does not let perf record";
  }
  Ran in_folder(const std::string& command) { return run_shell("cd '" + folder_.path() + "' && " + command); }
  Ran record(const std::string& what, const std::string& directory) {
    return in_folder("perf record -q -k mono -e cpu-clock -g -o perf.data " + kDebuggee + " " + kProgram + " " + what +
                     " " + directory);
  }
  TemporaryFolder folder_;
};

/// The call stacks that perf script printed in which `function` is the innermost: how many, and in how many of them the
/// callers come in order behind it.
struct Stacks {
  size_t of_function = 0, whole = 0;
};
Stacks stacks_of(const std::string& script, const std::string& function, const std::vector<std::string>& callers) {
  Stacks out;
  size_t begin = 0;
  while (begin < script.size()) {
    size_t end = script.find("\n\n", begin);
    if (end == script.npos) end = script.size();
    const std::string stack = script.substr(begin, end - begin);
    begin = end + 2;
    const size_t first = stack.find("\n\t");
    if (first == stack.npos) continue;
    const std::string innermost = stack.substr(first, stack.find('\n', first + 1) - first);
    if (innermost.find(" " + function + "+0x") == innermost.npos) continue;
    ++out.of_function;
    size_t at = first;
    for (const std::string& caller : callers) {
      at = stack.find(caller + "+0x", at);
      if (at == stack.npos) break;
    }
    if (at != stack.npos) ++out.whole;
  }
  return out;
}

TEST_F(Perf, NamesFunctionsAndTheirCallersByTheMap) {
  // perf looks for maps in /tmp only.
  const Ran recorded = record("spin+map", "/tmp");
  ASSERT_EQ(recorded.status, 0) << recorded.output;
  const std::string script = in_folder("perf script -i perf.data").output;
  static_cast<void>(in_folder("perf script -i perf.data -F pid | sort -u | tr -d ' ' | "
                              "while read -r p; do [ -n \"$p\" ] && rm -f \"/tmp/perf-$p.map\"; done"));
  const Stacks stacks = stacks_of(script, "spin", {"spin_from", "assay_enter", "assay::jit::Instance::enter"});
  EXPECT_GT(stacks.of_function, 100u) << script.substr(0, 2000);
  EXPECT_GT(stacks.whole, stacks.of_function * 9 / 10) << script.substr(0, 2000);
}

TEST_F(Perf, WithoutTheMapNamesNothing) {
  const Ran recorded = record("spin", "/tmp");
  ASSERT_EQ(recorded.status, 0) << recorded.output;
  EXPECT_EQ(stacks_of(in_folder("perf script -i perf.data").output, "spin", {}).of_function, 0u);
}

TEST_F(Perf, NamesFunctionsAndCountsInstructionsByTheDump) {
  const Ran recorded = record("spin+dump", folder_.path());
  ASSERT_EQ(recorded.status, 0) << recorded.output;
  const Ran injected = in_folder("perf inject --jit -i perf.data -o jit.data");
  ASSERT_EQ(injected.status, 0) << injected.output;
  const std::string script = in_folder("perf script -i jit.data").output;
  const Stacks stacks = stacks_of(script, "spin", {"spin_from", "assay_enter", "assay::jit::Instance::enter"});
  EXPECT_GT(stacks.of_function, 100u) << script.substr(0, 2000);
  EXPECT_GT(stacks.whole, stacks.of_function * 9 / 10) << script.substr(0, 2000);
  const std::string report = in_folder("perf report -i jit.data --stdio -g none --no-children").output;
  EXPECT_NE(report.find("[.] spin"), report.npos) << report;
}

#else
TEST(Perf, OnThisHost) { GTEST_SKIP() << "skipped: perf is Linux's"; }
#endif

} // namespace
} // namespace assay
