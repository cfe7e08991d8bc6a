// sign_test.cpp - findings get a signature by what is at fault, and those of one bug are one group.
#include "fuzz/triage/sign.h"

#include "assay/planted.h"
#include "assay/verify.h"
#include "fuzz/triage/catching.h"
#include "fuzz/triage/suspect.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

Cause cause(std::string_view line) {
  std::string ignored;
  u32 word = 0;
  return parse_cause(line, ignored, word).value_or(Cause{});
}

Finding finding_on(std::string_view subject, std::string_view program) {
  Finding out;
  out.subject = subject;
  out.entry = "main";
  out.fuel = 100;
  out.difference = "result 0: 1 != 2";
  out.program = program;
  return out;
}

constexpr std::string_view kSum = "export func @main() -> i32 {\n^0:\n  %a = const.i32 1\n  return %a\n}\n";

TEST(Suspect, operations_that_compilers_make_alike_have_one_word) {
  EXPECT_EQ(family_of(Opcode::FNeg), "float-sign");
  EXPECT_EQ(family_of(Opcode::FAbs), family_of(Opcode::FNeg));
  EXPECT_EQ(family_of(Opcode::FCopysign), family_of(Opcode::FNeg));
  EXPECT_EQ(family_of(Opcode::DivS), family_of(Opcode::RemU));
  EXPECT_EQ(family_of(Opcode::FSqrt), "fsqrt");
}

TEST(Sign, groups_are_by_key_the_largest_first_and_every_finding_is_in_one) {
  const std::vector<Cause> causes = {cause("miscompile x64 O2 result gvn"),
                                     cause("miscompile x64 O0 result x64/code:load"),
                                     cause("miscompile x64 O2 memory-byte gvn"), cause("crash x64 O0 result unknown"),
                                     cause("miscompile x64 O0 result unknown")};
  const auto groups = merge(causes);
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_EQ(groups[0].key, "gvn");
  EXPECT_EQ(groups[0].members, (std::vector<u32>{0, 2}));
  std::size_t members = 0;
  for (const Group& group : groups) members += group.members.size();
  EXPECT_EQ(members, causes.size());
}

TEST(Sign, operations_more_are_an_accident_of_the_program) {
  const std::string at = "miscompile x64 O0 result all-targets-or-oracle:";
  const std::vector<Cause> causes = {cause(at + "local_get+local_set+switch"), cause(at + "add+local_get"),
                                     cause(at + "local_get+local_set"), cause(at + "add+local_get+local_set+xor"),
                                     cause("miscompile x64 O0 result x64/code:local_get+xor")};
  const auto groups = merge(causes);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0].key, "all-targets-or-oracle:add+local_get");
  EXPECT_EQ(groups[0].members, (std::vector<u32>{1, 3}));
  EXPECT_EQ(groups[1].key, "all-targets-or-oracle:local_get+local_set");
  EXPECT_EQ(groups[1].members, (std::vector<u32>{0, 2}));
}

TEST(Sign, finding_that_is_gone_or_cannot_run_here_says_so) {
  auto module = parse_and_verify(kSum);
  ASSERT_TRUE(module.ok());
  EXPECT_EQ(sign(finding_on("no-such-subject", kSum), *module, {}).state, Signed::Unasked);
  EXPECT_NE(sign(finding_on("no-such-subject", kSum), *module, {}).why, "");
  EXPECT_EQ(sign(finding_on("oracle", kSum), *module, {}).state, Signed::Unasked) << "it needs the other program";
  if (host_target() != Target::X64) GTEST_SKIP() << "the rest needs an x64 host";
  const Signed gone = sign(finding_on("x64-O0-native-linux", kSum), *module, {});
  EXPECT_EQ(gone.state, Signed::Gone);
  EXPECT_EQ(to_string(gone.cause), "miscompile x64 O0 result unknown");
}

#ifdef ASSAY_MUTANTS
class Planted : public testing::Test {
protected:
  void SetUp() override {
    if (host_target() != Target::X64) GTEST_SKIP() << "the bugs are in x64 code, or shown by it";
  }
  void TearDown() override { planted::active = 0; }
  static Signed sign_with(const char* bug, std::string_view subject, std::string_view program) {
    auto module = parse_and_verify(program);
    EXPECT_TRUE(module.ok()) << (module.ok() ? "" : module.error().to_string());
    planted::active = planted::name_hash(bug);
    return sign(finding_on(subject, program), *module, {});
  }
  /// Of a program as x64 -O0 runs it, with the bug that is planted.
  static std::string suspect_at_O0(const Program& program) {
    Prober prober;
    return suspect_of(program, variant_of(*find_subject_row("x64-O0-native-linux"), program.module), prober);
  }
};

