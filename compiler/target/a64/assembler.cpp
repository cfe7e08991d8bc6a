// assembler.cpp - loads and stores, labels, and what takes several instructions; islands are in islands.cpp.
//
// Every emitter leaves the check of the buffer's end and of the next island's deadline to one comparison in put().
// A use of an unbound label is a node of the label's list, filled in by bind(); conditional branches are also counted
// for the islands. A branch to a bound label that does not reach becomes the opposite branch over a b.
// Constant cost an instruction. Tested in compiler/target/a64/tests/.
#include "compiler/target/a64/assembler.h"

#include <algorithm>

namespace assay::a64 {

namespace {

constexpr u32 kB = 0x14000000, kNop = 0xd503201f;
constexpr u32 kAdr = 0x10000000, kAdrp = 0x90000000;
constexpr u32 kLiteralW = 0x18000000, kLiteralX = 0x58000000, kLiteralS = 0x1c000000, kLiteralD = 0x5c000000;
constexpr u32 kLoadW = 0xb9400000, kLoadX = 0xf9400000, kLoadS = 0xbd400000, kLoadD = 0xfd400000, kLoadQ = 0x3dc00000;
constexpr u32 kLiteralQ = 0x9c000000;
constexpr u32 kSkipOne = 2u << 5; // distance of a conditional branch over the next instruction

/// log2 of the bytes that a load or store accesses, from its size and opc fields.
constexpr u32 access_log2(u32 word) {
  const bool q = (word & 0x04800000u) == 0x04800000u;
  return q ? 4 : word >> 30;
}

} // namespace

void Assembler::begin(std::vector<u8>& code) {
  code_ = &code;
  code.resize((code.size() + 3) & ~size_t{3});
  base_ = code.data();
  size_ = offset_ = static_cast<u32>(code.size());
  ok_ = code.size() <= kLargestSize;
  by_page_ = false;
  rodata_uses_.clear();
  forget_labels();
}

void Assembler::finish() {
  reset_labels();
  code_->resize(offset_);
  base_ = code_->data();
  size_ = limit_ = offset_;
}

void Assembler::reset_labels() {
  flush_pool();
  for (const LabelState& label : labels_) ok_ &= label.offset != kNone || label.first_use == kNone;
  forget_labels();
}

Label Assembler::new_label() {
  labels_.push_back({});
  return {static_cast<u32>(labels_.size() - 1)};
}

void Assembler::bind(Label label) {
  LabelState& state = labels_[label.id];
  ASSAY_DCHECK(state.offset == kNone);
  state.offset = offset_;
  for (u32 i = state.first_use; i != kNone; i = uses_[i].next) {
    Use& use = uses_[i];
    ok_ &= fill(use.field, use.kind, offset_);
    settle(use.kind);
    use.kind = UseKind::Done;
  }
}

void Assembler::add_use(Label label, UseKind kind, u32 at) {
  LabelState& state = labels_[label.id];
  uses_.push_back({at, state.first_use, label.id, kind});
  state.first_use = static_cast<u32>(uses_.size() - 1);
}

/// Sets the distance of the instruction at `at`; false when it does not reach, with nothing changed. Its own is zero.
bool Assembler::fill(u32 at, UseKind kind, i64 target) {
  const i64 distance = target - at;
  std::optional<u32> bits;
  switch (kind) {
  case UseKind::Done: return true;
  case UseKind::Branch26: bits = encode_distance26(distance); break;
  case UseKind::Branch19:
  case UseKind::Literal: bits = encode_distance19(distance); break;
  case UseKind::Branch14: bits = encode_distance14(distance); break;
  case UseKind::Adr: bits = encode_distance21(distance); break;
  case UseKind::Lea: {
    const auto lea = lea_words(static_cast<Gpr>(word_at(at) & 31), at, target);
    if (!lea) return false;
    by_page_ |= lea->by_page;
    std::memcpy(base_ + at, lea->words, 8);
    return true;
  }
  }
  if (!bits) return false;
  put32_at(at, word_at(at) | *bits);
  return true;
}

// Branches and addresses.

/// The instruction just written is meant for the label.
void Assembler::aim(Label label, UseKind kind) {
  const u32 at = offset_ - 4, target = offset_of(label);
  if (target != kNone) ok_ &= fill(at, kind, target);
  else add_use(label, kind, at);
}

void Assembler::branch26(u32 word, Label label) {
  put(word);
  aim(label, UseKind::Branch26);
}

void Assembler::conditional(u32 word, u32 flip, Label label, UseKind kind) {
  room(12); // two instructions, and what the branch takes off a deadline
  const LabelState& state = labels_[label.id];
  const u32 at = offset_;
  // An unbound label may have a b to it in an island behind.
  const u32 target = state.offset != kNone ? state.offset : state.veneer;
  write(word);
  const bool may_reach = state.offset == kNone || may(codegen::Decision::ShortJump);
  if (target != kNone && may_reach && fill(at, kind, target)) return;
  if (state.offset == kNone) {
    add_use(label, kind, at);
    return wait(kind);
  }
  put32_at(at, (word ^ flip) | kSkipOne);
  write(kB);
  ok_ &= fill(at + 4, UseKind::Branch26, target);
}

void Assembler::literal(u32 word, u32 t, Label label, bool wrong) {
  if (wrong) return refuse();
  put(word | t);
  aim(label, UseKind::Literal);
}

void Assembler::adr_label(u32 word, Gpr d, Label label) {
  if (d == Gpr::Sp) return refuse();
  put(word | field_of(d));
  aim(label, UseKind::Adr);
}

void Assembler::adrp_pages(u32 word, Gpr d, i32 pages) {
  const auto bits = encode_distance21(pages);
  if (!bits || d == Gpr::Sp) return refuse();
  put(word | *bits | field_of(d));
}

u32 Assembler::lea_rel(Gpr dst) {
  if (dst == Gpr::Sp || dst == Gpr::Zr) { // the add of lea_words would mean sp
    refuse();
    return kNone;
  }
  room(8);
  write(kAdr | field_of(dst));
  write(kNop);
  return offset_ - 8;
}

void Assembler::lea(Gpr dst, Label label) {
  room(8);
  const u32 target = offset_of(label);
  if (target != kNone && fits_signed(static_cast<i64>(target) - offset_, 21)) return adr(dst, label);
  const u32 at = lea_rel(dst);
  if (at == kNone) return;
  if (target != kNone) ok_ &= fill(at, UseKind::Lea, target);
  else add_use(label, UseKind::Lea, at);
}

// Read-only data.

void Assembler::lea_rodata(Gpr dst, u32 target) {
  const u32 at = lea_rel(dst);
  if (at == kNone) return;
  rodata_uses_.push_back({at, target, 0, 0, field_of(dst)});
}

void Assembler::ldr_rodata(Size size, Gpr dst, u32 target) {
  const u32 d = field_of(dst);
  const u32 at = lea_rel(dst);
  if (at == kNone) return;
  const u32 literal_word = size == Size::X ? kLiteralX : kLiteralW, load = size == Size::X ? kLoadX : kLoadW;
  rodata_uses_.push_back({at, target, literal_word | d, load | d << 5 | d, d});
}

void Assembler::ldr_rodata(FSize size, Vreg dst, Gpr temp, u32 target) {
  const u32 d = field_of(dst), t = field_of(temp);
  const u32 at = lea_rel(temp);
  if (at == kNone) return;
  const u32 literal_word = size == FSize::Q ? kLiteralQ : size == FSize::D ? kLiteralD : kLiteralS;
  const u32 load = size == FSize::Q ? kLoadQ : size == FSize::D ? kLoadD : kLoadS;
  rodata_uses_.push_back({at, target, literal_word | d, load | t << 5 | d, t});
}

void Assembler::resolve_rodata(u32 rodata_offset) {
  for (const RodataUse& use : rodata_uses_) {
    const i64 target = i64{rodata_offset} + use.target;
    if (use.literal == 0) {
      ok_ &= fill(use.field, UseKind::Lea, target);
      continue;
    }
    if (const auto near = encode_distance19(target - use.field)) {
      put32_at(use.field, use.literal | *near);
      put32_at(use.field + 4, kNop);
      continue;
    }
    const auto pages = encode_distance21((target >> 12) - (use.field >> 12));
    const u32 low = low_bits(target, 12), log2 = access_log2(use.load);
    ok_ &= pages.has_value() && fits_scaled(low, log2);
    by_page_ = true;
    put32_at(use.field, kAdrp | pages.value_or(0) | use.temp);
    put32_at(use.field + 4, use.load | (low >> log2) << 10);
  }
  rodata_uses_.clear();
}

// Constants.

void Assembler::constant(u32 word, u64 value, u32 bytes) {
  room(16); // the instruction, and what the constant takes off a deadline
  write(word);
  pool_.push_back({value, offset_ - 4, bytes});
  set_limit();
}

void Assembler::ldr_const(Size size, Gpr dst, u64 value) {
  if (dst == Gpr::Sp) return refuse();
  constant((size == Size::X ? kLiteralX : kLiteralW) | field_of(dst), value, static_cast<u32>(size));
}

void Assembler::ldr_const(FSize size, Vreg dst, u64 value) {
  if (size == FSize::Q) return refuse();
  constant((size == FSize::D ? kLiteralD : kLiteralS) | field_of(dst), value, static_cast<u32>(size));
}

void Assembler::mov_imm(Gpr dst, u64 value) {
  if (dst == Gpr::Sp || dst == Gpr::Zr) return refuse();
  if (!may(codegen::Decision::ShortConstant)) {
    put(0xd2800000u | static_cast<u32>(value & 0xffff) << 5 | field_of(dst)); // movz, then movk of each other part
    for (u32 part = 1; part < 4; ++part)
      put(0xf2800000u | part << 21 | static_cast<u32>(value >> (16 * part) & 0xffff) << 5 | field_of(dst));
    return;
  }
  if (value < 0x10000) return put(0x52800000u | static_cast<u32>(value) << 5 | field_of(dst));
  const MovSequence sequence = mov_sequence(dst, value);
  for (u32 i = 0; i < sequence.count; ++i) put(sequence.words[i]);
}

void Assembler::nops(u32 count) {
  for (; count != 0; --count) nop();
}

void Assembler::align_nop(u32 alignment) {
  while ((offset_ & (alignment - 1)) != 0) nop();
}

void Assembler::align_udf(u32 alignment) {
  while ((offset_ & (alignment - 1)) != 0) udf(0);
}

// Loads and stores.

void Assembler::load_store(u32 word, Gpr t, const Mem& mem) {
  const auto address = encode_address(mem, access_log2(word));
  // Arm leaves open what writing back into the register that is loaded or stored does.
  const bool writes_back = mem.kind == Mem::Kind::Pre || mem.kind == Mem::Kind::Post;
  if (!address || t == Gpr::Sp || (writes_back && t == mem.base)) return refuse();
  put(word | *address | field_of(t));
}

void Assembler::load_store(u32 word, Vreg t, const Mem& mem) {
  const auto address = encode_address(mem, access_log2(word));
  if (!address) return refuse();
  put(word | *address | field_of(t));
}

void Assembler::pair(u32 word, Size s, Gpr t, Gpr t2, const Mem& mem) {
  const auto address = encode_pair_address(mem, s == Size::X ? 3 : 2);
  const bool load = (word & 1u << 22) != 0;
  const bool writes_back = mem.kind != Mem::Kind::Offset;
  if (!address || t == Gpr::Sp || t2 == Gpr::Sp || (load && t == t2)) return refuse();
  if (writes_back && (t == mem.base || t2 == mem.base)) return refuse();
  put(word | *address | field_of(t) | field_of(t2) << 10);
}

void Assembler::pair(u32 word, FSize s, Vreg t, Vreg t2, const Mem& mem) {
  const auto address = encode_pair_address(mem, s == FSize::Q ? 4 : s == FSize::D ? 3 : 2);
  const bool load = (word & 1u << 22) != 0;
  if (!address || (load && t == t2)) return refuse();
  put(word | *address | field_of(t) | field_of(t2) << 10);
}

} // namespace assay::a64
