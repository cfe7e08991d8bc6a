// frame_truth.h - a machine at one instruction, as the frame effects say it is, for tests of table writers.
//
// Addresses are made up: the CFA is kCfa, the caller's value of register r is 5000 + r. Whatever the effects do not
// promise is junk, memory below sp does not exist. A virtual unwinder that gets the caller's registers out of this is
// right.
#pragma once

#include "assay/code_object.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace assay::unwind {

constexpr i64 kCfa = 0x40000000, kReturn = 4242;
inline i64 callers(u32 reg) { return 5000 + static_cast<i64>(reg); }

struct Registers {
  std::map<u32, i64> at; // unified numbers
  i64 pc = 0;
};

struct FrameTruth {
  i64 depth = 0, cfa_from_frame = 0;
  int frame = -1; // register from which the CFA is known
  std::map<u32, i64> saved;
  std::map<u32, i64> vectors; // saved once; the copy is there until sp is above it
  bool signs = false;

  void apply(const FrameOp& op) {
    switch (op.effect) {
    case FrameEffect::Push: saved[op.reg] = depth += 8; break;
    case FrameEffect::Allocate: depth += op.value; break;
    case FrameEffect::SetFrame: frame = op.reg, cfa_from_frame = depth - op.value; break;
    case FrameEffect::Save:
      saved[op.reg] = op.value;
      if (op.reg >= 32) vectors[op.reg] = op.value;
      break;
    case FrameEffect::Pop: depth -= 8, saved.erase(op.reg); break;
    case FrameEffect::Release: depth -= op.value; break;
    case FrameEffect::ResetToFrame: depth = cfa_from_frame - op.value; break;
    case FrameEffect::Restore: saved.erase(op.reg); break;
    case FrameEffect::DropFrame: frame = -1, depth = op.value; break;
    case FrameEffect::SignReturn: signs = true; break;
    case FrameEffect::AuthReturn: signs = false; break;
    case FrameEffect::EpilogueBegin:
    case FrameEffect::EpilogueEnd: break;
    }
  }
  /// `stray`: how far sp is from where the effects have it, for bodies that move it.
  Registers registers(u32 sp, u32 count, i64 stray = 0) const {
    Registers out;
    for (u32 r = 0; r < count; ++r) out.at[r] = saved.count(r) != 0 ? -1 - static_cast<i64>(r) : callers(r);
    if (frame >= 0) out.at[static_cast<u32>(frame)] = kCfa - cfa_from_frame;
    out.at[sp] = kCfa - depth + stray;
    return out;
  }
  std::map<i64, i64> memory() const {
    std::map<i64, i64> out;
    for (const auto& [reg, distance] : vectors)
      if (distance <= depth) out[kCfa - distance] = callers(reg);
    for (const auto& [reg, distance] : saved) out[kCfa - distance] = callers(reg);
    return out;
  }
};

enum class Part { Prologue, Body, Epilogue };

/// Calls `visit(offset, truth, part)` for the state at each of `boundaries` (offsets in the function, ascending).
template <typename Visit>
void follow(const CodeObject& object, const FunctionCode& function, i64 entry_depth, const std::vector<u32>& boundaries,
            Visit&& visit) {
  const auto ops = object.frame_of(function);
  u32 prologue_end = 0, next = 0;
  for (const FrameOp& op : ops) {
    if (op.effect == FrameEffect::EpilogueBegin) break;
    prologue_end = op.offset;
  }
  FrameTruth truth, kept;
  truth.depth = entry_depth;
  bool in_epilogue = false;
  for (const u32 offset : boundaries) {
    for (; next < ops.size() && ops[next].offset <= offset; ++next) {
      ASSERT_EQ(ops[next].offset, offset) << "an effect inside an instruction";
      if (ops[next].effect == FrameEffect::EpilogueBegin) kept = truth, in_epilogue = true;
      else if (ops[next].effect == FrameEffect::EpilogueEnd) truth = kept, in_epilogue = false;
      else truth.apply(ops[next]);
    }
    visit(offset, truth, in_epilogue ? Part::Epilogue : offset < prologue_end ? Part::Prologue : Part::Body);
    if (testing::Test::HasFatalFailure()) return;
  }
}

} // namespace assay::unwind
