// inline_test.cpp - what InlinePass copies and what it leaves, and where the instructions of a copy are said to be.
// That programs mean the same, call stacks included, is passes_test.cpp's.
#include "derived.h"

namespace assay::opt {
namespace {

struct Inlined {
  Module module;
  std::vector<SourcePosition> positions, calls; // of the function asked for
  const Function* body = nullptr;
};

Inlined inlined(const char* text, std::string_view name) {
  Inlined out;
  auto module = parse_and_verify(text);
  EXPECT_TRUE(module.ok()) << module.error().to_string();
  if (!module.ok()) return out;
  out.module = *module;
  const FunctionId id = module->find_function(name);
  PassOptions options;
  options.order[options.order_count++] = static_cast<u8>(PassId::Inline);
  Pipeline pipeline;
  pipeline.begin(*module, options);
  Optimised better;
  EXPECT_TRUE(pipeline.run(id, better).ok());
  out.positions = better.positions;
  out.calls = better.inlined_calls;
  better.body.name = module->functions[id].name;
  better.body.exported = true;
  out.module.functions[id] = better.body;
  out.body = &out.module.functions[id];
  expect_valid(out.module, 0);
  return out;
}

u32 calls_in(const Function& function, Opcode op = Opcode::Call) {
  u32 out = 0;
  for (const Inst& inst : function.insts) out += inst.op == op;
  return out;
}

/// What @main gives for the argument.
std::vector<u64> main_of(const Module& module, u64 arg) {
  oracle::Interpreter interpreter;
  interpreter.prepare(module);
  qemu::TestHost host;
  Outcome outcome;
  interpreter.run(module.find_function("main"), {&arg, 1}, 1000, host, outcome);
  return outcome.values;
}

const char* const kNested = R"(import @log(i64)
func @inner(i64) -> i64 {
^e(%0: i64):
  call @log(%0)
  %1 = div_u.i64 %0, %0
  return %1
}
func @middle(i64) -> i64 {
^e(%0: i64):
  %1 = call @inner(%0)
  return %1
}
export func @main(i64) -> i64 {
^e(%0: i64):
  %1 = add.i64 %0, %0
  %2 = call @middle(%1)
  return %2
}
)";

TEST(Inline, calls_within_calls_become_bodies_and_the_host_call_stays) {
  const Inlined out = inlined(kNested, "main");
  EXPECT_EQ(calls_in(*out.body), 1u);
  EXPECT_EQ(out.calls.size(), 2u);
}

TEST(Inline, a_position_names_every_function_that_it_stands_in) {
  const Inlined out = inlined(kNested, "main");
  const FunctionId inner = out.module.find_function("inner"), middle = out.module.find_function("middle"),
                   main = out.module.find_function("main");
  u32 found = 0;
  for (InstId id = 0; id < out.body->insts.size(); ++id) {
    if (out.body->insts[id].op != Opcode::Call) continue;
    ++found;
    SourcePosition at = out.positions[id];
    EXPECT_EQ(at.position, (Position{inner, 0, 0}));
    ASSERT_NE(at.inlined_at, kNone);
    at = out.calls[at.inlined_at];
    EXPECT_EQ(at.position, (Position{middle, 0, 0}));
    ASSERT_NE(at.inlined_at, kNone);
    at = out.calls[at.inlined_at];
    EXPECT_EQ(at.position, (Position{main, 0, 1}));
    EXPECT_EQ(at.inlined_at, kNone);
  }
  EXPECT_EQ(found, 1u);
}

TEST(Inline, a_very_short_function_is_copied_into_itself_two_deep) {
  constexpr const char* kTwice = R"(import @log(i64)
export func @main(i64) -> i64 {
^e(%0: i64):
  call @log(%0)
  branch %0, ^more, ^x(%0)
^more:
  %c = const.i64 1
  %1 = sub.i64 %0, %c
  %2 = call @main(%1)
  %3 = call @main(%2)
  jump ^x(%3)
^x(%r: i64):
  return %r
}
)";
  const Inlined out = inlined(kTwice, "main");
  const FunctionId main = out.module.find_function("main");
  u32 own = 0, hosts = 0;
  for (InstId id = 0; id < out.body->insts.size(); ++id) {
    const Inst& inst = out.body->insts[id];
    if (inst.op != Opcode::Call) continue;
    ++(inst.ref == main ? own : hosts);
    u32 frames = 1;
    for (SourcePosition at = out.positions[id]; at.inlined_at != kNone; at = out.calls[at.inlined_at]) ++frames;
    EXPECT_LE(frames, 3u);
    EXPECT_TRUE(inst.ref != main || frames == 3);
  }
  EXPECT_EQ(hosts, 7u);
  EXPECT_EQ(own, 8u);
  std::string longer = kTwice;
  for (int i = 0; i < 12; ++i) longer.insert(longer.find("  call @log"), "  call @log(%0)\n");
  EXPECT_EQ(calls_in(*inlined(longer.c_str(), "main").body), 15u) << "too long";
}

