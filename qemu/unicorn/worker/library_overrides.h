// library_overrides.h - a switch of what this worker puts in the place of functions inside Unicorn: see
// library_overrides.cpp.
#pragma once

#include "assay/types.h"

namespace assay::qemu::unicorn {

/// Whether blocks that are translated from now on are left right after an access to memory that a hook did not admit;
/// else they may run to their end first. A library without the functions that are replaced always leaves at once.
void set_leave_at_once(bool at_once);

/// Whether compiled code may write the whole of the page (of 4 KiB or less) with that guest address.
using WritablePage = bool (*)(void* engine, u64 address);
/// Whom to ask while this engine runs; null between runs: then no page is taken to be writable.
void set_writable_page(WritablePage asked, void* engine);

} // namespace assay::qemu::unicorn
