// edits_test.cpp - each edit is made somewhere in random programs, and what it leaves can be judged by the verifier.
#include "fuzz/reduce/edits.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "fuzz/generate/generator.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace assay::fuzz {
namespace {

Program random_program(u64 seed) {
  GeneratorConfig config;
  preset(seed % 4 == 0 ? "calls" : "small", config);
  Generator generator{config};
  Program out;
  generator.generate(seed, out.module);
  for (FunctionId id = 0; id < out.module.functions.size(); ++id)
    if (out.module.functions[id].exported && !out.module.functions[id].imported) out.entry = id;
  out.args.assign(out.module.params_of(out.module.functions[out.entry]).size(), 5);
  out.fuel = 1000;
  return out;
}

TEST(Edits, each_makes_valid_and_cheaper_programs_somewhere) {
  std::map<std::string, u32> made, valid, cheaper;
  for (u64 seed = 1; seed <= 40; ++seed) {
    const Program program = random_program(seed);
    ASSERT_TRUE(verify(program.module).ok());
    for (const Edit& edit : edits()) {
      std::vector<Place> places;
      edit.list(program, places);
      const std::size_t step = places.size() / 12 + 1;
      for (std::size_t i = 0; i < places.size(); i += step) {
        Program candidate = program;
        const std::string name(edit.name);
        if (!apply(edit, {&places[i], 1}, {}, candidate)) continue;
        ++made[name];
        drop_unused(candidate);
        if (!verify(candidate.module)) continue;
        ++valid[name];
        cheaper[name] += cost_of(candidate) < cost_of(program);
        const auto again = parse_and_verify(to_text(candidate.module));
        ASSERT_TRUE(again.ok()) << name << ": " << again.error().to_string();
      }
    }
  }
  for (const Edit& edit : edits()) {
    const std::string name(edit.name);
    EXPECT_GT(made[name], 0u) << name;
    EXPECT_GT(valid[name], 0u) << name;
    EXPECT_GT(cheaper[name], 0u) << name;
  }
}

TEST(Edits, all_places_at_once_leave_what_the_verifier_can_judge) {
  for (u64 seed = 100; seed < 120; ++seed) {
    const Program program = random_program(seed);
    for (const Edit& edit : edits()) {
      std::vector<Place> places;
      edit.list(program, places);
      if (places.empty()) continue;
      Program candidate = program;
      if (!apply(edit, places, {}, candidate)) continue;
      drop_unused(candidate);
      static_cast<void>(verify(candidate.module).ok()); // either way, but without a crash
    }
  }
}

TEST(Edits, unused_things_go_and_used_ones_keep_their_meaning) {
  auto module = parse_and_verify(R"(global @a : i64 = 1
global @b : i64 = 2
tag @x(i64)
import @log(i64)
import @other(i64)
func @unused() {
^0:
  return
}
export func @main() -> i64 {
^0:
  %v = global_get.i64 @b
  call @other(%v)
  return %v
}
)");
  ASSERT_TRUE(module.ok()) << module.error().to_string();
  Program program{std::move(*module), 3, {}, 0};
  drop_unused(program);
  ASSERT_TRUE(verify(program.module).ok());
  EXPECT_EQ(program.module.functions.size(), 2u);
  EXPECT_EQ(program.module.functions[program.entry].name, "main");
  EXPECT_EQ(program.module.functions[0].name, "other");
  ASSERT_EQ(program.module.globals.size(), 1u);
  EXPECT_EQ(program.module.globals[0].initial, 2u);
  EXPECT_TRUE(program.module.tags.empty());
}

} // namespace
} // namespace assay::fuzz
