// backend.h - the a64 target, as the compile driver sees it (compiler/codegen/backend.h).
#pragma once

#include "compiler/codegen/backend.h"

namespace assay::a64 {

std::unique_ptr<codegen::Backend> make_backend();
const codegen::LirNames& lir_names();

} // namespace assay::a64
