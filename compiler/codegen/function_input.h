// function_input.h - a function on its way through lowering and emission.
#pragma once

#include "assay/code_object.h"
#include "assay/module.h"
#include "compiler/opt/extent.h"

#include <span>

namespace assay::codegen {

/// `body` is the function's own in the module, or what an optimiser made of it. `positions`: where its instructions
/// come from, by InstId; empty for the function's own. `inlined_calls`: what they refer to. All must outlive the
/// emission. `inside`: 1 for accesses that need no check, by InstId; empty for none. `extents`: of some of these, in
/// order. `may_hold`: whether constants may be values that nothing defines, which not every allocator knows
/// (LirFunction::constants).
struct FunctionInput {
  FunctionId id = kNone;
  const Function* body = nullptr;
  std::span<const SourcePosition> positions;
  std::span<const SourcePosition> inlined_calls;
  std::span<const u8> inside;
  std::span<const opt::AccessExtent> extents;
  bool may_hold = true;
};

} // namespace assay::codegen
