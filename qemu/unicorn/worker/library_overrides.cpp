// library_overrides.cpp - takes the place of functions inside Unicorn 2.0 that cost more than all else. See
// library_overrides.h.
//
// The library calls them through its symbol table, where those of the program come first. A library without these
// functions never calls these here. Each has one definition for each processor, with the library's suffix.
//
//   tlb_set_page_with_attrs   enters a page in the emulator's look-aside buffer. Unicorn has each store to a page
//                             entered so go through 370 instructions and more, that ask whether it is allowed and look
//                             for translated code in the page. Here no page that compiled code may write can hold any
//                             (zones are executable or writable, never both), so such a page is marked as one that was
//                             asked about: a store then takes 1 ns, not 240. Pages that may not be written stay as they
//                             are.
//   tcg_optimize              folds constants in a block under translation. Most blocks run a few times only, so that
//                             this costs more than it gains. Its result is allowed to be its input.
//   check_exit_request        has the block left after each access to memory if a hook wanted that. Only the search for
//                             the instruction at fault does; otherwise it is enough to leave at the end of the block,
//                             because a run with a fault of memory is done again (machine.h).
//
// Where symbols are not looked up so (Windows, macOS) this file changes nothing but leaves the library as it is. Tested
// by the self-test, which finds code that was overwritten and runs as before, and by qemu/unicorn/tests/.
#include "qemu/unicorn/worker/library_overrides.h"

#include "assay/types.h"
#include "qemu/os/symbols.h"

namespace assay::qemu::unicorn {

namespace {

bool leave_at_once = false;
WritablePage writable_page = nullptr;
void* writable_page_of = nullptr;

using SetPage = void (*)(void* cpu, u64 address, u64 physical, u32 attributes, int rights, int mmu_index, u64 size);
using SetDirty = void (*)(void* cpu, u64 address);
using CheckExit = void (*)(void* context);

template <typename Function> Function hidden(const char* symbol) {
  return reinterpret_cast<Function>(hidden_definition(symbol));
}

} // namespace

void set_leave_at_once(bool at_once) { leave_at_once = at_once; }

void set_writable_page(WritablePage asked, void* engine) {
  writable_page = asked;
  writable_page_of = engine;
}

} // namespace assay::qemu::unicorn

// Declared here because no header of the library does.
#define ASSAY_OVERRIDES(processor)                                                                                    \
  extern "C" {                                                                                                        \
  void tlb_set_page_with_attrs_##processor(void*, assay::u64, assay::u64, assay::u32, int, int, assay::u64);          \
  void tcg_optimize_##processor(void*);                                                                               \
  void check_exit_request_##processor(void*);                                                                         \
                                                                                                                      \
  void tlb_set_page_with_attrs_##processor(void* cpu, assay::u64 address, assay::u64 physical, assay::u32 attributes, \
                                           int rights, int mmu_index, assay::u64 size) {                              \
    using namespace assay::qemu::unicorn;                                                                             \
    static const SetPage set_page = hidden<SetPage>("tlb_set_page_with_attrs_" #processor);                           \
    static const SetDirty set_dirty = hidden<SetDirty>("tlb_set_dirty_" #processor);                                  \
    set_page(cpu, address, physical, attributes, rights, mmu_index, size);                                            \
    if (writable_page != nullptr && writable_page(writable_page_of, address)) set_dirty(cpu, address);                \
  }                                                                                                                   \
  void tcg_optimize_##processor(void*) {}                                                                             \
  void check_exit_request_##processor(void* context) {                                                                \
    using namespace assay::qemu::unicorn;                                                                             \
    static const CheckExit check = hidden<CheckExit>("check_exit_request_" #processor);                               \
    if (leave_at_once) check(context);                                                                                \
  }                                                                                                                   \
  }

ASSAY_OVERRIDES(x86_64)
ASSAY_OVERRIDES(aarch64)
