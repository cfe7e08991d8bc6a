// AIR exceptions: throw, clauses, rethrow, what leaves the module.
#include "harness.h"

#include <stdexcept>

namespace assay::oracle {
namespace {

constexpr std::string_view kThrower = R"(tag @a(i64, f64)
tag @b()
tag @c(i32)
import @host(i64) -> i64
func @thrower(i64) -> i64 {
^e(%k: i64):
  %x = const.f64 0x1.8p+1
  %n = const.i32 -7
  switch.i64 %k [1: ^a, 2: ^b, 3: ^c, 4: ^t, 5: ^h], ^ok
^a:
  throw @a(%k, %x)
^b:
  throw @b()
^c:
  throw @c(%n)
^t:
  trap user1
^h:
  %r = call @host(%k)
  return %r
^ok:
  return %k
}
func @middle(i64) -> i64 {
  slot $s : 32
^e(%k: i64):
  %r = call @thrower(%k)
  return %r
}
func @catcher(i64) -> i64, i64 {
^e(%k: i64):
  %own = const.i64 1000
  try_call @middle(%k) -> ^ok(%own), catch @a ^ha(%own), catch @b ^hb, catch_all ^hx(%own)
^ok(%r: i64, %o: i64):
  return %r, %o
^ha(%p: i64, %q: f64, %o2: i64):
  %bits = bitcast.i64.f64 %q
  return %p, %bits
^hb:
  %z = const.i64 -2
  return %z, %own
^hx(%exn: ptr, %o3: i64):
  %t = const.i64 -3
  return %t, %o3
}
func @rethrower(i64) -> i64 {
^e(%k: i64):
  try_call @thrower(%k) -> ^ok, catch_all ^hx
^ok(%r: i64):
  return %r
^hx(%exn: ptr):
  fuel 1
  rethrow %exn
}
func @outer(i64) -> i64 {
^e(%k: i64):
  try_call @rethrower(%k) -> ^ok, catch @a ^ha
^ok(%r: i64):
  return %r
^ha(%p: i64, %q: f64):
  %z = const.i64 0
  %n = sub.i64 %z, %p
  return %n
}
)";

TEST(Exceptions, the_first_matching_clause_gets_payload_and_own_arguments) {
  Program p(kThrower);
  EXPECT_EQ(p.values("catcher", {0}), (Values{0, 1000}));
  EXPECT_EQ(p.values("catcher", {1}), (Values{1, 0x4008000000000000}));
  EXPECT_EQ(p.values("catcher", {2}), (Values{~u64{1}, 1000}));
  EXPECT_EQ(p.values("catcher", {3}), (Values{~u64{2}, 1000}));
}

TEST(Exceptions, a_trap_runs_no_handler) {
  Program p(kThrower);
  EXPECT_TRUE(trapped(p.run("catcher", {4}), TrapKind::User1, p.at("thrower", 4, 0)));
}

TEST(Exceptions, one_that_leaves_the_module_is_told_with_its_payload) {
  Program p(kThrower);
  const Outcome& got = p.run("middle", {1});
  EXPECT_EQ(got.kind, OutcomeKind::Threw);
  EXPECT_EQ(got.tag, 0u);
  EXPECT_EQ(got.values, (Values{1, 0x4008000000000000}));
  EXPECT_EQ(got.value_types, (std::vector<Type>{Type::I64, Type::F64}));
  EXPECT_EQ(p.run("thrower", {3}).values, (Values{0xfffffff9}));
}

TEST(Exceptions, rethrow_keeps_tag_and_payload) {
  Program p(kThrower);
  EXPECT_EQ(p.values("outer", {1}), (Values{~u64{0}}));
  const Outcome& got = p.run("outer", {3});
  EXPECT_EQ(got.kind, OutcomeKind::Threw);
  EXPECT_EQ(got.tag, 2u);
  EXPECT_EQ(got.values, (Values{0xfffffff9}));
}

TEST(Exceptions, catch_all_takes_what_the_host_throws) {
  Program p(kThrower);
  TestHost host([](FunctionId, std::span<const u64>, std::span<u64>, Reentry&) { throw 42; });
  const Outcome& got = p.run("catcher", {5}, host);
  EXPECT_EQ(got.kind, OutcomeKind::Returned);
  EXPECT_EQ(got.values, (Values{~u64{2}, 1000}));
}

TEST(Exceptions, a_tag_clause_does_not_take_what_the_host_throws) {
  Program p(kThrower);
  TestHost host([](FunctionId, std::span<const u64>, std::span<u64>, Reentry&) { throw std::runtime_error("no"); });
  const Outcome& got = p.run("outer", {5}, host);
  EXPECT_EQ(got.kind, OutcomeKind::ThrewHost);
  EXPECT_EQ(got.text, "no");
  EXPECT_EQ(got.fuel_left, 999u); // it was caught and thrown on once
}

TEST(Exceptions, an_exception_of_no_known_type_leaves_the_module_too) {
  Program p(kThrower);
  TestHost host([](FunctionId, std::span<const u64>, std::span<u64>, Reentry&) { throw 42; });
  EXPECT_EQ(p.run("middle", {5}, host).kind, OutcomeKind::ThrewHost);
}

/// Cannot be mistaken for another: it knows its address, and is never copied.
struct Unique : std::exception {
  explicit Unique(const void** where) { *where = this; }
  Unique(const Unique&) = delete;
};

TEST(Exceptions, rethrow_throws_the_same_object) {
  Program p(kThrower);
  const void* thrown = nullptr;
  const void* arrived = nullptr;
  u32 depth = 0;
  TestHost host([&](FunctionId, std::span<const u64> args, std::span<u64> results, Reentry& reentry) {
    if (depth++ != 0) throw Unique(&thrown);
    try {
      reentry.call(p.module().find_function("outer"), args, results); // caught and thrown on inside
    } catch (const Unique& e) {
      arrived = &e;
    }
  });
  const Outcome& got = p.run("middle", {5}, host);
  EXPECT_EQ(got.kind, OutcomeKind::Returned);
  EXPECT_EQ(got.fuel_left, 999u);
  EXPECT_NE(arrived, nullptr);
  EXPECT_EQ(arrived, thrown);
}

TEST(Exceptions, a_try_call_that_is_over_catches_nothing_more) {
  Program p(R"(tag @a()
func @calm() {
^e:
  return
}
func @f() -> i32 {
^e:
  try_call @calm() -> ^ok, catch_all ^h
^ok:
  throw @a()
^h(%e: ptr):
  %r = const.i32 1
  return %r
}
)");
  EXPECT_EQ(p.run("f", {}).kind, OutcomeKind::Threw);
}

TEST(Exceptions, rethrow_of_a_pointer_that_was_not_caught_traps) {
  Program p("func @f(i64) {\n^e(%n: i64):\n  %p = bitcast.ptr.i64 %n\n  rethrow %p\n}\n");
  for (const u64 pointer : {u64{0}, ~u64{0}}) {
    const Outcome& got = p.run("f", {pointer});
    EXPECT_EQ(got.kind, OutcomeKind::Trapped);
    EXPECT_EQ(got.trap, TrapKind::Unreachable);
    EXPECT_EQ(got.position.inst, 1u);
  }
}

TEST(Exceptions, a_tail_called_function_throws_past_the_frame_it_replaced) {
  Program p(R"(tag @a()
func @t() -> i32 {
^e:
  throw @a()
}
func @tail() -> i32 {
^e:
  tail_call @t()
}
func @f() -> i32 {
^e:
  try_call @tail() -> ^ok, catch @a ^a
^ok(%r: i32):
  return %r
^a:
  %s = const.i32 2
  return %s
}
)");
  EXPECT_EQ(p.values("f", {}), (Values{2}));
  EXPECT_EQ(p.run("tail", {}).kind, OutcomeKind::Threw);
}

TEST(Exceptions, slots_of_frames_passed_are_dead_and_those_of_the_catcher_live) {
  Program p(R"(tag @a(i64)
func @t() -> i32 {
  slot $s : 8
^e:
  %p = slot_addr $s
  %v = bitcast.i64.ptr %p
  throw @a(%v)
}
func @f() -> i32 {
  slot $own : 8
^e:
  %q = slot_addr $own
  %n = const.i32 31
  pstore.i32 %q, 4, %n
  try_call @t() -> ^ok, catch @a ^a
^ok(%r: i32):
  return %r
^a(%dead: i64):
  %s = pload.i32 %q, 4
  return %s
}
func @g() -> i32 {
^e:
  try_call @t() -> ^ok, catch @a ^a
^ok(%r: i32):
  return %r
^a(%dead: i64):
  %p = bitcast.ptr.i64 %dead
  %s = pload.i32 %p, 4
  return %s
}
)");
  EXPECT_EQ(p.values("f", {}), (Values{31}));
  EXPECT_EQ(p.run("g", {}).kind, OutcomeKind::Refused);
}

TEST(Exceptions, a_hundred_thousand_throws_in_a_loop) {
  Program p(R"(tag @a(i64)
func @t(i64) {
^e(%n: i64):
  throw @a(%n)
}
func @f(i64) -> i64 {
^e(%n: i64):
  %z = const.i64 0
  jump ^head(%n, %z)
^head(%i: i64, %sum: i64):
  branch %i, ^go, ^end
^go:
  try_call @t(%i) -> ^never, catch @a ^h
^never:
  trap unreachable
^h(%v: i64):
  %s = add.i64 %sum, %v
  %one = const.i64 1
  %less = sub.i64 %i, %one
  jump ^head(%less, %s)
^end:
  return %sum
}
)");
  EXPECT_EQ(p.values("f", {100000}), (Values{5000050000}));
}

constexpr std::string_view kTraced = R"(tag @a(i64, f64)
tag @b()
import @log(i64)
import @host_throws()
func @thrower(i64) -> i64 {
^e(%k: i64):
  %x = const.f64 0x1p+1
  branch %k, ^a, ^b
^a:
  throw @a(%k, %x)
^b:
  throw @b()
}
func @tail(i64) -> i64 {
^e(%k: i64):
  tail_call @thrower(%k)
}
func @again(i64) -> i64 {
^e(%k: i64):
  call @log(%k)
  try_call @tail(%k) -> ^ok, catch_all ^hx
^ok(%r: i64):
  return %r
^hx(%exn: ptr):
  call @log(%k)
  rethrow %exn
}
func @outer(i64) -> i64 {
^e(%k: i64):
  try_call @again(%k) -> ^ok, catch @a ^ha, catch @b ^hb
^ok(%r: i64):
  return %r
^ha(%p: i64, %q: f64):
  return %p
^hb:
  %z = const.i64 -1
  return %z
}
func @host() {
^e:
  try_call @host_throws() -> ^ok, catch_all ^hx
^ok:
  return
^hx(%exn: ptr):
  rethrow %exn
}
func @stale(i64) -> i64 {
^e(%k: i64):
  %never = bitcast.ptr.i64 %k
  rethrow %never
}
func @many(i64) {
^e(%n: i64):
  branch %n, ^more, ^end
^more:
  try_call @thrower(%n) -> ^ok, catch_all ^hx
^ok(%r: i64):
  return
^hx(%exn: ptr):
  %one = const.i64 1
  %less = sub.i64 %n, %one
  call @many(%less)
  return
^end:
  return
}
)";

