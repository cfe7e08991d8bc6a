// sweep.h - one instruction for every interesting choice of operands of every row of assembler_forms.def, each with
// the text that it must read as. Used by assembler_forms_test.cpp.
#pragma once

#include "compiler/target/a64/assembler.h"

#include <array>
#include <cstdio>
#include <string>
#include <vector>

namespace assay::a64::test {

inline constexpr const char* kConds[] = {"eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc",
                                         "hi", "ls", "ge", "lt", "gt", "le", "al"};
inline constexpr const char* kExtends[] = {"uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"};
inline constexpr const char* kShifts[] = {"lsl", "lsr", "asr", "ror"};

struct Case {
  u32 offset = 0;
  std::string text; // a '@' stands for the place at `target`
  u32 target = 0;
  bool is_page = false; // the place is `page_distance` bytes from this instruction's page
  i64 page_distance = 0;

  std::string with(const std::string& place) const {
    const size_t at = text.find('@');
    return at == std::string::npos ? text : text.substr(0, at) + place + text.substr(at + 1);
  }
  std::string text_for_reader() const {
    const i64 page = static_cast<i64>(offset & ~4095u) + page_distance;
    return with("#" + std::to_string(is_page ? page : i64{target}));
  }
  std::string text_for_assembler() const {
    if (is_page) return with("#" + std::to_string(page_distance));
    const i64 distance = static_cast<i64>(target) - offset;
    return with("." + std::string(distance < 0 ? "" : "+") + std::to_string(distance));
  }
};

// Operands as text.
inline std::string reg(Gpr r, Size s) {
  const bool x = s == Size::X;
  if (r == Gpr::Sp) return x ? "sp" : "wsp";
  if (r == Gpr::Zr) return x ? "xzr" : "wzr";
  return (x ? "x" : "w") + std::to_string(field_of(r));
}
inline std::string reg(Vreg r, FSize s) {
  return (s == FSize::Q ? "q" : s == FSize::D ? "d" : "s") + std::to_string(field_of(r));
}
inline std::string vec(Vreg r, const char* shape) { return "v" + std::to_string(field_of(r)) + shape; }
inline std::string hash(i64 value) { return "#" + std::to_string(value); }
inline std::string hex(u64 value) {
  char text[24];
  std::snprintf(text, sizeof text, "#0x%llx", static_cast<unsigned long long>(value));
  return text;
}
inline std::string list(const std::vector<std::string>& operands) {
  std::string out;
  for (const std::string& one : operands)
    if (!one.empty()) out += (out.empty() ? " " : ", ") + one;
  return out;
}
inline std::string address(const Mem& m) {
  const std::string base = "[" + reg(m.base, Size::X);
  switch (m.kind) {
  case Mem::Kind::Offset: return base + (m.offset != 0 ? ", " + hash(m.offset) : "") + "]";
  case Mem::Kind::Pre: return base + ", " + hash(m.offset) + "]!";
  case Mem::Kind::Post: return base + "], " + hash(m.offset);
  case Mem::Kind::Index: break;
  }
  const bool x = m.extend == Extend::Uxtx || m.extend == Extend::Sxtx;
  const std::string index = ", " + reg(m.index, x ? Size::X : Size::W);
  const char* extend = kExtends[static_cast<u32>(m.extend)];
  if (m.extend == Extend::Uxtx) return base + index + (m.shift != 0 ? ", lsl " + hash(m.shift) : "") + "]";
  return base + index + ", " + extend + (m.shift != 0 ? " " + hash(m.shift) : "") + "]";
}

/// A general register for a field where 31 is the zero register, or the stack pointer.
inline Gpr zr_reg(u32 number) { return static_cast<Gpr>(number & 31); }
inline Gpr sp_reg(u32 number) { return (number & 31) == 31 ? Gpr::Sp : zr_reg(number); }
inline Vreg v_reg(u32 number) { return static_cast<Vreg>(number & 31); }

/// Register numbers for four fields: each field takes every value, in changing company.
inline std::vector<std::array<u32, 4>> register_tuples() {
  std::vector<std::array<u32, 4>> out;
  for (u32 i = 0; i < 32; ++i) {
    out.push_back({i, (i * 7 + 3) & 31, (i * 11 + 5) & 31, (i * 13 + 9) & 31});
    out.push_back({(i * 5 + 1) & 31, i, i, i});
  }
  for (u32 i = 0; i < 16; ++i) out.push_back({(i & 1) * 31, (i >> 1 & 1) * 31, (i >> 2 & 1) * 31, (i >> 3) * 31});
  return out;
}

/// Emits cases and notes what each must read as. The shapes of the table are methods of the classes derived from it.
class SweepBase {
public:
  std::vector<u8> code;
  std::vector<Case> cases;
  bool encodable_all = false;

protected:
  using Name = std::string;
  /// The sizes column.
  struct Sizes {
    std::string letters;
    bool has(char one) const { return letters.find(one) != std::string::npos; }
    Size only() const { return letters == "W" ? Size::W : Size::X; }
  };

  template <typename E> void add(E emit, const std::string& text, Label target = {}) {
    as_.keep_together(2);
    const u32 start = as_.offset();
    emit();
    cases.push_back({start, text, target.id != kNone && as_.is_bound(target) ? as_.offset_of(target) : 0});
  }
  template <typename F> void each_size(const Sizes& sizes, F body) {
    if (sizes.has('W')) body(Size::W);
    if (sizes.has('X')) body(Size::X);
  }
  template <typename F> void each_fsize(const Sizes& sizes, F body) {
    if (sizes.has('S')) body(FSize::S);
    if (sizes.has('D')) body(FSize::D);
    if (sizes.has('Q')) body(FSize::Q);
  }
  template <typename F> void each_tuple(F body) {
    for (const auto& t : tuples_) body(t[0], t[1], t[2], t[3]);
  }
  u32 next() { return turn_++ * 5 % 31; } // not 31, so in fields of both meanings

  Assembler as_;
  const std::vector<std::array<u32, 4>> tuples_ = register_tuples();
  u32 turn_ = 0;
};

} // namespace assay::a64::test
