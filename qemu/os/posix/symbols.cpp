// posix/symbols.cpp - symbols.h for systems with dlsym. RTLD_NEXT is what follows the object that asks: the program, of
// which this is a part. Tested in qemu/os/tests/symbols_test.cpp.
#include "qemu/os/symbols.h"

#include <dlfcn.h>

namespace assay::qemu {

void* hidden_definition(const char* symbol) { return dlsym(RTLD_NEXT, symbol); }

} // namespace assay::qemu
