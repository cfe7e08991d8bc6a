// rules.h - the rewrite rules of simplify_rules.def in memory: what the pass matches with and what the proofs read.
//
// An expression is a run of nodes, operands before what uses them, each distinct subexpression once. A node's types are
// places in a table of eight concrete types followed by the type variables, which matching or a proof fills. Parsed
// once in a process, in about a millisecond. Tested in compiler/opt/tests/rules_test.cpp and, rule by rule, in
// compiler/opt/tests/simplify_rules_test.cpp.
#pragma once

#include "assay/opcodes.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::opt {

/// A rule by its row in simplify_rules.def.
using RuleId = u32;

/// A type in a rule: below kTypeCount the Type of that number, above a variable.
using TypeRef = u8;
inline constexpr TypeRef kTypeT = 8, kTypeS = 9, kTypeR = 10, kTypeFree = 11; // and 12: only known as "any integer"
inline constexpr u32 kTypeRefs = 13;

inline constexpr u32 kMaxRuleNodes = 24, kMaxRuleVars = 4, kMaxRuleConsts = 3;

enum class NodeKind : u8 { Op, Var, Const, Literal, Function, Branch, BranchNot };
enum class LiteralKind : u8 { Number, Float, Width, WidthLess1, Min, Max, AboveMin, BelowMax };
/// Numbers for division by a constant (magic.h).
enum class ConstFunction : u8 { MagicU, ShiftU, WideU, MagicS, ShiftS };

struct RuleNode {
  NodeKind kind = NodeKind::Var;
  Opcode op = Opcode::Trap;
  LiteralKind literal = LiteralKind::Number;
  ConstFunction function = ConstFunction::MagicU;
  u8 index = 0;               // of a variable or constant
  TypeRef type = 0, from = 0; // an operation's suffixes
  TypeRef gives = 0;          // the type of its value
  bool constant = false;      // no variable below it
  bool root = false;          // of a condition, or a result
  u8 child_count = 0;
  u16 children[3] = {}; // in the rule set's nodes
  u64 bits = 0;         // of a literal: the number, or the f64
  friend bool operator==(const RuleNode&, const RuleNode&) = default;
};

/// The nodes [first, first + count).
struct RuleExpr {
  u16 first = 0, count = 0;
};

struct Rule {
  std::string_view name, text, condition_text, result_text;
  RuleExpr pattern;   // its last node is the root
  RuleExpr condition; // of constants alone; every root gives nonzero
  RuleExpr result;    // one root, or two where the operation has two results
  u16 result_roots[2] = {};
  u8 result_count = 0;
  u8 var_count = 0, const_count = 0;
  u8 truth = 0;      // these variables are known to be 0 or 1
  u8 not_const = 0;  // these are no constants
  bool once = false; // what the pattern looks into has no other use
  TypeRef var_types[kMaxRuleVars] = {}, const_types[kMaxRuleConsts] = {};
  bool (*planted)() = nullptr; // this wrong rule is a planted bug: whether it is active
  u32 line = 0;                // in simplify_rules.def; 0: from elsewhere
};

/// A rule's pattern with operands of commuting operations in one of their orders.
struct RuleVariant {
  u16 rule = 0;
  u16 root = 0; // node
};

/// 128 variants of one operation, as bits.
struct VariantSet {
  u64 words[2] = {};

  bool empty() const { return (words[0] | words[1]) == 0; }
  bool meets(const VariantSet& other) const { return ((words[0] & other.words[0]) | (words[1] & other.words[1])) != 0; }
  void remove(const VariantSet& other) {
    words[0] &= ~other.words[0];
    words[1] &= ~other.words[1];
  }
};

/// What is asked first of an operand: is it a constant, and which, or by what operation is it made?
using OperandClass = u8;
inline constexpr OperandClass kClassOther = 0, kClassZero = 1, kClassOne = 2, kClassOnes = 3,
                              kClassConst = 4, // below the width, as most counts are; and every float
    kClassLarge = 5,                           // not below the width
    kClassEdge = 6,    // nor that: low ones, as of a mask or MAX; MIN; what is next to these two
    kClassPointer = 7, // a constant that no rule speaks of
    kFirstOpClass = 8;
/// Those that constants are of, as bits.
inline constexpr u64 kConstClasses = 1u << kClassZero | 1u << kClassOne | 1u << kClassOnes | 1u << kClassConst |
                                     1u << kClassLarge | 1u << kClassEdge | 1u << kClassPointer;

