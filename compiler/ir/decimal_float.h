// decimal_float.h - decimal floating-point literals to bits, correctly rounded. See decimal_float.cpp.
#pragma once

#include "assay/types.h"

#include <string_view>

namespace assay::ir {

/// An optional sign and at least one digit, to the end of `text`; saturates far beyond any float's range.
bool read_exponent(std::string_view text, i64& exponent);

/// "12", "1.5", ".5", "1e-3" without a sign; false when it is something else or too large for the type.
bool read_decimal_float(std::string_view text, Type type, u64& bits);

} // namespace assay::ir
