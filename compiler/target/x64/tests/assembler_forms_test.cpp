// assembler_forms_test.cpp - every row of assembler_forms.def, over all registers, boundary immediates and
// addressing modes, against two second opinions: a disassembler reads the bytes back, and an assembler
// (GNU as) makes its own bytes from the same text.
//
// The expected text comes from the row's mnemonic and the operands alone; it knows no encoding. Numbers are
// compared by value in the operand's width, since disassemblers differ in how they print a sign.
#include "compiler/debug/disassemble.h"
#include "compiler/target/x64/assembler.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

namespace assay::x64 {
namespace {

constexpr u32 kRodataOffset = 0x2000000;
constexpr i32 kImmediates[] = {0,   1,      -1,     5,      127,    128,    -128,       -129,       255,
                               256, 0x7fff, 0x8000, -32768, -32769, 0xffff, 0x12345678, 0x7fffffff, -0x7fffffff - 1};
constexpr i32 kDisps[] = {0, 1, 127, 128, -128, -129, 0x12345678, 0x7fffffff, -0x7fffffff - 1};
const char* const kConds[] = {"o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"};
const char* const kPredicates[] = {"eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"};

std::string reg_text(Gpr reg, u32 bytes) {
  static const char* const first[8] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
  static const char* const first_byte[8] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
  const u32 n = number_of(reg);
  if (n >= 8) return "r" + std::to_string(n) + (bytes == 1 ? "b" : bytes == 2 ? "w" : bytes == 4 ? "d" : "");
  if (bytes == 1) return first_byte[n];
  return std::string(bytes == 2 ? "" : bytes == 4 ? "e" : "r") + first[n];
}

std::string reg_text(Xmm reg) { return "xmm" + std::to_string(number_of(reg)); }

std::string hex(u64 value) {
  char text[24];
  std::snprintf(text, sizeof text, value > 9 ? "0x%llx" : "%llu", static_cast<unsigned long long>(value));
  return text;
}

std::string signed_tail(i64 disp) {
  if (disp == 0) return "";
  return disp < 0 ? " - " + hex(static_cast<u64>(-disp)) : " + " + hex(static_cast<u64>(disp));
}

/// `end`: offset of the instruction's end, for rip-relative forms (their label is bound at offset 0).
std::string mem_text(const Mem& m, u32 bytes, u32 end) {
  static const char* const prefix[] = {"", "byte ptr ", "word ptr ", "", "dword ptr ", "", "", "", "qword ptr "};
  std::string text = bytes == 16 ? "xmmword ptr " : prefix[bytes];
  const std::string factor = "*" + std::to_string(1 << m.scale_log2);
  const std::string scaled = reg_text(m.index, 8) + (m.scale_log2 == 0 ? "" : factor);
  switch (m.kind) {
  case Mem::Kind::Base: return text + "[" + reg_text(m.base, 8) + signed_tail(m.disp) + "]";
  case Mem::Kind::BaseIndex: return text + "[" + reg_text(m.base, 8) + " + " + scaled + signed_tail(m.disp) + "]";
  case Mem::Kind::Index: return text + "[" + reg_text(m.index, 8) + factor + signed_tail(m.disp) + "]";
  case Mem::Kind::RipLabel: return text + "[rip" + signed_tail(i64{m.disp} - end) + "]";
  case Mem::Kind::RipRodata: return text + "[rip" + signed_tail(i64{kRodataOffset} + m.disp - end) + "]";
  }
  return text;
}

u64 mask_of_bits(u32 bits) { return bits == 64 ? ~u64{0} : (u64{1} << bits) - 1; }

/// The text with its last operand, when that is a number, as the plain hexadecimal number of `bits` bits.
std::string normalise(std::string text, u32 bits) {
  const size_t comma = text.rfind(", ");
  if (bits == 0 || comma == std::string::npos) return text;
  const std::string last = text.substr(comma + 2);
  char* end = nullptr;
  const bool negative = last[0] == '-';
  const u64 magnitude = std::strtoull(last.c_str() + (negative ? 1 : 0), &end, 0);
  if (*end != '\0' || last.size() == (negative ? 1u : 0u)) return text;
  return text.substr(0, comma + 2) + hex((negative ? 0 - magnitude : magnitude) & mask_of_bits(bits));
}

struct Case {
  u32 offset = 0;
  u32 imm_bits = 0; // width of an immediate operand, 0: none
  std::string text;
};

/// Emits every case and notes what it must read as.
class Sweep {
public:
  std::vector<u8> code;
  std::vector<Case> cases;
  bool encodable_all = false;

