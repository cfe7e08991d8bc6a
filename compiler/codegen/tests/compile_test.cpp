// compile_test.cpp - the driver: determinism, errors, reuse, sizes.
#include "compile_support.h"

namespace assay::codegen {
namespace {

constexpr const char* kProgram = R"(
memory 65536
global @g : i64 = 5
import @log(i64, f64)
table [@sum, null]
export func @sum(i64, f64) -> f64 {
  slot $s : 40 align 64
^e(%n: i64, %x: f64):
  %z = const.i64 0
  jump ^h(%n, %x)
^h(%i: i64, %a: f64):
  fuel 1
  %c = const.f64 0x1.8p+1
  %b = fmul.f64 %a, %c
  %p = slot_addr $s
  pstore.f64 %p, 8, %b
  call @log(%i, %b)
  %m = load.f64 %i, 16
  %d = fadd.f64 %m, %b
  %one = const.i64 1
  %j = sub.i64 %i, %one
  %more = gt_s.i64 %j, %z
  branch %more, ^h(%j, %d), ^o
^o:
  switch.i64 %j [0: ^x, 1: ^y, 2: ^x, 3: ^y, 4: ^x], ^y
^x:
  return %d
^y:
  %k = const.i32 1
  %q = call_indirect (i64, f64) -> f64 %k(%j, %d)
  return %q
}
)";

bool same(const CodeObject& a, const CodeObject& b) {
  const auto same_ops = [](const FrameOp& x, const FrameOp& y) {
    return x.offset == y.offset && x.effect == y.effect && x.reg == y.reg && x.value == y.value;
  };
  return a.code == b.code && a.rodata == b.rodata && a.names == b.names && a.relocs.size() == b.relocs.size() &&
         a.positions.size() == b.positions.size() && a.faults.size() == b.faults.size() &&
         std::equal(a.frame_ops.begin(), a.frame_ops.end(), b.frame_ops.begin(), b.frame_ops.end(), same_ops);
}

TEST(Compile, SameModuleGivesTheSameBytes) { EXPECT_TRUE(same(compile(kProgram), compile(kProgram))); }

TEST(Compile, ACompilerForgetsTheModuleBefore) {
  const Module
      program = parse(kProgram),
      other = parse(
          "import @other(i8) -> f32\nexport func @f() -> f32 {\n^e:\n %c = const.i8 3\n %r = call @other(%c)\n return %r\n}");
  CompileOptions options;
  options.target = Target::X64;
  Compiler compiler(options);
  CodeObject first, second;
  ASSERT_TRUE(compiler.compile(program, first).ok());
  ASSERT_TRUE(compiler.compile(other, second).ok());
  EXPECT_TRUE(same(second, compile(other)));
  ASSERT_TRUE(compiler.compile(program, second).ok());
  EXPECT_TRUE(same(first, second));
}

// What an x64 emitter knows of the flags must not outlive the module: the next one's branch may stand at the same
// offset, in the same block, and ask for the same register. Then a `test` was left out.
TEST(Compile, ACompilerForgetsWhatTheFlagsToldInTheModuleBefore) {
  std::vector<Module> modules;
  for (const char* const value :
       {"and.i32 %a, %k", "or.i32 %a, %k", "shl.i32 %a, %k", "shr_u.i32 %a, %k", "mul.i32 %a, %k", "mul.i32 %a, %b",
        "and.i32 %a, %b", "sub.i32 %a, %b", "add.i32 %a, %k", "rotl.i32 %a, %k", "max_u.i32 %a, %b", "bswap.i32 %a"}) {
    modules.push_back(parse(
        "export func @f(i32, i32) -> i32 {\n^e(%a: i32, %b: i32):\n  %k = const.i32 5\n  %z = const.i32 0\n"
        "  %r = " +
        std::string(value) + "\n  %c = ne.i32 %r, %z\n  branch %c, ^t, ^u\n^t:\n  return %a\n^u:\n  return %b\n}"));
  }
  for (const Level level : {Level::O0, Level::O2}) {
    CompileOptions options;
    options.target = Target::X64;
    options.level = level;
    for (const Module& before : modules) {
      for (const Module& module : modules) {
        Compiler compiler(options);
        CodeObject first, second;
        ASSERT_TRUE(compiler.compile(before, first).ok());
        ASSERT_TRUE(compiler.compile(module, second).ok());
        EXPECT_TRUE(same(second, compile(module, options)));
      }
    }
  }
}

/// How many short branches forward on "greater" stand in the code of a loop that counts down, with this in its header.
u32 count_entries(const std::string& header) {
  CompileOptions options;
  options.target = Target::X64;
  options.level = Level::O2;
  const CodeObject object =
      compile(("export func @f(i64, i64) -> i64 {\n^e(%n: i64, %x: i64):\n  %z = const.i64 0\n  %one = const.i64 1\n"
               "  jump ^h(%n, %x)\n^h(%i: i64, %a: i64):\n" +
               header +
               "  %more = gt_s.i64 %i, %z\n  branch %more, ^b, ^o\n^b:\n  %m = mul.i64 %a, %a\n  %d = xor.i64 %m, %i\n"
               "  %j = sub.i64 %i, %one\n  jump ^h(%j, %d)\n^o:\n  return %a\n}")
                  .c_str(),
              options);
  u32 out = 0;
  const FunctionCode& code = object.functions[0];
  for (u32 at = code.begin; at + 1 < code.end; ++at) out += object.code[at] == 0x7f && object.code[at + 1] < 0x80;
  return out;
}

TEST(Compile, AtO2ALoopWhoseTestIsOneInstructionIsEnteredByATestOfItsOwn) {
  EXPECT_EQ(count_entries(""), 1u) << "forward, to the body";
  EXPECT_EQ(count_entries("  fuel 1\n"), 0u) << "more than a test stands there";
}

TEST(Compile, TheOptionsAreNotedInTheObject) {
  CompileOptions options;
  options.os = Os::Windows;
  options.host_os = Os::Linux;
  const CodeObject object = compile(kProgram, options);
  EXPECT_EQ(object.os, Os::Windows);
  EXPECT_EQ(object.host_os, Os::Linux);
  EXPECT_EQ(object.names, (std::vector<std::string>{"log", "sum"}));
  EXPECT_TRUE(object.functions[object.function_entry[0]].is_thunk);
  EXPECT_FALSE(object.functions[object.function_entry[1]].is_thunk);
}

TEST(Compile, CallSitesNameTheirClausesInOrder) {
  const CodeObject object = compile(
      "tag @t(i64, f32)\nimport @g()\nexport func @f() {\n^e:\n try_call @g() -> ^ok, catch @t ^h, catch_all ^x\n"
      "^ok:\n return\n^h(%a: i64, %b: f32):\n return\n^x(%p: ptr):\n return\n}\n"
      "export func @plain() {\n^e:\n call @g()\n return\n}");
  ASSERT_EQ(object.call_sites.size(), 1u);
  ASSERT_EQ(object.clauses.size(), 2u);
  const CallSite& site = object.call_sites[0];
  EXPECT_NE(object.position_at(site.offset), nullptr);
  EXPECT_EQ(object.call_site_at(site.offset), &site);
  EXPECT_EQ(object.call_site_at(site.offset - 1), nullptr);
  EXPECT_EQ(object.clauses_of(site)[0].tag, 0u);
  EXPECT_EQ(object.clauses_of(site)[0].payload, 2u);
  EXPECT_EQ(object.clauses_of(site)[1].tag, kNone);
  for (const Clause& clause : object.clauses) {
    EXPECT_GT(clause.landing_pad, site.offset);
    EXPECT_LT(clause.landing_pad, object.functions[1].end);
  }
}

class Discontent : public Observer {
public:
  std::string allocated(FunctionId, const LirFunction&, const Allocation&, const RegisterFile&) override {
    return "no good";
  }
};

TEST(Compile, AnObserversComplaintFailsTheCompile) {
  Discontent observer;
  CompileOptions options;
  options.observer = &observer;
  CodeObject object;
  const assay::Result<void> done = Compiler(options).compile(parse(kProgram), object);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().kind, ErrorKind::Internal);
  EXPECT_NE(done.error().message.find("@sum: no good"), std::string::npos);
}

