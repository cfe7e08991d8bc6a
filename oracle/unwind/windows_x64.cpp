// windows_x64.cpp - UNWIND_INFO version 1 and the unwind procedure. See windows.h. The strict reader is
// windows_x64_lint.cpp.
//
// Registers are numbered as in instructions, which are the unified indices. Addresses in the frame are kept as a
// register and a distance, because a rule must hold for any register file. Tested in
// oracle/unwind/tests/windows_x64_test.cpp.
#include "oracle/unwind/bytes.h"
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
constexpr RegIndex kRsp = 4, kXmm0 = 32;
constexpr u32 kChained = 4;      // UNW_FLAG_CHAININFO
constexpr u32 kSearched = 1;     // UNW_FLAG_EHANDLER
constexpr u32 kMostChained = 32; // a longer chain is a circle

} // namespace

Result<std::unique_ptr<WindowsX64Tables>> WindowsX64Tables::open(const WindowsImage& image,
                                                                 std::span<const CodeRange> functions) {
  std::unique_ptr<WindowsX64Tables> tables(new WindowsX64Tables(image, functions));
  if (auto parsed = tables->parse(); !parsed) return parsed.error();
  return tables;
}

Result<void> WindowsX64Tables::parse() {
  const std::span<const u8> bytes = image_.pdata.bytes;
  if (bytes.size() % 12 != 0) return malformed(bytes.size(), "a function table that is no multiple of 12 bytes");
  for (u64 at = 0; at < bytes.size(); at += 12) {
    Bytes entry(bytes, at, at + 12);
    WindowsFunction function;
    function.begin = image_.base + entry.word();
    function.end = image_.base + entry.word();
    const u64 info = image_.base + entry.word();
    if (function.end <= function.begin) return malformed(at, "a function that ends before it begins");
    if (!functions_.empty() && function.begin < functions_.back().end)
      return malformed(at, "an entry out of order, or that overlaps the one before");
    if (info % 4 != 0 || !image_.xdata.has(info, 4)) return malformed(at + 8, "unwind information at no such place");
    function.info = info - image_.xdata.at;
    functions_.push_back(function);
  }
  return {};
}

Result<WindowsX64Tables::Info> WindowsX64Tables::info_at(u64 at) const {
  Bytes bytes(image_.xdata.bytes, at, image_.xdata.bytes.size());
  const u8 first = bytes.byte();
  Info info;
  info.prologue = bytes.byte();
  info.count = bytes.byte();
  const u8 frame = bytes.byte();
  if ((first & 7) != 1) return malformed(at, "version " + std::to_string(first & 7) + ", expected 1");
  if (first >> 3 != 0 && first >> 3 != kChained && first >> 3 != kSearched)
    return malformed(at, "flags " + hex(first >> 3u) + ", which are not read here");
  info.frame_register = frame & 15;
  info.frame_offset = 16u * (frame >> 4);
  info.codes = at + 4;
  info.end = info.codes + 2 * ((info.count + 1u) & ~1u);
  if (bytes.failed() || info.end > image_.xdata.bytes.size()) return malformed(at, "more codes than bytes");
  if (first >> 3 == kSearched) {
    Bytes handler(image_.xdata.bytes, info.end, image_.xdata.bytes.size());
    const u64 address = image_.base + handler.word();
    const u64 data = handler.fixed(8);
    if (handler.failed()) return malformed(info.end, "a handler that is cut off");
    if (image_.handler == 0 || address != image_.handler || data != image_.handler_data)
      return malformed(info.end, "another handler than functions here may have");
    info.has_handler = true;
    info.end += 12;
  }
  if (first >> 3 != kChained) return info;
  Bytes next(image_.xdata.bytes, info.end, image_.xdata.bytes.size());
  info.chained = true;
  info.next.begin = image_.base + next.word();
  info.next.end = image_.base + next.word();
  const u64 address = image_.base + next.word();
  info.next.info = address - image_.xdata.at;
  if (next.failed() || address % 4 != 0 || !image_.xdata.has(address, 4))
    return malformed(info.end, "a chained entry that is not there");
  info.end += 12;
  return info;
}

