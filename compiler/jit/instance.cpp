// instance.cpp - see instance.h.
//
// The walk over frames: the thunk or trap entry that left compiled code stored its frame pointer in exit_fp; at
// [fp] lies the caller's frame pointer and at [fp + 8] the return address into it, up to the entry stub's frame.
// Frame pointers must rise and end exactly at entry_fp; otherwise the code under test has broken its frames, which is
// noted, not followed. From a throw, which has no thunk, it starts at a record made of what on_throw finds. Tested in
// compiler/jit/tests/instance_test.cpp.
#include "compiler/jit/instance.h"

#include "assay/errors.h"
#include "assay/outcome.h"
#include "assay/planted.h"
#include "compiler/jit/fused.h"
#include "compiler/os/call_stack.h"
#include "compiler/os/fault_handler.h"
#include "compiler/os/personality.h"
#include "compiler/os/short_jump.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace assay::jit {

namespace {

constexpr u64 kPattern = 0xa5a5a5a5a5a5a5a5u;
/// Handles of caught exceptions are no addresses that a program could have otherwise.
constexpr u64 kFirstHandle = 0xe700000000000000u;
/// What host functions, the unwinder and a sanitizer may need below the last compiled frame; half of what there is, on
/// a thread with less than twice that.
constexpr u64 kHostHeadroom = 256 * 1024;

u64 stack_pointer() {
#if defined(_MSC_VER)
  return reinterpret_cast<u64>(_AddressOfReturnAddress());
#else
  return reinterpret_cast<u64>(__builtin_frame_address(0));
#endif
}

/// Where compiled code stops that is entered `here`. A stack that is not the thread's own, a fiber's, is as deep as the
/// embedder says.
u64 stack_limit(u64 here, u64 stack_bytes) {
  const u64 wanted = here > stack_bytes ? here - stack_bytes : 0;
  const os::StackRange own = os::thread_stack();
  if (here < own.low || here >= own.high) return wanted;
  return std::max(wanted, own.low + std::min(kHostHeadroom, (here - own.low) / 2));
}

u64 read_word(u64 address) {
  u64 word = 0;
  std::memcpy(&word, reinterpret_cast<const void*>(address), 8);
  return word;
}

/// An address that code may have signed, as it was: ARM64 puts the signature into the unused upper bits.
u64 plain_address(u64 return_address) {
#if defined(__aarch64__) || defined(_M_ARM64)
  return return_address & 0x0000ffffffffffffu;
#else
  return return_address;
#endif
}

template <typename Function> u64 address_of(Function* function) { return reinterpret_cast<u64>(function); }

void fill_memory(u8* to, u64 byte, u64 length) { std::memset(to, static_cast<u8>(byte), length); }
void copy_memory(u8* to, const u8* from, u64 length) { std::memmove(to, from, length); }

// Plain functions, because the library's are overloaded. Rounding is to nearest even: nothing here changes the mode.
float ceil_f32(float a) { return std::ceil(a); }
double ceil_f64(double a) { return std::ceil(a); }
float floor_f32(float a) { return std::floor(a); }
double floor_f64(double a) { return std::floor(a); }
float trunc_f32(float a) { return std::trunc(a); }
double trunc_f64(double a) { return std::trunc(a); }
float nearest_f32(float a) { return std::nearbyint(a); }
double nearest_f64(double a) { return std::nearbyint(a); }

} // namespace

