// unwind.h - what unwind tables say about one instruction, and what follows for the caller's registers.
//
// A decoder turns the bytes of tables into a FrameRule for a pc: where the caller's sp, pc and callee-saved registers
// are. `unwind` applies a rule to a register file and the memory of a stack. Both trust nothing: whatever the bytes
// are, the answer is a rule or an Error that names what is malformed and at which byte.
// Decoders are written from the specifications alone (named in dwarf.h, windows.h, compact.h); code that writes tables
// is never included here, nor this there: a shared mistake would be invisible.
// "The caller's sp" is its value just before the call (x64: with the return address not yet pushed; a64: as at the
// entry of the callee). A rule depends on bytes only, so it may be kept per pc. `unwind`: some 20 ns.
// Tested in oracle/unwind/tests/.
#pragma once

#include "assay/code_object.h"
#include "assay/errors.h"
#include "assay/frame.h"

#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace assay::oracle {

inline constexpr u32 kUnwindRegisters = 64; // unified indices (assay/frame.h)
inline constexpr u8 kNoRegister = 0xff;

/// A register file by unified index; general registers use the first word. a64: sp is register 31.
struct RegisterFile {
  u64 pc = 0;
  u64 value[kUnwindRegisters][2] = {};
};

constexpr u8 stack_pointer_of(Target target) { return target == Target::X64 ? 4 : 31; }

/// Bytes at an address.
struct Region {
  u64 at = 0;
  std::span<const u8> bytes;

  bool has(u64 address, u64 count) const {
    return address >= at && address - at <= bytes.size() && count <= bytes.size() - (address - at);
  }
  bool read(u64 address, void* out, u32 count) const {
    if (!has(address, count)) return false;
    std::memcpy(out, bytes.data() + (address - at), count);
    return true;
  }
};

/// An address: a register's value and a distance.
struct Place {
  RegIndex base = 0;
  i64 offset = 0;
};

/// Where the caller's value of a register is, `bytes` of it (8 or 16). 0 bytes: it is lost.
struct SavedRegister {
  RegIndex reg = 0;
  u8 bytes = 8;
  Place at;
};

/// The meaning of unwind tables at one pc. Registers not in `saved` have the caller's value.
struct FrameRule {
  u64 until = 0; // it is that of every address from the one looked up to here, this one excluded; 0: of that one only
  Place caller_sp;                  // the value itself
  RegIndex return_in = kNoRegister; // the return address is in this register, or else
  Place return_at;                  // in memory here
  bool return_signed = false;       // a64: with a pointer authentication code
  u8 saved_count = 0;
  SavedRegister saved[kUnwindRegisters] = {};

  const SavedRegister* find(RegIndex reg) const {
    for (u32 i = 0; i < saved_count; ++i) {
      if (saved[i].reg == reg) return &saved[i];
    }
    return nullptr;
  }
  /// Replaces what was said of the register.
  void save(RegIndex reg, u8 bytes, Place at);
};

inline u64 address_of(Place place, const RegisterFile& file) {
  return file.value[place.base][0] + static_cast<u64>(place.offset);
}
/// One value of the caller by a rule: `half` 1 is the upper 64 bits of a vector register. False: it is lost, or at
/// `bad_address`, which `stack` does not have.
bool caller_value(const FrameRule& rule, const RegisterFile& file, const Region& stack, RegIndex reg, u32 half,
                  u64& out, u64& bad_address);
bool caller_pc(const FrameRule& rule, const RegisterFile& file, const Region& stack, u64& out, u64& bad_address);
inline u64 caller_sp(const FrameRule& rule, const RegisterFile& file) { return address_of(rule.caller_sp, file); }

/// The register file of the caller. A signature in the return address is dropped. `file` is unchanged on an Error.
Result<void> unwind(const FrameRule& rule, Target target, const Region& stack, RegisterFile& file);

/// Without pointer authentication code: bits 48 to 63 as bit 55 (AArch64, "AddPAC"; user addresses have zeros).
constexpr u64 plain_address(u64 address) {
  const u64 high = u64{0xffff} << 48;
  return (address >> 55 & 1) != 0 ? address | high : address & ~high;
}

/// "byte 0x1c: what": malformed tables. `at` counts from the first byte of the tables.
Error malformed(u64 at, const std::string& what);
std::string hex(u64 value);

/// A stretch of code, as offsets in it, that must have one table entry of its own.
struct CodeRange {
  u32 begin = 0, end = 0;
};

/// What tables are divided into: entries, one a function or more; what these refer to; call frame information.
enum class TableRegion : u8 { Entries, Info, Frames };

/// A field of a format, by its specification's name, and why some of its bits may have no meaning; "" where none is
/// known.
struct TableField {
  std::string name;
  const char* why = "";
};

/// Tables of one format for one piece of code.
class UnwindTables {
public:
  virtual ~UnwindTables() = default;

  /// The rule at `pc`, the address of the next instruction to run. BadInput: malformed, or nothing covers the pc.
  /// `is_return`: pc is a return address, the frame waits for a call. (Formats that look up the call itself want that.)
  /// A rule that is looked up for a call is that of every return address behind the one asked for up to `until` itself.
  virtual Result<void> rule_at(u64 pc, bool is_return, FrameRule& out) const = 0;

  /// The first thing that a strict reader objects to: reserved bits, padding, order, counts, ends; see each format. The
  /// code is looked at where the specification ties tables to instructions.
  virtual Result<void> lint() const = 0;

  /// Appends every address that the tables name, entries of functions included: each must be where an instruction
  /// begins, or where a function ends.
  virtual Result<void> boundaries(std::vector<u64>& out) const = 0;

  /// The field that has a bit of the byte at `at` of the region.
  virtual TableField field_at(TableRegion region, u64 at, u32 bit) const = 0;
};

} // namespace assay::oracle
