// unwind_registry_test.cpp - the unwinder finds what is registered, for as long as it is, and says so when not.
//
// The sections are hand-made: one CIE ("zR", pcrel sdata4) and one FDE a function, frame pointer as CFA.
#include "compiler/os/exec_memory.h"
#include "compiler/os/unwind_registry.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace assay::os {
namespace {

#if !defined(_WIN32)

void put32(std::vector<u8>& out, u32 value) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<u8>(value >> (8 * i)));
}

/// A section for `functions` of 16 bytes each at `code`, to lie at `section`.
std::vector<u8> make_section(const u8* code, u32 functions, const u8* section) {
  std::vector<u8> out;
  put32(out, 20);
  put32(out, 0);
  for (const u8 byte : {1, 'z' + 0, 'R' + 0, 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0})
    out.push_back(static_cast<u8>(byte));
  for (u32 i = 0; i < functions; ++i) {
    put32(out, 16);
    put32(out, static_cast<u32>(out.size()));
    put32(out, static_cast<u32>(code + i * 16 - (section + out.size())));
    put32(out, 16);
    put32(out, 0);
  }
  put32(out, 0);
  return out;
}

class Installed {
public:
  explicit Installed(u32 functions, bool verify = true) : arena_(BumpArena::create(65536).value()) {
    const CodeBlock block = *arena_.allocate(40000);
    code_ = block.exec;
    functions_ = functions;
    const auto section = make_section(block.exec, functions, block.exec + 16 * functions);
    std::memcpy(block.write + 16 * functions, section.data(), section.size());
    registered_ =
        UnwindRegistration::add({code_ + 16 * functions, section.size(), code_, code_ + 16 * functions - 1}, verify);
  }
  bool finds(u32 function) const { return unwinder_finds(code_ + 16 * function + 5); }
  BumpArena arena_;
  const u8* code_ = nullptr;
  u32 functions_ = 0;
  Result<UnwindRegistration> registered_ = UnwindRegistration();
};

TEST(UnwindRegistry, EveryFunctionOfASectionIsFoundAndNoneAfterRemoval) {
  Installed code(300);
  ASSERT_TRUE(code.registered_) << code.registered_.error().to_string();
  for (u32 i = 0; i < 300; ++i) ASSERT_TRUE(code.finds(i)) << i;
  EXPECT_FALSE(unwinder_finds(code.code_ + 300 * 16 + 5));
  ASSERT_TRUE(code.registered_->remove());
  for (u32 i = 0; i < 300; ++i) ASSERT_FALSE(code.finds(i)) << i;
}

TEST(UnwindRegistry, UncheckedRegistrationWorksToo) {
  Installed first(1), second(3, false);
  ASSERT_TRUE(second.registered_);
  EXPECT_TRUE(second.finds(0) && second.finds(2));
}

TEST(UnwindRegistry, DestructionRemoves) {
  Installed code(2);
  {
    const UnwindRegistration moved = std::move(*code.registered_);
    EXPECT_TRUE(code.finds(1));
  }
  EXPECT_FALSE(code.finds(1));
}

TEST(UnwindRegistry, SameSectionAgainAndAgain) {
  Installed code(1);
  const u8* section = code.code_ + 16;
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(code.registered_->remove());
    code.registered_ = UnwindRegistration::add({section, 48, code.code_, code.code_ + 15}, i % 2 == 0);
    ASSERT_TRUE(code.registered_) << code.registered_.error().to_string();
  }
  EXPECT_TRUE(code.finds(0));
}

TEST(UnwindRegistry, MissingZeroWordIsAnError) {
  Installed code(1);
  ASSERT_TRUE(code.registered_->remove());
  const auto cut = UnwindRegistration::add({code.code_ + 16, 44, code.code_, code.code_ + 15});
  ASSERT_FALSE(cut);
  EXPECT_NE(cut.error().message.find("zero word"), std::string::npos);
}

TEST(UnwindRegistry, RangeThatIsNotCoveredIsAnError) {
  Installed code(2);
  ASSERT_TRUE(code.registered_->remove());
  const auto more = UnwindRegistration::add({code.code_ + 32, 68, code.code_, code.code_ + 32 + 5});
  ASSERT_FALSE(more);
  EXPECT_FALSE(code.finds(0)) << "a failed registration must leave nothing";
}

#endif

} // namespace
} // namespace assay::os
