// checker.h - symbolic check of a register allocation: does every use read the value it should?
//
// The idea is that of regalloc2's checker: forget how the allocator decided and follow names through its result.
//
// State: for each location (64 registers, the spill slots) the set of VRegs whose value it holds for certain.
// Lattice: sets ordered by inclusion; unvisited is "every name"; a join intersects; so names only disappear.
// Transfer, at an instruction, in this order:
//   edits before it   to := names(from)
//   uses              each Use and UseLate must find its VReg among the names of its location, else: wrong
//   clobbers          names := {}
//   Temp              names := {}
//   Def, DefEarly     names := {vreg}, and vreg is taken from every other location
// A constant is in its slot from the start; nothing writes there, and only edits read there.
// At the start of a landing pad no register has a name, and no edit stands before its first instruction.
// Edge from a block with arguments a_i to a block with parameters p_i, at once, from the state after the terminator:
//   old names p_i go (a loop's last round), then every location that holds a_i also holds p_i; a_i stays a name.
// An edge drops names that are dead beyond it. That can only make the checker stricter, and bounds the states by what
// is live; it also takes a loop's earlier values of a VReg away, so that at its (only) definition no copy is left.
// Liveness is approximated from above: from the definition to the last use in block order, prolonged to the end of each
// loop entered after the definition (loops: from a header to its last back edge, overlapping ones merged).
//
// Besides, without data flow: constraints (Reg, Any, Fixed, Tied), classes, operands that may not share a register
// (Role in lir.h), registers outside `allocatable` only for Fixed operands and their moves, never scratch; slots and
// edits in range and in order; `written` complete; one definition a VReg; as many arguments as parameters.
//
// It shares nothing with the allocator. About 100 ns an instruction; loops are visited two or three times.
// Tested in oracle/alloc/tests/checker_test.cpp.
#pragma once

#include "compiler/codegen/lir.h"

#include <optional>
#include <string>
#include <vector>

namespace assay::oracle {

/// Keeps its storage from one function to the next.
class AllocationChecker {
public:
  /// Empty when the allocation is right; otherwise the first thing that is wrong, with block and instruction.
  std::string check(const codegen::LirFunction& function, const codegen::Allocation& allocation,
                    const codegen::RegisterFile& registers);

private:
  using Names = std::vector<codegen::VReg>;
  /// A name and the location that has it.
  struct Holding {
    u32 location;
    codegen::VReg name;
  };
  /// A loop: blocks [header, last] in block order. `parent` is the innermost that encloses it.
  struct Loop {
    u32 header, last, parent;
  };

  // Structure and constraints: checker_rules.cpp.
  void check_rules();
  void note_fixed_registers();
  void check_operand(u32 inst, u32 operand);
  void check_operand_register(u32 inst, u32 operand);
  void check_sharing(u32 inst, u32 first, u32 second);
  void check_written();
  void check_edits();
  void check_edit_register(const codegen::Edit& edit, codegen::Location location);
  void check_edges(u32 block);

  // Liveness from above: checker_live.cpp.
  void measure_lives();
  void define(u32 block, codegen::VReg vreg);
  void find_loops();
  void prolong(codegen::VReg vreg);
  bool lives_into(codegen::VReg name, u32 block) const {
    return (def_block_[name] < block && last_block_[name] >= block);
  }

  // Data flow: checker.cpp.
  void flow();
  void visit(u32 block);
  void load_state(u32 block);
  void apply_edits(u32 inst);
  void apply(u32 inst);
  void follow_edge(u32 block, u32 successor);
  void first_arrival(u32 block, u32 successor);
  void join(u32 block, u32 successor);
  bool arrives(u32 block, u32 successor, const Holding& holding) const;
  bool holds(u32 location, codegen::VReg name) const;
  /// The names of a location that is about to get some.
  Names& writable(u32 location) {
    if (listed_[location] == 0) {
      listed_[location] = 1;
      occupied_.push_back(location);
    }
    return names_[location];
  }
  bool is_param_of(codegen::VReg name, u32 block) const {
    return param_index_[name] != kNone && def_block_[name] == block;
  }

  u32 index_of(codegen::Location location) const {
    return location.is_reg() ? location.bits : 64 + location.slot_index();
  }
  bool in_range(codegen::Location location) const {
    return location.is_reg() || (location.is_slot() && location.slot_index() < allocation_->slot_count);
  }
  const codegen::Operand& operand(u32 index) const { return function_->operands[index]; }
  codegen::Location location(u32 operand_index) const { return allocation_->locations[operand_index]; }

  // Words for reports: checker_words.cpp. Only the first is kept.
  bool failed() const { return !report_.empty(); }
  void fail(u32 inst, const std::string& what);
  void fail_operand(u32 inst, u32 operand_index, const std::string& what);
  std::string names_to_string(u32 location) const;
  /// ", lost over inst 3": what became of a value that should be in the location before the instruction.
  std::string how_lost(u32 inst, u32 location, codegen::VReg vreg) const;
  std::optional<std::string> taken_by(u32 inst, u32 location, codegen::VReg vreg) const;
  u32 before_edits(u32 inst, u32 location) const;

  const codegen::LirFunction* function_ = nullptr;
  const codegen::Allocation* allocation_ = nullptr;
  const codegen::RegisterFile* registers_ = nullptr;
  std::string report_;

  codegen::RegSet fixed_registers_ = 0; // named by a Fixed operand somewhere
  std::vector<u32> def_block_;          // [VReg], kNone: not defined
  std::vector<u32> last_block_;         // [VReg], last block in which it lives
  std::vector<u32> param_index_;        // [VReg] index among its block's parameters, or kNone
  std::vector<Loop> loops_;             // by header
  std::vector<u32> loop_of_;            // [block] innermost loop, or kNone
  std::vector<u32> loop_stack_;

  std::vector<Names> names_;                // [location], the state
  std::vector<u8> listed_;                  // [location], whether it is in occupied_
  std::vector<u32> occupied_;               // every location that has names, and some that had
  std::vector<std::vector<Holding>> entry_; // [block], state on entry
  std::vector<u8> visited_, dirty_;         // [block]
  std::vector<u8> landing_;                 // [inst], whether it is the first of a landing pad
  std::vector<u32> first_edit_;             // [block], first edit of its instructions
  std::vector<u32> arg_mark_;               // [VReg], the edge of which it is an argument
  u32 mark_ = 0;
  u32 lowest_dirty_ = 0;
  size_t next_edit_ = 0;
};

/// The same with storage of its own.
std::string check_allocation(const codegen::LirFunction& function, const codegen::Allocation& allocation,
                             const codegen::RegisterFile& registers);

/// "r3", "slot5", for reports.
std::string to_string(codegen::Location location);

} // namespace assay::oracle
