// emission.h - the walk from allocated LIR to machine code, as far as it is the same for every target.
//
// A target's Emitter derives from EmissionBase<its Assembler> and hands itself to `walk`, which binds a label a block,
// calls `self.move(edit)` for the allocator's moves and `self.instruction(inst)` for each instruction;
// `self.jump_over` and `self.fill` where blocks are padded. Blocks that only jump on are left out; in optimised code a
// loop's test stands below its body, and once more where the loop is entered if it is one instruction, and what is
// jumped back to is placed by `self.align_loop` (short loops run up to a third faster when they lie in few lines of
// the cache). Here too: positions, trap stubs behind the body, jump tables in read-only data, and the function's entry
// in the CodeObject. No virtual call; constant cost an instruction; storage reused. Tested in
// compiler/codegen/tests/compile_test.cpp and compile_tables_test.cpp.
#pragma once

#include "assay/compiler.h"
#include "assay/planted.h"
#include "compiler/codegen/lowering.h"
#include "compiler/codegen/rodata.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace assay::codegen {

/// [FrameEffect]
inline constexpr Decision kRowOf[] = {Decision::RowOfPush,        Decision::RowOfAllocation, Decision::RowOfFrame,
                                      Decision::RowOfSave,        Decision::RowOfEpilogue,   Decision::RowOfPop,
                                      Decision::RowOfRelease,     Decision::RowOfReset,      Decision::RowOfRestore,
                                      Decision::RowOfDrop,        Decision::RowOfSigning,    Decision::RowOfSigning,
                                      Decision::RowBehindEpilogue};
static_assert(std::size(kRowOf) == static_cast<u32>(FrameEffect::EpilogueEnd) + 1);

