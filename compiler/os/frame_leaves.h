// frame_leaves.h - few large registrations in place of many small ones, for libgcc before GCC 13.
//
// That unwinder keeps registered objects in a list that every frame of every throw walks, and sorts an object's entries
// at the first look-up behind its registration. So entries are kept here, in leaves: a leaf is one object for a range
// of addresses that no other object is in, with copies of the entries (absolute addresses, in memory of ours that stays
// when the code goes). A new unit becomes a leaf, which is merged with its neighbours as in a binary counter, or takes
// the places of removed entries without any call. Removal makes the entries' ranges empty, in place.
// Invariant: within a leaf, begins ascend; a removed entry's begin lies between the neighbours that live. A throw may
// be under way through any living entry: copies never move, and leaves made anew are registered before those that
// they replace are taken away. No leaf begins in, or reaches over, memory that was given back. Cost: removals
// below a microsecond and installing with an addition some (`assay_selftest costs 1000 10000` prints both) and, at the
// next throw, the sorting of what was added. Leaves grow with the number of entries: there are about ten. An addition
// between living entries, where no place is free, has its whole leaf sorted again. When memory runs out, an addition
// throws std::bad_alloc and nothing has happened. Thread-safe. Tested in compiler/os/tests/frame_leaves_test.cpp and
// fuzz/os/faults/allocation_test.cpp.
#pragma once

#include "assay/types.h"

#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace assay::os {

/// The two calls of libgcc; a test may put others in their place.
struct FrameTableCalls {
  void (*add)(void* entries, void* object) = nullptr; // __register_frame_info_table
  void* (*remove)(const void* entries) = nullptr;     // __deregister_frame_info
};

class FrameLeaves {
public:
  explicit FrameLeaves(const FrameTableCalls& calls);
  FrameLeaves(const FrameLeaves&) = delete;
  FrameLeaves& operator=(const FrameLeaves&) = delete;
  ~FrameLeaves();

  /// Copies the entries of an .eh_frame section (CIE "zR" or "zPLR", entries pc-relative of 4 bytes, as compiler/unwind
  /// writes it), which must ascend. Nothing happens and false is returned when it is made otherwise or overlaps living
  /// entries.
  bool add(const u8* section, u64 size);
  /// Removes the entries that begin in [first_pc, last_pc]; whether there were any.
  bool remove(const u8* first_pc, const u8* last_pc);
  /// The memory, in which nothing is registered, goes back to the system: what comes there next may be known to the
  /// unwinder by others. No leaf keeps a removed entry in it or reaches over it.
  void forget(const u8* memory, u64 bytes);
  /// Whether `entry` (what the unwinder found) is one of ours, for this pc.
  bool owns(const u8* entry, const u8* pc);
  u64 leaf_count();

private:
  struct Leaf;
  using Map = std::map<u64, std::unique_ptr<Leaf>>; // by the begin of the first entry when it was registered
  struct Unit;
  struct Span {
    Map::iterator first, last;
  };

  bool read(const u8* section, u64 size, Unit& out) const;
  bool reuse(Leaf& leaf, const Unit& unit);
  bool clear_of(Map::iterator leaf, const Unit& unit);
  void insert(Unit& unit, Map::iterator low, Map::iterator next);
  static void put(Map& leaves, std::unique_ptr<Leaf> leaf);
  void replace(Map::iterator first, Map::iterator last, Map fresh);
  static std::unique_ptr<Leaf> leaf_of_unit(Unit& unit);
  static std::unique_ptr<Leaf> part_of(const Leaf& leaf, u64 first, u64 last);
  bool mergeable(const Leaf& low, const Leaf& high) const;
  void absorb_neighbours(Leaf& leaf, Span& around);
  Map::iterator leaf_of(u64 pc);
  u64 limit() const;

  std::mutex mutex_;
  FrameTableCalls calls_;
  Map leaves_;
  u64 living_ = 0;       // entries
  u32 empty_leaves_ = 0; // kept for what comes to the same place
};

} // namespace assay::os
