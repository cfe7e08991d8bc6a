// call_conv.cpp - hands each question to the target's conventions.
#include "compiler/codegen/call_conv.h"

#include "assay/errors.h"
#include "compiler/target/x64/call_conv.h"

namespace assay::codegen {

const CallConv& call_conv(Target target, Os os) {
  ASSAY_CHECK(target == Target::X64);
  return x64::call_conv(os);
}

void layout_call(const CallConv& conv, std::span<const Type> params, std::span<const Type> results, CallLayout& out) {
  ASSAY_CHECK(conv.target == Target::X64);
  x64::layout_call(conv, params, results, out);
}

} // namespace assay::codegen
