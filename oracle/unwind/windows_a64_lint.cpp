// windows_a64_lint.cpp - the strict reader of ARM64 function tables: what windows.h promises of `lint`.
//
// Each code stands for one instruction: in a prologue one that does what the code says, in an epilogue one that undoes
// it, `end` for the return or the branch out. nop stands for any. Instruction forms: Arm Architecture Reference Manual
// for A-profile, C6. Tested in oracle/unwind/tests/windows_a64_test.cpp.
#include "oracle/unwind/windows.h"

#include <algorithm>

namespace assay::oracle {

namespace {

using Code = WindowsA64Tables::Code;

constexpr u32 kSp = 31, kD = 32; // unified index of v0
constexpr u32 kMovFpSp = 0x910003fd, kMovSpFp = 0x910003bf, kPaciasp = 0xd503233f, kAutiasp = 0xd50323bf,
              kRet = 0xd65f03c0, kMovX30X17 = 0xaa1103fe;

/// add or sub of an immediate: dst := base +- bytes.
bool is_add_sub(u32 word, u32 opcode, u32 dst, u32 base, i64 bytes) {
  if ((word & 0xff8003ff) != (opcode | base << 5 | dst)) return false;
  const i64 imm = i64{word >> 10 & 0xfff} << ((word >> 22 & 1) != 0 ? 12 : 0);
  return imm == bytes;
}

/// stp or ldp of a pair at [sp + offset], or with sp moved by `moved`.
bool is_pair(u32 word, bool store, u32 first, u32 second, i64 offset, i64 moved) {
  const bool vectors = first >= kD;
  u32 opcode = vectors ? 0x6d000000u : 0xa9000000u;
  i64 imm = offset;
  if (moved != 0) {
    opcode = store ? opcode | 0x00800000 : (opcode & ~u32{0x01000000}) | 0x00800000; // pre-, post-indexed
    imm = store ? -moved : moved;
  }
  if (!store) opcode |= 0x00400000;
  const u32 field = static_cast<u32>(imm / 8) & 0x7f;
  return word == (opcode | field << 15 | (second & 31) << 10 | kSp << 5 | (first & 31));
}

bool is_one(u32 word, bool store, u32 reg, i64 offset, i64 moved) {
  const u32 vector = reg >= kD ? 0x04000000 : 0, load = store ? 0 : 0x00400000;
  if (moved != 0) {
    const u32 field = static_cast<u32>(store ? -moved : moved) & 0x1ff;
    return word == (0xf8000400 | vector | load | (store ? 0x800u : 0u) | field << 12 | kSp << 5 | (reg & 31));
  }
  return word == (0xf9000000 | vector | load | static_cast<u32>(offset / 8) << 10 | kSp << 5 | (reg & 31));
}

bool is_allocation(u32 word, bool prologue, i64 bytes) {
  if (is_add_sub(word, prologue ? 0xd1000000 : 0x91000000, kSp, kSp, bytes)) return true;
  const u32 extended = prologue ? 0xcb2003ff : 0x8b2003ff; // by a register, whose value is not known here
  return (word & 0xffe003ff) == extended;
}

bool leaves(u32 word) { return word == kRet || (word & 0xfc000000) == 0x14000000 || (word & 0xfffffc1f) == 0xd61f0000; }

/// Undoes a part of a frame: what an epilogue begins with.
bool undoes(u32 word) {
  const bool load_pair = (word & 0xfe4003e0) == 0xa84003e0 || (word & 0xfe4003e0) == 0x6c4003e0; // ldp from [sp]
  const u32 first = word & 31, second = word >> 10 & 31;
  const bool vectors = (word & 0x04000000) != 0;
  const auto kept = [&](u32 reg) { return vectors ? reg >= 8 && reg <= 15 : reg >= 19 && reg <= 30; };
  return word == kMovSpFp || word == kAutiasp || (word & 0xff8003ff) == 0xd10003bf ||
         (load_pair && kept(first) && kept(second));
}

/// Makes or undoes a part of a frame, so that no `nop` may stand for it.
bool has_a_code(u32 word) {
  const bool pre_pair = (word & 0xffc003e0) == 0xa98003e0 || (word & 0xffc003e0) == 0x6d8003e0; // stp [sp, n]!
  return word == kMovFpSp || word == kPaciasp || pre_pair || undoes(word);
}

bool does(const Code& code, u32 word, bool prologue) {
  const i64 moved = code.moves ? code.value : 0, offset = code.moves ? 0 : code.value;
  switch (code.kind) {
  case Code::Alloc: return is_allocation(word, prologue, code.value);
  case Code::SavePair:
  case Code::SaveLrPair: return is_pair(word, prologue, code.reg, code.second, offset, moved);
  case Code::SaveOne: return is_one(word, prologue, code.reg, offset, moved);
  case Code::SetFp: return word == (prologue ? kMovFpSp : kMovSpFp);
  case Code::AddFp:
    return prologue ? is_add_sub(word, 0x91000000, 29, kSp, code.value)
                    : is_add_sub(word, 0xd1000000, kSp, 29, code.value);
  // Where sp is not what it was at the entry, x17 is authenticated and x30 takes its value.
  case Code::Pac: return prologue ? word == kPaciasp : word == kAutiasp || word == kMovX30X17;
  case Code::Nop: return !has_a_code(word);
  case Code::End: return !prologue && leaves(word);
  default: return false;
  }
}

bool is_shortest(const Code& code) {
  if (code.kind == Code::Alloc) return code.bytes == 1 || code.value >= (code.bytes == 2 ? 512 : 32768);
  return code.kind != Code::AddFp || code.value != 0;
}

} // namespace

/// The codes from `index` on against the instructions from word `from` on (a prologue's: backwards to the first).
Result<void> WindowsA64Tables::lint_run(const WindowsFunction& function, const Info& info, u64 index, u32 from,
                                        bool prologue, std::vector<bool>& used) const {
  auto count = length(info, index, prologue);
  if (!count) return count.error();
  if (prologue && *count > info.words) return malformed(info.codes, "a prologue longer than its function");
  bool counted = true; // before end_c
  for (u32 i = 0;; ++i) {
    const u64 at = info.codes + index;
    auto code = code_at(info, index);
    if (!code) return code.error();
    for (u32 b = 0; b < code->bytes; ++b) used[index + b] = true;
    index += code->bytes;
    if (prologue && (code->kind == Code::End || code->kind == Code::EndC)) {
      if (code->kind == Code::End) return {};
      if (i != 0) return malformed(at, "end_c behind codes of this fragment's own prologue");
      counted = false;
      continue;
    }
    if (!is_shortest(*code)) return malformed(at, "a code longer than it need be");
    Code meant = *code;
    if (code->kind == Code::SaveNext) { // a pair above the one whose save follows
      u64 next = index;
      for (u32 above = 1;; ++above) {
        auto base = code_at(info, next);
        if (!base) return base.error();
        next += base->bytes;
        if (base->kind == Code::SaveNext) continue;
        if (base->kind != Code::SavePair) return malformed(at, "save_next with no save of a pair before it");
        meant = *base;
        meant.reg = static_cast<RegIndex>(meant.reg + 2 * above);
        meant.second = static_cast<RegIndex>(meant.second + 2 * above);
        meant.value = (base->moves ? 0 : base->value) + 16 * i64{above};
        meant.moves = false;
        break;
      }
    }
    if (counted) {
      const u64 word_at = function.begin + 4 * (prologue ? u64{*count} - 1 - i : u64{from} + i);
      u32 word = 0;
      if (!image_.code.read(word_at, &word, 4)) return malformed(at, "a code beyond the function");
      // A tail call takes the room of its own stack arguments along with the frame's; the code says the frame's.
      bool last = !prologue && code->kind == Code::Alloc;
      for (u64 next = index; last;) {
        const auto following = code_at(info, next);
        if (following && following->kind == Code::End) break;
        last = following && following->kind == Code::Nop;
        if (last) next += following->bytes;
      }
      const bool tail = last && ((word & 0xff8003ff) == 0x910003ff || (word & 0xffe003ff) == 0x8b2003ff);
      if (!tail && !does(meant, word, prologue)) return malformed(at, "no such instruction at " + hex(word_at));
    }
    if (code->kind == Code::End) return {};
  }
}

Result<void> WindowsA64Tables::lint_codes(const WindowsFunction& function, const Info& info) const {
  std::vector<bool> used(info.code_bytes);
  if (auto done = lint_run(function, info, 0, 0, true, used); !done) return done;
  auto prologue = length(info, 0, true);
  if (!prologue) return prologue.error();
  u32 free_from = *prologue;
  std::vector<u32> ends; // words
  for (const Scope& scope : info.scopes) {
    auto count = length(info, scope.index, false);
    if (!count) return count.error();
    if (scope.start < free_from) return malformed(info.codes, "an epilogue that overlaps what comes before it");
    free_from = scope.start + *count + 1;
    if (free_from > info.words) return malformed(info.codes, "an epilogue beyond the function");
    if (auto done = lint_run(function, info, scope.index, scope.start, false, used); !done) return done;
    u32 before = 0;
    if (scope.start > *prologue && image_.code.read(function.begin + 4 * u64{scope.start} - 4, &before, 4) &&
        undoes(before))
      return malformed(info.codes, "an epilogue that begins before its codes");
    ends.push_back(free_from - 1);
  }
  for (u32 word_at = 0; word_at < info.words; ++word_at) {
    u32 word = 0;
    if (!image_.code.read(function.begin + 4 * u64{word_at}, &word, 4))
      return malformed(function.info, "a function beyond the code");
    if (word == kRet && std::find(ends.begin(), ends.end(), word_at) == ends.end())
      return malformed(function.info, "a return at word " + std::to_string(word_at) + " that ends no epilogue");
  }
  // What no run reaches is padding: less than a word, of one kind.
  u64 end = info.code_bytes;
  while (end > 0 && !used[end - 1]) --end;
  if (info.code_bytes - end > 3) return malformed(info.codes + end, "a word of padding or more");
  for (u64 i = 0; i < info.code_bytes; ++i) {
    const u8 byte = image_.xdata.bytes[info.codes + i];
    if (i < end ? !used[i]
                : (byte != 0 && byte != 0xe3 && byte != 0xe4) || byte != image_.xdata.bytes[info.codes + end])
      return malformed(info.codes + i, "codes that nothing refers to, or padding of no known kind");
  }
  return {};
}

Result<void> WindowsA64Tables::lint_info(const WindowsFunction& function, const Info& info) const {
  const bool extended = info.codes - function.info >= 8 + (info.one_at_end ? 0 : 4 * info.scopes.size());
  const u64 count = info.one_at_end ? info.scopes[0].index : info.scopes.size();
  if (extended && count < 32 && info.code_bytes / 4 < 32 && (count != 0 || info.code_bytes != 0))
    return malformed(function.info, "an extended header that need not be");
  return lint_codes(function, info);
}

Result<void> WindowsA64Tables::lint() const {
  std::vector<std::pair<u64, u64>> blocks;
  std::size_t at = 0; // of functions_: several may be fragments of one
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    u64 begin = image_.code.at + expected_[i].begin;
    const u64 end = image_.code.at + expected_[i].end;
    while (begin < end) {
      if (at == functions_.size() || functions_[at].begin != begin || functions_[at].end > end)
        return malformed(8 * at, "an entry that is not where function " + std::to_string(i) + " goes on");
      const WindowsFunction& f = functions_[at++];
      if (f.info % 4 != 0) return malformed(8 * at - 4, "unwind information that is not aligned");
      auto info = info_at(f.info);
      if (!info) return info.error();
      if (auto done = lint_info(f, *info); !done) return done;
      blocks.emplace_back(f.info, info->end);
      begin = f.end;
    }
  }
  if (at != functions_.size()) return malformed(8 * at, "an entry of no function");
  std::sort(blocks.begin(), blocks.end());
  u64 done = 0;
  for (const auto& [begin, end] : blocks) {
    if (begin == done) done = end;
    else if (end != done) return malformed(begin, "unwind information that overlaps another, or leaves a gap");
  }
  if (done != image_.xdata.bytes.size()) return malformed(done, "bytes that belong to no function");
  return {};
}

} // namespace assay::oracle
