// test_host.cpp - see the header. Names are compared by prefix at each call: a host call is rare beside what it costs.
//
// Leaves the nesting depth as it was, whatever leaves the call (a trap and an exception do so by throwing).
// Tested in qemu/tests/test_host_test.cpp.
#include "qemu/test_host.h"

#include <algorithm>
#include <array>

namespace assay::qemu {

namespace {

bool starts_with(std::string_view name, std::string_view prefix) { return name.substr(0, prefix.size()) == prefix; }

/// The first exported function with a body and the one parameter i64, or kNone.
FunctionId call_back_target(const Module& module) {
  for (FunctionId f = 0; f < module.functions.size(); ++f) {
    const Function& function = module.functions[f];
    if (!function.exported || function.imported) continue;
    const std::span<const Type> params = module.params_of(function);
    if (params.size() == 1 && params[0] == Type::I64) return f;
  }
  return kNone;
}

/// Counts a level of nesting for as long as it lives.
class Nesting {
public:
  explicit Nesting(u32& depth) : depth_(depth) { ++depth_; }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

private:
  u32& depth_;
};

} // namespace

void TestHost::call_back(const Module& module, FunctionId import, std::span<const u64> args, std::span<u64> results,
                         Reentry& reentry) {
  const FunctionId target = call_back_target(module);
  const std::span<const Type> params = module.params_of(module.functions[import]);
  if (target == kNone || nesting_ >= kMaxNesting || params.empty() || params[0] != Type::I64) return;
  const std::span<const Type> target_types = module.results_of(module.functions[target]);
  std::array<u64, kMaxParams> target_results{};
  {
    const Nesting nesting(nesting_);
    reentry.call(target, args.first(1), std::span<u64>(target_results.data(), target_types.size()));
  }
  const std::span<const Type> own_types = module.results_of(module.functions[import]);
  if (!own_types.empty() && !target_types.empty() && own_types[0] == target_types[0]) results[0] = target_results[0];
}

void TestHost::call(const Module& module, FunctionId import, std::span<const u64> args, std::span<u64> results,
                    Reentry& reentry) {
  const Function& function = module.functions[import];
  if (starts_with(function.name, "throw_")) throw HostThrow(function.name);
  if (starts_with(function.name, "id")) {
    const std::span<const Type> from = module.params_of(function);
    const std::span<const Type> to = module.results_of(function);
    for (size_t i = 0; i < std::min(from.size(), to.size()); ++i) {
      if (from[i] == to[i]) results[i] = args[i];
    }
  } else if (function.name == "call_back") {
    call_back(module, import, args, results, reentry);
  }
}

} // namespace assay::qemu
