// emitter.h - appends instructions to a function as FunctionBuilder does, with less asked and more inlined.
//
// The generator knows that what it emits is right (the verifier is asked in its tests), and emission is a fifth
// of its time; so this keeps a pointer to the function, whose module must not grow meanwhile, and checks
// nothing. Same arrays, same order as FunctionBuilder's: tests/emitter_test.cpp compares the two.
#pragma once

#include "assay/builder.h"
#include "assay/module.h"
#include "fuzz/generate/draw/opcode_index.h"

#include <span>

namespace assay::fuzz {

class Emitter {
public:
  /// Starts the body of the function, which must be empty.
  void start(Module& module, FunctionId function) {
    module_ = &module;
    f_ = &module.functions[function];
  }

  BlockId entry() { return block(module_->params_of(*f_)); }

  BlockId block(std::span<const Type> params = {}) {
    const BlockId id = static_cast<BlockId>(f_->blocks.size());
    f_->blocks.push_back({0, 0, f_->value_count(), static_cast<u32>(params.size())});
    for (const Type type : params) define(type, {id, true});
    return id;
  }

  ValueId param(BlockId block, u32 index) const { return f_->blocks[block].first_param + index; }

  void begin(BlockId block) {
    current_ = block;
    f_->blocks[block].first_inst = static_cast<u32>(f_->insts.size());
  }

  SlotId slot(u32 size, u32 align) {
    f_->slots.push_back({size, align});
    return static_cast<SlotId>(f_->slots.size()) - 1;
  }

  LocalId local(Type type) {
    f_->locals.push_back(type);
    return static_cast<LocalId>(f_->locals.size()) - 1;
  }

  ValueId emit(Opcode op, Type type, Type from, std::span<const ValueId> operands, u32 ref, u64 imm,
               u32 edge_count = 0) {
    Function& f = *f_;
    const InstId id = static_cast<InstId>(f.insts.size());
    const ValueId first_result = f.value_count();
    const u32 first_operand = append(operands);
    const ResultLetters results = result_letters(op);
    if (results.is_call) {
      results_of_call(op, ref, id);
    } else {
      for (u32 i = 0; i < results.count; ++i) define(type_of_letter(results.letters[i], type, from), {id, false});
    }
    const u32 result_count = f.value_count() - first_result;
    f.insts.push_back({op, type, from, first_operand, static_cast<u32>(operands.size()), first_result, result_count,
                       static_cast<u32>(f.edges.size()), edge_count, ref, imm});
    ++f.blocks[current_].inst_count;
    return result_count != 0 ? first_result : kNone;
  }

  void end(Opcode op, Type type, std::span<const ValueId> operands, std::span<const EdgeTarget> targets, u32 ref,
           u64 imm) {
    emit(op, type, Type::None, operands, ref, imm, static_cast<u32>(targets.size()));
    for (const EdgeTarget& target : targets) {
      const u32 args = append(target.args);
      f_->edges.push_back({target.block, args, static_cast<u32>(target.args.size()), target.kind, target.value});
    }
  }

private:
  void define(Type type, ValueDef def) {
    f_->value_types.push_back(type);
    f_->value_defs.push_back(def);
  }

  u32 append(std::span<const ValueId> values) {
    const u32 first = static_cast<u32>(f_->pool.size());
    for (const ValueId value : values) f_->pool.push_back(value);
    return first;
  }

  void results_of_call(Opcode op, u32 ref, InstId id) {
    const SignatureId signature = info(op).form == Form::Call ? module_->functions[ref].signature : ref;
    for (const Type type : module_->results(module_->signatures[signature])) define(type, {id, false});
  }

  Module* module_ = nullptr;
  Function* f_ = nullptr;
  BlockId current_ = kNone;
};

} // namespace assay::fuzz
