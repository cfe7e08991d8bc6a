// changes.h - the changes of metamorph.h, a function each. Internal to fuzz/metamorph.
//
// Each returns false when it found no place. Tested in fuzz/metamorph/tests/metamorph_test.cpp.
#pragma once

#include "fuzz/metamorph/metamorph.h"

namespace assay::fuzz {

// changes_code.cpp
bool add_dead_code(MorphContext& c);
bool add_dead_store(MorphContext& c);
bool reorder(MorphContext& c);
bool rename_storage(MorphContext& c);
bool outline(MorphContext& c);
// changes_control.cpp
bool add_opaque_branch(MorphContext& c);
bool split_block(MorphContext& c);
bool merge_blocks(MorphContext& c);
bool shuffle_blocks(MorphContext& c);

/// Values that are there before instruction `at` of the block, and defined in it: numbers, or integers only.
std::vector<ValueId> values_before(const LooseFunction& body, u32 block, std::size_t at, bool integers);

/// An instruction of this kind with one result, a new value of `result`.
LooseInst make(LooseFunction& body, Opcode op, Type type, std::vector<ValueId> operands, Type result, u64 imm = 0);

/// A block that is more than a terminator when `least` is 1; kNone: there is none.
u32 pick_block(const MorphContext& c, std::size_t least);

/// A place in the block before which something may be put: not behind the terminator.
std::size_t pick_place(const MorphContext& c, u32 block);

} // namespace assay::fuzz
