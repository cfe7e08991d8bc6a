// unwind_registry_posix.cpp - registration with libgcc or LLVM libunwind.
//
// libgcc before GCC 13 gets slower with each registered object: there entries go through FrameLeaves. From GCC 13 on
// each section is an object, which is what its lock-free look-up wants: entries of one object must come and go
// together. libgcc walks from the given pointer to a zero word; LLVM takes the pointer for exactly one FDE. Giving
// libgcc several FDEs of one section leaves stale entries behind (GCC 13 and later), giving LLVM the CIE registers
// nothing: so the two need different calls. A process may hold both libraries, and then symbol order decides
// which one throws; hence the decision by effect. macOS 14 asks back instead, through one callback of the process
// (unwind_callback.h): no table of the system's grows. Where that is not seen, the entries are registered as before it.
// Invariant: what was registered is deregistered by the same calls in the same shape.
// Tested in compiler/os/tests/unwind_registry_test.cpp and unwind_registry_apple_test.cpp.
#include "compiler/os/unwind_registry.h"

#include "compiler/os/unwind_callback.h"
#include "compiler/os/unwinder_calls.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>

#include <dlfcn.h>

extern "C" {
void __register_frame(void* begin);
void __deregister_frame(void* begin);
const void* _Unwind_Find_FDE(const void* pc, assay::os::EhBases* bases);
}

