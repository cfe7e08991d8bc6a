// windows_a64.cpp - .pdata and .xdata records for ARM64 (Microsoft, "ARM64 exception handling").
//
// Each code stands for one instruction, so that the system can count, from a pc inside a prologue or an epilog scope,
// how many to undo; instructions without effect on the frame are nops. Codes are stored in the order of undoing. In a
// body all of the prologue's are undone; add_fp or set_fp, once reached, makes sp right whatever the body did to it.
// Epilogues have codes of their own, equal ones shared. A handler (bit X) stands in every record of its function, by
// its address and data behind the codes; none is asked in a prologue or an epilogue. Fragments: 1 MiB at most each;
// those behind the first begin with end_c, which says that the prologue that follows is not here but has been executed.
// Tested in compiler/unwind/tests/windows_a64_test.cpp: LLVM reads it, every instruction against a model.
#include "assay/planted.h"
#include "compiler/unwind/frame_state.h"
#include "compiler/unwind/windows.h"

#include <algorithm>
#include <cstring>

namespace assay::unwind {

namespace {

constexpr u8 kSetFp = 0xe1, kAddFp = 0xe2, kNop = 0xe3, kEnd = 0xe4, kEndC = 0xe5, kPacSignLr = 0xfc;
constexpr u32 kMaxWords = (1u << 18) - 1; // of a fragment
constexpr u32 kHasHandler = 1u << 20;     // X
constexpr u32 kMaxCodeWords = 255, kMaxScopes = 0xffff, kMaxScopeIndex = 1023;
constexpr RegIndex kFp = 29, kFirstVector = 32;

Error unsupported(const char* what) { return Error{ErrorKind::Unsupported, {}, 0, 0, what}; }
Error malformed(const char* what) { return Error{ErrorKind::BadInput, {}, 0, 0, what}; }

/// Codes of some instructions, in the order of execution.
class Codes {
public:
  void clear() {
    count_ = 0;
    failed_ = false;
  }
  bool ok() const { return !failed_; }
  void add(u8 byte) { add(&byte, 1); }
  void nops(u32 count) {
    if (ASSAY_PLANTED(a64_unwind_win_nop_missing) && count != 0) --count;
    for (; count != 0 && !failed_; --count) add(kNop);
  }
  void two(u32 value) { // big-endian
    if (ASSAY_PLANTED(a64_unwind_win_code_order)) value = value >> 8 | (value & 255) << 8;
    const u8 bytes[2] = {static_cast<u8>(value >> 8), static_cast<u8>(value)};
    add(bytes, 2);
  }
  /// sub sp or, in an epilogue, add sp. False when no code says so many bytes. `plain`: by the code that says most.
  bool allocate(i64 size, bool plain) {
    if (size <= 0 || size % 16 != 0 || size / 16 >= 1 << 24) return false;
    const u32 units = static_cast<u32>(size / 16);
    if (!plain && units < (ASSAY_PLANTED(a64_unwind_win_alloc_form) ? 64 : 32)) add(static_cast<u8>(units));
    else if (!plain && units < 2048) two(0xc000 | units);
    else {
      const u8 bytes[4] = {0xe0, static_cast<u8>(units >> 16), static_cast<u8>(units >> 8), static_cast<u8>(units)};
      add(bytes, 4);
    }
    return true;
  }
  /// The bytes in the order of undoing: the last instruction's first.
  void append_reversed(std::vector<u8>& out) const {
    for (u32 i = count_; i-- > 0;) out.insert(out.end(), codes_[i].bytes, codes_[i].bytes + codes_[i].size);
  }
  void append_forward(std::vector<u8>& out) const {
    for (u32 i = 0; i < count_; ++i) out.insert(out.end(), codes_[i].bytes, codes_[i].bytes + codes_[i].size);
  }

private:
  struct Code {
    u8 bytes[4] = {};
    u8 size = 0;
  };
  void add(const u8* bytes, u8 size) {
    if (count_ == kMaxCodeWords * 4) {
      failed_ = true;
      return;
    }
    Code& code = codes_[count_++];
    std::memcpy(code.bytes, bytes, size);
    code.size = size;
  }
  Code codes_[kMaxCodeWords * 4];
  u32 count_ = 0;
  bool failed_ = false;
};

/// What one instruction does: the effects with one offset.
struct Step {
  i64 moved = 0; // depth after - before
  u32 pair = 0, saves = 0;
  i64 pair_at = 0, second_at = 0; // CFA - place
  bool sets_frame = false, drops_frame = false, signs = false, resets = false;
  bool plain = false;
};

/// A code for storing a pair and moving sp down by `size` (0: sp stays, the pair lies at sp + `offset`).
bool pair_code(u32 first, i64 size, i64 offset, Codes& out) {
  const bool moves = size != 0;
  const i64 amount = moves ? size : offset;
  if (amount % 8 != 0 || amount < 0 || amount > 504 + (moves ? 8 : 0) || (moves && offset != 0)) return false;
  const u32 z = static_cast<u32>(amount / 8) - (moves && !ASSAY_PLANTED(a64_unwind_win_pair_size) ? 1 : 0);
  if (first == kFp) {
    out.add(static_cast<u8>((moves ? 0x80 : 0x40) | z));
  } else if (first >= 19 && first <= 27) {
    out.two((moves ? 0xcc00u : 0xc800u) | (first - 19) << 6 | z);
  } else if (first >= kFirstVector + 8 && first <= kFirstVector + 14) {
    out.two((moves ? 0xda00u : 0xd800u) | (first - kFirstVector - 8) << 6 | z);
  } else {
    return false;
  }
  return true;
}

class Writer {
public:
  Writer(const CodeObject& object, const UnwindPlace& place, UnwindTables& out)
      : object_(object), place_(place), out_(out), pool_(out.bytes) {}

