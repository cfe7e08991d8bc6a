// messages_test.cpp - what is encoded is decoded alike; cut or changed messages are errors or valid, never a crash.
#include "qemu/protocol/messages.h"

#include "assay/compiler.h"
#include "assay/verify.h"
#include "compiler/jit/code_object_file.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

namespace assay::qemu::protocol {
namespace {

constexpr std::string_view kText = R"(memory 100 200000
data 3 "abc"
global @g : i64 = -5
global @h : f32 = 0x1p+0
tag @oops(i64, f64)
import @log(i8, f32) -> i64
table [@f, null, @log]
export func @f(i64, f32, i8) -> i64, f32, i8 {
^entry(%a: i64, %b: f32, %c: i8):
  %r = call @log(%c, %b)
  return %r, %b, %c
}
)";

struct Sample {
  Module module = parse_and_verify(kText).value();
  CodeObject object;
  Outcome outcome;

  Sample() {
    CompileOptions options;
    options.os = options.host_os = Os::Linux;
    EXPECT_TRUE(Compiler(options).compile(module, object));
    outcome.values = {42, 0x3f800000, 0x81};
    outcome.value_types = {Type::I64, Type::F32, Type::I8};
    outcome.memory.assign(100, 0);
    outcome.memory[3] = 1, outcome.memory[4] = 2, outcome.memory[99] = 255;
    outcome.globals = {7, 0x40000000};
    outcome.trace = {{TraceKind::HostCall, 0, 0, 2, 0, 1},
                     {TraceKind::Throw, 0, 2, 2, 1, 2},
                     {TraceKind::Rethrow, 0, 2, 2, 1, 1},
                     {TraceKind::Rethrow, kNone, 4, 0, 0, 1}};
    outcome.trace_args = {0x81, 0x3f800000, 5, 6};
    outcome.frames = {{1, 0, 0}, {1, 0, 1}, {1, 0, 0}};
    outcome.fuel_left = 12345;
  }
};

/// The payload of the one frame in `bytes`.
std::span<const u8> payload_of(const std::vector<u8>& bytes) {
  return std::span<const u8>(bytes).subspan(kHeaderBytes);
}

std::vector<u8> result_bytes(const Outcome& outcome) {
  std::vector<u8> out;
  encode_result(3, outcome, out);
  return out;
}

TEST(Messages, OutcomeComesBackAsItWas) {
  const Sample s;
  Outcome back;
  const auto done = decode_result(payload_of(result_bytes(s.outcome)), s.module, 1, back);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(compare(s.module, s.outcome, back), Agreement::Agree) << first_difference(s.module, s.outcome, back);
  EXPECT_EQ(back.values, s.outcome.values);
  EXPECT_EQ(back.memory, s.outcome.memory);
  EXPECT_EQ(back.frames, s.outcome.frames);
  EXPECT_EQ(trace_to_string(s.module, back), trace_to_string(s.module, s.outcome));
}

TEST(Messages, EveryKindOfEndComesBack) {
  Sample s;
  const auto expect_same = [&s] {
    Outcome back;
    ASSERT_TRUE(decode_result(payload_of(result_bytes(s.outcome)), s.module, 1, back));
    EXPECT_EQ(first_difference(s.module, s.outcome, back), "");
    EXPECT_EQ(to_string(s.module, back), to_string(s.module, s.outcome));
  };
  s.outcome.kind = OutcomeKind::Threw;
  s.outcome.tag = 0;
  s.outcome.values = {1, 2};
  s.outcome.value_types = {Type::I64, Type::F64};
  expect_same();
  s.outcome.values.clear();
  s.outcome.value_types.clear();
  s.outcome.text = "some text";
  for (const OutcomeKind kind :
       {OutcomeKind::ThrewHost, OutcomeKind::Trapped, OutcomeKind::Crashed, OutcomeKind::Hung, OutcomeKind::Breached}) {
    s.outcome.kind = kind;
    s.outcome.trap = TrapKind::User15;
    s.outcome.position = {1, 2, 3};
    expect_same();
  }
}

TEST(Messages, ScatteredMemoryComesBack) {
  Sample s;
  std::mt19937 random(1);
  for (u32 round = 0; round < 300; ++round) {
    s.outcome.memory.assign(random() % 3000, 0);
    for (u32 i = random() % 40; i > 0 && !s.outcome.memory.empty(); --i)
      s.outcome.memory[random() % s.outcome.memory.size()] = static_cast<u8>(random());
    Outcome back;
    ASSERT_TRUE(decode_result(payload_of(result_bytes(s.outcome)), s.module, 1, back));
    ASSERT_EQ(back.memory, s.outcome.memory);
  }
}

TEST(Messages, ZeroMemoryCostsNextToNothing) {
  Sample s;
  const std::size_t before = result_bytes(s.outcome).size();
  s.outcome.memory.resize(200000);
  EXPECT_EQ(result_bytes(s.outcome).size(), before);
}

TEST(Messages, OutcomeThatDoesNotFitTheModuleIsRefused) {
  const auto refused = [](const std::function<void(Outcome&)>& spoil) {
    Sample s;
    spoil(s.outcome);
    Outcome back;
    return !decode_result(payload_of(result_bytes(s.outcome)), s.module, 1, back);
  };
  EXPECT_FALSE(refused([](Outcome&) {}));
  EXPECT_TRUE(refused([](Outcome& o) { o.values.pop_back(); }));
  EXPECT_TRUE(refused([](Outcome& o) { o.values[2] = 0x100; })) << "a bit above i8";
  EXPECT_TRUE(refused([](Outcome& o) { o.globals.push_back(1); }));
  EXPECT_TRUE(refused([](Outcome& o) { o.memory.resize(200001); }));
  EXPECT_TRUE(refused([](Outcome& o) { o.trace[0].subject = 1; })) << "not an import";
  EXPECT_TRUE(refused([](Outcome& o) { o.trace[0].subject = kNone; }));
  EXPECT_TRUE(refused([](Outcome& o) { o.trace[0].arg_count = 1; }));
  EXPECT_TRUE(refused([](Outcome& o) { o.trace[0].args = 3; }));
  EXPECT_TRUE(refused([](Outcome& o) { o.trace[0].frame_count = 4; }));
  EXPECT_TRUE(refused([](Outcome& o) { o.trace[1].subject = 1; })) << "no such tag";
  EXPECT_TRUE(refused([](Outcome& o) { o.trace[1].subject = kNone, o.trace[1].arg_count = 0; })) << "thrown by nobody";
  EXPECT_TRUE(refused([](Outcome& o) { o.trace[2].arg_count = 1; })) << "not the tag's payload";
  EXPECT_TRUE(refused([](Outcome& o) { o.trace[3].arg_count = 1; })) << "a host exception with a payload";
  EXPECT_TRUE(refused([](Outcome& o) { o.trace[3].kind = static_cast<TraceKind>(kTraceKinds); }));
  EXPECT_TRUE(refused([](Outcome& o) { o.frames[0].function = 2; }));
  EXPECT_TRUE(refused([](Outcome& o) { o.kind = OutcomeKind::Refused, o.values.clear(); }));
  EXPECT_TRUE(refused([](Outcome& o) { o.kind = OutcomeKind::Threw, o.values = {1, 2}; })) << "without a tag";
}

TEST(Messages, ProgramComesBackWithoutItsBodies) {
  const Sample s;
  std::vector<u8> bytes;
  encode_load(1, s.module, s.object, {1000, 2000}, bytes);
  Program back;
  const auto done = decode_load(payload_of(bytes), back);
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(back.limits.stack_bytes, 1000u);
  EXPECT_EQ(back.limits.work, 2000u);
  EXPECT_EQ(back.object.code, s.object.code);
  EXPECT_EQ(back.module.memory_size, 100u);
  EXPECT_EQ(back.module.memory_max, 200000u);
  EXPECT_EQ(back.module.data[0].bytes, "abc");
  EXPECT_EQ(back.module.globals[0].initial, static_cast<u64>(-5));
  EXPECT_EQ(back.module.table, (std::vector<FunctionId>{1, kNone, 0}));
  ASSERT_EQ(back.module.functions.size(), 2u);
  EXPECT_EQ(back.module.functions[0].name, "log");
  EXPECT_TRUE(back.module.functions[0].imported);
  EXPECT_TRUE(back.module.functions[1].exported);
  for (FunctionId f = 0; f < 2; ++f) {
    const auto was = s.module.params_of(s.module.functions[f]), is = back.module.params_of(back.module.functions[f]);
    EXPECT_TRUE(std::equal(was.begin(), was.end(), is.begin(), is.end()));
  }
  const auto payload = back.module.params(back.module.signatures[back.module.tags[0].signature]);
  EXPECT_EQ(std::vector<Type>(payload.begin(), payload.end()), (std::vector<Type>{Type::I64, Type::F64}));
}

TEST(Messages, ACodeObjectOfAnotherModuleIsRefused) {
  Sample s;
  s.object.function_entry.push_back(0);
  s.object.names.push_back("more");
  std::vector<u8> bytes;
  encode_load(1, s.module, s.object, {}, bytes);
  Program back;
  const auto done = decode_load(payload_of(bytes), back);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("another module"), std::string::npos) << done.error().message;
}

