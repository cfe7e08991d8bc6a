// messages.cpp - see messages.h.
//
// Linear memory is mostly zero: it is sent as its size and the stretches that are not zero, found eight bytes at a
// time. Tested in qemu/protocol/tests/messages_test.cpp.
#include "qemu/protocol/messages.h"

#include "compiler/jit/code_object_file.h"
#include "qemu/protocol/module_image.h"
#include "qemu/protocol/wire.h"

#include <algorithm>

namespace assay::qemu::protocol {

namespace {

constexpr u64 kMaxStack = u64{1} << 30;
constexpr u64 kSameStretch = 64; // zeros that do not end a stretch: a stretch costs 16 bytes

Error wrong(std::string_view message) {
  return Error{ErrorKind::BadInput, {}, 0, 0, "malformed message: " + std::string(message)};
}

Result<void> finish(const Reader& reader, std::string_view message) {
  if (!reader.done()) return wrong(message);
  return {};
}

u64 word_at(std::span<const u8> bytes, std::size_t at) {
  u64 word = 0;
  std::memcpy(&word, bytes.data() + at, 8);
  return word;
}

/// The first byte from `at` on that is not zero.
std::size_t skip_zeros(std::span<const u8> bytes, std::size_t at) {
  while (at + 8 <= bytes.size() && word_at(bytes, at) == 0) at += 8;
  while (at < bytes.size() && bytes[at] == 0) ++at;
  return at;
}

void write_memory(std::span<const u8> memory, Writer& w) {
  w.u64_(memory.size());
  for (std::size_t at = skip_zeros(memory, 0); at < memory.size();) {
    std::size_t end = at + 1, next = skip_zeros(memory, end);
    while (next < memory.size() && next - end < kSameStretch) {
      end = next + 1;
      next = skip_zeros(memory, end);
    }
    w.u64_(at);
    w.u64_(end - at);
    w.raw(memory.subspan(at, end - at));
    at = next;
  }
  w.u64_(memory.size()); // no stretch begins here
}

void read_memory(Reader& r, const Module& module, std::vector<u8>& out) {
  const u64 size = r.u64_();
  if (size > (module.has_memory ? module.memory_max : 0)) r.fail();
  if (r.failed()) return;
  out.assign(static_cast<std::size_t>(size), 0);
  u64 done = 0;
  for (;;) {
    const u64 at = r.u64_();
    if (r.failed() || at >= size) {
      if (at != size) r.fail();
      return;
    }
    const u64 length = r.u64_();
    if (at < done || length == 0 || length > size - at) r.fail();
    const std::span<const u8> bytes = r.raw(r.failed() ? 0 : length);
    if (r.failed()) return;
    std::memcpy(out.data() + at, bytes.data(), bytes.size());
    done = at + length;
  }
}

void read_trace(Reader& r, const Module& module, Outcome& out) {
  r.words(out.trace_args);
  out.frames.resize(r.count(12));
  if (out.frames.size() > kMaxRecordedFrames + 1) r.fail();
  for (Position& position : out.frames) position = r.position(module.functions.size());
  out.trace.resize(r.count(21));
  for (TraceEvent& event : out.trace) {
    event.kind = r.choice<TraceKind>(kTraceKinds);
    if (event.kind == TraceKind::HostCall) event.subject = r.index(module.functions.size());
    else event.subject = r.index(module.tags.size(), event.kind == TraceKind::Rethrow);
    event.args = r.u32_(), event.arg_count = r.u32_();
    event.frames = r.u32_(), event.frame_count = r.u32_();
    if (r.failed()) return;
    if ((event.kind == TraceKind::HostCall && !module.functions[event.subject].imported) ||
        event.arg_count != arg_types(module, event).size() ||
        u64{event.args} + event.arg_count > out.trace_args.size() ||
        u64{event.frames} + event.frame_count > out.frames.size()) {
      r.fail();
    }
  }
}

/// The values of one list of types: their number is fixed and their bits are zero above the type's width.
void read_values(Reader& r, std::span<const Type> types, Outcome& out) {
  r.words(out.values);
  if (out.values.size() != types.size()) r.fail();
  if (r.failed()) return;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if ((out.values[i] & ~bit_mask(types[i])) != 0) r.fail();
  }
  out.value_types.assign(types.begin(), types.end());
}

void read_end(Reader& r, const Module& module, FunctionId function, Outcome& out) {
  out.kind = r.choice<OutcomeKind>(static_cast<u32>(OutcomeKind::Refused));
  out.trap = r.choice<TrapKind>(kTrapCount);
  out.position = r.position(module.functions.size());
  out.tag = r.index(module.tags.size(), true);
  r.text(out.text);
  if (r.failed()) return;
  std::span<const Type> types;
  if (out.kind == OutcomeKind::Returned) types = module.results_of(module.functions[function]);
  if (out.kind == OutcomeKind::Threw) {
    if (out.tag == kNone) r.fail();
    else types = module.params(module.signatures[module.tags[out.tag].signature]);
  }
  read_values(r, types, out);
}

} // namespace

