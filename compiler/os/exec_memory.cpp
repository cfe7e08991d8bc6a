// exec_memory.cpp - the arenas over map_region, the same for every system.
//
// CodeArena: first fit in sorted free lists, neighbours joined on free. With Protect a block is whole pages, because
// flipping a page that also holds another block would take execute permission from running code; with DualMap
// 64 bytes is the unit. BumpArena turns all its pages over at once. Invariant: every byte of a region that is in no
// block is a trap instruction, and in Protect a page that is in no block is writable and not executable, but for the
// first of each of a CodeArena's regions. That one is executable for ever: a block behind it is made executable by
// moving the border between two mappings, which on Linux takes half the time of splitting one.
// Tested in compiler/os/tests/exec_memory_test.cpp.
#include "compiler/os/exec_memory.h"

#include "compiler/os/unwind_registry.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace assay::os {

namespace {

/// A new region has at least this part of what is mapped, so that many functions are in few regions.
constexpr u64 kGrowth = 4, kLargestGrowth = 64 * 1024 * 1024;

u64 round_up(u64 value, u64 unit) { return (value + unit - 1) / unit * unit; }

Result<Region> map_filled(u64 size, MemoryStrategy strategy) {
  auto region = map_region(size, strategy);
  if (region) fill_traps(region->write, region->size);
  return region;
}

} // namespace

void fill_traps(u8* to, u64 size) {
#if defined(__aarch64__) || defined(_M_ARM64)
  const u32 brk = 0xd4200000u; // brk #0
  for (u64 at = 0; at + 4 <= size; at += 4) std::memcpy(to + at, &brk, 4);
#else
  std::memset(to, 0xcc, size);                                      // int3
#endif
}

namespace {

/// Writes a function that returns `value` (below 256).
void write_probe(u8* to, u32 value) {
#if defined(__aarch64__) || defined(_M_ARM64)
  const u32 code[2] = {0x52800000u | value << 5, 0xd65f03c0u}; // mov w0, #value; ret
#else
  const u8 code[6] = {0xb8, static_cast<u8>(value), 0, 0, 0, 0xc3}; // mov eax, value; ret
#endif
  std::memcpy(to, code, sizeof code);
}

bool probe_other_view() {
#if defined(__aarch64__) || defined(_M_ARM64) || defined(__x86_64__) || defined(_M_X64)
  auto region = map_region(page_size(), MemoryStrategy::DualMap);
  if (!region) return false;
  bool sees = true;
  for (u32 value = 1; value <= 3; ++value) {
    write_probe(region->write, value);
    flush_code(region->write, region->exec, 8);
    u32 (*function)() = nullptr;
    std::memcpy(&function, &region->exec, sizeof function);
    sees &= function() == value;
  }
  unmap_region(*region);
  return sees;
#else
  return false;
#endif
}

/// Bytes before the first block of an arena's region.
u64 lead_of(MemoryStrategy strategy) { return strategy == MemoryStrategy::Protect ? page_size() : 0; }

/// A region of an arena, with so many bytes for blocks.
Result<Region> map_for_blocks(u64 size, MemoryStrategy strategy) {
  const u64 lead = lead_of(strategy);
  auto region = map_filled(size + lead, strategy);
  if (!region || lead == 0) return region;
  if (auto done = make_executable(*region, 0, lead); !done) {
    unmap_region(*region);
    return done.error();
  }
  return region;
}

/// What held code, which the unwinder may have known, goes back to the system.
void give_back(Region& region) {
  if (region.size == 0) return; // moved from
  unwinder_forgets(region.exec, region.size);
  unmap_region(region);
}

} // namespace

bool sees_other_view() {
  static const bool sees = probe_other_view();
  return sees;
}

bool can_protect() {
  auto region = map_region(page_size(), MemoryStrategy::Protect);
  if (!region) return false;
  const bool ok = make_executable(*region, 0, region->size).ok();
  unmap_region(*region);
  return ok;
}

Result<CodeArena> CodeArena::create(const ArenaOptions& options) {
  CodeArena arena(options);
  const bool wants_protect = options.strategy == MemoryStrategy::Protect;
  if (!(wants_protect ? can_protect() : sees_other_view())) {
    if (!options.fall_back) {
      return Error{ErrorKind::Unsupported,
                   {},
                   0,
                   0,
                   wants_protect ? "this process may not make writable pages executable"
                                 : "code that is written through another view does not run as written here"};
    }
    arena.options_.strategy = wants_protect ? MemoryStrategy::DualMap : MemoryStrategy::Protect;
  }
  auto region = map_for_blocks(options.region_size, arena.options_.strategy);
  if (!region) return region.error();
  const u64 lead = lead_of(arena.options_.strategy);
  arena.regions_.push_back(Slab{*region, {Span{lead, region->size - lead}}, 0});
  return arena;
}

CodeArena& CodeArena::operator=(CodeArena&& other) noexcept {
  if (this != &other) {
    release_all();
    options_ = other.options_;
    regions_ = std::move(other.regions_);
    other.regions_.clear();
  }
  return *this;
}

CodeArena::~CodeArena() { release_all(); }

void CodeArena::release_all() {
  for (Slab& slab : regions_) give_back(slab.region);
  regions_.clear();
}

u64 CodeArena::granule() const { return options_.strategy == MemoryStrategy::Protect ? page_size() : kBlockAlign; }

bool CodeArena::take(u32 index, u64 size, CodeBlock& out) {
  Slab& slab = regions_[index];
  for (size_t i = 0; i < slab.free.size(); ++i) {
    Span& span = slab.free[i];
    if (span.size < size) continue;
    out = CodeBlock{slab.region.write + span.offset, slab.region.exec + span.offset, size, index};
    span.offset += size;
    span.size -= size;
    if (span.size == 0) slab.free.erase(slab.free.begin() + static_cast<std::ptrdiff_t>(i));
    slab.used += size;
    return true;
  }
  return false;
}

