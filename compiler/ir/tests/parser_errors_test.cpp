// parser_errors_test.cpp - every kind of parse error: exact line, column and message.
#include "assay/text.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

struct Case {
  const char* name;
  const char* text;
  u32 line, column;
  const char* message;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class ParserErrors : public ::testing::TestWithParam<Case> {};

TEST_P(ParserErrors, NameThePlaceAndWhatWasExpected) {
  const Case& c = GetParam();
  const Result<Module> result = parse_module(c.text, "x.air");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::BadInput);
  EXPECT_EQ(result.error().to_string(),
            "x.air:" + std::to_string(c.line) + ":" + std::to_string(c.column) + ": " + c.message);
}

#define BODY(lines) "func @f(i32) {\n^a(%x: i32):\n" lines

// clang-format off
const Case kTopLevel[] = {
  {"NoSuchLine", "memory 1\nfoo", 2, 1, "expected memory, data, global, tag, import, table, func or export, found 'foo'"},
  {"StrayByte", "\n \x01", 2, 2, "expected memory, data, global, tag, import, table, func or export, found byte 0x01"},
  {"HighByte", "\xff", 1, 1, "expected memory, data, global, tag, import, table, func or export, found byte 0xff"},
  {"MemoryWithoutSize", "memory\n", 2, 1, "expected the memory's size in bytes, found the end of the text"},
  {"MemoryNegative", "memory -5", 1, 8, "expected the memory's size in bytes, found '-5'"},
  {"MemoryTooLarge", "memory 18446744073709551616", 1, 8, "expected the memory's size in bytes, found '18446744073709551616'"},
  {"MemoryBadMaximum", "memory 1 2x", 1, 10, "expected the memory's maximum in bytes, found '2x'"},
  {"SecondMemory", "memory 1\n memory 2", 2, 2, "a second memory line; a module has one memory"},
  {"DataWithoutOffset", "data \"x\"", 1, 6, "expected the offset of the data, found '\"'"},
  {"DataWithoutString", "data 1 x", 1, 8, "expected a string in double quotes, found 'x'"},
  {"DataUnended", "data 1 \"abc", 1, 12, "expected '\"' at the end of the string, found the end of the text"},
  {"DataAcrossLines", "data 1 \"abc\n\"", 1, 12, "expected '\"' at the end of the string, found the end of the line"},
  {"DataBadEscape", "data 1 \"a\\q\"", 1, 11, "expected \\, \", n or two hexadecimal digits after the backslash, found 'q'"},
  {"DataHalfEscape", "data 1 \"a\\1\"", 1, 11, "expected \\, \", n or two hexadecimal digits after the backslash, found '1'"},
  {"DataEscapeAtEnd", "data 1 \"a\\", 1, 11, "expected \\, \", n or two hexadecimal digits after the backslash, found the end of the text"},
  {"GlobalWithoutName", "global g : i32 = 1", 1, 8, "expected a name that starts with '@', found 'g'"},
  {"GlobalEmptyName", "global @ : i32 = 1", 1, 8, "expected a name that starts with '@', found '@'"},
  {"GlobalWithoutType", "global @g = 1", 1, 11, "expected ':', found '='"},
  {"GlobalBadType", "global @g : i33 = 1", 1, 13, "expected a type (i8, i16, i32, i64, f32, f64 or ptr), found 'i33'"},
  {"GlobalBadLiteral", "global @g : i8 = 256", 1, 18, "expected an i8 literal (-128 to 255), found '256'"},
  {"GlobalBadFloat", "global @g : f32 = 1e40", 1, 19, "expected an f32 literal, found '1e40'"},
  {"DuplicateGlobal", "global @g : i8 = 1\nglobal @g : i8 = 2", 2, 8, "'@g' is declared already, as a global"},
  {"FunctionLikeGlobal", "global @g : i8 = 1\nimport @g()", 2, 8, "'@g' is declared already, as a global"},
  {"DuplicateFunction", "import @g()\nfunc @g() {\n}", 2, 6, "'@g' is declared already, as a function"},
  {"DuplicateTag", "tag @g()\ntag @g()", 2, 5, "'@g' is declared already, as a tag"},
  {"TagWithoutPayload", "tag @t", 1, 7, "expected '(', found the end of the text"},
  {"TypesUnended", "tag @t(i32", 1, 11, "expected ')', found the end of the text"},
  {"TypesTrailingComma", "tag @t(i32,)", 1, 12, "expected a type (i8, i16, i32, i64, f32, f64 or ptr), found ')'"},
  {"ImportBadResult", "import @f() -> (i32)", 1, 16, "expected a type (i8, i16, i32, i64, f32, f64 or ptr), found '('"},
  {"SecondTable", "table []\ntable []", 2, 1, "a second table line; a module has one table"},
  {"TableWithoutBracket", "table @f", 1, 7, "expected '[', found '@f'"},
  {"TableBadEntry", "table [nul]", 1, 8, "expected a function or null, found 'nul'"},
  {"TableUnknownEntry", "table [null, @f]", 1, 14, "expected a function, found '@f', which the module does not declare"},
  {"TableWrongEntry", "tag @t()\ntable [@t]", 2, 8, "expected a function, found '@t', which is a tag"},
  {"TableUnended", "table [null null]", 1, 13, "expected ']', found 'null'"},
  {"ExportWithoutFunc", "export import @f()", 1, 8, "expected func after export, found 'import'"},
  {"FunctionWithoutBody", "func @f() -> i32\nfunc", 2, 1, "expected '{', found 'func'"},
};
// clang-format on
INSTANTIATE_TEST_SUITE_P(TopLevel, ParserErrors, ::testing::ValuesIn(kTopLevel),
                         [](const auto& i) { return std::string(i.param.name); });

