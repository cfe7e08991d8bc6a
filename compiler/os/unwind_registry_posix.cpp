// unwind_registry_posix.cpp - registration with libgcc or LLVM libunwind.
//
// libgcc before GCC 13 gets slower with each registered object: there entries go through FrameLeaves. From GCC 13 on
// each section is an object, which is what its lock-free look-up wants: entries of one object must come and go
// together. libgcc walks from the given pointer to a zero word; LLVM takes the pointer for exactly one FDE. Giving
// libgcc several FDEs of one section leaves stale entries behind (GCC 13 and later), giving LLVM the CIE registers
// nothing: so the two need different calls. A process may hold both libraries, and then symbol order decides
// which one throws; hence the decision by effect. Invariant: what was registered is deregistered by the same
// calls in the same shape. Tested in compiler/os/tests/unwind_registry_test.cpp.
#include "compiler/os/unwind_registry.h"

#include "compiler/os/frame_leaves.h"

#include <atomic>
#include <cstring>

#include <dlfcn.h>

extern "C" {
void __register_frame(void* begin);
void __deregister_frame(void* begin);
struct AssayDwarfEhBases {
  void* text;
  void* data;
  void* function;
};
const void* _Unwind_Find_FDE(const void* pc, AssayDwarfEhBases* bases);
}

namespace assay::os {

namespace {

enum class Shape : int { Unknown, WholeSection, EachEntry, Leaves };
std::atomic<Shape> shape{Shape::Unknown};

/// Calls `visit` with the address of each FDE. False when the section is malformed.
template <typename Visit> bool for_each_fde(const u8* section, u64 size, Visit&& visit) {
  u64 at = 0;
  while (at + 4 <= size) {
    u32 length = 0, id = 0;
    std::memcpy(&length, section + at, 4);
    if (length == 0) return true;
    if (length < 4 || length > size - at - 4) return false;
    std::memcpy(&id, section + at + 4, 4);
    if (id != 0) visit(section + at);
    at += 4 + u64{length};
  }
  return false; // the zero word is missing: libgcc would run on into whatever follows
}

void apply(Shape as, const u8* section, u64 size, void (*call)(void*)) {
  if (as == Shape::WholeSection) {
    call(const_cast<u8*>(section));
  } else {
    for_each_fde(section, size, [&](const u8* fde) { call(const_cast<u8*>(fde)); });
  }
}

bool found_in(const u8* section, u64 size, const u8* pc) {
  AssayDwarfEhBases bases{};
  const u8* fde = static_cast<const u8*>(_Unwind_Find_FDE(pc, &bases));
  return fde >= section && fde < section + size;
}

/// libgcc's calls, where it is a shared library older than GCC 13.
FrameTableCalls old_libgcc() {
  FrameTableCalls calls;
#if defined(__GLIBC__)
  void* const library = dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return calls;
  for (const char* added : {"__extendbfsf2", "__truncdfbf2", "__truncsfbf2", "__eqbf2", "__floatdibf"})
    if (dlvsym(library, added, "GCC_13.0.0") != nullptr) return calls;
  if (dlsym(library, "_Unwind_Find_FDE") != reinterpret_cast<void*>(&_Unwind_Find_FDE)) return calls;
  void* const add = dlsym(library, "__register_frame_info_table");
  void* const remove = dlsym(library, "__deregister_frame_info");
  if (add == nullptr || remove == nullptr) return calls;
  calls.add = reinterpret_cast<void (*)(void*, void*)>(add);
  calls.remove = reinterpret_cast<void* (*)(const void*)>(remove);
#endif
  return calls;
}

/// Null where another unwinder is in charge. Never destroyed: code may run, and throw, until the process ends.
FrameLeaves* frame_leaves() {
  static FrameLeaves* const leaves = [] {
    const FrameTableCalls calls = old_libgcc();
    return calls.add != nullptr ? new FrameLeaves(calls) : nullptr;
  }();
  return leaves;
}

Shape likely_shape() {
  if (dlsym(RTLD_DEFAULT, "__unw_add_dynamic_fde") != nullptr) return Shape::EachEntry;
  return frame_leaves() != nullptr ? Shape::Leaves : Shape::WholeSection;
}

struct Code {
  const u8* section;
  u64 size;
  const u8 *first_pc, *last_pc;
};

/// False when the entries cannot be registered in this way; then nothing has been.
bool enter(Shape as, const Code& code) {
  if (as == Shape::Leaves) return frame_leaves() != nullptr && frame_leaves()->add(code.section, code.size);
  apply(as, code.section, code.size, __register_frame);
  return true;
}

void withdraw(Shape as, const Code& code) {
  if (as == Shape::Leaves) frame_leaves()->remove(code.first_pc, code.last_pc);
  else apply(as, code.section, code.size, __deregister_frame);
}

/// Whether the unwinder finds an entry of this registration for `pc`.
bool finds_own(Shape as, const Code& code, const u8* pc) {
  if (as != Shape::Leaves) return found_in(code.section, code.size, pc);
  AssayDwarfEhBases bases{};
  const u8* fde = static_cast<const u8*>(_Unwind_Find_FDE(pc, &bases));
  return fde != nullptr && frame_leaves()->owns(fde, pc);
}

} // namespace

bool unwinder_finds(const u8* pc) {
  AssayDwarfEhBases bases{};
  return _Unwind_Find_FDE(pc, &bases) != nullptr;
}

Result<UnwindRegistration> UnwindRegistration::add(const u8* section, u64 size, const u8* first_pc, const u8* last_pc,
                                                   bool verify, const u8*) {
  const Shape known = shape.load(std::memory_order_relaxed);
  if (verify || known == Shape::Unknown) {
    if (!for_each_fde(section, size, [](const u8*) {})) {
      return Error{ErrorKind::Internal, {}, 0, 0, "the .eh_frame section is malformed or lacks its zero word"};
    }
  }
  const Code code{section, size, first_pc, last_pc};
  const Shape likely = known == Shape::Unknown ? likely_shape() : known;
  for (const Shape as : {likely, Shape::WholeSection, Shape::EachEntry}) {
    if (as != likely && known != Shape::Unknown) break;
    if (!enter(as, code)) continue;
    if ((!verify && known != Shape::Unknown) || (finds_own(as, code, first_pc) && finds_own(as, code, last_pc))) {
      if (as != known) shape.store(as, std::memory_order_relaxed); // once: all threads read it
      UnwindRegistration done;
      done.section_ = section;
      done.size_ = size;
      done.first_pc_ = first_pc;
      done.last_pc_ = last_pc;
      done.verify_ = verify;
      return done;
    }
    withdraw(as, code);
  }
  return Error{ErrorKind::Unsupported, {}, 0, 0, "the unwinder does not find the registered frames"};
}

Result<void> UnwindRegistration::remove() {
  if (section_ == nullptr) return {};
  const Shape as = shape.load(std::memory_order_relaxed);
  const Code code{section_, size_, first_pc_, last_pc_};
  withdraw(as, code);
  section_ = nullptr;
  if (verify_ && finds_own(as, code, first_pc_)) {
    return Error{ErrorKind::Internal, {}, 0, 0, "the unwinder still finds frames after their removal"};
  }
  return {};
}

UnwindRegistration& UnwindRegistration::operator=(UnwindRegistration&& other) noexcept {
  if (this != &other) {
    static_cast<void>(remove());
    section_ = other.section_;
    size_ = other.size_;
    first_pc_ = other.first_pc_;
    last_pc_ = other.last_pc_;
    verify_ = other.verify_;
    other.section_ = nullptr;
  }
  return *this;
}

} // namespace assay::os
