// step_check.cpp - see step.h: opening tables, and the comparison of what they say with the frames of the run.
//
// The body of a function, where compact encodings must hold, is what lies behind the last effect of the prologue and in
// no epilogue, by the CodeObject's frame effects. Tested in qemu/unicorn/tests/step_test.cpp.
#include "compiler/codegen/call_conv.h"
#include "oracle/unwind/compact.h"
#include "oracle/unwind/dwarf.h"
#include "oracle/unwind/meaning.h"
#include "oracle/unwind/windows.h"
#include "qemu/unicorn/worker/step.h"

#include <algorithm>
#include <bit>

namespace assay::qemu::unicorn {

namespace {

using protocol::TableFormat;

constexpr u32 kMostFailures = 16;
constexpr u32 kMostWalked = 64;
constexpr u64 kStale = 0x57a1e57a1e57a1e5u;

/// Whether the code up to `end` ends with a return. x64: `ret` and `ret n`; false when the bytes may also be a jump's.
bool returns(const CodeObject& object, u32 end) {
  const auto byte = [&](u32 back) -> u32 { return end >= back ? object.code[end - back] : 0; };
  if (object.target == Target::A64) // ret
    return byte(4) == 0xc0 && byte(3) == 0x03 && byte(2) == 0x5f && byte(1) == 0xd6;
  const bool may_jump = byte(5) == 0xe9 || byte(2) == 0xeb;
  return !may_jump && (byte(1) == 0xc3 || byte(3) == 0xc2);
}

} // namespace

// ---- tables --------------------------------------------------------------------------------------------

Result<void> Stepper::set(const protocol::Program& program, std::vector<protocol::StepTable> tables) {
  program_ = &program;
  object_ = &program.object;
  report_ = nullptr;
  for (const Isa* isa : isas()) {
    if (isa->target == object_->target) isa_ = isa;
  }
  const std::size_t bytes = object_->code.size();
  formats_.clear();
  for (protocol::StepTable& table : tables) {
    Format format;
    format.table = std::move(table);
    formats_.push_back(std::move(format));
    if (auto opened = open(formats_.back()); !opened) {
      Error error = opened.error();
      error.message = std::string(name_of(formats_.back().table.format)) + ": " + error.message;
      formats_.clear();
      return error;
    }
  }
  for (Format& format : formats_) {
    format.rule_of.assign(bytes + 1, 0);
    format.rule_of_return.assign(bytes + 1, 0);
    format.reported.assign(bytes + 1, false);
    format.reported_walk.assign(bytes + 1, false);
  }
  seen_.assign(bytes, 0);
  pcs_ = 0;
  entry_at_.assign(bytes / 16 + 1, kNone);
  popped_.assign(object_->functions.size(), 0);
  codegen::CallLayout layout;
  const Module& module = program.module;
  for (u32 i = 0; i < object_->functions.size(); ++i) {
    const FunctionCode& f = object_->functions[i];
    entry_at_[f.begin / 16] = i;
    const Signature& signature = module.signatures[module.functions[f.function].signature];
    codegen::layout_call(codegen::call_conv(object_->target, object_->os), module.params(signature),
                         module.results(signature), layout);
    popped_[i] = layout.stack_bytes;
  }
  collect_bodies();
  collect_kept();
  return {};
}

Result<void> Stepper::open(Format& format) {
  const protocol::StepTable& table = format.table;
  std::vector<oracle::CodeRange> functions;
  for (const FunctionCode& f : object_->functions) functions.push_back({f.begin, f.end});
  const oracle::Region code{kCodeAt, object_->code};
  const auto part = [&](protocol::TablePart p) {
    return oracle::Region{kCodeAt + table.tables_at + p.at, std::span<const u8>(table.bytes).subspan(p.at, p.size)};
  };
  const u64 base = kCodeAt - table.code_rva;
  const auto keep = [&](auto opened) -> Result<void> {
    if (!opened) return opened.error();
    format.tables = std::move(*opened);
    return {};
  };
  const Target target = object_->target;
  switch (table.format) {
  case TableFormat::Dwarf: return keep(oracle::DwarfTables::open(target, part(table.eh_frame), code, functions));
  case TableFormat::Windows: {
    const oracle::WindowsImage image{base, code, part(table.entries), part(table.info)};
    if (target == Target::X64) return keep(oracle::WindowsX64Tables::open(image, functions));
    return keep(oracle::WindowsA64Tables::open(image, functions));
  }
  case TableFormat::Compact:
    return keep(
        oracle::CompactTables::open(target, {base, code, part(table.entries), part(table.eh_frame)}, functions));
  }
  return {};
}

/// The registers that the convention between functions keeps, and what must be read to follow and unwind.
void Stepper::collect_kept() {
  const codegen::CallConv& conv = codegen::call_conv(object_->target, object_->os);
  codegen::RegSet read = conv.callee_saved | codegen::bit(static_cast<codegen::PReg>(isa_->sp)) |
                         codegen::bit(static_cast<codegen::PReg>(isa_->fp));
  kept_.clear();
  for (codegen::RegSet rest = conv.callee_saved; rest != 0; rest &= rest - 1) {
    const u32 reg = static_cast<u32>(std::countr_zero(rest));
    if (reg == isa_->sp || reg == isa_->link || reg == isa_->platform) continue;
    kept_.push_back({static_cast<RegIndex>(reg), 0});
    if (reg >= 32 && conv.saved_vector_bytes == 16) kept_.push_back({static_cast<RegIndex>(reg), 1});
  }
  if (isa_->link != kNone) read |= codegen::bit(static_cast<codegen::PReg>(isa_->link));
  ids_.clear();
  places_.clear();
  for (; read != 0; read &= read - 1) {
    const u32 reg = static_cast<u32>(std::countr_zero(read));
    if (isa_->registers[reg] == 0) continue;
    ids_.push_back(isa_->registers[reg]);
    places_.push_back(now_.value[reg]);
  }
  ASSAY_CHECK(kept_.size() <= kMostValues);
}

void Stepper::collect_bodies() {
  body_.assign(object_->code.size() + 1, Part::Prologue);
  for (const FunctionCode& f : object_->functions) {
    const std::span<const FrameOp> ops = object_->frame_of(f);
    u32 from = f.begin;
    bool prologue = true;
    for (const FrameOp& op : ops) {
      const u32 at = f.begin + op.offset;
      if (op.effect == FrameEffect::EpilogueBegin) {
        std::fill(body_.begin() + from, body_.begin() + at, Part::Body);
        prologue = false;
        from = at;
      } else if (op.effect == FrameEffect::EpilogueEnd) {
        std::fill(body_.begin() + from, body_.begin() + at, returns(*object_, at) ? Part::Return : Part::Epilogue);
        from = at;
      } else if (prologue) {
        from = at;
      }
    }
    std::fill(body_.begin() + from, body_.begin() + f.end, Part::Body);
  }
}

const oracle::FrameRule* Stepper::rule_at(Format& format, u64 pc, bool is_return) {
  u32& known = (is_return ? format.rule_of_return : format.rule_of)[pc - kCodeAt];
  if (known == 0) {
    oracle::FrameRule rule;
    if (auto found = format.tables->rule_at(pc, is_return, rule); !found) {
      fail(format, pc, is_return, found.error().message, 0, 0);
      return nullptr;
    }
    if (format.rules.empty() || !oracle::same_rule(format.rules.back(), rule)) {
      format.rules.push_back(rule);
      prepare(format, rule);
    }
    known = static_cast<u32>(format.rules.size());
    const u64 end = std::min<u64>(rule.until - kCodeAt + (is_return ? 1 : 0), object_->code.size() + 1);
    std::vector<u32>& all = is_return ? format.rule_of_return : format.rule_of;
    for (u64 at = pc - kCodeAt + 1; rule.until != 0 && at < end; ++at) all[at] = known;
  }
  return &format.rules[known - 1];
}

// ---- judging -------------------------------------------------------------------------------------------

oracle::Region Stepper::stack_from(u64 sp) const {
  const u64 size = engine_->zone_size(Zone::Stack);
  if (sp < kStackAt) return {kStackAt, {engine_->zone(Zone::Stack, 0), size}}; // a sweep goes on where a run would trap
  if (sp - kStackAt > size) return {};
  return {sp, {engine_->zone(Zone::Stack, 0) + (sp - kStackAt), static_cast<std::size_t>(size - (sp - kStackAt))}};
}

void Stepper::fail(Format& format, u64 pc, bool in_walk, std::string what, u64 expected, u64 found) {
  ++report_->counts[static_cast<u32>(format.table.format)].failed;
  const u64 offset = std::min<u64>(pc - kCodeAt, object_->code.size());
  std::vector<bool>& reported = in_walk ? format.reported_walk : format.reported;
  if (reported[offset] || report_->failures.size() >= kMostFailures) return;
  reported[offset] = true;
  report_->failures.push_back(
      {format.table.format, static_cast<u32>(offset), in_walk, std::move(what), expected, found});
}

/// Whether `found` may be the caller's sp, where the frame's own is `sp`.
bool Stepper::judge_sp(Format& format, Frame& frame, u64 found, u64 sp, u32 offset, bool in_walk) {
  if (found == frame.sp || (found == frame.sp_after && sp >= frame.sp_after)) return true;
  // A tail call may be on its way, where no return is: then all that is said until the jump must be the same, and come
  // true.
  if (!in_walk && body_[offset] == Part::Epilogue && (frame.next_sp == 0 || frame.next_sp == found)) {
    if (frame.next_sp == 0) frame.next_sp_at = offset;
    frame.next_sp = found;
    return true;
  }
  fail(format, kCodeAt + offset, in_walk, "sp", frame.sp, found);
  return false;
}

/// The rule in the form that `passes` takes; a value that is lost, or in half a register, has none.
void Stepper::prepare(Format& format, const oracle::FrameRule& rule) {
  Check check;
  check.first_source = static_cast<u32>(format.sources.size());
  check.whole = true;
  check.return_signed = rule.return_signed;
  const auto source = [&](oracle::Place place, u32 half, bool in_memory) {
    const i64 offset = place.offset + 8 * i64{half};
    check.whole = check.whole && offset == static_cast<i32>(offset) && place.base < kRegisters;
    return Source{static_cast<u16>(2 * place.base + (in_memory ? 0 : half)), in_memory, static_cast<i32>(offset)};
  };
  check.caller_sp = source(rule.caller_sp, 0, true);
  for (const Kept& kept : kept_) {
    const oracle::SavedRegister* saved = rule.find(kept.reg);
    if (saved != nullptr && saved->bytes < 8 * (kept.half + 1)) check.whole = false;
    format.sources.push_back(saved == nullptr ? source({kept.reg, -8 * i64{kept.half}}, kept.half, false)
                                              : source(saved->at, kept.half, true));
  }
  const bool in_register = rule.return_in != oracle::kNoRegister;
  format.sources.push_back(in_register ? source({rule.return_in, 0}, 0, false) : source(rule.return_at, 0, true));
  format.checks.push_back(check);
}

/// Whether all but the caller's sp is as it must be. No means that `judge` has to look.
bool Stepper::passes(const Format& format, const Check& check, const Frame& frame, u64& found_sp) const {
  if (!check.whole) return false;
  const u64* words = &now_.value[0][0];
  const u64 sp = words[2 * isa_->sp];
  found_sp = words[check.caller_sp.word] + static_cast<u64>(i64{check.caller_sp.offset});
  const oracle::Region stack = stack_from(sp);
  const auto load = [&](const Source& source, u64& out) {
    out = words[source.word];
    return !source.in_memory || stack.read(out + static_cast<u64>(i64{source.offset}), &out, 8);
  };
  const Source* source = format.sources.data() + check.first_source;
  u64 found = 0;
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    if (!load(source[i], found) || found != frame.values[i]) return false;
  }
  if (!load(source[kept_.size()], found)) return false;
  return (check.return_signed ? oracle::plain_address(found) : found) == frame.return_address;
}

