// The allocation checker: right allocations pass, and each kind of wrong one is told with its place.
#include "lir_case.h"
#include "oracle/alloc/checker.h"

#include <gtest/gtest.h>

namespace assay::oracle {
namespace {

std::string check(LirCase& c) {
  c.link();
  return check_allocation(c.lir, c.allocation, c.registers);
}

/// Wrong, and the report contains both texts.
::testing::AssertionResult wrong(LirCase& c, const std::string& place, const std::string& what) {
  const std::string report = check(c);
  if (report.find(place) != std::string::npos && report.find(what) != std::string::npos)
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "report: \"" << report << '"';
}

// -- straight code -----------------------------------------------------------------------------------

TEST(Checker, values_that_move_are_found_where_they_went) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.move(r(0), slot(2));
  c.inst({def(1, r(0))});
  c.move(slot(2), r(3));
  c.move(slot(2), slot(3));
  c.inst({use(0, r(3)), use(1, r(0)), def(2, r(0))});
  c.end({use(2, r(0)), use(0, slot(3))});
  EXPECT_EQ(check(c), "");
}

TEST(Checker, a_value_overwritten_by_a_definition_is_missed) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.inst({def(1, r(0))});
  c.end({use(0, r(0))});
  EXPECT_TRUE(wrong(c, "block 0, inst 2", "(v0) is not there: r0 holds {v1}"));
}

TEST(Checker, a_value_overwritten_by_a_move_is_missed) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.inst({def(1, r(1))});
  c.move(r(1), r(0));
  c.end({use(0, r(0))});
  EXPECT_TRUE(wrong(c, "inst 2", "r0 holds {v1}"));
}

TEST(Checker, moves_of_one_instruction_are_executed_in_order) {
  for (bool right : {true, false}) {
    LirCase c;
    c.block();
    c.inst({def(0, r(0))});
    c.inst({def(1, r(1))});
    if (right) c.move(r(1), r(2));
    c.move(r(0), r(1));
    if (!right) c.move(r(1), r(2));
    c.end({use(0, r(1)), use(1, r(2))});
    if (right) EXPECT_EQ(check(c), "");
    else EXPECT_TRUE(wrong(c, "inst 2", "(v1) is not there: r2 holds {v0}"));
  }
}

TEST(Checker, a_clobbered_value_is_missed_unless_it_was_saved) {
  for (bool saved : {true, false}) {
    LirCase c;
    c.block();
    c.inst({def(0, r(1))});
    if (saved) c.move(r(1), slot(0));
    c.inst({use(0, r(1)), def_fixed(1, 0, r(0))}, 0x3);
    c.end({use(0, saved ? slot(0) : r(1)), use(1, r(0))}); // the result survives its own call's clobbers
    if (saved) EXPECT_EQ(check(c), "");
    else EXPECT_TRUE(wrong(c, "inst 2", "(v0) is not there: r1 holds {}"));
  }
}

TEST(Checker, a_temp_destroys_what_its_register_held) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.inst({temp(1, r(0))});
  c.end({use(0, r(0))});
  EXPECT_TRUE(wrong(c, "inst 2", "r0 holds {}"));
}

TEST(Checker, a_slot_shared_by_two_live_values_is_found) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.move(r(0), slot(1));
  c.inst({def(1, r(0))});
  c.move(r(0), slot(1));
  c.inst({def(2, r(0))});
  c.end({use(0, slot(1)), use(1, slot(1))});
  EXPECT_TRUE(wrong(c, "inst 3", "use 0 (v0) is not there: slot1 holds {v1}"));
}

TEST(Checker, a_constant_is_read_through_moves_from_its_slot_and_nothing_else) {
  const auto judged = [](const auto& body) {
    LirCase c;
    c.lir.constants.push_back({9, codegen::Constant::Kind::Bits, 8, 42});
    c.block();
    body(c);
    c.end({});
    return check(c);
  };
  const auto made = [](LirCase& c) {
    c.move(slot(0), r(1));
    c.inst({use_reg(9, r(1))});
  };
  EXPECT_EQ(judged(made), "");
  const auto read = [](LirCase& c) { c.inst({use(9, slot(0))}); };
  EXPECT_NE(judged(read).find("is in a constant's slot"), std::string::npos);
  const auto written = [](LirCase& c) {
    c.inst({def(1, r(1))});
    c.move(r(1), slot(0));
  };
  EXPECT_NE(judged(written).find("writes a constant's slot"), std::string::npos);
  const auto other = [](LirCase& c) {
    c.move(slot(1), r(1));
    c.inst({use_reg(9, r(1))});
  };
  EXPECT_NE(judged(other).find("is not there"), std::string::npos);
  const auto defined = [](LirCase& c) { c.inst({def(9, r(1))}); };
  EXPECT_NE(judged(defined).find("has a second definition"), std::string::npos);
}

