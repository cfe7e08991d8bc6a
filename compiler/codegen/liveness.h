// liveness.h - where each virtual register is live: block live-in lists, use positions, range ends, hints.
//
// One backward look at every operand lists the uses; then each register that leaves its defining block is walked
// from its uses up to the definition (Boissinot et al., "Computing Liveness Sets for SSA-Form Programs", 2011,
// "by variable"): the cost is that of the result, so a long function with short ranges is linear.
// Needs the invariants of lir.h (one definition that dominates its uses, blocks in reverse postorder).
// Positions are instruction indices. Tested in compiler/codegen/tests/regalloc_test.cpp.
#pragma once

#include "compiler/codegen/lir.h"

#include <vector>

namespace assay::codegen {

/// What is known of a virtual register before allocation.
struct LiveRange {
  u32 uses = kNone;  // its first use: an index for Liveness::use
  u32 start = kNone; // position of its definition; of a block parameter: the block's first instruction
  u32 end = 0;       // the last position, in layout order, where it is still needed
  u32 def_block = kNone;
  PReg hint = 255; // the first fixed register that it is wanted in, or 255
  bool is_param = false;
};

class Liveness {
public:
  struct Use {
    u32 position;
    u32 next; // the next use, by position, or kNone
    u32 block;
  };

  /// False when the live-in entries exceed kMaxEntries.
  bool compute(const LirFunction& function);

  static constexpr u32 kMaxEntries = 1u << 25;

  /// Calls `visit(vreg)` for each register live into `block` (its own parameters excluded).
  template <typename Visit> void for_each_live_in(u32 block, Visit visit) const {
    for (u32 node = head_[block]; node != kNone; node = nodes_[node].next) visit(nodes_[node].vreg);
  }
  const LiveRange& range(VReg vreg) const { return ranges_[vreg]; }
  const Use& use(u32 index) const { return uses_[index]; }
  /// The instruction demands no particular register, writes nothing early, reads nothing late, clobbers nothing,
  /// ties at most one definition, and lists its definitions before its uses.
  bool plain(u32 inst) const { return plain_[inst] != 0; }
  /// Positions of instructions with a clobber set, descending.
  const std::vector<u32>& calls() const { return calls_; }

private:
  struct Node {
    VReg vreg;
    u32 next;
  };
  void scan_block(const LirFunction& function, u32 block);
  void scan_instruction(const LirFunction& function, u32 position, u32 block, u32 block_end);
  void define(VReg vreg, u32 position, u32 block, u32 block_end);
  void add_use(VReg vreg, u32 position, u32 block) {
    LiveRange& range = ranges_[vreg];
    const u32 index = use_count_++, next = range.uses;
    range.uses = index;
    if (next == kNone) range.end = position;
    uses_[index] = {position, next, block};
  }
  bool walk_up(const LirFunction& function, VReg vreg);

  std::vector<LiveRange> ranges_; // [VReg]
  std::vector<Use> uses_;
  u32 use_count_ = 0;
  std::vector<u8> plain_; // [inst]
  std::vector<u32> calls_;
  std::vector<VReg> escaping_; // used outside the defining block
  std::vector<u32> head_;      // [block]
  std::vector<Node> nodes_;
  std::vector<u32> marked_; // [block]: the last register found live into it
  std::vector<u32> worklist_;
};

} // namespace assay::codegen
