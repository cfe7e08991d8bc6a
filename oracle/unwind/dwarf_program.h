// dwarf_program.h - runs the call frame instructions of a CIE and an FDE (DWARF 5, 6.4.2 and 6.4.3).
//
// A state is a row: the CFA rule and a rule for each column. One run goes to the row of a pc, or through all rows with
// `strict` on, objecting to what a careful writer does not write. Linear in the instructions; states remembered are at
// most kMaxRemembered deep. Tested in oracle/unwind/tests/dwarf_test.cpp.
#pragma once

#include "oracle/unwind/bytes.h"
#include "oracle/unwind/dwarf.h"

namespace assay::oracle {

class CfaProgram {
public:
  CfaProgram(Target target, std::span<const u8> section, const DwarfTables::Cie& cie)
      : target_(target), section_(section), cie_(cie) {}

  /// Object to what is not in its shortest or usual form.
  bool strict = false;
  std::vector<u64>* row_starts = nullptr;   // when given: addresses, in order
  std::vector<u64>* instructions = nullptr; // when given: offsets in the section, in order

  /// The CIE's instructions.
  Result<void> start();
  /// The FDE's, up to the last row that begins at or before `pc`.
  Result<void> run(const DwarfTables::Fde& fde, u64 pc);
  /// After `run`: the first address behind the row, `stop` where that is the last.
  u64 row_end(u64 stop) const { return beyond_ ? location_ : stop; }
  /// The row as a rule.
  Result<void> rule(u64 at, FrameRule& out) const;

private:
  enum class How : u8 { Same, Offset, Undefined };
  struct Column {
    How how = How::Same;
    i64 offset = 0; // from the CFA
  };
  struct Row {
    u64 cfa_register = ~u64{0};
    i64 cfa_offset = 0;
    bool return_signed = false;
    Column columns[kUnwindRegisters] = {}; // by unified index
    Column return_address;                 // x64, column 16
  };
  static constexpr u32 kMaxRemembered = 16;

  Result<void> execute(Bytes& bytes, u64 pc, u64 end, bool in_cie);
  Result<void> low(u8 opcode, Bytes& bytes, u64 at, bool in_cie, u64& delta);
  Result<void> set_column(u64 at, u64 column, Column value);
  Result<void> offset_column(u64 at, u64 column, i64 factored);
  Result<void> restore_column(u64 at, u64 column, bool in_cie);
  Result<void> advanced(u64 at, u64 delta, u64 end);
  Result<void> define_cfa(u64 at, u64 reg, bool has_reg, i64 offset, bool has_offset);
  Column* column(u64 number);
  u64 uleb(Bytes& bytes);
  i64 sleb(Bytes& bytes);

  Target target_;
  std::span<const u8> section_;
  const DwarfTables::Cie& cie_;
  Row row_, initial_;
  std::vector<Row> remembered_; // of size kMaxRemembered at most; few programs remember any
  u64 location_ = 0;
  bool beyond_ = false;      // the location is that of the row behind
  bool long_number_ = false; // a LEB128 was longer than it need be
};

} // namespace assay::oracle
