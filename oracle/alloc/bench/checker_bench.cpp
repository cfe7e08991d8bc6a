// What a check costs an instruction: a ladder of loops in which most values stay in registers and some are spilled.
#include "../tests/lir_case.h"
#include "oracle/alloc/checker.h"

#include <benchmark/benchmark.h>

#include <stdexcept>

namespace {

using namespace assay;
using namespace assay::oracle;

/// `loops` loops one after the other, 12 instructions each, with three values live throughout.
LirCase ladder(u32 loops) {
  LirCase c;
  c.lir.vreg_class.assign(3 + loops * 8, RegClass::Int);
  VReg next = 3;
  c.block();
  c.inst({def(0, r(0))});
  c.move(r(0), slot(0));
  c.inst({def(1, r(0))});
  c.move(r(0), slot(1));
  c.inst({def(2, r(3))});
  c.end({}, {1});
  for (u32 i = 0; i < loops; ++i) {
    const u32 header = 1 + i * 4;
    const VReg a = next++, param = next++, b = next++, d = next++;
    c.block();
    c.inst({def(a, r(1))});
    c.end({}, {header + 1}, {a});
    c.block({param});
    c.move(slot(0), r(0));
    c.inst({use_reg(0, r(0)), use_reg(param, r(1)), def(b, r(2))});
    c.move(slot(1), r(0));
    c.inst({use_reg(1, r(0)), use_reg(b, r(2)), def_tied(d, 1, r(2))});
    for (int k = 0; k < 6; ++k) c.inst({use_reg(d, r(2)), use_reg(2, r(3)), use_reg(param, r(1))});
    c.end({use_reg(d, r(2))}, {header + 2, header + 3});
    c.block();
    c.move(r(2), r(1));
    c.end({}, {header + 1}, {d});
    c.block();
    c.end({}, {header + 4});
  }
  c.block();
  c.end({use(0, slot(0)), use(2, r(3))});
  c.link();
  return c;
}

void check_ladder(benchmark::State& state) {
  const LirCase c = ladder(static_cast<u32>(state.range(0)));
  AllocationChecker checker;
  for (auto _ : state) {
    const std::string report = checker.check(c.lir, c.allocation, c.registers);
    if (!report.empty()) throw std::runtime_error(report);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<i64>(c.lir.insts.size()));
}
BENCHMARK(check_ladder)->Arg(4)->Arg(40)->Arg(400);

} // namespace
