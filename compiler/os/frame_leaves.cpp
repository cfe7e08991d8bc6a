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
#include <new>

namespace assay::os {

namespace {

constexpr u64 kPage = 4096;
constexpr u32 kFdeAt = 48, kCapacityAt = 40; // in a chunk
constexpr u32 kLongestCie = kCapacityAt;
constexpr u8 kRelative = 0x1b;                     // an encoding of pointers: pc-relative, 4 bytes
constexpr u32 kSectionFdeHead = 16, kFdeHead = 24; // bytes before the augmentation length
constexpr u64 kSmallestLimit = 256, kLeafGoal = 16;
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

Entry make_entry(const u8* cie, const u8* source, u64 begin) {
  const u32 capacity = (fde_bytes(source) + 4 + 15) & ~15u;
  u8* const chunk = new u8[kFdeAt + capacity];
  const Entry entry{chunk + kFdeAt};
  store32(chunk + kCapacityAt, capacity);
  for (const u32 at : {8u, 16u}) new (entry.fde + at) Word(0);
  store32(entry.fde, capacity - 8);
  store32(entry.fde + 4, kFdeAt + 4); // to the CIE
  store32(entry.fde + capacity - 4, 0);
  copy_entry(entry, cie, source, begin);
  return entry;
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
  u64 extent_end = 0; // of code and section

  u64 begin() const { return entries.front().begin; }
  u64 end() const { return entries.back().begin + entries.back().length; }
};

struct FrameLeaves::Leaf {
  std::vector<u8*> fdes = {nullptr}; // ascending, then null: what libgcc is given
  u64 living = 0;
  u64 registered_begin = 0;
  u64 extent_end = 0;
  alignas(16) u8 object[128] = {}; // libgcc's own

  Leaf() = default;
  Leaf(const Leaf&) = delete;
  Leaf& operator=(const Leaf&) = delete;
  ~Leaf() {
    for (u8* fde : fdes)
      if (fde != nullptr) delete[](fde - kFdeAt);
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
  /// Frees removed entries. Only while libgcc does not know the leaf.
  void purge() {
    const auto dead = [](u8* fde) {
      if (fde == nullptr || Entry{fde}.living()) return false;
      delete[](fde - kFdeAt);
      return true;
    };
    fdes.erase(std::remove_if(fdes.begin(), fdes.end(), dead), fdes.end());
  }
};

FrameLeaves::FrameLeaves(const FrameTableCalls& calls) : calls_(calls) {}

FrameLeaves::~FrameLeaves() {
  while (!leaves_.empty()) static_cast<void>(take(leaves_.begin()));
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

/// Registers a leaf with living entries.
FrameLeaves::Map::iterator FrameLeaves::insert(std::unique_ptr<Leaf> leaf) {
  leaf->registered_begin = leaf->entry(0).begin();
  calls_.add(leaf->fdes.data(), leaf->object);
  return leaves_.emplace(leaf->registered_begin, std::move(leaf)).first;
}

/// Takes it away from libgcc.
std::unique_ptr<FrameLeaves::Leaf> FrameLeaves::take(Map::iterator at) {
  std::unique_ptr<Leaf> leaf = std::move(at->second);
  calls_.remove(leaf->fdes.data());
  if (leaf->living == 0) --empty_leaves_;
  leaves_.erase(at);
  return leaf;
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
  auto leaf = std::make_unique<Leaf>();
  leaf->fdes.clear();
  for (const Unit::Source& from : unit.entries) {
    const Entry entry = make_entry(unit.cie, from.fde, from.begin);
    entry.word(16).store(from.length, std::memory_order_relaxed);
    leaf->fdes.push_back(entry.fde);
  }
  leaf->fdes.push_back(nullptr);
  leaf->living = unit.entries.size();
  leaf->extent_end = unit.extent_end;
  living_ += leaf->living;
  // Leaves that reach over the unit are made anew, with it.
  if (low != leaves_.end() && low->second->lower(unit.begin()) < low->second->size()) combine(*leaf, take(low));
  for (next = leaves_.upper_bound(unit.begin()); next != leaves_.end() && next->first < unit.end();
       next = leaves_.upper_bound(unit.begin()))
    combine(*leaf, take(next));
  while (leaf->size() > 2 * limit()) leaf = split(std::move(leaf));
  merge_around(insert(std::move(leaf)));
  return true;
}

/// Adds the living entries of `from`, which libgcc does not know any more.
void FrameLeaves::combine(Leaf& into, std::unique_ptr<Leaf> from) {
  from->purge();
  into.fdes.pop_back();
  const auto middle = static_cast<std::ptrdiff_t>(into.fdes.size());
  into.fdes.insert(into.fdes.end(), from->fdes.begin(), from->fdes.end() - 1);
  std::inplace_merge(into.fdes.begin(), into.fdes.begin() + middle, into.fdes.end(),
                     [](u8* a, u8* b) { return Entry{a}.begin() < Entry{b}.begin(); });
  into.fdes.push_back(nullptr);
  into.living += from->living;
  into.extent_end = std::max(into.extent_end, from->extent_end);
  from->fdes.assign(1, nullptr);
}

/// Registers the lower half and gives back the upper one.
std::unique_ptr<FrameLeaves::Leaf> FrameLeaves::split(std::unique_ptr<Leaf> leaf) {
  const auto middle = static_cast<std::ptrdiff_t>(leaf->size() / 2);
  auto upper = std::make_unique<Leaf>();
  upper->fdes.assign(leaf->fdes.begin() + middle, leaf->fdes.end());
  upper->living = upper->size();
  upper->extent_end = leaf->extent_end;
  leaf->fdes.resize(static_cast<std::size_t>(middle));
  leaf->fdes.push_back(nullptr);
  leaf->living = leaf->size();
  leaf->extent_end = upper->entry(0).begin();
  static_cast<void>(insert(std::move(leaf)));
  return upper;
}

/// Whether the two may be one: no foreign page can lie between them.
bool FrameLeaves::mergeable(const Leaf& low, const Leaf& high) const {
  return high.registered_begin < low.extent_end + kPage && low.size() + high.size() <= limit();
}

void FrameLeaves::merge_around(Map::iterator at) {
  const bool any_size = leaves_.size() > 2 * kLeafGoal + 2 * living_ / limit();
  for (;;) {
    const u64 size = at->second->size();
    const auto prev = at == leaves_.begin() ? leaves_.end() : std::prev(at);
    const auto next = std::next(at);
    auto other = leaves_.end();
    if (prev != leaves_.end() && (any_size || prev->second->size() <= size) && mergeable(*prev->second, *at->second))
      other = prev;
    else if (next != leaves_.end() && (any_size || next->second->size() <= size) &&
             mergeable(*at->second, *next->second))
      other = next;
    if (other == leaves_.end()) return;
    std::unique_ptr<Leaf> mine = take(at);
    mine->purge();
    combine(*mine, take(other));
    at = insert(std::move(mine));
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
    if (empty_leaves_ > kEmptyLeavesKept) static_cast<void>(take(here));
  }
  return any;
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
