// profiler.h - the files that perf finds by the number of this process, and the clock and numbers that go into them.
//
// There is one file of a name in a process, whoever asks for it; it is made anew at the first request, readable by its
// owner only, never through a link that lies in the way, and stays open and on the disk. A forked child writes to none
// of them. Thread-safe. Unsupported where there is no perf (Windows, macOS). Tested in
// compiler/debug/tools/tests/profiler_test.cpp.
#pragma once

#include "assay/errors.h"
#include "assay/types.h"

#include <string>

namespace assay::os {

class ProfilerFile {
public:
  virtual ~ProfilerFile() = default;
  /// All of it or, on an Error, possibly a part. Bytes of one call stay together.
  virtual Result<void> append(const void* bytes, u64 size) = 0;
};

/// The file of that name, and whether this request made it. With `marked` a page of it is mapped as code, which is how
/// perf learns of it while it records. Io when the system refuses.
struct OpenedProfilerFile {
  ProfilerFile* file = nullptr; // lives until the process ends
  bool made = false;
};
Result<OpenedProfilerFile> open_profiler_file(const std::string& path, bool marked);

u32 process_number();
u32 thread_number();
/// Nanoseconds of CLOCK_MONOTONIC, `perf record -k mono`.
u64 profiler_clock();

} // namespace assay::os
