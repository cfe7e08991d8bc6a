// regions.cpp - irreducible control flow: a few blocks, entered at several of them, that jump among each other.
//
// Every block of a region has a budget as its first parameter. A block that an edge leads back to takes
// fuel and one from the budget, and leaves the region when it is spent: as every cycle has such an edge,
// every cycle is bounded. A block uses its own values and those from before the region only.
// Quadratic in the blocks of a region (at most 8). Tested in fuzz/generate/tests/.
#include "fuzz/generate/body.h"

#include <algorithm>

namespace assay::fuzz {

struct Body::Region {
  static constexpr u32 kMost = 8;
  u32 count = 0;
  u32 other_entry = 0; // besides the last block
  BlockId blocks[kMost];
  TypeList types[kMost]; // after the budget
  u32 ways[kMost];       // successors: `count` is the exit
  u32 successors[kMost][3];
  bool is_back_target[kMost] = {};
  ValueId budget = kNone; // in the block being filled
  BlockId exit = kNone;
  TypeList exit_types;
  u32 size = 0; // instructions for one block
};

void Body::plan_region(Region& region) {
  region.count = std::clamp(random_.in(config_.irreducible_blocks), 2u, Region::kMost);
  draw_types(config_.block_params, region.exit_types);
  for (u32 i = 0; i < region.count; ++i) {
    TypeList params;
    draw_types(config_.block_params, region.types[i]);
    params.push(Type::I32);
    for (const Type type : region.types[i].span()) params.push(type);
    region.blocks[i] = emitter_.block(params.span());
  }
  region.exit = emitter_.block(region.exit_types.span());
  for (u32 i = 0; i < region.count; ++i) {
    region.ways[i] = random_.between(1, 3);
    for (u32 k = 0; k < region.ways[i]; ++k) {
      const u32 to = random_.below(region.count + 1);
      region.successors[i][k] = to;
      if (to <= i) region.is_back_target[to] = true;
    }
  }
  const u32 last = region.count - 1;
  region.other_entry = random_.below(last);
  // Mostly there is a cycle through both entries.
  if (!random_.chance({1, 4})) {
    region.ways[last] = std::max(region.ways[last], 2u);
    region.successors[last][1] = region.other_entry;
    region.is_back_target[region.other_entry] = true;
    region.successors[region.other_entry][0] = last;
  }
  // Whatever was drawn, the last block can leave, so the exit is reached.
  region.successors[last][0] = region.count;
}

void Body::region_jump(Region& region, u32 index) {
  ValueList args[3];
  EdgeTarget targets[3];
  const u32 ways = region.ways[index];
  for (u32 k = 0; k < ways; ++k) {
    const u32 to = region.successors[index][k];
    ValueList passed;
    arguments(to == region.count ? region.exit_types.span() : region.types[to].span(), passed);
    if (to != region.count) args[k].push(region.budget);
    for (const ValueId value : passed.span()) args[k].push(value);
    targets[k] = {to == region.count ? region.exit : region.blocks[to], args[k].span()};
  }
  if (ways == 1) return end(Opcode::Jump, {}, {targets, 1});
  if (ways == 2) {
    const ValueId chosen = condition();
    return end(Opcode::Branch, {&chosen, 1}, {targets, 2});
  }
  const ValueId chosen = masked(Type::I32, 3);
  targets[0].kind = targets[1].kind = EdgeKind::Case;
  targets[0].value = random_.below(2);
  targets[1].value = random_.between(2, 3);
  end(Opcode::Switch, {&chosen, 1}, {targets, 3}, kNone, 0, Type::I32);
}

void Body::region_block(Region& region, u32 index, u32 depth) {
  const BlockId block = region.blocks[index];
  const Mark scope = mark();
  start(block);
  region.budget = emitter_.param(block, 0);
  if (region.types[index].count != 0) offer_results(emitter_.param(block, 1), region.types[index].span());
  if (region.is_back_target[index]) {
    emit(Opcode::Fuel, Type::None, Type::None, {}, kNone, 1);
    region.budget = emit(Opcode::Sub, Type::I32, {region.budget, literal(Type::I32, 1)});
    const ValueId more = emit(Opcode::GtS, Type::I32, {region.budget, literal(Type::I32, 0)});
    ValueList results;
    arguments(region.exit_types.span(), results);
    const BlockId onward = emitter_.block();
    branch(more, {onward}, {region.exit, results.span()});
    start(onward);
  }
  const ValueId budget = region.budget;
  statements(emitted_ + random_.below(region.size + 1), depth + 1);
  region.budget = budget;
  region_jump(region, index);
  release(scope);
}

void Body::irreducible(u32 depth) {
  Region region;
  plan_region(region);
  region.size = std::max(1u, share(2) / region.count);
  const u32 trips = std::max(2u, draw_trips(region.size * region.count));
  // Entered at two or three of its blocks.
  region.budget = literal(Type::I32, trips);
  const u32 last = region.count - 1;
  u32 successors[3] = {last, region.other_entry, 0};
  ValueList args[3];
  EdgeTarget targets[3];
  for (u32 k = 0; k < 3; ++k) {
    ValueList passed;
    arguments(region.types[successors[k]].span(), passed);
    args[k].push(region.budget);
    for (const ValueId value : passed.span()) args[k].push(value);
    targets[k] = {region.blocks[successors[k]], args[k].span()};
  }
  if (random_.coin()) {
    const ValueId chosen = condition();
    end(Opcode::Branch, {&chosen, 1}, {targets + random_.below(2), 2});
  } else {
    const ValueId chosen = masked(Type::I32, 3);
    targets[0].kind = targets[1].kind = EdgeKind::Case;
    targets[0].value = 0;
    targets[1].value = random_.between(1, 3);
    end(Opcode::Switch, {&chosen, 1}, {targets, 3}, kNone, 0, Type::I32);
  }
  const u64 multiplicity = multiplicity_;
  multiplicity_ *= trips + 1;
  for (u32 i = 0; i < region.count; ++i) region_block(region, i, depth);
  multiplicity_ = multiplicity;
  enter(region.exit, region.exit_types.span());
}

} // namespace assay::fuzz
