// disassemble.h - machine code as text, for dumps, reports and the assemblers' tests.
//
// Capstone does the work; disassemble.cpp is the only file that knows it. Not for hot paths: a string a line.
// Tested in compiler/debug/tests/disassemble_test.cpp.
#pragma once

#include "assay/code_object.h"

#include <span>
#include <string>
#include <vector>

namespace assay::debug {

/// One instruction.
struct Line {
  u32 offset = 0;   // of its first byte, in the bytes given
  u32 length = 0;   // bytes
  std::string text; // "mov rax, qword ptr [rbp - 8]", Intel syntax on x64; ".byte 0x.." where nothing decodes
};

/// This build can disassemble.
bool can_disassemble();

/// Overwrites `out` with the instructions of `bytes`, the first of which lies at `address`. Bytes that decode to
/// nothing become a line of their own (one byte on x64, up to four on a64). Unsupported without Capstone.
Result<void> disassemble(Target target, std::span<const u8> bytes, u64 address, std::vector<Line>& out);

} // namespace assay::debug
