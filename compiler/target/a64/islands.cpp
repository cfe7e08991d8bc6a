// islands.cpp - the assembler's buffer, and the islands that keep conditional branches and constants within reach.
//
// Two ranges wait for labels, each in the order in which it was written, so in the order of its deadlines: 19 bits
// (+-1 MiB: b.cond, cbz) and 14 bits (+-32 KiB: tbz). Constants wait like the former. deadline() is the last offset
// where an island may begin so that everything that waits can still be served in it, in this order: 14, 19,
// constants. It holds by counting: the k-th of a range was written at least 4k bytes after the first of it, and its
// veneer lies 4k bytes after the first's; what is served before takes 4 bytes each. put() compares with it (through
// limit_), so an instruction costs nothing more; a branch adds a node and recomputes it from three first offsets.
// An island serves also what would fall due within the next kHorizon bytes, so that islands are not strung together,
// and is checked anew after each of its words, since it moves everything on.
// Cost: constant an instruction, branch and veneer, amortised. Tested in compiler/target/a64/tests/ranges_test.cpp.
#include "compiler/target/a64/assembler.h"

#include <algorithm>

namespace assay::a64 {

namespace {

constexpr u32 kB = 0x14000000;
constexpr u32 kFirstSize = 4096;
constexpr u32 kReach19 = (1u << 20) - 4, kReach14 = (1u << 15) - 4; // forward
constexpr u32 kHorizon19 = 1u << 16, kHorizon14 = 1u << 12;
constexpr u32 kConstantRoom = 12; // of one constant in an island, alignment included

} // namespace

// The buffer.

void Assembler::grow(u32 bytes) {
  if (offset_ + bytes > kLargestSize) overflow();
  const u32 wanted = std::max({kFirstSize, size_ * 2, offset_ + bytes});
  code_->resize(std::max(size_, std::min(wanted, kLargestSize)));
  size_ = static_cast<u32>(code_->size());
  base_ = code_->data();
}

/// Too much code for one object: keeps writing over the last part, and says so. Nothing waits any more.
void Assembler::overflow() {
  ok_ = false;
  offset_ = kLargestSize / 2;
  for (Use& use : uses_) use.kind = UseKind::Done;
  pending19_ = pending14_ = 0;
  first19_ = first14_ = kFar;
  pool_.clear();
  pool_placed_ = 0;
}

void Assembler::make_room(u32 bytes) {
  advance(UseKind::Branch19, cursor19_, first19_);
  advance(UseKind::Branch14, cursor14_, first14_);
  // What goes through a veneer that is there needs no island.
  while (due14(bytes) && redirect(uses_[cursor14_])) advance(UseKind::Branch14, cursor14_, first14_);
  while (due19(bytes) && redirect(uses_[cursor19_])) advance(UseKind::Branch19, cursor19_, first19_);
  if (offset_ + bytes > deadline()) {
    const u32 over = offset_;
    write_grown(kB);
    while (island_step(bytes, false)) {}
    if (ok_) ok_ &= fill(over, UseKind::Branch26, offset_);
  }
  if (offset_ + bytes > size_) grow(bytes);
  set_limit();
}

void Assembler::forget_labels() {
  labels_.clear();
  uses_.clear();
  pool_.clear();
  pool_placed_ = 0;
  pending19_ = pending14_ = 0;
  first19_ = first14_ = kFar;
  limit_ = size_;
}

// What waits.

u32 Assembler::deadline() const {
  const u32 before19 = 4 * pending14_;
  const i64 constants = static_cast<i64>(pool_.size() - pool_placed_);
  i64 last = first14_ != kFar ? i64{first14_} + kReach14 - 4 : i64{kFar};
  if (first19_ != kFar) last = std::min(last, i64{first19_} + kReach19 - 4 - before19);
  if (constants != 0) {
    const i64 before = i64{before19} + 4 * i64{pending19_} + kConstantRoom * constants;
    last = std::min(last, i64{pool_[pool_placed_].field} + kReach19 - 4 - before);
  }
  return static_cast<u32>(std::max(last, i64{0}));
}

void Assembler::set_limit() { limit_ = std::min(deadline(), size_); }

/// The newest use is a branch that waits.
void Assembler::wait(UseKind kind) {
  const u32 use = static_cast<u32>(uses_.size() - 1);
  const bool short_range = kind == UseKind::Branch14;
  u32& first = short_range ? first14_ : first19_;
  if (first == kFar) {
    first = uses_[use].field;
    (short_range ? cursor14_ : cursor19_) = use;
  }
  ++(short_range ? pending14_ : pending19_);
  set_limit();
}

/// A use of that kind waits no more.
void Assembler::settle(UseKind kind) {
  if (kind == UseKind::Branch19 && --pending19_ == 0) first19_ = kFar;
  if (kind == UseKind::Branch14 && --pending14_ == 0) first14_ = kFar;
}

/// Moves on to the first use of that kind that still waits.
void Assembler::advance(UseKind kind, u32& cursor, u32& first) const {
  if (first == kFar) return;
  while (uses_[cursor].kind != kind) ++cursor;
  first = uses_[cursor].field;
}

// Islands.

/// The first that waits is out of reach after `bytes` more and the horizon.
bool Assembler::due14(u32 bytes) const {
  return first14_ != kFar && first14_ + kReach14 < offset_ + bytes + kHorizon14;
}
bool Assembler::due19(u32 bytes) const {
  return first19_ != kFar && first19_ + kReach19 < offset_ + bytes + kHorizon19 + 4 * pending14_;
}

/// Serves what is due next, if anything.
bool Assembler::island_step(u32 bytes, bool whole_pool) {
  if (due14(bytes)) {
    veneer(uses_[cursor14_]);
    advance(UseKind::Branch14, cursor14_, first14_);
    return true;
  }
  if (due19(bytes)) {
    veneer(uses_[cursor19_]);
    advance(UseKind::Branch19, cursor19_, first19_);
    return true;
  }
  if (pool_placed_ == pool_.size()) return false;
  const u32 before = 4 * (pending14_ + pending19_) + kConstantRoom * static_cast<u32>(pool_.size() - pool_placed_);
  if (!whole_pool && pool_[pool_placed_].field + kReach19 >= offset_ + bytes + kHorizon19 + before) return false;
  place_constant(pool_[pool_placed_]);
  if (pool_placed_ < pool_.size()) ++pool_placed_; // else there was no room for it
  return true;
}

/// Lets the branch go through an earlier veneer of its label, if that is within reach.
bool Assembler::redirect(Use& use) {
  const u32 place = labels_[use.label].veneer;
  if (place == kNone || !fill(use.field, use.kind, place)) return false;
  settle(use.kind);
  use.kind = UseKind::Done;
  return true;
}

/// Lets the branch go through a b to its label.
void Assembler::veneer(Use& use) {
  if (redirect(use)) return;
  LabelState& state = labels_[use.label];
  const UseKind kind = use.kind;
  const u32 from = use.field;
  write_grown(kB);
  if (use.kind == UseKind::Done) return; // no room
  state.veneer = offset_ - 4;
  ok_ &= fill(from, kind, state.veneer);
  use.field = state.veneer;
  use.kind = UseKind::Branch26;
  settle(kind);
}

void Assembler::place_constant(const Constant& constant) {
  const Constant one = constant;
  if (one.bytes == 8 && (offset_ & 4) != 0) write_grown(0);
  write_grown(static_cast<u32>(one.value & 0xffffffffu));
  const u32 at = offset_ - 4;
  if (one.bytes == 8) write_grown(static_cast<u32>(one.value >> 32));
  if (!pool_.empty()) ok_ &= fill(one.field, UseKind::Literal, at);
}

void Assembler::flush_pool() {
  if (pool_placed_ == pool_.size()) return;
  advance(UseKind::Branch19, cursor19_, first19_);
  advance(UseKind::Branch14, cursor14_, first14_);
  while (island_step(0, true)) {}
  pool_.clear();
  pool_placed_ = 0;
  set_limit();
}

} // namespace assay::a64
