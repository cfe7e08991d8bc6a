// passes_test.cpp - each pass alone, in random orders and cut short at random: what comes out is valid and means the
// same on the oracle; and for each pass what it must do, and what it must leave, on small functions.
#include "compiler/opt/pipeline.h"

#include "derived.h"

#include <algorithm>
#include <random>
#include <set>

namespace assay::opt {
namespace {

/// The module with each function's body after these passes.
Derived optimise(const Module& source, const std::vector<PassId>& passes, u64 limit = ~u64{0}, u64* made = nullptr) {
  PassOptions options;
  options.rewrite_limit = limit;
  for (const PassId pass : passes) options.order[options.order_count++] = static_cast<u8>(pass);
  if (passes.empty()) options.order[options.order_count++] = static_cast<u8>(PassId::Ssa);
  Pipeline pipeline;
  pipeline.begin(source, options);
  Derived out{source, {}, {}};
  Optimised better;
  for (FunctionId id = 0; id < source.functions.size(); ++id) {
    out.positions.emplace_back();
    out.calls.emplace_back();
    if (source.functions[id].imported) continue;
    const Result<void> done = pipeline.run(id, better);
    EXPECT_TRUE(done.ok()) << done.error().to_string();
    const Function& from = source.functions[id];
    better.body.name = from.name;
    better.body.exported = from.exported;
    out.module.functions[id] = better.body;
    out.positions.back() = better.positions;
    out.calls.back() = better.inlined_calls;
  }
  if (made != nullptr) *made = pipeline.rewrites();
  return out;
}

std::vector<PassId> all_passes() {
  std::vector<PassId> out;
  for (u32 i = 0; i < kPassCount; ++i) out.push_back(static_cast<PassId>(i));
  return out;
}

TEST(Passes, each_alone_keeps_the_meaning) {
  for (const PassId pass : all_passes()) {
    std::vector<PassId> passes{pass};
    if (pass == PassId::Within) passes = {PassId::Bounds, PassId::Within}; // leaves what that finds alone
    if (pass == PassId::Unroll) passes = {PassId::Bounds, PassId::Unroll}; // does nothing without what that finds
    u64 rewrites = 0;
    for_programs(
        [&](const Module& module, u64 seed) {
          u64 made = 0;
          const Derived out = optimise(module, passes, ~u64{0}, &made);
          rewrites += made;
          ASSERT_NO_FATAL_FAILURE(expect_valid(out.module, seed)) << pass_info(pass).name;
          same_meaning(module, out, seed);
        },
        pass == PassId::Idle ? 1200 : 400); // few loops do nothing
    if (pass == PassId::Ssa) continue;      // it does not count what it makes
    EXPECT_GT(rewrites, 20u) << pass_info(pass).name;
  }
}

TEST(Passes, any_order_keeps_the_meaning) {
  for_programs([&](const Module& module, u64 seed) {
    std::mt19937_64 random(seed);
    std::vector<PassId> order;
    for (u64 i = 0; i < 1 + random() % 12; ++i) order.push_back(static_cast<PassId>(random() % kPassCount));
    const Derived out = optimise(module, order);
    ASSERT_NO_FATAL_FAILURE(expect_valid(out.module, seed));
    same_meaning(module, out, seed);
  });
}

TEST(Passes, stopped_after_any_number_of_rewrites_the_program_means_the_same) {
  const auto standard = standard_passes();
  const std::vector<PassId> passes(standard.begin(), standard.end());
  for_programs([&](const Module& module, u64 seed) {
    u64 made = 0;
    optimise(module, passes, ~u64{0}, &made);
    const u64 limit = seed % 4 == 0 ? 0 : seed * 7919 % (made + 1);
    const Derived out = optimise(module, passes, limit, &made);
    EXPECT_LE(made, limit);
    ASSERT_NO_FATAL_FAILURE(expect_valid(out.module, seed));
    same_meaning(module, out, seed);
  });
}

TEST(Passes, each_kind_of_rewrite_is_made_by_its_pass_and_told_with_its_place) {
  std::set<std::string> seen;
  PassOptions options;
  Optimised better;
  const auto look = [&](const Module& module, u64 seed) {
    options.order[0] = static_cast<u8>(PassId::Licm); // alone: simplification leaves it no divisions by constants
    options.order_count = seed % 5 == 1 ? 1 : 0;
    const auto last_within = [&](u64 limit) {
      options.rewrite_limit = limit;
      Pipeline pipeline;
      pipeline.begin(module, options);
      for (FunctionId id = 0; id < module.functions.size(); ++id) {
        if (module.functions[id].imported) continue;
        EXPECT_TRUE(pipeline.run(id, better).ok());
      }
      return pipeline.last_rewrite();
    };
    const u64 all = last_within(~u64{0}).number;
    for (u64 limit = 1; limit <= all; limit += 1 + all / 48) {
      const LastRewrite last = last_within(limit);
      ASSERT_EQ(last.number, limit);
      const std::string pass(pass_info(last.pass).name), file(last.rule_file);
      EXPECT_TRUE(file == pass + ".cpp" || file.starts_with(pass + "_") ||
                  (pass == "simplify" && file == "simplify_rules.def"))
          << pass << " " << file;
      EXPECT_GT(last.rule_line, 10u);
      seen.insert(pass + "/" + (file == "simplify_rules.def" ? "rule" : std::string(last.rule)));
    }
  };
  for_corpus([&](const Module& module, u64) {
    look(module, 0);
    look(module, 1);
  });
  const auto rare = [&](const Module& module, u64 seed) {
    if (seed <= 400 || seen.size() < rewrite_infos().size()) look(module, seed);
  };
  for_programs(rare, 4000);
  for (const RewriteInfo& info : rewrite_infos()) {
    const std::string name = std::string(pass_info(info.pass).name) + "/" + std::string(info.name);
    EXPECT_EQ(seen.count(name), 1u) << name;
  }
}

TEST(Passes, have_names) {
  for (const PassId pass : all_passes()) {
    PassId found{};
    ASSERT_TRUE(pass_from_name(pass_info(pass).name, found));
    EXPECT_EQ(found, pass);
    EXPECT_FALSE(pass_info(pass).meaning.empty());
  }
  PassId none{};
  EXPECT_FALSE(pass_from_name("nothing", none));
}

/// The text of a module after a pass.
std::string after(PassId pass, const char* text) {
  const auto module = parse_and_verify(text);
  EXPECT_TRUE(module.ok()) << module.error().to_string();
  if (!module.ok()) return {};
  const Derived out = optimise(*module, {pass});
  expect_valid(out.module, 0);
  return to_text(out.module);
}

u32 occurrences(const std::string& text, std::string_view word) {
  u32 count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

// ---- control -----------------------------------------------------------------------------------------------

TEST(Control, a_branch_on_a_constant_goes_one_way_and_blocks_join) {
  EXPECT_EQ(after(PassId::Control, R"(export func @f(i64) -> i64 {
^a(%0: i64):
  %1 = const.i8 1
  branch %1, ^b(%0), ^c
^b(%2: i64):
  return %2
^c:
  trap user0
}
)"),
            "export func @f(i64) -> i64 {\n^b0(%0: i64):\n  %1 = const.i8 1\n  return %0\n}\n");
}

TEST(Control, a_switch_on_a_constant_takes_its_case_or_the_default) {
  constexpr const char* kSwitch = R"(export func @f() -> i64 {
^a:
  %0 = const.i32 VALUE
  %1 = const.i64 1
  %2 = const.i64 2
  switch.i32 %0 [5: ^b(%1), 6: ^b(%1)], ^b(%2)
^b(%r: i64):
  return %r
}
)";
  const auto with = [&](const char* value) {
    std::string text = kSwitch;
    return after(PassId::Control, text.replace(text.find("VALUE"), 5, value).c_str());
  };
  EXPECT_NE(with("6").find("%3 = const.i64 1\n  return %3"), std::string::npos) << with("6");
  EXPECT_NE(with("7").find("%3 = const.i64 2\n  return %3"), std::string::npos) << with("7");
}

