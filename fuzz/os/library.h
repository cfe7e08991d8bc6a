// library.h - shared libraries that are opened when they are needed, not when the program starts.
//
// One file a system behind it: posix/library.cpp, windows/library.cpp. A library stays open until it is closed
// by name or the process ends: some cannot be closed. Tested in fuzz/os/tests/library_test.cpp.
#pragma once

#include "assay/errors.h"

#include <span>
#include <string>

namespace assay::fuzz {

class SharedLibrary {
public:
  /// The first of these names, as the system looks for libraries, that can be opened. Unsupported: none, with the
  /// system's words about the last.
  static Result<SharedLibrary> open(std::span<const char* const> names);
  /// Nothing of it may be used any more.
  void close();
  /// Null: there is no such function.
  void* find(const char* function) const;
  /// The one of the names that was opened.
  const std::string& name() const { return name_; }

private:
  SharedLibrary(void* handle, std::string name) : handle_(handle), name_(std::move(name)) {}
  void* handle_;
  std::string name_;
};

} // namespace assay::fuzz
