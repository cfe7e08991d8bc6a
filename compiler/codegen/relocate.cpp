// relocate.cpp - see relocate.h.
//
// Distances are computed in 64 bits, without overflow for addresses below 2^63, and refused when a field cannot hold
// them: a truncated one would be a jump to somewhere. Tested in compiler/codegen/tests/relocate_test.cpp.
#include "compiler/codegen/relocate.h"

#include "compiler/target/a64/encoding.h"

#include <cstring>

namespace assay::codegen {

namespace {

/// `at` and `target` are addresses. False when the field cannot hold it.
bool fill(RelocKind kind, u8* field, i64 at, i64 target) {
  switch (kind) {
  case RelocKind::Rel32: {
    const i64 distance = target - (at + 4);
    const i32 narrow = static_cast<i32>(distance);
    std::memcpy(field, &narrow, 4);
    return narrow == distance;
  }
  case RelocKind::Abs64: std::memcpy(field, &target, 8); return true;
  case RelocKind::Branch26: return a64::patch_rel26(field, target - at);
  case RelocKind::Lea: return a64::patch_lea(field, at, target);
  }
  return false;
}

Error unsupported(std::string what) { return Error{ErrorKind::Unsupported, {}, 0, 0, std::move(what)}; }

} // namespace

Result<void> relocate(const CodeObject& object, u8* code, u64 address) {
  if (address % object.alignment != 0)
    return unsupported("the code must lie at a multiple of " + std::to_string(object.alignment));
  for (const Reloc& reloc : object.relocs) {
    if (!object.has(reloc.function))
      return Error{ErrorKind::BadInput, {}, 0, 0, "a function was left out that the code refers to"};
    const u64 entry = address + object.code_of(reloc.function).begin;
    const i64 target = static_cast<i64>(entry + static_cast<u64>(i64{reloc.addend}));
    if (!fill(reloc.kind, code + reloc.offset, static_cast<i64>(address + reloc.offset), target))
      return unsupported("a function lies out of reach of what refers to it");
  }
  return {};
}

} // namespace assay::codegen
