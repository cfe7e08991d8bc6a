// compile_support.h - shared by the tests of a64's lowering and emission: AIR text in, names of LIR or assembly out.
#pragma once

#include "assay/compiler.h"
#include "assay/verify.h"
#include "compiler/codegen/backend.h"
#include "compiler/codegen/observer.h"
#include "compiler/debug/disassemble.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace assay::a64 {

inline CompileOptions options_for(Os os = Os::Linux) {
  CompileOptions options;
  options.target = Target::A64;
  options.os = options.host_os = os;
  return options;
}

/// Keeps the LIR of the last function.
class LirRecorder : public codegen::Observer {
public:
  codegen::LirFunction last;
  void lowered(FunctionId, const codegen::LirFunction& function) override { last = function; }
};

inline CodeObject compiled(std::string_view text, CompileOptions options = options_for()) {
  CodeObject object;
  const Result<Module> module = parse_and_verify(text);
  EXPECT_TRUE(module.ok()) << module.error().to_string();
  if (!module.ok()) return object;
  Compiler compiler(options);
  const Result<void> done = compiler.compile(*module, object);
  EXPECT_TRUE(done.ok()) << done.error().to_string();
  return object;
}

inline codegen::LirFunction lowered(std::string_view text, CompileOptions options = options_for()) {
  LirRecorder recorder;
  options.observer = &recorder;
  compiled(text, options);
  return recorder.last;
}

/// Names of the operations, in order: "args imm add ret".
inline std::string op_names(const codegen::LirFunction& function) {
  std::string names;
  for (const codegen::LirInst& inst : function.insts) {
    names += names.empty() ? "" : " ";
    names += codegen::lir_names(Target::A64).op_name(inst.op);
  }
  return names;
}

/// The first instruction of that name; fails when there is none.
inline codegen::LirInst find_op(const codegen::LirFunction& function, std::string_view name) {
  for (const codegen::LirInst& inst : function.insts) {
    if (codegen::lir_names(Target::A64).op_name(inst.op) == name) return inst;
  }
  ADD_FAILURE() << "no " << name << " in: " << op_names(function);
  return {};
}

/// The instructions of a function, one a line.
inline std::string assembly(const CodeObject& object, u32 function = 0) {
  const FunctionCode& code = object.functions[object.function_entry[function]];
  std::vector<debug::Line> lines;
  const std::span<const u8> bytes{object.code.data() + code.begin, code.end - code.begin};
  const Result<void> done = debug::disassemble(Target::A64, bytes, code.begin, lines);
  EXPECT_TRUE(done.ok());
  std::string text;
  for (const debug::Line& line : lines) text += line.text + "\n";
  return text;
}
inline bool can_disassemble() {
  std::vector<debug::Line> lines;
  const u8 nop[4] = {0x1f, 0x20, 0x03, 0xd5};
  return debug::disassemble(Target::A64, nop, 0, lines).ok();
}

/// A function of two values of the type, whose body computes %r.
inline std::string binary(const std::string& type, const std::string& body, const std::string& result = "") {
  const std::string r = result.empty() ? type : result;
  return "export func @f(" + type + ", " + type + ") -> " + r + " {\n^e(%a: " + type + ", %b: " + type + "):\n" + body +
         "\n return %r\n}\n";
}

} // namespace assay::a64
