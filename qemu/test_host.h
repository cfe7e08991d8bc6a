// test_host.h - the standard test host: what imported functions do in every check, on every subject (docs/cli.md).
//
//   @throw_...     throws std::runtime_error whose text is the import's name
//   @id...         gives its arguments back: result i is argument i where their types are equal, else zero
//   @call_back...  (i64, ...): calls the module's first exported function that takes just (i64) with its first
//                  argument and returns its first result, zero when the types differ; zeros when there is no such
//                  function or kMaxDepth calls are nested
//   any other      (@log...) returns zeros
// Recording is the engine's business. No state survives a call, but for the nesting depth. Pure otherwise.
// Tested in qemu/tests/test_host_test.cpp.
#pragma once

#include "assay/host.h"

#include <vector>

namespace assay::qemu {

class TestHost : public Host {
public:
  static constexpr u32 kMaxDepth = 8;

  void call(const Module& module, FunctionId import, std::span<const u64> args, std::span<u64> results, Reentry& reentry) override;
  /// After a run that was ended by force (Crashed, Hung), whose call-backs never came to an end.
  void reset() { depth_ = 0; }

private:
  void call_back(const Module& module, FunctionId import, std::span<const u64> args, std::span<u64> results, Reentry& reentry);

  u32 depth_ = 0;
  std::vector<u64> callee_results_[kMaxDepth]; // one a depth, so that storage is reused
};

} // namespace assay::qemu
