// allocation_hooks.cpp - see allocation_hooks.h. Tested by allocation_test.cpp.
#include "fuzz/os/faults/allocation_hooks.h"

#include <cstdlib>
#include <new>

namespace {

using assay::faults::allowed;
using assay::faults::live;

void* take(std::size_t size) {
  if (allowed == 0) return nullptr;
  if (allowed > 0) --allowed;
  void* got = std::malloc(size == 0 ? 1 : size);
  live += got != nullptr;
  return got;
}
void give_back(void* at) {
  live -= at != nullptr;
  std::free(at);
}

} // namespace

void* operator new(std::size_t size) {
  if (void* got = take(size)) return got;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return take(size); }
void operator delete(void* at) noexcept { give_back(at); }
void operator delete[](void* at) noexcept { give_back(at); }
void operator delete(void* at, std::size_t) noexcept { give_back(at); }
void operator delete[](void* at, std::size_t) noexcept { give_back(at); }
