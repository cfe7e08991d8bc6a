// program.h - a failing program with its call, a way to compile and run it, and what is seen then.
//
// What reduction changes and bisection varies. Plain values. Tested in fuzz/probe/tests/probe_test.cpp.
#pragma once

#include "assay/compiler.h"
#include "assay/module.h"
#include "fuzz/check/check.h"

#include <string>
#include <vector>

namespace assay::fuzz {

/// A valid module and one call of it.
struct Program {
  Module module;
  FunctionId entry = kNone; // kNone: compiling it is enough
  std::vector<u64> args;
  u64 fuel = 0;
};

/// How to compile and where to run. Made from a row of the table of subjects, whose fields may then be changed.
struct Variant {
  std::string subject; // of the row; what is changed is the owner's to say
  Target target = Target::X64;
  Level level = Level::O0;
  Os os = Os::Linux;
  Exec exec = Exec::Native;
  bool extensions = true;
  u32 max_registers = 0;
  bool spill_all = false;
  u32 block_padding = 0;
  u32 decisions = 0; // besides the limits in `passes`
  PassOptions passes;
  bool check_allocation = true;
  u32 time_limit_ms = 0;    // of one run in this process; 0: the executor's own
  bool throw_traps = false; // SubjectOptions'
};

/// Of a row whose settings are drawn from the program, those drawn for this one: they stay while it changes. The name
/// is then the one that says them, but for passes.
Variant variant_of(const SubjectRow& row, const Module& module, const PassOptions& passes = {});
/// The row that the variant's fields make; its name is the variant's, which must stay.
SubjectRow row_of(const Variant& variant);

/// Whether both compile and run alike, whatever they are called.
bool same_way(const Variant& a, const Variant& b);

/// What is seen when the call is made.
struct Seen {
  enum State : u8 {
    Agrees,     // the oracle and the subject
    Fails,      // kind and observable say how
    Refused,    // the program leaves AIR's guarantees, or is not valid: nothing can be said
    Unknown,    // the two runs differ in what is not exact
    Unavailable // this variant cannot compile or run it here
  } state = Agrees;
  FindingKind kind = FindingKind::Miscompile;
  /// What differs, in a form that stays the same when the program changes: "result", "end: returned, crashed".
  /// Empty: whatever it is, for code that reads junk and so fails in several ways.
  std::string observable;
  std::string what; // the first difference, in words
  std::string expected, actual, run_line;
  std::string globals; // those that differ at the end, each with a space behind it; of a run that has an outcome
  bool exact = true; // unless the process died

  bool fails() const { return state == Fails; }
  /// Both fail, and in the same way.
  bool same(const Seen& other) const {
    const bool any = observable.empty() || other.observable.empty();
    return fails() && other.fails() && kind == other.kind && (any || observable == other.observable);
  }
};

/// A message without names and numbers.
std::string without_names(std::string_view message);

/// Makes the call in this very process, which may die of it. Keeps one checker a variant.
class Probe {
public:
  Probe();
  ~Probe();
  Probe(Probe&&) noexcept;
  Seen ask(const Program& program, const Variant& variant);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace assay::fuzz
