// dwarf.h - FrameDescription to DWARF call frame information (.eh_frame), for x64 and ARM64.
//
// CIE and rules follow the System V AMD64 ABI, 3.7 and 6.2, and "DWARF for the Arm 64-bit Architecture": there the
// return address is column 30 (x30 until it is saved), signed return addresses are DW_CFA_AARCH64_negate_ra_state, and
// a saved vector register stands for its low half, d8-d15. Code offsets count instructions there, so they must be
// multiples of 4. Asynchronous: each effect has its row at the exact offset where it holds, epilogues included (their
// state is remembered before and restored behind). CIE "zR", FDE pointers pc-relative signed 4 bytes, as the LSB 5.0
// ("Exception Frames") and every Unix unwinder want them. Pure; linear in the frame effects, about 80 ns a function.
// Tested in compiler/unwind/tests/ (machine models, readelf, hand-computed rows).
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
  /// x64: rules for xmm registers too. The convention between AIR functions may keep some (Windows); System V keeps
  /// none, and LLVM's unwinder gives up at such a rule on Unix, so what is registered there goes without. ARM64:
  /// always.
  bool vector_registers = false;
  /// Address of the frames' personality routine; 0: none (then no `lsda` either). With it the CIE is "zPLR", both
  /// pointers absolute, 8 bytes.
  u64 personality = 0;
  u64 lsda = 0; // language-specific data of every function, what the personality is given
};

/// Overwrites `out`, reusing its storage. `section_at`: distance in bytes from the code's first byte to the section's
/// first byte, positive when the section comes later; a multiple of 4. `fde_offsets`, when given, becomes the offset in
/// the section of each function's FDE, in the order of CodeObject::functions. False, and `out` empty, when code and
/// section lie more than 2 GiB apart.
bool write_eh_frame(const CodeObject& object, i64 section_at, std::vector<u8>& out, const EhFrameOptions& options = {},
                    std::vector<u32>* fde_offsets = nullptr);

} // namespace assay::unwind
