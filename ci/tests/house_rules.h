// house_rules.h - the rules about who may include whom, and what a source file must look like, as data and
// one function. The rules are those of README.md, "Folders".
//
// Works on text, knows no file system: the tests feed it the tree, and made-up files that break each rule.
// Near linear in the text. Tested in ci/tests/house_test.cpp.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace house {

/// One broken rule: "path:line: what".
using Findings = std::vector<std::string>;

/// Checks the includes of one file. `path` is relative to the root, with forward slashes.
void check_includes(std::string_view path, std::string_view text, Findings& out);

/// Checks that the files and folders exist which the comments of one file name by their path from the root
/// ("compiler/ir/", "fuzz/check/tests/{check,finding}_test.cpp"), or from its own folder ("tests/house_test.cpp").
/// `exists` is asked with paths from the root. A name with a '*' is a pattern, and only its folder is asked for.
void check_paths(std::string_view path, std::string_view text, const std::function<bool(const std::string&)>& exists,
                 Findings& out);

/// Checks length, width, opening comment, tabs and trailing white space of one file.
void check_shape(std::string_view path, std::string_view text, Findings& out);

} // namespace house
