// parser_test.cpp - what AIR text means: the module that each construct gives. Errors: parser_errors_test.cpp.
#include "assay/text.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

Module parse(std::string_view text) {
  Result<Module> result = parse_module(text);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().to_string());
  return result.ok() ? std::move(*result) : Module();
}

TEST(Parser, AnEmptyTextIsAnEmptyModule) {
  for (std::string_view text : {"", " \n\t\r\n", "; only a comment", "; one\n; two\n"}) {
    const Module m = parse(text);
    EXPECT_TRUE(m.functions.empty() && !m.has_memory);
  }
  EXPECT_TRUE(parse(std::string_view()).functions.empty());
}

TEST(Parser, MemoryHasADefaultMaximum) {
  EXPECT_EQ(parse("memory 100").memory_size, 100u);
  EXPECT_EQ(parse("memory 100").memory_max, kDefaultMemoryMax);
  EXPECT_EQ(parse("memory 100000000").memory_max, 100000000u);
  EXPECT_EQ(parse("memory 100 0x200").memory_max, 0x200u);
  EXPECT_TRUE(parse("memory 0").has_memory);
}

TEST(Parser, DataEscapes) {
  const Module m = parse("data 16 \"\\01\\02hello\"\ndata 0x20 \"a\\\\b\\\"c\\n\\fF;\"\ndata 0 \"\"");
  ASSERT_EQ(m.data.size(), 3u);
  EXPECT_EQ(m.data[0].offset, 16u);
  EXPECT_EQ(m.data[0].bytes, "\x01\x02hello");
  EXPECT_EQ(m.data[1].offset, 32u);
  EXPECT_EQ(m.data[1].bytes, "a\\b\"c\n\xff;");
  EXPECT_EQ(m.data[2].bytes, "");
}

TEST(Parser, GlobalsAndTags) {
  const Module m = parse("global @a : i8 = -1\nglobal @b.$_9 : f32 = 0x1p-1\ntag @t(i64, f64)\ntag @u()");
  ASSERT_EQ(m.globals.size(), 2u);
  EXPECT_EQ(m.globals[0].initial, 0xffu);
  EXPECT_EQ(m.globals[1].name, "b.$_9");
  EXPECT_EQ(m.globals[1].initial, 0x3f000000u);
  ASSERT_EQ(m.tags.size(), 2u);
  EXPECT_EQ(m.params(m.signatures[m.tags[0].signature]).size(), 2u);
  EXPECT_EQ(m.params(m.signatures[m.tags[1].signature]).size(), 0u);
}

TEST(Parser, ImportsComeFirstWhateverTheOrderInTheText) {
  const Module m =
      parse("table [@g, null, @h, @f]\n"
            "func @f() -> i32 {\n^a:\n  %x = call @h()\n  %y = call @f()\n  %p = func_addr @g\n  return %x\n}\n"
            "import @g(i32) -> f32, f64\nexport func @k() {\n^a:\n  return\n}\nimport @h() -> i32\n");
  ASSERT_EQ(m.functions.size(), 4u);
  EXPECT_EQ(m.functions[0].name, "g");
  EXPECT_EQ(m.functions[1].name, "h");
  EXPECT_EQ(m.functions[2].name, "f");
  EXPECT_EQ(m.functions[3].name, "k");
  EXPECT_TRUE(m.functions[0].imported && m.functions[1].imported && !m.functions[2].imported);
  EXPECT_TRUE(m.functions[3].exported && !m.functions[2].exported);
  EXPECT_EQ(m.table, (std::vector<FunctionId>{0, kNone, 1, 2}));
  const Function& f = m.functions[2];
  EXPECT_EQ(f.insts[0].ref, 1u);
  EXPECT_EQ(f.insts[1].ref, 2u);
  EXPECT_EQ(f.insts[2].ref, 0u);
  EXPECT_EQ(m.results_of(m.functions[0]).size(), 2u);
}

TEST(Parser, ACallOfALaterFunctionGetsItsResultTypes) {
  const Module m =
      parse("func @f() {\n^a:\n  %x, %y = call @g()\n  return\n}\nfunc @g() -> f32, ptr {\n^a:\n  trap unreachable\n}");
  EXPECT_EQ(m.functions[0].value_types, (std::vector<Type>{Type::F32, Type::Ptr}));
  EXPECT_EQ(m.functions[0].insts[0].ref, 1u);
}

TEST(Parser, GlobalsAndTagsMayBeDeclaredAfterTheirUse) {
  const Module m = parse("func @f(i32) {\n^a(%v: i32):\n  global_set.i32 @g, %v\n  try_call @f(%v) -> ^b, catch @t "
                         "^b\n^b:\n  throw @u()\n}\n"
                         "tag @u()\ntag @t()\nglobal @h : i32 = 0\nglobal @g : i32 = 0");
  const Function& f = m.functions[0];
  EXPECT_EQ(f.insts[0].ref, 1u);
  EXPECT_EQ(f.edges[1].value, 1u);
  EXPECT_EQ(f.insts[2].ref, 0u);
}