  Sweep() {
    make_addresses();
    as_.begin(code);
    origin_ = as_.new_label();
    as_.bind(origin_);
    for (Mem& mem : addresses_)
      if (mem.kind == Mem::Kind::RipLabel) mem.label = origin_;
#define FORM(shape, function, mnemonic, prefix, map, opcode, ext, sizes) \
  shape(mnemonic, ext, sizes, [this](const auto&... operands) { as_.function(operands...); });
#include "compiler/target/x64/assembler_forms.def"
#undef FORM
    as_.finish();
    as_.resolve_rodata(kRodataOffset);
    encodable_all = as_.ok();
  }

private:
  using Name = const char*;

  void make_addresses() {
    u32 turn = 0;
    const u32 disps = static_cast<u32>(std::size(kDisps));
    for (u32 base = 0; base < 16; ++base)
      for (i32 disp : kDisps) addresses_.push_back(Mem::at(static_cast<Gpr>(base), disp));
    for (u32 base = 0; base < 16; ++base)
      for (u32 index = 0; index < 16; ++index)
        for (u32 scale = 0; scale < 4; ++scale)
          if (index != number_of(Gpr::Rsp))
            addresses_.push_back(
                Mem::at(static_cast<Gpr>(base), static_cast<Gpr>(index), scale, kDisps[turn++ % disps]));
    for (u32 index = 0; index < 16; ++index)
      for (u32 scale = 0; scale < 4; ++scale)
        if (index != number_of(Gpr::Rsp))
          addresses_.push_back(Mem::scaled(static_cast<Gpr>(index), scale, kDisps[1 + turn++ % (disps - 1)]));
    addresses_.push_back(Mem::rip({}, 0));
    addresses_.push_back(Mem::rip({}, -129));
    addresses_.push_back(Mem::rodata(0));
    addresses_.push_back(Mem::rodata(4096));
  }

  // Iteration over operands. A register that goes with an address takes turns, so all pairs of number and
  // extension bits occur.
  template <typename F> void each_size(u32 digits, F body) {
    for (u32 rest = digits; rest != 0; rest /= 10) body(static_cast<Size>(rest % 10), rest % 10);
  }
  template <typename F> void each_gpr(F body) {
    for (u32 i = 0; i < 16; ++i) body(static_cast<Gpr>(i));
  }
  template <typename F> void each_xmm(F body) {
    for (u32 i = 0; i < 16; ++i) body(static_cast<Xmm>(i));
  }
  template <typename F> void each_mem(F body) {
    for (const Mem& mem : addresses_) body(mem);
  }
  template <typename F> void some_mem(F body) {
    for (size_t i = 0; i < addresses_.size(); i += 13) body(addresses_[i]);
    for (size_t i = addresses_.size() - 4; i < addresses_.size(); ++i) body(addresses_[i]);
  }
  Gpr next_gpr() { return static_cast<Gpr>(turn_++ * 5 / 4 % 16); }
  Xmm next_xmm() { return static_cast<Xmm>(turn_++ * 5 / 4 % 16); }

  /// Emits with `emit`, then notes `text(end offset)`.
  template <typename E, typename T> void add(E emit, u32 imm_bits, T text) {
    const u32 start = as_.offset();
    emit();
    cases.push_back({start, imm_bits, normalise(text(as_.offset()), imm_bits)});
  }
  static u32 imm_width(u32 bytes) { return bytes * 8; }
  static std::string imm_text(i64 imm) {
    return imm < 0 ? "-" + hex(static_cast<u64>(-imm)) : hex(static_cast<u64>(imm));
  }

