// dwarf.cpp - the entries of .eh_frame: lengths, ids, augmentation, ranges. What they say is dwarf_program.cpp.
// Tested in oracle/unwind/tests/dwarf_test.cpp.
#include "oracle/unwind/dwarf.h"

#include "oracle/unwind/dwarf_program.h"

#include <algorithm>

namespace assay::oracle {

namespace {

// Pointer encodings (LSB 5.0 core, 10.5.1): the low half is the form, the high half what it is counted from.
constexpr u8 kAbsolute = 0x00, kUnsigned4 = 0x03, kUnsigned8 = 0x04, kSigned4 = 0x0b, kSigned8 = 0x0c;
constexpr u8 kFromHere = 0x10;

/// A pointer at `bytes`; false: the encoding is not read here.
bool pointer(Bytes& bytes, u8 form, u64& out) {
  switch (form) {
  case kAbsolute:
  case kUnsigned8:
  case kSigned8: out = bytes.fixed(8); return true;
  case kUnsigned4: out = bytes.word(); return true;
  case kSigned4: out = static_cast<u64>(i64{bytes.signed_word()}); return true;
  default: return false;
  }
}

} // namespace

Result<std::unique_ptr<DwarfTables>> DwarfTables::open(Target target, Region section, Region code,
                                                       std::span<const CodeRange> functions, DwarfHandlers handlers) {
  std::unique_ptr<DwarfTables> tables(new DwarfTables(target, section, code, functions, handlers));
  if (auto parsed = tables->parse(); !parsed) return parsed.error();
  return tables;
}

Result<void> DwarfTables::parse() {
  terminator_ = section_.bytes.size();
  for (u64 at = 0; at < section_.bytes.size();) {
    Bytes head(section_.bytes, at, section_.bytes.size());
    const u32 length = head.word();
    if (head.failed()) return malformed(at, "a length that is cut off");
    if (length == 0) {
      terminator_ = at;
      return {}; // readers stop here
    }
    if (length == 0xffffffff) return malformed(at, "an entry of the 64-bit format, which is not read here");
    const u64 end = at + 4 + length;
    if (end > section_.bytes.size()) return malformed(at, "an entry longer than the section");
    const u32 id = head.word();
    if (head.failed() || length < 4) return malformed(at, "an entry without an id");
    auto parsed = id == 0 ? parse_cie(at, at + 8, end) : parse_fde(at, at + 8, end, id);
    if (!parsed) return parsed;
    at = end;
  }
  return {};
}

Result<void> DwarfTables::parse_cie(u64 at, u64 body, u64 end) {
  Bytes bytes(section_.bytes, body, end);
  const u8 version = bytes.byte();
  if (version != 1 && version != 3) return malformed(at + 8, "CIE version " + std::to_string(version));
  std::string augmentation;
  for (u8 c = bytes.byte(); c != 0 && augmentation.size() < 16; c = bytes.byte()) augmentation += static_cast<char>(c);
  Cie cie;
  cie.at = at;
  cie.end = end;
  cie.code_unit = bytes.uleb();
  cie.data_unit = bytes.sleb();
  cie.return_column = version == 1 ? bytes.byte() : bytes.uleb();
  if (bytes.failed()) return malformed(at, "a CIE that is cut off");
  const u64 expected_column = target_ == Target::X64 ? 16 : 30;
  if (cie.return_column != expected_column)
    return malformed(at, "return address in column " + std::to_string(cie.return_column));
  if (cie.code_unit == 0 || cie.code_unit > 256 || cie.data_unit == 0 || cie.data_unit > 256 || cie.data_unit < -256)
    return malformed(at, "an alignment factor out of range");
  if (!augmentation.empty()) {
    if (augmentation[0] != 'z') return malformed(at + 9, "an augmentation without a size: '" + augmentation + "'");
    cie.augmented = true;
    if (auto read = parse_augmentation(std::string_view(augmentation).substr(1), bytes, cie); !read) return read;
  }
  cie.program = bytes.at();
  if (bytes.failed()) return malformed(at, "a CIE that is cut off");
  cies_.push_back(cie);
  CfaProgram program(target_, section_.bytes, cies_.back());
  return program.start();
}

/// What follows `z`: a size, and data for each letter.
Result<void> DwarfTables::parse_augmentation(std::string_view letters, Bytes& bytes, Cie& cie) const {
  const u64 size = bytes.uleb();
  const u64 stop = bytes.at() + size;
  if (bytes.failed() || size > bytes.left()) return malformed(cie.at, "augmentation data longer than the CIE");
  u64 personality = 0;
  for (const char c : letters) {
    if (c == 'R') {
      cie.encoding = bytes.byte();
    } else if (c == 'P' && handlers_.personality != 0) {
      if (bytes.byte() != kAbsolute) return malformed(cie.at, "a personality routine that is not absolute");
      personality = bytes.fixed(8);
    } else if (c == 'L' && handlers_.personality != 0) {
      if (bytes.byte() != kAbsolute) return malformed(cie.at, "language-specific data that are not absolute");
      cie.handled = true;
    } else {
      return malformed(cie.at + 9, std::string("augmentation '") + c + "', which is not read here");
    }
  }
  if (bytes.failed() || bytes.at() != stop) return malformed(cie.at, "augmentation data of another size than it says");
  if (personality != handlers_.personality || cie.handled != (handlers_.personality != 0))
    return malformed(cie.at, "another personality routine than functions here have");
  return {};
}

Result<void> DwarfTables::parse_fde(u64 at, u64 body, u64 end, u32 id) {
  Fde fde;
  fde.at = at;
  fde.end = end;
  const auto owner = std::find_if(cies_.begin(), cies_.end(), [&](const Cie& c) { return c.at + id == at + 4; });
  if (owner == cies_.end()) return malformed(at + 4, "the id of an FDE that leads to no CIE before it");
  fde.cie = static_cast<u32>(owner - cies_.begin());
  Bytes bytes(section_.bytes, body, end);
  const u8 form = owner->encoding & 0x0f, from = owner->encoding & 0xf0;
  u64 start = 0, length = 0;
  if ((from != 0 && from != kFromHere) || !pointer(bytes, form, start) || !pointer(bytes, form, length))
    return malformed(owner->at, "pointer encoding " + hex(owner->encoding) + ", which is not read here");
  if (from == kFromHere) start += section_.at + body;
  fde.begin = start;
  fde.stop = start + length;
  if (owner->augmented) {
    const u64 size = bytes.uleb();
    if (size != (owner->handled ? 8u : 0u)) return malformed(at, "augmentation data of an FDE that are not known");
    if (owner->handled && bytes.fixed(8) != handlers_.data)
      return malformed(at, "language-specific data of something else");
  }
  fde.program = bytes.at();
  if (bytes.failed()) return malformed(at, "an FDE that is cut off");
  if (fde.stop < fde.begin || length >> 32 != 0) return malformed(at, "a range that wraps around");
  fdes_.push_back(fde);
  return {};
}

Result<void> DwarfTables::rule_at(u64 pc, bool is_return, FrameRule& out) const {
  const u64 asked = is_return ? pc - 1 : pc;
  u64 next = ~u64{0}; // where one begins that is looked at before the one that is found
  for (const Fde& fde : fdes_) { // the first that covers it, as readers of .eh_frame do without an index
    if (asked < fde.begin || asked >= fde.stop) {
      if (fde.begin > asked) next = std::min(next, fde.begin);
      continue;
    }
    CfaProgram program(target_, section_.bytes, cies_[fde.cie]);
    if (auto done = program.start(); !done) return done;
    if (auto done = program.run(fde, asked); !done) return done;
    if (auto done = program.rule(fde.at, out); !done) return done;
    out.until = std::min(next, program.row_end(fde.stop));
    return {};
  }
  return Error{ErrorKind::BadInput, {}, 0, 0, "no entry covers " + hex(pc)};
}

// ---- the strict reader ---------------------------------------------------------------------------------

Result<void> DwarfTables::lint_cie(const Cie& cie) const {
  const u8* const bytes = section_.bytes.data() + cie.at;
  if (bytes[8] != 1) return malformed(cie.at + 8, "a CIE of a version that .eh_frame does not usually have");
  if (cie.data_unit != -8 || cie.code_unit != (target_ == Target::A64 ? 4 : 1))
    return malformed(cie.at, "unusual alignment factors");
  if (cie.encoding != (kFromHere | kSigned4)) return malformed(cie.at, "unusual pointer encoding " + hex(cie.encoding));
  CfaProgram program(target_, section_.bytes, cie);
  program.strict = true;
  if (auto done = program.start(); !done) return done;
  FrameRule rule;
  if (auto done = program.rule(cie.at, rule); !done) return done;
  // At an entry: x64 has the return address at rsp, a64 in x30.
  const bool x64 = target_ == Target::X64;
  const bool usual = rule.caller_sp.base == stack_pointer_of(target_) && rule.caller_sp.offset == (x64 ? 8 : 0) &&
                     rule.saved_count == 0 && rule.return_at.offset == 0 &&
                     rule.return_in == (x64 ? kNoRegister : 30) && !rule.return_signed;
  if (!usual) return malformed(cie.at, "a first row that is not that of a function's entry");
  return {};
}

Result<void> DwarfTables::lint_ranges() const {
  if (fdes_.size() != functions_.size())
    return malformed(0,
                     std::to_string(fdes_.size()) + " entries for " + std::to_string(functions_.size()) + " functions");
  for (std::size_t i = 0; i < fdes_.size(); ++i) {
    if (fdes_[i].begin != code_.at + functions_[i].begin || fdes_[i].stop != code_.at + functions_[i].end)
      return malformed(fdes_[i].at + 8, "a range that is not that of function " + std::to_string(i));
  }
  return {};
}

Result<void> DwarfTables::lint() const {
  const u64 size = section_.bytes.size();
  if (terminator_ + 4 != size) return malformed(terminator_, "no terminator, or bytes behind it");
  if (auto done = lint_ranges(); !done) return done;
  std::vector<bool> used(cies_.size());
  for (const Fde& fde : fdes_) {
    used[fde.cie] = true;
    if ((fde.end - fde.at) % 8 != 0) return malformed(fde.at, "an entry that is no multiple of 8");
    CfaProgram program(target_, section_.bytes, cies_[fde.cie]);
    if (auto done = program.start(); !done) return done;
    program.strict = true;
    if (auto done = program.run(fde, ~u64{0}); !done) return done;
  }
  for (std::size_t i = 0; i < cies_.size(); ++i) {
    if (!used[i] && !fdes_.empty()) return malformed(cies_[i].at, "a CIE that nobody uses");
    if (auto done = lint_cie(cies_[i]); !done) return done;
  }
  return {};
}

Result<void> DwarfTables::lint_fde_at(u64 offset, u64 function) const {
  for (const Fde& fde : fdes_) {
    if (fde.at == offset && fde.begin == function) return {};
  }
  return malformed(offset, "no FDE of that function is there");
}

Result<void> DwarfTables::boundaries(std::vector<u64>& out) const {
  for (const Fde& fde : fdes_) {
    CfaProgram program(target_, section_.bytes, cies_[fde.cie]);
    if (auto done = program.start(); !done) return done;
    program.row_starts = &out;
    if (auto done = program.run(fde, ~u64{0}); !done) return done;
  }
  return {};
}

} // namespace assay::oracle
