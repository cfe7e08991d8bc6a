// code_object_file.cpp - see code_object_file.h.
//
// Fields are written one by one, never as raw structures, so padding and byte order of the host do not matter. Reading
// checks each count against the bytes that remain before anything is allocated, so a short file cannot ask for much
// memory. Tested, also with every byte changed and every length cut, in compiler/jit/tests/code_object_file_test.cpp.
#include "compiler/jit/code_object_file.h"

#include "compiler/codegen/relocate.h"

#include <algorithm>
#include <cstring>

namespace assay::jit {

namespace {

constexpr char kMagic[8] = {'A', 'S', 'S', 'A', 'Y', 'O', 'B', 'J'};
constexpr u64 kHeaderBytes = 8 + 4 + 8 + 8;
constexpr u32 kMaxCode = 1u << 28;

u64 checksum(std::span<const u8> bytes) {
  u64 hash = 0xcbf29ce484222325u;
  for (const u8 byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  return hash;
}

class Writer {
public:
  explicit Writer(std::vector<u8>& out) : out_(out) {}
  void u(u64 value, u32 bytes) {
    for (u32 i = 0; i < bytes; ++i) out_.push_back(static_cast<u8>(value >> (8 * i)));
  }
  void bytes(const void* data, size_t size) {
    const u8* from = static_cast<const u8*>(data);
    out_.insert(out_.end(), from, from + size);
  }
  void position(const Position& p) { u(p.function, 4), u(p.block, 4), u(p.inst, 4); }
  template <typename Items, typename Each> void array(const Items& items, Each&& each) {
    u(items.size(), 4);
    for (const auto& item : items) each(item);
  }

private:
  std::vector<u8>& out_;
};

class Reader {
public:
  explicit Reader(std::span<const u8> bytes) : bytes_(bytes) {}
  bool failed() const { return failed_; }
  size_t offset() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  u64 u(u32 bytes) {
    if (left() < bytes) failed_ = true;
    if (failed_) return 0;
    u64 value = 0;
    for (u32 i = 0; i < bytes; ++i) value |= u64{bytes_[at_ + i]} << (8 * i);
    at_ += bytes;
    return value;
  }
  u32 u32_() { return static_cast<u32>(u(4)); }
  /// A count of items of at least `item_bytes` each.
  u32 count(u32 item_bytes) {
    const u32 n = u32_();
    if (u64{n} * item_bytes > left()) failed_ = true;
    return failed_ ? 0 : n;
  }
  Position position() {
    Position p;
    p.function = u32_(), p.block = u32_(), p.inst = u32_();
    return p;
  }
  /// An enumerator below `limit`.
  template <typename Enum> Enum choice(u32 limit) {
    const u64 value = u(1);
    if (value >= limit) failed_ = true;
    return static_cast<Enum>(failed_ ? 0 : value);
  }
  void bytes(std::vector<u8>& out) {
    const u32 n = count(1);
    out.assign(bytes_.begin() + static_cast<std::ptrdiff_t>(at_),
               bytes_.begin() + static_cast<std::ptrdiff_t>(at_ + n));
    at_ += n;
  }
  template <typename Item, typename Each> void array(std::vector<Item>& items, u32 item_bytes, Each&& each) {
    items.resize(count(item_bytes));
    for (Item& item : items) each(item);
  }

private:
  std::span<const u8> bytes_;
  size_t at_ = 0;
  bool failed_ = false;
};

void write_body(const CodeObject& object, Writer& w) {
  w.u(static_cast<u8>(object.target), 1), w.u(static_cast<u8>(object.os), 1), w.u(static_cast<u8>(object.host_os), 1);
  w.u(object.alignment, 4);
  w.u(object.code.size(), 4), w.bytes(object.code.data(), object.code.size());
  w.u(object.rodata.size(), 4), w.bytes(object.rodata.data(), object.rodata.size());
  w.array(object.relocs, [&](const Reloc& r) {
    w.u(r.offset, 4), w.u(static_cast<u8>(r.kind), 1), w.u(r.function, 4), w.u(static_cast<u32>(r.addend), 4);
  });
  w.array(object.functions, [&](const FunctionCode& f) {
    w.u(f.function, 4), w.u(f.begin, 4), w.u(f.end, 4), w.u(f.first_frame_op, 4), w.u(f.frame_op_count, 4);
    w.u(f.frame_size, 4), w.u(f.is_thunk ? 1 : 0, 1);
  });
  w.array(object.function_entry, [&](u32 index) { w.u(index, 4); });
  w.array(object.frame_ops, [&](const FrameOp& op) {
    w.u(op.offset, 4), w.u(static_cast<u8>(op.effect), 1), w.u(op.reg, 1), w.u(static_cast<u32>(op.value), 4);
    w.u(op.plain ? 1 : 0, 1);
  });
  w.array(object.positions,
          [&](const PcPosition& p) { w.u(p.offset, 4), w.position(p.position), w.u(p.inlined_at, 4); });
  w.array(object.inlined_calls, [&](const SourcePosition& p) { w.position(p.position), w.u(p.inlined_at, 4); });
  w.array(object.faults,
          [&](const FaultSite& f) { w.u(f.offset, 4), w.u(static_cast<u8>(f.trap), 1), w.position(f.position); });
  w.array(object.call_sites,
          [&](const CallSite& s) { w.u(s.offset, 4), w.u(s.first_clause, 4), w.u(s.clause_count, 4); });
  w.array(object.clauses, [&](const Clause& c) { w.u(c.tag, 4), w.u(c.payload, 4), w.u(c.landing_pad, 4); });
  w.array(object.names, [&](const std::string& name) { w.u(name.size(), 4), w.bytes(name.data(), name.size()); });
}

void read_body(Reader& r, CodeObject& object) {
  object.target = r.choice<Target>(2);
  object.os = r.choice<Os>(3);
  object.host_os = r.choice<Os>(3);
  object.alignment = r.u32_();
  r.bytes(object.code);
  r.bytes(object.rodata);
  r.array(object.relocs, 13, [&](Reloc& x) {
    x.offset = r.u32_(), x.kind = r.choice<RelocKind>(4), x.function = r.u32_(), x.addend = static_cast<i32>(r.u32_());
  });
  r.array(object.functions, 25, [&](FunctionCode& f) {
    f.function = r.u32_(), f.begin = r.u32_(), f.end = r.u32_(), f.first_frame_op = r.u32_(),
    f.frame_op_count = r.u32_();
    f.frame_size = r.u32_(), f.is_thunk = r.choice<u8>(2) != 0;
  });
  r.array(object.function_entry, 4, [&](u32& index) { index = r.u32_(); });
  r.array(object.frame_ops, 11, [&](FrameOp& op) {
    op.offset = r.u32_(), op.effect = r.choice<FrameEffect>(static_cast<u32>(FrameEffect::EpilogueEnd) + 1);
    op.reg = r.choice<RegIndex>(64), op.value = static_cast<i32>(r.u32_()), op.plain = r.choice<u8>(2) != 0;
  });
  r.array(object.positions, 20,
          [&](PcPosition& p) { p.offset = r.u32_(), p.position = r.position(), p.inlined_at = r.u32_(); });
  r.array(object.inlined_calls, 16, [&](SourcePosition& p) { p.position = r.position(), p.inlined_at = r.u32_(); });
  r.array(object.faults, 17, [&](FaultSite& f) {
    f.offset = r.u32_(), f.trap = r.choice<TrapKind>(kTrapCount), f.position = r.position();
  });
  r.array(object.call_sites, 12,
          [&](CallSite& s) { s.offset = r.u32_(), s.first_clause = r.u32_(), s.clause_count = r.u32_(); });
  r.array(object.clauses, 12, [&](Clause& c) { c.tag = r.u32_(), c.payload = r.u32_(), c.landing_pad = r.u32_(); });
  std::vector<u8> text;
  r.array(object.names, 4, [&](std::string& name) {
    r.bytes(text);
    name.assign(text.begin(), text.end());
  });
}

Error wrong(std::string what) { return Error{ErrorKind::BadInput, {}, 0, 0, "code object: " + std::move(what)}; }

template <typename Entry> bool sorted_within(const std::vector<Entry>& entries, u32 limit, u32 unit) {
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].offset > limit || entries[i].offset % unit != 0 ||
        (i != 0 && entries[i].offset <= entries[i - 1].offset))
      return false;
  }
  return true;
}

