// windows_x64.cpp - RUNTIME_FUNCTION and UNWIND_INFO, version 1 (Microsoft, "x64 exception handling").
//
// What the system does at a pc: in a prologue it undoes the codes whose offset is not beyond the pc, in array order;
// behind it it first disassembles from the pc, and if that is the rest of an epilogue (lea rsp or add rsp, pops, ret),
// carries that out, else undoes all codes. Saves are relative to the base: rsp, or once SET_FPREG is reached, frame
// register
// - 16 * offset. So SET_FPREG goes where all pushes are done and rsp is a multiple of 16, at most 240, below rbp; no
// instruction is needed for it, since rbp already stands. A frame that does not allow that is described state by state.
// A handler stands in every info of its function but those that are chained, which have their primary's. It is named
// for the search only (UNW_FLAG_EHANDLER): no frame has anything to clean up.
// Tested in compiler/unwind/tests/windows_x64_test.cpp: LLVM and binutils read it, every byte against a model.
#include "assay/planted.h"
#include "compiler/unwind/frame_state.h"
#include "compiler/unwind/windows.h"

#include <algorithm>
#include <cstring>

namespace assay::unwind {

namespace {

enum UnwindOp : u8 {
  kPushNonvol = 0,
  kAllocLarge = 1,
  kAllocSmall = 2,
  kSetFpreg = 3,
  kSaveNonvol = 4,
  kSaveNonvolFar = 5,
  kSaveXmm128 = 8,
  kSaveXmm128Far = 9,
};
constexpr u8 kVersion = 1, kHandler = 1, kChainInfo = 4;
constexpr u32 kMaxProlog = 255, kMaxCodes = 255;
constexpr i64 kMaxFrameOffset = 240;
constexpr RegIndex kFirstXmm = 32, kRbp = 5;
constexpr u32 kHandlerBytes = 4 + 8; // its address, and its data

Error unsupported(const char* what) { return Error{ErrorKind::Unsupported, {}, 0, 0, what}; }

/// The codes of one UNWIND_INFO, in the order in which they are given: the reverse of the array's.
class Codes {
public:
  void clear() { count_ = units_ = 0, failed_ = false; }
  bool ok() const { return !failed_; }

