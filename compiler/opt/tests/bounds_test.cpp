// bounds_test.cpp - which accesses are marked and which are not, on small functions; and that no random program leaves
// the memory at an access that is.
#include "derived.h"

namespace assay::opt {
namespace {

constexpr u8 kBounds = static_cast<u8>(PassId::Bounds);

/// The module after these passes, the standard ones if there are none, and its marks: [FunctionId][InstId].
struct Marked {
  Derived derived;
  std::vector<std::vector<u8>> inside;
};

Marked mark(const Module& source, const PassOptions& options, u64* made = nullptr) {
  Pipeline pipeline;
  pipeline.begin(source, options);
  Marked out{{source, {}, {}}, {}};
  Optimised better;
  for (FunctionId id = 0; id < source.functions.size(); ++id) {
    out.inside.emplace_back();
    if (source.functions[id].imported) continue;
    const Result<void> done = pipeline.run(id, better);
    EXPECT_TRUE(done.ok()) << done.error().to_string();
    better.body.name = source.functions[id].name;
    better.body.exported = source.functions[id].exported;
    out.derived.module.functions[id] = better.body;
    out.inside.back() = better.inside;
  }
  if (made != nullptr) *made = pipeline.rewrites();
  return out;
}

PassOptions alone() {
  PassOptions options;
  options.order[options.order_count++] = kBounds;
  return options;
}

/// Of a function `text`, one letter for each access to linear memory in order: i if it is marked, else c.
std::string marks(const std::string& text) {
  const auto module = parse_and_verify(text);
  EXPECT_TRUE(module.ok()) << module.error().to_string();
  if (!module.ok()) return {};
  const Marked out = mark(*module, alone());
  std::string letters;
  for (InstId id = 0; id < out.inside[0].size(); ++id) {
    const Inst& inst = out.derived.module.functions[0].insts[id];
    if (is_linear_access(inst.op)) letters += out.inside[0][id] != 0 ? 'i' : 'c';
  }
  return letters;
}

/// A function of a counter's loop: `for (%i = FROM; CONDITION; %i += STEP) BODY`, in a memory of 400 bytes.
std::string loop(const char* from, const char* condition, const char* step, const char* body) {
  return std::string(
             "memory 400\nexport func @f(i32, i32) -> i32 {\n^entry(%n: i32, %m: i32):\n %zero = const.i32 0\n") +
         " %hundred = const.i32 100\n %two = const.i64 2\n %step = const.i32 " + step + "\n %from = const.i32 " + from +
         "\n jump ^head(%from)\n^head(%i: i32):\n fuel 1\n %go = " + condition +
         "\n branch %go, ^body, ^exit\n^body:\n" + body +
         "\n %next = add.i32 %i, %step\n jump ^head(%next)\n^exit:\n return %i\n}\n";
}

/// A function that loads from addresses that its body makes of %n.
std::string straight(const char* body) {
  return "memory 400\nexport func @f(i32, i64) -> i32 {\n^entry(%n: i32, %m: i64):\n" + std::string(body) +
         "\n return %n\n}\n";
}

TEST(Bounds, a_mask_says_by_itself_where_an_access_is) {
  EXPECT_EQ(marks(straight(" %k = const.i32 255\n %a = and.i32 %n, %k\n %v = load.i32 %a, 141")), "i");
  EXPECT_EQ(marks(straight(" %k = const.i32 255\n %a = and.i32 %n, %k\n %v = load.i32 %a, 142")), "c");
  EXPECT_EQ(marks(straight(" %k = const.i32 -256\n %a = and.i32 %n, %k\n %v = load.i32 %a, 0")), "c");
  EXPECT_EQ(marks(straight(" %b = trunc.i8.i32 %n\n %a = zext.i32.i8 %b\n %v = load.i32 %a, 141")), "i");
  EXPECT_EQ(marks(straight(" %b = trunc.i8.i32 %n\n %a = zext.i32.i8 %b\n %v = load.i32 %a, 142")), "c");
  EXPECT_EQ(marks(straight(" %a = zext.i64.i32 %n\n %v = load.i32 %a, 0")), "c");
  // One that does so and one that does not: %d is 3 * 100 at most.
  EXPECT_EQ(marks(straight(" %k = const.i32 255\n %a = and.i32 %n, %k\n %v = load.i32 %a, 0\n %3 = const.i32 3\n"
                           " %b = and.i32 %n, %3\n %h = const.i32 100\n %d = mul.i32 %b, %h\n %w = load.i32 %d, 0")),
            "ii");
}

constexpr const char* kElement = " %w = sext.i64.i32 %i\n %a = shl.i64 %w, %two\n store.i32 %a, 0, %i";

TEST(Bounds, a_counter_stays_between_its_start_and_the_limit_that_it_is_compared_with) {
  EXPECT_EQ(marks(loop("0", "lt_s.i32 %i, %hundred", "1", kElement)), "i");
  EXPECT_EQ(marks(loop("0", "lt_u.i32 %i, %hundred", "1", kElement)), "i");
  EXPECT_EQ(marks(loop("0", "gt_s.i32 %hundred, %i", "7", kElement)), "i");
  EXPECT_EQ(marks(loop("0", "le_s.i32 %i, %hundred", "1", kElement)), "c"); // 4 bytes behind the end
  EXPECT_EQ(marks(loop("-1", "lt_s.i32 %i, %hundred", "1", kElement)), "c");
  EXPECT_EQ(marks(loop("0", "lt_s.i32 %i, %n", "1", kElement)), "c");
}

TEST(Bounds, a_counter_may_go_down) {
  EXPECT_EQ(marks(loop("99", "ge_s.i32 %i, %zero", "-1", kElement)), "i");
  EXPECT_EQ(marks(loop("99", "gt_s.i32 %i, %zero", "-2", kElement)), "i");
  EXPECT_EQ(marks(loop("100", "ge_s.i32 %i, %zero", "-1", kElement)), "c");
  EXPECT_EQ(marks(loop("99", "ge_s.i32 %i, %step", "-1", kElement)), "c"); // -1 is reached
}

TEST(Bounds, a_counter_that_may_wrap_is_anything) {
  EXPECT_EQ(marks(loop("0", "ne.i32 %i, %hundred", "1", kElement)), "c"); // nothing says that it meets 100
  // Up to the limit it is less than that; one step further it has wrapped.
  const char* const far = " %s = const.i32 30\n %q = shr_s.i32 %i, %s\n %w = sext.i64.i32 %q\n store.i32 %w, 0, %i";
  EXPECT_EQ(marks(loop("0", "le_s.i32 %i, %n", "1", far)), "c");
  EXPECT_EQ(marks(loop("0", "lt_s.i32 %i, %n", "1", far)), "i");
  EXPECT_EQ(marks(loop("0", "lt_s.i32 %i, %n", "2", far)), "c");
}

TEST(Bounds, the_last_byte_of_the_access_counts) {
  const auto at = [](const char* offset) {
    return loop("0", "lt_s.i32 %i, %hundred", "1", (std::string(" store.i64 %i, ") + offset + ", %two").c_str());
  };
  EXPECT_EQ(marks(at("293")), "i"); // 99 + 293 + 8 == 400
  EXPECT_EQ(marks(at("294")), "c");
  EXPECT_EQ(marks(at("0xffffffffffffffff")), "c");
}

TEST(Bounds, a_limit_from_before_the_loop_is_a_limit_of_what_is_computed_from_it) {
  const char* const square =
      " %k = mul.i32 %i, %m\n %j = add.i32 %k, %i\n %w = sext.i64.i32 %j\n store.i8 %w, 0, %zero8";
  std::string text = loop("0", "lt_s.i32 %i, %m", "1", square);
  text.replace(text.find(" jump ^head(%from)"), 0,
               " %zero8 = const.i8 0\n %most = const.i32 19\n %big = gt_s.i32 %m, %most\n branch %big, ^no, ^yes\n"
               "^no:\n trap user0\n^yes:\n");
  EXPECT_EQ(marks(text), "i"); // 18 * 19 + 18 == 360
  text.replace(text.find("const.i32 19"), 12, "const.i32 21");
  EXPECT_EQ(marks(text), "c");
}

TEST(Bounds, masks_and_shifts_limit_whatever_there_is) {
  const auto one = [](const std::string& body) {
    return "memory 64\nexport func @f(i32, i64) -> i8 {\n^a(%n: i32, %m: i64):\n" + body + "\n return %r\n}\n";
  };
  EXPECT_EQ(marks(one(" %c = const.i32 63\n %i = and.i32 %n, %c\n %r = load.i8 %i, 0")), "i");
  EXPECT_EQ(marks(one(" %c = const.i32 63\n %i = and.i32 %n, %c\n %r = load.i8 %i, 1")), "c");
  EXPECT_EQ(marks(one(" %c = const.i64 58\n %i = shr_u.i64 %m, %c\n %r = load.i8 %i, 0")), "i");
  EXPECT_EQ(marks(one(" %c = const.i64 58\n %i = shr_s.i64 %m, %c\n %r = load.i8 %i, 0")), "c");
  EXPECT_EQ(marks(one(" %c = const.i32 7\n %i = rem_u.i32 %n, %c\n %r = load.i8 %i, 57")), "i");
}

TEST(Bounds, where_ways_meet_all_of_them_count) {
  const auto join = [](const char* other) {
    return std::string("memory 64\nexport func @f(i32) -> i8 {\n^a(%n: i32):\n %c = const.i32 50\n %d = const.i32 ") +
           other + "\n branch %n, ^b, ^c(%d)\n^b:\n jump ^c(%c)\n^c(%i: i32):\n %r = load.i8 %i, 0\n return %r\n}\n";
  };
  EXPECT_EQ(marks(join("3")), "i");
  EXPECT_EQ(marks(join("64")), "c");
}

TEST(Bounds, a_branch_says_something_on_its_own_ways_only) {
  const std::string text = R"(memory 64
export func @f(i32) -> i8 {
^a(%n: i32):
  %c = const.i32 60
  %b = lt_u.i32 %n, %c
  branch %b, ^yes, ^no
^yes:
  %0 = load.i8 %n, 4
  %1 = load.i8 %n, 5
  jump ^end
^no:
  %2 = load.i8 %n, 0
  jump ^end
^end:
  %3 = load.i8 %n, 0
  return %3
}
)";
  EXPECT_EQ(marks(text), "iccc");
}

TEST(Bounds, of_two_conditions_that_hold_at_once_both_count) {
  const auto both = [](const char* op) {
    return std::string(
               "memory 64\nexport func @f(i32) -> i8 {\n^a(%n: i32):\n %z = const.i32 0\n %c = const.i32 60\n") +
           " %p = ge_s.i32 %n, %z\n %q = lt_s.i32 %n, %c\n %b = " + op +
           ".i8 %p, %q\n branch %b, ^yes, ^no\n^yes:\n %r = load.i8 %n, 0\n return %r\n^no:\n trap user0\n}\n";
  };
  EXPECT_EQ(marks(both("and")), "i");
  EXPECT_EQ(marks(both("or")), "c");
}

TEST(Bounds, what_was_added_to_is_known_from_the_sum) {
  const std::string text = R"(memory 64
export func @f(i32) -> i8 {
^a(%n: i32):
  %z = const.i32 0
  %one = const.i32 1
  %c = const.i32 64
  %p = lt_s.i32 %n, %z
  branch %p, ^no, ^b
^b:
  %most = const.i32 1000
  %big = gt_s.i32 %n, %most
  branch %big, ^no, ^d
^d:
  %next = add.i32 %n, %one
  %q = lt_s.i32 %next, %c
  branch %q, ^yes, ^no
^yes:
  %r = load.i8 %n, 1
  return %r
^no:
  trap user0
}
)";
  EXPECT_EQ(marks(text), "i");
}

