// native_executor.cpp - see native_executor.h.
//
// A run: reset the instance, place arguments over the prepared register file, enter inside run_guarded, check, observe.
// A call back into the program through Reentry goes the same way, within the same guard. C++ exceptions are caught
// inside the guard, so only faults leave by it; those skip destructors of host frames, which the test host does not
// have. Tested in qemu/native/tests/native_executor_test.cpp.
#include "qemu/native/native_executor.h"

#include "compiler/os/fault_handler.h"
#include "qemu/native/machine_contract.h"
#include "qemu/thrown_outcome.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace assay::qemu {

namespace {

constexpr u64 kJunk = 0xfeedf00ddeadbea7u; // odd and negative in every width
u64 canary(u32 reg) { return 0xca11ee5a7ed00000u + reg * 0x101u; }

/// Of the event recorded last: a host function may have made the exception up, with bits above a value's width.
void mask_payload(const Module& module, Outcome& out) {
  const TraceEvent& event = out.trace.back();
  u64* value = out.trace_args.data() + event.args;
  for (const Type type : arg_types(module, event)) *value++ &= bit_mask(type);
}

constexpr codegen::RegSet bit(u32 reg) { return codegen::bit(static_cast<codegen::PReg>(reg)); }

} // namespace

/// The way back into the program for a host function.
class NativeExecutor::Back final : public Reentry {
public:
  explicit Back(NativeExecutor& executor) : executor_(executor) {}
  void call(FunctionId function, std::span<const u64> args, std::span<u64> results) override {
    executor_.call(function, args, results);
  }

private:
  NativeExecutor& executor_;
};

NativeExecutor::NativeExecutor(const NativeOptions& options, jit::Installer installer)
    : options_(options), installer_(std::move(installer)), instance_(options.stack_bytes) {
  options_.throw_traps_one_in = std::max(options_.throw_traps_one_in, 1u);
  instance_.observe_throws(&on_throw, this);
}

Result<std::unique_ptr<NativeExecutor>> NativeExecutor::create(const NativeOptions& options) {
  auto stubs = jit::process_stubs();
  if (!stubs) return stubs.error();
  auto installer = jit::Installer::create(options.install, (*stubs)->trap_entry);
  if (!installer) return installer.error();
  return std::unique_ptr<NativeExecutor>(new NativeExecutor(options, std::move(installer).value()));
}

NativeExecutor::~NativeExecutor() { unload(); }

Result<void> NativeExecutor::can(Target target, Os) const {
  // Any convention between AIR functions will do: the entry takes a whole register file.
  if (host_contract() != nullptr && target == host_contract()->target) return {};
  return Error{
      ErrorKind::Unsupported, {}, 0, 0, "this processor does not run " + std::string(name_of(target)) + " code"};
}

Result<void> NativeExecutor::load(const Module& module, const CodeObject& object) {
  unload();
  if (auto done = installer_.install(object, installed_, options_.source); !done) return done;
  if (auto done = instance_.load(module, installed_, *this); !done) {
    unload();
    return done;
  }
  module_ = &module;
  prepare_registers(object);
  throw_traps_ = object.code.size() / 16 % options_.throw_traps_one_in == 0;
  fresh_ = !distrusted_;
  return {};
}

void NativeExecutor::unload() {
  static_cast<void>(installer_.uninstall(installed_));
  module_ = nullptr;
}

void NativeExecutor::prepare_registers(const CodeObject& object) {
  const codegen::CallConv& conv = codegen::call_conv(object.target, object.os);
  const MachineContract& machine = *host_contract();
  canaries_ = conv.callee_saved & ~(bit(machine.sp) | bit(machine.fp) | bit(machine.context));
  kept_halves_ = conv.saved_vector_bytes / 8;
  for (u32 r = 0; r < EntryFrame::kRegisters; ++r) {
    registers_.gpr_in[r] = (canaries_ & bit(r)) != 0 ? canary(r) : kJunk + r;
    registers_.fpr_in[r][0] = (canaries_ & bit(r + 32)) != 0 ? canary(r + 32) : kJunk - r;
    registers_.fpr_in[r][1] = ~registers_.fpr_in[r][0];
  }
}

