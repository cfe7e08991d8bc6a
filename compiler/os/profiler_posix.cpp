// profiler_posix.cpp - see profiler.h. A write is one system call under a lock, so bytes of one call stay together;
// files are
// closed by the system when the process ends. Tested in compiler/debug/tools/tests/profiler_test.cpp.
#include "compiler/os/profiler.h"

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

namespace assay::os {

namespace {

Error refused(const std::string& path) {
  return Error{ErrorKind::Io, path, 0, 0, std::string("for perf: ") + std::strerror(errno)};
}

class PosixFile final : public ProfilerFile {
public:
  PosixFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor), owner_(getpid()) {}

  Result<void> append(const void* bytes, u64 size) override {
    if (getpid() != owner_) return {}; // a forked child: the file is named after its parent
    const std::lock_guard lock(mutex_);
    const char* at = static_cast<const char*>(bytes);
    while (size != 0) {
      const ssize_t done = write(descriptor_, at, size);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return refused(path_);
      at += done;
      size -= static_cast<u64>(done);
    }
    return {};
  }

private:
  std::mutex mutex_;
  const std::string path_;
  const int descriptor_;
  const pid_t owner_;
};

struct Files {
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<ProfilerFile>> by_path;
};

/// Never destroyed: code may be installed until the process ends.
Files& files() {
  static Files* const all = new Files;
  return *all;
}

/// What perf record sees. It stays mapped, and what the pages hold does not matter.
bool map_marker(int descriptor) {
  const long page = sysconf(_SC_PAGESIZE);
  return mmap(nullptr, static_cast<std::size_t>(page), PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0) != MAP_FAILED;
}

} // namespace

Result<OpenedProfilerFile> open_profiler_file(const std::string& path, bool marked) {
  Files& all = files();
  const std::lock_guard lock(all.mutex);
  if (const auto known = all.by_path.find(path); known != all.by_path.end())
    return OpenedProfilerFile{known->second.get(), false};
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return refused(path);
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_APPEND, 0600);
  if (descriptor < 0) return refused(path);
  if (marked && !map_marker(descriptor)) {
    Error error = refused(path);
    close(descriptor);
    unlink(path.c_str());
    return error;
  }
  auto& file = all.by_path[path];
  file = std::make_unique<PosixFile>(path, descriptor);
  return OpenedProfilerFile{file.get(), true};
}

u32 process_number() { return static_cast<u32>(getpid()); }

u32 thread_number() {
#if defined(__linux__)
  return static_cast<u32>(syscall(SYS_gettid));
#else
  return process_number();
#endif
}

u64 profiler_clock() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<u64>(now.tv_sec) * 1000000000u + static_cast<u64>(now.tv_nsec);
}

} // namespace assay::os