  template <typename E> void RMR(Name name, u32, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) {
      each_gpr([&](Gpr a) {
        each_gpr([&](Gpr b) {
          add([&] { emit(s, a, b); }, 0, [&](u32) { return name + (" " + reg_text(a, n)) + ", " + reg_text(b, n); });
        });
      });
    });
  }
  template <typename E> void RRM(Name name, u32 ext, u32 sizes, E emit) { RMR(name, ext, sizes, emit); }
  template <typename E> void MR(Name name, u32, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) {
      each_mem([&](const Mem& m) {
        const Gpr r = next_gpr();
        add([&] { emit(s, m, r); }, 0,
            [&](u32 end) { return name + (" " + mem_text(m, n, end)) + ", " + reg_text(r, n); });
      });
    });
  }
  template <typename E> void load(Name name, u32 sizes, E emit, const std::function<u32(u32)>& bytes_of) {
    each_size(sizes, [&](Size s, u32 n) {
      each_mem([&](const Mem& m) {
        const Gpr r = next_gpr();
        add([&] { emit(s, r, m); }, 0,
            [&](u32 end) { return name + (" " + reg_text(r, n)) + ", " + mem_text(m, bytes_of(n), end); });
      });
    });
  }
  template <typename E> void RM(Name name, u32, u32 sizes, E emit) {
    load(name, sizes, emit, [](u32 n) { return n; });
  }
  template <typename E> void EXTM(Name name, u32 ext, u32 sizes, E emit) {
    load(name, sizes, emit, [ext](u32) { return ext; });
  }
  template <typename E> void RMS(Name name, u32 ext, u32 sizes, E emit) { EXTM(name, ext, sizes, emit); }
  template <typename E> void LEA(Name name, u32, u32 sizes, E emit) {
    load(name, sizes, emit, [](u32) { return 0u; });
  }
  template <typename E> void EXTR(Name name, u32 ext, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) {
      each_gpr([&](Gpr a) {
        each_gpr([&](Gpr b) {
          add([&] { emit(s, a, b); }, 0, [&](u32) { return name + (" " + reg_text(a, n)) + ", " + reg_text(b, ext); });
        });
      });
    });
  }
  template <typename E> void RI(Name name, u32, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) {
      each_gpr([&](Gpr r) {
        for (i32 imm : kImmediates)
          add([&] { emit(s, r, imm); }, imm_width(n),
              [&](u32) { return name + (" " + reg_text(r, n)) + ", " + imm_text(imm); });
      });
    });
  }
  template <typename E> void RIW(Name name, u32 ext, u32 sizes, E emit) { RI(name, ext, sizes, emit); }
  template <typename E> void MI(Name name, u32, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) {
      some_mem([&](const Mem& m) {
        for (i32 imm : kImmediates)
          add([&] { emit(s, m, imm); }, imm_width(n),
              [&](u32 end) { return name + (" " + mem_text(m, n, end)) + ", " + imm_text(imm); });
      });
    });
  }
  template <typename E> void MIW(Name name, u32 ext, u32 sizes, E emit) { MI(name, ext, sizes, emit); }
  template <typename E> void R1(Name name, u32, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) {
      each_gpr([&](Gpr r) { add([&] { emit(s, r); }, 0, [&](u32) { return name + (" " + reg_text(r, n)); }); });
    });
  }
  template <typename E> void OPR(Name name, u32 ext, u32 sizes, E emit) { R1(name, ext, sizes, emit); }
  template <typename E> void RCL(Name name, u32, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) {
      each_gpr(
          [&](Gpr r) { add([&] { emit(s, r); }, 0, [&](u32) { return name + (" " + reg_text(r, n)) + ", cl"; }); });
    });
  }
  template <typename E> void M1(Name name, u32, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) {
      each_mem([&](const Mem& m) {
        add([&] { emit(s, m); }, 0, [&](u32 end) { return name + (" " + mem_text(m, n, end)); });
      });
    });
  }
  template <typename E> void RI8(Name name, u32, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) {
      each_gpr([&](Gpr r) {
        for (u32 count : {0u, 1u, 7u, 31u, 63u, 127u})
          add([&] { emit(s, r, static_cast<u8>(count)); }, 8,
              [&](u32) { return name + (" " + reg_text(r, n)) + ", " + hex(count); });
      });
    });
  }
  template <typename E> void RSH(Name name, u32 ext, u32 sizes, E emit) { RI8(name, ext, sizes, emit); }
  template <typename E> void RRI(Name name, u32, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) {
      each_gpr([&](Gpr a) {
        for (i32 imm : kImmediates) {
          const Gpr b = next_gpr();
          add([&] { emit(s, a, b, imm); }, imm_width(n),
              [&](u32) { return name + (" " + reg_text(a, n)) + ", " + reg_text(b, n) + ", " + imm_text(imm); });
        }
      });
    });
  }
  template <typename E> void RMI(Name name, u32, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) {
      some_mem([&](const Mem& m) {
        for (i32 imm : kImmediates) {
          const Gpr r = next_gpr();
          add([&] { emit(s, r, m, imm); }, imm_width(n),
              [&](u32 end) {
                return name + (" " + reg_text(r, n)) + ", " + mem_text(m, n, end) + ", " + imm_text(imm);
              });
        }
      });
    });
  }
  template <typename F> void each_cond(F body) {
    for (u32 c = 0; c < 16; ++c) body(static_cast<Cond>(c), kConds[c]);
  }
  template <typename E> void CR(Name name, u32, u32, E emit) {
    each_cond([&](Cond c, Name suffix) {
      each_gpr([&](Gpr r) {
        add([&] { emit(c, r); }, 0, [&](u32) { return std::string(name) + suffix + " " + reg_text(r, 1); });
      });
    });
  }
  template <typename E> void CM(Name name, u32, u32, E emit) {
    each_cond([&](Cond c, Name suffix) {
      some_mem([&](const Mem& m) {
        add([&] { emit(c, m); }, 0, [&](u32 end) { return std::string(name) + suffix + " " + mem_text(m, 1, end); });
      });
    });
  }
  template <typename E> void CRRM(Name name, u32 ext, u32 sizes, E emit) {
    each_cond([&](Cond c, Name suffix) {
      const std::string full = std::string(name) + suffix;
      RMR(full.c_str(), ext, sizes, [&](Size s, Gpr a, Gpr b) { emit(c, s, a, b); });
    });
  }
  template <typename E> void CRM(Name name, u32, u32 sizes, E emit) {
    each_cond([&](Cond c, Name suffix) {
      each_size(sizes, [&](Size s, u32 n) {
        some_mem([&](const Mem& m) {
          const Gpr r = next_gpr();
          add([&] { emit(c, s, r, m); }, 0,
              [&](u32 end) { return std::string(name) + suffix + " " + reg_text(r, n) + ", " + mem_text(m, n, end); });
        });
      });
    });
  }
  template <typename E> void OP64(Name name, u32, u32, E emit) {
    each_gpr([&](Gpr r) { add([&] { emit(r); }, 0, [&](u32) { return name + (" " + reg_text(r, 8)); }); });
  }
  template <typename E> void R64(Name name, u32 ext, u32 sizes, E emit) { OP64(name, ext, sizes, emit); }
  template <typename E> void M64(Name name, u32, u32 sizes, E emit) {
    each_mem([&](const Mem& m) {
      add([&] { emit(m); }, 0, [&](u32 end) { return name + (" " + mem_text(m, sizes, end)); });
    });
  }
  template <typename E> void MST(Name name, u32 ext, u32 sizes, E emit) { M64(name, ext, sizes, emit); }
  template <typename E> void NO(Name name, u32, u32, E emit) {
    add([&] { emit(); }, 0, [&](u32) { return std::string(name); });
  }
  template <typename E> void XX(Name name, u32, u32, E emit) {
    each_xmm([&](Xmm a) {
      each_xmm([&](Xmm b) {
        add([&] { emit(a, b); }, 0, [&](u32) { return name + (" " + reg_text(a)) + ", " + reg_text(b); });
      });
    });
  }
  template <typename E> void XM(Name name, u32, u32 sizes, E emit) {
    each_mem([&](const Mem& m) {
      const Xmm x = next_xmm();
      add([&] { emit(x, m); }, 0, [&](u32 end) { return name + (" " + reg_text(x)) + ", " + mem_text(m, sizes, end); });
    });
  }
  template <typename E> void MX(Name name, u32, u32 sizes, E emit) {
    each_mem([&](const Mem& m) {
      const Xmm x = next_xmm();
      add([&] { emit(m, x); }, 0, [&](u32 end) { return name + (" " + mem_text(m, sizes, end)) + ", " + reg_text(x); });
    });
  }
  /// A comparison's predicate is part of its name.
  static bool is_compare(Name name) { return std::string(name).rfind("cmp", 0) == 0; }
  static std::string compare_name(Name name, u32 imm) { return std::string("cmp") + kPredicates[imm] + (name + 3); }
  template <typename F> void each_imm8(Name name, F body) {
    if (is_compare(name))
      for (u32 imm = 0; imm < 8; ++imm) body(static_cast<u8>(imm), compare_name(name, imm), std::string());
    else
      for (u32 imm : {8u, 9u, 10u, 11u}) body(static_cast<u8>(imm), std::string(name), ", " + hex(imm));
  }
  template <typename E> void XXI(Name name, u32, u32, E emit) {
    each_imm8(name, [&](u8 imm, const std::string& full, const std::string& tail) {
      each_xmm([&](Xmm a) {
        each_xmm([&](Xmm b) {
          add([&] { emit(a, b, imm); }, 8, [&](u32) { return full + " " + reg_text(a) + ", " + reg_text(b) + tail; });
        });
      });
    });
  }
  template <typename E> void XMI(Name name, u32, u32 sizes, E emit) {
    each_imm8(name, [&](u8 imm, const std::string& full, const std::string& tail) {
      some_mem([&](const Mem& m) {
        const Xmm x = next_xmm();
        add([&] { emit(x, m, imm); }, 8,
            [&](u32 end) { return full + " " + reg_text(x) + ", " + mem_text(m, sizes, end) + tail; });
      });
    });
  }
  template <typename E> void XI(Name name, u32, u32, E emit) {
    each_xmm([&](Xmm x) {
      for (u32 imm : {0u, 1u, 31u, 63u, 128u})
        add([&] { emit(x, static_cast<u8>(imm)); }, 8,
            [&](u32) { return name + (" " + reg_text(x)) + ", " + hex(imm); });
    });
  }
  template <typename E> void XR(Name name, u32, u32 sizes, E emit) {
    each_xmm([&](Xmm x) {
      each_gpr([&](Gpr r) {
        add([&] { emit(x, r); }, 0, [&](u32) { return name + (" " + reg_text(x)) + ", " + reg_text(r, sizes); });
      });
    });
  }
  template <typename E> void RX(Name name, u32, u32 sizes, E emit) {
    each_xmm([&](Xmm x) {
      each_gpr([&](Gpr r) {
        add([&] { emit(r, x); }, 0, [&](u32) { return name + (" " + reg_text(r, sizes)) + ", " + reg_text(x); });
      });
    });
  }
  template <typename E> void XRS(Name name, u32 ext, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) { XR(name, ext, n, [&](Xmm x, Gpr r) { emit(s, x, r); }); });
  }
  template <typename E> void RXS(Name name, u32 ext, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) { RX(name, ext, n, [&](Gpr r, Xmm x) { emit(s, r, x); }); });
  }
  template <typename E> void XMS(Name name, u32 ext, u32 sizes, E emit) {
    each_size(sizes, [&](Size s, u32 n) { XM(name, ext, n, [&](Xmm x, const Mem& m) { emit(s, x, m); }); });
  }
  template <typename E> void VXX(Name name, u32, u32, E emit) {
    each_xmm([&](Xmm a) {
      each_xmm([&](Xmm b) {
        each_xmm([&](Xmm c) {
          add([&] { emit(a, b, c); }, 0,
              [&](u32) { return name + (" " + reg_text(a)) + ", " + reg_text(b) + ", " + reg_text(c); });
        });
      });
    });
  }
  template <typename E> void VXM(Name name, u32, u32 sizes, E emit) {
    each_mem([&](const Mem& m) {
      const Xmm a = next_xmm(), b = next_xmm();
      add([&] { emit(a, b, m); }, 0,
          [&](u32 end) { return name + (" " + reg_text(a)) + ", " + reg_text(b) + ", " + mem_text(m, sizes, end); });
    });
  }

  Assembler as_;
  Label origin_;
  std::vector<Mem> addresses_;
  u32 turn_ = 0;
};

