// address_space_windows.cpp - VirtualAlloc with MEM_RESERVE and MEM_COMMIT. See address_space.h.
//
// Committing what is committed already does no harm. Tested in compiler/os/tests/address_space_test.cpp.
#include "compiler/os/address_space.h"

#include <cstring>
#include <string>

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace assay::os {

Result<u8*> reserve_pages(u64 size) {
  void* got = VirtualAlloc(nullptr, size, MEM_RESERVE, PAGE_NOACCESS);
  if (got == nullptr)
    return Error{ErrorKind::Io, {}, 0, 0, "reserving memory: Windows error " + std::to_string(GetLastError())};
  return static_cast<u8*>(got);
}

bool commit_pages(u8* at, u64 size) {
  return size == 0 || VirtualAlloc(at, size, MEM_COMMIT, PAGE_READWRITE) != nullptr;
}

void discard_pages(u8* at, u64 size) {
  if (size == 0) return;
  if (VirtualFree(at, size, MEM_DECOMMIT) && commit_pages(at, size)) return;
  std::memset(at, 0, size);
}

void release_pages(u8* base, u64) {
  if (base != nullptr) VirtualFree(base, 0, MEM_RELEASE);
}

} // namespace assay::os
