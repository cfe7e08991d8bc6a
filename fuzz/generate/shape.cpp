// shape.cpp - plans a module: everything but the bodies.
//
// Leaves: imports before bodies; the first body exported as "main"; a call graph that can be kept free of
// unbounded recursion by calling later bodies only; no pointer in an exported or imported signature; at
// most one exported function taking (i64) when there is a @call_back, the one it calls.
// Linear in what it makes. Tested in fuzz/generate/tests/generator_test.cpp.
#include "fuzz/generate/body.h"
#include "fuzz/generate/draw/constants.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

struct Planner {
  Random& random;
  const GeneratorConfig& config;
  Module& module;
  ModulePlan& plan;
  std::vector<Function>& spare;

  /// At most 100 of a kind are made.
  void number_name(std::string& out, const char* stem, u32 number) {
    out = stem;
    if (number >= 10) out.push_back(static_cast<char>('0' + number / 10 % 10));
    out.push_back(static_cast<char>('0' + number % 10));
  }

  Function& add_function() {
    if (spare.empty()) {
      module.functions.emplace_back();
    } else {
      module.functions.push_back(std::move(spare.back()));
      spare.pop_back();
      module.functions.back().clear_body();
    }
    Function& f = module.functions.back();
    f.exported = f.imported = false;
    plan.functions.emplace_back();
    return f;
  }

  void draw(TypeList& out, Range count, Chance many) {
    const u32 wanted = std::min(random.in(random.chance(many) ? config.many : count), kMaxList - 4);
    // Lists of one type only exhaust one kind of register; mixed ones meet both.
    const Type only = random.chance(1, 6) ? random_type(random) : Type::None;
    for (u32 i = 0; i < wanted; ++i) out.push(only != Type::None ? only : random_type(random));
  }

  void memory() {
    module.has_memory = random.chance(config.has_memory);
    if (!module.has_memory) return;
    module.memory_size = random.in(config.memory_bytes);
    if (random.chance(config.memory_in_pages)) module.memory_size = random.between(1, 2) * kPageSize;
    else if (random.chance(config.memory_larger)) module.memory_size += 4096;
    module.memory_max = module.memory_size + random.below(3) * kPageSize;
    const u32 segments = random.in(config.data_segments);
    for (u32 i = 0; i < segments; ++i) {
      const u32 length = static_cast<u32>(std::min<u64>(random.between(0, 14), module.memory_size));
      const u64 room = module.memory_size - length;
      DataSegment segment;
      segment.offset = random.below(static_cast<u32>(std::min<u64>(room + 1, 4096)));
      for (u32 k = 0; k < length; ++k) segment.bytes.push_back(static_cast<char>(random.below(256)));
      module.data.push_back(std::move(segment));
    }
  }

  void globals() {
    const u32 count = random.in(config.globals);
    for (u32 i = 0; i < count; ++i) {
      Global& global = module.globals.emplace_back();
      number_name(global.name, "g", i);
      global.type = random_type(random);
      global.initial = edge_constant(random, global.type);
    }
  }

  void tags() {
    if (!random.chance(config.exceptions)) return;
    const u32 count = random.between(1, 3);
    for (u32 i = 0; i < count; ++i) {
      TypeList payload;
      draw(payload, {0, 4}, {1, 20});
      Tag& tag = module.tags.emplace_back();
      number_name(tag.name, "tag", i);
      tag.signature = module.intern_signature(payload.span(), {});
    }
  }

  void import(const char* stem, u32 number, const TypeList& params, const TypeList& results) {
    Function& f = add_function();
    number_name(f.name, stem, number);
    f.imported = true;
    f.signature = module.intern_signature(params.span(), results.span());
  }

  void imports() {
    const u32 count = random.in(config.imports);
    for (u32 i = 0; i < count; ++i) {
      TypeList params, results;
      draw(params, config.params, config.many_params);
      if (random.chance(config.throwing_import)) {
        import("throw_", i, params, results);
        plan.throwing.push_back(static_cast<FunctionId>(module.functions.size() - 1));
      } else if (random.coin()) {
        import("id", i, params, params);
      } else {
        if (random.coin()) draw(results, config.results, config.many_results);
        import("log", i, params, results);
      }
    }
    if (random.chance(config.callback_import)) {
      TypeList params, results;
      params.push(Type::I64);
      draw(params, {0, 3}, {0, 1});
      results.push(Type::I64);
      Function& f = add_function();
      f.name = "call_back";
      f.imported = true;
      f.signature = module.intern_signature(params.span(), results.span());
      plan.callback_import = static_cast<FunctionId>(module.functions.size() - 1);
    }
  }

