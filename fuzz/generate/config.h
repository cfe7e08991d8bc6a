// config.h - every knob of the generator, in one struct of ranges, chances and weights.
//
// Plain data. The defaults are the preset `small`: about 50 instructions, everything switched on that
// every subject must be able to run. Tested in fuzz/generate/tests/generator_test.cpp.
#pragma once

#include "fuzz/generate/random.h"

#include <string_view>

namespace assay::fuzz {

/// How often each kind of statement is chosen, relative to the others.
struct StatementWeights {
  u32 operation = 48;  // one row of opcodes.def on random operands
  u32 idiom = 16;      // a few operations in a shape that compilers pattern-match
  u32 repeat = 3;      // an earlier operation again (food for value numbering)
  u32 memory = 12;     // linear memory: loads, stores, fill, copy, size, grow
  u32 native = 7;      // stack slots and pointers
  u32 global = 4;      // global_get, global_set
  u32 local = 10;      // local_get, local_set; only in functions in locals form
  u32 call = 6;        // calls of every kind
  u32 if_else = 6;     // structured choice
  u32 loop = 4;        // counted loops, with carried values, breaks and continues
  u32 multiway = 4;    // switch, dense or sparse
  u32 irreducible = 3; // a region of blocks that jump among each other at will
  u32 escape = 3;      // conditional return, trap, break, continue, throw
  u32 pressure = 1;    // many values at once, used only later
  u32 watched = 5;     // one place is stored to and read again: in narrower form, or where ways meet
};

/// How often each family of plain operations is chosen.
struct FamilyWeights {
  u32 integer = 10; // arithmetic, bits, shifts
  u32 divide = 2;   // the trapping ones: div, rem
  u32 compare = 4;  // integer comparisons
  u32 floating = 6; // float arithmetic and comparisons
  u32 cast = 5;     // every operation with two types
  u32 choice = 3;   // select
};

struct GeneratorConfig {
  // -- size and shape of the module ---------------------------------------------------------------
  Range instructions{18, 36}; // aimed at, over all functions; ends of blocks come on top
  Range functions{1, 3};      // with a body
  Range exported{1, 3};       // of those, callable from the host
  Range imports{0, 3};        // host functions
  Range globals{0, 3};
  Chance has_memory{2, 3};
  Range memory_bytes{16, 512};   // initial size
  Chance memory_in_pages{1, 32}; // the size is one or two pages instead, which costs microseconds a run
  Chance memory_larger{1, 10};   // it is 4 KiB more, which a64 cannot compare with as an immediate operand
  Range data_segments{0, 2};
  Chance has_table{1, 2}; // for indirect calls
  Range table_entries{1, 6};

  // -- signatures ---------------------------------------------------------------------------------
  Range params{0, 5};
  Range results{0, 3};
  Chance many_params{1, 14}; // `many` of them instead: on the stack in every convention
  Chance many_results{1, 28};
  Range many{9, 36};
  Chance pointer_params{1, 6};   // of an internal function: may take pointers into its caller's slots
  Chance same_signature{1, 6};   // a body has the signature of another, so that either may be called through one place
  Chance same_results{1, 3};     // results copied from another function, so that tail calls fit
  Chance throwing_import{1, 24}; // an import is a @throw_
  Chance callback_import{1, 10}; // the module has a @call_back and a function for it

  // -- bodies -------------------------------------------------------------------------------------
  StatementWeights statements;
  FamilyWeights families;
  u32 max_depth = 3;             // nesting of statements
  Chance constant_operand{1, 5}; // an operand is a fresh constant
  Chance same_operand{1, 24};    // both operands are one value
  Chance narrow_type{1, 2};      // keep a draw of i8 or i16; else draw again
  Chance locals_form{1, 4};      // a function has locals
  Chance more_locals{1, 4};      // there, a statement sets or reads one
  Range locals{1, 6};
  Range slots{0, 2}; // made at the start; more come when wanted
  Range slot_bytes{8, 64};
  Chance medium_slot{1, 10}; // a slot of `medium_slot_bytes`: zeroed by a loop
  Range medium_slot_bytes{96, 700};
  Chance large_slot{1, 60}; // a slot of `large_slot_bytes`: big frames, far offsets
  Range large_slot_bytes{2048, 40000};
  Range block_params{0, 3};       // of a join or a loop, besides its counter
  Chance permuted_params{1, 3};   // a loop hands its parameters on rotated: swaps, cycles
  Chance sure_loop{1, 2};         // a function has a loop, whatever the weights say
  Chance plain_loop{1, 4};        // a loop is of one or two blocks and takes no fuel
  Chance walk_without_fuel{1, 2}; // nor does a loop over elements of linear memory, where its limit does not change
  Chance watching_loop{1, 4};     // each round of a loop reads a place and writes it again
  Chance indexing_loop{1, 6};     // each round of a loop accesses linear memory at its counter
  Chance drawing_loop{1, 3};      // a loop that counts up a few rounds multiplies a number and adds to it in each
  Chance calling_loop{1, 5};      // each round of a loop calls something, whatever the weights say
  Chance remembers{1, 6};     // a function that others call reads a slot before it writes it, and shows what was there
  Range trips{0, 6};          // iterations of a loop
  Chance short_way{1, 4};     // an if is a single operation on one of two ways
  Chance short_circuit{1, 2}; // the condition of an if comes from two ways that meet
  Range switch_cases{1, 7};
  Chance second_switch{1, 4}; // a switch is followed by another
  Range irreducible_blocks{2, 5};
  Range pressure_values{10, 28}; // live at once in a pressure statement
  Chance entry_fuel{1, 6};       // a function that needs none starts with fuel
  Chance recursive{1, 5};        // a function calls itself, at most `recursion` deep, with fuel at entry
  u32 recursion = 5;
  Chance tail_call{1, 4};          // a return becomes a tail call where one fits
  Chance unreachable_block{1, 40}; // a block that nothing jumps to
  u64 max_dynamic = 1500;          // estimate of executed instructions that no function may pass

  // -- what may go wrong on purpose ---------------------------------------------------------------
  Chance unguarded{1, 2};     // a division or conversion is left unguarded
  Chance out_of_bounds{1, 4}; // an access may leave linear memory
  Chance bad_indirect{1, 5};  // an indirect call takes a bad index, null or a wrong signature
  Chance likely_trap{2, 3};   // a conditional trap is taken as often as not; else almost never

  // -- exceptions ---------------------------------------------------------------------------------
  Chance exceptions{1, 3};    // a module has tags, throws and catches
  Chance likely_throw{2, 3};  // in it, a conditional throw is taken as often as not; else almost never
  Chance more_throws{1, 12};  // in it, a statement throws, or catches from what does, whatever the weights say
  Chance sure_throw{1, 2};    // in it, a function that others call throws, whatever the weights say
  Chance sure_try{3, 4};      // in it, a function catches from one that throws
  Chance nested_try{1, 2};    // a handler of catch_all catches from something itself
  Chance rethrows{1, 2};      // it ends with a rethrow, of its exception or one of a handler around it
  Chance keeps_payload{3, 4}; // what a handler was given goes on as it is, to where it can be seen
};

/// "small", "large", "calls", "memory", "floats", "pressure", "exceptions"; false for another name.
bool preset(std::string_view name, GeneratorConfig& out);

/// All names that `preset` knows, in order.
std::span<const std::string_view> preset_names();

} // namespace assay::fuzz
