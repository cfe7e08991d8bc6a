// lowering.cpp - the frame of a module in a peer: functions, imports, loops around tail calls, entries. See lowering.h.
//
// Linear in the module. Tested in fuzz/subjects/tests/peer_test.cpp.
#include "fuzz/subjects/lowering.h"

#include "fuzz/subjects/function_lowering.h"

#include <cstddef>

namespace assay::fuzz::peers {
namespace {

class ModuleWriter {
public:
  ModuleWriter(const Module& module, bool all_entries, RunState& state, Emitter& emitter)
      : all_entries_(all_entries), m_{module, state, emitter, {module, {}}, traits_of(module), {}, {}}, e_(emitter),
        c_(emitter), module_(module) {}

  Result<void> write();

private:
  bool has_entry(FunctionId id) const {
    const Function& f = module_.functions[id];
    return !f.imported && (all_entries_ || f.exported);
  }
  void declare();
  void import_thunk(FunctionId id);
  void loop(FunctionId id);
  void dispatcher(SignatureId results);
  void entry(FunctionId id);
  void fill_table();
  Value state_word(const u64& word) { return e_.load(Type::I64, c_.word(m_.address(word))); }
  Value offset(Value base, u64 bytes) { return c_.op(Opcode::Add, Type::I64, base, c_.word(bytes)); }
  std::vector<Value> parameters(std::size_t count) {
    std::vector<Value> out;
    for (u32 i = 0; i < count; ++i) out.push_back(e_.parameter(i));
    return out;
  }

