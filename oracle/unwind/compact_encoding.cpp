// compact_encoding.cpp - what a 32-bit compact encoding means. See compact.h.
//
// x64, mode 1 (RBP frame): bits 16-23 the distance in words from rbp down to the lowest saved register, bits 0-14 up to
// five registers, three bits each, from the lowest place upwards. Modes 2 and 3 (frameless): bits 16-23 the stack size
// in words, or where the 32-bit immediate of the `sub rsp` is, with bits 13-15 words more; bits 10-12 how many
// registers; bits 0-9 which, as the number of a permutation. arm64: mode 4 frame, mode 2 frameless with bits 12-23 the
// size in units of 16 bytes and nothing saved; bits 0-4 the pairs x19-x28, bits 8-11 the pairs d8-d15, in that order
// from the frame record down. Tested in oracle/unwind/tests/compact_test.cpp.
#include "oracle/unwind/bytes.h"
#include "oracle/unwind/compact.h"

#include <algorithm>

namespace assay::oracle {

namespace {

constexpr u32 kModeShift = 24, kModeMask = 15;
constexpr u32 kX64RbpFrame = 1, kX64StackImmediate = 2, kX64StackIndirect = 3, kX64Dwarf = 4;
constexpr u32 kA64Frameless = 2, kA64Dwarf = 3, kA64Frame = 4;
constexpr u32 kFdeMask = 0xffffff;
constexpr u32 kFlags = 0xf0000000; // not a start, LSDA, personality: unwinding does not ask, and compiled code has none

// UNWIND_X86_64_REG_*: none, rbx, r12, r13, r14, r15, rbp.
constexpr RegIndex kX64Registers[] = {kNoRegister, 3, 12, 13, 14, 15, 5, kNoRegister};
constexpr RegIndex kRbp = 5, kRsp = 4, kA64Fp = 29, kA64Lr = 30, kA64Sp = 31;

u32 mode_of(u32 encoding) { return encoding >> kModeShift & kModeMask; }

/// The registers of a frameless function, in the order of their pushes; a permutation of `count` of six by its number.
bool permutation(u32 number, u32 count, RegIndex (&out)[6]) {
  // Digit i has a base of 6 - i; the last of six registers has only one choice left, so five digits are the same
  // number.
  u32 digits[6] = {};
  for (u32 i = count; i-- > 0;) {
    const u32 base = 6 - i;
    digits[i] = number % base;
    number /= base;
  }
  if (number != 0) return false;
  bool used[7] = {};
  for (u32 i = 0; i < count; ++i) {
    u32 left = digits[i], which = 0;
    for (u32 r = 1; r <= 6; ++r) {
      if (used[r]) continue;
      if (left-- != 0) continue;
      which = r;
      break;
    }
    used[which] = true;
    out[i] = kX64Registers[which];
  }
  return true;
}

} // namespace

Result<void> CompactTables::rule_at(u64 pc, bool is_return, FrameRule& out) const {
  const u64 asked = is_return ? pc - 1 : pc;
  auto entry = entry_of(asked);
  if (!entry) return entry.error();
  out = FrameRule();
  if (auto done = rule_of(**entry, pc, is_return, out); !done) return done;
  const u64 end = *entry == &entries_.back() ? end_ : (*entry + 1)->begin;
  out.until = out.until == 0 ? end : std::min(out.until, end);
  return {};
}

Result<void> CompactTables::rule_of(const Entry& entry, u64 pc, bool is_return, FrameRule& out) const {
  const u32 encoding = entry.encoding, mode = mode_of(encoding);
  const u64 at = entry.at;
  if (mode == (target_ == Target::X64 ? kX64Dwarf : kA64Dwarf)) {
    if (dwarf_ == nullptr) return malformed(at, "an entry that refers to an FDE, and no section of FDEs");
    return dwarf_->rule_at(pc, is_return, out);
  }
  if (target_ == Target::A64) return a64_rule(encoding, at, out);
  if (mode == kX64RbpFrame) return x64_frame(encoding, at, out);
  if (mode == kX64StackImmediate || mode == kX64StackIndirect) return x64_frameless(entry, out);
  return malformed(at, "an encoding of mode " + std::to_string(mode));
}

Result<bool> CompactTables::is_dwarf(u64 pc) const {
  auto entry = entry_of(pc);
  if (!entry) return entry.error();
  return mode_of((*entry)->encoding) == (target_ == Target::X64 ? kX64Dwarf : kA64Dwarf);
}

Result<void> CompactTables::x64_frame(u32 encoding, u64 at, FrameRule& out) const {
  const i64 lowest = -8 * i64{encoding >> 16 & 0xff};
  for (u32 i = 0; i < 5; ++i) {
    const u32 number = encoding >> (3 * i) & 7;
    if (number == 0) continue;
    if (number > 5) return malformed(at, "a register that is not saved in an RBP frame");
    out.save(kX64Registers[number], 8, {kRbp, lowest + 8 * i64{i}});
  }
  out.save(kRbp, 8, {kRbp, 0});
  out.return_at = {kRbp, 8};
  out.caller_sp = {kRbp, 16};
  return {};
}

Result<void> CompactTables::x64_frameless(const Entry& entry, FrameRule& out) const {
  const u32 encoding = entry.encoding, field = encoding >> 16 & 0xff, count = encoding >> 10 & 7;
  i64 size = 8 * i64{field}; // of the stack, the return address included
  if (mode_of(encoding) == kX64StackIndirect) {
    const u64 immediate = entry.begin + field;
    u32 value = 0;
    if (!image_.code.read(immediate, &value, 4)) return malformed(entry.at, "an immediate outside the code");
    size = i64{value} + 8 * i64{encoding >> 13 & 7};
  }
  RegIndex regs[6] = {};
  if (count > 6 || !permutation(encoding & 0x3ff, count, regs)) return malformed(entry.at, "no such permutation");
  if (size < 8 * i64{count} + 8) return malformed(entry.at, "a stack smaller than what is saved there");
  for (u32 i = 0; i < count; ++i) out.save(regs[i], 8, {kRsp, size - 8 - 8 * i64{count} + 8 * i64{i}});
  out.return_at = {kRsp, size - 8};
  out.caller_sp = {kRsp, size};
  return {};
}

Result<void> CompactTables::a64_rule(u32 encoding, u64 at, FrameRule& out) const {
  const u32 mode = mode_of(encoding);
  if (mode != kA64Frame && mode != kA64Frameless) return malformed(at, "an encoding of mode " + std::to_string(mode));
  const bool frame = mode == kA64Frame;
  const i64 size = 16 * i64{encoding >> 12 & 0xfff};
  Place place{kA64Fp, 0};
  if (!frame && (encoding & 0xf1f) != 0)
    return malformed(at, "saved registers without a frame: readers do not agree on where they are");
  const auto pair = [&](u32 first) { // the second of a pair lies below the first
    out.save(static_cast<RegIndex>(first), 8, {place.base, place.offset - 8});
    out.save(static_cast<RegIndex>(first + 1), 8, {place.base, place.offset - 16});
    place.offset -= 16;
  };
  for (u32 i = 0; i < 5; ++i) {
    if ((encoding >> i & 1) != 0) pair(19 + 2 * i);
  }
  for (u32 i = 0; i < 4; ++i) {
    if ((encoding >> (8 + i) & 1) != 0) pair(40 + 2 * i);
  }
  if (!frame) {
    out.return_in = kA64Lr;
    out.caller_sp = {kA64Sp, size};
    return {};
  }
  out.save(kA64Fp, 8, {kA64Fp, 0});
  out.return_at = {kA64Fp, 8};
  out.caller_sp = {kA64Fp, 16};
  return {};
}

Result<void> CompactTables::lint_entry(const Entry& entry, std::size_t index) const {
  const u32 encoding = entry.encoding, mode = mode_of(encoding);
  if (entry.begin != image_.code.at + expected_[index].begin)
    return malformed(entry.at, "an entry that is not at the begin of function " + std::to_string(index));
  if ((encoding & kFlags) != 0) return malformed(entry.at, "flags, which this code has no use for");
  u32 meaningful = 0;
  if (target_ == Target::A64) {
    meaningful = mode == kA64Frame ? 0xf1f : mode == kA64Frameless ? 0xfff000 : kFdeMask;
  } else {
    meaningful = mode == kX64RbpFrame ? 0xff7fff : mode == kX64StackImmediate ? 0xff1fff : 0xffffff;
  }
  if ((encoding & kFdeMask & ~meaningful) != 0) return malformed(entry.at, "bits that this mode does not have");
  FrameRule rule;
  if (auto done = rule_at(entry.begin, false, rule); !done) return done;
  if (target_ == Target::X64 && mode == kX64RbpFrame) {
    const u32 distance = encoding >> 16 & 0xff;
    bool gap = false, any = false;
    for (u32 i = 0; i < 5; ++i) {
      const bool here = (encoding >> (3 * i) & 7) != 0;
      if (i >= distance && here) return malformed(entry.at, "a saved register above rbp");
      any = any || here;
      gap = gap || (i == 0 && !here && distance != 0);
    }
    if (gap || (!any && distance != 0)) return malformed(entry.at, "a distance to no saved register");
  }
  auto dwarf = is_dwarf(entry.begin);
  if (!dwarf || !*dwarf) return {};
  return dwarf_->lint_fde_at(encoding & kFdeMask, entry.begin);
}

} // namespace assay::oracle
