// fill.h - tables of numbers that are made anew for each function: of so many elements, all 0 or all kNone.
//
// One memset: std::vector::assign is a call and loops of its own, which functions of a few blocks feel. Storage is
// kept. Linear. Tested by all that uses it.
#pragma once

#include "assay/types.h"

#include <cstring>
#include <type_traits>
#include <vector>

namespace assay::analysis {

template <typename T> void fill_zero(std::vector<T>& table, std::size_t count) {
  static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
  table.resize(count);
  if (count != 0) std::memset(table.data(), 0, count * sizeof(T));
}

inline void fill_none(std::vector<u32>& table, std::size_t count) {
  static_assert(kNone == 0xffffffffu);
  table.resize(count);
  if (count != 0) std::memset(table.data(), 0xff, count * sizeof(u32));
}

} // namespace assay::analysis
