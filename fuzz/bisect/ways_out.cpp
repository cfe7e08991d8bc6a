// ways_out.cpp - see ways_out.h. Tested in fuzz/triage/tests/sign_test.cpp.
#include "fuzz/bisect/ways_out.h"

#include "assay/verify.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

constexpr std::string_view kWay = "way_out_";

LooseInst trap_here() {
  LooseInst out;
  out.op = Opcode::Trap;
  out.imm = static_cast<u64>(TrapKind::Unreachable);
  return out;
}

/// A function without parameters whose body is still another's.
FunctionId add_function(Module& module, std::string name, std::span<const Type> results) {
  const auto body = std::find_if(module.functions.begin(), module.functions.end(),
                                 [](const Function& function) { return !function.imported; });
  Function added = *body;
  added.name = std::move(name);
  added.exported = false;
  added.signature = module.intern_signature({}, results);
  module.functions.push_back(std::move(added));
  return static_cast<FunctionId>(module.functions.size() - 1);
}

void set_body(Module& module, FunctionId function, std::vector<LooseInst> insts, LooseFunction& body) {
  body.blocks.assign(1, {});
  body.blocks[0].insts = std::move(insts);
  body.slots.clear();
  body.locals.clear();
  body.write(module, function);
}

void show_values(Module& module, const LooseFunction& body, const std::vector<ValueId>& values,
                 std::vector<LooseInst>& insts) {
  for (const ValueId value : values) {
    const Type type = body.type(value);
    if (type == Type::None || type == Type::Ptr) continue;
    LooseInst& set = insts.emplace_back();
    set.op = Opcode::GlobalSet;
    set.type = type;
    set.ref = add_seen_global(module, type);
    set.operands = {value};
  }
}

/// Values that are certainly defined at the end of the block.
std::vector<ValueId> values_at_end(const LooseFunction& body, u32 block) {
  std::vector<ValueId> out = body.blocks[block].params;
  if (block != 0) out.insert(out.end(), body.blocks[0].params.begin(), body.blocks[0].params.end());
  for (const LooseInst& inst : body.blocks[block].insts)
    if (inst.op != Opcode::Const) out.insert(out.end(), inst.results.begin(), inst.results.end());
  return out;
}

} // namespace

std::vector<TrySite> try_sites(FunctionId function, const LooseFunction& body) {
  std::vector<TrySite> out;
  for (u32 block = 0; block < body.blocks.size(); ++block) {
    const auto& insts = body.blocks[block].insts;
    if (!insts.empty() && is_try_call(insts.back().op)) out.push_back({function, block});
  }
  return out;
}

u32 add_seen_global(Module& module, Type type) {
  Global global;
  global.type = type;
  for (u32 i = 0;; ++i) {
    global.name = "seen" + std::to_string(i);
    const bool taken = std::any_of(module.globals.begin(), module.globals.end(),
                                   [&](const Global& other) { return other.name == global.name; });
    if (!taken) break;
  }
  module.globals.push_back(std::move(global));
  return static_cast<u32>(module.globals.size() - 1);
}

std::vector<Type> results_of_call(const Module& module, const LooseInst& call) {
  const bool direct = call.op == Opcode::TryCall || call.op == Opcode::Call;
  const SignatureId signature = direct ? module.functions[call.ref].signature : call.ref;
  const auto types = module.results(module.signatures[signature]);
  return {types.begin(), types.end()};
}

void end_in_way(Module& module, std::vector<LooseInst>& insts, u32 way) {
  const std::string name = std::string(kWay) + std::to_string(way);
  FunctionId function = module.find_function(name);
  if (function == kNone) {
    function = add_function(module, name, {});
    LooseFunction body(module, function);
    set_body(module, function, {trap_here()}, body);
  }
  LooseInst& call = insts.emplace_back();
  call.op = Opcode::Call;
  call.ref = function;
  insts.push_back(trap_here());
}

FunctionId add_thrower(Module& module, std::span<const Type> results, TagId tag) {
  const auto given = module.params(module.signatures[module.tags[tag].signature]);
  const std::vector<Type> payload(given.begin(), given.end());
  if (std::count(payload.begin(), payload.end(), Type::Ptr) != 0) return kNone;
  const FunctionId function = add_function(module, "throws_simply", results);
  LooseFunction body(module, function);
  std::vector<LooseInst> insts;
  LooseInst end;
  end.op = Opcode::Throw;
  end.ref = tag;
  for (const Type type : payload) {
    LooseInst& zero = insts.emplace_back();
    zero.op = Opcode::Const;
    zero.type = type;
    zero.results = {body.new_value(type)};
    end.operands.push_back(zero.results[0]);
  }
  insts.push_back(std::move(end));
  set_body(module, function, std::move(insts), body);
  return function;
}

void lead_out(Module& module, LooseFunction& body, const TrySite& site, const std::vector<u32>& edges, Shown shown) {
  const std::vector<LooseEdge> all = body.blocks[site.block].insts.back().edges;
  const std::vector<ValueId> here = values_at_end(body, site.block);
  std::vector<LooseEdge> ways;
  for (const u32 index : edges) {
    LooseEdge way = all[index];
    const std::vector<ValueId> params = body.blocks[way.target].params;
    const std::size_t implicit = params.size() - way.args.size();
    LooseBlock out;
    for (std::size_t i = 0; i < implicit; ++i) out.params.push_back(body.new_value(body.type(params[i])));
    if (shown != Shown::Nothing) show_values(module, body, out.params, out.insts);
    if (shown == Shown::Everything) show_values(module, body, here, out.insts);
    end_in_way(module, out.insts, index);
    way.args.clear();
    way.target = static_cast<BlockId>(body.blocks.size());
    body.blocks.push_back(std::move(out));
    ways.push_back(std::move(way));
  }
  body.blocks[site.block].insts.back().edges = std::move(ways);
}

std::vector<Program> all_led_out(const Program& program) {
  std::vector<Program> out;
  for (FunctionId f = 0; f < program.module.functions.size(); ++f) {
    if (program.module.functions[f].imported) continue;
    const LooseFunction whole(program.module, f);
    for (const TrySite& site : try_sites(f, whole)) {
      LooseFunction body = whole;
      Program one = program;
      std::vector<u32> all(body.blocks[site.block].insts.back().edges.size());
      for (u32 i = 0; i < all.size(); ++i) all[i] = i;
      lead_out(one.module, body, site, all, Shown::Payload);
      body.drop_unreachable();
      body.write(one.module, f);
      if (verify(one.module)) out.push_back(std::move(one));
    }
  }
  return out;
}

u32 way_of(const std::string& run) {
  const std::size_t at = run.find(kWay);
  return at == std::string::npos ? kNoWay : static_cast<u32>(std::stoul(run.substr(at + kWay.size())));
}

} // namespace assay::fuzz