  void results_of_body(TypeList& out) {
    const u32 count = static_cast<u32>(module.functions.size());
    if (count > plan.first_body && random.chance(config.same_results)) {
      const FunctionId other = plan.first_body + random.below(count - plan.first_body);
      for (const Type type : module.results_of(module.functions[other])) out.push(type);
      return;
    }
    draw(out, config.results, config.many_results);
  }

  /// The signature of an earlier body, if one is to be had twice and the host may see it.
  bool twin_signature(bool exported, SignatureId& out) {
    const u32 bodies_so_far = static_cast<u32>(module.functions.size()) - plan.first_body;
    if (bodies_so_far == 0 || !random.chance(config.same_signature)) return false;
    const Function& other = module.functions[plan.first_body + random.below(bodies_so_far)];
    const auto params = module.params_of(other);
    const bool has_pointer = std::find(params.begin(), params.end(), Type::Ptr) != params.end();
    const bool is_callback_shape = params.size() == 1 && params[0] == Type::I64;
    if (exported && (has_pointer || (is_callback_shape && plan.callback_import != kNone))) return false;
    out = other.signature;
    return true;
  }

  /// A signature of its own; `depth_param` is set when the function is to call itself.
  SignatureId new_signature(bool is_main, bool exported, u32& depth_param) {
    TypeList params, results;
    draw(params, config.params, config.many_params);
    results_of_body(results);
    if (is_main && results.count == 0) results.push(random_type(random));
    if (!exported && random.chance(config.pointer_params)) {
      params.push(Type::Ptr);
      if (random.coin()) params.push(Type::Ptr);
    }
    if (random.chance(config.recursive)) {
      depth_param = params.count;
      params.push(Type::I32);
    }
    // Only the target may be what @call_back finds.
    if (exported && plan.callback_import != kNone && params.count == 1 && params.items[0] == Type::I64) {
      params.push(Type::I32);
    }
    return module.intern_signature(params.span(), results.span());
  }

  void body(u32 number, u32 count, bool exported) {
    const bool is_target = plan.callback_import != kNone && number + 1 == count && count > 1;
    u32 depth_param = kNone;
    SignatureId signature = 0;
    if (is_target) {
      constexpr Type kNumber[] = {Type::I64};
      signature = module.intern_signature(kNumber, kNumber);
    } else if (!twin_signature(exported, signature)) {
      signature = new_signature(number == 0, exported, depth_param);
    }
    Function& f = add_function();
    if (number == 0) f.name = "main";
    else number_name(f.name, "f", number);
    f.signature = signature;
    f.exported = exported || is_target;
    plan.functions.back().depth_param = depth_param;
    if (is_target) plan.callback_target = static_cast<FunctionId>(module.functions.size() - 1);
  }

  void bodies() {
    plan.first_body = static_cast<FunctionId>(module.functions.size());
    const u32 drawn = std::max(1u, random.in(config.functions));
    const u32 count = module.tags.empty() ? drawn : std::max(drawn, std::min(2u, config.functions.high)); // who catches
    const u32 exported = random.in(config.exported);
    for (u32 i = 0; i < count; ++i) body(i, count, i == 0 || (i < exported && random.coin()));
  }

  void table() {
    module.has_table = random.chance(config.has_table);
    if (!module.has_table) return;
    const u32 count = static_cast<u32>(module.functions.size());
    const u32 entries = random.in(config.table_entries);
    for (u32 i = 0; i < entries; ++i) {
      module.table.push_back(random.chance(1, 8) ? kNone : random.below(count));
    }
    // The last body is the one that every other may call: have it in, so that the table is of use.
    if (random.chance(7, 8)) module.table.push_back(count - 1);
  }
};

} // namespace

Type random_type(Random& random) {
  constexpr Type kTypes[16] = {Type::I32, Type::I64, Type::I32, Type::I64, Type::I32, Type::I64, Type::I8,  Type::I16,
                               Type::F32, Type::F64, Type::F32, Type::F64, Type::I8,  Type::I16, Type::I64, Type::F64};
  return kTypes[random.below(16)];
}

void plan_module(Random& random, const GeneratorConfig& config, Module& module, ModulePlan& plan,
                 std::vector<Function>& spare) {
  plan.clear(0);
  Planner planner{random, config, module, plan, spare};
  planner.memory();
  planner.globals();
  planner.tags();
  planner.imports();
  planner.bodies();
  planner.table();
}

} // namespace assay::fuzz
