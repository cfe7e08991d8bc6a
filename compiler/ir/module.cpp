// module.cpp - the few operations of Module and Function that are more than an array access.
//
// `intern_signature` and `find_function` search linearly: a program has few signatures, and whoever adds
// very many (the parser) keeps an index of its own. Tested in tests/module_test.cpp.
#include "assay/module.h"

#include <algorithm>
#include <array>

namespace assay {

void Function::clear_body() {
  insts.clear();
  blocks.clear();
  value_types.clear();
  value_defs.clear();
  pool.clear();
  edges.clear();
  slots.clear();
  locals.clear();
}

SignatureId Module::intern_signature(std::span<const Type> params, std::span<const Type> results) {
  for (u32 id = 0; id < signatures.size(); ++id) {
    const auto p = this->params(signatures[id]), r = this->results(signatures[id]);
    if (std::equal(p.begin(), p.end(), params.begin(), params.end()) &&
        std::equal(r.begin(), r.end(), results.begin(), results.end()))
      return id;
  }
  // The spans may lie in signature_types itself (the types of another signature): copy before it grows.
  const std::size_t count = params.size() + results.size();
  std::array<Type, 64> few;
  std::vector<Type> many(count > few.size() ? count : 0);
  Type* types = count > few.size() ? many.data() : few.data();
  std::copy(results.begin(), results.end(), std::copy(params.begin(), params.end(), types));
  Signature signature;
  signature.params = static_cast<u32>(signature_types.size());
  signature.param_count = static_cast<u32>(params.size());
  signature.results = signature.params + signature.param_count;
  signature.result_count = static_cast<u32>(results.size());
  signature_types.insert(signature_types.end(), types, types + count);
  signatures.push_back(signature);
  return static_cast<SignatureId>(signatures.size() - 1);
}

FunctionId Module::find_function(std::string_view name) const {
  for (u32 id = 0; id < functions.size(); ++id)
    if (functions[id].name == name) return id;
  return kNone;
}

void Module::clear() {
  has_memory = false;
  memory_size = memory_max = 0;
  data.clear();
  globals.clear();
  tags.clear();
  functions.clear();
  table.clear();
  has_table = false;
  signatures.clear();
  signature_types.clear();
}

} // namespace assay