TEST(Compile, EmptyModuleGivesNoCode) {
  const CodeObject object = compile("memory 16\n");
  EXPECT_TRUE(object.code.empty());
  EXPECT_TRUE(object.functions.empty());
}

TEST(Compile, FunctionsAreAlignedAndInOrder) {
  const CodeObject object = compile(kProgram);
  u32 end = 0;
  for (const FunctionCode& f : object.functions) {
    EXPECT_EQ(f.begin % 16, 0u);
    EXPECT_GE(f.begin, end);
    EXPECT_GT(f.end, f.begin);
    end = f.end;
  }
  EXPECT_EQ(end, object.code.size());
}

TEST(Compile, EqualFloatConstantsAreStoredOnce) {
  const CodeObject object = compile(
      "export func @f(f64) -> f64 {\n^e(%a: f64):\n %c = const.f64 2.5\n %d = const.f64 2.5\n %x = fadd.f64 %a, %c\n"
      " %r = fmul.f64 %x, %d\n return %r\n}");
  EXPECT_EQ(object.rodata.size(), 8u);
}

TEST(Compile, MoreConstantsThanTheTableStartsWith) {
  std::string text = "export func @f(f64) -> f64 {\n^e(%v0: f64):\n";
  for (int i = 0; i < 500; ++i) {
    const std::string n = std::to_string(i), next = std::to_string(i + 1);
    text += " %c" + n + " = const.f64 " + n + ".5\n %v" + next + " = fadd.f64 %v" + n + ", %c" + n + "\n";
  }
  EXPECT_EQ(compile(text + " return %v500\n}").rodata.size(), 8 * 500u);
}