TEST(Messages, RunAndRefusalAndHelloComeBack) {
  const Sample s;
  std::vector<u8> bytes;
  encode_run(1, 1, std::vector<u64>{1, 2, 3}, 99, bytes);
  RunMessage run;
  ASSERT_TRUE(decode_run(payload_of(bytes), s.module, run));
  EXPECT_EQ(run.function, 1u);
  EXPECT_EQ(run.fuel, 99u);
  EXPECT_EQ(run.args, (std::vector<u64>{1, 2, 3}));
  bytes.clear();
  encode_run(1, 1, std::vector<u64>{1, 2}, 99, bytes);
  EXPECT_FALSE(decode_run(payload_of(bytes), s.module, run)) << "an argument is missing";
  bytes.clear();
  encode_refused(1, {ErrorKind::Unsupported, "no"}, bytes);
  Refusal refusal;
  ASSERT_TRUE(decode_refused(payload_of(bytes), refusal));
  EXPECT_EQ(refusal.kind, ErrorKind::Unsupported);
  EXPECT_EQ(refusal.message, "no");
  bytes.clear();
  encode_hello({"me", {{Target::X64, ""}, {Target::A64, "because"}}}, bytes);
  Hello hello;
  ASSERT_TRUE(decode_hello(payload_of(bytes), hello));
  ASSERT_EQ(hello.abilities.size(), 2u);
  EXPECT_EQ(hello.abilities[1].target, Target::A64);
  EXPECT_EQ(hello.abilities[1].reason, "because");
}

