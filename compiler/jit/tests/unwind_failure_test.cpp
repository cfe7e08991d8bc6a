// unwind_failure_test.cpp - what becomes of code when the system's unwinder does not take it, does not let go of it, or
// takes it as macOS's does.
//
// The system is a stand-in (compiler/os/tests/fake_unwinder.h), so the failures are made to happen; exceptions really
// fly only where none of them has to pass a frame that the process's own unwinder was not told about.
#include "assay/compiler.h"
#include "assay/engine.h"
#include "assay/verify.h"
#include "compiler/jit/installer.h"
#include "compiler/jit/stubs.h"
#include "compiler/os/tests/fake_unwinder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <stdexcept>

namespace assay {
namespace {

#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(_WIN32)

using Fake = os::testing::FakeUnwinder;

const char* const kTwo = "func @a(i64) -> i64 {\n^e(%x: i64):\n  return %x\n}\n"
                         "export func @b(i64) -> i64 {\n^e(%x: i64):\n  %r = call @a(%x)\n  return %r\n}\n";
const char* const kHandler =
    "import @host(i64) -> i64\nfunc @plain(i64) -> i64 {\n^e(%x: i64):\n  %r = call @host(%x)\n  return %r\n}\n"
    "export func @f(i64) -> i64 {\n^e(%n: i64):\n  try_call @plain(%n) -> ^ok, catch_all ^all(%n)\n"
    "^ok(%r: i64):\n  return %r\n^all(%exn: ptr, %k: i64):\n  return %k\n}\n";

CodeObject compile(const char* text) {
  CodeObject object;
  EXPECT_TRUE(Compiler(CompileOptions{}).compile(parse_and_verify(text).value(), object));
  return object;
}

const u8* at(u64 address) { return reinterpret_cast<const u8*>(address); }

class UnwindFailure : public testing::Test {
protected:
  UnwindFailure() {
    EXPECT_TRUE(jit::process_stubs()); // with the process's unwinder
    system_.emplace(Fake::calls());
  }
  static jit::Installer installer(ExceptionModel model, bool one_at_a_time = false) {
    jit::InstallOptions options;
    options.exceptions = model;
    options.one_at_a_time = one_at_a_time;
    return jit::Installer::create(options).value();
  }
  std::optional<os::OtherUnwinder> system_;
};

TEST_F(UnwindFailure, OnMacOSEveryFunctionIsFoundThroughTheCallbackUntilRemoval) {
  jit::Installer mine = installer(ExceptionModel::Unwind);
  const CodeObject object = compile(kTwo);
  jit::Installed code, more;
  ASSERT_TRUE(mine.install(object, code));
  ASSERT_TRUE(mine.install(object, more));
  EXPECT_TRUE(Fake::entries.empty());
  for (const FunctionCode& function : object.functions) {
    os::EhBases bases{};
    Fake::find(at(more.base() + function.end - 1), &bases);
    EXPECT_EQ(bases.text, at(more.base()));
    EXPECT_EQ(bases.function, at(more.base() + function.begin));
  }
  const u64 begin = code.base();
  ASSERT_TRUE(mine.uninstall(code));
  EXPECT_FALSE(os::unwinder_finds(at(begin)));
  EXPECT_TRUE(os::unwinder_finds(at(more.base())));
  ASSERT_TRUE(mine.uninstall(more));
}

/// The encoding itself has no room for the handler's data; the entry that it leads to has both.
TEST_F(UnwindFailure, OnMacOSFunctionsWithHandlersLeadToTheirPersonality) {
  jit::Installer mine = installer(ExceptionModel::Unwind);
  const CodeObject object = compile(kHandler);
  ASSERT_FALSE(object.call_sites.empty());
  jit::Installed code;
  ASSERT_TRUE(mine.install(object, code));
  u32 with_entry = 0;
  for (const FunctionCode& function : object.functions) {
    bool catches = false;
    for (const CallSite& site : object.call_sites)
      catches |= site.offset > function.begin && site.offset <= function.end;
    os::EhBases bases{};
    const u8* const fde = static_cast<const u8*>(Fake::find(at(code.base() + function.begin + 4), &bases));
    EXPECT_TRUE(fde != nullptr || !catches);
    if (fde == nullptr || !catches) continue;
    ++with_entry;
    const u8* const cie = fde + 4 - Fake::word(reinterpret_cast<u64>(fde + 4));
    EXPECT_STREQ(reinterpret_cast<const char*>(cie + 9), "zPLR");
    u64 personality = 0;
    std::memcpy(&personality, cie + 19, 8);
    EXPECT_EQ(personality, os::personality());
  }
  EXPECT_EQ(with_entry, 1u);
  ASSERT_TRUE(mine.uninstall(code));
}

TEST_F(UnwindFailure, CodeThatTheUnwinderDoesNotFindIsRefusedOrItsExceptionsAreDeferred) {
  Fake::asks_back = Fake::sees_entries = false;
  const CodeObject object = compile(kTwo), handler = compile(kHandler);
  jit::Installed code;
  jit::Installer strict = installer(ExceptionModel::Unwind);
  const auto refused = strict.install(object, code);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::Unsupported);
  EXPECT_NE(refused.error().message.find("does not find"), std::string::npos);
  EXPECT_EQ(code.object(), nullptr);
  jit::Installer automatic = installer(ExceptionModel::Automatic);
  ASSERT_TRUE(automatic.install(object, code));
  EXPECT_FALSE(code.unwindable());
  ASSERT_TRUE(automatic.uninstall(code));
  EXPECT_FALSE(automatic.install(handler, code)) << "it would lose its handlers";
  EXPECT_EQ(code.object(), nullptr);
  Fake::asks_back = Fake::sees_entries = true;
  ASSERT_TRUE(automatic.install(object, code));
  EXPECT_TRUE(code.unwindable());
  ASSERT_TRUE(automatic.uninstall(code));
}

TEST_F(UnwindFailure, EnginesDeferExceptionsWhereTheUnwinderIsBlind) {
  Fake::asks_back = Fake::sees_entries = false;
  Engine engine;
  int destroyed = 0;
  engine.bind("host", [&](int64_t x) -> int64_t {
    struct Counted {
      int& count;
      ~Counted() { ++count; }
    } const counted{destroyed};
    throw std::runtime_error("thrown " + std::to_string(x));
  });
  const auto program = engine.load_text("import @host(i64) -> i64\nexport func @f(i64) -> i64 {\n^e(%x: i64):\n"
                                        "  %r = call @host(%x)\n  return %r\n}\n");
  ASSERT_TRUE(program);
  EXPECT_EQ(program->exceptions(), ExceptionModel::Defer);
  try {
    program->function<int64_t(int64_t)>("f").value()(5);
    FAIL() << "it returned";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "thrown 5");
  }
  EXPECT_EQ(destroyed, 1);
}