namespace assay::os {

namespace {

enum class Shape : u8 { Unknown, WholeSection, EachEntry, Leaves, Callback };

} // namespace

/// One set of calls, and how they are used. That of the process is never destroyed: code may run, and throw, until the
/// process ends.
struct Unwinder {
  explicit Unwinder(const UnwinderCalls& c) : calls(c) {
    if (calls.tables.add != nullptr) leaves = std::make_unique<FrameLeaves>(calls.tables);
  }
  /// Whether the system asks our callback; it is given once.
  bool asks_back() {
    std::call_once(gave, [this] { takes_callback = calls.add_find_sections(unwind_callback()) == 0; });
    return takes_callback;
  }
  UnwinderCalls calls;
  std::unique_ptr<FrameLeaves> leaves;
  std::once_flag gave;
  bool takes_callback = false;
  std::atomic<Shape> shape{Shape::Unknown}; // once known, all threads read it
};

namespace {

std::atomic<Unwinder*> own_unwinder{nullptr}; // once there is one
std::atomic<Unwinder*> other_unwinder{nullptr};

Unwinder* make_own_unwinder() {
  Unwinder* const made = new Unwinder(unwinder_calls());
  own_unwinder = made;
  return made;
}

Unwinder& current_unwinder() {
  static Unwinder* const own = make_own_unwinder();
  Unwinder* const other = other_unwinder.load(std::memory_order_relaxed);
  return other != nullptr ? *other : *own;
}

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

void apply(Shape as, const CodeTables& code, void (*call)(void*)) {
  if (as == Shape::WholeSection) {
    call(const_cast<u8*>(code.section));
  } else {
    for_each_fde(code.section, code.size, [&](const u8* fde) { call(const_cast<u8*>(fde)); });
  }
}

Shape likely_shape(const Unwinder& unwinder) {
  if (unwinder.calls.add_find_sections != nullptr) return Shape::Callback;
  if (unwinder.calls.each_entry) return Shape::EachEntry;
  return unwinder.leaves != nullptr ? Shape::Leaves : Shape::WholeSection;
}

/// What is tried when the unwinder does not find what was registered as `tried`; Unknown: nothing more. Only at first
/// are libgcc's and LLVM's ways tried in place of each other, because the wrong one may leave entries behind.
Shape next_shape(Shape tried, Shape known) {
  if (tried == Shape::Callback) return Shape::EachEntry;
  if (known != Shape::Unknown) return Shape::Unknown;
  if (tried == Shape::Leaves) return Shape::WholeSection;
  return tried == Shape::WholeSection ? Shape::EachEntry : Shape::Unknown;
}

/// False when the entries cannot be registered in this way; then nothing has been.
bool enter(Unwinder& unwinder, Shape as, const CodeTables& code) {
  if (as == Shape::Leaves) return unwinder.leaves != nullptr && unwinder.leaves->add(code.section, code.size);
  if (as == Shape::Callback) return unwinder.asks_back() && add_to_callback(code);
  apply(as, code, unwinder.calls.add_frame);
  return true;
}

void withdraw(Unwinder& unwinder, Shape as, const CodeTables& code) {
  if (as == Shape::Leaves) unwinder.leaves->remove(code.first_pc, code.last_pc);
  else if (as == Shape::Callback) remove_from_callback(code);
  else apply(as, code, unwinder.calls.remove_frame);
}

/// Whether the unwinder finds an entry of this registration for `pc`.
bool finds_own(Unwinder& unwinder, Shape as, const CodeTables& code, const u8* pc) {
  EhBases bases{};
  const u8* const fde = static_cast<const u8*>(unwinder.calls.find_frame(pc, &bases));
  const bool in_section = fde >= code.section && fde < code.section + code.size;
  if (as == Shape::Leaves) return fde != nullptr && unwinder.leaves->owns(fde, pc);
  // Compact unwind has no entry to point at; at a function's first byte LLVM does not follow it to an entry either.
  if (as == Shape::Callback)
    return bases.text == code.base && bases.function != nullptr && (fde == nullptr || in_section);
  return in_section;
}

bool finds_both(Unwinder& unwinder, Shape as, const CodeTables& code) {
  return finds_own(unwinder, as, code, code.first_pc) && finds_own(unwinder, as, code, code.last_pc);
}

/// Whether it still does after their removal. Where all is one entry, one end is asked for.
bool finds_any(Unwinder& unwinder, Shape as, const CodeTables& code) {
  u32 entries = 0;
  for_each_fde(code.section, code.size, [&](const u8*) { ++entries; });
  return finds_own(unwinder, as, code, code.first_pc) || (entries != 1 && finds_own(unwinder, as, code, code.last_pc));
}

Error failed(ErrorKind kind, const char* what) { return Error{kind, {}, 0, 0, what}; }

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

} // namespace

UnwinderCalls unwinder_calls() {
  UnwinderCalls out;
  out.add_frame = __register_frame;
  out.remove_frame = __deregister_frame;
  out.find_frame = _Unwind_Find_FDE;
  out.each_entry = dlsym(RTLD_DEFAULT, "__unw_add_dynamic_fde") != nullptr;
  if (void* const add = dlsym(RTLD_DEFAULT, "__unw_add_find_dynamic_unwind_sections"))
    out.add_find_sections = reinterpret_cast<int (*)(FindUnwindSections)>(add);
  if (!out.each_entry) out.tables = old_libgcc();
  return out;
}

OtherUnwinder::OtherUnwinder(const UnwinderCalls& calls) : mine_(new Unwinder(calls)) { other_unwinder = mine_; }

OtherUnwinder::~OtherUnwinder() {
  other_unwinder = nullptr;
  delete mine_;
}

bool unwinder_finds(const u8* pc) {
  EhBases bases{};
  return current_unwinder().calls.find_frame(pc, &bases) != nullptr || bases.function != nullptr;
}

void unwinder_forgets(const u8* memory, u64 bytes) {
  for (Unwinder* const unwinder : {own_unwinder.load(), other_unwinder.load()})
    if (unwinder != nullptr && unwinder->leaves != nullptr) unwinder->leaves->forget(memory, bytes);
}

bool unwinder_takes_compact() { return current_unwinder().calls.add_find_sections != nullptr; }

Result<UnwindRegistration> UnwindRegistration::add(const CodeTables& tables, bool verify) {
  Unwinder& unwinder = current_unwinder();
  const Shape known = unwinder.shape.load(std::memory_order_relaxed);
  const bool ask = verify || known == Shape::Unknown;
  if (ask && !for_each_fde(tables.section, tables.size, [](const u8*) {}))
    return failed(ErrorKind::Internal, "the .eh_frame section is malformed or lacks its zero word");
  Shape as = known == Shape::Unknown ? likely_shape(unwinder) : known;
  for (; as != Shape::Unknown; as = next_shape(as, known)) {
    if (!enter(unwinder, as, tables)) continue;
    if (!ask || finds_both(unwinder, as, tables)) {
      if (known == Shape::Unknown) unwinder.shape.store(as, std::memory_order_relaxed);
      UnwindRegistration done;
      done.tables_ = tables;
      done.unwinder_ = &unwinder;
      done.shape_ = static_cast<u8>(as);
      done.verify_ = verify;
      return done;
    }
    withdraw(unwinder, as, tables);
  }
  return failed(ErrorKind::Unsupported, "the unwinder does not find the registered frames");
}

Result<void> UnwindRegistration::remove() {
  if (tables_.section == nullptr) return {};
  const Shape as = static_cast<Shape>(shape_);
  const CodeTables tables = tables_;
  tables_ = {};
  withdraw(*unwinder_, as, tables);
  if (verify_ && finds_any(*unwinder_, as, tables))
    return failed(ErrorKind::Internal, "the unwinder still finds frames after their removal");
  return {};
}

UnwindRegistration& UnwindRegistration::operator=(UnwindRegistration&& other) noexcept {
  if (this != &other) {
    static_cast<void>(remove());
    tables_ = other.tables_;
    unwinder_ = other.unwinder_;
    shape_ = other.shape_;
    verify_ = other.verify_;
    other.tables_ = {};
  }
  return *this;
}

} // namespace assay::os
