// builder_test.cpp - functions built instruction by instruction, seen through the canonical text.
#include "assay/builder.h"

#include "assay/text.h"
#include "assay/verify.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace assay {
namespace {

class Builder : public ::testing::Test {
protected:
  FunctionId function(std::string name, std::vector<Type> params, std::vector<Type> results, bool imported = false) {
    Function f;
    f.name = std::move(name);
    f.signature = module_.intern_signature(params, results);
    f.imported = imported;
    module_.functions.push_back(f);
    return static_cast<FunctionId>(module_.functions.size() - 1);
  }
  std::string text() {
    const Result<void> result = verify(module_);
    return result ? to_text(module_) : result.error().to_string();
  }
  Module module_;
};

TEST_F(Builder, AStraightFunction) {
  FunctionBuilder b(module_, function("f", {Type::I32}, {Type::I32}));
  b.begin(b.entry());
  const ValueId sum = b.binary(Opcode::Add, Type::I32, b.param(0, 0), b.iconst(Type::I32, -1));
  b.ret({sum});
  EXPECT_EQ(text(),
            "func @f(i32) -> i32 {\n^b0(%0: i32):\n  %1 = const.i32 -1\n  %2 = add.i32 %0, %1\n  return %2\n}\n");
}

TEST_F(Builder, BlocksMayBeTargetedBeforeTheyAreFilled) {
  FunctionBuilder b(module_, function("f", {Type::I64}, {}));
  const BlockId entry = b.entry();
  const std::array<Type, 1> i64{Type::I64};
  const BlockId exit = b.block(), body = b.block(i64);
  b.begin(entry);
  b.jump(body, {b.param(entry, 0)});
  b.begin(body);
  const ValueId x = b.param(body, 0);
  b.branch(x, {body, {&x, 1}}, {exit});
  b.begin(exit);
  b.ret({});
  EXPECT_EQ(
      text(),
      "func @f(i64) {\n^b0(%0: i64):\n  jump ^b2(%0)\n^b1:\n  return\n^b2(%1: i64):\n  branch %1, ^b2(%1), ^b1\n}\n");
}

TEST_F(Builder, SeveralResultsHaveFollowingIds) {
  FunctionBuilder b(module_, function("f", {Type::I16}, {Type::I8}));
  b.begin(b.entry());
  const ValueId sum = b.binary(Opcode::AddOS, Type::I16, b.param(0, 0), b.param(0, 0));
  b.ret({sum + 1});
  EXPECT_EQ(text(), "func @f(i16) -> i8 {\n^b0(%0: i16):\n  %1, %2 = add_o_s.i16 %0, %0\n  return %2\n}\n");
}

TEST_F(Builder, CallsHaveTheResultsOfTheirSignature) {
  const FunctionId callee = function("g", {Type::I32}, {Type::F32, Type::Ptr}, true);
  module_.has_table = true;
  FunctionBuilder b(module_, function("f", {Type::I32}, {Type::Ptr}));
  b.begin(b.entry());
  const ValueId a = b.param(0, 0);
  const ValueId first = b.call(callee, {&a, 1});
  const SignatureId s = module_.functions[callee].signature;
  const std::array<ValueId, 2> args{a, a};
  EXPECT_EQ(b.emit(Opcode::CallIndirect, Type::None, Type::None, args, s), first + 2);
  b.ret({first + 1});
  EXPECT_EQ(text(),
            "import @g(i32) -> f32, ptr\ntable []\n\nfunc @f(i32) -> ptr {\n^b0(%0: i32):\n  %1, %2 = call @g(%0)\n"
            "  %3, %4 = call_indirect (i32) -> f32, ptr %0(%0)\n  return %2\n}\n");
}

TEST_F(Builder, MemorySlotsLocalsAndFuel) {
  module_.has_memory = true;
  module_.memory_size = module_.memory_max = 65536;
  FunctionBuilder b(module_, function("f", {Type::I32}, {}));
  b.begin(b.entry());
  const SlotId slot = b.slot(24, 16);
  const LocalId local = b.local(Type::F64);
  const ValueId p = b.emit(Opcode::SlotAddr, Type::None, Type::None, {}, slot);
  const ValueId x = b.load(Opcode::Load, Type::F64, b.param(0, 0), 8);
  b.emit(Opcode::LocalSet, Type::F64, Type::None, {&x, 1}, local);
  b.store(Opcode::PStore, Type::F64, p, 16, x);
  b.fuel(7);
  b.trap(TrapKind::User3);
  EXPECT_EQ(text(),
            "memory 65536 65536\n\nfunc @f(i32) {\n  slot $s0 : 24 align 16\n  local $l0 : f64\n^b0(%0: i32):\n  %1 = "
            "slot_addr $s0\n"
            "  %2 = load.f64 %0, 8\n  local_set.f64 $l0, %2\n  pstore.f64 %1, 16, %2\n  fuel 7\n  trap user3\n}\n");
}

TEST_F(Builder, CastsHaveBothTypes) {
  FunctionBuilder b(module_, function("f", {Type::I8}, {Type::F32}));
  b.begin(b.entry());
  b.ret({b.cast(Opcode::I2fS, Type::F32, Type::I8, b.param(0, 0))});
  EXPECT_EQ(text(), "func @f(i8) -> f32 {\n^b0(%0: i8):\n  %1 = i2f_s.f32.i8 %0\n  return %1\n}\n");
}

TEST_F(Builder, SwitchAndTryCallEdges) {
  const FunctionId callee = function("g", {}, {Type::I32}, true);
  module_.tags.push_back({"t", module_.intern_signature(std::array<Type, 1>{Type::I64}, {})});
  FunctionBuilder b(module_, function("f", {Type::I8}, {}));
  const BlockId entry = b.entry(), ok = b.block(std::array<Type, 1>{Type::I32}),
                on_tag = b.block(std::array<Type, 1>{Type::I64});
  const BlockId on_any = b.block(std::array<Type, 1>{Type::Ptr}), call = b.block(), done = b.block();
  b.begin(entry);
  const ValueId x = b.param(entry, 0);
  const EdgeTarget cases[] = {{call, {}, EdgeKind::Case, 0xff}, {done}};
  b.end(Opcode::Switch, Type::I8, {&x, 1}, cases);
  b.begin(call);
  const EdgeTarget clauses[] = {{ok}, {on_tag, {}, EdgeKind::Catch, 0}, {on_any, {}, EdgeKind::CatchAll}};
  b.end(Opcode::TryCall, Type::None, {}, clauses, callee);
  b.begin(ok), b.jump(done);
  b.begin(on_tag), b.jump(done);
  b.begin(on_any);
  const ValueId exception = b.param(on_any, 0);
  b.emit(Opcode::Rethrow, Type::None, {exception});
  b.begin(done), b.ret({});
  const std::string out = text();
  EXPECT_NE(out.find("  switch.i8 %0 [-1: ^b4], ^b5\n"), std::string::npos) << out;
  EXPECT_NE(out.find("  try_call @g() -> ^b1, catch @t ^b2, catch_all ^b3\n"), std::string::npos) << out;
}

TEST_F(Builder, ConstantsAreCutToTheirType) {
  FunctionBuilder b(module_, function("f", {}, {}));
  b.begin(b.entry());
  b.iconst(Type::I8, -1);
  b.fconst(Type::F32, 1.5);
  b.fconst(Type::F64, -std::numeric_limits<double>::infinity());
  b.ret({});
  EXPECT_EQ(module_.functions[0].insts[0].imm, 0xffu);
  EXPECT_EQ(module_.functions[0].insts[1].imm, 0x3fc00000u);
  EXPECT_EQ(module_.functions[0].insts[2].imm, 0xfff0000000000000u);
}

TEST_F(Builder, DefinitionsNameInstructionAndBlock) {
  FunctionBuilder b(module_, function("f", {Type::I32}, {}));
  b.begin(b.entry());
  const ValueId c = b.iconst(Type::I32, 1);
  b.ret({});
  const Function& f = module_.functions[0];
  EXPECT_TRUE(f.value_defs[0].is_param);
  EXPECT_FALSE(f.value_defs[c].is_param);
  EXPECT_EQ(f.value_defs[c].index, 0u);
}

TEST_F(Builder, EmitGivesNoValueWhereThereIsNoResult) {
  FunctionBuilder b(module_, function("f", {Type::Ptr}, {}));
  b.begin(b.entry());
  EXPECT_EQ(b.emit(Opcode::Fuel, Type::None, {}), kNone);
}

using BuilderDeathTest = Builder;

TEST_F(BuilderDeathTest, ABlockNeedsItsTerminatorBeforeTheNextBegins) {
  FunctionBuilder b(module_, function("f", {}, {}));
  b.begin(b.entry());
  const BlockId next = b.block();
  EXPECT_DEATH(b.begin(next), "broken invariant");
}

TEST_F(BuilderDeathTest, NothingCanBeEmittedAfterATerminator) {
  FunctionBuilder b(module_, function("f", {}, {}));
  b.begin(b.entry());
  b.ret({});
  EXPECT_DEATH(b.fuel(1), "broken invariant");
}

} // namespace
} // namespace assay
