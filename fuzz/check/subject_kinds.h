// subject_kinds.h - how the subjects of the table are made, one pair of functions a kind. Internal to fuzz/check.
#pragma once

#include "fuzz/check/subject.h"

namespace assay::fuzz {

Result<std::unique_ptr<Subject>> make_oracle_subject();

/// The bundled compiler, its code run where the row says.
Result<std::unique_ptr<Subject>> make_compiled_subject(const SubjectRow& row, const SubjectOptions& options);
std::string compiled_unavailable_reason(const SubjectRow& row);

} // namespace assay::fuzz
