// ranges_walk.h - linear scan register allocation on SSA form, with splitting of intervals.
//
// (C. Wimmer and M. Franz, "Linear Scan Register Allocation on SSA Form", CGO 2010; C. Wimmer and H. Moessenboeck,
// "Optimized Interval Splitting in a Linear Scan Register Allocator", VEE 2005.) Four steps, one file each:
//   ranges_live.cpp     which values live into which block, exactly; loops
//   ranges_build.cpp    backwards over the code: the live ranges of each value with their holes, its uses, what
//                       instructions demand in fixed registers, which registers calls destroy
//   ranges_scan.cpp, ranges_split.cpp   intervals in order of their start get registers. One that finds none, or only
//                       up to some point, is split; its rest comes again later, or lies in its slot up to a use
//   ranges_resolve.cpp  slots, the location of each operand, moves where intervals were split and on edges
//
// Positions. Instruction i of block b reads at 2(i + b + 1), "early", and writes at one more, "late"; the two
// positions before a block's first instruction are its entry. Intervals hold positions [start, end). Moves between
// instructions happen at once just before an early position, all with what is there one position sooner: what a Fixed
// or Tied operand reads is moved to its register there, so it need not live on into the instruction.
// Memory. A value that is anywhere in its slot is stored there right at its definition, so giving up its register costs
// nothing and can be done at any position, and on edges only registers must be filled. What lives into a landing pad is
// in its slot there because an event in front of the pad takes all registers.
// Constants (LirFunction::constants) begin in memory at position 0, in slots that they have from the start: where they
// come into a register they are made, at best before the outermost loop in which they are read, calls in it or not.
//
// Cost: near linear (a value's interval meets the fixed ranges in its life; victims are sought among the registers),
// apart from the sets of live values, a bit a block for each value that lives across blocks. Storage reused.
// Used by regalloc_ranges.cpp only. Tested in compiler/codegen/tests/regalloc_ranges_test.cpp.
#pragma once

#include "assay/planted.h"
#include "compiler/analysis/fill.h"
#include "compiler/codegen/lir.h"
#include "compiler/codegen/regalloc.h"
#include "compiler/codegen/regalloc_parallel_move.h"

#include <vector>

namespace assay::codegen {

class RangesWalk {
public:
  /// False: see RangeAllocator::run.
  bool run(const LirFunction& function, const RegisterFile& file, const AllocOptions& options, Allocation& out);

private:
  static constexpr PReg kNoReg = 63; // never allocatable
  using Words = u64;

  struct Range {
    u32 from, to, next;
  };
  enum class Need : u8 {
    Register, // must be in one
    Either,   // reads a slot as well
    Moved,    // a move reads it: an argument of an edge, a fixed or tied operand
  };
  struct Use {
    u32 pos_need; // position << 2 | Need
    u32 next;
    u32 pos() const { return pos_need >> 2; }
    Need need() const { return static_cast<Need>(pos_need & 3); }
  };
  /// A part of a value's life in one place. The first part of value v has the number v.
  struct Interval {
    u32 start = kNone, end = 0;     // kNone: there is none
    u32 range = kNone;              // while it is scanned: the first that is not over
    u32 use = kNone;                // the first that is not over
    u32 last_use = 0;               // position of the one before that; its start at least
    u32 next = kNone, prev = kNone; // parts of the same value
    u32 chain = kNone;              // starts at the same position
    Location loc;                   // kMemory: in its value's slot
    VReg vreg = kNone;
  };
  struct Value {
    u32 def_block = kNone;
    u32 global = kNone; // its number among those that live across blocks
    VReg web = kNone;   // stands for the values that edges and tied operands make one
    VReg tied_to = kNone;
    u32 slot = kNone;
    u32 web_slot = kNone;  // [web]: given last to one of it
    u32 last_part = kNone; // placed last, as far as the final walk has come
    PReg fixed_def = kNoReg;
    PReg hint = kNoReg;     // some instruction demands it there
    PReg web_reg = kNoReg;  // [web]
    PReg last_reg = kNoReg; // of its part scanned last
    bool spilled = false;
    bool has_web = false; // others have joined its web
  };
  struct FixedRange {
    u32 from, to;
    VReg owner; // whose value is there; kNone: nobody's
    u32 next;
  };
  /// Registers that are destroyed at one position.
  struct Event {
    u32 pos;
    RegSet set;
  };
  struct Loop {
    u32 header, last; // blocks
    u32 parent;
    u32 depth;
    bool destroys; // has an event
  };
  static constexpr Location kMemory{0xfffffffeu};

