// unwind_shapes.h - a program with every shape of frame: what tables of each format must be able to say.
//
// Leaves, all callee-saved registers of both classes, frames of every size that takes another form of code or table,
// stack arguments that a callee pops, tail calls with more, fewer and as many of them, several epilogues, handlers,
// deep recursion, traps. Small, so that each bit of its tables can be flipped. Tested in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "assay/module.h"
#include "fuzz/check/check.h"

namespace assay::cli {

/// The program, and calls that go everywhere in it.
void make_shapes(Module& module, fuzz::Cases& cases);

} // namespace assay::cli
