// types.cpp - the names of types and traps.
//
// Two constant tables in the order of their enums. Trap names are looked up by linear search: a trap is
// rare in text. No allocation. Tested in tests/types_test.cpp.
#include "assay/types.h"

namespace assay {

namespace {

constexpr std::string_view kTypeNames[kTypeCount] = {"none", "i8", "i16", "i32", "i64", "f32", "f64", "ptr"};

constexpr std::string_view kTrapNames[kTrapCount] = {
    "unreachable",    "div_by_zero", "int_overflow", "bad_conversion", "out_of_bounds", "bad_indirect_call",
    "stack_overflow", "out_of_fuel", "user0",        "user1",          "user2",         "user3",
    "user4",          "user5",       "user6",        "user7",          "user8",         "user9",
    "user10",         "user11",      "user12",       "user13",         "user14",        "user15",
};

} // namespace

std::string_view name_of(Type type) {
  const auto index = static_cast<u32>(type);
  return index < kTypeCount ? kTypeNames[index] : std::string_view("?");
}

std::string_view name_of(TrapKind kind) {
  const auto index = static_cast<u32>(kind);
  return index < kTrapCount ? kTrapNames[index] : std::string_view("?");
}

bool trap_from_name(std::string_view name, TrapKind& out) {
  for (u32 i = 0; i < kTrapCount; ++i) {
    if (kTrapNames[i] != name) continue;
    out = static_cast<TrapKind>(i);
    return true;
  }
  return false;
}

} // namespace assay
