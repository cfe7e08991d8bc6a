// exec_memory_windows.cpp - code memory on Windows: VirtualAlloc and VirtualProtect, or two views of a section.
//
// A Protect region lies in a reservation with one inaccessible page at each end. A section view cannot be cut
// out of a reservation without the placeholder API (Windows 10 1803), so DualMap views are guarded by a
// reserved page that is asked for on both sides and may be refused; the 64 KiB allocation granularity leaves
// a gap there anyway. Cost: a few system calls a region. Tested in compiler/os/tests/exec_memory_test.cpp.
#include "compiler/os/exec_memory.h"

#include <string>

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace assay::os {

namespace {

Error system_error(const char* what) {
  return Error{ErrorKind::Io, {}, 0, 0, std::string(what) + ": Windows error " + std::to_string(GetLastError())};
}

/// Reserves address space within 2 GiB of this library, stepping by the allocation granularity.
u8* reserve_near(u64 size) {
  const u64 home = reinterpret_cast<u64>(&reserve_near) & ~u64{0xffff};
  for (u64 distance = u64{1} << 20; distance < (u64{1} << 31) - size - (u64{64} << 20); distance += distance / 2) {
    const u64 step = (distance + 0xffff) & ~u64{0xffff};
    for (const u64 hint : {home + step, home > step + size ? home - step - ((size + 0xffff) & ~u64{0xffff}) : 0}) {
      if (hint == 0) continue;
      if (void* got = VirtualAlloc(reinterpret_cast<void*>(hint), size, MEM_RESERVE, PAGE_NOACCESS))
        return static_cast<u8*>(got);
    }
  }
  return static_cast<u8*>(VirtualAlloc(nullptr, size, MEM_RESERVE, PAGE_NOACCESS));
}

Result<Region> map_protect(u64 size) {
  const u64 page = page_size();
  u8* base = reserve_near(size + 2 * page);
  if (base == nullptr) return system_error("reserving code memory");
  if (VirtualAlloc(base + page, size, MEM_COMMIT, PAGE_READWRITE) == nullptr) {
    Error error = system_error("mapping code memory");
    VirtualFree(base, 0, MEM_RELEASE);
    return error;
  }
  return Region{base + page, base + page, size, MemoryStrategy::Protect};
}

Result<Region> map_dual(u64 size) {
  HANDLE section = CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_EXECUTE_READWRITE,
                                      static_cast<DWORD>(size >> 32), static_cast<DWORD>(size), nullptr);
  if (section == nullptr) return system_error("creating code memory");
  // Finding room with a reservation, then giving it up for the view: another thread may take it, then anywhere will do.
  u8* place = reserve_near(size);
  if (place != nullptr) VirtualFree(place, 0, MEM_RELEASE);
  void* exec = MapViewOfFileEx(section, FILE_MAP_READ | FILE_MAP_EXECUTE, 0, 0, size, place);
  if (exec == nullptr) exec = MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_EXECUTE, 0, 0, size);
  void* write = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, size);
  CloseHandle(section);
  if (exec == nullptr || write == nullptr) {
    Error error = system_error("mapping code memory");
    if (exec != nullptr) UnmapViewOfFile(exec);
    if (write != nullptr) UnmapViewOfFile(write);
    return error;
  }
  return Region{static_cast<u8*>(write), static_cast<u8*>(exec), size, MemoryStrategy::DualMap};
}

Result<void> protect(const Region& region, u64 offset, u64 size, DWORD protection) {
  if (region.strategy == MemoryStrategy::DualMap) return {};
  DWORD before = 0;
  if (!VirtualProtect(region.exec + offset, size, protection, &before))
    return system_error("VirtualProtect of code memory");
  return {};
}

} // namespace

u64 page_size() {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
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
  return protect(region, offset, size, PAGE_EXECUTE_READ);
}

Result<void> make_writable(const Region& region, u64 offset, u64 size) {
  return protect(region, offset, size, PAGE_READWRITE);
}

void flush_code(u8* write, u8* exec, u64 size) {
  if (write != exec) FlushInstructionCache(GetCurrentProcess(), write, size); // cleans the data caches too
  FlushInstructionCache(GetCurrentProcess(), exec, size);
}

void unmap_region(Region& region) {
  if (region.size == 0) return;
  if (region.strategy == MemoryStrategy::DualMap) {
    UnmapViewOfFile(region.exec);
    UnmapViewOfFile(region.write);
  } else {
    VirtualFree(region.exec - page_size(), 0, MEM_RELEASE);
  }
  region = Region{};
}

} // namespace assay::os
