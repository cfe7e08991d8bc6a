// work_folder.h - a folder for the files of a command, which goes with its owner.
//
// In the system's folder for temporary files, with the number of the process in its name, or one that the user named:
// that stays. Tested through `assay opinion` and `assay bench --kernels` in fuzz/cli/tests/cli_test.cmake.
#pragma once

#include "fuzz/os/process.h"

#include <filesystem>
#include <string>

namespace assay::cli {

class WorkFolder {
public:
  /// `kept`: a folder of the user's; empty: a temporary one, "assay-WHAT-NUMBER".
  explicit WorkFolder(const std::string& what, const std::string& kept = {}) : kept_(!kept.empty()) {
    std::error_code ignored; // writing the first file says what is wrong
    path_ = kept_ ? std::filesystem::path(kept)
                  : std::filesystem::temp_directory_path(ignored) /
                        ("assay-" + what + "-" + std::to_string(fuzz::process_id()));
    std::filesystem::create_directories(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  ~WorkFolder() {
    std::error_code ignored;
    if (!kept_) std::filesystem::remove_all(path_, ignored);
  }
  std::string path() const { return path_.string(); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
  std::filesystem::path path_;
  bool kept_;
};

} // namespace assay::cli
