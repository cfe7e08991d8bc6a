// emit_thunk.cpp - import thunks: an AIR call in, VmContext::host_call in the host's convention out.
//
// A thunk stores its arguments as one u64 each (zero above the type's width) in its frame, notes its frame pointer
// for the walk over AIR frames, calls, and fetches the results. It saves what the host's convention clobbers and the
// module's keeps (rsi, rdi, xmm6-15 under Wine). Linear in arguments. Tested in compile_frame_test.cpp and by
// execution.
#include "compiler/target/x64/emit.h"

#include "assay/planted.h"

#include <cstddef>

namespace assay::x64 {

using codegen::CallLayout;

Result<void> Emitter::thunk(FunctionId import, const CallLayout& layout) {
  const Function& fn = module_->functions[import];
  const std::span<const Type> params = module_->params_of(fn);
  const u32 param_count = static_cast<u32>(params.size()), result_count = static_cast<u32>(layout.results.size());
  const u32 results_at = 8 * param_count, pointer_at = results_at + 8 * result_count;
  incoming_bytes_ = layout.stack_bytes;
  const u32 objects = (pointer_at + 8 + 15) & ~15u;
  if (Result<void> made = make_frame(host_->base.caller_saved, 0, objects, host_->base.shadow_bytes); !made)
    return made;
  start(import, true);
  prologue(false);
  thunk_store_args(layout, params);
  if (layout.result_bytes != 0) as_.mov(Size::Qword, object(pointer_at), gpr_of(layout.result_pointer.reg));
  thunk_call_host(import, param_count, result_count);
  thunk_load_results(layout, results_at, pointer_at);
  epilogue();
  if (incoming_bytes_ != 0) as_.ret(static_cast<u16>(incoming_bytes_));
  else as_.ret();
  frame_op(FrameEffect::EpilogueEnd, 0, 0);
  end_function();
  return {};
}

// Narrow values have junk above; the host sees zeros there.
void Emitter::thunk_store_args(const CallLayout& layout, std::span<const Type> params) {
  for (u32 i = 0; i < params.size(); ++i) {
    const codegen::ArgPlace& place = layout.params[i];
    const u32 size = size_of(params[i]);
    const Mem to = object(8 * i);
    if (place.in_register && is_float(params[i])) {
      if (size == 4) as_.mov(Size::Qword, to, 0);
      if (size == 4) as_.movss(to, xmm_of(place.reg));
      else as_.movsd(to, xmm_of(place.reg));
      continue;
    }
    const auto extend = [&](auto from) {
      if (ASSAY_PLANTED(abi_host_arg_junk)) as_.mov(word(size), kScratch, from);
      else if (size == 1) as_.movzx8(Size::Dword, kScratch, from);
      else if (size == 2) as_.movzx16(Size::Dword, kScratch, from);
      else as_.mov(word(size), kScratch, from);
    };
    if (place.in_register && size == 8) {
      as_.mov(Size::Qword, to, gpr_of(place.reg));
      continue;
    }
    if (place.in_register) extend(gpr_of(place.reg));
    else extend(Mem::at(Gpr::Rbp, static_cast<i32>(16 + place.offset)));
    as_.mov(Size::Qword, to, kScratch);
  }
}

void Emitter::thunk_call_host(FunctionId import, u32 params, u32 results) {
  for (u32 i = 0; i < results; ++i) as_.mov(Size::Qword, object(8 * (params + i)), 0);
  as_.mov(Size::Qword, context_field(offsetof(VmContext, exit_fp)), Gpr::Rbp);
  as_.mov(Size::Qword, host_->args.ints[0], kContext);
  as_.mov_imm(host_->args.ints[1], import);
  as_.lea(Size::Qword, host_->args.ints[2], object(0));
  as_.lea(Size::Qword, host_->args.ints[3], object(8 * params));
  as_.call(context_field(offsetof(VmContext, host_call)));
}

/// Memory results first: they go through rax, which may be a result register.
void Emitter::thunk_load_results(const CallLayout& layout, u32 results_at, u32 pointer_at) {
  if (layout.result_bytes != 0) as_.mov(Size::Qword, kScratch, object(pointer_at));
  for (u32 i = 0; i < layout.results.size(); ++i) {
    if (layout.results[i].in_register) continue;
    as_.mov(Size::Qword, Gpr::Rax, object(results_at + 8 * i));
    as_.mov(Size::Qword, Mem::at(kScratch, static_cast<i32>(layout.results[i].offset)), Gpr::Rax);
  }
  for (u32 i = 0; i < layout.results.size(); ++i) {
    const codegen::ArgPlace& place = layout.results[i];
    if (!place.in_register) continue;
    const Mem from = object(results_at + 8 * i);
    if (!is_float(place.type)) as_.mov(Size::Qword, gpr_of(place.reg), from);
    else if (size_of(place.type) == 4) as_.movss(xmm_of(place.reg), from);
    else as_.movsd(xmm_of(place.reg), from);
  }
  if (ASSAY_PLANTED(abi_thunk_result_lost) && layout.result_bytes != 0) as_.mov(Size::Qword, Gpr::Rax, kScratch);
}

} // namespace assay::x64
