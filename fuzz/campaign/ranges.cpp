// ranges.cpp - see ranges.h. Tested in fuzz/campaign/tests/ranges_test.cpp.
#include "fuzz/campaign/ranges.h"

#include <algorithm>

namespace assay::fuzz {

void RangeSet::add(NumberRange range) {
  if (range.begin >= range.end) return;
  // The first that reaches to the new one or behind it, and the first that lies wholly behind.
  const auto first = std::lower_bound(ranges_.begin(), ranges_.end(), range.begin,
                                      [](const NumberRange& r, u64 begin) { return r.end < begin; });
  auto last = first;
  while (last != ranges_.end() && last->begin <= range.end) {
    range.begin = std::min(range.begin, last->begin);
    range.end = std::max(range.end, last->end);
    ++last;
  }
  const auto place = ranges_.erase(first, last);
  ranges_.insert(place, range);
}

u64 RangeSet::count() const {
  u64 count = 0;
  for (const NumberRange& range : ranges_) count += range.end - range.begin;
  return count;
}

bool RangeSet::contains(u64 number) const {
  const auto found = std::upper_bound(ranges_.begin(), ranges_.end(), number,
                                      [](u64 wanted, const NumberRange& r) { return wanted < r.end; });
  return found != ranges_.end() && found->begin <= number;
}

std::vector<NumberRange> RangeSet::gaps(u64 limit, u64 piece) const {
  std::vector<NumberRange> out;
  u64 at = 0;
  const auto fill = [&](u64 end) {
    for (; at < end; at = std::min(end, at + piece)) out.push_back({at, std::min(end, at + piece)});
  };
  for (const NumberRange& range : ranges_) {
    fill(std::min(limit, range.begin));
    at = std::max(at, range.end);
  }
  fill(limit);
  return out;
}

} // namespace assay::fuzz
