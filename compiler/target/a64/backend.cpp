// backend.cpp - joins lowering and emission behind codegen::Backend.
//
// Tested in compiler/target/a64/tests/compile_test.cpp.
#include "compiler/target/a64/backend.h"

#include "compiler/target/a64/emit.h"
#include "compiler/target/a64/lower.h"

namespace assay::a64 {

namespace {

class A64Backend final : public codegen::Backend {
public:
  void begin(const Module& module, const CompileOptions& options, codegen::Decisions& decisions,
             CodeObject& out) override {
    module_ = &module;
    os_ = options.os;
    lowering_.begin(module, options, decisions);
    emitter_.begin(module, options, decisions, out);
  }
  const codegen::RegisterFile& register_file() const override { return a64::register_file(os_); }
  Result<void> lower(const codegen::FunctionInput& function, codegen::LirFunction& out) override {
    return lowering_.run(function, out, lowered_);
  }
  Result<void> emit(const codegen::FunctionInput& function, const codegen::LirFunction& lir,
                    const codegen::Allocation& allocation) override {
    return emitter_.function(function, lir, allocation, lowered_);
  }
  Result<void> thunk(FunctionId import) override {
    return emitter_.thunk(import, lowering_.layout_of(module_->functions[import].signature));
  }
  Result<void> finish() override { return emitter_.finish(); }

private:
  const Module* module_ = nullptr;
  Os os_ = Os::Linux;
  Lowering lowering_;
  codegen::LoweredFunction lowered_;
  Emitter emitter_;
};

} // namespace

std::unique_ptr<codegen::Backend> make_backend() { return std::make_unique<A64Backend>(); }

} // namespace assay::a64
