// machine_pads.cpp - what happens when code leaves the program otherwise than by its return: traps, faults, host calls,
// functions of the runtime; and the walk over frames that host calls and throws record.
//
// A call out of compiled code is ended as a C function would end it: the return address taken, the stack as it was, and
// everything that the convention lets a C function clobber clobbered, shadow space included.
// Tested in qemu/unicorn/tests/unicorn_executor_test.cpp.
#include "qemu/unicorn/worker/machine.h"

#include "qemu/unicorn/worker/pads.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace assay::qemu::unicorn {

namespace {

constexpr u64 kClobber = 0xbadc0ffee0ddf00du;
constexpr u64 kHostCallWork = 4096;

template <typename Float> Float float_of(u64 bits) {
  Float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <typename Float> u64 bits_of_float(Float value) {
  u64 bits = kClobber; // what is above an f32 is anything
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

/// Rounding functions of one type, in the order of RuntimeFn.
template <typename Float> Float rounded(u32 which, Float value) {
  switch (which) {
  case 0: return std::ceil(value);
  case 1: return std::floor(value);
  case 2: return std::trunc(value);
  default: return std::nearbyint(value); // the rounding mode is nearest even
  }
}

template <typename Float> u64 arithmetic(u32 which, const u64 (&args)[3]) {
  if (which == 0)
    return bits_of_float(std::fma(float_of<Float>(args[0]), float_of<Float>(args[1]), float_of<Float>(args[2])));
  return bits_of_float(rounded(which - 1, float_of<Float>(args[0])));
}

} // namespace

/// The way back into the program for a host function.
class Machine::Back final : public Reentry {
public:
  explicit Back(Machine& machine) : machine_(machine) {}
  void call(FunctionId function, std::span<const u64> args, std::span<u64> results) override {
    if (machine_.call(function, args, results)) return;
    const Outcome& out = *machine_.out_;
    if (out.kind == OutcomeKind::Trapped) throw TrapException(out.trap, out.position);
    throw RunOver();
  }

private:
  Machine& machine_;
};

bool Machine::fault(const Stop& stop) {
  if (!precise_ && (stop.error == UC_ERR_READ_UNMAPPED || stop.error == UC_ERR_WRITE_UNMAPPED ||
                    stop.error == UC_ERR_READ_PROT || stop.error == UC_ERR_WRITE_PROT)) {
    memory_fault_ = true; // where it was the next run will tell
    return end(OutcomeKind::Crashed, "");
  }
  const u64 offset = stop.pc - kCodeAt;
  const bool in_code = offset < object_->code.size();
  const FaultSite* site = in_code && stop.error != UC_ERR_OK ? object_->fault_at(static_cast<u32>(offset)) : nullptr;
  if (site != nullptr) return trap(site->trap, site->position);
  return end(OutcomeKind::Crashed, to_string(stop));
}

const PcPosition* Machine::position_of(u64 return_address) const {
  const u64 offset = return_address - kCodeAt;
  if (offset > object_->code.size()) return nullptr;
  return object_->position_at(static_cast<u32>(offset));
}

/// Takes the return address of a call out of compiled code. False: the stack is not what it must be, the run is over.
bool Machine::pop_return(Registers& registers, u64& address) {
  u64& sp = registers.value[isa().sp][0];
  if (isa().link == kNone) {
    const u64* slot = word(sp);
    if (slot == nullptr) return end(OutcomeKind::Crashed, "the stack pointer has left the stack");
    address = *slot;
    sp += 8;
  } else {
    address = registers.value[isa().link][0];
  }
  if (sp % 16 != 0) return end(OutcomeKind::Breached, "the stack is not aligned at a call out of compiled code");
  if (stepper_ != nullptr) stepper_->called_out(registers, address);
  return true;
}

bool Machine::trap_pad(TrapKind kind, Registers& registers) {
  u64 address = 0;
  if (!pop_return(registers, address)) return false;
  const PcPosition* at = position_of(address);
  if (at == nullptr) frames_intact_ = false;
  return trap(kind, at == nullptr ? Position{} : at->position);
}

/// What a C function may clobber: registers, and the shadow space above the stack pointer.
void Machine::clobber(Registers& registers) {
  clobber_registers(registers);
  clobber_shadow_space(registers.value[isa().sp][0]);
}

void Machine::clobber_shadow_space(u64 from) {
  for (u64 at = 0; at < shadow_bytes_; at += 8) {
    if (u64* slot = word(from + at)) *slot = kClobber;
  }
}

void Machine::clobber_registers(Registers& registers) {
  for (codegen::RegSet rest = clobbered_; rest != 0; rest &= rest - 1) {
    const u32 r = static_cast<u32>(std::countr_zero(rest));
    registers.value[r][0] = kClobber + r;
    registers.value[r][1] = ~kClobber;
  }
  for (codegen::RegSet rest = half_clobbered_; rest != 0; rest &= rest - 1)
    registers.value[std::countr_zero(rest)][1] = ~kClobber;
}

/// In a sweep: what cannot be done is passed over, and an end of the run is the end of one way only. False: of the
/// last.
bool Machine::swept_on(const Stop& stop, u64& pc) {
  if (stop.kind == Stop::Fault) return stepper_->over_fault(stop.error != UC_ERR_INSN_INVALID, pc);
  if (stop.pad == kReturnPad) return stepper_->elsewhere(pc);
  Registers registers;
  engine_->read(registers, all_);
  u64 address = 0;
  const bool returns = stop.pad == kHostCallPad || stop.pad >= kRuntimePads;
  const bool throws = stop.pad == kRuntimePads + static_cast<u32>(RuntimeFn::Throw);
  const bool popped = pop_return(registers, address);
  if (popped && throws) stepper_->over_throw(address);
  if (!popped || !returns || throws) return stepper_->elsewhere(pc);
  clobber(registers);
  engine_->write(registers, all_);
  pc = address;
  return true;
}

/// Serves a call out of compiled code and puts the processor behind it; false when the run is over.
bool Machine::leave(u32 pad, u64& resume_at) {
  Registers registers;
  engine_->read(registers, all_);
  if (pad >= kTrapPads && pad < kRuntimePads) return trap_pad(static_cast<TrapKind>(pad - kTrapPads), registers);
  if (!pop_return(registers, resume_at)) return false;
  sp_ = registers.value[isa().sp][0];
  if (pad == kHostCallPad) {
    if (!serve_host_call(registers, resume_at)) return false;
  } else if (!serve_runtime(static_cast<RuntimeFn>(pad - kRuntimePads), registers, resume_at)) {
    return false;
  }
  engine_->write(registers, all_);
  return true;
}

// ---- host calls ----------------------------------------------------------------------------------------

bool Machine::serve_host_call(Registers& registers, u64& resume_at) {
  u64 given[4];
  for (u32 i = 0; i < 4; ++i) given[i] = registers.value[host_registers_->ints[i]][0];
  const u64 import = given[1];
  if (given[0] != kContextAt) return end(OutcomeKind::Breached, "a host call without the context");
  if (import >= module_->functions.size() || !module_->functions[import].imported) {
    return end(OutcomeKind::Breached, "a host call of function " + std::to_string(import) + ", which is no import");
  }
  const FunctionId function = static_cast<FunctionId>(import);
  const size_t params = module_->params_of(module_->functions[function]).size();
  const size_t results = module_->results_of(module_->functions[function]).size();
  const u64* args_at = reinterpret_cast<const u64*>(engine_->writable(given[2], 8 * params));
  u64* results_at = reinterpret_cast<u64*>(engine_->writable(given[3], 8 * results));
  if (args_at == nullptr || results_at == nullptr || given[2] % 8 != 0 || given[3] % 8 != 0) {
    return end(OutcomeKind::Breached, "a host call with arguments or results outside the program's memory");
  }
  engine_->spend(kHostCallWork);
  record_call(function, {args_at, params});
  Back back(*this);
  try {
    host_->call(*module_, function, {args_at, params}, {results_at, results}, back);
    clobber(registers);
    return true;
  } catch (const RunOver&) {
    throw;
  } catch (const TrapException&) {
    throw;
  } catch (const AirException& exception) {
    if (!host_threw(&exception, registers, resume_at)) throw;
  } catch (...) {
    if (!host_threw(nullptr, registers, resume_at)) throw;
  }
  return true;
}

void Machine::record_call(FunctionId import, std::span<const u64> args) {
  out_->begin_event(TraceKind::HostCall, import, args);
  if (!walk(context_->exit_fp)) frames_intact_ = false;
  out_->end_event();
}

/// Of flying_, thrown by the call out of compiled code that returns to `return_to`. There is no thunk with a frame.
void Machine::record_throw(TraceKind kind, const Registers& registers, u64 return_to) {
  const bool ours = is_tag_with(*module_, flying_.tag, flying_.payload.size());
  out_->begin_event(kind, ours ? flying_.tag : kNone, ours ? flying_.payload : std::vector<u64>{});
  u64* value = out_->trace_args.data() + out_->trace.back().args; // what a host made up may have bits too many
  for (const Type type : arg_types(*module_, out_->trace.back())) *value++ &= bit_mask(type);
  if (!walk_frame(return_to) || !walk(registers.value[isa().fp][0])) frames_intact_ = false;
  out_->end_event();
}

/// Appends the frames of all activations, the innermost of which left compiled code with the frame pointer `fp`. False
/// when they are broken.
bool Machine::walk(u64 fp) {
  for (size_t i = activations_.size(); i-- > 0 && out_->frames.size() <= kMaxRecordedFrames;) {
    if (!walk_activation(fp, activations_[i].entry)) return false;
    fp = activations_[i].exit_fp;
  }
  return true;
}

/// Appends the frame to which a call returns, if that is one of the program, and those of functions that were inlined
/// there. False when it has no position.
bool Machine::walk_frame(u64 return_to) {
  if (return_to - kCodeAt - 1 >= object_->code.size()) return true;
  const PcPosition* at = position_of(return_to);
  if (at == nullptr) return false;
  const auto add = [&](const Position& position) {
    if (out_->frames.size() <= kMaxRecordedFrames) out_->frames.push_back(position);
  };
  add(at->position);
  for (u32 call = at->inlined_at; call != kNone; call = object_->inlined_calls[call].inlined_at)
    add(object_->inlined_calls[call].position);
  return true;
}

/// Appends the frames from `exit_fp` outwards to the entry. False when the chain does not lead there.
bool Machine::walk_activation(u64 exit_fp, u64 entry) {
  for (u64 fp = exit_fp; fp != entry;) {
    const u64* frame = fp % 8 == 0 && fp < entry ? reinterpret_cast<const u64*>(engine_->writable(fp, 16)) : nullptr;
    if (frame == nullptr) return false;
    const u64 caller_fp = frame[0], return_to = frame[1];
    if (!walk_frame(return_to)) return false;
    if (out_->frames.size() > kMaxRecordedFrames) return true;
    if (caller_fp <= fp) return false;
    fp = caller_fp;
  }
  return true;
}

// ---- the runtime's functions ---------------------------------------------------------------------------

bool Machine::serve_runtime(RuntimeFn function, Registers& registers, u64& resume_at) {
  const HostRegisters& at = *host_registers_;
  u64 ints[3], floats[3];
  for (u32 i = 0; i < 3; ++i) ints[i] = registers.value[at.ints[i]][0], floats[i] = registers.value[at.floats[i]][0];
  clobber(registers);
  // FmaF32, FmaF64, CeilF32, CeilF64, ...: pairs.
  const u32 pair = static_cast<u32>(function) - static_cast<u32>(RuntimeFn::FmaF32);
  static_assert(static_cast<u32>(RuntimeFn::FmaF32) % 2 == 1 &&
                static_cast<u32>(RuntimeFn::CeilF32) == static_cast<u32>(RuntimeFn::FmaF32) + 2);
  switch (function) {
  case RuntimeFn::MemoryGrow:
    if (ints[0] != kContextAt) return end(OutcomeKind::Breached, "memory_grow without the context");
    registers.value[at.int_result][0] = grow_memory(ints[1]);
    return true;
  case RuntimeFn::MemoryFill:
  case RuntimeFn::MemoryCopy: return fill_or_copy(function, ints);
  case RuntimeFn::Throw: return throw_tag(ints, registers, resume_at);
  case RuntimeFn::Rethrow: return rethrow(ints[1], registers, resume_at);
  case RuntimeFn::CatchTag: return catch_tag(ints);
  case RuntimeFn::CatchAll: return catch_all(ints, registers.value[at.int_result][0]);
  default:
    if (function >= RuntimeFn::Count) return end(OutcomeKind::Crashed, "a call to no function of the runtime");
    registers.value[at.float_result][0] =
        pair % 2 == 0 ? arithmetic<float>(pair / 2, floats) : arithmetic<double>(pair / 2, floats);
    return true;
  }
}

bool Machine::fill_or_copy(RuntimeFn function, const u64 (&args)[3]) {
  const u64 length = args[2];
  if (length == 0) return true; // the addresses may be anything
  u8* to = engine_->writable(args[0], length);
  const u8* from = function == RuntimeFn::MemoryCopy ? engine_->writable(args[1], length) : to;
  if (to == nullptr || from == nullptr)
    return end(OutcomeKind::Crashed, "memory_fill or memory_copy outside the program's memory");
  if (function == RuntimeFn::MemoryCopy) std::memmove(to, from, length);
  else std::memset(to, static_cast<u8>(args[1]), length);
  engine_->spend(length);
  return true;
}

u64 Machine::grow_memory(u64 pages) {
  const u64 old_pages = memory_.grow(pages);
  if (!engine_->map_memory(memory_)) engine_->unmap_memory(); // the next access faults, and says so
  context_->memory_size = expected_context_.memory_size = memory_.size();
  return old_pages;
}

} // namespace assay::qemu::unicorn