TEST(Control, edges_pass_by_empty_blocks_with_their_arguments) {
  const std::string text = after(PassId::Control, R"(export func @f(i64, i64) -> i64 {
^a(%0: i64, %1: i64):
  branch %0, ^b(%1, %0), ^c(%1)
^b(%2: i64, %3: i64):
  jump ^d(%3, %2)
^c(%4: i64):
  jump ^d(%4, %4)
^d(%5: i64, %6: i64):
  %7 = sub.i64 %5, %6
  return %7
}
)");
  EXPECT_NE(text.find("branch %0, ^b1(%0), ^b1(%1)"), std::string::npos) << text;
}

TEST(Control, a_parameter_that_gets_one_value_is_that_value_round_a_loop_too) {
  const std::string text = after(PassId::Control, R"(export func @f(i64, i64) -> i64 {
^a(%0: i64, %1: i64):
  jump ^h(%0, %1)
^h(%n: i64, %k: i64):
  fuel 1
  %2 = sub.i64 %n, %k
  branch %2, ^h(%2, %k), ^x
^x:
  return %k
}
)");
  EXPECT_NE(text.find("^b1(%2: i64):"), std::string::npos) << text;
  EXPECT_NE(text.find("return %1"), std::string::npos) << text;
}

// ---- dce ---------------------------------------------------------------------------------------------------

