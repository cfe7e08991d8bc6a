// llvm_library.h - LLVM's C API, from the shared library of whatever version this machine has.
//
// The library is opened when a peer is first asked for, so that neither build nor start of the command needs it,
// and Debian's package of the library alone (libllvm19, which clang-19 brings) is enough. One open library a process.
// The environment's ASSAY_LLVM names another one. Tested in fuzz/subjects/tests/peer_test.cpp.
#pragma once

#include "assay/errors.h"
#include "fuzz/os/library.h"

#include <string>

namespace assay::fuzz::peers {

/// A thing of LLVM's.
using Ref = void*;

struct LlvmApi {
#define LLVM_FUNCTION(result, name, parameters) result(*name) parameters = nullptr;
#include "fuzz/subjects/llvm_functions.def"
  std::string version; // "LLVM 19.1.7"
  u32 major = 0;
};

/// Unsupported: there is no library of a version from 15 to 20, or it lacks a function.
Result<const LlvmApi*> llvm_api();

} // namespace assay::fuzz::peers
