// crossover.cpp - brings a function of one module, with all it calls, into another.
//
// What the function refers to is found in the new home (imports by name and signature, globals by type, tags by
// payload, bodies already brought) or made there. New imports go before all bodies, so ids behind
// them shift. Then the function takes the body of one with its signature, or gets a call from a new place.
// Linear in both modules and what is copied. Tested in fuzz/mutate/tests/mutator_test.cpp.
#include "fuzz/mutate/context.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

constexpr u32 kMostFunctions = 24; // in a module that still grows
constexpr u32 kMostInsts = 4000;

bool names_function(const Inst& inst) {
  const Form form = info(inst.op).form;
  return form == Form::Call || form == Form::TryCall || form == Form::FuncAddr;
}

class Transplant {
public:
  Transplant(Module& into, const Module& from) : into_(into), from_(from) {
    functions_.assign(from.functions.size(), kNone);
  }

  /// The id that the function of `from` has in `into` afterwards.
  FunctionId bring(FunctionId root) {
    const FunctionId id = place(root);
    // Bodies are filled after all of them have their ids: calls may go round.
    while (!waiting_.empty()) {
      const FunctionId next = waiting_.back();
      waiting_.pop_back();
      translate(next);
    }
    return functions_[root] == kNone ? id : functions_[root];
  }

private:
  SignatureId signature(SignatureId id) {
    const Signature& s = from_.signatures[id];
    return into_.intern_signature(from_.params(s), from_.results(s));
  }

  bool name_taken(const std::string& name) const {
    const auto same_global = [&](const Global& g) { return g.name == name; };
    const auto same_tag = [&](const Tag& t) { return t.name == name; };
    return into_.find_function(name) != kNone || std::any_of(into_.globals.begin(), into_.globals.end(), same_global) ||
           std::any_of(into_.tags.begin(), into_.tags.end(), same_tag);
  }

  std::string free_name(const std::string& wanted) const {
    std::string name = wanted;
    for (u32 i = 2; name_taken(name); ++i) name = wanted + "_" + std::to_string(i);
    return name;
  }

  /// Every id at or behind `at` grows by one.
  void shift_functions(FunctionId at) {
    const auto shift = [at](u32& id) { id += id != kNone && id >= at; };
    for (Function& f : into_.functions) {
      if (is_foreign(f)) continue; // asks functions_, so before that is shifted
      for (Inst& inst : f.insts) {
        if (names_function(inst)) shift(inst.ref);
      }
    }
    for (FunctionId& entry : into_.table) shift(entry);
    for (FunctionId& id : functions_) shift(id);
  }

  /// Bodies that still hold ids of `from` must not be shifted.
  bool is_foreign(const Function& f) const {
    const FunctionId id = static_cast<FunctionId>(&f - into_.functions.data());
    return std::any_of(waiting_.begin(), waiting_.end(), [&](FunctionId w) { return functions_[w] == id; });
  }

  FunctionId place_import(const Function& f) {
    const SignatureId wanted = signature(f.signature);
    FunctionId at = 0;
    while (at < into_.functions.size() && into_.functions[at].imported) {
      if (into_.functions[at].name == f.name && into_.functions[at].signature == wanted) return at;
      ++at;
    }
    Function import;
    import.name = free_name(f.name);
    import.signature = wanted;
    import.imported = true;
    shift_functions(at);
    into_.functions.insert(into_.functions.begin() + at, std::move(import));
    return at;
  }

  FunctionId place(FunctionId id) {
    if (functions_[id] != kNone) return functions_[id];
    const Function& f = from_.functions[id];
    if (f.imported) return functions_[id] = place_import(f);
    into_.functions.push_back(f);
    Function& copy = into_.functions.back();
    copy.name.clear();
    copy.name = free_name(f.name);
    copy.exported = false;
    copy.signature = signature(f.signature);
    functions_[id] = static_cast<FunctionId>(into_.functions.size() - 1);
    waiting_.push_back(id);
    return functions_[id];
  }

  GlobalId global(GlobalId id) {
    const Type type = from_.globals[id].type;
    for (GlobalId g = 0; g < into_.globals.size(); ++g) {
      if (into_.globals[g].type == type) return g;
    }
    Global copy = from_.globals[id];
    copy.name = free_name(copy.name);
    into_.globals.push_back(std::move(copy));
    return static_cast<GlobalId>(into_.globals.size() - 1);
  }

  TagId tag(TagId id) {
    const SignatureId wanted = signature(from_.tags[id].signature);
    for (TagId t = 0; t < into_.tags.size(); ++t) {
      if (into_.tags[t].name == from_.tags[id].name && into_.tags[t].signature == wanted) return t;
    }
    into_.tags.push_back({free_name(from_.tags[id].name), wanted});
    return static_cast<TagId>(into_.tags.size() - 1);
  }