TEST(Checker, an_undefined_location_holds_nothing) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.end({use(0, slot(0))});
  EXPECT_TRUE(wrong(c, "inst 1", "slot0 holds {}"));
}

// -- constraints -------------------------------------------------------------------------------------

TEST(Checker, fixed_operands_must_be_in_their_register) {
  for (PReg at : {PReg{2}, PReg{1}}) {
    LirCase c;
    c.block();
    c.inst({def(0, r(at))});
    c.end({use_fixed(0, 2, r(at))});
    if (at == 2) EXPECT_EQ(check(c), "");
    else EXPECT_TRUE(wrong(c, "inst 1", "must be in r2, not r1"));
  }
}

TEST(Checker, a_tied_definition_must_be_where_its_use_is) {
  for (PReg at : {PReg{1}, PReg{2}}) {
    LirCase c;
    c.block();
    c.inst({def(0, r(0))});
    c.inst({def(1, r(1))});
    c.inst({use_reg(0, r(0)), use_reg(1, r(1)), def_tied(2, 1, r(at))});
    c.end({use(2, r(at))});
    if (at == 1) EXPECT_EQ(check(c), "");
    else EXPECT_TRUE(wrong(c, "inst 2", "tied to use 1 in r1, but is in r2"));
  }
}

TEST(Checker, a_register_operand_may_not_be_in_a_slot) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.move(r(0), slot(0));
  c.end({use_reg(0, slot(0))});
  EXPECT_TRUE(wrong(c, "inst 1", "must be in a register, not in slot0"));
}

TEST(Checker, a_register_of_the_other_class_is_found) {
  LirCase c;
  c.floats({0});
  c.block();
  c.inst({def(0, r(0))});
  c.end({});
  EXPECT_TRUE(wrong(c, "inst 0", "other class"));
}

TEST(Checker, only_fixed_operands_may_leave_the_allocatable_registers) {
  LirCase good;
  good.block();
  good.inst({def(0, r(0))});
  good.move(r(0), r(4));
  good.end({use_fixed(0, 4, r(4))});
  EXPECT_EQ(check(good), "");

  LirCase tied;
  tied.block();
  tied.inst({def(0, r(0))});
  tied.move(r(0), r(4));
  tied.inst({use_fixed(0, 4, r(4)), def_tied(1, 0, r(4))});
  tied.end({use_fixed(1, 4, r(4))});
  EXPECT_EQ(check(tied), "");

  LirCase bad;
  bad.block();
  bad.inst({def(0, r(4))});
  bad.end({});
  EXPECT_TRUE(wrong(bad, "inst 0", "r4, which is not allocatable"));

  LirCase edit;
  edit.block();
  edit.inst({def(0, r(0))});
  edit.move(r(0), r(4));
  edit.end({});
  EXPECT_TRUE(wrong(edit, "inst 1", "edit r0 -> r4 uses a register that is not allocatable"));
}

TEST(Checker, scratch_registers_hold_no_value) {
  LirCase c;
  c.block();
  c.inst({def_fixed(0, 5, r(5))});
  c.end({});
  EXPECT_TRUE(wrong(c, "inst 0", "scratch register r5"));
  LirCase e;
  e.block();
  e.inst({def(0, r(0))});
  e.move(r(0), r(5));
  e.end({});
  EXPECT_TRUE(wrong(e, "inst 1", "uses a scratch register"));
}

TEST(Checker, a_location_outside_the_slots_is_found) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.move(r(0), slot(4));
  c.end({});
  EXPECT_TRUE(wrong(c, "inst 1", "r0 -> slot4 is out of range"));
  LirCase none;
  none.block();
  none.inst({def(0, Location{})});
  none.end({});
  EXPECT_TRUE(wrong(none, "inst 0", "has no location"));
}

// -- sharing -----------------------------------------------------------------------------------------

