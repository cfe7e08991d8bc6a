// stress.cpp - install, throw through and remove, from many threads at once; then throws in a row.
//
// Each thread has an installer and instances of its own, as engines have; what they share is the process: the
// unwinder's tables, the list of code ranges. Some code stays while other code comes and goes, so that removals happen
// in the middle. Tested, with few cycles, in compiler/jit/selftest/tests/selftest_test.cpp.
#include "assay/compiler.h"
#include "assay/verify.h"
#include "compiler/jit/instance.h"
#include "compiler/jit/selftest/selftest.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <thread>

namespace assay::jit {

namespace {

constexpr const char* kText =
    "import @host(i64) -> i64\nexport func @f(i64) -> i64 {\n^e(%n: i64):\n  %r = call @host(%n)\n"
    "  %s = add.i64 %r, %n\n  return %s\n}\n";
constexpr u32 kKept = 8; // pieces of code that a thread has at a time

struct Program {
  Module module;
  CodeObject object;
  FunctionId f = kNone;
};

Result<Program> make_program() {
  Program out;
  auto module = parse_and_verify(kText);
  if (!module) return module.error();
  out.module = std::move(*module);
  if (auto done = Compiler(CompileOptions{}).compile(out.module, out.object); !done) return done.error();
  out.f = out.module.find_function("f");
  return out;
}

struct Thrower final : ImportHandler {
  void on_import(Instance&, FunctionId, std::span<const u64> args, std::span<u64>) override { throw args[0]; }
};

/// What one thread has.
struct Worker {
  const Program& program;
  Installer installer;
  Instance instance;
  Thrower thrower;
  u64 done = 0, wrong = 0;
  std::vector<const u8*> places; // of the last code

  Worker(const Program& p, Installer i) : program(p), installer(std::move(i)) {}

  bool throw_through(u64 value) {
    u64 result = 0;
    try {
      instance.invoke(program.f, {&value, 1}, {&result, 1});
    } catch (const u64 caught) {
      return caught == value;
    }
    return false;
  }
  bool cycle(Installed& code, u64 number) {
    if (!installer.uninstall(code) || !installer.install(program.object, code)) return false;
    if (!instance.load(program.module, code, thrower)) return false;
    instance.set_fuel(~u64{0});
    return throw_through(number);
  }
  void run(u64 cycles) {
    Installed kept[kKept];
    for (u64 i = 0; i < cycles; ++i) {
      // Not in the order of their installation.
      if (cycle(kept[i * 5 % kKept], i)) ++done;
      else ++wrong;
    }
    for (Installed& code : kept) {
      if (code.object() != nullptr) places.push_back(reinterpret_cast<const u8*>(code.base()));
      if (!installer.uninstall(code)) ++wrong;
    }
  }
};

Result<std::unique_ptr<Worker>> make_worker(const Program& program) {
  InstallOptions options;
  options.verify_unwind = false; // as campaigns do
  auto stubs = process_stubs();
  if (!stubs) return stubs.error();
  auto installer = Installer::create(options, (*stubs)->trap_entry);
  if (!installer) return installer.error();
  return std::make_unique<Worker>(program, std::move(*installer));
}

u64 resident_kib() {
  FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long long all = 0, resident = 0;
  const int got = std::fscanf(file, "%llu %llu", &all, &resident);
  std::fclose(file);
  return got == 2 ? resident * 4 : 0;
}

double now_ns() {
  return static_cast<double>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

/// The process's time, which other processes do not lengthen.
double processor_ns() { return static_cast<double>(std::clock()) * (1e9 / CLOCKS_PER_SEC); }

Result<void> run_threads(const Program& program, u32 count, u64 cycles, StressFigures& out) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (u32 i = 0; i < count; ++i) {
    auto worker = make_worker(program);
    if (!worker) return worker.error();
    workers.push_back(std::move(*worker));
  }
  const double begin = now_ns();
  std::vector<std::thread> threads;
  for (auto& worker : workers) threads.emplace_back([&worker, cycles] { worker->run(cycles); });
  for (std::thread& thread : threads) thread.join();
  if (cycles != 0) out.cycle_ns = (now_ns() - begin) / static_cast<double>(cycles);
  for (auto& worker : workers) {
    out.cycles += worker->done;
    out.wrong += worker->wrong;
    for (const u8* place : worker->places) out.still_found += os::unwinder_finds(place) ? 1 : 0;
  }
  return {};
}

Result<void> throw_in_a_row(const Program& program, u64 throws, StressFigures& out) {
  auto worker = make_worker(program);
  if (!worker) return worker.error();
  Installed code;
  if (!(*worker)->cycle(code, 1)) ++out.wrong;
  const u64 tenth = std::max<u64>(throws / 10, 1);
  double begin = processor_ns();
  for (u64 i = 0; i < throws; ++i) {
    if (i == throws - tenth) begin = processor_ns();
    if ((*worker)->throw_through(i)) ++out.throws;
    else ++out.wrong;
    if (i + 1 == tenth) out.first_tenth_ns = (processor_ns() - begin) / static_cast<double>(tenth);
  }
  out.last_tenth_ns = (processor_ns() - begin) / static_cast<double>(tenth);
  return (*worker)->installer.uninstall(code);
}

} // namespace

Result<StressFigures> stress_unwinding(const StressOptions& options) {
  auto program = make_program();
  if (!program) return program.error();
  StressFigures warm_up, out;
  if (auto done = run_threads(*program, options.threads, std::min<u64>(options.cycles, 1000), warm_up); !done)
    return done.error();
  if (auto done = throw_in_a_row(*program, 1000, warm_up); !done) return done.error();
  out.memory_before = resident_kib();
  if (auto done = run_threads(*program, options.threads, options.cycles, out); !done) return done.error();
  if (auto done = throw_in_a_row(*program, options.throws, out); !done) return done.error();
  out.memory_after = resident_kib();
  out.wrong += warm_up.wrong;
  return out;
}

} // namespace assay::jit