// ---- damage -------------------------------------------------------------------------------------------

/// Every message, as payloads, and the decoder of each as a question: was it accepted?
struct Damage : testing::Test {
  Sample sample;
  std::vector<std::vector<u8>> payloads;
  std::vector<std::function<bool(std::span<const u8>)>> decoders;

  Damage() {
    const auto add = [&](const std::vector<u8>& frame, std::function<bool(std::span<const u8>)> decoder) {
      payloads.emplace_back(frame.begin() + kHeaderBytes, frame.end());
      decoders.push_back(std::move(decoder));
    };
    std::vector<u8> bytes;
    encode_load(1, sample.module, sample.object, {}, bytes);
    add(bytes, [](std::span<const u8> p) {
      Program out;
      return decode_load(p, out).ok();
    });
    add(result_bytes(sample.outcome), [this](std::span<const u8> p) {
      Outcome out;
      if (!decode_result(p, sample.module, 1, out)) return false;
      // What is accepted can be used: printed and compared.
      static_cast<void>(trace_to_string(sample.module, out) + to_string(sample.module, out) +
                        first_difference(sample.module, out, sample.outcome));
      return true;
    });
    bytes.clear();
    encode_run(1, 1, std::vector<u64>{1, 2, 3}, 99, bytes);
    add(bytes, [this](std::span<const u8> p) {
      RunMessage out;
      return decode_run(p, sample.module, out).ok();
    });
    bytes.clear();
    encode_hello({"me", {{Target::X64, ""}}}, bytes);
    add(bytes, [](std::span<const u8> p) {
      Hello out;
      return decode_hello(p, out).ok();
    });
  }
};

TEST_F(Damage, NoTruncatedMessageIsAccepted) {
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    ASSERT_TRUE(decoders[i](payloads[i])) << i;
    for (std::size_t n = 0; n < payloads[i].size(); ++n) {
      const std::vector<u8> cut(payloads[i].begin(), payloads[i].begin() + static_cast<std::ptrdiff_t>(n));
      ASSERT_FALSE(decoders[i](cut)) << "message " << i << " cut to " << n;
    }
  }
}

TEST_F(Damage, NoMessageWithMoreBehindItIsAccepted) {
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    std::vector<u8> longer = payloads[i];
    longer.push_back(0);
    EXPECT_FALSE(decoders[i](longer)) << i;
  }
}

TEST_F(Damage, ChangedMessagesAreAnErrorOrValid) {
  std::mt19937 random(5);
  u32 refused = 0;
  for (u32 round = 0; round < 20000; ++round) {
    const std::size_t i = round % payloads.size();
    std::vector<u8> changed = payloads[i];
    for (u32 k = random() % 3 + 1; k > 0; --k) {
      u8& byte = changed[random() % changed.size()];
      byte = random() % 2 != 0 ? static_cast<u8>(random()) : static_cast<u8>(byte ^ (1u << random() % 8));
      if (random() % 8 == 0) byte = 0xff;
    }
    refused += !decoders[i](changed);
  }
  EXPECT_GT(refused, 5000u);
}

} // namespace
} // namespace assay::qemu::protocol
