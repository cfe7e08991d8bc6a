// cfi_support.h - an evaluator of call frame instructions, and readelf as another one. Shares nothing with the writer.
#pragma once

#include "assay/types.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace assay::unwind {

struct Row {
  u32 cfa_register = 0;
  i64 cfa_offset = 0;
  bool signed_return = false;
  std::map<u32, i64> saved; // DWARF register: at CFA + this
};

/// Reads the section and gives the row in force at a pc.
class Evaluator {
public:
  Evaluator(const std::vector<u8>& section, i64 section_at) : bytes_(section), section_at_(section_at) {}

  /// Offsets of entries; the FDE for `pc` (an offset in the code), or false.
  bool row_at(u32 pc, Row& row) {
    for (u32 at = 0; u32 length = u32_at(at); at += 4 + length) {
      const u32 id = u32_at(at + 4);
      if (id == 0) continue;
      const i64 begin = section_at_ + at + 8 + static_cast<i32>(u32_at(at + 8));
      const u32 range = u32_at(at + 12);
      if (pc < begin || pc >= begin + range) continue;
      const u32 cie = at + 4 - id;
      code_factor_ = bytes_.at(cie + 12);
      run(cie + 17, cie + 4 + u32_at(cie), 0, row);
      initial_ = row;
      run(at + 17, at + 4 + length, pc - static_cast<u32>(begin), row);
      return true;
    }
    return false;
  }
  u32 u32_at(u32 at) const {
    u32 value = 0;
    std::memcpy(&value, &bytes_.at(at + 3) - 3, 4);
    return value;
  }

private:
  u64 uleb(u32& at) const {
    u64 value = 0;
    for (u32 shift = 0;; shift += 7) {
      const u8 byte = bytes_.at(at++);
      value |= u64{byte & 127u} << shift;
      if (byte < 128) return value;
    }
  }
  i64 sleb(u32& at) const {
    i64 value = 0;
    for (u32 shift = 0;;) {
      const u8 byte = bytes_.at(at++);
      value |= static_cast<i64>(byte & 127u) << shift;
      shift += 7;
      if (byte < 128) return byte >= 64 ? value - (i64{1} << shift) : value;
    }
  }
  void run(u32 at, u32 end, u32 pc, Row& row) {
    u32 location = 0;
    std::vector<Row> stack;
    while (at < end) {
      const u8 op = bytes_.at(at++);
      u32 delta = 0;
      if (op >> 6 == 1) delta = op & 63;
      else if (op >> 6 == 2) row.saved[op & 63] = -8 * static_cast<i64>(uleb(at));
      else if (op >> 6 == 3) restore(row, op & 63);
      else if (op == 2) delta = bytes_.at(at), at += 1;
      else if (op == 3) delta = bytes_.at(at) + 256u * bytes_.at(at + 1), at += 2;
      else if (op == 4) delta = u32_at(at), at += 4;
      else if (op == 0x05)
        delta = static_cast<u32>(uleb(at)), row.saved[delta] = -8 * static_cast<i64>(uleb(at)), delta = 0;
      else if (op == 0x06) restore(row, static_cast<u32>(uleb(at)));
      else if (op == 0x2d) row.signed_return = !row.signed_return;
      else if (op == 0x0a) stack.push_back(row);
      else if (op == 0x0b) row = stack.at(stack.size() - 1), stack.pop_back();
      else if (op == 0x0c) row.cfa_register = static_cast<u32>(uleb(at)), row.cfa_offset = static_cast<i64>(uleb(at));
      else if (op == 0x12) row.cfa_register = static_cast<u32>(uleb(at)), row.cfa_offset = -8 * sleb(at);
      else if (op == 0x13) row.cfa_offset = -8 * sleb(at);
      else if (op == 0x0e) row.cfa_offset = static_cast<i64>(uleb(at));
      else ASSERT_EQ(op, 0) << "unknown call frame instruction";
      location += delta * code_factor_;
      if (location > pc) return;
    }
  }
  void restore(Row& row, u32 reg) {
    const auto first = initial_.saved.find(reg);
    if (first == initial_.saved.end()) row.saved.erase(reg);
    else row.saved[reg] = first->second;
  }

  const std::vector<u8>& bytes_;
  i64 section_at_;
  u32 code_factor_ = 1;
  Row initial_;
};

inline std::string run_and_read(const std::string& command) {
  std::string text;
#if defined(_WIN32)
  static_cast<void>(command);
#else
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, n);
  if (pclose(pipe) != 0) text.clear();
#endif
  return text;
}

/// Lines of words, one blank between words; only the FDEs' rows and headings.
inline std::vector<std::string> interp_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string joined;
    for (std::string word; words >> word;) joined += (joined.empty() ? "" : " ") + word;
    if (!joined.empty()) lines.push_back(joined);
  }
  return lines;
}

/// For a temporary file: other processes run the same test code, and an emulator gives each the same addresses.
inline std::string unique_name() {
  std::random_device random;
  return std::to_string(random()) + "_" + std::to_string(random());
}

/// The section, at address 0 of an object file for `machine` (ELF's number), as readelf shows it; empty when there are
/// no tools for that.
inline std::string readelf_frames(const std::vector<u8>& section, u16 machine) {
  if (run_and_read("objcopy --version 2>/dev/null").empty() || run_and_read("readelf --version 2>/dev/null").empty())
    return {};
  const std::string stem = testing::TempDir() + "assay_eh_frame_" + unique_name();
  std::ofstream(stem + ".bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(section.data()), static_cast<std::streamsize>(section.size()));
  std::string text = run_and_read(
      "objcopy -I binary -O elf64-little --rename-section .data=.eh_frame,alloc,load,readonly,data,contents " + stem +
      ".bin " + stem + ".o 2>&1 && echo made");
  if (!text.empty()) {
    std::fstream object(stem + ".o", std::ios::binary | std::ios::in | std::ios::out);
    object.seekp(18); // e_machine
    const char number[2] = {static_cast<char>(machine & 0xff), static_cast<char>(machine >> 8)};
    object.write(number, 2);
    object.close();
    text = run_and_read("readelf --debug-dump=frames-interp " + stem + ".o 2>&1");
  }
  for (const char* suffix : {".bin", ".o"}) std::remove((stem + suffix).c_str());
  return text;
}

/// Whether these lines come in this order.
inline testing::AssertionResult has_rows(const std::string& text, const std::vector<std::string>& rows) {
  size_t found = 0;
  for (const std::string& line : interp_lines(text))
    if (found < rows.size() && line == rows[found]) ++found;
  if (found == rows.size()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "missing: " << rows[found] << "\n" << text;
}

} // namespace assay::unwind
