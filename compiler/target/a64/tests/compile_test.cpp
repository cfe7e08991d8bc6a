// compile_test.cpp - the code of whole functions: frames in the shapes that unwind formats know, calls, traps, tables.
#include "compile_support.h"
#include "compiler/target/a64/encoding.h"

#include <cstring>

namespace assay::a64 {
namespace {

constexpr const char* kAnswer = "export func @f() -> i64 {\n^e:\n %r = const.i64 42\n return %r\n}\n";

/// @f keeps `count` values alive over a call.
std::string many_alive(u32 count) {
  std::string text = "import @g()\nexport func @f(i64) -> i64 {\n^e(%v0: i64):\n";
  for (u32 i = 1; i < count; ++i)
    text += " %v" + std::to_string(i) + " = add.i64 %v" + std::to_string(i - 1) + ", %v0\n";
  text += " call @g()\n %s0 = add.i64 %v0, %v0\n";
  for (u32 i = 1; i < count; ++i)
    text += " %s" + std::to_string(i) + " = xor.i64 %s" + std::to_string(i - 1) + ", %v" + std::to_string(i) + "\n";
  return text + " return %s" + std::to_string(count - 1) + "\n}\n";
}

/// The instructions of the first function, as words: what Capstone calls some of them depends on its version.
std::vector<u32> words(const CodeObject& object) {
  const FunctionCode& code = object.functions[0];
  std::vector<u32> out((code.end - code.begin) / 4);
  std::memcpy(out.data(), object.code.data() + code.begin, 4 * out.size());
  return out;
}
constexpr u32 kPaciasp = 0xd503233f, kAutiasp = 0xd50323bf, kBtiC = 0xd503245f, kRet = 0xd65f03c0;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class A64Compile : public testing::Test {
protected:
  void SetUp() override {
    if (!can_disassemble()) GTEST_SKIP() << "this build has no Capstone to read the code with";
  }
};

TEST_F(A64Compile, FrameRecordIsMadeFirstAndLeftLast) {
  const std::string text = assembly(compiled(kAnswer));
  EXPECT_TRUE(text.starts_with("stp x29, x30, [sp, #-0x10]!\nmov x29, sp\n")) << text;
  EXPECT_TRUE(text.ends_with(", #0x2a\nldp x29, x30, [sp], #0x10\nret\n")) << text;
}

TEST_F(A64Compile, SignedReturnAddressIsAuthenticatedBeforeTheReturn) {
  CompileOptions options = options_for();
  options.features.sign_return = true;
  const CodeObject object = compiled(kAnswer, options);
  const std::vector<u32> code = words(object);
  EXPECT_EQ(code.front(), kPaciasp);
  EXPECT_EQ(code[code.size() - 2], kAutiasp);
  EXPECT_EQ(code.back(), kRet);
  u32 signs = 0, authenticates = 0;
  for (const FrameOp& op : object.frame_ops) {
    signs += op.effect == FrameEffect::SignReturn ? 1 : 0;
    authenticates += op.effect == FrameEffect::AuthReturn ? 1 : 0;
  }
  EXPECT_EQ(signs, 1u);
  EXPECT_EQ(authenticates, 1u);
}

TEST_F(A64Compile, FunctionsAreLandingPadsWhenBranchTargetsAreChecked) {
  CompileOptions options = options_for();
  options.features.bti = true;
  EXPECT_EQ(words(compiled(kAnswer, options)).front(), kBtiC);
}

TEST_F(A64Compile, CalleeSavedRegistersAreSavedInPairs) {
  const std::string text = assembly(compiled(many_alive(3)), 1);
  EXPECT_TRUE(contains(text, "stp x19, x20, [sp, #-0x10]!\nstp x21, x22, [sp, #-0x10]!\n")) << text;
  EXPECT_TRUE(contains(text, "ldp x21, x22, [sp], #0x10\nldp x19, x20, [sp], #0x10\nldp x29, x30, [sp], #0x10\nret\n"))
      << text;
}

TEST_F(A64Compile, ApplePairsLieAsCompactUnwindWantsThem) {
  const CodeObject object = compiled(many_alive(3), options_for(Os::Apple));
  EXPECT_TRUE(contains(assembly(object, 1), "stp x20, x19, [sp, #-0x10]!\n")) << assembly(object, 1);
  for (const FrameOp& op : object.frame_ops) {
    if (op.effect == FrameEffect::Save && op.reg == 19) {
      EXPECT_EQ(op.value, 24) << "x19 lies above x20, below the frame record";
    }
  }
}

TEST_F(A64Compile, NeighbouringSlotsAreStoredAndLoadedAtOnce) {
  const auto accesses = [](u64 emission) {
    CompileOptions options = options_for();
    options.spill_all = true;
    options.passes.decision_limits[2] = emission;
    const std::string text =
        assembly(compiled("import @log()\nexport func @f(i64, i64) -> i64 {\n^e(%a: i64, %b: i64):\n call @log()\n"
                          " %r = div_s.i64 %a, %b\n return %r\n}",
                          options),
                 1);
    std::string found;
    for (const std::string form : {"stp x1, x0, [sp, #8]\n", "ldp x1, x0, [sp, #8]\n", "str x1, [sp", "ldr x1, [sp"})
      if (contains(text, form)) found += form;
    return found;
  };
  EXPECT_EQ(accesses(~u64{0}), "stp x1, x0, [sp, #8]\nldp x1, x0, [sp, #8]\n");
  EXPECT_EQ(accesses(0), "str x1, [spldr x1, [sp");
}

TEST_F(A64Compile, ConstantsAreMadeBeforeALoop) {
  CompileOptions options = options_for();
  options.level = Level::O2;
  const std::string text =
      assembly(compiled("export func @f(i64, i64) -> i64 {\n^e(%a: i64, %b: i64):\n jump ^h(%a)\n^h(%i: i64):\n"
                        " %k = const.i64 0x1234567890\n %p = mul.i64 %i, %k\n %t = lt_s.i64 %p, %b\n"
                        " branch %t, ^h(%p), ^x\n^x:\n return %p\n}",
                        options));
  const std::size_t made = text.find("movk"), loop = text.find("mul x");
  ASSERT_NE(made, std::string::npos) << text;
  ASSERT_NE(loop, std::string::npos) << text;
  EXPECT_LT(made, loop);
  EXPECT_EQ(text.find("movk", loop), std::string::npos) << text;
}

TEST_F(A64Compile, PlatformRegisterIsNeverAllocated) {
  const std::string text = assembly(compiled(many_alive(24)), 1);
  EXPECT_TRUE(contains(text, "x27")) << "no pressure: " << text;
  EXPECT_FALSE(contains(text, " x18")) << text;
}

TEST_F(A64Compile, LargeFrameTouchesEachPageBeforeItMovesTheStackPointer) {
  const std::string text = assembly(
      compiled("export func @f() -> ptr {\n slot $s : 12288 align 16\n^e:\n %r = slot_addr $s\n return %r\n}\n"));
  const std::string touch = "sub x17, x17, #1, lsl #12\nldr xzr, [x17]\n";
  EXPECT_TRUE(contains(text, "mov x17, sp\n" + touch + touch + touch + "sub sp, sp, #3, lsl #12\n")) << text;
}

TEST_F(A64Compile, FrameThatIsNoImmediateIsMadeThroughARegisterInOneStep) {
  const std::string text = assembly(
      compiled("export func @f() -> ptr {\n slot $s : 20016 align 16\n^e:\n %r = slot_addr $s\n return %r\n}\n"));
  EXPECT_TRUE(contains(text, "sub sp, sp, x16\n")) << text;
}

TEST_F(A64Compile, TrapsAreCalledSoThatTheReturnAddressHasThePosition) {
  const CodeObject object = compiled(binary("i64", " %r = div_u.i64 %a, %b"));
  const FunctionCode& code = object.functions[0];
  ASSERT_FALSE(object.positions.empty());
  const PcPosition& last = object.positions.back();
  EXPECT_EQ(last.position.inst, 0u);
  u32 call = 0;
  std::memcpy(&call, object.code.data() + last.offset - 4, 4);
  EXPECT_EQ(call, 0xd63f0200u) << "blr x16";
  EXPECT_LT(last.offset, code.end) << "the return address lies in the function";
}

TEST_F(A64Compile, FaultSiteIsTheInstructionThatTouchesMemory) {
  const auto faulting = [&](std::string_view offset) {
    const CodeObject object = compiled("export func @f(ptr) -> i64 {\n^e(%p: ptr):\n %r = pload.i64 %p, " +
                                       std::string(offset) + "\n return %r\n}\n");
    EXPECT_EQ(object.faults.size(), 1u);
    u32 word = 0;
    std::memcpy(&word, object.code.data() + object.faults[0].offset, 4);
    return word;
  };
  EXPECT_EQ(faulting("1048584") & 0xffffffe0u, 0xf9400620u) << "ldr x, [x17, #8], with x17 1 MiB on";
  EXPECT_EQ(faulting("16777216") & 0xffe0fc00u, 0xf8606800u) << "ldr x, [x, x17]";
  EXPECT_EQ(faulting("1048577") & 0xffe00c00u, 0xf8400000u) << "ldur x, [x17, #1]";
}

TEST_F(A64Compile, CallsBetweenFunctionsAreRelocationsOfBranches) {
  const CodeObject object = compiled("func @g() {\n^e:\n return\n}\nexport func @f() {\n^e:\n call @g()\n return\n}\n");
  ASSERT_EQ(object.relocs.size(), 1u);
  EXPECT_EQ(object.relocs[0].kind, RelocKind::Branch26);
  EXPECT_EQ(object.relocs[0].function, 0u);
}

TEST_F(A64Compile, DenseSwitchIsATableUnlessBranchTargetsAreChecked) {
  const std::string text = "export func @f(i32) -> i32 {\n^e(%a: i32):\n"
                           " switch.i32 %a [0: ^x, 1: ^y, 2: ^x, 3: ^y, 4: ^x], ^y\n^x:\n %r = const.i32 1\n"
                           " return %r\n^y:\n %s = const.i32 2\n return %s\n}\n";
  EXPECT_TRUE(contains(assembly(compiled(text)), "br x16\n"));
  CompileOptions options = options_for();
  options.features.bti = true;
  EXPECT_FALSE(contains(assembly(compiled(text, options)), "br x16\n"));
}

TEST_F(A64Compile, SameInputGivesTheSameBytes) {
  const CodeObject a = compiled(many_alive(20)), b = compiled(many_alive(20));
  EXPECT_EQ(a.code, b.code);
  EXPECT_EQ(a.rodata, b.rodata);
}

/// Each effect that takes something away has its counterpart before the function's end, and the CFA comes back to sp.
TEST(A64Frame, EpilogueUndoesThePrologue) {
  for (const Os os : {Os::Linux, Os::Windows, Os::Apple}) {
    const CodeObject object = compiled(many_alive(16), options_for(os));
    for (const FunctionCode& code : object.functions) {
      i64 depth = 0;
      u64 saved = 0;
      for (const FrameOp& op : object.frame_of(code)) {
        switch (op.effect) {
        case FrameEffect::Allocate: depth += op.value; break;
        case FrameEffect::Release: depth -= op.value; break;
        case FrameEffect::ResetToFrame: depth = 16 - op.value; break;
        case FrameEffect::Save: saved |= u64{1} << op.reg; break;
        case FrameEffect::Restore: saved &= ~(u64{1} << op.reg); break;
        case FrameEffect::DropFrame: depth = op.value; break;
        default: break;
        }
      }
      EXPECT_EQ(depth, 0);
      EXPECT_EQ(saved, 0u);
    }
  }
}

} // namespace
} // namespace assay::a64
