// rodata.h - the read-only data of a module: float constants, sign masks, jump tables.
//
// Constants are shared through a small open-addressed hash table, so a look-up is constant time; storage is kept
// from module to module. Offsets are from the start of CodeObject::rodata, which lies 16-aligned.
// Tested in compiler/codegen/tests/compile_test.cpp.
#pragma once

#include "assay/planted.h"
#include "assay/types.h"

#include <cstring>
#include <vector>

namespace assay::codegen {

class ConstantPool {
public:
  void begin(std::vector<u8>& rodata) {
    rodata_ = &rodata;
    entries_.assign(64, Entry{});
    used_ = 0;
  }
  /// A constant of 4 or 8 bytes (naturally aligned), or of 16: `bits` twice (16-aligned).
  u32 constant(u64 bits, u32 size) {
    if (2 * used_ >= entries_.size()) grow();
    Entry& entry = find(bits, size);
    if (entry.size == 0) {
      entry = {bits, size, reserve(size, ASSAY_PLANTED(rodata_alignment) && size == 16 ? 8 : size)};
      ++used_;
      std::memcpy(rodata_->data() + entry.offset, &bits, size < 8 ? size : 8);
      if (size == 16) std::memcpy(rodata_->data() + entry.offset + 8, &bits, 8);
    }
    return entry.offset;
  }
  /// Zeroed bytes at the end, aligned.
  u32 reserve(u32 bytes, u32 alignment) {
    const u32 offset = (static_cast<u32>(rodata_->size()) + alignment - 1) & ~(alignment - 1);
    rodata_->resize(offset + bytes);
    return offset;
  }
  void put32(u32 offset, u32 value) { std::memcpy(rodata_->data() + offset, &value, 4); }
  u32 get32(u32 offset) const {
    u32 value = 0;
    std::memcpy(&value, rodata_->data() + offset, 4);
    return value;
  }

private:
  struct Entry {
    u64 bits = 0;
    u32 size = 0; // 0: free
    u32 offset = 0;
  };
  Entry& find(u64 bits, u32 size) {
    u64 hash = (bits ^ size) * 0x9e3779b97f4a7c15u;
    for (u64 i = hash >> 32;; ++i) {
      Entry& entry = entries_[i & (entries_.size() - 1)];
      if (entry.size == 0 || (entry.bits == bits && entry.size == size)) return entry;
    }
  }
  void grow() {
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    for (const Entry& entry : old) {
      if (entry.size != 0) find(entry.bits, entry.size) = entry;
    }
  }

  std::vector<u8>* rodata_ = nullptr;
  std::vector<Entry> entries_; // a power of two
  u32 used_ = 0;
};

} // namespace assay::codegen
