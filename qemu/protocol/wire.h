// wire.h - numbers, strings and arrays as little-endian bytes, and back.
//
// The writer appends to a vector whose storage the caller reuses. The reader trusts nothing: past the end it gives
// zeros and remembers that it failed, and a count of items is accepted only when so many items can still follow, so
// that no length makes anybody allocate more than was received. Linear. Tested in qemu/protocol/tests/.
#pragma once

#include "assay/types.h"

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay::qemu::protocol {

class Writer {
public:
  explicit Writer(std::vector<u8>& out) : out_(out) {}

  void u(u64 value, u32 bytes) {
    u8 little[8];
    for (u32 i = 0; i < 8; ++i) little[i] = static_cast<u8>(value >> (8 * i));
    out_.insert(out_.end(), little, little + bytes);
  }
  void u8_(u64 value) { out_.push_back(static_cast<u8>(value)); }
  void u32_(u64 value) { u(value, 4); }
  void u64_(u64 value) { u(value, 8); }
  void raw(std::span<const u8> bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void text(std::string_view text) {
    u32_(text.size());
    out_.insert(out_.end(), text.begin(), text.end());
  }
  void words(std::span<const u64> words) {
    u32_(words.size());
    for (const u64 word : words) u64_(word);
  }
  void position(const Position& p) { u32_(p.function), u32_(p.block), u32_(p.inst); }

private:
  std::vector<u8>& out_;
};

class Reader {
public:
  explicit Reader(std::span<const u8> bytes) : bytes_(bytes) {}

  bool failed() const { return failed_; }
  /// Everything was read and nothing was missing.
  bool done() const { return !failed_ && at_ == bytes_.size(); }
  void fail() { failed_ = true; }

  u64 u(u32 bytes) {
    if (left() < bytes) failed_ = true;
    if (failed_) return 0;
    u64 value = 0;
    for (u32 i = 0; i < bytes; ++i) value |= u64{bytes_[at_ + i]} << (8 * i);
    at_ += bytes;
    return value;
  }
  u8 u8_() { return static_cast<u8>(u(1)); }
  u32 u32_() { return static_cast<u32>(u(4)); }
  u64 u64_() { return u(8); }
  /// A byte that is 0 or 1.
  bool flag() { return choice<u8>(2) != 0; }
  /// An enumerator below `limit`.
  template <typename Enum> Enum choice(u32 limit) {
    const u8 value = u8_();
    if (value >= limit) failed_ = true;
    return static_cast<Enum>(failed_ ? 0 : value);
  }
  /// An index below `limit`, or kNone where that is allowed.
  u32 index(std::size_t limit, bool none_allowed = false) {
    const u32 value = u32_();
    if (value >= limit && !(none_allowed && value == kNone)) failed_ = true;
    return failed_ ? (none_allowed ? kNone : 0) : value;
  }
  /// How many items of at least `item_bytes` (not 0) follow.
  u32 count(u32 item_bytes) {
    const u32 n = u32_();
    if (u64{n} * item_bytes > left()) failed_ = true;
    return failed_ ? 0 : n;
  }
  /// `n` bytes, in place.
  std::span<const u8> raw(u64 n) {
    if (n > left()) failed_ = true;
    if (failed_) return {};
    const std::span<const u8> out = bytes_.subspan(at_, static_cast<std::size_t>(n));
    at_ += static_cast<std::size_t>(n);
    return out;
  }
  /// All that is left.
  std::span<const u8> rest() { return raw(left()); }
  void text(std::string& out) {
    const std::span<const u8> bytes = raw(count(1));
    out.assign(bytes.begin(), bytes.end());
  }
  void words(std::vector<u64>& out) {
    out.resize(count(8));
    for (u64& word : out) word = u64_();
  }
  Position position(std::size_t functions) {
    Position p;
    p.function = index(functions, true), p.block = u32_(), p.inst = u32_();
    return p;
  }

private:
  std::size_t left() const { return bytes_.size() - at_; }

  std::span<const u8> bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

} // namespace assay::qemu::protocol
