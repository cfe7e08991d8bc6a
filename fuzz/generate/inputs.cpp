// inputs.cpp - edge and random argument values.
//
// Each vector has its own random stream, so asking for more leaves the first ones as they were.
// Linear in the parameters. Tested in fuzz/generate/tests/inputs_test.cpp.
#include "fuzz/generate/inputs.h"

#include "fuzz/generate/draw/constants.h"

namespace assay::fuzz {

u64 random_value(Random& random, Type type) {
  if (random.chance(1, 3)) return random.next() & (type == Type::Ptr ? 0 : bit_mask(type));
  return edge_constant(random, type);
}

void make_inputs(const Module& module, FunctionId entry, u64 seed, u32 count, std::vector<u64>& out) {
  const std::span<const Type> params = module.params_of(module.functions[entry]);
  out.clear();
  for (u32 i = 0; i < count; ++i) {
    Random random(derive_seed(seed, u64{entry} << 32 | i));
    for (const Type type : params) out.push_back(random_value(random, type));
  }
}

void list_entries(const Module& module, std::vector<FunctionId>& out) {
  out.clear();
  for (FunctionId f = 0; f < module.functions.size(); ++f) {
    if (module.functions[f].exported && !module.functions[f].imported) out.push_back(f);
  }
}

} // namespace assay::fuzz
