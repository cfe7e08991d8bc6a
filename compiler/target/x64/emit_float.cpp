// emit_float.cpp - code for floating point and conversions.
//
// SSE2 but for roundss and vfmadd, which lowering asks for only when allowed. ucomis sets zf, pf and cf for
// unordered, so `ae` and `a` are false for NaN, while `e` needs pf looked at. A conversion that does not fit gives the
// least integer, which the checks recognise. Constant time an operation. Tested by every differential check.
#include "compiler/target/x64/emit.h"

#include "assay/planted.h"

namespace assay::x64 {

// One operation in both precisions, by inst.size.
#define ASSAY_SS_SD(inst_size, op, ...)            \
  do {                                             \
    if ((inst_size) == 8) as_.op##sd(__VA_ARGS__); \
    else as_.op##ss(__VA_ARGS__);                  \
  } while (false)

namespace {

constexpr u64 kSignF32 = 0x8000000080000000u, kSignF64 = 0x8000000000000000u;

u64 sign_mask(u32 size) { return size == 8 ? kSignF64 : kSignF32; }
u64 canonical_nan(u32 size) { return size == 8 ? 0x7ff8000000000000u : 0x7fc00000u; }

} // namespace

void Emitter::float_imm(const LirInst& inst, u32) {
  if (inst.imm == 0 && may(codegen::Decision::ZeroByXor)) as_.xorps(xmm(0), xmm(0));
  else ASSAY_SS_SD(inst.size, mov, xmm(0), float_constant(static_cast<u64>(inst.imm), inst.size));
}

void Emitter::move_to_float(const LirInst& inst, u32) {
  if (!in_reg(1)) ASSAY_SS_SD(inst.size, mov, xmm(0), slot(location(1)));
  else if (inst.size == 8) as_.movq(xmm(0), gpr(1));
  else as_.movd(xmm(0), gpr(1));
}

void Emitter::move_to_int(const LirInst& inst, u32) {
  if (!in_reg(1)) as_.mov(size_of_inst(inst), gpr(0), slot(location(1)));
  else if (inst.size == 8) as_.movq(gpr(0), xmm(1));
  else as_.movd(gpr(0), xmm(1));
}

// ---- arithmetic --------------------------------------------------------------------------------------

/// 0 add, 1 sub, 2 mul, 3 div.
void Emitter::float_binary(const LirInst& inst, u32 kind) {
  const Xmm dst = xmm(0);
  float_rm(inst, 2, [&](auto b) {
    switch (kind) {
    case 0: ASSAY_SS_SD(inst.size, add, dst, b); break;
    case 1: ASSAY_SS_SD(inst.size, sub, dst, b); break;
    case 2: ASSAY_SS_SD(inst.size, mul, dst, b); break;
    default: ASSAY_SS_SD(inst.size, div, dst, b); break;
    }
  });
}

void Emitter::float_sqrt(const LirInst& inst, u32) {
  float_rm(1, [&](auto a) { ASSAY_SS_SD(inst.size, sqrt, xmm(0), a); });
}

void Emitter::float_sign(const LirInst& inst, u32 clear) {
  const u64 sign = sign_mask(inst.size);
  if (clear != 0) as_.andps(xmm(0), float_constant(~sign, 16));
  else as_.xorps(xmm(0), float_constant(sign, 16));
}

void Emitter::float_copysign(const LirInst& inst, u32) {
  const Xmm dst = xmm(0), b = xmm(2), t = xmm(3);
  const u64 sign = sign_mask(inst.size);
  as_.movaps(t, b); // before dst changes: b may be the same value as a
  as_.andps(t, float_constant(sign, 16));
  as_.andps(dst, float_constant(~sign, 16));
  as_.orps(dst, t);
}

void Emitter::float_round(const LirInst& inst, u32) {
  const u8 mode = static_cast<u8>(inst.imm);
  float_rm(1, [&](auto a) { ASSAY_SS_SD(inst.size, round, xmm(0), a, mode); });
}

void Emitter::float_fma(const LirInst& inst, u32) {
  float_rm(3, [&](auto c) { ASSAY_SS_SD(inst.size, vfmadd213, xmm(0), xmm(2), c); });
}

// minss alone returns its second operand for NaN and for zeros. Here: a NaN is made by addition; equal values are
// the same bits, or zeros, whose signs or/and combine.
void Emitter::float_min_max(const LirInst& inst, u32 is_max) {
  const Xmm dst = xmm(0), b = xmm(2);
  const Label differ = as_.new_label(), unordered = as_.new_label(), done = as_.new_label();
  ucomis(inst.size, dst, b);
  as_.jcc(Cond::P, unordered);
  as_.jcc(Cond::Ne, differ);
  if (ASSAY_PLANTED(emit_fmin_zeros)) as_.jmp(differ);
  if (is_max != 0) as_.andps(dst, b);
  else as_.orps(dst, b);
  as_.jmp(done);
  as_.bind(unordered);
  ASSAY_SS_SD(inst.size, add, dst, b);
  as_.jmp(done);
  as_.bind(differ);
  if (is_max != 0) ASSAY_SS_SD(inst.size, max, dst, b);
  else ASSAY_SS_SD(inst.size, min, dst, b);
  as_.bind(done);
}

void Emitter::float_canon(const LirInst& inst, u32) {
  const Label ordered = as_.new_label();
  ucomis(inst.size, xmm(0), xmm(0));
  as_.jcc(Cond::Np, ordered);
  ASSAY_SS_SD(inst.size, mov, xmm(0), float_constant(canonical_nan(inst.size), inst.size));
  as_.bind(ordered);
}

void Emitter::float_convert(const LirInst&, u32 demote) {
  float_rm(1, [&](auto a) {
    if (demote != 0) as_.cvtsd2ss(xmm(0), a);
    else as_.cvtss2sd(xmm(0), a);
  });
}

/// Makes NaNs of both canonical. A comparison gives ones where its operands are unordered.
void Emitter::packed_canon(Xmm value, Xmm other) {
  constexpr u8 kUnordered = 3;
  as_.movaps(other, value);
  as_.cmppd(other, other, kUnordered);
  as_.andnps(other, value); // what is no NaN
  as_.cmppd(value, value, kUnordered);
  as_.andps(value, float_constant(canonical_nan(8), 16));
  as_.orps(value, other);
}

/// Two doubles at once. Nothing is checked that has not been found to be inside.
void Emitter::packed(const LirInst& inst, u32) {
  LirInst place = inst;
  place.size = 8;
  const auto mem = [&](const codegen::PackedStep& step) {
    place.cond = step.scale;
    place.flags = step.flags;
    place.aux = step.end;
    return linear_address(place, step.operand);
  };
  using Kind = codegen::PackedStep::Kind;
  for (u32 i = inst.aux; i < inst.aux + static_cast<u32>(inst.imm); ++i) {
    const codegen::PackedStep& step = info_->packed[i];
    switch (step.kind) {
    case Kind::Load: as_.movups(xmm(step.to), mem(step)); break;
    case Kind::Join:
      as_.movaps(xmm(step.to), xmm(step.operand));
      as_.unpcklpd(xmm(step.to), xmm(ASSAY_PLANTED(emit_packed_same) ? step.operand : step.second));
      break;
    case Kind::Add: as_.addpd(xmm(step.to), xmm(step.from)); break;
    case Kind::Sub: as_.subpd(xmm(step.to), xmm(step.from)); break;
    case Kind::Scale: break; // there is none
    case Kind::Mul: as_.mulpd(xmm(step.to), xmm(step.from)); break;
    case Kind::Div: as_.divpd(xmm(step.to), xmm(step.from)); break;
    case Kind::Canon: packed_canon(xmm(step.to), xmm(step.from)); break;
    case Kind::Store: as_.movups(mem(step), xmm(step.from)); break;
    }
  }
}

// ---- integers to floats ------------------------------------------------------------------------------

void Emitter::int_to_float(const LirInst& inst, u32) {
  const Xmm dst = xmm(0);
  as_.xorps(dst, dst); // cvtsi2ss keeps the upper bits: without this it would wait for their last writer
  int_rm(1, [&](auto a) { ASSAY_SS_SD(inst.imm, cvtsi2, size_of_inst(inst), dst, a); });
}

// Above 2^63 half the value is converted and doubled. The bit shifted out is kept in the lowest one (sticky), so
// that the one rounding is right.
void Emitter::u64_to_float(const LirInst& inst, u32) {
  const Xmm dst = xmm(0);
  const Gpr a = gpr(1);
  const Label big = as_.new_label(), even = as_.new_label(), done = as_.new_label();
  as_.xorps(dst, dst);
  as_.test(Size::Qword, a, a);
  as_.jcc(Cond::S, big);
  ASSAY_SS_SD(inst.imm, cvtsi2, Size::Qword, dst, a);
  as_.jmp(done);
  as_.bind(big);
  as_.mov(Size::Qword, kScratch, a);
  as_.shr(Size::Qword, kScratch, 1); // carry: the bit shifted out
  as_.jcc(Cond::Ae, even);
  if (!ASSAY_PLANTED(emit_u64_to_float_sticky)) as_.or_(Size::Qword, kScratch, 1);
  as_.bind(even);
  ASSAY_SS_SD(inst.imm, cvtsi2, Size::Qword, dst, kScratch);
  ASSAY_SS_SD(inst.imm, add, dst, dst);
  as_.bind(done);
}

// ---- floats to integers ------------------------------------------------------------------------------

void Emitter::ucomis(u32 size, Xmm a, const Mem& mem) { ASSAY_SS_SD(size, ucomi, a, mem); }
void Emitter::ucomis(u32 size, Xmm a, Xmm b) { ASSAY_SS_SD(size, ucomi, a, b); }

/// Truncated to a signed 64-bit integer; NaN and whatever does not fit give the least one.
void Emitter::cvtt(u32 size, Gpr dst, Xmm src) {
  if (size == 8) as_.cvttsd2si(Size::Qword, dst, src);
  else as_.cvttss2si(Size::Qword, dst, src);
}

Mem Emitter::two_to_63(u32 size, bool negative) {
  const u64 bits =
      size == 8 ? 0x43e0000000000000u | (negative ? u64{1} << 63 : 0) : 0x5f000000u | (negative ? 1u << 31 : 0);
  return float_constant(bits, size);
}

/// To at most 32 bits: right exactly when the 64-bit result is its own low part extended.
void Emitter::float_to_small(const LirInst& inst, u32) {
  const Gpr dst = gpr(0);
  const bool is_signed = (inst.flags & codegen::kSigned) != 0;
  float_rm(1, [&](auto a) {
    if (inst.size == 8) as_.cvttsd2si(Size::Qword, dst, a);
    else as_.cvttss2si(Size::Qword, dst, a);
  });
  if (inst.imm == 4) {
    if (is_signed) as_.movsxd(Size::Qword, kScratch, dst);
    else as_.mov(Size::Dword, kScratch, dst);
  } else if (inst.imm == 2) {
    if (is_signed) as_.movsx16(Size::Qword, kScratch, dst);
    else as_.movzx16(Size::Dword, kScratch, dst);
  } else {
    if (is_signed) as_.movsx8(Size::Qword, kScratch, dst);
    else as_.movzx8(Size::Dword, kScratch, dst);
  }
  as_.cmp(Size::Qword, kScratch, dst);
  as_.jcc(Cond::Ne, trap_label(TrapKind::BadConversion));
}

/// The least integer is right only for exactly -2^63.
void Emitter::float_to_s64(const LirInst& inst, u32) {
  const Label fits = as_.new_label();
  cvtt(inst.size, gpr(0), xmm(1));
  as_.cmp(Size::Qword, gpr(0), 1); // overflows only for the least integer
  as_.jcc(Cond::No, fits);
  ucomis(inst.size, xmm(1), two_to_63(inst.size, true));
  const Label trap = trap_label(TrapKind::BadConversion);
  as_.jcc(Cond::P, trap);
  as_.jcc(Cond::Ne, trap);
  as_.bind(fits);
}

// From 2^63 on, 2^63 is taken off first. Either way a negative integer means that the value did not fit.
void Emitter::float_to_u64(const LirInst& inst, u32) {
  const Gpr dst = gpr(0);
  const Xmm a = xmm(1), t = xmm(2);
  const Label big = as_.new_label(), done = as_.new_label(), trap = trap_label(TrapKind::BadConversion);
  ucomis(inst.size, a, two_to_63(inst.size, false));
  as_.jcc(Cond::Ae, big);
  cvtt(inst.size, dst, a);
  as_.test(Size::Qword, dst, dst);
  as_.jcc(Cond::S, trap);
  as_.jmp(done);
  as_.bind(big);
  as_.movaps(t, a);
  ASSAY_SS_SD(inst.size, sub, t, two_to_63(inst.size, false));
  cvtt(inst.size, dst, t);
  as_.test(Size::Qword, dst, dst);
  as_.jcc(Cond::S, trap);
  as_.mov_imm(kScratch, u64{1} << 63);
  as_.xor_(Size::Qword, dst, kScratch);
  as_.bind(done);
}

void Emitter::float_sat(const LirInst& inst, u32) {
  const Gpr dst = gpr(0);
  const bool is_signed = (inst.flags & codegen::kSigned) != 0;
  const u32 bits = 8 * static_cast<u32>(inst.imm) - (is_signed ? 1 : 0);
  const u64 most = bits == 63 ? ~u64{0} >> 1 : (u64{1} << bits) - 1;
  const u64 least = is_signed ? ~most : 0;
  const Label fits = as_.new_label(), done = as_.new_label();
  cvtt(inst.size, dst, xmm(1));
  as_.cmp(Size::Qword, dst, 1); // overflows only for the least integer
  as_.jcc(Cond::No, fits);
  // Not a number, or beyond 64 bits (or -2^63 itself, which is then the least anyway).
  ucomis(inst.size, xmm(1), float_constant(0, inst.size));
  as_.mov_imm(dst, 0);
  if (!ASSAY_PLANTED(emit_sat_nan)) as_.jcc(Cond::P, done);
  as_.mov_imm(dst, most);
  as_.jcc(Cond::A, done);
  as_.mov_imm(dst, least);
  if (inst.imm != 8) {
    as_.jmp(done);
    as_.bind(fits);
    as_.mov_imm(kScratch, most);
    as_.cmp(Size::Qword, dst, kScratch);
    as_.cmov(Cond::G, Size::Qword, dst, kScratch);
    as_.mov_imm(kScratch, least);
    as_.cmp(Size::Qword, dst, kScratch);
    as_.cmov(Cond::L, Size::Qword, dst, kScratch);
  } else {
    as_.bind(fits);
  }
  as_.bind(done);
}

void Emitter::float_sat_u64(const LirInst& inst, u32) {
  const Gpr dst = gpr(0);
  const Xmm a = xmm(1), t = xmm(2);
  const Label big = as_.new_label(), done = as_.new_label();
  ucomis(inst.size, a, two_to_63(inst.size, false));
  as_.jcc(Cond::Ae, big);
  cvtt(inst.size, dst, a);
  as_.test(Size::Qword, dst, dst);
  as_.jcc(Cond::Ns, done);
  as_.xor_(Size::Dword, dst, dst); // negative, or not a number
  as_.jmp(done);
  as_.bind(big);
  as_.movaps(t, a);
  ASSAY_SS_SD(inst.size, sub, t, two_to_63(inst.size, false));
  cvtt(inst.size, dst, t);
  as_.mov_imm(kScratch, u64{1} << 63);
  as_.xor_(Size::Qword, dst, kScratch);
  as_.jcc(Cond::S, done); // the sign bit was clear: it fitted
  as_.mov_imm(dst, ~u64{0});
  as_.bind(done);
}

} // namespace assay::x64
