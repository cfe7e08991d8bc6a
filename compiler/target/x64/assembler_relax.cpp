// assembler_relax.cpp - branches get their short forms where they reach, and loops their place, after the code.
//
// While held, every branch to a label takes its long form and every loop the most bytes that may lie before it, so that
// no distance can become larger than it is then. What is within reach so becomes short, whatever else does; in a second
// round distances are counted without what the first has saved. Now the lengths of loops are known, and how many bytes
// each needs before it (`padding`). Then the code moves together, and what refers to it by offset asks `Moved`. A few
// walks over the branches, one move of the bytes: linear.
// Tested in compiler/target/x64/tests/assembler_relax_test.cpp and by every differential check.
#include "assay/planted.h"
#include "compiler/target/x64/assembler.h"

#include <algorithm>

namespace assay::x64 {

namespace {

constexpr u32 kRounds = 2;
constexpr u32 kShortLength = 2;
constexpr u32 kLongestAligned = 256;                 // bytes of a loop
constexpr u32 kReachForward = 127, kReachBack = 128; // from the end of the short form

} // namespace

void Assembler::hold_branches() {
  held_.clear();
  hold_from_ = offset();
  is_holding_ = true;
}

/// The bytes are written when it is known how many it takes.
void Assembler::hold(Held::Kind kind, u8 cond, u32 argument) {
  held_.push_back({offset(), argument, kind, cond, false});
  for (u32 rest = length_of(held_.back()); rest != 0;) {
    const u32 count = std::min(rest, kRoom);
    commit(room() + count);
    rest -= count;
  }
}

/// Of the longest form.
u32 Assembler::length_of(const Held& held) {
  switch (held.kind) {
  case Held::Kind::Jmp: return 5;
  case Held::Kind::Jcc: return 6;
  case Held::Kind::Loop: break;
  }
  return held.argument - 1;
}

/// How far the branch reaches at most; `removed_` counts what is known to go.
bool Assembler::is_near(u32 index) const {
  const Held& held = held_[index];
  const LabelState& target = labels_[held.argument];
  if (target.held_before > index) {
    const u32 between = removed_[target.held_before] - removed_[index + 1];
    const u32 reach = kReachForward + (ASSAY_PLANTED(relax_reach) ? 3 : 0);
    return target.offset - (held.at + length_of(held)) - between <= reach;
  }
  const u32 between = removed_[index] - removed_[target.held_before];
  return held.at + kShortLength - target.offset - between <= kReachBack;
}

void Assembler::shorten(codegen::Decisions& decisions) {
  const u32 count = static_cast<u32>(held_.size());
  removed_.assign(count + 1, 0);
  for (u32 round = 0; round < kRounds; ++round) {
    for (u32 i = 0; i < count; ++i) {
      Held& held = held_[i];
      if (held.kind == Held::Kind::Loop || held.is_short || !is_near(i)) continue;
      held.is_short = decisions.may(codegen::Decision::BranchShort);
    }
    for (u32 i = 0; i < count; ++i)
      removed_[i + 1] = removed_[i] + (held_[i].is_short ? length_of(held_[i]) - kShortLength : 0);
  }
}

/// Which branch is the last one of the loop that begins at each place for one; `removed_` as if none needed padding.
void Assembler::find_loops() {
  for (u32 i = 0; i < held_.size(); ++i) {
    const Held& held = held_[i];
    const u32 least = held.kind == Held::Kind::Loop ? 0 : held.is_short ? kShortLength : length_of(held);
    removed_[i + 1] = removed_[i] + length_of(held) - least;
    if (held.kind == Held::Kind::Loop) continue;
    const LabelState& target = labels_[held.argument];
    if (target.held_before > i || target.held_before == 0) continue;
    Held& loop = held_[target.held_before - 1];
    if (loop.kind == Held::Kind::Loop && target.offset == loop.at + length_of(loop)) loop.back = i;
  }
}

/// So that a loop lies in as few lines of the cache as its length allows, and as few halves of them, which is what
/// processors fetch or keep decoded. What is long gains nothing.
u32 Assembler::padding(u32 index) const {
  const Held& held = held_[index];
  if (held.back == kNone) return 0;
  const Held& back = held_[held.back];
  const u32 length = back.at - (held.at + length_of(held)) - (removed_[held.back] - removed_[index + 1]) +
                     (back.is_short ? kShortLength : length_of(back));
  const u32 line = held.argument, half = line / 2, at = held.at - removed_[index];
  if (length > kLongestAligned) return 0;
  const auto fits = [&](u32 offset, u32 unit) { return (offset % unit + length - 1) / unit == (length - 1) / unit; };
  if (fits(at, half) && fits(at, line)) return 0;
  const u32 to_half = (0u - at) & (half - 1);
  return fits(at + to_half, line) ? to_half : to_half + half;
}

/// `removed_` is replaced on the way: what lies ahead is as it was.
void Assembler::place() {
  find_loops();
  for (u32 i = 0; i < held_.size(); ++i) {
    Held& held = held_[i];
    u32 length = held.is_short ? kShortLength : length_of(held);
    if (held.kind == Held::Kind::Loop) length = held.padding = padding(i);
    removed_[i + 1] = removed_[i] + length_of(held) - length;
  }
  for (LabelState& label : labels_)
    if (label.offset != kNone) label.offset -= removed_[label.held_before];
}

u8* Assembler::put_held(u8* at, const Held& held) const {
  if (held.kind == Held::Kind::Loop) return put_nop(at, held.padding);
  const bool is_jmp = held.kind == Held::Kind::Jmp;
  if (held.is_short) {
    *at++ = is_jmp ? u8{0xeb} : static_cast<u8>(0x70 + held.cond);
    *at = static_cast<u8>(labels_[held.argument].offset - static_cast<u32>(at + 1 - base_));
    return at + 1;
  }
  if (!is_jmp) *at++ = 0x0f;
  *at++ = is_jmp ? u8{0xe9} : static_cast<u8>(0x80 + held.cond);
  const u32 distance = labels_[held.argument].offset - static_cast<u32>(at + 4 - base_);
  std::memcpy(at, &distance, 4); // within kLargestSize
  return at + 4;
}

void Assembler::settle_branches(codegen::Decisions& decisions) {
  is_holding_ = false;
  for (const Held& held : held_)
    if (held.kind != Held::Kind::Loop && labels_[held.argument].offset == kNone) ok_ = false;
  if (!ok_) held_.clear();
  shorten(decisions);
  if (held_.empty()) return;
  place();
  u8* to = base_ + held_[0].at;
  for (u32 i = 0; i < held_.size(); ++i) {
    to = put_held(to, held_[i]);
    const u32 from = held_[i].at + length_of(held_[i]), end = i + 1 < held_.size() ? held_[i + 1].at : offset();
    std::memmove(to, base_ + from, end - from);
    to += end - from;
  }
  cursor_ = to;
  Moved place_of = moved();
  for (std::size_t i = rodata_uses_.size(); i-- != 0 && rodata_uses_[i].field >= hold_from_;)
    rodata_uses_[i].field = place_of(rodata_uses_[i].field);
}

Assembler::Moved Assembler::moved() const {
  Moved out;
  out.held_ = held_.data();
  out.removed_ = removed_.data();
  out.known_ = held_.size();
  return out;
}

} // namespace assay::x64
