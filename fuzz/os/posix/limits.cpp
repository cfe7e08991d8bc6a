// posix/limits.cpp - limits.h for Linux, macOS and the BSDs.
//
// RLIMIT_DATA counts, on Linux, private memory that can be written, also what is mapped; reserved address space, of
// which linear memories and guard zones are made, is not counted. A lock is fcntl's, which goes with its process and
// which a forked worker does not have. Tested in fuzz/os/tests/limits_test.cpp.
#include "fuzz/os/limits.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ASSAY_SHADOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define ASSAY_SHADOW 1
#endif
#endif

namespace assay::fuzz {

bool limit_memory(u64 bytes) {
  std::set_new_handler([] { leave_process(kOutOfMemoryStatus); });
#if defined(__linux__) && !defined(ASSAY_SHADOW)
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_DATA, &limit); // refused above a lower hard limit: then that one holds
  rlimit now{};
  return getrlimit(RLIMIT_DATA, &now) == 0 && now.rlim_cur <= bytes;
#else
  static_cast<void>(bytes);
  return false;
#endif
}

u64 resident_bytes([[maybe_unused]] const Worker& worker) {
#ifdef __linux__
  std::FILE* file = std::fopen(("/proc/" + std::to_string(worker.process) + "/statm").c_str(), "r");
  if (file == nullptr) return 0;
  unsigned long long all = 0, resident = 0;
  const bool read = std::fscanf(file, "%llu %llu", &all, &resident) == 2;
  std::fclose(file);
  return read ? resident * static_cast<u64>(sysconf(_SC_PAGESIZE)) : 0;
#else
  return 0;
#endif
}

void ignore_write_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

Result<FileLock> FileLock::take(const std::string& path) {
  Error error;
  error.kind = ErrorKind::Io;
  error.file = path;
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) {
    error.message = std::string("cannot make the lock: ") + std::strerror(errno);
    return error;
  }
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fcntl(file, F_SETLK, &whole) == 0) return FileLock(file);
  const int reason = errno;
  error.message = reason == EACCES || reason == EAGAIN ? "another campaign uses it"
                                                       : std::string("cannot lock: ") + std::strerror(reason);
  if (reason == EACCES || reason == EAGAIN) {
    if (fcntl(file, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
      error.message += " (process " + std::to_string(whole.l_pid) + ")";
  }
  close(file);
  return error;
}
void FileLock::release(i64 handle) { close(static_cast<int>(handle)); }

} // namespace assay::fuzz
