// settings.h - how a subject compiles a program: by its row, or as drawn from the program; names that say settings.
//
// A name says all settings, so that a program that failed with drawn ones can be shown again with just these:
// TARGET-LEVEL-PLACE-CONVENTION, then what differs from the usual: -baseline or -extensions, -regsN, -spill-all, -padN,
// -decisionsN (choices of each area of the back end, codegen/decisions.def).
// Drawing costs a walk over the instructions, and is the same for equal programs on every host.
// Tested in fuzz/check/tests/settings_test.cpp.
#pragma once

#include "fuzz/check/subject.h"

namespace assay::fuzz {

struct Settings {
  SubjectRow row; // `drawn` is Nothing; the name is still that of the row given
  PassOptions passes;
};

/// What the row, and `otherwise` for its passes, say of this program; what the row has drawn takes their place.
Settings settings_for(const SubjectRow& row, const Module& module, const PassOptions& otherwise);

/// What has to be compiled so that `entry` can be called; kNone: the exported functions.
Entries entries_for(const Module& module, FunctionId entry);
/// How to compile with these settings, so that `entry` can be called; kNone: the exported functions.
CompileOptions compile_options(const Settings& settings, const Module& module, FunctionId entry);

/// The name of the row's settings; it need not be that of a row in the table.
std::string name_of_settings(const SubjectRow& row);

/// The row that a name composed of settings says; null: it is none. Rows once made stay. Thread-safe.
const SubjectRow* composed_row(std::string_view name);

} // namespace assay::fuzz
