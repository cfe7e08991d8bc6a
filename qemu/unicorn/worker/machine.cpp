// machine.cpp - see machine.h: loading, entering, leaving by return, and what is checked then. Leaving by a pad is
// machine_pads.cpp.
//
// The stack of a call, downwards from `below`: the entry frame (two words, what the chain of frame pointers ends at),
// guard words, results that have no register, guard words, stack arguments, on x64 the return address.
// Tested in qemu/unicorn/tests/unicorn_executor_test.cpp.
#include "qemu/unicorn/worker/machine.h"

#include "compiler/codegen/relocate.h"
#include "qemu/unicorn/worker/pads.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace assay::qemu::unicorn {

namespace {

constexpr u64 kJunk = 0xfeedf00ddeadbea7u; // odd and negative in every width
constexpr u64 kPattern = 0xa5a5a5a5a5a5a5a5u;
constexpr u64 kEntryMark = 0x0ddba11c0ffee000u;
constexpr u32 kGuardWords = 4;
constexpr u64 kHeadroom = 64 * 1024;   // below the stack limit, for what needs no check
constexpr u64 kBeneath = 256;          // between an activation's frame and the next entry
constexpr u64 kCleanStack = 16 * 1024; // has the same content at each start
constexpr u32 kMaxActivations = 200;   // as compiler/jit has it

constexpr codegen::RegSet kVectors = ~codegen::RegSet{0} << 32;

u64 canary(u32 reg) { return 0xca11ee5a7ed00000u + reg * 0x101u; }
u64 round_up(u64 value, u64 unit) { return (value + unit - 1) / unit * unit; }

} // namespace

