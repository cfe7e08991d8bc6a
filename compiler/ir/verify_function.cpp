// verify_function.cpp - validity of one function body: blocks, rows, types, references, definitions, dominance.
//
// One pass over the instructions in block order (the simple ones in verify_simple.cpp). An operand whose
// definition stands earlier in its own block needs nothing more; the others are noted, and judged at the end by
// the dominator tree, which is only made when there are any. Needs: signatures, globals, tags and function headers
// already checked. Linear but for dominators (see there) and the sorting of long switches. Tested in
// tests/verify_test.cpp.
#include "assay/outcome.h"
#include "compiler/ir/verifier.h"

#include <algorithm>
#include <bit>

namespace assay::ir {

bool Verifier::body(FunctionId id, const Function& body) {
  f_ = &body;
  function_ = id;
  block_ = inst_ = kNone;
  s_.use_count = 0;
  if (!arrays() || !slots() || !locals()) return false;
  for (BlockId b = 0; b < f_->blocks.size(); ++b)
    if (!block_params(b)) return false;
  block_ = kNone;
  if (!entry() || !no_shared_insts()) return false;
  for (BlockId b = 0; b < f_->blocks.size(); ++b)
    if (!block(b)) return false;
  return s_.use_count == 0 || dominance();
}

bool Verifier::arrays() {
  const Function& f = *f_;
  if (f.blocks.empty()) return fail("expected a body of at least one block, found none");
  if (f.value_defs.size() != f.value_types.size())
    return fail("expected as many value definitions as value types, found " + number(f.value_defs.size()));
  if (f.value_types.size() > 0x7fffffff || f.insts.size() > 0x7fffffff || f.blocks.size() > 0x7fffffff)
    return fail("expected fewer than 2^31 values, instructions and blocks, found more");
  s_.def_block.assign(f.value_types.size(), kNone);
  return true;
}

bool Verifier::slots() {
  u64 total = 0;
  for (const Slot& slot : f_->slots) {
    if (!std::has_single_bit(slot.align) || slot.align > 4096)
      return fail("expected a slot alignment that is a power of two up to 4096, found " + number(slot.align));
    total = ((total + slot.align - 1) & ~u64{slot.align - 1}) + slot.size;
    if (total > kMaxFrameSlots)
      return fail("expected slots of at most " + number(kMaxFrameSlots) + " bytes in a function, found " +
                  number(total));
  }
  return true;
}

bool Verifier::locals() {
  for (Type type : f_->locals)
    if (!valid_type(type)) return fail("expected a type of each local, found number " + number(static_cast<u32>(type)));
  return true;
}

bool Verifier::block_params(BlockId id) {
  const Block& block = f_->blocks[id];
  block_ = id;
  if (!inside(block.first_param, block.param_count, f_->value_types.size()))
    return fail_value("block parameters among the values", block.first_param);
  if (block.inst_count == 0) return fail("expected a terminator at the end of the block, found an empty block");
  if (!inside(block.first_inst, block.inst_count, f_->insts.size()))
    return fail("expected instructions of the block within the function, found a range outside");
  for (u32 i = 0; i < block.param_count; ++i) {
    const ValueId v = block.first_param + i;
    if (!valid_type(f_->value_types[v]))
      return fail("expected a type of parameter " + number(i) + ", found number " +
                  number(static_cast<u32>(f_->value_types[v])));
    if (!f_->value_defs[v].is_param || f_->value_defs[v].index != id)
      return fail("expected value_defs to name this block for parameter " + number(i) + ", found another definition");
    s_.def_block[v] = id;
  }
  return true;
}

bool Verifier::entry() {
  const std::span<const Type> expected = params_of(f_->signature);
  const Block& block = f_->blocks[0];
  const Type* found = f_->value_types.data() + block.first_param;
  if (std::equal(expected.begin(), expected.end(), found, found + block.param_count)) return true;
  block_ = 0;
  return fail("expected the entry block's parameters to be the function's, found others");
}

/// No instruction may lie in two blocks. With that, value_defs alone says that no value is defined twice.
/// Blocks usually lie in order, which needs no sorting.
bool Verifier::no_shared_insts() {
  u32 end = 0;
  bool ordered = true;
  for (const Block& block : f_->blocks) {
    ordered &= block.first_inst >= end;
    end = block.first_inst + block.inst_count;
  }
  if (ordered) return true;
  s_.ranges.clear();
  for (const Block& block : f_->blocks) s_.ranges.emplace_back(block.first_inst, block.inst_count);
  std::sort(s_.ranges.begin(), s_.ranges.end());
  for (std::size_t i = 1; i < s_.ranges.size(); ++i)
    if (s_.ranges[i].first < s_.ranges[i - 1].first + s_.ranges[i - 1].second)
      return fail("expected blocks that share no instruction, found instruction " + number(s_.ranges[i].first) +
                  " in two");
  return true;
}

bool Verifier::block(BlockId id) {
  const Block& block = f_->blocks[id];
  block_ = id;
  const u32 last = block.first_inst + block.inst_count - 1;
  for (inst_ = block.first_inst; (inst_ = accept_simple(inst_, last)) < last; ++inst_)
    if (!inst(f_->insts[inst_], false)) return false;
  return inst(f_->insts[last], true);
}

bool Verifier::inst(const Inst& inst, bool last) {
  if (static_cast<u32>(inst.op) >= kOpcodeCount)
    return fail("expected an operation, found number " + number(static_cast<u32>(inst.op)));
  const OpShape& row = shape(inst.op);
  if (row.is(kEnds) != last) {
    return last ? fail("expected a terminator at the end of the block, found " + operation(inst))
                : fail("expected no instruction after the terminator " + operation(inst) + ", found one");
  }
  if (static_cast<u32>(inst.type) >= kTypeCount || static_cast<u32>(inst.from) >= kTypeCount ||
      !suffixes_allowed(row, inst.type, inst.from))
    return suffixes(inst, row);
  if (!inside(inst.operands, inst.operand_count, f_->pool.size()))
    return fail("expected operands within the pool, found a range outside");
  call_results_ = {};
  if (!operands(inst, row)) return false;
  if (row.form != Form::Plain && !form(inst, row)) return false;
  if (row.form == Form::Plain && !needs_memory(inst, row)) return false;
  if (!last && inst.edge_count != 0)
    return fail("expected edges only on terminators, found some on " + operation(inst));
  return (!last || edges(inst, row)) && results(inst, row);
}

/// Says what is wrong with the suffixes.
bool Verifier::suffixes(const Inst& inst, const OpShape& row) {
  const auto suffix = [](Type type) { return std::string(name_of(type)); };
  if (static_cast<u32>(inst.type) >= kTypeCount || (row.types & mask_of(inst.type)) == 0)
    return fail("expected " + operation(inst) +
                (row.has_type() ? " of type " + type_names(row.types) : std::string(" without a type")) + ", found " +
                suffix(inst.type));
  if (static_cast<u32>(inst.from) >= kTypeCount || (row.from_types & mask_of(inst.from)) == 0)
    return fail("expected " + operation(inst) +
                (row.has_from() ? " from type " + type_names(row.from_types) : std::string(" without a second type")) +
                ", found " + suffix(inst.from));
  const char* relation = row.relation == Relation::Wider      ? "a wider type than "
                         : row.relation == Relation::Narrower ? "a narrower type than "
                                                              : "another type of the size of ";
  return fail("expected " + operation(inst) + " to " + relation + suffix(inst.from) + ", found " + suffix(inst.type));
}

bool Verifier::operand_type(const Inst& inst, u32 index, TypeMask allowed) {
  const ValueId v = f_->pool[inst.operands + index];
  if (v >= f_->value_types.size()) return fail_value("an operand among the values", v);
  const Type type = f_->value_types[v];
  use(v);
  if (static_cast<u32>(type) < kTypeCount && (mask_of(type) & allowed) != 0) return true;
  return fail("expected " + type_names(allowed) + " as operand " + number(index) + " of " + operation(inst) +
              ", found " + std::string(name_of(type)));
}

bool Verifier::operands(const Inst& inst, const OpShape& row) {
  if (inst.operand_count != row.operand_count && (!row.any_operands || inst.operand_count < row.operand_count))
    return fail("expected " + number(row.operand_count) + " operands of " + operation(inst) + ", found " +
                number(inst.operand_count));
  const auto masks = letter_masks(inst.type, inst.from);
  for (u32 i = 0; i < row.operand_count; ++i)
    if (!operand_type(inst, i, masks[static_cast<u32>(row.operands[i])])) return false;
  return true;
}

/// The operands from `first` on have exactly these types.
bool Verifier::star_operands(const Inst& inst, u32 first, std::span<const Type> types, const char* of) {
  if (inst.operand_count - first != types.size())
    return fail("expected " + number(types.size()) + " values, as " + of + " has, found " +
                number(inst.operand_count - first));
  for (u32 i = 0; i < types.size(); ++i)
    if (!operand_type(inst, first + i, mask_of(types[i]))) return false;
  return true;
}

bool Verifier::needs_memory(const Inst& inst, const OpShape& row) {
  return m_.has_memory || !row.linear_memory ||
         fail("expected a memory line in the module, which " + operation(inst) + " needs, found none");
}

bool Verifier::callee(const Inst& inst, const OpShape& row) {
  const bool direct = row.form == Form::Call || row.form == Form::TryCall;
  if (inst.ref >= (direct ? m_.functions.size() : m_.signatures.size()))
    return fail(std::string("expected a ") + (direct ? "function" : "signature") + " of the module, found number " +
                number(inst.ref));
  const SignatureId signature = direct ? m_.functions[inst.ref].signature : inst.ref;
  const bool through_table = row.form == Form::CallIndirect || row.form == Form::TryCallIndirect;
  if (through_table && !m_.has_table)
    return fail("expected a table line in the module, which " + operation(inst) + " needs, found none");
  if (!star_operands(inst, row.operand_count, params_of(signature), "the callee's signature")) return false;
  call_results_ = results_of(signature);
  const bool tail = row.is(kEnds) && (row.form == Form::Call || row.form == Form::CallIndirect);
  return !tail || same_results(call_results_);
}

bool Verifier::same_results(std::span<const Type> callee) {
  const std::span<const Type> own = results_of(f_->signature);
  return std::equal(own.begin(), own.end(), callee.begin(), callee.end()) ||
         fail("expected a tail call of a function with this function's results, found others");
}

bool Verifier::form(const Inst& inst, const OpShape& row) {
  switch (row.form) {
  case Form::Const:
    return (inst.imm & ~bit_mask(inst.type)) == 0 || fail("expected a literal within its type, found higher bits");
  case Form::Access: return needs_memory(inst, row);
  case Form::Slot:
    return inst.ref < f_->slots.size() || fail("expected a slot of the function, found number " + number(inst.ref));
  case Form::Local:
    if (inst.ref >= f_->locals.size())
      return fail("expected a local of the function, found number " + number(inst.ref));
    return f_->locals[inst.ref] == inst.type || fail("expected type " + std::string(name_of(f_->locals[inst.ref])) +
                                                     ", as the local has, found " + std::string(name_of(inst.type)));
  case Form::Global:
    if (inst.ref >= m_.globals.size()) return fail("expected a global of the module, found number " + number(inst.ref));
    return m_.globals[inst.ref].type == inst.type ||
           fail("expected type " + std::string(name_of(m_.globals[inst.ref].type)) + ", as the global has, found " +
                std::string(name_of(inst.type)));
  case Form::FuncAddr:
    return inst.ref < m_.functions.size() ||
           fail("expected a function of the module, found number " + number(inst.ref));
  case Form::Call:
  case Form::CallIndirect:
  case Form::CallPtr:
  case Form::TryCall:
  case Form::TryCallIndirect:
  case Form::TryCallPtr: return callee(inst, row);
  case Form::Return: return star_operands(inst, 0, results_of(f_->signature), "the function's signature");
  case Form::Trap: return inst.imm < kTrapCount || fail("expected a trap, found number " + number(inst.imm));
  case Form::Throw:
    if (inst.ref >= m_.tags.size()) return fail("expected a tag of the module, found number " + number(inst.ref));
    return star_operands(inst, 0, params_of(m_.tags[inst.ref].signature), "the tag's payload");
  default: return true; // jump, branch, switch: verify_edges.cpp; fuel takes any number
  }
}

bool Verifier::results(const Inst& inst, const OpShape& row) {
  const u32 expected = row.any_results ? static_cast<u32>(call_results_.size()) : row.result_count;
  if (inst.result_count != expected)
    return fail("expected " + number(expected) + " results of " + operation(inst) + ", found " +
                number(inst.result_count));
  if (expected == 0) return true;
  if (!inside(inst.first_result, expected, f_->value_types.size()))
    return fail_value("results among the values", inst.first_result);
  for (u32 i = 0; i < expected; ++i)
    if (!define(inst, i, row.any_results ? call_results_[i] : result_type(row.results[i], inst.type, inst.from)))
      return false;
  return true;
}

bool Verifier::define(const Inst& inst, u32 index, Type type) {
  const ValueId v = inst.first_result + index;
  if (f_->value_types[v] != type)
    return fail("expected type " + std::string(name_of(type)) + " of result " + number(index) + " of " +
                operation(inst) + ", found " + std::string(name_of(f_->value_types[v])));
  if (f_->value_defs[v].is_param || f_->value_defs[v].index != inst_)
    return fail("expected value_defs to name this instruction for result " + number(index) +
                ", found another definition");
  s_.def_block[v] = block_;
  return true;
}

bool Verifier::dominance() {
  s_.dominators.compute(*f_);
  for (const VerifierScratch::Use& use : std::span(s_.uses.data(), s_.use_count)) {
    const BlockId def = s_.def_block[use.value];
    block_ = use.block;
    inst_ = use.inst;
    if (def == kNone) return fail_value("a value that a block or an instruction defines", use.value);
    if (!s_.dominators.reachable(use.block)) continue;
    if (def == use.block)
      return fail("expected a value defined before its use, found one defined later in the same block");
    if (!s_.dominators.dominates(def, use.block))
      return fail("expected a value whose definition dominates its use, found one defined in ^b" + number(def));
  }
  return true;
}

} // namespace assay::ir
