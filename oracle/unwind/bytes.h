// bytes.h - reads little-endian fields and LEB128 numbers from tables that may be anything. Past the end it gives zeros
// and
// remembers that it failed; the caller looks at `failed` before it believes. Tested through the decoders.
#pragma once

#include "assay/types.h"

#include <span>

namespace assay::oracle {

class Bytes {
public:
  Bytes(std::span<const u8> bytes, u64 at, u64 end) : bytes_(bytes), at_(at), end_(end) {
    if (end_ > bytes_.size() || at_ > end_) fail();
  }
  explicit Bytes(std::span<const u8> bytes) : Bytes(bytes, 0, bytes.size()) {}

  u64 at() const { return at_; }
  u64 left() const { return end_ - at_; }
  bool done() const { return at_ == end_; }
  bool failed() const { return failed_; }

  u64 fixed(u32 count) {
    if (left() < count) fail();
    if (failed_) return 0;
    u64 value = 0;
    for (u32 i = 0; i < count; ++i) value |= u64{bytes_[at_ + i]} << (8 * i);
    at_ += count;
    return value;
  }
  u8 byte() { return static_cast<u8>(fixed(1)); }
  u16 half() { return static_cast<u16>(fixed(2)); }
  u32 word() { return static_cast<u32>(fixed(4)); }
  i32 signed_word() { return static_cast<i32>(word()); }

  /// Numbers that do not fit 64 bits fail.
  u64 uleb() {
    u64 value = 0;
    for (u32 shift = 0;; shift += 7) {
      const u8 next = byte();
      const u64 part = next & 0x7f;
      if (shift >= 64 || (shift == 63 && part > 1)) fail();
      if (failed_) return 0;
      value |= part << shift;
      if ((next & 0x80) == 0) return value;
    }
  }
  i64 sleb() {
    u64 value = 0;
    for (u32 shift = 0;;) {
      const u8 next = byte();
      const u64 part = next & 0x7f;
      if (shift >= 64 || (shift == 63 && part != 0 && part != 0x7f)) fail();
      if (failed_) return 0;
      value |= part << shift;
      shift += 7;
      if ((next & 0x80) != 0) continue;
      if ((next & 0x40) != 0 && shift < 64) value |= ~u64{0} << shift;
      return static_cast<i64>(value);
    }
  }

private:
  void fail() {
    failed_ = true;
    at_ = end_ = 0;
  }

  std::span<const u8> bytes_;
  u64 at_, end_;
  bool failed_ = false;
};

} // namespace assay::oracle
