// byte_writer.h - appends little-endian fields to a vector, as ELF, DWARF and perf's files want them.
//
// Both targets are little-endian, whatever the host is. No allocation but the growth of the vector.
// Tested with the writers that use it, in compiler/debug/info/tests/.
#pragma once

#include "assay/types.h"

#include <string_view>
#include <vector>

namespace assay::debug {

class ByteWriter {
public:
  explicit ByteWriter(std::vector<u8>& out) : out_(out) {}

  u64 size() const { return out_.size(); }
  /// The lowest `bytes` bytes of `value`.
  void number(u64 value, u32 bytes) {
    for (u32 i = 0; i < bytes; ++i) out_.push_back(static_cast<u8>(value >> (8 * i)));
  }
  void u8_(u64 value) { number(value, 1); }
  void u16_(u64 value) { number(value, 2); }
  void u32_(u64 value) { number(value, 4); }
  void u64_(u64 value) { number(value, 8); }
  void uleb(u64 value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<u8>(value | 0x80));
    out_.push_back(static_cast<u8>(value));
  }
  void sleb(i64 value) {
    for (; value < -64 || value > 63; value >>= 7) out_.push_back(static_cast<u8>((value & 0x7f) | 0x80));
    out_.push_back(static_cast<u8>(value & 0x7f));
  }
  /// With its terminating zero; what follows a zero inside is left out.
  void text(std::string_view value) {
    value = value.substr(0, value.find('\0'));
    out_.insert(out_.end(), value.begin(), value.end());
    out_.push_back(0);
  }
  void bytes(const u8* from, u64 count) { out_.insert(out_.end(), from, from + count); }
  void align(u32 to) {
    while (out_.size() % to != 0) out_.push_back(0);
  }
  /// Overwrites a field that was written before.
  void patch(u64 at, u64 value, u32 bytes) {
    for (u32 i = 0; i < bytes; ++i) out_[at + i] = static_cast<u8>(value >> (8 * i));
  }

private:
  std::vector<u8>& out_;
};

} // namespace assay::debug