Instance::Instance(u64 stack_bytes) : stack_bytes_(stack_bytes) {
  const auto set = [&](RuntimeFn which, u64 address) { context_.runtime[static_cast<u32>(which)] = address; };
  set(RuntimeFn::MemoryGrow, address_of(&memory_grow));
  set(RuntimeFn::MemoryFill, address_of(&fill_memory));
  set(RuntimeFn::MemoryCopy, address_of(&copy_memory));
  set(RuntimeFn::Throw, address_of(&on_throw));
  set(RuntimeFn::Rethrow, address_of(&on_rethrow));
  set(RuntimeFn::CatchTag, address_of(&catch_tag));
  set(RuntimeFn::CatchAll, address_of(&catch_all));
  set(RuntimeFn::FmaF32, address_of(&fma_f32));
  set(RuntimeFn::FmaF64, address_of(&fma_f64));
  set(RuntimeFn::CeilF32, address_of(&ceil_f32));
  set(RuntimeFn::CeilF64, address_of(&ceil_f64));
  set(RuntimeFn::FloorF32, address_of(&floor_f32));
  set(RuntimeFn::FloorF64, address_of(&floor_f64));
  set(RuntimeFn::TruncF32, address_of(&trunc_f32));
  set(RuntimeFn::TruncF64, address_of(&trunc_f64));
  set(RuntimeFn::NearestF32, address_of(&nearest_f32));
  set(RuntimeFn::NearestF64, address_of(&nearest_f64));
  context_.host_call = address_of(&host_call);
  context_.owner = reinterpret_cast<u64>(this);
}

Result<void> Instance::load(const Module& module, const Installed& code, ImportHandler& imports) {
  auto stubs = process_stubs();
  if (!stubs) return stubs.error();
  std::copy(std::begin((*stubs)->trap_entry), std::end((*stubs)->trap_entry), context_.trap_entry);
  if (auto done = code.object()->fits(module); !done) return done;
  if (auto done = memory_.load(module); !done) return done;
  module_ = &module;
  code_ = &code;
  imports_ = &imports;
  stubs_ = *stubs;
  defers_ = !code.unwindable() || !stubs_->unwindable;
  for (KnownCall& known : known_calls_) known.return_address = 0;
  layout_known_.assign(module.signatures.size(), 0);
  if (layouts_.size() < module.signatures.size()) layouts_.resize(module.signatures.size());
  abandon();
  reset_globals();
  reset_table();
  context_.memory_base = reinterpret_cast<u64>(memory_.base());
  context_.memory_size = memory_.size();
  context_.memory_max = memory_.max();
  return {};
}

void Instance::reset() {
  memory_.reset(*module_);
  context_.memory_base = reinterpret_cast<u64>(memory_.base());
  context_.memory_size = memory_.size();
  context_.memory_max = memory_.max();
  reset_globals();
  reset_table();
  frames_intact_ = true;
}

void Instance::abandon() {
  end_outermost();
  frames_intact_ = true;
}

void Instance::end_outermost() {
  activation_ = nullptr;
  depth_ = 0;
  if (!held_.empty()) held_.clear();
  context_.exit_fp = context_.entry_fp = 0;
}

void Instance::reset_globals() {
  const size_t count = module_->globals.size();
  globals_.assign(count + 2 * kGuardWords, kPattern);
  for (size_t i = 0; i < count; ++i) globals_[kGuardWords + i] = module_->globals[i].initial;
  context_.globals = reinterpret_cast<u64>(globals_.data() + kGuardWords);
}

void Instance::reset_table() {
  table_.clear();
  for (const FunctionId function : module_->table) {
    table_.push_back(function == kNone ? TableEntry{}
                                       : TableEntry{code_->entry(function), module_->functions[function].signature});
  }
  context_.table = reinterpret_cast<u64>(table_.data());
  context_.table_size = table_.size();
}

bool Instance::globals_intact() const {
  const auto is_pattern = [](u64 word) { return word == kPattern; };
  return std::all_of(globals_.begin(), globals_.begin() + kGuardWords, is_pattern) &&
         std::all_of(globals_.end() - kGuardWords, globals_.end(), is_pattern);
}

const codegen::CallLayout& Instance::layout_of(FunctionId function) {
  const SignatureId id = module_->functions[function].signature;
  if (layout_known_[id] == 0) {
    const Signature& signature = module_->signatures[id];
    const CodeObject& object = *code_->object();
    codegen::layout_call(codegen::call_conv(object.target, object.os), module_->params(signature),
                         module_->results(signature), layouts_[id]);
    layout_known_[id] = 1;
  }
  return layouts_[id];
}

