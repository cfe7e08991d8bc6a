// used_compiler_test.cpp - what a Compiler gives for a program must not depend on what it compiled before.
//
// For each way to compile that a subject knows, one Compiler compiles random programs one after another, as a campaign
// does, and a new one each of them alone: the same CodeObject, byte for byte. A finding that depended on the programs
// before it would not come again from its file.
#include "compiler/jit/code_object_file.h"
#include "fuzz/check/settings.h"
#include "fuzz/generate/generator.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

class UsedCompiler : public testing::TestWithParam<const SubjectRow*> {};

TEST_P(UsedCompiler, gives_what_a_new_one_gives) {
  const SubjectRow& row = *GetParam();
  Compiler used(compile_options(row));
  Generator generator;
  Module module;
  CodeObject object;
  std::vector<u8> bytes, expected;
  for (u64 seed = 1; seed <= 1000; ++seed) {
    generator.generate(seed, module);
    bytes.clear();
    expected.clear();
    const CompileOptions options = compile_options(settings_for(row, module, {}), module, kNone);
    used.set_options(options);
    Compiler fresh(options);
    const Result<void> first = used.compile(module, object);
    if (first) jit::serialise(object, bytes);
    const Result<void> second = fresh.compile(module, object);
    ASSERT_EQ(first.ok(), second.ok()) << "seed " << seed;
    if (!second) continue;
    jit::serialise(object, expected);
    ASSERT_TRUE(bytes == expected) << "seed " << seed;
  }
}

std::vector<const SubjectRow*> rows_that_compile() {
  std::vector<const SubjectRow*> out;
  for (const SubjectRow& row : subject_rows())
    if (row.exec != Exec::Oracle && !is_peer(row.exec)) out.push_back(&row);
  return out;
}

std::string test_name(const testing::TestParamInfo<const SubjectRow*>& info) {
  std::string name(info.param->name);
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Rows, UsedCompiler, testing::ValuesIn(rows_that_compile()), test_name);

} // namespace
} // namespace assay::fuzz
