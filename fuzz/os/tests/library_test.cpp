// library_test.cpp - opening shared libraries: one that every system has, and none.
#include "fuzz/os/library.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

#if defined _WIN32
constexpr const char* kCommon = "kernel32.dll";
constexpr const char* kFunction = "GetTickCount";
#elif defined __APPLE__
constexpr const char* kCommon = "libSystem.B.dylib";
constexpr const char* kFunction = "strlen";
#else
constexpr const char* kCommon = "libc.so.6";
constexpr const char* kFunction = "strlen";
#endif

TEST(SharedLibrary, TheFirstThatIsThereIsOpened) {
  const char* const names[] = {"libno-such-library-of-assay.so", kCommon};
  auto library = SharedLibrary::open(names);
  ASSERT_TRUE(library.ok()) << library.error().to_string();
  EXPECT_EQ(library->name(), kCommon);
  EXPECT_NE(library->find(kFunction), nullptr);
  EXPECT_EQ(library->find("no_such_function_of_assay"), nullptr);
  library->close();
}

TEST(SharedLibrary, NoneIsUnsupportedWithTheReason) {
  const char* const names[] = {"libno-such-library-of-assay.so"};
  const auto library = SharedLibrary::open(names);
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.error().kind, ErrorKind::Unsupported);
  EXPECT_NE(library.error().message.find("no-such-library-of-assay"), std::string::npos);
}

} // namespace
} // namespace assay::fuzz
