// perf_records.cpp - see perf_records.h.
//
// `perf inject --jit` makes an ELF file of each JIT_CODE_LOAD, so records are a function each. The unwind tables of one
// function come from a CodeObject with that function alone. A name ends its line in a map file, so what would break one
// is replaced. Tested in compiler/debug/info/tests/perf_records_test.cpp.
#include "compiler/debug/info/perf_records.h"

#include "compiler/debug/info/byte_writer.h"
#include "compiler/debug/info/code_lines.h"
#include "compiler/unwind/dwarf.h"

#include <algorithm>

namespace assay::debug {

namespace {

constexpr u32 kMagic = 0x4a695444, kVersion = 1, kHeaderBytes = 40; // "JiTD"
constexpr u32 kCodeLoad = 0, kDebugInfo = 2, kUnwindingInfo = 4;
constexpr u32 kX64Machine = 62, kA64Machine = 183;
// Encodings of pointers in .eh_frame_hdr: pc-relative, plain count, relative to the header.
constexpr u8 kRelative4 = 0x1b, kUnsigned4 = 0x03, kDataRelative4 = 0x3b;
constexpr u32 kFrameHeaderBytes = 20; // with one entry

std::string hex(u64 value) {
  std::string digits;
  do {
    digits.insert(digits.begin(), "0123456789abcdef"[value & 15]);
    value >>= 4;
  } while (value != 0);
  return digits;
}

/// A record's head; its length is filled in by `end_record`.
u64 begin_record(ByteWriter& w, u32 id, u64 time) {
  const u64 begin = w.size();
  w.u32_(id);
  w.u32_(0);
  w.u64_(time);
  return begin;
}
void end_record(ByteWriter& w, u64 begin) { w.patch(begin + 4, w.size() - begin, 4); }

void append_lines(const CodeObject& object, const FunctionCode& function, u64 base, const DebugSource& source, u64 time,
                  ByteWriter& w) {
  std::vector<LineRow> rows;
  lines_of(object, function, source, rows);
  if (rows.empty()) return;
  const u64 record = begin_record(w, kDebugInfo, time);
  w.u64_(base + function.begin);
  w.u64_(rows.size());
  for (const LineRow& row : rows) {
    w.u64_(base + row.offset);
    w.u32_(row.line);
    w.u32_(0); // no discriminator
    w.text(source.file);
  }
  end_record(w, record);
}

void append_frames(const CodeObject& object, const FunctionCode& function, u64 time, ByteWriter& w) {
  CodeObject one;
  one.target = object.target;
  one.os = object.os;
  one.host_os = object.host_os;
  const u32 bytes = function.end - function.begin;
  const u32 frames_at = (bytes + 7) & ~7u;
  one.code.resize(bytes);
  one.functions.push_back(function);
  one.functions[0].begin = 0;
  one.functions[0].end = bytes;
  one.functions[0].first_frame_op = 0;
  const std::span<const FrameOp> effects = object.frame_of(function);
  one.frame_ops.assign(effects.begin(), effects.end());
  std::vector<u8> frames;
  std::vector<u32> fde_at;
  if (!unwind::write_eh_frame(one, frames_at, frames, {}, &fde_at) || fde_at.empty()) return;
  while (frames.size() % 8 != 0) frames.push_back(0);
  const u64 record = begin_record(w, kUnwindingInfo, time);
  const u64 size = frames.size() + kFrameHeaderBytes;
  w.u64_(size);
  w.u64_(kFrameHeaderBytes);
  w.u64_(0); // of the tables, nothing is mapped: readers take them from the file
  w.bytes(frames.data(), frames.size());
  for (const u8 byte : {u8{1}, kRelative4, kUnsigned4, kDataRelative4}) w.u8_(byte);
  w.u32_(0 - (frames.size() + 4)); // to .eh_frame, from this field
  w.u32_(1);
  w.u32_(0 - (frames_at + frames.size())); // the function, from the header
  w.u32_(fde_at[0] - frames.size());
  while ((w.size() - record) % 8 != 0) w.u8_(0);
  end_record(w, record);
}

} // namespace

void append_perf_map(const CodeObject& object, u64 base, std::string& out) {
  for (const FunctionCode& function : object.functions) {
    std::string name = shown_name(object, function);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');
    out += hex(base + function.begin) + " " + hex(function.end - function.begin) + " " + name + "\n";
  }
}

void append_dump_header(Target target, const DumpProcess& process, std::vector<u8>& out) {
  ByteWriter w(out);
  w.u32_(kMagic);
  w.u32_(kVersion);
  w.u32_(kHeaderBytes);
  w.u32_(target == Target::A64 ? kA64Machine : kX64Machine);
  w.u32_(0);
  w.u32_(process.pid);
  w.u64_(process.time);
  w.u64_(0); // flags: the clock is not the processor's
}

void append_dump_code(const CodeObject& object, const u8* code, u64 base, const DebugSource* source,
                      const DumpProcess& process, u64& next_index, std::vector<u8>& out) {
  ByteWriter w(out);
  for (const FunctionCode& function : object.functions) {
    if (source != nullptr) append_lines(object, function, base, *source, process.time, w);
    append_frames(object, function, process.time, w);
    const u64 record = begin_record(w, kCodeLoad, process.time);
    w.u32_(process.pid);
    w.u32_(process.tid);
    w.u64_(base + function.begin);
    w.u64_(base + function.begin);
    w.u64_(function.end - function.begin);
    w.u64_(next_index++);
    w.text(shown_name(object, function));
    w.bytes(code + function.begin, function.end - function.begin);
    end_record(w, record);
  }
}

} // namespace assay::debug