/// Code of this target begins, ends and has its tables' offsets at multiples of this.
u32 instruction_unit(Target target) { return target == Target::A64 ? 4 : 1; }

bool has_kind(Target target, RelocKind kind) {
  const bool is_a64 = kind == RelocKind::Branch26 || kind == RelocKind::Lea;
  return kind == RelocKind::Abs64 || is_a64 == (target == Target::A64);
}

Result<void> validate_functions(const CodeObject& object) {
  const u32 unit = instruction_unit(object.target);
  u32 end = 0;
  for (const FunctionCode& f : object.functions) {
    if (f.begin % 16 != 0 || f.begin < end || f.end <= f.begin || f.end > object.code.size() || f.end % unit != 0)
      return wrong("a function's range");
    if (u64{f.first_frame_op} + f.frame_op_count > object.frame_ops.size())
      return wrong("a function's frame description");
    if (f.function >= object.function_entry.size()) return wrong("a function's id");
    u32 last = 0;
    for (const FrameOp& op : object.frame_of(f)) {
      if (op.offset < last || op.offset > f.end - f.begin || op.offset % unit != 0)
        return wrong("the offset of a frame effect");
      last = op.offset;
    }
    end = f.end;
  }
  for (const u32 index : object.function_entry) {
    if (index != kNone && index >= object.functions.size()) return wrong("the entry of a function");
  }
  return {};
}