TEST(Bounds, what_is_never_negative_is_extended_by_zeros) {
  const auto extended = [](const char* limit) {
    const auto module = parse_and_verify(loop(limit, "lt_s.i32 %i, %hundred", "1", kElement));
    EXPECT_TRUE(module.ok());
    const Marked out = mark(*module, alone());
    EXPECT_EQ(count_of(out.derived.module, Opcode::Zext) + count_of(out.derived.module, Opcode::Sext), 1u);
    return count_of(out.derived.module, Opcode::Zext) != 0;
  };
  EXPECT_TRUE(extended("0"));
  EXPECT_FALSE(extended("-1"));
}

TEST(Bounds, functions_mean_the_same_without_the_mark_and_limits_count_marks) {
  const auto module = parse_and_verify(loop("0", "lt_s.i32 %i, %hundred", "1", kElement));
  ASSERT_TRUE(module.ok());
  PassOptions options = alone();
  u64 made = 0;
  mark(*module, options, &made);
  EXPECT_EQ(made, 2u);                            // the mark, and the extension of its index
  options.order[options.order_count++] = kBounds; // again: nothing is left to mark
  mark(*module, options, &made);
  EXPECT_EQ(made, 2u);
  options.rewrite_limit = 0;
  const Marked out = mark(*module, options, &made);
  for (const u8 inside : out.inside[0]) EXPECT_EQ(inside, 0);
}

