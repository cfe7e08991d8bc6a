// op_shape.h - the rows of opcodes.def in the form that the hot loops read: counts and small codes, no strings.
//
// OpcodeInfo (assay/opcodes.h) is what people and tools read; OpShape is the same row digested at compile
// time, for parser, printer, builder and verifier. Constant data. Tested in tests/opcodes_test.cpp, which
// compares every shape with its row.
#pragma once

#include "assay/opcodes.h"

#include <array>
#include <string_view>

namespace assay::ir {

/// The column vocabulary of opcodes.def (its legend explains the words).
namespace rows {
inline constexpr TypeMask NONE = mask_of(Type::None), NONET = NONE, I64T = mask_of(Type::I64),
                          F32T = mask_of(Type::F32), F64T = mask_of(Type::F64), ADDR = mask_of(Type::I32) | I64T,
                          INTS = mask_of(Type::I8) | mask_of(Type::I16) | ADDR, INTP = INTS | mask_of(Type::Ptr),
                          I16UP = mask_of(Type::I16) | ADDR, I32UP = ADDR, FLTS = F32T | F64T, NUMS = INTS | FLTS,
                          ALLT = NUMS | mask_of(Type::Ptr), WORDS = ADDR | FLTS | mask_of(Type::Ptr);
inline constexpr Relation ANY = Relation::Any, WIDER = Relation::Wider, NARROWER = Relation::Narrower,
                          SAMESIZE = Relation::SameSize;
inline constexpr OpFlags PURE = kPure, TRAPS = kTraps, READS = kReads, WRITES = kWrites, CALLS = kCalls, ENDS = kEnds,
                         COMM = kCommutes, FX = kEffect;
} // namespace rows

/// A letter of the operand and result columns. `*` is not one: see OpShape::any_operands.
enum class Letter : u8 { T, S, Ptr, I8, I64, Int, Address };
inline constexpr u32 kLetterCount = 7;

struct OpShape {
  Form form = Form::Plain;
  Relation relation = Relation::Any;
  u8 operand_count = 0; // before the `*`, if there is one
  u8 result_count = 0;
  bool any_operands = false; // `*`: the signature, tag or block says how many follow
  bool any_results = false;
  Letter operands[3] = {};
  Letter results[2] = {};
  TypeMask types = 0, from_types = 0;
  OpFlags flags = 0;
  // The same once more, for checks without branches.
  bool simple = false;          // not a terminator, and only operands, a literal or an offset to check
  bool linear_memory = false;   // needs the module to have a memory
  u64 pairs = 0;                // bit 8 * T + S: these suffixes are allowed
  TypeMask fixed_masks[3] = {}; // of operand i: what its letter admits whatever T and S are,
  TypeMask t_selects[3] = {};   // all ones when it is T,
  TypeMask s_selects[3] = {};   // all ones when it is S

  constexpr bool is(OpFlags flag) const { return (flags & flag) != 0; }
  constexpr bool has_type() const { return types != rows::NONE; }
  constexpr bool has_from() const { return from_types != rows::NONE; }
};

constexpr Letter letter_of(char c) {
  switch (c) {
  case 'T': return Letter::T;
  case 'S': return Letter::S;
  case 'P': return Letter::Ptr;
  case 'B': return Letter::I8;
  case 'L': return Letter::I64;
  case 'C': return Letter::Int;
  default: return Letter::Address; // 'A'
  }
}

/// What a letter admits, given the instruction's T and S.
constexpr std::array<TypeMask, kLetterCount> letter_masks(Type type, Type from) {
  return {mask_of(type),      mask_of(from), mask_of(Type::Ptr), mask_of(Type::I8),
          mask_of(Type::I64), rows::INTS,    rows::ADDR};
}

/// The type of a result letter (T, S, P, B or L).
constexpr Type result_type(Letter letter, Type type, Type from) {
  switch (letter) {
  case Letter::T: return type;
  case Letter::S: return from;
  case Letter::I8: return Type::I8;
  case Letter::I64: return Type::I64;
  default: return Type::Ptr;
  }
}

/// Whether the row admits these suffixes (see types_allowed).
constexpr bool suffixes_allowed(const OpShape& s, Type type, Type from) {
  if ((s.types & mask_of(type)) == 0 || (s.from_types & mask_of(from)) == 0) return false;
  switch (s.relation) {
  case Relation::Wider: return size_of(type) > size_of(from);
  case Relation::Narrower: return size_of(type) < size_of(from);
  case Relation::SameSize: return size_of(type) == size_of(from) && type != from;
  default: return true;
  }
}

/// The fields that follow from the others.
constexpr void fill_checks(OpShape& shape) {
  for (u32 type = 0; type < kTypeCount; ++type)
    for (u32 from = 0; from < kTypeCount; ++from)
      if (suffixes_allowed(shape, static_cast<Type>(type), static_cast<Type>(from)))
        shape.pairs |= u64{1} << (8 * type + from);
  for (u32 i = 0; i < shape.operand_count; ++i) {
    if (shape.operands[i] == Letter::T) shape.t_selects[i] = 0xffff;
    else if (shape.operands[i] == Letter::S) shape.s_selects[i] = 0xffff;
    else shape.fixed_masks[i] = letter_masks(Type::None, Type::None)[static_cast<u32>(shape.operands[i])];
  }
}

constexpr OpShape make_shape(Form form, std::string_view operands, std::string_view results, TypeMask types,
                             TypeMask from_types, Relation relation, OpFlags flags) {
  OpShape shape;
  shape.form = form;
  shape.relation = relation;
  shape.types = types;
  shape.from_types = from_types;
  shape.flags = flags;
  for (char c : operands) {
    if (c == '*') shape.any_operands = true;
    else shape.operands[shape.operand_count++] = letter_of(c);
  }
  for (char c : results) {
    if (c == '*') shape.any_results = true;
    else shape.results[shape.result_count++] = letter_of(c);
  }
  shape.simple = !shape.any_operands && !shape.any_results && !shape.is(kEnds) &&
                 (form == Form::Plain || form == Form::Const || form == Form::Access);
  shape.linear_memory = form == Form::Access ? shape.operands[0] == Letter::Address
                                             : form == Form::Plain && (flags & (kReads | kWrites)) != 0;
  fill_checks(shape);
  return shape;
}

namespace rows {
inline constexpr OpShape kShapes[kOpcodeCount] = {
#define OP(name, text, form, operands, results, types, from, relation, flags, meaning) \
  make_shape(Form::form, operands, results, types, from, relation, flags),
#include "assay/opcodes.def"
};
} // namespace rows

constexpr const OpShape& shape(Opcode op) { return rows::kShapes[static_cast<u32>(op)]; }

} // namespace assay::ir
