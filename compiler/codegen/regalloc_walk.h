// regalloc_walk.h - the allocator itself: one walk over the code from its end to its start.
//
// Going backwards, the first operand met that reads a value is its last use: there it gets a register, which it
// keeps, unless it must make way, until its definition is met. So nothing need be known of liveness beforehand, a value
// is dead before its definition by itself, and what a later instruction demands (a call's argument register, the
// register of a tied operand, the place of a block parameter) is where the value is made.
//
// Blocks, in reverse layout order. A block's entry state says in which register each value must be that is live into
// it; every forward edge comes from a block that is walked later and starts from that state. An edge back to a
// loop's header is walked before the header: the places of the header's parameters are chosen there, and other values
// that live around the loop are in their slots there, or in a register that the whole loop leaves alone
// (AllocState::pick_free); the header's start reloads what its code wants in a register.
//
// Cost: constant an operand, plus the values in registers at each block end. Used by regalloc.cpp only.
// Tested in compiler/codegen/tests/regalloc_test.cpp.
#pragma once

#include "compiler/codegen/regalloc_parallel_move.h"
#include "compiler/codegen/regalloc_state.h"

namespace assay::codegen {

class AllocWalk {
public:
  void run(const LirFunction& function, const RegisterFile& file, const AllocOptions& options, Allocation& out);

private:
  static constexpr PReg kNoReg = AllocState::kNoReg;

  /// One instruction's registers, by what stands against giving them to something else.
  struct Demand {
    RegSet uses = 0;      // read by fixed operands
    RegSet late_uses = 0; // those of them that are read late
    RegSet defs = 0;      // written by a Def or DefEarly, as far as decided
    RegSet early = 0;     // written early, as far as decided
    RegSet clobbers = 0;
    RegSet locked = 0; // holds an operand, or is the target of a move before the instruction
    RegSet wanted = 0; // where the state behind has the definitions; bit 63 says nothing
    u32 kinds = 0;     // of operands that there are, by role: free() of any register, or fixed ones
    static constexpr u32 free(Role role) { return 1u << (2 * static_cast<u32>(role)); }
    static constexpr u32 any(Role role) { return 3 * free(role); }
    RegSet destroyed() const { return defs | early | clobbers; }
  };
  struct Entry {
    VReg vreg;
    PReg reg;
  };
  struct Entries {
    u32 first = 0, count = 0;
  };

  // Blocks and edges (regalloc.cpp).
  void find_loops();
  void find_clean();
  void block(u32 index);
  void load(u32 index);
  void leave(u32 index);
  void merge(u32 succ);
  void pass_args(u32 from, u32 to);
  void choose_home(VReg param, Location& home, RegSet& taken);
  Location place_arg(VReg arg, RegSet taken);
  void start(u32 index);
  void settle_params(u32 index);
  void settle_loop();
  void fill_at_start(PReg reg);
  void emit_moves(u32 inst);

  // Instructions that LirInst::plan tells of (regalloc.cpp).
  void plain(const LirInst& inst);
  RegSet define(const Operand& operand, Location& location, RegSet locked);
  RegSet tie(const Operand& operand, Location& location, Location to);
  RegSet read(const Operand& operand, Location& location, RegSet locked);
  RegSet place_unplaced(const Operand& operand, Location& location, RegSet locked);
  void save_defined(VReg vreg, PReg reg);
  PReg pick(RegClass reg_class, RegSet locked, VReg for_value);

  // All others (regalloc_general.cpp).
  void general(const LirInst& inst);
  void gather(const LirInst& inst);
  void place_defs(const LirInst& inst);
  PReg place_def(const LirInst& inst, const Operand& operand);
  void vacate(const LirInst& inst);
  void place_late_uses(const LirInst& inst);
  void place_fixed_uses(const LirInst& inst);
  void place_tied_uses(const LirInst& inst);
  void place_uses(const LirInst& inst);
  void place_temps(const LirInst& inst);
  PReg of_some_use(const LirInst& inst, RegClass reg_class, PReg otherwise);
  void place_use(const LirInst& inst, u32 index, RegSet forbidden);
  PReg take(RegClass reg_class, RegSet forbidden, VReg for_value);
  void move_before(VReg vreg, PReg to);
  void move_behind(Location from, Location to, RegClass reg_class) { behind_.push_back({from, to, reg_class}); }

  Location& location(const LirInst& inst, u32 index) { return out_->locations[inst.operands + index]; }
  const Operand& operand(const LirInst& inst, u32 index) const { return function_->operands[inst.operands + index]; }

  const LirFunction* function_ = nullptr;
  AllocOptions options_;
  Allocation* out_ = nullptr;
  AllocState state_;
  ParallelMover mover_;
  Demand demand_;
  RegSet clobber_left_out_ = 0;     // by a planted bug
  u64 tied_ = 0;                    // operand numbers that a Def of the current instruction is tied to
  std::vector<PendingMove> behind_; // at once, behind the current instruction
  std::vector<PendingMove> before_; // before it, in any order
  std::vector<PendingMove> moves_;  // at once, of an edge or at a block's start
  std::vector<Edit> sequence_;      // of the parallel mover
  std::vector<Entry> entry_pool_;
  std::vector<Entries> entries_;        // [block]
  std::vector<Location> homes_;         // [index in LirFunction::vreg_pool]: where a parameter arrives
  std::vector<AllocState::Loop> loops_; // to come, those that end last first
  std::vector<u32> loop_last_;          // [block]: last block of the loop that it heads, or kNone
  std::vector<u32> loop_stack_, least_pred_;
  u32 next_loop_ = 0;
  u32 state_block_ = kNone; // whose entry state the state is
};

} // namespace assay::codegen
