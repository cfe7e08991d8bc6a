// compiler.cpp - the compile driver: for each wanted function optimise (O2), lower, allocate, emit; for each wanted
// import a thunk.
//
// Needs a verified module. LIR, allocation and the backend's tables are kept from compile to compile, so that in
// the steady state nothing is allocated. A failure leaves `out` empty. Cost is that of its stages; the driver adds
// two virtual calls a function. Tested in compiler/codegen/tests/compile_test.cpp.
#include "assay/compiler.h"

#include "compiler/codegen/backend.h"
#include "compiler/codegen/observer.h"
#include "compiler/codegen/regalloc.h"
#include "compiler/codegen/regalloc_ranges.h"
#include "compiler/codegen/wanted_functions.h"
#include "compiler/opt/pipeline.h"
#include "compiler/target/a64/backend.h"
#include "compiler/target/x64/backend.h"

#include <cassert>
#include <new>

namespace assay {

namespace codegen {

std::unique_ptr<Backend> make_backend(Target target) {
  switch (target) {
  case Target::X64: return x64::make_backend();
  case Target::A64: return a64::make_backend();
  }
  return nullptr;
}

const LirNames& lir_names(Target target) { return target == Target::A64 ? a64::lir_names() : x64::lir_names(); }

} // namespace codegen

struct Compiler::Impl {
  explicit Impl(const CompileOptions& given) : backend(codegen::make_backend(given.target)) { set(given); }

  void set(const CompileOptions& given) {
    options = given;
    if (options.level != Level::O2 || pipeline != nullptr) return;
    pipeline = std::make_unique<opt::Pipeline>();
    ranges = std::make_unique<codegen::RangeAllocator>();
  }
  bool optimise() const { return options.level == Level::O2; }

  Result<void> function(const codegen::FunctionInput& input, const std::string& name);
  Result<void> plainly(codegen::FunctionInput input, const std::string& name);
  Result<void> optimised(FunctionId id, const std::string& name);
  FunctionId next_function();
  Result<void> run(const Module& module, CodeObject& out);

  CompileOptions options;
  std::unique_ptr<codegen::Backend> backend;
  codegen::Decisions decisions;
  codegen::WantedFunctions wanted;
  codegen::RegisterAllocator allocator;
  std::unique_ptr<codegen::RangeAllocator> ranges; // made for O2; what it gives back is the other's
  codegen::LirFunction lir;
  codegen::Allocation allocation;
  std::unique_ptr<opt::Pipeline> pipeline; // made for O2
  opt::Optimised better;
  bool cut_short = false; // memory ran out in the middle: what is kept between compiles may be anything
};

Result<void> Compiler::Impl::function(const codegen::FunctionInput& input, const std::string& name) {
  decisions.enter(input.id);
  if (Result<void> lowered = backend->lower(input, lir); !lowered) return lowered;
  if (options.observer != nullptr) options.observer->lowered(input.id, lir);
  const codegen::RegisterFile& file = backend->register_file();
  const codegen::AllocOptions alloc_options{options.max_registers, options.spill_all, &decisions};
  if (!optimise() || !ranges->run(lir, file, alloc_options, allocation)) {
    if (!lir.constants.empty()) return plainly(input, name);
    if (Result<void> allocated = allocator.run(lir, file, alloc_options, allocation); !allocated) return allocated;
  }
  if (options.observer != nullptr) {
    const std::string complaint = options.observer->allocated(input.id, lir, allocation, file);
    if (!complaint.empty())
      return Error{ErrorKind::Internal, "", 0, 0, "register allocation of @" + name + ": " + complaint};
  }
  return backend->emit(input, lir, allocation);
}

/// Once more, for the other allocator.
Result<void> Compiler::Impl::plainly(codegen::FunctionInput input, const std::string& name) {
  input.may_hold = false;
  return function(input, name);
}

Result<void> Compiler::Impl::optimised(FunctionId id, const std::string& name) {
  if (Result<void> done = pipeline->run(id, better); !done) {
    Error error = done.error();
    error.message = "optimising @" + name + ": " + error.message;
    return error;
  }
  if (options.observer != nullptr) options.observer->optimised(id, better.body);
  return function(
      {id, &better.body, better.positions, better.inlined_calls, better.inside, better.extents, !options.spill_all},
      name);
}

/// Those that are wanted, and each of the others that may not be left out.
FunctionId Compiler::Impl::next_function() {
  FunctionId id = wanted.next();
  while (id == kNone) {
    const FunctionId other = wanted.next_unwanted();
    if (other == kNone) return kNone;
    decisions.enter(other);
    if (!decisions.may(codegen::Decision::UnwantedLeftOut)) wanted.want(other);
    id = wanted.next();
  }
  return id;
}

Result<void> Compiler::Impl::run(const Module& module, CodeObject& out) {
  decisions.begin(options.passes.decision_limits);
  backend->begin(module, options, decisions, out);
  if (optimise()) pipeline->begin(module, options.passes);
  out.function_entry.assign(module.functions.size(), kNone);
  out.names.resize(module.functions.size());
  for (FunctionId id = 0; id < module.functions.size(); ++id) out.names[id].assign(module.functions[id].name);
  wanted.begin(module, options.entries);
  for (FunctionId id = next_function(); id != kNone; id = next_function()) {
    const Function& fn = module.functions[id];
    out.function_entry[id] = static_cast<u32>(out.functions.size());
    if (fn.imported) decisions.enter(id);
    const Result<void> done = fn.imported  ? backend->thunk(id)
                              : optimise() ? optimised(id, fn.name)
                                           : function({id, &fn, {}, {}, {}, {}, false}, fn.name);
    if (!done) return done.error();
    if (!fn.imported) wanted.refer(optimise() ? better.body : fn);
  }
  if (options.observer != nullptr) {
    options.observer->decided(decisions);
    if (optimise()) options.observer->simplified(pipeline->rules_fired());
  }
  return backend->finish();
}

Compiler::Compiler(CompileOptions options) : impl_(std::make_unique<Impl>(options)) {}
Compiler::~Compiler() = default;
Compiler::Compiler(Compiler&&) noexcept = default;
Compiler& Compiler::operator=(Compiler&&) noexcept = default;

const CompileOptions& Compiler::options() const { return impl_->options; }
void Compiler::set_options(const CompileOptions& options) {
  assert(options.target == impl_->options.target);
  impl_->set(options);
}

Result<void> Compiler::compile(const Module& module, CodeObject& out) try {
  if (impl_->cut_short) impl_ = std::make_unique<Impl>(CompileOptions(impl_->options));
  std::vector<std::string> names = std::move(out.names); // keeps the strings' storage over clear()
  out.clear();
  out.names = std::move(names);
  out.target = impl_->options.target;
  out.os = impl_->options.os;
  out.host_os = impl_->options.host_os;
  if (impl_->backend == nullptr) {
    out.names.clear();
    return Error{ErrorKind::Unsupported, "", 0, 0,
                 "this build cannot compile for " + std::string(name_of(impl_->options.target))};
  }
  impl_->cut_short = true;
  Result<void> done = impl_->run(module, out);
  impl_->cut_short = false;
  if (!done) out.clear();
  return done;
} catch (const std::bad_alloc&) {
  out.clear();
  return Error{ErrorKind::Io, "", 0, 0, "out of memory"};
}

} // namespace assay
