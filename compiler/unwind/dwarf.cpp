// dwarf.cpp - writes call frame instructions while it follows the effects of frame.h.
//
// Needs frame effects sorted by offset, epilogues not nested. The writer keeps what the effects leave implicit: whether
// the CFA is counted from sp or from a frame register, and the distance CFA - sp. Instruction numbers: DWARF 5, 7.24,
// table 7.29; register numbers: System V AMD64 ABI, figure 3.36, and DWARF for the Arm 64-bit Architecture, 4.1. What
// differs from target to target is a row (Machine). What FrameOp::plain asks for, in the general form: four bytes of
// distance, extended register numbers, whole CFAs, and behind an epilogue each rule anew. Room for the largest result
// is made first, then bytes go through a raw pointer. Tested in compiler/unwind/tests/dwarf_test.cpp,
// dwarf_a64_test.cpp.
#include "compiler/unwind/dwarf.h"

#include "assay/planted.h"
#include "compiler/unwind/frame_state.h"

#include <algorithm>
#include <cstring>

namespace assay::unwind {

namespace {

enum Cfa : u8 {
  kNop = 0x00,
  kAdvanceLoc1 = 0x02,
  kAdvanceLoc2 = 0x03,
  kAdvanceLoc4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaOffset = 0x0e,
  kDefCfaSf = 0x12,       // signed, in data alignment units
  kDefCfaOffsetSf = 0x13, // the same
  kNegateRaState = 0x2d,  // DW_CFA_AARCH64_negate_ra_state (DWARF for the Arm 64-bit Architecture, 4.4.2)
  kAdvanceLoc = 0x40,     // low 6 bits: delta
  kOffset = 0x80,         // low 6 bits: register
  kRestore = 0xc0,        // low 6 bits: register
};

constexpr u32 kWord = 8;                 // data alignment factor -8
constexpr u32 kFdeBytes = 32;            // header 17 and padding, rounded up
constexpr u32 kOpBytes = 20;             // the most one effect takes: advance 5, rule 6, def_cfa 7
constexpr u32 kStateBytes = 20 + 64 * 7; // the most a whole state takes: every register's rule

/// What the writer must know of a target.
struct Machine {
  u8 cie[24];         // with its length
  u32 code_unit;      // code alignment factor
  i32 entry_depth;    // CFA - sp at a function's entry
  u8 sp;              // DWARF number
  u8 integers[32];    // [unified index]
  u8 first_vector;    // DWARF number of unified index 32
  bool saves_vectors; // System V keeps some: they are always described
};

// CIEs: length, id, version 1, "zR", factors, return address column, one augmentation byte: pcrel | sdata4; then the
// rules at entry, and padding.
constexpr Machine kX64 = {
    // CFA = rsp + 8, return address (16) at CFA - 8
    {20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, kDefCfa, 7, 8, kOffset | 16, 1, kNop, kNop},
    1,
    8,
    7,
    {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15},
    17,
    false,
};
constexpr Machine kA64 = {
    // CFA = sp, return address in x30
    {20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 4, 0x78, 30, 1, 0x1b, kDefCfa, 31, 0, kNop, kNop, kNop, kNop},
    4,
    0,
    31,
    {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
     16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
    64,
    true,
};
constexpr u32 kCieBytes = sizeof Machine::cie;
constexpr u32 kPersonalCieBytes = 40; // the same with a personality routine
constexpr u32 kLsdaBytes = 8;
// In Machine::cie: factors and return address column; the rules at entry.
constexpr u32 kFactorsAt = 12, kFactorBytes = 3, kRulesAt = 17;

class FdeWriter {
public:
  FdeWriter(const Machine& machine, u8* at, bool vectors, u32 end, std::span<const FrameOp> ops)
      : machine_(machine), at_(at), vectors_(vectors || machine.saves_vectors), end_(end), ops_(ops),
        depth_(machine.entry_depth), kept_depth_(machine.entry_depth) {}

  void effect(const FrameOp& op) {
    plain_ = op.plain;
    switch (op.effect) {
    case FrameEffect::Push:
      sp_moves(op, static_cast<i32>(kWord));
      advance(op.offset);
      saved(op.reg, depth_ + (ASSAY_PLANTED(unwind_dwarf_push_place) ? 8 : 0));
      break;
    case FrameEffect::Allocate:
      if (ASSAY_PLANTED(unwind_dwarf_large_frame) && op.value >= 4096) from_frame_ = false;
      sp_moves(op, op.value);
      break;
    case FrameEffect::SetFrame:
      advance(op.offset + (ASSAY_PLANTED(unwind_dwarf_frame_late) ? machine_.code_unit : 0));
      from_frame_ = true;
      cfa_from_frame_ = depth_ - op.value;
      def_cfa(number_of(op.reg), cfa_from_frame_);
      break;
    case FrameEffect::Save:
      if (!described(op.reg) || (ASSAY_PLANTED(unwind_dwarf_save_omitted) && op.reg % 32 == 8)) break;
      advance(op.offset);
      saved(op.reg, op.value);
      break;
    case FrameEffect::EpilogueBegin:
      if (!plain_ && !ASSAY_PLANTED(unwind_dwarf_remember_missing)) *at_++ = kRememberState;
      kept_depth_ = depth_;
      kept_from_frame_ = from_frame_;
      break;
    case FrameEffect::Pop:
      sp_moves(op, -static_cast<i32>(kWord));
      restored(op);
      break;
    case FrameEffect::Release: sp_moves(op, -op.value); break;
    case FrameEffect::ResetToFrame: depth_ = cfa_from_frame_ - op.value; break;
    case FrameEffect::Restore: restored(op); break;
    case FrameEffect::DropFrame:
      advance(op.offset + (ASSAY_PLANTED(unwind_dwarf_epilogue_late) ? machine_.code_unit : 0));
      from_frame_ = false;
      depth_ = op.value;
      if (!ASSAY_PLANTED(unwind_dwarf_drop_missing)) def_cfa(machine_.sp, depth_);
      break;
    case FrameEffect::SignReturn:
    case FrameEffect::AuthReturn:
      advance(op.offset);
      if (ASSAY_PLANTED(a64_unwind_dwarf_sign_missing) && op.effect == FrameEffect::SignReturn) break;
      if (ASSAY_PLANTED(a64_unwind_dwarf_auth_missing) && op.effect == FrameEffect::AuthReturn) break;
      *at_++ = kNegateRaState;
      break;
    case FrameEffect::EpilogueEnd:
      depth_ = kept_depth_;
      from_frame_ = kept_from_frame_;
      if (op.offset == end_) break; // no row could begin here
      if (plain_) {
        advance(op.offset);
        whole_state(op);
        break;
      }
      if (ASSAY_PLANTED(unwind_row_not_restored)) break;
      advance(op.offset);
      *at_++ = kRestoreState;
      break;
    }
  }

  u8* at() const { return at_; }

private:
  void advance(u32 offset) {
    const u32 delta = (offset - location_) / machine_.code_unit;
    location_ = offset;
    if (delta == 0) return;
    if (plain_) {
      *at_++ = kAdvanceLoc4;
      std::memcpy(at_, &delta, 4);
      at_ += 4;
    } else if (delta < 64) {
      *at_++ = static_cast<u8>(kAdvanceLoc | delta);
    } else if (delta < 256) {
      *at_++ = kAdvanceLoc1;
      *at_++ = static_cast<u8>(delta);
    } else if (delta < 65536) {
      *at_++ = kAdvanceLoc2;
      *at_++ = static_cast<u8>(delta & 0xff);
      *at_++ = static_cast<u8>(ASSAY_PLANTED(unwind_dwarf_advance_cut) ? 0 : delta >> 8);
    } else {
      *at_++ = kAdvanceLoc4;
      std::memcpy(at_, &delta, 4);
      at_ += 4;
    }
  }
  void uleb(u32 value) {
    if (ASSAY_PLANTED(unwind_dwarf_number_cut)) value &= 127;
    for (; value >= 128; value >>= 7) *at_++ = static_cast<u8>(0x80 | (value & 127));
    *at_++ = static_cast<u8>(value);
  }
  /// Of a number that is not negative.
  void sleb(i32 value) {
    for (; value >= 64; value >>= 7) *at_++ = static_cast<u8>(0x80 | (value & 127));
    *at_++ = static_cast<u8>(value);
  }
  void def_cfa(u8 reg, i32 offset) {
    *at_++ = kDefCfa;
    *at_++ = reg;
    uleb(static_cast<u32>(offset));
  }
  void sp_moves(const FrameOp& op, i32 deeper) {
    depth_ += deeper;
    if (from_frame_) return;
    advance(op.offset);
    if (plain_ && depth_ >= 0) return def_cfa(machine_.sp, depth_);
    if (depth_ < 0) { // behind the pop of stack arguments: sp is above the CFA
      *at_++ = plain_ ? kDefCfaSf : kDefCfaOffsetSf;
      if (plain_) *at_++ = machine_.sp;
      sleb(depth_ / -static_cast<i32>(ASSAY_PLANTED(a64_unwind_dwarf_sf_unscaled) ? 1 : kWord));
      return;
    }
    *at_++ = kDefCfaOffset;
    uleb(static_cast<u32>(depth_));
  }
  /// The caller's register lies at CFA - distance.
  void saved(RegIndex reg, i32 distance) {
    const u8 number = number_of(reg);
    if (number < 64 && !plain_) {
      *at_++ = static_cast<u8>(kOffset | number);
    } else {
      *at_++ = kOffsetExtended;
      *at_++ = number; // below 128: one byte
    }
    uleb(static_cast<u32>(distance) / kWord);
  }
  void restored(const FrameOp& op) {
    if (!described(op.reg) || ASSAY_PLANTED(unwind_dwarf_restore_missing)) return;
    advance(op.offset);
    const u8 number = number_of(op.reg);
    if (number < 64 && !plain_) {
      *at_++ = static_cast<u8>(kRestore | number);
    } else {
      *at_++ = kRestoreExtended;
      *at_++ = number;
    }
  }
  /// The state behind an epilogue that ends with this effect, rule by rule: the one before the epilogue, in which every
  /// register that a body may save was saved.
  void whole_state(const FrameOp& end) {
    FrameState state;
    state.depth = machine_.entry_depth;
    FrameState kept = state;
    for (const FrameOp* op = ops_.data(); op != &end; ++op) {
      if (op->effect == FrameEffect::EpilogueBegin) kept = state;
      if (op->effect == FrameEffect::EpilogueEnd) state = kept;
      state.apply(*op);
    }
    if (kept.signed_return != state.signed_return) *at_++ = kNegateRaState;
    if (kept.from_frame) def_cfa(number_of(kept.frame), static_cast<i32>(kept.cfa_from_frame));
    else def_cfa(machine_.sp, static_cast<i32>(kept.depth));
    for (u32 reg = 0; reg < FrameState::kRegisters; ++reg)
      if (kept.saved[reg] != 0 && described(static_cast<RegIndex>(reg)))
        saved(static_cast<RegIndex>(reg), static_cast<i32>(kept.saved[reg]));
  }
  u8 number_of(RegIndex reg) const {
    const u32 first = machine_.first_vector + (ASSAY_PLANTED(unwind_dwarf_vector_column) ? 1u : 0u);
    return reg < 32 ? machine_.integers[reg] : static_cast<u8>(first + reg - 32);
  }
  bool described(RegIndex reg) const { return reg < 32 || vectors_; }

  const Machine& machine_;
  u8* at_;
  bool vectors_;
  u32 end_;
  std::span<const FrameOp> ops_;
  bool plain_ = false; // the effect is said in the most general form
  u32 location_ = 0;
  i32 depth_; // CFA - sp
  bool from_frame_ = false;
  i32 cfa_from_frame_ = 0; // CFA - frame register
  i32 kept_depth_;
  bool kept_from_frame_ = false;
};

u8* put32(u8* at, u32 value) {
  std::memcpy(at, &value, 4);
  return at + 4;
}

u8* put64(u8* at, u64 value) {
  std::memcpy(at, &value, 8);
  return at + 8;
}

u8* write_cie(const Machine& machine, u8* at, u64 personality) {
  if (personality == 0) {
    std::memcpy(at, machine.cie, kCieBytes);
    return at + kCieBytes;
  }
  u8* const begin = at;
  at = put32(at, kPersonalCieBytes - 4);
  at = put32(at, 0);
  constexpr u8 kAugmentation[] = {1, 'z', 'P', 'L', 'R', 0}; // after the version
  std::memcpy(at, kAugmentation, sizeof kAugmentation);
  at += sizeof kAugmentation;
  std::memcpy(at, machine.cie + kFactorsAt, kFactorBytes);
  at += kFactorBytes;
  *at++ = ASSAY_PLANTED(eh_augmentation_short) ? 1 + 8 + 1 : 1 + 8 + 1 + 1; // augmentation data
  *at++ = 0;                                                                // personality: DW_EH_PE_absptr
  at = put64(at, personality);
  *at++ = 0;    // language-specific data: DW_EH_PE_absptr
  *at++ = 0x1b; // code: pcrel | sdata4
  constexpr u32 kRuleBytes = kCieBytes - kRulesAt;
  std::memcpy(at, machine.cie + kRulesAt, kRuleBytes);
  at += kRuleBytes;
  while (at != begin + kPersonalCieBytes) *at++ = kNop;
  return at;
}

/// One FDE at `fde`, whose CIE is at `cie`; `pc_field` is its initial location, relative to that field.
u8* write_fde(const Machine& machine, u8* fde, const u8* cie, i32 pc_field, const CodeObject& object,
              const FunctionCode& function, const EhFrameOptions& options) {
  u8* at = fde + 4;
  at = put32(at, static_cast<u32>(at - cie));
  at = put32(at, static_cast<u32>(pc_field));
  at = put32(at, function.end - function.begin - (ASSAY_PLANTED(unwind_dwarf_range_short) ? machine.code_unit : 0));
  if (options.personality == 0) {
    *at++ = ASSAY_PLANTED(unwind_dwarf_augmentation_size) ? 1 : 0; // no augmentation data
  } else {
    *at++ = kLsdaBytes;
    at = put64(at, options.lsda);
  }
  const std::span<const FrameOp> ops = object.frame_of(function);
  FdeWriter writer(machine, at, options.vector_registers, function.end - function.begin, ops);
  for (const FrameOp& op : ops) writer.effect(op);
  at = writer.at();
  while ((at - fde) % 8 != 0) *at++ = kNop;
  put32(fde, static_cast<u32>(at - fde - 4));
  return at;
}

} // namespace

bool write_eh_frame(const CodeObject& object, i64 section_at, std::vector<u8>& out, const EhFrameOptions& options,
                    std::vector<u32>* fde_offsets) {
  out.clear();
  if (fde_offsets != nullptr) fde_offsets->clear();
  const Machine& machine = object.target == Target::A64 ? kA64 : kX64;
  const std::size_t functions = object.functions.size();
  const bool is_plain =
      std::any_of(object.frame_ops.begin(), object.frame_ops.end(), [](auto& op) { return op.plain; });
  const std::size_t bound = functions * (kFdeBytes + kLsdaBytes + kPersonalCieBytes + 4) +
                            object.frame_ops.size() * (is_plain ? kStateBytes : kOpBytes) + kPersonalCieBytes + 8;
  // Every distance between a field of the section and a byte of the code fits when these do.
  constexpr i64 kReach = 0x7fffffff;
  if (section_at > kReach || section_at < -kReach || section_at + static_cast<i64>(bound) > kReach ||
      static_cast<i64>(object.code.size()) - section_at > kReach)
    return false;
  out.resize(bound);
  u8* const base = out.data();
  u8* at = base;
  const u8* cie = base;
  const bool units = options.shape == EhFrameShape::UnitPerFunction;
  for (std::size_t i = 0; i < functions; ++i) {
    const FunctionCode& function = object.functions[i];
    if (units || i == 0) {
      cie = at;
      at = write_cie(machine, at, options.personality);
    }
    if (fde_offsets != nullptr) fde_offsets->push_back(static_cast<u32>(at - base));
    const i64 pc_field = static_cast<i64>(function.begin) - (section_at + (at - base) + 8);
    at = write_fde(machine, at, cie, static_cast<i32>(pc_field), object, function, options);
    if (units) at = put32(at, 0);
  }
  if ((!units || functions == 0) && !ASSAY_PLANTED(unwind_dwarf_terminator)) at = put32(at, 0);
  out.resize(static_cast<std::size_t>(at - base));
  return true;
}

} // namespace assay::unwind
