// third_party_test.cpp - other people's readers say the same of the same bytes: readelf each row of .eh_frame of the
// whole
// corpus, llvm-readobj the frames of the x64 function tables. Skipped, with the reason, where they are not installed.
#include "oracle/unwind/dwarf.h"
#include "oracle/unwind/windows.h"

#include "assay/compiler.h"
#include "assay/verify.h"
#include "compiler/unwind/dwarf.h"
#include "compiler/unwind/tests/corpus_support.h"
#include "compiler/unwind/tests/windows_image.h"

#include <algorithm>
#include <sstream>

namespace assay::oracle {
namespace {

constexpr i64 kSectionAt = -0x1000000; // the section at 0, the code behind it
constexpr u64 kCodeAt = 0x1000000;

/// All programs of the corpus, compiled.
template <typename Visit> void each_object(Target target, Os os, Visit visit) {
  for (const std::string& text : unwind::corpus_programs()) {
    const auto module = parse_and_verify(text);
    if (!module) continue;
    CompileOptions options;
    options.target = target;
    options.os = options.host_os = os;
    CodeObject object;
    if (!Compiler(options).compile(*module, object)) continue;
    visit(object);
    if (testing::Test::HasFatalFailure()) return;
  }
}

// ---- readelf -------------------------------------------------------------------------------------------

/// Unified index of a register by readelf's name; kNoRegister: none.
RegIndex register_named(Target target, const std::string& name) {
  constexpr const char* kX64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                  "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  if (target == Target::A64 && name == "sp") return 31;
  if (target == Target::A64 && (name[0] == 'x' || name[0] == 'v'))
    return static_cast<RegIndex>(std::stoul(name.substr(1)) + (name[0] == 'v' ? 32 : 0));
  if (target == Target::X64 && name.substr(0, 3) == "xmm")
    return static_cast<RegIndex>(32 + std::stoul(name.substr(3)));
  for (u32 i = 0; target == Target::X64 && i < 16; ++i) {
    if (name == kX64[i]) return static_cast<RegIndex>(i);
  }
  return kNoRegister;
}

/// "rbp+16", "c-8": what is before the sign, and the number.
std::pair<std::string, i64> sum(const std::string& text) {
  const std::size_t sign = text.find_first_of("+-");
  if (sign == std::string::npos) return {text, 0};
  return {text.substr(0, sign), std::stoll(text.substr(sign))};
}

void compare_row(Target target, const std::vector<std::string>& heading, const std::vector<std::string>& words,
                 const DwarfTables& tables) {
  const u64 pc = std::stoull(words[0], nullptr, 16);
  FrameRule rule;
  const auto found = tables.rule_at(pc, false, rule);
  ASSERT_TRUE(found) << found.error().message;
  const auto [base, offset] = sum(words[1]);
  ASSERT_EQ(rule.caller_sp.base, register_named(target, base)) << words[1];
  ASSERT_EQ(rule.caller_sp.offset, offset);
  u32 saved = 0;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const RegIndex reg = register_named(target, heading[i]);
    const bool in_memory = words[i].substr(0, 1) == "c";
    const i64 place = offset + sum(words[i]).second;
    if (heading[i] == "ra") {
      ASSERT_EQ(rule.return_in == kNoRegister, in_memory);
      if (in_memory) {
        ASSERT_EQ(rule.return_at.offset, place);
      }
      saved += target == Target::A64 && in_memory; // x30 is a register as well
      continue;
    }
    if (reg == kNoRegister) continue; // ra_sign_state
    const SavedRegister* at = rule.find(reg);
    ASSERT_EQ(at != nullptr, in_memory) << heading[i];
    if (at == nullptr) continue;
    ++saved;
    ASSERT_EQ(at->at.offset, place) << heading[i];
  }
  ASSERT_EQ(rule.saved_count, saved);
}

u32 compare_rows(Target target, const std::string& text, const DwarfTables& tables, std::vector<u64>& starts) {
  std::vector<std::string> heading;
  u32 rows = 0;
  bool in_fde = false;
  for (const std::string& line : unwind::interp_lines(text)) {
    if (line.find(" CIE ") != std::string::npos) in_fde = false;
    if (line.find(" FDE ") != std::string::npos) in_fde = true;
    std::istringstream in(line);
    const std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
    if (words[0] == "LOC") heading = words;
    else if (in_fde && words.size() == heading.size() && words[0].size() == 16 &&
             words[1].find_first_of("+-") != std::string::npos) {
      compare_row(target, heading, words, tables);
      if (testing::Test::HasFatalFailure()) {
        ADD_FAILURE() << line;
        return rows;
      }
      starts.push_back(std::stoull(words[0], nullptr, 16));
      ++rows;
    }
  }
  return rows;
}

class Readelf : public testing::TestWithParam<std::pair<Target, Os>> {};

TEST_P(Readelf, EveryRowOfTheCorpusIsTheSame) {
  const auto [target, os] = GetParam();
  u32 rows = 0;
  bool missing = false;
  each_object(target, os, [&](const CodeObject& object) {
    unwind::EhFrameOptions options;
    options.vector_registers = true;
    std::vector<u8> section;
    ASSERT_TRUE(unwind::write_eh_frame(object, kSectionAt, section, options));
    const auto tables = DwarfTables::open(target, {0, section}, {kCodeAt, object.code}, {});
    ASSERT_TRUE(tables) << tables.error().message;
    const std::string text = unwind::readelf_frames(section, target == Target::X64 ? 62 : 183);
    missing = missing || text.empty();
    std::vector<u64> theirs, ours;
    rows += compare_rows(target, text, **tables, theirs);
    if (HasFatalFailure() || missing) return;
    ASSERT_TRUE((*tables)->boundaries(ours));
    std::sort(ours.begin(), ours.end());
    std::sort(theirs.begin(), theirs.end());
    ASSERT_EQ(ours, theirs); // a row each, and no other
  });
  if (missing) GTEST_SKIP() << "no objcopy and readelf that can do this on this host";
  EXPECT_GT(rows, 2000u);
}

INSTANTIATE_TEST_SUITE_P(Everywhere, Readelf,
                         testing::Values(std::pair{Target::X64, Os::Linux}, std::pair{Target::X64, Os::Windows},
                                         std::pair{Target::A64, Os::Linux}, std::pair{Target::A64, Os::Apple}),
                         [](const auto& row) {
                           return std::string(name_of(row.param.first)) + "_" + std::string(name_of(row.param.second));
                         });

// ---- llvm-readobj --------------------------------------------------------------------------------------

/// What the codes of a function come to in its body, counted from the base that saves are counted from.
struct Frame {
  i64 depth = 0; // of the stack when the last code was executed
  std::string frame_register;
  i64 frame_offset = 0;
  std::vector<std::pair<std::string, i64>> pushed; // by depth behind it
  std::vector<std::pair<std::string, i64>> saved;  // from the base
};

/// "reg=RBP, offset=0x20" of a line.
std::string field(const std::string& line, const std::string& name) {
  const std::size_t at = line.find(name + "=");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 1;
  return line.substr(begin, line.find_first_of(", ", begin) - begin);
}

/// LLVM lists codes from the last to the first: read backwards.
Frame frame_of(const std::vector<std::string>& codes) {
  Frame out;
  for (auto line = codes.rbegin(); line != codes.rend(); ++line) {
    const auto has = [&](const char* name) { return line->find(name) != std::string::npos; };
    if (has("PUSH_NONVOL")) out.pushed.emplace_back(field(*line, "reg"), out.depth += 8);
    else if (has("ALLOC_")) out.depth += std::stoll(field(*line, "size"), nullptr, 0);
    else if (has("SET_FPREG")) {
      out.frame_register = field(*line, "reg");
      out.frame_offset = std::stoll(field(*line, "offset"), nullptr, 0);
    } else if (has("SAVE_"))
      out.saved.emplace_back(field(*line, "reg"), std::stoll(field(*line, "offset"), nullptr, 0));
  }
  return out;
}

RegIndex windows_register(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
  return register_named(Target::X64, name);
}

void compare_frame(const Frame& frame, const FrameRule& rule) {
  // From the frame register: base + frame_offset; from rsp: base.
  const bool framed = !frame.frame_register.empty();
  const i64 base = framed ? -frame.frame_offset : 0; // of what rule.caller_sp is counted from
  ASSERT_EQ(rule.caller_sp.base, framed ? windows_register(frame.frame_register) : 4);
  for (const auto& [name, offset] : frame.saved) {
    const SavedRegister* at = rule.find(windows_register(name));
    ASSERT_NE(at, nullptr) << name;
    ASSERT_EQ(at->at.offset, base + offset) << name;
  }
  for (const auto& [name, depth] : frame.pushed) {
    const SavedRegister* at = rule.find(windows_register(name));
    ASSERT_NE(at, nullptr) << name;
    ASSERT_EQ(rule.caller_sp.offset - at->at.offset, depth + 8) << name; // the return address lies above
  }
  ASSERT_EQ(rule.saved_count, frame.saved.size() + frame.pushed.size());
}

TEST(LlvmReadobj, X64FramesOfTheCorpusAreTheSame) {
  std::string tool;
  for (const char* name : {"llvm-readobj-19", "llvm-readobj-14", "llvm-readobj"})
    if (tool.empty() && !unwind::run_and_read(std::string(name) + " --version 2>/dev/null").empty()) tool = name;
  if (tool.empty()) GTEST_SKIP() << "no llvm-readobj";
  u32 frames = 0;
  each_object(Target::X64, Os::Windows, [&](const CodeObject& object) {
    const unwind::WindowsImage image(object);
    const std::span<const u8> bytes = image.bytes;
    const auto part = [&](unwind::TableSection s) {
      return Region{image.tables_rva + s.at, bytes.subspan(image.tables_rva + s.at, s.size)};
    };
    const Region code{unwind::WindowsImage::kCode, bytes.subspan(unwind::WindowsImage::kCode, object.code.size())};
    const auto tables = WindowsX64Tables::open({0, code, part(image.tables.entries), part(image.tables.info)}, {});
    ASSERT_TRUE(tables) << tables.error().message;
    u64 begin = 0, prologue = 0;
    bool chained = false;
    std::vector<std::string> codes;
    for (const std::string& line : unwind::interp_lines(image.read_by(tool + " --unwind", 0x8664))) {
      const auto number = [&] { return std::stoull(line.substr(line.find_last_of("( ") + 1), nullptr, 0); };
      if (line.rfind("StartAddress:", 0) == 0) begin = number(), codes.clear(), chained = false;
      else if (line.rfind("PrologSize:", 0) == 0) prologue = number();
      else if (line.find("ChainInfo") != std::string::npos) chained = true;
      else if (line.rfind("0x", 0) == 0) codes.push_back(line);
      if (line != "]" || codes.empty() || chained) continue;
      // In a function without a body the epilogue stands here, where the rule is of what is left: lea rsp, [rbp + x] or
      // a pop.
      const auto body = bytes.subspan(begin + prologue, 3);
      const bool pops = (body[0] & 0xf8) == 0x58 || (body[0] == 0x41 && (body[1] & 0xf8) == 0x58);
      if (pops || (body[0] == 0x48 && body[1] == 0x8d && (body[2] == 0x65 || body[2] == 0xa5))) continue;
      FrameRule rule;
      const auto found = (*tables)->rule_at(begin + prologue, false, rule);
      ASSERT_TRUE(found) << found.error().message;
      compare_frame(frame_of(codes), rule);
      if (HasFatalFailure()) return;
      ++frames;
      codes.clear();
    }
  });
  EXPECT_GT(frames, 300u);
}

} // namespace
} // namespace assay::oracle
