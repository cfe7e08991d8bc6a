// machine_exceptions.cpp - exceptions in emulated code: the unwinder, and what landing pads call.
//
// Does what the C++ runtime does at home, by the same tables: from the call that throws, frame by frame, the caller's
// registers as the unwind tables give them, until a frame's call site has a clause that fits; there the code goes on at
// the landing pad, with junk in what no convention keeps. The tables are read by oracle/unwind, so wrong ones show as
// wrong results. An exception that leaves the activation is thrown through the host function that entered it.
// Cost: the tables' decoding a frame. Tested in qemu/unicorn/tests/unicorn_executor_test.cpp and on the corpus.
#include "compiler/unwind/dwarf.h"
#include "qemu/unicorn/worker/machine.h"

#include <algorithm>

namespace assay::qemu::unicorn {

namespace {

constexpr u64 kToken = 0xf1f1f1f1f1f1f1f1u;       // what a landing pad is given
constexpr u64 kFirstHandle = 0xe700000000000000u; // of what catch_all caught

bool fits(const Clause& clause, TagId tag, std::size_t payload) {
  return clause.tag == kNone || (clause.tag == tag && clause.payload == payload);
}

} // namespace

/// Vector registers are described too: on a Windows host some are kept.
Result<void> Machine::open_tables() {
  tables_ = nullptr;
  if (object_->call_sites.empty()) return {};
  unwind::EhFrameOptions options;
  options.vector_registers = true;
  const u64 at = (object_->rodata_offset() + object_->rodata.size() + 7) & ~u64{7};
  if (!unwind::write_eh_frame(*object_, static_cast<i64>(at), eh_frame_, options))
    return Error{ErrorKind::Unsupported, {}, 0, 0, "code of 2 GiB or more"};
  const oracle::Region code{kCodeAt, {object_->code.data(), object_->code.size()}};
  const oracle::Region section{kCodeAt + at, {eh_frame_.data(), eh_frame_.size()}};
  auto opened = oracle::DwarfTables::open(object_->target, section, code, {});
  if (!opened) return opened.error();
  tables_ = std::move(opened).value();
  return {};
}

/// Leads flying_ from the call that returns to `pc` to its handler, and `resume_at` there; `registers` are as after
/// that call's return. False when it leaves the activation.
bool Machine::find_handler(Registers& registers, u64 pc, u64& resume_at) {
  if (tables_ == nullptr) return false;
  clobber(registers);
  oracle::RegisterFile file;
  file.pc = pc;
  std::copy(&registers.value[0][0], &registers.value[0][0] + 2 * kRegisters, &file.value[0][0]);
  for (u32 frames = 0;; ++frames) {
    const u64 offset = file.pc - kCodeAt;
    if (offset > object_->code.size()) return false; // the entry's return address
    if (const CallSite* site = object_->call_site_at(static_cast<u32>(offset))) {
      const auto clauses = object_->clauses_of(*site);
      const auto clause = std::find_if(clauses.begin(), clauses.end(),
                                       [&](const Clause& c) { return fits(c, flying_.tag, flying_.payload.size()); });
      if (clause != clauses.end()) {
        land(registers, file, frames);
        resume_at = kCodeAt + clause->landing_pad;
        return true;
      }
    }
    unwind_frame(file);
  }
}

/// Registers as a landing pad finds them, `frames` frames further out than the exception began. The shadow space of the
/// call that threw is at the frame's end, which is where the stack pointer is unless the callee went on by a tail call.
void Machine::land(Registers& registers, const oracle::RegisterFile& file, u32 frames) {
  std::copy(&file.value[0][0], &file.value[0][0] + 2 * kRegisters, &registers.value[0][0]);
  if (stepper_ != nullptr) stepper_->caught(registers, file.pc, frames);
  clobber_registers(registers);
  const auto after = std::upper_bound(object_->functions.begin(), object_->functions.end(), file.pc - kCodeAt - 1,
                                      [](u64 offset, const FunctionCode& f) { return offset < f.begin; });
  clobber_shadow_space(registers.value[isa().fp][0] + 8 - std::prev(after)->frame_size);
  registers.value[host_registers_->int_result][0] = kToken;
}

void Machine::unwind_frame(oracle::RegisterFile& file) {
  const u64 sp = file.value[isa().sp][0];
  const u8* stack = sp <= stack_top_ ? engine_->writable(sp, stack_top_ - sp) : nullptr;
  const oracle::Region region{sp, {stack, stack == nullptr ? 0 : stack_top_ - sp}};
  oracle::FrameRule rule;
  auto done = tables_->rule_at(file.pc, true, rule);
  if (done) done = oracle::unwind(rule, object_->target, region, file);
  if (done) return;
  end(OutcomeKind::Crashed, "an exception met a frame that cannot be unwound: " + done.error().message);
  throw RunOver();
}

/// As C++ sees it, for the host function or the caller above.
void Machine::throw_on() const {
  if (flying_.host != nullptr) std::rethrow_exception(flying_.host);
  throw AirException(flying_.tag, flying_.payload);
}

/// The host function has thrown: the exception is being handled in the caller.
bool Machine::host_threw(const AirException* air, Registers& registers, u64& resume_at) {
  flying_ = {kNone, {}, std::current_exception()};
  if (air != nullptr) flying_.tag = air->tag(), flying_.payload = air->payload();
  return find_handler(registers, resume_at, resume_at);
}

bool Machine::throw_tag(const u64 (&args)[3], Registers& registers, u64& resume_at) {
  if (args[0] != kContextAt || args[1] >= module_->tags.size())
    return end(OutcomeKind::Breached, "a throw of no tag, or without the context");
  const TagId tag = static_cast<TagId>(args[1]);
  const std::span<const Type> types = module_->params(module_->signatures[module_->tags[tag].signature]);
  const u64* payload = reinterpret_cast<const u64*>(engine_->writable(args[2], 8 * types.size()));
  if (payload == nullptr || args[2] % 8 != 0)
    return end(OutcomeKind::Breached, "a throw with its payload outside the program's memory");
  flying_ = {tag, {}, nullptr};
  for (const Type type : types) flying_.payload.push_back(*payload++ & bit_mask(type));
  record_throw(TraceKind::Throw, registers, resume_at);
  if (!find_handler(registers, resume_at, resume_at)) throw_on();
  return true;
}

/// Goes on behind the call when the handle is none.
bool Machine::rethrow(u64 handle, Registers& registers, u64& resume_at) {
  const u64 index = handle - kFirstHandle - held_before_;
  if (index >= held_.size()) return true;
  flying_ = held_[index];
  record_throw(TraceKind::Rethrow, registers, resume_at);
  if (!find_handler(registers, resume_at, resume_at)) throw_on();
  return true;
}

bool Machine::catch_tag(const u64 (&args)[3]) {
  if (args[0] != kContextAt || args[1] != kToken || flying_.tag >= module_->tags.size())
    return end(OutcomeKind::Breached, "a landing pad without the context or its exception");
  const std::span<const Type> types = module_->params(module_->signatures[module_->tags[flying_.tag].signature]);
  u64* payload = reinterpret_cast<u64*>(engine_->writable(args[2], 8 * types.size()));
  if (payload == nullptr || args[2] % 8 != 0 || types.size() != flying_.payload.size())
    return end(OutcomeKind::Breached, "a payload outside the program's memory, or of another tag");
  for (std::size_t i = 0; i < types.size(); ++i) payload[i] = flying_.payload[i] & bit_mask(types[i]);
  return true;
}

bool Machine::catch_all(const u64 (&args)[3], u64& handle) {
  if (args[0] != kContextAt || args[1] != kToken)
    return end(OutcomeKind::Breached, "a landing pad without the context or its exception");
  if (held_.size() == kHeldExceptions) {
    held_.pop_front();
    ++held_before_;
  }
  held_.push_back(flying_);
  handle = kFirstHandle + held_before_ + held_.size() - 1;
  return true;
}

} // namespace assay::qemu::unicorn
