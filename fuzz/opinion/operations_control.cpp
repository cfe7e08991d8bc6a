// operations_control.cpp - see operations_control.h. In the texts X stands for a type, Z for a zero of it.
//
// Tested in fuzz/opinion/tests/operations_test.cpp.
#include "fuzz/opinion/operations_control.h"

#include "fuzz/opinion/operations.h"

namespace assay::fuzz {
namespace {

/// Calls of every kind with an X, variables of type X, an X thrown and caught.
constexpr const char* kOfType = R"air(
table [@same, null, @nothing, @throws]
import @id_x(X) -> X
import @log_x(X)
tag @t(X)
tag @other(i64)
global @g : X = Z
func @same(X) -> X {
^entry(%a: X):
  return %a
}
func @nothing() {
^entry:
  return
}
export func @throws(X) -> X {
^entry(%a: X):
  throw @t(%a)
}
export func @direct(X) -> X {
^entry(%a: X):
  call @log_x(%a)
  %r = call @same(%a)
  return %r
}
export func @indirect(i32, X) -> X {
^entry(%i: i32, %a: X):
  %r = call_indirect (X) -> X %i(%a)
  return %r
}
export func @indirect_i64(i64, X) -> X {
^entry(%i: i64, %a: X):
  %r = call_indirect (X) -> X %i(%a)
  return %r
}
export func @pointer(X) -> X {
^entry(%a: X):
  %f = func_addr @same
  %r = call_ptr (X) -> X %f(%a)
  return %r
}
export func @tail(X) -> X {
^entry(%a: X):
  tail_call @host(%a)
}
export func @tail_indirect(i64, X) -> X {
^entry(%i: i64, %a: X):
  tail_call_indirect (X) -> X %i(%a)
}
export func @host(X) -> X {
^entry(%a: X):
  %r = call @id_x(%a)
  return %r
}
export func @local(X) -> X, X {
  local $l : X
^entry(%a: X):
  %before = local_get.X $l
  local_set.X $l, %a
  jump ^more
^more:
  %after = local_get.X $l
  return %before, %after
}
export func @global(X) -> X, X {
^entry(%a: X):
  %before = global_get.X @g
  global_set.X @g, %a
  %after = global_get.X @g
  return %before, %after
}
export func @swap(X, X, i32) -> X, X {
^entry(%a: X, %b: X, %n: i32):
  jump ^head(%a, %b, %n)
^head(%x: X, %y: X, %i: i32):
  fuel 1
  %one = const.i32 1
  %j = sub.i32 %i, %one
  branch %i, ^head(%y, %x, %j), ^exit
^exit:
  return %x, %y
}
export func @catches(X) -> X {
^entry(%a: X):
  try_call @throws(%a) -> ^ok, catch @other ^wrong, catch @t ^right
^ok(%r: X):
  return %a
^wrong(%n: i64):
  trap user1
^right(%p: X):
  call @log_x(%p)
  return %p
}
export func @does_not_throw(X) -> X {
^entry(%a: X):
  try_call @same(%a) -> ^ok(%a), catch_all ^right
^ok(%r: X, %b: X):
  return %r
^right(%e: ptr):
  trap user1
}
export func @throws_again(X) -> X {
^entry(%a: X):
  try_call @throws(%a) -> ^ok, catch_all ^right
^ok(%r: X):
  return %r
^right(%e: ptr):
  rethrow %e
}
export func @catches_indirect(i32, X) -> X {
^entry(%i: i32, %a: X):
  try_call_indirect (X) -> X %i(%a) -> ^ok, catch @t ^right
^ok(%r: X):
  return %r
^right(%p: X):
  return %p
}
export func @catches_pointer(X) -> X {
^entry(%a: X):
  %f = func_addr @throws_again
  try_call_ptr (X) -> X %f(%a) -> ^ok, catch_all ^right
^ok(%r: X):
  return %r
^right(%e: ptr):
  rethrow %e
}
)air";

/// A condition and a switch of an integer.
constexpr const char* kOfInteger = R"air(
export func @branch(X) -> i32 {
^entry(%a: X):
  %one = const.i32 1
  %two = const.i32 2
  branch %a, ^yes(%one), ^no(%two)
^yes(%r: i32):
  return %r
^no(%s: i32):
  return %s
}
export func @switch(X) -> i32 {
^entry(%a: X):
  %z = const.i32 0
  switch.X %a [0: ^c0, 1: ^c1, 7: ^c2(%z), -1: ^c3, LEAST: ^c4, MOST: ^c5], ^d(%z)
^c0:
  %r0 = const.i32 10
  return %r0
^c1:
  %r1 = const.i32 11
  return %r1
^c2(%x: i32):
  return %x
^c3:
  %r3 = const.i32 13
  return %r3
^c4:
  %r4 = const.i32 14
  return %r4
^c5:
  %r5 = const.i32 15
  return %r5
^d(%y: i32):
  %r6 = const.i32 16
  return %r6
}
)air";

