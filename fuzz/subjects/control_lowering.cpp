// control_lowering.cpp - calls, exceptions and ends of blocks of a function. See function_lowering.h.
//
// Tested in fuzz/subjects/tests/peer_test.cpp.
#include "fuzz/subjects/function_lowering.h"

#include <cstddef>

namespace assay::fuzz::peers {

// -- calls -------------------------------------------------------------------------------------------

void FunctionLowering::mark_place() {
  const auto at = [&](u64 offset) { return c_.op(Opcode::Add, Type::I64, frame_, c_.word(offset)); };
  e_.store(Type::I32, at(offsetof(FrameRecord, block)), c_.literal(Type::I32, block_));
  e_.store(Type::I32, at(offsetof(FrameRecord, inst)), c_.literal(Type::I32, at_));
}

void FunctionLowering::leave() {
  if (has_frame_) store_word(m_.state.top, up_);
}

/// Ends the function with an exception or a tail call on its way: nobody reads the results.
void FunctionLowering::give_nothing() {
  std::vector<Value> results;
  for (const Type type : module_.results_of(f_)) results.push_back(e_.constant(type, 0));
  e_.give_back(results);
}

Value FunctionLowering::table_entry(const Inst& inst) {
  const Value index = to_word(inst, 0);
  const u64 count = module_.table.size();
  trap_if(c_.op(Opcode::GeU, Type::I64, index, c_.word(count)), TrapKind::BadIndirectCall);
  const Value offset = c_.op(Opcode::Mul, Type::I64, index, c_.word(sizeof(TableEntry)));
  const Value entry = c_.op(Opcode::Add, Type::I64, c_.word(reinterpret_cast<u64>(m_.state.table.data())), offset);
  const Value signature = e_.load(Type::I64, entry);
  trap_if(c_.op(Opcode::Ne, Type::I64, signature, c_.word(inst.ref)), TrapKind::BadIndirectCall);
  return entry;
}

FunctionLowering::Target FunctionLowering::target_of(const Inst& inst) {
  Target out;
  out.first_arg = 1;
  out.signature = inst.ref;
  switch (info(inst.op).form) {
  case assay::Form::CallIndirect:
  case assay::Form::TryCallIndirect: {
    const Value code = c_.op(Opcode::Add, Type::I64, table_entry(inst), c_.word(offsetof(TableEntry, code)));
    out.address = e_.load(Type::I64, code);
    return out;
  }
  case assay::Form::CallPtr:
  case assay::Form::TryCallPtr: out.address = value(inst, 0); return out;
  default: break;
  }
  out.first_arg = 0;
  out.signature = module_.functions[inst.ref].signature;
  out.callee = m_.callees[inst.ref];
  return out;
}

std::vector<Value> FunctionLowering::call(const Inst& inst) {
  const Target target = target_of(inst);
  std::vector<Value> args, results;
  for (u32 i = target.first_arg; i < inst.operand_count; ++i) args.push_back(value(inst, i));
  mark_place();
  if (target.callee != nullptr) {
    e_.call(target.callee, args, results);
  } else {
    const Signature& signature = module_.signatures[target.signature];
    e_.call_address(target.address, module_.params(signature), module_.results(signature), args, results);
  }
  return results;
}

void FunctionLowering::look_for_exception() {
  if (!m_.traits.throws) return;
  const Label away = plain_label(), on = plain_label();
  e_.branch(Type::I64, load_word(m_.state.flying), away, on);
  start(away);
  leave();
  give_nothing();
  start(on);
}

// -- exceptions --------------------------------------------------------------------------------------

void FunctionLowering::try_call(const Inst& inst) {
  const std::vector<Value> results = call(inst);
  const std::span<const Edge> edges = f_.edges_of(inst);
  const Label thrown = plain_label(), fine = plain_label();
  e_.branch(Type::I64, load_word(m_.state.flying), thrown, fine);
  start(fine);
  go(edges[0], results);
  start(thrown);
  bool all = false;
  for (const Edge& each : edges.subspan(1)) {
    clause(each);
    all |= each.kind == EdgeKind::CatchAll;
  }
  if (all) return;
  leave();
  give_nothing();
}

/// Where it matches, control goes there; else on.
void FunctionLowering::clause(const Edge& edge) {
  std::vector<Value> leading;
  if (edge.kind == EdgeKind::CatchAll) {
    const Value self = c_.word(m_.self());
    leading.push_back(e_.call_host(RunState::hold_address(), {&self, 1}));
    return go(edge, leading);
  }
  const Label match = plain_label(), next = plain_label();
  const Value of_air = c_.op(Opcode::Eq, Type::I64, load_word(m_.state.flying), c_.word(1));
  const Value same_tag = c_.op(Opcode::Eq, Type::I64, load_word(m_.state.tag), c_.word(edge.value));
  e_.branch(Type::I8, c_.op(Opcode::And, Type::I8, of_air, same_tag), match, next);
  start(match);
  store_word(m_.state.flying, c_.word(0));
  const auto types = module_.params(module_.signatures[module_.tags[edge.value].signature]);
  for (std::size_t i = 0; i < types.size(); ++i)
    leading.push_back(c_.of_bits(types[i], load_word(m_.state.payload[i])));
  go(edge, leading);
  start(next);
}

void FunctionLowering::throw_tag(const Inst& inst) {
  for (u32 i = 0; i < inst.operand_count; ++i)
    store_word(m_.state.payload[i], c_.bits(type_of(inst, i), value(inst, i)));
  store_word(m_.state.payload_count, c_.word(inst.operand_count));
  store_word(m_.state.tag, c_.word(inst.ref));
  store_word(m_.state.flying, c_.word(1));
  mark_place();
  const Value self = c_.word(m_.self());
  e_.call_host(RunState::throw_address(), {&self, 1});
  leave();
  give_nothing();
}

void FunctionLowering::rethrow(const Inst& inst) {
  mark_place();
  const Value words[] = {c_.word(m_.self()), value(inst, 0), c_.word(id_), place()};
  e_.call_host(RunState::rethrow_address(), words);
  leave();
  give_nothing();
}

void FunctionLowering::tail_call(const Inst& inst) {
  const bool direct = inst.op == Opcode::TailCall;
  Value function;
  if (direct) {
    function = c_.word(inst.ref);
  } else {
    const Value entry = table_entry(inst);
    function = e_.load(Type::I64, c_.op(Opcode::Add, Type::I64, entry, c_.word(offsetof(TableEntry, function))));
  }
  const u32 first = direct ? 0 : 1;
  for (u32 i = first; i < inst.operand_count; ++i)
    store_word(m_.state.tail_args[i - first], c_.bits(type_of(inst, i), value(inst, i)));
  store_word(m_.state.tail, function);
  leave();
  give_nothing();
}

// -- ends of blocks ----------------------------------------------------------------------------------

void FunctionLowering::go(const Edge& edge, std::span<const Value> leading) {
  std::vector<Value> args(leading.begin(), leading.end());
  for (const ValueId id : f_.args_of(edge)) args.push_back(values_[id]);
  e_.jump(labels_[edge.target], args);
}

Label FunctionLowering::way(const Edge& edge) {
  if (f_.blocks[edge.target].param_count == 0) return labels_[edge.target];
  ways_.push_back({plain_label(), &edge});
  return ways_.back().first;
}

void FunctionLowering::finish_ways() {
  for (const auto& [label, edge] : ways_) {
    start(label);
    go(*edge);
  }
  ways_.clear();
}

void FunctionLowering::switch_over(const Inst& inst) {
  std::vector<u64> cases;
  std::vector<Label> labels;
  Label otherwise = nullptr;
  for (const Edge& each : f_.edges_of(inst)) {
    if (each.kind == EdgeKind::Case) {
      cases.push_back(each.value & bit_mask(inst.type));
      labels.push_back(way(each));
    } else {
      otherwise = way(each);
    }
  }
  e_.choose(inst.type, value(inst, 0), cases, labels, otherwise);
  finish_ways();
}

bool FunctionLowering::terminator(const Inst& inst) {
  const std::span<const Edge> edges = f_.edges_of(inst);
  switch (inst.op) {
  case Opcode::Jump: go(edges[0]); return true;
  case Opcode::Branch: {
    const Label nonzero = way(edges[0]), zero = way(edges[1]);
    e_.branch(type_of(inst, 0), value(inst, 0), nonzero, zero);
    finish_ways();
    return true;
  }
  case Opcode::Switch: switch_over(inst); return true;
  case Opcode::Return: {
    std::vector<Value> results;
    for (u32 i = 0; i < inst.operand_count; ++i) results.push_back(value(inst, i));
    leave();
    e_.give_back(results);
    return true;
  }
  case Opcode::Trap: trap(static_cast<TrapKind>(inst.imm), id_, place()); return true;
  case Opcode::TailCall:
  case Opcode::TailCallIndirect: tail_call(inst); return true;
  case Opcode::Throw: throw_tag(inst); return true;
  case Opcode::Rethrow: rethrow(inst); return true;
  case Opcode::TryCall:
  case Opcode::TryCallIndirect:
  case Opcode::TryCallPtr: try_call(inst); return true;
  default: return false;
  }
}

} // namespace assay::fuzz::peers