  void push(u32 at, RegIndex reg) { add(at, kPushNonvol, reg, 0, 0); }
  void set_frame(u32 at) { add(at, kSetFpreg, 0, 0, 0); }
  /// `plain`: by the code that says most.
  void allocate(u32 at, i64 bytes, bool plain = false) {
    if (bytes > 16 && ASSAY_PLANTED(unwind_win64_alloc_size)) bytes -= 8;
    if (bytes == 0) return;
    if (bytes < 0 || bytes % 8 != 0 || bytes > 0xfffffff8) failed_ = true;
    else if (bytes <= 128 && !plain) add(at, kAllocSmall, static_cast<u32>(bytes / 8 - 1), 0, 0);
    else if (bytes <= 0xffff * 8 && !plain) add(at, kAllocLarge, 0, 1, static_cast<u32>(bytes / 8));
    else add(at, kAllocLarge, 1, 2, static_cast<u32>(bytes));
  }
  /// `offset` from the base.
  void save(u32 at, RegIndex reg, i64 offset, bool plain = false) {
    const i64 unit = reg < kFirstXmm || ASSAY_PLANTED(unwind_win64_xmm_unit) ? 8 : 16;
    const u8 near = reg < kFirstXmm ? kSaveNonvol : kSaveXmm128;
    const u32 number = reg < kFirstXmm ? reg : reg - kFirstXmm;
    if (offset < 0 || offset % unit != 0 || offset > 0xffffffff || number > 15) failed_ = true;
    else if (offset / unit <= 0xffff && !plain) add(at, near, number, 1, static_cast<u32>(offset / unit));
    else add(at, static_cast<u8>(near + 1), number, 2, static_cast<u32>(offset));
  }
  /// Those whose instruction does not end behind `limit` (an offset in the function), with offsets from `start`, as a
  /// whole UNWIND_INFO. Returns its size.
  u32 write(u32 start, u32 limit, u8 frame_byte, u8* out) const {
    u32 count = count_;
    while (count != 0 && codes_[count - 1].at > limit) --count;
    u32 prolog = 0, units = 0;
    bool framed = false; // until the frame register is reached, saves are counted from rsp
    if (count != 0 && codes_[count - 1].at > start) prolog = codes_[count - 1].at - start;
    u8* at = out + 4;
    for (u32 i = count; i-- > 0;) {
      const Code& code = codes_[i];
      const u32 before = ASSAY_PLANTED(unwind_win64_code_early) ? start + 1 : start;
      *at++ = static_cast<u8>(code.at > start ? code.at - before : 0);
      *at++ = static_cast<u8>(code.op | code.info << 4);
      std::memcpy(at, &code.operand, 4);
      at += 2 * code.operand_units;
      units += 1u + code.operand_units;
      framed |= code.op == kSetFpreg;
    }
    if (units % 2 != 0) *at++ = 0, *at++ = 0;
    out[0] = kVersion;
    out[1] = static_cast<u8>(prolog);
    out[2] = static_cast<u8>(units);
    out[3] = framed ? frame_byte & (ASSAY_PLANTED(unwind_win64_frame_offset) ? 15 : 255) : 0;
    return static_cast<u32>(at - out);
  }
  u32 last() const { return count_ == 0 ? 0 : codes_[count_ - 1].at; }
  /// Room for the largest: header, codes, and what the last operand's four bytes overlap.
  static constexpr u32 kBytes = 4 + 2 * (kMaxCodes + 1) + 4;

private:
  struct Code {
    u32 at = 0; // offset of the end of the instruction, in the function
    u8 op = 0, info = 0, operand_units = 0;
    u32 operand = 0;
  };
  void add(u32 at, u8 op, u32 info, u8 operand_units, u32 operand) {
    if (info > 15 || units_ + 1 + operand_units > kMaxCodes) {
      failed_ = true;
      return;
    }
    units_ += 1u + operand_units;
    codes_[count_++] = {at, op, static_cast<u8>(info), operand_units, operand};
  }

  Code codes_[kMaxCodes];
  u32 count_ = 0, units_ = 0;
  bool failed_ = false;
};

struct RuntimeFunction {
  u32 begin = 0, end = 0, info = 0;
};
static_assert(sizeof(RuntimeFunction) == 12);

class Writer {
public:
  Writer(const CodeObject& object, const UnwindPlace& place, UnwindTables& out)
      : object_(object), place_(place), out_(out), pool_(out.bytes) {}

  Result<void> write() {
    entries_.reserve(object_.functions.size());
    out_.bytes.reserve(object_.functions.size() * 28);
    for (const FunctionCode& function : object_.functions) {
      if (auto done = this->function(function); !done) return done;
    }
    if (ASSAY_PLANTED(unwind_win64_unsorted)) std::reverse(entries_.begin(), entries_.end());
    out_.info.size = static_cast<u32>(out_.bytes.size());
    out_.entries = {out_.info.size, static_cast<u32>(entries_.size() * sizeof(RuntimeFunction))};
    const u64 end = place_.code_rva + place_.tables_at + out_.entries.at + u64{out_.entries.size};
    if (end > 0xffffffff) return unsupported("unwind tables 4 GiB above their base, or more");
    out_.bytes.resize(out_.entries.at + out_.entries.size);
    if (!entries_.empty()) std::memcpy(out_.bytes.data() + out_.entries.at, entries_.data(), out_.entries.size);
    return {};
  }

private:
  Result<void> function(const FunctionCode& function) {
    function_ = &function;
    ops_ = object_.frame_of(function);
    code_ = object_.code.data() + function.begin;
    if (!outline_.read(ops_))
      return Error{ErrorKind::BadInput, {}, 0, 0, "frame effects are not a prologue and epilogues"};
    state_ = FrameState::at_entry(Target::X64);
    at_ = 0;
    chained_ = false;
    has_handler_ = place_.handler_at != 0 && catches(function);
    if (auto done = prologue(); !done) return done;
    for (const FrameOutline::Epilogue& one : outline_.epilogues) {
      if (auto done = epilogue(one); !done) return done;
    }
    finish(function.end - function.begin);
    return {};
  }

