// example.h - what the examples share: stop with a message when something is not as it must be.
#pragma once

#include "assay/engine.h"

#include <cstdio>
#include <cstdlib>

namespace example {

/// The value, or the end of the program with the error's text.
template <typename T> T must(assay::Result<T> result) {
  if (result) return std::move(result).value();
  std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
  std::exit(1);
}

inline void expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

} // namespace example
