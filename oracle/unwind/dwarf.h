// dwarf.h - reads .eh_frame: DWARF call frame information, for x64 and ARM64.
//
// From: DWARF 5, 6.4 and 7.24; LSB 5.0 core, 10.6 (.eh_frame: ids, augmentation, pointer encodings); System V AMD64
// ABI, figure 3.36 (columns); DWARF for the Arm 64-bit Architecture, 4.1 and 4.4 (columns,
// DW_CFA_AARCH64_negate_ra_state). Read: what .eh_frame of compiled code holds. Refused with an Error: expressions,
// registers saved in registers, 64-bit lengths, augmentations that change the meaning. A vector register of ARM64 is
// its low half (AAPCS64, 6.1.2), of x64 all. Opening is linear in the section; a rule in the entry of its function.
// Tested in oracle/unwind/tests/dwarf_test.cpp.
#pragma once

#include "oracle/unwind/bytes.h"
#include "oracle/unwind/unwind.h"

#include <memory>

namespace assay::oracle {

/// What frames with handlers must name: the personality routine and its data, both absolute. 0: there are none.
struct DwarfHandlers {
  u64 personality = 0;
  u64 data = 0;
};

class DwarfTables final : public UnwindTables {
public:
  /// `section` and `code` stay with the caller; `functions` is what lint expects to be covered.
  static Result<std::unique_ptr<DwarfTables>> open(Target target, Region section, Region code,
                                                   std::span<const CodeRange> functions, DwarfHandlers handlers = {});

  Result<void> rule_at(u64 pc, bool is_return, FrameRule& out) const override;
  /// Besides what `open` refuses: one terminator, at the end; entries sorted, disjoint, those of the functions; padding
  /// less than eight bytes of DW_CFA_nop; numbers and advances in their shortest form; states remembered and restored
  /// in pairs (the last may stay); a row for each offset only once, before the function's end; the usual factors and
  /// column.
  Result<void> lint() const override;
  /// Where rows begin.
  Result<void> boundaries(std::vector<u64>& out) const override;
  TableField field_at(TableRegion region, u64 at, u32 bit) const override;

  /// An FDE of the function that begins there is at this offset; what lint says of compact entries that refer to it.
  Result<void> lint_fde_at(u64 offset, u64 function) const;
  /// The first address of the FDE that has the byte; 0: none has.
  u64 function_of(u64 offset) const;

  struct Cie {
    u64 at = 0, program = 0, end = 0; // offsets in the section
    u64 code_unit = 1;
    i64 data_unit = -8;
    u64 return_column = 0;
    u8 encoding = 0;
    bool augmented = false;
    bool handled = false; // its FDEs name data of the personality routine
  };
  struct Fde {
    u64 at = 0, program = 0, end = 0;
    u32 cie = 0;             // index
    u64 begin = 0, stop = 0; // addresses
  };

private:
  DwarfTables(Target target, Region section, Region code, std::span<const CodeRange> functions, DwarfHandlers handlers)
      : target_(target), section_(section), code_(code), functions_(functions.begin(), functions.end()),
        handlers_(handlers) {}

  Result<void> parse();
  Result<void> parse_cie(u64 at, u64 body, u64 end);
  Result<void> parse_augmentation(std::string_view letters, Bytes& bytes, Cie& cie) const;
  Result<void> parse_fde(u64 at, u64 body, u64 end, u32 id);
  Result<void> lint_ranges() const;
  Result<void> lint_cie(const Cie& cie) const;

  Target target_;
  Region section_, code_;
  std::vector<CodeRange> functions_;
  DwarfHandlers handlers_;
  std::vector<Cie> cies_;
  std::vector<Fde> fdes_;
  u64 terminator_ = 0; // offset of the zero word; the section's size when there is none
};

} // namespace assay::oracle