  /// Whether a call in the function may have its exception caught. Functions come in order, and so do call sites.
  bool catches(const FunctionCode& function) {
    const std::vector<CallSite>& sites = object_.call_sites;
    while (next_site_ < sites.size() && sites[next_site_].offset <= function.begin) ++next_site_;
    return next_site_ < sites.size() && sites[next_site_].offset <= function.end;
  }

  // ---- entries: `info_` describes the code from at_ on -------------------------------------------------

  void finish(u32 end) {
    if (end == at_) return;
    entries_.push_back({rva(at_), rva(end) - (ASSAY_PLANTED(unwind_win64_range_short) ? 1 : 0), info_});
    at_ = end;
  }
  /// The codes up to `limit` as the info; with the function's handler behind them, if it has one.
  void set_codes(u32 start, u32 limit) {
    u32 size = codes_.write(start, limit, frame_byte_, buffer_);
    if (has_handler_) {
      buffer_[0] |= kHandler << 3;
      const u32 handler = static_cast<u32>(place_.code_rva + place_.handler_at);
      std::memcpy(buffer_ + size, &handler, 4);
      std::memcpy(buffer_ + size + 4, &place_.handler_data, 8);
      size += kHandlerBytes;
    }
    set_info(size);
  }
  u32 rva(u32 offset) const { return static_cast<u32>(place_.code_rva + function_->begin + offset); }
  void set_info(u32 size) { info_ = static_cast<u32>(place_.code_rva + place_.tables_at) + pool_.add(buffer_, size); }

  // ---- prologue ----------------------------------------------------------------------------------------

  Result<void> prologue() {
    const std::span<const FrameOp> ops = ops_.first(outline_.prologue_ops);
    if (!prologue_codes(ops)) return states(ops, true);
    // As many entries as it takes for each code to be within 255 bytes of its entry's begin: almost always one.
    std::size_t next = 0;
    for (;;) {
      while (next < ops.size() && ops[next].offset - at_ <= kMaxProlog) ++next;
      const u32 limit = next < ops.size() ? ops[next].offset - 1 : ~0u;
      set_codes(at_, limit);
      if (next == ops.size()) break;
      finish(ops[next].offset);
    }
    for (const FrameOp& op : ops) state_.apply(op);
    primary_ = {rva(at_), 0, info_};
    return {};
  }

  /// The prologue as codes, if it can be said so.
  bool prologue_codes(std::span<const FrameOp> ops) {
    codes_.clear();
    frame_byte_ = 0;
    std::size_t frame_after = ops.size(); // the effect behind which SET_FPREG goes
    i64 base = 0;                         // CFA - base
    if (!choose_base(ops, frame_after, base)) return false;
    for (std::size_t i = 0; i < ops.size(); ++i) {
      const FrameOp& op = ops[i];
      switch (op.effect) {
      case FrameEffect::Push: codes_.push(op.offset, op.reg); break;
      case FrameEffect::Allocate: codes_.allocate(op.offset, op.value, op.plain); break;
      case FrameEffect::Save: codes_.save(op.offset, op.reg, base - op.value, op.plain); break;
      case FrameEffect::SetFrame: break;
      default: return false;
      }
      if (i == frame_after) codes_.set_frame(op.offset);
    }
    return codes_.ok();
  }

  /// Where saves are counted from, and which state of the prologue makes it so.
  bool choose_base(std::span<const FrameOp> ops, std::size_t& frame_after, i64& base) {
    FrameState state = FrameState::at_entry(Target::X64);
    std::size_t last_push = 0, first_save = ops.size(), last_move = 0;
    for (std::size_t i = 0; i < ops.size(); ++i) {
      state.apply(ops[i]);
      if (ops[i].effect == FrameEffect::Push) last_push = i;
      if (ops[i].effect == FrameEffect::Save) first_save = std::min(first_save, i);
      if (ops[i].effect == FrameEffect::Push || ops[i].effect == FrameEffect::Allocate) last_move = i;
    }
    if (!state.from_frame) {
      base = state.depth;
      return first_save == ops.size() || last_move < first_save;
    }
    bool found = false;
    FrameState walk = FrameState::at_entry(Target::X64);
    for (std::size_t i = 0; i < first_save; ++i) {
      walk.apply(ops[i]);
      const i64 below = walk.depth - state.cfa_from_frame; // of rsp, from the frame register
      if (!walk.from_frame || i < last_push || below < 0 || below > kMaxFrameOffset || below % 16 != 0) continue;
      found = true;
      frame_after = i;
      base = walk.depth;
      frame_byte_ = static_cast<u8>(state.frame | (below / 16) << 4);
    }
    return found && state.frame < 16;
  }