TEST(Parser, SlotsAndLocals) {
  const Module m =
      parse("func @f() {\n  slot $buf : 64 align 16\n  local $i : i64\n  slot $x : 3\n  local $j : ptr\n^a:\n"
            "  %p = slot_addr $x\n  %v = local_get.ptr $j\n  local_set.ptr $j, %p\n  return\n}");
  const Function& f = m.functions[0];
  EXPECT_EQ(f.slots[0].size, 64u);
  EXPECT_EQ(f.slots[0].align, 16u);
  EXPECT_EQ(f.slots[1].align, 8u);
  EXPECT_EQ(f.locals, (std::vector<Type>{Type::I64, Type::Ptr}));
  EXPECT_EQ(f.insts[0].ref, 1u);
  EXPECT_EQ(f.insts[1].ref, 1u);
  EXPECT_EQ(f.insts[1].type, Type::Ptr);
}

TEST(Parser, ValuesAndBlocksMayBeUsedBeforeTheirDefinition) {
  const Module m = parse("func @f() {\n^a:\n  jump ^c\n^b:\n  %y = add.i32 %x, %x\n  jump ^d(%y)\n^c:\n  %x = "
                         "const.i32 1\n  jump ^b\n^d(%z: i32):\n  return\n}");
  const Function& f = m.functions[0];
  EXPECT_EQ(f.edges[0].target, 2u);
  EXPECT_EQ(f.operand(f.insts[1], 0), 1u); // %y is 0, %x is 1
  EXPECT_EQ(f.edges[1].target, 3u);
  EXPECT_EQ(f.args_of(f.edges[1])[0], 0u);
}

TEST(Parser, IdsFollowTheOrderOfAppearance) {
  const Module m = parse(
      "func @f(i32, i8) {\n^first(%b: i32, %a: i8):\n  %7, %3 = add_o_s.i32 %b, %b\n  %0 = const.f64 1.5\n  return\n}");
  const Function& f = m.functions[0];
  EXPECT_EQ(f.value_types, (std::vector<Type>{Type::I32, Type::I8, Type::I32, Type::I8, Type::F64}));
  EXPECT_EQ(f.insts[0].first_result, 2u);
  EXPECT_EQ(f.insts[0].result_count, 2u);
  EXPECT_TRUE(f.value_defs[1].is_param);
  EXPECT_EQ(f.value_defs[4].index, 1u);
}

TEST(Parser, OffsetsAreOptional) {
  const Module m = parse("func @f(i32) {\n^a(%p: i32):\n  %v = load.i32 %p\n  %w = load.i32 %p, 18446744073709551615\n "
                         " store.i32 %p, %v\n  store.i32 %p, 0x10, %w\n  return\n}");
  const Function& f = m.functions[0];
  EXPECT_EQ(f.insts[0].imm, 0u);
  EXPECT_EQ(f.insts[1].imm, ~u64{0});
  EXPECT_EQ(f.insts[2].imm, 0u);
  EXPECT_EQ(f.operand(f.insts[2], 1), 1u);
  EXPECT_EQ(f.insts[3].imm, 16u);
  EXPECT_EQ(f.operand(f.insts[3], 1), 2u);
}

TEST(Parser, SwitchEdges) {
  const Module m = parse("func @f(i8) {\n^a(%v: i8):\n  switch.i8 %v [0: ^b, -1: ^c(%v), 0x7f: ^b], ^b\n^b:\n  "
                         "return\n^c(%w: i8):\n  switch.i8 %w [], ^b()\n}");
  const Function& f = m.functions[0];
  ASSERT_EQ(f.insts[0].edge_count, 4u);
  EXPECT_EQ(f.edges[1].value, 0xffu);
  EXPECT_EQ(f.edges[1].kind, EdgeKind::Case);
  EXPECT_EQ(f.edges[1].arg_count, 1u);
  EXPECT_EQ(f.edges[3].kind, EdgeKind::Normal);
  EXPECT_EQ(f.insts[2].edge_count, 1u);
  EXPECT_EQ(f.insts[0].operand_count, 1u);
}

TEST(Parser, IndirectCallsHaveTheirSignature) {
  const Module m = parse("func @f(i32, ptr) -> i64 {\n^a(%i: i32, %p: ptr):\n  %x, %y = call_indirect (i32) -> i64, "
                         "f32 %i(%i)\n  call_ptr () %p()\n"
                         "  try_call_indirect (i32, i32) -> i8 %i(%i, %i) -> ^b, catch_all ^c\n^b(%r: i8):\n  "
                         "tail_call_indirect (i32) -> i64 %i(%i)\n^c(%e: ptr):\n"
                         "  try_call_ptr () %p() -> ^d(%i)\n^d(%w: i32):\n  tail_call @f(%w, %p)\n}");
  const Function& f = m.functions[0];
  EXPECT_EQ(f.value_types[2], Type::I64);
  EXPECT_EQ(f.value_types[3], Type::F32);
  EXPECT_EQ(f.insts[0].operand_count, 2u);
  EXPECT_EQ(f.insts[1].operand_count, 1u);
  EXPECT_EQ(f.insts[2].operand_count, 3u);
  EXPECT_EQ(f.edges[f.insts[2].first_edge + 1].kind, EdgeKind::CatchAll);
  EXPECT_EQ(f.insts[4].operand_count, 1u);
  EXPECT_EQ(f.args_of(f.edges[f.insts[4].first_edge])[0], 0u);
  EXPECT_NE(f.insts[0].ref, f.insts[3].ref);
}

