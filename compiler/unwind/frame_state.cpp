// frame_state.cpp - see frame_state.h. One switch: the meaning of each effect, as assay/frame.h defines it.
//
// Tested through the writers in compiler/unwind/tests/.
#include "compiler/unwind/frame_state.h"

#include <algorithm>

namespace assay::unwind {

void FrameState::apply(const FrameOp& op) {
  constexpr i64 kWord = 8;
  const u32 reg = op.reg % kRegisters;
  switch (op.effect) {
  case FrameEffect::Push:
    depth += kWord;
    saved[reg] = depth;
    break;
  case FrameEffect::Allocate: depth += op.value; break;
  case FrameEffect::SetFrame:
    from_frame = true;
    frame = static_cast<RegIndex>(reg);
    cfa_from_frame = depth - op.value;
    break;
  case FrameEffect::Save: saved[reg] = op.value; break;
  case FrameEffect::Pop:
    depth -= kWord;
    saved[reg] = 0;
    break;
  case FrameEffect::Release: depth -= op.value; break;
  case FrameEffect::ResetToFrame: depth = cfa_from_frame - op.value; break;
  case FrameEffect::Restore: saved[reg] = 0; break;
  case FrameEffect::DropFrame:
    from_frame = false;
    depth = op.value;
    break;
  case FrameEffect::SignReturn: signed_return = true; break;
  case FrameEffect::AuthReturn: signed_return = false; break;
  case FrameEffect::EpilogueBegin:
  case FrameEffect::EpilogueEnd: break;
  }
}

i64 FrameState::deepest_save() const { return *std::max_element(saved, saved + kRegisters); }

bool FrameOutline::read(std::span<const FrameOp> ops) {
  epilogues.clear();
  prologue_ops = static_cast<u32>(ops.size());
  bool inside = false;
  for (u32 i = 0; i < ops.size(); ++i) {
    if (ops[i].effect == FrameEffect::EpilogueBegin) {
      if (inside) return false;
      if (epilogues.empty()) prologue_ops = i;
      epilogues.push_back({i, i});
      inside = true;
    } else if (ops[i].effect == FrameEffect::EpilogueEnd) {
      if (!inside) return false;
      epilogues.back().end = i;
      inside = false;
    } else if (!inside && !epilogues.empty()) {
      return false; // the frame changes in the body
    }
  }
  return !inside;
}

} // namespace assay::unwind
