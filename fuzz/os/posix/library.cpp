// library.cpp - shared libraries by dlopen. See fuzz/os/library.h.
//
// Symbols of a library are not seen by others, so that several versions of one may be open. Tested in
// fuzz/os/tests/library_test.cpp.
#include "fuzz/os/library.h"

#include <dlfcn.h>

namespace assay::fuzz {

Result<SharedLibrary> SharedLibrary::open(std::span<const char* const> names) {
  std::string why = "no name was given";
  for (const char* name : names) {
    if (void* handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL)) return SharedLibrary(handle, name);
    why = ::dlerror();
  }
  return Error{ErrorKind::Unsupported, {}, 0, 0, why};
}

void SharedLibrary::close() { static_cast<void>(::dlclose(handle_)); }

void* SharedLibrary::find(const char* function) const { return ::dlsym(handle_, function); }

} // namespace assay::fuzz