TEST(Parser, EqualSignaturesAreOne) {
  const Module m = parse("import @a(i32, i64) -> f32\nimport @b(i32, i64) -> f32\nimport @c(i32) -> f32\nimport "
                         "@d(i32, i64, f32)\ntag @t(i32, i64, f32)");
  EXPECT_EQ(m.functions[0].signature, m.functions[1].signature);
  EXPECT_NE(m.functions[0].signature, m.functions[2].signature);
  EXPECT_NE(m.functions[0].signature, m.functions[3].signature);
  EXPECT_EQ(m.functions[3].signature, m.tags[0].signature);
}

TEST(Parser, ManySignaturesStayApart) {
  std::string text;
  for (u32 i = 0; i < 200; ++i) {
    text += "import @f" + std::to_string(i) + "(i8";
    for (u32 bit = 0; bit < 8; ++bit) text += (i >> bit & 1) != 0 ? ", f32" : ", i32";
    text += ")\n";
  }
  EXPECT_EQ(parse(text).signatures.size(), 200u);
}

TEST(Parser, WhiteSpaceAndCommentsAreFree) {
  const std::string tight = "func@f(i32)->i32{^a(%x:i32):%y=add.i32%x,%x return%y}";
  const std::string loose = "func ; a\n @f ( i32\n)\t-> ; b\r\n i32 {\n ^a ( %x : i32 ) :\n\n %y\n=\nadd.i32 ; "
                            "c\n%x\n,%x;d\nreturn;e\n%y ; f\n}";
  EXPECT_EQ(to_text(parse(tight)), to_text(parse(loose)));
  EXPECT_NE(to_text(parse(tight)).find("%1 = add.i32 %0, %0"), std::string::npos);
}

TEST(Parser, NamesMayLookLikeNumbersOrKeywords) {
  const Module m =
      parse("func @func(i32) {\n^b00(%00: i32):\n  %0 = const.i32 1\n  %99999999999 = add.i32 %00, %0\n"
            "  %12345678 = add.i32 %99999999999, %0\n  jump ^b0\n^b0:\n  %return = add.i32 %12345678, %x.y$z_\n"
            "  %x.y$z_ = const.i32 2\n  return\n}");
  const Function& f = m.functions[0];
  EXPECT_EQ(f.operand(f.insts[1], 0), 0u);
  EXPECT_EQ(f.operand(f.insts[1], 1), 1u);
  EXPECT_EQ(f.operand(f.insts[2], 0), 2u);
  EXPECT_EQ(f.operand(f.insts[4], 1), 5u);
  EXPECT_EQ(f.edges[0].target, 1u);
}

TEST(Parser, NamesAreScopedToTheirFunction) {
  const Module m = parse("func @f(i32) {\n  local $x : i32\n^a(%x: i32):\n  return\n}\nfunc @g(i64) {\n  local $x : "
                         "i64\n^a(%x: i64):\n  return\n}");
  EXPECT_EQ(m.functions[1].value_types[0], Type::I64);
}

TEST(Parser, StorageIsReusedWithoutATrace) {
  Module m;
  ASSERT_TRUE(parse_module_into("memory 5\ntable []\nglobal @g : i32 = 1\nfunc @f(i32) {\n  slot $s : 8\n^a(%x: "
                                "i32):\n  fuel 1\n  return\n}\nfunc @h() {\n^a:\n  return\n}",
                                "a", m));
  const std::string text = "import @x()\n\nfunc @f() {\n^b0:\n  return\n}\n";
  ASSERT_TRUE(parse_module_into(text, "b", m));
  EXPECT_EQ(to_text(m), text);
}

TEST(Parser, AnErrorLeavesAnEmptyModule) {
  Module m = parse("memory 5\nfunc @f() {\n^a:\n  return\n}");
  EXPECT_FALSE(parse_module_into("memory 5\nfunc @f() {\n", "a", m));
  EXPECT_TRUE(m.functions.empty() && !m.has_memory);
}

TEST(Parser, TheSourceMapNamesLinesAndColumns) {
  SourceMap map;
  const Result<Module> m = parse_module(
      "; c\nfunc @f() {\n  slot $s : 8\n^a:\n    fuel 1\n  jump ^b ^b:\n%x = const.i32 1\n  return\n}\nimport @g()\n",
      "t", &map);
  ASSERT_TRUE(m.ok());
  ASSERT_EQ(map.function_lines, (std::vector<u32>{10, 2}));
  EXPECT_EQ(map.lines[1], (std::vector<u32>{5, 6, 7, 8}));
  EXPECT_EQ(map.columns[1], (std::vector<u32>{5, 3, 1, 3}));
  EXPECT_EQ(map.block_lines[1], (std::vector<u32>{4, 6}));
  EXPECT_TRUE(map.lines[0].empty());
}

} // namespace
} // namespace assay