/// v0 in r0 is read with `reader`, and `other` is at r0 too.
std::string share(Placed reader, Placed other) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.inst({reader, other});
  c.end({});
  return check(c);
}

TEST(Checker, only_a_late_definition_may_take_the_register_of_an_early_use) {
  EXPECT_EQ(share(use(0, r(0)), def(1, r(0))), "");
  EXPECT_NE(share(use(0, r(0)), def_early(1, r(0))), "");
  EXPECT_NE(share(use(0, r(0)), temp(1, r(0))), "");
  EXPECT_NE(share(use_late(0, r(0)), def(1, r(0))), "");
  EXPECT_NE(share(use_late(0, r(0)), def_early(1, r(0))), "");
  EXPECT_NE(share(use_late(0, r(0)), temp(1, r(0))), "");
  EXPECT_EQ(share(use(0, r(0)), use_late(0, r(0))), "");
}

TEST(Checker, definitions_and_temps_have_registers_of_their_own) {
  EXPECT_NE(share(def(1, r(1)), def(2, r(1))), "");
  EXPECT_NE(share(def(1, r(1)), def_early(2, r(1))), "");
  EXPECT_NE(share(def(1, r(1)), temp(2, r(1))), "");
  EXPECT_NE(share(temp(1, r(1)), temp(2, r(1))), "");
  EXPECT_EQ(share(def(1, r(1)), temp(2, r(2))), "");
}

TEST(Checker, what_is_read_late_or_written_early_may_not_be_clobbered) {
  for (int kind = 0; kind < 3; ++kind) {
    LirCase c;
    c.block();
    c.inst({def(0, r(1))});
    c.inst({kind == 0 ? use(0, r(1)) : kind == 1 ? use_late(0, r(1)) : def_early(1, r(1))}, 0x2);
    c.end({});
    if (kind == 0) EXPECT_EQ(check(c), "");
    else EXPECT_TRUE(wrong(c, "inst 1", "which the instruction clobbers"));
  }
}

// -- the allocation as a whole -----------------------------------------------------------------------

TEST(Checker, written_must_cover_definitions_moves_and_clobbers) {
  for (PReg missing : {PReg{0}, PReg{1}, PReg{2}, PReg{3}}) {
    LirCase c;
    c.block();
    c.inst({def(0, r(0)), temp(1, r(3))});
    c.move(r(0), r(1));
    c.inst({use(0, r(1))}, 0x4);
    c.end({});
    c.allocation.written = 0xf & ~codegen::bit(missing);
    EXPECT_NE(check(c).find("`written` leaves out"), std::string::npos) << int{missing};
    c.allocation.written = 0xf;
    EXPECT_EQ(check_allocation(c.lir, c.allocation, c.registers), "");
  }
}

TEST(Checker, edits_out_of_order_are_found) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.inst({use(0, r(0))});
  c.end({});
  c.allocation.edits = {{2, RegClass::Int, r(0), r(1)}, {1, RegClass::Int, r(0), r(2)}};
  EXPECT_TRUE(wrong(c, "inst 1", "behind those of a later instruction"));
  c.allocation.edits = {{3, RegClass::Int, r(0), r(1)}};
  EXPECT_NE(check_allocation(c.lir, c.allocation, c.registers), "");
}

TEST(Checker, a_move_names_the_class_of_its_registers) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.move(r(0), f(1));
  c.end({});
  EXPECT_TRUE(wrong(c, "inst 1", "other class"));
}

TEST(Checker, a_missing_location_or_a_second_definition_is_found) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.end({});
  c.allocation.locations.pop_back();
  EXPECT_NE(check(c), "");
  LirCase d;
  d.block();
  d.inst({def(0, r(0))});
  d.inst({def(0, r(1))});
  d.end({});
  EXPECT_NE(check(d).find("second definition"), std::string::npos);
}

// -- edges -------------------------------------------------------------------------------------------

/// A diamond; both arms put the value where the join reads it, or one forgets.
LirCase diamond(bool left_moves, Location left_to) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.end({use(0, r(0))}, {1, 2});
  c.block();
  c.inst({def(1, r(1))});
  if (left_moves) c.move(r(1), left_to);
  c.end({}, {3}, {1});
  c.block();
  c.inst({def(2, r(2))});
  c.end({}, {3}, {2});
  c.block({3});
  c.inst({use(3, r(2))});
  c.end({use(0, r(0))});
  return c;
}

