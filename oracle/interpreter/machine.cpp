// machine.cpp - runs: frames, calls, host functions, re-entry, exceptions on their way.
//
// Needs a verified module; then every index read here is in range. Leaves, at the end of each activation, exactly
// the frames, slots and stack that were there when it began, whatever ended it.
// A call costs its arguments twice (to `transfer` and to the new frame) and a zeroed local each; a host call
// and a throw copy the call stack into the Outcome, because that is observable; nothing allocates once vectors have
// grown. Tested in oracle/interpreter/tests/{calls,exceptions,host}_test.cpp.
#include "oracle/interpreter/machine.h"

#include <algorithm>

namespace assay::oracle {

namespace {

using Evaluate = Flow (*)(Machine&, const Inst&);

constexpr Evaluate kEvaluate[kOpcodeCount] = {
#define OP(name, ...) &evaluate<Opcode::name>,
#include "assay/opcodes.def"
};

constexpr u32 kStackWords = static_cast<u32>(kMaxValueBytes / sizeof(u64));

/// Passes through host functions when the run has been refused. Private: no host can make one.
struct Refusal : std::exception {
  const char* what() const noexcept override { return "assay: the run was refused"; }
};

/// The first clause that takes an exception of this tag (kNone: a C++ exception), or null.
const Edge* find_clause(const Function& function, const Inst& inst, TagId tag) {
  for (const Edge& edge : function.edges_of(inst)) {
    if (edge.kind == EdgeKind::CatchAll) return &edge;
    if (edge.kind == EdgeKind::Catch && tag != kNone && edge.value == tag) return &edge;
  }
  return nullptr;
}

std::string what_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown exception";
  }
}

} // namespace

Machine::Machine() : stack(new u64[kStackWords]), places(std::make_unique<Position[]>(kMaxDepth)) {}

// -- a run -------------------------------------------------------------------------------------------

void Machine::run(FunctionId entry, std::span<const u64> args, u64 initial_fuel, Host& with, Outcome& to) {
  host = &with;
  out = &to;
  start(entry, args, initial_fuel);
  execute(invoke(entry));
  finish(entry);
  while (!frames.empty()) drop_frame();
  flying.origin = nullptr; // host exceptions do not outlive the run
  caught.clear();
  caught_before = 0;
}

void Machine::start(FunctionId entry, std::span<const u64> args, u64 initial_fuel) {
  out->clear();
  out->memory.assign(module->memory_size, 0);
  for (const DataSegment& data : module->data) {
    std::copy(data.bytes.begin(), data.bytes.end(), out->memory.begin() + static_cast<std::ptrdiff_t>(data.offset));
  }
  out->globals.clear();
  for (const Global& global : module->globals) out->globals.push_back(global.initial & bit_mask(global.type));
  fuel = initial_fuel;
  steps = step_limit;
  frames.clear();
  slots.clear();
  slot_memory.clear();
  stack_top = 0;
  next_serial = 1;
  activation_base = 0;
  host_depth = 0;
  refused = false;
  const std::span<const Type> types = module->params_of(module->functions[entry]);
  ASSAY_CHECK(args.size() == types.size());
  transfer.clear();
  for (size_t i = 0; i < args.size(); ++i) transfer.push_back(args[i] & bit_mask(types[i]));
}

void Machine::execute(Flow flow) {
  while (flow == Flow::Moved) {
    const Inst* inst = at;
    while ((flow = kEvaluate[static_cast<u32>(inst->op)](*this, *inst)) == Flow::Next) at = ++inst;
  }
}

void Machine::finish(FunctionId entry) {
  out->fuel_left = fuel;
  switch (ending) {
  case Ending::Returned: {
    const std::span<const Type> types = module->results_of(module->functions[entry]);
    out->kind = OutcomeKind::Returned;
    out->values.assign(transfer.begin(), transfer.end());
    out->value_types.assign(types.begin(), types.end());
    break;
  }
  case Ending::Threw:
    if (flying.tag == kNone) {
      out->kind = OutcomeKind::ThrewHost;
      out->text = what_of(flying.origin);
    } else {
      const std::span<const Type> types = module->params(module->signatures[module->tags[flying.tag].signature]);
      out->kind = OutcomeKind::Threw;
      out->tag = flying.tag;
      out->values.assign(flying.payload.begin(), flying.payload.end());
      out->value_types.assign(types.begin(), types.end());
    }
    break;
  case Ending::Trapped:
    out->kind = OutcomeKind::Trapped;
    out->trap = trap_kind;
    out->position = trap_position;
    break;
  case Ending::Refused:
    out->kind = OutcomeKind::Refused;
    out->text = refusal;
    break;
  }
}

