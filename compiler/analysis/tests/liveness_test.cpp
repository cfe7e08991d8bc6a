// Tests of liveness.h against the data-flow equations, on random programs of the shape that matters: values in blocks.
#include "compiler/analysis/liveness.h"

#include "assay/verify.h"
#include "fuzz/generate/generator.h"

#include <gtest/gtest.h>

#include <set>

namespace assay::analysis {
namespace {

/// By iteration to a fixed point.
std::vector<std::set<ValueId>> equations(const Function& f, const FlowGraph& graph) {
  std::vector<std::set<ValueId>> in(f.blocks.size());
  for (bool more = true; more;) {
    more = false;
    for (Node node = graph.size(); node-- != 0;) {
      const BlockId id = graph.block(node);
      const Block& block = f.blocks[id];
      std::set<ValueId> live;
      for (const Node succ : graph.succs(node)) live.insert(in[graph.block(succ)].begin(), in[graph.block(succ)].end());
      const auto insts = f.insts_of(block);
      for (std::size_t i = insts.size(); i-- != 0;) {
        for (u32 r = 0; r < insts[i].result_count; ++r) live.erase(insts[i].first_result + r);
        for (const ValueId value : f.operands_of(insts[i])) live.insert(value);
        for (const Edge& edge : f.edges_of(insts[i]))
          for (const ValueId value : f.args_of(edge)) live.insert(value);
      }
      for (u32 p = 0; p < block.param_count; ++p) live.erase(block.first_param + p);
      more |= live != in[id];
      in[id] = std::move(live);
    }
  }
  return in;
}

TEST(Liveness, solves_the_data_flow_equations) {
  fuzz::GeneratorConfig config;
  fuzz::Generator generator(config);
  Module module;
  FlowGraph graph;
  Liveness liveness;
  u64 live = 0;
  for (u64 seed = 1; seed <= 300; ++seed) {
    generator.generate(seed, module);
    ASSERT_TRUE(verify(module).ok());
    for (const Function& f : module.functions) {
      if (f.imported) continue;
      graph.build(f);
      liveness.compute(f, graph);
      const std::vector<std::set<ValueId>> wanted = equations(f, graph);
      for (BlockId block = 0; block < f.blocks.size(); ++block) {
        const auto found = liveness.live_in(block);
        EXPECT_EQ(std::vector<ValueId>(found.begin(), found.end()),
                  std::vector<ValueId>(wanted[block].begin(), wanted[block].end()))
            << "program " << seed << " @" << f.name << " ^b" << block;
        live += found.size();
      }
    }
  }
  EXPECT_GT(live, 1000u);
}

} // namespace
} // namespace assay::analysis
