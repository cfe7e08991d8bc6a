// frame_leaves.cpp - see frame_leaves.h.
//
// A copy of an entry is a chunk: its capacity, a CIE, the FDE, a zero word. The fields that change while a throw may
// read them, begin and length of an entry, are aligned words stored atomically; an entry is found only when its length
// is not zero, which is stored last. libgcc looks at entries under a lock of its own, which orders the rest.
// Tested in compiler/os/tests/frame_leaves_test.cpp.
#include "compiler/os/frame_leaves.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <new>

namespace assay::os {

namespace {

constexpr u64 kPage = 4096;
constexpr u32 kFdeAt = 48, kCapacityAt = 40; // in a chunk
constexpr u32 kLongestCie = kCapacityAt;
constexpr u8 kRelative = 0x1b;                     // an encoding of pointers: pc-relative, 4 bytes
constexpr u32 kSectionFdeHead = 16, kFdeHead = 24; // bytes before the augmentation length
constexpr u64 kSmallestLimit = 256, kLeafGoal = 8;
constexpr u32 kEmptyLeavesKept = 8;

u32 load32(const u8* at) {
  u32 value = 0;
  std::memcpy(&value, at, 4);
  return value;
}
void store32(u8* at, u32 value) { std::memcpy(at, &value, 4); }

/// Where a CIE has the encoding of code addresses: without or with a personality routine, which is absolute, as is the
/// language-specific data. 0: a CIE of another kind.
u32 encoding_at(const u8* cie) {
  const u32 bytes = load32(cie) + 4;
  const u8 plain[] = {1, 'z', 'R', 0}, personal[] = {1, 'z', 'P', 'L', 'R', 0};
  if (bytes == 24 && std::memcmp(cie + 8, plain, sizeof plain) == 0 && cie[15] == 1) return 16;
  if (bytes == kLongestCie && std::memcmp(cie + 8, personal, sizeof personal) == 0 && cie[17] == 11 && cie[18] == 0 &&
      cie[27] == 0)
    return 28;
  return 0;
}

/// libgcc reads these as plain words. (libc++ has no std::atomic_ref before version 19.)
using Word = std::atomic<u64>;
static_assert(sizeof(Word) == 8 && Word::is_always_lock_free);

/// One entry's copy. The address is that of the FDE, which is what the unwinder is given.
struct Entry {
  u8* fde = nullptr;

  Word& word(u32 at) const { return *std::launder(reinterpret_cast<Word*>(fde + at)); }
  u64 begin() const { return word(8).load(std::memory_order_relaxed); }
  u64 length() const { return word(16).load(std::memory_order_relaxed); }
  u64 end() const { return begin() + length(); }
  bool living() const { return length() != 0; }
  u8* chunk() const { return fde - kFdeAt; }
  u32 capacity() const { return load32(chunk() + kCapacityAt); } // bytes of FDE and zero word
};

u32 fde_bytes(const u8* source) { return 4 + load32(source) + 8; } // absolute fields are 8 bytes longer

/// `fde` gets what `source`, at its place in a section, says; with a length of zero.
void copy_entry(const Entry& entry, const u8* cie, const u8* source, u64 begin) {
  u8* const fde = entry.fde;
  std::memcpy(entry.chunk(), cie, load32(cie) + 4);
  entry.chunk()[encoding_at(cie)] = 0; // absolute
  const u32 rest = load32(source) + 4 - kSectionFdeHead;
  entry.word(16).store(0, std::memory_order_relaxed);
  entry.word(8).store(begin, std::memory_order_relaxed);
  std::memcpy(fde + kFdeHead, source + kSectionFdeHead, rest);
  // An entry keeps its capacity as its length, filled with no-operations, so that the zero word stays where it is.
  std::memset(fde + kFdeHead + rest, 0, entry.capacity() - 4 - kFdeHead - rest);
}

using Chunk = std::unique_ptr<u8[]>;

Chunk make_entry(const u8* cie, const u8* source, u64 begin) {
  const u32 capacity = (fde_bytes(source) + 4 + 15) & ~15u;
  Chunk chunk(new u8[kFdeAt + capacity]);
  const Entry entry{chunk.get() + kFdeAt};
  store32(chunk.get() + kCapacityAt, capacity);
  for (const u32 at : {8u, 16u}) new (entry.fde + at) Word(0);
  store32(entry.fde, capacity - 8);
  store32(entry.fde + 4, kFdeAt + 4); // to the CIE
  store32(entry.fde + capacity - 4, 0);
  copy_entry(entry, cie, source, begin);
  return chunk;
}

} // namespace

/// What a section describes.
struct FrameLeaves::Unit {
  const u8* cie = nullptr;
  struct Source {
    const u8* fde = nullptr;
    u64 begin = 0, length = 0;
  };
  std::vector<Source> entries;
  std::vector<Chunk> made; // their copies, until these are in a leaf that is registered
  u64 extent_end = 0;      // of code and section

