// profiler_windows.cpp - perf is Linux's: nothing to write for it here.
#include "compiler/os/profiler.h"

namespace assay::os {

Result<OpenedProfilerFile> open_profiler_file(const std::string&, bool) {
  return Error{ErrorKind::Unsupported, {}, 0, 0, "files for perf: this system has no perf"};
}

u32 process_number() { return 0; }
u32 thread_number() { return 0; }
u64 profiler_clock() { return 0; }

} // namespace assay::os
