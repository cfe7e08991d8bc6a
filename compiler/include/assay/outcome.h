// outcome.h - everything that can be observed of one run (docs/air.md, "What a run is observed by").
//
// A plain value with a comparison and a printer. Flat arrays that keep their capacity, so that a
// fuzzing loop allocates nothing in the steady state. Written by the oracle and by every executor;
// holds no evaluation code. Tested in compiler/ir/tests/outcome_test.cpp.
#pragma once

#include "assay/module.h"
#include "assay/types.h"

#include <span>
#include <string>
#include <vector>

namespace assay {

enum class OutcomeKind : u8 {
  Returned,  // values
  Threw,     // tag, values are its payload
  ThrewHost, // text is what()
  Trapped,   // trap, position
  // What only a defective engine does; each is a finding.
  Crashed,  // a signal at a pc without a trap entry; text says which
  Hung,     // no end within the time allowed
  Breached, // the machine contract was broken; text says what (register, stack, flags, guard zone)
  // What the oracle says of a program that leaves AIR's guarantees (a wild native access).
  Refused, // text says why; such a program is discarded, not compared
};

enum class TraceKind : u8 {
  HostCall, // of an imported function
  Throw,    // `throw`
  Rethrow,  // `rethrow` of an exception that is held
};
inline constexpr u32 kTraceKinds = 3;

/// What a run did while it lasted that can be seen: what it was, with what, and from where.
struct TraceEvent {
  TraceKind kind = TraceKind::HostCall;
  u32 subject = kNone;             // the FunctionId called; the TagId thrown, kNone: none of this module
  u32 args = 0, arg_count = 0;     // in Outcome::trace_args: arguments, or the payload
  u32 frames = 0, frame_count = 0; // in Outcome::frames, innermost first; of a throw, the first is where it stands
};

/// Frames of call stacks that one run records, over all its events (3 MiB). Host calls at every level of a deep
/// recursion record a square number of them: without a bound, the fuel of one run would be good for gigabytes. The
/// oracle refuses a run that needs more; what runs code records at most one more, so that it cannot agree with an
/// accepted one.
inline constexpr u32 kMaxRecordedFrames = 1u << 18;

/// Exceptions that catch_all gave out and that a run can still rethrow: the latest ones. A rethrow of an earlier one,
/// or of a ptr that is none, traps unreachable.
inline constexpr u32 kHeldExceptions = 1u << 16;

struct Outcome {
  OutcomeKind kind = OutcomeKind::Returned;
  TrapKind trap = TrapKind::Unreachable;
  Position position;             // of a trap
  TagId tag = kNone;             // of Threw
  std::string text;              // of ThrewHost, Crashed, Breached, Refused
  std::vector<u64> values;       // results or payload; bits, zero above the type's width
  std::vector<Type> value_types; // one for each of values
  std::vector<u8> memory;        // linear memory afterwards
  std::vector<u64> globals;      // bits, zero above the type's width
  std::vector<TraceEvent> trace; // in the order of the run
  std::vector<u64> trace_args;   // bits, zero above the type's width
  std::vector<Position> frames;  // at most kMaxRecordedFrames, one more in a run that an executor cut
  u64 fuel_left = 0;

  /// Forgets the run, keeping capacity.
  void clear();
  /// Appends an event. Its call stack is what is added to `frames` from now until end_event.
  void begin_event(TraceKind kind, u32 subject, std::span<const u64> args);
  void end_event() { trace.back().frame_count = static_cast<u32>(frames.size()) - trace.back().frames; }
};

/// The types of an event's arguments or payload; none where its subject is none of the module.
std::span<const Type> arg_types(const Module& module, const TraceEvent& event);
/// Whether an exception with so many values in its payload is one of this module's tag (docs/air.md, "Exceptions").
bool is_tag_with(const Module& module, TagId tag, std::size_t payload);

enum class Agreement : u8 {
  Agree,
  Differ,
  Unknown, // they differ, but stack_overflow in one or both (the one inexact resource) or Refused may be why;
           // never where an engine crashed, hung or broke the machine contract
};

/// Compares everything observable. Values of type ptr are not compared (their number is free).
/// `module` gives the types of arguments, payloads and globals.
Agreement compare(const Module& module, const Outcome& a, const Outcome& b);

/// The first difference, in words ("result 1: 3 != 4", "memory byte 17: 0x00 != 0xff",
/// "host call 2: @log(3) != @log(4)", "throw 0: @tag(3) != @tag(4)"); empty when there is none. Host calls, throws and
/// rethrows are counted apart.
std::string first_difference(const Module& module, const Outcome& a, const Outcome& b);

/// One line, as docs/cli.md prints it: "returned 42 0x1.8p+1", "trapped div_by_zero at @f ^b2 #3".
std::string to_string(const Module& module, const Outcome& outcome);
/// "@f ^b2 #3"
std::string to_string(const Module& module, const Position& position);
/// Host calls and throws with their call stacks, a line each: "@log(3) at @f ^b2 #3, @main ^b0 #0", "throw @tag(4) at
/// ...", "rethrow @tag(4) at ...", "rethrow host exception at ...".
std::string trace_to_string(const Module& module, const Outcome& outcome);

} // namespace assay