/// Of what is made by `const`.
inline OperandClass class_of_constant(Type type, u64 bits) {
  if (type == Type::Ptr) return kClassPointer;
  if (!is_int(type)) return kClassConst;
  if (bits <= 1) return bits == 0 ? kClassZero : kClassOne;
  if (bits < bits_of(type)) return kClassConst;
  const u64 all = bit_mask(type), min = all - (all >> 1);
  if (bits == all) return kClassOnes;
  const bool low_ones = (bits & (bits + 1)) == 0;
  return low_ones || bits - min <= 1 || bits == min - 2 ? kClassEdge : kClassLarge;
}

/// What is asked next, of operands of operands: what many patterns want of the instructions that make the first two.
/// Of each pattern only what it surely wants is noted.
enum class Inner : u8 {
  LeftHasRight,    // what makes the first reads the second
  RightHasLeft,    // and the other way round
  Shared,          // both read the same value
  LeftFirstConst,  // what makes the first has a constant as its first operand
  LeftSecondConst, // as its second
  RightFirstConst, // what makes the second
  RightSecondConst,
};
inline constexpr u32 kInnerCount = 7;

class RuleSet {
public:
  /// The rules of simplify_rules.def.
  static const RuleSet& standard();
  /// From rows that are given; for tests.
  struct Row {
    const char *name, *pattern, *condition, *result;
    bool (*planted)() = nullptr;
    u32 line = 0; // in simplify_rules.def
  };
  explicit RuleSet(std::span<const Row> rows);

  std::span<const Rule> rules() const { return rules_; }
  const RuleNode& node(u32 id) const { return nodes_[id]; }
  std::span<const RuleNode> nodes(RuleExpr expr) const { return {nodes_.data() + expr.first, expr.count}; }
  /// What is wrong with rows, one sentence each; empty: all is well. A wrong row has no effect.
  std::span<const std::string> errors() const { return errors_; }

  /// Dispatch: variants of operation `op` that may match operands of these classes; those of earlier rules are lower.
  /// `same`: they are one value.
  VariantSet candidates(Opcode op, OperandClass first, OperandClass second, bool same) const {
    const u32 row = rows_[static_cast<u32>(op)];
    const VariantSet& a = sets_[(row * 2) * class_count_ + first];
    const VariantSet& b = sets_[(row * 2 + 1) * class_count_ + second];
    const VariantSet& needs_same = needs_same_[row];
    const u64 differ = same ? 0 : ~u64{0};
    return {{a.words[0] & b.words[0] & ~(needs_same.words[0] & differ),
             a.words[1] & b.words[1] & ~(needs_same.words[1] & differ)}};
  }
  /// Variants of the operation that want that.
  const VariantSet& wanting(Opcode op, Inner what) const {
    return inner_[rows_[static_cast<u32>(op)] * kInnerCount + static_cast<u32>(what)];
  }
  const VariantSet& wanting_any(Opcode op) const { return inner_any_[rows_[static_cast<u32>(op)]]; }
  bool has_rules(Opcode op) const { return rows_[static_cast<u32>(op)] != 0; }
  OperandClass class_of(Opcode op) const { return op_classes_[static_cast<u32>(op)]; }
  const RuleVariant& variant(Opcode op, u32 bit) const {
    return variants_[first_variant_[rows_[static_cast<u32>(op)]] + bit];
  }

private:
  friend class RuleParser;
  void add_variants(u32 rule, std::vector<std::vector<RuleVariant>>& by_op);
  void orders_of(u32 node, std::vector<u16>& out);
  void index(std::vector<std::vector<RuleVariant>>& by_op);
  void index_inner(u32 row, u32 bit, const RuleNode& root);

  std::vector<RuleNode> nodes_;
  std::vector<Rule> rules_;
  std::vector<std::string> errors_;
  std::vector<RuleVariant> variants_;
  std::vector<u32> first_variant_;       // [row]
  std::vector<VariantSet> sets_;         // [row][operand 0 or 1][class]
  std::vector<VariantSet> needs_same_;   // [row] the first two operands are the same variable
  std::vector<VariantSet> inner_;        // [row][Inner]
  std::vector<VariantSet> inner_any_;    // [row] any of these
  std::vector<u8> rows_;                 // [Opcode]; 0: no rule
  std::vector<OperandClass> op_classes_; // [Opcode]
  u32 class_count_ = kFirstOpClass;
};

/// Whether the row of opcodes.def admits a node's types.
bool node_allowed(const RuleNode& node, const Type* types);
/// The bits of a literal as a constant of this type; false where it cannot be one.
bool literal_bits(const RuleNode& node, Type type, u64& out);
/// A node without variables from its children's bits. False: it has no value (a trap).
bool evaluate_constant(const RuleNode& node, const Type* types, std::span<const u64> children, u64& out);

} // namespace assay::opt