template <typename Assembler> class EmissionBase {
protected:
  using Label = decltype(std::declval<Assembler&>().new_label());

  /// A trap raised behind the body, or behind the instruction that asks for it.
  struct Stub {
    Label label;
    TrapKind kind = TrapKind::Unreachable;
    u32 origin = kNone;
    BlockId block = kNone;
    bool in_line = false; // rather behind the instruction
  };

  void begin_module(const Module& module, const CompileOptions& options, Decisions& decisions, CodeObject& out) {
    module_ = &module;
    decisions_ = &decisions;
    out_ = &out;
    padding_ = std::min(options.block_padding, kMostBlockPadding);
    as_.begin(out.code);
    as_.ask(decisions.is_limited(DecisionArea::Encoding) ? &decisions : nullptr);
    pool_.begin(out.rodata);
    tables_.clear();
  }

  /// Whether a choice that need not be made may be; the place is the caller's.
  bool may(Decision decision, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    return decisions_->may(decision, file, line);
  }

  /// The next byte is the function's first, 16-aligned.
  void begin_function(FunctionId id, bool is_thunk, u32 frame_size) {
    function_ = id;
    begin_ = as_.offset();
    stubs_.clear();
    raises_in_line_ = false;
    own_tables_.clear();
    table_labels_.clear();
    first_clause_ = out_->clauses.size();
    FunctionCode& code = out_->functions.emplace_back();
    code.function = id;
    code.begin = begin_;
    code.first_frame_op = static_cast<u32>(out_->frame_ops.size());
    code.frame_size = frame_size;
    code.is_thunk = is_thunk;
  }

  /// All labels are bound. Jump tables hold code offsets until the place of read-only data is known.
  void end_function() {
    u32 next = 0;
    for (const Table& table : own_tables_) {
      if (ASSAY_PLANTED(switch_table_targets)) next = static_cast<u32>(table_labels_.size()) - table.count;
      for (u32 i = 0; i < table.count; ++i) pool_.put32(table.rodata + 4 * i, as_.offset_of(table_labels_[next++]));
      tables_.push_back(table);
    }
    for (std::size_t i = first_clause_; i < out_->clauses.size(); ++i) {
      u32& pad = out_->clauses[i].landing_pad;
      pad = as_.offset_of(label_of(pad));
    }
    FunctionCode& code = out_->functions.back();
    code.end = as_.offset();
    code.frame_op_count = static_cast<u32>(out_->frame_ops.size()) - code.first_frame_op;
  }

  /// The module's code is complete: turns the entries of jump tables into distances from their table.
  void finish_tables() {
    const u32 rodata = out_->rodata_offset();
    for (const Table& table : tables_) {
      for (u32 i = 0; i < table.count; ++i) {
        const u32 at = table.rodata + 4 * i;
        pool_.put32(at, pool_.get32(at) - (rodata + table.rodata));
      }
    }
  }

  /// Sets what `walk` goes over, and makes one label a block, numbered like the blocks.
  void set_body(const FunctionInput& input, const LirFunction& lir, const Allocation& allocation,
                const LoweredFunction& info) {
    fn_ = input.body;
    positions_ = input.positions;
    first_inlined_ = static_cast<u32>(out_->inlined_calls.size());
    for (const SourcePosition& call : input.inlined_calls) out_->inlined_calls.push_back(in_object(call));
    lir_ = &lir;
    allocation_ = &allocation;
    info_ = &info;
    cycles_in_scratch_ = allocation.cycle_slot != kNone && may(Decision::CycleInScratch);
  }
  /// As the allocator meant it, or with the scratch register in place of a slot for cycles.
  Edit beyond_cycle_slot(const Edit& edit, PReg scratch) const {
    return cycles_in_scratch_ ? allocation_->beyond_cycle_slot(edit, scratch) : edit;
  }
  void forward_empty_blocks() {
    const u32 count = static_cast<u32>(lir_->blocks.size());
    forward_.resize(count);
    const auto& edits = allocation_->edits;
    u32 edit = 0;
    for (u32 b = 0; b < count; ++b) {
      as_.new_label();
      const LirBlock& block = lir_->blocks[b];
      forward_[b] = b;
      if (b == 0 || block.inst_count != 1) continue;
      const u32 target =
          lir_->insts[block.first_inst].op == static_cast<u16>(CommonOp::Jump) ? lir_->succs_of(block)[0] : b;
      if (block.origin != kNone && target <= b) continue; // no jump, or one back
      while (edit < edits.size() && edits[edit].inst < block.first_inst) ++edit;
      const bool has_edit = edit < edits.size() && edits[edit].inst == block.first_inst;
      if (!has_edit && may(Decision::EdgeLeftOut)) forward_[b] = target;
    }
    // Blocks jump ahead, but those of edges, to which only branches lead: two steps are the whole way.
    for (u32 step = 0; step < 2; ++step)
      for (u32 b = count; b-- != 0;) forward_[b] = forward_[forward_[b]];
    lay_out();
  }
  /// The order of emission. A loop whose header decides whether to go on, and whose last block jumps back to it, has
  /// the header behind that block: one jump a turn less. What ends in a trap or a throw stands behind everything else,
  /// so that the way past it needs no jump.
  void lay_out() {
    const u32 count = static_cast<u32>(lir_->blocks.size());
    next_.assign(count + 1, count);
    u32 last = 0;
    for (u32 b = 1; b < count; ++b) {
      if (forward_[b] == b) last = next_[last] = b;
    }
    in_order_ = positions_.empty() || (!lir_->may_loop && !any_dead_end(last));
    if (in_order_) return;
    previous_.assign(count + 1, 0);
    for (u32 b = 0; b != count; b = next_[b]) previous_[next_[b]] = b;
    latch_.assign(count, 0);
    turn_loops();
    for (u32 b = 1; b < count; ++b)
      if (is_dead_end(b) && next_[b] != count && may(Decision::DeadEndBehind)) place_behind(b, previous_[count]);
    find_tops();
  }
  /// Whether the block ends in a trap or behind a call that does not return.
  bool is_dead_end(u32 block) const {
    const LirBlock& b = lir_->blocks[block];
    if (b.succ_count != 0 || forward_[block] != block || block == 0) return false;
    const u16 op = lir_->insts[b.first_inst + b.inst_count - 1].op;
    return op == static_cast<u16>(CommonOp::Trap) || op == static_cast<u16>(CommonOp::Stop);
  }
  bool any_dead_end(u32 last) const {
    for (u32 b = 1; b < last; ++b)
      if (is_dead_end(b)) return true;
    return false;
  }
  void turn_loops() {
    const u32 count = static_cast<u32>(lir_->blocks.size());
    for (u32 b = 1; b < count; ++b) {
      const auto succs = lir_->succs_of(lir_->blocks[b]);
      if (forward_[b] == b && succs.size() == 1 && forward_[succs[0]] < b) latch_[forward_[succs[0]]] = b;
    }
    for (u32 b = 1; b < count; ++b) {
      const auto succs = lir_->succs_of(lir_->blocks[b]);
      if (latch_[b] == 0 || succs.size() != 2) continue;
      const u32 latch = latch_[b];
      const auto leaves = [&](u32 block) { return beyond(block) < b || beyond(block) > latch; };
      const bool first = leaves(forward_[succs[0]]);
      const u32 out = forward_[succs[first ? 0 : 1]], in = forward_[succs[first ? 1 : 0]];
      if (!leaves(out) || leaves(in) || !may(Decision::LoopTurned)) continue;
      place_behind(b, latch);
      if (beyond(out) != out) place_behind(out, b);
    }
  }
  /// Blocks that a later one, or itself, jumps to.
  void find_tops() {
    const u32 count = static_cast<u32>(lir_->blocks.size());
    seen_.assign(count, 0);
    is_top_.assign(count, 0);
    for (u32 b = 0; b != count; b = next_[b]) {
      seen_[b] = 1;
      for (const u32 succ : lir_->succs_of(lir_->blocks[b])) is_top_[forward_[succ]] |= seen_[forward_[succ]];
    }
  }
  /// Whether the block before it goes on to it from a turn to the next: what aligns it would be executed in each.
  bool comes_back() const {
    const u32 before = previous_[block_];
    if (before <= block_) return false;
    const auto succs = lir_->succs_of(lir_->blocks[before]);
    return std::any_of(succs.begin(), succs.end(), [&](u32 succ) { return forward_[succ] == block_; });
  }
  /// Where an edge leads, past the block that does its moves.
  u32 beyond(u32 block) const {
    const bool is_edge = lir_->blocks[block].origin == kNone && lir_->blocks[block].succ_count == 1;
    return is_edge ? forward_[lir_->succs_of(lir_->blocks[block])[0]] : block;
  }
  /// Takes a block from its place in the order.
  void place_behind(u32 block, u32 other) {
    next_[previous_[block]] = next_[block];
    previous_[next_[block]] = previous_[block];
    next_[block] = next_[other];
    previous_[next_[block]] = block;
    next_[other] = block;
    previous_[block] = other;
  }
  template <typename Self> void walk(Self& self) {
    const u32 count = static_cast<u32>(lir_->blocks.size());
    const Edit* edit = allocation_->edits.data();
    const Edit* const last = edit + allocation_->edits.size();
    u32 next_edit = edit != last ? edit->inst : kNone;
    for (block_ = 0; block_ < count; block_ = next_block_) {
      next_block_ = next_[block_];
      const LirBlock& block = lir_->blocks[block_];
      if (!in_order_) {
        const Edit* const first = allocation_->edits.data();
        edit = std::lower_bound(first, last, block.first_inst, [](const Edit& e, u32 i) { return e.inst < i; });
        next_edit = edit != last ? edit->inst : kNone;
      }
      if (padding_ != 0 && block_ != 0) pad(self);
      if (!in_order_ && is_top_[block_] != 0 && !comes_back() && may(Decision::LoopAligned)) self.align_loop();
      as_.bind(Label{block_});
      air_block_ = block.origin;
      const u32 end = block.first_inst + block.inst_count;
      for (u32 i = block.first_inst; i < end; ++i) {
        while (next_edit <= i) {
          self.move(*edit++);
          next_edit = edit != last ? edit->inst : kNone;
        }
        const LirInst& inst = lir_->insts[i];
        if (!in_order_ && inst.op == static_cast<u16>(CommonOp::Jump) && enters_loop() && may(Decision::LoopEntered)) {
          test_at_entry(self);
          continue;
        }
        locations_ = allocation_->locations.data() + inst.operands;
        origin_ = inst.origin;
        self.instruction(inst);
        if (raises_in_line_) [[unlikely]]
          raise_in_line(self);
      }
    }
  }
  /// The traps that the instruction asked for, jumped over.
  template <typename Self> void raise_in_line(Self& self) {
    const Label over = as_.new_label();
    self.jump_over(over);
    const auto first = std::find_if(stubs_.begin(), stubs_.end(), [](const Stub& stub) { return stub.in_line; });
    for (auto stub = first; stub != stubs_.end(); ++stub) self.raise(*stub);
    stubs_.erase(first, stubs_.end());
    raises_in_line_ = false;
    as_.bind(over);
  }

  /// Whether the block jumps to a loop's test, which is all there is to its header, over the body that comes next.
  bool enters_loop() const {
    const u32 header = forward_[successors()[0]];
    const LirBlock& block = lir_->blocks[header];
    if (latch_[header] == 0 || block.inst_count != 1 || block.succ_count != 2 || next_block_ == header) return false;
    const auto succs = lir_->succs_of(block);
    if (forward_[succs[0]] != next_block_ && forward_[succs[1]] != next_block_) return false;
    const auto& edits = allocation_->edits;
    const auto edit =
        std::lower_bound(edits.begin(), edits.end(), block.first_inst, [](const Edit& e, u32 i) { return e.inst < i; });
    return (edit == edits.end() || edit->inst != block.first_inst) &&
           lir_->insts[block.first_inst].op > static_cast<u16>(CommonOp::Switch); // no call either
  }
  /// The test once more, instead of a jump to it. It jumps to the body, too, since what aligns that stands in between.
  template <typename Self> void test_at_entry(Self& self) {
    const u32 block = block_, next = next_block_;
    const LirBlock& header = lir_->blocks[block_ = forward_[successors()[0]]];
    const LirInst& inst = lir_->insts[header.first_inst];
    next_block_ = kNone;
    air_block_ = header.origin;
    locations_ = allocation_->locations.data() + inst.operands;
    origin_ = inst.origin;
    self.instruction(inst);
    block_ = block;
    next_block_ = next;
  }

  /// What is long is jumped over: running through it would take time.
  template <typename Self> void pad(Self& self) {
    constexpr u32 kLong = 64;
    if (padding_ < kLong) return self.fill(padding_);
    const Label behind = as_.new_label();
    self.jump_over(behind);
    self.fill(padding_);
    as_.bind(behind);
  }

  /// Of the current instruction. Only instructions of AIR blocks ask: split edges hold nothing that traps or calls.
  SourcePosition position() const { return position_of(air_block_, origin_); }
  SourcePosition position_of(BlockId block, InstId origin) const {
    if (positions_.empty()) return {{function_, block, origin - fn_->blocks[block].first_inst}, kNone};
    return in_object(positions_[origin]);
  }
  /// With the index that the call has in the CodeObject.
  SourcePosition in_object(SourcePosition where) const {
    if (where.inlined_at != kNone) where.inlined_at += first_inlined_;
    return where;
  }
  /// The next byte is what a call returns to.
  void record_position(const SourcePosition& where) {
    out_->positions.push_back({as_.offset(), where.position, where.inlined_at});
  }
  void record_position(const Stub& stub) { record_position(position_of(stub.block, stub.origin)); }
  /// The call whose position was recorded last is this try_call. Landing pads are blocks until the function ends.
  void record_call_site(const LirInst& inst) {
    const auto clauses = fn_->edges_of(fn_->insts[inst.origin]).subspan(1);
    const u32 moved = ASSAY_PLANTED(eh_site_behind_pop) ? static_cast<u32>(inst.imm) : 0;
    out_->call_sites.push_back({out_->positions.back().offset + moved, static_cast<u32>(out_->clauses.size()),
                                static_cast<u32>(clauses.size())});
    const u32* pad = successors().data() + 1;
    for (const Edge& clause : clauses) {
      if (clause.kind == EdgeKind::CatchAll) {
        out_->clauses.push_back({kNone, 0, *pad++});
        continue;
      }
      const Signature& signature = module_->signatures[module_->tags[clause.value].signature];
      const u32 payload = static_cast<u32>(module_->params(signature).size());
      out_->clauses.push_back({static_cast<TagId>(clause.value), payload, *pad++});
    }
  }
  void record_reloc(u32 field, RelocKind kind, FunctionId function) {
    out_->relocs.push_back({field, kind, function, 0});
  }
  /// The next instruction may fault.
  void record_fault(const LirInst& inst) {
    if ((inst.flags & kMayFault) != 0)
      out_->faults.push_back({as_.offset(), TrapKind::OutOfBounds, position().position});
  }
  /// The last instruction had this effect on the frame. The place is the caller's.
  void frame_op(FrameEffect effect, RegIndex reg, i32 value, const char* file = __builtin_FILE(),
                u32 line = __builtin_LINE()) {
    const bool may_be_short = may(kRowOf[static_cast<u32>(effect)], file, line);
    out_->frame_ops.push_back({as_.offset() - begin_, effect, reg, value, !may_be_short});
  }

  /// A label, bound behind the body, at which this trap is raised for the current instruction.
  Label trap_label(TrapKind kind) {
    if (ASSAY_PLANTED(trap_stubs_merged) && !stubs_.empty() && stubs_.back().kind == kind) return stubs_.back().label;
    const Label label = as_.new_label();
    const bool in_line = !may(Decision::TrapBehind);
    raises_in_line_ |= in_line;
    stubs_.push_back({label, kind, origin_, air_block_, in_line});
    return label;
  }

  /// A jump table for [least, least + entries), in read-only data; gives its place there. Entries are 32-bit distances
  /// from the table.
  u32 jump_table_for(std::span<const SwitchCase> cases, u64 least, u32 entries) {
    const auto succs = lir_->succs_of(lir_->blocks[block_]);
    const u32 table = pool_.reserve(4 * entries, 4);
    u32 next = 0;
    for (u32 i = 0; i < entries; ++i) {
      const bool is_case = cases[next].value == least + i;
      table_labels_.push_back(label_of(is_case ? succs[cases[next].succ] : succs.back()));
      next += is_case ? 1 : 0;
    }
    own_tables_.push_back({table, entries});
    return table;
  }
  /// A table is worth it when at least a third of the range is used.
  bool wants_table(std::span<const SwitchCase> cases) {
    const u64 range = cases.back().value - cases.front().value;
    return cases.size() >= 4 && range / 3 < cases.size() && may(Decision::JumpTable);
  }
  std::span<const SwitchCase> cases_of(const LirInst& inst) const {
    return {info_->cases.data() + inst.aux, static_cast<std::size_t>(inst.imm)};
  }

  Label label_of(u32 block) const { return Label{forward_[block]}; }
  bool is_next(u32 block) const { return forward_[block] == next_block_; }
  bool needs_jump(u32 block) { return !is_next(block) || !may(Decision::JumpLeftOut); }
  std::span<const u32> successors() const { return lir_->succs_of(lir_->blocks[block_]); }
  const Location& location(u32 index) const { return locations_[index]; }
  u32 current_block() const { return block_; }
  bool in_reg(u32 index) const { return locations_[index].is_reg(); }

  // The module.
  const Module* module_ = nullptr;
  Decisions* decisions_ = nullptr;
  CodeObject* out_ = nullptr;
  Assembler as_;
  ConstantPool pool_;

  // The function.
  FunctionId function_ = kNone;
  const Function* fn_ = nullptr;
  std::span<const SourcePosition> positions_; // FunctionInput's; empty: the function was not optimised
  u32 first_inlined_ = 0;                     // of the function's calls in CodeObject::inlined_calls
  const LirFunction* lir_ = nullptr;
  const Allocation* allocation_ = nullptr;
  const LoweredFunction* info_ = nullptr;
  bool cycles_in_scratch_ = false;
  u32 begin_ = 0;   // offset of the function's first byte
  u32 padding_ = 0; // CompileOptions::block_padding
  std::vector<Stub> stubs_;

private:
  struct Table {
    u32 rodata = 0, count = 0;
  };

  std::vector<Table> tables_;        // in read-only data, whose entries hold code offsets until finish_tables
  std::vector<Table> own_tables_;    // those of the function
  std::size_t first_clause_ = 0;     // the function's, in CodeObject::clauses
  std::vector<Label> table_labels_;  // targets of the function's jump tables, in order
  std::vector<u32> forward_;         // [LIR block]: itself, or where an empty one leads; the label's id too
  u32 block_ = 0;                    // current LIR block
  u32 next_block_ = kNone;           // the one emitted after it
  bool raises_in_line_ = false;      // the current instruction has a trap in line
  bool in_order_ = true;             // blocks are emitted by number
  std::vector<u32> next_, previous_; // [LIR block] in the order of emission; behind the last one: their count
  std::vector<u32> latch_;           // [LIR block] the last block that jumps back to it; 0: none
  std::vector<u8> is_top_;           // [LIR block] whether a loop's code begins with it; optimised functions with loops
  std::vector<u8> seen_;             // [LIR block]
  BlockId air_block_ = kNone;
  u32 origin_ = kNone;
  const Location* locations_ = nullptr;
};

} // namespace assay::codegen