TEST(Compile, ManyParametersAndResults) {
  std::string types, params, values;
  for (int i = 0; i < 1000; ++i) {
    const std::string type = i % 3 == 0 ? "f64" : i % 3 == 1 ? "i8" : "i64";
    types += (i == 0 ? "" : ", ") + type;
    params += (i == 0 ? "%p" : ", %p") + std::to_string(i) + ": " + type;
    values += (i == 0 ? "%p" : ", %p") + std::to_string(i);
  }
  std::string results;
  for (int i = 0; i < 1000; ++i) results += (i == 0 ? "%r" : ", %r") + std::to_string(i);
  const std::string text = "import @g(" + types + ") -> " + types + "\nexport func @f(" + types + ") -> " + types +
                           " {\n^e(" + params + "):\n " + results + " = call @g(" + values + ")\n return " + results +
                           "\n}\nexport func @t(" + types + ") -> " + types + " {\n^e(" + params +
                           "):\n tail_call @f(" + values + ")\n}";
  for (Os os : {Os::Linux, Os::Windows}) {
    CompileOptions options;
    options.os = os;
    EXPECT_EQ(compile(text, options).functions.size(), 3u);
  }
}

TEST(Compile, AHundredThousandInstructions) {
  std::string text = "export func @f(i64, i64) -> i64 {\n^e(%v0: i64, %v1: i64):\n";
  for (int i = 0; i < 100000; ++i) {
    text += " %v" + std::to_string(i + 2) +
            (i % 3 == 0   ? " = add.i64 %v"
             : i % 3 == 1 ? " = mul.i64 %v"
                          : " = xor.i64 %v") +
            std::to_string(i + 1) + ", %v" + std::to_string(i < 40 ? 0 : i - 40) + "\n";
  }
  const CodeObject object = compile(text + " return %v100001\n}");
  EXPECT_GT(object.code.size(), 300000u);
}

