// emit_float.cpp - code for floating point and conversions.
//
// After fcmp an unordered pair makes Mi, Ls, Gt, Ge and Eq false and Ne true, as AIR's comparisons want it; Lt, Le and
// Vs are true. fmin and fmax order zeros and give NaN for NaN, as AIR does. fcvtz saturates and gives 0 for NaN: as a
// saturating conversion that is all; a trapping one compares with the bounds first. Constant time an operation.
// Tested by every differential check.
#include "compiler/target/a64/emit.h"

#include "assay/planted.h"

#include <bit>

namespace assay::a64 {

namespace {

u64 canonical_nan(u32 size) { return size == 8 ? 0x7ff8000000000000u : 0x7fc00000u; }

/// The bits of a float of that size; the value is exact in it.
u64 float_bits(double value, u32 size) {
  return size == 8 ? std::bit_cast<u64>(value) : std::bit_cast<u32>(static_cast<float>(value));
}

/// What a float must be for its truncation to fit: greater than `least` (or equal, when `closed`), less than `end`.
struct Bounds {
  double least = 0, end = 0;
  bool closed = false;
};

/// The number below the least integer is a bound when the float type has it; else the least integer itself is one.
Bounds bounds_of(u32 float_size, u32 int_bytes, bool sign) {
  const u32 bits = 8 * int_bytes - (sign ? 1 : 0);
  Bounds bounds;
  bounds.end = bits == 64 ? 18446744073709551616.0 : static_cast<double>(u64{1} << bits);
  if (!sign) {
    bounds.least = -1;
    return bounds;
  }
  const u32 precision = float_size == 8 ? 53 : 24;
  bounds.closed = bits + 1 > precision;
  bounds.least = -bounds.end - (bounds.closed ? 0 : 1);
  return bounds;
}

} // namespace

/// dst := the float with these bits. Uses x16.
void Emitter::float_value(Vreg dst, u64 bits, u32 size) {
  if (bits == 0) as_.movi_0(dst);
  else if (const auto imm = fmov_imm(fsize(size), bits)) as_.fmov(fsize(size), dst, *imm);
  else as_.ldr_rodata(fsize(size), dst, kScratch, pool_.constant(bits, size));
}

void Emitter::float_imm(const LirInst& inst, u32) { float_value(vreg(0), static_cast<u64>(inst.imm), inst.size); }

void Emitter::move_to_float(const LirInst& inst, u32) {
  if (in_reg(1)) as_.fmov(word(inst.size), vreg(0), gpr(1));
  else as_.ldr(fsize(inst.size), vreg(0), slot(location(1), inst.size));
}

void Emitter::move_to_int(const LirInst& inst, u32) {
  if (in_reg(1)) as_.fmov(word(inst.size), gpr(0), vreg(1));
  else as_.ldr(word(inst.size), gpr(0), slot(location(1), inst.size));
}

// ---- arithmetic --------------------------------------------------------------------------------------

/// 0 add, 1 sub, 2 mul, 3 div, 4 min, 5 max.
void Emitter::float_binary(const LirInst& inst, u32 kind) {
  const FSize size = fsize(inst.size);
  const Vreg dst = vreg(0), a = vreg(1), b = float_in(2);
  switch (kind) {
  case 0: as_.fadd(size, dst, a, b); break;
  case 1: as_.fsub(size, dst, a, b); break;
  case 2: as_.fmul(size, dst, a, b); break;
  case 3: as_.fdiv(size, dst, a, b); break;
  case 4:
    if (ASSAY_PLANTED(a64_fmin_number)) as_.fminnm(size, dst, a, b);
    else as_.fmin(size, dst, a, b);
    break;
  default: as_.fmax(size, dst, a, b); break;
  }
}

/// 0 square root, 1 negate, 2 absolute value; to integral: 3 up, 4 down, 5 towards zero, 6 nearest.
void Emitter::float_unary(const LirInst& inst, u32 kind) {
  const FSize size = fsize(inst.size);
  const Vreg dst = vreg(0), a = float_in(1);
  switch (kind) {
  case 0: as_.fsqrt(size, dst, a); break;
  case 1: as_.fneg(size, dst, a); break;
  case 2: as_.fabs(size, dst, a); break;
  case 3: as_.frintp(size, dst, a); break;
  case 4: as_.frintm(size, dst, a); break;
  case 5: as_.frintz(size, dst, a); break;
  default:
    if (ASSAY_PLANTED(a64_nearest_ties_away)) as_.frinta(size, dst, a);
    else as_.frintn(size, dst, a);
    break;
  }
}

void Emitter::float_copysign(const LirInst& inst, u32) {
  as_.mov_imm(kScratch, inst.size == 8 ? u64{1} << 63 : u64{1} << 31);
  as_.fmov(word(inst.size), kFloatScratch, kScratch);
  as_.bsl(kFloatScratch, vreg(2), vreg(1)); // where the mask has a one: b, else a
  as_.fmov(fsize(inst.size), vreg(0), kFloatScratch);
}

void Emitter::float_fma(const LirInst& inst, u32) {
  const Vreg c = float_in(3);
  if (ASSAY_PLANTED(a64_fma_rounds_twice)) {
    as_.fmul(fsize(inst.size), kFloatScratch, vreg(1), vreg(2));
    as_.fadd(fsize(inst.size), vreg(0), kFloatScratch, in_reg(3) ? c : kFloatScratch);
    return;
  }
  as_.fmadd(fsize(inst.size), vreg(0), vreg(1), vreg(2), c);
}

void Emitter::float_canon(const LirInst& inst, u32) {
  const FSize size = fsize(inst.size);
  const Vreg a = vreg(1);
  float_value(kFloatScratch, canonical_nan(inst.size), inst.size);
  as_.fcmp(size, a, a);
  as_.fcsel(size, vreg(0), kFloatScratch, a, Cond::Vs);
}

void Emitter::float_convert(const LirInst&, u32 demote) {
  const Vreg a = float_in(1);
  if (demote != 0) as_.fcvt_s_d(vreg(0), a);
  else as_.fcvt_d_s(vreg(0), a);
}

// ---- two doubles at once -----------------------------------------------------------------------------

/// Makes NaNs of both canonical. A comparison gives ones where its operands are ordered. Uses x16.
void Emitter::packed_canon(Vreg value, Vreg other) {
  as_.fcmeq_2d(other, value, value);
  as_.mov_imm(kScratch, canonical_nan(8));
  as_.fmov(Size::X, kFloatScratch, kScratch);
  if (!ASSAY_PLANTED(a64_packed_canon)) as_.zip1_2d(kFloatScratch, kFloatScratch, kFloatScratch);
  as_.bif(value, kFloatScratch, other);
}

/// Nothing is checked that has not been found to be inside. Upper halves of registers live from step to step alone.
void Emitter::packed(const LirInst& inst, u32) {
  constexpr u32 kBoth = 16;
  using Kind = codegen::PackedStep::Kind;
  for (u32 i = inst.aux; i < inst.aux + static_cast<u32>(inst.imm); ++i) {
    const codegen::PackedStep& step = info_->packed[i];
    const Vreg to = vreg(step.to), from = vreg(step.from);
    const auto place = [&] { return reachable(gpr(step.operand), i64{step.end} - kBoth, kBoth); };
    switch (step.kind) {
    case Kind::Load: as_.ldr(FSize::Q, to, place()); break;
    case Kind::Join:
      as_.zip1_2d(to, vreg(step.operand), vreg(ASSAY_PLANTED(a64_packed_same) ? step.operand : step.second));
      break;
    case Kind::Add: as_.fadd_2d(to, to, from); break;
    case Kind::Sub: as_.fsub_2d(to, to, from); break;
    case Kind::Mul: as_.fmul_2d(to, to, from); break;
    case Kind::Scale: as_.fmul_2de(to, to, vreg(step.operand)); break;
    case Kind::Div: as_.fdiv_2d(to, to, from); break;
    case Kind::Canon: packed_canon(to, from); break;
    case Kind::Store: as_.str(FSize::Q, from, place()); break;
    }
  }
}

// ---- conversions -------------------------------------------------------------------------------------

void Emitter::int_to_float(const LirInst& inst, u32) {
  const FSize to = fsize(static_cast<u32>(inst.imm));
  const Gpr a = int_in(1, kScratch);
  if (is_signed(inst) || ASSAY_PLANTED(a64_ucvtf_signed)) as_.scvtf(to, vreg(0), word(inst.size), a);
  else as_.ucvtf(to, vreg(0), word(inst.size), a);
}

void Emitter::float_to_int(const LirInst& inst, u32) {
  const u32 bytes = static_cast<u32>(inst.imm);
  const FSize from = fsize(inst.size);
  const Vreg a = vreg(1);
  const Bounds bounds = bounds_of(inst.size, bytes, is_signed(inst));
  const Label trap = trap_label(TrapKind::BadConversion);
  float_value(kFloatScratch, float_bits(bounds.least, inst.size), inst.size);
  as_.fcmp(from, a, kFloatScratch);
  as_.b(bounds.closed ? Cond::Lt : Cond::Le, trap); // both true for unordered
  float_value(kFloatScratch, float_bits(bounds.end, inst.size), inst.size);
  as_.fcmp(from, a, kFloatScratch);
  as_.b(ASSAY_PLANTED(a64_conversion_end) ? Cond::Gt : Cond::Ge, trap);
  const Size to = word(bytes);
  if (is_signed(inst)) as_.fcvtzs(to, gpr(0), from, a);
  else as_.fcvtzu(to, gpr(0), from, a);
}

void Emitter::float_sat(const LirInst& inst, u32) {
  const u32 bytes = static_cast<u32>(inst.imm);
  const bool sign = is_signed(inst);
  const Size to = word(bytes);
  const Gpr dst = gpr(0);
  const Vreg a = float_in(1);
  if (sign) as_.fcvtzs(to, dst, fsize(inst.size), a);
  else as_.fcvtzu(to, dst, fsize(inst.size), a);
  if (bytes >= 4 || ASSAY_PLANTED(a64_sat_narrow)) return;
  const u64 most = (u64{1} << (8 * bytes - (sign ? 1 : 0))) - 1;
  as_.mov_imm(kScratch, most);
  as_.cmp(Size::W, dst, kScratch);
  as_.csel(Size::W, dst, kScratch, dst, sign ? Cond::Gt : Cond::Hi);
  if (!sign) return;
  as_.mov_imm(kScratch, ~most);
  as_.cmp(Size::W, dst, kScratch);
  as_.csel(Size::W, dst, kScratch, dst, Cond::Lt);
}

} // namespace assay::a64
