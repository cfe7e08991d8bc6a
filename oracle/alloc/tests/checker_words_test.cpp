// The allocation checker says how a value was lost.
#include "lir_case.h"
#include "oracle/alloc/checker.h"

#include <gtest/gtest.h>

namespace assay::oracle {
namespace {

std::string report_of(LirCase& c) {
  c.link();
  return check_allocation(c.lir, c.allocation, c.registers);
}

TEST(CheckerWords, say_how_a_value_was_lost) {
  LirCase over_a_call;
  over_a_call.block();
  over_a_call.inst({def(0, r(0))});
  over_a_call.move(r(0), r(1));
  over_a_call.inst({}, codegen::bit(r(1).preg()));
  over_a_call.move(r(1), r(2));
  over_a_call.end({use(0, r(2))});
  EXPECT_EQ(report_of(over_a_call), "block 0, inst 2: use 0 (v0) is not there: r2 holds {}, lost over inst 1");

  LirCase overwritten;
  overwritten.block();
  overwritten.inst({def(0, r(0))});
  overwritten.inst({def(1, r(0))});
  overwritten.end({use(0, r(0))});
  EXPECT_EQ(report_of(overwritten), "block 0, inst 2: use 0 (v0) is not there: r0 holds {v1}, overwritten by inst 1");

  LirCase elsewhere;
  elsewhere.block();
  elsewhere.inst({def(0, r(0))});
  elsewhere.end({use(0, r(3))});
  EXPECT_EQ(report_of(elsewhere), "block 0, inst 1: use 0 (v0) is not there: r3 holds {}, never put there");
}

TEST(CheckerWords, a_slot_that_another_value_got_is_told_from_a_register) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.move(r(0), slot(1));
  c.inst({def(1, r(0))});
  c.move(r(0), slot(1));
  c.inst({});
  c.move(slot(1), r(2));
  c.end({use(0, r(2))});
  EXPECT_EQ(report_of(c), "block 0, inst 3: use 0 (v0) is not there: r2 holds {v1}, overwritten in a slot by inst 1");
}

// v1 is older than v0, so that what is followed from the slot is v1's register, up to v0's definition.
TEST(CheckerWords, a_slot_that_an_older_value_got_is_told_from_one_that_nobody_filled) {
  LirCase c;
  c.block();
  c.inst({def(1, r(1))});
  c.inst({def(0, r(0))});
  c.move(r(0), slot(1));
  c.inst({});
  c.move(r(1), slot(1));
  c.inst({});
  c.move(slot(1), r(2));
  c.end({use(0, r(2))});
  EXPECT_EQ(report_of(c), "block 0, inst 4: use 0 (v0) is not there: r2 holds {v1}, overwritten in a slot by a move");

  LirCase unfilled;
  unfilled.block();
  unfilled.inst({def(0, r(0))});
  unfilled.move(slot(1), r(2));
  unfilled.end({use(0, r(2))});
  EXPECT_EQ(report_of(unfilled), "block 0, inst 1: use 0 (v0) is not there: r2 holds {}, never put there");
}

TEST(CheckerWords, a_way_on_which_the_value_is_there_tells_nothing) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.end({}, {1, 2});
  c.block();
  c.end({}, {3});
  c.block();
  c.inst({}, codegen::bit(r(0).preg()));
  c.end({}, {3});
  c.block();
  c.end({use(0, r(0))});
  EXPECT_EQ(report_of(c), "block 3, inst 5: use 0 (v0) is not there: r0 holds {}, lost over inst 3");
}

TEST(CheckerWords, a_value_is_followed_over_edges_to_the_argument_of_a_parameter) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.inst({def(1, r(1))});
  c.inst({}, codegen::bit(r(0).preg()));
  c.end({}, {1}, {0});
  c.block({2});
  c.end({use(2, r(0))});
  EXPECT_EQ(report_of(c), "block 1, inst 4: use 0 (v2) is not there: r0 holds {}, lost over inst 2");
}

} // namespace
} // namespace assay::oracle
