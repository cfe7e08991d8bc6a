// dwarf_program.cpp - see dwarf_program.h. Opcodes: DWARF 5, table 7.29. Tested in oracle/unwind/tests/dwarf_test.cpp.
#include "oracle/unwind/dwarf_program.h"

namespace assay::oracle {

namespace {

enum Opcode : u8 {
  kNop = 0x00,
  kSetLoc = 0x01,
  kAdvance1 = 0x02,
  kAdvance2 = 0x03,
  kAdvance4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaRegister = 0x0d,
  kDefCfaOffset = 0x0e,
  kDefCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSf = 0x11,
  kDefCfaSf = 0x12,
  kDefCfaOffsetSf = 0x13,
  kValOffset = 0x14,
  kValOffsetSf = 0x15,
  kValExpression = 0x16,
  kNegateRaState = 0x2d,
};

constexpr u8 kX64Columns[] = {0, 2, 1, 3, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15}; // column to unified index
constexpr u64 kX64Return = 16, kX64Xmm = 17, kA64Vectors = 64;

/// Whether some convention has callees keep it, or it is the return address.
bool is_kept(Target target, u64 column) {
  if (target == Target::X64)
    return column == 3 || (column >= 4 && column <= 6) || (column >= 12 && column <= kX64Return) ||
           (column >= kX64Xmm + 6 && column < kX64Xmm + 16);
  return (column >= 18 && column <= 30) || (column >= kA64Vectors + 8 && column < kA64Vectors + 16);
}

/// The bytes of the shortest LEB128 form.
u64 uleb_size(u64 value) {
  u64 size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}
u64 sleb_size(i64 value) {
  u64 size = 1;
  for (; value < -0x40 || value >= 0x40; value >>= 7) ++size;
  return size;
}

} // namespace

CfaProgram::Column* CfaProgram::column(u64 number) {
  if (target_ == Target::X64) {
    if (number < 16) return &row_.columns[kX64Columns[number]];
    if (number == kX64Return) return &row_.return_address;
    if (number >= kX64Xmm && number < kX64Xmm + 16) return &row_.columns[32 + number - kX64Xmm];
    return nullptr;
  }
  if (number < 32) return &row_.columns[number];
  if (number >= kA64Vectors && number < kA64Vectors + 32) return &row_.columns[32 + number - kA64Vectors];
  return nullptr;
}

u64 CfaProgram::uleb(Bytes& bytes) {
  const u64 before = bytes.at();
  const u64 value = bytes.uleb();
  if (!bytes.failed() && bytes.at() - before != uleb_size(value)) long_number_ = true;
  return value;
}

i64 CfaProgram::sleb(Bytes& bytes) {
  const u64 before = bytes.at();
  const i64 value = bytes.sleb();
  if (!bytes.failed() && bytes.at() - before != sleb_size(value)) long_number_ = true;
  return value;
}

Result<void> CfaProgram::set_column(u64 at, u64 number, Column value) {
  Column* place = column(number);
  if (place == nullptr) return malformed(at, "no register has column " + std::to_string(number));
  if (strict && place->how == value.how && place->offset == value.offset)
    return malformed(at, "a rule for column " + std::to_string(number) + " that it has already");
  if (strict && value.how != How::Same && !is_kept(target_, number))
    return malformed(at, "a rule for column " + std::to_string(number) + ", which no convention keeps");
  *place = value;
  return {};
}

Result<void> CfaProgram::offset_column(u64 at, u64 number, i64 factored) {
  constexpr i64 kFar = i64{1} << 40; // keeps products and sums in range
  if (factored > kFar || factored < -kFar) return malformed(at, "an offset beyond any stack");
  return set_column(at, number, {How::Offset, factored * cie_.data_unit});
}

Result<void> CfaProgram::restore_column(u64 at, u64 number, bool in_cie) {
  if (in_cie) return malformed(at, "DW_CFA_restore in a CIE");
  Column* place = column(number);
  if (place == nullptr) return malformed(at, "no register has column " + std::to_string(number));
  const std::ptrdiff_t index = place - row_.columns;
  const bool is_return = place == &row_.return_address;
  return set_column(at, number, is_return ? initial_.return_address : initial_.columns[index]);
}

Result<void> CfaProgram::define_cfa(u64 at, u64 reg, bool has_reg, i64 offset, bool has_offset) {
  constexpr i64 kFar = i64{1} << 40;
  if (has_offset && (offset > kFar || offset < -kFar)) return malformed(at, "a CFA beyond any stack");
  const u64 old_register = row_.cfa_register;
  const i64 old_offset = row_.cfa_offset;
  if (!has_reg && old_register == ~u64{0}) return malformed(at, "an offset for a CFA that no register is known of");
  if (has_reg) {
    const Column* place = column(reg);
    if (place == nullptr || place == &row_.return_address || place - row_.columns >= 32)
      return malformed(at, "no CFA is counted from column " + std::to_string(reg));
    row_.cfa_register = static_cast<u64>(place - row_.columns);
  }
  if (has_offset) row_.cfa_offset = offset;
  // Saying both again is what a frame register that is set in two steps looks like.
  if (strict && !(has_reg && has_offset) && old_register == row_.cfa_register && old_offset == row_.cfa_offset)
    return malformed(at, "a CFA rule that holds already");
  return {};
}

Result<void> CfaProgram::start() {
  row_ = Row();
  remembered_.clear();
  Bytes bytes(section_, cie_.program, cie_.end);
  if (auto done = execute(bytes, ~u64{0}, ~u64{0}, true); !done) return done;
  if (!remembered_.empty()) return malformed(cie_.program, "a CIE that remembers a state");
  initial_ = row_;
  return {};
}

Result<void> CfaProgram::run(const DwarfTables::Fde& fde, u64 pc) {
  location_ = fde.begin;
  if (row_starts != nullptr) row_starts->push_back(location_);
  Bytes bytes(section_, fde.program, fde.end);
  if (auto done = execute(bytes, pc, fde.stop, false); !done) return done;
  if (strict && remembered_.size() > 1) return malformed(fde.at, "states that are remembered but never restored");
  return {};
}

Result<void> CfaProgram::execute(Bytes& bytes, u64 pc, u64 end, bool in_cie) {
  u64 nops = 0;
  beyond_ = false;
  while (!bytes.done() && !beyond_) {
    const u64 at = bytes.at();
    if (instructions != nullptr) instructions->push_back(at);
    const u8 opcode = bytes.byte();
    long_number_ = false;
    u64 delta = ~u64{0};
    Result<void> done;
    switch (opcode >> 6) {
    case 1: delta = opcode & 63; break;
    case 2: {
      const u64 factored = uleb(bytes);
      if (factored >> 41 != 0) return malformed(at, "an offset beyond any stack");
      done = offset_column(at, opcode & 63, static_cast<i64>(factored));
      break;
    }
    case 3: done = restore_column(at, opcode & 63, in_cie); break;
    default: done = low(opcode, bytes, at, in_cie, delta); break;
    }
    if (bytes.failed()) return malformed(at, "an instruction that is cut off");
    if (!done) return done;
    if (strict && long_number_) return malformed(at, "a number longer than it need be");
    if (strict && opcode != kNop && nops != 0) return malformed(at, "an instruction behind padding");
    // A CIE with a personality routine may have one size whatever the target.
    const u64 most = in_cie && cie_.handled ? 15 : 7;
    if (opcode == kNop && ++nops > most && strict) return malformed(at, "eight bytes of padding or more");
    if (delta == ~u64{0}) continue;
    if (in_cie) return malformed(at, "an advance in a CIE");
    if (auto moved = advanced(at, delta, end); !moved) return moved;
    beyond_ = location_ > pc;
    if (!beyond_ && row_starts != nullptr) row_starts->push_back(location_);
  }
  return {};
}

Result<void> CfaProgram::advanced(u64 at, u64 delta, u64 end) {
  if (strict && delta == 0) return malformed(at, "an advance by nothing");
  if (delta > 0xffffffff || delta * cie_.code_unit > end - location_)
    return malformed(at, "a row beyond the function's end");
  location_ += delta * cie_.code_unit;
  if (strict && location_ == end) return malformed(at, "a row at the function's end");
  return {};
}

/// Instructions whose upper two bits are zero. `delta`: what the location advances by, if it does.
Result<void> CfaProgram::low(u8 opcode, Bytes& bytes, u64 at, bool in_cie, u64& delta) {
  switch (opcode) {
  case kNop: return {};
  case kAdvance1:
  case kAdvance2:
  case kAdvance4: {
    const u32 size = 1u << (opcode - kAdvance1);
    delta = bytes.fixed(size);
    const u64 least = size == 1 ? 64 : u64{1} << (4 * size); // what the next shorter form cannot say
    if (strict && delta < least) return malformed(at, "an advance longer than it need be");
    return {};
  }
  case kOffsetExtended: {
    const u64 number = uleb(bytes), factored = uleb(bytes);
    if (strict && number < 64) return malformed(at, "a rule longer than it need be");
    if (factored >> 41 != 0) return malformed(at, "an offset beyond any stack");
    return offset_column(at, number, static_cast<i64>(factored));
  }
  case kOffsetExtendedSf: {
    const u64 number = uleb(bytes);
    const i64 factored = sleb(bytes);
    if (strict && factored >= 0) return malformed(at, "a rule longer than it need be");
    return offset_column(at, number, factored);
  }
  case kRestoreExtended: {
    const u64 number = uleb(bytes);
    if (strict && number < 64) return malformed(at, "a rule longer than it need be");
    return restore_column(at, number, in_cie);
  }
  case kUndefined: return set_column(at, uleb(bytes), {How::Undefined, 0});
  case kSameValue: return set_column(at, uleb(bytes), {How::Same, 0});
  case kRememberState:
    if (remembered_.size() == kMaxRemembered) return malformed(at, "too many states remembered");
    remembered_.push_back(row_);
    return {};
  case kRestoreState:
    if (remembered_.empty()) return malformed(at, "no state was remembered");
    row_ = remembered_.back();
    remembered_.pop_back();
    return {};
  case kDefCfa: {
    const u64 reg = uleb(bytes), offset = uleb(bytes);
    return define_cfa(at, reg, true, offset >> 62 != 0 ? i64{1} << 62 : static_cast<i64>(offset), true);
  }
  case kDefCfaSf: {
    const u64 reg = uleb(bytes);
    const i64 offset = sleb(bytes);
    if (offset >> 41 != 0 && offset >> 41 != -1) return malformed(at, "a CFA beyond any stack");
    if (strict && offset * cie_.data_unit >= 0) return malformed(at, "a rule longer than it need be");
    return define_cfa(at, reg, true, offset * cie_.data_unit, true);
  }
  case kDefCfaRegister: return define_cfa(at, uleb(bytes), true, 0, false);
  case kDefCfaOffset: {
    const u64 offset = uleb(bytes);
    return define_cfa(at, 0, false, offset >> 62 != 0 ? i64{1} << 62 : static_cast<i64>(offset), true);
  }
  case kDefCfaOffsetSf: {
    const i64 offset = sleb(bytes);
    if (offset >> 41 != 0 && offset >> 41 != -1) return malformed(at, "a CFA beyond any stack");
    if (strict && offset * cie_.data_unit >= 0) return malformed(at, "a rule longer than it need be");
    return define_cfa(at, 0, false, offset * cie_.data_unit, true);
  }
  case kNegateRaState:
    if (target_ != Target::A64) break;
    row_.return_signed = !row_.return_signed;
    return {};
  case kSetLoc:
  case kRegister:
  case kDefCfaExpression:
  case kExpression:
  case kValOffset:
  case kValOffsetSf:
  case kValExpression: return malformed(at, "call frame instruction " + hex(opcode) + ", which is not read here");
  default: break;
  }
  return malformed(at, "no call frame instruction is " + hex(opcode));
}

Result<void> CfaProgram::rule(u64 at, FrameRule& out) const {
  out = {};
  if (row_.cfa_register >= 32) return malformed(at, "a row without a CFA");
  const RegIndex base = static_cast<RegIndex>(row_.cfa_register);
  out.caller_sp = {base, row_.cfa_offset};
  const RegIndex sp = stack_pointer_of(target_);
  for (u32 r = 0; r < kUnwindRegisters; ++r) {
    const Column& column = row_.columns[r];
    if (column.how == How::Same || r == sp) continue;
    const u8 bytes = column.how == How::Undefined ? 0 : (r >= 32 && target_ == Target::X64 ? 16 : 8);
    out.save(static_cast<RegIndex>(r), bytes, {base, row_.cfa_offset + column.offset});
  }
  const Column& ra = target_ == Target::X64 ? row_.return_address : row_.columns[cie_.return_column % 32];
  if (ra.how == How::Undefined || (ra.how == How::Same && target_ == Target::X64))
    return malformed(at, "a row without a return address");
  if (ra.how == How::Same) out.return_in = static_cast<RegIndex>(cie_.return_column);
  else out.return_at = {base, row_.cfa_offset + ra.offset};
  out.return_signed = row_.return_signed;
  return {};
}

} // namespace assay::oracle