  bool all_entries_;
  ModuleLowering m_;
  Emitter& e_;
  Computing c_;
  const Module& module_;
  std::vector<Callee> dispatchers_; // by the first signature with these results
  std::vector<Callee> entries_;
  Callee filler_ = nullptr;
};

Result<void> ModuleWriter::write() {
  declare();
  for (FunctionId id = 0; id < module_.functions.size(); ++id) {
    if (module_.functions[id].imported) {
      import_thunk(id);
      continue;
    }
    if (auto done = FunctionLowering(m_, id).lower(); !done) return done;
    if (tails_away(module_.functions[id])) loop(id);
  }
  for (SignatureId id = 0; id < dispatchers_.size(); ++id)
    if (dispatchers_[id] != nullptr) dispatcher(id);
  for (FunctionId id = 0; id < module_.functions.size(); ++id)
    if (has_entry(id)) entry(id);
  fill_table();
  return {};
}

void ModuleWriter::declare() {
  for (FunctionId id = 0; id < module_.functions.size(); ++id) {
    const Function& f = module_.functions[id];
    const std::string name = "f" + std::to_string(id);
    const auto params = module_.params_of(f), results = module_.results_of(f);
    m_.callees.push_back(e_.declare(name, params, results, false));
    m_.bodies.push_back(tails_away(f) ? e_.declare(name + "_body", params, results, false) : m_.callees.back());
  }
  dispatchers_.assign(m_.traits.tails ? module_.signatures.size() : 0, nullptr);
  for (SignatureId id = 0; id < dispatchers_.size(); ++id)
    if (m_.names.results_id(id) == id)
      dispatchers_[id] = e_.declare("tail" + std::to_string(id), {}, module_.results(module_.signatures[id]), false);
  const Type words[] = {Type::I64, Type::I64};
  entries_.assign(module_.functions.size(), nullptr);
  for (FunctionId id = 0; id < module_.functions.size(); ++id)
    if (has_entry(id)) entries_[id] = e_.declare(entry_name(id), words, {}, true);
  filler_ = e_.declare(kFillTable, {}, {}, true);
}

void ModuleWriter::import_thunk(FunctionId id) {
  const Function& f = module_.functions[id];
  const auto params = module_.params_of(f), results = module_.results_of(f);
  e_.begin(m_.callees[id]);
  const Value args = e_.frame_bytes(static_cast<u32>(8 * params.size() + 8), 8);
  const Value given = e_.frame_bytes(static_cast<u32>(8 * results.size() + 8), 8);
  for (u32 i = 0; i < params.size(); ++i) e_.store(Type::I64, offset(args, 8 * i), c_.bits(params[i], e_.parameter(i)));
  const Value words[] = {c_.word(m_.self()), c_.word(id), args, given};
  e_.call_host(RunState::import_address(), words);
  std::vector<Value> values;
  for (u32 i = 0; i < results.size(); ++i)
    values.push_back(c_.of_bits(results[i], e_.load(Type::I64, offset(given, 8 * i))));
  e_.give_back(values);
  e_.end();
}

/// Around a function that ends by tail calls: goes on with what they name until something returns.
void ModuleWriter::loop(FunctionId id) {
  const Function& f = module_.functions[id];
  const auto results = module_.results_of(f);
  e_.begin(m_.callees[id]);
  std::vector<Value> values;
  e_.call(m_.bodies[id], parameters(module_.params_of(f).size()), values);
  const Label look = e_.label(results), done = e_.label({}), again = e_.label({});
  e_.jump(look, values);
  std::vector<Value> now, none;
  e_.start(look, now);
  const Value more = c_.op(Opcode::Ne, Type::I64, state_word(m_.state.tail), c_.word(kNoFunction));
  e_.branch(Type::I8, more, again, done);
  e_.start(again, none);
  values.clear();
  e_.call(dispatchers_[m_.names.results_id(f.signature)], {}, values);
  e_.jump(look, values);
  e_.start(done, none);
  e_.give_back(now);
  e_.end();
}

/// Calls the function that `tail` names with `tail_args`.
void ModuleWriter::dispatcher(SignatureId results) {
  e_.begin(dispatchers_[results]);
  const Value function = state_word(m_.state.tail);
  e_.store(Type::I64, c_.word(m_.address(m_.state.tail)), c_.word(kNoFunction));
  std::vector<u64> cases;
  std::vector<Label> labels;
  for (FunctionId to = 0; to < module_.functions.size(); ++to) {
    if (m_.names.results_id(module_.functions[to].signature) != results) continue;
    cases.push_back(to);
    labels.push_back(e_.label({}));
  }
  const Label otherwise = e_.label({});
  e_.choose(Type::I64, function, cases, labels, otherwise);
  std::vector<Value> none;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    e_.start(labels[i], none);
    const auto types = module_.params_of(module_.functions[cases[i]]);
    std::vector<Value> args, values;
    for (std::size_t k = 0; k < types.size(); ++k)
      args.push_back(c_.of_bits(types[k], state_word(m_.state.tail_args[k])));
    e_.call(m_.bodies[cases[i]], args, values);
    e_.give_back(values);
  }
  e_.start(otherwise, none);
  std::vector<Value> nothing;
  for (const Type type : module_.results(module_.signatures[results])) nothing.push_back(e_.constant(type, 0));
  e_.give_back(nothing);
  e_.end();
}

void ModuleWriter::entry(FunctionId id) {
  const auto params = module_.params_of(module_.functions[id]), results = module_.results_of(module_.functions[id]);
  e_.begin(entries_[id]);
  const Value from = e_.parameter(0), to = e_.parameter(1);
  std::vector<Value> args, values;
  for (u32 i = 0; i < params.size(); ++i)
    args.push_back(c_.of_bits(params[i], e_.load(Type::I64, offset(from, 8 * i))));
  e_.call(m_.callees[id], args, values);
  for (u32 i = 0; i < results.size(); ++i) e_.store(Type::I64, offset(to, 8 * i), c_.bits(results[i], values[i]));
  e_.give_back({});
  e_.end();
}

void ModuleWriter::fill_table() {
  e_.begin(filler_);
  for (std::size_t i = 0; i < module_.table.size(); ++i) {
    if (module_.table[i] == kNone) continue;
    e_.store(Type::I64, c_.word(reinterpret_cast<u64>(&m_.state.table[i].code)),
             e_.address_of(m_.callees[module_.table[i]]));
  }
  e_.give_back({});
  e_.end();
}

} // namespace

std::string entry_name(FunctionId function) { return "assay_peer_e" + std::to_string(function); }

Result<void> lower(const Module& module, bool all_entries, RunState& state, Emitter& emitter) {
  return ModuleWriter(module, all_entries, state, emitter).write();
}

} // namespace assay::fuzz::peers
