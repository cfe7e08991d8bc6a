// dwarf.h - FrameDescription to DWARF call frame information (.eh_frame), for x64.
//
// Asynchronous: each effect has its row at the exact offset where it holds, epilogues included (their state is
// remembered before and restored behind). CIE "zR", FDE pointers pc-relative signed 4 bytes, as the LSB 5.0 ("Exception
// Frames") and every Unix unwinder want them. Pure; linear in the frame effects, about 80 ns a function.
// Tested in compiler/unwind/tests/dwarf_test.cpp (a machine model, readelf, hand-computed rows).
#pragma once

#include "assay/code_object.h"

#include <vector>

namespace assay::unwind {

enum class EhFrameShape : u8 {
  OneSection,      // CIE | FDE of each function, in order | zero word
  UnitPerFunction, // for each function: CIE | FDE | zero word, so that each may be registered by itself
};

struct EhFrameOptions {
  EhFrameShape shape = EhFrameShape::OneSection;
  /// Rules for xmm registers too. The convention between AIR functions may keep some (Windows); System V keeps none,
  /// and LLVM's unwinder gives up at such a rule on Unix, so what is registered there goes without.
  bool vector_registers = false;
};

/// Overwrites `out`, reusing its storage. `section_at`: distance in bytes from the code's first byte to the section's
/// first byte, positive when the section comes later; a multiple of 4. `fde_offsets`, when given, becomes the offset in
/// the section of each function's FDE, in the order of CodeObject::functions. False, and `out` empty, when code and
/// section lie more than 2 GiB apart or the target is not x64.
bool write_eh_frame(const CodeObject& object, i64 section_at, std::vector<u8>& out, const EhFrameOptions& options = {},
                    std::vector<u32>* fde_offsets = nullptr);

} // namespace assay::unwind
