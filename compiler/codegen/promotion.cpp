// promotion.cpp - see promotion.h. Definitions are numbered: 0 is the zero that a local is before it is set, a block
// has one number for its parameter and one for what it sets last. Tested in compiler/codegen/tests/promotion_test.cpp.
#include "compiler/codegen/promotion.h"

#include "assay/planted.h"

#include <algorithm>

namespace assay::codegen {
namespace {

constexpr u32 kMostPromotionRounds = 12;
constexpr std::size_t kMostWords = std::size_t{1} << 20;

constexpr u32 as_parameter(BlockId block) { return 2 * block + 1; }
constexpr u32 as_set(BlockId block) { return 2 * block + 2; }

} // namespace

void Promotion::look_at(const Function& function, const Flow& flow, Locals wanted) {
  blocks_.assign(function.blocks.size(), {});
  loops_ = false;
  u32 number = 0;
  for (const BlockId id : flow.order()) {
    OfBlock& block = blocks_[id];
    block.number = number++;
    for (const Inst& inst : function.insts_of(function.blocks[id])) {
      if (inst.op != Opcode::LocalGet && inst.op != Opcode::LocalSet) continue;
      const Locals local = inst.ref < kMostPromoted ? wanted & (Locals{1} << inst.ref) : 0;
      if (inst.op == Opcode::LocalSet) block.sets |= local;
      else block.reads |= local & ~block.sets;
    }
    for (const Edge& edge : function.edges_of(function.terminator(function.blocks[id])))
      loops_ |= blocks_[edge.target].number != kNone;
  }
}

/// False: not within so many rounds.
bool Promotion::find_live(const Function& function, const Flow& flow) {
  const std::vector<BlockId>& order = flow.order();
  for (u32 round = 0; round < kMostPromotionRounds; ++round) {
    bool more = false;
    for (std::size_t i = order.size(); i-- != 0;) {
      OfBlock& block = blocks_[order[i]];
      Locals behind = 0;
      for (const Edge& edge : function.edges_of(function.terminator(function.blocks[order[i]])))
        behind |= blocks_[edge.target].live;
      const Locals live = block.reads | (behind & ~block.sets);
      more |= live != block.live;
      block.live = live;
    }
    if (!more || !loops_) return true;
  }
  return false;
}

/// Along one edge. Whether a block that was looked at already has got a parameter.
bool Promotion::give(const OfBlock& from, const u32* definitions, BlockId to, u32 round) {
  OfBlock& target = blocks_[to];
  u32* const known = row(to);
  if (target.reached != round) {
    target.reached = round;
    each_local(passed_on(to), [&](u32 local) { known[local] = definitions[local]; });
    return false;
  }
  Locals differ = 0;
  each_local(passed_on(to), [&](u32 local) {
    if (ASSAY_PLANTED(local_unset_is_any) && (known[local] == 0 || definitions[local] == 0)) return;
    if (known[local] != definitions[local]) differ |= Locals{1} << local;
  });
  const bool is_back = target.number <= from.number;
  if (ASSAY_PLANTED(local_join_forgotten) && !is_back) return false;
  target.params |= differ;
  return is_back && differ != 0;
}

bool Promotion::place(const Function& function, const Flow& flow, u32 round) {
  bool again = false;
  for (const BlockId id : flow.order()) {
    const OfBlock& block = blocks_[id];
    const u32* const known = row(id);
    each_local(block.live | block.sets, [&](u32 local) {
      const Locals bit = Locals{1} << local;
      leaving_[local] = (block.sets & bit) != 0     ? as_set(id)
                        : (block.params & bit) != 0 ? as_parameter(id)
                                                    : known[local];
    });
    for (const Edge& edge : function.edges_of(function.terminator(function.blocks[id])))
      again |= give(block, leaving_.data(), edge.target, round);
  }
  return again;
}

void Promotion::compute(const Function& function, const Flow& flow, Locals wanted) {
  none();
  stride_ = std::min<std::size_t>(function.locals.size(), kMostPromoted);
  const std::size_t words = stride_ * function.blocks.size();
  if (wanted == 0 || words > kMostWords) return;
  look_at(function, flow, wanted);
  if (!find_live(function, flow)) return;
  if (rows_.size() < words) rows_.resize(words);
  leaving_.assign(kMostPromoted, 0);
  std::fill_n(rows_.begin(), stride_, 0u); // where the function begins all are zero
  u32 round = 1;
  while (place(function, flow, round)) {
    if (round++ == kMostPromotionRounds) return;
  }
  locals_ = wanted;
}

} // namespace assay::codegen
