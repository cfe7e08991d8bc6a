// opcodes.h - the operation table as data: enum class Opcode and one OpcodeInfo a row of opcodes.def.
//
// Everything that must treat operations alike (parser, printer, verifier, generator, coverage) asks
// `info(op)`. Constant data, no allocation. Tested in compiler/ir/tests/opcodes_test.cpp.
#pragma once

#include "assay/types.h"

#include <string_view>

namespace assay {

enum class Opcode : u8 {
#define OP(name, ...) name,
#include "assay/opcodes.def"
};

inline constexpr u32 kOpcodeCount = 0
#define OP(name, ...) +1
#include "assay/opcodes.def"
    ;

/// How an operation's references and immediates are written after its mnemonic.
enum class Form : u8 {
  Plain,           // %a, %b
  Const,           // literal
  Access,          // %address, OFFSET [, %value]         (imm = OFFSET)
  Slot,            // $slot                               (ref = SlotId)
  Local,           // $local [, %value]                   (ref = LocalId)
  Global,          // @global [, %value]                  (ref = GlobalId)
  FuncAddr,        // @f                                  (ref = FunctionId)
  Call,            // @f(%a, ...)                         (ref = FunctionId)
  CallIndirect,    // (types) -> types %index(%a, ...)    (ref = SignatureId; operand 0 is the index)
  CallPtr,         // (types) -> types %ptr(%a, ...)      (ref = SignatureId; operand 0 is the pointer)
  Jump,            // ^b(%a, ...)                         (edge 0)
  Branch,          // %c, ^t(...), ^f(...)                (edge 0 taken when nonzero, edge 1 when zero)
  Switch,          // %v [0: ^a, 7: ^b(...)], ^default    (case edges, the default edge last)
  Return,          // %a, ...
  Trap,            // NAME                                (imm = TrapKind)
  Throw,           // @tag(%a, ...)                       (ref = TagId)
  TryCall,         // @f(...) -> ^ok(...), catch @tag ^h(...), catch_all ^x(...)   (ref = FunctionId)
  TryCallIndirect, // (types) -> types %index(...) -> ^ok(...), clauses            (ref = SignatureId)
  TryCallPtr,      // (types) -> types %ptr(...) -> ^ok(...), clauses              (ref = SignatureId)
  Fuel,            // N                                   (imm = N)
};

/// The constraint between the two type suffixes of a cast.
enum class Relation : u8 { Any, Wider, Narrower, SameSize };

using OpFlags = u16;
inline constexpr OpFlags kPure = 1, kTraps = 2, kReads = 4, kWrites = 8, kCalls = 16, kEnds = 32, kCommutes = 64,
                         kEffect = 128;

/// One row of opcodes.def. The letters of `operands` and `results` are explained there.
struct OpcodeInfo {
  std::string_view name; // the text form, without type suffix
  Form form;
  std::string_view operands;
  std::string_view results;
  TypeMask types;      // what T may be; mask_of(None) when there is no suffix
  TypeMask from_types; // what S may be; mask_of(None) when there is no second suffix
  Relation relation;
  OpFlags flags;
  std::string_view meaning;

  bool has_type() const { return types != mask_of(Type::None); }
  bool has_from() const { return from_types != mask_of(Type::None); }
  bool is(OpFlags flag) const { return (flags & flag) != 0; }
};

extern const OpcodeInfo kOpcodeTable[kOpcodeCount];

inline const OpcodeInfo& info(Opcode op) { return kOpcodeTable[static_cast<u32>(op)]; }

inline bool is_comparison(Opcode op) {
  return (op >= Opcode::Eq && op <= Opcode::GeU) || (op >= Opcode::FEq && op <= Opcode::FGe);
}
inline bool is_try_call(Opcode op) {
  return op == Opcode::TryCall || op == Opcode::TryCallIndirect || op == Opcode::TryCallPtr;
}
/// A load or store of linear memory: those of native memory do not trap.
inline bool is_linear_access(Opcode op) { return info(op).form == Form::Access && info(op).is(kTraps); }
/// Bytes that an access to linear or native memory touches.
u32 access_bytes(Opcode op, Type type);

/// The operation of that text name, or false. Perfect-hash or binary search; no allocation.
bool opcode_from_name(std::string_view name, Opcode& out);

/// Whether the row admits these type suffixes (T, and S for casts; None where the row has none).
bool types_allowed(Opcode op, Type type, Type from);

} // namespace assay