void NativeExecutor::breach(std::string_view what, u64 found, u64 expected) {
  if (!breach_.empty()) return;
  char text[160];
  std::snprintf(text, sizeof text, "%.*s: 0x%llx, expected 0x%llx", static_cast<int>(what.size()), what.data(),
                static_cast<unsigned long long>(found), static_cast<unsigned long long>(expected));
  breach_ = text;
}

void NativeExecutor::check_registers(const EntryFrame& frame) {
  const MachineContract& machine = *host_contract();
  u64 wrong = 0; // the stub finds its frame by the context register: when that is wrong, the run has crashed
  for (u32 r = 0; r < EntryFrame::kRegisters; ++r) {
    if ((canaries_ >> r & 1) != 0) wrong |= frame.gpr_out[r] ^ frame.gpr_in[r];
    if ((canaries_ >> (r + 32) & 1) == 0) continue;
    wrong |= frame.fpr_out[r][0] ^ frame.fpr_in[r][0];
    if (kept_halves_ == 2) wrong |= frame.fpr_out[r][1] ^ frame.fpr_in[r][1];
  }
  wrong |= (frame.gpr_out[machine.sp] ^ frame.sp_expected) | (frame.gpr_out[machine.fp] ^ frame.fp_expected);
  wrong |= frame.flags_out & machine.flags;
  wrong |= (frame.float_control_out ^ frame.float_control_in) & machine.float_control;
  if (machine.platform != kNone && stayed_in_code())
    wrong |= frame.gpr_out[machine.platform] ^ frame.gpr_in[machine.platform];
  if (wrong != 0) name_breach(frame);
}

/// C functions may use the platform's register where the platform has no use for it, so nothing can be said after a
/// call.
bool NativeExecutor::stayed_in_code() { return out_->trace.empty() && instance_.memory().max() == 0; }

void NativeExecutor::name_breach(const EntryFrame& frame) {
  const MachineContract& machine = *host_contract();
  for (u32 r = 0; r < EntryFrame::kRegisters; ++r) {
    if ((canaries_ >> r & 1) != 0 && frame.gpr_out[r] != frame.gpr_in[r]) {
      breach(std::string("callee-saved register ") + machine.names[r], frame.gpr_out[r], frame.gpr_in[r]);
    }
    for (u32 half = 0; half < kept_halves_ && (canaries_ >> (r + 32) & 1) != 0; ++half) {
      if (frame.fpr_out[r][half] != frame.fpr_in[r][half]) {
        breach(std::string("callee-saved register ") + machine.names[r + 32], frame.fpr_out[r][half],
               frame.fpr_in[r][half]);
      }
    }
  }
  // Addresses differ from run to run: only their distance is told.
  if (const u64 off = frame.gpr_out[machine.sp] - frame.sp_expected) breach("stack pointer, off by", off, 0);
  if (const u64 off = frame.gpr_out[machine.fp] - frame.fp_expected) breach("frame pointer, off by", off, 0);
  if ((frame.flags_out & machine.flags) != 0) breach(machine.flags_name, 1, 0);
  const u64 control = machine.float_control;
  if (((frame.float_control_out ^ frame.float_control_in) & control) != 0)
    breach(machine.float_control_name, frame.float_control_out & control, frame.float_control_in & control);
  if (breach_.empty())
    breach_ = std::string("the platform's register ") + machine.names[machine.platform] + " was written";
}

void NativeExecutor::check_zones() {
  if (!breach_.empty()) return;
  if (!instance_.frames_intact()) breach_ = "a chain of frame pointers is broken, or a return address has no position";
  else if (!instance_.memory().guards_intact()) breach_ = "a byte next to the linear memory was written";
  else if (!instance_.globals_intact()) breach_ = "a word next to the globals was written";
}

void NativeExecutor::call(FunctionId function, std::span<const u64> args, std::span<u64> results) {
  EntryFrame frame = registers_;
  instance_.place(function, args, frame, kJunk);
  instance_.enter(function, frame);
  check_registers(frame);
  instance_.collect(function, frame, results);
}

