// tool_rows.h - the rows of the self-test that need another program: a debugger, a profiler. Tested with selftest.h.
#pragma once

#include "compiler/jit/selftest/selftest.h"

namespace assay::jit {

SelfTestRow debugger_row(const std::vector<std::string>& own_command);
SelfTestRow profiler_row(const std::vector<std::string>& own_command);

} // namespace assay::jit
