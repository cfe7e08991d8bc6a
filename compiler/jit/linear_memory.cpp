// linear_memory.cpp - see linear_memory.h.
//
// Invariant: every committed byte from size_ + kGuardBytes on is zero, so growing needs to clear only the old guard
// zone. A program may break this by a wild write; after one that was caught at anything the executor calls `scrub`.
// Tested in compiler/jit/tests/linear_memory_test.cpp.
#include "compiler/jit/linear_memory.h"

#include "assay/planted.h"
#include "compiler/os/address_space.h"
#include "compiler/os/exec_memory.h"

#include <algorithm>
#include <cstring>

namespace assay::jit {

namespace {

constexpr u64 kGuardBytes = 64;
constexpr u8 kGuardPattern = 0xa5;
constexpr u64 kDiscardFrom = 256 * 1024; // above, giving pages back is cheaper than writing zeros

u64 round_up(u64 value, u64 unit) { return (value + unit - 1) / unit * unit; }

bool is_pattern(const u8* at) {
  u64 difference = 0;
  for (u64 i = 0; i < kGuardBytes; i += 8) {
    u64 word = 0;
    std::memcpy(&word, at + i, 8);
    difference |= word ^ (0x0101010101010101u * kGuardPattern);
  }
  return difference == 0;
}

} // namespace

LinearMemory::~LinearMemory() { os::release_pages(reservation_, reserved_); }

Result<void> LinearMemory::load(const Module& module) {
  const u64 page = os::page_size();
  const u64 max = module.has_memory ? module.memory_max : 0;
  const u64 needed = 3 * page + round_up(max + kGuardBytes, page);
  if (reservation_ != nullptr && needed <= reserved_) {
    clear(0, std::min(committed_, size_ + kGuardBytes));
  } else {
    os::release_pages(reservation_, reserved_);
    reservation_ = base_ = nullptr;
    reserved_ = committed_ = size_ = 0;
    const u64 wanted = std::max(needed, 3 * page + round_up(kDefaultMemoryMax + kGuardBytes, page));
    auto got = os::reserve_pages(wanted);
    if (!got) return got.error();
    reservation_ = *got;
    reserved_ = wanted;
    if (!os::commit_pages(reservation_ + page, page))
      return Error{ErrorKind::Io, {}, 0, 0, "no memory for a linear memory"};
    base_ = reservation_ + 2 * page;
    std::memset(base_ - kGuardBytes, kGuardPattern, kGuardBytes);
  }
  max_ = max;
  size_ = 0;
  const u64 size = module.has_memory ? module.memory_size : 0;
  if (!resize(size))
    return Error{ErrorKind::Io, {}, 0, 0, "no memory for a linear memory of " + std::to_string(size) + " bytes"};
  for (const DataSegment& data : module.data) std::memcpy(base_ + data.offset, data.bytes.data(), data.bytes.size());
  return {};
}

void LinearMemory::reset(const Module& module) {
  std::memset(base_ - kGuardBytes, kGuardPattern, kGuardBytes);
  clear(0, size_ + kGuardBytes);
  size_ = 0;
  static_cast<void>(resize(module.has_memory ? module.memory_size : 0)); // committed already
  for (const DataSegment& data : module.data) std::memcpy(base_ + data.offset, data.bytes.data(), data.bytes.size());
}

u64 LinearMemory::grow(u64 pages) {
  const u64 room = max_ - size_;
  if (pages > room / kPageSize) return ~u64{0};
  const u64 old_pages = size_ / kPageSize;
  if (!ASSAY_PLANTED(rt_grow_not_cleared)) std::memset(base_ + size_, 0, kGuardBytes);
  if (!resize(size_ + pages * kPageSize)) {
    std::memset(base_ + size_, kGuardPattern, kGuardBytes);
    return ~u64{0};
  }
  return old_pages;
}

void LinearMemory::scrub() {
  if (base_ == nullptr) return;
  const u64 page = os::page_size();
  std::memset(base_ - page, 0, page - kGuardBytes);
  std::memset(base_ - kGuardBytes, kGuardPattern, kGuardBytes);
  clear(size_, committed_);
  std::memset(base_ + size_, kGuardPattern, kGuardBytes);
}

bool LinearMemory::guards_intact() const { return is_pattern(base_ - kGuardBytes) && is_pattern(base_ + size_); }

/// Commits as needed and writes the guard zone behind the new end.
bool LinearMemory::resize(u64 size) {
  const u64 needed = round_up(size + kGuardBytes, os::page_size());
  if (needed > committed_) {
    if (!os::commit_pages(base_ + committed_, needed - committed_)) return false;
    committed_ = needed;
  }
  size_ = size;
  std::memset(base_ + size_, kGuardPattern, kGuardBytes);
  return true;
}

void LinearMemory::clear(u64 from, u64 to) {
  if (to - from <= kDiscardFrom) {
    std::memset(base_ + from, 0, to - from);
    return;
  }
  const u64 page = os::page_size();
  const u64 whole = round_up(from, page), last = to / page * page;
  std::memset(base_ + from, 0, whole - from);
  os::discard_pages(base_ + whole, last - whole);
  std::memset(base_ + last, 0, to - last);
}

} // namespace assay::jit
