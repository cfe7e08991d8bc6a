// canonical.h - the text of an A64 instruction in one spelling, so that texts of different origin can be compared.
//
// Disassemblers prefer aliases (cmp, mov, lsl, ubfx, cset ...), and not always the same ones. canonical() replaces each
// by the instruction that it stands for, drops shifts by 0, and writes numbers in decimal. It knows no encoding. What
// loads a constant (movz, movn, orr from zr) becomes `const register value`.
#pragma once

#include "assay/types.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace assay::a64::test {

using Tokens = std::vector<std::string>;

inline bool is_number(const std::string& token) {
  return !token.empty() && (token[0] == '#' || token[0] == '-' || (token[0] >= '0' && token[0] <= '9'));
}
inline i64 number_in(const std::string& token) {
  const char* text = token.c_str() + (token[0] == '#' ? 1 : 0);
  const bool negative = *text == '-';
  const u64 magnitude = std::strtoull(text + (negative ? 1 : 0), nullptr, 0);
  return static_cast<i64>(negative ? 0 - magnitude : magnitude);
}

/// Words, brackets and exclamation marks.
inline Tokens split(const std::string& text) {
  Tokens out;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) out.push_back(word);
    word.clear();
  };
  for (const char c : text) {
    if (c == ' ' || c == ',' || c == '\t' || c == '[' || c == ']' || c == '!') {
      end_word();
      if (c == '[' || c == ']' || c == '!') out.push_back(std::string(1, c));
    } else {
      word += c;
    }
  }
  end_word();
  return out;
}

class Canonical {
public:
  explicit Canonical(const std::string& text) : t_(split(text)) {
    if (t_.empty()) return;
    numbers();
    conditions();
    hints();
    if (t_.size() < 2) {
      if (t_[0] == "ret") t_.push_back("x30");
      return;
    }
    wide_ = t_[1][0] == 'x' || t_[1] == "sp";
    zero_operands();
    moves();
    bit_fields();
    condition_aliases();
    extensions();
    constants();
  }
  std::string text() const {
    std::string out;
    for (const std::string& token : t_) out += (out.empty() ? "" : " ") + token;
    return out;
  }

private:
  std::string zr() const { return wide_ ? "xzr" : "wzr"; }
  u32 width() const { return wide_ ? 64 : 32; }
  static std::string decimal(i64 value) { return std::to_string(value); }
  void insert(size_t at, const std::string& token) { t_.insert(t_.begin() + static_cast<std::ptrdiff_t>(at), token); }
  i64 value(size_t at) const { return number_in(t_[at]); }
  bool is(const char* mnemonic) const { return t_[0] == mnemonic; }