  Result<void> write() {
    for (const FunctionCode& function : object_.functions) {
      if (auto done = this->function(function); !done) return done;
    }
    out_.info.size = static_cast<u32>(out_.bytes.size());
    out_.entries = {out_.info.size, static_cast<u32>(entries_.size() * 4)};
    const u64 end = place_.code_rva + place_.tables_at + out_.entries.at + u64{out_.entries.size};
    if (end > 0xffffffff) return unsupported("unwind tables 4 GiB above their base, or more");
    out_.bytes.resize(out_.entries.at + out_.entries.size);
    if (!entries_.empty()) std::memcpy(out_.bytes.data() + out_.entries.at, entries_.data(), out_.entries.size);
    return {};
  }

private:
  struct Scope {
    u32 begin = 0, end = 0; // bytes, in the function
    u32 index = 0;          // of its first code, from the epilogues' codes on
  };

  Result<void> function(const FunctionCode& function) {
    ops_ = object_.frame_of(function);
    size_ = function.end - function.begin;
    has_handler_ = place_.handler_at != 0 && catches(function);
    if (!outline_.read(ops_)) return malformed("frame effects are not a prologue and epilogues");
    if (function.begin % 4 != 0 || size_ % 4 != 0) return malformed("ARM64 code is not whole instructions");
    for (const FrameOp& op : ops_)
      if (op.offset % 4 != 0) return malformed("a frame effect inside an ARM64 instruction");
    state_ = FrameState::at_entry(Target::A64);
    prologue_codes_.clear();
    epilogue_bytes_.clear();
    scopes_.clear();
    if (!prologue()) return unsupported("a prologue that Windows' ARM64 unwind codes cannot describe");
    for (const FrameOutline::Epilogue& one : outline_.epilogues)
      if (!epilogue(one)) return unsupported("an epilogue that Windows' ARM64 unwind codes cannot describe");
    return fragments(function);
  }

  /// Whether a call in the function may have its exception caught. Functions come in order, and so do call sites.
  bool catches(const FunctionCode& function) {
    const std::vector<CallSite>& sites = object_.call_sites;
    while (next_site_ < sites.size() && sites[next_site_].offset <= function.begin) ++next_site_;
    return next_site_ < sites.size() && sites[next_site_].offset <= function.end;
  }

  // ---- codes -------------------------------------------------------------------------------------------

  /// Effects from `i` on with one offset; the state afterwards.
  Step step(std::span<const FrameOp> ops, std::size_t& i) {
    Step out;
    const i64 before = state_.depth;
    const bool framed = state_.from_frame;
    for (const u32 offset = ops[i].offset; i < ops.size() && ops[i].offset == offset; ++i) {
      const FrameOp& op = ops[i];
      const i64 place = op.effect == FrameEffect::Save ? op.value : state_.saved[op.reg % FrameState::kRegisters];
      if (op.effect == FrameEffect::Save || op.effect == FrameEffect::Restore) {
        if (out.saves++ == 0) out.pair = op.reg, out.pair_at = place;
        else out.second_at = place;
      }
      out.plain |= op.plain;
      out.sets_frame |= op.effect == FrameEffect::SetFrame;
      out.resets |= op.effect == FrameEffect::ResetToFrame;
      out.signs |= op.effect == FrameEffect::SignReturn || op.effect == FrameEffect::AuthReturn;
      state_.apply(op);
    }
    out.drops_frame = framed && !state_.from_frame;
    out.moved = state_.depth - before;
    return out;
  }