  /// The references of one instruction of `from`, as they are in `into`.
  u32 reference(const Inst& inst) {
    switch (info(inst.op).form) {
    case Form::Call:
    case Form::TryCall:
    case Form::FuncAddr: return place(inst.ref);
    case Form::Global: return global(inst.ref);
    case Form::Throw: return tag(inst.ref);
    case Form::CallIndirect:
    case Form::TryCallIndirect: use_table(); return signature(inst.ref);
    case Form::CallPtr:
    case Form::TryCallPtr: return signature(inst.ref);
    default: return inst.ref;
    }
  }

  /// The table of `from` is not brought: entries of `into` with the signature are called, or none is.
  void use_table() { into_.has_table = true; }

  void use_memory(const Inst& inst) {
    if (into_.has_memory || !from_.has_memory) return;
    const OpcodeInfo& row = info(inst.op);
    const bool is_linear = row.form == Form::Access && row.operands[0] == 'A';
    const bool is_bulk = row.form == Form::Plain && row.is(kReads | kWrites);
    if (!is_linear && !is_bulk) return;
    into_.has_memory = true;
    into_.memory_size = from_.memory_size;
    into_.memory_max = from_.memory_max;
  }

  /// All references are found first (places move while imports are added), then written.
  void translate(FunctionId id) {
    const Function& source = from_.functions[id];
    for (const Inst& inst : source.insts) {
      if (names_function(inst)) place(inst.ref);
    }
    for (InstId i = 0; i < source.insts.size(); ++i) {
      const Inst& inst = source.insts[i];
      use_memory(inst);
      const u32 ref = reference(inst);
      Function& copy = into_.functions[functions_[id]];
      copy.insts[i].ref = ref;
      for (u32 e = 0; e < inst.edge_count; ++e) {
        const Edge& edge = source.edges[inst.first_edge + e];
        if (edge.kind != EdgeKind::Catch) continue;
        const TagId caught = tag(static_cast<TagId>(edge.value));
        into_.functions[functions_[id]].edges[inst.first_edge + e].value = caught;
      }
    }
  }

  Module& into_;
  const Module& from_;
  std::vector<FunctionId> functions_; // by FunctionId of `from_`
  std::vector<FunctionId> waiting_;   // ids of `from_`: copied, references not yet translated
};

/// Calls the function from a random place; a later use takes one of its results.
bool call_from_somewhere(MutationContext& c, Module& module, Random& random, FunctionId callee) {
  u32 tries = 4;
  while (tries-- != 0) {
    if (!c.begin(module, random)) return false;
    const Use* use = c.random_use();
    if (use == nullptr || c.function() == callee) continue;
    const Signature signature = module.signatures[module.functions[callee].signature];
    std::vector<ValueId> args;
    for (u32 i = 0; i < signature.param_count; ++i) {
      const Type type = module.signature_types[signature.params + i];
      const ValueId arg = type == Type::Ptr ? kNone : c.pick_or_make(type, use->inst);
      if (arg == kNone) return false; // a pointer of known size is not to be had
      args.push_back(arg);
    }
    Function& f = c.f();
    Inst inst = make_inst(f, Opcode::Call, Type::None, Type::None, args, Type::None);
    inst.ref = callee;
    inst.result_count = signature.result_count;
    const Type wanted = f.value_types[f.pool[use->pool]];
    for (u32 i = 0; i < signature.result_count; ++i) {
      const Type type = module.signature_types[signature.results + i];
      const ValueId result = add_value(f, type);
      if (type == wanted) f.pool[use->pool] = result;
    }
    c.queue(use->inst, inst);
    c.finish();
    return true;
  }
  return false;
}

} // namespace

bool crossover_functions(MutationContext& context, Module& into, const Module& from, Random& random) {
  std::vector<FunctionId> bodies;
  for (FunctionId f = 0; f < from.functions.size(); ++f) {
    if (!from.functions[f].imported) bodies.push_back(f);
  }
  u64 insts = 0;
  for (const Function& f : into.functions) insts += f.insts.size();
  if (bodies.empty() || into.functions.size() >= kMostFunctions || insts >= kMostInsts) return false;
  const FunctionId root = random.pick(bodies);
  Transplant transplant(into, from);
  const FunctionId brought = transplant.bring(root);
  // Take the place of a function with the signature, or be called.
  std::vector<FunctionId> same;
  for (FunctionId f = 0; f < brought; ++f) {
    if (!into.functions[f].imported && into.functions[f].signature == into.functions[brought].signature)
      same.push_back(f);
  }
  if (!same.empty() && random.coin()) {
    Function& old = into.functions[random.pick(same)];
    std::swap(old.name, into.functions[brought].name);
    std::swap(old.exported, into.functions[brought].exported);
    std::swap(old, into.functions[brought]);
    return true;
  }
  return call_from_somewhere(context, into, random, brought);
}

} // namespace assay::fuzz
