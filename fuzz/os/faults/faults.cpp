// faults.cpp - a library that lets a chosen call of the system fail, to be loaded before a program (LD_PRELOAD) by
// tests.
//
// ASSAY_FAULT=NAME@N lets the N-th call of NAME fail as the system would; NAME@N+ that one and all after it. NAME is
// a row of faults.def, or `new` (C++ allocates), or `bytes`: files take N bytes in all, what comes after finds the
// disk full. What the standard streams are given is not counted. When a fault strikes, a byte is appended to the file
// ASSAY_FAULT_LOG: without, the call was never reached. Nothing of this is in any program of ours: the faults are in
// place of the system's own functions, so that there is no switch to leave on. Counting is over the process and what
// it forks, each from where it was forked.
//
// Linux with glibc. Tested by fuzz/os/faults/faults_test.sh, which is its use.
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <new>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

char chosen[32] = {};
long long wanted = 0;
bool onwards = false;
std::atomic<long long> count{0};
bool in_main = false; // what is done before is not the program's to handle

__attribute__((constructor)) void read_choice() {
  const char* text = getenv("ASSAY_FAULT");
  const char* at = text == nullptr ? nullptr : strchr(text, '@');
  if (at == nullptr || at - text >= static_cast<long>(sizeof chosen)) return;
  char* end = nullptr;
  wanted = strtoll(at + 1, &end, 10);
  onwards = *end == '+';
  memcpy(chosen, text, static_cast<std::size_t>(at - text)); // last: from here on it counts
}

void note() {
  const char* path = getenv("ASSAY_FAULT_LOG");
  const int file = path == nullptr ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) return;
  using Write = ssize_t (*)(int, const void*, size_t);
  static const auto real = reinterpret_cast<Write>(dlsym(RTLD_NEXT, "write"));
  static_cast<void>(real(file, "x", 1));
  close(file);
}

/// Whether this call of `name` is to fail.
bool strikes(const char* name) {
  if (!in_main || strcmp(name, chosen) != 0) return false;
  const long long number = ++count;
  const bool struck = onwards ? number >= wanted : number == wanted;
  const int kept = errno;
  if (struck) note();
  errno = kept;
  return struck;
}

/// Of a write of so many bytes to a file: how many of them fit. -1: all.
long long fitting(int file, long long bytes) {
  if (!in_main || file <= STDERR_FILENO || strcmp(chosen, "bytes") != 0) return -1;
  const long long before = count.fetch_add(bytes);
  if (before + bytes <= wanted) return -1;
  note();
  return before >= wanted ? 0 : wanted - before;
}

template <typename F> F next(const char* name) { return reinterpret_cast<F>(dlsym(RTLD_NEXT, name)); }

using Main = int (*)(int, char**, char**);
Main real_main = nullptr;
int begin_main(int argc, char** argv, char** environment) {
  in_main = true;
  return real_main(argc, argv, environment);
}

} // namespace

extern "C" {

int __libc_start_main(Main program, int argc, char** argv, void (*begin)(), void (*end)(), void (*unload)(),
                      void* stack) {
  using Start = int (*)(Main, int, char**, void (*)(), void (*)(), void (*)(), void*);
  static const auto real = next<Start>("__libc_start_main");
  real_main = program;
  return real(begin_main, argc, argv, begin, end, unload, stack);
}

#define FAULT(result, name, params, args, failed, reason)   \
  result name params {                                      \
    static const auto real = next<result(*) params>(#name); \
    if (!strikes(#name)) return real args;                  \
    errno = reason;                                         \
    return failed;                                          \
  }
#include "fuzz/os/faults/faults.def"
#undef FAULT

int posix_spawn(pid_t* process, const char* path, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes, char* const arguments[], char* const environment[]) {
  static const auto real = next<decltype(&posix_spawn)>("posix_spawn");
  if (strikes("posix_spawn")) return EAGAIN;
  return real(process, path, actions, attributes, arguments, environment);
}

ssize_t write(int file, const void* bytes, size_t size) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  const long long fits = fitting(file, static_cast<long long>(size));
  if (fits < 0) return real(file, bytes, size);
  if (fits > 0) return real(file, bytes, static_cast<size_t>(fits));
  errno = ENOSPC;
  return -1;
}

ssize_t writev(int file, const iovec* parts, int parts_count) {
  static const auto real = next<ssize_t (*)(int, const iovec*, int)>("writev");
  long long all = 0;
  for (int i = 0; i < parts_count; ++i) all += static_cast<long long>(parts[i].iov_len);
  if (fitting(file, all) < 0) return real(file, parts, parts_count);
  errno = ENOSPC;
  return -1;
}

ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t at) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  const long long fits = fitting(file, static_cast<long long>(size));
  if (fits < 0) return real(file, bytes, size, at);
  if (fits > 0) return real(file, bytes, static_cast<size_t>(fits), at);
  errno = ENOSPC;
  return -1;
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t at) { return pwrite64(file, bytes, size, at); }

size_t fwrite(const void* bytes, size_t size, size_t items, FILE* file) {
  static const auto real = next<size_t (*)(const void*, size_t, size_t, FILE*)>("fwrite");
  const long long fits = fitting(fileno(file), static_cast<long long>(size * items));
  if (fits < 0) return real(bytes, size, items, file);
  const size_t written = real(bytes, 1, static_cast<size_t>(fits), file);
  errno = ENOSPC;
  return size == 0 ? 0 : written / size;
}
}

void* operator new(std::size_t size) {
  if (!strikes("new")) {
    if (void* got = std::malloc(size == 0 ? 1 : size)) return got;
  }
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return strikes("new") ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept { return operator new(size, tag); }
void operator delete(void* at) noexcept { std::free(at); }
void operator delete[](void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }
void operator delete[](void* at, std::size_t) noexcept { std::free(at); }
