// one_operation.h - for tests of what is said about operations: what the oracle makes of a single one.
#pragma once

#include "assay/builder.h"
#include "assay/verify.h"
#include "compiler/ir/op_shape.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/test_host.h"

#include <gtest/gtest.h>

namespace assay::opt {

/// A program of one operation, run by the oracle.
class OneOperation {
public:
  OneOperation(Opcode op, Type type, Type from) {
    const ir::OpShape& shape = ir::shape(op);
    std::vector<Type> results;
    for (u32 i = 0; i < shape.operand_count; ++i) {
      const ir::Letter letter = shape.operands[i];
      params.push_back(letter == ir::Letter::T ? type : letter == ir::Letter::S ? from : Type::I16);
    }
    for (u32 i = 0; i < shape.result_count; ++i) results.push_back(ir::result_type(shape.results[i], type, from));
    module_.functions.emplace_back();
    module_.functions[0].name = "f";
    module_.functions[0].exported = true;
    module_.functions[0].signature = module_.intern_signature(params, results);
    FunctionBuilder builder(module_, 0);
    const BlockId entry = builder.entry();
    builder.begin(entry);
    std::vector<ValueId> operands, values;
    for (u32 i = 0; i < params.size(); ++i) operands.push_back(builder.param(entry, i));
    const ValueId first = builder.emit(op, type, from, operands);
    for (u32 i = 0; i < shape.result_count; ++i) values.push_back(first + i);
    builder.ret(values);
    EXPECT_TRUE(verify(module_).ok());
    interpreter_.prepare(module_);
  }

  const Outcome& run(std::span<const u64> operands) {
    interpreter_.run(0, operands, 1000, host_, outcome_);
    return outcome_;
  }

  std::vector<Type> params;

private:
  Module module_;
  oracle::Interpreter interpreter_;
  qemu::TestHost host_;
  Outcome outcome_;
};

} // namespace assay::opt
