// frame_leaves.h - few large registrations in place of many small ones, for libgcc before GCC 13.
//
// That unwinder keeps registered objects in a list that every frame of every throw walks, and sorts an object's entries
// at the first look-up behind its registration. So entries are kept here, in leaves: a leaf is one object for a range
// of addresses that no other object is in, with copies of the entries (absolute addresses, in memory of ours that stays
// when the code goes). A new unit becomes a leaf, which is merged with its neighbours as in a binary counter, or takes
// the places of removed entries without any call. Removal makes the entries' ranges empty, in place.
// Invariant: within a leaf, begins ascend; a removed entry's begin lies between the neighbours that live. The copies of
// living entries never move, so that a throw may be under way anywhere else.
// Cost: a removal 0.3 us; an addition 0.5 us and, at the next throw, the sorting of its leaf. Leaves grow with the
// number of entries: there are about twenty. An addition between living entries, where no place is free, has its whole
// leaf sorted again. Thread-safe. Tested in compiler/os/tests/frame_leaves_test.cpp.
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
  /// Whether `entry` (what the unwinder found) is one of ours, for this pc.
  bool owns(const u8* entry, const u8* pc);
  u64 leaf_count();

private:
  struct Leaf;
  using Map = std::map<u64, std::unique_ptr<Leaf>>; // by the begin of the first entry when it was registered
  struct Unit;

  bool read(const u8* section, u64 size, Unit& out) const;
  bool reuse(Leaf& leaf, const Unit& unit);
  bool clear_of(Map::iterator leaf, const Unit& unit);
  Map::iterator insert(std::unique_ptr<Leaf> leaf);
  std::unique_ptr<Leaf> take(Map::iterator leaf);
  static void combine(Leaf& into, std::unique_ptr<Leaf> from);
  std::unique_ptr<Leaf> split(std::unique_ptr<Leaf> leaf);
  bool mergeable(const Leaf& low, const Leaf& high) const;
  void merge_around(Map::iterator leaf);
  Map::iterator leaf_of(u64 pc);
  u64 limit() const;

  std::mutex mutex_;
  FrameTableCalls calls_;
  Map leaves_;
  u64 living_ = 0;       // entries
  u32 empty_leaves_ = 0; // kept for what comes to the same place
};

} // namespace assay::os