// clang-format off
const Case kFunctions[] = {
  {"Unended", BODY("  return\n"), 4, 1, "expected an operation, found the end of the text"},
  {"InstructionBeforeBlock", "func @f() {\n  return\n}", 2, 3, "expected slot, local, a block label or '}', found 'return'"},
  {"SlotAfterBlock", BODY("  slot $s : 8\n"), 3, 3, "slot lines come before the first block"},
  {"LocalAfterBlock", BODY("  local $s : i8\n"), 3, 3, "local lines come before the first block"},
  {"SlotWithoutName", "func @f() {\n  slot s : 8", 2, 8, "expected a slot name that starts with '$', found 's'"},
  {"SlotWithoutSize", "func @f() {\n  slot $s : align 8", 2, 13, "expected the slot's size in bytes, found 'align'"},
  {"SlotTooLarge", "func @f() {\n  slot $s : 4294967296", 2, 13, "expected the slot's size in bytes, found '4294967296'"},
  {"SlotBadAlign", "func @f() {\n  slot $s : 8 align x", 2, 21, "expected the slot's alignment in bytes, found 'x'"},
  {"DuplicateSlot", "func @f() {\n  slot $s : 8\n  slot $s : 8", 3, 8, "slot '$s' is declared already in this function"},
  {"LocalWithoutName", "func @f() {\n  local %s : i8", 2, 9, "expected a local's name that starts with '$', found '%s'"},
  {"DuplicateLocal", "func @f() {\n  local $s : i8\n  local $s : i8", 3, 9, "local '$s' is declared already in this function"},
  {"LabelWithoutColon", "func @f() {\n^a\n  return", 3, 3, "expected ':', found 'return'"},
  {"LabelWithoutName", "func @f() {\n^:", 2, 1, "expected a block label that starts with '^', found '^'"},
  {"ParameterWithoutType", "func @f() {\n^a(%x)", 2, 6, "expected ':', found ')'"},
  {"ParameterWithoutName", "func @f() {\n^a(i32)", 2, 4, "expected a value name that starts with '%', found 'i32'"},
  {"ParameterBadType", "func @f() {\n^a(%x: none)", 2, 8, "expected a type (i8, i16, i32, i64, f32, f64 or ptr), found 'none'"},
  {"ParametersUnended", "func @f() {\n^a(%x: i32:", 2, 11, "expected ')', found ':'"},
  {"DuplicateBlock", BODY("  return\n^a:\n  return\n}"), 4, 1, "block '^a' is defined already in this function"},
  {"DuplicateParameter", "func @f() {\n^a(%x: i32, %x: i32):", 2, 13, "value '%x' is defined already in this function"},
  {"DuplicateValue", BODY("  %x = const.i32 1\n"), 3, 3, "value '%x' is defined already in this function"},
  {"DuplicateAfterForwardUse", BODY("  jump ^b(%y)\n^b(%y: i32):\n  %y = const.i32 1\n"), 5, 3, "value '%y' is defined already in this function"},
  {"UndefinedValue", BODY("  %y = add.i32 %x, %z\n  return\n}"), 3, 20, "expected a value defined in this function, found '%z'"},
  {"UndefinedBlock", BODY("  jump ^nowhere\n}"), 3, 8, "expected a block of this function, found '^nowhere'"},
  {"TheFirstUndefinedNameIsReported", BODY("  jump ^nowhere(%z)\n^c:\n  jump ^there\n}"), 3, 8, "expected a block of this function, found '^nowhere'"},
  {"TheFirstUndefinedValueIsReported", BODY("  %r = neg.i32 %x\n"), 3, 8, "expected an operation, found 'neg.i32'"},
  {"ValueOfAnotherFunction", BODY("  return\n}\nfunc @g() {\n^a:\n  return %x\n}"), 7, 10, "expected a value defined in this function, found '%x'"},
};
// clang-format on
INSTANTIATE_TEST_SUITE_P(Functions, ParserErrors, ::testing::ValuesIn(kFunctions),
                         [](const auto& i) { return std::string(i.param.name); });

