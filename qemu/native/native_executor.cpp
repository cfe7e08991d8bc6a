// native_executor.cpp - see native_executor.h.
//
// A run: reset the instance, place arguments over the prepared register file, enter inside run_guarded, check, observe. A call
// back into the program through Reentry goes the same way, within the same guard. C++ exceptions are caught inside
// the guard, so only faults leave by it; those skip destructors of host frames, which the test host does not have.
// Tested in qemu/native/tests/native_executor_test.cpp.
#include "qemu/native/native_executor.h"

#include "compiler/os/fault_handler.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace assay::qemu {

namespace {

constexpr u64 kJunk = 0xfeedf00ddeadbea7u; // odd and negative in every width
constexpr u32 kRsp = 4, kRbp = 5, kContext = 14;
constexpr u64 kDirectionFlag = u64{1} << 10;
constexpr u64 kMxcsrControl = 0xffc0; // masks, rounding, flush-to-zero; the low bits are sticky flags

u64 canary(u32 reg) { return 0xca11ee5a7ed00000u + reg * 0x101u; }

u64 read_mxcsr() {
#if defined(__x86_64__) || defined(_M_X64)
  return _mm_getcsr();
#else
  return 0;
#endif
}

void write_mxcsr([[maybe_unused]] u64 value) {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_setcsr(static_cast<u32>(value));
#endif
}

const char* register_name(u32 reg) {
  static const char* const names[48] = {
      "rax",  "rcx",  "rdx",  "rbx",  "rsp",  "rbp",  "rsi",  "rdi",  "r8",    "r9",    "r10",   "r11",
      "r12",  "r13",  "r14",  "r15",  "",     "",     "",     "",     "",      "",      "",      "",
      "",     "",     "",     "",     "",     "",     "",     "",     "xmm0",  "xmm1",  "xmm2",  "xmm3",
      "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"};
  return names[reg];
}

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
#if defined(__x86_64__) || defined(_M_X64)
  // Any convention between AIR functions will do: the entry takes a whole register file.
  if (target == Target::X64) return {};
#endif
  return Error{ErrorKind::Unsupported, {}, 0, 0, "this processor does not run " + std::string(name_of(target)) + " code"};
}

