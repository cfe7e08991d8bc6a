// sweep_integer.h - the shapes of assembler_forms.def on general registers, and the aliases written by hand.
// Used by assembler_forms_test.cpp. Each method goes by its shape's name.
#pragma once

#include "compiler/target/a64/tests/sweep.h"

#include <functional>

namespace assay::a64::test {

class IntegerShapes : public SweepBase {
protected:
  // Registers.
  template <typename E> void RR(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) {
      each_tuple([&](u32 i, u32 j, u32, u32) {
        const Gpr d = zr_reg(i), n = zr_reg(j);
        add([&] { emit(s, d, n); }, name + list({reg(d, s), reg(n, s)}));
      });
    });
  }
  template <typename E> void RRR(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) { three(name, s, s, [&](Gpr d, Gpr n, Gpr m) { emit(s, d, n, m); }); });
  }
  template <typename E> void XX(const Name& name, const Sizes&, E emit) {
    RR(name, Sizes{"X"}, [&](Size, Gpr d, Gpr n) { emit(d, n); });
  }
  template <typename E> void XXX(const Name& name, const Sizes&, E emit) { three(name, Size::X, Size::X, emit); }
  template <typename E> void XWW(const Name& name, const Sizes&, E emit) { three(name, Size::X, Size::W, emit); }
  template <typename E> void three(const Name& name, Size to, Size from, E emit) {
    each_tuple([&](u32 i, u32 j, u32 k, u32) {
      const Gpr d = zr_reg(i), n = zr_reg(j), m = zr_reg(k);
      add([&] { emit(d, n, m); }, name + list({reg(d, to), reg(n, from), reg(m, from)}));
    });
  }
  template <typename E> void RRRR(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) { four(name, s, s, [&](Gpr d, Gpr n, Gpr m, Gpr a) { emit(s, d, n, m, a); }); });
  }
  template <typename E> void XWWX(const Name& name, const Sizes&, E emit) { four(name, Size::X, Size::W, emit); }
  template <typename E> void four(const Name& name, Size to, Size from, E emit) {
    each_tuple([&](u32 i, u32 j, u32 k, u32 l) {
      const Gpr d = zr_reg(i), n = zr_reg(j), m = zr_reg(k), a = zr_reg(l);
      add([&] { emit(d, n, m, a); }, name + list({reg(d, to), reg(n, from), reg(m, from), reg(a, to)}));
    });
  }

  // Shifted and extended registers.
  /// `body(size, shift, amount, text of the shift)` for registers without shift, then for every shift.
  template <typename F> void each_shift(const Sizes& sizes, u32 shifts, F body) {
    each_size(sizes, [&](Size s) {
      each_tuple([&](u32 i, u32 j, u32 k, u32) { body(s, i, j, k, Shift::Lsl, 0u, std::string()); });
      for (u32 shift = 0; shift < shifts; ++shift)
        for (u32 amount : {1u, 2u, 12u, 31u, 32u, 63u})
          if (amount < bits_of(s))
            body(s, next(), next(), next(), static_cast<Shift>(shift), amount, kShifts[shift] + (" " + hash(amount)));
    });
  }
  template <typename E> void RRRS(const Name& name, const Sizes& sizes, E emit) { rrr_shifted(name, sizes, 3, emit); }
  template <typename E> void RRRL(const Name& name, const Sizes& sizes, E emit) { rrr_shifted(name, sizes, 4, emit); }
  template <typename E> void rrr_shifted(const Name& name, const Sizes& sizes, u32 shifts, E emit) {
    each_shift(sizes, shifts, [&](Size s, u32 i, u32 j, u32 k, Shift shift, u32 by, const std::string& tail) {
      const Gpr d = zr_reg(i), n = zr_reg(j), m = zr_reg(k);
      add([&] { emit(s, d, n, m, shift, by); }, name + list({reg(d, s), reg(n, s), reg(m, s), tail}));
    });
  }
  template <typename E> void NRRS(const Name& name, const Sizes& sizes, E emit) { rr_shifted(name, sizes, 3, emit); }
  template <typename E> void NRRL(const Name& name, const Sizes& sizes, E emit) { rr_shifted(name, sizes, 4, emit); }
  template <typename E> void DRRS(const Name& name, const Sizes& sizes, E emit) { rr_shifted(name, sizes, 3, emit); }
  template <typename E> void DRRL(const Name& name, const Sizes& sizes, E emit) { rr_shifted(name, sizes, 4, emit); }
  template <typename E> void rr_shifted(const Name& name, const Sizes& sizes, u32 shifts, E emit) {
    each_shift(sizes, shifts, [&](Size s, u32 i, u32 j, u32, Shift shift, u32 by, const std::string& tail) {
      const Gpr a = zr_reg(i), m = zr_reg(j);
      add([&] { emit(s, a, m, shift, by); }, name + list({reg(a, s), reg(m, s), tail}));
    });
  }
  template <typename F> void each_extend(const Sizes& sizes, F body) {
    const auto one = [&](Size s, u32 i, u32 j, u32 k, u32 extend, u32 by) {
      const bool x = s == Size::X && (extend == 3 || extend == 7);
      const std::string tail = kExtends[extend] + (by != 0 ? " " + hash(by) : "");
      body(s, i, j, reg(zr_reg(k), x ? Size::X : Size::W), zr_reg(k), static_cast<Extend>(extend), by, tail);
    };
    each_size(sizes, [&](Size s) {
      each_tuple([&](u32 i, u32 j, u32 k, u32) { one(s, i, j, k, next() & 7, 0); });
      for (u32 extend = 0; extend < 8; ++extend)
        for (u32 by = 0; by <= 4; ++by) one(s, next(), next(), next(), extend, by);
    });
  }
  template <typename E> void PPRX(const Name& name, const Sizes& sizes, E emit) { extended(name, sizes, true, emit); }
  template <typename E> void RPRX(const Name& name, const Sizes& sizes, E emit) { extended(name, sizes, false, emit); }
  template <typename E> void extended(const Name& name, const Sizes& sizes, bool d_is_sp, E emit) {
    each_extend(sizes, [&](Size s, u32 i, u32 j, const std::string& m_text, Gpr m, Extend extend, u32 by,
                           const std::string& tail) {
      const Gpr d = d_is_sp ? sp_reg(i) : zr_reg(i), n = sp_reg(j);
      add([&] { emit(s, d, n, m, extend, by); }, name + list({reg(d, s), reg(n, s), m_text, tail}));
    });
  }
  template <typename E> void NPRX(const Name& name, const Sizes& sizes, E emit) {
    each_extend(sizes, [&](Size s, u32, u32 j, const std::string& m_text, Gpr m, Extend extend, u32 by,
                           const std::string& tail) {
      const Gpr n = sp_reg(j);
      add([&] { emit(s, n, m, extend, by); }, name + list({reg(n, s), m_text, tail}));
    });
  }

  // Immediates.
  template <typename F> void each_add_imm(const Sizes& sizes, F body) {
    each_size(sizes, [&](Size s) {
      for (u64 value : {0x0u, 0x1u, 0x7ffu, 0x800u, 0xfffu, 0x1000u, 0x800000u, 0xfff000u}) {
        const std::string tail =
            value < 0x1000 ? hash(static_cast<i64>(value)) : hash(static_cast<i64>(value >> 12)) + ", lsl #12";
        each_tuple([&](u32 i, u32 j, u32, u32) { body(s, i, j, *add_sub_imm(value), tail); });
      }
    });
  }
  template <typename E> void PPI(const Name& name, const Sizes& sizes, E emit) { add_imm(name, sizes, true, emit); }
  template <typename E> void RPI(const Name& name, const Sizes& sizes, E emit) { add_imm(name, sizes, false, emit); }
  template <typename E> void add_imm(const Name& name, const Sizes& sizes, bool d_is_sp, E emit) {
    each_add_imm(sizes, [&](Size s, u32 i, u32 j, AddSubImm imm, const std::string& tail) {
      const Gpr d = d_is_sp ? sp_reg(i) : zr_reg(i), n = sp_reg(j);
      add([&] { emit(s, d, n, imm); }, name + list({reg(d, s), reg(n, s), tail}));
    });
  }
  template <typename E> void NPI(const Name& name, const Sizes& sizes, E emit) {
    each_add_imm(sizes, [&](Size s, u32 i, u32, AddSubImm imm, const std::string& tail) {
      const Gpr n = sp_reg(i);
      add([&] { emit(s, n, imm); }, name + list({reg(n, s), tail}));
    });
  }
  /// Runs of every length and rotation would be many: all lengths, and rotations that meet the borders.
  template <typename F> void each_bitmask(const Sizes& sizes, F body) {
    each_size(sizes, [&](Size s) {
      for (u32 width = 2; width <= bits_of(s); width *= 2)
        for (u32 ones = 1; ones < width; ++ones)
          for (u32 rotate : {0u, 1u, ones, width - 1, width / 2}) {
            if (rotate >= width) continue;
            const u64 mask = width == 64 ? ~u64{0} : (u64{1} << width) - 1;
            const u64 run = (u64{1} << ones) - 1;
            u64 value = rotate == 0 ? run : ((run << rotate) | (run >> (width - rotate))) & mask;
            for (u32 w = width; w < bits_of(s); w *= 2) value |= value << w;
            body(s, next(), next(), *logical_imm(s, value), hex(value));
          }
      each_tuple([&](u32 i, u32 j, u32, u32) { body(s, i, j, *logical_imm(s, 0xff0), "#0xff0"); });
    });
  }
  template <typename E> void PRB(const Name& name, const Sizes& sizes, E emit) { bitmask(name, sizes, true, emit); }
  template <typename E> void RRB(const Name& name, const Sizes& sizes, E emit) { bitmask(name, sizes, false, emit); }
  template <typename E> void bitmask(const Name& name, const Sizes& sizes, bool d_is_sp, E emit) {
    each_bitmask(sizes, [&](Size s, u32 i, u32 j, LogicalImm imm, const std::string& tail) {
      const Gpr d = d_is_sp ? sp_reg(i) : zr_reg(i), n = zr_reg(j);
      add([&] { emit(s, d, n, imm); }, name + list({reg(d, s), reg(n, s), tail}));
    });
  }
  template <typename E> void NRB(const Name& name, const Sizes& sizes, E emit) {
    each_bitmask(sizes, [&](Size s, u32 i, u32, LogicalImm imm, const std::string& tail) {
      const Gpr n = zr_reg(i);
      add([&] { emit(s, n, imm); }, name + list({reg(n, s), tail}));
    });
  }
  template <typename E> void RI16(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) {
      for (u32 i = 0; i < 32; ++i)
        for (u32 by = 0; by < bits_of(s); by += 16)
          for (u32 imm : {0x0u, 0x1u, 0x8000u, 0x1234u, 0xffffu})
            add([&] { emit(s, zr_reg(i), static_cast<u16>(imm), by); },
                name + list({reg(zr_reg(i), s), hash(imm), "lsl " + hash(by)}));
    });
  }
  template <typename E> void RRBF(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) {
      for (u32 immr = 0; immr < bits_of(s); immr += 1 + (immr & 3))
        for (u32 imms = 0; imms < bits_of(s); imms += 1 + (imms & 1)) {
          const Gpr d = zr_reg(immr + imms), n = zr_reg(immr * 3 + imms);
          add([&] { emit(s, d, n, immr, imms); }, name + list({reg(d, s), reg(n, s), hash(immr), hash(imms)}));
        }
    });
  }
  template <typename E> void RRRF(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) {
      each_tuple([&](u32 i, u32 j, u32 k, u32 l) {
        const u32 lsb = l * 2 % bits_of(s) + (i & 1);
        const Gpr d = zr_reg(i), n = zr_reg(j), m = zr_reg(k);
        add([&] { emit(s, d, n, m, lsb); }, name + list({reg(d, s), reg(n, s), reg(m, s), hash(lsb)}));
      });
    });
  }

  // Conditions.
  template <typename E> void RRRC(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) {
      for (u32 c = 0; c < 15; ++c)
        each_tuple([&](u32 i, u32 j, u32 k, u32) {
          const Gpr d = zr_reg(i), n = zr_reg(j), m = zr_reg(k);
          add([&] { emit(s, d, n, m, static_cast<Cond>(c)); },
              name + list({reg(d, s), reg(n, s), reg(m, s), kConds[c]}));
        });
    });
  }
  template <typename E> void NRRC(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) {
      for (u32 c = 0; c < 15; ++c)
        each_tuple([&](u32 i, u32 j, u32 k, u32) {
          const Gpr n = zr_reg(i), m = zr_reg(j);
          const u32 nzcv = k & 15;
          add([&] { emit(s, n, m, nzcv, static_cast<Cond>(c)); },
              name + list({reg(n, s), reg(m, s), hash(nzcv), kConds[c]}));
        });
    });
  }
  template <typename E> void NRIC(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) {
      for (u32 c = 0; c < 15; ++c)
        each_tuple([&](u32 i, u32 j, u32 k, u32) {
          const Gpr n = zr_reg(i);
          const u32 nzcv = k & 15;
          add([&] { emit(s, n, j, nzcv, static_cast<Cond>(c)); },
              name + list({reg(n, s), hash(j), hash(nzcv), kConds[c]}));
        });
    });
  }

  // Aliases.
  void aliases() {
    const Sizes both{"WX"};
    RR("mov", both, [&](Size s, Gpr d, Gpr n) { as_.mov(s, d, n); });
    for (u32 i = 0; i < 31; ++i) {
      const Gpr r = zr_reg(i);
      add([&] { as_.mov(Size::X, Gpr::Sp, r); }, "mov" + list({"sp", reg(r, Size::X)}));
      add([&] { as_.mov(Size::X, r, Gpr::Sp); }, "mov" + list({reg(r, Size::X), "sp"}));
    }
    add([&] { as_.mov(Size::W, Gpr::Sp, Gpr::Sp); }, "mov wsp, wsp");
    add([&] { as_.ret(); }, "ret");
    shift_alias("lsl", [&](Size s, Gpr d, Gpr n, u32 by) { as_.lsl(s, d, n, by); });
    shift_alias("lsr", [&](Size s, Gpr d, Gpr n, u32 by) { as_.lsr(s, d, n, by); });
    shift_alias("asr", [&](Size s, Gpr d, Gpr n, u32 by) { as_.asr(s, d, n, by); });
    shift_alias("ror", [&](Size s, Gpr d, Gpr n, u32 by) { as_.ror(s, d, n, by); });
    extend_alias("uxtb", Size::W, [&](Gpr d, Gpr n) { as_.uxtb(d, n); });
    extend_alias("uxth", Size::W, [&](Gpr d, Gpr n) { as_.uxth(d, n); });
    extend_alias("sxtw", Size::X, [&](Gpr d, Gpr n) { as_.sxtw(d, n); });
    each_size(both, [&](Size s) {
      extend_alias("sxtb", s, [&](Gpr d, Gpr n) { as_.sxtb(s, d, n); });
      extend_alias("sxth", s, [&](Gpr d, Gpr n) { as_.sxth(s, d, n); });
    });
    field_alias("ubfx", [&](Size s, Gpr d, Gpr n, u32 lsb, u32 width) { as_.ubfx(s, d, n, lsb, width); });
    field_alias("sbfx", [&](Size s, Gpr d, Gpr n, u32 lsb, u32 width) { as_.sbfx(s, d, n, lsb, width); });
    field_alias("bfxil", [&](Size s, Gpr d, Gpr n, u32 lsb, u32 width) { as_.bfxil(s, d, n, lsb, width); });
    field_alias("ubfiz", [&](Size s, Gpr d, Gpr n, u32 lsb, u32 width) { as_.ubfiz(s, d, n, lsb, width); });
    field_alias("sbfiz", [&](Size s, Gpr d, Gpr n, u32 lsb, u32 width) { as_.sbfiz(s, d, n, lsb, width); });
    field_alias("bfi", [&](Size s, Gpr d, Gpr n, u32 lsb, u32 width) { as_.bfi(s, d, n, lsb, width); });
    condition_aliases();
  }
  template <typename E> void shift_alias(const Name& name, E emit) {
    each_size(Sizes{"WX"}, [&](Size s) {
      for (u32 by = 0; by < bits_of(s); ++by) {
        const Gpr d = zr_reg(by), n = zr_reg(by * 3 + 1);
        add([&] { emit(s, d, n, by); }, name + list({reg(d, s), reg(n, s), hash(by)}));
      }
    });
  }
  template <typename E> void extend_alias(const Name& name, Size s, E emit) {
    each_tuple([&](u32 i, u32 j, u32, u32) {
      const Gpr d = zr_reg(i), n = zr_reg(j);
      add([&] { emit(d, n); }, name + list({reg(d, s), reg(n, Size::W)}));
    });
  }
  template <typename E> void field_alias(const Name& name, E emit) {
    each_size(Sizes{"WX"}, [&](Size s) {
      for (u32 lsb = 0; lsb < bits_of(s); lsb += 1 + (lsb & 1))
        for (u32 width : {1u, 2u, 8u, bits_of(s) - lsb}) {
          if (width > bits_of(s) - lsb) continue;
          const Gpr d = zr_reg(lsb), n = zr_reg(lsb * 5 + width);
          add([&] { emit(s, d, n, lsb, width); }, name + list({reg(d, s), reg(n, s), hash(lsb), hash(width)}));
        }
    });
  }
  void condition_aliases() {
    each_size(Sizes{"WX"}, [&](Size s) {
      for (u32 c = 0; c < 14; ++c) {
        const Cond cond = static_cast<Cond>(c);
        const Gpr d = zr_reg(next()), n = zr_reg(next());
        add([&] { as_.cset(s, d, cond); }, "cset" + list({reg(d, s), kConds[c]}));
        add([&] { as_.csetm(s, d, cond); }, "csetm" + list({reg(d, s), kConds[c]}));
        add([&] { as_.cinc(s, d, n, cond); }, "cinc" + list({reg(d, s), reg(n, s), kConds[c]}));
        add([&] { as_.cinv(s, d, n, cond); }, "cinv" + list({reg(d, s), reg(n, s), kConds[c]}));
        add([&] { as_.cneg(s, d, n, cond); }, "cneg" + list({reg(d, s), reg(n, s), kConds[c]}));
      }
    });
  }
};

} // namespace assay::a64::test