TEST(Dce, values_that_only_feed_each_other_go_and_traps_stay) {
  const std::string text = after(PassId::Dce, R"(memory 16
export func @f(i64, i64) -> i64 {
^a(%0: i64, %1: i64):
  %2 = add.i64 %0, %1
  %3 = div_u.i64 %0, %1
  %4 = const.i64 3
  %5 = div_u.i64 %0, %4
  %6 = const.i32 8
  %7 = load.i64 %6, 0
  %8 = load.i64 %6, 1
  jump ^h(%0, %0)
^h(%n: i64, %sum: i64):
  fuel 1
  %9 = add.i64 %sum, %n
  %one = const.i64 1
  %10 = sub.i64 %n, %one
  branch %10, ^h(%10, %9), ^x
^x:
  return %n
}
)");
  EXPECT_EQ(occurrences(text, "add.i64"), 0u) << text;
  EXPECT_EQ(occurrences(text, "div_u"), 1u) << text;    // by 3 cannot trap
  EXPECT_EQ(occurrences(text, "load.i64"), 1u) << text; // at 8 it cannot
  EXPECT_EQ(occurrences(text, ", 1\n"), 1u) << text;
  EXPECT_NE(text.find("^b1(%5: i64):"), std::string::npos) << text;
}

TEST(Dce, a_load_at_a_masked_address_goes_where_the_mask_ends_within_memory) {
  const auto loads = [](const std::string& operation, const std::string& mask) {
    return occurrences(
        after(PassId::Dce, ("memory 64\nexport func @f(i32) {\n^a(%x: i32):\n  %mask = const.i32 " + mask +
                            "\n  %p = " + operation + ".i32 %x, %mask\n  %v = load.i64 %p, 1\n  return\n}\n")
                               .c_str()),
        "load.i64");
  };
  EXPECT_EQ(loads("and", "55"), 0u);
  EXPECT_EQ(loads("and", "56"), 1u);
  EXPECT_EQ(loads("and", "-1"), 1u);
  EXPECT_EQ(loads("or", "8"), 1u);
}

// ---- gvn ---------------------------------------------------------------------------------------------------

TEST(Gvn, equal_things_are_one_also_with_operands_swapped_and_where_they_might_have_trapped) {
  const std::string text = after(PassId::Gvn, R"(export func @f(i64, i64) -> i64 {
^a(%0: i64, %1: i64):
  %2 = add.i64 %0, %1
  %3 = div_u.i64 %0, %1
  branch %2, ^b, ^c
^b:
  %4 = add.i64 %1, %0
  %5 = div_u.i64 %0, %1
  %6 = sub.i64 %4, %5
  return %6
^c:
  %7 = sub.i64 %1, %0
  %8 = sub.i64 %0, %1
  %9 = mul.i64 %7, %8
  return %9
}
)");
  EXPECT_EQ(occurrences(text, "add.i64"), 1u) << text;
  EXPECT_EQ(occurrences(text, "div_u"), 1u) << text;
  EXPECT_EQ(occurrences(text, "sub.i64"), 3u) << text;
}

TEST(Gvn, a_value_of_one_way_is_not_known_on_the_other) {
  const std::string text = after(PassId::Gvn, R"(export func @f(i64) -> i64 {
^a(%0: i64):
  branch %0, ^b, ^c
^b:
  %1 = mul.i64 %0, %0
  jump ^d(%1)
^c:
  jump ^d(%0)
^d(%2: i64):
  %3 = mul.i64 %0, %0
  return %3
}
)");
  EXPECT_EQ(occurrences(text, "mul.i64"), 2u) << text;
}

