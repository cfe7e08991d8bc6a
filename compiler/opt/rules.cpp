// rules.cpp - see rules.h: the table of rules, their variants, and the index by which the pass finds the few that may
// match.
#include "compiler/opt/rules.h"

#include "assay/planted.h"
#include "compiler/ir/op_shape.h"
#include "compiler/opt/fold.h"
#include "compiler/opt/magic.h"
#include "compiler/opt/rule_parser.h"

#include <bit>

namespace assay::opt {

namespace {

constexpr RuleSet::Row kRows[] = {
#define RULE(name, pattern, condition, result) {#name, pattern, condition, result, nullptr, __LINE__},
#ifdef ASSAY_MUTANTS
#define WRONG(active, name, pattern, condition, result) \
  {#name, pattern, condition, result, [] { return active; }, __LINE__},
#else
#define WRONG(active, name, pattern, condition, result)
#endif
#include "compiler/opt/simplify_rules.def"
};

constexpr u64 kSmallConsts = 1u << kClassZero | 1u << kClassOne | 1u << kClassConst;
constexpr u64 kAllConsts = kSmallConsts | 1u << kClassOnes | 1u << kClassLarge | 1u << kClassEdge;

/// The condition wants this constant not to be below the width.
bool is_large(const RuleSet& set, const Rule& rule, u32 constant) {
  for (const RuleNode& node : set.nodes(rule.condition)) {
    if (!node.root || node.kind != NodeKind::Op || node.op != Opcode::GeU) continue;
    const RuleNode &left = set.node(node.children[0]), &right = set.node(node.children[1]);
    if (left.kind == NodeKind::Const && left.index == constant && right.kind == NodeKind::Literal &&
        right.literal == LiteralKind::Width)
      return true;
  }
  return false;
}

/// Classes of constants that a literal may have, in one type or another.
u64 classes_of_literal(const RuleNode& node) {
  u64 out = 0;
  for (const Type type : {Type::I8, Type::I16, Type::I32, Type::I64, Type::F32, Type::F64}) {
    u64 bits = 0;
    if (literal_bits(node, type, bits)) out |= u64{1} << class_of_constant(type, bits);
  }
  return out;
}

/// Classes of operands that a node of a pattern may match, as bits.
u64 classes_of(const RuleSet& set, const Rule& rule, const RuleNode& node) {
  switch (node.kind) {
  case NodeKind::Op: return u64{1} << set.class_of(node.op);
  case NodeKind::Const: return is_large(set, rule, node.index) ? kAllConsts & ~kSmallConsts : kAllConsts;
  case NodeKind::Literal: return classes_of_literal(node);
  default: return (rule.not_const >> node.index & 1) != 0 ? ~kAllConsts : ~u64{0};
  }
}

/// Whether any operand of a node is this variable.
bool reads(const RuleSet& set, const RuleNode& node, const RuleNode& variable) {
  for (u32 i = 0; i < node.child_count; ++i) {
    const RuleNode& child = set.node(node.children[i]);
    if (child.kind == NodeKind::Var && child.index == variable.index) return true;
  }
  return false;
}

bool share_variable(const RuleSet& set, const RuleNode& a, const RuleNode& b) {
  for (u32 i = 0; i < a.child_count; ++i) {
    const RuleNode& child = set.node(a.children[i]);
    if (child.kind == NodeKind::Var && reads(set, b, child)) return true;
  }
  return false;
}

bool has_constant_at(const RuleSet& set, const RuleNode& node, u32 index) {
  if (node.kind != NodeKind::Op || index >= node.child_count) return false;
  const NodeKind kind = set.node(node.children[index]).kind;
  return kind == NodeKind::Const || kind == NodeKind::Literal;
}

} // namespace

const RuleSet& RuleSet::standard() {
  static const RuleSet set(kRows);
  return set;
}

RuleSet::RuleSet(std::span<const Row> rows) : rows_(kOpcodeCount, 0), op_classes_(kOpcodeCount, kClassOther) {
  std::vector<std::vector<RuleVariant>> by_op(kOpcodeCount);
  for (const Row& row : rows) {
    RuleParser parser(nodes_);
    Rule rule;
    const bool good = parser.parse(row, rule);
    rules_.push_back(rule);
    if (good) add_variants(static_cast<u32>(rules_.size() - 1), by_op);
    else errors_.push_back(parser.error());
  }
  index(by_op);
}

/// The node with operands of commuting operations in all orders. Constants stay on the right, where earlier rules have
/// put them.
void RuleSet::orders_of(u32 id, std::vector<u16>& out) {
  const RuleNode node = nodes_[id];
  std::vector<u16> choices[3];
  for (u32 i = 0; i < node.child_count; ++i) orders_of(node.children[i], choices[i]);
  const auto emit = [&](RuleNode changed) {
    nodes_.push_back(changed);
    out.push_back(static_cast<u16>(nodes_.size() - 1));
  };
  if (node.child_count < 2) {
    if (node.child_count == 0) return out.push_back(static_cast<u16>(id));
    for (const u16 child : choices[0]) {
      RuleNode changed = node;
      changed.children[0] = child;
      emit(changed);
    }
    return;
  }
  const bool swaps = node.kind == NodeKind::Op && info(node.op).is(kCommutes) && node.children[0] != node.children[1] &&
                     !nodes_[node.children[0]].constant && !nodes_[node.children[1]].constant;
  for (const u16 a : choices[0]) {
    for (const u16 b : choices[1]) {
      RuleNode changed = node;
      if (node.child_count == 3) changed.children[2] = choices[2][0];
      changed.children[0] = a;
      changed.children[1] = b;
      emit(changed);
      std::swap(changed.children[0], changed.children[1]);
      if (swaps) emit(changed);
    }
  }
}

void RuleSet::add_variants(u32 rule, std::vector<std::vector<RuleVariant>>& by_op) {
  const u32 root = rules_[rule].pattern.first + rules_[rule].pattern.count - 1u;
  std::vector<u16> orders;
  orders_of(root, orders);
  for (const u16 order : orders) {
    by_op[static_cast<u32>(nodes_[root].op)].push_back({static_cast<u16>(rule), order});
    for (u32 i = 0; i < nodes_[root].child_count && i < 2; ++i) {
      const RuleNode& child = nodes_[nodes_[root].children[i]];
      OperandClass& known = op_classes_[static_cast<u32>(child.op)];
      if (child.kind == NodeKind::Op && known == kClassOther) known = static_cast<OperandClass>(class_count_++);
    }
  }
  if (nodes_.size() > 0xffff || class_count_ > 64) errors_.push_back("too many rules for the index");
}

/// What one variant wants of the instructions that make its first two operands.
void RuleSet::index_inner(u32 row, u32 bit, const RuleNode& root) {
  const auto note = [&](Inner what, bool wants) {
    if (!wants) return;
    inner_[row * kInnerCount + static_cast<u32>(what)].words[bit / 64] |= u64{1} << bit % 64;
    inner_any_[row].words[bit / 64] |= u64{1} << bit % 64;
  };
  const RuleNode& left = nodes_[root.children[0]];
  note(Inner::LeftFirstConst, has_constant_at(*this, left, 0));
  note(Inner::LeftSecondConst, has_constant_at(*this, left, 1));
  if (root.child_count < 2) return;
  const RuleNode& right = nodes_[root.children[1]];
  note(Inner::RightFirstConst, has_constant_at(*this, right, 0));
  note(Inner::RightSecondConst, has_constant_at(*this, right, 1));
  const bool left_op = left.kind == NodeKind::Op, right_op = right.kind == NodeKind::Op;
  note(Inner::LeftHasRight, left_op && right.kind == NodeKind::Var && reads(*this, left, right));
  note(Inner::RightHasLeft, right_op && left.kind == NodeKind::Var && reads(*this, right, left));
  note(Inner::Shared, left_op && right_op && share_variable(*this, left, right));
}

void RuleSet::index(std::vector<std::vector<RuleVariant>>& by_op) {
  first_variant_.push_back(0);
  u32 row_count = 1;
  for (u32 op = 0; op < kOpcodeCount; ++op) {
    if (by_op[op].empty()) continue;
    if (by_op[op].size() > 128) {
      errors_.push_back("more than 128 patterns of " + std::string(info(static_cast<Opcode>(op)).name));
      by_op[op].resize(128);
    }
    rows_[op] = static_cast<u8>(row_count++);
    first_variant_.push_back(static_cast<u32>(variants_.size()));
    variants_.insert(variants_.end(), by_op[op].begin(), by_op[op].end());
  }
  sets_.resize(std::size_t{2} * row_count * class_count_);
  needs_same_.resize(row_count);
  inner_.resize(std::size_t{row_count} * kInnerCount);
  inner_any_.resize(row_count);
  for (u32 op = 0; op < kOpcodeCount; ++op) {
    for (u32 bit = 0; bit < by_op[op].size(); ++bit) {
      const RuleNode& root = nodes_[by_op[op][bit].root];
      if (root.child_count != 0) index_inner(rows_[op], bit, root);
      // Of a select the second and third may be: that is not asked here.
      if (root.child_count == 2 && root.children[0] == root.children[1])
        needs_same_[rows_[op]].words[bit / 64] |= u64{1} << bit % 64;
      for (u32 side = 0; side < 2; ++side) {
        const Rule& rule = rules_[by_op[op][bit].rule];
        const u64 classes = side < root.child_count ? classes_of(*this, rule, nodes_[root.children[side]]) : ~u64{0};
        for (u32 c = 0; c < class_count_; ++c)
          if ((classes >> c & 1) != 0)
            sets_[(rows_[op] * 2 + side) * class_count_ + c].words[bit / 64] |= u64{1} << bit % 64;
      }
    }
  }
}

bool node_allowed(const RuleNode& node, const Type* types) {
  if (node.kind != NodeKind::Op) return true;
  const u32 pair = 8 * static_cast<u32>(types[node.type]) + static_cast<u32>(types[node.from]);
  return (ir::shape(node.op).pairs >> pair & 1) != 0;
}

bool literal_bits(const RuleNode& node, Type type, u64& out) {
  if (node.literal == LiteralKind::Float) {
    if (!is_float(type)) return false;
    const double value = std::bit_cast<double>(node.bits);
    out = type == Type::F64 ? node.bits : std::bit_cast<u32>(static_cast<float>(value));
    return true;
  }
  if (!is_int(type)) return false;
  const u64 mask = bit_mask(type);
  switch (node.literal) {
  case LiteralKind::Width: out = bits_of(type); break;
  case LiteralKind::WidthLess1: out = bits_of(type) - 1; break;
  case LiteralKind::Min: out = mask - (mask >> 1); break;
  case LiteralKind::Max: out = mask >> 1; break;
  case LiteralKind::AboveMin: out = mask - (mask >> 1) + 1; break;
  case LiteralKind::BelowMax: out = (mask >> 1) - 1; break;
  default: out = node.bits & mask; break;
  }
  return true;
}

bool evaluate_constant(const RuleNode& node, const Type* types, std::span<const u64> children, u64& out) {
  const Type type = types[node.gives];
  if (node.kind == NodeKind::Literal) return literal_bits(node, type, out);
  if (node.kind == NodeKind::Op) {
    u64 results[2] = {};
    if (!node_allowed(node, types) || !fold(node.op, types[node.type], types[node.from], children, results))
      return false;
    out = results[0];
    return true;
  }
  const bool is_signed = node.function == ConstFunction::MagicS || node.function == ConstFunction::ShiftS;
  if (children[0] < 2 || children[0] > (is_signed ? bit_mask(type) >> 1 : bit_mask(type))) return false;
  const Magic magic = is_signed ? magic_signed(children[0], type) : magic_unsigned(children[0], type);
  switch (node.function) {
  case ConstFunction::MagicU:
  case ConstFunction::MagicS: out = magic.factor; break;
  case ConstFunction::WideU: out = magic.wide; break;
  default: out = magic.shift; break;
  }
  return true;
}

} // namespace assay::opt
