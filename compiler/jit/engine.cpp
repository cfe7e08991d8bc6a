// engine.cpp - see assay/engine.h.
//
// Ownership: InstanceState -> EngineState (installer, so code memory outlives every instance); a TypedFunction or
// Instance handle -> InstanceState. Objects that hold a reservation of linear memory go back to the engine and
// serve the next module, so that small instances map nothing. Tested in compiler/jit/tests/engine_test.cpp.
#include "assay/engine.h"

#include "assay/verify.h"
#include "compiler/jit/installer.h"
#include "compiler/jit/instance.h"
#include "compiler/opt/pipeline.h"

#include <map>
#include <new>

namespace assay {

namespace detail {

namespace {
constexpr size_t kPooled = 16; // jit::Instances kept for reuse
}

struct EngineState {
  EngineOptions options;
  Compiler compiler;
  std::optional<jit::Installer> installer;
  std::map<std::string, std::shared_ptr<const HostFunction>, std::less<>> bound;
  std::vector<std::unique_ptr<jit::Instance>> pool; // at most kPooled, without further allocation

  explicit EngineState(const EngineOptions& o) : options(o), compiler(compile_options(o)) { pool.reserve(kPooled); }

  static CompileOptions compile_options(const EngineOptions& o) {
    CompileOptions out;
    out.level = o.level;
    out.entries = Entries::Exported;
    if (o.use_host_features) out.features = host_features();
    if (o.tools.any()) out.passes.switched_off |= 1u << static_cast<u32>(opt::PassId::Inline); // a frame a function
    return out;
  }

  Result<void> prepare() {
    if (installer) return {};
    auto stubs = jit::process_stubs();
    if (!stubs) return stubs.error();
    jit::InstallOptions install;
    install.exceptions = options.exceptions;
    if (options.tools.any()) {
      auto tools = jit::CodeTools::create(options.tools);
      if (!tools) return tools.error();
      install.tools = std::move(tools).value();
    }
    install.strategy =
        options.code_memory == CodeMemory::DualMap ? os::MemoryStrategy::DualMap : os::MemoryStrategy::Protect;
    auto made = jit::Installer::create(install, (*stubs)->trap_entry);
    if (!made) return made.error();
    installer.emplace(std::move(made).value());
    return {};
  }

  std::unique_ptr<jit::Instance> take_instance() {
    if (pool.empty()) return std::make_unique<jit::Instance>(options.stack_bytes);
    std::unique_ptr<jit::Instance> out = std::move(pool.back());
    pool.pop_back();
    return out;
  }
};

struct InstanceState final : jit::ImportHandler {
  std::shared_ptr<EngineState> engine;
  Module module;
  CodeObject object;
  jit::Installed code;
  std::unique_ptr<jit::Instance> instance;
  std::vector<std::shared_ptr<const HostFunction>> imports; // [FunctionId]

  ~InstanceState() override {
    if (engine == nullptr) return;
    if (engine->installer) static_cast<void>(engine->installer->uninstall(code));
    if (instance != nullptr && engine->pool.size() < kPooled) engine->pool.push_back(std::move(instance));
  }

