// apple_compact.cpp - see apple_compact.h.
//
// An encoding says one state for a whole function, so it is right where that state holds: the system uses it for return
// addresses, and it is asked for nothing else here. The layout of __unwind_info: header, index (a row a page and one
// that ends the last), pages of (function offset, encoding). All offsets are from the section's first byte.
// Tested in compiler/unwind/tests/apple_compact_test.cpp: LLVM reads it, LLVM's own encodings of the same frames are
// equal.
#include "compiler/unwind/apple_compact.h"

#include "assay/planted.h"
#include "compiler/unwind/dwarf.h"
#include "compiler/unwind/frame_state.h"

#include <algorithm>
#include <cstring>

namespace assay::unwind {

namespace {

constexpr u32 kX64RbpFrame = 0x01000000, kX64Dwarf = 0x04000000;
constexpr u32 kA64Frame = 0x04000000, kA64Dwarf = 0x03000000;
constexpr u32 kFdeLimit = 0x00ffffff;
constexpr u32 kRegularPage = 2, kPageRows = 511; // a page of 4096 bytes, header included
constexpr u32 kHeaderBytes = 28, kIndexBytes = 12, kPageHeaderBytes = 8, kRowBytes = 8;
constexpr RegIndex kRbp = 5, kX29 = 29, kX30 = 30;

/// x64 numbers of registers in the encoding; 0: it has none.
u32 x64_number(u32 reg) {
  constexpr u8 numbers[16] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 4, 5};
  return reg < 16 ? numbers[reg] : 0;
}

/// 0 when the encoding cannot say the frame.
u32 encode_x64(const FrameState& state) {
  constexpr i64 kSlots = 5;
  if (!state.from_frame || state.frame != kRbp || state.cfa_from_frame != 16 || state.saved[kRbp] != 16) return 0;
  const i64 offset = (state.deepest_save() - 16) / 8; // of the lowest slot below rbp, in words
  if (offset > 255) return 0;
  u32 slots = 0;
  for (u32 reg = 0; reg < FrameState::kRegisters; ++reg) {
    const i64 distance = state.saved[reg];
    if (distance == 0 || reg == kRbp) continue;
    const i64 slot = offset - (distance - 16) / 8; // counted from the lowest
    if (x64_number(reg) == 0 || distance <= 16 || distance % 8 != 0 || slot >= kSlots) return 0;
    slots |= x64_number(reg) << (3 * (ASSAY_PLANTED(unwind_compact_order) ? offset - 1 - slot : slot));
  }
  return kX64RbpFrame | static_cast<u32>(offset + (ASSAY_PLANTED(unwind_compact_offset) ? 1 : 0)) << 16 | slots;
}

u32 encode_a64(const FrameState& state) {
  struct Pair {
    u8 first;
    u16 bit;
  };
  constexpr Pair kPairs[] = {{19, 0x001}, {21, 0x002}, {23, 0x004}, {25, 0x008}, {27, 0x010},
                             {40, 0x100}, {42, 0x200}, {44, 0x400}, {46, 0x800}};
  if (!state.from_frame || state.frame != kX29 || state.cfa_from_frame != 16 || state.signed_return ||
      state.saved[kX29] != 16 || state.saved[kX30] != 8)
    return 0;
  u32 encoding = kA64Frame, registers = 2;
  i64 distance = 16;
  for (const Pair& pair : kPairs) {
    const i64 first = state.saved[pair.first], second = state.saved[pair.first + 1];
    if (first == 0 && second == 0) continue;
    if (first != distance + 8 || second != distance + 16) return 0;
    distance += 16;
    registers += 2;
    encoding |= ASSAY_PLANTED(a64_unwind_compact_pair) ? pair.bit << 1 : pair.bit;
  }
  const auto saved = std::count_if(state.saved, state.saved + FrameState::kRegisters, [](i64 at) { return at != 0; });
  return static_cast<u32>(saved) == registers ? encoding : 0;
}

/// Whether a return address or a fault site lies in (after, end).
bool has_site(const CodeObject& object, u32 after, u32 end) {
  const auto within = [&](const auto& sites) {
    const auto found = std::upper_bound(sites.begin(), sites.end(), after,
                                        [](u32 offset, const auto& site) { return offset < site.offset; });
    return found != sites.end() && found->offset < end;
  };
  return within(object.positions) || within(object.faults);
}

/// The encoding, or 0 where only DWARF will do.
u32 encoding_of(const CodeObject& object, const FunctionCode& function, FrameOutline& outline) {
  const std::span<const FrameOp> ops = object.frame_of(function);
  if (std::any_of(ops.begin(), ops.end(), [](const FrameOp& op) { return op.plain; })) return 0;
  FrameState state = FrameState::at_entry(object.target);
  u32 complete = 0; // from here on the encoding is true: what only lowers sp does not count
  for (u32 i = 0; i < outline.prologue_ops; ++i) {
    state.apply(ops[i]);
    if (ops[i].effect != FrameEffect::Allocate) complete = ops[i].offset;
  }
  const u32 encoding = object.target == Target::A64 ? encode_a64(state) : encode_x64(state);
  if (encoding == 0 || has_site(object, function.begin, function.begin + complete)) return 0;
  for (const FrameOutline::Epilogue& one : outline.epilogues) {
    if (has_site(object, function.begin + ops[one.begin].offset, function.begin + ops[one.end].offset)) return 0;
  }
  return encoding;
}

/// Whether one of its calls has a handler.
bool catches(const CodeObject& object, const FunctionCode& function) {
  const auto found = std::upper_bound(object.call_sites.begin(), object.call_sites.end(), function.begin,
                                      [](u32 offset, const CallSite& site) { return offset < site.offset; });
  return found != object.call_sites.end() && found->offset <= function.end;
}

void put(u8*& at, u32 value) {
  std::memcpy(at, &value, 4);
  at += 4;
}

/// Writes the section for `rows` (function offset from the base, encoding), which end at `end`.
void write_info(std::span<const std::pair<u32, u32>> rows, u32 end, u8* section) {
  const u32 count = static_cast<u32>(rows.size()), pages = (count + kPageRows - 1) / kPageRows;
  const u32 pages_at = kHeaderBytes + (pages + 1) * kIndexBytes;
  u8* at = section;
  for (const u32 value : {1u, kHeaderBytes, 0u, kHeaderBytes, 0u, kHeaderBytes, pages + 1}) put(at, value);
  u8* page = section + pages_at;
  for (u32 i = 0; i < count; i += kPageRows) {
    for (const u32 value : {rows[i].first, static_cast<u32>(page - section), pages_at}) put(at, value);
    const u32 here = std::min(kPageRows, count - i);
    put(page, kRegularPage);
    put(page, kPageHeaderBytes | (ASSAY_PLANTED(unwind_compact_count) ? here - 1 : here) << 16);
    for (u32 j = i; j < i + here; ++j) put(page, rows[j].first), put(page, rows[j].second);
  }
  for (const u32 value : {end, 0u, pages_at}) put(at, value);
}

Error unsupported(const char* what) { return Error{ErrorKind::Unsupported, {}, 0, 0, what}; }

} // namespace

