// windows.cpp - what both Windows writers share: infos that are equal are stored once.
//
// A direct-mapped cache by a hash of the content: a function in a module of similar ones usually has an info that was
// just written. Collisions cost space only. Tested in compiler/unwind/tests/windows_x64_test.cpp.
#include "compiler/unwind/windows.h"

#include <cstring>

namespace assay::unwind {

u32 InfoPool::add(const u8* info, u32 size) {
  u32 hash = 2166136261u; // FNV-1a
  for (u32 i = 0; i < size; ++i) hash = (hash ^ info[i]) * 16777619u;
  Known& slot = known_[(hash ^ hash >> 16) % kSlots];
  if (slot.size == size && std::memcmp(bytes_.data() + slot.at, info, size) == 0) return slot.at;
  slot = {static_cast<u32>(bytes_.size()), size};
  bytes_.insert(bytes_.end(), info, info + size);
  return slot.at;
}

} // namespace assay::unwind
