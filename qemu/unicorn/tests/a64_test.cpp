// a64_test.cpp - the emulated ARM64 processor, with functions written by hand: where values travel in each convention,
// what
// a call out of compiled code may clobber, what a defect is found by. Compiled programs are corpus_test.cpp's.
//
// Skipped, with the reason, where there is no worker.
#include "compiler/target/a64/assembler.h"
#include "compiler/target/a64/call_conv.h"
#include "qemu/unicorn/tests/support.h"

#include <functional>

namespace assay::qemu {
namespace {

using a64::Assembler;
using a64::Gpr;
using a64::Mem;
using a64::Size;
using a64::Vreg;

constexpr u64 kOne = 0x3ff0000000000000; // 1.0

class UnicornA64 : public Unicorn {
protected:
  using Body = std::function<void(Assembler&)>;

  void SetUp() override {
    if (auto able = executor_->can(Target::A64, Os::Linux); !able) GTEST_SKIP() << able.error().message;
  }

  /// The program `text`, its last function's code written by `body`; imports have no code of their own.
  static Program assemble(std::string_view text, const Body& body, Os os = Os::Linux) {
    Program program;
    auto module = parse_and_verify(text);
    EXPECT_TRUE(module) << module.error().to_string();
    program.module = std::move(module).value();
    CodeObject& object = program.object;
    object.target = Target::A64;
    object.os = object.host_os = os;
    Assembler assembler;
    assembler.begin(object.code);
    body(assembler);
    assembler.finish();
    EXPECT_TRUE(assembler.ok());
    const u32 count = static_cast<u32>(program.module.functions.size());
    FunctionCode code;
    code.function = count - 1;
    code.end = static_cast<u32>(object.code.size());
    object.functions = {code};
    object.function_entry.assign(count, 0);
    for (const Function& f : program.module.functions) object.names.push_back(f.name);
    return program;
  }

