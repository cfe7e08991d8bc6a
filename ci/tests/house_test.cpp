// house_test.cpp - the tree obeys the rules of house_rules.h, and the rules notice what breaks them.
//
// Needs ASSAY_SOURCE_DIR. Reads every source file of the tree once: some milliseconds.
#include "house_rules.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace house {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolders[] = {"compiler", "oracle", "qemu", "fuzz", "corpus", "ci"};

bool is_source(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".h" || extension == ".cpp" || extension == ".def" || extension == ".c";
}

/// Calls check(path, text) for each source file and gives what was found.
template <typename Check> Findings over_tree(Check check) {
  Findings found;
  std::size_t files = 0;
  const fs::path root = ASSAY_SOURCE_DIR;
  for (const std::string_view folder : kFolders) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      check(entry.path().lexically_relative(root).generic_string(), text, found);
      ++files;
    }
  }
  EXPECT_GT(files, 20u) << "no sources found under " << root;
  return found;
}

std::string joined(const Findings& findings) {
  std::string text;
  for (const std::string& finding : findings) text += finding + "\n";
  return text;
}

std::string includes_of(std::string_view path, std::string_view text) {
  Findings found;
  check_includes(path, text, found);
  return joined(found);
}

std::string shape_of(std::string_view path, std::string_view text) {
  Findings found;
  check_shape(path, text, found);
  return joined(found);
}

/// In a tree with two files.
std::string paths_of(std::string_view path, std::string_view text) {
  Findings found;
  const auto exists = [](const std::string& name) {
    return name == "fuzz/tests/" || name == "fuzz/tests/a_test.cpp" || name == "fuzz/tests/b_test.cpp";
  };
  check_paths(path, text, exists, found);
  return joined(found);
}

TEST(Includes, every_file_includes_only_what_its_folder_may_know) { EXPECT_EQ(joined(over_tree(check_includes)), ""); }

TEST(Paths, every_path_in_a_comment_leads_somewhere) {
  const fs::path root = ASSAY_SOURCE_DIR;
  const auto exists = [&](const std::string& path) { return fs::exists(root / path); };
  const Findings found = over_tree(
      [&](std::string_view path, std::string_view text, Findings& out) { check_paths(path, text, exists, out); });
  EXPECT_EQ(joined(found), "");
}

TEST(Shape, every_file_is_short_opens_with_a_comment_and_has_no_tabs) { EXPECT_EQ(joined(over_tree(check_shape)), ""); }

TEST(PathRules, a_file_that_is_not_there_is_noticed_however_it_is_named) {
  const std::string slashes = "/"
                              "/ "; // so that this file names nothing
  const auto of = [&](std::string_view path, std::string comment) { return paths_of(path, slashes + comment + "\n"); };
  EXPECT_EQ(of("fuzz/a.h", "Tested in fuzz/tests/a_test.cpp."), "");
  EXPECT_EQ(of("fuzz/a.h", "Tested in fuzz/tests/{a,b}_test.cpp, and tests/a_test.cpp; fuzz/tests/*_test.cpp."), "");
  EXPECT_EQ(of("fuzz/tests/a_test.cpp", "tests/b_test.cpp has the rest."), "");
  EXPECT_EQ(of("fuzz/a.h", "add/sub are not paths."), "");
  EXPECT_EQ(paths_of("fuzz/a.h", "f(fuzz/nowhere);\n"), "");
  EXPECT_NE(of("fuzz/a.h", "Tested in fuzz/tests/c_test.cpp."), "");
  EXPECT_NE(of("fuzz/a.h", "Tested in tests/c_test.cpp."), "");
  EXPECT_NE(of("fuzz/a.h", "Tested in fuzz/tests/{a,c}_test.cpp."), "");
  EXPECT_NE(of("fuzz/a.h", "Tested in fuzz/gone/*_test.cpp."), "");
  EXPECT_NE(paths_of("fuzz/a.h", "int a; " + slashes + "fuzz/gone\n"), "");
}

TEST(IncludeRules, ir_may_not_know_the_compiler) {
  EXPECT_NE(includes_of("compiler/ir/a.cpp", "#include \"assay/compiler.h\"\n"), "");
  EXPECT_NE(includes_of("compiler/ir/a.cpp", "#include \"compiler/codegen/lir.h\"\n"), "");
  EXPECT_EQ(includes_of("compiler/ir/a.cpp", "#include \"assay/module.h\"\n#include \"op_shape.h\"\n"), "");
}

