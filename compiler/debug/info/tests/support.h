// support.h - a program compiled for both targets, and a strict reader of little-endian bytes. For the tests of this
// folder.
#pragma once

#include "assay/compiler.h"
#include "assay/text.h"
#include "compiler/debug/info/code_lines.h"
#include "compiler/opt/pipeline.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace assay::debug {

inline constexpr const char* kText = R"(; line 1
import @log(i64)
func @leaf(i64, i64) -> i64 {
^e(%a: i64, %b: i64):
  %q = div_s.i64 %a, %b
  return %q
}
export func @twice(i64, i64) -> i64 {
^e(%a: i64, %b: i64):
  %x = call @leaf(%a, %b)
  call @log(%x)

  %y = call @leaf(%x, %b)
  return %y
}
)";
inline constexpr u32 kLeafLine = 3, kDivLine = 5, kTwiceLine = 8, kFirstCall = 10, kLogCall = 11, kSecondCall = 13;

struct Compiled {
  Module module;
  SourceMap map;
  CodeObject object;
  DebugSource source;

  Compiled(Target target, Level level) {
    module = parse_module(kText, "dir/lines.air", &map).value();
    CompileOptions options;
    options.target = target;
    options.level = level;
    options.os = options.host_os = Os::Linux;
    options.passes.switched_off = 1u << static_cast<u32>(opt::PassId::Inline); // as for all whom debuggers look at
    const auto done = Compiler(options).compile(module, object);
    EXPECT_TRUE(done);
    source = {"dir/lines.air", &module, &map};
  }
  Compiled(const Compiled&) = delete;
  const FunctionCode& function(const char* name) const {
    return object.functions[object.function_entry[module.find_function(name)]];
  }
};

/// Reads what must be there; past the end it fails the test and gives zeros.
class Reader {
public:
  Reader(const u8* at, u64 size) : begin_(at), at_(at), end_(at + size) {}
  u64 number(u32 bytes) {
    u64 value = 0;
    for (u32 i = 0; i < bytes; ++i) value |= static_cast<u64>(byte()) << (8 * i);
    return value;
  }
  u8 byte() {
    if (at_ == end_) {
      ADD_FAILURE() << "read past the end";
      return 0;
    }
    return *at_++;
  }
  std::string text() {
    std::string out;
    for (u8 c; at_ != end_ && (c = byte()) != 0;) out += static_cast<char>(c);
    return out;
  }
  const u8* skip(u64 bytes) {
    const u8* here = at_;
    if (bytes > static_cast<u64>(end_ - at_)) {
      ADD_FAILURE() << "skip past the end";
      bytes = static_cast<u64>(end_ - at_);
    }
    at_ += bytes;
    return here;
  }
  u64 position() const { return static_cast<u64>(at_ - begin_); }
  u64 left() const { return static_cast<u64>(end_ - at_); }

private:
  const u8 *begin_, *at_, *end_;
};

class EveryCompile : public testing::TestWithParam<std::pair<Target, Level>> {};
inline const std::pair<Target, Level> kEveryCompile[] = {
    {Target::X64, Level::O0}, {Target::X64, Level::O2}, {Target::A64, Level::O0}, {Target::A64, Level::O2}};

} // namespace assay::debug
