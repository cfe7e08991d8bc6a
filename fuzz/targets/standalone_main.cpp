// standalone_main.cpp - runs a fuzz target on files, where no fuzzing engine is linked.
//
//   TARGET FILE-OR-FOLDER...      each file once, folders walked
//   TARGET --mutate N FILE        the file, changed N times over, with fixed seeds (targets of AIR text)
//
// Tested by ctest `targets.*`.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
#ifdef ASSAY_CUSTOM_MUTATOR
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed);
#endif

namespace {

namespace fs = std::filesystem;

std::vector<std::uint8_t> read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.string().c_str());
    std::exit(3);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

unsigned run_once(const fs::path& path) {
  const std::vector<std::uint8_t> bytes = read(path);
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  return 1;
}

#ifdef ASSAY_CUSTOM_MUTATOR
unsigned run_mutated(const fs::path& path, unsigned times) {
  constexpr std::size_t kRoom = 1u << 16;
  std::vector<std::uint8_t> bytes = read(path);
  std::size_t size = bytes.size();
  bytes.resize(size + kRoom);
  for (unsigned i = 0; i < times; ++i) {
    size = LLVMFuzzerCustomMutator(bytes.data(), size, bytes.size(), i);
    LLVMFuzzerTestOneInput(bytes.data(), size);
  }
  return times;
}
#endif

} // namespace

int main(int argc, char** argv) {
  unsigned runs = 0;
  for (int i = 1; i < argc; ++i) {
#ifdef ASSAY_CUSTOM_MUTATOR
    if (std::string(argv[i]) == "--mutate" && i + 2 < argc) {
      runs += run_mutated(argv[i + 2], static_cast<unsigned>(std::strtoul(argv[i + 1], nullptr, 10)));
      i += 2;
      continue;
    }
#endif
    if (!fs::is_directory(argv[i])) {
      runs += run_once(argv[i]);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(argv[i]))
      if (entry.is_regular_file()) runs += run_once(entry.path());
  }
  std::printf("%u runs\n", runs);
  return runs == 0 ? 2 : 0;
}
