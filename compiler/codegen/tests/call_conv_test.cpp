// call_conv_test.cpp - argument places against the System V AMD64 ABI and Microsoft's x64 convention.
#include "compiler/codegen/call_conv.h"

#include "compiler/target/x64/registers.h"

#include <gtest/gtest.h>

#include <string>

namespace assay::codegen {
namespace {

constexpr const char* kGprs[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                   "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

std::string to_text(const ArgPlace& place) {
  if (!place.in_register) return "[" + std::to_string(place.offset) + "]";
  return place.reg < 32 ? kGprs[place.reg] : "xmm" + std::to_string(place.reg - 32);
}

std::string to_text(const std::vector<ArgPlace>& places) {
  std::string text;
  for (const ArgPlace& place : places) text += (text.empty() ? "" : " ") + to_text(place);
  return text;
}

CallLayout layout(Os os, std::vector<Type> params, std::vector<Type> results = {}) {
  CallLayout out;
  layout_call(call_conv(Target::X64, os), params, results, out);
  return out;
}

std::string set_text(RegSet set) {
  std::string text;
  for (PReg reg = 0; reg < 64; ++reg) {
    if ((set & bit(reg)) == 0) continue;
    text += (text.empty() ? "" : " ") + (reg < 32 ? std::string(kGprs[reg]) : "xmm" + std::to_string(reg - 32));
  }
  return text;
}

constexpr Type I8 = Type::I8, I32 = Type::I32, I64 = Type::I64, F32 = Type::F32, F64 = Type::F64, Ptr = Type::Ptr;

TEST(CallConv, SystemVTakesSixIntegersThenWords) {
  const CallLayout l = layout(Os::Linux, {I64, I32, I8, Ptr, I64, I64, I8, I64});
  EXPECT_EQ(to_text(l.params), "rdi rsi rdx rcx r8 r9 [0] [8]");
  EXPECT_EQ(l.stack_bytes, 16u);
}

TEST(CallConv, SystemVCountsFloatsApart) {
  const CallLayout l = layout(Os::Linux, {F64, I64, F32, I64, F64});
  EXPECT_EQ(to_text(l.params), "xmm0 rdi xmm1 rsi xmm2");
  EXPECT_EQ(l.stack_bytes, 0u);
}

TEST(CallConv, SystemVNinthFloatGoesToTheStack) {
  const CallLayout l = layout(Os::Linux, std::vector<Type>(9, F32));
  EXPECT_EQ(to_text(l.params), "xmm0 xmm1 xmm2 xmm3 xmm4 xmm5 xmm6 xmm7 [0]");
  EXPECT_EQ(l.stack_bytes, 16u);
}

TEST(CallConv, SystemVResultsUseRegistersInOrderThenMemory) {
  const CallLayout l = layout(Os::Linux, {I64}, {I64, F64, I32, I64, I64, I64, I64, I64, F32, I64, F64});
  EXPECT_EQ(to_text(l.results), "rax xmm0 rdx rcx rsi rdi r8 r9 xmm1 [0] xmm2");
  EXPECT_EQ(l.result_bytes, 16u);
  EXPECT_EQ(to_text(l.result_pointer), "rdi");
  EXPECT_EQ(to_text(l.params), "rsi");
}

TEST(CallConv, NoResultPointerWhenEveryResultHasARegister) {
  const CallLayout l = layout(Os::Linux, {I64}, {I64, I64});
  EXPECT_EQ(l.result_bytes, 0u);
  EXPECT_EQ(to_text(l.params), "rdi");
}

TEST(CallConv, WindowsPlacesByPosition) {
  const CallLayout l = layout(Os::Windows, {I64, F64, I32, F32});
  EXPECT_EQ(to_text(l.params), "rcx xmm1 r8 xmm3");
  EXPECT_EQ(l.stack_bytes, 0u);
}

TEST(CallConv, WindowsFifthArgumentLiesAboveTheShadow) {
  const CallLayout l = layout(Os::Windows, {F64, F64, F64, F64, F64, I8, F32});
  EXPECT_EQ(to_text(l.params), "xmm0 xmm1 xmm2 xmm3 [32] [40] [48]");
  EXPECT_EQ(l.stack_bytes, 64u);
}

TEST(CallConv, WindowsResultPointerTakesTheFirstPosition) {
  const CallLayout l = layout(Os::Windows, {I64, F64, I64, F64}, std::vector<Type>(7, I64));
  EXPECT_EQ(to_text(l.results), "rax rdx rcx r8 r9 r10 [0]");
  EXPECT_EQ(to_text(l.result_pointer), "rcx");
  EXPECT_EQ(to_text(l.params), "rdx xmm2 r9 [32]");
}

TEST(CallConv, WindowsFloatResultsEndBeforeTheCalleeSaved) {
  const CallLayout l = layout(Os::Windows, {}, std::vector<Type>(7, F64));
  EXPECT_EQ(to_text(l.results), "xmm0 xmm1 xmm2 xmm3 xmm4 xmm5 [0]");
}

TEST(CallConv, CalleeSavedRegistersAreThoseOfTheAbis) {
  EXPECT_EQ(set_text(call_conv(Target::X64, Os::Linux).callee_saved), "rbx rbp r12 r13 r14 r15");
  EXPECT_EQ(set_text(call_conv(Target::X64, Os::Windows).callee_saved),
            "rbx rbp rsi rdi r12 r13 r14 r15 xmm6 xmm7 xmm8 xmm9 xmm10 xmm11 xmm12 xmm13 xmm14 xmm15");
}

TEST(CallConv, EveryRegisterButTheStackPointerIsSavedByOneSide) {
  for (Os os : {Os::Linux, Os::Windows, Os::Apple}) {
    const CallConv& conv = call_conv(Target::X64, os);
    EXPECT_EQ(conv.callee_saved & conv.caller_saved, 0u);
    EXPECT_EQ(conv.callee_saved | conv.caller_saved,
              (RegSet{0xffff} << 32 | 0xffff) & ~bit(x64::index_of(x64::Gpr::Rsp)));
  }
}

TEST(CallConv, TargetDecidesWhoseConventionItIs) {
  for (Os os : {Os::Linux, Os::Windows, Os::Apple}) {
    for (Target target : {Target::X64, Target::A64}) {
      EXPECT_EQ(call_conv(target, os).target, target);
      EXPECT_EQ(call_conv(target, os).os, os);
    }
    CallLayout l;
    layout_call(call_conv(Target::A64, os), std::vector<Type>{I64, F64}, std::vector<Type>(9, I64), l);
    EXPECT_EQ(l.params[0].reg, 0);
    EXPECT_EQ(l.params[1].reg, 32);
    EXPECT_EQ(l.result_pointer.reg, 8);
    layout_call(call_conv(Target::X64, os), std::vector<Type>{I64, F64}, std::vector<Type>(9, I64), l);
    EXPECT_EQ(to_text(l.result_pointer), os == Os::Windows ? "rcx" : "rdi");
  }
}

TEST(CallConv, StackBytesAreAlwaysAMultipleOfSixteen) {
  for (Os os : {Os::Linux, Os::Windows}) {
    for (u32 count = 0; count <= 1000; ++count) {
      EXPECT_EQ(layout(os, std::vector<Type>(count, I64)).stack_bytes % 16, 0u);
      EXPECT_EQ(layout(os, {}, std::vector<Type>(count, F32)).result_bytes % 16, 0u);
    }
  }
}

TEST(CallConv, NoTwoValuesShareAPlace) {
  for (Os os : {Os::Linux, Os::Windows}) {
    const CallLayout l =
        layout(os, {I64, F64, I32, F32, I8, F64, I64, F32, I64, F64, I64, I64, F64, F64, F64, F64, F64});
    for (std::size_t i = 0; i < l.params.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) EXPECT_NE(to_text(l.params[i]), to_text(l.params[j]));
    }
  }
}

} // namespace
} // namespace assay::codegen
