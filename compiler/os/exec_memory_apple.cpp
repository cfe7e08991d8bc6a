// exec_memory_apple.cpp - code memory on macOS.
//
// Protect: mmap and mprotect, which macOS allows on Intel for programs without the hardened runtime. DualMap: the
// same pages remapped by vm_remap with execute permission, which it allows on Apple silicon as well where
// the process has the JIT entitlement or none is demanded. Both keep a page writable or executable, never both.
// Not run by the project's own machines: see the platform table in the documentation of continuous integration.
// Tested in compiler/os/tests/exec_memory_test.cpp.
#include "compiler/os/exec_memory.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <libkern/OSCacheControl.h>
#include <mach/mach.h>
#include <sys/mman.h>
#include <unistd.h>

namespace assay::os {

namespace {

Error system_error(const char* what) {
  return Error{ErrorKind::Io, {}, 0, 0, std::string(what) + ": " + std::strerror(errno)};
}

Result<Region> map_protect(u64 size) {
  const u64 page = page_size();
  void* got = mmap(nullptr, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (got == MAP_FAILED) return system_error("reserving code memory");
  u8* base = static_cast<u8*>(got);
  if (mprotect(base + page, size, PROT_READ | PROT_WRITE) != 0) {
    Error error = system_error("mapping code memory");
    munmap(base, size + 2 * page);
    return error;
  }
  return Region{base + page, base + page, size, MemoryStrategy::Protect};
}

Result<Region> map_dual(u64 size) {
  auto region = map_protect(size);
  if (!region) return region;
  const u64 page = page_size();
  void* reserved = mmap(nullptr, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (reserved == MAP_FAILED) {
    unmap_region(*region);
    return system_error("reserving code memory");
  }
  vm_address_t view = reinterpret_cast<vm_address_t>(reserved) + page;
  vm_prot_t current = VM_PROT_NONE, maximum = VM_PROT_NONE;
  const kern_return_t mapped =
      vm_remap(mach_task_self(), &view, size, 0, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE, mach_task_self(),
               reinterpret_cast<vm_address_t>(region->write), FALSE, &current, &maximum, VM_INHERIT_NONE);
  u8* exec = static_cast<u8*>(reserved) + page;
  if (mapped != KERN_SUCCESS || mprotect(exec, size, PROT_READ | PROT_EXEC) != 0) {
    Error error{ErrorKind::Io, {}, 0, 0, "a second, executable view of code memory was refused"};
    munmap(reserved, size + 2 * page);
    unmap_region(*region);
    return error;
  }
  region->exec = exec;
  region->strategy = MemoryStrategy::DualMap;
  return region;
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
  if (write != exec) sys_dcache_flush(write, size);
  sys_icache_invalidate(exec, size);
}

void unmap_region(Region& region) {
  if (region.size == 0) return;
  const u64 page = page_size();
  munmap(region.exec - page, region.size + 2 * page);
  if (region.write != region.exec) munmap(region.write - page, region.size + 2 * page);
  region = Region{};
}

} // namespace assay::os
