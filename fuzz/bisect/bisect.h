// bisect.h - names the part of the compiler at fault, by compiling a failing call in other ways.
//
// At -O2 the passes may be stopped after any number of rewrites: the first number with which the call fails is found by
// halving, and names pass, rewrite and rule, with the line where that is asked for, or written. Each pass is left out
// once, too. What fails without any rewrite is the back end's, and so is what fails although the oracle finds the
// optimised program right. There choices that the back end need not make are left out after any number
// (compiler/codegen/decisions.def), of unwind tables, of encoding, of emission, of selection, and of allocation where
// its checker has complained: the first number with which the call fails names the choice, unless the same program said
// otherwise (otherwise.h) fails alike without any choice of that area: then only an accident of the program cures, and
// the choice is not at fault. What fails without any is told apart by elimination: every value in its slot, all
// registers, no processor extensions, other conventions, the other level, places and targets. About forty calls, each
// in a process that may die of it: some 20 ms. Of another compiler (fuzz/subjects) only the level is named: what it
// does inside is its own. Needs the rewrite that fails to be the wrong one: rewrites after it that hide or show it are
// told by the passes whose absence cures. Tested in fuzz/bisect/tests/bisect_test.cpp.
#pragma once

#include "fuzz/probe/prober.h"

#include <string>
#include <vector>

namespace assay::fuzz {

/// The call once more, compiled or run otherwise.
struct BisectTrial {
  std::string name; // "without gvn", "at O0", "every value in its slot", "a64 in unicorn"
  Seen::State seen = Seen::Agrees;
  Variant variant;
};

struct Bisection {
  Seen seen; // the failure itself; `fails()` is false when there is none, and nothing else is filled
  /// "simplify", "gvn"; "x64 selection", "all targets, selection", "x64 allocation", "x64 emission", "x64 encoding",
  /// "x64 unwinding"; "register allocation", "processor extensions", "convention windows", "x64 code", "all targets or
  /// the oracle", "unicorn agrees, native does not".
  std::string component;
  Level level = Level::O0; // the lowest at which it fails
  // The rewrite that makes it fail; `rewrite` 0: it fails without any, or not at O2.
  u64 rewrite = 0; // in the module, from 1
  std::string pass;
  /// What the passes made is right by the oracle: the pass only brings about what the back end does wrong.
  bool optimised_is_right = false;
  /// The same bytes do right elsewhere: where they lie is wrong, or whom they call.
  bool code_is_right = false;
  // Of the back end: the choice that makes it fail; `decision` 0: it fails without any.
  u64 decision = 0;              // in the module, among those of its area, from 1
  u64 decision_in_function = 0;  // the same in its function
  std::string decision_function; // without '@'
  std::string area;              // "selection", "allocation", "emission", "encoding", "unwinding"
  u32 run = 0;                   // which run of this pass in the function, from 1
  u64 rewrite_in_run = 0;        // in that run, from 1
  std::string function;          // without '@'
  std::string rule;      // its kind (rewrites.def), or the rule of simplification; the decision's name (decisions.def)
  std::string rule_file; // where it is asked for: "gvn.cpp"; "simplify_rules.def" of such a rule
  u32 rule_line = 0;
  std::string before, after; // the function without and with that rewrite, as AIR
  /// The call then ends with a trap, by the oracle, of an instruction that the rewrite put where it is.
  bool runs_trap = false;
  std::string wrongly_folded;          // "sext": the rewrite made a constant of it, the oracle gives another
  std::vector<std::string> cures;      // passes without which it does not fail
  std::vector<std::string> operations; // in the program, each once, but constants: "rem_s.i8"
  std::vector<BisectTrial> trials;
  /// A way to compile with which it does not fail, as near as possible to the one that does: what still fails so has
  /// another cause. None when all ways fail.
  bool has_witness = false;
  Variant witness;
};

struct BisectOptions {
  bool other_places = true; // try emulators and the other target
};

Bisection bisect(const Program& program, const Variant& variant, Prober& prober, const BisectOptions& options = {});

/// One line: "simplify, rewrite 3 (2 of run 1 in @f), rule shl_shl_wraps (simplify_rules.def:238)"; "x64 selection,
/// decision 7 (2 in @f), rule immediate (lower_int.cpp:86)".
std::string to_string(const Bisection& bisection);

} // namespace assay::fuzz
