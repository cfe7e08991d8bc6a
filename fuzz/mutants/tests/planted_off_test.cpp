// planted_off_test.cpp - without ASSAY_MUTANTS, as every release build is, a site is the literal `false`.
//
// Compiled with the macro off whatever the build says. That nothing is left in the binary is read from the binary of
// release builds (fuzz/cli/tests/no_planted_bugs.cpp).
#undef ASSAY_MUTANTS
#include "assay/planted.h"

#include <gtest/gtest.h>

#include <string_view>

#define ASSAY_TEXT_OF(tokens) #tokens
#define ASSAY_EXPANDED(tokens) ASSAY_TEXT_OF(tokens)

namespace assay {
namespace {

static_assert(!ASSAY_PLANTED(ra_cycle_dropped), "a constant: the compiler drops what it guards");

TEST(PlantedOff, a_site_expands_to_false_and_nothing_else) {
  EXPECT_EQ(std::string_view(ASSAY_EXPANDED(ASSAY_PLANTED(ra_cycle_dropped))), "false");
}

} // namespace
} // namespace assay
