// backend.cpp - joins lowering and emission behind codegen::Backend, and says which registers may be allocated.
//
// Never allocated: rsp, rbp (frame pointer), r14 (context), r11 and xmm15 (the emitter's). Registers that calls
// clobber are preferred, those that shifts and divisions need (rcx, rdx) come late among them. Tested in
// compiler/codegen/tests/compile_test.cpp.
#include "compiler/target/x64/backend.h"

#include "compiler/target/x64/emit.h"
#include "compiler/target/x64/lower.h"

namespace assay::x64 {

namespace {

using codegen::RegisterFile;

RegisterFile make_register_file(Os os, std::initializer_list<Gpr> ints) {
  RegisterFile file;
  file.callee_saved = call_conv(os).callee_saved;
  file.scratch[0] = index_of(kScratch);
  file.scratch[1] = index_of(Xmm::Xmm15);
  file.wanted_fixed = codegen::bit(index_of(Gpr::Rcx)) | codegen::bit(index_of(Gpr::Rdx));
  for (Gpr reg : ints) file.order[0][file.order_count[0]++] = index_of(reg);
  for (u32 i = 0; i < 15; ++i) file.order[1][file.order_count[1]++] = index_of(static_cast<Xmm>(i));
  for (u32 c = 0; c < 2; ++c) {
    for (u32 i = 0; i < file.order_count[c]; ++i) file.allocatable |= codegen::bit(file.order[c][i]);
  }
  return file;
}

const RegisterFile& file_for(Os os) {
  static const RegisterFile sysv =
      make_register_file(Os::Linux, {Gpr::Rax, Gpr::Rsi, Gpr::Rdi, Gpr::R8, Gpr::R9, Gpr::R10, Gpr::Rdx, Gpr::Rcx,
                                     Gpr::Rbx, Gpr::R12, Gpr::R13, Gpr::R15});
  static const RegisterFile windows =
      make_register_file(Os::Windows, {Gpr::Rax, Gpr::R8, Gpr::R9, Gpr::R10, Gpr::Rdx, Gpr::Rcx, Gpr::Rbx, Gpr::Rsi,
                                       Gpr::Rdi, Gpr::R12, Gpr::R13, Gpr::R15});
  return os == Os::Windows ? windows : sysv;
}

class X64Backend final : public codegen::Backend {
public:
  void begin(const Module& module, const CompileOptions& options, codegen::Decisions& decisions,
             CodeObject& out) override {
    module_ = &module;
    os_ = options.os;
    lowering_.begin(module, options, decisions);
    emitter_.begin(module, options, decisions, out);
  }
  const RegisterFile& register_file() const override { return file_for(os_); }
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

std::unique_ptr<codegen::Backend> make_backend() { return std::make_unique<X64Backend>(); }

} // namespace assay::x64
