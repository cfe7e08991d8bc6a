// edit.h - changes to the arrays of a Function that keep them consistent.
//
// A Function holds each block as a run of insts; whoever inserts or deletes must shift what lies behind and
// keep value_defs right. That is done here and nowhere else. Linear in the function.
// Tested in fuzz/mutate/tests/edit_test.cpp.
#pragma once

#include "assay/module.h"

#include <span>
#include <vector>

namespace assay::fuzz {

/// An instruction to put before instruction `before` (of the same block). Its operands lie in the pool and its
/// results in the value arrays already.
struct Insertion {
  InstId before = 0;
  Inst inst;
};

/// Inserts all of them; sorted by `before`, those of the same place in their order.
void insert_all(Function& f, std::span<const Insertion> insertions);

/// Removes one instruction, which is not a terminator and whose results nothing uses any more.
void erase_inst(Function& f, InstId inst);

/// Gives every value a new number in the order of blocks, drops numbers, pool entries and edges that nothing
/// refers to, and lays the blocks out in their order.
void renumber(Function& f);

/// Appends one value defined by an instruction (whose id insert_all sets).
ValueId add_value(Function& f, Type type);
/// Appends operands to the pool; the index of the first.
u32 add_operands(Function& f, std::span<const ValueId> operands);
/// An instruction with these operands and, when `result` is not None, one new value of that type.
Inst make_inst(Function& f, Opcode op, Type type, Type from, std::span<const ValueId> operands, Type result);

/// The block that holds the instruction. Linear in the blocks.
BlockId block_of(const Function& f, InstId inst);

} // namespace assay::fuzz
