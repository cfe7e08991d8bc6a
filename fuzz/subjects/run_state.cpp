// run_state.cpp - see run_state.h.
//
// Everything that the code can call is here, and nothing of it allocates in a frame that a longjmp leaves.
// Tested in fuzz/subjects/tests/peer_test.cpp.
#include "fuzz/subjects/run_state.h"

#include "assay/errors.h"
#include "compiler/os/fault_handler.h"
#include "qemu/thrown_outcome.h"

#include <algorithm>
#include <cstring>

namespace assay::fuzz::peers {

/// The functions that the code calls, with the convention of C.
struct RunState::Calls {
  static void trap(RunState* run, u64 kind, u64 function, u64 place) {
    run->trap_kind_ = static_cast<TrapKind>(kind);
    run->trap_position_ = {static_cast<u32>(function), static_cast<u32>(place >> 32), static_cast<u32>(place)};
    run->leave_by_trap();
  }
  static void note_throw(RunState* run) {
    run->origin_ = nullptr;
    run->record(TraceKind::Throw, static_cast<u32>(run->tag), {run->payload.data(), run->payload_count});
  }
  static u64 hold(RunState* run) {
    Held held;
    held.flying = run->flying;
    held.origin = run->origin_;
    if (run->flying == 1) {
      held.tag = static_cast<TagId>(run->tag);
      held.payload.assign(run->payload.begin(), run->payload.begin() + static_cast<std::ptrdiff_t>(run->payload_count));
    }
    run->flying = 0;
    run->held_.push_back(std::move(held));
    return kHeldName + run->held_.size() - 1;
  }
  static void rethrow(RunState* run, u64 pointer, u64 function, u64 place) {
    const u64 number = pointer - kHeldName, count = run->held_.size();
    if (number >= count || count - number > kHeldExceptions)
      trap(run, static_cast<u64>(TrapKind::Unreachable), function, place);
    const Held& held = run->held_[number];
    run->flying = held.flying;
    run->tag = held.tag;
    run->payload_count = held.payload.size();
    run->origin_ = held.origin;
    std::copy(held.payload.begin(), held.payload.end(), run->payload.begin());
    run->record(TraceKind::Rethrow, held.tag, held.payload);
  }
  static void call_out(RunState* run, u64 function, const u64* args, u64* results) {
    run->call_import(static_cast<FunctionId>(function), args, results);
    if (run->trapped_) run->leave_by_trap(); // here no C++ object is left to destroy
  }
  static u64 grow(RunState* run, u64 pages) {
    const u64 old = run->memory_size, most = run->module_->memory_max;
    if (pages > (most - old) / kPageSize) return ~u64{0};
    run->bytes_.resize(old + pages * kPageSize);
    run->memory = reinterpret_cast<u64>(run->bytes_.data());
    run->memory_size = run->bytes_.size();
    return old / kPageSize;
  }
  static void fill(RunState* run, u64 to, u64 byte, u64 length) {
    if (length != 0) std::memset(run->bytes_.data() + to, static_cast<int>(byte & 0xff), length);
  }
  static void copy(RunState* run, u64 to, u64 from, u64 length) {
    if (length != 0) std::memmove(run->bytes_.data() + to, run->bytes_.data() + from, length);
  }
  static constexpr u64 kHeldName = 0xa1f7'0000'0000'0000u;
};

u64 RunState::trap_address() { return reinterpret_cast<u64>(&Calls::trap); }
u64 RunState::throw_address() { return reinterpret_cast<u64>(&Calls::note_throw); }
u64 RunState::hold_address() { return reinterpret_cast<u64>(&Calls::hold); }
u64 RunState::rethrow_address() { return reinterpret_cast<u64>(&Calls::rethrow); }
u64 RunState::import_address() { return reinterpret_cast<u64>(&Calls::call_out); }
u64 RunState::grow_address() { return reinterpret_cast<u64>(&Calls::grow); }
u64 RunState::fill_address() { return reinterpret_cast<u64>(&Calls::fill); }
u64 RunState::copy_address() { return reinterpret_cast<u64>(&Calls::copy); }

// -- preparing ---------------------------------------------------------------------------------------

void RunState::prepare(const Module& module) {
  module_ = &module;
  payload.assign(kMaxParams, 0);
  tail_args.assign(kMaxParams, 0);
  globals.assign(module.globals.size() + 1, 0);
  table.assign(module.table.size() + 1, TableEntry{});
  for (std::size_t i = 0; i < module.table.size(); ++i) {
    const FunctionId id = module.table[i];
    if (id != kNone) table[i] = {module.functions[id].signature, id, 0};
  }
  entries_.clear();
}

void RunState::load(std::vector<Entry> entries, void (*fill_table)()) {
  entries_ = std::move(entries);
  fill_table();
}

// -- a run -------------------------------------------------------------------------------------------

void RunState::begin(u64 budget) {
  const char here = 0;
  bytes_.assign(module_->memory_size, 0);
  bytes_.reserve(1); // an address, also where there is no byte
  for (const DataSegment& data : module_->data)
    std::copy(data.bytes.begin(), data.bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(data.offset));
  for (std::size_t i = 0; i < module_->globals.size(); ++i)
    globals[i] = module_->globals[i].initial & bit_mask(module_->globals[i].type);
  memory = reinterpret_cast<u64>(bytes_.data());
  memory_size = bytes_.size();
  fuel = budget;
  top = 0;
  flying = 0;
  tail = kNoFunction;
  trapped_ = false;
  exit_ = nullptr;
  origin_ = nullptr;
  held_.clear();
  // A check stands behind a frame that was made already, so there must be room for the largest below the end.
  stack_end = std::max(reinterpret_cast<u64>(&here) - kStackBytes, os::thread_stack().low + 2 * u64{kMaxFrameSlots});
}

bool RunState::enter(FunctionId function, std::span<const u64> args, u64* results) {
  std::jmp_buf here;
  std::jmp_buf* const outer = exit_;
  exit_ = &here;
  if (setjmp(here) == 0) {
    entries_[function](args.data(), results);
    exit_ = outer;
    return true;
  }
  exit_ = outer;
  return false;
}

void RunState::leave_by_trap() {
  trapped_ = false;
  std::longjmp(*exit_, 1);
}

void RunState::throw_flying() {
  const u64 kind = std::exchange(flying, 0);
  if (origin_) std::rethrow_exception(std::exchange(origin_, nullptr));
  ASSAY_CHECK(kind == 1);
  throw AirException(static_cast<TagId>(tag),
                     {payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(payload_count)});
}

void RunState::call(FunctionId function, std::span<const u64> args, std::span<u64> results) {
  ASSAY_CHECK(has_entry(function));
  if (module_->functions[function].imported) {
    call_import(function, args.data(), results.data());
    if (std::exchange(trapped_, false)) throw TrapException(trap_kind_, trap_position_);
  } else if (!enter(function, args, results.data())) {
    throw TrapException(trap_kind_, trap_position_);
  }
  if (flying != 0) throw_flying();
}

void RunState::record(TraceKind kind, u32 subject, std::span<const u64> args) {
  out_->begin_event(kind, subject, args);
  for (u64 at = top; at != 0 && out_->frames.size() <= kMaxRecordedFrames;) {
    const auto* frame = reinterpret_cast<const FrameRecord*>(at);
    out_->frames.push_back({frame->function, frame->block, frame->inst});
    at = frame->up;
  }
  out_->end_event();
}

/// Inside a handler: what was caught flies on in the code.
void RunState::catch_from_host() {
  origin_ = std::current_exception();
  flying = 2;
  try {
    throw;
  } catch (const AirException& exception) {
    if (!is_tag_with(*module_, exception.tag(), exception.payload().size())) return;
    const auto types = module_->params(module_->signatures[module_->tags[exception.tag()].signature]);
    flying = 1;
    tag = exception.tag();
    payload_count = types.size();
    for (std::size_t i = 0; i < types.size(); ++i) payload[i] = exception.payload()[i] & bit_mask(types[i]);
  } catch (...) {}
}

/// With `trapped_` set it ended by a trap, which the caller hands on.
void RunState::call_import(FunctionId import, const u64* args, u64* results) {
  const Function& f = module_->functions[import];
  const std::span<const Type> types = module_->results_of(f);
  const std::span<const u64> values(args, module_->params_of(f).size());
  const u64 top_before = top;
  record(TraceKind::HostCall, import, values);
  std::fill(results, results + types.size(), u64{0});
  try {
    host_->call(*module_, import, values, {results, types.size()}, *this);
  } catch (const TrapException& trap) {
    trapped_ = true;
    trap_kind_ = trap.kind();
    trap_position_ = trap.position();
  } catch (...) {
    catch_from_host();
  }
  top = top_before;
  for (std::size_t i = 0; i < types.size(); ++i) results[i] &= bit_mask(types[i]);
}

void RunState::run_and_catch(FunctionId function, std::span<const u64> args) {
  Outcome& out = *out_;
  const std::span<const Type> types = module_->results_of(module_->functions[function]);
  out.values.assign(types.size() + 1, 0);
  qemu::with_thrown_outcome(*module_, out, [&] {
    call(function, args, {out.values.data(), types.size()});
    out.kind = OutcomeKind::Returned;
    out.values.resize(types.size());
    out.value_types.assign(types.begin(), types.end());
  });
}

void RunState::observe() {
  out_->memory = bytes_;
  out_->globals.assign(globals.begin(), globals.end() - 1);
  out_->fuel_left = fuel;
}

void RunState::run(FunctionId function, std::span<const u64> args, u64 budget, Host& host, u32 time_limit_ms,
                   Outcome& out) {
  out.clear();
  host_ = &host;
  out_ = &out;
  begin(budget);
  os::Fault fault;
  const os::GuardedEnd end = os::run_guarded([&] { run_and_catch(function, args); }, time_limit_ms, fault);
  if (end != os::GuardedEnd::Finished) {
    out.kind = end == os::GuardedEnd::Faulted ? OutcomeKind::Crashed : OutcomeKind::Hung;
    out.text = end == os::GuardedEnd::Faulted ? os::to_string(fault) : std::string();
    out.values.clear();
    out.value_types.clear();
  }
  observe();
}

} // namespace assay::fuzz::peers
