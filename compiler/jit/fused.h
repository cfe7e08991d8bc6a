// fused.h - a * b + c with one rounding, to nearest even: the runtime's, for processors without the instruction.
//
// The C library's, but on Windows on x64: mingw-w64's adds in a format of 64 bits first and so rounds twice, and what
// Microsoft's does depends on its version. There, and under the names of exact_*, it is made of integers: the product
// has at most 106 bits, so 128 hold it beside the addend. Shares nothing with the oracle's. Cost: some 10 ns. Pure.
// Tested in compiler/jit/tests/fused_test.cpp.
#pragma once

namespace assay::jit {

float fma_f32(float a, float b, float c);
double fma_f64(double a, double b, double c);

/// Those made of integers, on every host.
float exact_fma_f32(float a, float b, float c);
double exact_fma_f64(double a, double b, double c);

} // namespace assay::jit
