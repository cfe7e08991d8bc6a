// sweep_other.h - the shapes of assembler_forms.def for memory, branches, machine state and floating point.
// Used by assembler_forms_test.cpp. Each method goes by its shape's name.
#pragma once

#include "compiler/target/a64/tests/sweep_integer.h"

#include <bit>

namespace assay::a64::test {

class OtherShapes : public IntegerShapes {
protected:
  // Memory.
  /// Addresses for an access of 2^log2 bytes: offsets at the borders of each form, every base, every index.
  static std::vector<Mem> addresses(u32 log2) {
    std::vector<Mem> out;
    const i64 size = i64{1} << log2;
    const i64 offsets[] = {0, size, 4095 * size, 2048 * size, -1, -256, 255, 1, 256 - size, 3};
    u32 base = 0;
    for (i64 offset : offsets)
      if (encodable(Mem::at(Gpr::X0, offset), log2)) out.push_back(Mem::at(sp_reg(base++ * 7), offset));
    for (u32 i = 0; i < 32; ++i) {
      out.push_back(Mem::at(sp_reg(i)));
      out.push_back(Mem::at(sp_reg(i), -8));
      for (i64 offset : {0, 1, -1, 255, -256}) {
        out.push_back(Mem::pre(sp_reg(i), offset));
        out.push_back(Mem::post(sp_reg(i), offset));
      }
      for (Extend extend : {Extend::Uxtw, Extend::Uxtx, Extend::Sxtw, Extend::Sxtx}) {
        out.push_back(Mem::at(sp_reg(i * 3 + 1), zr_reg(i), extend));
        if (log2 != 0) out.push_back(Mem::at(sp_reg(i * 5 + 2), zr_reg(i), extend, log2));
      }
    }
    return out;
  }
  static std::vector<Mem> pair_addresses(u32 log2) {
    std::vector<Mem> out;
    for (u32 i = 0; i < 32; ++i)
      for (i64 count : {0, 1, -1, 63, -64}) {
        const i64 offset = count * (i64{1} << log2);
        out.push_back(Mem::at(sp_reg(i), offset));
        out.push_back(Mem::pre(sp_reg(i), offset));
        out.push_back(Mem::post(sp_reg(i), offset));
      }
    return out;
  }
  /// ldur for ldr where the offset has only that form.
  static Name unscaled_name(const Name& name, const Mem& m, u32 log2) {
    const bool unscaled = m.kind == Mem::Kind::Offset && !fits_scaled(m.offset, log2);
    return unscaled ? name.substr(0, 2) + "u" + name.substr(2) : name;
  }
  static u32 log2_of(const Name& name, u32 bytes) {
    const char last = name.back();
    return last == 'b' ? 0 : last == 'h' ? 1 : last == 'w' ? 2 : static_cast<u32>(std::countr_zero(bytes));
  }
  /// A register that is not the base, which a write-back could not take.
  Gpr apart(Gpr base, u32 number) { return zr_reg(number) == base ? zr_reg(number + 1) : zr_reg(number); }