Instance::CallBuffers& Instance::buffers() {
  while (buffers_.size() <= depth_) buffers_.emplace_back();
  return buffers_[depth_];
}

void Instance::place(FunctionId function, std::span<const u64> args, EntryFrame& frame, u64 junk) {
  const codegen::CallLayout& layout = layout_of(function);
  CallBuffers& call = buffers();
  call.stack_args.assign(layout.stack_bytes / 8, junk);
  u8* stack = reinterpret_cast<u8*>(call.stack_args.data());
  frame.code = code_->entry(function);
  frame.context = reinterpret_cast<u64>(&context_);
  frame.stack_args = reinterpret_cast<u64>(stack);
  frame.stack_bytes = layout.stack_bytes;
  for (size_t i = 0; i < args.size(); ++i) {
    const codegen::ArgPlace& to = layout.params[i];
    const u64 mask = bit_mask(to.type);
    const u64 value = (args[i] & mask) | (junk & ~mask);
    if (!to.in_register) {
      std::memcpy(stack + to.offset, &value, size_of(to.type)); // the next one may lie close
    } else if (codegen::class_of(to.reg) == codegen::RegClass::Float) {
      frame.fpr_in[to.reg - 32][0] = value;
    } else {
      frame.gpr_in[to.reg] = value;
    }
  }
  if (layout.result_bytes == 0) return;
  call.results.assign((layout.result_bytes + 7) / 8, junk);
  const u64 pointer = reinterpret_cast<u64>(call.results.data());
  if (layout.result_pointer.in_register) {
    frame.gpr_in[layout.result_pointer.reg] = pointer;
  } else {
    std::memcpy(stack + layout.result_pointer.offset, &pointer, 8);
  }
}

/// Makes a new activation the current one; restores the one around it, also when an exception passes.
class Instance::ActivationScope {
public:
  explicit ActivationScope(Instance& self) : self_(self) {
    activation.exit_fp = self.context_.exit_fp;
    activation.entry_fp = self.context_.entry_fp;
    activation.outer = self.activation_;
    self.activation_ = &activation;
    ++self.depth_;
  }
  ~ActivationScope() {
    --self_.depth_;
    self_.activation_ = activation.outer;
    self_.context_.exit_fp = activation.exit_fp;
    self_.context_.entry_fp = activation.entry_fp;
    if (self_.depth_ == 0 && !self_.held_.empty()) self_.held_.clear();
  }
  ActivationScope(const ActivationScope&) = delete;
  ActivationScope& operator=(const ActivationScope&) = delete;
  void returned() {} // its end follows

  Activation activation;

private:
  Instance& self_;
};

/// The first, which whoever catches an exception ends.
struct Instance::OutermostActivation {
  explicit OutermostActivation(Instance& self) : instance(self) {
    ASSAY_CHECK(self.depth_ == 0 && "the outermost call");
    self.activation_ = &activation;
    self.depth_ = 1;
  }
  void returned() { instance.end_outermost(); }

  Instance& instance;
  Activation activation;
};

void Instance::begin_activation(FunctionId function) {
  if (depth_ >= kMaxActivations) throw TrapException(TrapKind::StackOverflow, {function, 0, 0});
  if (depth_ != 0) return; // the limit of the outermost call holds for all
  context_.stack_limit = stack_limit(stack_pointer(), stack_bytes_);
}

void Instance::enter(FunctionId function, EntryFrame& frame) {
  begin_activation(function);
  if (defers_) return enter_deferring(frame);
  const ActivationScope scope(*this);
  stubs_->enter(&frame);
}

/// Traps and exceptions come here by a jump past the compiled frames, and go on as exceptions.
void Instance::enter_deferring(EntryFrame& frame) {
  ActivationScope scope(*this);
  std::jmp_buf exit;
  scope.activation.trap_exit = &exit;
  if (ASSAY_SETJMP(exit) == 0) {
    stubs_->enter(&frame);
    return;
  }
  rethrow_deferred();
  throw TrapException(scope.activation.trap.kind, scope.activation.trap.position);
}

