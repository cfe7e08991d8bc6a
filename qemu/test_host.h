// test_host.h - the standard test host: what `@log`, `@throw_...`, `@id...` and `@call_back` do (docs/cli.md).
//
// The same for the oracle and for every executor. Imports are told apart by name:
//   @log...       returns zeros (the engine records the call and its arguments)
//   @throw_...    throws HostThrow, whose what() is the import's name without '@'
//   @id...        returns its arguments: result i is argument i where the types are equal, else zero
//   @call_back    calls the module's first exported function of one parameter, i64, with its own first argument,
//                 and returns that function's first result where the type is its own first result's; zeros when
//                 there is no such function or kMaxNesting calls are under way already
//   anything else as @log
// Keeps no state between runs but the nesting depth; allocates nothing but a thrown exception.
// Tested in qemu/tests/test_host_test.cpp.
#pragma once

#include "assay/host.h"

#include <stdexcept>

namespace assay::qemu {

/// What `@throw_...` throws.
class HostThrow : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

class TestHost final : public Host {
public:
  /// Call-backs may nest this deep.
  static constexpr u32 kMaxNesting = 8;

  void call(const Module& module, FunctionId import, std::span<const u64> args, std::span<u64> results,
            Reentry& reentry) override;

private:
  void call_back(const Module& module, FunctionId import, std::span<const u64> args, std::span<u64> results,
                 Reentry& reentry);

  u32 nesting_ = 0;
};

} // namespace assay::qemu
