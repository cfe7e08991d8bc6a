// corpus_support.h - the texts of all AIR programs of the corpus, or of one of its folders, in the order of their
// paths.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace assay::unwind {

inline std::vector<std::string> corpus_programs(const std::string& folder = {}) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(ASSAY_SOURCE_DIR "/corpus/" + folder))
    if (entry.path().extension() == ".air") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> texts;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    texts.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return texts;
}

} // namespace assay::unwind
