// unwind_registry_posix.cpp - registration with libgcc or LLVM libunwind.
//
// libgcc walks from the given pointer to a zero word; LLVM takes the pointer for exactly one FDE. Giving libgcc
// several FDEs of one section leaves stale entries behind (GCC 13 and later), giving LLVM the CIE registers
// nothing: so the two need different calls. A process may hold both libraries, and then symbol order decides
// which one throws; hence the decision by effect. Invariant: what was registered is deregistered by the same
// calls in the same shape. Tested in compiler/os/tests/unwind_registry_test.cpp.
#include "compiler/os/unwind_registry.h"

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

enum class Shape : int { Unknown, WholeSection, EachEntry };
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

Shape likely_shape() {
  return dlsym(RTLD_DEFAULT, "__unw_add_dynamic_fde") != nullptr ? Shape::EachEntry : Shape::WholeSection;
}

} // namespace

bool unwinder_finds(const u8* pc) {
  AssayDwarfEhBases bases{};
  return _Unwind_Find_FDE(pc, &bases) != nullptr;
}

Result<UnwindRegistration> UnwindRegistration::add(const u8* section, u64 size, const u8* first_pc, const u8* last_pc,
                                                   bool verify) {
  const Shape known = shape.load(std::memory_order_relaxed);
  if (verify || known == Shape::Unknown) {
    if (!for_each_fde(section, size, [](const u8*) {})) {
      return Error{ErrorKind::Internal, {}, 0, 0, "the .eh_frame section is malformed or lacks its zero word"};
    }
  }
  const Shape first = known == Shape::Unknown ? likely_shape() : known;
  const Shape second = first == Shape::WholeSection ? Shape::EachEntry : Shape::WholeSection;
  for (const Shape as : {first, second}) {
    apply(as, section, size, __register_frame);
    if ((!verify && known != Shape::Unknown) ||
        (found_in(section, size, first_pc) && found_in(section, size, last_pc))) {
      shape.store(as, std::memory_order_relaxed);
      UnwindRegistration done;
      done.section_ = section;
      done.size_ = size;
      done.first_pc_ = first_pc;
      done.verify_ = verify;
      return done;
    }
    apply(as, section, size, __deregister_frame);
    if (known != Shape::Unknown) break;
  }
  return Error{ErrorKind::Unsupported, {}, 0, 0, "the unwinder does not find the registered frames"};
}

Result<void> UnwindRegistration::remove() {
  if (section_ == nullptr) return {};
  apply(shape.load(std::memory_order_relaxed), section_, size_, __deregister_frame);
  const u8* section = section_;
  section_ = nullptr;
  if (verify_ && found_in(section, size_, first_pc_)) {
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
    verify_ = other.verify_;
    other.section_ = nullptr;
  }
  return *this;
}

} // namespace assay::os
