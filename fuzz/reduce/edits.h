// edits.h - the ways in which reduction makes a program smaller, one row each, from coarse to fine.
//
// An edit lists the places of a program where it could be made, and makes it at several of them at once. What comes out
// need not be valid and need not be smaller: who asks for it verifies, and compares costs. Tested in
// fuzz/reduce/tests/edits_test.cpp.
#pragma once

#include "fuzz/probe/program.h"
#include "fuzz/reduce/loose.h"

#include <span>
#include <string_view>
#include <vector>

namespace assay::fuzz {

/// Where an edit could be made. What `block`, `inst` and `index` mean is the edit's matter.
struct Place {
  FunctionId function = kNone; // kNone: of the module, or the call
  u32 block = 0;
  u32 inst = 0;
  u32 index = 0;
};

struct Edit {
  std::string_view name;
  /// Appends the places in their order.
  void (*list)(const Program& program, std::vector<Place>& out);
  /// In one function, at one place of it; places are taken from the last to the first. False: nothing to do there.
  bool (*in_function)(LooseFunction& f, const Program& program, const Place& place) = nullptr;
  /// Or in the whole program.
  bool (*in_program)(Program& program, const Place& place) = nullptr;
  bool coarse = false; // is tried until nothing more goes before fine ones are
};

std::span<const Edit> edits();

/// What goes after each edit, unless the failure lies in it.
struct Cleaning {
  bool unreachable = true; // blocks that nothing leads to
  bool dead = true;        // instructions that do nothing
};

/// Makes the edit at these places and cleans up. False: nothing was changed.
bool apply(const Edit& edit, std::span<const Place> places, Cleaning cleaning, Program& program);
/// Cleans up all functions.
void clean_all(Cleaning cleaning, Program& program);

/// Functions that the entry cannot reach, symbols, slots and signatures that nothing refers to go. Valid stays valid.
void drop_unused(Program& program);

/// How large a program is, in no unit: instructions and blocks count most, then constants that are not simple.
u64 cost_of(const Program& program);
/// Instructions of all functions.
u32 instruction_count(const Module& module);

} // namespace assay::fuzz
