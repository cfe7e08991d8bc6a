// windows/limits.cpp - limits.h where campaigns work in their own process: a lock, and no limits.
//
// Tested in fuzz/os/tests/limits_test.cpp.
#include "fuzz/os/limits.h"

#include <new>

#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>

namespace assay::fuzz {

bool limit_memory(u64) {
  std::set_new_handler([] { leave_process(kOutOfMemoryStatus); });
  return false;
}
u64 resident_bytes(const Worker&) { return 0; }
void ignore_write_signals() {}

Result<FileLock> FileLock::take(const std::string& path) {
  const HANDLE file =
      CreateFileA(path.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file != INVALID_HANDLE_VALUE) return FileLock(reinterpret_cast<i64>(file));
  Error error;
  error.kind = ErrorKind::Io;
  error.file = path;
  error.message = GetLastError() == ERROR_SHARING_VIOLATION ? "another campaign uses it" : "cannot make the lock";
  return error;
}
void FileLock::release(i64 handle) { CloseHandle(reinterpret_cast<HANDLE>(handle)); }

} // namespace assay::fuzz
