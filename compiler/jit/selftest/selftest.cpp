// selftest.cpp - the rows that need nothing but this process.
//
// Compiled and host frames alternate: `nest` calls the host, which calls `nest` again, and the innermost host function
// does what the row is about. Objects in the host frames are counted. Tested in
// compiler/jit/selftest/tests/selftest_test.cpp.
#include "compiler/jit/selftest/selftest.h"

#include "assay/engine.h"
#include "compiler/jit/selftest/tool_rows.h"
#include "compiler/os/call_stack.h"
#include "compiler/os/fault_handler.h"

#include <cstdio>
#include <exception>
#include <functional>
#include <optional>

namespace assay::jit {

namespace {

constexpr const char* kText = R"(
tag @tagged(i64)
import @host(i64) -> i64

func @fail(i64) -> i64 {
^e(%how: i64):
  %zero = const.i64 0
  switch.i64 %how [1: ^divide, 2: ^fault, 3: ^throw], ^fine
^divide:
  %q = div_s.i64 %how, %zero
  return %q
^fault:
  %p = const.ptr 16
  %w = pload.i64 %p, 0
  return %w
^throw:
  throw @tagged(%how)
^fine:
  return %how
}

export func @nest(i64) -> i64 {
^e(%n: i64):
  %a = mul.i64 %n, %n
  %r = call @host(%n)
  %s = add.i64 %r, %a
  return %s
}

export func @call_fail(i64) -> i64 {
^e(%how: i64):
  %a = mul.i64 %how, %how
  %r = call @fail(%how)
  %s = add.i64 %r, %a
  return %s
}
)";
constexpr const char* kHandler = R"(
tag @tagged(i64)
import @host(i64) -> i64

func @thrower(i64) -> i64 {
^e(%n: i64):
  throw @tagged(%n)
}

export func @catch_own(i64) -> i64 {
^e(%n: i64):
  %a = mul.i64 %n, %n
  try_call @thrower(%n) -> ^ok, catch @tagged ^caught
^ok(%r: i64):
  return %r
^caught(%v: i64):
  %s = add.i64 %v, %a
  return %s
}

export func @catch_hosts(i64) -> i64 {
^e(%n: i64):
  %a = mul.i64 %n, %n
  try_call @host(%n) -> ^ok, catch_all ^caught
^ok(%r: i64):
  return %r
^caught(%exn: ptr):
  return %a
}
)";
constexpr i64 kDivide = 1, kFault = 2, kThrow = 3;
constexpr i64 kLevels = 20;
constexpr i64 kSquares = kLevels * (kLevels + 1) * (2 * kLevels + 1) / 6;

using Function = TypedFunction<i64(i64)>;

/// One engine, and the host function that its programs call.
class Ladder {
public:
  explicit Ladder(ExceptionModel model = ExceptionModel::Automatic) : engine_(options(model)) {
    engine_.bind("host", [this](i64 n) -> i64 {
      const Counted counted{destroyed};
      return n > 0 && nest.has_value() ? (*nest)(n - 1) : innermost();
    });
  }
  /// What is wrong; empty: nothing. Call it first.
  std::string load(const char* text) {
    auto loaded = engine_.load_text(text, "selftest.air");
    if (!loaded) return loaded.error().to_string();
    program.emplace(*loaded);
    if (const auto found = program->function<i64(i64)>("nest")) nest.emplace(*found);
    return {};
  }
  Function function(const char* name) { return program->function<i64(i64)>(name).value(); }

  struct Counted {
    i64& count;
    ~Counted() { ++count; }
  };
  std::function<i64()> innermost;
  i64 destroyed = 0;
  std::optional<Function> nest;
  std::optional<Instance> program;

private:
  static EngineOptions options(ExceptionModel model) {
    EngineOptions out;
    out.exceptions = model;
    return out;
  }
  Engine engine_;
};

/// The rows are functions that give what failed; empty: nothing did. They throw Skip.
struct Skip {
  std::string reason;
};

std::string check_destroyed(Ladder& ladder, i64 expected) {
  if (ladder.destroyed == expected && std::uncaught_exceptions() == 0) return {};
  return std::to_string(ladder.destroyed) + " objects of host frames were destroyed, expected " +
         std::to_string(expected);
}

std::string host_exception_with(ExceptionModel model) {
  Ladder ladder(model);
  if (std::string wrong = ladder.load(kText); !wrong.empty()) return wrong;
  for (int again = 0; again < 100; ++again) {
    struct Unique {
      explicit Unique(const void** where) { *where = this; }
      Unique(const Unique&) = delete;
    };
    const void* thrown = nullptr;
    ladder.destroyed = 0;
    ladder.innermost = [&]() -> i64 { throw Unique(&thrown); };
    try {
      static_cast<void>((*ladder.nest)(kLevels));
      return "it returned";
    } catch (const Unique& exception) {
      if (&exception != thrown) return "another object arrived";
    }
    if (std::string wrong = check_destroyed(ladder, kLevels + 1); !wrong.empty()) return wrong;
    ladder.innermost = [] { return i64{0}; };
    if ((*ladder.nest)(kLevels) != kSquares) return "a call afterwards went wrong";
  }
  return {};
}

std::string host_exception() {
  Ladder probe;
  if (std::string wrong = probe.load(kText); !wrong.empty()) return wrong;
  if (probe.program->exceptions() == ExceptionModel::Defer)
    throw Skip{"the unwinder does not find compiled frames here: exceptions are deferred"};
  return host_exception_with(ExceptionModel::Unwind);
}

