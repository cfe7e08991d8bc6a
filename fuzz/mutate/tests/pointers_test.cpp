// pointers_test.cpp - which programs exposes_pointers lets pass.
#include "fuzz/mutate/nan.h"
#include "fuzz/mutate/tests/helpers.h"

namespace assay::fuzz {
namespace {

bool exposes(std::string_view body) {
  const std::string text = "func @f(i64) -> i64 {\nslot $a : 32 align 8\nslot $b : 32 align 8\n^b0(%x: i64):\n"
                           "  %p = slot_addr $a\n  %q = slot_addr $b\n" +
                           std::string(body) + "  return %x\n}\n";
  std::string reason;
  const bool result = exposes_pointers(module_of(text), &reason);
  EXPECT_EQ(result, !reason.empty());
  return result;
}

TEST(ExposesPointers, accesses_and_steps_are_fine) {
  EXPECT_FALSE(exposes("  %d = const.i64 8\n  %r = ptr_add %p, %d\n  pstore.i64 %r, 0, %x\n  %v = pload.i64 %p, 8\n"));
}

TEST(ExposesPointers, bitcasts_do) {
  EXPECT_TRUE(exposes("  %n = bitcast.i64.ptr %p\n"));
  EXPECT_TRUE(exposes("  %n = bitcast.ptr.i64 %x\n"));
}

TEST(ExposesPointers, comparisons_do_unless_both_are_of_one_slot) {
  EXPECT_TRUE(exposes("  %c = eq.ptr %p, %q\n"));
  EXPECT_FALSE(exposes("  %r = ptr_add %p, %x\n  %c = ne.ptr %p, %r\n"));
  EXPECT_FALSE(exposes("  %u = const.ptr 0\n  %v = const.ptr 1\n  %c = eq.ptr %u, %v\n"));
  EXPECT_TRUE(exposes("  %u = const.ptr 0\n  %c = eq.ptr %u, %p\n"));
}

TEST(ExposesPointers, a_slot_may_keep_pointers_if_nothing_else_reads_it) {
  EXPECT_FALSE(exposes("  pstore.ptr %p, 0, %q\n  %r = pload.ptr %p, 0\n"));
  EXPECT_TRUE(exposes("  pstore.ptr %p, 0, %q\n  %n = pload.i64 %p, 0\n"));
  EXPECT_TRUE(exposes("  pstore.ptr %p, 0, %q\n  %d = const.i64 0\n  %r = ptr_add %p, %d\n"));
  EXPECT_TRUE(exposes("  %d = const.i64 0\n  %r = ptr_add %p, %d\n  pstore.ptr %r, 0, %q\n"));
}

TEST(ExposesPointers, pointers_in_host_signatures_do) {
  EXPECT_TRUE(exposes_pointers(module_of("import @log(ptr)\n")));
  EXPECT_TRUE(exposes_pointers(module_of("export func @f(ptr) {\n^b0(%p: ptr):\n  return\n}\n")));
  EXPECT_FALSE(exposes_pointers(module_of("func @f(ptr) {\n^b0(%p: ptr):\n  return\n}\n")));
}

} // namespace
} // namespace assay::fuzz
