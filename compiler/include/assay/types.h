// types.h - the small vocabulary that every part shares: types, traps, positions, indices.
//
// Meaning: the words of docs/air.md, sections "Types" and "Traps". Pure data, no allocation.
// Tested in compiler/ir/tests/types_test.cpp.
#pragma once

#include <cstdint>
#include <string_view>

namespace assay {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;

/// "No such index", for every index type below.
inline constexpr u32 kNone = 0xffffffffu;

// Indices into the arrays of a Module or a Function. Plain integers: dense, cheap, printable.
using ValueId = u32;     // Function::values
using BlockId = u32;     // Function::blocks
using InstId = u32;      // Function::insts
using FunctionId = u32;  // Module::functions (imports first, then bodies)
using GlobalId = u32;    // Module::globals
using TagId = u32;       // Module::tags
using SlotId = u32;      // Function::slots
using LocalId = u32;     // Function::locals
using SignatureId = u32; // Module::signatures

/// The value types of AIR. `None` is "no type" (an operation without a type suffix).
enum class Type : u8 { None, I8, I16, I32, I64, F32, F64, Ptr };
inline constexpr u32 kTypeCount = 8;

/// A set of types, one bit each.
using TypeMask = u16;
constexpr TypeMask mask_of(Type type) { return static_cast<TypeMask>(1u << static_cast<u32>(type)); }

constexpr bool is_int(Type type) { return type >= Type::I8 && type <= Type::I64; }
constexpr bool is_float(Type type) { return type == Type::F32 || type == Type::F64; }

/// Bytes that a value of the type occupies in memory; 0 for None.
constexpr u32 size_of(Type type) {
  constexpr u8 sizes[kTypeCount] = {0, 1, 2, 4, 8, 4, 8, 8};
  return sizes[static_cast<u32>(type)];
}
constexpr u32 bits_of(Type type) { return size_of(type) * 8; }

/// All ones in the width of the type (its bits in a u64 container).
constexpr u64 bit_mask(Type type) { return size_of(type) == 8 ? ~u64{0} : (u64{1} << bits_of(type)) - 1; }

/// "i32", "ptr"; "none" for None.
std::string_view name_of(Type type);

/// Why a run stopped early. The order is part of the CodeObject file format.
enum class TrapKind : u8 {
  Unreachable,
  DivByZero,
  IntOverflow,
  BadConversion,
  OutOfBounds,
  BadIndirectCall,
  StackOverflow,
  OutOfFuel,
  User0,
  User1,
  User2,
  User3,
  User4,
  User5,
  User6,
  User7,
  User8,
  User9,
  User10,
  User11,
  User12,
  User13,
  User14,
  User15,
};
inline constexpr u32 kTrapCount = 24;

/// "div_by_zero", "user3".
std::string_view name_of(TrapKind kind);
/// The trap of that name, or false.
bool trap_from_name(std::string_view name, TrapKind& out);

/// A place in a module: function, block (its index in the function), instruction (its index in the block).
struct Position {
  FunctionId function = kNone;
  u32 block = kNone;
  u32 inst = kNone;
  friend bool operator==(const Position&, const Position&) = default;
};

} // namespace assay
