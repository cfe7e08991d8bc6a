// windows/symbols.cpp - symbols.h where a library names the library of each function that it calls: nothing can be
// hidden.
#include "qemu/os/symbols.h"

namespace assay::qemu {

void* hidden_definition(const char*) { return nullptr; }

} // namespace assay::qemu