/// An exception stops at this frame, twice, only where the scope has something to do then.
template <typename Scope> bool Instance::enter_for_value(FunctionId function, EntryFrame& frame, TrapValue& trap) {
  begin_activation(function);
  Scope scope(*this);
  std::jmp_buf exit;
  scope.activation.trap_exit = &exit;
  // Skipped by the jump: on_trap, which owns nothing, frames of compiled code, and the stub's.
  if (ASSAY_SETJMP(exit) == 0) {
    stubs_->enter(&frame);
    scope.returned();
    return true;
  }
  rethrow_deferred();
  trap = scope.activation.trap;
  scope.returned();
  return false;
}

bool Instance::try_enter(FunctionId function, EntryFrame& frame, TrapValue& trap) {
  return enter_for_value<ActivationScope>(function, frame, trap);
}

bool Instance::try_enter_outermost(FunctionId function, EntryFrame& frame, TrapValue& trap) {
  return enter_for_value<OutermostActivation>(function, frame, trap);
}

void Instance::rethrow_deferred() {
  if (deferred_ != nullptr) std::rethrow_exception(std::exchange(deferred_, nullptr));
}

void Instance::collect(FunctionId function, const EntryFrame& frame, std::span<u64> results) {
  const codegen::CallLayout& layout = layout_of(function);
  const u8* memory = reinterpret_cast<const u8*>(buffers().results.data());
  for (size_t i = 0; i < results.size(); ++i) {
    const codegen::ArgPlace& from = layout.results[i];
    u64 value = 0;
    if (!from.in_register) {
      std::memcpy(&value, memory + from.offset, size_of(from.type));
    } else if (codegen::class_of(from.reg) == codegen::RegClass::Float) {
      value = frame.fpr_out[from.reg - 32][0];
    } else {
      value = frame.gpr_out[from.reg];
    }
    results[i] = value & bit_mask(from.type);
  }
}

void Instance::invoke(FunctionId function, std::span<const u64> args, std::span<u64> results) {
  EntryFrame frame;
  place(function, args, frame);
  enter(function, frame);
  collect(function, frame, results);
}

bool Instance::try_invoke(FunctionId function, std::span<const u64> args, std::span<u64> results, TrapValue& trap) {
  EntryFrame frame;
  place(function, args, frame);
  if (!try_enter(function, frame, trap)) return false;
  collect(function, frame, results);
  return true;
}

const SourcePosition* Instance::call_position(u64 return_address) const {
  KnownCall& known = known_calls_[return_address % kKnownCalls];
  if (known.return_address != return_address) {
    known.return_address = 0;
    if (!code_->position_of(return_address, known.position)) return nullptr;
    known.return_address = return_address;
  }
  return &known.position;
}

/// Collects the positions of one walk, a chunk at a time.
class Instance::Walk {
public:
  Walk(const Instance& self, std::vector<Position>& out, std::size_t most) : self_(self), out_(out), most_(most) {}

  /// False when the frames are broken. Goes no further once there are enough.
  bool activation(u64 exit_fp, u64 entry_fp) {
    const u64 code_begin = self_.code_->base(), code_size = self_.code_->object()->code.size();
    const std::vector<SourcePosition>& calls = self_.code_->object()->inlined_calls;
    for (u64 fp = exit_fp; fp != entry_fp;) {
      if (fp == 0 || fp % 8 != 0 || fp > entry_fp) return false;
      const u64 caller_fp = read_word(fp), return_address = plain_address(read_word(fp + 8));
      if (return_address - code_begin - 1 < code_size) {
        const SourcePosition* at = self_.call_position(return_address);
        if (at == nullptr) return false;
        add(at->position);
        for (u32 call = at->inlined_at; call != kNone; call = calls[call].inlined_at) add(calls[call].position);
        if (is_full()) return true;
      }
      if (caller_fp <= fp) return false;
      fp = caller_fp;
    }
    return true;
  }
  bool is_full() const { return out_.size() >= most_; }
  void flush() {
    const std::size_t room = is_full() ? 0 : most_ - out_.size();
    out_.insert(out_.end(), self_.walk_chunk_, self_.walk_chunk_ + std::min<std::size_t>(count_, room));
    count_ = 0;
  }

private:
  void add(const Position& position) {
    if (count_ == kWalkChunk) flush();
    self_.walk_chunk_[count_++] = position;
  }