std::string deferred_exception() { return host_exception_with(ExceptionModel::Defer); }

std::string air_exception() {
  Ladder ladder;
  if (std::string wrong = ladder.load(kText); !wrong.empty()) return wrong;
  ladder.innermost = [&] { return ladder.function("call_fail")(kThrow); };
  try {
    static_cast<void>((*ladder.nest)(kLevels));
    return "it returned";
  } catch (const AirException& exception) {
    if (exception.tag() != 0 || exception.payload() != std::vector<u64>{kThrow})
      return "another tag or payload arrived";
  }
  return check_destroyed(ladder, kLevels + 1);
}

std::string air_handler() {
  Ladder ladder;
  const std::string refused = ladder.load(kHandler);
  if (refused.find("exception handlers in compiled code") != refused.npos) throw Skip{refused};
  if (!refused.empty()) return refused;
  if (ladder.function("catch_own")(7) != 7 + 49) return "a clause for a tag";
  ladder.innermost = []() -> i64 { throw 17; };
  if (ladder.function("catch_hosts")(6) != 36) return "a clause for all exceptions";
  return check_destroyed(ladder, 1);
}

std::string trap_with(i64 how, TrapKind kind) {
  Ladder ladder;
  if (std::string wrong = ladder.load(kText); !wrong.empty()) return wrong;
  ladder.innermost = [&] { return ladder.function("call_fail")(how); };
  const FunctionId fail = ladder.program->module().find_function("fail");
  try {
    static_cast<void>((*ladder.nest)(kLevels));
    return "it returned";
  } catch (const TrapException& trap) {
    if (trap.kind() != kind) return "another trap arrived: " + std::string(name_of(trap.kind()));
    if (trap.position().function != fail) return "it arrived with another position";
  }
  if (std::string wrong = check_destroyed(ladder, kLevels + 1); !wrong.empty()) return wrong;
  const auto value = ladder.nest->try_call(kLevels);
  if (!value.has_trapped() || value.trap() != kind) return "as a value it is another";
  return check_destroyed(ladder, 2 * (kLevels + 1));
}

std::string trap() { return trap_with(kDivide, TrapKind::DivByZero); }
std::string fault() { return trap_with(kFault, TrapKind::OutOfBounds); }

std::string call_stack() {
  Ladder ladder;
  if (std::string wrong = ladder.load(kText); !wrong.empty()) return wrong;
  std::vector<u64> stack;
  ladder.innermost = [&] {
    stack = os::call_stack();
    return i64{0};
  };
  const std::vector<u64> outside = os::call_stack();
  if (outside.empty()) throw Skip{"the system gives no call stack"};
  const i64 levels = 2; // few, because some systems give few frames
  static_cast<void>((*ladder.nest)(levels));
  i64 runs = 0;
  bool before = false;
  for (const u64 address : stack) {
    const bool compiled = os::in_code_range(address - 1);
    runs += compiled && !before ? 1 : 0;
    before = compiled;
  }
  if (runs != levels + 1) return "compiled frames were met " + std::to_string(runs) + " times, not three";
  return stack.back() == outside.back() ? "" : "it does not end where it should";
}

SelfTestRow row(const char* capability, std::string (*run)()) {
  SelfTestRow out{capability, SelfTestEnd::Passed, {}};
  try {
    out.detail = run();
    if (!out.detail.empty()) out.end = SelfTestEnd::Failed;
  } catch (const Skip& skip) {
    out.detail = skip.reason;
    out.end = SelfTestEnd::Skipped;
  } catch (const std::exception& exception) {
    out.detail = std::string("an exception came out: ") + exception.what();
    out.end = SelfTestEnd::Failed;
  }
  return out;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out + "\"";
}

} // namespace

std::string selftest_platform() { return std::string(name_of(host_os())) + "-" + std::string(name_of(host_target())); }

std::vector<SelfTestRow> selftest_unwinding(const std::vector<std::string>& own_command) {
  std::vector<SelfTestRow> rows;
  rows.push_back(row("host exception", &host_exception));
  rows.push_back(row("host exception, deferred", &deferred_exception));
  rows.push_back(row("AIR exception", &air_exception));
  rows.push_back(row("AIR exception, handler", &air_handler));
  rows.push_back(row("trap to exception", &trap));
  rows.push_back(row("fault to exception", &fault));
  rows.push_back(row("call stack", &call_stack));
  rows.push_back(debugger_row(own_command));
  rows.push_back(profiler_row(own_command));
  return rows;
}

int print_selftest(const std::vector<SelfTestRow>& rows, bool json) {
  const char* const words[] = {"passed", "failed", "skipped"};
  const std::string platform = selftest_platform();
  bool failed = false;
  std::string out = json ? "[" : "";
  for (const SelfTestRow& one : rows) {
    const char* word = words[static_cast<u32>(one.end)];
    failed |= one.end == SelfTestEnd::Failed;
    if (json) {
      out += (out.size() > 1 ? ",\n " : "") + std::string("{\"platform\": ") + quoted(platform) +
             ", \"capability\": " + quoted(one.capability) + ", \"result\": " + quoted(word) +
             ", \"detail\": " + quoted(one.detail) + "}";
    } else {
      std::string name = one.capability;
      name.resize(26, ' ');
      out += platform + "  " + name + word + (one.detail.empty() ? "" : ": " + one.detail) + "\n";
    }
  }
  if (json) out += "]\n";
  std::fputs(out.c_str(), stdout);
  return failed ? 1 : 0;
}

} // namespace assay::jit
