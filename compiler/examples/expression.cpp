// expression.cpp - a compiler in a page: an expression tree, (x + 5) * 3, becomes machine code.
#include "example.h"

#include "assay/builder.h"

#include <memory>

namespace {

/// A leaf (variable or number), or an operation on two subtrees.
struct Expression {
  char kind = 'x'; // 'x', 'n', '+', '*'
  int64_t number = 0;
  std::unique_ptr<Expression> left, right;
};

std::unique_ptr<Expression> leaf(char kind, int64_t number = 0) {
  return std::make_unique<Expression>(Expression{kind, number, nullptr, nullptr});
}

std::unique_ptr<Expression> node(char kind, std::unique_ptr<Expression> left, std::unique_ptr<Expression> right) {
  return std::make_unique<Expression>(Expression{kind, 0, std::move(left), std::move(right)});
}

assay::ValueId emit(assay::FunctionBuilder& b, const Expression& e, assay::ValueId x) {
  using assay::Opcode, assay::Type;
  if (e.kind == 'x') return x;
  if (e.kind == 'n') return b.iconst(Type::I64, e.number);
  const assay::ValueId left = emit(b, *e.left, x), right = emit(b, *e.right, x);
  return b.binary(e.kind == '+' ? Opcode::Add : Opcode::Mul, Type::I64, left, right);
}

assay::Module compile(const Expression& e) {
  assay::Module module;
  const assay::Type i64[] = {assay::Type::I64};
  assay::Function& f = module.functions.emplace_back();
  f.name = "evaluate";
  f.exported = true;
  f.signature = module.intern_signature(i64, i64);
  assay::FunctionBuilder b(module, 0);
  const assay::BlockId entry = b.entry();
  b.begin(entry);
  b.ret({emit(b, e, b.param(entry, 0))});
  return module;
}

} // namespace

int main() {
  const auto tree = node('*', node('+', leaf('x'), leaf('n', 5)), leaf('n', 3));
  assay::Engine engine;
  const auto program = example::must(engine.load(compile(*tree)));
  const auto evaluate = example::must(program.function<int64_t(int64_t)>("evaluate"));
  for (const int64_t x : {int64_t{0}, int64_t{9}, int64_t{-5}}) {
    std::printf("(%lld + 5) * 3 = %lld\n", static_cast<long long>(x), static_cast<long long>(evaluate(x)));
    example::expect(evaluate(x) == (x + 5) * 3, "(x + 5) * 3");
  }
}
