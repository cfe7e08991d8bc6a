// throws.h - a program that throws, catches and rethrows in each way that is recorded, for the tests of each place.
#pragma once

#include <string_view>

namespace assay::qemu {

inline constexpr std::string_view kThrows = R"(
import @log(i64)
import @throw_x(i64)
import @call_back(i64) -> i64
tag @bad(i64, f32)
func @thrower(i64) -> i64 {
^e(%n: i64):
  %f = i2f_s.f32.i64 %n
  branch %n, ^some, ^none
^some:
  throw @bad(%n, %f)
^none:
  %m = fneg.f32 %f
  throw @bad(%n, %m)
}
func @tail(i64) -> i64 {
^e(%n: i64):
  tail_call @thrower(%n)
}
export func @again(i64) -> i64 {
^e(%n: i64):
  try_call @tail(%n) -> ^ok, catch_all ^hx
^ok(%r: i64):
  return %r
^hx(%exn: ptr):
  call @log(%n)
  rethrow %exn
}
func @through_host(i64) -> i64 {
^e(%n: i64):
  try_call @call_back(%n) -> ^ok, catch @bad ^bad
^ok(%r: i64):
  return %r
^bad(%p: i64, %q: f32):
  return %p
}
func @host(i64) {
^e(%n: i64):
  try_call @throw_x(%n) -> ^ok, catch_all ^hx
^ok:
  return
^hx(%exn: ptr):
  rethrow %exn
}
func @many(i64) {
^e(%n: i64):
  branch %n, ^more, ^end
^more:
  try_call @thrower(%n) -> ^ok, catch_all ^hx
^ok(%r: i64):
  return
^hx(%exn: ptr):
  %one = const.i64 1
  %less = sub.i64 %n, %one
  call @many(%less)
  return
^end:
  return
}
)";

/// What @through_host(5) is observed by, as trace_to_string says it.
inline constexpr std::string_view kThroughHostTrace =
    "@call_back(5) at @through_host ^b0 #0\n"
    "throw @bad(5, 0x1.4p+2) at @thrower ^b1 #0, @again ^b0 #0, @through_host ^b0 #0\n"
    "@log(5) at @again ^b2 #0, @through_host ^b0 #0\n"
    "rethrow @bad(5, 0x1.4p+2) at @again ^b2 #1, @through_host ^b0 #0\n";

} // namespace assay::qemu