TEST(IncludeRules, pure_folders_may_not_know_os_or_jit) {
  EXPECT_NE(includes_of("compiler/codegen/a.cpp", "#include \"compiler/os/memory.h\"\n"), "");
  EXPECT_NE(includes_of("compiler/target/x64/a.cpp", "#include \"assay/engine.h\"\n"), "");
  EXPECT_NE(includes_of("compiler/unwind/a.cpp", "#include <unwind.h>\n"), "");
}

TEST(IncludeRules, oracle_may_not_know_the_compiler) {
  EXPECT_NE(includes_of("oracle/interpreter/a.cpp", "#include \"compiler/opt/fold.h\"\n"), "");
  EXPECT_NE(includes_of("oracle/alloc/a.cpp", "#include \"compiler/codegen/regalloc.h\"\n"), "");
  EXPECT_NE(includes_of("oracle/interpreter/a.cpp", "#include \"assay/compiler.h\"\n"), "");
  EXPECT_EQ(includes_of("oracle/alloc/a.cpp", "#include \"compiler/codegen/lir.h\"\n"), "");
}

TEST(IncludeRules, a_path_upwards_is_judged_by_where_it_leads) {
  EXPECT_EQ(includes_of("oracle/alloc/bench/a.cpp", "#include \"../tests/lir_case.h\"\n"), "");
  EXPECT_NE(includes_of("oracle/alloc/a.cpp", "#include \"../../compiler/opt/fold.h\"\n"), "");
}

TEST(IncludeRules, compiler_may_not_know_what_tests_it) {
  EXPECT_NE(includes_of("compiler/jit/a.cpp", "#include \"oracle/interpreter/oracle.h\"\n"), "");
  EXPECT_NE(includes_of("compiler/jit/a.cpp", "#include \"fuzz/check/check.h\"\n"), "");
  EXPECT_NE(includes_of("qemu/native/a.cpp", "#include \"fuzz/check/check.h\"\n"), "");
  EXPECT_NE(includes_of("qemu/native/a.cpp", "#include \"oracle/unwind/dwarf.h\"\n"), "");
  EXPECT_EQ(includes_of("qemu/unicorn/worker/a.cpp", "#include \"oracle/unwind/dwarf.h\"\n"), "");
  EXPECT_NE(includes_of("qemu/unicorn/worker/a.cpp", "#include \"oracle/interpreter/interpreter.h\"\n"), "");
}

TEST(IncludeRules, system_headers_stay_in_os_folders) {
  EXPECT_NE(includes_of("compiler/jit/a.cpp", "#include <sys/mman.h>\n"), "");
  EXPECT_NE(includes_of("compiler/codegen/a.cpp", "#  include <unistd.h>\n"), "");
  EXPECT_EQ(includes_of("compiler/os/a.cpp", "#include <sys/mman.h>\n"), "");
}

TEST(IncludeRules, a_new_folder_needs_a_row) { EXPECT_NE(includes_of("elsewhere/a.cpp", "int a;\n"), ""); }

TEST(IncludeRules, our_headers_are_written_with_quotes) {
  EXPECT_NE(includes_of("fuzz/a.cpp", "#include <assay/module.h>\n"), "");
}

TEST(ShapeRules, notice_each_kind_of_fault) {
  EXPECT_EQ(shape_of("a/b.cpp", "// b.cpp - fine.\nint a;\n"), "");
  EXPECT_NE(shape_of("a/b.cpp", "int a;\n"), "");
  EXPECT_NE(shape_of("a/b.cpp", "// b.\n\tint a;\n"), "");
  EXPECT_NE(shape_of("a/b.cpp", "// b.\nint a; \n"), "");
  EXPECT_NE(shape_of("a/b.cpp", "// b.\nint a;"), "");
  EXPECT_EQ(shape_of("a/b.cpp", "// " + std::string(117, 'b') + "\n"), "");
  EXPECT_NE(shape_of("a/b.cpp", "// " + std::string(118, 'b') + "\n"), "");
}

TEST(ShapeRules, long_files_are_refused_unless_they_are_tables) {
  std::string text = "// b.\n";
  for (int i = 0; i < 599; ++i) text += "\n";
  EXPECT_NE(shape_of("a/b.cpp", text), "");
  EXPECT_EQ(shape_of("a/b.def", text), "");
}

} // namespace
} // namespace house