Result<void> validate_call_sites(const CodeObject& object, u32 unit) {
  if (!sorted_within(object.call_sites, static_cast<u32>(object.code.size()), unit))
    return wrong("the order of call sites");
  for (const CallSite& site : object.call_sites) {
    if (u64{site.first_clause} + site.clause_count > object.clauses.size()) return wrong("the clauses of a call site");
  }
  for (const Clause& clause : object.clauses) {
    if (clause.landing_pad >= object.code.size() || clause.landing_pad % unit != 0)
      return wrong("the landing pad of a clause");
  }
  return {};
}

} // namespace

Result<void> validate(const CodeObject& object) {
  if (object.code.size() > kMaxCode || object.rodata.size() > kMaxCode) return wrong("its size");
  if (object.alignment != 16 && object.alignment != 4096) return wrong("its alignment");
  const u32 size = static_cast<u32>(object.code.size()), unit = instruction_unit(object.target);
  if (size % unit != 0) return wrong("its size");
  if (auto done = validate_functions(object); !done) return done;
  for (const Reloc& reloc : object.relocs) {
    if (!has_kind(object.target, reloc.kind)) return wrong("the kind of a relocation");
    if (u64{reloc.offset} + codegen::field_bytes(reloc.kind) > size || reloc.offset % unit != 0)
      return wrong("the place of a relocation");
    if (reloc.function >= object.function_entry.size() || !object.has(reloc.function))
      return wrong("the function of a relocation");
  }
  if (!sorted_within(object.positions, size, unit)) return wrong("the order of positions");
  if (!sorted_within(object.faults, size, unit)) return wrong("the order of fault sites");
  if (auto done = validate_call_sites(object, unit); !done) return done;
  for (const PcPosition& p : object.positions) {
    if (p.position.function >= object.function_entry.size()) return wrong("the function of a position");
    if (p.inlined_at != kNone && p.inlined_at >= object.inlined_calls.size())
      return wrong("the inlined call of a position");
  }
  for (std::size_t i = 0; i < object.inlined_calls.size(); ++i) {
    const SourcePosition& call = object.inlined_calls[i];
    if (call.position.function >= object.function_entry.size()) return wrong("the function of an inlined call");
    if (call.inlined_at != kNone && call.inlined_at >= i) return wrong("the order of inlined calls");
  }
  for (const FaultSite& f : object.faults) {
    if (f.position.function >= object.function_entry.size()) return wrong("the function of a fault site");
  }
  if (object.names.size() != object.function_entry.size()) return wrong("the number of names");
  return {};
}

void serialise(const CodeObject& object, std::vector<u8>& out) {
  std::vector<u8> body;
  Writer body_writer(body);
  write_body(object, body_writer);
  Writer w(out);
  w.bytes(kMagic, sizeof kMagic);
  w.u(kCodeObjectVersion, 4);
  w.u(body.size(), 8);
  w.u(checksum(body), 8);
  w.bytes(body.data(), body.size());
}

Result<CodeObject> deserialise(std::span<const u8> bytes) {
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) {
    return wrong("expected a file that starts with ASSAYOBJ");
  }
  Reader header(bytes.subspan(8, kHeaderBytes - 8));
  const u32 version = header.u32_();
  if (version != kCodeObjectVersion) {
    return wrong("version " + std::to_string(version) + ", expected " + std::to_string(kCodeObjectVersion));
  }
  const u64 length = header.u(8), sum = header.u(8);
  const std::span<const u8> body = bytes.subspan(kHeaderBytes);
  if (length != body.size()) return wrong(std::to_string(body.size()) + " bytes, expected " + std::to_string(length));
  if (checksum(body) != sum) return wrong("its checksum does not match");
  Reader reader(body);
  CodeObject object;
  read_body(reader, object);
  if (reader.failed()) return wrong("malformed at offset " + std::to_string(kHeaderBytes + reader.offset()));
  if (reader.left() != 0) return wrong(std::to_string(reader.left()) + " bytes too many");
  if (auto done = validate(object); !done) return done.error();
  return object;
}

} // namespace assay::jit