  bool prologue() {
    const std::span<const FrameOp> ops = ops_.first(outline_.prologue_ops);
    u32 at = 0;
    prologue_end_ = 0;
    for (std::size_t i = 0; i < ops.size();) {
      if (ops[i].offset < at + 4) return false;
      const u32 end = ops[i].offset;
      prologue_codes_.nops((end - 4 - at) / 4);
      const Step one = step(ops, i);
      if (!prologue_code(one)) return false;
      at = prologue_end_ = end;
    }
    return prologue_codes_.ok();
  }

  bool prologue_code(const Step& one) {
    if (one.saves != 0) {
      const i64 offset = state_.depth - one.pair_at;
      return one.saves == 2 && !one.sets_frame && one.pair_at - one.second_at == 8 &&
             pair_code(one.pair, one.moved, offset, prologue_codes_);
    }
    if (one.signs) return prologue_codes_.add(kPacSignLr), one.moved == 0;
    if (one.sets_frame) return one.moved == 0 && frame_code(state_.depth - state_.cfa_from_frame, prologue_codes_);
    // An allocation too large for a code is undone by the frame register, which was set before.
    if (!prologue_codes_.allocate(one.moved, one.plain)) prologue_codes_.add(kNop);
    return one.moved > 0 && (state_.from_frame || one.moved <= 0xfffffff);
  }

  /// x29 = sp + above, or in an epilogue sp = x29 - above.
  bool frame_code(i64 above, Codes& out) {
    if (state_.frame != kFp || above < 0 || above % 8 != 0 || above > 255 * 8) return false;
    if (above == 0) out.add(kSetFp);
    else out.two(u32{kAddFp} << 8 | static_cast<u32>(above / 8));
    return true;
  }

  /// The scope begins where the state of the body ends: at the first instruction that changes it.
  bool epilogue(const FrameOutline::Epilogue& one) {
    const std::span<const FrameOp> ops = ops_.subspan(one.begin + 1, one.end - one.begin - 1);
    const FrameState body = state_;
    epilogue_codes_.clear();
    u32 at = ops_[one.begin].offset;
    const u32 end = ops_[one.end].offset;
    Scope scope{at, end, 0};
    // Restores by loads that leave sp alone: what they read stays, so to the system they are body still.
    std::size_t i = 0;
    while (i < ops.size() && !changes_sp(ops, i)) {
      scope.begin = at = ops[i].offset;
      static_cast<void>(step(ops, i));
    }
    for (; i < ops.size();) {
      if (ops[i].offset < at + 4) return false;
      const u32 offset = ops[i].offset;
      epilogue_codes_.nops((offset - 4 - at) / 4);
      const FrameState before = state_;
      if (!epilogue_code(step(ops, i), before)) return false;
      at = offset;
    }
    if (end < at + 4) return false;
    epilogue_codes_.nops((end - 4 - at) / 4);
    state_ = body;
    return epilogue_codes_.ok() && add_scope(scope, ops_[one.begin].plain);
  }

  /// Whether the instruction of effect `i` does more than load registers.
  bool changes_sp(std::span<const FrameOp> ops, std::size_t i) const {
    for (const u32 offset = ops[i].offset; i < ops.size() && ops[i].offset == offset; ++i) {
      const FrameOp& op = ops[i];
      const bool stays = op.effect == FrameEffect::DropFrame && op.value == state_.depth;
      if (op.effect != FrameEffect::Restore && !stays) return true;
    }
    return false;
  }

  bool epilogue_code(const Step& one, const FrameState& before) {
    if (one.saves != 0) {
      const i64 offset = before.depth - one.pair_at;
      return one.saves == 2 && !one.resets && one.pair_at - one.second_at == 8 &&
             pair_code(one.pair, -one.moved, one.moved != 0 ? 0 : offset, epilogue_codes_);
    }
    if (one.signs) return epilogue_codes_.add(ASSAY_PLANTED(a64_unwind_win_pac) ? kNop : kPacSignLr), one.moved == 0;
    if (one.resets) return frame_code(state_.depth - state_.cfa_from_frame, epilogue_codes_);
    // All of what is left of the frame, and no more: stack arguments lie above the caller's sp, and no code goes back
    // there.
    if (!epilogue_codes_.allocate(before.depth, one.plain)) epilogue_codes_.add(kNop);
    return one.moved < 0 && before.depth < 0x10000000;
  }

