// gccjit_library.cpp - see gccjit_library.h.
//
// The library is known by the functions that it has, the version by its own words. Tested in
// fuzz/subjects/tests/peer_test.cpp.
#include "fuzz/subjects/gccjit_library.h"

namespace assay::fuzz::peers {
namespace {

Error unsupported(std::string message) { return {ErrorKind::Unsupported, {}, 0, 0, std::move(message)}; }

Result<GccjitApi> open() {
  constexpr const char* kNames[] = {"libgccjit.so.0", "/opt/homebrew/lib/gcc/current/libgccjit.dylib"};
  auto library = SharedLibrary::open(kNames);
  if (!library) return unsupported("there is no libgccjit (Debian: libgccjit0): " + library.error().message);
  GccjitApi out;
#define GCCJIT_FUNCTION(result, function, parameters)                              \
  out.function = reinterpret_cast<result(*) parameters>(library->find(#function)); \
  if (out.function == nullptr) return unsupported(library->name() + " is older than GCC 12: it has no " #function);
#include "fuzz/subjects/gccjit_functions.def"
  out.version = "GCC " + std::to_string(out.gcc_jit_version_major()) + "." +
                std::to_string(out.gcc_jit_version_minor()) + "." + std::to_string(out.gcc_jit_version_patchlevel());
  return out;
}

} // namespace

Result<const GccjitApi*> gccjit_api() {
  static const Result<GccjitApi> opened = open();
  if (!opened) return opened.error();
  return &opened.value();
}

} // namespace assay::fuzz::peers
