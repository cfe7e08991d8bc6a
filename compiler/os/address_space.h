// address_space.h - reserving and committing plain data memory: what linear memories are made of.
//
// Thin: each function is one system call, sizes and addresses are multiples of the page size. Committed memory
// reads as zero until written. Tested in compiler/os/tests/address_space_test.cpp.
#pragma once

#include "assay/errors.h"
#include "assay/types.h"

namespace assay::os {

/// Address space without memory: every access faults.
Result<u8*> reserve_pages(u64 size);
/// Makes part of a reservation readable and writable. False when the system refuses.
bool commit_pages(u8* at, u64 size);
/// Committed pages read as zero again, and their memory is given back.
void discard_pages(u8* at, u64 size);
void release_pages(u8* base, u64 size);

} // namespace assay::os
