// ways_out.h - a program that ends where a try_call goes on: each way out of it is led to a place of its own.
//
// A way out ends in a call of a function @way_out_N, which traps: the trap's place says which way was taken, whatever
// passes did. What such a program does depends on the lookup of handlers alone, not on what code makes of it later.
// Linear in the program. Used by bisect.cpp and fuzz/triage/catching.h. Tested in fuzz/triage/tests/sign_test.cpp.
#pragma once

#include "fuzz/probe/program.h"
#include "fuzz/reduce/loose.h"

#include <string>
#include <vector>

namespace assay::fuzz {

/// A try_call: the terminator of that block, in a function taken apart.
struct TrySite {
  FunctionId function = kNone;
  u32 block = 0;
};
/// Those in the function, in the order of its blocks.
std::vector<TrySite> try_sites(FunctionId function, const LooseFunction& body);

/// What the ways out show of what arrived there, in globals.
enum class Shown : u8 { Nothing, Payload, Everything };

/// Of the site only the edges with these numbers are left, each with its own way out.
void lead_out(Module& module, LooseFunction& body, const TrySite& site, const std::vector<u32>& edges, Shown shown);
/// Appends a call of the function that says so, and the end.
void end_in_way(Module& module, std::vector<LooseInst>& insts, u32 way);

/// A function without parameters that throws the tag with zeros; kNone when the payload has pointers.
FunctionId add_thrower(Module& module, std::span<const Type> results, TagId tag);
/// A global that the program does not have, to show a value in.
u32 add_seen_global(Module& module, Type type);
/// The types of what it gives.
std::vector<Type> results_of_call(const Module& module, const LooseInst& call);

/// The program with all ways out of one try_call led away, for each of them; all valid.
std::vector<Program> all_led_out(const Program& program);

inline constexpr u32 kNoWay = ~u32{0};
/// The way that a run, as text, ended in.
u32 way_of(const std::string& run);

} // namespace assay::fuzz
