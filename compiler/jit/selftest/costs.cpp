// costs.cpp - what exceptions cost on this machine, by the number of functions that the unwinder knows and the way they
// were made known to it.
//
// A crowd of functions is installed, each by itself or all as one object; then exceptions are thrown through compiled
// frames, beside them through frames of the C++ compiler, and functions are removed in random order. Figures are the
// median of several rounds: they mean something on a quiet machine only. Ways other than the one that installing takes
// by itself are had by giving the registry fewer of the unwinder's calls (compiler/os/unwinder_calls.h). That it runs
// and gives all rows is tested in compiler/jit/selftest/tests/selftest_test.cpp.
#include "assay/compiler.h"
#include "assay/engine.h"
#include "assay/verify.h"
#include "compiler/jit/installer.h"
#include "compiler/jit/selftest/selftest.h"
#include "compiler/jit/stubs.h"
#if !defined(_WIN32)
#include "compiler/os/unwinder_calls.h"
#endif

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <random>

#if defined(_MSC_VER)
#define ASSAY_NOINLINE __declspec(noinline)
#else
#define ASSAY_NOINLINE __attribute__((noinline))
#endif

namespace assay::jit {

namespace {

constexpr u64 kOneByOneLimit = 10000; // libgcc before GCC 13 takes time square in the number of objects
constexpr int kRounds = 5;
constexpr double kRoundSeconds = 0.004;
constexpr u64 kRemovedAtMost = 2000;

constexpr const char* kThrower =
    "import @thrower(i64) -> i64\nexport func @f(i64, i64) -> i64 {\n^entry(%depth: i64, %x: i64):\n"
    "  %one = const.i64 1\n  %more = gt_u.i64 %depth, %one\n  branch %more, ^deeper, ^last\n"
    "^deeper:\n  %less = sub.i64 %depth, %one\n  %a = call @f(%less, %x)\n  return %a\n"
    "^last:\n  %b = call @thrower(%x)\n  return %b\n}\n";

/// The process's time, which other processes do not lengthen, where a system has it finely enough.
double seconds() {
#if defined(_WIN32)
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
#else
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
#endif
}

/// Nanoseconds that `body` takes.
template <typename Body> double time_of(Body&& body) {
  double rounds[kRounds];
  for (double& round : rounds) {
    u64 count = 0;
    const double begin = seconds();
    double end = begin;
    for (u64 batch = 1; end - begin < kRoundSeconds; batch *= 2) {
      for (u64 i = 0; i < batch; ++i) body();
      count += batch;
      end = seconds();
    }
    round = (end - begin) / static_cast<double>(count) * 1e9;
  }
  std::sort(rounds, rounds + kRounds);
  return rounds[kRounds / 2];
}

struct Way {
  const char* name;
  bool one_object;     // all functions are installed as one
  bool by_itself;      // as installing does it
  u64 limit = ~u64{0}; // of functions
};

/// The functions that are only there, and not called.
class Crowd {
public:
  static Result<std::unique_ptr<Crowd>> create(const Way& way, u64 functions) {
    auto out = std::make_unique<Crowd>();
    auto installer = Installer::create({false, os::MemoryStrategy::DualMap, true, true, {}, ExceptionModel::Unwind});
    if (!installer) return installer.error();
    out->installer_.emplace(std::move(installer).value());
    std::string text;
    for (u64 i = 0; i < (way.one_object ? functions : 1); ++i)
      text += "export func @f" + std::to_string(i) + "(i64) -> i64 {\n^e(%x: i64):\n  return %x\n}\n";
    const auto module = parse_and_verify(text);
    if (!module) return module.error();
    if (auto done = Compiler(CompileOptions{}).compile(*module, out->object_); !done) return done.error();
    const double begin = seconds();
    for (u64 i = 0; i < (way.one_object ? 1 : functions); ++i) {
      out->all_.push_back(std::make_unique<Installed>());
      if (auto done = out->installer_->install(out->object_, *out->all_.back()); !done) return done.error();
    }
    out->add_ns_ = (seconds() - begin) / static_cast<double>(functions) * 1e9;
    return out;
  }
  ~Crowd() { // by address, from above: libgcc before GCC 13 is quickest at that
    std::sort(all_.begin(), all_.end(), [](const auto& a, const auto& b) { return a->base() > b->base(); });
    for (auto& one : all_) static_cast<void>(installer_->uninstall(*one));
  }
  /// Removes ten or a tenth, in random order, and installs as many again, several times; the time of one removal.
  Result<double> remove_some() {
    const u64 count = std::min<u64>({std::max<u64>(all_.size() / 10, 10), all_.size(), kRemovedAtMost});
    const u64 rounds = std::max<u64>(kRounds, kRemovedAtMost / count);
    std::mt19937_64 random(3);
    double spent = 0;
    for (u64 round = 0; round < rounds; ++round) {
      std::shuffle(all_.begin(), all_.end(), random);
      const double begin = seconds();
      for (u64 i = 0; i < count; ++i)
        if (auto done = installer_->uninstall(*all_[i]); !done) return done.error();
      spent += seconds() - begin;
      for (u64 i = 0; i < count; ++i)
        if (auto done = installer_->install(object_, *all_[i]); !done) return done.error();
    }
    return spent / static_cast<double>(rounds * count) * 1e9;
  }
  double add_ns() const { return add_ns_; }

private:
  CodeObject object_;
  std::optional<Installer> installer_;
  std::vector<std::unique_ptr<Installed>> all_;
  double add_ns_ = 0;
};

/// A frame of the C++ compiler. The call is not its last act.
ASSAY_NOINLINE i64 native_frames(i64 depth, i64 x) {
  if (depth <= 1) {
    if (x != 0) throw x;
    return 0;
  }
  volatile i64 result = native_frames(depth - 1, x);
  return result;
}

template <typename Call> double throw_time(Call&& call) {
  return time_of([&] {
    try {
      static_cast<void>(call());
    } catch (const i64) {}
  });
}

Result<CostRow> measure(const Way& way, u64 functions) {
  CostRow out;
  out.way = way.name;
  out.functions = functions;
  auto crowd = Crowd::create(way, functions);
  if (!crowd) return crowd.error();
  out.add_ns = (*crowd)->add_ns();
  EngineOptions options;
  options.exceptions = ExceptionModel::Unwind;
  Engine engine(options);
  engine.bind("thrower", [](i64 x) -> i64 { throw x; });
  const auto program = engine.load_text(kThrower);
  if (!program) return program.error();
  const auto f = program->function<i64(i64, i64)>("f").value();
  const double begin = seconds();
  try {
    static_cast<void>(f(1, 1));
  } catch (const i64) {}
  out.first_ns = (seconds() - begin) * 1e9;
  out.one_frame_ns = throw_time([&] { return f(1, 1); });
  out.hundred_frames_ns = throw_time([&] { return f(100, 1); });
  out.native_one_ns = throw_time([] { return native_frames(1, 1); });
  out.native_hundred_ns = throw_time([] { return native_frames(100, 1); });
  if (!way.one_object) {
    const auto removal = (*crowd)->remove_some();
    if (!removal) return removal.error();
    out.remove_ns = *removal;
  }
  return out;
}

#if defined(_WIN32)
std::vector<Way> ways() { return {{"a table a function", false, true}, {"one table for all", true, true}}; }
#else
std::vector<Way> ways() {
  const os::UnwinderCalls calls = os::unwinder_calls();
  if (calls.add_find_sections != nullptr)
    return {{"callback, a section a function", false, true},
            {"callback, one section for all", true, true},
            {"entry by entry", false, false, kOneByOneLimit}};
  if (calls.each_entry) return {{"entry by entry", false, true, kOneByOneLimit}};
  if (calls.tables.add != nullptr)
    return {{"an object a function", false, false, kOneByOneLimit},
            {"one object for all", true, false},
            {"large tables, merged", false, true}};
  return {{"an object a function", false, true}, {"one object for all", true, true}};
}
#endif

Result<CostRow> measure_in_its_way(const Way& way, u64 functions) {
#if !defined(_WIN32)
  if (!way.by_itself) {
    os::UnwinderCalls fewer = os::unwinder_calls();
    fewer.add_find_sections = nullptr;
    fewer.tables = {};
    const os::OtherUnwinder plain(fewer);
    return measure(way, functions);
  }
#endif
  return measure(way, functions);
}

} // namespace

Result<std::vector<CostRow>> measure_costs(const std::vector<u64>& functions) {
  if (auto stubs = process_stubs(); !stubs) return stubs.error(); // they stay when a way's unwinder goes
  std::vector<CostRow> out;
  for (const Way& way : ways()) {
    for (const u64 count : functions) {
      if (count > way.limit) continue;
      auto row = measure_in_its_way(way, count);
      if (!row) return row.error();
      out.push_back(std::move(row).value());
    }
  }
  return out;
}

void print_costs(const std::vector<CostRow>& rows) {
  std::printf("%s: microseconds\n"
              "%-32s%9s |%30s |%30s |%9s%9s%9s\n"
              "%-32s%9s |%10s%10s%10s |%10s%10s%10s |%9s%9s%9s\n",
              selftest_platform().c_str(), "", "", "a throw through compiled frames", "through those of C++", "first",
              "install", "remove", "", "functions", "1", "100", "one more", "1", "100", "one more", "throw", "one",
              "one");
  for (const CostRow& row : rows) {
    const auto more = [](double one, double hundred) { return (hundred - one) / 99 / 1e3; };
    std::printf("%-32s%9llu |%10.2f%10.1f%10.3f |%10.2f%10.1f%10.3f |%9.1f%9.2f", row.way.c_str(),
                static_cast<unsigned long long>(row.functions), row.one_frame_ns / 1e3, row.hundred_frames_ns / 1e3,
                more(row.one_frame_ns, row.hundred_frames_ns), row.native_one_ns / 1e3, row.native_hundred_ns / 1e3,
                more(row.native_one_ns, row.native_hundred_ns), row.first_ns / 1e3, row.add_ns / 1e3);
    if (row.remove_ns > 0) std::printf("%9.2f\n", row.remove_ns / 1e3);
    else std::printf("%9s\n", "-");
  }
}

} // namespace assay::jit
