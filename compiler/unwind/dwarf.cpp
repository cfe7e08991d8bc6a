// dwarf.cpp - writes call frame instructions while it follows the effects of frame.h.
//
// Needs frame effects sorted by offset, epilogues not nested. The writer keeps what the effects leave implicit: whether
// the CFA is counted from rsp or from a frame register, and the distance CFA - rsp. Instruction numbers: DWARF 5,
// 7.24, table 7.29; register numbers: System V AMD64 ABI, figure 3.36. Room for the largest result is made first, then
// bytes go through a raw pointer. Tested in compiler/unwind/tests/dwarf_test.cpp.
#include "compiler/unwind/dwarf.h"

#include "assay/planted.h"

#include <cstring>

namespace assay::unwind {

namespace {

enum Cfa : u8 {
  kNop = 0x00,
  kAdvanceLoc1 = 0x02,
  kAdvanceLoc2 = 0x03,
  kAdvanceLoc4 = 0x04,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaOffset = 0x0e,
  kNegateRaState = 0x2d, // DW_CFA_AARCH64_negate_ra_state (DWARF for the Arm 64-bit Architecture, 4.4.2)
  kAdvanceLoc = 0x40,    // low 6 bits: delta
  kOffset = 0x80,        // low 6 bits: register
  kRestore = 0xc0,       // low 6 bits: register
};

constexpr u32 kWord = 8;      // data alignment factor -8
constexpr u8 kRsp = 7;        // DWARF number
constexpr u32 kFdeBytes = 32; // header 17 and padding, rounded up
constexpr u32 kOpBytes = 20;  // the most one effect takes: advance 5, rule 6, def_cfa 7

// Length, id, version 1, "zR", factors 1 and -8, return address column 16, one augmentation byte: pcrel | sdata4;
// initially CFA = rsp + 8, return address at CFA - 8.
constexpr u8 kCie[24] = {20,           0, 0,    0,   0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, kDefCfa, kRsp, 8,
                         kOffset | 16, 1, kNop, kNop};

constexpr u8 dwarf_number(RegIndex reg) {
  constexpr u8 integers[16] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};
  return reg < 16 ? integers[reg] : static_cast<u8>(17 + reg - 32);
}

class FdeWriter {
public:
  FdeWriter(u8* at, bool vectors, u32 end) : at_(at), vectors_(vectors), end_(end) {}

  void effect(const FrameOp& op) {
    switch (op.effect) {
    case FrameEffect::Push:
      sp_moves(op, static_cast<i32>(kWord));
      advance(op.offset);
      saved(op.reg, depth_);
      break;
    case FrameEffect::Allocate: sp_moves(op, op.value); break;
    case FrameEffect::SetFrame:
      advance(op.offset);
      from_frame_ = true;
      cfa_from_frame_ = depth_ - op.value;
      def_cfa(dwarf_number(op.reg), cfa_from_frame_);
      break;
    case FrameEffect::Save:
      if (!described(op.reg)) break;
      advance(op.offset);
      saved(op.reg, op.value);
      break;
    case FrameEffect::EpilogueBegin:
      *at_++ = kRememberState;
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
      advance(op.offset);
      from_frame_ = false;
      depth_ = op.value;
      def_cfa(kRsp, depth_);
      break;
    case FrameEffect::SignReturn:
    case FrameEffect::AuthReturn:
      advance(op.offset);
      *at_++ = kNegateRaState;
      break;
    case FrameEffect::EpilogueEnd:
      depth_ = kept_depth_;
      from_frame_ = kept_from_frame_;
      if (op.offset == end_ || ASSAY_PLANTED(unwind_row_not_restored)) break; // no row could begin here
      advance(op.offset);
      *at_++ = kRestoreState;
      break;
    }
  }

  u8* at() const { return at_; }

private:
  void advance(u32 offset) {
    const u32 delta = offset - location_;
    location_ = offset;
    if (delta == 0) return;
    if (delta < 64) {
      *at_++ = static_cast<u8>(kAdvanceLoc | delta);
    } else if (delta < 256) {
      *at_++ = kAdvanceLoc1;
      *at_++ = static_cast<u8>(delta);
    } else if (delta < 65536) {
      *at_++ = kAdvanceLoc2;
      *at_++ = static_cast<u8>(delta & 0xff);
      *at_++ = static_cast<u8>(delta >> 8);
    } else {
      *at_++ = kAdvanceLoc4;
      std::memcpy(at_, &delta, 4);
      at_ += 4;
    }
  }
  void uleb(u32 value) {
    for (; value >= 128; value >>= 7) *at_++ = static_cast<u8>(0x80 | (value & 127));
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
    *at_++ = kDefCfaOffset;
    uleb(static_cast<u32>(depth_));
  }
  /// The caller's register lies at CFA - distance.
  void saved(RegIndex reg, i32 distance) {
    *at_++ = static_cast<u8>(kOffset | dwarf_number(reg));
    uleb(static_cast<u32>(distance) / kWord);
  }
  void restored(const FrameOp& op) {
    if (!described(op.reg)) return;
    advance(op.offset);
    *at_++ = static_cast<u8>(kRestore | dwarf_number(op.reg));
  }
  bool described(RegIndex reg) const { return reg < 16 || vectors_; }

  u8* at_;
  bool vectors_;
  u32 end_;
  u32 location_ = 0;
  i32 depth_ = kWord; // CFA - rsp
  bool from_frame_ = false;
  i32 cfa_from_frame_ = 0; // CFA - frame register
  i32 kept_depth_ = kWord;
  bool kept_from_frame_ = false;
};

u8* put32(u8* at, u32 value) {
  std::memcpy(at, &value, 4);
  return at + 4;
}

/// One FDE at `fde`, whose CIE is at `cie`; `pc_field` is its initial location, relative to that field.
u8* write_fde(u8* fde, const u8* cie, i32 pc_field, const CodeObject& object, const FunctionCode& function,
              bool vectors) {
  u8* at = fde + 4;
  at = put32(at, static_cast<u32>(at - cie));
  at = put32(at, static_cast<u32>(pc_field));
  at = put32(at, function.end - function.begin);
  *at++ = 0; // no augmentation data
  FdeWriter writer(at, vectors, function.end - function.begin);
  for (const FrameOp& op : object.frame_of(function)) writer.effect(op);
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
  const std::size_t functions = object.functions.size();
  const std::size_t bound =
      functions * (kFdeBytes + sizeof kCie + 4) + object.frame_ops.size() * kOpBytes + sizeof kCie + 8;
  // Every distance between a field of the section and a byte of the code fits when these do.
  constexpr i64 kReach = 0x7fffffff;
  if (object.target != Target::X64 || section_at > kReach || section_at < -kReach ||
      section_at + static_cast<i64>(bound) > kReach || static_cast<i64>(object.code.size()) - section_at > kReach)
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
      std::memcpy(at, kCie, sizeof kCie);
      at += sizeof kCie;
    }
    if (fde_offsets != nullptr) fde_offsets->push_back(static_cast<u32>(at - base));
    const i64 pc_field = static_cast<i64>(function.begin) - (section_at + (at - base) + 8);
    at = write_fde(at, cie, static_cast<i32>(pc_field), object, function, options.vector_registers);
    if (units) at = put32(at, 0);
  }
  if (!units || functions == 0) at = put32(at, 0);
  out.resize(static_cast<std::size_t>(at - base));
  return true;
}

} // namespace assay::unwind
