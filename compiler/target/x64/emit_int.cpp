// emit_int.cpp - code for constants, integer operations, tests and their three uses.
//
// Flags never live from one LIR operation to the next, so each expansion is free to change them. Definitions that
// may share a register with a use are written after the last read of it. Constant time an operation.
// Tested by execution (every differential check) and in compiler/codegen/tests/compile_test.cpp.
#include "compiler/target/x64/emit.h"

#include "assay/planted.h"

namespace assay::x64 {

using codegen::Decision;

void Emitter::imm(const LirInst& inst, u32) {
  if (inst.imm == 0 && may(Decision::ZeroByXor)) as_.xor_(Size::Dword, gpr(0), gpr(0));
  else as_.mov_imm(gpr(0), static_cast<u64>(inst.imm));
}

void Emitter::zero_extend(const LirInst& inst, u32) {
  const Gpr dst = gpr(0);
  if (ASSAY_PLANTED(emit_zext_left_out) && inst.size == 4 && in_reg(1) && gpr(1) == dst) return;
  int_rm(1, [&](auto src) {
    if (inst.size == 1) as_.movzx8(Size::Dword, dst, src);
    else if (inst.size == 2) as_.movzx16(Size::Dword, dst, src);
    else as_.mov(Size::Dword, dst, src); // never left out: it clears the upper half
  });
}

void Emitter::sign_extend(const LirInst& inst, u32) {
  const Gpr dst = gpr(0);
  int_rm(1, [&](auto src) {
    if (inst.size == 1) as_.movsx8(Size::Qword, dst, src);
    else if (inst.size == 2) as_.movsx16(Size::Qword, dst, src);
    else as_.movsxd(Size::Qword, dst, src);
  });
}

// ---- arithmetic --------------------------------------------------------------------------------------

void Emitter::add(const LirInst& inst, u32) {
  const Size size = size_of_inst(inst);
  const Gpr dst = gpr(0), a = gpr(1);
  if (!in_reg(2)) {
    copy_int(dst, a);
    as_.add(size, dst, slot(location(2)));
  } else if (dst == a) {
    as_.add(size, dst, gpr(2));
  } else if (dst == gpr(2)) {
    as_.add(size, dst, a);
  } else if (may(Decision::Lea)) {
    as_.lea(size, dst, Mem::at(a, gpr(2), 0));
  } else {
    copy_int(dst, a);
    as_.add(size, dst, gpr(2));
  }
}

void Emitter::add_imm(const LirInst& inst, u32) {
  const i32 value = static_cast<i32>(inst.imm);
  if (gpr(0) != gpr(1) && may(Decision::Lea)) return as_.lea(size_of_inst(inst), gpr(0), Mem::at(gpr(1), value));
  copy_int(gpr(0), gpr(1));
  as_.add(size_of_inst(inst), gpr(0), value);
}

void Emitter::add_scaled(const LirInst& inst, u32) {
  const u8 scale = static_cast<u8>(inst.imm);
  if (ASSAY_PLANTED(emit_scaled_exchanged)) return as_.lea(Size::Qword, gpr(0), Mem::at(gpr(2), gpr(1), scale));
  as_.lea(Size::Qword, gpr(0), Mem::at(gpr(1), gpr(2), scale));
}

/// 0 sub, 1 and, 2 or, 3 xor, 4 add.
void Emitter::alu(const LirInst& inst, u32 kind) {
  const Size size = size_of_inst(inst);
  const Gpr dst = gpr(0);
  int_rm(inst, 2, [&](auto src) {
    switch (kind) {
    case 0: as_.sub(size, dst, src); break;
    case 1: as_.and_(size, dst, src); break;
    case 2: as_.or_(size, dst, src); break;
    case 3: as_.xor_(size, dst, src); break;
    default: as_.add(size, dst, src); break;
    }
  });
  note_flags(inst);
}

/// The last instruction left its result in operand 0, and whether that is zero in the flags.
void Emitter::note_flags(const LirInst& inst) { flags_ = {as_.offset(), current_block(), gpr(0), size_of_inst(inst)}; }

/// Whether nothing has come between.
bool Emitter::flags_tell_of(Gpr reg, Size size) const {
  return flags_.behind == as_.offset() && flags_.block == current_block() && flags_.reg == reg &&
         (flags_.size == size || ASSAY_PLANTED(emit_flags_of_word));
}

void Emitter::alu_imm(const LirInst& inst, u32 kind) {
  const Size size = size_of_inst(inst);
  const i32 value = static_cast<i32>(inst.imm);
  const bool clears = value >= 0 || ASSAY_PLANTED(emit_and_upper_lost); // all of the upper half, as the shorter form
  if (kind == 1) as_.and_(size == Size::Qword && clears ? Size::Dword : size, gpr(0), value);
  else if (kind == 2) as_.or_(size, gpr(0), value);
  else as_.xor_(size, gpr(0), value);
  note_flags(inst);
}

void Emitter::imul(const LirInst& inst, u32) {
  int_rm(inst, 2, [&](auto src) { as_.imul(size_of_inst(inst), gpr(0), src); });
}

void Emitter::imul_imm(const LirInst& inst, u32) {
  int_rm(1, [&](auto src) { as_.imul(size_of_inst(inst), gpr(0), src, static_cast<i32>(inst.imm)); });
}

void Emitter::times(const LirInst& inst, u32) {
  const u32 shift = inst.aux - (ASSAY_PLANTED(emit_times_less) && inst.aux == 3 ? 1 : 0);
  as_.lea(size_of_inst(inst), gpr(0), Mem::at(gpr(1), gpr(1), shift, static_cast<i32>(inst.imm)));
}

/// 0 shl, 1 shr, 2 sar, 3 rol, 4 ror.
void Emitter::shift_cl(const LirInst& inst, u32 kind) {
  const Size size = size_of_inst(inst);
  switch (kind) {
  case 0: as_.shl_cl(size, gpr(0)); break;
  case 1: as_.shr_cl(size, gpr(0)); break;
  case 2: as_.sar_cl(size, gpr(0)); break;
  case 3: as_.rol_cl(size, gpr(0)); break;
  default: as_.ror_cl(size, gpr(0)); break;
  }
}

void Emitter::shift_imm(const LirInst& inst, u32 kind) {
  const Size size = size_of_inst(inst);
  const u8 count = static_cast<u8>(inst.imm);
  switch (kind) {
  case 0: as_.shl(size, gpr(0), count); break;
  case 1: as_.shr(size, gpr(0), count); break;
  case 2: as_.sar(size, gpr(0), count); break;
  case 3: as_.rol(size, gpr(0), count); break;
  default: as_.ror(size, gpr(0), count); break;
  }
}

void Emitter::multiply_high(const LirInst& inst, u32 is_signed) {
  int_rm(3, [&](auto src) {
    if (is_signed != 0) as_.imul(size_of_inst(inst), src);
    else as_.mul(size_of_inst(inst), src);
  });
}

// Bit 0 of `kind`: signed; bit 1: the remainder is wanted. The dividend is in rax, the divisor in neither rax nor rdx.
void Emitter::divide(const LirInst& inst, u32 kind) {
  const Size size = size_of_inst(inst);
  const Gpr divisor = gpr(3);
  const bool is_signed = (kind & 1) != 0, is_remainder = (kind & 2) != 0;
  Label done;
  if ((inst.flags & codegen::kCheckZero) != 0) {
    as_.test(size, divisor, divisor);
    as_.jcc(Cond::E, trap_label(TrapKind::DivByZero));
  }
  if ((inst.flags & codegen::kCheckMinusOne) != 0 && !(ASSAY_PLANTED(emit_rem_minus_one) && is_remainder)) {
    const Label other = as_.new_label();
    as_.cmp(size, divisor, -1);
    as_.jcc(Cond::Ne, other);
    if (is_remainder) {
      done = as_.new_label();
      as_.xor_(Size::Dword, Gpr::Rdx, Gpr::Rdx);
      as_.jmp(done);
    } else if (inst.imm != 0) {
      as_.cmp(size, Gpr::Rax, static_cast<i32>(inst.imm));
      as_.jcc(Cond::E, trap_label(TrapKind::IntOverflow));
    } else {
      as_.cmp(size, Gpr::Rax, 1); // overflows only for the least value
      as_.jcc(Cond::O, trap_label(TrapKind::IntOverflow));
    }
    as_.bind(other);
  }
  if (!is_signed) {
    as_.xor_(Size::Dword, Gpr::Rdx, Gpr::Rdx);
    as_.div(size, divisor);
  } else {
    if (size == Size::Qword && !ASSAY_PLANTED(emit_cdq_for_cqo)) as_.cqo();
    else as_.cdq();
    as_.idiv(size, divisor);
  }
  if (done.id != kNone) as_.bind(done);
}

void Emitter::min_max(const LirInst& inst, u32) {
  const Gpr dst = gpr(0);
  int_rm(2, [&](auto b) {
    as_.cmp(size_of_inst(inst), dst, b);
    as_.cmov(static_cast<Cond>(inst.cond), word(inst.size), dst, b);
  });
}

// ---- bits --------------------------------------------------------------------------------------------

void Emitter::clz(const LirInst& inst, u32) {
  const Size size = size_of_inst(inst);
  const u32 width = 8u * inst.size;
  const Gpr dst = gpr(0);
  int_rm(1, [&](auto src) {
    if ((inst.flags & codegen::kExtension) != 0) {
      as_.lzcnt(size, dst, src);
      return;
    }
    // bsr leaves its target alone or undefined for 0; then 2w-1 xor w-1 is w.
    as_.bsr(size, kScratch, src);
    as_.mov_imm(dst, 2 * width - 1);
    as_.cmov(Cond::Ne, size, dst, kScratch);
    as_.xor_(size, dst, static_cast<i32>(width - 1));
  });
  if (inst.imm != 0) as_.sub(Size::Dword, dst, static_cast<i32>(inst.imm));
}

void Emitter::ctz(const LirInst& inst, u32) {
  const Gpr dst = gpr(0);
  int_rm(1, [&](auto src) {
    if (inst.size < 4) {
      as_.mov(Size::Dword, kScratch, src);
      as_.or_(Size::Dword, kScratch, i32{1} << (8 * inst.size)); // ends the search at the width
      as_.bsf(Size::Dword, dst, kScratch);
    } else if ((inst.flags & codegen::kExtension) != 0) {
      as_.tzcnt(size_of_inst(inst), dst, src);
    } else {
      as_.bsf(size_of_inst(inst), kScratch, src);
      as_.mov_imm(dst, 8u * inst.size);
      as_.cmov(Cond::Ne, size_of_inst(inst), dst, kScratch);
    }
  });
}

void Emitter::popcnt(const LirInst& inst, u32) {
  int_rm(1, [&](auto src) { as_.popcnt(size_of_inst(inst), gpr(0), src); });
}

/// reg &= mask, where the mask has the operation's width. For 64 bits through r11.
void Emitter::and_mask(Size size, Gpr reg, u64 mask) {
  if (size == Size::Qword) {
    as_.mov_imm(kScratch, mask);
    as_.and_(size, reg, kScratch);
  } else {
    as_.and_(size, reg, static_cast<i32>(static_cast<u32>(mask)));
  }
}

// Sums of 2, 4, then 8 bits, added up by one multiplication (Warren, "Hacker's Delight", 5-1).
void Emitter::popcnt_soft(const LirInst& inst, u32) {
  const Size size = size_of_inst(inst);
  const Gpr x = gpr(0), t = gpr(2);
  as_.mov(size, t, x);
  as_.shr(size, t, 1);
  and_mask(size, t, 0x5555555555555555u);
  as_.sub(size, x, t);
  as_.mov(size, t, x);
  and_mask(size, x, 0x3333333333333333u);
  as_.shr(size, t, 2);
  and_mask(size, t, 0x3333333333333333u);
  as_.add(size, x, t);
  as_.mov(size, t, x);
  as_.shr(size, t, 4);
  as_.add(size, x, t);
  and_mask(size, x, 0x0f0f0f0f0f0f0f0fu);
  if (size == Size::Qword) {
    as_.mov_imm(kScratch, 0x0101010101010101u);
    as_.imul(size, x, kScratch);
  } else {
    as_.imul(size, x, x, 0x01010101);
  }
  as_.shr(size, x, static_cast<u8>(8 * inst.size - 8));
}

// Neighbouring bits, pairs and nibbles change places; then the bytes.
void Emitter::bitrev(const LirInst& inst, u32) {
  const Size size = word(inst.size);
  const Gpr x = gpr(0), t = gpr(2);
  constexpr u64 masks[3] = {0x5555555555555555u, 0x3333333333333333u, 0x0f0f0f0f0f0f0f0fu};
  for (u32 step = 0; step < 3; ++step) {
    const u8 distance = static_cast<u8>(1u << step);
    as_.mov(size, t, x);
    as_.shr(size, t, distance);
    and_mask(size, t, masks[step]);
    and_mask(size, x, masks[step]);
    as_.shl(size, x, distance);
    as_.or_(size, x, t);
  }
  if (inst.size == 2) as_.rol(Size::Word, x, 8);
  else if (inst.size >= 4) as_.bswap(size, x);
}

void Emitter::bswap(const LirInst& inst, u32) {
  if (inst.size == 2) as_.rol(Size::Word, gpr(0), 8);
  else as_.bswap(size_of_inst(inst), gpr(0));
}

/// 0 add, 1 sub, 2 imul, at the exact width.
void Emitter::overflow(const LirInst& inst, u32 kind) {
  const Size size = size_of_inst(inst);
  const Gpr dst = gpr(0);
  int_rm(3, [&](auto b) {
    if (kind == 0) as_.add(size, dst, b);
    else if (kind == 1) as_.sub(size, dst, b);
    else as_.imul(size, dst, b);
  });
  as_.set(static_cast<Cond>(inst.cond), gpr(1));
}

void Emitter::overflow_wide(const LirInst& inst, u32 is_signed) {
  int_rm(inst.operand_count - 1u, [&](auto b) {
    if (is_signed != 0) as_.imul(size_of_inst(inst), b);
    else as_.mul(size_of_inst(inst), b);
  });
  as_.set(Cond::O, gpr(1));
}

// ---- tests -------------------------------------------------------------------------------------------

/// Sets the flags: kind 0 "is not zero", 1 compare, 2 compare with imm, 3 floats. `first`: the first operand tested.
Emitter::Flags Emitter::test(const LirInst& inst, u32 kind, u32 first, Size size) {
  Flags flags;
  flags.cond = static_cast<Cond>(inst.cond);
  if (kind == 3) {
    const bool is_double = size == Size::Qword;
    float_rm(inst, first + 1, [&](auto b) {
      if (is_double) as_.ucomisd(xmm(first), b);
      else as_.ucomiss(xmm(first), b);
    });
    constexpr Flags by_condition[4] = {{Cond::E, Flags::Parity::AndNp},
                                       {Cond::Ne, Flags::Parity::OrP},
                                       {Cond::A, Flags::Parity::None},
                                       {Cond::Ae, Flags::Parity::None}};
    return by_condition[inst.cond];
  }
  if (kind == 1) {
    int_rm(inst, first + 1, [&](auto b) { as_.cmp(size, gpr(first), b); });
    return flags;
  }
  if ((inst.flags & codegen::kFoldedLoad) != 0) {
    as_.cmp(size, folded_place(inst, first), static_cast<i32>(inst.imm));
    return flags;
  }
  const i32 value = kind == 2 ? static_cast<i32>(inst.imm) : 0;
  const bool zero_or_not = flags.cond == Cond::E || flags.cond == Cond::Ne;
  if (value == 0 && zero_or_not && in_reg(first) && flags_tell_of(gpr(first), size) && may(Decision::FlagsReused))
    return flags;
  // Against zero, test sets the same flags as cmp.
  if (value == 0 && in_reg(first) && may(Decision::TestForZero)) as_.test(size, gpr(first), gpr(first));
  else int_rm(first, [&](auto a) { as_.cmp(size, a, value); });
  return flags;
}

void Emitter::set(const LirInst& inst, u32 kind) {
  const Flags flags = test(inst, kind, 1, size_of_inst(inst));
  const Gpr dst = gpr(0);
  if (flags.parity == Flags::Parity::None) {
    as_.set(flags.cond, dst);
    return;
  }
  const bool both = flags.parity == Flags::Parity::AndNp;
  as_.set(both ? Cond::Np : Cond::P, kScratch);
  as_.set(flags.cond, dst);
  if (both) as_.and_(Size::Byte, dst, kScratch);
  else as_.or_(Size::Byte, dst, kScratch);
}

void Emitter::jump_to(u32 block) {
  if (needs_jump(block)) as_.jmp(label_of(block));
}

void Emitter::jump(const LirInst&, u32) { jump_to(successors()[0]); }

void Emitter::branch(const LirInst& inst, u32 kind) {
  const Flags flags = test(inst, kind, 0, size_of_inst(inst));
  const auto succs = successors();
  const u32 if_true = succs[0], if_false = succs[1];
  const bool true_is_next = is_next(if_true);
  if (flags.parity != Flags::Parity::None && !ASSAY_PLANTED(emit_branch_unordered)) {
    // A NaN sets the parity flag and decides alone.
    as_.jcc(Cond::P, label_of(flags.parity == Flags::Parity::OrP ? if_true : if_false));
  }
  if (true_is_next) {
    as_.jcc(opposite(flags.cond), label_of(if_false));
    return;
  }
  as_.jcc(flags.cond, label_of(if_true));
  jump_to(if_false);
}

// The tied operand, the choice for "false", already lies in the result's register.
void Emitter::select(const LirInst& inst, u32 kind) {
  const u32 tested = kind == 0 || kind == 2 ? 1 : 2;
  const Flags flags = test(inst, kind, 1, static_cast<Size>(codegen::test_size(inst.flags)));
  const u32 if_true = 1 + tested;
  const bool is_fp = (inst.flags & codegen::kFloatValue) != 0;
  if (!is_fp && flags.parity != Flags::Parity::AndNp && may(Decision::ConditionalMove)) {
    int_rm(if_true, [&](auto value) {
      as_.cmov(flags.cond, size_of_inst(inst), gpr(0), value);
      if (flags.parity == Flags::Parity::OrP) as_.cmov(Cond::P, size_of_inst(inst), gpr(0), value);
    });
    return;
  }
  const Label skip = as_.new_label();
  if (flags.parity == Flags::Parity::OrP) {
    const Label take = as_.new_label();
    as_.jcc(Cond::P, take);
    as_.jcc(opposite(flags.cond), skip);
    as_.bind(take);
  } else {
    if (flags.parity == Flags::Parity::AndNp) as_.jcc(Cond::P, skip);
    as_.jcc(opposite(flags.cond), skip);
  }
  if (!is_fp) {
    int_rm(if_true, [&](auto value) { as_.mov(Size::Qword, gpr(0), value); });
  } else if (in_reg(if_true)) {
    as_.movaps(xmm(0), xmm(if_true));
  } else {
    as_.movsd(xmm(0), slot(location(if_true)));
  }
  as_.bind(skip);
}

} // namespace assay::x64
