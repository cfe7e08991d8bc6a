// section_table.cpp - see section_table.h.
//
// Order of the atomics: a reader counts itself, then reads pointers; a writer exchanges pointers, then reads the count.
// All are sequentially consistent, so a count of nought says that whoever comes later sees the new pointers.
// Tested in compiler/os/tests/section_table_test.cpp, with threads also under ThreadSanitizer (ci/sanitizers).
#include "compiler/os/section_table.h"

#include <algorithm>

namespace assay::os {

namespace {

constexpr u64 kChunk = 64;
constexpr u64 kSpare = 64;          // chunks kept for reuse
constexpr u64 kEmptyRowsKept = 256; // of a directory, beside half of its rows

} // namespace

struct SectionTable::Chunk {
  u64 count = 0;
  UnwindSections all[kChunk];

  /// The first range that begins behind `pc`.
  u64 above(u64 pc) const {
    return static_cast<u64>(
        std::upper_bound(all, all + count, pc, [](u64 at, const UnwindSections& one) { return at < one.begin; }) - all);
  }
};

/// Row 0 begins at address 0.
struct SectionTable::Directory {
  struct Row {
    u64 first = 0;
    std::atomic<Chunk*> chunk{nullptr};
  };
  explicit Directory(u64 n) : count(n), rows(new Row[n]) {}

  Chunk& chunk(u64 row) const { return *rows[row].chunk.load(); }
  u64 row_of(u64 pc) const {
    const Row* const begin = rows.get();
    const auto before = [](u64 at, const Row& row) { return at < row.first; };
    return static_cast<u64>(std::upper_bound(begin + 1, begin + count, pc, before) - begin - 1);
  }

