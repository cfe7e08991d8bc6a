// builder.cpp - appends instructions to a Function and computes their result types from the table.
//
// Needs: blocks are filled one after the other, so that each is a contiguous run of instructions; the spans
// given do not lie in the function that grows. Leaves: value_types and value_defs filled for every result and
// parameter. Misuse of the order (no block begun, two begun at once) is a broken invariant of the caller;
// everything else is for the verifier. Amortised O(1) an instruction. Tested in tests/builder_test.cpp.
#include "assay/builder.h"

#include "assay/errors.h"
#include "compiler/ir/op_shape.h"

#include <bit>

namespace assay {

namespace {

template <typename T> u32 count_of(const std::vector<T>& items) { return static_cast<u32>(items.size()); }

/// Appends value ids to the pool; gives the index of the first.
u32 append_values(Function& f, std::span<const ValueId> values) {
  const u32 first = count_of(f.pool);
  f.pool.insert(f.pool.end(), values.begin(), values.end());
  return first;
}

void append_results(Function& f, Inst& inst, std::span<const Type> types, InstId id) {
  inst.result_count += static_cast<u32>(types.size());
  for (Type type : types) {
    f.value_types.push_back(type);
    f.value_defs.push_back({id, false});
  }
}

/// The results of the next instruction, from the row or the callee's signature.
void make_results(const Module& module, Function& f, Inst& inst) {
  const ir::OpShape& row = ir::shape(inst.op);
  const InstId id = count_of(f.insts);
  inst.first_result = f.value_count();
  if (row.any_results) {
    ASSAY_CHECK(row.form != Form::Call || inst.ref < module.functions.size());
    const SignatureId signature = row.form == Form::Call ? module.functions[inst.ref].signature : inst.ref;
    ASSAY_CHECK(signature < module.signatures.size());
    append_results(f, inst, module.results(module.signatures[signature]), id);
    return;
  }
  for (u32 i = 0; i < row.result_count; ++i) {
    const Type type = ir::result_type(row.results[i], inst.type, inst.from);
    append_results(f, inst, {&type, 1}, id);
  }
}

} // namespace

FunctionBuilder::FunctionBuilder(Module& module, FunctionId function) : module_(module), function_(function) {
  ASSAY_CHECK(function < module.functions.size());
  ASSAY_CHECK(fn().blocks.empty() && fn().insts.empty() && !fn().imported);
}

BlockId FunctionBuilder::block(std::span<const Type> params) {
  Function& f = fn();
  const BlockId id = count_of(f.blocks);
  Block block;
  block.first_param = f.value_count();
  block.param_count = static_cast<u32>(params.size());
  f.blocks.push_back(block);
  for (Type type : params) {
    f.value_types.push_back(type);
    f.value_defs.push_back({id, true});
  }
  return id;
}

BlockId FunctionBuilder::entry() {
  ASSAY_CHECK(fn().blocks.empty());
  return block(module_.params_of(fn()));
}

ValueId FunctionBuilder::param(BlockId block, u32 index) const {
  ASSAY_CHECK(block < fn().blocks.size() && index < fn().blocks[block].param_count);
  return fn().blocks[block].first_param + index;
}

void FunctionBuilder::begin(BlockId block) {
  ASSAY_CHECK(current_ == kNone && block < fn().blocks.size() && fn().blocks[block].inst_count == 0);
  fn().blocks[block].first_inst = count_of(fn().insts);
  current_ = block;
}

SlotId FunctionBuilder::slot(u32 size, u32 align) {
  fn().slots.push_back({size, align});
  return count_of(fn().slots) - 1;
}

LocalId FunctionBuilder::local(Type type) {
  fn().locals.push_back(type);
  return count_of(fn().locals) - 1;
}

ValueId FunctionBuilder::emit(Opcode op, Type type, Type from, std::span<const ValueId> operands, u32 ref, u64 imm) {
  ASSAY_CHECK(current_ != kNone);
  Function& f = fn();
  Inst inst;
  inst.op = op;
  inst.type = type;
  inst.from = from;
  inst.ref = ref;
  inst.imm = imm;
  inst.operands = append_values(f, operands);
  inst.operand_count = static_cast<u32>(operands.size());
  make_results(module_, f, inst);
  inst.first_edge = count_of(f.edges);
  f.insts.push_back(inst);
  ++f.blocks[current_].inst_count;
  if (ir::shape(op).is(kEnds)) current_ = kNone;
  return inst.result_count != 0 ? inst.first_result : kNone;
}

void FunctionBuilder::end(Opcode op, Type type, std::span<const ValueId> operands, std::span<const EdgeTarget> targets,
                          u32 ref, u64 imm) {
  ASSAY_CHECK(ir::shape(op).is(kEnds));
  emit(op, type, Type::None, operands, ref, imm);
  Function& f = fn();
  f.insts.back().edge_count = static_cast<u32>(targets.size());
  for (const EdgeTarget& target : targets) {
    Edge edge;
    edge.target = target.block;
    edge.args = append_values(f, target.args);
    edge.arg_count = static_cast<u32>(target.args.size());
    edge.kind = target.kind;
    edge.value = target.value;
    f.edges.push_back(edge);
  }
}

ValueId FunctionBuilder::iconst(Type type, i64 value) {
  return emit(Opcode::Const, type, Type::None, {}, kNone, static_cast<u64>(value) & bit_mask(type));
}

ValueId FunctionBuilder::fconst(Type type, double value) {
  const u64 bits = type == Type::F32 ? std::bit_cast<u32>(static_cast<float>(value)) : std::bit_cast<u64>(value);
  return emit(Opcode::Const, type, Type::None, {}, kNone, bits);
}

ValueId FunctionBuilder::load(Opcode op, Type type, ValueId address, u64 offset) {
  return emit(op, type, Type::None, {&address, 1}, kNone, offset);
}

void FunctionBuilder::store(Opcode op, Type type, ValueId address, u64 offset, ValueId value) {
  const ValueId operands[] = {address, value};
  emit(op, type, Type::None, operands, kNone, offset);
}

ValueId FunctionBuilder::call(FunctionId callee, std::span<const ValueId> args) {
  return emit(Opcode::Call, Type::None, Type::None, args, callee);
}

void FunctionBuilder::jump(BlockId target, std::initializer_list<ValueId> args) {
  const EdgeTarget edge{target, {args.begin(), args.size()}};
  end(Opcode::Jump, Type::None, {}, {&edge, 1});
}

void FunctionBuilder::branch(ValueId condition, EdgeTarget if_true, EdgeTarget if_false) {
  const EdgeTarget edges[] = {if_true, if_false};
  end(Opcode::Branch, Type::None, {&condition, 1}, edges);
}

void FunctionBuilder::ret(std::span<const ValueId> values) { emit(Opcode::Return, Type::None, Type::None, values); }

void FunctionBuilder::trap(TrapKind kind) {
  emit(Opcode::Trap, Type::None, Type::None, {}, kNone, static_cast<u64>(kind));
}

void FunctionBuilder::fuel(u64 amount) { emit(Opcode::Fuel, Type::None, Type::None, {}, kNone, amount); }

} // namespace assay
