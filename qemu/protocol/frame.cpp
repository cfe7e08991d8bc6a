// frame.cpp - see frame.h.
//
// The checksum is a multiply-and-rotate hash over words of eight bytes; every single-bit change alters it, because each
// step is a bijection of the state. It guards against a confused peer, not against a malicious one: decoders check
// ranges as well. Tested in qemu/protocol/tests/frame_test.cpp.
#include "qemu/protocol/frame.h"

#include "qemu/protocol/wire.h"

#include <algorithm>
#include <bit>

namespace assay::qemu::protocol {

namespace {

constexpr u8 kMagic[4] = {'A', 'S', 'Y', 'X'};
constexpr u32 kSumAt = 16; // in the header; what precedes it is summed, too

u64 mix(u64 state, u64 word) { return std::rotl((state ^ word) * 0x9e3779b97f4a7c15u, 29); }

u64 checksum(std::span<const u8> header, std::span<const u8> payload) {
  u64 state = 0xa55a1u;
  const auto add = [&](std::span<const u8> bytes) {
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
      u64 word = 0;
      std::memcpy(&word, bytes.data() + at, 8);
      state = mix(state, word);
    }
    u64 rest = bytes.size() - at;
    for (u32 i = 1; at < bytes.size(); ++at, ++i) rest |= u64{bytes[at]} << (8 * i);
    state = mix(state, rest);
  };
  add(header.first(kSumAt));
  add(payload);
  return state ^ (state >> 32);
}

Error wrong(std::string what) {
  return Error{ErrorKind::BadInput, {}, 0, 0, "not a frame of this protocol: " + std::move(what)};
}

} // namespace

std::size_t begin_frame(std::vector<u8>& out, MessageType type, u32 serial) {
  const std::size_t begun = out.size();
  Writer w(out);
  w.raw(kMagic);
  w.u(kVersion, 2);
  w.u(static_cast<u16>(type), 2);
  w.u32_(serial);
  w.u32_(0);
  w.u64_(0);
  return begun;
}

void end_frame(std::vector<u8>& out, std::size_t begun) {
  const u64 length = out.size() - begun - kHeaderBytes;
  ASSAY_CHECK(length <= kMaxPayload);
  for (u32 i = 0; i < 4; ++i) out[begun + 12 + i] = static_cast<u8>(length >> (8 * i));
  const std::span<const u8> frame = std::span<const u8>(out).subspan(begun);
  const u64 sum = checksum(frame.first(kHeaderBytes), frame.subspan(kHeaderBytes));
  for (u32 i = 0; i < 8; ++i) out[begun + kSumAt + i] = static_cast<u8>(sum >> (8 * i));
}

std::span<u8> FrameBuffer::space(std::size_t bytes) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (bytes_.size() - end_ < bytes && begin_ != 0) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (bytes_.size() - end_ < bytes) bytes_.resize(2 * (end_ + bytes));
  return std::span<u8>(bytes_).subspan(end_);
}

Result<bool> FrameBuffer::next(Frame& out) {
  const std::span<const u8> here = std::span<const u8>(bytes_).subspan(begin_, end_ - begin_);
  if (here.empty()) return false;
  const std::size_t magic = std::min(here.size(), sizeof kMagic);
  if (std::memcmp(here.data(), kMagic, magic) != 0) return wrong("it does not start with ASYX");
  if (here.size() < kHeaderBytes) return false;
  Reader header(here.first(kHeaderBytes));
  header.raw(sizeof kMagic);
  const u64 version = header.u(2);
  if (version != kVersion)
    return wrong("version " + std::to_string(version) + ", expected " + std::to_string(kVersion));
  const u64 type = header.u(2);
  if (type == 0 || type >= kMessageTypes) return wrong("message type " + std::to_string(type));
  out.type = static_cast<MessageType>(type);
  out.serial = header.u32_();
  const u32 length = header.u32_();
  if (length > kMaxPayload) return wrong("a length of " + std::to_string(length));
  if (here.size() - kHeaderBytes < length) return false;
  out.payload = here.subspan(kHeaderBytes, length);
  if (checksum(here.first(kHeaderBytes), out.payload) != header.u64_()) return wrong("its checksum does not match");
  begin_ += kHeaderBytes + length;
  return true;
}

} // namespace assay::qemu::protocol