Result<WindowsX64Tables::Code> WindowsX64Tables::code_at(const Info& info, u32 slot) const {
  const u64 at = info.codes + 2 * u64{slot};
  Bytes bytes(image_.xdata.bytes, at, info.codes + 2 * u64{info.count});
  Code code;
  code.offset = bytes.byte();
  const u8 both = bytes.byte();
  code.op = both & 15;
  code.info = both >> 4;
  switch (code.op) {
  case kPushNonvol:
  case kSetFpreg: break;
  case kAllocSmall: code.value = 8 * u64{code.info} + 8; break;
  case kAllocLarge:
    if (code.info > 1) return malformed(at + 1, "a large allocation of no known form");
    code.slots = 2 + code.info;
    code.value = code.info == 0 ? 8 * u64{bytes.half()} : bytes.word();
    break;
  case kSaveNonvol:
  case kSaveXmm128:
    code.slots = 2;
    code.value = (code.op == kSaveNonvol ? 8 : 16) * u64{bytes.half()};
    break;
  case kSaveNonvolFar:
  case kSaveXmm128Far:
    code.slots = 3;
    code.value = bytes.word();
    break;
  default: return malformed(at + 1, "unwind operation " + std::to_string(code.op) + ", which is not read here");
  }
  if (bytes.failed()) return malformed(at, "a code that is cut off");
  return code;
}

const WindowsFunction* WindowsX64Tables::entry_of(u64 pc) const {
  const auto behind = std::upper_bound(functions_.begin(), functions_.end(), pc,
                                       [](u64 at, const WindowsFunction& f) { return at < f.begin; });
  return behind == functions_.begin() || pc >= (behind - 1)->end ? nullptr : &*(behind - 1);
}

Result<void> WindowsX64Tables::rule_at(u64 pc, bool, FrameRule& out) const {
  const WindowsFunction* function = entry_of(pc);
  if (function == nullptr) return Error{ErrorKind::BadInput, {}, 0, 0, "no entry covers " + hex(pc)};
  auto info = info_at(function->info);
  if (!info) return info.error();
  out = FrameRule();
  if (by_epilogue(*function, *info, pc, out)) return {};
  out = FrameRule();
  Place sp{kRsp, 0};
  u64 offset = pc - function->begin;
  for (u32 count = 0;; ++count, offset = ~u64{0}) { // of what is chained, all codes
    if (auto done = by_codes(*info, offset, sp, out); !done) return done;
    if (!info->chained) break;
    if (count == kMostChained) return malformed(info->codes - 4, "a chain without an end");
    info = info_at(info->next.info);
    if (!info) return info.error();
  }
  out.return_at = sp;
  out.caller_sp = {sp.base, sp.offset + 8};
  return {};
}

/// The effects of all codes whose instruction was executed, undone from the last to the first.
Result<void> WindowsX64Tables::by_codes(const Info& info, u64 offset, Place& sp, FrameRule& out) const {
  Place frame_base = sp; // what saves are counted from
  const bool body = offset >= info.prologue;
  if (info.frame_register != 0 && info.chained && out.find(info.frame_register) == nullptr)
    frame_base = {info.frame_register, -i64{info.frame_offset}}; // set by the entry that follows
  for (u32 pass = 0; pass < 2; ++pass) { // the base first: it is that of the frame register as soon as that is set
    for (u32 slot = 0; slot < info.count;) {
      auto code = code_at(info, slot);
      const u64 at = info.codes + 2 * u64{slot};
      if (!code) return code.error();
      slot += code->slots;
      if (!body && code->offset > offset) continue;
      if (pass == 0) {
        if (code->op == kSetFpreg) frame_base = {info.frame_register, -i64{info.frame_offset}};
        continue;
      }
      switch (code->op) {
      case kPushNonvol:
        out.save(code->info, 8, sp);
        sp.offset += 8;
        break;
      case kAllocLarge:
      case kAllocSmall: sp.offset += static_cast<i64>(code->value); break;
      case kSetFpreg:
        if (info.frame_register == 0 || out.find(info.frame_register) != nullptr)
          return malformed(at, "a frame register that is not there");
        sp = {info.frame_register, -i64{info.frame_offset}};
        break;
      case kSaveNonvol:
      case kSaveNonvolFar:
        out.save(code->info, 8, {frame_base.base, frame_base.offset + static_cast<i64>(code->value)});
        break;
      default:
        out.save(static_cast<RegIndex>(kXmm0 + code->info), 16,
                 {frame_base.base, frame_base.offset + static_cast<i64>(code->value)});
        break;
      }
    }
  }
  return {};
}