/// A ptr as local, argument, result, payload-free exception handle, and in comparison.
constexpr const char* kOfPointer = R"air(
table [@same]
func @same(ptr) -> ptr {
^entry(%p: ptr):
  return %p
}
export func @pointers(i64) -> i64, i8, i64 {
  local $l : ptr
  slot $s : 16
^entry(%a: i64):
  %none = local_get.ptr $l
  %p = slot_addr $s
  local_set.ptr $l, %p
  %q = call @same(%p)
  %i = const.i32 0
  %r = call_indirect (ptr) -> ptr %i(%q)
  pstore.i64 %r, 8, %a
  %x = local_get.ptr $l
  %y = pload.i64 %x, 8
  %e = eq.ptr %x, %p
  %n = bitcast.i64.ptr %none
  return %y, %e, %n
}
)air";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

ControlProgram of_type(Type type) {
  const std::string name(name_of(type));
  ControlProgram out{"control of " + name, "", {}};
  out.text = replaced(replaced(kOfType, "X", name), "Z", is_float(type) ? "0x0p+0" : "0");
  for (const u64 value : edge_values(type)) {
    for (const char* one : {"throws", "direct", "pointer", "tail", "host", "local", "global", "catches",
                            "does_not_throw", "throws_again", "catches_pointer"})
      out.cases.push_back({one, {value}});
    out.cases.push_back({"swap", {value, edge_values(type)[1], 3}});
  }
  const u64 value = edge_values(type)[2];
  for (const u64 index : {u64{0}, u64{1}, u64{2}, u64{3}, u64{4}, u64{5}, u64{0xffffffff}}) {
    for (const char* one : {"indirect", "catches_indirect"}) out.cases.push_back({one, {index, value}});
    for (const u64 high : {u64{0}, u64{1} << 32, u64{1} << 63})
      for (const char* one : {"indirect_i64", "tail_indirect"}) out.cases.push_back({one, {index | high, value}});
  }
  return out;
}

ControlProgram of_integer(Type type) {
  const u32 bits = bits_of(type);
  ControlProgram out{"branch and switch of " + std::string(name_of(type)), "", {}};
  const u64 most = (u64{1} << (bits - 1)) - 1;
  out.text =
      replaced(replaced(replaced(kOfInteger, "LEAST", "-" + std::to_string(most + 1)), "MOST", std::to_string(most)),
               "X", std::string(name_of(type)));
  for (const u64 value : edge_values(type))
    for (const char* one : {"branch", "switch"}) out.cases.push_back({one, {value}});
  return out;
}

ControlProgram traps_and_fuel() {
  ControlProgram out{"traps and fuel", "", {}};
  for (u32 kind = 0; kind < kTrapCount; ++kind) {
    const std::string name(name_of(static_cast<TrapKind>(kind)));
    out.text += "export func @trap_" + name + "() {\n^entry:\n  jump ^b\n^b:\n  trap " + name + "\n}\n";
    out.cases.push_back({"trap_" + name, {}});
  }
  for (const char* amount : {"0", "1", "999", "1000", "1001", "4294967296", "18446744073709551615"}) {
    const std::string name = "fuel_" + std::string(amount);
    out.text += "export func @" + name + "() {\n^entry:\n  fuel " + amount + "\n  fuel 1\n  return\n}\n";
    for (const u64 budget : {u64{0}, u64{1}, u64{2}, u64{1000}, u64{1001}, u64{1} << 32, ~u64{0}})
      out.cases.push_back({name, {}, budget});
  }
  return out;
}

} // namespace

std::vector<ControlProgram> control_programs() {
  std::vector<ControlProgram> out;
  for (const Type type : {Type::I8, Type::I16, Type::I32, Type::I64, Type::F32, Type::F64})
    out.push_back(of_type(type));
  for (const Type type : {Type::I8, Type::I16, Type::I32, Type::I64}) out.push_back(of_integer(type));
  ControlProgram pointers{"control of ptr", kOfPointer, {}};
  for (const u64 value : edge_values(Type::I64)) pointers.cases.push_back({"pointers", {value}});
  out.push_back(std::move(pointers));
  out.push_back(traps_and_fuel());
  return out;
}

} // namespace assay::fuzz