bool NativeExecutor::try_call(FunctionId function, std::span<const u64> args, std::span<u64> results,
                              jit::TrapValue& trap) {
  EntryFrame frame = registers_;
  instance_.place(function, args, frame, kJunk);
  if (!instance_.try_enter_outermost(function, frame, trap)) return false;
  check_registers(frame);
  instance_.collect(function, frame, results);
  return true;
}

void NativeExecutor::record(TraceKind kind, u32 subject, std::span<const u64> args) {
  out_->begin_event(kind, subject, args);
  const std::size_t first = out_->frames.size();
  instance_.walk(out_->frames, kMaxRecordedFrames + 1);
  out_->end_event();
  if (unwound_left_ == 0 || !instance_.frames_intact() || out_->frames.size() > kMaxRecordedFrames) return;
  --unwound_left_;
  if (breach_.empty() && !instance_.unwinder_finds(std::span(out_->frames).subspan(first)))
    breach_ = "the system's unwinder finds other frames than frame pointers lead to";
}

void NativeExecutor::on_throw(void* executor, const jit::Instance&, const jit::Thrown& thrown) {
  NativeExecutor& self = *static_cast<NativeExecutor*>(executor);
  self.record(thrown.again ? TraceKind::Rethrow : TraceKind::Throw, thrown.tag, thrown.payload);
  if (thrown.again) mask_payload(*self.module_, *self.out_);
}

void NativeExecutor::on_import(jit::Instance&, FunctionId import, std::span<const u64> args, std::span<u64> results) {
  record(TraceKind::HostCall, import, args);
  Back back(*this);
  host_->call(*module_, import, args, results, back);
}

void NativeExecutor::call_and_catch(FunctionId function, std::span<const u64> args) {
  Outcome& out = *out_;
  const std::span<const Type> types = module_->results_of(module_->functions[function]);
  with_thrown_outcome(*module_, out, [&] {
    out.values.assign(types.size(), 0);
    jit::TrapValue trap;
    bool returned = true;
    if (throw_traps_) {
      call(function, args, out.values);
    } else {
      returned = try_call(function, args, out.values, trap);
    }
    if (returned) {
      out.kind = OutcomeKind::Returned;
      out.value_types.assign(types.begin(), types.end());
      return;
    }
    out.kind = OutcomeKind::Trapped;
    out.trap = trap.kind;
    out.position = trap.position;
    out.values.clear();
  });
  instance_.end_outermost(); // what left as an exception did not
}

void NativeExecutor::run(FunctionId function, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) {
  ASSAY_CHECK(module_ != nullptr && "run needs a loaded module");
  out.clear();
  if (distrusted_) instance_.memory().scrub();
  if (!fresh_) instance_.reset();
  fresh_ = distrusted_ = false;
  instance_.set_fuel(fuel);
  host_ = &host;
  out_ = &out;
  breach_.clear();
  unwound_left_ = throw_traps_ ? options_.unwound_stacks : 0;
  const FloatState float_state;
  os::Fault fault;
  const os::GuardedEnd end = os::run_guarded([&] { call_and_catch(function, args); }, options_.time_limit_ms, fault);
  if (end == os::GuardedEnd::Finished) {
    check_zones();
  } else {
    instance_.abandon();
  }
  if (end != os::GuardedEnd::Finished || !breach_.empty()) {
    distrusted_ = true;
    float_state.restore();
    out.kind = end == os::GuardedEnd::Faulted    ? OutcomeKind::Crashed
               : end == os::GuardedEnd::TimedOut ? OutcomeKind::Hung
                                                 : OutcomeKind::Breached;
    out.text = out.kind == OutcomeKind::Crashed ? os::to_string(fault) : breach_;
    out.values.clear();
    out.value_types.clear();
  }
  observe();
}

void NativeExecutor::observe() {
  Outcome& out = *out_;
  const jit::LinearMemory& memory = instance_.memory();
  out.memory.assign(memory.base(), memory.base() + memory.size());
  const std::span<u64> globals = instance_.globals();
  out.globals.assign(globals.begin(), globals.end());
  out.fuel_left = instance_.fuel();
}

} // namespace assay::qemu
