// module_image.h - what a place that only runs code needs to know of a module: everything but the bodies.
//
// Memory, data, globals, tags, table, signatures, and of each function its name, signature and linkage. A decoded
// module has empty bodies: it must not be verified, printed or compiled. The reader checks each index and size, so that
// code which relies on the verifier's guarantees about these parts may use what it accepts.
// Linear. Tested in qemu/protocol/tests/messages_test.cpp.
#pragma once

#include "assay/module.h"
#include "qemu/protocol/wire.h"

namespace assay::qemu::protocol {

void write_module(const Module& module, Writer& writer);
/// Overwrites `out`. On bad bytes the reader has failed and `out` is of no use.
void read_module(Reader& reader, Module& out);

} // namespace assay::qemu::protocol
