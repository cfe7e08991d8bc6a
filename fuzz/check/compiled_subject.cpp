// compiled_subject.cpp - the bundled compiler, its code run in this process, in another one, or in the emulator.
//
// prepare compiles and loads in place of the program before; the compiler, the CodeObject and the executor keep their
// storage. With `check_allocation` each function's allocation passes the symbolic checker of oracle/alloc before
// code is emitted. Tested in fuzz/check/tests/subject_test.cpp.
#include "compiler/codegen/observer.h"
#include "fuzz/check/met.h"
#include "fuzz/check/reach.h"
#include "fuzz/check/settings.h"
#include "fuzz/check/subject_kinds.h"
#include "oracle/alloc/checker.h"
#include "qemu/native/native_executor.h"
#include "qemu/unicorn/unicorn_executor.h"
#include "qemu/user/user_executor.h"

#include <cstring>
#include <map>

namespace assay::fuzz {
namespace {

void* (*volatile const fill_bytes)(void*, int, std::size_t) = std::memset; // a call that is not left out

/// What lies where the program's frames will be is the same before each run, and not zero: a word of a frame that is
/// read before it is written shows, and shows again, whatever ran before.
void fill_stack() {
  u64 words[1024];
  fill_bytes(words, 0xa5, sizeof words);
}

/// Judges allocations, if it shall, and notes what is met (met.h) and reached (reach.h).
class CompilationWatch final : public codegen::Observer {
public:
  CompilationWatch(Target target, bool judges) : target_(target), judges_(judges) {}
  bool is_needed() const { return judges_ || is_met_wanted() || is_reach_wanted(); }

  void optimised(FunctionId, const Function& body) override {
    note_optimised(body);
    reach_selected(target_, Level::O2, body);
  }
  std::string allocated(FunctionId, const codegen::LirFunction& function, const codegen::Allocation& allocation,
                        const codegen::RegisterFile& registers) override {
    note_compiled(target_, function, allocation);
    reach_made(target_, function);
    std::string report = judges_ ? checker_.check(function, allocation, registers) : std::string();
    refused_ |= !report.empty();
    return report;
  }
  void simplified(std::span<const u64> fired) override {
    note_rules(fired, fired_before_);
    reach_rules(fired);
  }
  bool refused() const { return refused_; }
  void reset() { refused_ = false; }

private:
  Target target_;
  bool judges_;
  oracle::AllocationChecker checker_;
  std::vector<u64> fired_before_;
  bool refused_ = false;
};

class CompiledSubject final : public Subject {
public:
  CompiledSubject(const SubjectRow& row, const SubjectOptions& options, std::unique_ptr<Executor> executor)
      : row_(row), passes_(options.passes), watch_(row.target, options.check_allocation),
        compiler_(compile_options(row)), executor_(std::move(executor)) {}

  Result<void> prepare(const Module& module) override {
    watch_.reset();
    module_ = &module;
    return compile(kNone);
  }
  void expect(std::span<const RunRequest> requests) override {
    for (const RunRequest& request : requests)
      if (!object_.has(request.function) && !compile(request.function)) return; // `run` says why
    executor_->expect(requests);
  }
  void run(FunctionId entry, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) override {
    if (!object_.has(entry))
      if (const Result<void> compiled = compile(entry); !compiled) return refuse(compiled.error(), out);
    fill_stack();
    executor_->run(entry, args, fuel, host, out);
    note_run(row_, out);
  }
  bool allocation_refused() const override { return watch_.refused(); }

private:
  /// So that `entry` can be called, or the exported functions.
  Result<void> compile(FunctionId entry) {
    executor_->unload(); // before the object it was loaded from is overwritten
    CompileOptions options = compile_options(settings_for(row_, *module_, passes_), *module_, entry);
    options.observer = watch_.is_needed() ? &watch_ : nullptr;
    compiler_.set_options(options);
    Result<void> compiled = compiler_.compile(*module_, object_);
    if (!compiled) return compiled;
    if (options.level == Level::O0 && is_reach_wanted()) note_unoptimised(*module_);
    return executor_->load(*module_, object_);
  }
  static void refuse(const Error& error, Outcome& out) {
    out.clear();
    out.kind = OutcomeKind::Refused;
    out.text = error.message;
  }
  void note_unoptimised(const Module& module) const {
    for (FunctionId id = 0; id < module.functions.size(); ++id)
      if (object_.has(id)) reach_selected(row_.target, Level::O0, module.functions[id]);
  }

