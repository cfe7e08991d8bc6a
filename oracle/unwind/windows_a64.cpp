// windows_a64.cpp - .pdata and .xdata of ARM64, unwind codes and what they undo. See windows.h. The strict reader is
// windows_a64_lint.cpp. Codes are numbered and laid out as in Microsoft's table of unwind codes.
// Tested in oracle/unwind/tests/windows_a64_test.cpp.
#include "oracle/unwind/bytes.h"
#include "oracle/unwind/windows.h"

#include <algorithm>

namespace assay::oracle {

namespace {

constexpr RegIndex kFp = 29, kLr = 30, kSp = 31, kD8 = 40, kX19 = 19;

Error no_such(u64 at, const char* what) { return malformed(at, what); }

} // namespace

Result<std::unique_ptr<WindowsA64Tables>> WindowsA64Tables::open(const WindowsImage& image,
                                                                 std::span<const CodeRange> functions) {
  std::unique_ptr<WindowsA64Tables> tables(new WindowsA64Tables(image, functions));
  if (auto parsed = tables->parse(); !parsed) return parsed.error();
  return tables;
}

Result<void> WindowsA64Tables::parse() {
  const std::span<const u8> bytes = image_.pdata.bytes;
  if (bytes.size() % 8 != 0) return malformed(bytes.size(), "a function table that is no multiple of 8 bytes");
  for (u64 at = 0; at < bytes.size(); at += 8) {
    Bytes entry(bytes, at, at + 8);
    WindowsFunction function;
    function.begin = image_.base + entry.word();
    const u32 second = entry.word();
    if ((second & 3) != 0) return malformed(at + 4, "packed unwind data, which is not read here");
    const u64 info_address = image_.base + second;
    if (!image_.xdata.has(info_address, 4)) return malformed(at + 4, "unwind information at no such place");
    function.info = info_address - image_.xdata.at;
    auto info = info_at(function.info);
    if (!info) return info.error();
    function.end = function.begin + 4 * u64{info->words};
    if (function.begin % 4 != 0) return malformed(at, "a function that does not begin at an instruction");
    if (!functions_.empty() && function.begin < functions_.back().end)
      return malformed(at, "an entry out of order, or that overlaps the one before");
    functions_.push_back(function);
  }
  return {};
}

Result<WindowsA64Tables::Info> WindowsA64Tables::info_at(u64 at) const {
  Bytes bytes(image_.xdata.bytes, at, image_.xdata.bytes.size());
  const u32 header = bytes.word();
  Info info;
  info.words = header & 0x3ffff;
  if ((header >> 18 & 3) != 0) return malformed(at, "version " + std::to_string(header >> 18 & 3) + ", expected 0");
  info.has_handler = (header >> 20 & 1) != 0;
  info.one_at_end = (header >> 21 & 1) != 0;
  u32 epilogues = header >> 22 & 31, code_words = header >> 27;
  if (epilogues == 0 && code_words == 0) { // the extended header
    const u32 more = bytes.word();
    epilogues = more & 0xffff;
    code_words = more >> 16 & 0xff;
    if (more >> 24 != 0) return malformed(at + 4, "reserved bits of the extended header");
  }
  if (info.words == 0) return malformed(at, "a function without instructions");
  if (info.one_at_end) {
    info.scopes.push_back({0, epilogues}); // its start follows from its length
  } else {
    for (u32 i = 0; i < epilogues && !bytes.failed(); ++i) {
      const u32 word = bytes.word();
      if ((word >> 18 & 15) != 0) return malformed(bytes.at() - 4, "reserved bits of an epilog scope");
      info.scopes.push_back({word & 0x3ffff, word >> 22});
    }
  }
  info.codes = bytes.at();
  info.code_bytes = 4 * u64{code_words};
  info.end = info.codes + info.code_bytes;
  if (bytes.failed() || info.end > image_.xdata.bytes.size())
    return malformed(at, "more unwind information than bytes");
  if (info.has_handler) {
    Bytes handler(image_.xdata.bytes, info.end, image_.xdata.bytes.size());
    const u64 address = image_.base + handler.word(), data = handler.fixed(8);
    if (handler.failed()) return malformed(info.end, "a handler that is cut off");
    if (image_.handler == 0 || address != image_.handler || data != image_.handler_data)
      return malformed(info.end, "another handler than functions here may have");
    info.end = handler.at();
  }
  if (!info.one_at_end) return info;
  auto count = length(info, info.scopes[0].index, false);
  if (!count) return count.error();
  if (*count + 1 > info.words) return malformed(at, "an epilogue longer than its function");
  info.scopes[0].start = info.words - (*count + 1);
  return info;
}

Result<WindowsA64Tables::Code> WindowsA64Tables::code_at(const Info& info, u64 index) const {
  const u64 at = info.codes + index;
  Bytes bytes(image_.xdata.bytes, at, info.codes + info.code_bytes);
  const u32 b = bytes.byte();
  Code code;
  const auto low = [&](u32 bits) { return i64{b & ((1u << bits) - 1)}; };
  const auto pair = [&](Code::Kind kind, u32 first, i64 value, bool moves) {
    code.kind = kind;
    code.reg = static_cast<RegIndex>(first);
    code.second = static_cast<RegIndex>(first + 1);
    code.value = value;
    code.moves = moves;
  };
  if (b < 0x20) { // alloc_s
    code.kind = Code::Alloc;
    code.value = 16 * low(5);
  } else if (b < 0x40) { // save_r19r20_x
    pair(Code::SavePair, kX19, 8 * low(5), true);
  } else if (b < 0x80) { // save_fplr
    pair(Code::SavePair, kFp, 8 * low(6), false);
  } else if (b < 0xc0) { // save_fplr_x
    pair(Code::SavePair, kFp, 8 * (low(6) + 1), true);
  } else if (b < 0xe0) { // two bytes
    const u32 two = (b << 8 | bytes.byte()) & 0x1fff;
    code.bytes = 2;
    const auto x = [&](u32 from, u32 bits) { return two >> from & ((1u << bits) - 1); };
    const i64 z6 = 8 * i64{x(0, 6)}, z6x = z6 + 8, z5x = 8 * (i64{x(0, 5)} + 1);
    switch (b >> 2 & 7) {
    case 0:
    case 1: // alloc_m: 11000xxx
      code.kind = Code::Alloc;
      code.value = 16 * i64{x(0, 11)};
      break;
    case 2: pair(Code::SavePair, kX19 + x(6, 4), z6, false); break; // save_regp
    case 3: pair(Code::SavePair, kX19 + x(6, 4), z6x, true); break; // save_regp_x
    case 4: pair(Code::SaveOne, kX19 + x(6, 4), z6, false); break;  // save_reg
    case 5:
      if ((b & 2) == 0) { // save_reg_x: 1101010x
        pair(Code::SaveOne, kX19 + x(5, 4), z5x, true);
      } else { // save_lrpair: 1101011x
        pair(Code::SaveLrPair, kX19 + 2 * x(6, 3), z6, false);
        code.second = kLr;
      }
      break;
    case 6: pair(Code::SavePair, kD8 + x(6, 3), (b & 2) == 0 ? z6 : z6x, (b & 2) != 0); break; // save_fregp, _x
    default:
      if ((b & 2) == 0) pair(Code::SaveOne, kD8 + x(6, 3), z6, false);   // save_freg: 1101110x
      else if (b == 0xde) pair(Code::SaveOne, kD8 + x(5, 3), z5x, true); // save_freg_x
      else return no_such(at, "the unwind code 0xdf, which is reserved");
      break;
    }
    const u32 last = code.kind == Code::SavePair ? code.second : code.reg;
    if (last > (code.reg >= kD8 ? kD8 + 7u : u32{kLr})) return no_such(at, "a register that no callee saves");
  } else {
    switch (b) {
    case 0xe0: // alloc_l
      code.kind = Code::Alloc;
      code.bytes = 4;
      code.value = i64{bytes.byte()} << 16;
      code.value |= i64{bytes.byte()} << 8;
      code.value = 16 * (code.value | i64{bytes.byte()});
      break;
    case 0xe1: code.kind = Code::SetFp; break;
    case 0xe2:
      code.kind = Code::AddFp;
      code.bytes = 2;
      code.value = 8 * i64{bytes.byte()};
      break;
    case 0xe3: code.kind = Code::Nop; break;
    case 0xe4: code.kind = Code::End; break;
    case 0xe5: code.kind = Code::EndC; break;
    case 0xe6: code.kind = Code::SaveNext; break;
    case 0xfc: code.kind = Code::Pac; break;
    default: return no_such(at, "an unwind code that is reserved or not read here");
    }
  }
  if (bytes.failed()) return no_such(at, "an unwind code that is cut off");
  return code;
}

Result<u32> WindowsA64Tables::length(const Info& info, u64 index, bool prologue) const {
  for (u32 count = 0;; ++count) {
    if (index >= info.code_bytes) return malformed(info.end, "unwind codes without an end");
    auto code = code_at(info, index);
    if (!code) return code.error();
    // What follows end_c undoes a prologue that lies in another fragment.
    if (code->kind == Code::End || (code->kind == Code::EndC && prologue)) return count;
    index += code->bytes;
  }
}

/// Undoes what the codes from `index` to the end say, without the first `skip` instructions.
Result<void> WindowsA64Tables::execute(const Info& info, u64 index, u32 skip, FrameRule& out) const {
  Place sp{kSp, 0};
  bool fp_restored = false;
  u32 waiting = 0; // save_next codes, whose place follows from the save before them in the prologue
  const auto save = [&](u32 reg, i64 offset) {
    out.save(static_cast<RegIndex>(reg), 8, {sp.base, sp.offset + offset});
    fp_restored = fp_restored || reg == kFp;
  };
  for (u32 number = 0;; ++number) {
    const u64 at = info.codes + index;
    if (index >= info.code_bytes) return malformed(info.end, "unwind codes without an end");
    auto code = code_at(info, index);
    if (!code) return code.error();
    index += code->bytes;
    const Code& c = *code;
    if (c.kind == Code::End) {
      if (waiting != 0) return malformed(at, "save_next with no save of a pair before it");
      break;
    }
    if (c.kind == Code::SaveNext) {
      // Also when this one is skipped: in a prologue it then was not executed; its pair is still the caller's.
      if (number >= skip) ++waiting;
      continue;
    }
    if (waiting != 0 && (c.kind != Code::SavePair || c.reg == kFp))
      return malformed(at, "save_next with no save of a pair before it");
    if (number < skip) continue;
    switch (c.kind) {
    case Code::Alloc: sp.offset += c.value; break;
    case Code::SavePair: {
      const i64 place = c.moves ? 0 : c.value;
      if (c.reg + 2 * waiting + 1 > (c.reg >= kD8 ? kD8 + 7u : u32{kLr}))
        return malformed(at, "save_next beyond the last register");
      for (u32 i = 0; i <= waiting; ++i) {
        save(c.reg + 2 * i, place + 16 * i64{i});
        save(c.second + 2 * i, place + 16 * i64{i} + 8);
      }
      waiting = 0;
      break;
    }
    case Code::SaveOne: save(c.reg, c.moves ? 0 : c.value); break;
    case Code::SaveLrPair:
      save(c.reg, c.value);
      save(kLr, c.value + 8);
      break;
    case Code::SetFp:
    case Code::AddFp:
      if (fp_restored) return malformed(at, "a frame pointer that is not there");
      sp = {kFp, -(c.kind == Code::AddFp ? c.value : 0)};
      break;
    case Code::Pac: out.return_signed = true; break;
    default: break;
    }
    if (c.moves) sp.offset += c.value;
  }
  out.caller_sp = sp;
  if (const SavedRegister* lr = out.find(kLr)) out.return_at = lr->at;
  else out.return_in = kLr;
  return {};
}

/// A frame that waits for a call is looked up at the call itself: the system's unwinder steps back to it when a context
/// was unwound to a call (CONTEXT_UNWOUND_TO_CALL). On x64 it does not.
Result<void> WindowsA64Tables::rule_at(u64 pc, bool is_return, FrameRule& out) const {
  if (is_return) pc -= 4;
  const auto behind = std::upper_bound(functions_.begin(), functions_.end(), pc,
                                       [](u64 at, const WindowsFunction& f) { return at < f.begin; });
  if (behind == functions_.begin() || pc >= (behind - 1)->end)
    return Error{ErrorKind::BadInput, {}, 0, 0, "no entry covers " + hex(pc)};
  const WindowsFunction& function = *(behind - 1);
  auto info = info_at(function.info);
  if (!info) return info.error();
  const u64 word = (pc - function.begin) / 4;
  out = FrameRule();
  auto prologue = length(*info, 0, true);
  if (!prologue) return prologue.error();
  if (word < *prologue) return execute(*info, 0, *prologue - static_cast<u32>(word), out);
  for (const Scope& scope : info->scopes) {
    if (word < scope.start) continue;
    auto count = length(*info, scope.index, false);
    if (!count) return count.error();
    if (word <= scope.start + *count) return execute(*info, scope.index, static_cast<u32>(word - scope.start), out);
  }
  return execute(*info, 0, 0, out);
}

Result<void> WindowsA64Tables::boundaries(std::vector<u64>& out) const {
  for (const WindowsFunction& function : functions_) {
    out.push_back(function.begin);
    out.push_back(function.end);
  }
  return {};
}

} // namespace assay::oracle
