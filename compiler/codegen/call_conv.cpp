// call_conv.cpp - hands each question to the target's conventions.
#include "compiler/codegen/call_conv.h"

#include "compiler/target/a64/call_conv.h"
#include "compiler/target/x64/call_conv.h"

namespace assay::codegen {

const CallConv& call_conv(Target target, Os os) {
  return target == Target::A64 ? a64::call_conv(os) : x64::call_conv(os);
}

void layout_call(const CallConv& conv, std::span<const Type> params, std::span<const Type> results, CallLayout& out) {
  if (conv.target == Target::A64) a64::layout_call(conv, params, results, out);
  else x64::layout_call(conv, params, results, out);
}

} // namespace assay::codegen
