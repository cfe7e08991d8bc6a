// bench_module.cpp - what an ordinary front end might give: straight code and loops over 64-bit integers, with locals
// already in SSA form; operands are among the last eight values, so that most die soon and a few live long.
//
// Deterministic, from the fuzzer's random numbers. Linear in what it makes. Run by cli.end_to_end, which compiles it.
#include "fuzz/cli/bench_module.h"

#include "assay/builder.h"
#include "fuzz/generate/random.h"

#include <algorithm>
#include <string>
#include <vector>

namespace assay::cli {
namespace {

constexpr Type kI64 = Type::I64;

class FunctionMaker {
public:
  FunctionMaker(Module& module, FunctionId function, fuzz::Random& random) : b_(module, function), random_(random) {}

  void make() {
    const BlockId entry = b_.entry();
    b_.begin(entry);
    for (u32 i = 0; i < 3; ++i) values_.push_back(b_.param(entry, i));
    limit_ = values_[0];
    stretch(15);
    for (u32 i = 0; i < 4; ++i) loop();
    b_.ret({values_.back()});
  }

private:
  ValueId recent() {
    return values_[values_.size() - 1 - random_.below(static_cast<u32>(std::min<std::size_t>(8, values_.size())))];
  }
  Opcode one_of(std::initializer_list<Opcode> ops) { return ops.begin()[random_.below(static_cast<u32>(ops.size()))]; }

  /// Pushes `steps` new values: half of them sums and the like.
  void stretch(u32 steps) {
    for (u32 i = 0; i < steps; ++i) {
      const ValueId a = recent(), b = recent();
      const u32 draw = random_.below(100);
      if (draw < 50) {
        const Opcode op = one_of({Opcode::Add, Opcode::Sub, Opcode::Mul, Opcode::And, Opcode::Or, Opcode::Xor});
        values_.push_back(b_.binary(op, kI64, a, b));
      } else if (draw < 65) {
        values_.push_back(b_.iconst(kI64, static_cast<i64>(random_.below(2000)) - 1000));
      } else if (draw < 75) {
        values_.push_back(b_.binary(one_of({Opcode::Shl, Opcode::ShrU, Opcode::ShrS}), kI64, a, b));
      } else if (draw < 90) {
        const ValueId address = b_.binary(Opcode::And, kI64, a, b_.iconst(kI64, 65528));
        values_.push_back(b_.load(Opcode::Load, kI64, address, 0));
      } else {
        values_.push_back(b_.cast(Opcode::Zext, kI64, Type::I8, b_.binary(Opcode::LtS, kI64, a, b)));
      }
    }
  }

  /// Counts up to the first parameter, then goes on; of what the loop made only one value is read behind it.
  void loop() {
    const Type two[] = {kI64, kI64};
    const BlockId header = b_.block(two), exit = b_.block({two, 1});
    const std::size_t before = values_.size();
    const ValueId zero = b_.iconst(kI64, 0);
    b_.jump(header, {zero, values_.back()});
    b_.begin(header);
    values_.push_back(b_.param(header, 0));
    values_.push_back(b_.param(header, 1));
    stretch(10);
    const ValueId next = b_.binary(Opcode::Add, kI64, b_.param(header, 0), b_.iconst(kI64, 1));
    const ValueId more = b_.binary(Opcode::LtS, kI64, next, limit_);
    const ValueId again[] = {next, values_.back()};
    b_.branch(more, {header, again}, {exit, {again + 1, 1}});
    b_.begin(exit);
    values_.resize(before);
    values_.push_back(b_.param(exit, 0));
    stretch(5);
  }

  FunctionBuilder b_;
  fuzz::Random& random_;
  std::vector<ValueId> values_; // those in scope, oldest first
  ValueId limit_ = kNone;
};

} // namespace

Module make_bench_module(u32 functions) {
  Module module;
  module.has_memory = true;
  module.memory_size = module.memory_max = kPageSize;
  const Type params[] = {kI64, kI64, kI64};
  const SignatureId signature = module.intern_signature(params, {params, 1});
  fuzz::Random random(1);
  module.functions.resize(functions);
  for (FunctionId f = 0; f < functions; ++f) {
    Function& function = module.functions[f];
    function.name = "f" + std::to_string(f);
    function.signature = signature;
    function.exported = true;
    FunctionMaker(module, f, random).make();
  }
  return module;
}

} // namespace assay::cli