void encode_hello(const Hello& hello, std::vector<u8>& out) {
  const std::size_t begun = begin_frame(out, MessageType::Hello, 0);
  Writer w(out);
  w.text(hello.runner);
  w.u32_(hello.abilities.size());
  for (const Ability& ability : hello.abilities) w.u8_(static_cast<u8>(ability.target)), w.text(ability.reason);
  end_frame(out, begun);
}

Result<void> decode_hello(std::span<const u8> payload, Hello& out) {
  Reader r(payload);
  r.text(out.runner);
  out.abilities.resize(r.count(5));
  for (Ability& ability : out.abilities) {
    ability.target = r.choice<Target>(2);
    r.text(ability.reason);
  }
  return finish(r, "hello");
}

void encode_load(u32 serial, const Module& module, const CodeObject& object, const Limits& limits,
                 std::vector<u8>& out) {
  const std::size_t begun = begin_frame(out, MessageType::Load, serial);
  Writer w(out);
  w.u64_(limits.stack_bytes);
  w.u64_(limits.work);
  write_module(module, w);
  jit::serialise(object, out); // to the end
  end_frame(out, begun);
}

Result<void> decode_load(std::span<const u8> payload, Program& out) {
  Reader r(payload);
  out.limits.stack_bytes = r.u64_();
  out.limits.work = r.u64_();
  if (out.limits.stack_bytes > kMaxStack) r.fail();
  read_module(r, out.module);
  if (r.failed()) return wrong("load");
  auto object = jit::deserialise(r.rest());
  if (!object) return object.error();
  if (!object->fits(out.module)) return wrong("load: code of another module");
  out.object = std::move(object).value();
  return {};
}

void encode_run(u32 serial, FunctionId function, std::span<const u64> args, u64 fuel, std::vector<u8>& out) {
  const std::size_t begun = begin_frame(out, MessageType::Run, serial);
  Writer w(out);
  w.u32_(function);
  w.u64_(fuel);
  w.words(args);
  end_frame(out, begun);
}

Result<void> decode_run(std::span<const u8> payload, const Module& module, RunMessage& out) {
  Reader r(payload);
  out.function = r.index(module.functions.size());
  out.fuel = r.u64_();
  r.words(out.args);
  if (auto done = finish(r, "run"); !done) return done;
  if (out.args.size() != module.params_of(module.functions[out.function]).size())
    return wrong("run: the number of arguments");
  return {};
}

void encode_result(u32 serial, const Outcome& outcome, std::vector<u8>& out) {
  const std::size_t begun = begin_frame(out, MessageType::Result, serial);
  Writer w(out);
  w.u8_(static_cast<u8>(outcome.kind));
  w.u8_(static_cast<u8>(outcome.trap));
  w.position(outcome.position);
  w.u32_(outcome.tag);
  w.text(outcome.text);
  w.words(outcome.values);
  w.words(outcome.globals);
  w.u64_(outcome.fuel_left);
  w.words(outcome.trace_args);
  w.u32_(outcome.frames.size());
  for (const Position& position : outcome.frames) w.position(position);
  w.u32_(outcome.trace.size());
  for (const TraceEvent& event : outcome.trace) {
    w.u8_(static_cast<u8>(event.kind));
    for (const u32 field : {event.subject, event.args, event.arg_count, event.frames, event.frame_count}) w.u32_(field);
  }
  write_memory(outcome.memory, w);
  end_frame(out, begun);
}

Result<void> decode_result(std::span<const u8> payload, const Module& module, FunctionId function, Outcome& out) {
  Reader r(payload);
  out.clear();
  read_end(r, module, function, out);
  r.words(out.globals);
  if (out.globals.size() != module.globals.size()) r.fail();
  out.fuel_left = r.u64_();
  read_trace(r, module, out);
  read_memory(r, module, out.memory);
  return finish(r, "result");
}

void encode_refused(u32 serial, const Refusal& refusal, std::vector<u8>& out) {
  const std::size_t begun = begin_frame(out, MessageType::Refused, serial);
  Writer w(out);
  w.u8_(static_cast<u8>(refusal.kind));
  w.text(refusal.message);
  end_frame(out, begun);
}

Result<void> decode_refused(std::span<const u8> payload, Refusal& out) {
  Reader r(payload);
  out.kind = r.choice<ErrorKind>(static_cast<u32>(ErrorKind::Internal) + 1);
  r.text(out.message);
  return finish(r, "refused");
}

} // namespace assay::qemu::protocol
