// oracle_test.cpp - generated programs, run by the reference interpreter: they end, stay inside their slots, trap
// in a fair share of runs, and no run depends on the payload of a NaN.
#include "assay/verify.h"
#include "fuzz/generate/generator.h"
#include "fuzz/generate/inputs.h"
#include "fuzz/generate/tests/test_host.h"
#include "fuzz/mutate/edit.h"
#include "fuzz/mutate/nan.h"
#include "oracle/interpreter/interpreter.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

constexpr u64 kFuel = 100000;

/// Runs every entry of the module on `count` inputs and gives each Outcome to `look`.
template <typename Look>
void run_all(const Module& module, u64 seed, u32 count, oracle::Interpreter& oracle, Look look) {
  std::vector<FunctionId> entries;
  std::vector<u64> inputs;
  TestHost host;
  Outcome outcome;
  oracle.prepare(module);
  list_entries(module, entries);
  for (const FunctionId entry : entries) {
    make_inputs(module, entry, seed, count, inputs);
    const std::size_t width = module.params_of(module.functions[entry]).size();
    for (u32 i = 0; i < count; ++i) {
      oracle.run(entry, {inputs.data() + i * width, width}, kFuel, host, outcome);
      look(outcome);
    }
  }
}

struct Tally {
  u64 runs = 0, trapped = 0, refused = 0, out_of_fuel = 0, overflowed = 0;
};

Tally tally(std::string_view name, u64 seeds) {
  GeneratorConfig config;
  EXPECT_TRUE(preset(name, config));
  Generator generator(config);
  oracle::Interpreter oracle;
  Module module;
  Tally result;
  for (u64 seed = 0; seed < seeds; ++seed) {
    generator.generate(seed, module);
    run_all(module, seed, 4, oracle, [&](const Outcome& outcome) {
      ++result.runs;
      const bool trapped = outcome.kind == OutcomeKind::Trapped;
      result.trapped += trapped;
      result.refused += outcome.kind == OutcomeKind::Refused;
      // A run that really spent its fuel, not one that met `trap out_of_fuel`.
      result.out_of_fuel += trapped && outcome.trap == TrapKind::OutOfFuel && outcome.fuel_left == 0;
      result.overflowed += trapped && outcome.trap == TrapKind::StackOverflow;
    });
  }
  return result;
}

TEST(GeneratedRuns, are_never_refused_and_seldom_endless) {
  for (const std::string_view name : preset_names()) {
    const Tally result = tally(name, name == "large" ? 100 : 500);
    EXPECT_EQ(result.refused, 0u) << name;
    EXPECT_EQ(result.overflowed, 0u) << name;
    EXPECT_EQ(result.out_of_fuel, 0u) << name;
  }
}

TEST(GeneratedRuns, trap_in_a_tenth_to_three_tenths) {
  const Tally result = tally("small", 3000);
  const double rate = static_cast<double>(result.trapped) / static_cast<double>(result.runs);
  RecordProperty("trap_rate_permille", static_cast<int>(rate * 1000));
  EXPECT_GT(rate, 0.08);
  EXPECT_LT(rate, 0.30);
}

/// Replaces the NaN that any arithmetic operation gives by one of another payload, as AIR allows.
void disturb_nans(Module& module) {
  for (Function& f : module.functions) {
    std::vector<Insertion> insertions;
    const u32 count = static_cast<u32>(f.insts.size());
    for (InstId id = 0; id < count; ++id) {
      const Inst inst = f.insts[id];
      if (!makes_arbitrary_nan(inst.op)) continue;
      const ValueId value = inst.first_result;
      const Type type = f.value_types[value];
      const u32 uses = static_cast<u32>(f.pool.size());
      const ValueId twice[] = {value, value};
      const Inst is_nan = make_inst(f, Opcode::FNe, type, Type::None, twice, Type::I8);
      Inst other = make_inst(f, Opcode::Const, type, Type::None, {}, type);
      other.imm = type == Type::F32 ? 0xffc12345u : 0xfff8123456789abcu;
      const ValueId choice[] = {is_nan.first_result, other.first_result, value};
      const Inst select = make_inst(f, Opcode::Select, type, Type::None, choice, type);
      for (u32 i = 0; i < uses; ++i) {
        if (f.pool[i] == value) f.pool[i] = select.first_result;
      }
      for (const Inst& added : {is_nan, other, select}) insertions.push_back({id + 1, added});
    }
    insert_all(f, insertions);
  }
}

/// What two runs of programs that differ in inserted instructions must have in common: all but positions.
bool same_but_for_positions(const Outcome& a, const Outcome& b) {
  return a.kind == b.kind && (a.kind != OutcomeKind::Trapped || a.trap == b.trap) && a.values == b.values &&
         a.memory == b.memory && a.globals == b.globals && a.trace_args == b.trace_args && a.fuel_left == b.fuel_left;
}

/// Programs whose outcome changes when NaN payloads do.
u32 programs_that_show_nans(const GeneratorConfig& config, u64 seeds, bool strip) {
  Generator generator(config);
  oracle::Interpreter oracle;
  u32 found = 0;
  for (u64 seed = 0; seed < seeds; ++seed) {
    Module module;
    generator.generate(seed, module);
    if (strip) { // fcanon becomes fneg: the pass undone
      for (Function& f : module.functions) {
        for (Inst& inst : f.insts) inst.op = inst.op == Opcode::FCanon ? Opcode::FNeg : inst.op;
      }
    }
    Module disturbed = module;
    disturb_nans(disturbed);
    EXPECT_TRUE(verify(disturbed).ok()) << seed;
    std::vector<Outcome> plain;
    run_all(module, seed, 4, oracle, [&](const Outcome& outcome) { plain.push_back(outcome); });
    std::size_t next = 0;
    bool differs = false;
    run_all(disturbed, seed, 4, oracle, [&](const Outcome& outcome) {
      differs = differs || !same_but_for_positions(plain[next], outcome);
      ++next;
    });
    found += differs;
  }
  return found;
}

TEST(GeneratedRuns, do_not_depend_on_nan_payloads) {
  GeneratorConfig config;
  ASSERT_TRUE(preset("floats", config));
  EXPECT_EQ(programs_that_show_nans(config, 1500, false), 0u);
}

TEST(GeneratedRuns, would_depend_on_nan_payloads_without_the_pass) {
  GeneratorConfig config;
  ASSERT_TRUE(preset("floats", config));
  EXPECT_GT(programs_that_show_nans(config, 500, true), 10u);
}

TEST(GeneratedRuns, are_not_changed_by_bounding_with_fuel_or_canonicalising_again) {
  Generator generator;
  oracle::Interpreter oracle;
  Module module;
  for (u64 seed = 0; seed < 200; ++seed) {
    generator.generate(seed, module);
    std::vector<Outcome> before;
    run_all(module, seed, 2, oracle, [&](const Outcome& outcome) { before.push_back(outcome); });
    EXPECT_EQ(bound_with_fuel(module), 0u);
    EXPECT_EQ(canonicalise_exposed_nans(module), 0u);
    std::size_t next = 0;
    run_all(module, seed, 2, oracle, [&](const Outcome& outcome) {
      EXPECT_EQ(compare(module, before[next], outcome), Agreement::Agree) << seed;
      ++next;
    });
  }
}

} // namespace
} // namespace assay::fuzz
