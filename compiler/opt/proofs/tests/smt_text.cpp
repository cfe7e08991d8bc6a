// smt_text.cpp - see smt_text.h: one term an operation, named as its node.
#include "smt_text.h"

namespace assay::opt::testing {
namespace {

std::string number(u64 bits, u32 width) { return "(_ bv" + std::to_string(bits) + " " + std::to_string(width) + ")"; }
std::string sort_of(Type type) { return "(_ BitVec " + std::to_string(bits_of(type)) + ")"; }
std::string float_sort(Type type) { return type == Type::F32 ? "(_ FloatingPoint 8 24)" : "(_ FloatingPoint 11 53)"; }

std::string call(std::string_view function, std::string_view a) {
  return "(" + std::string(function) + " " + std::string(a) + ")";
}
std::string call(std::string_view function, std::string_view a, std::string_view b) {
  return "(" + std::string(function) + " " + std::string(a) + " " + std::string(b) + ")";
}
std::string choose(std::string_view condition, std::string_view a, std::string_view b) {
  return "(ite " + std::string(condition) + " " + std::string(a) + " " + std::string(b) + ")";
}
std::string truth(std::string_view predicate) { return choose(predicate, "#x01", "#x00"); }
std::string part(u32 high, u32 low, std::string_view a) {
  return call("(_ extract " + std::to_string(high) + " " + std::to_string(low) + ")", a);
}
std::string extended(bool is_signed, u32 by, std::string_view a) {
  return call(std::string(is_signed ? "(_ sign_extend " : "(_ zero_extend ") + std::to_string(by) + ")", a);
}
std::string as_float(Type type, std::string_view bits) {
  return call(type == Type::F32 ? "(_ to_fp 8 24)" : "(_ to_fp 11 53)", bits);
}

bool compares_integers(Opcode op) { return op >= Opcode::Eq && op <= Opcode::GeU; }
bool is_float_comparison(Opcode op) { return op >= Opcode::FEq && op <= Opcode::FGe; }
bool is_division(Opcode op) { return op >= Opcode::DivS && op <= Opcode::RemU; }

/// The plain functions of bit vectors.
std::string_view function_of(Opcode op) {
  switch (op) {
  case Opcode::Add:
  case Opcode::AddOS:
  case Opcode::AddOU: return "bvadd";
  case Opcode::Sub:
  case Opcode::SubOS:
  case Opcode::SubOU: return "bvsub";
  case Opcode::Mul:
  case Opcode::MulOS:
  case Opcode::MulOU: return "bvmul";
  case Opcode::DivS: return "bvsdiv";
  case Opcode::DivU: return "bvudiv";
  case Opcode::RemS: return "bvsrem";
  case Opcode::RemU: return "bvurem";
  case Opcode::And: return "bvand";
  case Opcode::Or: return "bvor";
  case Opcode::Xor: return "bvxor";
  case Opcode::Shl: return "bvshl";
  case Opcode::ShrS: return "bvashr";
  case Opcode::ShrU: return "bvlshr";
  case Opcode::LtS:
  case Opcode::MinS: return "bvslt";
  case Opcode::LtU:
  case Opcode::MinU: return "bvult";
  case Opcode::LeS: return "bvsle";
  case Opcode::LeU: return "bvule";
  case Opcode::GtS:
  case Opcode::MaxS: return "bvsgt";
  case Opcode::GtU:
  case Opcode::MaxU: return "bvugt";
  case Opcode::GeS: return "bvsge";
  case Opcode::GeU: return "bvuge";
  case Opcode::Eq: return "=";
  case Opcode::Ne: return "distinct";
  default: return "";
  }
}

} // namespace

std::string SmtQuestion::declarations() const {
  std::string out;
  for (u32 i = 0; i < rule_.var_count; ++i) {
    if (rule_.var_types[i] == 0) continue;
    const Type type = types_[rule_.var_types[i]];
    const std::string name = "v" + std::to_string(i);
    out += "(declare-const " + name + " " + sort_of(type) + ")\n";
    if ((rule_.truth >> i & 1) != 0) out += "(assert (bvule " + name + " " + number(1, bits_of(type)) + "))\n";
  }
  for (u32 i = 0; i < rule_.const_count; ++i)
    if (constants_ == nullptr || i != 0)
      out += "(declare-const c" + std::to_string(i) + " " + sort_of(types_[rule_.const_types[i]]) + ")\n";
  return out;
}

std::string SmtQuestion::bits(Opcode op, const std::string& a, u32 width) const {
  std::string out = op == Opcode::Popcnt ? number(0, width) : number(width, width);
  const auto bit = [&](u32 i) { return part(i, i, a); };
  switch (op) {
  case Opcode::Clz: // the highest bit that is set decides: it is asked first, and so is written last
    for (u32 i = 0; i < width; ++i) out = choose(call("=", bit(i), "#b1"), number(width - 1 - i, width), out);
    return out;
  case Opcode::Ctz:
    for (u32 i = width; i-- > 0;) out = choose(call("=", bit(i), "#b1"), number(i, width), out);
    return out;
  case Opcode::Popcnt:
    for (u32 i = 0; i < width; ++i) out = call("bvadd", out, extended(false, width - 1, bit(i)));
    return out;
  case Opcode::Bitrev:
    out = bit(0);
    for (u32 i = 1; i < width; ++i) out = call("concat", out, bit(i));
    return out;
  default:
    out = part(7, 0, a);
    for (u32 i = 8; i < width; i += 8) out = call("concat", out, part(i + 7, i, a));
    return out;
  }
}

std::string SmtQuestion::shift(const RuleNode& node, const std::vector<std::string>& a) const {
  const u32 width = bits_of(types_[node.type]);
  const std::string last = number(width - 1, width), count = call("bvand", a[1], last);
  if (node.op != Opcode::Rotl && node.op != Opcode::Rotr) return call(function_of(node.op), a[0], count);
  const std::string rest = call("bvand", call("bvneg", a[1]), last);
  const bool left = node.op == Opcode::Rotl;
  return call("bvor", call("bvshl", a[0], left ? count : rest), call("bvlshr", a[0], left ? rest : count));
}

/// The high half of a product.
std::string SmtQuestion::wide(const RuleNode& node, const std::vector<std::string>& a, u32 width) const {
  const bool is_signed = node.op == Opcode::MulHS;
  return part(2 * width - 1, width, call("bvmul", extended(is_signed, width, a[0]), extended(is_signed, width, a[1])));
}

std::string SmtQuestion::comparison(const RuleNode& node, const std::vector<std::string>& a) const {
  return truth(call(function_of(node.op), a[0], a[1]));
}

std::string SmtQuestion::cast(const RuleNode& node, const std::string& a) const {
  const u32 to = bits_of(types_[node.type]), from = bits_of(types_[node.from]);
  if (node.op == Opcode::Bitcast) return a;
  if (node.op == Opcode::Trunc) return part(to - 1, 0, a);
  return extended(node.op == Opcode::Sext, to - from, a);
}

std::string SmtQuestion::integer(const RuleNode& node, const std::vector<std::string>& a) const {
  const u32 width = bits_of(types_[node.type]);
  if (node.from != 0) return cast(node, a[0]);
  switch (node.op) {
  case Opcode::MulHS:
  case Opcode::MulHU: return wide(node, a, width);
  case Opcode::Shl:
  case Opcode::ShrS:
  case Opcode::ShrU:
  case Opcode::Rotl:
  case Opcode::Rotr: return shift(node, a);
  case Opcode::MinS:
  case Opcode::MinU:
  case Opcode::MaxS:
  case Opcode::MaxU: return choose(call(function_of(node.op), a[0], a[1]), a[0], a[1]);
  case Opcode::Clz:
  case Opcode::Ctz:
  case Opcode::Popcnt:
  case Opcode::Bitrev:
  case Opcode::Bswap: return bits(node.op, a[0], width);
  case Opcode::Select:
    return choose(call("distinct", a[0], number(0, bits_of(types_[set_.node(node.children[0]).gives]))), a[1], a[2]);
  default:
    if (compares_integers(node.op)) return comparison(node, a);
    return function_of(node.op).empty() ? std::string() : call(function_of(node.op), a[0], a[1]);
  }
}

/// Floats whose bits are what counts; empty for other operations.
std::string SmtQuestion::float_bits(const RuleNode& node, const std::vector<std::string>& a) const {
  const u32 width = bits_of(types_[node.type]);
  const std::string sign = number(u64{1} << (width - 1), width), rest = number(bit_mask(types_[node.type]) >> 1, width);
  switch (node.op) {
  case Opcode::FNeg: return call("bvxor", a[0], sign);
  case Opcode::FAbs: return call("bvand", a[0], rest);
  case Opcode::FCopysign: return call("bvor", call("bvand", a[0], rest), call("bvand", a[1], sign));
  case Opcode::Select: return integer(node, a);
  case Opcode::Bitcast: return a[0];
  default: return {};
  }
}

/// Operands and result are floats of the theory; a comparison gives a predicate.
std::string SmtQuestion::arithmetic(const RuleNode& node, const std::vector<std::string>& a) const {
  const std::string nan = types_[node.type] == Type::F32 ? "(_ NaN 8 24)" : "(_ NaN 11 53)";
  const auto least = [&](std::string_view less, std::string_view at_equal) {
    const std::string unequal = choose(call(less, a[0], a[1]), a[0], a[1]);
    const std::string equal = choose(call(at_equal, a[0]), a[0], a[1]);
    return choose("(or (fp.isNaN " + a[0] + ") (fp.isNaN " + a[1] + "))", nan,
                  choose(call("fp.eq", a[0], a[1]), equal, unequal));
  };
  switch (node.op) {
  case Opcode::FAdd: return call("fp.add RNE", a[0], a[1]);
  case Opcode::FSub: return call("fp.sub RNE", a[0], a[1]);
  case Opcode::FMul: return call("fp.mul RNE", a[0], a[1]);
  case Opcode::FDiv: return call("fp.div RNE", a[0], a[1]);
  case Opcode::FSqrt: return call("fp.sqrt RNE", a[0]);
  case Opcode::FMin: return least("fp.lt", "fp.isNegative");
  case Opcode::FMax: return least("fp.gt", "fp.isPositive");
  case Opcode::FCeil: return call("fp.roundToIntegral RTP", a[0]);
  case Opcode::FFloor: return call("fp.roundToIntegral RTN", a[0]);
  case Opcode::FTrunc: return call("fp.roundToIntegral RTZ", a[0]);
  case Opcode::FNearest: return call("fp.roundToIntegral RNE", a[0]);
  case Opcode::FCanon: return a[0];
  case Opcode::FEq: return call("fp.eq", a[0], a[1]);
  case Opcode::FNe: return call("not", call("fp.eq", a[0], a[1]));
  case Opcode::FLt: return call("fp.lt", a[0], a[1]);
  case Opcode::FLe: return call("fp.leq", a[0], a[1]);
  case Opcode::FGt: return call("fp.gt", a[0], a[1]);
  case Opcode::FGe: return call("fp.geq", a[0], a[1]);
  default: return {};
  }
}

/// The term of one node; `trap` gets when it traps, if it may.
bool SmtQuestion::node(const RuleNode& node, RuleExpr expr, const std::vector<Term>& terms, Term& out,
                       std::string& trap) {
  const Type type = types_[node.gives];
  std::vector<std::string> a;
  bool all_bits = true;
  for (u32 i = 0; i < node.child_count; ++i) {
    const Term& child = terms[node.children[i] - expr.first];
    a.push_back(child.name);
    all_bits = all_bits && child.form == SmtForm::Bits;
  }
  const bool is_branch = node.kind == NodeKind::Branch || node.kind == NodeKind::BranchNot;
  if (is_branch) {
    const std::string zero = number(0, bits_of(types_[set_.node(node.children[0]).gives]));
    out.name = truth(call(node.kind == NodeKind::Branch ? "distinct" : "=", a[0], zero));
    return true;
  }
  if (!is_float(types_[node.type])) {
    out.name = integer(node, a);
    if (is_division(node.op)) {
      const u32 width = bits_of(types_[node.type]);
      trap = call("=", a[1], number(0, width));
      if (node.op == Opcode::DivS)
        trap = "(or " + trap + " (and (= " + a[1] + " " + number(bit_mask(type), width) + ") (= " + a[0] + " " +
               number(u64{1} << (width - 1), width) + ")))";
    }
  } else if (const std::string whole = float_bits(node, a); !whole.empty()) {
    if (!all_bits) error_ = "a bit operation on what arithmetic gave";
    out.name = whole;
  } else {
    std::vector<std::string> floats;
    for (u32 i = 0; i < node.child_count; ++i)
      floats.push_back(terms[node.children[i] - expr.first].form == SmtForm::Bits ? as_float(types_[node.type], a[i])
                                                                                  : a[i]);
    out.name = arithmetic(node, floats);
    out.form = node.op == Opcode::FCanon ? SmtForm::Canonical : SmtForm::Free;
    if (is_float_comparison(node.op)) out = {truth(out.name), SmtForm::Bits};
  }
  if (out.name.empty()) error_ = "an operation without a term: " + std::string(info(node.op).name);
  return error_.empty();
}

/// Names the terms of an expression; `trapped` is when one of them traps.
bool SmtQuestion::side(RuleExpr expr, char prefix, std::vector<Term>& terms, std::string& trapped) {
  const auto nodes = set_.nodes(expr);
  for (u32 i = 0; i < nodes.size(); ++i) {
    const RuleNode& at = nodes[i];
    const u32 width = bits_of(types_[at.gives]);
    Term term;
    std::string trap;
    u64 value = 0, children[3] = {};
    if (at.kind == NodeKind::Var) {
      term.name = "v" + std::to_string(at.index);
    } else if (at.kind == NodeKind::Const) {
      term.name = constants_ == nullptr || at.index != 0 ? "c" + std::to_string(at.index)
                                                         : number(constants_->consts[0], width);
    } else if (at.kind == NodeKind::Literal) {
      literal_bits(at, types_[at.gives], value);
      term.name = number(value, width);
    } else if (at.kind == NodeKind::Function) {
      // Only of a constant itself, and only where constants are known.
      const RuleNode& of = set_.node(at.children[0]);
      if (constants_ == nullptr || of.kind != NodeKind::Const || of.index != 0) error_ = "a function without a term";
      else children[0] = constants_->consts[of.index];
      if (error_.empty() && !evaluate_constant(at, types_.data(), {children, 1}, value)) error_ = "no such number";
      term.name = number(value, width);
    } else {
      if (!node(at, expr, terms, term, trap)) return false;
      const std::string name = prefix + std::to_string(i);
      const std::string sort = term.form == SmtForm::Bits ? sort_of(types_[at.gives]) : float_sort(types_[at.gives]);
      body_ += "(define-fun " + name + " () " + sort + " " + term.name + ")\n";
      term.name = name;
    }
    if (!error_.empty()) return false;
    if (!trap.empty()) trapped = trapped.empty() ? trap : call("or", trapped, trap);
    terms.push_back(term);
  }
  return true;
}

/// The second result of the pattern's root.
std::string SmtQuestion::overflow_flag(const RuleNode& root, const std::vector<Term>& terms) const {
  const u32 width = bits_of(types_[root.type]);
  const bool is_signed = root.op == Opcode::AddOS || root.op == Opcode::SubOS || root.op == Opcode::MulOS;
  const u32 first = rule_.pattern.first;
  const std::string a = extended(is_signed, width, terms[root.children[0] - first].name);
  const std::string b = extended(is_signed, width, terms[root.children[1] - first].name);
  return truth(call("distinct", extended(is_signed, width, terms.back().name), call(function_of(root.op), a, b)));
}

bool SmtQuestion::compare(const std::vector<Term>& left, const std::vector<Term>& right, std::string& differs) {
  const Term& first = right[rule_.result_roots[0] - rule_.result.first];
  if (left.back().form != first.form) {
    error_ = "a NaN is free on one side only";
    return false;
  }
  differs = call("not", call("=", left.back().name, first.name));
  if (rule_.result_count == 2) {
    const RuleNode& root = set_.node(rule_.pattern.first + rule_.pattern.count - 1u);
    const Term& second = right[rule_.result_roots[1] - rule_.result.first];
    differs = call("or", differs, call("not", call("=", overflow_flag(root, left), second.name)));
  }
  return true;
}

std::string SmtQuestion::text() {
  std::vector<Term> left, right, conditions;
  std::string left_traps, right_traps, condition_traps, differs;
  body_ = declarations();
  if (!side(rule_.condition, 'k', conditions, condition_traps)) return {};
  const auto nodes = set_.nodes(rule_.condition);
  for (u32 i = 0; i < nodes.size(); ++i)
    if (nodes[i].root)
      body_ += "(assert (distinct " + conditions[i].name + " " + number(0, bits_of(types_[nodes[i].gives])) + "))\n";
  if (!side(rule_.pattern, 'p', left, left_traps) || !side(rule_.result, 'r', right, right_traps)) return {};
  if (!compare(left, right, differs)) return {};
  // What the rule takes away or makes must not trap. (No rule looks below a root at what may.)
  for (const std::string& trap : {left_traps, right_traps})
    if (!trap.empty()) differs = call("or", differs, trap);
  return body_ + "(assert " + differs + ")\n";
}

} // namespace assay::opt::testing
