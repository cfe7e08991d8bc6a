// run_tool.h - runs a debugger or profiler on the debuggee and gives what it printed.
//
// A tool that is not installed is a skip with that reason. Needs a POSIX shell. Used by the tests of this folder.
#pragma once

#include <array>
#include <cstdio>
#include <string>

#include <unistd.h>

namespace assay {

inline const std::string kDebuggee = ASSAY_DEBUGGEE;
inline const std::string kProgram = ASSAY_SOURCE_DIR "/compiler/debug/tools/tests/nested.air";

struct Ran {
  int status = -1;    // of the shell
  std::string output; // both streams
};

inline Ran run_shell(const std::string& command) {
  Ran out;
  FILE* pipe = popen(("{ " + command + "; } 2>&1 </dev/null").c_str(), "r");
  if (pipe == nullptr) return out;
  std::array<char, 4096> buffer;
  for (size_t got; (got = fread(buffer.data(), 1, buffer.size(), pipe)) != 0;) out.output.append(buffer.data(), got);
  out.status = pclose(pipe);
  return out;
}

inline bool is_installed(const std::string& tool) {
  return run_shell("command -v " + tool + " >/dev/null").status == 0;
}

/// A fresh folder, gone with this.
class TemporaryFolder {
public:
  TemporaryFolder() {
    const char* base = getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/assay-tools-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    if (!path_.empty()) static_cast<void>(run_shell("rm -rf -- '" + path_ + "'"));
  }
  const std::string& path() const { return path_; }

private:
  std::string path_;
};

/// How often `what` occurs.
inline size_t count_of(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++count;
  return count;
}

} // namespace assay
