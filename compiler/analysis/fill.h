// fill.h - tables of numbers that are made anew for each function: of so many elements, all 0 or all kNone.
//
// Most functions are small, and of any number of blocks and values: where a fill ends is what the processor cannot
// guess, and a wrong guess costs more than the fill. So a Table is not filled when it grows, and whole blocks of 64
// elements are written, whose number hardly changes. Storage is kept. Linear. Tested in
// compiler/analysis/tests/fill_test.cpp.
#pragma once

#include "assay/types.h"

#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

namespace assay::analysis {

/// Leaves what `resize` adds as it is, unless it is told a value.
template <typename T> struct Unset : std::allocator<T> {
  template <typename Other> struct rebind { using other = Unset<Other>; };
  template <typename Other> void construct(Other* at) { ::new (static_cast<void*>(at)) Other; }
  template <typename Other, typename... Args> void construct(Other* at, Args&&... args) {
    ::new (static_cast<void*>(at)) Other(static_cast<Args&&>(args)...);
  }
};

template <typename T> using Table = std::vector<T, Unset<T>>;

/// Of so many elements, whose bytes are `byte`.
template <typename T> void fill_bytes(Table<T>& table, std::size_t count, int byte) {
  static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
  constexpr std::size_t kBlock = 64;
  const std::size_t whole = (count + kBlock - 1) / kBlock * kBlock;
  table.resize(whole);
  T* const data = table.data();
  for (std::size_t at = 0; at != whole; at += kBlock) std::memset(data + at, byte, kBlock * sizeof(T));
  table.resize(count);
}

template <typename T> void fill_zero(Table<T>& table, std::size_t count) { fill_bytes(table, count, 0); }

inline void fill_none(Table<u32>& table, std::size_t count) {
  static_assert(kNone == 0xffffffffu);
  fill_bytes(table, count, 0xff);
}

} // namespace assay::analysis