TEST(Checker, a_parameter_is_where_every_predecessor_has_its_argument) {
  LirCase c = diamond(true, r(2));
  EXPECT_EQ(check(c), "");
}

TEST(Checker, a_move_missing_on_one_edge_is_found) {
  LirCase c = diamond(false, r(2));
  EXPECT_TRUE(wrong(c, "block 3, inst 6", "use 0 (v3) is not there: r2 holds {}"));
}

TEST(Checker, a_move_to_the_wrong_place_on_one_edge_is_found) {
  LirCase into_other_register = diamond(true, r(3));
  EXPECT_TRUE(wrong(into_other_register, "block 3, inst 6", "(v3) is not there"));
  LirCase over_a_live_value = diamond(true, r(0));
  EXPECT_TRUE(wrong(over_a_live_value, "block 3", "(v3) is not there"));
}

TEST(Checker, a_value_overwritten_on_one_way_is_missed_at_the_join) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.end({}, {1, 2});
  c.block();
  c.inst({def(1, r(0))});
  c.end({}, {3});
  c.block();
  c.end({}, {3});
  c.block();
  c.end({use(0, r(0))});
  EXPECT_TRUE(wrong(c, "block 3", "(v0) is not there: r0 holds {}"));
}

TEST(Checker, one_argument_may_be_given_to_two_parameters) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.move(r(0), r(1));
  c.end({}, {1}, {0, 0});
  c.block({1, 2});
  c.end({use(1, r(0)), use(2, r(1)), use(0, r(1))});
  EXPECT_EQ(check(c), "");
}

TEST(Checker, as_many_arguments_as_parameters) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.end({}, {1}, {0});
  c.block({1, 2});
  c.end({});
  EXPECT_TRUE(wrong(c, "block 0", "gives 1 arguments to the 2 parameters of block 1"));
}

// -- loops -------------------------------------------------------------------------------------------

/// do { use x, y; (x, y) = (y, x) } while (..): the back edge must swap two registers.
LirCase swapping_loop(bool swaps) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.inst({def(1, r(1))});
  c.end({}, {1}, {0, 1});
  c.block({2, 3});
  c.inst({use_reg(2, r(0)), use_reg(3, r(1))});
  c.end({}, {2, 3});
  c.block();
  if (swaps) {
    c.move(r(0), r(2));
    c.move(r(1), r(0));
    c.move(r(2), r(1));
  }
  c.end({}, {1}, {3, 2});
  c.block();
  c.end({use(2, r(0)), use(3, r(1))});
  return c;
}

TEST(Checker, a_loop_that_swaps_its_parameters_passes) {
  LirCase c = swapping_loop(true);
  EXPECT_EQ(check(c), "");
}

TEST(Checker, a_forgotten_swap_is_found_on_the_second_round) {
  LirCase c = swapping_loop(false);
  EXPECT_TRUE(wrong(c, "block 1, inst 3", "(v2) is not there: r0 holds {}"));
}

/// for (i = i0; ; i = next): `next` in r1, and r0 still has the old i.
LirCase counting_loop(bool moves) {
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.end({}, {1}, {0});
  c.block({1});
  c.inst({use_reg(1, r(0)), def(2, r(1))});
  c.end({}, {2, 3});
  c.block();
  if (moves) c.move(r(1), r(0));
  c.end({}, {1}, {2});
  c.block();
  c.end({use(2, r(1))});
  return c;
}

TEST(Checker, a_stale_loop_parameter_is_found) {
  LirCase good = counting_loop(true);
  EXPECT_EQ(check(good), "");
  LirCase stale = counting_loop(false);
  EXPECT_TRUE(wrong(stale, "block 1, inst 2", "use 0 (v1) is not there: r0 holds {}"));
}

TEST(Checker, a_value_defined_in_a_loop_is_not_that_of_the_round_before) {
  // v1 is defined in r1 in the header, spilled to slot 0 only at the end of the round; reading slot 0 early reads the
  // round before's.
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.move(r(0), slot(0));
  c.end({}, {1});
  c.block();
  c.inst({def(1, r(1))});
  c.end({use(1, slot(0))}, {2, 3});
  c.block();
  c.move(r(1), slot(0));
  c.end({}, {1});
  c.block();
  c.end({});
  EXPECT_TRUE(wrong(c, "block 1, inst 3", "(v1) is not there: slot0 holds"));
}