  // ---- states ------------------------------------------------------------------------------------------

  /// An entry for each state that `ops` pass through, from at_ on. `last_is_body`: the last one becomes the primary
  /// entry.
  Result<void> states(std::span<const FrameOp> ops, bool last_is_body) {
    for (std::size_t i = 0;;) {
      if (!state_info()) return unsupported("a stack frame that Windows' unwind codes cannot describe");
      if (i == ops.size()) break;
      finish(ops[i].offset);
      for (const u32 offset = ops[i].offset; i < ops.size() && ops[i].offset == offset; ++i) state_.apply(ops[i]);
    }
    if (last_is_body) primary_ = {rva(at_), 0, info_};
    return {};
  }

  /// Whether the frame register is near enough to what is saved for codes to count from it.
  static bool within_reach(const FrameState& state) {
    return !state.from_frame || (state.deepest_save() - state.cfa_from_frame <= kMaxFrameOffset && state.frame < 16);
  }
  /// Whether each state that the effects pass through can be an entry.
  bool have_entries(std::span<const FrameOp> ops) const {
    FrameState state = state_;
    for (const FrameOp& op : ops) {
      state.apply(op);
      if (!within_reach(state)) return false;
    }
    return true;
  }

  /// The state as the codes of a prologue of length 0.
  bool state_info() {
    codes_.clear();
    i64 base = state_.depth;
    frame_byte_ = 0;
    u8 frame_byte = 0;
    if (state_.from_frame) {
      const i64 needed = state_.deepest_save() - state_.cfa_from_frame;
      const i64 offset = needed <= 0 ? 0 : (needed + 15) / 16;
      if (!within_reach(state_)) return false;
      base = state_.cfa_from_frame + 16 * offset;
      frame_byte = static_cast<u8>(state_.frame | offset << 4);
    }
    // The frame register is needed until SET_FPREG, so its own save is undone behind that: in its usual place by a
    // push.
    const i64 own = state_.from_frame ? state_.saved[state_.frame] : 0;
    const bool pushed = own != 0 && own == state_.cfa_from_frame;
    codes_.allocate(0, pushed ? own - 16 : base - 8);
    if (pushed) codes_.push(0, state_.frame);
    if (pushed) codes_.allocate(0, base - own);
    if (own != 0 && !pushed) codes_.save(0, state_.frame, base - own);
    if (state_.from_frame) codes_.set_frame(0);
    for (u32 reg = 0; reg < FrameState::kRegisters; ++reg) {
      if (state_.saved[reg] == 0 || (own != 0 && reg == state_.frame)) continue;
      codes_.save(0, static_cast<RegIndex>(reg), base - state_.saved[reg]);
    }
    if (!codes_.ok()) return false;
    frame_byte_ = frame_byte;
    set_codes(0, ~0u);
    return true;
  }

  // ---- epilogues ---------------------------------------------------------------------------------------

  Result<void> epilogue(const FrameOutline::Epilogue& one) {
    const std::span<const FrameOp> ops = ops_.subspan(one.begin + 1, one.end - one.begin - 1);
    const u32 begin = ops_[one.begin].offset, end = ops_[one.end].offset;
    const bool plain = ops_[one.begin].plain && have_entries(ops);
    if (!plain && (recognised(begin, end) || ASSAY_PLANTED(unwind_win64_epilogue_missing))) return {};
    if (ops.empty()) return {};
    const FrameState body = state_;
    const u8 body_frame = frame_byte_;
    finish(ops.front().offset); // up to the first effect it is body
    std::size_t i = 0;
    for (; i < ops.size() && ops[i].offset == ops.front().offset; ++i) state_.apply(ops[i]);
    if (auto done = states(ops.subspan(i), false); !done) return done;
    finish(end);
    state_ = body;
    frame_byte_ = body_frame;
    return end == function_->end - function_->begin ? Result<void>() : chain();
  }

