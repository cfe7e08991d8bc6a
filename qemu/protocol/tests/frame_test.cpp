// frame_test.cpp - frames survive any cutting of the stream; damaged ones are errors.
#include "qemu/protocol/frame.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace assay::qemu::protocol {
namespace {

std::vector<u8> frame_of(std::string_view payload, u32 serial = 7) {
  std::vector<u8> out;
  const std::size_t begun = begin_frame(out, MessageType::Result, serial);
  out.insert(out.end(), payload.begin(), payload.end());
  end_frame(out, begun);
  return out;
}

void feed(FrameBuffer& buffer, std::span<const u8> bytes) {
  std::copy(bytes.begin(), bytes.end(), buffer.space(bytes.size()).begin());
  buffer.filled(bytes.size());
}

std::string text_of(const Frame& frame) { return {frame.payload.begin(), frame.payload.end()}; }

TEST(FrameBuffer, GivesAFrameOnceItsLastByteIsThere) {
  const std::vector<u8> bytes = frame_of("hello, frame");
  FrameBuffer buffer;
  Frame frame;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto early = buffer.next(frame);
    ASSERT_TRUE(early.ok());
    ASSERT_FALSE(*early) << i;
    feed(buffer, std::span<const u8>(bytes).subspan(i, 1));
  }
  const auto whole = buffer.next(frame);
  ASSERT_TRUE(whole.ok() && *whole);
  EXPECT_EQ(text_of(frame), "hello, frame");
  EXPECT_EQ(frame.serial, 7u);
  EXPECT_EQ(frame.type, MessageType::Result);
  EXPECT_FALSE(*buffer.next(frame));
}

TEST(FrameBuffer, GivesFramesThatArrivedTogetherOneByOne) {
  FrameBuffer buffer;
  for (u32 round = 0; round < 50; ++round) {
    std::vector<u8> bytes;
    for (u32 i = 0; i < 3; ++i) {
      const std::vector<u8> one = frame_of(std::string(round * 10 + i, 'x'), i);
      bytes.insert(bytes.end(), one.begin(), one.end());
    }
    feed(buffer, bytes);
    Frame frame;
    for (u32 i = 0; i < 3; ++i) {
      ASSERT_TRUE(*buffer.next(frame));
      EXPECT_EQ(frame.payload.size(), round * 10 + i);
      EXPECT_EQ(frame.serial, i);
    }
    EXPECT_FALSE(*buffer.next(frame));
  }
}

TEST(FrameBuffer, NoticesEveryFlippedBit) {
  const std::vector<u8> good = frame_of("0123456789abcdef!");
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::vector<u8> bytes = good;
    bytes[bit / 8] ^= static_cast<u8>(1u << bit % 8);
    FrameBuffer buffer;
    feed(buffer, bytes);
    Frame frame;
    const auto got = buffer.next(frame);
    EXPECT_TRUE(!got.ok() || !*got) << "bit " << bit; // a longer length waits for more
  }
}

TEST(FrameBuffer, RefusesGarbageFromItsFirstByteOn) {
  FrameBuffer buffer;
  feed(buffer, std::vector<u8>{'h'});
  Frame frame;
  const auto got = buffer.next(frame);
  ASSERT_FALSE(got.ok());
  EXPECT_NE(got.error().message.find("ASYX"), std::string::npos);
}

TEST(FrameBuffer, NamesTheVersionItDoesNotKnow) {
  std::vector<u8> bytes = frame_of("x");
  bytes[4] = 9;
  FrameBuffer buffer;
  feed(buffer, bytes);
  Frame frame;
  const auto got = buffer.next(frame);
  ASSERT_FALSE(got.ok());
  EXPECT_NE(got.error().message.find("version 9, expected " + std::to_string(kVersion)), std::string::npos);
}

TEST(FrameBuffer, TakesNoMemoryForAPromisedLength) {
  std::vector<u8> bytes = frame_of("x");
  bytes[15] = 0x50; // 1.25 GiB
  FrameBuffer buffer;
  feed(buffer, bytes);
  Frame frame;
  const auto got = buffer.next(frame);
  ASSERT_TRUE(got.ok());
  EXPECT_FALSE(*got);
  EXPECT_LT(buffer.space(1).size(), 4096u);
}

} // namespace
} // namespace assay::qemu::protocol