  /// A function () -> i64.
  Outcome run_body(const Body& body, Os os = Os::Linux) {
    return run(assemble("export func @f() -> i64 {\n^e:\n  %r = const.i64 0\n  return %r\n}\n", body, os), "f", {});
  }
  void expect_breach(const Body& body, std::string_view text) {
    const Outcome out = run_body(body);
    EXPECT_EQ(out.kind, OutcomeKind::Breached) << out.text;
    EXPECT_EQ(out.text.substr(0, text.size()), text);
    EXPECT_EQ(run_body([](Assembler& a) { a.ret(); }).kind, OutcomeKind::Returned) << "as good as new";
    EXPECT_EQ(executor_->starts(), 1u);
  }
  void expect_crash(const Body& body, std::string_view text) {
    const Outcome out = run_body(body);
    EXPECT_EQ(out.kind, OutcomeKind::Crashed);
    EXPECT_NE(out.text.find(text), std::string::npos) << out.text;
    EXPECT_EQ(executor_->starts(), 1u);
  }
};

TEST_F(UnicornA64, RegistersCarryArgumentsAndResults) {
  const Program program =
      assemble("export func @f(i64, f64, i64) -> f64, i64 {\n^e(%a: i64, %b: f64, %c: i64):\n  return %b, %a\n}\n",
               [](Assembler& a) {
                 a.sub(Size::X, Gpr::X0, Gpr::X0, Gpr::X1);
                 a.fadd(a64::FSize::D, Vreg::V0, Vreg::V0, Vreg::V0);
                 a.ret();
               });
  EXPECT_EQ(run(program, "f", {44, kOne, 2}).values, (std::vector<u64>{0x4000000000000000, 42}));
}

TEST_F(UnicornA64, NarrowArgumentsComeWithJunkAbove) {
  const Program program = assemble("export func @f(i8) -> i64 {\n^e(%a: i8):\n  %r = zext.i64.i8 %a\n  return %r\n}\n",
                                   [](Assembler& a) { a.ret(); });
  const Outcome out = run(program, "f", {0x81});
  ASSERT_EQ(out.values.size(), 1u);
  EXPECT_EQ(out.values[0] & 0xff, 0x81u);
  EXPECT_NE(out.values[0] >> 8, 0u);
}

TEST_F(UnicornA64, StackArgumentsAreWordsOrPackedAsTheConventionSays) {
  const char* const text =
      "export func @f(i64, i64, i64, i64, i64, i64, i64, i64, i8, i16, i8, i32, i8) -> i64, i64, i64, i64, i64 {\n"
      "^e(%a: i64, %b: i64, %c: i64, %d: i64, %e: i64, %f: i64, %g: i64, %h: i64, %i: i8, %j: i16, %k: i8, %l: i32, "
      "%m: i8):\n  return %a, %b, %c, %d, %e\n}\n";
  for (const Os os : {Os::Linux, Os::Windows, Os::Apple}) {
    const bool packed = os == Os::Apple;
    const Program program = assemble(
        text,
        [&](Assembler& a) {
          a.ldrb(Gpr::X0, Mem::at(Gpr::Sp, 0));
          a.ldrh(Gpr::X1, Mem::at(Gpr::Sp, packed ? 2 : 8));
          a.ldrb(Gpr::X2, Mem::at(Gpr::Sp, packed ? 4 : 16));
          a.ldr(Size::W, Gpr::X3, Mem::at(Gpr::Sp, packed ? 8 : 24));
          a.ldrb(Gpr::X4, Mem::at(Gpr::Sp, packed ? 12 : 32));
          a.add(Size::X, Gpr::Sp, Gpr::Sp, *a64::add_sub_imm(packed ? 16 : 48)); // the callee pops
          a.ret();
        },
        os);
    const Outcome out = run(program, "f", {1, 2, 3, 4, 5, 6, 7, 8, 0x91, 0x9234, 0x93, 0x94567890, 0x95});
    EXPECT_EQ(out.values, (std::vector<u64>{0x91, 0x9234, 0x93, 0x94567890, 0x95})) << name_of(os) << out.text;
  }
}

TEST_F(UnicornA64, ResultsBeyondTheRegistersGoWhereX8Points) {
  std::string types = "i64", list = "%a";
  for (int i = 1; i < 10; ++i) types += ", i64", list += ", %a";
  const Program program =
      assemble("export func @f(i64) -> " + types + " {\n^e(%a: i64):\n  return " + list + "\n}\n", [](Assembler& a) {
        for (u32 n = 1; n < 8; ++n) a.mov(Size::X, a64::int_register(n), Gpr::X0);
        a.stp(Size::X, Gpr::X0, Gpr::X0, Mem::at(Gpr::X8));
        a.ret();
      });
  EXPECT_EQ(run(program, "f", {77}).values, std::vector<u64>(10, 77));
}

TEST_F(UnicornA64, ClobberedCalleeSavedRegisterIsABreach) {
  for (u32 n = 19; n <= 27; ++n) {
    expect_breach(
        [&](Assembler& a) {
          a.movz(Size::X, static_cast<Gpr>(n), 5);
          a.ret();
        },
        "callee-saved register x" + std::to_string(n) + ": 0x5");
  }
}

TEST_F(UnicornA64, OnlyTheLowHalfOfVectorRegistersIsKept) {
  expect_breach(
      [](Assembler& a) {
        a.fmov(a64::FSize::D, Vreg::V8, Vreg::V0);
        a.ret();
      },
      "callee-saved register v8");
  // A D register's write clears what is above; the low half stays.
  EXPECT_EQ(run_body([](Assembler& a) {
              a.fmov(a64::FSize::D, Vreg::V15, Vreg::V15);
              a.ret();
            }).kind,
            OutcomeKind::Returned);
}

TEST_F(UnicornA64, TouchingTheRegisterOfTheSystemIsABreach) {
  for (const Os os : {Os::Linux, Os::Windows, Os::Apple}) {
    const Outcome out = run_body(
        [](Assembler& a) {
          a.movz(Size::X, Gpr::X18, 0);
          a.ret();
        },
        os);
    EXPECT_EQ(out.kind, OutcomeKind::Breached);
    EXPECT_EQ(out.text.substr(0, 29), "the system's register x18: 0x") << name_of(os);
  }
}

TEST_F(UnicornA64, FrameAndContextMustBeAsTheyWere) {
  expect_breach([](Assembler& a) { a.sub(Size::X, Gpr::Sp, Gpr::Sp, *a64::add_sub_imm(16)), a.ret(); },
                "stack pointer, off by: 0xfffffffffffffff0");
  expect_breach([](Assembler& a) { a.mov(Size::X, Gpr::X29, Gpr::Sp), a.ret(); }, "frame pointer, off by");
  expect_breach([](Assembler& a) { a.movz(Size::X, Gpr::X28, 0), a.ret(); }, "context register: 0x0");
}

TEST_F(UnicornA64, ChangedRoundingModeIsABreachAndIsUndone) {
  constexpr u32 kMsrFpcrX0 = 0xd51b4400;
  expect_breach(
      [](Assembler& a) {
        a.mov_imm(Gpr::X0, 3u << 22); // towards zero
        a.nops(1);
        a.put32_at(a.offset() - 4, kMsrFpcrX0);
        a.ret();
      },
      "FPCR: 0xc00000, expected 0x0");
}

TEST_F(UnicornA64, UndefinedInstructionAndBreakpointAreCrashes) {
  expect_crash([](Assembler& a) { a.nops(2), a.udf(7); }, "processor exception at code+0x8");
  expect_crash([](Assembler& a) { a.nops(1), a.brk(1); }, "processor exception at code+0x4");
}

TEST_F(UnicornA64, WildAccessIsACrashAtItsInstruction) {
  expect_crash(
      [](Assembler& a) {
        a.movz(Size::X, Gpr::X1, 16);
        a.ldr(Size::X, Gpr::X0, Mem::at(Gpr::X1));
        a.ret();
      },
      "read of unmapped memory at code+0x4, address 0x10");
  expect_crash(
      [](Assembler& a) {
        a64::Label here = a.new_label();
        a.bind(here);
        a.adr(Gpr::X1, here);
        a.str(Size::X, Gpr::X1, Mem::at(Gpr::X1));
        a.ret();
      },
      "write to read-only memory at code+0x4");
}

TEST_F(UnicornA64, FaultAtASiteIsItsTrap) {
  Program program = assemble("export func @f() {\n^e:\n  return\n}\n", [](Assembler& a) { a.nops(1), a.udf(0); });
  program.object.faults = {{4, TrapKind::Unreachable, {0, 0, 3}}};
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(to_string(program.module, run(program, "f", {})), "trapped unreachable at @f ^b0 #3");
}

TEST_F(UnicornA64, TrapEntryTellsThePositionOfItsLinkRegister) {
  Program program = assemble("export func @f() {\n^e:\n  return\n}\n", [](Assembler& a) {
    const u32 entry = offsetof(VmContext, trap_entry) + 8 * static_cast<u32>(TrapKind::DivByZero);
    a.ldr(Size::X, Gpr::X16, Mem::at(Gpr::X28, entry));
    a.blr(Gpr::X16);
    a.udf(0);
  });
  program.object.positions = {{8, {0, 0, 2}}};
  EXPECT_EQ(to_string(program.module, run(program, "f", {})), "trapped div_by_zero at @f ^b0 #2");
}

// ---- calls of the host ---------------------------------------------------------------------------------

const char* const kLog = "import @log(i64)\nexport func @f() -> i64 {\n^e:\n  %r = const.i64 0\n  return %r\n}\n";

/// A frame with room for an argument, `before`, a call of import 0, `after`, and the return.
void call_host(Assembler& a, const std::function<void()>& before, const std::function<void()>& after) {
  a.stp(Size::X, Gpr::X29, Gpr::X30, Mem::pre(Gpr::Sp, -32));
  a.mov(Size::X, Gpr::X29, Gpr::Sp);
  a.movz(Size::X, Gpr::X0, 42);
  a.str(Size::X, Gpr::X0, Mem::at(Gpr::Sp, 16));
  a.mov(Size::X, Gpr::X0, Gpr::X28);
  a.movz(Size::X, Gpr::X1, 0);
  a.add(Size::X, Gpr::X2, Gpr::Sp, *a64::add_sub_imm(16));
  a.mov(Size::X, Gpr::X3, Gpr::X2);
  a.str(Size::X, Gpr::X29, Mem::at(Gpr::X28, offsetof(VmContext, exit_fp)));
  a.ldr(Size::X, Gpr::X16, Mem::at(Gpr::X28, offsetof(VmContext, host_call)));
  before();
  a.blr(Gpr::X16);
  after();
  a.ldp(Size::X, Gpr::X29, Gpr::X30, Mem::post(Gpr::Sp, 32));
  a.ret();
}

TEST_F(UnicornA64, HostCallsAreRecordedAndClobberWhatTheConventionLetsThem) {
  const Outcome untouched = run_body([](Assembler& a) {
    a.str(a64::FSize::Q, Vreg::V8, Mem::at(Gpr::Sp, -16));
    a.ldr(Size::X, Gpr::X0, Mem::at(Gpr::Sp, -8));
    a.ret();
  });
  ASSERT_EQ(untouched.kind, OutcomeKind::Returned);
  const u64 canary_above = untouched.values[0];
  for (const Os os : {Os::Linux, Os::Windows, Os::Apple}) {
    for (const bool vector : {false, true}) {
      const Program program = assemble(
          kLog,
          [&](Assembler& a) {
            call_host(
                a, [&] { a.movz(Size::X, Gpr::X9, 1); },
                [&] {
                  a.mov(Size::X, Gpr::X0, Gpr::X9);
                  if (!vector) return;
                  a.str(a64::FSize::Q, Vreg::V8, Mem::at(Gpr::Sp, 16)); // over argument and padding
                  a.ldr(Size::X, Gpr::X0, Mem::at(Gpr::Sp, 24));
                });
          },
          os);
      const Outcome out = run(program, "f", {});
      ASSERT_EQ(out.kind, OutcomeKind::Returned) << out.text;
      EXPECT_EQ(out.trace_args, std::vector<u64>{42});
      EXPECT_NE(out.values[0], 1u);
      if (vector) {
        EXPECT_NE(out.values[0], canary_above) << "the upper half of v8 outlived the call";
      }
    }
  }
}

TEST_F(UnicornA64, MisalignedHostCallIsABreach) {
  const Program program = assemble(kLog, [](Assembler& a) {
    call_host(
        a, [&] { a.sub(Size::X, Gpr::Sp, Gpr::Sp, *a64::add_sub_imm(8)); }, [] {});
  });
  const Outcome out = run(program, "f", {});
  EXPECT_EQ(out.kind, OutcomeKind::Breached);
  EXPECT_NE(out.text.find("not aligned"), std::string::npos) << out.text;
}

TEST_F(UnicornA64, RelocatedCallsReachTheirFunction) {
  const char* const text = "func @g() -> i64 {\n^e:\n  %r = const.i64 0\n  return %r\n}\n"
                           "export func @f() -> i64 {\n^e:\n  %r = call @g()\n  return %r\n}\n";
  u32 call = 0, lea = 0, second = 0;
  Program program = assemble(text, [&](Assembler& a) {
    a.movz(Size::X, Gpr::X0, 9); // @g
    a.ret();
    a.align_udf(16);
    second = a.offset();
    a.stp(Size::X, Gpr::X29, Gpr::X30, Mem::pre(Gpr::Sp, -16));
    a.mov(Size::X, Gpr::X29, Gpr::Sp);
    call = a.bl_rel26();
    a.mov(Size::X, Gpr::X10, Gpr::X0);
    lea = a.lea_rel(Gpr::X9);
    a.blr(Gpr::X9);
    a.add(Size::X, Gpr::X0, Gpr::X0, Gpr::X10);
    a.ldp(Size::X, Gpr::X29, Gpr::X30, Mem::post(Gpr::Sp, 16));
    a.ret();
  });
  CodeObject& object = program.object;
  object.functions = {{0, 0, second, 0, 0, 0, false},
                      {1, second, static_cast<u32>(object.code.size()), 0, 0, 0, false}};
  object.function_entry = {0, 1};
  object.relocs = {{call, RelocKind::Branch26, 0, 0}, {lea, RelocKind::Lea, 0, 0}};
  EXPECT_EQ(run(program, "f", {}).values, std::vector<u64>{18});
}

TEST_F(UnicornA64, NeverRunsCodeOfTheProgramBeforeNorOfAnotherProcessor) {
  const Program other = compile("export func @f() -> i64 {\n^e():\n  %a = const.i64 70000\n  return %a\n}\n");
  for (u32 i = 0; i < 200; ++i) {
    const Outcome out = run_body([i](Assembler& a) { a.movz(Size::X, Gpr::X0, static_cast<u16>(i)), a.ret(); });
    ASSERT_EQ(out.values, std::vector<u64>{i});
    ASSERT_EQ(run(other, "f", {}).values, std::vector<u64>{70000});
  }
}

} // namespace
} // namespace assay::qemu
