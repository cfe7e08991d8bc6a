// unwind_registry_windows.cpp - registration of function tables with Windows.
//
// The section is the array of RUNTIME_FUNCTIONs (the entries of compiler/unwind/tables.h), sorted, relative to `base`;
// the system keeps a pointer to it and reads it, and what it refers to, at every look-up. A look-up that finds nothing
// takes a function for a leaf, so a lost table is not noticed by throwing: hence the check. Not for use in fault
// handlers: RtlLookupFunctionEntry takes a lock. What it is given is tested in
// compiler/unwind/tests/windows_x64_test.cpp.
#include "compiler/os/unwind_registry.h"

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace assay::os {

namespace {

Error failed(ErrorKind kind, const char* what) { return Error{kind, {}, 0, 0, what}; }

bool found_in(const u8* section, u64 size, const u8* pc) {
  DWORD64 base = 0;
  const auto* entry =
      reinterpret_cast<const u8*>(RtlLookupFunctionEntry(reinterpret_cast<DWORD64>(pc), &base, nullptr));
  return entry >= section && entry < section + size;
}

} // namespace

bool unwinder_finds(const u8* pc) {
  DWORD64 base = 0;
  return RtlLookupFunctionEntry(reinterpret_cast<DWORD64>(pc), &base, nullptr) != nullptr;
}

Result<UnwindRegistration> UnwindRegistration::add(const u8* section, u64 size, const u8* first_pc, const u8* last_pc,
                                                   bool verify, const u8* base) {
  if (size == 0 || size % sizeof(RUNTIME_FUNCTION) != 0 || base == nullptr || base > first_pc)
    return failed(ErrorKind::Internal, "the table of functions is malformed");
  auto* const entries = reinterpret_cast<RUNTIME_FUNCTION*>(const_cast<u8*>(section));
  const DWORD count = static_cast<DWORD>(size / sizeof(RUNTIME_FUNCTION));
  if (RtlAddFunctionTable(entries, count, reinterpret_cast<DWORD64>(base)) == 0)
    return failed(ErrorKind::Io, "RtlAddFunctionTable refused the table of functions");
  UnwindRegistration done;
  done.section_ = section;
  done.size_ = size;
  done.first_pc_ = first_pc;
  done.last_pc_ = last_pc;
  done.verify_ = verify;
  if (verify && !(found_in(section, size, first_pc) && found_in(section, size, last_pc)))
    return failed(ErrorKind::Unsupported, "the unwinder does not find the registered frames"); // `done` takes them away
  return done;
}

Result<void> UnwindRegistration::remove() {
  if (section_ == nullptr) return {};
  auto* const entries = reinterpret_cast<RUNTIME_FUNCTION*>(const_cast<u8*>(section_));
  const u8* const section = section_;
  section_ = nullptr;
  if (RtlDeleteFunctionTable(entries) == 0)
    return failed(ErrorKind::Internal, "RtlDeleteFunctionTable does not know the table");
  if (verify_ && found_in(section, size_, first_pc_))
    return failed(ErrorKind::Internal, "the unwinder still finds frames after their removal");
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
