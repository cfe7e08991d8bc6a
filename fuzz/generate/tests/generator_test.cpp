// generator_test.cpp - what every generated program must be: valid, the same everywhere, diverse, bounded.
#include "fuzz/generate/generator.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "fuzz/mutate/nan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace assay::fuzz {
namespace {

GeneratorConfig config_of(std::string_view name) {
  GeneratorConfig config;
  EXPECT_TRUE(preset(name, config)) << name;
  return config;
}

u64 hash_of(const std::string& text) {
  u64 hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<u8>(c)) * 0x100000001b3u;
  return hash;
}

class EveryPreset : public testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(Generator, EveryPreset, testing::ValuesIn(preset_names().begin(), preset_names().end()),
                         [](const auto& param) { return std::string(param.param); });

TEST_P(EveryPreset, makes_only_modules_that_the_verifier_accepts) {
  Generator generator(config_of(GetParam()));
  Module module;
  const u64 seeds = GetParam() == "large" ? 300 : 2000;
  for (u64 seed = 0; seed < seeds; ++seed) {
    generator.generate(seed, module);
    const Result<void> verdict = verify(module);
    ASSERT_TRUE(verdict.ok()) << "seed " << seed << ": " << verdict.error().to_string();
  }
}

TEST_P(EveryPreset, hides_pointers_and_bounds_cycles_by_fuel) {
  Generator generator(config_of(GetParam()));
  Module module;
  std::string reason;
  for (u64 seed = 0; seed < 500; ++seed) {
    generator.generate(seed, module);
    ASSERT_FALSE(exposes_pointers(module, &reason)) << "seed " << seed << ": " << reason;
    ASSERT_TRUE(fuel_bounded(module)) << "seed " << seed;
    ASSERT_EQ(canonicalise_exposed_nans(module), 0u) << "seed " << seed;
  }
}

TEST_P(EveryPreset, survives_printing_and_parsing) {
  Generator generator(config_of(GetParam()));
  Module module;
  for (u64 seed = 0; seed < 100; ++seed) {
    generator.generate(seed, module);
    const std::string text = to_text(module);
    const Result<Module> parsed = parse_and_verify(text);
    ASSERT_TRUE(parsed.ok()) << "seed " << seed << ": " << parsed.error().to_string();
    ASSERT_EQ(to_text(*parsed), text) << "seed " << seed;
  }
}

TEST(Generator, gives_the_same_program_whatever_was_generated_before) {
  Generator fresh(config_of("small")), used(config_of("small"));
  Module a, b;
  for (u64 seed = 100; seed < 200; ++seed) used.generate(seed, b);
  for (u64 seed = 0; seed < 20; ++seed) {
    fresh.generate(seed, a);
    used.generate(seed, b);
    EXPECT_EQ(to_text(a), to_text(b)) << seed;
  }
}

TEST(Generator, gives_the_known_programs_on_every_host) {
  struct Golden {
    std::string_view preset;
    u64 seed;
    u64 hash;
  };
  // Change these only together with a deliberate change of the generator.
  const Golden golden[] = {
      {"small", 0, 0x95c6f4e4a8ef85ad},      {"small", 1, 0x4f579cfcfd501bbc},      {"large", 0, 0xaeee9e13025a3f86},
      {"large", 1, 0xb1753bb86d2a2096},      {"calls", 0, 0xd24292c36152d846},      {"calls", 1, 0xbe05bb17a5f756cc},
      {"memory", 0, 0xd170b9ae14086edb},     {"memory", 1, 0x000ce24523b9c63e},     {"floats", 0, 0xbfe8aa5d599943c9},
      {"floats", 1, 0xc2e119ceda77bf7c},     {"pressure", 0, 0x5c9829f921049e8f},   {"pressure", 1, 0xfad22ccf039d0b18},
      {"exceptions", 0, 0xd24292c36152d846}, {"exceptions", 1, 0xcc9d8ac64736f90a},
  };
  for (const Golden& known : golden) {
    Generator generator(config_of(known.preset));
    Module module;
    generator.generate(known.seed, module);
    EXPECT_EQ(hash_of(to_text(module)), known.hash) << known.preset << ' ' << known.seed;
  }
}

TEST(Generator, reaches_every_operation_in_every_type) {
  // Exceptions on, so that nothing but what is_left_out names may be missing.
  GeneratorConfig config = config_of("small");
  config.exceptions = {1, 1};
  Generator generator(config);
  generator.count_combinations(true);
  Module module;
  for (u64 seed = 0; seed < 20000; ++seed) generator.generate(seed, module);
  for (const MissingCombination& hole : missing_combinations(generator.counts(), config)) {
    ADD_FAILURE() << "never generated: " << info(hole.op).name << ' ' << name_of(hole.type) << ' '
                  << name_of(hole.from);
  }
}

TEST(Generator, makes_about_fifty_instructions_by_default) {
  Generator generator;
  Module module;
  for (u64 seed = 0; seed < 2000; ++seed) generator.generate(seed, module);
  const double mean = static_cast<double>(generator.counts().instructions) / 2000;
  EXPECT_GT(mean, 40);
  EXPECT_LT(mean, 65);
}

