// unwind_shapes.cpp - see unwind_shapes.h. The text is made, not written down, where it only repeats.
#include "fuzz/cli/unwind_shapes.h"

#include "assay/verify.h"

#include <string>

namespace assay::cli {

namespace {

constexpr u64 kShapeFuel = 100'000;

constexpr const char* kText = R"(
import @log(i64)
tag @oops(i64)

func @leaf(i64) -> i64 {
^entry(%a: i64):
  return %a
}

func @risky(i64) -> i64 {
^entry(%n: i64):
  %zero = const.i64 0
  %positive = gt_s.i64 %n, %zero
  branch %positive, ^throw, ^fine
^throw:
  throw @oops(%n)
^fine:
  call @log(%n)
  return %n
}

func @passes(i64) -> i64 {
^entry(%n: i64):
  %a = call @risky(%n)
  %r = add.i64 %a, %n
  return %r
}

export func @catches(i64) -> i64 {
^entry(%n: i64):
  %m = call @leaf(%n)
  try_call @passes(%m) -> ^ok, catch @oops ^handler
^ok(%r: i64):
  return %r
^handler(%v: i64):
  %s = add.i64 %v, %m
  call @log(%s)
  return %s
}

func @ten(i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64 {
^entry(%a: i64, %b: i64, %c: i64, %d: i64, %e: i64, %f: i64, %g: i64, %h: i64, %i: i64, %j: i64):
  call @log(%j)
  %s = add.i64 %a, %j
  return %s
}

func @twelve(i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64 {
^entry(%a: i64, %b: i64, %c: i64, %d: i64, %e: i64, %f: i64, %g: i64, %h: i64, %i: i64, %j: i64, %k: i64, %l: i64):
  %big = gt_s.i64 %a, %b
  branch %big, ^fewer, ^same
^fewer:
  tail_call @ten(%b, %a, %c, %d, %e, %f, %g, %h, %i, %l)
^same:
  tail_call @thirteen_in(%l, %a, %b, %c, %d, %e, %f, %g, %h, %i, %j, %k)
}

func @thirteen_in(i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64) -> i64 {
^entry(%a: i64, %b: i64, %c: i64, %d: i64, %e: i64, %f: i64, %g: i64, %h: i64, %i: i64, %j: i64, %k: i64, %l: i64):
  %s = call @ten(%l, %k, %j, %i, %h, %g, %f, %e, %d, %c)
  %t = add.i64 %s, %a
  return %t
}

export func @widens(i64, i64) -> i64 {
^entry(%a: i64, %b: i64):
  tail_call @twelve(%a, %b, %a, %b, %a, %b, %a, %b, %a, %b, %a, %b)
}

export func @early(i64, i64) -> i64 {
^entry(%a: i64, %b: i64):
  %x = call @leaf(%a)
  branch %x, ^more, ^out
^more:
  %y = call @leaf(%b)
  branch %y, ^trap, ^other
^trap:
  %q = div_s.i64 %x, %b
  %r = add.i64 %q, %y
  return %r
^other:
  %s = sub.i64 %y, %x
  return %s
^out:
  return %b
}

export func @deep(i64) -> i64 {
^entry(%n: i64):
  branch %n, ^more, ^out
^more:
  %one = const.i64 1
  %m = sub.i64 %n, %one
  %a = call @deep(%m)
  %r = add.i64 %a, %n
  return %r
^out:
  return %n
}

export func @endless(i64) -> i64 {
  slot $s : 40000
^entry(%n: i64):
  %a = call @endless(%n)
  %r = add.i64 %a, %n
  return %r
}
)";

/// A function with `ints` and `floats` values alive over a call, and a slot of `slot` bytes.
std::string function_with(const std::string& name, u32 ints, u32 floats, u32 slot) {
  std::string text = "\nexport func @" + name + "(i64, f64) -> i64, f64 {\n";
  if (slot != 0) text += "  slot $s : " + std::to_string(slot) + " align 16\n";
  text += "^entry(%i0: i64, %f0: f64):\n";
  if (slot != 0) text += "  %p = slot_addr $s\n  pstore.i64 %p, 8, %i0\n";
  const auto number = [](const char* prefix, u32 i) { return prefix + std::to_string(i); };
  for (u32 i = 1; i <= ints; ++i) text += "  " + number("%i", i) + " = mul.i64 " + number("%i", i - 1) + ", %i0\n";
  for (u32 i = 1; i <= floats; ++i) text += "  " + number("%f", i) + " = fmul.f64 " + number("%f", i - 1) + ", %f0\n";
  text += "  call @log(%i0)\n  %si0 = call @leaf(%i0)\n  %sf0 = fadd.f64 %f0, %f0\n";
  for (u32 i = 1; i <= ints; ++i)
    text += "  " + number("%si", i) + " = add.i64 " + number("%si", i - 1) + ", " + number("%i", i) + "\n";
  for (u32 i = 1; i <= floats; ++i)
    text += "  " + number("%sf", i) + " = fadd.f64 " + number("%sf", i - 1) + ", " + number("%f", i) + "\n";
  return text + "  return " + number("%si", ints) + ", " + number("%sf", floats) + "\n}\n";
}

std::string shapes_text() {
  std::string text = kText;
  for (const u32 count : {1u, 2u, 5u, 12u}) text += function_with("saves" + std::to_string(count), count, 0, 0);
  for (const u32 count : {1u, 2u, 12u}) text += function_with("floats" + std::to_string(count), 1, count, 0);
  // On both sides of: 128 bytes and 504 (a64 pairs), a page, five pages (loops), 32 KiB, 512 KiB and 1 MiB of codes'
  // fields.
  for (const u32 slot : {64u, 256u, 512u, 4096u, 5000u, 24576u, 40000u, 600000u, 1048576u})
    text += function_with("slot" + std::to_string(slot), 3, 2, slot);
  return text;
}

} // namespace

void make_shapes(Module& module, fuzz::Cases& cases) {
  auto parsed = parse_and_verify(shapes_text(), "<shapes>");
  ASSAY_CHECK(parsed && "the program of shapes is valid");
  module = std::move(*parsed);
  cases.clear();
  const u64 two = 0x4000000000000000; // also as f64
  for (FunctionId f = 0; f < module.functions.size(); ++f) {
    if (!module.functions[f].exported) continue;
    const std::size_t count = module.params_of(module.functions[f]).size();
    for (const u64 first : {u64{0}, u64{7}}) {
      for (const u64 second : {u64{0}, u64{3}, two}) {
        const u64 args[] = {first, second};
        cases.add(f, std::span(args).first(count), kShapeFuel);
        if (count < 2) break;
      }
    }
  }
}

} // namespace assay::cli
