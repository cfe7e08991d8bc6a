// fused.h - a * b + c with one rounding, to nearest even, from the definition: in integers that hold the exact product.
//
// For hosts whose C library rounds twice: that of mingw-w64 on x64 adds in a format of 64 bits first. Elsewhere the
// library is asked, which is quicker, and is what this one is tested against in
// oracle/interpreter/tests/fused_test.cpp. Cost: some 40 ns. Pure.
#pragma once

namespace assay::oracle {

float fused_multiply_add(float a, float b, float c);
double fused_multiply_add(double a, double b, double c);

} // namespace assay::oracle