/// Apple's encodings are of bodies, and say nothing of signatures; what refers to an FDE is exact everywhere.
bool Stepper::is_exact(const Format& format, u64 pc) {
  if (format.table.format != TableFormat::Compact) return true;
  const auto exact = static_cast<const oracle::CompactTables&>(*format.tables).is_dwarf(pc);
  return !exact || *exact; // a pc that no entry covers is for `rule_at` to tell
}

/// Unwinds the innermost frame at the instruction that is about to run.
void Stepper::check(Format& format, u64 pc) {
  protocol::StepCounts& counts = report_->counts[static_cast<u32>(format.table.format)];
  const u32 offset = static_cast<u32>(pc - kCodeAt);
  if (format.table.format == TableFormat::Compact && body_[offset] != Part::Body) {
    if (!is_exact(format, pc)) {
      ++counts.left_out;
      return;
    }
  }
  ++counts.checked;
  const oracle::FrameRule* rule = rule_at(format, pc, false);
  if (rule == nullptr) return;
  const Check& check = format.checks[static_cast<std::size_t>(rule - format.rules.data())];
  Frame& frame = frames_.back();
  u64 sp = 0;
  const bool signature = isa_->link != kNone && is_exact(format, pc);
  if (passes(format, check, frame, sp) && sp == frame.sp && (!signature || check.return_signed == frame.is_signed))
    return;
  judge(format, pc, *rule);
}