  /// The body again: nothing of its own, and everything of the primary entry.
  Result<void> chain() {
    if (chained_) {
      info_ = chained_info_;
      return {};
    }
    RuntimeFunction primary = primary_;
    for (std::size_t i = entries_.size(); i-- > 0;) {
      if (entries_[i].begin == primary.begin) primary.end = entries_[i].end;
      if (entries_[i].begin <= primary.begin) break;
    }
    if (primary.end == 0) return Error{ErrorKind::BadInput, {}, 0, 0, "an epilogue in place of a function's body"};
    const u8 chain_flag = ASSAY_PLANTED(unwind_win64_chain_flag) ? 0 : kChainInfo << 3;
    const u8 head[4] = {static_cast<u8>(kVersion | chain_flag), 0, 0, frame_byte_};
    std::memcpy(buffer_, head, 4);
    std::memcpy(buffer_ + 4, &primary, sizeof primary);
    set_info(4 + sizeof primary);
    chained_ = true;
    chained_info_ = info_;
    return {};
  }

  /// Whether the system sees the rest of an epilogue at each instruction from `begin` to the return at the end: loads
  /// of xmm registers from the frame (to it still body, and the saved values stay), lea rsp, pops, ret.
  bool recognised(u32 begin, u32 end) const {
    const u8* at = code_ + begin;
    const u8* const stop = code_ + end;
    const auto has = [&](u32 bytes) { return static_cast<std::size_t>(stop - at) >= bytes; };
    const bool from_rbp = (frame_byte_ & 15) == kRbp;
    while (has(9) && from_rbp) { // movaps xmm, [rbp + disp]
      const u8* op = at[0] == 0x44 ? at + 1 : at;
      if (op[0] != 0x0f || op[1] != 0x28 || ((op[2] & 0xc7) != 0x45 && (op[2] & 0xc7) != 0x85)) break;
      at = op + ((op[2] & 0xc7) == 0x45 ? 4 : 7);
    }
    if (has(5) && at[0] == 0x48 && at[1] == 0x8d && from_rbp && (at[2] == 0x65 || at[2] == 0xa5))
      at += at[2] == 0x65 ? 4 : 7; // lea rsp, [rbp + disp]
    while (has(2)) {
      if ((at[0] & 0xf8) == 0x58) at += 1;
      else if (at[0] == 0x41 && (at[1] & 0xf8) == 0x58) at += 2;
      else break;
    }
    return (stop - at == 1 && at[0] == 0xc3) || (stop - at == 3 && at[0] == 0xc2);
  }

  const CodeObject& object_;
  const UnwindPlace& place_;
  UnwindTables& out_;
  InfoPool pool_;
  std::vector<RuntimeFunction> entries_;
  FrameOutline outline_;
  const FunctionCode* function_ = nullptr;
  std::span<const FrameOp> ops_;
  const u8* code_ = nullptr;
  FrameState state_;
  Codes codes_;
  u8 buffer_[Codes::kBytes + kHandlerBytes] = {};
  u8 frame_byte_ = 0;         // of the body's info
  u32 at_ = 0;                // where the entry in the making begins, in the function
  u32 info_ = 0;              // its info, from the base
  RuntimeFunction primary_;   // whose info has the whole prologue
  std::size_t next_site_ = 0; // of CodeObject::call_sites
  bool has_handler_ = false;
  bool chained_ = false; // chained_info_ is the function's
  u32 chained_info_ = 0;
};

} // namespace

Result<void> write_windows_x64(const CodeObject& object, const UnwindPlace& place, UnwindTables& out) {
  if (object.functions.empty()) return {};
  if (place.code_rva + std::max(place.tables_at, place.handler_at) > 0xffffffff)
    return unsupported("unwind tables 4 GiB above their base, or more");
  return Writer(object, place, out).write();
}

} // namespace assay::unwind