  void on_import(jit::Instance&, FunctionId import, std::span<const u64> args, std::span<u64> results) override {
    imports[import]->call(args.data(), results.data());
  }
};

void invoke(InstanceState& state, FunctionId function, std::span<const u64> args, std::span<u64> results) {
  state.instance->invoke(function, args, results);
}

std::optional<TrapException> try_invoke(InstanceState& state, FunctionId function, std::span<const u64> args,
                                        std::span<u64> results) {
  jit::TrapValue trap;
  if (state.instance->try_invoke(function, args, results, trap)) return std::nullopt;
  return TrapException(trap.kind, trap.position);
}

namespace {

Error bad(std::string message) { return Error{ErrorKind::BadInput, {}, 0, 0, std::move(message)}; }

std::string type_text(std::span<const Type> params, std::span<const Type> results) {
  std::string out = "(";
  const auto list = [&](std::span<const Type> types) {
    for (size_t i = 0; i < types.size(); ++i) out += (i == 0 ? "" : ", ") + std::string(name_of(types[i]));
  };
  list(params);
  out += ")";
  if (!results.empty()) out += " -> ";
  list(results);
  return out;
}

bool same(std::span<const Type> a, std::span<const Type> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

Result<void> bind_imports(InstanceState& state) {
  const Module& module = state.module;
  state.imports.resize(module.functions.size());
  for (FunctionId id = 0; id < module.functions.size(); ++id) {
    const Function& f = module.functions[id];
    if (!f.imported) continue;
    const auto found = state.engine->bound.find(f.name);
    const std::string wanted = "import @" + f.name + type_text(module.params_of(f), module.results_of(f));
    if (found == state.engine->bound.end()) return bad(wanted + " is not bound");
    const HostFunction& host = *found->second;
    if (!same(host.params, module.params_of(f)) || !same(host.results, module.results_of(f))) {
      return bad(wanted + " is bound to a function of type " + type_text(host.params, host.results));
    }
    state.imports[id] = found->second;
  }
  return {};
}

} // namespace

Result<FunctionId> find_export(const InstanceState& state, std::string_view name, std::span<const Type> params,
                               std::span<const Type> results) {
  const Module& module = state.module;
  const FunctionId id = module.find_function(name);
  if (id == kNone || !module.functions[id].exported) return bad("there is no exported function @" + std::string(name));
  const Function& f = module.functions[id];
  if (!same(params, module.params_of(f)) || !same(results, module.results_of(f))) {
    return bad("@" + f.name + " has type " + type_text(module.params_of(f), module.results_of(f)) + ", asked for as " +
               type_text(params, results));
  }
  return id;
}

} // namespace detail

const Module& Instance::module() const { return state_->module; }

std::span<u8> Instance::memory() const {
  jit::LinearMemory& memory = state_->instance->memory();
  return {memory.base(), memory.size()};
}

ExceptionModel Instance::exceptions() const { return state_->instance->exceptions(); }
u64 Instance::fuel() const { return state_->instance->fuel(); }
void Instance::set_fuel(u64 fuel) const { state_->instance->set_fuel(fuel); }
void Instance::reset() const { state_->instance->reset(); }

Result<u64*> Instance::global_slot(std::string_view name, Type type) const {
  const std::vector<Global>& globals = state_->module.globals;
  for (size_t i = 0; i < globals.size(); ++i) {
    if (globals[i].name != name) continue;
    if (globals[i].type == type) return &state_->instance->globals()[i];
    return detail::bad("global @" + std::string(name) + " has type " + std::string(name_of(globals[i].type)) +
                       ", asked for as " + std::string(name_of(type)));
  }
  return detail::bad("there is no global @" + std::string(name));
}

Engine::Engine(const EngineOptions& options) : state_(std::make_shared<detail::EngineState>(options)) {}

void Engine::bind_erased(std::string name, detail::HostFunction function) {
  state_->bound.insert_or_assign(std::move(name), std::make_shared<const detail::HostFunction>(std::move(function)));
}

static Error out_of_memory() { return Error{ErrorKind::Io, {}, 0, 0, "out of memory"}; }

Result<Instance> Engine::load(Module module, const DebugSource* source) try {
  if (auto done = verify(module); !done) return done.error();
  if (auto done = state_->prepare(); !done) return done.error();
  auto instance = std::make_shared<detail::InstanceState>();
  instance->engine = state_;
  instance->module = std::move(module);
  if (auto done = detail::bind_imports(*instance); !done) return done.error();
  if (auto done = state_->compiler.compile(instance->module, instance->object); !done) return done.error();
  DebugSource own;
  if (source != nullptr) own = {source->file, &instance->module, source->map};
  if (auto done = state_->installer->install(instance->object, instance->code, source != nullptr ? &own : nullptr);
      !done)
    return done.error();
  auto whole = state_->take_instance(); // back to the others only when it is
  if (auto done = whole->load(instance->module, instance->code, *instance); !done) return done.error();
  whole->set_fuel(~u64{0});
  instance->instance = std::move(whole);
  return Instance(std::move(instance));
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

Result<Instance> Engine::load_text(std::string_view air, std::string_view file) try {
  SourceMap map;
  const bool wants_lines = state_->options.tools.any();
  auto module = wants_lines ? parse_module(air, file, &map) : parse_and_verify(air, file);
  if (!module) return module.error();
  const DebugSource source{std::string(file), nullptr, &map};
  if (!wants_lines) return load(std::move(module).value());
  if (auto done = verify(*module, file, &map); !done) return done.error(); // with its place in the text
  return load(std::move(module).value(), &source);
} catch (const std::bad_alloc&) {
  return out_of_memory();
}

} // namespace assay