constexpr std::string_view kShifts = "memory 8\nexport func @main() -> i32 {\n^0:\n  %z = const.i32 0\n"
                                     "  %x = load.i32 %z, 0\n  %one = const.i32 1\n  %y = or.i32 %x, %one\n"
                                     "  %c = const.i32 20\n  %a = shl.i32 %y, %c\n  %b = shl.i32 %a, %c\n"
                                     "  return %b\n}\n";
constexpr std::string_view kNan = "export func @main() -> i32 {\n^0:\n  %x = const.f64 nan\n  %z = const.f64 0.0\n"
                                  "  %y = fadd.f64 %x, %z\n  %r = f2i_sat_s.i32.f64 %y\n  %one = const.i32 1\n"
                                  "  %s = add.i32 %r, %one\n  return %s\n}\n";

TEST_F(Planted, rule_of_simplification_is_the_culprit) {
  const Signed found = sign_with("opt_shift_sum_wraps", "x64-O2-native-linux", kShifts);
  ASSERT_EQ(found.state, Signed::Fails);
  EXPECT_EQ(to_string(found.cause), "miscompile x64 O2 result simplify/shl_shl_wraps");
}

TEST_F(Planted, operation_that_is_got_wrong_is_the_culprit_in_code) {
  const Signed found = sign_with("emit_sat_nan", "x64-O0-native-linux", kNan);
  ASSERT_EQ(found.state, Signed::Fails);
  EXPECT_EQ(found.cause.culprit, "x64/code:f2i_sat");
  EXPECT_TRUE(found.reduced);
  const Finding file = finding_of(found, finding_on("x64-O0-native-linux", kNan));
  EXPECT_EQ(file.cause, to_string(found.cause));
  EXPECT_EQ(file.reduced.rfind("from 7 to ", 0), 0u) << file.reduced;
}

TEST_F(Planted, no_operation_is_blamed_where_the_same_bytes_do_right_elsewhere) {
  const Signed found = sign_with("rodata_alignment", "x64-O0-native-linux",
                                 "export func @main() -> f64 {\n^0:\n  %a = const.i64 0\n  %x = bitcast.f64.i64 %a\n"
                                 "  switch.i64 %a [0: ^1, 1: ^2, 2: ^1, 3: ^2, 4: ^1], ^2\n^1:\n"
                                 "  %n = fneg.f64 %x\n  return %n\n^2:\n  return %x\n}\n");
  ASSERT_EQ(found.state, Signed::Fails);
  if (!found.bisection.code_is_right) GTEST_SKIP() << "there is no Unicorn here";
  EXPECT_EQ(found.cause.culprit, "x64/unicorn-agrees,native-does-not:crashed");
}

TEST_F(Planted, operation_is_found_in_a_program_that_is_not_small) {
  auto module = parse_and_verify(kNan);
  ASSERT_TRUE(module.ok());
  planted::active = planted::name_hash("emit_sat_nan");
  const auto failure = failure_of(finding_on("x64-O0-native-linux", kNan), *module, {});
  ASSERT_TRUE(failure.ok() && failure->has_value());
  Prober prober;
  EXPECT_EQ(suspect_of((*failure)->program, (*failure)->variant, prober), "f2i_sat");
}

TEST_F(Planted, operation_is_sought_in_what_is_called_before_the_call) {
  auto module = parse_and_verify("export func @main() -> i32 {\n^0:\n  %r = call @f()\n  return %r\n}\n"
                                 "func @f() -> i32 {\n^0:\n  %x = const.f64 nan\n"
                                 "  %r = f2i_sat_s.i32.f64 %x\n  return %r\n}\n"
                                 "export func @other() -> i32 {\n^0:\n  %r = call @f()\n  return %r\n}\n");
  ASSERT_TRUE(module.ok());
  planted::active = planted::name_hash("emit_sat_nan");
  EXPECT_EQ(suspect_at_O0({std::move(*module), 0, {}, 100}), "f2i_sat");
}

// The extension is left out only where its result gets its operand's register, as an argument of the call does: cut off
// behind it, the program is right.
TEST_F(Planted, operation_is_the_culprit_that_is_wrong_only_where_its_result_goes_on) {
  auto module = parse_and_verify("export func @main(i32) -> i64 {\n^0(%x: i32):\n  %z = zext.i64.i32 %x\n"
                                 "  %r = call @f(%z)\n  return %r\n}\n"
                                 "func @f(i64) -> i64 {\n^0(%a: i64):\n  return %a\n}\n");
  ASSERT_TRUE(module.ok()) << module.error().to_string();
  planted::active = planted::name_hash("emit_zext_left_out");
  EXPECT_EQ(suspect_at_O0({std::move(*module), 0, {u64{7}}, 100}), "zext");
}

