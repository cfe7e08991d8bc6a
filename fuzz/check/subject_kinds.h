// subject_kinds.h - how the subjects of the table are made, one pair of functions a kind. Internal to fuzz/check.
#pragma once

#include "fuzz/check/subject.h"

namespace assay::fuzz {

Result<std::unique_ptr<Subject>> make_oracle_subject();

/// The bundled compiler, its code run where the row says.
Result<std::unique_ptr<Subject>> make_compiled_subject(const SubjectRow& row, const SubjectOptions& options);
std::string compiled_unavailable_reason(const SubjectRow& row);

/// Where compiled code runs; whether it can, its `can` says. Unsupported or Io when there is none.
Result<std::unique_ptr<Executor>> make_executor(Exec exec);

} // namespace assay::fuzz
