// interval.h - between which bounds an integer lies, and what an operation makes of that.
//
// Values are taken with their sign, whatever reads them. An operation that may wrap gives the whole type: an interval
// holds all that can come out. Constant cost. Tested in compiler/opt/tests/interval_test.cpp, against the oracle.
#pragma once

#include "compiler/opt/graph.h"

namespace assay::opt {

struct Interval {
  i64 lo = 0, hi = 0; // both are in it

  friend bool operator==(const Interval&, const Interval&) = default;
  bool contains(const Interval& other) const { return lo <= other.lo && other.hi <= hi; }
  bool is_one() const { return lo == hi; }
};

/// Every value of an integer type; of others, which have none, that of i64.
inline Interval all_of(Type type) {
  const u32 unused = is_int(type) ? 64 - 8 * size_of(type) : 0;
  return {INT64_MIN >> unused, INT64_MAX >> unused};
}
inline Interval join(const Interval& a, const Interval& b) {
  return {a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}
/// Whether no sum of two such values of the type wraps.
bool sum_fits(const Interval& a, const Interval& b, Type type);
/// The first result of an integer operation whose operands lie in these: `in` has one for each operand, of those that
/// are no integers anything.
Interval interval_of(const GraphInst& inst, Type result, const Interval* in);

} // namespace assay::opt
