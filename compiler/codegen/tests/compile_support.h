// compile_support.h - shared by the tests of lowering and compiling: AIR text in, LIR or code out.
#pragma once

#include "assay/compiler.h"
#include "assay/verify.h"
#include "compiler/codegen/backend.h"
#include "compiler/codegen/dump.h"
#include "compiler/codegen/observer.h"
#include "compiler/debug/disassemble.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace assay::codegen {

/// Keeps what each stage gave.
class Recorder : public Observer {
public:
  std::vector<LirFunction> functions;
  std::vector<Allocation> allocations;
  RegisterFile registers;

  void lowered(FunctionId, const LirFunction& function) override { functions.push_back(function); }
  std::string allocated(FunctionId, const LirFunction&, const Allocation& allocation,
                        const RegisterFile& file) override {
    allocations.push_back(allocation);
    registers = file;
    return {};
  }
};

inline Module parse(std::string_view text) {
  Result<Module> module = parse_and_verify(text);
  EXPECT_TRUE(module.ok()) << module.error().to_string();
  return module.ok() ? std::move(*module) : Module{};
}

/// For x64, whatever the host is: what these tests expect is x64 code. (compiler/target/a64/tests has the other
/// target's.)
inline CodeObject compile(const Module& module, CompileOptions options = {}) {
  CodeObject object;
  options.target = Target::X64;
  Compiler compiler(options);
  const Result<void> done = compiler.compile(module, object);
  EXPECT_TRUE(done.ok()) << done.error().to_string();
  return object;
}
inline CodeObject compile(std::string_view text, CompileOptions options = {}) { return compile(parse(text), options); }

/// The last function's LIR, with the options' convention and features.
inline LirFunction lower(std::string_view text, CompileOptions options = {}) {
  Recorder recorder;
  options.observer = &recorder;
  compile(text, options);
  return recorder.functions.empty() ? LirFunction{} : recorder.functions.back();
}

/// Names of the operations, in order: "args imm add ret".
inline std::string op_names(const LirFunction& function) {
  std::string names;
  for (const LirInst& inst : function.insts) {
    names += names.empty() ? "" : " ";
    names += lir_names(Target::X64).op_name(inst.op);
  }
  return names;
}

/// The first instruction of that name; fails when there is none.
inline LirInst find_op(const LirFunction& function, std::string_view name) {
  for (const LirInst& inst : function.insts) {
    if (lir_names(Target::X64).op_name(inst.op) == name) return inst;
  }
  ADD_FAILURE() << "no " << name << " in: " << op_names(function);
  return {};
}

/// The function's instructions; offsets from its first byte.
inline std::vector<debug::Line> disassemble(const CodeObject& object, const FunctionCode& function) {
  std::vector<debug::Line> lines;
  const std::span<const u8> bytes{object.code.data() + function.begin, function.end - function.begin};
  const Result<void> done = debug::disassemble(Target::X64, bytes, function.begin, lines);
  EXPECT_TRUE(done.ok());
  return lines;
}

} // namespace assay::codegen
