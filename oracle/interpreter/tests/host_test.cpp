// Host functions: arguments and results, call stacks, re-entry in all its endings.
#include "harness.h"

#include <stdexcept>

namespace assay::oracle {
namespace {

constexpr std::string_view kCalls = R"(tag @a(i32)
global @g : i64 = 0
table [@add, @log]
import @add(i32, i32) -> i32
import @log(i64)
import @two(f32) -> i8, f64
func @leaf(i64) {
^e(%x: i64):
  fuel 1
  call @log(%x)
  return
}
func @inner(i64) {
^e(%x: i64):
  branch %x, ^one, ^two
^one:
  %k = const.i64 7
  call @leaf(%k)
  return
^two:
  tail_call @leaf(%x)
}
func @f(i64) {
^e(%x: i64):
  %y = const.i64 1
  call @inner(%x)
  call @log(%y)
  return
}
func @tail(i64) {
^e(%x: i64):
  tail_call @log(%x)
}
func @calls_tail(i64) {
^e(%x: i64):
  call @tail(%x)
  return
}
func @indirect(i32) -> i32 {
^e(%x: i32):
  %z = const.i32 0
  %r = call_indirect (i32, i32) -> i32 %z(%x, %x)
  %p = func_addr @add
  %s = call_ptr (i32, i32) -> i32 %p(%r, %x)
  return %s
}
func @tail_indirect(i32) -> i32 {
^e(%x: i32):
  %z = const.i32 0
  tail_call_indirect (i32, i32) -> i32 %z(%x, %x)
}
func @pair(f32) -> f64, i8 {
^e(%x: f32):
  %a, %b = call @two(%x)
  return %b, %a
}
func @thrower(i32) {
^e(%x: i32):
  throw @a(%x)
}
func @trapper() {
^e:
  trap user5
}
func @wild() {
^e:
  %p = const.ptr 8
  %v = const.i8 1
  pstore.i8 %p, 0, %v
  return
}
func @bump(i64) -> i64 {
^e(%n: i64):
  fuel 10
  %old = global_get.i64 @g
  %new = add.i64 %old, %n
  global_set.i64 @g, %new
  return %new
}
func @guarded(i64) -> i32 {
^e(%x: i64):
  try_call @leaf(%x) -> ^ok, catch @a ^h, catch_all ^x
^ok:
  %n = const.i32 0
  return %n
^h(%p: i32):
  return %p
^x(%e: ptr):
  %m = const.i32 -1
  return %m
}
)";

TestHost adding_host() {
  return TestHost([](FunctionId import, std::span<const u64> args, std::span<u64> results, Reentry&) {
    if (import == 0) results[0] = args[0] + args[1];
    if (import == 2) {
      results[0] = 0x1ff; // too wide for an i8: cut
      results[1] = 0x4000000000000000;
    }
  });
}

TEST(Host, each_call_has_its_arguments_and_its_call_stack_innermost_first) {
  Program p(kCalls);
  TestHost host = adding_host();
  const Outcome& got = p.run("f", {5}, host);
  ASSERT_EQ(got.trace.size(), 2u);
  EXPECT_EQ(p.event_args(0), (Values{7}));
  EXPECT_EQ(p.stack(0), "leaf 0:1, inner 1:1, f 0:1");
  EXPECT_EQ(p.event_args(1), (Values{1}));
  EXPECT_EQ(p.stack(1), "f 0:2");
}

TEST(Host, a_frame_replaced_by_a_tail_call_is_not_in_the_call_stack) {
  Program p(kCalls);
  TestHost host = adding_host();
  p.run("f", {0}, host);
  EXPECT_EQ(p.stack(0), "leaf 0:1, f 0:1");
}

TEST(Host, a_tail_called_import_sees_the_caller_s_caller) {
  Program p(kCalls);
  TestHost host = adding_host();
  p.run("calls_tail", {3}, host);
  EXPECT_EQ(p.stack(0), "calls_tail 0:0");
  p.run("tail", {3}, host);
  EXPECT_EQ(p.stack(0), "");
  EXPECT_EQ(p.event_args(0), (Values{3}));
}

TEST(Host, imports_can_be_called_through_table_and_pointer_and_as_the_entry) {
  Program p(kCalls);
  TestHost host = adding_host();
  EXPECT_EQ(p.run("indirect", {5}, host).values, (Values{15}));
  EXPECT_EQ(p.stack(1), "indirect 0:3");
  EXPECT_EQ(p.run("tail_indirect", {5}, host).values, (Values{10}));
  EXPECT_EQ(p.run("add", {0xffffffff, 2}, host).values, (Values{1}));
  EXPECT_EQ(p.stack(0), "");
}

TEST(Host, calls_in_a_loop_give_their_stack_back) {
  std::string params = "i64", args = "%n";
  for (int i = 1; i < 1000; ++i) {
    params += ", i64";
    args += ", %n";
  }
  Program p("import @wide(" + params + ")\nfunc @f(i64) {\n^e(%k: i64):\n  jump ^head(%k)\n^head(%n: i64):\n" +
            "  call @wide(" + args + ")\n  %one = const.i64 1\n  %m = sub.i64 %n, %one\n" +
            "  branch %m, ^head(%m), ^end\n^end:\n  return\n}\n");
  TestHost host = adding_host();
  EXPECT_EQ(p.run("f", {kMaxValueBytes / 8000 + 100}, host).kind, OutcomeKind::Returned);
}

TEST(Host, results_are_cut_to_their_width_and_start_at_zero) {
  Program p(kCalls);
  TestHost host = adding_host();
  EXPECT_EQ(p.run("pair", {0}, host).values, (Values{0x4000000000000000, 0xff}));
  TestHost lazy([](FunctionId, std::span<const u64>, std::span<u64>, Reentry&) {});
  EXPECT_EQ(p.run("pair", {0}, lazy).values, (Values{0, 0}));
}

/// A host that calls `function` back when @log is called from outside, and lets everything pass.
TestHost calling_back(const Program& p, std::string_view function, std::vector<u64> args, size_t result_count,
                      u32& depth) {
  return TestHost(
      [&p, function, args, result_count, &depth](FunctionId, std::span<const u64>, std::span<u64>, Reentry& re) {
        if (depth++ != 0) return;
        std::vector<u64> results(result_count);
        re.call(p.module().find_function(function), args, results);
      });
}

TEST(Reentry, shares_globals_and_fuel_with_the_run) {
  Program p(kCalls);
  u32 depth = 0;
  TestHost host = calling_back(p, "bump", {5}, 1, depth);
  const Outcome& got = p.run("leaf", {1}, host, 100);
  EXPECT_EQ(got.kind, OutcomeKind::Returned);
  EXPECT_EQ(got.globals, (Values{5}));
  EXPECT_EQ(got.fuel_left, 89u);
}

TEST(Reentry, outer_frames_follow_the_inner_ones_in_the_call_stack) {
  Program p(kCalls);
  u32 depth = 0;
  TestHost host = calling_back(p, "f", {5}, 0, depth);
  p.run("f", {5}, host);
  EXPECT_EQ(p.stack(0), "leaf 0:1, inner 1:1, f 0:1");
  EXPECT_EQ(p.stack(1), "leaf 0:1, inner 1:1, f 0:1, leaf 0:1, inner 1:1, f 0:1");
  EXPECT_EQ(p.stack(2), "f 0:2, leaf 0:1, inner 1:1, f 0:1");
  EXPECT_EQ(p.stack(3), "f 0:2");
}

TEST(Reentry, results_come_back_and_spans_stay_valid) {
  Program p(kCalls);
  TestHost host([&](FunctionId import, std::span<const u64> args, std::span<u64> results, Reentry& re) {
    if (import != 0) return;
    std::vector<u64> inner(1);
    const std::vector<u64> n = {args[0]};
    re.call(p.module().find_function("bump"), n, inner);
    results[0] = inner[0] + args[1];
  });
  EXPECT_EQ(p.run("indirect", {5}, host).values, (Values{20})); // (0+5)+5 = 10; then (5+10)+5
}

TEST(Reentry, a_trap_inside_ends_the_outer_run_too_and_no_handler_sees_it) {
  Program p(kCalls);
  u32 depth = 0;
  TestHost host = calling_back(p, "trapper", {}, 0, depth);
  EXPECT_TRUE(trapped(p.run("guarded", {1}, host), TrapKind::User5, p.at("trapper", 0, 0)));
}

TEST(Reentry, a_host_may_catch_a_trap_of_what_it_called) {
  Program p(kCalls);
  u32 caught = 0;
  TestHost host([&](FunctionId, std::span<const u64>, std::span<u64>, Reentry& re) {
    try {
      re.call(p.module().find_function("trapper"), {}, {});
    } catch (const TrapException& e) {
      caught += e.kind() == TrapKind::User5 && e.position() == p.at("trapper", 0, 0);
    }
  });
  EXPECT_EQ(p.run("f", {5}, host).kind, OutcomeKind::Returned);
  EXPECT_EQ(caught, 2u);
}

TEST(Reentry, an_air_exception_passes_through_the_host_and_is_caught_by_its_tag) {
  Program p(kCalls);
  u32 depth = 0;
  TestHost host = calling_back(p, "thrower", {77}, 0, depth);
  EXPECT_EQ(p.run("guarded", {1}, host).values, (Values{77}));
  depth = 0;
  const Outcome& got = p.run("f", {1}, host);
  EXPECT_EQ(got.kind, OutcomeKind::Threw);
  EXPECT_EQ(got.values, (Values{77}));
}

TEST(Reentry, an_air_exception_reaches_the_host_with_tag_and_payload) {
  Program p(kCalls);
  std::vector<u64> payload;
  TestHost host([&](FunctionId, std::span<const u64>, std::span<u64>, Reentry& re) {
    const std::vector<u64> args = {77};
    try {
      re.call(p.module().find_function("thrower"), args, {});
    } catch (const AirException& e) {
      EXPECT_EQ(e.tag(), 0u);
      payload = e.payload();
    }
  });
  EXPECT_EQ(p.run("leaf", {1}, host).kind, OutcomeKind::Returned);
  EXPECT_EQ(payload, (Values{77}));
}

TEST(Reentry, an_air_exception_with_a_tag_of_no_tag_of_the_module_is_a_host_exception) {
  Program p(kCalls);
  TestHost host([](FunctionId, std::span<const u64>, std::span<u64>, Reentry&) { throw AirException(9, {}); });
  EXPECT_EQ(p.run("guarded", {1}, host).values, (Values{0xffffffff}));
  TestHost short_payload([](FunctionId, std::span<const u64>, std::span<u64>, Reentry&) { throw AirException(0, {}); });
  EXPECT_EQ(p.run("guarded", {1}, short_payload).values, (Values{0xffffffff}));
}

TEST(Reentry, a_refusal_inside_cannot_be_swallowed) {
  Program p(kCalls);
  TestHost host([&](FunctionId, std::span<const u64>, std::span<u64>, Reentry& re) {
    try {
      re.call(p.module().find_function("wild"), {}, {});
    } catch (...) {}
  });
  EXPECT_EQ(p.run("guarded", {1}, host).kind, OutcomeKind::Refused);
}

TEST(Reentry, host_levels_without_end_trap_stack_overflow) {
  Program p(kCalls);
  u32 depth = 0;
  TestHost host([&](FunctionId, std::span<const u64> args, std::span<u64>, Reentry& re) {
    ++depth;
    re.call(p.module().find_function("leaf"), args, {});
  });
  EXPECT_TRUE(trapped(p.run("leaf", {1}, host), TrapKind::StackOverflow, p.at("log", 0, 0)));
  EXPECT_EQ(depth, kMaxHostDepth);
}

TEST(Reentry, destructors_between_two_runs_of_air_frames_run_once) {
  Program p(kCalls);
  int destroyed = 0;
  struct Guard {
    int* count;
    ~Guard() { ++*count; }
  };
  u32 depth = 0;
  TestHost host([&](FunctionId, std::span<const u64>, std::span<u64>, Reentry& re) {
    Guard guard{&destroyed};
    if (++depth == 5) throw std::runtime_error("bottom");
    const std::vector<u64> args = {1};
    re.call(p.module().find_function("leaf"), args, {});
  });
  const Outcome& got = p.run("leaf", {1}, host);
  EXPECT_EQ(got.kind, OutcomeKind::ThrewHost);
  EXPECT_EQ(got.text, "bottom");
  EXPECT_EQ(destroyed, 5);
}

// -- the bound on recorded frames --------------------------------------------------------------------

/// @loop calls the host n times with one frame active; @down at each of n levels of recursion.
constexpr std::string_view kManyFrames = R"(import @log(i64)
func @loop(i64) {
^e(%n: i64):
  jump ^head(%n)
^head(%i: i64):
  branch %i, ^body, ^end
^body:
  call @log(%i)
  %one = const.i64 1
  %less = sub.i64 %i, %one
  jump ^head(%less)
^end:
  return
}
func @down(i64) {
^e(%n: i64):
  call @log(%n)
  branch %n, ^more, ^end
^more:
  %one = const.i64 1
  %less = sub.i64 %n, %one
  call @down(%less)
  return
^end:
  return
}
)";

