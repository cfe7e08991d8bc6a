// relocate.h - fills in the fields of a CodeObject that depend on where its functions lie.
//
// One function for everybody who puts code somewhere: the installer, the emulators. Pure: it writes the copy of the
// code that it is given and knows the address where that copy will run, which may be another view of it or another
// machine. Linear in the relocations. Tested in compiler/codegen/tests/relocate_test.cpp.
#pragma once

#include "assay/code_object.h"
#include "assay/errors.h"

namespace assay::codegen {

/// The bytes of the field of a relocation.
constexpr u32 field_bytes(RelocKind kind) { return kind == RelocKind::Abs64 || kind == RelocKind::Lea ? 8 : 4; }

/// `code`: a copy of object.code, to be filled in; `address`: where its first byte will run. Unsupported when the
/// address is not a multiple of object.alignment or a target is out of a field's reach; what is in `code` then is of no
/// use. The object must be valid (jit::validate).
Result<void> relocate(const CodeObject& object, u8* code, u64 address);

} // namespace assay::codegen