/// Counts modules in which `matches` holds for an instruction.
template <typename Matches> u32 modules_with(std::string_view name, u32 seeds, Matches matches) {
  Generator generator(config_of(name));
  Module module;
  u32 found = 0;
  for (u64 seed = 0; seed < seeds; ++seed) {
    generator.generate(seed, module);
    bool here = false;
    for (const Function& f : module.functions) {
      for (const Inst& inst : f.insts) here = here || matches(module, f, inst);
    }
    found += here;
  }
  return found;
}

TEST(Generator, makes_loops_that_swap_or_rotate_their_parameters) {
  const auto permutes = [](const Module&, const Function& f, const Inst& inst) {
    for (const Edge& edge : f.edges_of(inst)) {
      const Block& target = f.blocks[edge.target];
      u32 moved = 0;
      for (u32 i = 0; i < edge.arg_count; ++i) {
        const u32 arg = f.args_of(edge)[i];
        moved +=
            arg >= target.first_param && arg < target.first_param + target.param_count && arg != target.first_param + i;
      }
      if (moved >= 2) return true;
    }
    return false;
  };
  EXPECT_GT(modules_with("small", 2000, permutes), 20u);
}

TEST(Generator, throws_again_what_was_caught_before_something_else) {
  // Two handlers of catch_all give an exception each; the first one's is thrown on where the second is known.
  const auto throws_the_first = [](const Module&, const Function& f, const Inst& inst) {
    if (inst.op != Opcode::Rethrow) return false;
    const ValueId thrown = f.operands_of(inst)[0];
    return std::any_of(f.edges.begin(), f.edges.end(), [&](const Edge& edge) {
      return edge.kind == EdgeKind::CatchAll && f.blocks[edge.target].first_param > thrown;
    });
  };
  EXPECT_GT(modules_with("small", 2000, throws_the_first), 40u);
}

TEST(Generator, reads_in_loops_what_each_round_writes) {
  const auto writes_what_it_read = [](const Module&, const Function& f, const Inst& inst) {
    if (inst.op != Opcode::GlobalSet && inst.op != Opcode::Store && inst.op != Opcode::PStore) return false;
    const Inst& value = f.insts[f.value_defs[f.operands_of(inst).back()].index];
    if (f.value_defs[f.operands_of(inst).back()].is_param) return false;
    return std::any_of(f.insts.begin(), f.insts.end(), [&](const Inst& load) {
      const bool same_kind = (load.op == Opcode::GlobalGet && inst.op == Opcode::GlobalSet && load.ref == inst.ref) ||
                             (load.op == Opcode::Load && inst.op == Opcode::Store && load.imm == inst.imm) ||
                             (load.op == Opcode::PLoad && inst.op == Opcode::PStore && load.imm == inst.imm);
      return same_kind && value.operand_count == 2 && f.operands_of(value)[0] == load.first_result;
    });
  };
  EXPECT_GT(modules_with("small", 2000, writes_what_it_read), 200u);
}

TEST(Generator, makes_calls_with_dozens_of_parameters) {
  const auto is_wide = [](const Module&, const Function&, const Inst& inst) {
    return info(inst.op).is(kCalls) && inst.operand_count >= 24;
  };
  EXPECT_GT(modules_with("calls", 500, is_wide), 25u);
}

TEST(Generator, makes_tail_calls_with_more_parameters_than_the_caller) {
  const auto grows = [](const Module& m, const Function& f, const Inst& inst) {
    return inst.op == Opcode::TailCall && inst.operand_count > m.params_of(f).size();
  };
  EXPECT_GT(modules_with("calls", 500, grows), 10u);
}

TEST(Generator, exports_no_pointers_and_names_an_entry_main) {
  Generator generator(config_of("calls"));
  Module module;
  for (u64 seed = 0; seed < 300; ++seed) {
    generator.generate(seed, module);
    ASSERT_NE(module.find_function("main"), kNone);
    EXPECT_TRUE(module.functions[module.find_function("main")].exported);
    for (const Function& f : module.functions) {
      if (!f.exported && !f.imported) continue;
      for (const Type type : module.params_of(f)) EXPECT_NE(type, Type::Ptr);
      for (const Type type : module.results_of(f)) EXPECT_NE(type, Type::Ptr);
    }
  }
}

TEST(Generator, throws_in_as_many_modules_as_it_is_asked_to) {
  const auto unwinds = [](const Module&, const Function&, const Inst& inst) {
    return inst.op == Opcode::Throw || inst.op == Opcode::TryCall || inst.op == Opcode::Rethrow;
  };
  const u32 some = modules_with("calls", 500, unwinds), most = modules_with("exceptions", 500, unwinds);
  EXPECT_GT(some, 50u);
  EXPECT_GT(most, 2 * some);
  GeneratorConfig config;
  config.exceptions = {0, 1};
  Generator generator(config);
  Module module;
  for (u64 seed = 0; seed < 500; ++seed) {
    generator.generate(seed, module);
    EXPECT_TRUE(module.tags.empty());
  }
}

TEST(Presets, refuse_an_unknown_name) {
  GeneratorConfig config;
  EXPECT_FALSE(preset("tiny", config));
}

} // namespace
} // namespace assay::fuzz