/// Says what is wrong, if anything is.
void Stepper::judge(Format& format, u64 pc, const oracle::FrameRule& rule) {
  Frame& frame = frames_.back();
  const u32 offset = static_cast<u32>(pc - kCodeAt);
  const u64 sp = now_.value[isa_->sp][0];
  const oracle::Region stack = stack_from(sp);
  u64 found = 0, bad = 0;
  if (!caller_pc(rule, now_, stack, found, bad)) return fail(format, pc, false, "pc: cannot be read", 0, bad);
  if (found != frame.return_address) return fail(format, pc, false, "pc", frame.return_address, found);
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const Kept kept = kept_[i];
    if (!caller_value(rule, now_, stack, kept.reg, kept.half, found, bad))
      return fail(format, pc, false, std::string(isa_->names[kept.reg]) + ": cannot be read", frame.values[i], bad);
    if (found != frame.values[i]) return fail(format, pc, false, isa_->names[kept.reg], frame.values[i], found);
  }
  if (!judge_sp(format, frame, caller_sp(rule, now_), sp, offset, false)) return;
  if (isa_->link != kNone && is_exact(format, pc) && rule.return_signed != frame.is_signed)
    fail(format, pc, false, "whether the return address is signed", frame.is_signed ? 1 : 0,
         rule.return_signed ? 1 : 0);
}

