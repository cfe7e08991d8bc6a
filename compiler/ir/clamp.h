// clamp.h - the part of a range that exists: for readers that trust no index. Tested through printer_test.cpp.
#pragma once

#include "assay/types.h"

#include <algorithm>
#include <span>
#include <vector>

namespace assay::ir {

template <typename T> std::span<const T> clamp(const std::vector<T>& items, u32 first, u32 count) {
  if (first > items.size()) return {};
  return {items.data() + first, std::min<std::size_t>(count, items.size() - first)};
}

} // namespace assay::ir
