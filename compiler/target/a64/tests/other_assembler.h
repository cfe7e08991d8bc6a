// other_assembler.h - the bytes that another assembler makes of A64 texts: llvm-mc, or GNU as for A64.
//
// Runs a program of the host; where none is found the caller skips, with the reason.
#pragma once

#include "assay/types.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace assay::a64::test {

#ifdef _WIN32
inline constexpr const char* kNoOutput = " >NUL 2>NUL";
#else
inline constexpr const char* kNoOutput = " >/dev/null 2>&1";
#endif

/// A command that takes `-o object source`, or "" when there is none on this host.
inline const std::string& other_assembler() {
  static const std::string found = [] {
    for (const char* name : {"llvm-mc-19", "llvm-mc-14", "llvm-mc", "aarch64-linux-gnu-as"}) {
      if (std::system((std::string(name) + " --version" + kNoOutput).c_str()) != 0) continue;
      const bool gnu = std::strstr(name, "-as") != nullptr;
      return name + std::string(gnu ? " -march=armv8.5-a" : " -triple=aarch64-linux-gnu -mattr=+v8.5a -filetype=obj");
    }
    return std::string();
  }();
  return found;
}

/// GNU as takes no number as the target of adrp.
inline bool other_takes_pages() { return other_assembler().find("-as ") == std::string::npos; }

template <typename T> T read_at(const std::vector<u8>& bytes, size_t at) {
  T value{};
  if (at + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// The contents of the section .text of an ELF64 file; empty when there is none.
inline std::vector<u8> text_section(const std::vector<u8>& elf) {
  const u64 headers = read_at<u64>(elf, 0x28);
  const u32 size = read_at<u16>(elf, 0x3a), count = read_at<u16>(elf, 0x3c), names = read_at<u16>(elf, 0x3e);
  const u64 names_at = read_at<u64>(elf, headers + u64{names} * size + 0x18);
  for (u32 i = 0; i < count; ++i) {
    const u64 header = headers + u64{i} * size;
    const u64 name = names_at + read_at<u32>(elf, header);
    if (name + 6 > elf.size() || std::memcmp(elf.data() + name, ".text", 6) != 0) continue;
    const u64 offset = read_at<u64>(elf, header + 0x18), length = read_at<u64>(elf, header + 0x20);
    if (offset + length > elf.size()) return {};
    const auto first = elf.begin() + static_cast<std::ptrdiff_t>(offset);
    return {first, first + static_cast<std::ptrdiff_t>(length)};
  }
  return {};
}

/// False when the assembler refused the texts; it has then printed which.
inline bool assemble(const std::string& stem, const std::vector<std::string>& texts, std::vector<u8>& out) {
  {
    std::ofstream source(stem + ".s");
    for (const std::string& text : texts) source << text << "\n";
  }
  const std::string command = other_assembler() + " -o " + stem + ".o " + stem + ".s";
  const bool done = std::system(command.c_str()) == 0;
  if (done) {
    std::ifstream object(stem + ".o", std::ios::binary);
    const std::vector<u8> elf{std::istreambuf_iterator<char>(object), {}};
    out = text_section(elf);
  }
  std::remove((stem + ".s").c_str());
  std::remove((stem + ".o").c_str());
  return done;
}

} // namespace assay::a64::test