/// The begin of the entry that the chain of this one leads to.
u64 WindowsX64Tables::first_of(const WindowsFunction& function) const {
  WindowsFunction at = function;
  for (u32 count = 0; count < kMostChained; ++count) {
    auto info = info_at(at.info);
    if (!info || !info->chained) break;
    at = info->next;
  }
  return at.begin;
}

/// Whether a jump from there leaves the function: its target is of another, or this one's begin (recursion).
bool WindowsX64Tables::leaves(const WindowsFunction& function, u64 target) const {
  const u64 first = first_of(function);
  if (target == first) return true;
  const WindowsFunction* to = entry_of(target);
  return to == nullptr || first_of(*to) != first;
}

/// True when what follows is the end of a legitimate epilogue; then `out` is its effect.
bool WindowsX64Tables::by_epilogue(const WindowsFunction& function, const Info& info, u64 pc, FrameRule& out) const {
  const Region& code = image_.code;
  const u64 end = code.at + code.bytes.size();
  u64 at = pc;
  const auto byte = [&](u64 address) -> u8 {
    return address >= code.at && address < end ? code.bytes[address - code.at] : 0;
  };
  const auto imm8 = [&](u64 address) { return i64{static_cast<i8>(byte(address))}; };
  const auto imm32 = [&](u64 address) {
    u32 value = 0;
    for (u32 i = 0; i < 4; ++i) value |= u32{byte(address + i)} << (8 * i);
    return i64{static_cast<i32>(value)};
  };
  Place sp{kRsp, 0};
  if (byte(at) == 0x48 && (byte(at + 1) == 0x83 || byte(at + 1) == 0x81) && byte(at + 2) == 0xc4) { // add rsp, imm
    const bool small = byte(at + 1) == 0x83;
    sp.offset = small ? imm8(at + 3) : imm32(at + 3);
    at += small ? 4 : 7;
  } else if ((byte(at) & 0xfe) == 0x48 && byte(at + 1) == 0x8d &&
             (byte(at + 2) & 0x38) == 0x20) { // lea rsp, [fp + disp]
    const u8 modrm = byte(at + 2), mod = modrm >> 6;
    const u8 reg = static_cast<u8>((byte(at) & 1) << 3 | (modrm & 7));
    if (info.frame_register == 0 || reg != info.frame_register || (reg & 7) == 4 || mod == 0 || mod == 3) return false;
    sp = {reg, mod == 1 ? imm8(at + 3) : imm32(at + 3)};
    at += mod == 1 ? 4 : 7;
  }
  for (;; sp.offset += 8) { // pop reg
    const u32 prefix = byte(at) == 0x41 ? 1 : 0;
    const u8 op = byte(at + prefix);
    if (op < 0x58 || op > 0x5f) break;
    const RegIndex reg = static_cast<RegIndex>(op - 0x58u + 8 * prefix);
    if (reg == kRsp) return false;
    out.save(reg, 8, sp);
    at += 1 + prefix;
  }
  bool ends = byte(at) == 0xc3 || byte(at) == 0xc2 || (byte(at) == 0xf3 && byte(at + 1) == 0xc3);
  if (byte(at) == 0xeb || byte(at) == 0xe9) { // a direct jump: out of the function, or to its begin
    const u64 target =
        byte(at) == 0xeb ? at + 2 + static_cast<u64>(imm8(at + 1)) : at + 5 + static_cast<u64>(imm32(at + 1));
    ends = leaves(function, target);
  }
  ends = ends || (byte(at) == 0xff && byte(at + 1) == 0x25); // jmp [rip + disp]
  ends = ends || ((byte(at) & 0xf8) == 0x48 && byte(at + 1) == 0xff && (byte(at + 2) & 0x38) == 0x20); // rex.w jmp
  if (!ends) return false;
  out.return_at = sp;
  out.caller_sp = {sp.base, sp.offset + 8};
  return true;
}

Result<void> WindowsX64Tables::boundaries(std::vector<u64>& out) const {
  for (const WindowsFunction& function : functions_) {
    auto info = info_at(function.info);
    if (!info) return info.error();
    out.push_back(function.begin);
    out.push_back(function.end);
    out.push_back(function.begin + info->prologue);
    for (u32 slot = 0; slot < info->count;) {
      auto code = code_at(*info, slot);
      if (!code) return code.error();
      slot += code->slots;
      out.push_back(function.begin + code->offset);
    }
  }
  return {};
}

} // namespace assay::oracle
