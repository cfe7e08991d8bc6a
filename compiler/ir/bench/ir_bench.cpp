// ir_bench.cpp - speed of parser, printer, verifier and builder on about 1 MB of mixed AIR.
//
// The program is made by the builder from a fixed seed: functions of a few hundred instructions in a dozen blocks
// each, with constants, arithmetic, memory, calls, branches and switches, and uses across blocks.
// `bytes_per_second` is canonical text, `items_per_second` instructions.
#include "assay/builder.h"
#include "assay/text.h"
#include "assay/verify.h"

#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <vector>

namespace {

using namespace assay;

class Random {
public:
  u32 below(u32 n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<u32>((state_ >> 33) % n);
  }

private:
  u64 state_ = 42;
};

void fill_block(FunctionBuilder& b, Random& random, std::vector<ValueId>& ints, std::vector<ValueId>& floats,
                u32 count) {
  constexpr Opcode kInts[] = {Opcode::Add,  Opcode::Sub,  Opcode::Mul, Opcode::Xor,
                              Opcode::ShrU, Opcode::Rotl, Opcode::MinS};
  constexpr Opcode kFloats[] = {Opcode::FAdd, Opcode::FMul, Opcode::FMax, Opcode::FSub};
  const auto any = [&](const std::vector<ValueId>& from) { return from[random.below(static_cast<u32>(from.size()))]; };
  for (u32 i = 0; i < count; ++i) {
    switch (random.below(8)) {
    case 0: ints.push_back(b.iconst(Type::I64, static_cast<i64>(random.below(1000000)) - 500000)); break;
    case 1: floats.push_back(b.fconst(Type::F64, random.below(100000) / 7.0)); break;
    case 2: floats.push_back(b.binary(kFloats[random.below(4)], Type::F64, any(floats), any(floats))); break;
    case 3: b.store(Opcode::Store, Type::I64, any(ints), random.below(4096), any(ints)); break;
    case 4: ints.push_back(b.load(Opcode::Load, Type::I64, any(ints), random.below(4096))); break;
    default: ints.push_back(b.binary(kInts[random.below(7)], Type::I64, any(ints), any(ints))); break;
    }
  }
}

void fill_function(Module& m, FunctionId id, Random& random, u32 block_count) {
  FunctionBuilder b(m, id);
  std::vector<ValueId> ints, floats;
  std::vector<BlockId> blocks{b.entry()};
  constexpr std::array<Type, 2> params{Type::I64, Type::F64};
  for (u32 i = 1; i < block_count; ++i) blocks.push_back(b.block(params));
  for (u32 i = 0; i < blocks.size(); ++i) {
    // A chain in which each block dominates the next, so that values are used across blocks.
    b.begin(blocks[i]);
    ints.push_back(b.param(blocks[i], 0));
    floats.push_back(b.param(blocks[i], 1));
    fill_block(b, random, ints, floats, 20);
    ints.push_back(b.call(id, std::array<ValueId, 2>{ints.back(), floats.back()}));
    if (i + 1 == blocks.size()) {
      b.ret({ints.back()});
      continue;
    }
    const std::array<ValueId, 2> args{ints[random.below(static_cast<u32>(ints.size()))], floats.back()};
    const EdgeTarget next{blocks[i + 1], args};
    if (i % 3 == 0) b.jump(blocks[i + 1], {args[0], args[1]});
    else if (i % 3 == 1) b.branch(ints.back(), next, next);
    else {
      const EdgeTarget targets[] = {
          {blocks[i + 1], args, EdgeKind::Case, 3}, {blocks[i + 1], args, EdgeKind::Case, 7}, next};
      b.end(Opcode::Switch, Type::I64, std::array<ValueId, 1>{ints.back()}, targets);
    }
  }
}

Module make_module(u32 functions, u32 blocks) {
  Module m;
  m.has_memory = true;
  m.memory_size = 65536;
  m.memory_max = kDefaultMemoryMax;
  Random random;
  constexpr std::array<Type, 2> params{Type::I64, Type::F64};
  constexpr std::array<Type, 1> results{Type::I64};
  for (u32 i = 0; i < functions; ++i) {
    Function f;
    f.name = "f" + std::to_string(i);
    f.signature = m.intern_signature(params, results);
    m.functions.push_back(f);
    fill_function(m, i, random, blocks);
  }
  return m;
}

const Module& sample() {
  static const Module module = make_module(130, 12);
  return module;
}

/// Two blocks of some twenty instructions: what a fuzzing loop has at hand.
const Module& small_sample() {
  static const Module module = make_module(1, 2);
  return module;
}

u64 inst_count(const Module& m) {
  u64 count = 0;
  for (const Function& f : m.functions) count += f.insts.size();
  return count;
}

void count(benchmark::State& state, const Module& m, std::size_t bytes) {
  if (bytes != 0) state.SetBytesProcessed(static_cast<i64>(state.iterations() * bytes));
  state.SetItemsProcessed(static_cast<i64>(state.iterations() * inst_count(m)));
}

void parse(benchmark::State& state, const Module& m) {
  const std::string text = to_text(m);
  Module out;
  for (auto _ : state)
    if (!parse_module_into(text, "bench", out)) state.SkipWithError("the sample does not parse");
  count(state, m, text.size());
}

void parse_fresh(benchmark::State& state, const Module& m) {
  const std::string text = to_text(m);
  for (auto _ : state)
    if (!parse_module(text)) state.SkipWithError("the sample does not parse");
  count(state, m, text.size());
}

void print(benchmark::State& state, const Module& m) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    print_module(m, out);
  }
  count(state, m, out.size());
}

void verify_module(benchmark::State& state, const Module& m) {
  for (auto _ : state)
    if (!verify(m)) state.SkipWithError("the sample is not valid");
  count(state, m, 0);
}

void build(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(make_module(1, 12).functions.size());
  count(state, make_module(1, 12), 0);
}

BENCHMARK_CAPTURE(parse, large, sample());
BENCHMARK_CAPTURE(parse, small, small_sample());
BENCHMARK_CAPTURE(parse_fresh, large, sample());
BENCHMARK_CAPTURE(parse_fresh, small, small_sample());
BENCHMARK_CAPTURE(print, large, sample());
BENCHMARK_CAPTURE(print, small, small_sample());
BENCHMARK_CAPTURE(verify_module, large, sample());
BENCHMARK_CAPTURE(verify_module, small, small_sample());
BENCHMARK(build);

} // namespace