/// Unwinds from `now_` through all frames of the current call from the host, at most kMostWalked.
void Stepper::walk(Format& format, u64 pc, bool is_return) {
  // An encoding of the body says nothing at a function's entry: that walk begins at the caller, whose truth is known.
  oracle::RegisterFile file = now_;
  file.pc = pc;
  std::size_t depth = frames_.size();
  if (format.table.format == TableFormat::Compact && !is_return) {
    const Frame& inner = frames_[--depth];
    if (inner.from_host || depth == 0) return;
    file.pc = inner.return_address;
    file.value[isa_->sp][0] = inner.sp;
    is_return = true;
  }
  for (u32 steps = 0; depth > 0 && steps < kMostWalked; ++steps) {
    Frame& frame = frames_[--depth];
    if (file.pc - kCodeAt > object_->code.size()) return fail(format, pc, true, "pc outside the code", pc, file.pc);
    const u64 here = file.pc, sp = file.value[isa_->sp][0];
    const oracle::FrameRule* rule = rule_at(format, here, is_return);
    if (rule == nullptr) return;
    ++report_->counts[static_cast<u32>(format.table.format)].walked;
    if (auto done = oracle::unwind(*rule, isa_->target, stack_from(sp), file); !done)
      return fail(format, here, true, done.error().message, 0, 0);
    if (isa_->link != kNone) file.value[isa_->link][0] = kStale; // a frame that waits for a call has saved it
    if (file.pc != frame.return_address) return fail(format, here, true, "pc", frame.return_address, file.pc);
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      const u64 found = file.value[kept_[i].reg][kept_[i].half];
      if (found != frame.values[i]) return fail(format, here, true, isa_->names[kept_[i].reg], frame.values[i], found);
    }
    const u64 caller = file.value[isa_->sp][0];
    if (!judge_sp(format, frame, caller, sp, static_cast<u32>(here - kCodeAt), true)) return;
    if (frame.from_host) return;
    is_return = true;
  }
}

} // namespace assay::qemu::unicorn
