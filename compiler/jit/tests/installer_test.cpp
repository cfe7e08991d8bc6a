// installer_test.cpp - installed code is where it is said to be, is known to the unwinder, and is gone afterwards.
#include "assay/compiler.h"
#include "assay/verify.h"
#include "compiler/jit/installer.h"
#include "compiler/jit/stubs.h"

#include <gtest/gtest.h>

#include <cstring>

namespace assay::jit {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)

CodeObject compile(std::string_view text) {
  auto module = parse_and_verify(text);
  EXPECT_TRUE(module) << module.error().to_string();
  CodeObject object;
  Compiler compiler{CompileOptions{}};
  const auto done = compiler.compile(*module, object);
  EXPECT_TRUE(done) << done.error().to_string();
  return object;
}

const char* const kTwo = "func @a() -> i32 {\n^entry():\n  %r = const.i32 1\n  return %r\n}\n"
                         "export func @b() -> i32 {\n^entry():\n  %r = call @a()\n  return %r\n}\n";

struct Setup {
  const char* name;
  InstallOptions options;
};

class InstallerTest : public testing::TestWithParam<Setup> {
protected:
  Result<Installer> installer_ = Installer::create(GetParam().options);
};
INSTANTIATE_TEST_SUITE_P(Ways, InstallerTest,
                         testing::Values(Setup{"protect", {}}, Setup{"dual", {false, os::MemoryStrategy::DualMap}},
                                         Setup{"one", {true}}),
                         [](const auto& p) { return std::string(p.param.name); });

TEST_P(InstallerTest, EveryFunctionIsFoundByTheUnwinderUntilRemoval) {
  const CodeObject object = compile(kTwo);
  Installed code;
  ASSERT_TRUE(installer_->install(object, code));
  const u64 a = code.entry(0), b = code.entry(1);
  EXPECT_TRUE(os::unwinder_finds(reinterpret_cast<const u8*>(a)));
  EXPECT_TRUE(os::unwinder_finds(reinterpret_cast<const u8*>(b + 4)));
  EXPECT_TRUE(os::in_code_range(b));
  ASSERT_TRUE(installer_->uninstall(code));
  EXPECT_FALSE(os::unwinder_finds(reinterpret_cast<const u8*>(a)));
  EXPECT_FALSE(os::in_code_range(b));
}

TEST_P(InstallerTest, CodeIsCopiedAndCallsAreLinked) {
  const CodeObject object = compile(kTwo);
  Installed code;
  ASSERT_TRUE(installer_->install(object, code));
  ASSERT_EQ(object.relocs.size(), 1u);
  const Reloc& reloc = object.relocs[0];
  i32 field = 0;
  std::memcpy(&field, reinterpret_cast<const void*>(code.base() + reloc.offset), 4);
#if defined(__x86_64__)
  const i64 distance = i64{field} + 4; // from the end of the field
#else
  const i64 distance = static_cast<i64>(static_cast<u64>(field) << 38) >> 36; // of a bl, in words
#endif
  EXPECT_EQ(code.base() + reloc.offset + static_cast<u64>(distance), code.entry(reloc.function));
  ASSERT_TRUE(installer_->uninstall(code));
}

TEST_P(InstallerTest, AbsoluteRelocationsHoldTheRunningAddress) {
  CodeObject object = compile(kTwo);
  object.relocs = {{object.functions[1].end - 8, RelocKind::Abs64, 0, 3}};
  Installed code;
  ASSERT_TRUE(installer_->install(object, code));
  u64 address = 0;
  std::memcpy(&address, reinterpret_cast<const void*>(code.base() + object.relocs[0].offset), 8);
  EXPECT_EQ(address, code.entry(0) + 3);
  ASSERT_TRUE(installer_->uninstall(code));
}

TEST_P(InstallerTest, PositionsAreThoseOfReturnAddressesAndFaults) {
  CodeObject object = compile(kTwo);
  object.faults = {{object.functions[0].begin + 4, TrapKind::OutOfBounds, {0, 3, 4}}};
  Installed code;
  ASSERT_TRUE(installer_->install(object, code));
  SourcePosition position;
  ASSERT_TRUE(code.position_of(code.base() + object.relocs[0].offset + 4, position));
  EXPECT_EQ(position.position, (Position{1, 0, 0}));
  ASSERT_TRUE(code.position_of(code.entry(0) + 4 + os::kFaultReturn, position));
  EXPECT_EQ(position.position, (Position{0, 3, 4}));
  EXPECT_FALSE(code.position_of(code.entry(0), position));
  EXPECT_FALSE(code.position_of(code.base() - 1, position));
  EXPECT_FALSE(code.position_of(0, position));
  ASSERT_TRUE(installer_->uninstall(code));
}

TEST_P(InstallerTest, ForeignCodeIsRefused) {
  CodeObject object = compile(kTwo);
  object.target = host_target() == Target::X64 ? Target::A64 : Target::X64;
  Installed code;
  EXPECT_FALSE(installer_->install(object, code));
  object.target = host_target();
  object.host_os = host_os() == Os::Windows ? Os::Linux : Os::Windows;
  const auto refused = installer_->install(object, code);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::Unsupported);
  EXPECT_EQ(code.object(), nullptr);
}

TEST_P(InstallerTest, CodeLiesAtAMultipleOfItsAlignment) {
  CodeObject small = compile(kTwo), paged = compile(kTwo);
  paged.alignment = 4096;
  Installed before, code;
  if (!GetParam().options.one_at_a_time) {
    ASSERT_TRUE(installer_->install(small, before));
  }
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(installer_->install(paged, code));
    EXPECT_EQ(code.base() % 4096, 0u);
    EXPECT_TRUE(os::unwinder_finds(reinterpret_cast<const u8*>(code.entry(1))));
    ASSERT_TRUE(installer_->uninstall(code));
  }
  ASSERT_TRUE(installer_->uninstall(before));
}

TEST(Installer, ManyLiveObjectsAreAllFound) {
  const CodeObject object = compile(kTwo);
  auto installer = Installer::create();
  std::vector<std::unique_ptr<Installed>> all;
  for (int i = 0; i < 300; ++i) {
    all.push_back(std::make_unique<Installed>());
    ASSERT_TRUE(installer->install(object, *all.back()));
  }
  for (size_t i = 0; i < all.size(); i += 2) ASSERT_TRUE(installer->uninstall(*all[i]));
  for (size_t i = 1; i < all.size(); i += 2) {
    ASSERT_TRUE(os::unwinder_finds(reinterpret_cast<const u8*>(all[i]->entry(1))));
    ASSERT_TRUE(installer->uninstall(*all[i]));
  }
}

#endif

} // namespace
} // namespace assay::jit