const Sweep& sweep() {
  static const Sweep all;
  return all;
}

/// xchg has no order of operands, and disassemblers choose either; of the accumulator with itself it is nop (the
/// 32-bit one is not: it clears the upper half).
std::string swapped(const std::string& text) {
  const size_t space = text.find(' '), comma = text.find(", ");
  return text.substr(0, space + 1) + text.substr(comma + 2) + ", " + text.substr(space + 1, comma - space - 1);
}

bool same_text(const Case& expected, const std::string& text) {
  const std::string found = normalise(text, expected.imm_bits);
  if (found == expected.text) return true;
  if (found == "nop") return expected.text == "xchg rax, rax" || expected.text == "xchg ax, ax";
  return expected.text.rfind("xchg ", 0) == 0 && found == swapped(expected.text);
}

TEST(AssemblerForms, EveryFormReadsBackAsItsTableRowSays) {
  if (!debug::can_disassemble()) GTEST_SKIP() << "Capstone was not found when this was built";
  const Sweep& all = sweep();
  ASSERT_TRUE(all.encodable_all);
  std::vector<debug::Line> lines;
  ASSERT_TRUE(debug::disassemble(Target::X64, all.code, 0, lines).ok());
  u32 failures = 0;
  for (size_t i = 0; i < all.cases.size() && failures < 20; ++i) {
    ASSERT_LT(i, lines.size());
    const bool same = lines[i].offset == all.cases[i].offset && same_text(all.cases[i], lines[i].text);
    EXPECT_TRUE(same) << "expected at " << all.cases[i].offset << ": " << all.cases[i].text << "\n   found at "
                      << lines[i].offset << ": " << lines[i].text;
    failures += same ? 0 : 1;
  }
  EXPECT_TRUE(failures != 0 || lines.size() == all.cases.size());
  RecordProperty("instructions", static_cast<int>(all.cases.size()));
}

