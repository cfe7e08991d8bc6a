// opcode_index.h - opcodes.def sorted for drawing: plain operations by family, memory accesses by kind.
//
// Everything here is computed from the table's columns, so a new row is generated without a change.
// Built once; constant afterwards. Tested in fuzz/generate/draw/tests/opcode_index_test.cpp.
#pragma once

#include "assay/opcodes.h"

#include <array>
#include <vector>

namespace assay::fuzz {

enum class Family : u8 { Integer, Divide, Compare, Floating, Cast, Choice };
inline constexpr u32 kFamilyCount = 6;

/// An operation with its types.
struct Combination {
  Opcode op = Opcode::Const;
  Type type = Type::None;
  Type from = Type::None;
};

/// A load or store with its type and the bytes it touches.
struct Access {
  Opcode op = Opcode::Load;
  Type type = Type::None;
  u32 bytes = 0;
};

struct OpcodeIndex {
  struct Row {
    u32 first = 0; // in `combinations`
    u32 count = 0;
  };
  std::vector<Combination> combinations; // of operations without effect or reference; never of type ptr
  std::array<std::vector<Row>, kFamilyCount> families;
  std::vector<Access> loads, stores;                 // linear memory
  std::vector<Access> pointer_loads, pointer_stores; // native; not of type ptr

  OpcodeIndex();
};

const OpcodeIndex& opcode_index();

/// The results of a row, in eight bytes.
struct ResultLetters {
  u8 count = 0;
  bool is_call = false; // '*': those of a signature
  char letters[6] = {};
};
constexpr ResultLetters make_result_letters(std::string_view results) {
  ResultLetters out;
  for (const char letter : results) {
    if (letter == '*') out.is_call = true;
    else out.letters[out.count++] = letter;
  }
  return out;
}
inline constexpr ResultLetters kResultLetters[kOpcodeCount] = {
#define OP(name, text, form, operands, results, ...) make_result_letters(results),
#include "assay/opcodes.def"
};
constexpr ResultLetters result_letters(Opcode op) { return kResultLetters[static_cast<u32>(op)]; }

/// The type that an operand or result letter stands for in a row with these types; None for '*' and 'A', 'C'
/// (which leave a choice).
constexpr Type type_of_letter(char letter, Type type, Type from) {
  switch (letter) {
  case 'T': return type;
  case 'S': return from;
  case 'B': return Type::I8;
  case 'L': return Type::I64;
  case 'P': return Type::Ptr;
  default: return Type::None;
  }
}

} // namespace assay::fuzz
