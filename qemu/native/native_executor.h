// native_executor.h - runs compiled code in this very process, and distrusts it.
//
// Before each entry every register gets a value: arguments, a canary in each callee-saved register, junk
// elsewhere, also in the bits above narrow arguments and between stack arguments. After the return the executor
// checks: callee-saved registers, stack and frame pointer, direction flag, MXCSR or FPCR, the platform's register
// (machine_contract.h), guard zones around linear memory and globals, and that the frame chain was walkable whenever
// it was walked. What fails is Breached.
// Signals and endless runs are caught (compiler/os/fault_handler.h) and are Crashed and Hung.
// At each host call, throw and rethrow it records arguments or payload and the call stack, as the oracle does.
// Steady state: no system call and no allocation to load, run, or unload (when modules have like sizes).
// Cost: run about 0.3 us besides the bytes of memory and what the program does. One thread at a time.
// Tested in qemu/native/tests/; speed in qemu/native/bench/.
#pragma once

#include "compiler/jit/installer.h"
#include "compiler/jit/instance.h"
#include "qemu/executor.h"

#include <memory>
#include <string>

namespace assay::qemu {

struct NativeOptions {
  jit::InstallOptions install = {.one_at_a_time = true, .verify_unwind = false};
  u32 time_limit_ms = 2000;     // of one run; 0: none
  u64 stack_bytes = 512 * 1024; // below the entry
  /// Traps with no host frame in between come back directly, which is ten times cheaper than an exception, in all
  /// but one program of this many (chosen by its code, so that a program always runs alike). 1: always throw.
  u32 throw_traps_one_in = 8;
  /// Of so many host calls and throws of each run of those programs, the call stack is unwound by the system too.
  u32 unwound_stacks = 4;
  /// For install.tools: where the modules that will be loaded were written. Not owned, may be null.
  const DebugSource* source = nullptr;
};

class NativeExecutor final : public Executor, private jit::ImportHandler {
public:
  /// Io or Unsupported when this process can have no code memory.
  static Result<std::unique_ptr<NativeExecutor>> create(const NativeOptions& options = {});
  ~NativeExecutor() override;

  std::string_view name() const override { return "native"; }
  Result<void> can(Target target, Os os) const override;
  Result<void> load(const Module& module, const CodeObject& object) override;
  void run(FunctionId function, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) override;
  void unload() override;
  /// Of the first byte of the code loaded.
  u64 code_address() const { return installed_.base(); }

private:
  class Back;

  NativeExecutor(const NativeOptions& options, jit::Installer installer);
  void prepare_registers(const CodeObject& object);
  void call(FunctionId function, std::span<const u64> args, std::span<u64> results);
  bool try_call(FunctionId function, std::span<const u64> args, std::span<u64> results, jit::TrapValue& trap);
  void check_registers(const EntryFrame& frame);
  void name_breach(const EntryFrame& frame);
  bool stayed_in_code();
  void check_zones();
  void breach(std::string_view what, u64 found, u64 expected);
  void call_and_catch(FunctionId function, std::span<const u64> args);
  void observe();
  void on_import(jit::Instance& instance, FunctionId import, std::span<const u64> args,
                 std::span<u64> results) override;
  static void on_throw(void* executor, const jit::Instance& instance, const jit::Thrown& thrown);
  void record(TraceKind kind, u32 subject, std::span<const u64> args);

  NativeOptions options_;
  jit::Installer installer_;
  jit::Installed installed_;
  jit::Instance instance_;
  EntryFrame registers_; // the file that each entry starts from
  codegen::RegSet canaries_ = 0;
  u32 kept_halves_ = 2; // of callee-saved vector registers
  bool throw_traps_ = true;
  u32 unwound_left_ = 0;    // of this run
  bool fresh_ = false;      // loaded and not run yet: nothing to reset
  bool distrusted_ = false; // the last run may have written anywhere
  const Module* module_ = nullptr;
  Host* host_ = nullptr;
  Outcome* out_ = nullptr;
  std::string breach_; // the first breach of this run
};

} // namespace assay::qemu
