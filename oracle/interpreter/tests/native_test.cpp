// Native memory: slots, pointers kept in slots, locals, and the refusal of everything wild.
#include "harness.h"

namespace assay::oracle {
namespace {

/// Every refusal must say why.
::testing::AssertionResult refused(const Outcome& o) {
  if (o.kind != OutcomeKind::Refused) return ::testing::AssertionFailure() << "kind " << static_cast<int>(o.kind);
  return o.text.empty() ? ::testing::AssertionFailure() << "without a reason" : ::testing::AssertionSuccess();
}

TEST(Native, slots_are_zero_at_each_entry) {
  Program p(R"(func @inner() -> i64 {
  slot $s : 16
^b:
  %p = slot_addr $s
  %v = pload.i64 %p, 8
  %m = const.i64 -1
  pstore.i64 %p, 8, %m
  return %v
}
func @f() -> i64, i64 {
^b:
  %a = call @inner()
  %b = call @inner()
  return %a, %b
}
)");
  EXPECT_EQ(p.values("f", {}), (Values{0, 0}));
}

TEST(Native, narrow_accesses_and_offsets_reach_the_bytes_they_name) {
  Program p(R"(func @f() -> i64, i16, i32, i64 {
  slot $s : 16
^b:
  %p = slot_addr $s
  %v = const.i64 0x8182838485868788
  pstore.i64 %p, 3, %v
  %two = const.i64 2
  %q = ptr_add %p, %two
  %back = const.i64 -1
  pstore16.i64 %q, 10, %back
  %a = pload32_s.i64 %q, 1
  %b = pload8_s.i16 %p, 3
  %c = pload16_u.i32 %p, 9
  %d = pload.i64 %p, 8
  return %a, %b, %c, %d
}
)");
  EXPECT_EQ(p.values("f", {}), (Values{0xffffffff85868788, 0xff88, 0x8182, 0x0000ffff00818283}));
}

TEST(Native, a_slot_of_the_caller_is_shared_through_its_pointer) {
  Program p(R"(func @set(ptr, f64) {
^b(%p: ptr, %v: f64):
  pstore.f64 %p, 8, %v
  return
}
func @f(f64) -> f64 {
  slot $other : 8
  slot $s : 16
^b(%v: f64):
  %p = slot_addr $s
  call @set(%p, %v)
  %r = pload.f64 %p, 8
  return %r
}
)");
  EXPECT_EQ(p.values("f", {0x4045000000000000}), (Values{0x4045000000000000}));
}

TEST(Native, pointers_may_be_kept_in_slots_and_cast) {
  Program p(R"(func @f() -> i32 {
  slot $cell : 8
  slot $s : 4
^b:
  %c = slot_addr $cell
  %p = slot_addr $s
  %n = bitcast.i64.ptr %p
  %again = bitcast.ptr.i64 %n
  pstore.ptr %c, 0, %again
  %v = const.i32 77
  pstore.i32 %p, 0, %v
  %q = pload.ptr %c, 0
  %r = pload.i32 %q, 0
  return %r
}
)");
  EXPECT_EQ(p.values("f", {}), (Values{77}));
}

TEST(Native, accesses_outside_the_slot_are_refused) {
  Program p(R"(func @load(i64) -> i32 {
  slot $before : 64
  slot $s : 8
  slot $after : 64
^b(%d: i64):
  %p = slot_addr $s
  %q = ptr_add %p, %d
  %r = pload.i32 %q, 0
  return %r
}
func @store(i64) {
  slot $before : 64
  slot $s : 8
  slot $after : 64
^b(%d: i64):
  %p = slot_addr $s
  %q = ptr_add %p, %d
  %v = const.i32 1
  pstore.i32 %q, 0, %v
  return
}
)");
  for (u64 delta : {u64{0}, u64{4}}) {
    EXPECT_EQ(p.run("load", {delta}).kind, OutcomeKind::Returned);
    EXPECT_EQ(p.run("store", {delta}).kind, OutcomeKind::Returned);
  }
  for (u64 delta : {u64{5}, u64{8}, u64{64}, ~u64{0}, ~u64{3}, u64{1} << 32, ~u64{0} << 32, u64{1} << 63}) {
    EXPECT_TRUE(refused(p.run("load", {delta}))) << delta;
    EXPECT_TRUE(refused(p.run("store", {delta}))) << delta;
  }
}

