// machine_state_test.cpp - where two runs part, and that the machine there shows why.
#include "fuzz/triage/machine_state.h"

#include "assay/planted.h"
#include "assay/verify.h"
#include "compiler/debug/disassemble.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

constexpr std::string_view kLogs = "import @log(i32)\nmemory 16\nexport func @main(f64) -> i32 {\n^b0(%0: f64):\n"
                                   "  %1 = f2i_sat_s.i32.f64 %0\n  call @log(%1)\n  return %1\n}\n";

Outcome outcome_with(std::initializer_list<u64> logged, std::vector<u8> memory) {
  Outcome out;
  out.memory = std::move(memory);
  for (const u64 value : logged) {
    out.begin_event(TraceKind::HostCall, 0, {&value, 1});
    out.end_event();
  }
  return out;
}

TEST(PartingPoint, EventsComeFirstThenMemoryThenTheEnd) {
  const auto module = parse_and_verify(kLogs);
  ASSERT_TRUE(module.ok());
  const auto part = [&](const Outcome& a, const Outcome& b) { return parting_point(*module, a, b); };
  const Outcome whole = outcome_with({1, 2, 3, 4}, {0, 0, 0});
  EXPECT_EQ(part(whole, whole).event, kNone);
  EXPECT_EQ(part(whole, whole).byte, ~u64{0});
  EXPECT_EQ(part(whole, outcome_with({1, 2, 9, 4}, {0, 1, 0})).event, 2u);
  EXPECT_EQ(part(whole, outcome_with({1, 2, 9, 4}, {0, 1, 0})).byte, ~u64{0});
  EXPECT_EQ(part(whole, outcome_with({9, 2, 3, 4}, {0, 0, 0})).event, 0u);
  EXPECT_EQ(part(whole, outcome_with({1, 2, 3}, {0, 0, 0})).event, 3u) << "one is not there";
  EXPECT_EQ(part(outcome_with({}, {}), whole).event, 0u);
  const PartingPoint byte = part(whole, outcome_with({1, 2, 3, 4}, {0, 1, 1}));
  EXPECT_EQ(byte.event, kNone);
  EXPECT_EQ(byte.byte, 1u);
}

#ifdef ASSAY_MUTANTS
bool state_has(const MachineState& state, std::string_view part) { return state.text.find(part) != std::string::npos; }

class MachineStates : public testing::Test {
protected:
  void SetUp() override {
    auto module = parse_and_verify(kLogs);
    ASSERT_TRUE(module.ok());
    program_.module = std::move(*module);
    program_.entry = program_.module.find_function("main");
    program_.args = {0x7ff8000000000000}; // nan
    program_.fuel = 100;
    variant_ = variant_of(*find_subject_row("x64-O0-unicorn-linux"), program_.module);
    const std::string reason = unavailable_reason(row_of(variant_));
    if (!reason.empty()) GTEST_SKIP() << reason;
    if (!debug::can_disassemble()) GTEST_SKIP() << "no disassembler";
  }
  void TearDown() override { planted::active = 0; }
  Program program_;
  Variant variant_;
};

TEST_F(MachineStates, TheRegistersAtTheFirstWrongCallHaveItsArgument) {
  planted::active = planted::name_hash("emit_sat_nan");
  const std::vector<MachineState> states = machine_states(program_, variant_, nullptr);
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].why_not, "");
  EXPECT_TRUE(state_has(states[0], "at host call, throw or rethrow 0 of the run")) << states[0].text;
  EXPECT_TRUE(state_has(states[0], "0x80000000")) << states[0].text;
  EXPECT_TRUE(state_has(states[0], "cvttsd2si")) << states[0].text;
  EXPECT_TRUE(state_has(states[0], "\nrax=0x")) << states[0].text;
  EXPECT_TRUE(state_has(states[0], "flags=0x")) << states[0].text;
}

TEST_F(MachineStates, TheWitnessIsShownAtTheSamePlace) {
  planted::active = planted::name_hash("emit_sat_nan");
  Variant witness = variant_;
  witness.os = Os::Windows;
  const std::vector<MachineState> states = machine_states(program_, variant_, &witness);
  ASSERT_EQ(states.size(), 2u);
  EXPECT_TRUE(state_has(states[1], "at host call, throw or rethrow 0 of the run"))
      << states[1].text << states[1].why_not;
  witness.target = Target::A64;
  EXPECT_EQ(machine_states(program_, variant_, &witness).size(), 1u) << "another processor's registers say nothing";
}

TEST_F(MachineStates, WhatDoesNotFailInTheEmulatorIsSaid) {
  const std::vector<MachineState> states = machine_states(program_, variant_, nullptr);
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].text, "");
  EXPECT_EQ(states[0].why_not, "in the emulator it does not fail");
}
#endif

} // namespace
} // namespace assay::fuzz
