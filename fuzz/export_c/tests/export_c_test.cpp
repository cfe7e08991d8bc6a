// export_c_test.cpp - what stands in the C of a module. What it does when it runs is tested in fuzz/opinion/tests/.
#include "fuzz/export_c/export_c.h"

#include "assay/verify.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

/// The C of the module's functions alone.
std::string c_of(std::string_view air) {
  auto module = parse_and_verify(air);
  EXPECT_TRUE(module.ok()) << module.error().to_string();
  std::string out;
  const auto done = append_c_module(*module, {}, out);
  EXPECT_TRUE(done.ok());
  return out;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(ExportC, block_arguments_that_are_swapped_go_through_temporaries) {
  const std::string c = c_of("export func @f(i32, i32) -> i32 {\n^e(%a: i32, %b: i32):\n  jump ^h(%a, %b)\n"
                             "^h(%x: i32, %y: i32):\n  fuel 1\n  branch %x, ^h(%y, %x), ^out\n^out:\n  return %y\n}\n");
  EXPECT_TRUE(has(c, "const air_i32 t0 = v3;")) << c;
  EXPECT_TRUE(has(c, "const air_i32 t1 = v2;")) << c;
  EXPECT_TRUE(has(c, "v2 = v0;")) << "the first edge needs none\n" << c;
}

TEST(ExportC, what_nothing_reaches_is_left_out) {
  const std::string c = c_of("export func @f() {\n^e:\n  return\n^never:\n  trap user3\n}\n");
  EXPECT_FALSE(has(c, "user3")) << c;
}

TEST(ExportC, literals_keep_their_bits) {
  const std::string c = c_of("export func @f() -> f32, f64, f64, i64, i8 {\n^e:\n  %a = const.f32 nan:0x7f800001\n"
                             "  %b = const.f64 -inf\n  %c = const.f64 -0x1.8p+1\n  %d = const.i64 -2\n"
                             "  %e = const.i8 -1\n  return %a, %b, %c, %d, %e\n}\n");
  EXPECT_TRUE(has(c, "v0 = air_of_f32(0x7f800001ull);")) << c;
  EXPECT_TRUE(has(c, "v1 = air_of_f64(0xfff0000000000000ull);")) << c;
  EXPECT_TRUE(has(c, "v2 = -0x1.8p+1;")) << c;
  EXPECT_TRUE(has(c, "v3 = 0xfffffffffffffffeull;")) << c;
  EXPECT_TRUE(has(c, "v4 = 255u;")) << c;
}

TEST(ExportC, calls_look_for_exceptions_only_where_something_throws) {
  const char* calls = "func @g() {\n^e:\n  return\n}\nexport func @f() {\n^e:\n  call @g()\n  return\n}\n";
  EXPECT_FALSE(has(c_of(calls), "air_flying"));
  EXPECT_TRUE(has(c_of(std::string("import @log()\n") + calls), "air_flying"));
}

TEST(ExportC, names_of_modules_in_one_file_do_not_clash) {
  auto module = parse_and_verify("global @g : i32 = 1\nexport func @int() -> i32 {\n^e:\n  %r = global_get.i32 @g\n"
                                 "  return %r\n}\n");
  ASSERT_TRUE(module.ok());
  std::string out;
  CModuleOptions options;
  options.prefix = "other";
  ASSERT_TRUE(append_c_module(*module, options, out).ok());
  EXPECT_FALSE(has(out, "air_f0"));
  EXPECT_TRUE(has(out, "v0 = other_g0;")) << out;
  EXPECT_TRUE(has(out, "static const air_module other_module = {"));
}

TEST(ExportC, a_whole_file_has_prelude_module_and_main) {
  auto module = parse_and_verify("export func @main() {\n^e:\n  return\n}\n");
  ASSERT_TRUE(module.ok());
  const auto text = export_c(*module);
  ASSERT_TRUE(text.ok());
  const std::size_t prelude = text->find("air_place"), body = text->find("m_f0(void) {"),
                    main = text->find("int main(");
  ASSERT_NE(main, std::string::npos);
  EXPECT_LT(prelude, body);
  EXPECT_LT(body, main);
}

} // namespace
} // namespace assay::fuzz