/// A loop's text after the pass, whose body accesses a neighbour of element %i.
std::string neighbour(const char* from, const char* distance, const char* body) {
  const auto module = parse_and_verify(
      loop(from, "lt_s.i32 %i, %hundred", "1", (std::string(" %d = const.i32 ") + distance + "\n" + body).c_str()));
  EXPECT_TRUE(module.ok());
  return to_text(mark(*module, alone()).derived.module);
}

TEST(Bounds, a_constant_that_an_index_was_added_to_goes_to_the_access) {
  const char* const wide = " %j = add.i32 %i, %d\n %w = sext.i64.i32 %j\n %a = shl.i64 %w, %two\n store.i32 %a, 8, %i";
  EXPECT_NE(neighbour("0", "3", wide).find(", 20, "), std::string::npos);
  EXPECT_EQ(neighbour("0", "3", wide).find("sext"), std::string::npos);
  EXPECT_NE(neighbour("5", "-2", wide).find(", 0, "), std::string::npos);
  EXPECT_NE(neighbour("5", "-3", wide).find(", 8, "), std::string::npos);         // it would lie below 0
  EXPECT_NE(neighbour("-1", "3", wide).find(", 8, "), std::string::npos);         // an index may be negative
  EXPECT_NE(neighbour("1", "-2", wide).find(", 8, "), std::string::npos);         // a sum may
  EXPECT_NE(neighbour("0", "0x7fffffff", wide).find(", 8, "), std::string::npos); // one may wrap
  const char* const narrow = " %j = add.i32 %i, %d\n store.i32 %j, 8, %i";
  EXPECT_NE(neighbour("0", "3", narrow).find(", 11, "), std::string::npos);
  EXPECT_NE(neighbour("-1", "3", narrow).find(", 8, "), std::string::npos);
}

