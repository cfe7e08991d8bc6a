// module_test.cpp - signatures, look-up by name, clearing.
#include "assay/module.h"

#include <gtest/gtest.h>

#include <array>

namespace assay {
namespace {

constexpr std::array<Type, 2> kIntFloat{Type::I32, Type::F64};
constexpr std::array<Type, 1> kInt{Type::I32};

TEST(Module, EqualTypesHaveEqualSignatureIds) {
  Module m;
  const SignatureId a = m.intern_signature(kIntFloat, kInt);
  EXPECT_EQ(m.intern_signature(kIntFloat, kInt), a);
  EXPECT_EQ(m.signatures.size(), 1u);
}

TEST(Module, ParametersAndResultsAreNotMixedUp) {
  Module m;
  const SignatureId a = m.intern_signature(kInt, {}), b = m.intern_signature({}, kInt), c = m.intern_signature({}, {});
  EXPECT_NE(a, b);
  EXPECT_NE(a, c);
  EXPECT_NE(b, c);
  EXPECT_EQ(m.params(m.signatures[a]).size(), 1u);
  EXPECT_EQ(m.results(m.signatures[b])[0], Type::I32);
}

TEST(Module, ASignatureMayBeMadeOfTheTypesOfAnother) {
  Module m;
  const SignatureId a = m.intern_signature(kIntFloat, {});
  for (u32 i = 0; i < 40; ++i) {
    const SignatureId b = m.intern_signature(m.params(m.signatures[a]), m.params(m.signatures[a]).first(1 + i % 2));
    EXPECT_EQ(m.params(m.signatures[b])[1], Type::F64);
  }
  EXPECT_EQ(m.signatures.size(), 3u);
}

TEST(Module, FindsFunctionsByName) {
  Module m;
  m.functions.resize(2);
  m.functions[0].name = "f";
  m.functions[1].name = "g";
  EXPECT_EQ(m.find_function("g"), 1u);
  EXPECT_EQ(m.find_function("h"), kNone);
}

TEST(Module, ClearForgetsEverything) {
  Module m;
  m.has_memory = m.has_table = true;
  m.memory_size = m.memory_max = 7;
  m.intern_signature(kInt, {});
  m.functions.resize(1);
  m.globals.resize(1);
  m.tags.resize(1);
  m.data.resize(1);
  m.table.resize(1);
  m.clear();
  EXPECT_FALSE(m.has_memory || m.has_table);
  EXPECT_EQ(m.memory_size + m.memory_max + m.functions.size() + m.globals.size() + m.tags.size() + m.data.size() +
                m.table.size(),
            0u);
  EXPECT_TRUE(m.signatures.empty() && m.signature_types.empty());
}

TEST(Function, ClearBodyKeepsNameAndCapacity) {
  Function f;
  f.name = "f";
  f.insts.resize(10);
  f.locals.resize(3);
  const std::size_t capacity = f.insts.capacity();
  f.clear_body();
  EXPECT_EQ(f.name, "f");
  EXPECT_TRUE(f.insts.empty() && f.locals.empty());
  EXPECT_EQ(f.insts.capacity(), capacity);
}

} // namespace
} // namespace assay
