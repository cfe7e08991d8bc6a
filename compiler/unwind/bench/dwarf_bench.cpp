// dwarf_bench.cpp - cost of the .eh_frame section, a function of the usual shape at a time.
#include "compiler/unwind/dwarf.h"

#include <benchmark/benchmark.h>

namespace {

using namespace assay;

/// push rbp; mov rbp, rsp; three pushes; sub rsp; body; mirrored epilogue: 16 effects.
CodeObject make_object(u32 functions) {
  CodeObject object;
  for (u32 i = 0; i < functions; ++i) {
    FunctionCode function;
    function.begin = 256 * i;
    function.end = function.begin + 200;
    function.first_frame_op = static_cast<u32>(object.frame_ops.size());
    const auto op = [&](u32 at, FrameEffect effect, RegIndex reg = 0, i32 value = 0) {
      object.frame_ops.push_back({at, effect, reg, value});
    };
    op(1, FrameEffect::Push, 5);
    op(4, FrameEffect::SetFrame, 5);
    op(5, FrameEffect::Push, 3);
    op(7, FrameEffect::Push, 12);
    op(9, FrameEffect::Push, 13);
    op(16, FrameEffect::Allocate, 0, 72);
    op(187, FrameEffect::EpilogueBegin);
    op(191, FrameEffect::ResetToFrame, 5, -24);
    op(193, FrameEffect::Pop, 13);
    op(195, FrameEffect::Pop, 12);
    op(196, FrameEffect::Pop, 3);
    op(197, FrameEffect::Pop, 5);
    op(197, FrameEffect::DropFrame, 0, 8);
    op(198, FrameEffect::EpilogueEnd);
    function.frame_op_count = static_cast<u32>(object.frame_ops.size()) - function.first_frame_op;
    object.functions.push_back(function);
  }
  object.code.resize(256 * functions);
  return object;
}

void BM_EhFrame(benchmark::State& state) {
  const CodeObject object = make_object(static_cast<u32>(state.range(0)));
  std::vector<u8> section;
  for (auto _ : state) {
    unwind::write_eh_frame(object, static_cast<i64>(object.code.size()), section);
    benchmark::DoNotOptimize(section.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0)); // functions
}
BENCHMARK(BM_EhFrame)->Arg(1)->Arg(4)->Arg(1000);

} // namespace
