// support.h - what the tests of decoders share: a stack with known words, bytes by hand, and LLVM's assembler as a
// writer
// that shares nothing with ours.
#pragma once

#include "oracle/unwind/meaning.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace assay::oracle {

inline constexpr u64 kCode = 0x400000, kStack = 0x7000000000;

/// A register file whose values say which register they are of, and a stack whose words say where they lie.
struct Situation {
  RegisterFile file;
  std::vector<u8> stack = std::vector<u8>(4096);

  explicit Situation(Target target, u64 sp) {
    for (u32 r = 0; r < kUnwindRegisters; ++r) file.value[r][0] = 0x1000 + r, file.value[r][1] = 0x2000 + r;
    file.value[stack_pointer_of(target)][0] = sp;
    for (u64 at = 0; at < stack.size(); at += 8) {
      const u64 word = word_at(kStack + at);
      std::memcpy(stack.data() + at, &word, 8);
    }
  }
  static u64 word_at(u64 address) { return address ^ 0x5555000000000000u; }
  Region region() const { return {kStack, stack}; }
};

inline void put(std::vector<u8>& out, u64 value, u32 bytes) {
  for (u32 i = 0; i < bytes; ++i) out.push_back(static_cast<u8>(value >> (8 * i)));
}
inline void put(std::vector<u8>& out, std::initializer_list<u32> bytes) {
  for (const u32 byte : bytes) out.push_back(static_cast<u8>(byte));
}
inline std::vector<u8> words(std::initializer_list<u32> words) {
  std::vector<u8> out;
  for (const u32 word : words) put(out, word, 4);
  return out;
}

/// How many addresses a rule held for beyond the one asked for; at each of them the tables must say the same.
inline u64 expect_rules_hold(const UnwindTables& tables, u64 begin, u64 end) {
  u64 held = 0;
  for (u64 pc = begin; pc < end; ++pc) {
    FrameRule rule, other;
    if (!tables.rule_at(pc, false, rule)) continue;
    for (u64 at = pc + 1; at < rule.until; ++at, ++held) {
      EXPECT_TRUE(tables.rule_at(at, false, other)) << hex(at);
      EXPECT_TRUE(same_rule(rule, other)) << "from " << hex(pc) << " to " << hex(at);
    }
    if (!tables.rule_at(pc + 1, true, rule)) continue;
    for (u64 at = pc + 2; at <= rule.until; ++at, ++held) {
      EXPECT_TRUE(tables.rule_at(at, true, other)) << hex(at);
      EXPECT_TRUE(same_rule(rule, other)) << "return addresses from " << hex(pc + 1) << " to " << hex(at);
    }
  }
  return held;
}

inline std::string temporary(const std::string& name) { return testing::TempDir() + "assay_unwind_" + name; }
inline bool run(const std::string& command) { return std::system((command + " 2>&1").c_str()) == 0; }
inline std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// A tool of LLVM 14 or of any version; empty: there is none.
inline std::string llvm_tool(const std::string& name) {
  for (const std::string& candidate : {name + "-14", name}) {
    if (run(candidate + " --version > " + temporary("version"))) return candidate;
  }
  return {};
}

/// Assembles with llvm-mc and reads a section of the object with llvm-readobj. False: no such tools here.
inline bool assemble(const std::string& triple, const std::string& source, const std::string& object,
                     const std::vector<std::string>& sections, std::map<std::string, std::vector<u8>>& out) {
  const std::string mc = llvm_tool("llvm-mc"), readobj = llvm_tool("llvm-readobj");
  if (mc.empty() || readobj.empty()) return false;
  const std::string path = temporary(object), dump = temporary(object + ".dump");
  std::ofstream(path + ".s") << source;
  if (!run(mc + " -triple " + triple + " -filetype=obj " + path + ".s -o " + path)) return false;
  for (const std::string& section : sections) {
    if (!run(readobj + " --hex-dump=" + section + " " + path + " > " + dump)) return false;
    std::istringstream lines(read_file(dump));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("0x")) continue;
      // "0x00000000 01100625 10680100 0b030652 02300150 text": the text begins in a fixed column
      const std::size_t first = line.find(' ') + 1;
      const std::string digits = line.substr(first, 36);
      std::string pair;
      for (const char c : digits) {
        if (c == ' ') continue;
        pair += c;
        if (pair.size() < 2) continue;
        out[section].push_back(static_cast<u8>(std::stoul(pair, nullptr, 16)));
        pair.clear();
      }
    }
  }
  return true;
}

} // namespace assay::oracle
