// ore.cpp - the way of an Ore program: tokens, tree, declarations, bodies, module. See assay/ore.h.
//
// What comes out is verified: a module that the verifier refuses is a defect of this folder, and is reported as such.
#include "assay/ore.h"

#include "assay/verify.h"
#include "compiler/lang/emitter.h"
#include "compiler/lang/parser.h"

namespace assay {

namespace {

OreResult compile(std::string_view text, std::string_view file, const OreOptions& options, bool lone) {
  OreResult out;
  if (text.size() >= kNone) {
    out.errors.push_back({ErrorKind::BadInput, std::string(file), 0, 0, "expected a program of less than 4 GiB"});
    return out;
  }
  lang::Diagnostics diagnostics(text, file, out.errors);
  lang::Ast ast;
  lang::Parser parser(diagnostics, ast);
  if (lone) parser.lone_expression();
  else parser.program();
  if (!diagnostics.any()) {
    lang::Program program(diagnostics, ast, out.module, options);
    program.declare();
    lang::Throwers throwers(out.module);
    for (std::size_t i = 0; i < ast.functions.size() && !diagnostics.full(); ++i) {
      if (ast.functions[i].imported) continue;
      lang::FunctionEmitter(program, throwers, ast.functions[i], program.function_symbols[i]).run();
    }
    throwers.fill();
    if (!diagnostics.any()) program.finish();
  }
  diagnostics.sort();
  if (!out.ok()) return out;
  if (auto verified = verify(out.module, file); !verified) {
    Error error = verified.error();
    error.kind = ErrorKind::Internal;
    error.message = "the AIR made of it is wrong: " + error.message;
    out.errors.push_back(std::move(error));
  }
  return out;
}

} // namespace

OreResult compile_ore(std::string_view text, std::string_view file, const OreOptions& options) {
  return compile(text, file, options, false);
}

OreResult compile_ore_expression(std::string_view text, std::string_view file, const OreOptions& options) {
  return compile(text, file, options, true);
}

} // namespace assay
