// llvm_library.cpp - see llvm_library.h.
//
// The version is asked of the library; those before 16 cannot say it, and are named by their files.
// Tested in fuzz/subjects/tests/peer_test.cpp.
#include "fuzz/subjects/llvm_library.h"

#include <cstdlib>

namespace assay::fuzz::peers {
namespace {

/// As Debian, Fedora and Homebrew name them, the newest first.
constexpr const char* kNames[] = {"libLLVM.so.20.1",
                                  "libLLVM.so.19.1",
                                  "libLLVM.so.18.1",
                                  "libLLVM-18.so",
                                  "libLLVM-17.so",
                                  "libLLVM-16.so",
                                  "libLLVM-15.so.1",
                                  "libLLVM-15.so",
                                  "/opt/homebrew/opt/llvm@20/lib/libLLVM.dylib",
                                  "/opt/homebrew/opt/llvm@19/lib/libLLVM.dylib"};

Error unsupported(std::string message) { return {ErrorKind::Unsupported, {}, 0, 0, std::move(message)}; }

#if defined(__aarch64__) || defined(_M_ARM64)
constexpr const char* kInitialisers[] = {"LLVMInitializeAArch64TargetInfo", "LLVMInitializeAArch64Target",
                                         "LLVMInitializeAArch64TargetMC", "LLVMInitializeAArch64AsmPrinter"};
#else
constexpr const char* kInitialisers[] = {"LLVMInitializeX86TargetInfo", "LLVMInitializeX86Target",
                                         "LLVMInitializeX86TargetMC", "LLVMInitializeX86AsmPrinter"};
#endif

void ask_version(const SharedLibrary& library, LlvmApi& out) {
  unsigned major = 0, minor = 0, patch = 0;
  if (void* get = library.find("LLVMGetVersion")) {
    reinterpret_cast<void (*)(unsigned*, unsigned*, unsigned*)>(get)(&major, &minor, &patch);
    out.version = "LLVM " + std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  } else {
    major = 15;
    out.version = "LLVM 15";
  }
  out.major = major;
}

Result<LlvmApi> open() {
  const char* const chosen = std::getenv("ASSAY_LLVM");
  const bool choice = chosen != nullptr && *chosen != 0;
  auto library = SharedLibrary::open(choice ? std::span(&chosen, 1) : std::span<const char* const>(kNames));
  if (!library)
    return unsupported("there is no shared library of LLVM 15 to 20 (Debian: libllvm19): " + library.error().message);
  LlvmApi out;
  ask_version(*library, out);
#define LLVM_FUNCTION(result, function, parameters)                                \
  out.function = reinterpret_cast<result(*) parameters>(library->find(#function)); \
  if (out.function == nullptr) return unsupported(library->name() + " has no function " #function);
#include "fuzz/subjects/llvm_functions.def"
  for (const char* name : kInitialisers) {
    void* const function = library->find(name);
    if (function == nullptr) return unsupported(library->name() + " cannot compile for this processor");
    reinterpret_cast<void (*)()>(function)();
  }
  return out;
}

} // namespace

Result<const LlvmApi*> llvm_api() {
  static const Result<LlvmApi> opened = open();
  if (!opened) return opened.error();
  return &opened.value();
}

} // namespace assay::fuzz::peers
