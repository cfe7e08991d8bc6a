// picture.h - the picture that a program left in its linear memory, as a file (`assay run --pgm`).
//
// The program says where by three exported functions: image() -> i64, image_width() -> i32, image_height() -> i32; one
// byte a point, row by row, 0 black to 255 white. Tested end to end in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/check/subject.h"

namespace assay::cli {

/// Writes the picture that is in the memory of `outcome`, in the form PGM (binary, "P5"). BadInput: the program has no
/// such functions, or what they give lies outside.
Result<void> write_picture(const std::string& path, const Module& module, fuzz::Subject& subject,
                           const Outcome& outcome);

} // namespace assay::cli