TestHost tracing_host() {
  return TestHost([](FunctionId import, std::span<const u64>, std::span<u64>, Reentry&) {
    if (import == 1) throw std::runtime_error("no");
  });
}

TEST(Exceptions, throws_are_recorded_among_host_calls_with_payload_and_call_stack) {
  Program p(kTraced);
  TestHost host = tracing_host();
  const Outcome& got = p.run("outer", {7}, host);
  ASSERT_EQ(got.trace.size(), 4u);
  EXPECT_EQ(got.trace[0].kind, TraceKind::HostCall);
  EXPECT_EQ(got.trace[1].kind, TraceKind::Throw);
  EXPECT_EQ(got.trace[1].subject, 0u);
  EXPECT_EQ(p.event_args(1), (Values{7, 0x4000000000000000}));
  EXPECT_EQ(p.stack(1), "thrower 1:0, again 0:1, outer 0:0") << "the frame that ended by a tail call is gone";
  EXPECT_EQ(got.trace[2].kind, TraceKind::HostCall);
  EXPECT_EQ(got.trace[3].kind, TraceKind::Rethrow);
  EXPECT_EQ(got.trace[3].subject, 0u);
  EXPECT_EQ(p.event_args(3), (Values{7, 0x4000000000000000}));
  EXPECT_EQ(p.stack(3), "again 2:1, outer 0:0");
}

