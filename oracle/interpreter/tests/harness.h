// harness.h - what the interpreter's tests share: modules of one operation, and runs with or without a host.
//
// OneOp makes `func @f(operands) -> results { op; return results }` from the operation's row, so a test names the
// operation, its types and its arguments and reads the Outcome.
#pragma once

#include "assay/builder.h"
#include "assay/host.h"
#include "assay/verify.h"
#include "oracle/interpreter/interpreter.h"

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace assay::oracle {

/// A host that no program may call.
struct NoHost final : Host {
  void call(const Module&, FunctionId, std::span<const u64>, std::span<u64>, Reentry&) override {
    ADD_FAILURE() << "a host call";
  }
};

/// A host whose behaviour is a function of the test.
struct TestHost final : Host {
  using Function = std::function<void(FunctionId, std::span<const u64>, std::span<u64>, Reentry&)>;
  explicit TestHost(Function f) : function(std::move(f)) {}
  void call(const Module&, FunctionId import, std::span<const u64> args, std::span<u64> results,
            Reentry& reentry) override {
    function(import, args, results, reentry);
  }
  Function function;
};

inline Type type_of_letter(char letter, Type type, Type from) {
  switch (letter) {
  case 'T': return type;
  case 'S': return from;
  case 'A': return Type::I64;
  case 'P': return Type::Ptr;
  case 'B': return Type::I8;
  case 'C': return Type::I8;
  default: return Type::I64;
  }
}

/// A function of one operation, and an interpreter prepared for it.
class OneOp {
public:
  explicit OneOp(Opcode op, Type type, Type from = Type::None, u64 imm = 0, u64 memory_bytes = 0) {
    std::vector<Type> params, results;
    for (char c : info(op).operands) params.push_back(type_of_letter(c, type, from));
    for (char c : info(op).results) results.push_back(type_of_letter(c, type, from));
    module_.has_memory = memory_bytes != 0;
    module_.memory_size = module_.memory_max = memory_bytes;
    Function f;
    f.name = "f";
    f.signature = module_.intern_signature(params, results);
    module_.functions.push_back(f);
    FunctionBuilder b(module_, 0);
    b.begin(b.entry());
    std::vector<ValueId> args;
    for (u32 i = 0; i < params.size(); ++i) args.push_back(b.param(0, i));
    ValueId first = b.emit(op, type, from, args, kNone, imm);
    std::vector<ValueId> values;
    for (u32 i = 0; i < results.size(); ++i) values.push_back(first + i);
    b.ret(values);
    interpreter_.prepare(module_);
  }

  Module& module() { return module_; }

  const Outcome& run(std::initializer_list<u64> args) {
    interpreter_.run(0, {args.begin(), args.size()}, 1000, host_, outcome_);
    return outcome_;
  }
  /// The first result of a run that must return.
  u64 value(std::initializer_list<u64> args) {
    run(args);
    EXPECT_EQ(outcome_.kind, OutcomeKind::Returned);
    return outcome_.values.empty() ? 0 : outcome_.values[0];
  }

private:
  Module module_;
  Interpreter interpreter_;
  NoHost host_;
  Outcome outcome_;
};

/// A program given as text, and an interpreter prepared for it.
class Program {
public:
  explicit Program(std::string_view text) {
    Result<Module> parsed = parse_and_verify(text);
    EXPECT_TRUE(parsed.ok()) << parsed.error().to_string();
    if (parsed.ok()) module_ = std::move(parsed).value();
    interpreter_.prepare(module_);
  }

  const Module& module() const { return module_; }
  Interpreter& interpreter() { return interpreter_; }

  const Outcome& run(std::string_view entry, std::initializer_list<u64> args, Host& host, u64 fuel = 1000) {
    const FunctionId id = module_.find_function(entry);
    EXPECT_NE(id, kNone) << entry;
    if (id != kNone) interpreter_.run(id, {args.begin(), args.size()}, fuel, host, outcome_);
    return outcome_;
  }
  const Outcome& run(std::string_view entry, std::initializer_list<u64> args, u64 fuel = 1000) {
    return run(entry, args, no_host_, fuel);
  }
  /// The values of a run that must return.
  std::vector<u64> values(std::string_view entry, std::initializer_list<u64> args) {
    run(entry, args);
    EXPECT_EQ(outcome_.kind, OutcomeKind::Returned) << outcome_.text;
    return outcome_.values;
  }
  Position at(std::string_view function, u32 block, u32 inst) const {
    return {module_.find_function(function), block, inst};
  }
  /// The call stack of an event, "f 0:1, g 2:3", innermost first.
  std::string stack(u32 event) const {
    std::string text;
    const TraceEvent& made = outcome_.trace.at(event);
    for (u32 i = 0; i < made.frame_count; ++i) {
      const Position& p = outcome_.frames.at(made.frames + i);
      if (i != 0) text += ", ";
      text += module_.functions[p.function].name + " " + std::to_string(p.block) + ":" + std::to_string(p.inst);
    }
    return text;
  }
  std::vector<u64> event_args(u32 event) const {
    const TraceEvent& made = outcome_.trace.at(event);
    return {outcome_.trace_args.begin() + made.args, outcome_.trace_args.begin() + made.args + made.arg_count};
  }

private:
  Module module_;
  Interpreter interpreter_;
  NoHost no_host_;
  Outcome outcome_;
};

using Values = std::vector<u64>;

/// Whether the run ended with this trap at the given place.
inline ::testing::AssertionResult trapped(const Outcome& o, TrapKind kind, Position position) {
  if (o.kind != OutcomeKind::Trapped)
    return ::testing::AssertionFailure() << "not a trap: " << static_cast<int>(o.kind);
  if (o.trap != kind) return ::testing::AssertionFailure() << "trap " << name_of(o.trap) << ", not " << name_of(kind);
  if (!(o.position == position)) {
    return ::testing::AssertionFailure() << "at @" << o.position.function << " ^" << o.position.block << " #"
                                         << o.position.inst;
  }
  return ::testing::AssertionSuccess();
}

inline constexpr Type kIntTypes[] = {Type::I8, Type::I16, Type::I32, Type::I64};

/// 0, 1, 2, -1, the extremes and their neighbours, alternating patterns, counts around the width.
inline std::vector<u64> edge_values(Type type) {
  const u64 mask = bit_mask(type), sign = u64{1} << (bits_of(type) - 1), width = bits_of(type);
  std::vector<u64> values = {0,
                             1,
                             2,
                             3,
                             mask,
                             mask - 1,
                             sign,
                             sign - 1,
                             sign + 1,
                             sign - 2,
                             sign >> 1,
                             (sign >> 1) - 1,
                             0x5555555555555555,
                             0xaaaaaaaaaaaaaaaa,
                             0x0123456789abcdef,
                             0xfedcba9876543210,
                             width - 1,
                             width,
                             width + 1,
                             2 * width,
                             2 * width + 1,
                             7,
                             10,
                             mask / 3,
                             mask / 7};
  for (u64& v : values) v &= mask;
  return values;
}

} // namespace assay::oracle