TEST(Checker, a_value_live_around_a_loop_must_survive_the_whole_body) {
  for (bool survives : {true, false}) {
    LirCase c;
    c.block();
    c.inst({def(0, r(0))});
    c.end({}, {1});
    c.block();
    c.inst({use(0, r(0))});
    c.end({}, {2, 3});
    c.block();
    c.inst({def(1, survives ? r(1) : r(0))});
    c.end({}, {1});
    c.block();
    c.end({});
    if (survives) EXPECT_EQ(check(c), "");
    else EXPECT_TRUE(wrong(c, "block 1, inst 2", "(v0) is not there: r0 holds {}"));
  }
}

TEST(Checker, a_value_used_only_in_an_inner_header_lives_through_both_loops) {
  // 0 -> 1 (outer header) -> 2 (inner header, uses v0) -> 3 (inner body) -> 2; 2 -> 4 (outer latch) -> 1; 2 -> .. 5.
  LirCase c;
  c.block();
  c.inst({def(0, r(0))});
  c.end({}, {1});
  c.block();
  c.inst({def(1, r(1))});
  c.end({}, {2});
  c.block();
  c.inst({use(0, r(0))});
  c.end({}, {3, 4});
  c.block();
  c.inst({def(2, r(2))});
  c.end({use(2, r(2))}, {2});
  c.block();
  c.end({}, {5, 6});
  c.block();
  c.end({}, {1});
  c.block();
  c.end({});
  EXPECT_EQ(check(c), "");
  // The same with v0's register overwritten in the outer latch only.
  c.allocation.edits.push_back({c.lir.blocks[5].first_inst, RegClass::Int, r(1), r(0)});
  EXPECT_NE(check_allocation(c.lir, c.allocation, c.registers), "");
}

TEST(Checker, storage_of_one_function_does_not_leak_into_the_next) {
  AllocationChecker checker;
  LirCase good = swapping_loop(true), bad = swapping_loop(false), small = counting_loop(true);
  good.link();
  bad.link();
  small.link();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(checker.check(good.lir, good.allocation, good.registers), "");
    EXPECT_NE(checker.check(bad.lir, bad.allocation, bad.registers), "");
    EXPECT_EQ(checker.check(small.lir, small.allocation, small.registers), "");
  }
}

// -- landing pads ------------------------------------------------------------------------------------

/// v0 lives across a call that may throw; `at` is where the landing pad reads it.
LirCase with_landing_pad(Location at) {
  LirCase c;
  c.block();
  c.inst({def(0, r(3))});
  c.move(r(3), slot(0));
  c.end({def(1, r(0))}, {1, 2});
  c.block();
  c.end({use(1, r(0)), use(0, r(3))});
  c.block();
  c.lir.blocks.back().landing_pad = true;
  c.inst({def_fixed(2, 0, r(0))}, 0x1f & ~u64{1});
  c.end({use(2, r(0)), use(0, at)});
  return c;
}

TEST(Checker, a_landing_pad_finds_values_in_slots_only) {
  LirCase right = with_landing_pad(slot(0)), wrong_place = with_landing_pad(r(3));
  EXPECT_EQ(check(right), "");
  EXPECT_TRUE(wrong(wrong_place, "block 2, inst 4", "(v0) is not there: r3 holds {}"));
}

TEST(Checker, registers_are_lost_at_a_landing_pad_whatever_its_clobbers) {
  LirCase c = with_landing_pad(r(3));
  c.lir.insts[3].clobbers = 0;
  EXPECT_TRUE(wrong(c, "block 2, inst 4", "(v0) is not there: r3 holds {}"));
}

TEST(Checker, clobbers_of_a_landing_pad_need_not_be_saved_but_those_of_a_call_must) {
  LirCase pad = with_landing_pad(slot(0));
  pad.allocation.written = 0x9; // not r1, r2, r4, which only the landing pad clobbers
  EXPECT_EQ(check(pad), "");
  pad.lir.blocks[2].landing_pad = false;
  EXPECT_TRUE(wrong(pad, "inst 3", "`written` leaves out"));
}

TEST(Checker, no_edit_stands_at_the_start_of_a_landing_pad) {
  LirCase c = with_landing_pad(slot(0));
  c.allocation.edits.push_back({3, RegClass::Int, slot(0), slot(1)});
  EXPECT_TRUE(wrong(c, "block 2, inst 3", "an edit stands before it"));
}

} // namespace
} // namespace assay::oracle