Result<void> NativeExecutor::load(const Module& module, const CodeObject& object) {
  unload();
  if (auto done = installer_.install(object, installed_); !done) return done;
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
  canaries_ = codegen::call_conv(object.target, object.os).callee_saved;
  for (const u32 special : {kRsp, kRbp, kContext}) canaries_ &= ~codegen::bit(static_cast<codegen::PReg>(special));
  for (u32 r = 0; r < 16; ++r) {
    registers_.gpr_in[r] = (canaries_ & codegen::bit(static_cast<codegen::PReg>(r))) != 0 ? canary(r) : kJunk + r;
    registers_.fpr_in[r][0] = (canaries_ & codegen::bit(static_cast<codegen::PReg>(r + 32))) != 0 ? canary(r + 32) : kJunk - r;
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
  u64 wrong = 0; // the stub finds its frame by the context register: when that is wrong, the run has crashed
  for (u32 r = 0; r < 16; ++r) {
    if ((canaries_ >> r & 1) != 0) wrong |= frame.gpr_out[r] ^ frame.gpr_in[r];
    if ((canaries_ >> (r + 32) & 1) != 0) {
      wrong |= (frame.fpr_out[r][0] ^ frame.fpr_in[r][0]) | (frame.fpr_out[r][1] ^ frame.fpr_in[r][1]);
    }
  }
  wrong |= (frame.gpr_out[kRsp] ^ frame.sp_expected) | (frame.gpr_out[kRbp] ^ frame.fp_expected);
  wrong |= (frame.flags_out & kDirectionFlag) | ((frame.mxcsr_out ^ read_mxcsr()) & kMxcsrControl);
  if (wrong == 0) return;
  for (u32 r = 0; r < 16; ++r) {
    if ((canaries_ >> r & 1) != 0 && frame.gpr_out[r] != frame.gpr_in[r]) {
      breach(std::string("callee-saved register ") + register_name(r), frame.gpr_out[r], frame.gpr_in[r]);
    }
    for (u32 half = 0; half < 2 && (canaries_ >> (r + 32) & 1) != 0; ++half) {
      if (frame.fpr_out[r][half] != frame.fpr_in[r][half]) {
        breach(std::string("callee-saved register ") + register_name(r + 32), frame.fpr_out[r][half], frame.fpr_in[r][half]);
      }
    }
  }
  // Addresses differ from run to run: only their distance is told.
  if (frame.gpr_out[kRsp] != frame.sp_expected) breach("stack pointer, off by", frame.gpr_out[kRsp] - frame.sp_expected, 0);
  if (frame.gpr_out[kRbp] != frame.fp_expected) breach("frame pointer, off by", frame.gpr_out[kRbp] - frame.fp_expected, 0);
  if ((frame.flags_out & kDirectionFlag) != 0) breach("direction flag", 1, 0);
  if (((frame.mxcsr_out ^ read_mxcsr()) & kMxcsrControl) != 0) breach("MXCSR", frame.mxcsr_out & kMxcsrControl, read_mxcsr() & kMxcsrControl);
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

bool NativeExecutor::try_call(FunctionId function, std::span<const u64> args, std::span<u64> results, jit::TrapValue& trap) {
  EntryFrame frame = registers_;
  instance_.place(function, args, frame, kJunk);
  if (!instance_.try_enter(function, frame, trap)) return false;
  check_registers(frame);
  instance_.collect(function, frame, results);
  return true;
}

void NativeExecutor::on_import(jit::Instance& instance, FunctionId import, std::span<const u64> args, std::span<u64> results) {
  Outcome& out = *out_;
  HostCall made;
  made.function = import;
  made.args = static_cast<u32>(out.call_args.size());
  made.arg_count = static_cast<u32>(args.size());
  made.frames = static_cast<u32>(out.frames.size());
  out.call_args.insert(out.call_args.end(), args.begin(), args.end());
  instance.walk(out.frames, kMaxRecordedFrames + 1);
  made.frame_count = static_cast<u32>(out.frames.size()) - made.frames;
  out.calls.push_back(made);
  Back back(*this);
  host_->call(*module_, import, args, results, back);
}

void NativeExecutor::call_and_catch(FunctionId function, std::span<const u64> args) {
  Outcome& out = *out_;
  const std::span<const Type> types = module_->results_of(module_->functions[function]);
  try {
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
  } catch (const TrapException& trap) {
    out.kind = OutcomeKind::Trapped;
    out.trap = trap.kind();
    out.position = trap.position();
  } catch (const AirException& exception) {
    const std::span<const Type> payload = module_->params(module_->signatures[module_->tags[exception.tag()].signature]);
    out.kind = OutcomeKind::Threw;
    out.tag = exception.tag();
    out.values.assign(exception.payload().begin(), exception.payload().end());
    out.value_types.assign(payload.begin(), payload.end());
    return;
  } catch (const std::exception& exception) {
    out.kind = OutcomeKind::ThrewHost;
    out.text = exception.what();
  } catch (...) {
    out.kind = OutcomeKind::ThrewHost;
    out.text = "an exception without text";
  }
  out.values.clear();
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
  const u64 mxcsr = read_mxcsr();
  os::Fault fault;
  const os::GuardedEnd end = os::run_guarded([&] { call_and_catch(function, args); }, options_.time_limit_ms, fault);
  if (end == os::GuardedEnd::Finished) {
    check_zones();
  } else {
    instance_.abandon();
  }
  if (end != os::GuardedEnd::Finished || !breach_.empty()) {
    distrusted_ = true;
    write_mxcsr(mxcsr);
    out.kind = end == os::GuardedEnd::Faulted ? OutcomeKind::Crashed
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
