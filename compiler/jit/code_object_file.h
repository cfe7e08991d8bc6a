// code_object_file.h - a CodeObject as bytes: for guests that run it elsewhere, and as evidence in findings.
//
// Form: "ASSAYOBJ", version (u32), length of what follows (u64), its checksum (FNV-1a, u64), then the fields in the
// order of code_object.h, little-endian, arrays preceded by their count (u32). The same object gives the same bytes on
// every host. The reader trusts nothing: lengths, ranges, orders, indices and enumerators are all checked, so
// that whatever it accepts may be installed. Linear. Tested in compiler/jit/tests/code_object_file_test.cpp.
#pragma once

#include "assay/code_object.h"
#include "assay/errors.h"

#include <span>
#include <vector>

namespace assay::jit {

inline constexpr u32 kCodeObjectVersion = 5;

/// Appends the file's bytes.
void serialise(const CodeObject& object, std::vector<u8>& out);
/// BadInput names the offset in the file and what is wrong there.
Result<CodeObject> deserialise(std::span<const u8> bytes);

/// The invariants of code_object.h that an installer and the walks rely on; part of `deserialise`.
Result<void> validate(const CodeObject& object);

} // namespace assay::jit