/// The bytes that GNU as makes of the texts, or nothing where there is none for x64.
bool assemble_with_as(const std::vector<Case>& cases, std::vector<u8>& out) {
  const std::string stem =
      testing::TempDir() + "assay_forms_" + std::to_string(reinterpret_cast<std::uintptr_t>(&cases));
  {
    std::ofstream source(stem + ".s");
    source << ".intel_syntax noprefix\n";
    for (const Case& one : cases) source << one.text << "\n";
  }
  const std::string command =
      "as --64 -o " + stem + ".o " + stem + ".s && objcopy -O binary -j .text " + stem + ".o " + stem + ".bin";
  const bool done = std::system(command.c_str()) == 0;
  if (done) {
    std::ifstream binary(stem + ".bin", std::ios::binary);
    out.assign(std::istreambuf_iterator<char>(binary), {});
  }
  for (const char* suffix : {".s", ".o", ".bin"}) std::remove((stem + suffix).c_str());
  return done;
}

bool has_gnu_as() {
  return std::system("as --64 -o /dev/null /dev/null 2>/dev/null && objcopy --version >/dev/null 2>&1") == 0;
}

TEST(AssemblerForms, GnuAsMakesTheSameInstructionsFromTheSameText) {
  if (!debug::can_disassemble()) GTEST_SKIP() << "Capstone was not found when this was built";
  if (!has_gnu_as()) GTEST_SKIP() << "no GNU as and objcopy for x86-64 on this host";
  const Sweep& all = sweep();
  std::vector<u8> theirs;
  ASSERT_TRUE(assemble_with_as(all.cases, theirs)) << "as refused a text";
  // as knows shorter forms for some registers, so lengths may differ; what the bytes mean may not.
  std::vector<debug::Line> ours_read, theirs_read;
  ASSERT_TRUE(debug::disassemble(Target::X64, all.code, 0, ours_read).ok());
  ASSERT_TRUE(debug::disassemble(Target::X64, theirs, 0, theirs_read).ok());
  ASSERT_EQ(ours_read.size(), theirs_read.size());
  u32 failures = 0, longer = 0;
  for (size_t i = 0; i < ours_read.size() && failures < 20; ++i) {
    const std::string found = normalise(ours_read[i].text, all.cases[i].imm_bits);
    const bool same = found == normalise(theirs_read[i].text, all.cases[i].imm_bits) ||
                      (same_text(all.cases[i], ours_read[i].text) && same_text(all.cases[i], theirs_read[i].text));
    EXPECT_TRUE(same) << "text: " << all.cases[i].text << "\nours: " << ours_read[i].text
                      << "\n  as: " << theirs_read[i].text;
    failures += same ? 0 : 1;
    longer += ours_read[i].length > theirs_read[i].length ? 1 : 0;
  }
  RecordProperty("instructions", static_cast<int>(ours_read.size()));
  RecordProperty("longer_than_as", static_cast<int>(longer));
  std::printf("compared %zu instructions; as is shorter in %u\n", ours_read.size(), longer);
}

} // namespace
} // namespace assay::x64