  void numbers() {
    const bool narrow = t_.size() > 1 && t_[1][0] == 'w' && t_[1] != "wsp";
    for (size_t i = 1; i < t_.size(); ++i) {
      if (!is_number(t_[i])) continue;
      if (t_[i].find('.') != std::string::npos) {
        char text[32];
        std::snprintf(text, sizeof text, "%g", std::strtod(t_[i].c_str() + (t_[i][0] == '#' ? 1 : 0), nullptr));
        t_[i] = text;
        continue;
      }
      const i64 number = number_in(t_[i]);
      t_[i] = decimal(narrow ? static_cast<i64>(static_cast<u64>(number) & 0xffffffffu) : number);
    }
    if (t_.size() > 2 && t_[t_.size() - 1] == "0" && t_[t_.size() - 2] == "lsl") t_.resize(t_.size() - 2);
  }
  void conditions() {
    static const std::map<std::string, std::string> names = {
        {"hs", "cs"}, {"lo", "cc"}, {"b.hs", "b.cs"}, {"b.lo", "b.cc"}};
    for (std::string& token : t_)
      if (const auto found = names.find(token); found != names.end()) token = found->second;
  }
  void hints() {
    static const std::map<std::string, std::string> names = {
        {"nop", "0"}, {"yield", "1"}, {"paciasp", "25"}, {"autiasp", "29"}, {"bti", "32"}};
    const auto found = names.find(t_[0]);
    if (found == names.end()) return;
    std::string number = found->second;
    if (t_[0] == "bti" && t_.size() == 2) number = t_[1] == "c" ? "34" : t_[1] == "j" ? "36" : "38";
    t_ = {"hint", number};
  }
  /// Aliases with the zero register as an operand.
  void zero_operands() {
    struct Row {
      const char* alias;
      const char* base;
      size_t at;
      const char* reg; // null: of the width
    };
    static const Row rows[] = {
        {"cmp", "subs", 1, nullptr},    {"cmn", "adds", 1, nullptr},   {"tst", "ands", 1, nullptr},
        {"neg", "sub", 2, nullptr},     {"negs", "subs", 2, nullptr},  {"ngc", "sbc", 2, nullptr},
        {"ngcs", "sbcs", 2, nullptr},   {"mvn", "orn", 2, nullptr},    {"mul", "madd", 4, nullptr},
        {"mneg", "msub", 4, nullptr},   {"smull", "smaddl", 4, "xzr"}, {"umull", "umaddl", 4, "xzr"},
        {"smnegl", "smsubl", 4, "xzr"}, {"umnegl", "umsubl", 4, "xzr"}};
    for (const Row& row : rows) {
      if (!is(row.alias)) continue;
      t_[0] = row.base;
      insert(row.at, row.reg != nullptr ? row.reg : zr());
      return;
    }
  }
  void moves() {
    if (!is("mov") || t_.size() != 3) return;
    const bool sp = t_[1] == "sp" || t_[1] == "wsp" || t_[2] == "sp" || t_[2] == "wsp";
    if (is_number(t_[2])) {
      t_[0] = "const";
    } else if (t_[1][0] == 'v') {
      t_ = {"orr", t_[1], t_[2], t_[2]};
    } else if (sp) {
      t_ = {"add", t_[1], t_[2], "0"};
    } else {
      t_ = {"orr", t_[1], zr(), t_[2]};
    }
  }
  /// `from`: the lowest bit, or by how much to rotate right.
  void field(const char* base, i64 immr, i64 imms) {
    std::string source = t_[2];
    if (wide_ && source[0] == 'w') source[0] = 'x';
    t_ = {base, t_[1], source, decimal(immr & (width() - 1)), decimal(imms)};
  }
  void bit_fields() {
    static const std::map<std::string, int> extends = {
        {"sxtb", 7}, {"sxth", 15}, {"sxtw", 31}, {"uxtb", 7}, {"uxth", 15}};
    if (const auto found = extends.find(t_[0]); found != extends.end())
      return field(t_[0][0] == 's' ? "sbfm" : "ubfm", 0, found->second);
    if (is("bfc")) {
      insert(2, zr());
      t_[0] = "bfi";
    }
    if (t_.size() == 5 && (is("ubfx") || is("sbfx") || is("bfxil")))
      return field(is("ubfx") ? "ubfm" : is("sbfx") ? "sbfm" : "bfm", value(3), value(3) + value(4) - 1);
    if (t_.size() == 5 && (is("ubfiz") || is("sbfiz") || is("bfi")))
      return field(is("ubfiz") ? "ubfm" : is("sbfiz") ? "sbfm" : "bfm", -value(3), value(4) - 1);
    if (t_.size() != 4) return;
    const bool by_register = !is_number(t_[3]);
    if (is("lsl") || is("lsr") || is("asr") || is("ror")) {
      if (by_register) t_[0] += "v";
      else if (is("lsl")) field("ubfm", -value(3), width() - 1 - value(3));
      else if (is("ror")) t_ = {"extr", t_[1], t_[2], t_[2], t_[3]};
      else field(is("lsr") ? "ubfm" : "sbfm", value(3), width() - 1);
    }
  }
  static std::string opposite_name(const std::string& name) {
    static const char* const pairs[][2] = {{"eq", "ne"}, {"cs", "cc"}, {"mi", "pl"}, {"vs", "vc"},
                                           {"hi", "ls"}, {"ge", "lt"}, {"gt", "le"}, {"al", "nv"}};
    for (const auto& pair : pairs) {
      if (name == pair[0]) return pair[1];
      if (name == pair[1]) return pair[0];
    }
    return name;
  }
  void condition_aliases() {
    if (is("cset") || is("csetm")) t_ = {is("cset") ? "csinc" : "csinv", t_[1], zr(), zr(), opposite_name(t_[2])};
    else if (is("cinc") || is("cinv") || is("cneg"))
      t_ = {"cs" + t_[0].substr(1), t_[1], t_[2], t_[2], opposite_name(t_[3])};
  }
  /// Register forms of add and sub with sp are extended, whatever they are called.
  void extensions() {
    if (!is("add") && !is("adds") && !is("sub") && !is("subs")) return;
    if (t_.size() < 4 || is_number(t_[3])) return;
    const bool sp = t_[1] == "sp" || t_[1] == "wsp" || t_[2] == "sp" || t_[2] == "wsp";
    const std::string plain = t_[2][0] == 'w' ? "uxtw" : "uxtx";
    if (sp && t_.size() == 4) t_.push_back(plain);
    if (sp && t_[4] == "lsl") t_[4] = plain;
    if (t_.size() == 6 && t_[5] == "0") t_.pop_back();
  }
  void constants() {
    const bool from_zero = is("orr") && t_.size() == 4 && (t_[2] == "wzr" || t_[2] == "xzr") && is_number(t_[3]);
    if (from_zero) {
      t_ = {"const", t_[1], t_[3]};
    } else if ((is("movz") || is("movn")) && t_.size() >= 3) {
      u64 bits = static_cast<u64>(value(2)) << (t_.size() == 5 ? value(4) : 0);
      if (is("movn")) bits = ~bits;
      t_ = {"const", t_[1], decimal(static_cast<i64>(wide_ ? bits : bits & 0xffffffffu))};
    }
  }

  Tokens t_;
  bool wide_ = false;
};

inline std::string canonical(const std::string& text) { return Canonical(text).text(); }

} // namespace assay::a64::test