TEST(Compile, FramesBeyondTheLimitAreUnsupportedNotWrong) {
  // One mebibyte of slots is the most that the verifier admits: it compiles.
  EXPECT_GE(
      compile(
          "export func @f() -> i64 {\n slot $s : 1048576 align 8\n^e:\n %p = slot_addr $s\n %r = pload.i64 %p, 0\n return %r\n}")
          .functions[0]
          .frame_size,
      1048576u);
}

TEST(Compile, PaddingStandsBeforeEachBlockButTheFirst) {
  const Module module = parse("export func @f(i32) -> i32 {\n^a(%x: i32):\n  branch %x, ^b, ^c\n"
                              "^b:\n  %y = const.i32 7\n  return %y\n^c:\n  return %x\n}\n");
  for (const Target target : {Target::X64, Target::A64}) {
    CompileOptions options;
    options.target = target;
    Compiler compiler(options);
    CodeObject plain, object;
    ASSERT_TRUE(compiler.compile(module, plain).ok());
    for (const u32 padding : {8u, 1000u, 40'000u}) {
      options.block_padding = padding;
      compiler.set_options(options);
      ASSERT_TRUE(compiler.compile(module, object).ok());
      const u64 more = object.code.size() - plain.code.size();
      constexpr u64 kBranches = 2 * 5 + 16; // over the padding, longer ones, alignment
      EXPECT_GE(more + 16, 2 * padding) << padding;
      EXPECT_LE(more, 2 * padding + kBranches) << padding;
    }
    options.block_padding = 0;
    compiler.set_options(options);
    ASSERT_TRUE(compiler.compile(module, object).ok());
    EXPECT_EQ(object.code, plain.code);
  }
}

TEST(Compile, ALoopHasItsTestBelowItsBodyInOptimisedCodeAndLiesInOneLineOfTheCache) {
  if (!debug::can_disassemble()) GTEST_SKIP() << "no disassembler in this build";
  const char* const text = R"(import @log(i64)
func @f(i64) {
^e(%n: i64):
  %0 = const.i64 0
  jump ^test(%0)
^test(%i: i64):
  %more = lt_u.i64 %i, %n
  branch %more, ^body, ^out
^body:
  call @log(%i)
  %1 = const.i64 1
  %2 = add.i64 %i, %1
  jump ^test(%2)
^out:
  return
}
)";
  u64 top = 0, end = 0;
  const auto jumps_back = [&](Level level) {
    CompileOptions options;
    options.level = level;
    const CodeObject object = compile(text, options);
    std::string names;
    for (const debug::Line& line : disassemble(object, object.functions.back())) {
      const std::size_t space = line.text.find(' ');
      if (line.text[0] != 'j' || space == std::string::npos) continue;
      const u64 target = std::stoull(line.text.substr(space), nullptr, 16);
      if (target > object.functions.back().begin + line.offset) continue;
      names += line.text.substr(0, space) + " ";
      top = target;
      end = object.functions.back().begin + line.offset + line.length;
    }
    return names;
  };
  EXPECT_EQ(jumps_back(Level::O2), "jb ") << "one jump a turn, which decides";
  EXPECT_EQ(top / 64, (end - 1) / 64);
  EXPECT_EQ(jumps_back(Level::O0), "jmp ") << "blocks stay where they are";
}

TEST(Compile, BlocksThatOnlyJumpAheadAreLeftOut) {
  const CodeObject object = compile("export func @f(i64) -> i64 {\n^e(%a: i64):\n  branch %a, ^one, ^other\n"
                                    "^one:\n  jump ^two\n^two:\n  jump ^out\n"
                                    "^other:\n  trap user0\n^out:\n  return %a\n}\n");
  std::string jumps;
  for (const debug::Line& line : disassemble(object, object.functions.back()))
    if (line.text[0] == 'j') jumps += line.text.substr(0, line.text.find(' ')) + " ";
  EXPECT_EQ(jumps, "jae je ") << "over the trap of the stack, and of the branch";
}

} // namespace
} // namespace assay::codegen