  u64 begin() const { return entries.front().begin; }
  u64 end() const { return entries.back().begin + entries.back().length; }
};

struct FrameLeaves::Leaf {
  std::vector<u8*> fdes = {nullptr}; // ascending, then null: what libgcc is given
  u64 living = 0;
  u64 registered_begin = 0;
  u64 extent_end = 0;
  bool owns = false;               // its entries; once it is registered
  alignas(16) u8 object[128] = {}; // libgcc's own

  Leaf() = default;
  Leaf(const Leaf&) = delete;
  Leaf& operator=(const Leaf&) = delete;
  ~Leaf() {
    for (u8* fde : fdes)
      if (owns && fde != nullptr) delete[](fde - kFdeAt);
  }

  u64 size() const { return fdes.size() - 1; }
  Entry entry(u64 i) const { return Entry{fdes[i]}; }
  /// The first entry that begins at `pc` or behind it.
  u64 lower(u64 pc) const {
    u64 low = 0, high = size();
    while (low < high) {
      const u64 middle = (low + high) / 2;
      if (entry(middle).begin() < pc) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  /// Adds the living entries [first, last) of `from`, whose range of addresses does not meet the leaf's. They are in
  /// both then, until `from` is retired. When memory runs out, nothing has happened.
  void share(const Leaf& from, u64 first, u64 last) {
    const auto alive = [](u8* fde) { return Entry{fde}.living(); };
    fdes.reserve(fdes.size() + (last - first));
    fdes.pop_back();
    const auto middle = static_cast<std::ptrdiff_t>(fdes.size());
    std::copy_if(from.fdes.begin() + static_cast<std::ptrdiff_t>(first),
                 from.fdes.begin() + static_cast<std::ptrdiff_t>(last), std::back_inserter(fdes), alive);
    std::inplace_merge(fdes.begin(), fdes.begin() + middle, fdes.end(),
                       [](u8* a, u8* b) { return Entry{a}.begin() < Entry{b}.begin(); });
    living = fdes.size();
    if (living != 0) registered_begin = Entry{fdes[0]}.begin();
    fdes.push_back(nullptr);
    extent_end = std::max(extent_end, from.extent_end);
  }
  /// Its living entries are those of other leaves now.
  void retire() {
    for (u8*& fde : fdes)
      if (fde != nullptr && Entry{fde}.living()) fde = nullptr;
  }
};

FrameLeaves::FrameLeaves(const FrameTableCalls& calls) : calls_(calls) {}

FrameLeaves::~FrameLeaves() {
  for (const auto& [begin, leaf] : leaves_) calls_.remove(leaf->fdes.data());
}

bool FrameLeaves::read(const u8* section, u64 size, Unit& out) const {
  for (u64 at = 0; at + 4 <= size;) {
    const u32 length = load32(section + at);
    if (length == 0) return !out.entries.empty();
    if (length < kSectionFdeHead + 1 - 4 || length > size - at - 4) return false;
    const u32 back = load32(section + at + 4);
    if (back == 0) {
      const u8* cie = section + at;
      const u32 encoding = encoding_at(cie);
      if (encoding == 0 || cie[encoding] != kRelative) return false;
      if (out.cie != nullptr) return false;
      out.cie = cie;
    } else {
      if (out.cie == nullptr) return false;
      const u64 field = reinterpret_cast<u64>(section + at + 8);
      const u64 begin = field + static_cast<u64>(static_cast<i64>(static_cast<i32>(load32(section + at + 8))));
      const u64 bytes = load32(section + at + 12);
      if (bytes == 0 || (!out.entries.empty() && begin < out.end())) return false;
      out.entries.push_back({section + at, begin, bytes});
    }
    at += 4 + u64{length};
  }
  return false;
}

// ---- leaves --------------------------------------------------------------------------------------------

u64 FrameLeaves::limit() const { return std::max(kSmallestLimit, living_ / kLeafGoal); }

FrameLeaves::Map::iterator FrameLeaves::leaf_of(u64 pc) {
  const auto above = leaves_.upper_bound(pc);
  return above == leaves_.begin() ? leaves_.end() : std::prev(above);
}

/// Puts `fresh`, by their begins, in the place of [first, last), whose living entries they share. A throw may be under
/// way through these: at every moment the leaf that libgcc takes for a pc, that which begins last before it, has its
/// entry. So the upper of several comes first. Takes no memory.
void FrameLeaves::replace(Map::iterator first, Map::iterator last, Map fresh) {
  for (auto at = fresh.rbegin(); at != fresh.rend(); ++at) {
    calls_.add(at->second->fdes.data(), at->second->object);
    at->second->owns = true;
  }
  for (auto at = first; at != last; ++at) {
    calls_.remove(at->second->fdes.data());
    if (at->second->living == 0) --empty_leaves_;
    at->second->retire();
  }
  leaves_.erase(first, last);
  leaves_.merge(fresh);
}

/// Puts the unit's entries into places of removed ones. The first place must not come before what libgcc takes for the
/// leaf's begin.
bool FrameLeaves::reuse(Leaf& leaf, const Unit& unit) {
  if (unit.begin() < leaf.registered_begin) return false;
  const u64 count = unit.entries.size();
  u64 first = leaf.lower(unit.begin());
  while (first > 0 && !leaf.entry(first - 1).living()) --first;
  u64 places = 0;
  while (first + places < leaf.size() && !leaf.entry(first + places).living()) ++places;
  if (places < count) return false;
  for (u64 i = 0; i < count; ++i)
    if (leaf.entry(first + i).capacity() < fde_bytes(unit.entries[i].fde) + 4) return false;
  for (u64 i = count; i < places; ++i) leaf.entry(first + i).word(8).store(unit.end(), std::memory_order_relaxed);
  for (u64 i = count; i-- > 0;) {
    const Unit::Source& from = unit.entries[i];
    const Entry entry = leaf.entry(first + i);
    copy_entry(entry, unit.cie, from.fde, from.begin);
  }
  for (u64 i = 0; i < count; ++i)
    leaf.entry(first + i).word(16).store(unit.entries[i].length, std::memory_order_release);
  if (leaf.living == 0) --empty_leaves_;
  leaf.living += count;
  leaf.extent_end = std::max(leaf.extent_end, unit.extent_end);
  return true;
}

/// Whether no living entry of the leaf meets the unit.
bool FrameLeaves::clear_of(Map::iterator at, const Unit& unit) {
  const Leaf& leaf = *at->second;
  for (u64 i = leaf.lower(unit.begin()); i < leaf.size() && leaf.entry(i).begin() < unit.end(); ++i)
    if (leaf.entry(i).living()) return false;
  for (u64 i = leaf.lower(unit.begin()); i-- > 0;)
    if (leaf.entry(i).living()) return leaf.entry(i).end() <= unit.begin();
  return true;
}

bool FrameLeaves::add(const u8* section, u64 size) {
  Unit unit;
  if (!read(section, size, unit)) return false;
  unit.extent_end = std::max(unit.end(), reinterpret_cast<u64>(section) + size);
  const std::lock_guard lock(mutex_);
  const auto low = leaf_of(unit.begin());
  auto next = low == leaves_.end() ? leaves_.begin() : std::next(low);
  if (low != leaves_.end() && !clear_of(low, unit)) return false;
  for (auto at = next; at != leaves_.end() && at->first < unit.end(); ++at)
    if (!clear_of(at, unit)) return false;
  const bool alone = next == leaves_.end() || next->first >= unit.end();
  if (low != leaves_.end() && alone && reuse(*low->second, unit)) {
    living_ += unit.entries.size();
    return true;
  }
  living_ += unit.entries.size();
  try {
    insert(unit, low, next);
  } catch (...) {
    living_ -= unit.entries.size();
    throw;
  }
  return true;
}

/// `low` is the leaf that begins before the unit, if there is one, and `next` the one behind that.
void FrameLeaves::insert(Unit& unit, Map::iterator low, Map::iterator next) {
  auto leaf = leaf_of_unit(unit);
  // Leaves that reach over the unit are made anew, with it.
  Span around{next, next};
  if (low != leaves_.end() && low->second->lower(unit.begin()) < low->second->size()) {
    around.first = low;
    leaf->share(*low->second, 0, low->second->size());
  }
  for (; around.last != leaves_.end() && around.last->first < unit.end(); ++around.last)
    leaf->share(*around.last->second, 0, around.last->second->size());
  Map fresh;
  if (leaf->size() <= 2 * limit()) {
    absorb_neighbours(*leaf, around);
    put(fresh, std::move(leaf));
  } else {
    for (u64 at = 0; at < leaf->size(); at += limit()) put(fresh, part_of(*leaf, at, at + limit()));
  }
  for (Chunk& chunk : unit.made) static_cast<void>(chunk.release());
  replace(around.first, around.last, std::move(fresh));
}

void FrameLeaves::put(Map& leaves, std::unique_ptr<Leaf> leaf) {
  const u64 begin = leaf->registered_begin;
  leaves.emplace(begin, std::move(leaf));
}

/// The entries belong to `unit.made`.
std::unique_ptr<FrameLeaves::Leaf> FrameLeaves::leaf_of_unit(Unit& unit) {
  auto leaf = std::make_unique<Leaf>();
  leaf->fdes.clear();
  unit.made.reserve(unit.entries.size());
  for (const Unit::Source& from : unit.entries) {
    unit.made.push_back(make_entry(unit.cie, from.fde, from.begin));
    const Entry entry{unit.made.back().get() + kFdeAt};
    entry.word(16).store(from.length, std::memory_order_relaxed);
    leaf->fdes.push_back(entry.fde);
  }
  leaf->fdes.push_back(nullptr);
  leaf->living = unit.entries.size();
  leaf->registered_begin = unit.begin();
  leaf->extent_end = unit.extent_end;
  return leaf;
}

/// A leaf of the living ones of the entries [first, last).
std::unique_ptr<FrameLeaves::Leaf> FrameLeaves::part_of(const Leaf& leaf, u64 first, u64 last) {
  auto part = std::make_unique<Leaf>();
  last = std::min(last, leaf.size());
  part->share(leaf, first, last);
  if (last < leaf.size()) part->extent_end = std::min(part->extent_end, leaf.entry(last).begin());
  return part;
}

/// Whether the two may be one: no foreign page can lie between them.
bool FrameLeaves::mergeable(const Leaf& low, const Leaf& high) const {
  return high.registered_begin < low.extent_end + kPage && low.living + high.living <= limit();
}

/// `leaf` takes the entries of its neighbours, the leaves before and behind `around`, as far as they may be one: those
/// that are not larger, as a binary counter does; and where there are many leaves, both of any size at once, which
/// makes them fewer.
void FrameLeaves::absorb_neighbours(Leaf& leaf, Span& around) {
  const bool crowded = leaves_.size() > 2 * kLeafGoal + 2 * living_ / limit();
  for (;;) {
    const Leaf* before = around.first == leaves_.begin() ? nullptr : std::prev(around.first)->second.get();
    const Leaf* behind = around.last == leaves_.end() ? nullptr : around.last->second.get();
    if (before != nullptr && !mergeable(*before, leaf)) before = nullptr;
    if (behind != nullptr && !mergeable(leaf, *behind)) behind = nullptr;
    const bool both =
        crowded && before != nullptr && behind != nullptr && before->living + leaf.size() + behind->living <= limit();
    if (!both && before != nullptr && before->living > leaf.size()) before = nullptr;
    if (!both && behind != nullptr && (before != nullptr || behind->living > leaf.size())) behind = nullptr;
    if (before == nullptr && behind == nullptr) return;
    if (before != nullptr) {
      leaf.share(*before, 0, before->size());
      --around.first;
    }
    if (behind != nullptr) {
      leaf.share(*behind, 0, behind->size());
      ++around.last;
    }
  }
}

// ---- removal, looking ----------------------------------------------------------------------------------

bool FrameLeaves::remove(const u8* first_pc, const u8* last_pc) {
  const u64 first = reinterpret_cast<u64>(first_pc), last = reinterpret_cast<u64>(last_pc);
  const std::lock_guard lock(mutex_);
  bool any = false;
  auto at = leaf_of(first);
  if (at == leaves_.end()) at = leaves_.begin();
  while (at != leaves_.end() && at->first <= last) {
    Leaf& leaf = *at->second;
    const u64 before = leaf.living;
    for (u64 i = leaf.lower(first); i < leaf.size() && leaf.entry(i).begin() <= last; ++i) {
      const Entry entry = leaf.entry(i);
      if (!entry.living()) continue;
      entry.word(16).store(0, std::memory_order_relaxed);
      --leaf.living;
    }
    living_ -= before - leaf.living;
    any |= leaf.living != before;
    const auto here = at++;
    if (leaf.living != 0 || before == 0) continue;
    ++empty_leaves_;
    if (empty_leaves_ > kEmptyLeavesKept) replace(here, at, {});
  }
  return any;
}

void FrameLeaves::forget(const u8* memory, u64 bytes) {
  const u64 begin = reinterpret_cast<u64>(memory), end = begin + bytes;
  const std::lock_guard lock(mutex_);
  auto at = leaf_of(begin);
  if (at == leaves_.end()) at = leaves_.begin();
  while (at != leaves_.end() && at->first < end) {
    const auto here = at++;
    const Leaf& leaf = *here->second;
    const u64 middle = leaf.lower(begin);
    if (leaf.registered_begin < begin && middle == leaf.size()) continue;
    try {
      Map parts;
      auto below = part_of(leaf, 0, middle), above = part_of(leaf, middle, leaf.size());
      below->extent_end = std::min(below->extent_end, begin);
      if (below->living != 0) put(parts, std::move(below));
      if (above->living != 0) put(parts, std::move(above));
      replace(here, at, std::move(parts));
    } catch (const std::bad_alloc&) {} // the leaf stays as it is: only a stranger who comes there is not found
  }
}

bool FrameLeaves::owns(const u8* found, const u8* pc) {
  const u64 address = reinterpret_cast<u64>(pc);
  const std::lock_guard lock(mutex_);
  const auto at = leaf_of(address);
  if (at == leaves_.end()) return false;
  const Leaf& leaf = *at->second;
  for (u64 i = leaf.lower(address + 1); i-- > 0;)
    if (leaf.entry(i).living()) return leaf.entry(i).fde == found && address < leaf.entry(i).end();
  return false;
}

u64 FrameLeaves::leaf_count() {
  const std::lock_guard lock(mutex_);
  return leaves_.size();
}

} // namespace assay::os
