// unwind_native.cpp - see unwind_native.h.
#include "fuzz/cli/unwind_native.h"

#include "compiler/debug/disassemble.h"
#include "fuzz/cli/unwind_native_judge.h"
#include "qemu/native/native_executor.h"
#include "qemu/test_host.h"

#include <algorithm>
#include <chrono>

namespace assay::cli {

namespace {

constexpr u64 kMostFuel = 2'000; // bounds a run, at some 10 us an instruction

// The conventions between AIR functions that run here; towards the host it is always the host's.
constexpr UnwindRow kNativeRows[] = {
    {"x64-O0-native-linux", Target::X64, Level::O0, Os::Linux, 0, false, false},
    {"x64-O0-native-windows", Target::X64, Level::O0, Os::Windows, 0, false, false},
};

} // namespace

struct NativeUnwindChecker::Impl {
  std::vector<std::string> formats;
  std::unique_ptr<qemu::NativeExecutor> executor;
  std::vector<std::unique_ptr<Compiler>> compilers; // of kNativeRows
  qemu::TestHost host;
  NativeJudge judge;
  CodeObject object;
  CodeMap map;
  UnwindTotals totals;

  Result<void> check_row(std::size_t index, const Module& module, const fuzz::Cases& cases,
                         std::vector<UnwindFinding>& out);
  void run(const fuzz::Cases& cases);
  void add(const UnwindRow& row, std::vector<UnwindFinding>& out);
};

Result<std::unique_ptr<NativeUnwindChecker>> NativeUnwindChecker::create(std::vector<std::string> formats) {
  qemu::NativeOptions options;
  options.time_limit_ms = 0; // a step takes a hundred times what it would
  auto executor = qemu::NativeExecutor::create(options);
  if (!executor) return executor.error();
  if (auto able = (*executor)->can(Target::X64, Os::Linux); !able) return able.error();
  if (!debug::can_disassemble())
    return Error{ErrorKind::Unsupported, {}, 0, 0, "this build has no disassembler, which stepping needs"};
  auto impl = std::make_unique<Impl>();
  impl->formats = std::move(formats);
  impl->executor = std::move(*executor);
  for (const UnwindRow& row : kNativeRows) {
    CompileOptions how = compile_options(row);
    how.host_os = host_os();
    impl->compilers.push_back(std::make_unique<Compiler>(how));
  }
  return std::unique_ptr<NativeUnwindChecker>(new NativeUnwindChecker(std::move(impl)));
}

NativeUnwindChecker::NativeUnwindChecker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NativeUnwindChecker::~NativeUnwindChecker() = default;
const UnwindTotals& NativeUnwindChecker::totals() const { return impl_->totals; }

Result<void> NativeUnwindChecker::check(const Module& module, const fuzz::Cases& cases,
                                        std::vector<UnwindFinding>& out) {
  for (std::size_t i = 0; i < std::size(kNativeRows); ++i) {
    if (auto done = impl_->check_row(i, module, cases, out); !done) return done;
  }
  ++impl_->totals.programs;
  impl_->totals.functions += static_cast<u64>(
      std::count_if(module.functions.begin(), module.functions.end(), [](const auto& f) { return !f.imported; }));
  return {};
}

Result<void> NativeUnwindChecker::Impl::check_row(std::size_t index, const Module& module, const fuzz::Cases& cases,
                                                  std::vector<UnwindFinding>& out) {
  const UnwindRow& row = kNativeRows[index];
  if (auto compiled = compilers[index]->compile(module, object); !compiled) return compiled;
  map.make(object);
  std::vector<StepTable> tables;
  for (const TableFormat format : formats_of(row, formats)) {
    auto table = write_table(format, object);
    if (!table) return table.error();
    ++totals.linted[static_cast<u32>(format)];
    tables.push_back(std::move(*table));
  }
  if (tables.empty()) return {};
  totals.compiled += object.functions.size();
  if (auto loaded = executor->load(module, object); !loaded) return loaded;
  const u64 base = executor->code_address();
  auto ready = judge.set(module, object, map, base, tables);
  const auto start = std::chrono::steady_clock::now();
  if (ready) ready = fuzz::begin_steps(base, base + object.code.size(), judge);
  if (ready) run(cases);
  fuzz::end_steps();
  executor->unload();
  totals.step_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (ready) add(row, out);
  return ready;
}

void NativeUnwindChecker::Impl::run(const fuzz::Cases& cases) {
  Outcome outcome;
  for (u32 i = 0; i < cases.size(); ++i) {
    judge.begin_run();
    host.reset();
    executor->run(cases.entry(i), cases.args(i), std::min(cases.fuel(i), kMostFuel), host, outcome);
    judge.end_run();
    ++totals.runs;
    totals.traps += outcome.kind == OutcomeKind::Trapped;
  }
}

void NativeUnwindChecker::Impl::add(const UnwindRow& row, std::vector<UnwindFinding>& out) {
  totals.instructions += judge.instructions;
  totals.events.calls += judge.calls;
  totals.events.tail_calls += judge.tail_calls;
  totals.events.caught += judge.landings;
  judge.instructions = judge.calls = judge.tail_calls = judge.landings = 0;
  totals.max_depth = std::max(totals.max_depth, judge.max_depth);
  totals.code += map.starts.size();
  totals.executed += static_cast<u64>(std::count(judge.seen.begin(), judge.seen.end(), true));
  for (u32 f = 0; f < qemu::protocol::kTableFormats; ++f) {
    totals.counts[f].checked += judge.checked[f];
    totals.counts[f].failed += judge.failed[f];
    judge.checked[f] = judge.failed[f] = 0;
  }
  for (const NativeJudge::Failure& f : judge.failures)
    out.push_back({row.name, std::string(name_of(f.format)), place_in_code(object, f.offset), f.what});
}

} // namespace assay::cli