TEST(Bounds, neighbours_have_one_index) {
  const std::string text = neighbour("0", "1",
                                     " %w = zext.i64.i32 %i\n %a = shl.i64 %w, %two\n %e = load.i32 %a, 0\n"
                                     " %j = add.i32 %i, %d\n %x = zext.i64.i32 %j\n %b = shl.i64 %x, %two\n"
                                     " store.i32 %b, 0, %e");
  EXPECT_NE(text.find(", 4, "), std::string::npos) << text;
  EXPECT_EQ(text.find("zext"), text.rfind("zext")) << text;
  EXPECT_EQ(text.find("shl"), text.rfind("shl")) << text;
}

/// Runs on the oracle what the passes made; no access that is marked may trap.
u32 run_marked(const Module& module, u64 seed, const PassOptions& options) {
  const Marked out = mark(module, options);
  fuzz::Cases cases;
  fuzz::make_cases(module, seed, 3, 3000, cases);
  qemu::TestHost host;
  oracle::Interpreter interpreter;
  interpreter.prepare(out.derived.module);
  for (u32 i = 0; i < cases.size(); ++i) {
    Outcome outcome;
    interpreter.run(cases.entry(i), cases.args(i), cases.fuel(i), host, outcome);
    if (outcome.kind != OutcomeKind::Trapped || outcome.trap != TrapKind::OutOfBounds) continue;
    const Function& function = out.derived.module.functions[outcome.position.function];
    const InstId at = function.blocks[outcome.position.block].first_inst + outcome.position.inst;
    EXPECT_EQ(out.inside[outcome.position.function][at], 0) << "seed " << seed << "\n" << to_text(module);
  }
  u32 marked = 0;
  for (const auto& function : out.inside)
    for (const u8 inside : function) marked += inside;
  return marked;
}

TEST(Bounds, no_random_program_leaves_the_memory_where_it_is_marked) {
  u32 marked_alone = 0, marked = 0;
  for_programs([&](const Module& module, u64 seed) {
    marked_alone += run_marked(module, seed, alone());
    marked += run_marked(module, seed, {});
    PassOptions first = alone(); // and others behind it, which copy and move what is marked
    for (const PassId pass : standard_passes()) first.order[first.order_count++] = static_cast<u8>(pass);
    run_marked(module, seed, first);
  });
  EXPECT_GT(marked_alone, 100u);
  EXPECT_GT(marked, 100u);
}

} // namespace
} // namespace assay::opt