TEST(Native, a_slot_of_a_frame_that_is_gone_is_refused) {
  Program p(R"(func @leak() -> ptr {
  slot $s : 8
^b:
  %p = slot_addr $s
  return %p
}
func @again() -> ptr {
  slot $s : 8
^b:
  tail_call @leak()
}
func @use(ptr) -> i8 {
  slot $s : 8
^b(%p: ptr):
  %r = pload.i8 %p, 0
  return %r
}
func @f() -> i8 {
^b:
  %p = call @leak()
  %r = call @use(%p)
  return %r
}
func @g() -> i8 {
^b:
  %p = call @again()
  %r = call @use(%p)
  return %r
}
)");
  EXPECT_TRUE(refused(p.run("f", {})));
  EXPECT_TRUE(refused(p.run("g", {})));
}

TEST(Native, made_up_pointers_are_refused) {
  Program p(R"(func @f(i64) -> i8 {
  slot $s : 8
^b(%n: i64):
  %p = bitcast.ptr.i64 %n
  %r = pload.i8 %p, 0
  return %r
}
func @null() -> i8 {
^b:
  %p = const.ptr 0
  %r = pload.i8 %p, 0
  return %r
}
func @code() -> i8 {
^b:
  %p = func_addr @null
  %r = pload.i8 %p, 0
  return %r
}
)");
  for (u64 number : {u64{0}, u64{1}, u64{4096}, u64{1} << 32, ~u64{0}, u64{0x7fff00001000}}) {
    EXPECT_TRUE(refused(p.run("f", {number}))) << number;
  }
  EXPECT_TRUE(refused(p.run("null", {})));
  EXPECT_TRUE(refused(p.run("code", {})));
}

TEST(Native, call_ptr_calls_what_func_addr_gave_and_refuses_the_rest) {
  Program p(R"(func @twice(i64) -> i64 {
^b(%x: i64):
  %r = add.i64 %x, %x
  return %r
}
func @none() {
^b:
  return
}
func @good(i64) -> i64 {
^b(%x: i64):
  %p = func_addr @twice
  %r = call_ptr (i64) -> i64 %p(%x)
  return %r
}
func @wrong_signature(i64) -> i64 {
^b(%x: i64):
  %p = func_addr @none
  %r = call_ptr (i64) -> i64 %p(%x)
  return %r
}
func @offset(i64) -> i64 {
^b(%x: i64):
  %p = func_addr @twice
  %q = ptr_add %p, %x
  %r = call_ptr (i64) -> i64 %q(%x)
  return %r
}
)");
  EXPECT_EQ(p.values("good", {21}), (Values{42}));
  EXPECT_TRUE(refused(p.run("wrong_signature", {1})));
  EXPECT_TRUE(refused(p.run("offset", {1})));
  EXPECT_TRUE(refused(p.run("offset", {1 << 20})));
  EXPECT_EQ(p.values("offset", {0}), (Values{0}));
}

TEST(Native, what_happened_before_a_refusal_is_still_observed) {
  Program p(R"(global @g : i64 = 1
func @f() {
^b:
  fuel 10
  %v = const.i64 5
  global_set.i64 @g, %v
  %p = const.ptr 64
  pstore.i64 %p, 0, %v
  return
}
)");
  const Outcome& got = p.run("f", {}, 25);
  EXPECT_TRUE(refused(got));
  EXPECT_EQ(got.globals, (Values{5}));
  EXPECT_EQ(got.fuel_left, 15u);
}

TEST(Locals, are_zero_at_entry_and_belong_to_their_activation) {
  Program p(R"(func @f(i32) -> i32, f64 {
  local $i : i32
  local $x : f64
^b(%n: i32):
  %start = local_get.i32 $i
  local_set.i32 $i, %n
  branch %n, ^more, ^end
^more:
  %one = const.i32 1
  %less = sub.i32 %n, %one
  %a, %b = call @f(%less)
  %now = local_get.i32 $i
  %sum = add.i32 %a, %now
  local_set.i32 $i, %sum
  jump ^end
^end:
  %r = local_get.i32 $i
  %y = local_get.f64 $x
  %r2 = add.i32 %r, %start
  return %r2, %y
}
)");
  EXPECT_EQ(p.values("f", {4}), (Values{10, 0}));
  EXPECT_EQ(p.values("f", {5}), (Values{15, 0})); // on a stack where the run before has left its values
}

} // namespace
} // namespace assay::oracle
