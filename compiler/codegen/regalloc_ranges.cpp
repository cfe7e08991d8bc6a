// regalloc_ranges.cpp - the steps of ranges_walk.h in order.
//
// Tested in compiler/codegen/tests/regalloc_ranges_test.cpp and, in every verifying build, by oracle/alloc.
#include "compiler/codegen/regalloc_ranges.h"

#include "compiler/codegen/ranges_walk.h"

#include <algorithm>

namespace assay::codegen {

bool RangesWalk::run(const LirFunction& function, const RegisterFile& file, const AllocOptions& options,
                     Allocation& out) {
  if (options.spill_all) return false;
  function_ = &function;
  decisions_ = options.decisions != nullptr ? options.decisions : &own_decisions_;
  file_ = &file;
  out_ = &out;
  const u32 count = function.vreg_count();
  values_.assign(count, Value{});
  intervals_.assign(count, Interval{});
  for (VReg v = 0; v < count; ++v) values_[v].web = intervals_[v].vreg = v;
  for (u32 k = 0; k < function.constants.size(); ++k) {
    Value& value = values_[function.constants[k].vreg];
    value.slot = k;
    value.spilled = value.has_web = true; // no store, and no register in common with what an edge makes of it
  }
  for (u32 c = 0; c < 2; ++c) {
    const u32 limit = options.max_registers == 0 ? file.order_count[c] : options.max_registers;
    usable_[c] = 0;
    for (u32 i = 0; i < std::min<u32>(limit, file.order_count[c]); ++i) usable_[c] |= bit(file.order[c][i]);
  }
  if (!find_live()) return false;
  find_loops();
  build();
  if (!scan()) return false;
  resolve();
  return true;
}

struct RangeAllocator::Impl {
  RangesWalk walk;
};

RangeAllocator::RangeAllocator() : impl_(std::make_unique<Impl>()) {}
RangeAllocator::~RangeAllocator() = default;

bool RangeAllocator::run(const LirFunction& function, const RegisterFile& registers, const AllocOptions& options,
                         Allocation& out) {
  return impl_->walk.run(function, registers, options, out);
}

} // namespace assay::codegen
