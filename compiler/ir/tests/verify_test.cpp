// verify_test.cpp - one program for each rule of the verifier that text can break: line, column and message.
// Rules that only a module in memory can break: verify_memory_test.cpp.
#include "assay/verify.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

struct Case {
  const char* name;
  const char* text;
  const char* error; // "" : valid
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class Verify : public ::testing::TestWithParam<Case> {};

TEST_P(Verify, JudgesTheProgram) {
  const Result<Module> result = parse_and_verify(GetParam().text, "x");
  EXPECT_EQ(result.ok() ? "" : result.error().to_string(), GetParam().error);
}

#define BODY(lines) "func @f(i32) {\n^a(%x: i32):\n" lines "}\n"
#define FULL(lines) "memory 65536\ntable []\nglobal @g : i64 = 0\ntag @t(i32)\n" BODY(lines)

// clang-format off
const Case kModules[] = {
  {"Empty", "", ""},
  {"MemoryAboveTheLimit", "memory 1 1073741825", "x: expected a memory maximum of at most 1073741824 bytes, found 1073741825"},
  {"MemoryAtTheLimit", "memory 0 1073741824", ""},
  {"MemoryAboveItsMaximum", "memory 11 10", "x: expected a memory size of at most its maximum 10, found 11"},
  {"DataAtTheEnd", "memory 4\ndata 1 \"abc\"\ndata 4 \"\"", ""},
  {"DataOutside", "memory 4\ndata 2 \"abc\"", "x: expected data within the 4 bytes of memory, found 3 bytes at 2"},
  {"DataFarOutside", "memory 4\ndata 18446744073709551615 \"abc\"", "x: expected data within the 4 bytes of memory, found 3 bytes at 18446744073709551615"},
  {"DataWithoutMemory", "data 0 \"abc\"", "x: expected a memory line for the data, found none"},
  {"GlobalOfPointer", "global @g : ptr = 0", "x: expected an integer or float type of global '@g', found ptr"},
  {"TagOfPointer", "tag @t(i32, ptr)", "x: expected a payload of integers and floats in tag '@t', found ptr"},
  {"NoBlocks", "func @f() {\n}", "x:1:1: expected a body of at least one block, found none (@f)"},
  {"EntryParameters", "func @f(i32) {\n^a(%x: i64):\n  return\n}", "x:2:1: expected the entry block's parameters to be the function's, found others (@f ^b0)"},
  {"EntryParametersMissing", "func @f(i32) {\n^a:\n  return\n}", "x:2:1: expected the entry block's parameters to be the function's, found others (@f ^b0)"},
  {"EmptyBlock", BODY("  jump ^b\n^b:\n^c:\n  return\n"), "x:4:1: expected a terminator at the end of the block, found an empty block (@f ^b1)"},
  {"NoTerminator", BODY("  fuel 1\n"), "x:3:3: expected a terminator at the end of the block, found 'fuel' (@f ^b0 #0)"},
  {"TerminatorInside", BODY("  return\n  fuel 1\n"), "x:3:3: expected no instruction after the terminator 'return', found one (@f ^b0 #0)"},
  {"SlotAlignment", "func @f() {\n  slot $s : 8 align 3\n^a:\n  return\n}", "x:1:1: expected a slot alignment that is a power of two up to 4096, found 3 (@f)"},
  {"SlotAlignmentZero", "func @f() {\n  slot $s : 8 align 0\n^a:\n  return\n}", "x:1:1: expected a slot alignment that is a power of two up to 4096, found 0 (@f)"},
  {"SlotAlignmentTooLarge", "func @f() {\n  slot $s : 8 align 8192\n^a:\n  return\n}", "x:1:1: expected a slot alignment that is a power of two up to 4096, found 8192 (@f)"},
  {"SlotsTooLarge", "func @f() {\n  slot $s : 1048000\n  slot $t : 600\n^a:\n  return\n}", "x:1:1: expected slots of at most 1048576 bytes in a function, found 1048600 (@f)"},
  {"SlotsAtTheLimit", "func @f() {\n  slot $s : 1048576 align 4096\n^a:\n  return\n}", ""},
};
// clang-format on
INSTANTIATE_TEST_SUITE_P(Modules, Verify, ::testing::ValuesIn(kModules),
                         [](const auto& i) { return std::string(i.param.name); });

// clang-format off
const Case kRows[] = {
  {"OperandType", BODY("  %y = add.i64 %x, %x\n  return\n"), "x:3:3: expected i64 as operand 0 of 'add', found i32 (@f ^b0 #0)"},
  {"SecondOperandType", BODY("  %y = const.i64 1\n  %z = add.i32 %x, %y\n  return\n"), "x:4:3: expected i32 as operand 1 of 'add', found i64 (@f ^b0 #1)"},
  {"TypeNotOfTheRow", BODY("  %y = add.f32 %x, %x\n  return\n"), "x:3:3: expected 'add' of type i8 or i16 or i32 or i64, found f32 (@f ^b0 #0)"},
  {"SecondTypeNotOfTheRow", BODY("  %y = zext.i64.f32 %x\n  return\n"), "x:3:3: expected 'zext' from type i8 or i16 or i32 or i64, found f32 (@f ^b0 #0)"},
  {"NotWider", BODY("  %y = zext.i32.i32 %x\n  return\n"), "x:3:3: expected 'zext' to a wider type than i32, found i32 (@f ^b0 #0)"},
  {"NotNarrower", BODY("  %y = trunc.i64.i32 %x\n  return\n"), "x:3:3: expected 'trunc' to a narrower type than i32, found i64 (@f ^b0 #0)"},
  {"NotTheSameSize", BODY("  %y = bitcast.f64.i32 %x\n  return\n"), "x:3:3: expected 'bitcast' to another type of the size of i32, found f64 (@f ^b0 #0)"},
  {"BitcastToItself", BODY("  %y = bitcast.i32.i32 %x\n  return\n"), "x:3:3: expected 'bitcast' to another type of the size of i32, found i32 (@f ^b0 #0)"},
  {"ByteSwapOfAByte", BODY("  %y = bswap.i8 %x\n  return\n"), "x:3:3: expected 'bswap' of type i16 or i32 or i64, found i8 (@f ^b0 #0)"},
  {"SelectByAnyInteger", BODY("  %c = const.i16 1\n  %y = select.i32 %c, %x, %x\n  return\n"), ""},
  {"SelectByAFloat", BODY("  %c = const.f32 1\n  %y = select.i32 %c, %x, %x\n  return\n"), "x:4:3: expected i8 or i16 or i32 or i64 as operand 0 of 'select', found f32 (@f ^b0 #1)"},
  {"BranchByAFloat", BODY("  %c = const.f32 1\n  branch %c, ^b, ^b\n^b:\n  return\n"), "x:4:3: expected i8 or i16 or i32 or i64 as operand 0 of 'branch', found f32 (@f ^b0 #1)"},
  {"AddressIsI32OrI64", FULL("  %a = const.i16 1\n  %y = load.i32 %a\n  return\n"), "x:8:3: expected i32 or i64 as operand 0 of 'load', found i16 (@f ^b0 #1)"},
  {"LoadOfAPointer", FULL("  %y = load.ptr %x\n  return\n"), "x:7:3: expected 'load' of type i8 or i16 or i32 or i64 or f32 or f64, found ptr (@f ^b0 #0)"},
  {"NativeLoadOfAPointer", BODY("  %p = const.ptr 0\n  %y = pload.ptr %p\n  return\n"), ""},
  {"NativeLoadFromAnInteger", BODY("  %y = pload.i32 %x\n  return\n"), "x:3:3: expected ptr as operand 0 of 'pload', found i32 (@f ^b0 #0)"},
  {"LoadNeedsMemory", BODY("  %y = load.i32 %x\n  return\n"), "x:3:3: expected a memory line in the module, which 'load' needs, found none (@f ^b0 #0)"},
  {"StoreNeedsMemory", BODY("  store.i32 %x, %x\n  return\n"), "x:3:3: expected a memory line in the module, which 'store' needs, found none (@f ^b0 #0)"},
  {"MemorySizeNeedsMemory", BODY("  %y = memory_size.i32\n  return\n"), "x:3:3: expected a memory line in the module, which 'memory_size' needs, found none (@f ^b0 #0)"},
  {"MemoryCopyNeedsMemory", BODY("  memory_copy.i32 %x, %x, %x\n  return\n"), "x:3:3: expected a memory line in the module, which 'memory_copy' needs, found none (@f ^b0 #0)"},
  {"FillByteIsI8", FULL("  memory_fill.i32 %x, %x, %x\n  return\n"), "x:7:3: expected i8 as operand 1 of 'memory_fill', found i32 (@f ^b0 #0)"},
  {"GlobalType", FULL("  global_set.i32 @g, %x\n  return\n"), "x:7:3: expected type i64, as the global has, found i32 (@f ^b0 #0)"},
  {"LocalType", "func @f() {\n  local $l : i8\n^a:\n  %x = local_get.i16 $l\n  return\n}", "x:4:3: expected type i8, as the local has, found i16 (@f ^b0 #0)"},
  {"ReturnCount", BODY("  return %x\n"), "x:3:3: expected 0 values, as the function's signature has, found 1 (@f ^b0 #0)"},
  {"ReturnType", "func @f() -> i64 {\n^a:\n  %x = const.i32 1\n  return %x\n}", "x:4:3: expected i64 as operand 0 of 'return', found i32 (@f ^b0 #1)"},
  {"CallCount", BODY("  call @f()\n  return\n"), "x:3:3: expected 1 values, as the callee's signature has, found 0 (@f ^b0 #0)"},
  {"CallType", BODY("  %y = const.f32 1\n  call @f(%y)\n  return\n"), "x:4:3: expected i32 as operand 0 of 'call', found f32 (@f ^b0 #1)"},
  {"IndirectIndex", FULL("  %i = const.f32 1\n  call_indirect () %i()\n  return\n"), "x:8:3: expected i32 or i64 as operand 0 of 'call_indirect', found f32 (@f ^b0 #1)"},
  {"IndirectArgument", FULL("  call_indirect (i64) %x(%x)\n  return\n"), "x:7:3: expected i64 as operand 1 of 'call_indirect', found i32 (@f ^b0 #0)"},
  {"IndirectNeedsATable", BODY("  call_indirect () %x()\n  return\n"), "x:3:3: expected a table line in the module, which 'call_indirect' needs, found none (@f ^b0 #0)"},
  {"TailIndirectNeedsATable", BODY("  tail_call_indirect () %x()\n"), "x:3:3: expected a table line in the module, which 'tail_call_indirect' needs, found none (@f ^b0 #0)"},
  {"TryIndirectNeedsATable", BODY("  try_call_indirect () %x() -> ^b\n^b:\n  return\n"), "x:3:3: expected a table line in the module, which 'try_call_indirect' needs, found none (@f ^b0 #0)"},
  {"CallPtrNeedsNoTable", BODY("  %p = func_addr @f\n  call_ptr (i32) %p(%x)\n  return\n"), ""},
  {"TailCallResults", "import @h() -> i32\n" BODY("  tail_call @h()\n"), "x:4:3: expected a tail call of a function with this function's results, found others (@f ^b0 #0)"},
  {"TailCallIndirectResults", FULL("  tail_call_indirect () -> i8 %x()\n"), "x:7:3: expected a tail call of a function with this function's results, found others (@f ^b0 #0)"},
  {"TailCallWithOtherParameters", "import @h(f64)\n" BODY("  %y = const.f64 1\n  tail_call @h(%y)\n"), ""},
  {"ThrowPayload", FULL("  throw @t()\n"), "x:7:3: expected 1 values, as the tag's payload has, found 0 (@f ^b0 #0)"},
  {"RethrowOfAnInteger", BODY("  rethrow %x\n"), "x:3:3: expected ptr as operand 0 of 'rethrow', found i32 (@f ^b0 #0)"},
};
// clang-format on
INSTANTIATE_TEST_SUITE_P(Rows, Verify, ::testing::ValuesIn(kRows),
                         [](const auto& i) { return std::string(i.param.name); });

// clang-format off
const Case kEdges[] = {
  {"TargetIsTheEntry", BODY("  jump ^a(%x)\n"), "x:3:3: expected a target other than the entry block, found the entry block (@f ^b0 #0)"},
  {"ArgumentCount", BODY("  jump ^b(%x)\n^b:\n  return\n"), "x:3:3: expected 0 values for the parameters of ^b1, found 1 (@f ^b0 #0)"},
  {"ArgumentMissing", BODY("  jump ^b\n^b(%y: i32):\n  return\n"), "x:3:3: expected 1 values for the parameters of ^b1, found 0 (@f ^b0 #0)"},
  {"ArgumentType", BODY("  jump ^b(%x)\n^b(%y: i64):\n  return\n"), "x:3:3: expected i64 for parameter 0 of ^b1, found i32 (@f ^b0 #0)"},
  {"ArgumentOfTheSecondEdge", BODY("  branch %x, ^b, ^c(%x)\n^b:\n  return\n^c(%y: i64):\n  return\n"), "x:3:3: expected i64 for parameter 0 of ^b2, found i32 (@f ^b0 #0)"},
  {"SwitchOperand", BODY("  switch.i8 %x [], ^b\n^b:\n  return\n"), "x:3:3: expected i8 as operand 0 of 'switch', found i32 (@f ^b0 #0)"},
  {"SwitchTwice", BODY("  switch.i32 %x [1: ^b, 2: ^b, 1: ^b], ^b\n^b:\n  return\n"), "x:3:3: expected distinct case literals, found one twice (@f ^b0 #0)"},
  {"SwitchTwiceInOtherWords", BODY("  switch.i32 %x [-1: ^b, 0xffffffff: ^b], ^b\n^b:\n  return\n"), "x:3:3: expected distinct case literals, found one twice (@f ^b0 #0)"},
  {"SwitchCaseArgument", BODY("  switch.i32 %x [1: ^c], ^b\n^b:\n  return\n^c(%y: i8):\n  return\n"), "x:3:3: expected 1 values for the parameters of ^b2, found 0 (@f ^b0 #0)"},
  {"TryPassesResults", "import @h() -> f32\n" BODY("  try_call @h() -> ^b(%x)\n^b(%r: f32, %y: i32):\n  return\n"), ""},
  {"TryResultType", "import @h() -> f32\n" BODY("  try_call @h() -> ^b\n^b(%r: f64):\n  return\n"), "x:4:3: expected parameter 0 of ^b1 to be f32, which the edge passes, found f64 (@f ^b0 #0)"},
  {"TryResultMissing", "import @h() -> f32\n" BODY("  try_call @h() -> ^b\n^b:\n  return\n"), "x:4:3: expected 0 values for the parameters of ^b1, found 1 (@f ^b0 #0)"},
  {"CatchPassesThePayload", FULL("  try_call @f(%x) -> ^b, catch @t ^c(%x)\n^b:\n  return\n^c(%p: i32, %y: i32):\n  return\n"), ""},
  {"CatchPayloadMissing", FULL("  try_call @f(%x) -> ^b, catch @t ^b\n^b:\n  return\n"), "x:7:3: expected 0 values for the parameters of ^b1, found 1 (@f ^b0 #0)"},
  {"CatchTwice", FULL("  try_call @f(%x) -> ^b, catch @t ^c, catch @t ^c\n^b:\n  return\n^c(%p: i32):\n  return\n"), "x:7:3: expected each tag in one clause only, found one twice (@f ^b0 #0)"},
  {"CatchAllGivesAPointer", BODY("  try_call @f(%x) -> ^b, catch_all ^c\n^b:\n  return\n^c(%e: ptr):\n  rethrow %e\n"), ""},
  {"CatchAllOfAnotherType", BODY("  try_call @f(%x) -> ^b, catch_all ^c\n^b:\n  return\n^c(%e: i64):\n  return\n"), "x:3:3: expected parameter 0 of ^b2 to be ptr, which the edge passes, found i64 (@f ^b0 #0)"},
  {"CatchAllNotLast", FULL("  try_call @f(%x) -> ^b, catch_all ^c, catch @t ^d\n^b:\n  return\n^c(%e: ptr):\n  return\n^d(%p: i32):\n  return\n"), "x:7:3: expected catch_all as the last clause, found a clause after it (@f ^b0 #0)"},
  {"CatchAllTwice", BODY("  try_call @f(%x) -> ^b, catch_all ^c, catch_all ^c\n^b:\n  return\n^c(%e: ptr):\n  return\n"), "x:3:3: expected catch_all as the last clause, found a clause after it (@f ^b0 #0)"},
};
// clang-format on
INSTANTIATE_TEST_SUITE_P(Edges, Verify, ::testing::ValuesIn(kEdges),
                         [](const auto& i) { return std::string(i.param.name); });

// clang-format off
const Case kDominance[] = {
  {"UseBeforeDefinition", BODY("  %y = add.i32 %z, %x\n  %z = const.i32 1\n  return\n"), "x:3:3: expected a value defined before its use, found one defined later in the same block (@f ^b0 #0)"},
  {"UseOfItself", BODY("  %y = add.i32 %y, %x\n  return\n"), "x:3:3: expected a value defined before its use, found one defined later in the same block (@f ^b0 #0)"},
  {"SecondResultOfItself", BODY("  %y, %o = add_o_s.i8 %o, %o\n  return\n"), "x:3:3: expected a value defined before its use, found one defined later in the same block (@f ^b0 #0)"},
  {"DefinedInOneArm", BODY("  branch %x, ^b, ^c\n^b:\n  %y = const.i32 1\n  jump ^c\n^c:\n  %z = add.i32 %y, %x\n  return\n"), "x:8:3: expected a value whose definition dominates its use, found one defined in ^b1 (@f ^b2 #0)"},
  {"ParameterOfASibling", BODY("  branch %x, ^b(%x), ^c\n^b(%y: i32):\n  return\n^c:\n  %z = add.i32 %y, %x\n  return\n"), "x:7:3: expected a value whose definition dominates its use, found one defined in ^b1 (@f ^b2 #0)"},
  {"EdgeArgumentDoesNotDominate", BODY("  branch %x, ^b, ^c\n^b:\n  %y = const.i32 1\n  jump ^d(%y)\n^c:\n  jump ^d(%y)\n^d(%r: i32):\n  return\n"), "x:8:3: expected a value whose definition dominates its use, found one defined in ^b1 (@f ^b2 #0)"},
  {"ParameterOfItsOwnEdge", BODY("  jump ^b(%y)\n^b(%y: i32):\n  return\n"), "x:3:3: expected a value whose definition dominates its use, found one defined in ^b1 (@f ^b0 #0)"},
  {"DominatesThroughALoop", BODY("  %one = const.i32 1\n  jump ^b(%one)\n^b(%i: i32):\n  %n = add.i32 %i, %one\n  branch %n, ^b(%n), ^c\n^c:\n  %z = add.i32 %n, %i\n  return\n"), ""},
  {"TextOrderIsNotDominanceOrder", BODY("  jump ^c\n^b:\n  %z = add.i32 %y, %x\n  return\n^c:\n  %y = const.i32 1\n  jump ^b\n"), ""},
  {"UnreachableUsesAreNotChecked", BODY("  return\n^b:\n  %z = add.i32 %y, %z\n  return\n^c:\n  %y = const.i32 1\n  return\n"), ""},
  {"UnreachableTypesAreChecked", BODY("  return\n^b:\n  %z = add.i64 %x, %x\n  return\n"), "x:5:3: expected i64 as operand 0 of 'add', found i32 (@f ^b1 #0)"},
  {"UnreachableDefinitionUsedInReachableCode", BODY("  %z = add.i32 %y, %x\n  return\n^b:\n  %y = const.i32 1\n  return\n"), "x:3:3: expected a value whose definition dominates its use, found one defined in ^b1 (@f ^b0 #0)"},
};
// clang-format on
INSTANTIATE_TEST_SUITE_P(Dominance, Verify, ::testing::ValuesIn(kDominance),
                         [](const auto& i) { return std::string(i.param.name); });

TEST(VerifyPlace, TheBlocksOfASecondFunctionAreNamed) {
  const Result<Module> result =
      parse_and_verify("import @z()\n" BODY("  return\n") "func @g() {\n^a:\n  fuel 1\n  fuel 2\n}", "x");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().to_string(),
            "x:9:3: expected a terminator at the end of the block, found 'fuel' (@g ^b0 #1)");
}

TEST(VerifyPlace, WithoutASourceMapTheAirPositionRemains) {
  const Result<Module> m = parse_module(BODY("  fuel 1\n"));
  EXPECT_EQ(verify(*m, "y").error().to_string(),
            "y: expected a terminator at the end of the block, found 'fuel' (@f ^b0 #0)");
}

} // namespace
} // namespace assay
