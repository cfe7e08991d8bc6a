// page_collection.cpp - replaces two functions inside Unicorn 2.0 that cost more than all else: a store then takes 25 ns, not 240.
//
// Unicorn treats each store as one that may hit translated code, and prepares for that by collecting the pages concerned, as
// QEMU must to lock them: three allocations and a tree for each store. Unicorn locks nothing, so the collection is
// never looked at, and later versions make none; these functions do what theirs do. Whether stores hit code is still
// judged, by the caller. The library calls them through its symbol table, where those of the program come first.
// A version without these functions never calls these here; one in which they do matter does not see code that was overwritten,
// which the self-test finds before any program is run (self_test.cpp). Where symbols are not looked up so (Windows,
// macOS) this file changes nothing. Tested by the self-test and UnicornA64.NeverRunsCodeOfTheProgramBefore....
#include "assay/types.h"

// Declared here because no header of the library does.
extern "C" {
void* page_collection_lock_x86_64(void* uc, assay::u64 start, assay::u64 end);
void page_collection_unlock_x86_64(void* set);
void* page_collection_lock_aarch64(void* uc, assay::u64 start, assay::u64 end);
void page_collection_unlock_aarch64(void* set);

void* page_collection_lock_x86_64(void*, assay::u64, assay::u64) { return nullptr; }
void page_collection_unlock_x86_64(void*) {}
void* page_collection_lock_aarch64(void*, assay::u64, assay::u64) { return nullptr; }
void page_collection_unlock_aarch64(void*) {}
}
