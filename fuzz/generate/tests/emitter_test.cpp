// emitter_test.cpp - the generator's emitter writes the arrays that FunctionBuilder writes.
#include "fuzz/generate/emitter.h"

#include "assay/text.h"
#include "assay/verify.h"

#include <gtest/gtest.h>

namespace assay::fuzz {
namespace {

constexpr Type kParams[] = {Type::I64, Type::I64};
constexpr Type kResults[] = {Type::I64, Type::I8};

Module empty_function() {
  Module module;
  Function f;
  f.name = "f";
  f.signature = module.intern_signature(kParams, kResults);
  module.functions.push_back(f);
  return module;
}

/// Two blocks, a call of itself with two results, an operation with two, a cast, an edge with arguments.
template <typename Writer> void write(Writer& w) {
  const BlockId entry = w.entry();
  const BlockId join = w.block(kResults);
  const SlotId slot = w.slot(16, 8);
  w.begin(entry);
  const ValueId a = w.param(entry, 0), b = w.param(entry, 1);
  const ValueId sum_operands[] = {a, b};
  const ValueId sum = w.emit(Opcode::AddOS, Type::I64, Type::None, sum_operands, kNone, 0);
  w.emit(Opcode::SlotAddr, Type::None, Type::None, {}, slot, 0);
  const ValueId narrow = w.emit(Opcode::Trunc, Type::I32, Type::I64, {&sum, 1}, kNone, 0);
  const ValueId called = w.emit(Opcode::Call, Type::None, Type::None, sum_operands, 0, 0);
  const ValueId args[] = {called, called + 1}, others[] = {sum, sum + 1};
  const EdgeTarget targets[] = {{join, args}, {join, others}};
  w.end(Opcode::Branch, Type::None, {&narrow, 1}, targets, kNone, 0);
  w.begin(join);
  const ValueId results[] = {w.param(join, 0), w.param(join, 1)};
  w.emit(Opcode::Return, Type::None, Type::None, results, kNone, 0);
}

TEST(Emitter, writes_what_the_builder_writes) {
  Module by_builder = empty_function(), by_emitter = empty_function();
  FunctionBuilder builder(by_builder, 0);
  write(builder);
  Emitter emitter;
  emitter.start(by_emitter, 0);
  write(emitter);
  ASSERT_TRUE(verify(by_emitter).ok()) << verify(by_emitter).error().to_string();
  EXPECT_EQ(to_text(by_emitter), to_text(by_builder));
  const Function& a = by_emitter.functions[0];
  const Function& b = by_builder.functions[0];
  EXPECT_EQ(a.pool, b.pool);
  EXPECT_EQ(a.value_types, b.value_types);
  ASSERT_EQ(a.insts.size(), b.insts.size());
  for (std::size_t i = 0; i < a.insts.size(); ++i) {
    EXPECT_EQ(a.insts[i].first_result, b.insts[i].first_result) << i;
    EXPECT_EQ(a.insts[i].operands, b.insts[i].operands) << i;
    EXPECT_EQ(a.insts[i].edge_count, b.insts[i].edge_count) << i;
  }
}

} // namespace
} // namespace assay::fuzz