Result<CodeBlock> CodeArena::allocate(u64 size) {
  const u64 rounded = round_up(std::max<u64>(size, 1), granule());
  CodeBlock block;
  for (u32 i = static_cast<u32>(regions_.size()); i-- > 0;) {
    if (take(i, rounded, block)) return block;
  }
  const u64 share = std::min(bytes_mapped() / kGrowth, kLargestGrowth) / page_size() * page_size();
  auto vacant = std::find_if(regions_.begin(), regions_.end(), [](const Slab& s) { return s.region.size == 0; });
  const u32 index = static_cast<u32>(vacant - regions_.begin());
  if (vacant == regions_.end()) regions_.emplace_back(); // vacant, should memory run out before it is mapped
  Slab& slab = regions_[index];
  slab.free.resize(1);
  auto region = map_for_blocks(std::max({rounded, options_.region_size, share}), options_.strategy);
  if (!region) {
    slab.free.clear();
    return region.error();
  }
  slab.region = *region;
  const u64 lead = lead_of(options_.strategy);
  slab.free[0] = Span{lead, region->size - lead};
  slab.used = 0;
  ASSAY_CHECK(take(index, rounded, block));
  return block;
}

Result<void> CodeArena::publish(const CodeBlock& block) {
  const Region& region = regions_[block.region].region;
  const u64 offset = static_cast<u64>(block.exec - region.exec);
  if (auto done = make_executable(region, offset, block.size); !done) return done;
  flush_code(block.write, block.exec, block.size);
  return {};
}

void CodeArena::free(const CodeBlock& block) noexcept {
  Slab& slab = regions_[block.region];
  const u64 offset = static_cast<u64>(block.exec - slab.region.exec);
  slab.used -= block.size;
  const bool others =
      std::count_if(regions_.begin(), regions_.end(), [](const Slab& s) { return s.region.size != 0; }) > 1;
  if (slab.used == 0 &&
      (others || slab.region.size > lead_of(options_.strategy) + round_up(options_.region_size, page_size()))) {
    give_back(slab.region);
    slab.free.clear();
    return;
  }
  // Where the pages cannot be made writable again they stay as they are, in use for ever: no reuse, no harm.
  if (!make_writable(slab.region, offset, block.size)) return;
  fill_traps(block.write, block.size);
  auto next =
      std::lower_bound(slab.free.begin(), slab.free.end(), offset, [](const Span& s, u64 o) { return s.offset < o; });
  const bool joins_next = next != slab.free.end() && offset + block.size == next->offset;
  const bool joins_previous = next != slab.free.begin() && (next - 1)->offset + (next - 1)->size == offset;
  if (joins_previous) {
    (next - 1)->size += block.size + (joins_next ? next->size : 0);
    if (joins_next) slab.free.erase(next);
  } else if (joins_next) {
    next->offset = offset;
    next->size += block.size;
  } else {
    try {
      slab.free.insert(next, Span{offset, block.size});
    } catch (const std::bad_alloc&) {} // not used again before the whole region is given back
  }
}

u64 CodeArena::bytes_mapped() const {
  u64 sum = 0;
  for (const Slab& slab : regions_) sum += slab.region.size;
  return sum;
}

Result<BumpArena> BumpArena::create(u64 capacity) {
  auto region = map_filled(capacity, sees_other_view() ? MemoryStrategy::DualMap : MemoryStrategy::Protect);
  if (!region) return region.error();
  return BumpArena(*region);
}

BumpArena::BumpArena(BumpArena&& other) noexcept { *this = std::move(other); }

BumpArena::~BumpArena() { give_back(region_); }

BumpArena& BumpArena::operator=(BumpArena&& other) noexcept {
  std::swap(region_, other.region_);
  std::swap(used_, other.used_);
  std::swap(dirty_, other.dirty_);
  std::swap(published_, other.published_);
  return *this;
}

Result<CodeBlock> BumpArena::allocate(u64 size) {
  const u64 rounded = round_up(std::max<u64>(size, 1), kBlockAlign);
  if (published_ && used_ != 0)
    return Error{ErrorKind::Unsupported, {}, 0, 0, "the pages of a program that may be running cannot be written"};
  if (published_) {
    if (auto done = make_writable(region_, 0, region_.size); !done) return done.error();
    published_ = false;
  }
  if (used_ + rounded > region_.size) {
    if (used_ != 0)
      return Error{ErrorKind::Unsupported, {}, 0, 0, "the program needs more code memory than its arena has"};
    auto larger = map_filled(rounded + rounded / 2, region_.strategy);
    if (!larger) return larger.error();
    give_back(region_);
    region_ = *larger;
    dirty_ = 0;
  }
  CodeBlock block{region_.write + used_, region_.exec + used_, rounded, 0};
  const u64 old_end = std::max(dirty_, used_);
  used_ += rounded;
  // The caller may write less than `rounded`: both the rest of the block and what is stale behind it become traps.
  if (old_end > used_ - rounded) fill_traps(block.write, old_end - (used_ - rounded));
  dirty_ = used_;
  return block;
}

Result<void> BumpArena::publish(const CodeBlock& block) {
  if (region_.strategy == MemoryStrategy::Protect && !published_) {
    if (auto done = make_executable(region_, 0, region_.size); !done) return done;
    published_ = true;
  }
  flush_code(block.write, block.exec, block.size);
  return {};
}

void BumpArena::reset() {
  dirty_ = std::max(dirty_, used_);
  used_ = 0;
}

} // namespace assay::os