/// Loads that are left of those in a function that stores, then does `between`, then loads the same.
u32 loads_after(const std::string& store, const std::string& between, const std::string& load) {
  const std::string text = after(PassId::Gvn, ("memory 64\nglobal @g : i64 = 0\nimport @h()\n"
                                               "export func @f(i64, ptr) -> i64 {\n  slot $s : 16 align 8\n"
                                               "^a(%0: i64, %p: ptr):\n  %i = const.i32 8\n  %q = slot_addr $s\n  " +
                                               store + "\n  " + between + "\n  " + load + "\n  return %r\n}\n")
                                                  .c_str());
  return occurrences(text, "load.i64") + occurrences(text, "global_get");
}

TEST(Gvn, a_load_finds_what_was_stored_unless_something_may_have_written_since) {
  const std::string linear = "store.i64 %i, 0, %0", get = "%r = load.i64 %i, 0";
  const std::string slot = "pstore.i64 %q, 8, %0", slot_get = "%r = pload.i64 %q, 8";
  const std::string global = "global_set.i64 @g, %0", global_get = "%r = global_get.i64 @g";
  EXPECT_EQ(loads_after(linear, "fuel 1", get), 0u);
  EXPECT_EQ(loads_after(slot, "fuel 1", slot_get), 0u);
  EXPECT_EQ(loads_after(global, "fuel 1", global_get), 0u);
  EXPECT_EQ(loads_after(linear, slot, get), 0u);
  EXPECT_EQ(loads_after(linear, "store8.i64 %i, 3, %0", get), 1u);
  EXPECT_EQ(loads_after(linear, "call @h()", get), 1u);
  EXPECT_EQ(loads_after(linear, "pstore.i64 %p, 0, %0", get), 1u); // wherever that leads
  EXPECT_EQ(loads_after(slot, "pstore.i64 %p, 0, %0", slot_get), 1u);
  EXPECT_EQ(loads_after(slot, "call @h()", slot_get), 1u);
  EXPECT_EQ(loads_after(global, "call @h()", global_get), 1u);
  EXPECT_EQ(loads_after(linear, "fuel 1", "%r = load.i64 %i, 1"), 1u);
  EXPECT_EQ(loads_after("store8.i64 %i, 0, %0", "fuel 1", "%r = load8_u.i64 %i, 0"), 0u + 0u); // load8_u is no load.i64
}

TEST(Gvn, where_ways_meet_memory_may_be_another) {
  const std::string text = after(PassId::Gvn, R"(memory 64
export func @f(i64) -> i64 {
^a(%0: i64):
  %i = const.i32 8
  %1 = load.i64 %i, 0
  branch %0, ^b, ^c
^b:
  store.i64 %i, 0, %0
  jump ^d
^c:
  jump ^d
^d:
  %2 = load.i64 %i, 0
  %3 = add.i64 %1, %2
  return %3
}
)");
  EXPECT_EQ(occurrences(text, "load.i64"), 2u) << text;
}

// ---- choose ------------------------------------------------------------------------------------------------

/// A branch whose ways do this and pass that on to where they meet.
std::string chosen(const std::string& one, const std::string& other, const std::string& args_one = "(%p, %0)",
                   const std::string& args_other = "(%q, %0)") {
  return after(PassId::Choose, ("import @h()\nexport func @f(i64, i64) -> i64 {\n^a(%0: i64, %1: i64):\n"
                                "  branch %1, ^b, ^c\n^b:\n  " +
                                one + "\n  jump ^d" + args_one + "\n^c:\n  " + other + "\n  jump ^d" + args_other +
                                "\n^d(%r: i64, %s: i64):\n  %t = sub.i64 %r, %s\n  return %t\n}\n")
                                   .c_str());
}

TEST(Choose, short_ways_with_one_value_each_become_a_select) {
  const std::string p = "%p = add.i64 %0, %1", q = "%q = mul.i64 %0, %1";
  const std::string text = chosen(p, q);
  EXPECT_NE(text.find("%2 = add.i64 %0, %1\n  %3 = mul.i64 %0, %1\n  %4 = select.i64 %1, %2, %3\n  jump"),
            std::string::npos)
      << text;
  EXPECT_EQ(occurrences(text, "branch"), 0u) << text;
}

