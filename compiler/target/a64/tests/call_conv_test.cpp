// call_conv_test.cpp - ARM64 places against layouts worked out by hand from the platforms' documents.
//
// AAPCS64 "Parameter passing rules" (stages B and C), Apple's "Writing ARM64 code for Apple platforms", Microsoft's
// "Overview of ARM64 ABI conventions". A signature is written one letter a value: b i8, h i16, w i32, l i64, f f32,
// d f64, p ptr; a digit repeats the letter after it.
#include "compiler/target/a64/call_conv.h"

#include <gtest/gtest.h>

#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay::a64 {
namespace {

using codegen::ArgPlace;
using codegen::bit;
using codegen::CallConv;
using codegen::CallLayout;
using codegen::PReg;
using codegen::RegisterFile;
using codegen::RegSet;

constexpr Os kAll[] = {Os::Linux, Os::Windows, Os::Apple};

std::vector<Type> types(std::string_view letters) {
  constexpr std::string_view kLetters = "bhwlfdp";
  constexpr Type kTypes[] = {Type::I8, Type::I16, Type::I32, Type::I64, Type::F32, Type::F64, Type::Ptr};
  std::vector<Type> list;
  u32 times = 1;
  for (char c : letters) {
    if (c >= '1' && c <= '9') {
      times = static_cast<u32>(c - '0');
    } else {
      list.insert(list.end(), times, kTypes[kLetters.find(c)]);
      times = 1;
    }
  }
  return list;
}

std::string reg_text(PReg reg) { return reg == 31 ? "sp" : (reg < 32 ? "x" : "v") + std::to_string(reg % 32); }

std::string to_text(const ArgPlace& place) {
  return place.in_register ? reg_text(place.reg) : "[" + std::to_string(place.offset) + "]";
}

std::string to_text(const std::vector<ArgPlace>& places) {
  std::string text;
  for (const ArgPlace& place : places) text += (text.empty() ? "" : " ") + to_text(place);
  return text;
}

std::string set_text(RegSet set) {
  std::string text;
  for (PReg reg = 0; reg < 64; ++reg) {
    if ((set & bit(reg)) != 0) text += (text.empty() ? "" : " ") + reg_text(reg);
  }
  return text;
}

CallLayout layout(Os os, const std::vector<Type>& params, const std::vector<Type>& results = {}) {
  CallLayout out;
  a64::layout_call(call_conv(os), params, results, out);
  return out;
}

// ---- arguments -------------------------------------------------------------------------------------------

struct ParamRow {
  const char* params;
  const char* registers; // the places before the first one in memory differs by Os
  const char* words;     // AAPCS64 and Windows, the places from there on
  u32 word_bytes;
  const char* packed; // Apple
  u32 packed_bytes;
};

constexpr const char* kX = "x0 x1 x2 x3 x4 x5 x6 x7";
constexpr const char* kV = "v0 v1 v2 v3 v4 v5 v6 v7";
constexpr const char* kXV = "x0 x1 x2 x3 x4 x5 x6 x7 v0 v1 v2 v3 v4 v5 v6 v7";

constexpr ParamRow kParams[] = {
    // Stage C with registers left: narrow or not, each integer takes one, each float one of the other kind.
    {"", "", "", 0, "", 0},
    {"lwhbp", "x0 x1 x2 x3 x4", "", 0, "", 0},
    {"8l", kX, "", 0, "", 0},
    {"8b", kX, "", 0, "", 0},
    {"8d", kV, "", 0, "", 0},
    {"8l8d", kXV, "", 0, "", 0},
    {"ldldldld", "x0 v0 x1 v1 x2 v2 x3 v3", "", 0, "", 0},
    {"fdlwfdpb", "v0 v1 x0 x1 v2 v3 x2 x3", "", 0, "", 0},
    {"dblfhpwfd", "v0 x0 x1 v1 x2 x3 x4 v2 v3", "", 0, "", 0},
    // One kind used up, the other not.
    {"8fb", "v0 v1 v2 v3 v4 v5 v6 v7 x0", "", 0, "", 0},
    {"8lldld", kX, "[0] v0 [8] v1", 16, "[0] v0 [8] v1", 16},
    {"8ddldl", kV, "[0] x0 [8] x1", 16, "[0] x0 [8] x1", 16},
    {"8lbdbdh", kX, "[0] v0 [8] v1 [16]", 32, "[0] v0 [1] v1 [2]", 16},
    // Eight bytes wide: the same everywhere. The area is a multiple of 16.
    {"9l", kX, "[0]", 16, "[0]", 16},
    {"9d", kV, "[0]", 16, "[0]", 16},
    {"8l3p", kX, "[0] [8] [16]", 32, "[0] [8] [16]", 32},
    {"8l8dldld", kXV, "[0] [8] [16] [24]", 32, "[0] [8] [16] [24]", 32},
    // Narrower: a word each, or as large as they are.
    {"9b", kX, "[0]", 16, "[0]", 16},
    {"8lbb", kX, "[0] [8]", 16, "[0] [1]", 16},
    {"8l4b", kX, "[0] [8] [16] [24]", 32, "[0] [1] [2] [3]", 16},
    {"8l3h", kX, "[0] [8] [16]", 32, "[0] [2] [4]", 16},
    {"8l5w", kX, "[0] [8] [16] [24] [32]", 48, "[0] [4] [8] [12] [16]", 32},
    {"8d3f", kV, "[0] [8] [16]", 32, "[0] [4] [8]", 16},
    {"8l9b8b", kX, "[0] [8] [16] [24] [32] [40] [48] [56] [64] [72] [80] [88] [96] [104] [112] [120] [128]", 144,
     "[0] [1] [2] [3] [4] [5] [6] [7] [8] [9] [10] [11] [12] [13] [14] [15] [16]", 32},
    // Alignment: a gap before what is wider, none before what is narrower.
    {"8lbl", kX, "[0] [8]", 16, "[0] [8]", 16},
    {"8lhbh", kX, "[0] [8] [16]", 32, "[0] [2] [4]", 16},
    {"8lbhbwl", kX, "[0] [8] [16] [24] [32]", 48, "[0] [2] [4] [8] [16]", 32},
    {"8lbbhwl", kX, "[0] [8] [16] [24] [32]", 48, "[0] [1] [2] [4] [8]", 16},
    {"8lwwl", kX, "[0] [8] [16]", 32, "[0] [4] [8]", 16},
    {"8llwhbb", kX, "[0] [8] [16] [24] [32]", 48, "[0] [8] [12] [14] [15]", 16},
    {"8llwhbbhwl", kX, "[0] [8] [16] [24] [32] [40] [48] [56]", 64, "[0] [8] [12] [14] [15] [16] [20] [24]", 32},
    {"8lbpbp", kX, "[0] [8] [16] [24]", 32, "[0] [8] [16] [24]", 32},
    {"8dfdf", kV, "[0] [8] [16]", 32, "[0] [8] [16]", 32},
    // Both kinds used up: one area, in the order of the list.
    {"8l8dbfhd", kXV, "[0] [8] [16] [24]", 32, "[0] [4] [8] [16]", 32},
    {"8l8dwfbdhl", kXV, "[0] [8] [16] [24] [32] [40]", 48, "[0] [4] [8] [16] [24] [32]", 48},
    {"8l8dfbfhw", kXV, "[0] [8] [16] [24] [32]", 48, "[0] [4] [8] [12] [16]", 32},
};

std::string joined(std::string_view a, std::string_view b) {
  return std::string(a) + (a.empty() || b.empty() ? "" : " ") + std::string(b);
}

TEST(A64CallConv, LinuxPlacesArgumentsAsAapcs64Says) {
  for (const ParamRow& row : kParams) {
    const CallLayout l = layout(Os::Linux, types(row.params));
    EXPECT_EQ(to_text(l.params), joined(row.registers, row.words)) << row.params;
    EXPECT_EQ(l.stack_bytes, row.word_bytes) << row.params;
  }
}

TEST(A64CallConv, WindowsPlacesArgumentsLikeAapcs64WithoutShadowSpace) {
  for (const ParamRow& row : kParams) {
    const CallLayout l = layout(Os::Windows, types(row.params));
    EXPECT_EQ(to_text(l.params), joined(row.registers, row.words)) << row.params;
    EXPECT_EQ(l.stack_bytes, row.word_bytes) << row.params;
  }
  for (Os os : kAll) EXPECT_EQ(call_conv(os).shadow_bytes, 0u);
}

TEST(A64CallConv, ApplePacksStackArguments) {
  for (const ParamRow& row : kParams) {
    const CallLayout l = layout(Os::Apple, types(row.params));
    EXPECT_EQ(to_text(l.params), joined(row.registers, row.packed)) << row.params;
    EXPECT_EQ(l.stack_bytes, row.packed_bytes) << row.params;
  }
}

// ---- results ---------------------------------------------------------------------------------------------

struct ResultRow {
  const char* results;
  const char* places;
  u32 bytes;
};

// On every Os.
constexpr ResultRow kResults[] = {
    {"", "", 0},
    {"l", "x0", 0},
    {"b", "x0", 0},
    {"f", "v0", 0},
    {"ldwf", "x0 v0 x1 v1", 0},
    {"8l8d", "x0 x1 x2 x3 x4 x5 x6 x7 v0 v1 v2 v3 v4 v5 v6 v7", 0},
    {"9l", "x0 x1 x2 x3 x4 x5 x6 x7 [0]", 16},
    {"9f", "v0 v1 v2 v3 v4 v5 v6 v7 [0]", 16},
    {"8lbdhwd", "x0 x1 x2 x3 x4 x5 x6 x7 [0] v0 [8] [16] v1", 32},
    {"8dffbl", "v0 v1 v2 v3 v4 v5 v6 v7 [0] [8] x0 x1", 16},
    {"8l8dbfhd", "x0 x1 x2 x3 x4 x5 x6 x7 v0 v1 v2 v3 v4 v5 v6 v7 [0] [8] [16] [24]", 32},
};

TEST(A64CallConv, ResultsUseArgumentRegistersThenWordsInMemory) {
  for (Os os : kAll) {
    for (const ResultRow& row : kResults) {
      const CallLayout l = layout(os, {}, types(row.results));
      EXPECT_EQ(to_text(l.results), row.places) << row.results;
      EXPECT_EQ(l.result_bytes, row.bytes) << row.results;
    }
  }
}

TEST(A64CallConv, ResultPointerIsInX8AndMovesNoArgument) {
  for (Os os : kAll) {
    const CallLayout l = layout(os, types("8ll8dd"), types("9l"));
    EXPECT_EQ(to_text(l.result_pointer), "x8");
    EXPECT_EQ(l.result_pointer.type, Type::Ptr);
    EXPECT_EQ(to_text(l.params), "x0 x1 x2 x3 x4 x5 x6 x7 [0] v0 v1 v2 v3 v4 v5 v6 v7 [8]");
    EXPECT_EQ(l.stack_bytes, 16u);
  }
}

TEST(A64CallConv, NoResultPointerIsLeftFromAnEarlierLayout) {
  CallLayout out;
  a64::layout_call(call_conv(Os::Linux), types("9l"), types("9l"), out);
  a64::layout_call(call_conv(Os::Linux), types("d"), types("l"), out);
  EXPECT_EQ(out.result_bytes, 0u);
  EXPECT_FALSE(out.result_pointer.in_register);
  EXPECT_EQ(to_text(out.params), "v0");
  EXPECT_EQ(to_text(out.results), "x0");
  EXPECT_EQ(out.stack_bytes, 0u);
}

// ---- any signature ---------------------------------------------------------------------------------------

TEST(A64CallConv, PlacesOfAnySignatureAreAlignedApartAndInsideTheirArea) {
  constexpr Type kTypes[] = {Type::I8, Type::I16, Type::I32, Type::I64, Type::F32, Type::F64, Type::Ptr};
  std::mt19937 random(1);
  std::vector<Type> list;
  for (u32 count = 0; count <= 1000; count += count < 40 ? 1 : 37) {
    list.clear();
    for (u32 i = 0; i < count; ++i) list.push_back(kTypes[random() % std::size(kTypes)]);
    for (Os os : kAll) {
      const CallLayout l = layout(os, list, list);
      EXPECT_EQ(l.stack_bytes % 16, 0u);
      EXPECT_EQ(l.result_bytes % 16, 0u);
      for (const auto& [places, bytes] : {std::pair(&l.params, l.stack_bytes), std::pair(&l.results, l.result_bytes)}) {
        ASSERT_EQ(places->size(), count);
        u32 end = 0;
        RegSet used = 0;
        for (u32 i = 0; i < count; ++i) {
          const ArgPlace& place = (*places)[i];
          EXPECT_EQ(place.type, list[i]);
          if (place.in_register) {
            EXPECT_EQ(used & bit(place.reg), 0u);
            EXPECT_EQ(codegen::class_of(place.reg) == codegen::RegClass::Float, is_float(place.type));
            used |= bit(place.reg);
            continue;
          }
          EXPECT_EQ(place.offset % size_of(place.type), 0u);
          EXPECT_GE(place.offset, end);
          EXPECT_LT(place.offset - end, 8u);
          end = place.offset + size_of(place.type);
        }
        EXPECT_LE(end, bytes);
        EXPECT_LT(bytes - end, 23u); // the rest of a word, and eight bytes to a multiple of 16
      }
    }
  }
}

// ---- register sets ---------------------------------------------------------------------------------------

TEST(A64CallConv, CalleeSavedRegistersAreThoseOfTheAbis) {
  for (Os os : kAll) {
    EXPECT_EQ(set_text(call_conv(os).callee_saved),
              "x19 x20 x21 x22 x23 x24 x25 x26 x27 x28 x29 v8 v9 v10 v11 v12 v13 v14 v15");
    EXPECT_EQ(call_conv(os).saved_vector_bytes, 8u);
    EXPECT_EQ(call_conv(os).target, Target::A64);
    EXPECT_EQ(call_conv(os).os, os);
  }
}

TEST(A64CallConv, EveryRegisterIsSavedByOneSideButStackPointerAndPlatformRegister) {
  for (Os os : kAll) {
    const CallConv& conv = call_conv(os);
    EXPECT_EQ(conv.callee_saved & conv.caller_saved, 0u);
    EXPECT_EQ(set_text(~(conv.callee_saved | conv.caller_saved)), os == Os::Linux ? "sp" : "x18 sp");
  }
}

TEST(A64CallConv, ValuesInPassingAreNotCalleeSaved) {
  for (u32 n = 0; n < kListRegisters; ++n) {
    EXPECT_NE(call_conv(Os::Linux).caller_saved & bit(index_of(int_register(n))), 0u);
    EXPECT_NE(call_conv(Os::Linux).caller_saved & bit(index_of(float_register(n))), 0u);
  }
  EXPECT_NE(call_conv(Os::Linux).caller_saved & bit(index_of(kResultPointer)), 0u);
}

TEST(A64RegisterFile, NeverAllocatesWhatHasAnotherUse) {
  for (Os os : kAll) {
    EXPECT_EQ(set_text(~register_file(os).allocatable), "x16 x17 x18 x28 x29 x30 sp v31");
  }
}

TEST(A64RegisterFile, OrderHasEveryAllocatableRegisterOnceCallerSavedFirst) {
  for (Os os : kAll) {
    const RegisterFile& file = register_file(os);
    EXPECT_EQ(file.callee_saved, call_conv(os).callee_saved);
    RegSet seen = 0;
    for (u32 c = 0; c < 2; ++c) {
      bool saved_before = false;
      for (u32 i = 0; i < file.order_count[c]; ++i) {
        const PReg reg = file.order[c][i];
        EXPECT_EQ(static_cast<u32>(codegen::class_of(reg)), c);
        EXPECT_EQ(seen & bit(reg), 0u) << reg_text(reg) << " twice";
        const bool saved = (file.callee_saved & bit(reg)) != 0;
        EXPECT_TRUE(saved || !saved_before) << reg_text(reg) << " after a callee-saved register";
        saved_before = saved;
        seen |= bit(reg);
      }
    }
    EXPECT_EQ(seen, file.allocatable);
  }
}

TEST(A64RegisterFile, ScratchIsOfItsClassAndHoldsNoValue) {
  const RegisterFile& file = register_file(Os::Linux);
  EXPECT_EQ(reg_text(file.scratch[0]), "x16");
  EXPECT_EQ(reg_text(file.scratch[1]), "v31");
  EXPECT_EQ(file.allocatable & (bit(file.scratch[0]) | bit(file.scratch[1]) | bit(index_of(kScratch2))), 0u);
}

TEST(A64RegisterFile, TailCallTargetIsFreeAtACall) {
  const PReg target = index_of(kTarget);
  EXPECT_NE(register_file(Os::Linux).allocatable & bit(target), 0u);
  EXPECT_EQ(call_conv(Os::Linux).callee_saved & bit(target), 0u);
  const CallLayout l = layout(Os::Linux, types("9l9d"), types("9l"));
  for (const ArgPlace& place : l.params) EXPECT_FALSE(place.in_register && place.reg == target);
  EXPECT_NE(l.result_pointer.reg, target);
}

} // namespace
} // namespace assay::a64