Flow Machine::trap_at(TrapKind kind, Position where) {
  ending = Ending::Trapped;
  trap_kind = kind;
  trap_position = where;
  return Flow::Ended;
}

Flow Machine::refuse(std::string why) {
  ending = Ending::Refused;
  refused = true;
  refusal = std::move(why);
  return Flow::Ended;
}

Flow Machine::refuse_recording() { return refuse("more call-stack frames than a run records"); }

bool Machine::record(TraceKind kind, u32 subject, std::span<const u64> args) {
  if (frames.size() > kMaxRecordedFrames - out->frames.size()) return false;
  out->begin_event(kind, subject, args);
  out->frames.insert(out->frames.end(), places.get() + (kMaxDepth - frames.size()), places.get() + kMaxDepth);
  out->end_event();
  return true;
}

// -- blocks ------------------------------------------------------------------------------------------

Flow Machine::enter_block(BlockId target) {
  if (steps == 0) return refuse("no end within the step limit");
  --steps;
  block = target;
  at = insts + function->blocks[target].first_inst;
  return Flow::Moved;
}

Flow Machine::take_edge(const Edge& edge) {
  const ValueId first = function->blocks[edge.target].first_param;
  if (edge.arg_count == 1) {
    values[first] = values[pool[edge.args]];
  } else if (edge.arg_count != 0) {
    transfer.clear();
    return take_edge_with_transfer(edge);
  }
  return enter_block(edge.target);
}

Flow Machine::take_edge_with_transfer(const Edge& edge) {
  // All are read before any is written: the parameters of a loop may be arguments to themselves.
  u64* more = transfer.extend(edge.arg_count);
  for (u32 i = 0; i < edge.arg_count; ++i) more[i] = values[pool[edge.args + i]];
  copy_words(transfer.begin(), transfer.size(), values + function->blocks[edge.target].first_param);
  return enter_block(edge.target);
}

// -- frames ------------------------------------------------------------------------------------------

void Machine::save_place() {
  Frame& top = frames.back();
  top.block = block;
  top.at = at;
  places[kMaxDepth - frames.size()] = {top.function, block, inst_index()};
}

void Machine::unpack_top() {
  const Frame& top = frames.back();
  function = &module->functions[top.function];
  insts = function->insts.data();
  pool = function->pool.data();
  values = stack.get() + top.values_base;
  block = top.block;
  at = top.at;
}

void Machine::drop_frame() {
  const Frame& top = frames.back();
  stack_top = top.values_base;
  slots.resize(top.first_slot);
  slot_memory.resize(top.slot_bytes);
  frames.pop_back();
}

Flow Machine::push_frame(FunctionId callee) {
  const Function& f = module->functions[callee];
  const u64 words = u64{f.value_count()} + f.locals.size();
  u64 slot_bytes = slot_memory.size();
  for (const Slot& slot : f.slots) slot_bytes += slot.size;
  const u64 zeroed = slot_bytes - slot_memory.size();
  if (frames.size() >= kMaxDepth || stack_top + words > kStackWords || slot_bytes > kMaxSlotBytes) {
    return trap_at(TrapKind::StackOverflow, {callee, 0, 0});
  }
  frames.push_back(
      {callee, 0, nullptr, stack_top, static_cast<u32>(slots.size()), static_cast<u32>(slot_memory.size())});
  stack_top += static_cast<u32>(words);
  unpack_top();
  copy_words(transfer.begin(), transfer.size(), values + f.blocks[0].first_param);
  if (!f.locals.empty()) std::fill_n(values + f.value_count(), f.locals.size(), u64{0});
  if (!f.slots.empty()) push_slots(f);
  if (!spend(zeroed / kBytesPerStep)) return refuse("no end within the step limit");
  if (next_serial == 0) return refuse("more slots than there are names for");
  return enter_block(0);
}

void Machine::collect(const Inst& inst, u32 first) {
  transfer.clear();
  const u32 count = inst.operand_count - first;
  u64* to = transfer.extend(count);
  for (u32 i = 0; i < count; ++i) to[i] = operand(inst, first + i);
}

Flow Machine::invoke(FunctionId callee) {
  return module->functions[callee].imported ? call_host(callee) : push_frame(callee);
}

Flow Machine::deliver() {
  if (frames.size() == activation_base) {
    ending = Ending::Returned;
    return Flow::Ended;
  }
  unpack_top();
  const Inst& inst = *at;
  if (is_try_call(inst.op)) return take_edge_with_transfer(function->edges[inst.first_edge]);
  copy_words(transfer.begin(), transfer.size(), values + inst.first_result);
  ++at; // not Flow::Next: what is current has changed
  return Flow::Moved;
}