  const Instance& self_;
  std::vector<Position>& out_;
  const std::size_t most_;
  u32 count_ = 0; // in walk_chunk_
};

void Instance::walk(std::vector<Position>& out, std::size_t most) const {
  Walk walk(*this, out, most);
  u64 exit_fp = context_.exit_fp, entry_fp = context_.entry_fp;
  for (const Activation* a = activation_; a != nullptr && !walk.is_full(); a = a->outer) {
    if (!walk.activation(exit_fp, entry_fp)) {
      frames_intact_ = false;
      break;
    }
    exit_fp = a->exit_fp;
    entry_fp = a->entry_fp;
  }
  walk.flush();
}

/// Frame pointer of the entry stub with which the outermost activation began: compiled frames lie below it.
u64 Instance::outermost_entry() const {
  u64 entry_fp = context_.entry_fp;
  for (const Activation* a = activation_; a != nullptr && a->outer != nullptr; a = a->outer) entry_fp = a->entry_fp;
  return entry_fp;
}

bool Instance::unwinder_finds(std::span<const Position> frames) const {
  constexpr u32 kMost = 1000;
  if (defers_) return true;
  const u64 code_begin = code_->base(), code_size = code_->object()->code.size();
  const std::vector<SourcePosition>& calls = code_->object()->inlined_calls;
  const std::vector<u64> stack = os::call_stack(kMost, outermost_entry());
  std::size_t found = 0;
  for (const u64 return_address : stack) {
    if (return_address - code_begin - 1 >= code_size) continue;
    const SourcePosition* position = call_position(return_address);
    if (position == nullptr) continue; // an import thunk; `walk` notes where one is missing
    for (SourcePosition at = *position;; at = calls[at.inlined_at]) {
      if (found == frames.size() || !(at.position == frames[found])) return false;
      ++found;
      if (at.inlined_at == kNone) break;
    }
  }
  return found == frames.size() || stack.size() == kMost;
}

void Instance::host_call(VmContext* context, u64 import, const u64* args, u64* results) {
  Instance& self = *reinterpret_cast<Instance*>(context->owner);
  const FunctionId function = static_cast<FunctionId>(import);
  const Function& f = self.module_->functions[function];
  const size_t params = self.module_->params_of(f).size(), result_count = self.module_->results_of(f).size();
  if (!self.defers_) {
    self.imports_->on_import(self, function, {args, params}, {results, result_count});
    return;
  }
  // The jump skips nothing that would have to be destroyed.
  if (!self.import_returns(function, {args, params}, {results, result_count}))
    std::longjmp(*self.activation_->trap_exit, 1);
}

/// False when it threw; the exception is kept.
bool Instance::import_returns(FunctionId function, std::span<const u64> args, std::span<u64> results) {
  try {
    imports_->on_import(*this, function, args, results);
    return true;
  } catch (...) {
    deferred_ = std::current_exception();
    return false;
  }
}

void Instance::on_trap(VmContext* context, u64 kind, u64 return_address) {
  Instance& self = *reinterpret_cast<Instance*>(context->owner);
  const TrapKind trap = static_cast<TrapKind>(kind);
  SourcePosition at;
  if (!self.code_->position_of(return_address, at)) self.frames_intact_ = false;
  Activation& activation = *self.activation_;
  if (activation.trap_exit == nullptr) throw TrapException(trap, at.position);
  activation.trap = {trap, at.position};
  std::longjmp(*activation.trap_exit, 1);
}

