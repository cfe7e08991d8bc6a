// unwind_registry_windows.cpp - registration of function tables with Windows.
//
// The section is the array of RUNTIME_FUNCTIONs (the entries of compiler/unwind/tables.h), sorted, relative to `base`;
// the system keeps a pointer to it and reads it, and what it refers to, at every look-up. A look-up that finds nothing
// takes a function for a leaf, so a lost table is not noticed by throwing: hence the check. Not for use in fault
// handlers: RtlLookupFunctionEntry takes a lock.
// A table is one installed object's, all its functions. Wine keeps tables in a list: a look-up in compiled code goes
// through half of them, 40 us with 10,000 tables where one table of 10,000 entries takes 0.7 us (Wine 8), while
// look-ups in images do not see them. So whoever has thousands of functions installs many as one object. One table to
// which functions are added (RtlAddGrowableFunctionTable) cannot lose single ones again. What Windows itself takes,
// `assay_selftest costs` says there. What is registered is tested in compiler/unwind/tests/windows_x64_test.cpp.
#include "compiler/os/unwind_registry.h"

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace assay::os {

namespace {

Error failed(ErrorKind kind, const char* what) { return Error{kind, {}, 0, 0, what}; }

bool found_in(const CodeTables& tables, const u8* pc) {
  DWORD64 base = 0;
  const auto* entry =
      reinterpret_cast<const u8*>(RtlLookupFunctionEntry(reinterpret_cast<DWORD64>(pc), &base, nullptr));
  return entry >= tables.section && entry < tables.section + tables.size;
}

} // namespace

bool unwinder_finds(const u8* pc) {
  DWORD64 base = 0;
  return RtlLookupFunctionEntry(reinterpret_cast<DWORD64>(pc), &base, nullptr) != nullptr;
}

bool unwinder_takes_compact() { return false; }

Result<UnwindRegistration> UnwindRegistration::add(const CodeTables& tables, bool verify) {
  if (tables.size == 0 || tables.size % sizeof(RUNTIME_FUNCTION) != 0 || tables.base == nullptr ||
      tables.base > tables.first_pc)
    return failed(ErrorKind::Internal, "the table of functions is malformed");
  auto* const entries = reinterpret_cast<RUNTIME_FUNCTION*>(const_cast<u8*>(tables.section));
  const DWORD count = static_cast<DWORD>(tables.size / sizeof(RUNTIME_FUNCTION));
  if (RtlAddFunctionTable(entries, count, reinterpret_cast<DWORD64>(tables.base)) == 0)
    return failed(ErrorKind::Io, "RtlAddFunctionTable refused the table of functions");
  UnwindRegistration done;
  done.tables_ = tables;
  done.verify_ = verify;
  if (verify && !(found_in(tables, tables.first_pc) && found_in(tables, tables.last_pc)))
    return failed(ErrorKind::Unsupported, "the unwinder does not find the registered frames"); // `done` takes them away
  return done;
}

void unwinder_forgets(const u8*, u64) {} // a table that was deleted is forgotten

Result<void> UnwindRegistration::remove() {
  if (tables_.section == nullptr) return {};
  const CodeTables tables = tables_;
  tables_ = {};
  if (RtlDeleteFunctionTable(reinterpret_cast<RUNTIME_FUNCTION*>(const_cast<u8*>(tables.section))) == 0)
    return failed(ErrorKind::Internal, "RtlDeleteFunctionTable does not know the table");
  if (verify_ && (found_in(tables, tables.first_pc) || found_in(tables, tables.last_pc)))
    return failed(ErrorKind::Internal, "the unwinder still finds frames after their removal");
  return {};
}

UnwindRegistration& UnwindRegistration::operator=(UnwindRegistration&& other) noexcept {
  if (this != &other) {
    static_cast<void>(remove());
    tables_ = other.tables_;
    verify_ = other.verify_;
    other.tables_ = {};
  }
  return *this;
}

} // namespace assay::os