Machine::Machine(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {
  for (u32 r = 0; r < kRegisters; ++r) {
    if (isa().registers[r] != 0) all_ |= codegen::bit(static_cast<codegen::PReg>(r));
  }
  context_ = reinterpret_cast<VmContext*>(engine_->zone(Zone::Context, sizeof(VmContext)));
}

Result<std::unique_ptr<Machine>> Machine::create(const Isa& isa) {
  auto engine = Engine::create(isa);
  if (!engine) return engine.error();
  return std::unique_ptr<Machine>(new Machine(std::move(*engine)));
}

// ---- loading -------------------------------------------------------------------------------------------

Result<void> Machine::load(const protocol::Program& program) {
  program_ = nullptr;
  module_ = &program.module;
  object_ = &program.object;
  const u64 bytes = object_->rodata_offset() + object_->rodata.size();
  const u64 stack = program.limits.stack_bytes + kHeadroom;
  if (engine_->zone(Zone::Code, bytes) == nullptr ||
      engine_->zone(Zone::Globals, 8 * (module_->globals.size() + 2 * kGuardWords)) == nullptr ||
      engine_->zone(Zone::Table, sizeof(TableEntry) * module_->table.size()) == nullptr ||
      engine_->zone(Zone::Stack, stack) == nullptr) {
    return Error{ErrorKind::Io, {}, 0, 0, "no memory for this program"};
  }
  if (module_->memory_max > std::max(largest_memory_, kDefaultMemoryMax))
    engine_->unmap_memory(); // the reservation will move
  largest_memory_ = std::max(largest_memory_, module_->memory_max);
  if (auto done = memory_.load(*module_); !done) return done;
  if (auto done = link(); !done) return done;
  if (auto done = open_tables(); !done) return done;
  const codegen::CallConv& conv = codegen::call_conv(object_->target, object_->os);
  const codegen::CallConv& host = codegen::call_conv(object_->target, object_->host_os);
  host_registers_ = &isa().host_registers(object_->host_os);
  clobbered_ = host.caller_saved;
  half_clobbered_ = host.saved_vector_bytes < 16 ? host.callee_saved & kVectors : 0;
  shadow_bytes_ = host.shadow_bytes;
  canaries_ = conv.callee_saved;
  whole_canaries_ = conv.saved_vector_bytes < 16 ? 0 : canaries_ & kVectors;
  if (isa().platform != kNone) {
    const codegen::RegSet platform = codegen::bit(static_cast<codegen::PReg>(isa().platform));
    canaries_ |= platform;
    clobbered_ &= ~platform;
  }
  for (const u32 special : {isa().sp, isa().fp, isa().context})
    canaries_ &= ~codegen::bit(static_cast<codegen::PReg>(special));
  for (u32 r = 0; r < kRegisters; ++r) {
    file_.value[r][0] = (canaries_ >> r & 1) != 0 ? canary(r) : kJunk + r;
    file_.value[r][1] = ~file_.value[r][0];
  }
  layout_known_.assign(module_->signatures.size(), 0);
  if (layouts_.size() < module_->signatures.size()) layouts_.resize(module_->signatures.size());
  stack_top_ = kStackAt + engine_->zone_size(Zone::Stack);
  globals_ = reinterpret_cast<u64*>(engine_->zone(Zone::Globals, 0)) + kGuardWords;
  program_ = &program;
  fresh_ = !distrusted_;
  return {};
}

/// Writes code, rodata, relocations and the function table, and lets nothing of the last program be run.
Result<void> Machine::link() {
  u8* code = engine_->zone(Zone::Code, 0);
  const u64 bytes = object_->rodata_offset() + object_->rodata.size();
  std::memset(code, isa().filler, std::max(code_bytes_, bytes));
  std::copy(object_->code.begin(), object_->code.end(), code);
  std::copy(object_->rodata.begin(), object_->rodata.end(), code + object_->rodata_offset());
  auto done = codegen::relocate(*object_, code, kCodeAt);
  engine_->forget_code(std::max(code_bytes_, bytes));
  code_bytes_ = bytes;
  if (!done) return done;
  TableEntry* table = reinterpret_cast<TableEntry*>(engine_->zone(Zone::Table, 0));
  for (const FunctionId function : module_->table) {
    *table++ =
        function == kNone ? TableEntry{} : TableEntry{entry_of(function), module_->functions[function].signature};
  }
  return {};
}

u64 Machine::entry_of(FunctionId function) const { return kCodeAt + object_->code_of(function).begin; }

const codegen::CallLayout& Machine::layout_of(FunctionId function) {
  const SignatureId id = module_->functions[function].signature;
  if (layout_known_[id] == 0) {
    const Signature& signature = module_->signatures[id];
    codegen::layout_call(codegen::call_conv(object_->target, object_->os), module_->params(signature),
                         module_->results(signature), layouts_[id]);
    layout_known_[id] = 1;
  }
  return layouts_[id];
}

void Machine::reset() {
  if (distrusted_) {
    memory_.scrub();
    engine_->reset_controls();
  }
  if (!fresh_) memory_.reset(*module_);
  fresh_ = distrusted_ = false;
  activations_.clear();
  held_.clear();
  held_before_ = 0;
  const u64 count = module_->globals.size();
  std::fill_n(globals_ - kGuardWords, kGuardWords, kPattern);
  for (u64 i = 0; i < count; ++i) globals_[i] = module_->globals[i].initial;
  std::fill_n(globals_ + count, kGuardWords, kPattern);
  std::memset(engine_->writable(stack_top_ - kCleanStack, kCleanStack), static_cast<u8>(kPattern), kCleanStack);
  VmContext& c = expected_context_;
  c = {};
  c.memory_base = kMemoryAt;
  c.memory_size = memory_.size();
  c.memory_max = memory_.max();
  c.stack_limit = stack_top_ - program_->limits.stack_bytes;
  c.globals = kGlobalsAt + 8 * kGuardWords;
  c.table = kTableAt;
  c.table_size = module_->table.size();
  c.host_call = pad_address(kHostCallPad);
  for (u32 i = 0; i < kTrapCount; ++i) c.trap_entry[i] = pad_address(kTrapPads + i);
  for (u32 i = 0; i < static_cast<u32>(RuntimeFn::Count); ++i) c.runtime[i] = pad_address(kRuntimePads + i);
  *context_ = c;
}

// ---- running -------------------------------------------------------------------------------------------

void Machine::run(FunctionId function, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) {
  ASSAY_CHECK(program_ != nullptr && "run needs a program");
  host_ = &host;
  out_ = &out;
  precise_ = observer_ != nullptr;
  run_once(function, args, fuel);
  if (!memory_fault_) return;
  engine_->forget_code(code_bytes_);
  precise_ = true;
  run_once(function, args, fuel);
  precise_ = false;
  engine_->forget_code(code_bytes_);
}

void Machine::watch(Stepper* stepper) {
  trace(stepper);
  stepper_ = stepper;
}

void Machine::trace(InstructionObserver* observer) {
  stepper_ = nullptr;
  if (observer == observer_) return;
  observer_ = observer;
  engine_->observe(observer);
  engine_->forget_code(code_bytes_);
}

void Machine::run_once(FunctionId function, std::span<const u64> args, u64 fuel) {
  Outcome& out = *out_;
  out.clear();
  breach_.clear();
  memory_fault_ = false;
  frames_intact_ = true;
  reset();
  context_->fuel = fuel;
  engine_->set_work(program_->limits.work);
  if (!engine_->map_memory(memory_)) {
    end(OutcomeKind::Crashed, "no memory for the linear memory");
  } else {
    call_and_catch(function, args);
  }
  if (out.kind < OutcomeKind::Crashed) check_zones();
  if (out.kind < OutcomeKind::Crashed && !breach_.empty()) end(OutcomeKind::Breached, breach_);
  if (out.kind != OutcomeKind::Returned && out.kind != OutcomeKind::Threw) out.values.clear();
  distrusted_ = out.kind >= OutcomeKind::Crashed;
  observe();
}

void Machine::call_and_catch(FunctionId function, std::span<const u64> args) {
  Outcome& out = *out_;
  const std::span<const Type> types = module_->results_of(module_->functions[function]);
  try {
    std::vector<u64> values(types.size());
    if (!call(function, args, values)) return;
    out.kind = OutcomeKind::Returned;
    out.values = std::move(values);
    out.value_types.assign(types.begin(), types.end());
  } catch (const RunOver&) { // the outcome is there already
  } catch (const TrapException& exception) {
    trap(exception.kind(), exception.position());
  } catch (const AirException& exception) {
    end(OutcomeKind::Threw, "");
    const auto payload = module_->params(module_->signatures[module_->tags[exception.tag()].signature]);
    out.tag = exception.tag();
    out.values.assign(exception.payload().begin(), exception.payload().end());
    out.value_types.assign(payload.begin(), payload.end());
  } catch (const std::exception& exception) {
    end(OutcomeKind::ThrewHost, exception.what());
  } catch (...) {
    end(OutcomeKind::ThrewHost, "an exception without text");
  }
}

bool Machine::end(OutcomeKind kind, std::string text) {
  out_->kind = kind;
  out_->text = std::move(text);
  return false;
}

bool Machine::trap(TrapKind kind, const Position& position) {
  out_->kind = OutcomeKind::Trapped;
  out_->trap = kind;
  out_->position = position;
  return false;
}

void Machine::breach(std::string_view what, u64 found, u64 expected) {
  if (!breach_.empty()) return;
  char text[160];
  std::snprintf(text, sizeof text, "%.*s: 0x%llx, expected 0x%llx", static_cast<int>(what.size()), what.data(),
                static_cast<unsigned long long>(found), static_cast<unsigned long long>(expected));
  breach_ = text;
}

/// Makes an activation the current one, and unmakes it, also when an exception passes.
class Machine::ActivationScope {
public:
  ActivationScope(Machine& self, u64 entry) : self_(self) {
    self.activations_.push_back({self.context_->exit_fp, entry});
    if (self.stepper_ != nullptr) self.stepper_->enter();
  }
  ~ActivationScope() {
    if (self_.stepper_ != nullptr) self_.stepper_->leave();
    self_.context_->exit_fp = self_.activations_.back().exit_fp;
    self_.activations_.pop_back();
  }
  ActivationScope(const ActivationScope&) = delete;
  ActivationScope& operator=(const ActivationScope&) = delete;

private:
  Machine& self_;
};

/// True when it returned; else the outcome is filled.
bool Machine::call(FunctionId function, std::span<const u64> args, std::span<u64> results) {
  const bool outermost = activations_.empty();
  Entry entry;
  Registers registers = file_;
  const u64 below = outermost ? stack_top_ : sp_ - kBeneath;
  if (activations_.size() >= kMaxActivations || !place(function, args, below, entry, registers)) {
    return trap(TrapKind::StackOverflow, {function, 0, 0});
  }
  const ActivationScope scope(*this, entry.frame);
  engine_->write(registers, all_);
  for (u64 pc = entry_of(function);;) {
    const Stop stop = engine_->run(pc, precise_);
    if (stop.kind == Stop::OutOfWork) return end(OutcomeKind::Hung, "");
    if (stepper_ != nullptr && stepper_->sweeping()) {
      if (swept_on(stop, pc)) continue;
      return end(OutcomeKind::Hung, "");
    }
    if (stop.kind == Stop::Fault) return fault(stop);
    if (stop.pad == kReturnPad) break;
    if (!leave(stop.pad, pc)) return false;
  }
  Registers after;
  engine_->read(after, all_);
  check_return(entry, registers, after);
  collect(function, entry, after, results);
  return true;
}

// ---- entering ------------------------------------------------------------------------------------------

bool Machine::place(FunctionId function, std::span<const u64> args, u64 below, Entry& entry, Registers& registers) {
  const codegen::CallLayout& layout = layout_of(function);
  const u64 guard = 8 * kGuardWords;
  entry.frame = below / 16 * 16 - 16;
  entry.results_end = entry.frame - guard;
  entry.results = entry.results_end - round_up(layout.result_bytes, 16);
  entry.sp = entry.results - guard;
  const u64 args_at = entry.sp - layout.stack_bytes;
  const u64 lowest = args_at - 16;
  u64* words = reinterpret_cast<u64*>(engine_->writable(lowest, entry.frame + 16 - lowest));
  if (words == nullptr) return false;
  std::fill(words, words + (entry.frame - lowest) / 8, kPattern);
  u64* frame = words + (entry.frame - lowest) / 8;
  frame[0] = 0;
  frame[1] = kEntryMark;
  place_args(layout, args, args_at, registers);
  if (layout.result_bytes != 0) {
    if (layout.result_pointer.in_register) registers.value[layout.result_pointer.reg][0] = entry.results;
    else *word(args_at + layout.result_pointer.offset) = entry.results;
  }
  u64 sp = args_at;
  if (isa().link == kNone) *word(sp -= 8) = pad_address(kReturnPad);
  else registers.value[isa().link][0] = pad_address(kReturnPad);
  registers.value[isa().sp][0] = sp;
  registers.value[isa().fp][0] = entry.frame;
  registers.value[isa().context][0] = kContextAt;
  return true;
}

void Machine::place_args(const codegen::CallLayout& layout, std::span<const u64> args, u64 args_at,
                         Registers& registers) {
  for (u64 at = 0; at < layout.stack_bytes; at += 8) *word(args_at + at) = kJunk;
  for (size_t i = 0; i < args.size(); ++i) {
    const codegen::ArgPlace& to = layout.params[i];
    const u64 mask = bit_mask(to.type);
    const u64 value = (args[i] & mask) | (kJunk & ~mask);
    if (to.in_register) registers.value[to.reg][0] = value;
    else std::memcpy(engine_->writable(args_at + to.offset, 8), &value, size_of(to.type)); // the next may lie close
  }
}

// ---- the return ----------------------------------------------------------------------------------------

void Machine::collect(FunctionId function, const Entry& entry, const Registers& registers, std::span<u64> results) {
  const codegen::CallLayout& layout = layout_of(function);
  for (size_t i = 0; i < results.size(); ++i) {
    const codegen::ArgPlace& from = layout.results[i];
    const u64 value = from.in_register ? registers.value[from.reg][0] : *word(entry.results + from.offset);
    results[i] = value & bit_mask(from.type);
  }
}

void Machine::check_return(const Entry& entry, const Registers& before, const Registers& after) {
  for (codegen::RegSet rest = canaries_; rest != 0; rest &= rest - 1) {
    const u32 r = static_cast<u32>(std::countr_zero(rest));
    const char* const what = r == isa().platform ? "the system's register " : "callee-saved register ";
    for (u32 half = 0; half <= (whole_canaries_ >> r & 1); ++half) {
      if (before.value[r][half] == after.value[r][half]) continue;
      breach(std::string(what) + isa().names[r], after.value[r][half], before.value[r][half]);
    }
  }
  const u64 sp = after.value[isa().sp][0], fp = after.value[isa().fp][0], context = after.value[isa().context][0];
  if (sp != entry.sp) breach("stack pointer, off by", sp - entry.sp, 0);
  if (fp != entry.frame) breach("frame pointer, off by", fp - entry.frame, 0);
  if (context != kContextAt) breach("context register", context, kContextAt);
  for (const ControlRegister& control : isa().controls) {
    const u64 value = engine_->read_control(control) & control.kept;
    if (value != (control.initial & control.kept)) breach(control.name, value, control.initial & control.kept);
  }
  check_words(entry);
}

void Machine::check_words(const Entry& entry) {
  const u64 guard = 8 * kGuardWords;
  for (const u64 zone : {entry.sp, entry.results_end}) {
    const u64* words = reinterpret_cast<const u64*>(engine_->writable(zone, guard));
    for (u32 i = 0; i < kGuardWords; ++i) {
      if (words[i] != kPattern) breach("a word of the caller's frame", words[i], kPattern);
    }
  }
  if (*word(entry.frame) != 0 || *word(entry.frame + 8) != kEntryMark)
    breach("the caller's frame pointer or return address", *word(entry.frame), 0);
}

void Machine::check_zones() {
  if (!frames_intact_) breach_ = "a chain of frame pointers is broken, or a return address has no position";
  if (!breach_.empty()) return;
  VmContext context = *context_;
  context.fuel = context.exit_fp = context.entry_fp = 0;
  if (std::memcmp(&context, &expected_context_, sizeof context) != 0) breach_ = "a field of the context was written";
  else if (!memory_.guards_intact()) breach_ = "a byte next to the linear memory was written";
  const u64 count = module_->globals.size();
  for (u32 i = 0; i < kGuardWords; ++i) {
    if (globals_[static_cast<i64>(i) - kGuardWords] != kPattern || globals_[count + i] != kPattern)
      breach_ = "a word next to the globals was written";
  }
}

void Machine::observe() {
  out_->memory.assign(memory_.base(), memory_.base() + memory_.size());
  out_->globals.assign(globals_, globals_ + module_->globals.size());
  out_->fuel_left = context_->fuel;
}

} // namespace assay::qemu::unicorn
