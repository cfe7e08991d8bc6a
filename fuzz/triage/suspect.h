// suspect.h - which operation of a small failing program is got wrong, by ending the program early.
//
// After each instruction in turn the run is ended by a trap, its result in a global: the first place at which that
// shows a difference is behind the operation that the code gets wrong. Functions are looked at before their callers, so
// that a call is named only where what it calls does right, and was given what is right. Where no shorter program
// differs (what is wrong shows only in a later turn of a loop, or is a matter of registers that the shorter program has
// enough of) one value after the other goes to a global while the whole program runs on, and the first that is wrong
// names its operation. Where that shows nothing either, the kinds of operation in the whole program are named, of calls
// the rarest kind alone. For reduced programs: one question an instruction, 0.3 ms each natively. Tested in
// fuzz/triage/tests/sign_test.cpp.
#pragma once

#include "fuzz/probe/prober.h"

#include <string>
#include <string_view>
#include <vector>

namespace assay::fuzz {

/// "f2i_sat_s", "compare", "division", "exceptions:missed" (catching.h), "call": an operation, or one word for several
/// that a compiler makes alike; "address" of an access that is got wrong whether it loads or stores. Empty for a
/// program of more than kMostSuspects instructions. `code_is_right`: no operation is got wrong, as the same bytes do
/// right elsewhere; asked is what throwing and catching does wrong, and "crashed" is said of what dies otherwise.
std::string suspect_of(const Program& program, const Variant& variant, Prober& prober, bool code_is_right = false);

/// Functions with bodies that the entry leads to, each behind those that it refers to; other ones are not run.
std::vector<FunctionId> callees_first(const Program& program);

inline constexpr u32 kMostSuspects = 200;

/// The word for this operation.
std::string_view family_of(Opcode op);

} // namespace assay::fuzz
