// native_subject.cpp - the bundled compiler with its code run in this process.
//
// prepare compiles and installs in place of the program before; the compiler, the CodeObject and the executor keep their
// storage. With `check_allocation` each function's allocation passes the symbolic checker of oracle/alloc before
// code is emitted. Tested in fuzz/check/tests/subject_test.cpp.
#include "compiler/codegen/lir.h"
#include "fuzz/check/subject_kinds.h"
#include "oracle/alloc/checker.h"
#include "qemu/native/native_executor.h"

namespace assay::fuzz {
namespace {

/// What lies where the program's frames will be is the same each time a program is prepared, and not zero: a word of a
/// frame that is read before it is written shows, and shows again.
void fill_stack() {
  volatile u64 words[1024];
  for (volatile u64& word : words) word = 0xa5a5a5a5a5a5a5a5u;
}

class AllocationJudge final : public codegen::Observer {
public:
  std::string allocated(FunctionId, const codegen::LirFunction& function, const codegen::Allocation& allocation,
                        const codegen::RegisterFile& registers) override {
    std::string report = checker_.check(function, allocation, registers);
    refused_ |= !report.empty();
    return report;
  }
  bool refused() const { return refused_; }
  void reset() { refused_ = false; }

private:
  oracle::AllocationChecker checker_;
  bool refused_ = false;
};

class NativeSubject final : public Subject {
public:
  NativeSubject(CompileOptions options, bool check_allocation, std::unique_ptr<Executor> executor)
      : compiler_(with_observer(options, check_allocation ? &judge_ : nullptr)), executor_(std::move(executor)) {}

  Result<void> prepare(const Module& module) override {
    executor_->unload(); // before the object it was loaded from is overwritten
    judge_.reset();
    Result<void> compiled = compiler_.compile(module, object_);
    if (!compiled) return compiled;
    Result<void> loaded = executor_->load(module, object_);
    fill_stack();
    return loaded;
  }
  void run(FunctionId entry, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) override {
    executor_->run(entry, args, fuel, host, out);
  }
  bool allocation_refused() const override { return judge_.refused(); }

private:
  static CompileOptions with_observer(CompileOptions options, codegen::Observer* observer) {
    options.observer = observer;
    return options;
  }

  AllocationJudge judge_;
  Compiler compiler_;
  CodeObject object_;
  std::unique_ptr<Executor> executor_;
};

} // namespace

std::string native_unavailable_reason(const SubjectRow& row) {
  const auto executor = qemu::NativeExecutor::create();
  if (!executor) return executor.error().message;
  const Result<void> can = (*executor)->can(row.target, row.os);
  return can ? std::string() : can.error().message;
}

Result<std::unique_ptr<Subject>> make_native_subject(const SubjectRow& row, const SubjectOptions& options) {
  auto executor = qemu::NativeExecutor::create();
  if (!executor) return executor.error();
  return std::unique_ptr<Subject>(
      new NativeSubject(compile_options(row), options.check_allocation, std::move(*executor)));
}

} // namespace assay::fuzz