  // -- places
  u32 entry_of(u32 block) const { return 2 * (function_->blocks[block].first_inst + block); }
  u32 end_of(u32 block) const { return entry_of(block) + 2 * (function_->blocks[block].inst_count + 1); }
  u32 block_at(u32 pos) const;
  u32 loop_at(u32 pos) const { return loops_.empty() ? kNone : loop_of_[block_at(pos)]; }
  u32 depth_of(u32 loop) const { return loop == kNone ? 0 : loops_[loop].depth; }
  u32 loop_start(u32 loop) const { return entry_of(loops_[loop].header); }
  RegClass class_of_value(VReg vreg) const { return function_->vreg_class[vreg]; }

  // ranges_live.cpp
  void find_globals();
  void note_use(VReg vreg, u32 block);
  bool find_live();
  void flow_live();
  void find_loops();
  Words* live_in(u32 block) { return live_.data() + std::size_t{block} * words_; }

  // ranges_build.cpp
  void build();
  void build_block(u32 block);
  void begin_constant(VReg vreg);
  void live_out(u32 block);
  void add_range(VReg vreg, u32 from, u32 to);
  /// The same, at once where nothing is to be added.
  void cover(VReg vreg, u32 from, u32 to) {
    const u32 first = intervals_[vreg].range;
    if (first == kNone || ranges_[first].from > from || ranges_[first].to < to) add_range(vreg, from, to);
  }
  void add_use(VReg vreg, u32 pos, Need need);
  void begin_at(VReg vreg, u32 from);
  void enlist(u32 interval);
  void plain(const LirInst& inst, u32 pos, u32 entry);
  void general(const LirInst& inst, u32 pos, u32 block);
  void general_write(const Operand& operand, const LirInst& inst, u32 pos);
  void general_read(const Operand& operand, u32 pos, u32 entry, bool is_tied);
  void define_fixed(VReg vreg, PReg reg, u32 from, u32 pos);
  void tie(VReg result, VReg source);
  VReg web_of(VReg vreg);
  void add_fixed(PReg reg, u32 from, u32 to, VReg owner);
  void add_event(u32 pos, RegSet set, u32 block);

  bool may(Decision decision, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    return decisions_->may(decision, file, line);
  }

  // ranges_scan.cpp
  bool scan();
  void allocate(u32 index);
  void advance(u32 pos);
  void pass_ranges(Interval& interval, u32 pos);
  PReg find_free(u32 index, u32 needed);
  PReg wholly_free(u32 index, RegSet open);
  u32 fixed_limit(u32 index, PReg reg, u32 end);
  u32 intersection(const Interval& interval, u32 from, u32 to) const;
  u32 intersection(const Interval& a, const Interval& b) const;
  bool covers(const Interval& interval, u32 pos) const { return intersection(interval, pos, pos + 1) != kNone; }
  RegSet meet_events(u32 index, RegSet open);
  bool comes_again_behind_event(const Interval& interval, u32 pos) const;
  bool worth_saving(u32 index) const;
  void assign(u32 index, PReg reg, u32 limit);
  bool is_hoisted_through(u32 index) const;
  bool needs_register_now(const Interval& interval, u32 pos) const;