TEST(HostCalls, a_run_may_record_as_many_frames_as_the_limit_says) {
  Program p(kManyFrames);
  TestHost host([](FunctionId, std::span<const u64>, std::span<u64>, Reentry&) {});
  const Outcome& got = p.run("loop", {kMaxRecordedFrames}, host);
  EXPECT_EQ(got.kind, OutcomeKind::Returned);
  EXPECT_EQ(got.frames.size(), kMaxRecordedFrames);
}

TEST(HostCalls, a_run_with_more_recorded_frames_is_refused) {
  Program p(kManyFrames);
  TestHost host([](FunctionId, std::span<const u64>, std::span<u64>, Reentry&) {});
  for (const auto& [entry, count] : {std::pair{"loop", u64{kMaxRecordedFrames} + 1}, std::pair{"down", u64{5000}}}) {
    const Outcome& got = p.run(entry, {count}, host);
    EXPECT_EQ(got.kind, OutcomeKind::Refused) << entry;
    EXPECT_EQ(got.text, "more call-stack frames than a run records");
    EXPECT_LE(got.frames.size(), kMaxRecordedFrames);
  }
  EXPECT_EQ(p.run("down", {3}, host).frames.size(), 1u + 2 + 3 + 4);
}

TEST(HostCalls, a_refusal_for_frames_passes_through_host_functions) {
  Program p(kManyFrames);
  TestHost host([&](FunctionId, std::span<const u64> args, std::span<u64>, Reentry& re) {
    if (args[0] == 1) re.call(p.module().find_function("down"), std::vector<u64>{5000}, {});
  });
  EXPECT_EQ(p.run("loop", {2}, host).kind, OutcomeKind::Refused);
}

} // namespace
} // namespace assay::oracle
