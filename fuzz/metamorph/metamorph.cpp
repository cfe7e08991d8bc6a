// metamorph.cpp - see metamorph.h. The changes themselves are in changes_code.cpp and changes_control.cpp.
#include "fuzz/metamorph/metamorph.h"

#include "assay/verify.h"
#include "fuzz/metamorph/changes.h"

namespace assay::fuzz {
namespace {

constexpr Morph kMorphs[] = {
    {"dead-code", add_dead_code, "pure operations whose results nobody reads"},
    {"dead-store", add_dead_store, "a new slot that is written and read, for nobody"},
    {"opaque", add_opaque_branch, "a branch whose condition is always true, to a trap else"},
    {"reorder", reorder, "neighbours that do not depend on each other change places"},
    {"split", split_block, "a block becomes two, with a jump between"},
    {"merge", merge_blocks, "a block and its only successor, which nothing else leads to, become one"},
    {"shuffle-blocks", shuffle_blocks, "blocks in another order, and so other numbers of blocks and values"},
    {"rename", rename_storage, "slots and locals in another order"},
    {"outline", outline, "some pure operations become a function of their own"},
};

std::vector<FunctionId> bodies_of(const Module& module) {
  std::vector<FunctionId> out;
  for (FunctionId f = 0; f < module.functions.size(); ++f)
    if (!module.functions[f].imported) out.push_back(f);
  return out;
}

bool apply_to(const Morph& change, Module& module, FunctionId function, Random& random) {
  LooseFunction body(module, function);
  MorphContext context{module, function, body, random};
  if (!change.apply(context)) return false;
  body.write(module, function);
  return true;
}

/// From a random function on, the first that it fits.
bool apply_somewhere(const Morph& change, Module& module, Random& random) {
  const std::vector<FunctionId> bodies = bodies_of(module);
  if (bodies.empty()) return false;
  const u32 count = static_cast<u32>(bodies.size()), first = random.below(count);
  for (u32 i = 0; i < count; ++i)
    if (apply_to(change, module, bodies[(first + i) % count], random)) return true;
  return false;
}

/// Without what says where in the program something happened.
void drop_places(Outcome& outcome) {
  outcome.position = {};
  outcome.frames.clear();
  for (TraceEvent& event : outcome.trace) event.frames = event.frame_count = 0;
}

} // namespace

std::span<const Morph> morphs() { return kMorphs; }

bool apply_morph(std::string_view name, Module& module, u64 seed) {
  Random random(seed);
  for (const Morph& change : kMorphs)
    if (change.name == name) return apply_somewhere(change, module, random);
  return false;
}

std::string morph(Module& module, u64 seed) {
  Random random(seed);
  std::string out;
  const u32 wanted = random.between(1, 8);
  // What does not fit is drawn again, for a while: in a small program little fits.
  for (u32 done = 0, tries = 0; done < wanted && tries < 4 * wanted + 8; ++tries) {
    const Morph& change = kMorphs[random.below(static_cast<u32>(std::size(kMorphs)))];
    if (!apply_somewhere(change, module, random)) continue;
    out += (out.empty() ? "" : "+") + std::string(change.name);
    ++done;
  }
  return out;
}

std::string morph_difference(const Module& module, Outcome original, Outcome changed) {
  drop_places(original);
  drop_places(changed);
  if (compare(module, original, changed) != Agreement::Differ) return {};
  return first_difference(module, original, changed);
}

} // namespace assay::fuzz
