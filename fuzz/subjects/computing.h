// computing.h - operations of AIR on values of a peer: its own where it has one, else made of simpler ones.
//
// Shared by the files of lowering. Nothing here traps or branches, but for what `select` is in the peer. Stateless.
// Tested through fuzz/subjects/tests/peer_test.cpp, every operation on edge values.
#pragma once

#include "fuzz/subjects/emitter.h"

namespace assay::fuzz::peers {

class Computing {
public:
  explicit Computing(Emitter& emitter) : e(emitter) {}

  Value literal(Type type, u64 bits) { return e.constant(type, bits & bit_mask(type)); }
  Value word(u64 bits) { return e.constant(Type::I64, bits); }
  Value op(Opcode code, Type type, Value a, Value b = nullptr) { return cast(code, type, type, a, b); }
  Value cast(Opcode code, Type type, Type from, Value a, Value b = nullptr);
  /// `flag` is an i8.
  Value select(Type type, Value flag, Value a, Value b);
  /// The bits of a value as an i64, zero above its width, and back.
  Value bits(Type type, Value value);
  Value of_bits(Type type, Value word);

  /// False: there is no way.
  bool compute(const Operation& what, const Value* in, Value* out);

private:
  bool expand(const Operation& what, const Value* in, Value* out);
  bool expand_overflow(const Operation& what, const Value* in, Value* out);
  bool expand_float(const Operation& what, const Value* in, Value* out);
  Value saturate(const Operation& what, Value x);
  Value reverse(Type type, Value x, bool bits_too);

  Emitter& e;
};

/// What a float must be above (or, with `low_itself`, not below) and below, to be converted to this integer type.
struct ConversionRange {
  double low, high;
  bool low_itself;
};
ConversionRange range_of(Type type, bool is_signed, Type from);
/// The bits of a number as a float of this type, which can hold it.
u64 float_bits(Type type, double value);

} // namespace assay::fuzz::peers