Result<void> write_apple_compact(const CodeObject& object, const UnwindPlace& place, UnwindTables& out) {
  std::vector<u32> fdes;
  EhFrameOptions options;
  options.personality = place.personality;
  options.lsda = place.lsda;
  if (!write_eh_frame(object, static_cast<i64>(place.tables_at), out.bytes, options, &fdes))
    return unsupported("code and unwind tables lie 2 GiB apart or more");
  out.eh_frame.size = static_cast<u32>(out.bytes.size());
  if (place.code_rva + object.code.size() > 0xffffffff) return unsupported("code 4 GiB above its base, or more");
  const bool a64 = object.target == Target::A64;
  std::vector<std::pair<u32, u32>> rows;
  rows.reserve(object.functions.size());
  FrameOutline outline;
  for (std::size_t i = 0; i < object.functions.size(); ++i) {
    const FunctionCode& function = object.functions[i];
    if (!outline.read(object.frame_of(function)))
      return Error{ErrorKind::BadInput, {}, 0, 0, "frame effects are not a prologue and epilogues"};
    u32 encoding = encoding_of(object, function, outline);
    if (place.personality != 0 && catches(object, function)) encoding = 0;
    if (encoding == 0) {
      if (fdes[i] > kFdeLimit) return unsupported("an FDE 16 MiB into its section: DWARF mode cannot refer to it");
      encoding = (a64 ? kA64Dwarf : kX64Dwarf) | fdes[ASSAY_PLANTED(a64_unwind_compact_fde) ? 0 : i];
    }
    rows.emplace_back(static_cast<u32>(place.code_rva) + function.begin, encoding);
  }
  const u32 count = static_cast<u32>(rows.size()), pages = (count + kPageRows - 1) / kPageRows;
  out.entries.at = (out.eh_frame.size + 3) & ~3u;
  out.entries.size = kHeaderBytes + (pages + 1) * kIndexBytes + pages * kPageHeaderBytes + count * kRowBytes;
  out.bytes.resize(out.entries.at + out.entries.size);
  const FunctionCode last = count == 0 ? FunctionCode() : object.functions.back();
  const u32 end_of_code = ASSAY_PLANTED(unwind_compact_end) ? last.begin : last.end;
  const u32 end = count == 0 ? 0 : static_cast<u32>(place.code_rva) + end_of_code;
  write_info(rows, end, out.bytes.data() + out.entries.at);
  return {};
}

} // namespace assay::unwind
