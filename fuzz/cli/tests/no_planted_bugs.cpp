// no_planted_bugs.cpp - whether a binary has anything of the bank of planted bugs: a name, or the hash of one, with
// which
// a site compares.   no_planted_bugs BINARY bank.def absent|present
//
// A build without ASSAY_MUTANTS must have none of either; one with it must have all of both, which shows that the
// search would find them. Code of ARM64 makes a hash of four immediates, which a search does not find: there names
// alone are looked for. Linear in the binary for each name.
#include "assay/planted.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

#if defined(__aarch64__) || defined(_M_ARM64)
constexpr bool kHashesInOnePiece = false;
#else
constexpr bool kHashesInOnePiece = true;
#endif

std::string read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The first column of each row of the bank.
std::vector<std::string> names_in(const std::string& bank) {
  constexpr std::string_view kRow = "\nBUG(";
  std::vector<std::string> out;
  for (std::size_t at = bank.find(kRow); at != std::string::npos; at = bank.find(kRow, at + 1))
    out.push_back(bank.substr(at + kRow.size(), bank.find(',', at) - at - kRow.size()));
  return out;
}

bool contains(const std::string& binary, const std::string& wanted) {
  return std::search(binary.begin(), binary.end(), std::boyer_moore_horspool_searcher(wanted.begin(), wanted.end())) !=
         binary.end();
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string binary = read(argv[1]);
  const std::vector<std::string> names = names_in(read(argv[2]));
  const bool expected = std::strcmp(argv[3], "present") == 0;
  if (binary.empty() || names.empty()) {
    std::fprintf(stderr, "%s or %s cannot be read, or has no rows\n", argv[1], argv[2]);
    return 2;
  }
  int wrong = 0;
  for (const std::string& name : names) {
    const assay::u64 hash = assay::planted::name_hash(name.c_str());
    std::string bytes(sizeof hash, '\0');
    std::memcpy(bytes.data(), &hash, sizeof hash);
    for (const std::string& wanted : {name, bytes}) {
      if (wanted == bytes && !kHashesInOnePiece) continue;
      if (contains(binary, wanted) == expected) continue;
      ++wrong;
      std::fprintf(stderr, "%s: the %s of %s is %s\n", argv[1], wanted == name ? "name" : "hash", name.c_str(),
                   expected ? "missing" : "there");
    }
  }
  return wrong == 0 ? 0 : 1;
}
