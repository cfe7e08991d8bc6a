// gccjit_library.h - libgccjit's C API, from the shared library of whatever version this machine has.
//
// Opened when a peer is first asked for: no build needs it. One open library a process.
// Tested in fuzz/subjects/tests/peer_test.cpp.
#pragma once

#include "assay/errors.h"
#include "fuzz/os/library.h"

#include <string>

namespace assay::fuzz::peers {

/// A thing of a library's.
using Ref = void*;

struct GccjitApi {
#define GCCJIT_FUNCTION(result, name, parameters) result(*name) parameters = nullptr;
#include "fuzz/subjects/gccjit_functions.def"
  std::string version; // "GCC 12.2.0"
};

/// Unsupported: there is no such library, or it is older than GCC 12.
Result<const GccjitApi*> gccjit_api();

} // namespace assay::fuzz::peers