  // ranges_split.cpp
  u32 split(u32 index, u32 pos);
  void cut(u32 index, u32 limit);
  void to_memory(u32 index, u32 now);
  void place_constant(VReg vreg);
  u32 reload_place(const Interval& interval, u32 now) const;
  u32 hoisted(u32 pos, u32 after, bool through) const;
  u32 sunk(u32 pos, u32 after) const;
  u64 price(const Interval& interval, u32 pos) const;
  PReg find_victim(u32 index, u32 needed, u64 below, u32& limit);
  void evict(PReg reg, u32 pos);
  void advance_uses(Interval& interval, u32 pos);
  void mark_split(VReg vreg);

  // ranges_resolve.cpp
  void give_slots();
  void resolve();
  void resolve_block(u32 block);
  void enter(u32 block);
  void leave(u32 block);
  void parts(u32 pos);
  bool begins_in(VReg vreg, Location location, u32 pos) const;
  void place(const LirInst& inst, u32 pos);
  void place_general(const LirInst& inst, u32 pos);
  void demand(const LirInst& inst, u32 pos);
  void defined(const LirInst& inst);
  void save(VReg vreg, Location from);
  void edge_moves(u32 from, u32 to);
  Location actual(const Interval& interval) const {
    return interval.loc == kMemory ? Location::slot(values_[interval.vreg].slot) : interval.loc;
  }
  /// Where the value is at a position of its life, or just behind its definition in a fixed register.
  Location place_at(VReg vreg, u32 pos) {
    const Interval& whole = intervals_[vreg];
    return whole.next == kNone && whole.start <= pos ? actual(whole) : place_of_part(vreg, pos);
  }
  Location place_of_part(VReg vreg, u32 pos);
  void move(Location from, Location to, VReg vreg) {
    if (from != to) moves_.push_back({from, to, class_of_value(vreg)});
  }
  void emit_moves(u32 inst);

  const LirFunction* function_ = nullptr;
  Decisions* decisions_ = nullptr;
  Decisions own_decisions_; // of who gives none: all may be taken
  const RegisterFile* file_ = nullptr;
  Allocation* out_ = nullptr;
  ParallelMover mover_;
  bool failed_ = false;

  std::vector<Value> values_;       // [VReg], and more
  std::vector<Interval> intervals_; // the first part of each VReg, then further ones
  Sequence<Range> ranges_;
  Sequence<Use> uses_;
  Sequence<FixedRange> fixed_;
  std::vector<Event> events_; // those behind come first
  u32 fixed_head_[64] = {};   // [PReg]: in fixed_, the first that is not over
  Sequence<u32> starts_;      // [position]: intervals that start there, chained

  std::vector<u32> globals_; // VRegs that live across blocks
  struct Reading {
    u32 block, global;
  };
  std::vector<Reading> readings_; // blocks that read a value of another
  u32 words_ = 0;
  Sequence<Words> live_, defined_; // [block][words_]: live on entry; defined there
  Sequence<Words> split_;          // [words_]: has more than one place
  std::vector<Loop> loops_;
  analysis::Table<u32> loop_of_; // [block]: the innermost
  analysis::Table<u32> loop_last_;
  std::vector<u32> loop_stack_;

  // The scan.
  RegSet usable_[2] = {}; // after max_registers
  RegSet active_ = 0;
  u32 active_interval_[64] = {};
  u32 active_end_[64] = {};
  std::vector<u32> inactive_; // in a hole
  u32 next_change_ = 0;       // the least position at which active_ or inactive_ change
  u32 next_event_ = 0;        // events_[0, next_event_) are not over
  RegSet destroyed_ = 0;      // by any event
  RegSet saved_used_ = 0;     // callee-saved registers that some interval has
  u32 limit_[64] = {};        // [PReg]: of find_free

  std::vector<VReg> spilled_;
  std::vector<u32> slot_end_; // [slot]
  std::vector<PendingMove> moves_;
  RegSet written_ = 0;
};

} // namespace assay::codegen
