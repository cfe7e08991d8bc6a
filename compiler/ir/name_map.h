// name_map.h - names to 32-bit ids for one scope after another, without clearing and without copying names.
//
// Canonical names are a letter (or nothing, for values) and a decimal number (Name, lexer.h): those index an
// array. All others go to a hash table with open addressing. Entries carry the epoch of their scope, so that
// `reset` is O(1) and the storage serves every function of a module. The names must outlive the scope (they lie in
// the text). Amortised O(1) a look-up. Tested in tests/name_map_test.cpp.
#pragma once

#include "assay/types.h"
#include "compiler/ir/chars.h"

#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::ir {

inline u64 hash_bytes(const char* data, std::size_t size) {
  u64 hash = 0x9e3779b97f4a7c15u ^ size;
  const auto mix = [&hash](u64 word) {
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  };
  for (; size >= 8; data += 8, size -= 8) {
    u64 word = 0;
    std::memcpy(&word, data, 8);
    mix(word);
  }
  u64 tail = 0;
  for (std::size_t i = 0; i < size; ++i) tail |= static_cast<u64>(static_cast<u8>(data[i])) << (8 * i);
  mix(tail);
  return hash;
}

class NameMap {
public:
  /// Forgets every name. Canonical numbers below `dense_limit` get the array (8 bytes each, on demand).
  void reset(u32 dense_limit) {
    dense_limit_ = dense_limit;
    used_ = 0;
    if (++epoch_ != 0) return;
    dense_.clear(); // the epochs have come round
    slots_.clear();
    epoch_ = 1;
  }

  /// The id kept for the name; kNone when it is new. The reference holds until the next call. `number` is what
  /// canonical_number says of the name, or kNone in every look-up of this map.
  u32& find(std::string_view name, u32 number) { return number < dense_limit_ ? dense(number) : hashed(name); }

private:
  struct Dense {
    u32 epoch = 0, id = kNone;
  };
  struct Slot {
    const char* name = nullptr;
    u32 size = 0, epoch = 0;
    u32 hash = 0, id = kNone;
  };

  u32& dense(u32 number) {
    if (number >= dense_.size()) dense_.resize(number + dense_.size() / 2 + 64);
    Dense& entry = dense_[number];
    if (entry.epoch != epoch_) entry = {epoch_, kNone};
    return entry.id;
  }

  u32& hashed(std::string_view name) {
    if ((used_ + 1) * 2 > slots_.size()) rehash();
    const u32 hash = static_cast<u32>(hash_bytes(name.data(), name.size()));
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      Slot& slot = slots_[at];
      if (slot.epoch != epoch_) {
        slot = {name.data(), static_cast<u32>(name.size()), epoch_, hash, kNone};
        ++used_;
        return slot.id;
      }
      if (slot.hash == hash && slot.size == name.size() && std::memcmp(slot.name, name.data(), name.size()) == 0)
        return slot.id;
    }
  }

  void rehash() {
    std::vector<Slot> old(slots_.empty() ? 64 : slots_.size() * 2);
    std::swap(old, slots_);
    const std::size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.epoch != epoch_) continue;
      std::size_t at = slot.hash & mask;
      while (slots_[at].epoch == epoch_) at = (at + 1) & mask;
      slots_[at] = slot;
    }
  }

  u32 epoch_ = 0;
  u32 dense_limit_ = 0;
  std::size_t used_ = 0;
  std::vector<Dense> dense_;
  std::vector<Slot> slots_;
};

} // namespace assay::ir
