// rule_semantics.h - what a rule claims, as something that can be tried: type assignments, operands, both sides.
//
// Both sides are computed node by node with fold(). A NaN from arithmetic has a free payload: it is carried as the
// canonical one with a mark, and the sides agree when both are marked or both are not and have equal bits. Used by the
// tests of the rules; no assertions of its own.
#pragma once

#include "compiler/opt/fold.h"
#include "compiler/opt/rules.h"

#include <array>
#include <string>
#include <vector>

namespace assay::opt::testing {

using Types = std::array<Type, kTypeRefs>;

struct Side {
  u64 bits[2] = {};
  bool free_nan = false;
  bool trapped = false;
  bool inner_trap = false; // an operand trapped: the root is not reached
};

struct Input {
  std::array<u64, kMaxRuleVars> vars = {};
  std::array<u64, kMaxRuleConsts> consts = {};
};

class RuleClaim {
public:
  RuleClaim(const RuleSet& set, const Rule& rule) : set_(set), rule_(rule) {}

  /// All assignments that make every operation valid.
  std::vector<Types> assignments() const {
    Types types = {};
    for (u32 i = 1; i < kTypeCount; ++i) types[i] = static_cast<Type>(i);
    std::vector<Types> out;
    assign(kTypeCount, types, out);
    return out;
  }

  bool condition_holds(const Types& types, const Input& input) const {
    for (u32 i = 0; i < rule_.var_count; ++i)
      if ((rule_.truth >> i & 1) != 0 && input.vars[i] > 1) return false;
    std::vector<Side>& values = left_;
    if (!evaluate(rule_.condition, types, input, values)) return false;
    const auto nodes = set_.nodes(rule_.condition);
    for (u32 i = 0; i < nodes.size(); ++i)
      if (nodes[i].root && values[i].bits[0] == 0) return false;
    return true;
  }

  /// Empty: the sides agree. Only asked where the condition holds.
  std::string difference(const Types& types, const Input& input) const {
    std::vector<Side>&left = left_, &right = right_;
    const bool left_good = evaluate(rule_.pattern, types, input, left);
    if (!left_good && left.back().inner_trap) return {};
    if (!left_good) return describe(types, input) + ": the pattern traps";
    if (!evaluate(rule_.result, types, input, right)) return describe(types, input) + ": the result traps";
    const Side& pattern = left.back();
    for (u32 r = 0; r < rule_.result_count; ++r) {
      const Side& result = right[rule_.result_roots[r] - rule_.result.first];
      const bool same = result.free_nan == pattern.free_nan && (result.free_nan || result.bits[0] == pattern.bits[r]);
      if (!same)
        return describe(types, input) + ": " + std::to_string(pattern.bits[r]) + " becomes " +
               std::to_string(result.bits[0]);
    }
    return {};
  }

  Type var_type(const Types& types, u32 i) const { return types[rule_.var_types[i]]; }
  Type const_type(const Types& types, u32 i) const { return types[rule_.const_types[i]]; }
  /// Bits of all operands together.
  u32 input_bits(const Types& types) const {
    u32 out = 0;
    for (u32 i = 0; i < rule_.var_count; ++i)
      if (rule_.var_types[i] != 0) out += (rule_.truth >> i & 1) != 0 ? 1 : bits_of(var_type(types, i));
    for (u32 i = 0; i < rule_.const_count; ++i) out += bits_of(const_type(types, i));
    return out;
  }

private:
  bool uses(TypeRef ref) const {
    for (const RuleExpr expr : {rule_.pattern, rule_.condition, rule_.result})
      for (const RuleNode& node : set_.nodes(expr))
        if (node.type == ref || node.from == ref || node.gives == ref) return true;
    return false;
  }

  bool allowed(const Types& types) const {
    for (const RuleExpr expr : {rule_.pattern, rule_.condition, rule_.result})
      for (const RuleNode& node : set_.nodes(expr)) {
        u64 bits = 0;
        if (!node_allowed(node, types.data())) return false;
        if (node.kind == NodeKind::Literal && !literal_bits(node, types[node.gives], bits)) return false;
        const bool any = node.kind == NodeKind::Branch || node.kind == NodeKind::BranchNot ||
                         (node.kind == NodeKind::Op && node.op == Opcode::Select);
        if (any && !is_int(types[set_.node(node.children[0]).gives])) return false;
      }
    return true;
  }

  void assign(u32 ref, Types types, std::vector<Types>& out) const {
    if (ref == kTypeRefs) {
      if (allowed(types)) out.push_back(types);
      return;
    }
    if (!uses(static_cast<TypeRef>(ref))) return assign(ref + 1, types, out);
    for (const Type type : {Type::I8, Type::I16, Type::I32, Type::I64, Type::F32, Type::F64}) {
      types[ref] = type;
      assign(ref + 1, types, out);
    }
  }

  /// False: a node trapped, the last one there is.
  bool evaluate(RuleExpr expr, const Types& types, const Input& input, std::vector<Side>& values) const {
    const auto nodes = set_.nodes(expr);
    values.clear();
    for (const RuleNode& node : nodes) {
      Side value;
      u64 children[3] = {};
      bool free_child = false;
      for (u32 c = 0; c < node.child_count; ++c) {
        const Side& child = values[node.children[c] - expr.first];
        children[c] = child.bits[0];
        free_child = free_child || child.free_nan;
      }
      switch (node.kind) {
      case NodeKind::Var: value.bits[0] = input.vars[node.index]; break;
      case NodeKind::Const: value.bits[0] = input.consts[node.index]; break;
      case NodeKind::Branch: value.bits[0] = children[0] != 0; break;
      case NodeKind::BranchNot: value.bits[0] = children[0] == 0; break;
      case NodeKind::Op:
        if (!fold(node.op, types[node.type], types[node.from], {children, node.child_count}, value.bits)) {
          value.trapped = info(node.op).is(kTraps);
          value.free_nan = !value.trapped;
        } else if (free_child) {
          value.free_nan = info(node.op).name != "fcanon" && is_float(types[node.gives]);
        }
        break;
      default:
        value.trapped = !evaluate_constant(node, types.data(), {children, node.child_count}, value.bits[0]);
        break;
      }
      if (value.free_nan) value.bits[0] = types[node.gives] == Type::F32 ? 0x7fc00000u : 0x7ff8000000000000u;
      if (value.trapped) value.inner_trap = &node != &nodes.back();
      values.push_back(value);
      if (value.trapped) return false;
    }
    return true;
  }

  std::string describe(const Types& types, const Input& input) const {
    std::string out(rule_.name);
    for (u32 i = kTypeT; i < kTypeRefs; ++i)
      if (types[i] != Type::None) out += " " + std::string(name_of(types[i]));
    for (u32 i = 0; i < rule_.var_count; ++i) out += std::string(" ") + "xyzc"[i] + "=" + std::to_string(input.vars[i]);
    for (u32 i = 0; i < rule_.const_count; ++i)
      out += " C" + std::to_string(i + 1) + "=" + std::to_string(input.consts[i]);
    return out;
  }

  const RuleSet& set_;
  const Rule& rule_;
  mutable std::vector<Side> left_, right_; // storage
};

} // namespace assay::opt::testing
