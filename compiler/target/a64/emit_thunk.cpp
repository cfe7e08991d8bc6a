// emit_thunk.cpp - import thunks: an AIR call in, VmContext::host_call in the host's convention out.
//
// A thunk stores its arguments as one u64 each (zero above the type's width) in its frame, notes its frame pointer
// for the walk over AIR frames, calls, and fetches the results. It saves what the host's convention clobbers and the
// module's keeps. Linear in arguments. Tested in compile_frame_test.cpp and by execution.
#include "compiler/target/a64/emit.h"

#include "assay/planted.h"

#include <cstddef>

namespace assay::a64 {

using codegen::ArgPlace;
using codegen::CallLayout;

Result<void> Emitter::thunk(FunctionId import, const CallLayout& layout) {
  const Function& fn = module_->functions[import];
  const std::span<const Type> params = module_->params_of(fn);
  const u32 param_count = static_cast<u32>(params.size()), result_count = static_cast<u32>(layout.results.size());
  const u32 results_at = 8 * param_count, pointer_at = results_at + 8 * result_count;
  incoming_bytes_ = layout.stack_bytes;
  const u32 objects = (pointer_at + 8 + 15) & ~15u;
  if (Result<void> made = make_frame(host_->caller_saved, 0, objects, 0); !made) return made;
  start(import, true);
  prologue(false);
  thunk_store_args(layout, params);
  if (layout.result_bytes != 0) as_.str(Size::X, gpr_of(layout.result_pointer.reg), object(pointer_at, 8));
  thunk_call_host(import, param_count, result_count);
  thunk_load_results(layout, results_at, pointer_at);
  epilogue(incoming_bytes_);
  as_.ret();
  frame_op(FrameEffect::EpilogueEnd, 0, 0);
  end_function();
  return {};
}

// Narrow values have junk above; the host sees zeros there.
void Emitter::thunk_store_args(const CallLayout& layout, std::span<const Type> params) {
  for (u32 i = 0; i < params.size(); ++i) {
    const ArgPlace& place = layout.params[i];
    const u32 size = size_of(params[i]);
    if (place.in_register && is_float(params[i])) {
      // Writing the S view would leave the word's upper half as it was.
      if (size == 4) as_.str(Size::X, Gpr::Zr, object(8 * i, 8));
      as_.str(fsize(size), vreg_of(place.reg), object(8 * i, size));
      continue;
    }
    Gpr value = kScratch;
    if (place.in_register) {
      value = gpr_of(place.reg);
      if (size < 8 && !ASSAY_PLANTED(a64_host_arg_junk)) {
        extend(kScratch, value, size, false);
        value = kScratch;
      }
    } else {
      const Mem from = reachable(kFramePointer, 16 + i64{place.offset}, size);
      if (size == 1) as_.ldrb(kScratch, from);
      else if (size == 2) as_.ldrh(kScratch, from);
      else as_.ldr(word(size), kScratch, from);
    }
    as_.str(Size::X, value, object(8 * i, 8));
  }
}

void Emitter::thunk_call_host(FunctionId import, u32 params, u32 results) {
  for (u32 i = 0; i < results; ++i) as_.str(Size::X, Gpr::Zr, object(8 * (params + i), 8));
  as_.str(Size::X, kFramePointer, context_field(offsetof(VmContext, exit_fp)));
  const i64 objects = i64{frame_.size} - frame_.objects;
  as_.mov(Size::X, int_register(0), kContext);
  as_.mov_imm(int_register(1), import);
  add_offset(int_register(2), Gpr::Sp, objects);
  add_offset(int_register(3), Gpr::Sp, objects + 8 * i64{params});
  call_through(offsetof(VmContext, host_call));
}

/// Memory results first: they go through x16, with the pointer in x17.
void Emitter::thunk_load_results(const CallLayout& layout, u32 results_at, u32 pointer_at) {
  for (u32 i = 0; i < layout.results.size(); ++i) {
    if (layout.results[i].in_register) continue;
    as_.ldr(Size::X, kScratch, object(results_at + 8 * i, 8));
    as_.ldr(Size::X, kResultPointer, object(pointer_at, 8));
    as_.str(Size::X, kScratch, reachable(kResultPointer, layout.results[i].offset, 8));
  }
  for (u32 i = 0; i < layout.results.size(); ++i) {
    const ArgPlace& place = layout.results[i];
    if (!place.in_register) continue;
    if (is_float(place.type)) as_.ldr(fsize(size_of(place.type)), vreg_of(place.reg), object(results_at + 8 * i, 8));
    else as_.ldr(Size::X, gpr_of(place.reg), object(results_at + 8 * i, 8));
  }
}

} // namespace assay::a64