  template <typename E> void LD(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) { loads(name, s, [&](Gpr t, const Mem& m) { emit(s, t, m); }); });
  }
  template <typename E> void LD1(const Name& name, const Sizes& sizes, E emit) { loads(name, sizes.only(), emit); }
  template <typename E> void loads(const Name& name, Size s, E emit) {
    const u32 log2 = log2_of(name, static_cast<u32>(s));
    for (const Mem& m : addresses(log2)) {
      const Gpr t = apart(m.base, turn_++ * 11);
      add([&] { emit(t, m); }, unscaled_name(name, m, log2) + list({reg(t, s), address(m)}));
    }
  }
  template <typename E> void LDV(const Name& name, const Sizes& sizes, E emit) {
    each_fsize(sizes, [&](FSize s) {
      const u32 log2 = log2_of(name, static_cast<u32>(s));
      for (const Mem& m : addresses(log2)) {
        const Vreg t = v_reg(turn_++ * 11);
        add([&] { emit(s, t, m); }, unscaled_name(name, m, log2) + list({reg(t, s), address(m)}));
      }
    });
  }
  template <typename E> void LP(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) {
      for (const Mem& m : pair_addresses(s == Size::X ? 3 : 2)) {
        const Gpr t = apart(m.base, turn_++ * 11);
        Gpr t2 = apart(m.base, turn_ * 13 + 2);
        if (t2 == t) t2 = apart(m.base, field_of(t) + 1);
        if (t2 == t) t2 = apart(m.base, field_of(t) + 2);
        add([&] { emit(s, t, t2, m); }, name + list({reg(t, s), reg(t2, s), address(m)}));
      }
    });
  }
  template <typename E> void LPV(const Name& name, const Sizes& sizes, E emit) {
    each_fsize(sizes, [&](FSize s) {
      for (const Mem& m : pair_addresses(s == FSize::Q ? 4 : s == FSize::D ? 3 : 2)) {
        const Vreg t = v_reg(turn_++ * 11), t2 = v_reg(field_of(t) + 1 + turn_ % 30);
        add([&] { emit(s, t, t2, m); }, name + list({reg(t, s), reg(t2, s), address(m)}));
      }
    });
  }

  // Labels: one just behind, one just ahead. How far they reach: ranges_test.cpp.
  /// `body(label, text of the place)`; the cases that it adds go to that label.
  template <typename F> void around(F body) {
    const Label behind = as_.new_label(), ahead = as_.new_label();
    as_.bind(behind);
    body(behind);
    const size_t first = cases.size();
    body(ahead);
    as_.bind(ahead);
    for (size_t i = first; i < cases.size(); ++i) cases[i].target = as_.offset_of(ahead);
    as_.nop();
    cases.push_back({as_.offset() - 4, "nop", 0});
  }
  template <typename E> void LIT(const Name& name, const Sizes& sizes, E emit) { CB(name, sizes, emit); }
  template <typename E> void LIT1(const Name& name, const Sizes& sizes, E emit) {
    CB(name, sizes, [&](Size, Gpr t, Label l) { emit(t, l); });
  }
  template <typename E> void LITV(const Name& name, const Sizes& sizes, E emit) {
    around([&](Label l) {
      each_fsize(sizes, [&](FSize s) {
        for (u32 i = 0; i < 32; ++i) add([&] { emit(s, v_reg(i), l); }, name + list({reg(v_reg(i), s), "@"}), l);
      });
    });
  }
  template <typename E> void ADR(const Name& name, const Sizes& sizes, E emit) { LIT1(name, sizes, emit); }
  template <typename E> void ADRP(const Name& name, const Sizes&, E emit) {
    for (u32 i = 0; i < 32; ++i)
      for (i32 pages : {0, 1, -1, 2, 3, 0x12345, (1 << 20) - 1, -(1 << 20)}) {
        add([&] { emit(zr_reg(i), pages); }, name + list({reg(zr_reg(i), Size::X), "@"}));
        Case& one = cases.back();
        // Readers print the page, assemblers take the distance: both as they come.
        one.page_distance = i64{pages} * 4096;
        one.is_page = true;
      }
  }
  template <typename E> void B26(const Name& name, const Sizes&, E emit) {
    around([&](Label l) { add([&] { emit(l); }, name + " @", l); });
  }
  template <typename E> void BC(const Name& name, const Sizes&, E emit) {
    around([&](Label l) {
      for (u32 c = 0; c < 15; ++c)
        add([&] { emit(static_cast<Cond>(c), l); }, c == 14 ? "b @" : name + kConds[c] + " @", l);
    });
  }
  template <typename E> void CB(const Name& name, const Sizes& sizes, E emit) {
    around([&](Label l) {
      each_size(sizes, [&](Size s) {
        for (u32 i = 0; i < 32; ++i) add([&] { emit(s, zr_reg(i), l); }, name + list({reg(zr_reg(i), s), "@"}), l);
      });
    });
  }
  template <typename E> void TB(const Name& name, const Sizes&, E emit) {
    around([&](Label l) {
      for (u32 bit = 0; bit < 64; ++bit) {
        const Gpr t = zr_reg(bit * 3);
        add([&] { emit(t, bit, l); }, name + list({reg(t, bit < 32 ? Size::W : Size::X), hash(bit), "@"}), l);
      }
    });
  }
  template <typename E> void BR(const Name& name, const Sizes&, E emit) {
    for (u32 i = 0; i < 32; ++i) add([&] { emit(zr_reg(i)); }, name + list({reg(zr_reg(i), Size::X)}));
  }

  // Machine state.
  template <typename E> void NO(const Name& name, const Sizes&, E emit) {
    add([&] { emit(); }, name);
  }
  template <typename E> void I16(const Name& name, const Sizes&, E emit) {
    for (u32 imm : {0x0u, 0x1u, 0x1234u, 0x8000u, 0xffffu})
      add([&] { emit(static_cast<u16>(imm)); }, name + " " + hash(imm));
  }
  template <typename E> void U16(const Name& name, const Sizes& sizes, E emit) { I16(name, sizes, emit); }
  template <typename E> void HINT(const Name& name, const Sizes&, E emit) {
    for (u32 imm : {0u, 1u, 25u, 29u, 32u, 34u, 64u, 101u, 127u}) add([&] { emit(imm); }, name + " " + hash(imm));
  }
  template <typename E> void BTI(const Name& name, const Sizes&, E emit) {
    const char* const kinds[] = {"", " c", " j", " jc"};
    for (u32 i = 0; i < 4; ++i) add([&] { emit(static_cast<BtiKind>(i)); }, name + kinds[i]);
  }
  template <typename E> void BAR(const Name& name, const Sizes&, E emit) {
    const struct {
      Barrier barrier;
      const char* text;
    } rows[] = {{Barrier::Oshld, "oshld"}, {Barrier::Oshst, "oshst"}, {Barrier::Osh, "osh"},
                {Barrier::Nshld, "nshld"}, {Barrier::Nshst, "nshst"}, {Barrier::Nsh, "nsh"},
                {Barrier::Ishld, "ishld"}, {Barrier::Ishst, "ishst"}, {Barrier::Ish, "ish"},
                {Barrier::Ld, "ld"},       {Barrier::St, "st"},       {Barrier::Sy, "sy"}};
    for (const auto& row : rows) add([&] { emit(row.barrier); }, name + " " + row.text);
  }
  template <typename F> void each_system_register(F body) {
    const struct {
      SysReg number;
      const char* text;
    } rows[] = {
        {SysReg::Nzcv, "nzcv"}, {SysReg::Fpcr, "fpcr"}, {SysReg::Fpsr, "fpsr"}, {SysReg::TpidrEl0, "tpidr_el0"}};
    for (const auto& row : rows)
      for (u32 i = 0; i < 32; ++i) body(row.number, row.text, zr_reg(i));
  }
  template <typename E> void MRS(const Name& name, const Sizes&, E emit) {
    each_system_register([&](SysReg r, const char* text, Gpr t) {
      add([&] { emit(t, r); }, name + list({reg(t, Size::X), text}));
    });
    add([&] { emit(Gpr::X3, SysReg::CtrEl0); }, name + " x3, ctr_el0"); // read only
  }
  template <typename E> void MSR(const Name& name, const Sizes&, E emit) {
    each_system_register([&](SysReg r, const char* text, Gpr t) {
      add([&] { emit(r, t); }, name + list({text, reg(t, Size::X)}));
    });
  }
  template <typename E> void R1(const Name& name, const Sizes&, E emit) {
    for (u32 i = 0; i < 32; ++i) add([&] { emit(zr_reg(i)); }, name + " " + reg(zr_reg(i), Size::X));
  }

  // Floating point.
  template <typename E> void VV(const Name& name, const Sizes& sizes, E emit) {
    each_fsize(sizes, [&](FSize s) {
      each_tuple([&](u32 i, u32 j, u32, u32) {
        add([&] { emit(s, v_reg(i), v_reg(j)); }, name + list({reg(v_reg(i), s), reg(v_reg(j), s)}));
      });
    });
  }
  template <typename E> void NVV(const Name& name, const Sizes& sizes, E emit) { VV(name, sizes, emit); }
  template <typename E> void NV0(const Name& name, const Sizes& sizes, E emit) {
    each_fsize(sizes, [&](FSize s) {
      for (u32 i = 0; i < 32; ++i) add([&] { emit(s, v_reg(i)); }, name + list({reg(v_reg(i), s), "#0.0"}));
    });
  }
  template <typename E> void VVV(const Name& name, const Sizes& sizes, E emit) {
    each_fsize(sizes, [&](FSize s) {
      each_tuple([&](u32 i, u32 j, u32 k, u32) {
        add([&] { emit(s, v_reg(i), v_reg(j), v_reg(k)); },
            name + list({reg(v_reg(i), s), reg(v_reg(j), s), reg(v_reg(k), s)}));
      });
    });
  }
  template <typename E> void VVVV(const Name& name, const Sizes& sizes, E emit) {
    each_fsize(sizes, [&](FSize s) {
      each_tuple([&](u32 i, u32 j, u32 k, u32 l) {
        add([&] { emit(s, v_reg(i), v_reg(j), v_reg(k), v_reg(l)); },
            name + list({reg(v_reg(i), s), reg(v_reg(j), s), reg(v_reg(k), s), reg(v_reg(l), s)}));
      });
    });
  }
  template <typename E> void NVVC(const Name& name, const Sizes& sizes, E emit) {
    each_fsize(sizes, [&](FSize s) {
      each_tuple([&](u32 i, u32 j, u32 k, u32) {
        const u32 c = turn_++ % 15;
        add([&] { emit(s, v_reg(i), v_reg(j), k & 15, static_cast<Cond>(c)); },
            name + list({reg(v_reg(i), s), reg(v_reg(j), s), hash(k & 15), kConds[c]}));
      });
    });
  }
  template <typename E> void VVVC(const Name& name, const Sizes& sizes, E emit) {
    each_fsize(sizes, [&](FSize s) {
      each_tuple([&](u32 i, u32 j, u32 k, u32) {
        const u32 c = turn_++ % 15;
        add([&] { emit(s, v_reg(i), v_reg(j), v_reg(k), static_cast<Cond>(c)); },
            name + list({reg(v_reg(i), s), reg(v_reg(j), s), reg(v_reg(k), s), kConds[c]}));
      });
    });
  }
  /// All 256 immediates.
  template <typename E> void VI8(const Name& name, const Sizes& sizes, E emit) {
    each_fsize(sizes, [&](FSize s) {
      for (u32 sign = 0; sign < 2; ++sign)
        for (int exponent = -3; exponent <= 4; ++exponent)
          for (int fraction = 16; fraction < 32; ++fraction) {
            double value = (sign != 0 ? -1.0 : 1.0) * fraction / 16;
            for (int e = exponent; e > 0; --e) value *= 2;
            for (int e = exponent; e < 0; ++e) value /= 2;
            const u64 bits = s == FSize::D ? std::bit_cast<u64>(value) : std::bit_cast<u32>(static_cast<float>(value));
            const Vreg d = v_reg(turn_++);
            char text[40];
            std::snprintf(text, sizeof text, "#%.8f", value);
            add([&] { emit(s, d, *fmov_imm(s, bits)); }, name + list({reg(d, s), text}));
          }
    });
  }
  template <typename E> void CVT(const Name& name, const Sizes& sizes, E emit) {
    const FSize to = sizes.has('S') ? FSize::S : FSize::D, from = sizes.has('S') ? FSize::D : FSize::S;
    each_tuple([&](u32 i, u32 j, u32, u32) {
      add([&] { emit(v_reg(i), v_reg(j)); }, name + list({reg(v_reg(i), to), reg(v_reg(j), from)}));
    });
  }
  template <typename F> void each_conversion(const Sizes& sizes, F body) {
    each_fsize(sizes, [&](FSize s) {
      each_size(Sizes{"WX"},
                [&](Size g) { each_tuple([&](u32 i, u32 j, u32, u32) { body(s, v_reg(i), g, zr_reg(j)); }); });
    });
  }
  template <typename E> void VR(const Name& name, const Sizes& sizes, E emit) {
    each_conversion(sizes, [&](FSize s, Vreg v, Size g, Gpr r) {
      add([&] { emit(s, v, g, r); }, name + list({reg(v, s), reg(r, g)}));
    });
  }
  template <typename E> void RV(const Name& name, const Sizes& sizes, E emit) {
    each_conversion(sizes, [&](FSize s, Vreg v, Size g, Gpr r) {
      add([&] { emit(g, r, s, v); }, name + list({reg(r, g), reg(v, s)}));
    });
  }
  static FSize as_wide_as(Size s) { return s == Size::X ? FSize::D : FSize::S; }
  template <typename E> void MRV(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) {
      each_tuple([&](u32 i, u32 j, u32, u32) {
        add([&] { emit(s, zr_reg(i), v_reg(j)); }, name + list({reg(zr_reg(i), s), reg(v_reg(j), as_wide_as(s))}));
      });
    });
  }
  template <typename E> void MVR(const Name& name, const Sizes& sizes, E emit) {
    each_size(sizes, [&](Size s) {
      each_tuple([&](u32 i, u32 j, u32, u32) {
        add([&] { emit(s, v_reg(i), zr_reg(j)); }, name + list({reg(v_reg(i), as_wide_as(s)), reg(zr_reg(j), s)}));
      });
    });
  }
  template <typename E> void CNT8(const Name& name, const Sizes&, E emit) {
    each_tuple([&](u32 i, u32 j, u32, u32) {
      add([&] { emit(v_reg(i), v_reg(j)); }, name + list({vec(v_reg(i), ".8b"), vec(v_reg(j), ".8b")}));
    });
  }
  template <typename E> void ADDV(const Name& name, const Sizes&, E emit) {
    each_tuple([&](u32 i, u32 j, u32, u32) {
      add([&] { emit(v_reg(i), v_reg(j)); }, name + list({"b" + std::to_string(i), vec(v_reg(j), ".8b")}));
    });
  }
  template <typename E> void V16B(const Name& name, const Sizes&, E emit) {
    each_tuple([&](u32 i, u32 j, u32 k, u32) {
      add([&] { emit(v_reg(i), v_reg(j), v_reg(k)); },
          name + list({vec(v_reg(i), ".16b"), vec(v_reg(j), ".16b"), vec(v_reg(k), ".16b")}));
    });
  }
  template <typename E> void V2D(const Name& name, const Sizes&, E emit) {
    each_tuple([&](u32 i, u32 j, u32 k, u32) {
      add([&] { emit(v_reg(i), v_reg(j), v_reg(k)); },
          name + list({vec(v_reg(i), ".2d"), vec(v_reg(j), ".2d"), vec(v_reg(k), ".2d")}));
    });
  }
  template <typename E> void V2DE(const Name& name, const Sizes&, E emit) {
    each_tuple([&](u32 i, u32 j, u32 k, u32) {
      add([&] { emit(v_reg(i), v_reg(j), v_reg(k)); },
          name + list({vec(v_reg(i), ".2d"), vec(v_reg(j), ".2d"), vec(v_reg(k), ".d[0]")}));
    });
  }
  template <typename E> void V0(const Name& name, const Sizes&, E emit) {
    for (u32 i = 0; i < 32; ++i) add([&] { emit(v_reg(i)); }, name + list({reg(v_reg(i), FSize::D), "#0"}));
  }
};

} // namespace assay::a64::test
