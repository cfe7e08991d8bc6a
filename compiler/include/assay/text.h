// text.h - AIR as text: parser and canonical printer (docs/air.md, "A module").
//
// print(parse(print(m))) == print(m), byte for byte, and two programs are equal when their text is.
// The parser is linear in the text, needs no lookahead beyond a token and resolves forward references
// at the end; it accepts any order of top-level lines. It checks syntax and names; verify.h does the rest.
// Tested in compiler/ir/tests/{parser,printer}_test.cpp; speed in compiler/ir/bench/.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"

#include <string>
#include <string_view>

namespace assay {

/// Where instructions were written, so that later errors can name line and column.
struct SourceMap {
  /// One entry an instruction, function by function: line of its first token.
  std::vector<std::vector<u32>> lines;       // [FunctionId][InstId]
  std::vector<std::vector<u32>> columns;     // [FunctionId][InstId], of that token
  std::vector<std::vector<u32>> block_lines; // [FunctionId][BlockId], of the label
  std::vector<u32> function_lines;           // [FunctionId]
};

/// Parses `text`. `file` names it in errors. `map` may be null.
Result<Module> parse_module(std::string_view text, std::string_view file = "<text>", SourceMap* map = nullptr);

/// The same into an existing module, whose storage is reused.
Result<void> parse_module_into(std::string_view text, std::string_view file, Module& out, SourceMap* map = nullptr);

/// Parses one literal of the type ("-3", "0x1.8p+1", "nan:0x7fc00001"); the bits, or what was expected.
Result<u64> parse_literal(std::string_view text, Type type);

/// Appends the canonical text.
void print_module(const Module& module, std::string& out);
void print_function(const Module& module, FunctionId function, std::string& out);
/// A value as AIR literals are written: integers decimal and signed, floats as exact hex floats.
void print_literal(Type type, u64 bits, std::string& out);
std::string to_text(const Module& module);

} // namespace assay
