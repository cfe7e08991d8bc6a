// Tests of graph.h and ssa.h: what is read and written back means the same on the oracle, positions included, and
// locals are gone.
//
// Random programs come in SSA form: with_locals() takes block parameters for locals, as a front end would have written
// them, so that the pass has to find them again.
#include "compiler/opt/ssa.h"

#include "assay/ore.h"

#include "derived.h"

namespace assay::opt {
namespace {

void make_ssa(const Module& module, Graph& graph) {
  SsaPass pass;
  Analyses analyses;
  analyses.begin(graph);
  Rewrites rewrites;
  SourceMap map;
  PassContext context{module, graph, analyses, rewrites, map};
  pass.run(context);
}

/// Whether its parameters are what the edges to it write: no try_call passes some first, and no terminator has two
/// edges to it, which might pass different ones.
std::vector<bool> plain_targets(Graph& graph) {
  std::vector<bool> out(graph.block_count(), true);
  out[0] = false;
  for (BlockId id = 0; id < graph.block_count(); ++id) {
    const auto edges = graph.edges_of(graph.terminator(id));
    for (std::size_t i = 0; i < edges.size(); ++i) {
      if (edges[i].args.size() != graph.block(edges[i].target).params.size()) out[edges[i].target] = false;
      for (std::size_t j = 0; j < i; ++j)
        if (edges[j].target == edges[i].target) out[edges[i].target] = false;
    }
  }
  return out;
}

/// Parameters of blocks become locals: set before the edges to the block, read at its start.
void with_locals(Graph& graph) {
  const std::vector<bool> plain = plain_targets(graph);
  std::vector<std::vector<u32>> locals(graph.block_count());
  for (BlockId id = 0; id < graph.block_count(); ++id) {
    if (!plain[id]) continue;
    const InstId first = graph.block(id).first;
    for (const ValueId param : graph.block(id).params) {
      GraphInst get;
      get.op = Opcode::LocalGet;
      get.type = graph.value(param).type;
      get.ref = graph.add_local(get.type);
      locals[id].push_back(get.ref);
      graph.replace(param, graph.insert(first, get, {}, true));
    }
    graph.block(id).params.clear();
  }
  for (BlockId id = 0; id < graph.block_count(); ++id) {
    const u32 count = graph.terminator(id).edge_count;
    for (u32 i = 0; i < count; ++i) {
      GraphEdge edge = graph.edges_of(graph.terminator(id))[i];
      if (!plain[edge.target]) continue;
      graph.edges_of(graph.terminator(id))[i].args.clear();
      for (std::size_t a = 0; a < edge.args.size(); ++a) {
        GraphInst set;
        set.op = Opcode::LocalSet;
        set.type = graph.value(edge.args[a]).type;
        set.ref = locals[edge.target][a];
        graph.insert(graph.block(id).last, set, {&edge.args[a], 1}, false);
      }
    }
  }
}

u32 params_of(const Module& module) {
  u32 out = 0;
  for (const Function& function : module.functions)
    for (const Block& block : function.blocks) out += block.param_count;
  return out;
}

TEST(Graph, what_is_written_back_means_the_same) {
  for_programs([](const Module& module, u64 seed) {
    const Derived same = derive(module, [](Graph&) {});
    ASSERT_NO_FATAL_FAILURE(expect_valid(same.module, seed));
    same_meaning(module, same, seed);
  });
}

TEST(Ssa, finds_parameters_that_were_locals) {
  u32 locals = 0, params = 0;
  for_programs([&](const Module& module, u64 seed) {
    const Derived before = derive(module, with_locals);
    ASSERT_NO_FATAL_FAILURE(expect_valid(before.module, seed));
    locals += count_of(before.module, Opcode::LocalGet);
    const Derived after = derive(before.module, [&](Graph& graph) { make_ssa(before.module, graph); });
    ASSERT_NO_FATAL_FAILURE(expect_valid(after.module, seed));
    EXPECT_EQ(count_of(after.module, Opcode::LocalGet) + count_of(after.module, Opcode::LocalSet), 0u);
    params += params_of(after.module);
    same_meaning(before.module, after, seed);
  });
  EXPECT_GT(locals, 500u);
  EXPECT_GT(params, 500u);
}

/// The function's text after the pass.
std::string passed(const char* text) {
  const auto module = parse_and_verify(text);
  EXPECT_TRUE(module.ok());
  const Derived out = derive(*module, [&](Graph& graph) { make_ssa(*module, graph); });
  EXPECT_TRUE(verify(out.module).ok());
  return to_text(out.module);
}

TEST(Ssa, prunes_what_is_not_read_again) {
  EXPECT_EQ(passed("export func @f(i64) -> i64 {\n  local $a : i64\n^b0(%0: i64):\n  local_set.i64 $a, %0\n"
                   "  branch %0, ^b1, ^b2\n^b1:\n  %1 = const.i64 1\n  local_set.i64 $a, %1\n  jump ^b3\n^b2:\n"
                   "  jump ^b3\n^b3:\n  return %0\n}\n"),
            "export func @f(i64) -> i64 {\n^b0(%0: i64):\n  branch %0, ^b1, ^b2\n^b1:\n  %1 = const.i64 1\n"
            "  jump ^b3\n^b2:\n  jump ^b3\n^b3:\n  return %0\n}\n");
}

TEST(Ssa, a_local_that_was_not_set_is_zero) {
  EXPECT_EQ(passed("export func @f() -> f64 {\n  local $a : f64\n^b0:\n  %0 = local_get.f64 $a\n  return %0\n}\n"),
            "export func @f() -> f64 {\n^b0:\n  %0 = const.f64 0x0p+0\n  return %0\n}\n");
}

TEST(Ssa, a_loop_gets_a_parameter_for_what_it_changes_alone) {
  const OreResult ore = compile_ore("export fn f(n: i32) -> i32 { var kept = n; var sum = 0; var i = 0;\n"
                                    "while i < kept { sum += i; i += 1; } return sum + kept; }\n",
                                    "test");
  ASSERT_TRUE(ore.ok());
  const Derived out = derive(ore.module, [&](Graph& graph) { make_ssa(ore.module, graph); });
  ASSERT_TRUE(verify(out.module).ok());
  EXPECT_EQ(params_of(out.module), 1u + 2u); // n; sum and i at the loop's head
}

} // namespace
} // namespace assay::opt
