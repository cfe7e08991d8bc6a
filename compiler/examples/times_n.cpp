// times_n.cpp - specialisation: a function x * n for an n known only now, made with the builder.
#include "example.h"

#include "assay/builder.h"

static assay::Module make_times(int64_t n) {
  using assay::Type;
  assay::Module module;
  const Type i64[] = {Type::I64};
  assay::Function& f = module.functions.emplace_back();
  f.name = "times";
  f.exported = true;
  f.signature = module.intern_signature(i64, i64);
  assay::FunctionBuilder b(module, 0);
  const assay::BlockId entry = b.entry();
  b.begin(entry);
  b.ret({b.binary(assay::Opcode::Mul, Type::I64, b.param(entry, 0), b.iconst(Type::I64, n))});
  return module;
}

int main() {
  assay::Engine engine;
  for (const int64_t n : {int64_t{2}, int64_t{7}, int64_t{-3}, int64_t{1} << 40}) {
    const auto program = example::must(engine.load(make_times(n)));
    const auto times = example::must(program.function<int64_t(int64_t)>("times"));
    std::printf("6 * %lld = %lld\n", static_cast<long long>(n), static_cast<long long>(times(6)));
    example::expect(times(6) == 6 * n, "x * n");
  }
}
