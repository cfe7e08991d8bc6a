// opcodes.cpp - the operation table with its names, and the way from a name to its row.
//
// The rows are opcodes.def, included as they stand. The name look-up is a hash table filled at compile
// time: a hash of the length and four characters, open addressing at a quarter load, one comparison of
// strings on a hit. Cost: some nanoseconds, no allocation. Needs nothing; tested in tests/opcodes_test.cpp.
#include "assay/opcodes.h"

#include "compiler/ir/op_shape.h"

namespace assay {

using namespace ir::rows;

const OpcodeInfo kOpcodeTable[kOpcodeCount] = {
#define OP(name, text, form, operands, results, types, from, relation, flags, meaning) \
  {text, Form::form, operands, results, types, from, relation, flags, meaning},
#include "assay/opcodes.def"
};

namespace {

constexpr std::string_view kNames[kOpcodeCount] = {
#define OP(name, text, ...) text,
#include "assay/opcodes.def"
};

constexpr u32 kTableBits = 9;
constexpr u32 kTableSize = 1u << kTableBits;
constexpr u8 kEmpty = 0xff;
static_assert(kOpcodeCount < kEmpty && kOpcodeCount * 3 < kTableSize, "enlarge the name table");

constexpr u32 hash_name(std::string_view name) {
  const auto at = [&](std::size_t i) { return static_cast<u32>(static_cast<u8>(name[i])); };
  const std::size_t n = name.size();
  const u32 key = at(0) | at(n / 2) << 8 | at(n - 1) << 16 | (at(n / 4) ^ static_cast<u32>(n)) << 24;
  return (key * 0x9e3779b1u) >> (32 - kTableBits);
}

struct NameTable {
  u8 slots[kTableSize] = {};
};

constexpr NameTable build_names() {
  NameTable table;
  for (u8& slot : table.slots) slot = kEmpty;
  for (u32 op = 0; op < kOpcodeCount; ++op) {
    u32 at = hash_name(kNames[op]);
    while (table.slots[at] != kEmpty) at = (at + 1) % kTableSize;
    table.slots[at] = static_cast<u8>(op);
  }
  return table;
}

constexpr NameTable kTable = build_names();

} // namespace

bool opcode_from_name(std::string_view name, Opcode& out) {
  if (name.empty()) return false;
  for (u32 at = hash_name(name); kTable.slots[at] != kEmpty; at = (at + 1) % kTableSize) {
    if (kNames[kTable.slots[at]] != name) continue;
    out = static_cast<Opcode>(kTable.slots[at]);
    return true;
  }
  return false;
}

u32 access_bytes(Opcode op, Type type) {
  switch (op) {
  case Opcode::Load8S:
  case Opcode::Load8U:
  case Opcode::Store8:
  case Opcode::PLoad8S:
  case Opcode::PLoad8U:
  case Opcode::PStore8: return 1;
  case Opcode::Load16S:
  case Opcode::Load16U:
  case Opcode::Store16:
  case Opcode::PLoad16S:
  case Opcode::PLoad16U:
  case Opcode::PStore16: return 2;
  case Opcode::Load32S:
  case Opcode::Load32U:
  case Opcode::Store32:
  case Opcode::PLoad32S:
  case Opcode::PLoad32U:
  case Opcode::PStore32: return 4;
  default: return size_of(type);
  }
}

bool types_allowed(Opcode op, Type type, Type from) { return ir::suffixes_allowed(ir::shape(op), type, from); }

} // namespace assay
