// function_lowering.cpp - the frame of a function, and its operations with their guards. See function_lowering.h.
//
// Linear, but for nothing. Tested in fuzz/subjects/tests/peer_test.cpp.
#include "fuzz/subjects/function_lowering.h"

#include <algorithm>
#include <cstddef>

namespace assay::fuzz::peers {

Result<void> FunctionLowering::lower() {
  order_blocks();
  values_.assign(f_.value_count(), nullptr);
  e_.begin(m_.bodies[id_]);
  enter();
  labels_.assign(f_.blocks.size(), nullptr);
  std::vector<Value> params;
  for (const BlockId id : order_) {
    const Block& block = f_.blocks[id];
    if (id != 0) labels_[id] = e_.label({f_.value_types.data() + block.first_param, block.param_count});
  }
  for (const BlockId id : order_) {
    const Block& block = f_.blocks[id];
    block_ = id;
    if (id != 0) {
      params.clear();
      e_.start(labels_[id], params);
      std::copy(params.begin(), params.end(), values_.begin() + block.first_param);
    }
    for (at_ = 0; at_ < block.inst_count; ++at_) {
      const Inst& each = f_.insts[block.first_inst + at_];
      if (inst(each)) continue;
      Error error;
      error.kind = ErrorKind::Unsupported;
      error.message = "has no '" + std::string(info(each.op).name) + "' of " + std::string(name_of(each.type)) +
                      " (function @" + f_.name + ")";
      return error;
    }
  }
  e_.end();
  return {};
}

/// Reverse postorder of what can be reached; what needs a frame is noted on the way.
void FunctionLowering::order_blocks() {
  std::vector<std::pair<BlockId, u32>> stack{{0, 0}};
  std::vector<u8> seen(f_.blocks.size(), 0);
  seen[0] = 1;
  while (!stack.empty()) {
    auto& [id, next] = stack.back();
    const auto edges = f_.edges_of(f_.terminator(f_.blocks[id]));
    if (next == edges.size()) {
      order_.push_back(id);
      stack.pop_back();
      continue;
    }
    const BlockId to = edges[next++].target;
    if (seen[to] != 0) continue;
    seen[to] = 1;
    stack.push_back({to, 0});
  }
  std::reverse(order_.begin(), order_.end());
  for (const BlockId id : order_) {
    for (const Inst& each : f_.insts_of(f_.blocks[id])) {
      const bool tail = each.op == Opcode::TailCall || each.op == Opcode::TailCallIndirect;
      has_frame_ |= (info(each.op).is(kCalls) && !tail) || each.op == Opcode::Throw || each.op == Opcode::Rethrow;
    }
  }
}

void FunctionLowering::enter() {
  const Block& entry = f_.blocks[0];
  for (u32 i = 0; i < entry.param_count; ++i) values_[entry.first_param + i] = e_.parameter(i);
  if (has_frame_) frame_ = e_.frame_bytes(sizeof(FrameRecord), alignof(FrameRecord));
  for (const Slot& slot : f_.slots) slots_.push_back(e_.frame_bytes(std::max(1u, slot.size), std::max(1u, slot.align)));
  for (const Type type : f_.locals) locals_.push_back(e_.variable(type));
  for (std::size_t i = 0; i < f_.locals.size(); ++i) e_.write(locals_[i], e_.constant(f_.locals[i], 0));
  if (has_frame_) {
    const Value deep = c_.op(Opcode::LtU, Type::I64, frame_, load_word(m_.state.stack_end));
    trap_if(deep, TrapKind::StackOverflow);
    up_ = load_word(m_.state.top);
    e_.store(Type::I64, frame_, up_);
    e_.store(Type::I32, c_.op(Opcode::Add, Type::I64, frame_, c_.word(offsetof(FrameRecord, function))),
             c_.literal(Type::I32, id_));
    store_word(m_.state.top, frame_);
  }
  for (std::size_t i = 0; i < f_.slots.size(); ++i)
    if (f_.slots[i].size != 0) e_.clear(slots_[i], f_.slots[i].size);
}

// -- guards ------------------------------------------------------------------------------------------

void FunctionLowering::trap(TrapKind kind, FunctionId function, Value where) {
  const Value words[] = {c_.word(m_.self()), c_.word(static_cast<u64>(kind)), c_.word(function), where};
  e_.call_host(RunState::trap_address(), words);
  e_.unreachable();
}

void FunctionLowering::trap_if(Value flag, TrapKind kind) {
  const Label bad = plain_label(), good = plain_label();
  e_.branch(Type::I8, flag, bad, good);
  start(bad);
  trap(kind, id_, place());
  start(good);
}

Value FunctionLowering::division(const Inst& inst) {
  const Type t = inst.type;
  Value divisor = value(inst, 1);
  trap_if(c_.op(Opcode::Eq, t, divisor, c_.literal(t, 0)), TrapKind::DivByZero);
  if (inst.op == Opcode::DivS || inst.op == Opcode::RemS) {
    const Value is_minus_one = c_.op(Opcode::Eq, t, divisor, c_.literal(t, ~u64{0}));
    if (inst.op == Opcode::DivS) {
      const Value is_least = c_.op(Opcode::Eq, t, value(inst, 0), c_.literal(t, u64{1} << (bits_of(t) - 1)));
      trap_if(c_.op(Opcode::And, Type::I8, is_minus_one, is_least), TrapKind::IntOverflow);
    } else { // the remainder by -1 is that by 1
      divisor = c_.select(t, is_minus_one, c_.literal(t, 1), divisor);
    }
  }
  return c_.op(inst.op, t, value(inst, 0), divisor);
}

Value FunctionLowering::conversion(const Inst& inst) {
  const Type f = inst.from;
  const Value x = value(inst, 0);
  const ConversionRange range = range_of(inst.type, inst.op == Opcode::F2iS, f);
  const Opcode compare = range.low_itself ? Opcode::FGe : Opcode::FGt;
  const Value above = c_.op(compare, f, x, e_.constant(f, float_bits(f, range.low)));
  const Value below = c_.op(Opcode::FLt, f, x, e_.constant(f, float_bits(f, range.high)));
  const Value inside = c_.op(Opcode::And, Type::I8, above, below);
  trap_if(c_.op(Opcode::Xor, Type::I8, inside, c_.literal(Type::I8, 1)), TrapKind::BadConversion);
  return c_.cast(inst.op, inst.type, f, x);
}

void FunctionLowering::burn(u64 amount) {
  const Value left = load_word(m_.state.fuel);
  const Label out = plain_label(), on = plain_label();
  e_.branch(Type::I8, c_.op(Opcode::LtU, Type::I64, left, c_.word(amount)), out, on);
  start(out);
  store_word(m_.state.fuel, c_.word(0));
  trap(TrapKind::OutOfFuel, id_, place());
  start(on);
  store_word(m_.state.fuel, c_.op(Opcode::Sub, Type::I64, left, c_.word(amount)));
}

// -- memory ------------------------------------------------------------------------------------------

Value FunctionLowering::to_word(const Inst& inst, u32 operand) {
  const Type t = type_of(inst, operand);
  return size_of(t) == 8 ? value(inst, operand) : c_.cast(Opcode::Zext, Type::I64, t, value(inst, operand));
}

Value FunctionLowering::checked(Value address, u64 offset, u64 size) {
  const Value all = load_word(m_.state.memory_size);
  const bool hopeless = offset > kMemoryLimit;
  const Value behind = c_.word(hopeless ? ~u64{0} : offset + size);
  const Value too_small = c_.op(Opcode::LtU, Type::I64, all, behind);
  const Value last = c_.op(Opcode::Sub, Type::I64, all, behind);
  const Value too_far = c_.op(Opcode::GtU, Type::I64, address, last);
  trap_if(c_.op(Opcode::Or, Type::I8, too_small, too_far), TrapKind::OutOfBounds);
  const Value begin = c_.op(Opcode::Add, Type::I64, load_word(m_.state.memory), address);
  return c_.op(Opcode::Add, Type::I64, begin, c_.word(offset));
}

Value FunctionLowering::checked_range(Value address, Value length) {
  const Value all = load_word(m_.state.memory_size);
  const Value outside = c_.op(Opcode::GtU, Type::I64, address, all);
  const Value room = c_.op(Opcode::Sub, Type::I64, all, address);
  const Value too_long = c_.op(Opcode::GtU, Type::I64, length, room);
  trap_if(c_.op(Opcode::Or, Type::I8, outside, too_long), TrapKind::OutOfBounds);
  return address;
}

namespace {
/// What an access does to a value on its way: the type in memory, and how it is widened.
struct Form {
  Type narrow = Type::None; // None: the value's own
  bool is_signed = false;
  bool stores = false;
};

Form form_of(Opcode op) {
  switch (op) {
  case Opcode::Load8S:
  case Opcode::PLoad8S: return {Type::I8, true, false};
  case Opcode::Load8U:
  case Opcode::PLoad8U: return {Type::I8, false, false};
  case Opcode::Load16S:
  case Opcode::PLoad16S: return {Type::I16, true, false};
  case Opcode::Load16U:
  case Opcode::PLoad16U: return {Type::I16, false, false};
  case Opcode::Load32S:
  case Opcode::PLoad32S: return {Type::I32, true, false};
  case Opcode::Load32U:
  case Opcode::PLoad32U: return {Type::I32, false, false};
  case Opcode::Store8:
  case Opcode::PStore8: return {Type::I8, false, true};
  case Opcode::Store16:
  case Opcode::PStore16: return {Type::I16, false, true};
  case Opcode::Store32:
  case Opcode::PStore32: return {Type::I32, false, true};
  case Opcode::Store:
  case Opcode::PStore: return {Type::None, false, true};
  default: return {};
  }
}
} // namespace

void FunctionLowering::access(const Inst& inst, bool linear) {
  const Form form = form_of(inst.op);
  const Type in_memory = form.narrow == Type::None ? inst.type : form.narrow;
  const Value address = linear ? checked(to_word(inst, 0), inst.imm, size_of(in_memory))
                               : c_.op(Opcode::Add, Type::I64, value(inst, 0), c_.word(inst.imm));
  if (form.stores) {
    const Value whole = value(inst, 1);
    const bool same = in_memory == inst.type;
    return e_.store(in_memory, address, same ? whole : c_.cast(Opcode::Trunc, in_memory, inst.type, whole));
  }
  const Value loaded = e_.load(in_memory, address);
  const Opcode widen = form.is_signed ? Opcode::Sext : Opcode::Zext;
  define(inst, in_memory == inst.type ? loaded : c_.cast(widen, inst.type, in_memory, loaded));
}

bool FunctionLowering::memory(const Inst& inst) {
  const auto narrowed = [&](Value word) {
    return inst.type == Type::I64 ? word : c_.cast(Opcode::Trunc, inst.type, Type::I64, word);
  };
  const Value self = c_.word(m_.self());
  switch (inst.op) {
  case Opcode::MemorySize:
    define(inst, narrowed(c_.op(Opcode::ShrU, Type::I64, load_word(m_.state.memory_size), c_.word(16))));
    return true;
  case Opcode::MemoryGrow: {
    const Value words[] = {self, to_word(inst, 0)};
    define(inst, narrowed(e_.call_host(RunState::grow_address(), words)));
    return true;
  }
  case Opcode::MemoryFill: {
    const Value length = to_word(inst, 2), to = checked_range(to_word(inst, 0), length);
    const Value words[] = {self, to, to_word(inst, 1), length};
    e_.call_host(RunState::fill_address(), words);
    return true;
  }
  case Opcode::MemoryCopy: {
    const Value length = to_word(inst, 2), to = checked_range(to_word(inst, 0), length);
    const Value words[] = {self, to, checked_range(to_word(inst, 1), length), length};
    e_.call_host(RunState::copy_address(), words);
    return true;
  }
  default: return false;
  }
}

// -- operations --------------------------------------------------------------------------------------

bool FunctionLowering::inst(const Inst& inst) {
  if (info(inst.op).is(kEnds)) return terminator(inst);
  if (inst.op >= Opcode::Load && inst.op <= Opcode::Store32) return access(inst, true), true;
  if (inst.op >= Opcode::PLoad && inst.op <= Opcode::PStore32) return access(inst, false), true;
  switch (inst.op) {
  case Opcode::DivS:
  case Opcode::DivU:
  case Opcode::RemS:
  case Opcode::RemU: define(inst, division(inst)); return true;
  case Opcode::F2iS:
  case Opcode::F2iU: define(inst, conversion(inst)); return true;
  default: break;
  }
  if (control(inst) || memory(inst)) return true;
  Value in[3] = {nullptr, nullptr, nullptr}, out[2] = {nullptr, nullptr};
  if (inst.operand_count > 3 || inst.result_count > 2 || inst.result_count == 0) return false;
  for (u32 i = 0; i < inst.operand_count; ++i) in[i] = value(inst, i);
  const Type from = inst.op == Opcode::Select ? type_of(inst, 0) : inst.from;
  const Type type = inst.type == Type::Ptr && inst.op != Opcode::Bitcast ? Type::I64 : inst.type;
  if (!c_.compute({inst.op, type, from}, in, out)) return false;
  for (u32 i = 0; i < inst.result_count; ++i) define(inst, out[i], i);
  return true;
}

bool FunctionLowering::control(const Inst& inst) {
  switch (inst.op) {
  case Opcode::Const: define(inst, e_.constant(inst.type, inst.imm & bit_mask(inst.type))); return true;
  case Opcode::SlotAddr: define(inst, slots_[inst.ref]); return true;
  case Opcode::PtrAdd: define(inst, c_.op(Opcode::Add, Type::I64, value(inst, 0), value(inst, 1))); return true;
  case Opcode::LocalGet: define(inst, e_.read(locals_[inst.ref])); return true;
  case Opcode::LocalSet: e_.write(locals_[inst.ref], value(inst, 0)); return true;
  case Opcode::GlobalGet:
    define(inst, e_.load(inst.type, c_.word(m_.address(m_.state.globals[inst.ref]))));
    return true;
  case Opcode::GlobalSet:
    e_.store(inst.type, c_.word(m_.address(m_.state.globals[inst.ref])), value(inst, 0));
    return true;
  case Opcode::FuncAddr: define(inst, e_.address_of(m_.callees[inst.ref])); return true;
  case Opcode::Fuel: burn(inst.imm); return true;
  case Opcode::Call:
  case Opcode::CallIndirect:
  case Opcode::CallPtr: {
    const std::vector<Value> results = call(inst);
    for (u32 i = 0; i < inst.result_count; ++i) define(inst, results[i], i);
    look_for_exception();
    return true;
  }
  default: return false;
  }
}

} // namespace assay::fuzz::peers
