// test_host.cpp - see test_host.h. Finding the call-back's callee is linear in the functions of the module.
//
// Needs a Reentry that leads into the same run; leaves the depth as it found it, whatever the callee throws.
// Tested in qemu/tests/test_host_test.cpp.
#include "qemu/test_host.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace assay::qemu {

namespace {

bool starts_with(std::string_view name, std::string_view prefix) { return name.substr(0, prefix.size()) == prefix; }

FunctionId find_callee(const Module& module) {
  for (FunctionId id = 0; id < module.functions.size(); ++id) {
    const Function& f = module.functions[id];
    if (!f.exported || f.imported) continue;
    const std::span<const Type> params = module.params_of(f);
    if (params.size() == 1 && params[0] == Type::I64) return id;
  }
  return kNone;
}

} // namespace

void TestHost::call(const Module& module, FunctionId import, std::span<const u64> args, std::span<u64> results, Reentry& reentry) {
  const Function& f = module.functions[import];
  if (starts_with(f.name, "throw_")) throw std::runtime_error(f.name);
  if (starts_with(f.name, "call_back")) {
    call_back(module, import, args, results, reentry);
  } else if (starts_with(f.name, "id")) {
    const std::span<const Type> from = module.params_of(f), to = module.results_of(f);
    for (size_t i = 0; i < std::min(from.size(), to.size()); ++i) {
      if (from[i] == to[i]) results[i] = args[i];
    }
  }
}

void TestHost::call_back(const Module& module, FunctionId import, std::span<const u64> args, std::span<u64> results, Reentry& reentry) {
  const std::span<const Type> params = module.params_of(module.functions[import]);
  const FunctionId callee = find_callee(module);
  if (callee == kNone || depth_ == kMaxDepth || params.empty() || params[0] != Type::I64) return;
  const std::span<const Type> from = module.results_of(module.functions[callee]);
  const std::span<const Type> to = module.results_of(module.functions[import]);
  struct Nested {
    u32& depth;
    explicit Nested(u32& d) : depth(d) { ++depth; }
    ~Nested() { --depth; }
  };
  std::vector<u64>& values = callee_results_[depth_];
  values.assign(from.size(), 0);
  const Nested nested(depth_);
  reentry.call(callee, args.first(1), values);
  if (!from.empty() && !to.empty() && from[0] == to[0]) results[0] = values[0];
}

} // namespace assay::qemu