TEST(Choose, long_ways_and_those_that_trap_or_call_stay) {
  const std::string p = "%p = add.i64 %0, %1", q = "%q = mul.i64 %0, %1";
  EXPECT_EQ(occurrences(chosen(p, "%q = div_u.i64 %0, %1"), "branch"), 1u);
  EXPECT_EQ(occurrences(chosen(p, "call @h()\n  " + q), "branch"), 1u);
  EXPECT_EQ(occurrences(chosen(p, "fuel 1\n  " + q), "branch"), 1u);
  EXPECT_EQ(occurrences(chosen(p, q, "(%p, %0)", "(%q, %1)"), "select"), 2u);
  EXPECT_EQ(occurrences(chosen(p, q, "(%1, %0)", "(%1, %0)"), "branch"), 0u);
  EXPECT_EQ(occurrences(chosen(p, "%x = add.i64 %0, %0\n  %y = xor.i64 %x, %1\n  %q = mul.i64 %0, %y"), "branch"), 1u);
}

TEST(Choose, a_way_may_lead_straight_to_where_they_meet) {
  const std::string text = after(PassId::Choose, R"(export func @f(i64, i64) -> i64 {
^a(%0: i64, %1: i64):
  branch %0, ^b(%0), ^c
^c:
  %2 = add.i64 %0, %1
  jump ^b(%2)
^b(%r: i64):
  branch %1, ^d(%0), ^d(%1)
^d(%s: i64):
  %3 = sub.i64 %r, %s
  return %3
}
)");
  EXPECT_EQ(occurrences(text, "branch"), 0u) << text;
  EXPECT_NE(text.find("select.i64 %0, %0, %2"), std::string::npos) << text;
  EXPECT_EQ(occurrences(text, "select.i64 %1, %0, %1"), 1u) << text;
}

TEST(Choose, floats_stay) {
  const std::string text = after(PassId::Choose, R"(export func @f(i64, f64, f64) -> f64 {
^a(%0: i64, %1: f64, %2: f64):
  branch %0, ^d(%1), ^d(%2)
^d(%r: f64):
  return %r
}
)");
  EXPECT_EQ(occurrences(text, "branch"), 1u) << text;
}

// ---- licm --------------------------------------------------------------------------------------------------

/// Whether the instruction has left the loop of a function that has it in its body.
bool leaves(const std::string& inst, const std::string& also) {
  const std::string text =
      after(PassId::Licm, ("memory 64\nglobal @g : i64 = 0\nimport @h()\nexport func @f(i64, i64) -> i64 {\n"
                           "^a(%0: i64, %1: i64):\n  jump ^h(%0, %1)\n^h(%n: i64, %s: i64):\n  fuel 1\n  " +
                           also + "\n  %i = const.i32 8\n  %x = " + inst +
                           "\n  %one = const.i64 1\n  %m = sub.i64 %n, %one\n  %t = add.i64 %s, %x\n"
                           "  branch %m, ^h(%m, %t), ^x\n^x:\n  return %t\n}\n")
                              .c_str());
  const std::size_t loop = text.find("fuel 1");
  const std::size_t at = text.find(inst.substr(0, inst.find(' ')));
  EXPECT_NE(at, std::string::npos) << text;
  return at < loop;
}

TEST(Licm, only_what_is_the_same_in_each_turn_and_cannot_trap_leaves) {
  EXPECT_TRUE(leaves("mul.i64 %0, %1", ""));
  EXPECT_FALSE(leaves("mul.i64 %0, %n", ""));
  EXPECT_FALSE(leaves("div_u.i64 %0, %1", ""));
  EXPECT_TRUE(leaves("global_get.i64 @g", ""));
  EXPECT_FALSE(leaves("global_get.i64 @g", "global_set.i64 @g, %n"));
  EXPECT_FALSE(leaves("global_get.i64 @g", "call @h()"));
  EXPECT_TRUE(leaves("load.i64 %i, 0", ""));
  EXPECT_FALSE(leaves("load.i64 %i, 57", "")); // traps
  EXPECT_FALSE(leaves("load.i64 %i, 0", "%j = const.i32 9\n  store8.i64 %j, 0, %n"));
}

TEST(Licm, leaves_all_loops_at_once_and_makes_a_block_where_a_loop_has_two_ways_in) {
  const std::string text = after(PassId::Licm, R"(export func @f(i64, i64) -> i64 {
^a(%0: i64, %1: i64):
  branch %0, ^h(%0), ^h(%1)
^h(%n: i64):
  fuel 1
  jump ^i(%n)
^i(%k: i64):
  fuel 1
  %2 = mul.i64 %0, %1
  %3 = sub.i64 %k, %2
  branch %3, ^i(%3), ^j
^j:
  branch %n, ^h(%k), ^x
^x:
  return %n
}
)");
  EXPECT_NE(text.find("^b1(%2: i64):\n  %3 = mul.i64 %0, %1\n  jump ^b2(%2)"), std::string::npos) << text;
}

