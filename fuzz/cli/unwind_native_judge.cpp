// unwind_native_judge.cpp - see unwind_native_judge.h.
#include "fuzz/cli/unwind_native_judge.h"

#include "compiler/codegen/call_conv.h"

#include <algorithm>
#include <bit>

namespace assay::cli {

namespace {

constexpr RegIndex kRsp = 4;
constexpr std::size_t kMostFailures = 16;

std::string difference(const std::string& what, u64 expected, u64 found) {
  return what + ": expected " + oracle::hex(expected) + ", found " + oracle::hex(found);
}

/// Memory of this process. The words are the stack's, above sp.
oracle::Region stack_at(u64 sp, u64 end) {
  return {sp, {reinterpret_cast<const u8*>(sp), end > sp ? static_cast<std::size_t>(end - sp) : 0}};
}

} // namespace

Result<void> NativeJudge::set(const Module& module, const CodeObject& object, const CodeMap& map, u64 base,
                              std::span<const StepTable> tables) {
  object_ = &object;
  map_ = &map;
  base_ = base;
  formats_.clear();
  for (const StepTable& table : tables) {
    auto opened = open_table(table, object, base);
    if (!opened) return opened.error();
    Format format;
    format.kind = table.format;
    format.tables = std::move(*opened);
    format.rule_of.assign(object.code.size(), 0);
    format.reported.assign(object.code.size(), false);
    formats_.push_back(std::move(format));
  }
  const codegen::CallConv& conv = codegen::call_conv(object.target, object.os);
  kept_.clear();
  for (codegen::RegSet rest = conv.callee_saved; rest != 0; rest &= rest - 1) {
    const RegIndex reg = static_cast<RegIndex>(std::countr_zero(rest));
    if (reg == kRsp) continue;
    kept_.push_back({reg, 0});
    if (reg >= 32 && conv.saved_vector_bytes == 16) kept_.push_back({reg, 1});
  }
  ASSAY_CHECK(kept_.size() <= kMostKept);
  codegen::CallLayout layout;
  popped_.clear();
  for (const FunctionCode& f : object.functions) {
    const Signature& signature = module.signatures[module.functions[f.function].signature];
    codegen::layout_call(conv, module.params(signature), module.results(signature), layout);
    popped_.push_back(layout.stack_bytes);
  }
  failures.clear();
  seen.assign(object.code.size(), false);
  begin_run();
  return {};
}

void NativeJudge::enter(u32 function, bool entered) {
  const u64 sp = now_.value[kRsp][0];
  u64 return_address = 0;
  std::memcpy(&return_address, reinterpret_cast<const void*>(sp), 8);
  if (!entered && return_address != previous_end_) {
    ++tail_calls;
    if (frames_.empty()) return;
    Frame& frame = frames_.back();
    frame.sp = sp + 8;
    if (frame.next_sp != 0 && frame.next_sp != frame.sp)
      fail(formats_[frame.next_sp_of], frame.next_sp_at, difference("sp after the tail call", frame.sp, frame.next_sp));
    frame.next_sp = 0;
    return;
  }
  ++calls;
  Frame frame;
  frame.return_address = return_address;
  frame.sp = sp + 8;
  frame.sp_after = frame.sp + popped_[function];
  for (std::size_t i = 0; i < kept_.size(); ++i) frame.values[i] = now_.value[kept_[i].reg][kept_[i].half];
  frames_.push_back(frame);
  max_depth = std::max(max_depth, static_cast<u32>(frames_.size()));
}

/// The last frame is gone, and not by a tail call.
void NativeJudge::pop() {
  const Frame& top = frames_.back();
  if (top.next_sp != 0)
    fail(formats_[top.next_sp_of], top.next_sp_at, difference("sp, and no tail call followed", top.sp, top.next_sp));
  frames_.pop_back();
}

void NativeJudge::follow(u32 offset, bool entered) {
  const u64 sp = now_.value[kRsp][0];
  if (entered) {
    while (!frames_.empty() && frames_.back().sp <= sp) pop();
    const bool pad = std::any_of(object_->clauses.begin(), object_->clauses.end(),
                                 [&](const Clause& c) { return c.landing_pad == offset; });
    landings += pad;
  }
  const auto& functions = object_->functions;
  const auto at = std::lower_bound(functions.begin(), functions.end(), offset,
                                   [](const FunctionCode& f, u32 where) { return f.begin < where; });
  if (at != functions.end() && at->begin == offset) return enter(static_cast<u32>(at - functions.begin()), entered);
  if (!frames_.empty() && now_.pc == frames_.back().return_address && sp == frames_.back().sp_after) pop();
}

void NativeJudge::on_step(const fuzz::StepRegisters& registers, bool entered) {
  const u32 offset = static_cast<u32>(registers.pc - base_);
  if (offset >= object_->code.size()) return;
  now_.pc = registers.pc;
  for (u32 i = 0; i < 16; ++i) {
    now_.value[i][0] = registers.general[i];
    std::copy(registers.vector[i], registers.vector[i] + 2, now_.value[32 + i]);
  }
  follow(offset, entered);
  ++instructions;
  seen[offset] = true;
  if (!frames_.empty()) {
    for (Format& format : formats_) check(format, offset);
  }
  const auto next = std::upper_bound(map_->starts.begin(), map_->starts.end(), offset);
  previous_end_ = next == map_->starts.end() ? 0 : base_ + *next;
}

bool NativeJudge::in_epilogue(u32 offset) const {
  for (const FunctionCode& f : object_->functions) {
    if (offset < f.begin || offset >= f.end) continue;
    bool inside = false;
    for (const FrameOp& op : object_->frame_of(f)) {
      if (f.begin + op.offset > offset) break;
      if (op.effect == FrameEffect::EpilogueBegin) inside = true;
      if (op.effect == FrameEffect::EpilogueEnd) inside = false;
    }
    return inside;
  }
  return false;
}

/// Empty, or what is wrong.
std::string NativeJudge::judge(const Format& format, const oracle::FrameRule& rule, u32 offset) {
  Frame& frame = frames_.back();
  const u64 sp = now_.value[kRsp][0];
  const oracle::Region stack = stack_at(sp, frames_.front().sp_after);
  u64 found = 0, bad = 0;
  if (!caller_pc(rule, now_, stack, found, bad)) return "pc: cannot be read at " + oracle::hex(bad);
  if (found != frame.return_address) return difference("pc", frame.return_address, found);
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const std::string name = "register " + std::to_string(kept_[i].reg);
    if (!caller_value(rule, now_, stack, kept_[i].reg, kept_[i].half, found, bad))
      return name + ": cannot be read at " + oracle::hex(bad);
    if (found != frame.values[i]) return difference(name, frame.values[i], found);
  }
  found = caller_sp(rule, now_);
  if (found == frame.sp || (found == frame.sp_after && sp >= frame.sp_after)) return {};
  if (in_epilogue(offset) && (frame.next_sp == 0 || frame.next_sp == found)) {
    if (frame.next_sp == 0) {
      frame.next_sp_of = static_cast<u32>(&format - formats_.data());
      frame.next_sp_at = offset;
    }
    frame.next_sp = found;
    return {};
  }
  return difference("sp", frame.sp, found);
}

void NativeJudge::check(Format& format, u32 offset) {
  ++checked[static_cast<u32>(format.kind)];
  u32& known = format.rule_of[offset];
  if (known == 0) {
    oracle::FrameRule rule;
    if (auto found = format.tables->rule_at(now_.pc, false, rule); !found)
      return fail(format, offset, found.error().message);
    format.rules.push_back(rule);
    known = static_cast<u32>(format.rules.size());
  }
  if (std::string wrong = judge(format, format.rules[known - 1], offset); !wrong.empty())
    fail(format, offset, std::move(wrong));
}

void NativeJudge::fail(Format& format, u32 offset, std::string what) {
  ++failed[static_cast<u32>(format.kind)];
  if (format.reported[offset] || failures.size() >= kMostFailures) return;
  format.reported[offset] = true;
  failures.push_back({format.kind, offset, std::move(what)});
}

} // namespace assay::cli
