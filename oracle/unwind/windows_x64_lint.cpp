// windows_x64_lint.cpp - the strict reader of x64 function tables: what windows.h promises of `lint`.
//
// Tables are tied to instructions: each code must stand at the end of an instruction that does what the code says. That
// needs no disassembler, only the few forms that a prologue has. Tested in oracle/unwind/tests/windows_x64_test.cpp.
#include "oracle/unwind/windows.h"

#include <algorithm>

namespace assay::oracle {

namespace {

enum Op : u8 {
  kPushNonvol,
  kAllocLarge,
  kAllocSmall,
  kSetFpreg,
  kSaveNonvol,
  kSaveNonvolFar,
  kSaveXmm128 = 8,
  kSaveXmm128Far,
};
constexpr u32 kRsp = 4;

/// The code up to an instruction's end, looked at backwards.
class Before {
public:
  Before(std::span<const u8> code, u64 begin, u64 end) : code_(code.subspan(begin, end - begin)) {}

  bool ends(std::initializer_list<u32> bytes, u32 tail = 0) const {
    if (code_.size() < bytes.size() + tail) return false;
    const u8* at = code_.data() + code_.size() - bytes.size() - tail;
    return std::equal(bytes.begin(), bytes.end(), at, [](u32 a, u8 b) { return a == b; });
  }
  /// The last byte, or the last four, sign-extended.
  i64 imm(u32 size) const {
    if (code_.size() < size) return 0;
    const u8* at = code_.data() + code_.size() - size;
    if (size == 1) return static_cast<i8>(*at);
    u32 value = 0;
    for (u32 i = 0; i < 4; ++i) value |= u32{at[i]} << (8 * i);
    return static_cast<i32>(value);
  }

private:
  std::span<const u8> code_;
};

bool is_push(const Before& before, u32 reg) {
  return reg < 8 ? before.ends({0x50 + reg}) && !before.ends({0x41, 0x50 + reg}) : before.ends({0x41, 0x48 + reg});
}

bool is_allocation(const Before& before, u64 bytes) {
  if (before.ends({0x48, 0x83, 0xec}, 1) && before.imm(1) == static_cast<i64>(bytes)) return true;
  if (before.ends({0x48, 0x81, 0xec}, 4) && before.imm(4) == static_cast<i64>(bytes)) return true;
  return before.ends({0x48, 0x29, 0xc4}) || before.ends({0x48, 0x2b, 0xe0}) || // sub rsp, rax
         before.ends({0x4c, 0x29, 0xdc}) || before.ends({0x49, 0x2b, 0xe3});   // sub rsp, r11
}

/// mov or lea of the frame register from rsp.
bool sets_frame(const Before& before, u32 reg, u32 offset) {
  const u32 rex_rm = reg < 8 ? 0x48 : 0x49, rex_reg = reg < 8 ? 0x48 : 0x4c, low = reg & 7;
  if (offset == 0 && before.ends({rex_rm, 0x89, 0xe0 | low})) return true;
  if (offset == 0 && before.ends({rex_reg, 0x8b, 0xc4 | low << 3})) return true;
  return (before.ends({rex_reg, 0x8d, 0x44 | low << 3, 0x24}, 1) && before.imm(1) == i64{offset}) ||
         (before.ends({rex_reg, 0x8d, 0x84 | low << 3, 0x24}, 4) && before.imm(4) == i64{offset});
}

/// A store of `reg` (an integer, or an xmm register by movaps) at [rsp or the frame register + what gives `offset`].
bool is_store(const Before& before, u32 reg, bool xmm, u64 offset, const WindowsX64Tables::Info& info) {
  const u32 low = (reg & 7) << 3, op = xmm ? 0x29 : 0x89;
  for (const u32 base : {kRsp, u32{info.frame_register}}) {
    if (base == 0) continue;
    const u32 rex = (xmm ? 0u : 0x48u) | (reg >= 8 ? 0x44u : 0u) | (base >= 8 ? 0x41u : 0u);
    const bool sib = (base & 7) == 4;
    for (const u32 size : {1u, 4u}) {
      const u32 modrm = (size == 1 ? 0x40 : 0x80) | low | (base & 7);
      const i64 displacement = before.imm(size) + (base == kRsp ? 0 : i64{info.frame_offset});
      if (displacement != static_cast<i64>(offset)) continue;
      const u32 skip = size + (sib ? 1 : 0);
      if (sib && !before.ends({0x24}, size)) continue;
      if (!(xmm ? before.ends({0x0f, op, modrm}, skip) : before.ends({op, modrm}, skip))) continue;
      if (rex == 0 || (xmm ? before.ends({rex, 0x0f, op}, skip + 1) : before.ends({rex, op}, skip + 1))) return true;
    }
  }
  return false;
}

} // namespace

Result<void> WindowsX64Tables::lint_code(const WindowsFunction& function, const Info& info, const Code& code, u64 at,
                                         bool whole) const {
  const u64 begin = function.begin - image_.code.at, end = begin + code.offset;
  if (function.begin < image_.code.at || end > image_.code.bytes.size() || function.begin + code.offset > function.end)
    return malformed(at, "a code beyond the function");
  const Before before(image_.code.bytes, begin, end);
  bool does = false;
  switch (code.op) {
  case kPushNonvol: does = is_push(before, code.info); break;
  case kAllocSmall: does = is_allocation(before, code.value); break;
  case kAllocLarge:
    if (code.value <= 128 || (code.info == 1 && code.value <= 8 * 0xffff))
      return malformed(at, "an allocation longer than it need be");
    does = code.value % 8 == 0 && is_allocation(before, code.value);
    break;
  case kSetFpreg:
    if (code.info != 0) return malformed(at + 1, "reserved bits of UWOP_SET_FPREG");
    does = info.frame_register != 0 &&
           (sets_frame(before, info.frame_register, info.frame_offset) || moves_frame(function, info, code.offset));
    break;
  case kSaveNonvol:
  case kSaveNonvolFar:
    if (code.op == kSaveNonvolFar && code.value <= 8 * 0xffff) return malformed(at, "a save longer than it need be");
    does = is_store(before, code.info, false, code.value, info);
    break;
  default:
    if (code.op == kSaveXmm128Far && code.value <= 16 * 0xffff) return malformed(at, "a save longer than it need be");
    does = code.value % 16 == 0 && is_store(before, code.info, true, code.value, info);
    break;
  }
  if (!does && whole) return malformed(at, "no instruction that does this ends at +" + hex(code.offset));
  return {};
}

/// The frame register may be set by `mov reg, rsp` first and be described where the stack has its final size: then the
/// frame's offset is what was taken from the stack in between.
bool WindowsX64Tables::moves_frame(const WindowsFunction& function, const Info& info, u32 offset) const {
  const u64 begin = function.begin - image_.code.at;
  for (u32 end = 3; end <= offset; ++end) {
    if (!sets_frame(Before(image_.code.bytes, begin, begin + end), info.frame_register, 0)) continue;
    u64 taken = 0;
    for (u32 slot = 0; slot < info.count;) {
      auto code = code_at(info, slot);
      if (!code) return false;
      slot += code->slots;
      if (code->offset <= end || code->offset > offset) continue;
      if (code->op == kPushNonvol) taken += 8;
      else if (code->op == kAllocSmall || code->op == kAllocLarge) taken += code->value;
    }
    return taken == info.frame_offset;
  }
  return false;
}

Result<void> WindowsX64Tables::lint_info(const WindowsFunction& function, const Info& info,
                                         const WindowsFunction& first) const {
  const u64 head = info.codes - 4;
  const bool whole = &function == &first; // else a part behind the first, whose state is there at once
  if (!whole && !info.chained) {
    auto primary = info_at(first.info);
    if (!primary) return primary.error();
    if (info.has_handler != primary->has_handler) return malformed(head, "a handler in a part of a function only");
  }
  u32 last_offset = 256, frames = 0;
  u8 last_op = kSetFpreg;
  for (u32 slot = 0; slot < info.count;) {
    const u64 at = info.codes + 2 * u64{slot};
    auto code = code_at(info, slot);
    if (!code) return code.error();
    slot += code->slots;
    if (slot == code->slots && code->offset != info.prologue)
      return malformed(at, "a prologue that does not end with its last code");
    const bool together = code->offset == last_offset && (last_op == kSetFpreg || !whole);
    if (code->offset > last_offset || (code->offset == last_offset && !together))
      return malformed(at, "codes that are not in the order of falling offsets");
    last_offset = code->offset;
    last_op = code->op;
    frames += code->op == kSetFpreg ? 1 : 0;
    if (auto done = lint_code(function, info, *code, at, whole); !done) return done;
  }
  if (info.count == 0 && info.prologue != 0) return malformed(head + 1, "a prologue without codes");
  if (!whole && info.prologue != 0) return malformed(head + 1, "a prologue in the middle of a function");
  if (info.count % 2 != 0) {
    const u8* padding = image_.xdata.bytes.data() + info.codes + 2 * u64{info.count};
    if (padding[0] != 0 || padding[1] != 0)
      return malformed(info.codes + 2 * u64{info.count}, "padding that is not zero");
  }
  if (info.chained) {
    if (whole || info.next.begin != first.begin || info.next.end != first.end || info.next.info != first.info)
      return malformed(info.end - 12, "a chained entry that is not the function's first");
    auto primary = info_at(first.info);
    if (!primary) return primary.error();
    if (info.frame_register != primary->frame_register || info.frame_offset != primary->frame_offset)
      return malformed(head + 3, "another frame register than in the function's first entry");
    if (frames != 0) return malformed(head, "a frame register that is set twice");
    return {};
  }
  if (frames != (info.frame_register != 0 ? 1u : 0u) || (info.frame_register == 0 && info.frame_offset != 0))
    return malformed(head + 3, "a frame register, and not one code that sets it");
  return {};
}

Result<void> WindowsX64Tables::lint() const {
  std::vector<std::pair<u64, u64>> blocks;
  std::size_t at = 0; // of functions_
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    const u64 end = image_.code.at + expected_[i].end;
    const std::size_t first = at;
    for (u64 begin = image_.code.at + expected_[i].begin; begin < end; begin = functions_[at++].end) {
      if (at == functions_.size() || functions_[at].begin != begin || functions_[at].end > end)
        return malformed(12 * at, "an entry that is not where function " + std::to_string(i) + " goes on");
      auto info = info_at(functions_[at].info);
      if (!info) return info.error();
      if (auto done = lint_info(functions_[at], *info, functions_[first]); !done) return done;
      blocks.emplace_back(functions_[at].info, info->end);
    }
  }
  if (at != functions_.size()) return malformed(12 * at, "an entry of no function");
  std::sort(blocks.begin(), blocks.end());
  u64 done = 0;
  for (const auto& [begin, end] : blocks) { // entries of one shape may share
    if (begin == done) done = end;
    else if (end != done) return malformed(begin, "unwind information that overlaps another, or leaves a gap");
  }
  if (done != image_.xdata.bytes.size()) return malformed(done, "bytes that belong to no entry");
  return {};
}

} // namespace assay::oracle
