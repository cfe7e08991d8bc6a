// assembler_bench.cpp - speed of the assembler on a mix like that of compiled functions.
#include "compiler/target/x64/assembler.h"

#include <benchmark/benchmark.h>

namespace {

using namespace assay;
using namespace assay::x64;

/// 16 instructions and a label, about 70 bytes.
void emit_mix(Assembler& as, u32 i) {
  const Gpr a = static_cast<Gpr>(i & 3), b = static_cast<Gpr>(8 + (i & 3));
  const Label label = as.new_label();
  as.mov(Size::Qword, a, Mem::at(Gpr::Rbp, -8 * static_cast<i32>(i & 31)));
  as.add(Size::Dword, a, b);
  as.add(Size::Qword, b, 1000);
  as.imul(Size::Qword, a, b);
  as.cmp(Size::Qword, a, 7);
  as.jcc(Cond::A, label);
  as.mov(Size::Qword, Gpr::Rax, Mem::at(Gpr::R14, a, 3, 16));
  as.movsd(Xmm::Xmm1, Mem::at(Gpr::Rbp, -64));
  as.mulsd(Xmm::Xmm1, Xmm::Xmm9);
  as.movsd(Mem::at(Gpr::Rbp, -72), Xmm::Xmm1);
  as.mov_imm(b, u64{i} << 20);
  as.shl(Size::Qword, a, 5);
  as.bind(label);
  as.test(Size::Byte, a, a);
  as.set(Cond::E, a);
  as.movzx8(Size::Dword, a, a);
  as.mov(Size::Dword, Mem::at(Gpr::R12, b, 2, 64), a);
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

} // namespace
