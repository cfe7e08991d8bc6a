// sink.h - comparisons move down to the branch or select that reads them.
//
// Lowering makes one instruction of a comparison and the branch or select directly behind it that alone reads it
// (codegen/lowering.h); other passes may have put something between. Within a block. Linear.
// Tested in compiler/opt/tests/passes_test.cpp.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

class SinkPass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  std::vector<u32> uses_; // [ValueId]
};

} // namespace assay::opt
