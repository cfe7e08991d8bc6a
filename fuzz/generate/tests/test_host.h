// test_host.h - the standard test host of docs/cli.md ("Check lines"), for tests of this folder that run programs.
#pragma once

#include "assay/host.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace assay::fuzz {

class TestHost final : public Host {
public:
  void call(const Module& module, FunctionId import, std::span<const u64> args, std::span<u64> results,
            Reentry& reentry) override {
    const Function& f = module.functions[import];
    const auto named = [&](const char* stem) { return f.name.rfind(stem, 0) == 0; };
    if (named("throw_")) throw std::runtime_error(f.name);
    if (named("id")) std::copy_n(args.begin(), std::min(args.size(), results.size()), results.begin());
    if (!named("call_back")) return;
    for (FunctionId other = 0; other < module.functions.size(); ++other) {
      const Function& target = module.functions[other];
      const auto params = module.params_of(target);
      if (!target.exported || params.size() != 1 || params[0] != Type::I64) continue;
      std::vector<u64> values(module.results_of(target).size());
      reentry.call(other, args.first(1), values);
      std::copy_n(values.begin(), std::min(values.size(), results.size()), results.begin());
      return;
    }
  }
};

} // namespace assay::fuzz