TEST(Inline, other_recursion_tail_calls_large_slots_and_handlers_stay) {
  EXPECT_EQ(calls_in(*inlined(R"(func @odd(i64) -> i64 {
^e(%0: i64):
  %1 = call @even(%0)
  return %1
}
func @even(i64) -> i64 {
^e(%0: i64):
  %1 = call @odd(%0)
  return %1
}
export func @main(i64) -> i64 {
^e(%0: i64):
  %1 = call @odd(%0)
  return %1
}
)",
                              "main")
                          .body),
            1u);
  EXPECT_EQ(calls_in(*inlined(R"(func @slot(i64) -> i64 {
  slot $s : 65 align 8
^e(%0: i64):
  return %0
}
func @tail(i64) -> i64 {
^e(%0: i64):
  tail_call @slot(%0)
}
export func @main(i64) -> i64 {
^e(%0: i64):
  %1 = call @slot(%0)
  %2 = call @tail(%1)
  return %2
}
)",
                              "main")
                          .body),
            2u);
  const Inlined handler = inlined(R"(func @same(i64) -> i64 {
^e(%0: i64):
  return %0
}
export func @main(i64) -> i64 {
^e(%0: i64):
  try_call @same(%0) -> ^ok, catch_all ^bad
^ok(%1: i64):
  return %1
^bad(%2: ptr):
  return %0
}
)",
                                  "main");
  EXPECT_EQ(handler.calls.size(), 0u);
}

TEST(Inline, locals_are_zero_at_each_entry) {
  const Inlined out = inlined(R"(func @count(i64) -> i64 {
  local $n : i64
^e(%0: i64):
  %1 = local_get.i64 $n
  %2 = add.i64 %1, %0
  local_set.i64 $n, %2
  %3 = local_get.i64 $n
  return %3
}
export func @main(i64) -> i64 {
  local $i : i64
^e(%0: i64):
  jump ^loop
^loop:
  %1 = local_get.i64 $i
  %2 = call @count(%1)
  %3 = const.i64 1
  %4 = add.i64 %2, %3
  local_set.i64 $i, %4
  %5 = lt_u.i64 %4, %0
  branch %5, ^loop, ^end
^end:
  return %4
}
)",
                              "main");
  EXPECT_EQ(calls_in(*out.body), 0u);
  EXPECT_TRUE(out.body->locals.empty());
  EXPECT_EQ(main_of(out.module, 10), std::vector<u64>{10}); // a sum that was kept would pass it
}

TEST(Inline, slots_are_zero_at_each_entry) {
  const Inlined out = inlined(R"(func @count(i64) -> i64 {
  slot $s : 15 align 8
^e(%0: i64):
  %1 = slot_addr $s
  %2 = pload.i64 %1, 7
  %3 = add.i64 %2, %0
  pstore.i64 %1, 7, %3
  %4 = pload.i64 %1, 0
  return %3
}
export func @main(i64) -> i64 {
^e(%0: i64):
  %z = const.i64 0
  jump ^loop(%z)
^loop(%1: i64):
  %2 = call @count(%1)
  %3 = const.i64 1
  %4 = add.i64 %2, %3
  %5 = lt_u.i64 %4, %0
  branch %5, ^loop(%4), ^end
^end:
  return %4
}
)",
                              "main");
  EXPECT_EQ(calls_in(*out.body), 0u);
  EXPECT_EQ(main_of(out.module, 10), std::vector<u64>{10});
}

TEST(Inline, a_frame_does_not_grow_beyond_what_a_function_may_have) {
  EXPECT_EQ(calls_in(*inlined(R"(func @slot(i64) -> i64 {
  slot $s : 16 align 8
^e(%0: i64):
  return %0
}
export func @main(i64) -> i64 {
  slot $big : 1048561 align 8
^e(%0: i64):
  %1 = call @slot(%0)
  %2 = call @slot(%1)
  return %2
}
)",
                              "main")
                          .body),
            2u);
}

TEST(Inline, a_long_function_stays_and_so_does_the_call_that_passes_the_limit) {
  std::string longer = "func @long(i64) -> i64 {\n^e(%a: i64):\n";
  for (int i = 0; i < 50; ++i) longer += " %v" + std::to_string(i) + " = add.i64 %a, %a\n";
  longer += " return %a\n}\n";
  EXPECT_EQ(calls_in(*inlined((longer +
                               "export func @main(i64) -> i64 {\n^e(%a: i64):\n %r = call @long(%a)\n return %r\n}\n")
                                  .c_str(),
                              "main")
                          .body),
            1u);
  std::string many = "func @some(i64) -> i64 {\n^e(%a: i64):\n";
  for (int i = 0; i < 38; ++i) many += " %v" + std::to_string(i) + " = add.i64 %a, %a\n";
  many += " return %a\n}\nexport func @main(i64) -> i64 {\n^e(%a: i64):\n";
  for (int i = 0; i < 40; ++i) many += " %r" + std::to_string(i) + " = call @some(%a)\n";
  many += " return %a\n}\n";
  EXPECT_EQ(calls_in(*inlined(many.c_str(), "main").body), 36u); // 160 / 39 are copied
}

