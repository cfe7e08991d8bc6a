// observer.h - who is told of a function's forms on its way through the compiler.
#pragma once

#include "assay/module.h"
#include "compiler/codegen/decisions.h"
#include "compiler/codegen/lir.h"

#include <span>
#include <string>

namespace assay::codegen {

/// Told of each intermediate form; used by `--emit`, and by test builds to run the checker.
class Observer {
public:
  virtual ~Observer() = default;
  /// What -O2 made of the function; its name and signature are those in the module.
  virtual void optimised(FunctionId, const Function&) {}
  virtual void lowered(FunctionId, const LirFunction&) {}
  /// Returns an empty string when content; otherwise the compile fails with this Internal error.
  virtual std::string allocated(FunctionId, const LirFunction&, const Allocation&, const RegisterFile&) { return {}; }
  /// The module is compiled, at -O2: how often this compiler has ever applied each rule of simplification
  /// (opt/rules.h).
  virtual void simplified(std::span<const u64>) {}
  /// The module is compiled: how many choices the back end took, and which one reached the limit.
  virtual void decided(const Decisions&) {}
};

} // namespace assay::codegen
