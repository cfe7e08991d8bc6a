// compact.h - reads Apple's compact unwind information, the section __unwind_info, for x64 and ARM64.
//
// From <mach-o/compact_unwind_encoding.h>: the section's header, its two levels of pages (regular and compressed), and
// the 32-bit encodings: RBP frame, frameless immediate and indirect; arm64 frame and frameless; DWARF mode, which
// refers to an FDE. An encoding says what holds in the body of a function, at its calls above all; in prologues and
// epilogues it is wrong by design, so rules from it are only for return addresses and the body.
// Frameless indirect reads the immediate of the function's `sub rsp` from the code.
// Opening is linear; a rule: binary search. Tested in oracle/unwind/tests/compact_test.cpp.
#pragma once

#include "oracle/unwind/dwarf.h"

namespace assay::oracle {

struct CompactImage {
  u64 base = 0; // that functions are relative to
  Region code;
  Region unwind_info;
  Region eh_frame; // for DWARF mode; may be empty
};

class CompactTables final : public UnwindTables {
public:
  static Result<std::unique_ptr<CompactTables>> open(Target target, const CompactImage& image,
                                                     std::span<const CodeRange> functions);

  /// The rule of the function's body, whatever the pc in it; in DWARF mode that of the pc.
  Result<void> rule_at(u64 pc, bool is_return, FrameRule& out) const override;
  /// Besides what `open` refuses: one entry a function, in order, none with an encoding of nothing, no bits set that
  /// the mode does not have, headers and arrays that fill the section, no encoding unused, an end of the last page that
  /// is the code's. DWARF mode: the FDE is where it says; the section of FDEs is clean.
  Result<void> lint() const override;
  Result<void> boundaries(std::vector<u64>& out) const override;
  TableField field_at(TableRegion region, u64 at, u32 bit) const override;

  /// Refers to an FDE; then the rule is exact at every instruction.
  Result<bool> is_dwarf(u64 pc) const;

  struct Entry {
    u64 begin = 0; // address; the next entry's begin is its end
    u32 encoding = 0;
    u64 at = 0; // offset in the section, for messages
  };

private:
  CompactTables(Target target, const CompactImage& image, std::span<const CodeRange> functions)
      : target_(target), image_(image), expected_(functions.begin(), functions.end()) {}

  Result<void> parse();
  Result<void> parse_page(u64 page, u64 first, u64 end, std::span<const u32> common);
  void part(u64 at, u64 bytes, const char* name) {
    parts_.push_back({static_cast<u32>(at), static_cast<u32>(at + bytes)});
    part_names_.push_back(name);
  }
  Result<void> lint_parts() const;
  Result<const Entry*> entry_of(u64 pc) const;
  Result<void> rule_of(const Entry& entry, u64 pc, bool is_return, FrameRule& out) const;
  Result<void> x64_frame(u32 encoding, u64 at, FrameRule& out) const;
  Result<void> x64_frameless(const Entry& entry, FrameRule& out) const;
  Result<void> a64_rule(u32 encoding, u64 at, FrameRule& out) const;
  Result<void> lint_entry(const Entry& entry, std::size_t index) const;

  Target target_;
  CompactImage image_;
  std::vector<CodeRange> expected_;
  std::vector<Entry> entries_;
  u64 end_ = 0;                         // address behind the last function
  std::vector<CodeRange> parts_;        // of the section: headers and arrays, empty ones too
  std::vector<const char*> part_names_; // of parts_
  std::vector<bool> common_used_;       // by an entry
  u64 unused_at_ = 0;                   // an encoding that no entry uses; 0: none
  std::unique_ptr<DwarfTables> dwarf_;  // when there is a section of FDEs
};

} // namespace assay::oracle