// ---- sink --------------------------------------------------------------------------------------------------

TEST(Sink, a_comparison_moves_to_the_branch_that_alone_reads_it) {
  const std::string text = after(PassId::Sink, R"(export func @f(i64, i64) -> i64 {
^a(%0: i64, %1: i64):
  %2 = lt_s.i64 %0, %1
  %3 = lt_u.i64 %0, %1
  %4 = add.i64 %0, %1
  branch %2, ^b, ^c
^b:
  %5 = zext.i64.i8 %3
  %6 = add.i64 %4, %5
  return %6
^c:
  %7 = zext.i64.i8 %3
  %8 = sub.i64 %4, %7
  return %8
}
)");
  EXPECT_NE(text.find("lt_s.i64 %0, %1\n  branch"), std::string::npos) << text;
  EXPECT_LT(text.find("lt_u.i64"), text.find("add.i64")) << text;
}

TEST(Sink, what_one_way_alone_reads_goes_there_with_what_only_that_reads) {
  const std::string text = after(PassId::Sink, R"(export func @f(i64, i64) -> i64 {
^a(%0: i64, %1: i64):
  %2 = mul.i64 %0, %1
  %3 = sub.i64 %2, %0
  %4 = xor.i64 %0, %1
  branch %1, ^b, ^c
^b:
  return %3
^c:
  return %4
}
)");
  EXPECT_NE(text.find("^b1:\n  %2 = mul.i64 %0, %1\n  %3 = sub.i64 %2, %0\n  return %3"), std::string::npos) << text;
  EXPECT_NE(text.find("xor.i64 %0, %1\n  return"), std::string::npos) << text;
}

TEST(Sink, what_traps_and_what_would_run_in_more_turns_stays) {
  const std::string text = after(PassId::Sink, R"(export func @f(i64, i64) -> i64 {
^a(%0: i64, %1: i64):
  %2 = div_u.i64 %0, %1
  %3 = mul.i64 %0, %1
  branch %1, ^b, ^c
^b:
  return %2
^c:
  jump ^d(%0)
^d(%n: i64):
  fuel 1
  %5 = sub.i64 %n, %0
  branch %5, ^e, ^f
^e:
  jump ^d(%3)
^f:
  return %5
}
)");
  EXPECT_NE(text.find("div_u.i64 %0, %1\n  %3 = mul.i64 %0, %1\n  branch"), std::string::npos) << text;
}

TEST(Sink, what_counts_is_made_at_the_end_of_the_turn) {
  const std::string text = after(PassId::Sink, R"(memory 65536
export func @f(i32) -> i32 {
^a(%0: i32):
  %1 = const.i32 1
  %2 = const.i32 0
  jump ^h(%2)
^h(%i: i32):
  fuel 1
  %4 = add.i32 %i, %1
  %5 = load.i32 %i, 0
  %6 = lt_u.i32 %5, %0
  branch %6, ^h(%4), ^x
^x:
  return %i
}
)");
  EXPECT_LT(text.find("load.i32"), text.find("add.i32")) << text;
  EXPECT_LT(text.find("add.i32"), text.find("lt_u.i32")) << text;
}

TEST(Sink, what_replaces_a_value_that_is_still_read_is_made_at_the_end_of_the_turn) {
  const char* const text = R"(export func @f(f64, f64) -> f64 {
^a(%0: f64, %1: f64):
  jump ^h(%0, %1)
^h(%x: f64, %y: f64):
  fuel 1
  %2 = fmul.f64 %x, %x
  %3 = fsub.f64 %2, %y
  %4 = fmul.f64 %x, %y
  %5 = flt.f64 %4, %1
  branch %5, ^h(%3, %4), ^z
^z:
  return %y
}
)";
  const std::string made = after(PassId::Sink, text);
  EXPECT_LT(made.find("fmul.f64 %2, %3"), made.find("fsub")) << made;
  EXPECT_LT(made.find("fsub"), made.find("flt")) << made;
}

} // namespace
} // namespace assay::opt
