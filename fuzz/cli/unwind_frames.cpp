// unwind_frames.cpp - see unwind_frames.h.
#include "fuzz/cli/unwind_frames.h"

#include <algorithm>

namespace assay::cli {

namespace {

constexpr RegIndex kLr = 30;

} // namespace

void FrameStates::apply(const FrameOp& op, State& state, State& kept) const {
  switch (op.effect) {
  case FrameEffect::Push:
    state.depth += 8;
    state.saved[op.reg] = state.depth;
    break;
  case FrameEffect::Allocate: state.depth += op.value; break;
  case FrameEffect::SetFrame:
    state.frame = op.reg;
    state.from_frame = state.depth - op.value;
    state.has_value[op.reg] = false;
    break;
  case FrameEffect::Save: state.saved[op.reg] = op.value; break;
  case FrameEffect::EpilogueBegin: kept = state; break;
  case FrameEffect::Pop:
    state.depth -= 8;
    state.has_value[op.reg] = true;
    break;
  case FrameEffect::Release: state.depth -= op.value; break;
  case FrameEffect::ResetToFrame: state.depth = state.from_frame - op.value; break;
  case FrameEffect::Restore: state.has_value[op.reg] = true; break;
  case FrameEffect::DropFrame:
    state.has_value[state.frame % oracle::kUnwindRegisters] = true;
    state.frame = oracle::kNoRegister;
    state.depth = op.value;
    break;
  case FrameEffect::SignReturn:
  case FrameEffect::AuthReturn: state.is_signed = op.effect == FrameEffect::SignReturn; break;
  case FrameEffect::EpilogueEnd: state = kept; break;
  }
}

bool FrameStates::state_at(u32 offset, bool is_return, State& out) const {
  const u32 asked = is_return ? offset - 1 : offset; // where the instruction of the frame lies
  const auto behind = std::upper_bound(object_.functions.begin(), object_.functions.end(), asked,
                                       [](u32 at, const FunctionCode& f) { return at < f.begin; });
  if (behind == object_.functions.begin() || asked >= (behind - 1)->end) return false;
  const FunctionCode& function = *(behind - 1);
  const std::span<const FrameOp> ops = object_.frame_of(function);
  const auto prologue_end =
      std::find_if(ops.begin(), ops.end(), [](const FrameOp& op) { return op.effect == FrameEffect::EpilogueBegin; });
  const u32 body = prologue_end == ops.begin() ? 0 : (prologue_end - 1)->offset;
  out = State();
  out.depth = object_.target == Target::X64 ? 8 : 0;
  std::fill(std::begin(out.has_value), std::end(out.has_value), true);
  State kept;
  bool in_body = false;
  const auto body_begins = [&] { // from here on what was saved may be overwritten
    for (u32 r = 0; r < oracle::kUnwindRegisters; ++r) out.has_value[r] = out.has_value[r] && out.saved[r] == 0;
    out.has_value[kLr] = out.has_value[kLr] && object_.target != Target::A64;
    in_body = true;
  };
  const u32 at = asked - function.begin;
  for (const FrameOp& op : ops) {
    if (op.offset > at) break;
    if (!in_body && op.effect == FrameEffect::EpilogueBegin) body_begins();
    apply(op, out, kept);
  }
  if (!in_body && (at > body || is_return)) body_begins();
  return true;
}

/// How far below the CFA a place lies; false: its base is at no known distance.
bool FrameStates::distance(const State& state, oracle::Place place, i64& from_cfa) const {
  if (place.base == oracle::stack_pointer_of(object_.target)) from_cfa = i64{state.depth} - place.offset;
  else if (place.base == state.frame) from_cfa = i64{state.from_frame} - place.offset;
  else return false;
  return true;
}

/// Whether the rule finds the caller's value of the register.
bool FrameStates::holds(const State& state, const oracle::FrameRule& rule, RegIndex reg, u32& bytes) const {
  const oracle::SavedRegister* saved = rule.find(reg);
  if (saved == nullptr) return bytes = 16, state.has_value[reg];
  i64 from_cfa = 0;
  bytes = saved->bytes;
  // What lies below sp is nobody's.
  return saved->bytes != 0 && distance(state, saved->at, from_cfa) && state.saved[reg] != 0 &&
         from_cfa == state.saved[reg] && from_cfa <= state.depth;
}

bool FrameStates::same_caller(u32 offset, bool is_return, const oracle::FrameRule& a,
                              const oracle::FrameRule& b) const {
  State state;
  i64 of_a = 0, of_b = 0;
  if (!state_at(offset, is_return, state)) return false;
  if (!distance(state, a.caller_sp, of_a) || !distance(state, b.caller_sp, of_b) || of_a != of_b) return false;
  if (a.return_signed != b.return_signed) return false;
  const bool in_register = a.return_in != oracle::kNoRegister, other = b.return_in != oracle::kNoRegister;
  if (in_register && other && a.return_in != b.return_in) return false;
  if (!in_register && !other &&
      (!distance(state, a.return_at, of_a) || !distance(state, b.return_at, of_b) || of_a != of_b))
    return false;
  if (in_register != other) { // a64: saved, and still in x30
    const oracle::FrameRule& saved = in_register ? b : a;
    if ((in_register ? a : b).return_in != kLr || !state.has_value[kLr] || !distance(state, saved.return_at, of_a) ||
        of_a != state.saved[kLr])
      return false;
  }
  for (u32 r = 0; r < oracle::kUnwindRegisters; ++r) {
    const RegIndex reg = static_cast<RegIndex>(r);
    const oracle::SavedRegister *in_a = a.find(reg), *in_b = b.find(reg);
    if (in_a == nullptr && in_b == nullptr) continue;
    if (in_a != nullptr && in_b != nullptr && in_a->bytes == in_b->bytes && distance(state, in_a->at, of_a) &&
        distance(state, in_b->at, of_b) && of_a == of_b)
      continue;
    u32 bytes_a = 0, bytes_b = 0;
    if (!holds(state, a, reg, bytes_a) || !holds(state, b, reg, bytes_b)) return false;
    if (bytes_a != bytes_b && bytes_a != 16 && bytes_b != 16) return false;
  }
  return true;
}

} // namespace assay::cli
