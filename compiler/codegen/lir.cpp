// lir.cpp - storage of LIR functions and allocations: emptied, never freed, between functions.
#include "compiler/codegen/lir.h"

namespace assay::codegen {

void LirFunction::clear() {
  insts.clear();
  operands.clear();
  blocks.clear();
  vreg_pool.clear();
  block_pool.clear();
  vreg_class.clear();
  clobber_sets.assign(1, 0);
  fixed_defs.clear();
  constants.clear();
  outgoing_bytes = 0;
  may_loop = true;
}

void Allocation::clear() {
  locations.clear();
  edits.clear();
  slot_count = 0;
  cycle_slot = kNone;
  written = 0;
}

} // namespace assay::codegen
