// assembler_bench.cpp - speed of the assembler on a mix like that of compiled functions.
#include "compiler/target/a64/assembler.h"

#include <benchmark/benchmark.h>

namespace {

using namespace assay;
using namespace assay::a64;

/// 16 instructions (17 or 18 words) and a label, the mix of the x64 benchmark.
void emit_mix(Assembler& as, u32 i) {
  const Gpr a = static_cast<Gpr>(i & 3), b = static_cast<Gpr>(8 + (i & 3));
  const Label label = as.new_label();
  as.ldr(Size::X, a, Mem::at(kFramePointer, -8 * static_cast<i64>(i & 31)));
  as.add(Size::W, a, a, b);
  as.add(Size::X, b, b, *add_sub_imm(1000));
  as.mul(Size::X, a, a, b);
  as.cmp(Size::X, a, *add_sub_imm(7));
  as.b(Cond::Hi, label);
  as.ldr(Size::X, Gpr::X0, Mem::at(Gpr::X14, a, Extend::Uxtx, 3));
  as.ldr(FSize::D, Vreg::V1, Mem::at(Gpr::Sp, 64));
  as.fmul(FSize::D, Vreg::V1, Vreg::V1, Vreg::V9);
  as.str(FSize::D, Vreg::V1, Mem::at(Gpr::Sp, 72));
  as.mov_imm(b, u64{i} << 20 | 5);
  as.lsl(Size::X, a, a, 5);
  as.bind(label);
  as.tst(Size::W, a, *logical_imm(Size::W, 0xff));
  as.cset(Size::W, a, Cond::Eq);
  as.uxtb(a, a);
  as.str(Size::W, a, Mem::at(Gpr::X12, b, Extend::Uxtw, 2));
}

void BM_Assemble(benchmark::State& state) {
  std::vector<u8> code;
  Assembler as;
  for (auto _ : state) {
    code.clear();
    as.begin(code);
    for (u32 i = 0; i < 64; ++i) emit_mix(as, i);
    as.finish();
    benchmark::DoNotOptimize(code.data());
  }
  state.SetItemsProcessed(state.iterations() * 64 * 16);
  state.SetBytesProcessed(state.iterations() * static_cast<i64>(code.size()));
}
BENCHMARK(BM_Assemble);

/// Short forward branches that all go through islands: what a veneer costs.
void BM_AssembleIslands(benchmark::State& state) {
  std::vector<u8> code;
  Assembler as;
  for (auto _ : state) {
    code.clear();
    as.begin(code);
    Label label = as.new_label();
    for (u32 i = 0; i < 60000; ++i) {
      if (i % 20000 == 19999) {
        as.bind(label);
        label = as.new_label();
      }
      if (i % 4 == 0) as.tbz(Gpr::X1, i % 64, label);
      else as.add(Size::X, Gpr::X1, Gpr::X2, Gpr::X3);
    }
    as.bind(label);
    as.finish();
    benchmark::DoNotOptimize(code.data());
  }
  state.SetItemsProcessed(state.iterations() * 60000);
}
BENCHMARK(BM_AssembleIslands);

void BM_MovImm(benchmark::State& state) {
  std::vector<u8> code;
  Assembler as;
  for (auto _ : state) {
    code.clear();
    as.begin(code);
    u64 value = 1;
    for (u32 i = 0; i < 1000; ++i) {
      value = value * 6364136223846793005u + 1442695040888963407u;
      as.mov_imm(Gpr::X1, value);
    }
    as.finish();
    benchmark::DoNotOptimize(code.data());
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_MovImm);

} // namespace
