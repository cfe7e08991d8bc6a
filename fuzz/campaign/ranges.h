// ranges.h - which program numbers are done: a set of half-open ranges that touch nowhere.
//
// A campaign's numbers are handed out from below, so the set stays a few ranges long whatever the number of programs:
// adding is linear in the ranges behind the place. Tested in fuzz/campaign/tests/ranges_test.cpp.
#pragma once

#include "assay/types.h"

#include <span>
#include <vector>

namespace assay::fuzz {

struct NumberRange {
  u64 begin = 0, end = 0; // [begin, end)
  bool operator==(const NumberRange&) const = default;
};

class RangeSet {
public:
  /// Overlaps are counted once. An empty range changes nothing.
  void add(NumberRange range);
  void clear() { ranges_.clear(); }
  /// Numbers in the set.
  u64 count() const;
  bool contains(u64 number) const;
  /// The lowest number that is not in the set.
  u64 first_gap() const { return ranges_.empty() || ranges_[0].begin != 0 ? 0 : ranges_[0].end; }
  /// One past the highest number; 0 when empty.
  u64 end() const { return ranges_.empty() ? 0 : ranges_.back().end; }
  /// What lacks in [0, limit), in pieces of at most `piece` numbers.
  std::vector<NumberRange> gaps(u64 limit, u64 piece) const;
  std::span<const NumberRange> ranges() const { return ranges_; }

private:
  std::vector<NumberRange> ranges_; // ascending, a number between one and the next at least
};

} // namespace assay::fuzz