// -- exceptions --------------------------------------------------------------------------------------

Flow Machine::throw_flying(TraceKind how) {
  save_place();
  return record(how, flying.tag, flying.payload) ? unwind() : refuse_recording();
}

Flow Machine::unwind() {
  for (; frames.size() > activation_base; drop_frame()) {
    unpack_top();
    const Inst& inst = *at;
    if (!is_try_call(inst.op)) continue;
    const Edge* clause = find_clause(*function, inst, flying.tag);
    if (clause == nullptr) continue;
    transfer.clear();
    if (clause->kind == EdgeKind::CatchAll) {
      transfer.push_back(catch_flying());
    } else {
      copy_words(flying.payload.data(), flying.payload.size(), transfer.extend(flying.payload.size()));
    }
    flying.origin = nullptr;
    return take_edge_with_transfer(*clause);
  }
  ending = Ending::Threw;
  return Flow::Ended;
}

void Machine::note_air_exception(const AirException& exception) {
  flying.tag = kNone; // one that no tag of this module fits is a C++ exception like any other
  flying.payload.clear();
  if (!is_tag_with(*module, exception.tag(), exception.payload().size())) return;
  const std::span<const Type> types = module->params(module->signatures[module->tags[exception.tag()].signature]);
  flying.tag = exception.tag();
  for (size_t i = 0; i < types.size(); ++i) flying.payload.push_back(exception.payload()[i] & bit_mask(types[i]));
}

// -- the host ----------------------------------------------------------------------------------------

Flow Machine::call_host(FunctionId import) {
  const std::span<const Type> result_types = module->results_of(module->functions[import]);
  const u64 words = transfer.size() + result_types.size();
  if (host_depth >= kMaxHostDepth || stack_top + words > kStackWords) {
    return trap_at(TrapKind::StackOverflow, {import, 0, 0});
  }
  // Arguments and results lie above the frames, where a re-entry finds the stack's new top beyond them.
  const std::span<u64> args(stack.get() + stack_top, transfer.size());
  const std::span<u64> results(stack.get() + stack_top + transfer.size(), result_types.size());
  std::copy(transfer.begin(), transfer.end(), args.begin());
  std::fill(results.begin(), results.end(), u64{0});
  if (!record(TraceKind::HostCall, import, args)) return refuse_recording();
  const u32 top_before = stack_top;
  stack_top += static_cast<u32>(words);
  ++host_depth;
  Ending how = Ending::Returned;
  try {
    host->call(*module, import, args, results, *this);
  } catch (const Refusal&) {
    how = Ending::Refused;
  } catch (const TrapException& e) {
    how = Ending::Trapped;
    trap_at(e.kind(), e.position());
  } catch (const AirException& e) {
    how = Ending::Threw;
    note_air_exception(e);
    flying.origin = std::current_exception();
  } catch (...) {
    how = Ending::Threw;
    flying.tag = kNone;
    flying.payload.clear();
    flying.origin = std::current_exception();
  }
  --host_depth;
  stack_top = top_before;
  ending = refused ? Ending::Refused : how;
  if (ending == Ending::Threw) return unwind();
  if (ending != Ending::Returned) return Flow::Ended;
  transfer.clear();
  for (size_t i = 0; i < results.size(); ++i) transfer.push_back(results[i] & bit_mask(result_types[i]));
  return deliver();
}

void Machine::call(FunctionId callee, std::span<const u64> args, std::span<u64> results) {
  const Function& f = module->functions[callee];
  const std::span<const Type> types = module->params_of(f);
  ASSAY_CHECK(args.size() == types.size() && results.size() == module->results_of(f).size());
  if (refused) throw Refusal();
  transfer.clear();
  for (size_t i = 0; i < args.size(); ++i) transfer.push_back(args[i] & bit_mask(types[i]));
  const u32 outer_base = activation_base;
  activation_base = static_cast<u32>(frames.size());
  execute(invoke(callee));
  while (frames.size() > activation_base) drop_frame();
  activation_base = outer_base;
  if (ending != Ending::Returned) leave_activation_by_throwing();
  std::copy(transfer.begin(), transfer.end(), results.begin());
}

void Machine::leave_activation_by_throwing() {
  if (ending == Ending::Trapped) throw TrapException(trap_kind, trap_position);
  if (ending == Ending::Refused) throw Refusal();
  if (flying.origin) {
    const std::exception_ptr origin = std::move(flying.origin);
    flying.origin = nullptr;
    std::rethrow_exception(origin);
  }
  throw AirException(flying.tag, flying.payload);
}

} // namespace assay::oracle
