// mnemonic.h - "add.i32" in the text to an operation and its types, for the parser's common case.
//
// Names are compared as three words; tables are made from opcodes.def at compile time. `read_mnemonic` gives up on
// whatever is unusual or wrong, and the parser's plain reader then decides and reports.
// Tested in tests/printer_test.cpp (every row and type) and tests/parser_test.cpp (what it must not accept).
#pragma once

#include "compiler/ir/chars.h"
#include "compiler/ir/op_shape.h"
#include "compiler/ir/swar.h"

namespace assay::ir {

struct NameWords {
  u64 words[3] = {};
};

constexpr u32 hash_words(const NameWords& name) {
  const u64 mixed =
      (name.words[0] ^ (name.words[1] * 0x9e3779b97f4a7c15u) ^ (name.words[2] << 7)) * 0xff51afd7ed558ccdu;
  return static_cast<u32>(mixed >> 55);
}

struct MnemonicTable {
  u8 slots[512] = {};
  NameWords names[kOpcodeCount] = {};
};

constexpr MnemonicTable build_mnemonics() {
  constexpr std::string_view names[kOpcodeCount] = {
#define OP(name, text, ...) text,
#include "assay/opcodes.def"
  };
  MnemonicTable table;
  for (u8& slot : table.slots) slot = 0xff;
  for (u32 op = 0; op < kOpcodeCount; ++op) {
    for (std::size_t i = 0; i < names[op].size(); ++i)
      table.names[op].words[i / 8] |= static_cast<u64>(static_cast<u8>(names[op][i])) << (8 * (i % 8));
    u32 at = hash_words(table.names[op]);
    while (table.slots[at] != 0xff) at = (at + 1) % 512;
    table.slots[at] = static_cast<u8>(op);
  }
  return table;
}
inline constexpr MnemonicTable kMnemonics = build_mnemonics();

/// ".i32" as the low bytes of a word, by a hash of two of its letters.
struct SuffixTable {
  Type types[256] = {};
  u64 texts[kTypeCount] = {};
  u8 sizes[kTypeCount] = {};
};
constexpr u32 hash_suffix(u64 word) { return ((word >> 16 & 0xff) ^ (word >> 8 & 0xff) << 1) & 0xff; }

constexpr SuffixTable build_suffixes() {
  constexpr std::string_view names[kTypeCount] = {"", ".i8", ".i16", ".i32", ".i64", ".f32", ".f64", ".ptr"};
  SuffixTable table;
  for (u32 type = 1; type < kTypeCount; ++type) {
    table.sizes[type] = static_cast<u8>(names[type].size());
    for (std::size_t i = 0; i < names[type].size(); ++i)
      table.texts[type] |= static_cast<u64>(names[type][i]) << (8 * i);
    table.types[hash_suffix(table.texts[type])] = static_cast<Type>(type);
  }
  return table;
}
inline constexpr SuffixTable kSuffixes = build_suffixes();

/// ".type" at p: moves p past it. False when there is none.
inline bool read_suffix(const char*& p, Type& out) {
  const u64 word = load8(p);
  out = kSuffixes.types[hash_suffix(word)];
  const u32 size = kSuffixes.sizes[static_cast<u32>(out)];
  p += size;
  return out != Type::None && first_chars(word, size) == kSuffixes.texts[static_cast<u32>(out)];
}

/// The operation and its suffixes at p, which must be padded by 32 bytes; moves p to the end.
inline bool read_mnemonic(const char*& p, Opcode& op, Type& type, Type& from) {
  NameWords name;
  u32 size = 0; // of the name: characters from '0' on, which leaves out '.', space and brackets
  for (u32 i = 0; i < 3; ++i) {
    const u64 word = load8(p + 8 * i);
    const u32 count = first_below(word, '0');
    name.words[i] = first_chars(word, count);
    size += count;
    if (count < 8) break;
  }
  u32 at = hash_words(name);
  for (;; at = (at + 1) % 512) {
    if (kMnemonics.slots[at] == 0xff) return false;
    const NameWords& known = kMnemonics.names[kMnemonics.slots[at]];
    if (((known.words[0] ^ name.words[0]) | (known.words[1] ^ name.words[1]) | (known.words[2] ^ name.words[2])) == 0)
      break;
  }
  op = static_cast<Opcode>(kMnemonics.slots[at]);
  const char* end = p + size;
  const OpShape& row = shape(op);
  if (row.has_type() && !read_suffix(end, type)) return false;
  if (row.has_from() && !read_suffix(end, from)) return false;
  if (is_name(*end)) return false;
  p = end;
  return true;
}

} // namespace assay::ir