  bool add_scope(Scope scope, bool plain) {
    scratch_.clear();
    epilogue_codes_.append_forward(scratch_);
    if (!ASSAY_PLANTED(a64_unwind_win_end_missing)) scratch_.push_back(kEnd);
    // Nearly all epilogues of a function are the same.
    const auto found =
        plain ? epilogue_bytes_.end()
              : std::search(epilogue_bytes_.begin(), epilogue_bytes_.end(), scratch_.begin(), scratch_.end());
    scope.index = static_cast<u32>(found - epilogue_bytes_.begin());
    if (found == epilogue_bytes_.end()) epilogue_bytes_.insert(epilogue_bytes_.end(), scratch_.begin(), scratch_.end());
    scopes_.push_back(scope);
    return true;
  }

  // ---- records -----------------------------------------------------------------------------------------

  Result<void> fragments(const FunctionCode& function) {
    std::size_t scope = 0;
    for (u32 begin = 0; begin < size_;) {
      u32 end = size_ - begin > kMaxWords * 4 ? begin + kMaxWords * 4 : size_;
      const std::size_t first = scope;
      while (scope < scopes_.size() && scopes_[scope].end <= end) ++scope;
      if (scope < scopes_.size()) end = std::min(end, scopes_[scope].begin); // no scope in two fragments
      if (end <= begin || (begin == 0 && end < prologue_end_)) return unsupported("a prologue or epilogue of 1 MiB");
      const std::span<const Scope> scopes = std::span(scopes_).subspan(first, scope - first);
      if (auto done = record(function.begin, begin, end, scopes); !done) return done;
      begin = end;
    }
    return {};
  }

  Result<void> record(u32 function, u32 begin, u32 end, std::span<const Scope> scopes) {
    codes_.clear();
    if (begin != 0 || ASSAY_PLANTED(a64_unwind_win_end_c)) codes_.push_back(kEndC);
    prologue_codes_.append_reversed(codes_);
    codes_.push_back(kEnd);
    const u32 epilogues_at = static_cast<u32>(codes_.size());
    if (!scopes.empty()) codes_.insert(codes_.end(), epilogue_bytes_.begin(), epilogue_bytes_.end());
    while (codes_.size() % 4 != 0) codes_.push_back(kNop);
    const u32 code_words = static_cast<u32>(codes_.size() / 4), count = static_cast<u32>(scopes.size());
    if (code_words > kMaxCodeWords || count > kMaxScopes)
      return unsupported("too many ARM64 unwind codes or epilogues");
    words_.clear();
    const bool extended = code_words > 31 || count > 31;
    const u32 length = (end - begin) / 4 - (ASSAY_PLANTED(a64_unwind_win_length) ? 1 : 0);
    words_.push_back(length | (has_handler_ ? kHasHandler : 0) | (extended ? 0 : count << 22 | code_words << 27));
    if (extended) words_.push_back(count | code_words << 16);
    for (const Scope& scope : scopes) {
      const u32 index = epilogues_at + scope.index;
      if (index > kMaxScopeIndex) return unsupported("too many ARM64 unwind codes");
      const u32 from = begin - (ASSAY_PLANTED(a64_unwind_win_scope_late) ? 4 : 0);
      words_.push_back((scope.begin - from) / 4 | index << 22);
    }
    const std::size_t head = words_.size();
    words_.resize(head + code_words);
    std::memcpy(words_.data() + head, codes_.data(), codes_.size());
    if (has_handler_) {
      words_.push_back(static_cast<u32>(place_.code_rva + place_.handler_at));
      words_.push_back(static_cast<u32>(place_.handler_data));
      words_.push_back(static_cast<u32>(place_.handler_data >> 32));
    }
    const u32 info = pool_.add(reinterpret_cast<const u8*>(words_.data()), static_cast<u32>(words_.size() * 4));
    entries_.push_back(static_cast<u32>(place_.code_rva + function + begin));
    entries_.push_back(static_cast<u32>(place_.code_rva + place_.tables_at + info));
    return {};
  }

  const CodeObject& object_;
  const UnwindPlace& place_;
  UnwindTables& out_;
  InfoPool pool_;
  std::vector<u32> entries_; // begin, info
  FrameOutline outline_;
  std::span<const FrameOp> ops_;
  u32 size_ = 0, prologue_end_ = 0; // of the function, bytes
  std::size_t next_site_ = 0;       // of the object's call sites
  bool has_handler_ = false;
  FrameState state_;
  Codes prologue_codes_, epilogue_codes_;
  std::vector<u8> epilogue_bytes_, codes_, scratch_;
  std::vector<Scope> scopes_;
  std::vector<u32> words_;
};

} // namespace

Result<void> write_windows_a64(const CodeObject& object, const UnwindPlace& place, UnwindTables& out) {
  if (object.functions.empty()) return {};
  if (place.code_rva + std::max(place.tables_at, place.handler_at) > 0xffffffff)
    return unsupported("unwind tables 4 GiB above their base, or more");
  return Writer(object, place, out).write();
}

} // namespace assay::unwind