// ---- exceptions ----------------------------------------------------------------------------------------------

AirException Instance::air_exception(u64 tag, const u64* payload) const {
  const Module& module = *module_;
  const std::span<const Type> types = module.params(module.signatures[module.tags[tag].signature]);
  std::vector<u64> values;
  for (const Type type : types)
    values.push_back(*payload++ & (ASSAY_PLANTED(eh_payload_junk) ? ~u64{0} : bit_mask(type)));
  return AirException(static_cast<TagId>(tag), std::move(values), code_->object());
}

/// Tells the observer, for whom a walk over frames begins at `at`. A null exception is one of the host.
void Instance::tell_throw(os::CallerFrame at, const AirException* exception, bool again) {
  Thrown thrown{again, kNone, {}};
  const bool ours = exception != nullptr && (exception->module() == nullptr || exception->module() == code_->object());
  if (ours && is_tag_with(*module_, exception->tag(), exception->payload().size())) {
    thrown.tag = exception->tag();
    thrown.payload = exception->payload();
  }
  const u64 exit_fp = context_.exit_fp;
  context_.exit_fp = reinterpret_cast<u64>(&at); // lies below the frames that it leads to
  throw_observer_(throw_observer_with_, *this, thrown);
  context_.exit_fp = exit_fp;
}

void Instance::on_throw(VmContext* context, u64 tag, const u64* payload) {
  Instance& self = *reinterpret_cast<Instance*>(context->owner);
  if (self.throw_observer_ != nullptr) {
    const AirException exception = self.air_exception(tag, payload);
    self.tell_throw(ASSAY_CALLER_FRAME(), &exception, false);
  }
  if (!self.defers_) throw self.air_exception(tag, payload);
  self.deferred_ = std::make_exception_ptr(self.air_exception(tag, payload));
  std::longjmp(*self.activation_->trap_exit, 1);
}

/// Returns when the handle is none that is held.
void Instance::on_rethrow(VmContext* context, u64 handle) {
  Instance& self = *reinterpret_cast<Instance*>(context->owner);
  const u64 index = handle - kFirstHandle - self.held_before_;
  if (index >= self.held_.size()) return;
  const std::exception_ptr exception = ASSAY_PLANTED(eh_rethrow_latest) ? self.held_.back() : self.held_[index];
  if (self.throw_observer_ != nullptr) self.tell_throw(ASSAY_CALLER_FRAME(), os::air_exception(exception), true);
  std::rethrow_exception(exception);
}

void Instance::catch_tag(VmContext* context, void* exception, u64* payload) {
  const Instance& self = *reinterpret_cast<Instance*>(context->owner);
  const AirException& air = *os::air_exception(exception);
  const Module& module = *self.module_;
  const std::span<const Type> types = module.params(module.signatures[module.tags[air.tag()].signature]);
  for (std::size_t i = 0; i < types.size(); ++i)
    payload[i] = air.payload()[i] & bit_mask(ASSAY_PLANTED(eh_payload_narrow) ? Type::I32 : types[i]);
  static_cast<void>(os::take_exception(exception));
}

u64 Instance::catch_all(VmContext* context, void* exception) {
  Instance& self = *reinterpret_cast<Instance*>(context->owner);
  if (self.held_.size() == kHeldExceptions) {
    self.held_.pop_front();
    ++self.held_before_;
  }
  self.held_.push_back(os::take_exception(exception));
  return kFirstHandle + self.held_before_ + self.held_.size() - 1;
}

u64 Instance::memory_grow(VmContext* context, u64 pages) {
  Instance& self = *reinterpret_cast<Instance*>(context->owner);
  const u64 old_pages = self.memory_.grow(pages);
  context->memory_size = self.memory_.size();
  return old_pages;
}

} // namespace assay::jit
