// wanted_functions_test.cpp - what is compiled when only exported functions are called from outside, and in what order.
#include "compiler/codegen/wanted_functions.h"

#include "compile_support.h"

namespace assay::codegen {
namespace {

/// Ids, when each body is compiled as it stands.
std::vector<FunctionId> wanted(std::string_view text, Entries entries) {
  const Module module = parse(text);
  WantedFunctions functions;
  functions.begin(module, entries);
  std::vector<FunctionId> out;
  for (FunctionId id = functions.next(); id != kNone; id = functions.next()) {
    out.push_back(id);
    if (!module.functions[id].imported) functions.refer(module.functions[id]);
  }
  return out;
}

using Ids = std::vector<FunctionId>;

constexpr std::string_view kChain = R"(
import @host(i64)
import @unused()
func @last(i64) {
^e(%x: i64):
  call @host(%x)
  return
}
func @middle(i64) {
^e(%x: i64):
  tail_call @last(%x)
}
func @alone(i64) {
^e(%x: i64):
  call @alone(%x)
  call @middle(%x)
  return
}
export func @first(i64) {
^e(%x: i64):
  call @middle(%x)
  return
}
)";

TEST(WantedFunctions, AllComeInTheOrderOfTheirIds) { EXPECT_EQ(wanted(kChain, Entries::All), (Ids{0, 1, 2, 3, 4, 5})); }

TEST(WantedFunctions, ExportedOnesAndWhatTheyLeadTo) {
  EXPECT_EQ(wanted(kChain, Entries::Exported), (Ids{5, 3, 2, 0}));
}

TEST(WantedFunctions, TheOthersAreNamedBehindThemAndComeWhenTheyMustNotBeLeftOut) {
  const Module module = parse(kChain);
  WantedFunctions functions;
  functions.begin(module, Entries::Exported);
  while (functions.next() != kNone) {}
  EXPECT_EQ(functions.next_unwanted(), 0u); // nothing was said of what bodies refer to
  functions.want(4);
  EXPECT_EQ(functions.next(), 4u);
  functions.refer(module.functions[4]);
  EXPECT_EQ(functions.next(), 3u);
  EXPECT_EQ(functions.next(), kNone);
  EXPECT_EQ(functions.next_unwanted(), 1u);
  EXPECT_EQ(functions.next_unwanted(), 2u);
  EXPECT_EQ(functions.next_unwanted(), kNone);
}

TEST(WantedFunctions, TheTableIsEnteredFromOutside) {
  EXPECT_EQ(wanted("table [@g, null]\nfunc @f() {\n^e:\n return\n}\nfunc @g() {\n^e:\n return\n}\n", Entries::Exported),
            (Ids{1}));
}

TEST(WantedFunctions, AddressesAndTriedCallsRefer) {
  EXPECT_EQ(wanted(R"(
func @a() {
^e:
  return
}
func @b() {
^e:
  return
}
export func @f() -> ptr {
^e:
  try_call @b() -> ^ok, catch_all ^ok2
^ok:
  %p = func_addr @a
  return %p
^ok2(%x: ptr):
  return %x
}
)",
                   Entries::Exported),
            (Ids{2, 1, 0}));
}

TEST(WantedFunctions, NothingIsWantedOfAModuleThatNobodyCanCall) {
  EXPECT_EQ(wanted("func @f() {\n^e:\n return\n}\n", Entries::Exported), Ids());
}

constexpr std::string_view kSmallCallee = R"(
func @small(i64) -> i64 {
^e(%x: i64):
  %y = add.i64 %x, %x
  return %y
}
export func @f(i64) -> i64 {
^e(%x: i64):
  %y = call @small(%x)
  return %y
}
)";

TEST(CompileWanted, AFunctionOfWhichEveryCallBecameACopyIsLeftOut) {
  CompileOptions options;
  options.level = Level::O2;
  EXPECT_TRUE(compile(kSmallCallee, options).has(0));
  options.entries = Entries::Exported;
  const CodeObject object = compile(kSmallCallee, options);
  EXPECT_FALSE(object.has(0));
  ASSERT_TRUE(object.has(1));
  EXPECT_EQ(object.functions.size(), 1u);
  EXPECT_EQ(object.code_of(1).function, 1u);
  EXPECT_EQ(object.names[0], "small"); // in call stacks it is still itself
}

TEST(CompileWanted, WhatIsStillCalledIsThere) {
  CompileOptions options;
  options.level = Level::O2;
  options.entries = Entries::Exported;
  options.passes.rewrite_limit = 0; // no copies
  EXPECT_TRUE(compile(kSmallCallee, options).has(0));
  options.level = Level::O0;
  EXPECT_TRUE(compile(kSmallCallee, options).has(0));
}

TEST(CompileWanted, CodeFitsItsModuleUnlessSomethingToEnterIsMissing) {
  CompileOptions options;
  options.level = Level::O2;
  options.entries = Entries::Exported;
  Module module = parse(kSmallCallee);
  const CodeObject object = compile(module, options);
  EXPECT_TRUE(object.fits(module));
  module.functions[0].exported = true;
  EXPECT_FALSE(object.fits(module));
  module.functions[0].exported = false;
  module.table = {kNone, 1};
  EXPECT_TRUE(object.fits(module));
  module.table = {0};
  EXPECT_FALSE(object.fits(module));
  module.functions.pop_back();
  EXPECT_FALSE(object.fits(module));
}

} // namespace
} // namespace assay::codegen
