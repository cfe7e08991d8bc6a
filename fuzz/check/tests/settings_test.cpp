// settings_test.cpp - settings drawn from programs: by the program alone, each pair of two met; names that say them.
#include "fuzz/check/settings.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "compiler/opt/pipeline.h"
#include "fuzz/generate/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace assay::fuzz {
namespace {

/// What the settings are in each dimension, as an index.
std::vector<u32> point_of(const Settings& settings) {
  const SubjectRow& row = settings.row;
  const PassOptions& passes = settings.passes;
  const u32 registers = row.max_registers == 0 ? 0 : row.max_registers < 6 ? 1 : 2;
  const u32 padding = row.block_padding == 0 ? 0 : row.block_padding < 1000 ? 1 : 2;
  std::vector<u32> out{
      static_cast<u32>(row.level), static_cast<u32>(row.os), row.extensions, registers, row.spill_all, padding,
      row.decisions != 0};
  for (u32 pass = 0; pass < opt::kPassCount; ++pass) {
    const bool ordered = std::count(passes.order, passes.order + passes.order_count, static_cast<u8>(pass)) != 0;
    out.push_back(passes.order_count != 0 ? ordered : (passes.switched_off >> pass & 1) == 0);
  }
  return out;
}

TEST(Settings, every_pair_of_two_is_met_within_3000_programs) {
  for (const char* name : {"x64-native-lattice", "a64-unicorn-lattice", "a64-qemu-lattice"}) {
    const SubjectRow& row = *find_subject_row(name);
    std::set<std::vector<u32>> pairs, singles;
    Generator generator(GeneratorConfig{});
    Module module;
    for (u64 seed = 0; seed < 3000; ++seed) {
      generator.generate(seed, module);
      const std::vector<u32> point = point_of(settings_for(row, module, {}));
      for (u32 i = 0; i < point.size(); ++i) {
        singles.insert({i, point[i]});
        for (u32 j = i + 1; j < point.size(); ++j) pairs.insert({i, point[i], j, point[j]});
      }
    }
    std::size_t wanted = 0; // pairs of values of different dimensions
    for (auto a = singles.begin(); a != singles.end(); ++a)
      for (auto b = std::next(a); b != singles.end(); ++b) wanted += (*a)[0] != (*b)[0];
    EXPECT_EQ(pairs.size(), wanted) << name;
    // Two values each, three of registers and padding; ssa may stand in no order, but cannot be left out.
    const std::size_t conventions = row.target == Target::A64 && row.exec == Exec::Unicorn ? 3 : 2;
    EXPECT_EQ(singles.size(), 2 + conventions + 2 + 3 + 2 + 3 + 2 + 2 * opt::kPassCount) << name;
  }
}

TEST(Settings, are_those_of_the_program_as_it_is_read_back_from_its_text) {
  const SubjectRow& row = *find_subject_row("a64-unicorn-lattice");
  Generator generator(GeneratorConfig{});
  Module module;
  u32 ordered_otherwise = 0; // in memory
  for (u64 seed = 1; seed <= 200; ++seed) {
    generator.generate(seed, module);
    const auto again = parse_and_verify(to_text(module));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(point_of(settings_for(row, module, {})), point_of(settings_for(row, *again, {}))) << "seed " << seed;
    for (FunctionId f = 0; f < module.functions.size(); ++f) {
      const auto& here = module.functions[f].insts;
      const auto& there = again->functions[f].insts;
      const auto same = [](const Inst& a, const Inst& b) { return a.op == b.op && a.imm == b.imm; };
      ordered_otherwise += !std::equal(here.begin(), here.end(), there.begin(), there.end(), same);
    }
  }
  EXPECT_GT(ordered_otherwise, 20u);
}

TEST(Settings, are_drawn_from_the_program_alone) {
  const SubjectRow& row = *find_subject_row("x64-O2-native-linux-orders");
  std::set<std::vector<u8>> orders;
  const auto order_of = [&](const Module& module) {
    const PassOptions passes = settings_for(row, module, {}).passes;
    EXPECT_GT(passes.order_count, 0u);
    return std::vector<u8>(passes.order, passes.order + passes.order_count);
  };
  Generator generator(GeneratorConfig{});
  Module module;
  for (u64 seed = 0; seed < 50; ++seed) {
    generator.generate(seed, module);
    const Module same = module;
    EXPECT_EQ(order_of(module), order_of(same));
    orders.insert(order_of(module));
  }
  EXPECT_GT(orders.size(), 45u);
  PassOptions given;
  given.switched_off = 5;
  EXPECT_EQ(settings_for(*find_subject_row("x64-O2-native-linux"), module, given).passes.switched_off, 5u);
}

TEST(Settings, names_of_rows_in_the_table_say_their_settings) {
  for (const SubjectRow& row : subject_rows()) {
    if (row.exec == Exec::Oracle || is_peer(row.exec) || row.drawn != Drawn::Nothing) continue;
    EXPECT_EQ(name_of_settings(row), row.name);
  }
}

TEST(Settings, drawn_ones_have_a_name_that_says_them) {
  for (const char* name : {"x64-native-lattice", "a64-unicorn-lattice", "a64-qemu-lattice"}) {
    Generator generator(GeneratorConfig{});
    Module module;
    for (u64 seed = 0; seed < 200; ++seed) {
      generator.generate(seed, module);
      const SubjectRow drawn = settings_for(*find_subject_row(name), module, {}).row;
      const SubjectRow* row = find_subject_row(name_of_settings(drawn));
      ASSERT_NE(row, nullptr) << name_of_settings(drawn);
      EXPECT_EQ(name_of_settings(*row), row->name);
      EXPECT_EQ(row->target, drawn.target);
      EXPECT_EQ(row->level, drawn.level);
      EXPECT_EQ(row->exec, drawn.exec);
      EXPECT_EQ(row->os, drawn.os);
      EXPECT_EQ(row->extensions, drawn.extensions);
      EXPECT_EQ(row->max_registers, drawn.max_registers);
      EXPECT_EQ(row->spill_all, drawn.spill_all);
      EXPECT_EQ(row->block_padding, drawn.block_padding);
      EXPECT_EQ(row->decisions, drawn.decisions);
      EXPECT_EQ(find_subject_row(row->name), row);
    }
  }
}

TEST(Settings, what_is_no_name_of_settings_names_nothing) {
  for (const char* name :
       {"", "x64", "x64-O2-native", "x64-O3-native-linux", "x64-O2-native-linux-", "x64-O2-native-linux-regs",
        "x64-O2-native-linux-regs0", "x64-O2-native-linux-regs04", "x64-O2-native-linux-regs33",
        "x64-O2-native-linux-regs99999999999", "x64-O2-native-linux-pad65537", "x64-O2-native-linux-pad8-regs4",
        "x64-O2-native-linux-extensions", "x64-O2-native-linux-regs4x", "x64-O2-llvm-linux", "a64-O2-oracle-linux"})
    EXPECT_EQ(find_subject_row(name), nullptr) << name;
}

} // namespace
} // namespace assay::fuzz
