// library.cpp - shared libraries by LoadLibrary. See fuzz/os/library.h.
//
// Tested in fuzz/os/tests/library_test.cpp.
#include "fuzz/os/library.h"

#include <windows.h>

namespace assay::fuzz {

Result<SharedLibrary> SharedLibrary::open(std::span<const char* const> names) {
  std::string why = "no name was given";
  for (const char* name : names) {
    if (HMODULE handle = ::LoadLibraryA(name)) return SharedLibrary(reinterpret_cast<void*>(handle), name);
    why = std::string(name) + ": cannot be loaded, error " + std::to_string(::GetLastError());
  }
  return Error{ErrorKind::Unsupported, {}, 0, 0, why};
}

void SharedLibrary::close() { static_cast<void>(::FreeLibrary(static_cast<HMODULE>(handle_))); }

void* SharedLibrary::find(const char* function) const {
  return reinterpret_cast<void*>(::GetProcAddress(static_cast<HMODULE>(handle_), function));
}

} // namespace assay::fuzz