/// Its tables may be read at any throw: nothing else may come to lie there.
TEST_F(UnwindFailure, MemoryThatTheUnwinderDoesNotLetGoOfIsNotUsedAgain) {
  system_.reset();
  system_.emplace(Fake::calls(false));
  const CodeObject object = compile(kTwo);
  jit::Installer mine = installer(ExceptionModel::Unwind);
  jit::Installed code;
  ASSERT_TRUE(mine.install(object, code));
  const u64 begin = code.base(), end = code.end();
  Fake::forgets_removal = true;
  const auto removed = mine.uninstall(code);
  ASSERT_FALSE(removed);
  EXPECT_NE(removed.error().message.find("still finds"), std::string::npos);
  EXPECT_EQ(code.object(), nullptr);
  Fake::forgets_removal = false;
  for (int i = 0; i < 50; ++i) {
    jit::Installed next;
    ASSERT_TRUE(mine.install(object, next));
    EXPECT_TRUE(next.end() <= begin || next.base() >= end);
    ASSERT_TRUE(mine.uninstall(next));
  }
}

TEST_F(UnwindFailure, PagesForOneAtATimeAreNotUsedAgainEither) {
  system_.reset();
  system_.emplace(Fake::calls(false));
  const CodeObject object = compile(kTwo);
  jit::Installer mine = installer(ExceptionModel::Unwind, true);
  jit::Installed code;
  ASSERT_TRUE(mine.install(object, code));
  Fake::forgets_removal = true;
  EXPECT_FALSE(mine.uninstall(code));
  Fake::forgets_removal = false;
  const auto again = mine.install(object, code);
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("still knows"), std::string::npos);
}

#endif

} // namespace
} // namespace assay
