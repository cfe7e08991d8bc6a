// verify_edges.cpp - validity of the ways out of a block: which edges a terminator has, and what they pass.
//
// The kinds of edges by form; targets (never the entry); the block's parameters against implicit values and written
// arguments; case literals and tags given twice. Linear but for sorting the literals of a switch.
// Needs: the parameters of every block already checked. Tested in tests/verify_test.cpp.
#include "compiler/ir/verifier.h"

#include <algorithm>

namespace assay::ir {

namespace {

constexpr Type kException[] = {Type::Ptr};

} // namespace

bool Verifier::edges(const Inst& inst, const OpShape& row) {
  if (!inside(inst.first_edge, inst.edge_count, f_->edges.size()))
    return fail("expected edges within the function, found a range outside");
  for (const Edge& e : f_->edges_of(inst))
    if (!edge_range(e)) return false;
  switch (row.form) {
  case Form::Jump: return plain_edges(inst, 1);
  case Form::Branch: return plain_edges(inst, 2);
  case Form::Switch: return switch_edges(inst);
  case Form::TryCall:
  case Form::TryCallIndirect:
  case Form::TryCallPtr: return try_edges(inst);
  default: return plain_edges(inst, 0);
  }
}

bool Verifier::edge_range(const Edge& edge) {
  if (edge.target >= f_->blocks.size())
    return fail("expected a block of the function as target, found number " + number(edge.target));
  if (edge.target == 0) return fail("expected a target other than the entry block, found the entry block");
  return inside(edge.args, edge.arg_count, f_->pool.size()) ||
         fail("expected arguments within the pool, found a range outside");
}

bool Verifier::plain_edges(const Inst& inst, u32 count) {
  if (inst.edge_count != count)
    return fail("expected " + number(count) + " edges of " + operation(inst) + ", found " + number(inst.edge_count));
  for (const Edge& e : f_->edges_of(inst)) {
    if (e.kind != EdgeKind::Normal)
      return fail("expected a plain edge of " + operation(inst) + ", found a case or clause");
    if (!edge(e, {})) return false;
  }
  return true;
}

/// The target's parameters take the implicit values, then the arguments.
bool Verifier::edge(const Edge& edge, std::span<const Type> implicit) {
  const Block& target = f_->blocks[edge.target];
  const u64 given = implicit.size() + edge.arg_count;
  if (target.param_count != given)
    return fail("expected " + number(target.param_count) + " values for the parameters of ^b" + number(edge.target) +
                ", found " + number(given));
  const Type* params = f_->value_types.data() + target.first_param;
  const u32 leading = static_cast<u32>(implicit.size());
  for (u32 i = 0; i < leading; ++i)
    if (params[i] != implicit[i])
      return fail("expected parameter " + number(i) + " of ^b" + number(edge.target) + " to be " +
                  std::string(name_of(implicit[i])) + ", which the edge passes, found " +
                  std::string(name_of(params[i])));
  for (u32 i = 0; i < edge.arg_count; ++i)
    if (!edge_arg(edge, i, leading, params[leading + i])) return false;
  return true;
}

bool Verifier::edge_arg(const Edge& edge, u32 index, u32 implicit, Type expected) {
  const ValueId v = f_->pool[edge.args + index];
  if (v >= f_->value_types.size()) return fail_value("an argument among the values", v);
  use(v);
  if (f_->value_types[v] == expected) return true;
  return fail("expected " + std::string(name_of(expected)) + " for parameter " + number(implicit + index) + " of ^b" +
              number(edge.target) + ", found " + std::string(name_of(f_->value_types[v])));
}

bool Verifier::distinct_numbers() {
  std::sort(s_.numbers.begin(), s_.numbers.end());
  return std::adjacent_find(s_.numbers.begin(), s_.numbers.end()) == s_.numbers.end();
}

bool Verifier::switch_edges(const Inst& inst) {
  const std::span<const Edge> all = f_->edges_of(inst);
  if (all.empty()) return fail("expected a default edge of 'switch', found none");
  s_.numbers.clear();
  for (const Edge& e : all) {
    const bool is_default = &e == &all.back();
    if (e.kind != (is_default ? EdgeKind::Normal : EdgeKind::Case))
      return fail("expected case edges and then the default edge of 'switch', found another kind");
    if (!edge(e, {})) return false;
    if (is_default) break;
    if ((e.value & ~bit_mask(inst.type)) != 0)
      return fail("expected case literals within their type, found higher bits");
    s_.numbers.push_back(e.value);
  }
  return distinct_numbers() || fail("expected distinct case literals, found one twice");
}

bool Verifier::try_edges(const Inst& inst) {
  const std::span<const Edge> all = f_->edges_of(inst);
  if (all.empty() || all[0].kind != EdgeKind::Normal)
    return fail("expected the edge to continue at first in " + operation(inst) + ", found none");
  s_.numbers.clear();
  if (!edge(all[0], call_results_)) return false;
  for (const Edge& e : all.subspan(1))
    if (!clause(e, &e == &all.back())) return false;
  return distinct_numbers() || fail("expected each tag in one clause only, found one twice");
}

bool Verifier::clause(const Edge& e, bool last) {
  if (e.kind == EdgeKind::CatchAll) {
    if (!last) return fail("expected catch_all as the last clause, found a clause after it");
    return edge(e, kException);
  }
  if (e.kind != EdgeKind::Catch)
    return fail("expected catch or catch_all clauses after the first edge, found another kind");
  if (e.value >= m_.tags.size())
    return fail("expected a tag of the module in the clause, found number " + number(e.value));
  s_.numbers.push_back(e.value);
  return edge(e, params_of(m_.tags[e.value].signature));
}

} // namespace assay::ir