  const Module* module_ = nullptr; // the one prepared
  const SubjectRow& row_;
  PassOptions passes_;
  CompilationWatch watch_;
  Compiler compiler_;
  CodeObject object_;
  std::unique_ptr<Executor> executor_;
};

/// Why the place does not run code for the target; empty: it does.
std::string executor_reason(Exec exec, Target target) {
  const auto executor = make_executor(exec);
  if (!executor) return executor.error().message;
  const Result<void> can = (*executor)->can(target, Os::Linux); // conventions are the code's own matter
  return can ? std::string() : can.error().message;
}

/// Why the compiler makes no code for the target, shown by a program of nothing; empty: it does.
std::string compiler_reason(const SubjectRow& row) {
  CodeObject object;
  const Result<void> compiled = Compiler(compile_options(row)).compile(Module(), object);
  return compiled ? std::string() : compiled.error().message;
}

} // namespace

Result<std::unique_ptr<Executor>> make_executor(Exec exec) {
  if (exec == Exec::Unicorn) return std::unique_ptr<Executor>(qemu::make_unicorn_executor());
  if (exec == Exec::Qemu) return std::unique_ptr<Executor>(qemu::make_user_executor());
  auto executor = qemu::NativeExecutor::create();
  if (!executor) return executor.error();
  return std::unique_ptr<Executor>(std::move(*executor));
}

std::string compiled_unavailable_reason(const SubjectRow& row) {
  std::string reason = compiler_reason(row);
  if (!reason.empty()) return reason;
  if (row.exec == Exec::Native) return executor_reason(row.exec, row.target);
  // Asking starts a process: once for each is enough.
  static std::map<std::pair<Exec, Target>, std::string> asked;
  const auto [entry, fresh] = asked.try_emplace({row.exec, row.target});
  if (fresh) entry->second = executor_reason(row.exec, row.target);
  return entry->second;
}

/// The native executor, in code memory where a debugger can set breakpoints.
static Result<std::unique_ptr<Executor>> make_visible_executor(const SubjectOptions& options) {
  auto tools = jit::CodeTools::create(options.tools);
  if (!tools) return tools.error();
  qemu::NativeOptions native;
  native.install.one_at_a_time = false;
  native.install.tools = std::move(*tools);
  native.source = options.source;
  native.time_limit_ms = 0; // somebody may be looking
  auto executor = qemu::NativeExecutor::create(native);
  if (!executor) return executor.error();
  return std::unique_ptr<Executor>(std::move(*executor));
}

static Result<std::unique_ptr<Executor>> make_native_executor(const SubjectOptions& options) {
  qemu::NativeOptions native;
  if (options.time_limit_ms != 0) native.time_limit_ms = options.time_limit_ms;
  if (options.throw_traps) native.throw_traps_one_in = 1;
  auto executor = qemu::NativeExecutor::create(native);
  if (!executor) return executor.error();
  return std::unique_ptr<Executor>(std::move(*executor));
}

Result<std::unique_ptr<Subject>> make_compiled_subject(const SubjectRow& row, const SubjectOptions& options) {
  const bool native = row.exec == Exec::Native;
  auto executor = !native               ? make_executor(row.exec)
                  : options.tools.any() ? make_visible_executor(options)
                                        : make_native_executor(options);
  if (!executor) return executor.error();
  return std::unique_ptr<Subject>(new CompiledSubject(row, options, std::move(*executor)));
}

} // namespace assay::fuzz