// clang-format off
const Case kInstructions[] = {
  {"NoSuchOperation", BODY("  addd.i32 %x, %x\n"), 3, 3, "expected an operation, found 'addd.i32'"},
  {"NoOperation", BODY("  %y = \n}"), 4, 1, "expected an operation, found '}'"},
  {"LongUnknownName", BODY("  a23456789012345678901234567890123456789012345\n"), 3, 3, "expected an operation, found 'a234567890123456789012345678901234567890...'"},
  {"MissingSuffix", BODY("  %y = add %x, %x\n"), 3, 8, "expected a type after 'add.', found 'add'"},
  {"BadSuffix", BODY("  %y = add.i33 %x, %x\n"), 3, 8, "expected a type after 'add.', found 'add.i33'"},
  {"NoneIsNoSuffix", BODY("  %y = add.none %x, %x\n"), 3, 8, "expected a type after 'add.', found 'add.none'"},
  {"MissingSecondSuffix", BODY("  %y = zext.i64 %x\n"), 3, 8, "expected a type after 'zext.i64.', found 'zext.i64'"},
  {"ExtraSuffix", BODY("  jump.i32 ^a\n"), 3, 3, "expected 'jump' without a further suffix, found 'jump.i32'"},
  {"ThirdSuffix", BODY("  %y = add.i32.i32 %x, %x\n"), 3, 8, "expected 'add.i32' without a further suffix, found 'add.i32.i32'"},
  {"ResultsWithoutEquals", BODY("  %y add.i32 %x, %x\n"), 3, 6, "expected '=', found 'add.i32'"},
  {"TooManyResults", BODY("  %y, %z = add.i32 %x, %x\n"), 3, 3, "expected 1 result names before 'add', found 2"},
  {"NoResult", BODY("  add.i32 %x, %x\n"), 3, 3, "expected 1 result names before 'add', found 0"},
  {"ResultOfAStore", BODY("  %y = store.i32 %x, 0, %x\n"), 3, 3, "expected 0 result names before 'store', found 1"},
  {"OneOperandMissing", BODY("  %y = add.i32 %x\n}"), 4, 1, "expected ',', found '}'"},
  {"OperandIsNoValue", BODY("  %y = add.i32 %x, 1\n"), 3, 20, "expected a value, found '1'"},
  {"PercentAlone", BODY("  %y = add.i32 %x, % x\n"), 3, 20, "expected a value, found '%'"},
  {"BadLiteral", BODY("  %y = const.i8 -129\n"), 3, 17, "expected an i8 literal (-128 to 255), found '-129'"},
  {"NoLiteral", BODY("  %y = const.f64\n}"), 4, 1, "expected an f64 literal, found '}'"},
  {"LiteralWithTail", BODY("  %y = const.i32 12ab\n"), 3, 18, "expected an i32 literal (-2147483648 to 4294967295), found '12ab'"},
  {"BadOffset", BODY("  %y = load.i32 %x, -1\n"), 3, 21, "expected an offset (0 to 18446744073709551615), found '-1'"},
  {"BadStoreOffset", BODY("  store.i32 %x, q, %x\n"), 3, 17, "expected an offset (0 to 18446744073709551615) or a value, found 'q'"},
  {"StoreWithoutValue", BODY("  store.i32 %x, 4\n}"), 4, 1, "expected ',', found '}'"},
  {"StoreOfNothing", BODY("  store.i32 %x\n}"), 4, 1, "expected ',', found '}'"},
  {"NoSuchSlot", BODY("  %p = slot_addr $s\n"), 3, 18, "expected a slot of this function, found '$s'"},
  {"NoSuchLocal", BODY("  local_set.i32 $s, %x\n"), 3, 17, "expected a local of this function, found '$s'"},
  {"NoSuchGlobal", BODY("  global_set.i32 @g, %x\n  return\n}"), 3, 18, "expected a global, found '@g', which the module does not declare"},
  {"WrongSymbolKnown", BODY("  global_set.i32 @f, %x\n"), 3, 18, "expected a global, found '@f', which is a function"},
  {"WrongSymbolLater", BODY("  call @t()\n  return\n}\ntag @t()"), 3, 8, "expected a function, found '@t', which is a tag"},
  {"NoSuchFunction", BODY("  call @nobody()\n  return\n}"), 3, 8, "expected a function, found '@nobody', which the module does not declare"},
  {"NoSuchTag", BODY("  throw @t()\n}"), 3, 9, "expected a tag, found '@t', which the module does not declare"},
  {"NoSuchTagInClause", BODY("  try_call @f(%x) -> ^b, catch @t ^b\n^b:\n  return\n}"), 3, 32, "expected a tag, found '@t', which the module does not declare"},
  {"CallWithoutArguments", BODY("  call @f\n}"), 4, 1, "expected '(', found '}'"},
  {"ArgumentsUnended", BODY("  call @f(%x\n}"), 4, 1, "expected ')', found '}'"},
  {"CallResultsKnown", BODY("  %y = call @f(%x)\n"), 3, 13, "expected 0 result names, as the signature has results, found 1"},
  {"CallResultsLater", BODY("  call @g()\n  return\n}\nimport @g() -> i32, i32"), 3, 8, "expected 2 result names, as the signature has results, found 0"},
  {"IndirectResults", BODY("  call_indirect () -> i32 %x()\n"), 3, 17, "expected 1 result names, as the signature has results, found 0"},
  {"IndirectWithoutSignature", BODY("  call_indirect %x()\n"), 3, 17, "expected '(', found '%x'"},
  {"BranchWithOneTarget", BODY("  branch %x, ^a\n}"), 4, 1, "expected ',', found '}'"},
  {"TargetIsNoBlock", BODY("  jump %x\n"), 3, 8, "expected a block that starts with '^', found '%x'"},
  {"SwitchWithoutCases", BODY("  switch.i32 %x, ^a\n"), 3, 16, "expected '[', found ','"},
  {"SwitchCaseLiteral", BODY("  switch.i8 %x [256: ^a], ^a\n"), 3, 17, "expected an i8 literal (-128 to 255), found '256'"},
  {"SwitchCaseColon", BODY("  switch.i8 %x [1 ^a], ^a\n"), 3, 19, "expected ':', found '^a'"},
  {"SwitchWithoutDefault", BODY("  switch.i8 %x [1: ^a]\n}"), 4, 1, "expected ',', found '}'"},
  {"TryWithoutTarget", BODY("  try_call @f(%x)\n}"), 4, 1, "expected '->' and the block to continue at, found '}'"},
  {"TryBadClause", BODY("  try_call @f(%x) -> ^b, finally ^c\n"), 3, 26, "expected catch or catch_all, found 'finally'"},
  {"NoSuchTrap", BODY("  trap user16\n"), 3, 8, "expected the name of a trap, found 'user16'"},
  {"BadFuel", BODY("  fuel -1\n"), 3, 8, "expected an amount of fuel (0 to 18446744073709551615), found '-1'"},
};
// clang-format on
INSTANTIATE_TEST_SUITE_P(Instructions, ParserErrors, ::testing::ValuesIn(kInstructions),
                         [](const auto& i) { return std::string(i.param.name); });

TEST(ParserError, ANulByteIsNotTheEndOfTheText) {
  const Result<Module> result = parse_module(std::string_view("memory 1\n\0func", 14), "x");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().to_string(),
            "x:2:1: expected memory, data, global, tag, import, table, func or export, found byte 0x00");
}

} // namespace
} // namespace assay
