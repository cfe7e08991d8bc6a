// limits.h - what a process may take, what it has taken, and who alone may use a file.
//
// One file a system behind it: posix/limits.cpp, windows/limits.cpp. Tested in fuzz/os/tests/limits_test.cpp.
#pragma once

#include "fuzz/os/process.h"

#include <utility>

namespace assay::fuzz {

/// With this status a process leaves that may not have more memory.
inline constexpr int kOutOfMemoryStatus = 6;

/// From now on this process may have so many bytes of memory of its own; when C++ allocates more, it leaves with
/// kOutOfMemoryStatus. Where the system has no such limit (all but Linux, and sanitizers, whose shadow counts) only the
/// latter holds: `resident_bytes` is for the rest. False: the system keeps no such limit; emulators say that it was
/// set.
bool limit_memory(u64 bytes);
/// Memory that the process has in use; 0: this system does not tell.
u64 resident_bytes(const Worker& worker);

/// A write to a full disk, a file at its limit, a closed pipe then fails with an error instead of ending the process.
void ignore_write_signals();

/// A file that one process alone has, until it ends, however it ends. Not inherited by workers.
class FileLock {
public:
  /// Makes the file if need be. Io: it cannot be made, or another process has it.
  static Result<FileLock> take(const std::string& path);
  FileLock(FileLock&& other) noexcept : handle_(std::exchange(other.handle_, kNoHandle)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~FileLock() {
    if (handle_ != kNoHandle) release(handle_);
  }

private:
  static constexpr i64 kNoHandle = -1;
  explicit FileLock(i64 handle) : handle_(handle) {}
  static void release(i64 handle);
  i64 handle_ = kNoHandle;
};

} // namespace assay::fuzz
