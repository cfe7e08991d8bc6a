// backend.h - what a target gives to the compile driver (compiler.cpp).
//
// One object a Compiler, kept from compile to compile so that its storage is reused. Virtual calls happen a few
// times a function, never an instruction. Order of use: begin; for each function with a body lower, then emit
// with the allocation of what lower gave; for each import thunk; finish. Functions come in any order, each once.
// Everything is pure: bytes in, bytes out.
#pragma once

#include "assay/compiler.h"
#include "compiler/codegen/decisions.h"
#include "compiler/codegen/function_input.h"
#include "compiler/codegen/lir.h"

#include <memory>
#include <string>
#include <string_view>

namespace assay::codegen {

class Backend {
public:
  virtual ~Backend() = default;

  /// Starts a module. All of them outlive the call to `finish`; `out` is empty.
  virtual void begin(const Module& module, const CompileOptions& options, Decisions& decisions, CodeObject& out) = 0;
  /// What the allocator may use for functions of this module.
  virtual const RegisterFile& register_file() const = 0;
  /// Overwrites `out` with the function's LIR. Unsupported names an operation that cannot be compiled.
  virtual Result<void> lower(const FunctionInput& function, LirFunction& out) = 0;
  /// Appends the code of the function lowered last, and its tables.
  virtual Result<void> emit(const FunctionInput& function, const LirFunction& lir, const Allocation& allocation) = 0;
  /// Appends the thunk of an import.
  virtual Result<void> thunk(FunctionId import) = 0;
  /// Resolves references between code and read-only data.
  virtual Result<void> finish() = 0;
};

/// How to print a target's LIR (dump.h).
struct LirNames {
  std::string_view (*op_name)(u16 op);
  /// Appends the instruction's size, condition, immediates and references.
  void (*details)(const LirInst& inst, std::string& out);
  std::string_view (*reg_name)(PReg reg);
};

/// The target's backend, or null when this build has none for it.
std::unique_ptr<Backend> make_backend(Target target);
const LirNames& lir_names(Target target);

} // namespace assay::codegen