TEST_F(Planted, address_is_the_culprit_whether_a_load_shows_it_or_a_store) {
  const std::string dirty = "memory 64\nexport func @main(i64) -> i32 {\n^0(%x: i64):\n  %a = trunc.i32.i64 %x\n";
  for (const char* access :
       {"  %r = load.i32 %a, 8\n  return %r\n}\n", "  store.i32 %a, 8, %a\n  %r = const.i32 1\n  return %r\n}\n"}) {
    auto module = parse_and_verify(dirty + access);
    ASSERT_TRUE(module.ok()) << module.error().to_string();
    planted::active = planted::name_hash("mem_address_upper_half");
    EXPECT_EQ(suspect_at_O0({std::move(*module), 0, {u64{0x7000000000}}, 100}), "address") << access;
  }
}

/// @main calls @f in a try_call with these clauses, each to a block of its own.
std::string catching_program(const std::string& call, const std::string& clauses, const std::string& callee) {
  return "tag @a(i64)\ntag @b(i64)\n" + callee + "export func @main() -> i64 {\n^0:\n  %n = const.i64 5\n  " + call +
         " -> ^1, " + clauses + "\n^1:\n  %r1 = const.i64 1\n  return %r1\n^2(%p: i64):\n  return %p\n" +
         "^3(%q: i64):\n  %m = const.i64 7\n  %r3 = add.i64 %q, %m\n  return %r3\n^4(%e: ptr):\n  return %n\n}\n";
}

TEST_F(Planted, what_goes_wrong_in_catching_is_told_apart) {
  const std::string throws = "func @f() {\n^0:\n  %x = const.i64 -3\n  throw @a(%x)\n}\n";
  std::string many, values;
  for (u32 i = 0; i < 24; ++i) {
    many += i == 0 ? "i64" : ", i64";
    values += i == 0 ? "%n" : ", %n";
  }
  std::string params;
  for (u32 i = 0; i < 24; ++i) params += (i == 0 ? "%v" : ", %v") + std::to_string(i) + ": i64";
  const std::string takes_many = "func @f(" + many + ") {\n^0(" + params + "):\n  throw @a(%v23)\n}\n";
  const std::string traps = "func @f() {\n^0:\n  trap unreachable\n}\n";
  const struct {
    const char* bug;
    std::string call, clauses, callee;
    const char* word;
  } cases[] = {
      {"eh_trap_caught", "try_call @f()", "catch @a ^2, catch_all ^4", traps, "trap-caught"},
      {"eh_any_tag", "try_call @f()", "catch @b ^3", throws, "unfit-clause"},
      {"eh_last_clause", "try_call @f()", "catch @a ^2, catch_all ^4", throws, "later-of-several"},
      {"eh_first_pad", "try_call @f()", "catch @b ^3, catch @a ^2", throws, "earlier-of-several"},
      {"eh_site_at_call", "try_call @f()", "catch @b ^3, catch @a ^2", throws, "missed"},
      {"eh_site_behind_pop", "try_call @f(" + values + ")", "catch @a ^2", takes_many, "missed-call"},
      {"eh_payload_narrow", "try_call @f()", "catch @a ^2", throws, "payload"},
      {"eh_pad_behind", "try_call @f()", "catch @a ^2", throws, "entered"},
  };
  for (const auto& one : cases) {
    auto module = parse_and_verify(catching_program(one.call, one.clauses, one.callee));
    ASSERT_TRUE(module.ok()) << module.error().to_string();
    const FunctionId entry = module->find_function("main");
    planted::active = planted::name_hash(one.bug);
    Prober prober;
    Variant variant = variant_of(*find_subject_row("x64-O0-native-linux"), *module);
    variant.throw_traps = true;
    EXPECT_EQ(catching_of({std::move(*module), entry, {}, 100}, variant, prober), one.word) << one.bug;
  }
}

TEST_F(Planted, right_program_has_only_the_kinds_of_its_operations) {
  auto module = parse_and_verify(kNan);
  ASSERT_TRUE(module.ok());
  EXPECT_EQ(suspect_at_O0({std::move(*module), 0, {}, 100}), "add+f2i_sat+fadd");
}
#endif

} // namespace
} // namespace assay::fuzz