TEST(Exceptions, a_throw_without_payload_is_recorded_by_its_tag) {
  Program p(kTraced);
  TestHost host = tracing_host();
  const Outcome& got = p.run("outer", {0}, host);
  ASSERT_EQ(got.trace.size(), 4u);
  EXPECT_EQ(got.trace[1].subject, 1u);
  EXPECT_EQ(p.event_args(1), Values{});
  EXPECT_EQ(p.stack(1), "thrower 2:0, again 0:1, outer 0:0");
}

TEST(Exceptions, a_rethrown_host_exception_has_no_tag_and_the_host_s_throw_is_the_call_alone) {
  Program p(kTraced);
  TestHost host = tracing_host();
  const Outcome& got = p.run("host", {}, host);
  EXPECT_EQ(got.kind, OutcomeKind::ThrewHost);
  ASSERT_EQ(got.trace.size(), 2u);
  EXPECT_EQ(got.trace[1].kind, TraceKind::Rethrow);
  EXPECT_EQ(got.trace[1].subject, kNone);
  EXPECT_EQ(p.stack(1), "host 2:0");
}

TEST(Exceptions, a_rethrow_that_traps_is_none) {
  Program p(kTraced);
  const Outcome& got = p.run("stale", {1});
  EXPECT_TRUE(trapped(got, TrapKind::Unreachable, p.at("stale", 0, 1)));
  EXPECT_TRUE(got.trace.empty());
}

TEST(Exceptions, frames_of_throws_count_towards_the_limit) {
  Program p(kTraced);
  const u64 most = 722; // 2 + 3 + ... + 723 frames
  EXPECT_EQ(p.run("many", {most}).kind, OutcomeKind::Returned);
  const Outcome& got = p.run("many", {most + 1});
  EXPECT_EQ(got.kind, OutcomeKind::Refused);
  EXPECT_EQ(got.text, "more call-stack frames than a run records");
  EXPECT_LE(got.frames.size(), kMaxRecordedFrames);
}

} // namespace
} // namespace assay::oracle
