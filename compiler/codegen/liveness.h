// liveness.h - where each virtual register is live: block live-in lists, use positions, range ends.
//
// Walks back from each use to the definition, value by value (Boissinot et al., "Computing Liveness Sets for
// SSA-Form Programs", 2011, "by variable with use-def chains"): cost is that of the result, so a long
// function with short ranges is linear. Needs the invariants of lir.h (one definition that dominates its uses).
// Positions are instruction indices. Tested in compiler/codegen/tests/liveness_test.cpp.
#pragma once

#include "compiler/codegen/lir.h"

#include <vector>

namespace assay::codegen {

class Liveness {
public:
  /// False when the live-in entries exceed `kMaxEntries`.
  bool compute(const LirFunction& function);

  static constexpr u32 kMaxEntries = 1u << 25;

  /// Calls `visit(vreg)` for each register live into `block` (its own parameters excluded).
  template <typename Visit> void for_each_live_in(u32 block, Visit visit) const {
    for (u32 node = head_[block]; node != kNone; node = nodes_[node].next) visit(nodes_[node].vreg);
  }
  /// Positions that read the register, ascending; an argument of a block counts at its terminator.
  std::span<const u32> uses(VReg vreg) const { return {uses_.data() + first_use_[vreg], first_use_[vreg + 1] - first_use_[vreg]}; }
  /// Index of uses(vreg)[0] in one array of all uses.
  u32 first_use(VReg vreg) const { return first_use_[vreg]; }
  u32 use_at(u32 index) const { return uses_[index]; }
  u32 uses_end(VReg vreg) const { return first_use_[vreg + 1]; }
  /// The definition's position (a block parameter's is its block's first instruction).
  u32 start(VReg vreg) const { return start_[vreg]; }
  bool is_param(VReg vreg) const { return is_param_[vreg] != 0; }
  /// The last position, in layout order, where the register is still needed.
  u32 end(VReg vreg) const { return end_[vreg]; }

private:
  struct Node {
    VReg vreg;
    u32 next;
  };
  void collect(const LirFunction& function);
  bool walk_up(const LirFunction& function);

  std::vector<u32> head_;      // [block]
  std::vector<Node> nodes_;
  std::vector<u32> uses_, first_use_;
  std::vector<u32> use_block_; // parallel to uses_
  std::vector<u32> start_, end_, def_block_;
  std::vector<u8> is_param_;
  std::vector<u32> marked_;    // [block]: the last register found live into it
  std::vector<u32> worklist_;
};

} // namespace assay::codegen