  u64 count;
  std::unique_ptr<Row[]> rows;
};

SectionTable::SectionTable() {
  auto first = std::make_unique<Directory>(1);
  first->rows[0].chunk = take_chunk().release();
  directory_ = first.release();
  empty_rows_ = 1;
}

SectionTable::~SectionTable() {
  const std::unique_ptr<Directory> last(directory_.load());
  for (u64 i = 0; i < last->count; ++i) delete last->rows[i].chunk.load();
}

std::unique_ptr<SectionTable::Chunk> SectionTable::take_chunk() {
  if (spare_.empty()) return std::make_unique<Chunk>();
  auto chunk = std::move(spare_.back());
  spare_.pop_back();
  chunk->count = 0;
  return chunk;
}

void SectionTable::exchange(Directory& directory, u64 row, std::unique_ptr<Chunk> chunk) {
  retired_.emplace_back(directory.rows[row].chunk.exchange(chunk.release()));
}

void SectionTable::publish(std::unique_ptr<Directory> next) {
  retired_directories_.emplace_back(directory_.exchange(next.release()));
}

/// At the end of each change.
void SectionTable::reclaim() {
  if (readers_.load() != 0) return;
  retired_directories_.clear();
  for (auto& chunk : retired_)
    if (spare_.size() < kSpare) spare_.push_back(std::move(chunk));
  retired_.clear();
}

/// A directory without empty chunks, whose rows begin with their first ranges.
SectionTable::Directory& SectionTable::refresh() {
  Directory& old = *directory_.load();
  u64 kept = 0;
  for (u64 i = 0; i < old.count; ++i) kept += old.chunk(i).count != 0 ? 1 : 0;
  auto next = std::make_unique<Directory>(std::max<u64>(kept, 1));
  u64 row = 0;
  for (u64 i = 0; i < old.count; ++i) {
    Chunk* const chunk = old.rows[i].chunk.load();
    if (chunk->count == 0 && (kept != 0 || i != 0)) {
      retired_.emplace_back(chunk);
      continue;
    }
    next->rows[row].first = row == 0 ? 0 : chunk->all[0].begin;
    next->rows[row++].chunk = chunk;
  }
  empty_rows_ = kept == 0 ? 1 : 0;
  Directory& out = *next;
  publish(std::move(next));
  return out;
}

/// The row's chunk is full: its ranges and the new one go to two. In ascending order the first stays full.
void SectionTable::split(Directory& old, u64 row, u64 at, const UnwindSections& sections) {
  const Chunk& full = old.chunk(row);
  const u64 left_count = at == kChunk ? kChunk : kChunk / 2;
  auto left = take_chunk(), right = take_chunk();
  const auto place = [&](u64 i, const UnwindSections& one) {
    Chunk& to = i < left_count ? *left : *right;
    to.all[to.count++] = one;
  };
  for (u64 i = 0; i <= kChunk; ++i) {
    if (i == at) place(i, sections);
    else place(i, full.all[i < at ? i : i - 1]);
  }
  auto next = std::make_unique<Directory>(old.count + 1);
  for (u64 i = 0; i <= old.count; ++i) {
    const u64 from = i <= row ? i : i - 1;
    next->rows[i].first = i == row + 1 ? right->all[0].begin : old.rows[from].first;
    next->rows[i].chunk = old.rows[from].chunk.load();
  }
  retired_.emplace_back(old.rows[row].chunk.load());
  next->rows[row].chunk = left.release();
  next->rows[row + 1].chunk = right.release();
  publish(std::move(next));
}

bool SectionTable::add(const UnwindSections& sections) {
  if (sections.begin >= sections.end) return false;
  const std::lock_guard lock(mutex_);
  Directory* directory = directory_.load();
  u64 row = directory->row_of(sections.begin);
  const auto reaches_over = [&] { return row + 1 < directory->count && directory->rows[row + 1].first < sections.end; };
  if (reaches_over()) { // that row may have begun with a range that is gone
    directory = &refresh();
    row = directory->row_of(sections.begin);
  }
  const Chunk& chunk = directory->chunk(row);
  const u64 at = chunk.above(sections.begin);
  const bool clear = !reaches_over() && (at == 0 || chunk.all[at - 1].end <= sections.begin) &&
                     (at == chunk.count || sections.end <= chunk.all[at].begin);
  if (clear && chunk.count == kChunk) {
    split(*directory, row, at, sections);
  } else if (clear) {
    auto next = take_chunk();
    next->count = chunk.count + 1;
    std::copy(chunk.all, chunk.all + at, next->all);
    next->all[at] = sections;
    std::copy(chunk.all + at, chunk.all + chunk.count, next->all + at + 1);
    if (chunk.count == 0) --empty_rows_;
    exchange(*directory, row, std::move(next));
  }
  if (clear) ++size_;
  reclaim();
  return clear;
}

bool SectionTable::remove(u64 begin) {
  const std::lock_guard lock(mutex_);
  Directory& directory = *directory_.load();
  const u64 row = directory.row_of(begin);
  const Chunk& chunk = directory.chunk(row);
  const u64 behind = chunk.above(begin);
  if (behind == 0 || chunk.all[behind - 1].begin != begin) return false;
  auto next = take_chunk();
  next->count = chunk.count - 1;
  std::copy(chunk.all, chunk.all + behind - 1, next->all);
  std::copy(chunk.all + behind, chunk.all + chunk.count, next->all + behind - 1);
  const bool emptied = next->count == 0;
  exchange(directory, row, std::move(next));
  --size_;
  if (emptied && ++empty_rows_ > kEmptyRowsKept + directory.count / 2) refresh();
  reclaim();
  return true;
}

bool SectionTable::find(u64 pc, UnwindSections& out) const {
  readers_.fetch_add(1);
  const Directory& directory = *directory_.load();
  const Chunk& chunk = directory.chunk(directory.row_of(pc));
  const u64 behind = chunk.above(pc);
  const bool found = behind != 0 && pc < chunk.all[behind - 1].end;
  if (found) out = chunk.all[behind - 1];
  readers_.fetch_sub(1);
  return found;
}

u64 SectionTable::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

u64 SectionTable::spare_chunks() const {
  const std::lock_guard lock(mutex_);
  return spare_.size() + retired_.size();
}

} // namespace assay::os
