// code_object.cpp - look-ups in a CodeObject, and the names of targets and systems.
//
// The tables are sorted by offset (the emitter appends in code order), so a look-up is a binary search.
// Tested in compiler/codegen/tests/compile_tables_test.cpp.
#include "assay/code_object.h"

#include "assay/module.h"

#include <algorithm>

namespace assay {

namespace {

template <typename Entry> const Entry* find(const std::vector<Entry>& entries, u32 offset) {
  const auto it = std::lower_bound(entries.begin(), entries.end(), offset,
                                   [](const Entry& entry, u32 wanted) { return entry.offset < wanted; });
  return it != entries.end() && it->offset == offset ? &*it : nullptr;
}

} // namespace

std::string_view name_of(Target target) {
  switch (target) {
  case Target::X64: return "x64";
  case Target::A64: return "a64";
  }
  return "?";
}

std::string_view name_of(Os os) {
  switch (os) {
  case Os::Linux: return "linux";
  case Os::Windows: return "windows";
  case Os::Apple: return "apple";
  }
  return "?";
}

Result<void> CodeObject::fits(const Module& module) const {
  const auto other = [](std::string why) {
    return Error{ErrorKind::BadInput, {}, 0, 0, "the code is not of this module: " + std::move(why)};
  };
  if (function_entry.size() != module.functions.size()) return other("another number of functions");
  for (FunctionId id = 0; id < module.functions.size(); ++id)
    if (module.functions[id].exported && !has(id)) return other("@" + module.functions[id].name + " is not there");
  for (const FunctionId id : module.table)
    if (id != kNone && !has(id)) return other("@" + module.functions[id].name + " is not there");
  return {};
}

const PcPosition* CodeObject::position_at(u32 offset) const { return find(positions, offset); }
const FaultSite* CodeObject::fault_at(u32 offset) const { return find(faults, offset); }
const CallSite* CodeObject::call_site_at(u32 offset) const { return find(call_sites, offset); }

void CodeObject::clear() {
  alignment = 16;
  code.clear();
  rodata.clear();
  relocs.clear();
  functions.clear();
  function_entry.clear();
  frame_ops.clear();
  positions.clear();
  inlined_calls.clear();
  faults.clear();
  call_sites.clear();
  clauses.clear();
  names.clear();
}

} // namespace assay
