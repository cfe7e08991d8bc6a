// section_table.h - which unwind sections a pc belongs to: asked by an unwinder while other threads add and remove.
//
// Ranges of code, sorted, in chunks of at most 64 that a directory lists. A change copies one chunk and exchanges it;
// now and then it copies the directory. Nothing that was published is written again, so `find` takes no lock, never
// waits and may be called from a signal handler that interrupted an `add`. What was exchanged is kept until nobody is
// inside `find`. Invariant: every range of a chunk ends where the next chunk of the directory begins, or before.
// Cost: find logarithmic in the number of ranges; add and remove the copy of a chunk (3 KiB), under a lock.
// Thread-safe. Tested in compiler/os/tests/section_table_test.cpp.
#pragma once

#include "assay/types.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace assay::os {

/// One contiguous range of code, and where its tables are: addresses and bytes.
struct UnwindSections {
  u64 begin = 0, end = 0;
  u64 dwarf = 0, dwarf_size = 0;
  u64 compact = 0, compact_size = 0;
  u64 base = 0; // what the compact section counts from; not above the code
};

class SectionTable {
public:
  SectionTable();
  SectionTable(const SectionTable&) = delete;
  SectionTable& operator=(const SectionTable&) = delete;
  ~SectionTable();

  /// False, and nothing happens, when the range is empty or meets one that is there.
  bool add(const UnwindSections& sections);
  /// Takes away the range that begins at `begin`; whether there was one.
  bool remove(u64 begin);
  /// The range that `pc` lies in.
  bool find(u64 pc, UnwindSections& out) const;

  u64 size() const;
  /// Chunks kept for reuse or until nobody looks: what does not hold ranges.
  u64 spare_chunks() const;

private:
  struct Chunk;
  struct Directory;

  std::unique_ptr<Chunk> take_chunk();
  void publish(std::unique_ptr<Directory> next);
  void exchange(Directory& directory, u64 row, std::unique_ptr<Chunk> chunk);
  void reclaim();
  Directory& refresh();
  void split(Directory& directory, u64 row, u64 at, const UnwindSections& sections);

  mutable std::mutex mutex_; // of those who change it
  mutable std::atomic<u64> readers_{0};
  std::atomic<Directory*> directory_{nullptr};
  u64 size_ = 0, empty_rows_ = 0;
  std::vector<std::unique_ptr<Chunk>> spare_, retired_; // retired: somebody may still be reading it
  std::vector<std::unique_ptr<Directory>> retired_directories_;
};

} // namespace assay::os
