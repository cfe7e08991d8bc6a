// tool_rows.cpp - gdb and perf look at a copy of this program, which calls compiled functions and stops, or spins.
//
// Needs a POSIX shell, which runs the tools; on other systems the rows are skipped. Files go to a folder of their own,
// which is removed. Tested in compiler/jit/selftest/tests/selftest_test.cpp.
#include "compiler/jit/selftest/tool_rows.h"

#include "assay/engine.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>

namespace assay::jit {

/// Where the debugger stops. Volatile, so that it stays a function that is called.
volatile i64 selftest_stops = 0;

} // namespace assay::jit

extern "C" {
#if !defined(_MSC_VER)
[[gnu::noinline, gnu::used]]
#endif
void assay_selftest_stop() {
  assay::jit::selftest_stops = assay::jit::selftest_stops + 1;
}
}

namespace assay::jit {

namespace {

constexpr const char* kText = R"(import @stop(i64) -> i64
func @selftest_inner(i64) -> i64 {
^e(%n: i64):
  %r = call @stop(%n)
  return %r
}
export func @selftest_outer(i64) -> i64 {
^e(%n: i64):
  %r = call @selftest_inner(%n)
  return %r
}
export func @selftest_spin(i64) -> i64 {
^e(%n: i64):
  %zero = const.i64 0
  jump ^head(%n, %zero)
^head(%k: i64, %sum: i64):
  %one = const.i64 1
  %next = sub.i64 %k, %one
  %x = mul.i64 %sum, %k
  %y = add.i64 %x, %k
  %more = ne.i64 %next, %zero
  branch %more, ^head(%next, %y), ^out
^out:
  return %y
}
)";

#if !defined(_WIN32)

struct Ran {
  bool ok = false;
  std::string output;
};

Ran run(const std::string& command) {
  Ran out;
  FILE* pipe = popen(("{ " + command + "; } 2>&1 </dev/null").c_str(), "r");
  if (pipe == nullptr) return out;
  char buffer[4096];
  for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, pipe)) != 0;) out.output.append(buffer, got);
  out.ok = pclose(pipe) == 0;
  return out;
}

/// As one word of a shell's command.
std::string word(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string command_line(const std::vector<std::string>& own_command, const std::string& folder) {
  std::string out;
  for (const std::string& one : own_command) out += word(one) + " ";
  return out + word(folder);
}

class Folder {
public:
  Folder() {
    std::error_code error;
    path_ = std::filesystem::temp_directory_path(error) / ("assay-selftest-" + std::to_string(std::random_device()()));
    if (!std::filesystem::create_directory(path_, error)) path_.clear();
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  std::string path() const { return path_.string(); }

private:
  std::filesystem::path path_;
};

SelfTestRow skipped(const char* capability, std::string why) {
  return {capability, SelfTestEnd::Skipped, std::move(why)};
}

/// Why there can be nothing to look at; empty: there can.
std::string obstacle(const char* tool, const std::vector<std::string>& own_command, const Folder& folder) {
  if (own_command.empty()) return "this program does not know how to start itself";
  if (folder.path().empty()) return "no folder for temporary files";
  return run(std::string("command -v ") + tool).ok ? "" : std::string(tool) + " is not installed";
}

std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  if (end == text.npos) return {};
  const std::size_t before = text.rfind('\n', end);
  return text.substr(before == text.npos ? 0 : before + 1, end - (before == text.npos ? 0 : before));
}

#endif

} // namespace

#if defined(_WIN32)

SelfTestRow debugger_row(const std::vector<std::string>&) {
  return {"debugger", SelfTestEnd::Skipped, "no debugger of this system reads code made at run time"};
}
SelfTestRow profiler_row(const std::vector<std::string>&) {
  return {"profiler", SelfTestEnd::Skipped, "this system has no perf"};
}

#else

SelfTestRow debugger_row(const std::vector<std::string>& own_command) {
  const char* const capability = "debugger";
  const Folder folder;
  if (std::string why = obstacle("gdb", own_command, folder); !why.empty()) return skipped(capability, why);
  const Ran ran =
      run("gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'set width 0' -ex 'b assay_selftest_stop' -ex run"
          " -ex bt --args " +
          command_line(own_command, folder.path()));
  if (ran.output.find("Breakpoint 1, ") == ran.output.npos)
    return skipped(capability, "gdb does not stop in this program: " + last_line(ran.output));
  std::size_t at = 0;
  for (const char* wanted : {"assay_selftest_stop", "import_stop", "selftest_inner", "selftest.air:4", "selftest_outer",
                             "selftest.air:9", "assay_enter", "selftest_debuggee"}) {
    at = ran.output.find(wanted, at);
    if (at == ran.output.npos)
      return {capability, SelfTestEnd::Failed, "gdb's backtrace does not show " + std::string(wanted)};
  }
  return {capability, SelfTestEnd::Passed, {}};
}

SelfTestRow profiler_row(const std::vector<std::string>& own_command) {
  const char* const capability = "profiler";
  const Folder folder;
  if (std::string why = obstacle("perf", own_command, folder); !why.empty()) return skipped(capability, why);
  const std::string in_folder = "cd " + word(folder.path()) + " && ";
  const Ran recorded = run(in_folder + "perf record -q -k mono -e cpu-clock -g -o perf.data " +
                           command_line(own_command, folder.path()));
  if (!recorded.ok) return skipped(capability, "perf may not record: " + last_line(recorded.output));
  const Ran injected = run(in_folder + "perf inject --jit -i perf.data -o jit.data");
  if (!injected.ok) return skipped(capability, "perf does not inject: " + last_line(injected.output));
  const std::string script = run(in_folder + "perf script -i jit.data").output;
  if (script.find(" selftest_spin+0x") == script.npos)
    return {capability, SelfTestEnd::Failed, "perf does not name the function that took the time"};
  return {capability, SelfTestEnd::Passed, {}};
}

#endif

int selftest_debuggee(const std::string& folder) {
  EngineOptions options;
  options.tools.debugger = true;
#if defined(__linux__)
  options.tools.perf_map = options.tools.perf_dump = true;
#endif
  options.tools.directory = folder;
  Engine engine(options);
  engine.bind("stop", [](i64 n) {
    assay_selftest_stop();
    return n;
  });
  const auto program = engine.load_text(kText, "selftest.air");
  if (!program) {
    std::fprintf(stderr, "%s\n", program.error().to_string().c_str());
    return 1;
  }
  const auto outer = program->function<i64(i64)>("selftest_outer").value();
  const auto spin = program->function<i64(i64)>("selftest_spin").value();
  if (outer(5) != 5) return 1;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < end) static_cast<void>(spin(1000000));
  return 0;
}

std::string own_path(const std::string& argv0) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) return self.string();
  return argv0.find('/') == argv0.npos ? std::string() : std::filesystem::absolute(argv0, error).string();
}

} // namespace assay::jit
