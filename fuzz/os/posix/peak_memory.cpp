// peak_memory.cpp - see peak_memory.h: /proc/self/clear_refs sets VmHWM back (proc(5)).
#include "fuzz/os/peak_memory.h"

#if defined(__linux__)
#include <cstdio>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#endif

namespace assay::fuzz {

#if defined(__linux__)

bool begin_peak_memory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
  std::FILE* const file = std::fopen("/proc/self/clear_refs", "w");
  if (file == nullptr) return false;
  const bool written = std::fputs("5", file) >= 0;
  return (std::fclose(file) == 0) && written;
}

u64 peak_memory() {
  std::FILE* const file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return 0;
  char line[256];
  unsigned long long kilobytes = 0;
  while (std::fgets(line, sizeof line, file) != nullptr)
    if (std::sscanf(line, "VmHWM: %llu", &kilobytes) == 1) break;
  std::fclose(file);
  return u64{kilobytes} * 1024;
}

#else

bool begin_peak_memory() { return false; }
u64 peak_memory() { return 0; }

#endif

} // namespace assay::fuzz
