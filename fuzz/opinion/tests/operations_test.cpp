// operations_test.cpp - the programs of operations.h cover opcodes.def, and the oracle accepts every one of their runs.
#include "fuzz/opinion/operations.h"
#include "oracle/interpreter/interpreter.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

TEST(Operations, cover_every_row_of_the_table_with_every_type) {
  EXPECT_EQ(missing_operations(operation_programs()), std::vector<std::string>());
}

TEST(Operations, what_no_program_has_is_told) {
  std::vector<OpinionProgram> programs = operation_programs();
  std::erase_if(programs, [](const OpinionProgram& program) { return program.name == "operations: fmin"; });
  EXPECT_EQ(missing_operations(programs), (std::vector<std::string>{"fmin.f32", "fmin.f64"}));
}

TEST(Operations, have_many_cases_and_none_is_refused) {
  oracle::Interpreter oracle;
  qemu::TestHost host;
  Outcome outcome;
  u64 runs = 0;
  for (const OpinionProgram& program : operation_programs()) {
    oracle.prepare(program.module);
    for (u32 i = 0; i < program.cases.size(); ++i, ++runs) {
      oracle.run(program.cases.entry(i), program.cases.args(i), program.cases.fuel(i), host, outcome);
      ASSERT_NE(outcome.kind, OutcomeKind::Refused) << program.name << ": " << outcome.text;
    }
  }
  EXPECT_GT(runs, 100000u);
}

} // namespace
} // namespace assay::fuzz
