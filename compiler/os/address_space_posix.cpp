// address_space_posix.cpp - mmap, mprotect and madvise. See address_space.h. Tested in
// compiler/os/tests/address_space_test.cpp.
//
// MADV_DONTNEED zeroes private anonymous pages on Linux only; elsewhere the pages are mapped afresh.
#include "compiler/os/address_space.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <sys/mman.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

namespace assay::os {

Result<u8*> reserve_pages(u64 size) {
  void* got = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (got == MAP_FAILED)
    return Error{ErrorKind::Io, {}, 0, 0, std::string("reserving memory: ") + std::strerror(errno)};
  return static_cast<u8*>(got);
}

bool commit_pages(u8* at, u64 size) { return size == 0 || mprotect(at, size, PROT_READ | PROT_WRITE) == 0; }

void discard_pages(u8* at, u64 size) {
  if (size == 0) return;
#if defined(__linux__)
  if (madvise(at, size, MADV_DONTNEED) == 0) return;
#else
  if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) return;
#endif
  std::memset(at, 0, size);
}

void release_pages(u8* base, u64 size) {
  if (base != nullptr) munmap(base, size);
}

} // namespace assay::os
