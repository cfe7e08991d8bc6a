// exec_memory_linux.cpp - code memory on Linux: mmap and mprotect, or two views of a memfd.
//
// Needs nothing but the kernel; memfd_create needs Linux 3.17 and vm.memfd_noexec below 2. Each view is cut out of a
// reservation (PROT_NONE) one page longer at both ends, so the guard pages belong to us and go with it.
// A region costs 3 (Protect) or 6 (DualMap) system calls to make and 1 or 2 to unmap.
// Tested in compiler/os/tests/exec_memory_test.cpp.
#include "compiler/os/exec_memory.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

namespace assay::os {

namespace {

Error system_error(const char* what) {
  return Error{ErrorKind::Io, {}, 0, 0, std::string(what) + ": " + std::strerror(errno)};
}

/// Reserves address space within 2 GiB of this library: tries places at growing distance on both sides.
u8* reserve_near(u64 size) {
  const u64 home = reinterpret_cast<u64>(&reserve_near) & ~u64{0xfffff};
  for (u64 distance = u64{1} << 20; distance < (u64{1} << 31) - size - (u64{64} << 20); distance += distance / 2) {
    for (int side = 0; side < 2; ++side) {
      const u64 step = (distance + 0xfffff) & ~u64{0xfffff};
      if (side == 0 && home < step + size) continue;
      void* hint = reinterpret_cast<void*>(side == 0 ? home - step - size : home + step);
      void* got = mmap(hint, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
      if (got == MAP_FAILED) continue;
      if (got == hint) return static_cast<u8*>(got);
      munmap(got, size); // a kernel before 4.17 takes the address as a hint only
    }
  }
  void* got = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return got == MAP_FAILED ? nullptr : static_cast<u8*>(got);
}

int open_memory_object() {
  const int fd = memfd_create("assay-code", MFD_CLOEXEC | MFD_EXEC);
  if (fd >= 0 || errno != EINVAL) return fd;
  return memfd_create("assay-code", MFD_CLOEXEC); // before Linux 6.3, where every memfd is executable
}

Result<void> protect(const Region& region, u64 offset, u64 size, int protection) {
  if (region.strategy == MemoryStrategy::DualMap) return {};
  if (mprotect(region.exec + offset, size, protection) != 0) return system_error("mprotect of code memory");
  return {};
}

} // namespace

u64 page_size() {
  static const u64 size = static_cast<u64>(sysconf(_SC_PAGESIZE));
  return size;
}

static Result<Region> map_protect(u64 size) {
  const u64 page = page_size();
  u8* base = reserve_near(size + 2 * page);
  if (base == nullptr) return system_error("reserving code memory");
  if (mprotect(base + page, size, PROT_READ | PROT_WRITE) != 0) {
    Error error = system_error("mapping code memory");
    munmap(base, size + 2 * page);
    return error;
  }
  return Region{base + page, base + page, size, MemoryStrategy::Protect};
}

static Result<Region> map_dual(u64 size) {
  const u64 page = page_size();
  const int fd = open_memory_object();
  if (fd < 0) return system_error("memfd_create for code memory");
  Region region{nullptr, nullptr, size, MemoryStrategy::DualMap};
  Result<void> done;
  u8* write = nullptr;
  u8* exec = nullptr;
  if (ftruncate(fd, static_cast<off_t>(size)) != 0) {
    done = system_error("sizing code memory");
  } else if ((write = static_cast<u8*>(mmap(nullptr, size + 2 * page, PROT_NONE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) == MAP_FAILED) {
    write = nullptr;
    done = system_error("reserving code memory");
  } else if ((exec = reserve_near(size + 2 * page)) == nullptr) {
    done = system_error("reserving code memory");
  } else if (mmap(write + page, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
    done = system_error("mapping code memory writable");
  } else if (mmap(exec + page, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
    done = system_error("mapping code memory executable");
  }
  close(fd);
  if (!done) {
    if (write != nullptr) munmap(write, size + 2 * page);
    if (exec != nullptr) munmap(exec, size + 2 * page);
    return done.error();
  }
  region.write = write + page;
  region.exec = exec + page;
  return region;
}

Result<Region> map_region(u64 size, MemoryStrategy strategy) {
  const u64 page = page_size();
  const u64 rounded = (size + page - 1) / page * page;
  if (rounded == 0 || rounded > (u64{1} << 30)) {
    return Error{ErrorKind::Unsupported, {}, 0, 0, "a region of code memory holds between one byte and 1 GiB"};
  }
  return strategy == MemoryStrategy::DualMap ? map_dual(rounded) : map_protect(rounded);
}

Result<void> make_executable(const Region& region, u64 offset, u64 size) {
  return protect(region, offset, size, PROT_READ | PROT_EXEC);
}

Result<void> make_writable(const Region& region, u64 offset, u64 size) {
  return protect(region, offset, size, PROT_READ | PROT_WRITE);
}

void flush_code(u8* write, u8* exec, u64 size) {
#if defined(__x86_64__) || defined(__i386__)
  static_cast<void>(write), static_cast<void>(exec), static_cast<void>(size); // coherent
#else
  // The builtin cleans data caches and empties instruction caches for one range of addresses.
  if (write != exec) __builtin___clear_cache(reinterpret_cast<char*>(write), reinterpret_cast<char*>(write + size));
  __builtin___clear_cache(reinterpret_cast<char*>(exec), reinterpret_cast<char*>(exec + size));
#endif
}

void unmap_region(Region& region) {
  if (region.size == 0) return;
  const u64 page = page_size();
  munmap(region.exec - page, region.size + 2 * page);
  if (region.write != region.exec) munmap(region.write - page, region.size + 2 * page);
  region = Region{};
}

} // namespace assay::os
