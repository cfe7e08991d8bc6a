// frame.h - how messages are cut out of a stream of bytes.
//
// A frame is a header and a payload. The header: "ASYX", version (u16), type (u16), serial (u32), payload length (u32),
// and a checksum (u64) of all of these and the payload. A serial ties an answer to its request; an asker that has lost
// interest drops answers to older serials. Whatever is not a frame of this version is an error, after which the stream
// is of no use: the asker ends the other side and starts it anew.
// Memory grows with what arrives, never with what a header promises. Cost of a frame: its bytes, eight at a time.
// Tested in qemu/protocol/tests/frame_test.cpp.
#pragma once

#include "assay/errors.h"

#include <span>
#include <vector>

namespace assay::qemu::protocol {

inline constexpr u32 kVersion = 3;
inline constexpr u32 kHeaderBytes = 24;
/// No payload is longer; a linear memory of kMemoryLimit with its recorded calls fits.
inline constexpr u64 kMaxPayload = u64{3} << 29;

/// Who sends it, and what comes back, stands in messages.h, step_messages.h and trace_messages.h.
enum class MessageType : u16 { Hello = 1, Load, Run, Result, Refused, Tables, Step, StepReport, Sweep, Trace, TraceReport };
inline constexpr u32 kMessageTypes = 12; // with 0, which is none

struct Frame {
  MessageType type = MessageType::Hello;
  u32 serial = 0;
  std::span<const u8> payload; // valid until the next call of the FrameBuffer
};

/// Appends a header whose payload follows; gives what end_frame needs.
std::size_t begin_frame(std::vector<u8>& out, MessageType type, u32 serial);
/// Completes the header, after the payload was appended.
void end_frame(std::vector<u8>& out, std::size_t begun);

/// Bytes as they arrive, frames as they become whole. Keeps its storage.
class FrameBuffer {
public:
  /// Room for at least `bytes` more.
  std::span<u8> space(std::size_t bytes);
  /// So many bytes of `space` have been filled.
  void filled(std::size_t bytes) { end_ += bytes; }

  /// True with the next frame in `out`, false when it has not arrived as a whole. BadInput when these bytes are no
  /// frame.
  Result<bool> next(Frame& out);
  void clear() { begin_ = end_ = 0; }

private:
  std::vector<u8> bytes_;
  std::size_t begin_ = 0, end_ = 0; // of what is not yet consumed
};

} // namespace assay::qemu::protocol