TEST(Inline, what_a_copy_calls_must_be_shorter) {
  const auto program = [](u32 work) {
    std::string text = "func @inner(i64) -> i64 {\n^e(%a: i64):\n";
    for (u32 i = 1; i < work; ++i) text += " %v" + std::to_string(i) + " = add.i64 %a, %a\n";
    return text + " return %a\n}\nfunc @outer(i64) -> i64 {\n^e(%a: i64):\n %b = add.i64 %a, %a\n %c = add.i64 %b, %a\n"
                  " %r = call @inner(%c)\n return %r\n}\n"
                  "export func @main(i64) -> i64 {\n^e(%a: i64):\n %r = call @outer(%a)\n return %r\n}\n";
  };
  EXPECT_EQ(calls_in(*inlined(program(25).c_str(), "main").body), 0u);
  EXPECT_EQ(calls_in(*inlined(program(26).c_str(), "main").body), 1u);
  EXPECT_EQ(calls_in(*inlined(program(50).c_str(), "outer").body), 0u);
}

TEST(Inline, what_a_wrapper_calls_may_be_as_long_as_what_is_called_in_its_place) {
  std::string text = "func @inner(i64) -> i64 {\n^e(%a: i64):\n";
  for (u32 i = 1; i < 50; ++i) text += " %v" + std::to_string(i) + " = add.i64 %a, %a\n";
  text += " return %a\n}\nfunc @outer(i64) -> i64 {\n^e(%a: i64):\n %r = call @inner(%a)\n return %r\n}\n"
          "export func @main(i64) -> i64 {\n^e(%a: i64):\n %r = call @outer(%a)\n return %r\n}\n";
  EXPECT_EQ(calls_in(*inlined(text.c_str(), "main").body), 0u);
}

/// @main passes the place `index` of a table to a function that calls what stands there, by a wrapper.
std::string through_table(const std::string& index, const std::string& table = "[null, @twice, @other, @thrice]") {
  return "table " + table + R"(
func @twice(i64) -> i64 {
^e(%a: i64):
  %r = add.i64 %a, %a
  return %r
}
func @other(i64) -> i64 {
^e(%a: i64):
  %r = mul.i64 %a, %a
  return %r
}
func @thrice(i64, i64) -> i64 {
^e(%a: i64, %b: i64):
  return %b
}
func @apply(i64, i64) -> i64 {
^e(%f: i64, %a: i64):
  %r = call_indirect (i64) -> i64 %f(%a)
  return %r
}
func @wrapper(i64, i64) -> i64 {
^e(%a: i64, %f: i64):
  %r = call @apply(%f, %a)
  return %r
}
export func @main(i64) -> i64 {
^e(%a: i64):
  %f = const.i64 )" +
         index +
         R"(
  %r = call @wrapper(%a, %f)
  return %r
}
)";
}

TEST(Inline, a_call_through_the_table_at_a_place_that_is_passed_becomes_a_body) {
  const Inlined twice = inlined(through_table("1").c_str(), "main"),
                other = inlined(through_table("2").c_str(), "main");
  for (const Inlined* const each : {&twice, &other}) {
    EXPECT_EQ(calls_in(*each->body) + calls_in(*each->body, Opcode::CallIndirect), 0u);
    EXPECT_EQ(each->calls.size(), 3u) << "the wrapper, what it calls, and what that calls";
  }
  EXPECT_EQ(main_of(twice.module, 9), std::vector<u64>{18});
  EXPECT_EQ(main_of(other.module, 9), std::vector<u64>{81});
}

TEST(Inline, a_call_through_the_table_that_traps_stays) {
  for (const char* const index : {"0", "3", "4", "-1", "4294967297"}) {
    const Inlined out = inlined(through_table(index).c_str(), "main");
    EXPECT_EQ(calls_in(*out.body, Opcode::CallIndirect), 1u) << index;
    EXPECT_EQ(main_of(out.module, 9), std::vector<u64>{}) << index;
  }
}

TEST(Inline, a_call_through_the_table_at_a_place_that_is_not_known_stays) {
  const Inlined out = inlined(through_table("1").c_str(), "apply");
  EXPECT_EQ(calls_in(*out.body, Opcode::CallIndirect), 1u);
}

TEST(Inline, what_is_too_long_to_copy_is_called_directly_where_its_place_is_known) {
  std::string text = "table [@long]\nfunc @long(i32) -> i32 {\n^e(%a: i32):\n";
  for (u32 i = 0; i < 50; ++i) text += " %v" + std::to_string(i) + " = add.i32 %a, %a\n";
  text += " return %a\n}\nexport func @main(i64) -> i32 {\n^e(%a: i64):\n %f = const.i32 0\n %b = const.i32 7\n"
          " %r = call_indirect (i32) -> i32 %f(%b)\n return %r\n}\n";
  const Inlined out = inlined(text.c_str(), "main");
  EXPECT_EQ(calls_in(*out.body), 1u);
  EXPECT_EQ(calls_in(*out.body, Opcode::CallIndirect), 0u);
  EXPECT_EQ(main_of(out.module, 9), std::vector<u64>{7});
}

} // namespace
} // namespace assay::opt
