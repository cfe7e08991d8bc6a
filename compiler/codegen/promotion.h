// promotion.h - which locals of a function are values at -O0, and at which blocks such a value begins anew.
//
// Without making the function SSA: a block gets a parameter for a local that is live there where definitions of it
// meet. Blocks are looked at in reverse postorder, a bit a local: liveness first, then the definition that reaches each
// block along the ways seen so far. A way back that brings another one than the loop was thought to begin with gives
// its target a parameter, and all is looked at once more; mostly that is the end. (After Braun and others, "Simple and
// Efficient Construction of Static Single Assignment Form", 2013, but before anything is built.) Only the first 64
// locals, and none where there is too much to look at: they live in the frame then. Linear: the rounds are counted, and
// the words. Lowering asks while it walks in the same order (lowering.cpp). Tested in
// compiler/codegen/tests/promotion_test.cpp.
#pragma once

#include "compiler/codegen/flow.h"

#include <bit>
#include <vector>

namespace assay::codegen {

/// A bit a local.
using Locals = u64;
inline constexpr u32 kMostPromoted = 64;

/// Calls `what` with the number of each local in the set, the least first.
template <typename What> void each_local(Locals set, What&& what) {
  for (; set != 0; set &= set - 1) what(static_cast<u32>(std::countr_zero(set)));
}

class Promotion {
public:
  /// No local is a value.
  void none() { locals_ = 0; }
  /// Of the locals in `wanted` all or none.
  void compute(const Function& function, const Flow& flow, Locals wanted);

  Locals locals() const { return locals_; }
  bool has(LocalId local) const { return local < kMostPromoted && (locals_ >> local & 1) != 0; }
  /// For which the block has a parameter; a part of those that are live where it begins.
  Locals params(BlockId block) const { return blocks_[block].params; }
  /// What comes into the block with one definition, whichever way.
  Locals passed_on(BlockId block) const { return blocks_[block].live & ~blocks_[block].params; }
  /// A word a local: for whoever walks over the blocks.
  u32* row(BlockId block) { return rows_.data() + std::size_t{block} * stride_; }

private:
  struct OfBlock {
    Locals reads = 0; // before it sets them
    Locals sets = 0;
    Locals live = 0; // where it begins
    Locals params = 0;
    u32 number = kNone; // in reverse postorder
    u32 reached = 0;    // in this round already
  };

  void look_at(const Function& function, const Flow& flow, Locals wanted);
  bool find_live(const Function& function, const Flow& flow);
  bool place(const Function& function, const Flow& flow, u32 round);
  bool give(const OfBlock& from, const u32* definitions, BlockId to, u32 round);

  Locals locals_ = 0;
  std::size_t stride_ = 0;
  bool loops_ = false;
  std::vector<OfBlock> blocks_; // [BlockId]
  std::vector<u32> rows_;       // [BlockId][local]
  std::vector<u32> leaving_;    // [local], of the block that is looked at
};

} // namespace assay::codegen
