// call_conv.h - where arguments and results travel in a call between AIR functions.
//
// The convention is the platform's C convention (System V AMD64 ABI 3.2; Microsoft x64; AAPCS64 and what Apple and
// Microsoft make of it), extended:
//  - the context register holds the VmContext* (callee-saved in C, so C functions preserve it);
//  - results: the C registers first, then further ones (tables in target/x64/call_conv.cpp, a64: x0-x7, v0-v7).
//    Results that find no register lie in memory at [result pointer + offset], in words of 8 bytes; the pointer is
//    then a hidden argument, where C's struct return has it (x64: the first integer argument; a64: x8). A tail call
//    hands its own pointer on.
//  - the *callee* pops the stack-argument area (`stack_bytes`, a multiple of 16; on x64 Windows it starts with
//    the 32 bytes of shadow space when it is not empty). So a tail call may need more or less of it than its
//    caller had. Functions without stack arguments are callable from C as they are.
//  - upper bits of narrow integers in registers and stack words are junk, both ways.
#pragma once

#include "assay/code_object.h"
#include "assay/types.h"
#include "compiler/codegen/lir.h"

#include <span>
#include <vector>

namespace assay::codegen {

struct ArgPlace {
  Type type = Type::None;
  bool in_register = false;
  PReg reg = 0;
  // Parameter: from the callee's first stack-argument byte (entry sp; x64: entry sp + 8), shadow space included;
  // result: from the result pointer. A parameter owns size_of(type) bytes there: the next may lie close (Apple a64).
  u32 offset = 0;
};

/// The layout of one signature. Storage reused by `layout_call`.
struct CallLayout {
  std::vector<ArgPlace> params;
  std::vector<ArgPlace> results;
  u32 stack_bytes = 0;     // popped by the callee
  u32 result_bytes = 0;    // memory behind the result pointer; 0: there is no pointer
  ArgPlace result_pointer; // where it is passed, when result_bytes != 0
};

/// Registers of a convention, as sets and orders.
struct CallConv {
  Target target = Target::X64;
  Os os = Os::Linux;
  RegSet callee_saved = 0;     // context and frame pointer included
  RegSet caller_saved = 0;     // what a call clobbers
  u32 shadow_bytes = 0;        // x64 Windows: 32 below the stack arguments at every call
  u32 saved_vector_bytes = 16; // low bytes of a callee-saved vector register that a call keeps
  bool packed_arguments = false; // a stack argument takes size_of(type) bytes, not a word
  // What runtime functions take and give: the first of C's registers. Counted by class; by position is the same as long
  // as all arguments are of one class.
  PReg int_args[4] = {}, float_args[4] = {};
  PReg int_result = 0, float_result = 0;
  PReg tail_target = 0; // the callee of an indirect tail call: neither argument nor callee-saved
};

const CallConv& call_conv(Target target, Os os);
void layout_call(const CallConv& conv, std::span<const Type> params, std::span<const Type> results, CallLayout& out);

} // namespace assay::codegen
