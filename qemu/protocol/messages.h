// messages.h - what is said to a place that runs code elsewhere, and what it answers.
//
//   Hello    runner to asker, once, serial 0: what it can run, and what not, why
//   Load     a program in place of the one before: module, code, limits. Answered only when it is refused
//   Run      one call of a function of the program. Answered by Result or Refused with the same serial
//   Result   the Outcome of a Run
//   Refused  an error; its serial is that of the message refused, or 0
//
// An asker may send a Load and all its Runs in one go; answers come in order. Imports are bound to the test host
// inside the runner, so a run needs no round trip but this. Each Load needs a module and a CodeObject that belong
// together. Decoders check everything against the module, so that what they accept can be used without further care.
// Linear. Tested in qemu/protocol/tests/messages_test.cpp.
#pragma once

#include "assay/code_object.h"
#include "assay/module.h"
#include "assay/outcome.h"
#include "qemu/protocol/frame.h"

#include <string>

namespace assay::qemu::protocol {

/// One kind of code, and why the runner cannot run it; an empty reason: it can.
struct Ability {
  Target target = Target::X64;
  std::string reason;
};

struct Hello {
  std::string runner; // for reports: "unicorn 2.0.1"
  std::vector<Ability> abilities;
};

struct Limits {
  u64 stack_bytes = 512 * 1024; // below the entry
  /// Work before a run is Hung: for each basic block executed its bytes and 16, for each host call 4096. A count, so
  /// that a run ends alike on every machine. 64 for each step that the oracle takes at most.
  u64 work = u64{1} << 34;
};

struct Program {
  Limits limits;
  Module module; // without bodies
  CodeObject object;
};

struct RunMessage {
  FunctionId function = kNone;
  u64 fuel = 0;
  std::vector<u64> args; // bits
};

struct Refusal {
  ErrorKind kind = ErrorKind::BadInput;
  std::string message;
};

// Each appends one whole frame.
void encode_hello(const Hello& hello, std::vector<u8>& out);
void encode_load(u32 serial, const Module& module, const CodeObject& object, const Limits& limits,
                 std::vector<u8>& out);
void encode_run(u32 serial, FunctionId function, std::span<const u64> args, u64 fuel, std::vector<u8>& out);
void encode_result(u32 serial, const Outcome& outcome, std::vector<u8>& out);
void encode_refused(u32 serial, const Refusal& refusal, std::vector<u8>& out);

// Each reads a payload of its type. BadInput says which message is wrong.
Result<void> decode_hello(std::span<const u8> payload, Hello& out);
Result<void> decode_load(std::span<const u8> payload, Program& out);
/// The function and the number of arguments are right for the module.
Result<void> decode_run(std::span<const u8> payload, const Module& module, RunMessage& out);
/// The outcome fits a call of `function` of the module: types, counts, indices, sizes.
Result<void> decode_result(std::span<const u8> payload, const Module& module, FunctionId function, Outcome& out);
Result<void> decode_refused(std::span<const u8> payload, Refusal& out);

} // namespace assay::qemu::protocol
