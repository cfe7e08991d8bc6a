// code_lines.cpp - see code_lines.h.
//
// Calls and fault sites are merged in the order of their offsets. A call's row begins where the row before ends; a
// fault site's row at the site. Nothing of the source is believed: an index outside of it is a position without line.
// Tested in compiler/debug/info/tests/code_lines_test.cpp.
#include "compiler/debug/info/code_lines.h"

#include <algorithm>

namespace assay::debug {

namespace {

u32 line_of(const Position& position, const DebugSource& source) {
  const SourceMap& map = *source.map;
  if (position.function >= map.lines.size() || position.function >= source.module->functions.size()) return 0;
  const Function& function = source.module->functions[position.function];
  if (position.block >= function.blocks.size()) return 0;
  const u64 inst = u64{function.blocks[position.block].first_inst} + position.inst;
  const std::vector<u32>& lines = map.lines[position.function];
  return inst < lines.size() ? lines[inst] : 0;
}

/// Where the function's first instruction behind its prologue begins.
u32 body_begin(const CodeObject& object, const FunctionCode& function) {
  u32 end = 0;
  for (const FrameOp& op : object.frame_of(function)) {
    if (op.effect == FrameEffect::EpilogueBegin) break;
    end = op.offset;
  }
  return function.begin + end;
}

/// Appends, or changes the last row where that has the same offset or line.
void append(std::vector<LineRow>& rows, u32 offset, u32 line) {
  if (line == 0) return;
  if (!rows.empty() && rows.back().offset >= offset) {
    rows.back().line = line;
  } else if (rows.empty() || rows.back().line != line) {
    rows.push_back({offset, line});
  }
}

} // namespace

u32 declared_at(const FunctionCode& function, const DebugSource& source) {
  if (source.map == nullptr || function.function >= source.map->function_lines.size()) return 0;
  return source.map->function_lines[function.function];
}

void lines_of(const CodeObject& object, const FunctionCode& function, const DebugSource& source,
              std::vector<LineRow>& out) {
  out.clear();
  if (function.is_thunk || source.map == nullptr || source.module == nullptr) return;
  append(out, function.begin, declared_at(function, source));
  const auto behind = [](const auto& a, u32 offset) { return a.offset < offset; };
  u32 next = body_begin(object, function); // where the next row begins that has no other place
  // The prologue, with the trap of its stack check, has the line of the declaration.
  auto call = std::lower_bound(object.positions.begin(), object.positions.end(), next + 1, behind);
  auto fault = std::lower_bound(object.faults.begin(), object.faults.end(), next, behind);
  for (;;) {
    const bool has_call = call != object.positions.end() && call->offset <= function.end;
    const bool has_fault = fault != object.faults.end() && fault->offset < function.end;
    if (!has_call && !has_fault) return;
    if (has_fault && (!has_call || fault->offset < call->offset)) {
      append(out, fault->offset, line_of(fault->position, source));
      next = fault->offset + 1;
      ++fault;
    } else {
      append(out, std::min(next, call->offset - 1), line_of(call->position, source));
      next = call->offset;
      ++call;
    }
  }
}

std::string shown_name(const CodeObject& object, const FunctionCode& function) {
  std::string name = function.function < object.names.size() ? object.names[function.function] : std::string();
  if (name.empty()) return "assay_code_" + std::to_string(function.begin);
  if (!function.is_thunk) return name;
  // gdb takes a name with a dot, that has no debug information, for one of Ada's and prints it otherwise.
  if (name.rfind("assay.", 0) == 0) return "assay_" + name.substr(6);
  return "import_" + name;
}

} // namespace assay::debug
