// ore.h - Ore, a small typed language, compiled to AIR with locals.
//
// Grammar and semantics: compiler/lang/README.md. The module that comes out is verified. Cost is linear in the text.
// Tested in compiler/lang/tests/.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"

#include <string_view>
#include <vector>

namespace assay {

struct OreOptions {
  bool fuel = false; ///< take one unit of fuel at each function's entry and on each way around a loop
};

/// What a compile gives: a module or, when `errors` is not empty, nothing of use. Errors come in the order of the text,
/// at most kMaxOreErrors of them; each names file, line and column.
struct OreResult {
  Module module;
  std::vector<Error> errors;
  bool ok() const { return errors.empty(); }
};
inline constexpr u32 kMaxOreErrors = 20;

/// Compiles a program. `file` names it in errors.
OreResult compile_ore(std::string_view text, std::string_view file, const OreOptions& options = {});

/// Compiles one expression as the body of an exported function `main` without parameters, of the expression's type.
OreResult compile_ore_expression(std::string_view text, std::string_view file, const OreOptions& options = {});

} // namespace assay
