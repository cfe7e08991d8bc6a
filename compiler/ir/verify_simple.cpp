// verify_simple.cpp - the fast way through instructions that need nothing but their row checked.
//
// Arithmetic, casts, constants, loads and stores are most of a program. Here they are judged with few branches on
// their data, by the masks of OpShape. An instruction that is not simple, or not right, is left to Verifier::inst,
// which decides and says why; nothing has been recorded of it then. So this file can only accept. Some 20 ns an
// instruction. Tested in tests/verify_test.cpp and tests/verify_memory_test.cpp, as all verification runs through
// it.
#include "compiler/ir/verifier.h"

namespace assay::ir {

namespace {

/// The arrays of the function as pointers, so that they stay in registers.
struct Run {
  const Type* types;
  const ValueDef* defs;
  BlockId* def_block;
  const u32* pool;
  u32 value_count, pool_size;
  BlockId block;
  bool has_memory;

  bool row_fits(const Inst& inst, const OpShape& row) const {
    const u32 pair = 8 * static_cast<u32>(inst.type) + static_cast<u32>(inst.from); // may be any number up to 2295
    const bool types_fit = static_cast<u32>(inst.from) < kTypeCount && pair < 64 && (row.pairs >> (pair & 63) & 1) != 0;
    const bool counts_fit =
        inst.operand_count == row.operand_count && inst.result_count == row.result_count && inst.edge_count == 0;
    const bool operands_exist = inst.operands <= pool_size && row.operand_count <= pool_size - inst.operands;
    const bool results_exist = row.result_count == 0 ||
                               (inst.first_result < value_count && row.result_count <= value_count - inst.first_result);
    return types_fit && counts_fit && operands_exist && results_exist && (!row.linear_memory || has_memory);
  }

  /// The operands; the uses to be judged later are appended to `out`. Null when something is wrong.
  VerifierScratch::Use* operands(const Inst& inst, const OpShape& row, InstId id, VerifierScratch::Use* out) const {
    const u32 t_mask = mask_of(inst.type), s_mask = mask_of(inst.from);
    const u32* values = pool + inst.operands;
    for (u32 i = 0; i < row.operand_count; ++i) {
      const ValueId v = values[i];
      if (v >= value_count) return nullptr;
      const u32 found = static_cast<u32>(types[v]);
      const u32 allowed = row.fixed_masks[i] | (t_mask & row.t_selects[i]) | (s_mask & row.s_selects[i]);
      if (found >= kTypeCount || (allowed >> found & 1) == 0) return nullptr;
      *out = {v, block, id};
      out += def_block[v] != block;
    }
    return out;
  }

  bool result_fits(const Inst& inst, const OpShape& row, u32 index, InstId id) const {
    const ValueId v = inst.first_result + index;
    return types[v] == result_type(row.results[index], inst.type, inst.from) && defs[v].index == id &&
           !defs[v].is_param;
  }
};

} // namespace

/// Accepts instructions from `first` on, and gives the first that it did not; `last` when it accepted all.
InstId Verifier::accept_simple(InstId first, InstId last) {
  const Run run{f_->value_types.data(),
                f_->value_defs.data(),
                s_.def_block.data(),
                f_->pool.data(),
                static_cast<u32>(f_->value_types.size()),
                static_cast<u32>(f_->pool.size()),
                block_,
                m_.has_memory};
  const Inst* insts = f_->insts.data();
  for (InstId id = first; id < last; ++id) {
    const Inst& inst = insts[id];
    if (static_cast<u32>(inst.op) >= kOpcodeCount) return id;
    const OpShape& row = shape(inst.op);
    if (!row.simple || !run.row_fits(inst, row) || (row.form == Form::Const && (inst.imm & ~bit_mask(inst.type)) != 0))
      return id;
    reserve_uses();
    VerifierScratch::Use* uses = run.operands(inst, row, id, s_.uses.data() + s_.use_count);
    if (uses == nullptr) return id;
    for (u32 i = 0; i < row.result_count; ++i)
      if (!run.result_fits(inst, row, i, id)) return id;
    for (u32 i = 0; i < row.result_count; ++i) run.def_block[inst.first_result + i] = block_;
    s_.use_count = static_cast<u32>(uses - s_.uses.data());
  }
  return last;
}

} // namespace assay::ir
