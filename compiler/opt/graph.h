// graph.h - a function while it is optimised: instructions in linked lists, values that may be replaced in one step.
//
// The same ids as in the Function that it was read from; what is new gets higher ones. Nothing is moved in memory when
// an instruction goes or comes. `replace(a, b)` makes every use of a mean b from then on: operands are followed through
// `now` when they are read, so that no list of uses is kept. Each instruction knows the one of the source that it does
// the work of (`origin`), which positions of traps and calls are told by. Storage is reused from function to function.
// Reading, writing back and every step here are linear. Tested in compiler/opt/tests/ssa_test.cpp.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"
#include "compiler/analysis/flow_graph.h"
#include "compiler/opt/extent.h"

#include <span>
#include <vector>

namespace assay::opt {

struct GraphInst {
  Opcode op = Opcode::Trap;
  Type type = Type::None, from = Type::None;
  u32 ref = kNone;
  u64 imm = 0;
  u32 operands = 0, operand_count = 0; // in Graph::pool
  u32 first_edge = 0, edge_count = 0;  // in Graph::edges
  ValueId first_result = 0;
  u32 result_count = 0;
  InstId prev = kNone, next = kNone; // in its block
  BlockId block = kNone;             // kNone: it is gone
  InstId origin = kNone;             // in the source; kNone: it does nothing that has a position
  bool inside = false;               // an access that never leaves the memory as it is at the beginning (bounds.h)
  u32 extent = kNone;                // of such an access, in Graph::extents; kNone: not known
};

/// Parameters may be added: they are a list of their own.
struct GraphBlock {
  InstId first = kNone, last = kNone; // the last is the terminator; kNone: the block is gone
  std::vector<ValueId> params;
};

struct GraphEdge {
  BlockId target = kNone;
  EdgeKind kind = EdgeKind::Normal;
  u64 value = 0;
  std::vector<ValueId> args; // without the values that a try_call itself passes first
};

struct GraphValue {
  Type type = Type::None;
  ValueId replaced_by = kNone;
  InstId inst = kNone;   // that defines it, or
  BlockId block = kNone; // whose parameter it is
};

class Graph {
public:
  /// Takes over a verified function's body.
  void read(const Function& function);
  /// A copy of another function's body behind what there is; no edge leads there yet. Returns its entry. Ids are those
  /// of the function plus how many of the kind there were, `origin`s the InstId plus `first_origin`. Its locals and
  /// slots are added.
  BlockId append(const Function& function, InstId first_origin);
  /// Writes what can be reached as a function's body, blocks in reverse postorder; name and signature stay. `origins`
  /// gets, for each instruction written, that of the source (kNone: none); `marks`, if there are any, what is known of
  /// accesses.
  struct Marks {
    std::vector<u8>& inside;            // [InstId]
    std::vector<AccessExtent>& extents; // in order of their instructions
  };
  void write(Function& function, std::vector<InstId>& origins, const Marks* marks = nullptr);
  /// The same in an order that is known; it is that of the blocks as they are now.
  void write(const analysis::BlockOrder& order, Function& function, std::vector<InstId>& origins,
             const Marks* marks = nullptr);

  u32 block_count() const { return block_count_; }
  u32 value_count() const { return static_cast<u32>(values_.size()); }
  GraphBlock& block(BlockId id) { return blocks_[id]; }
  const GraphBlock& block(BlockId id) const { return blocks_[id]; }
  GraphInst& inst(InstId id) { return insts_[id]; }
  const GraphInst& inst(InstId id) const { return insts_[id]; }
  u32 inst_count() const { return static_cast<u32>(insts_.size()); }
  const GraphValue& value(ValueId id) const { return values_[id]; }
  const std::vector<Type>& locals() const { return locals_; }
  void drop_locals() { locals_.clear(); }
  const std::vector<Slot>& slots() const { return slots_; }
  /// Where the access surely stays; null: that is not known.
  const Extent* extent(const GraphInst& inst) const { return inst.extent == kNone ? nullptr : &extents_[inst.extent]; }
  bool knows_extents() const { return !extents_.empty(); }
  /// Of an access that stays within it wherever it runs, as do copies of it.
  void set_extent(InstId id, Extent extent) {
    insts_[id].extent = static_cast<u32>(extents_.size());
    extents_.push_back(extent);
  }

  /// What a use of the value means now.
  ValueId now(ValueId id) { return values_[id].replaced_by == kNone ? id : follow(id); }
  /// The constant that a use of the value means; null: it is none.
  const GraphInst* constant(ValueId id) {
    const GraphInst* const inst = source(id);
    return inst != nullptr && inst->op == Opcode::Const ? inst : nullptr;
  }
  /// Notes what it finds, so that the next reader has it at once.
  ValueId operand(const GraphInst& inst, u32 index) {
    ASSAY_DCHECK(index < inst.operand_count);
    ValueId& id = pool_[inst.operands + index];
    if (values_[id].replaced_by != kNone) id = follow(id);
    return id;
  }
  void set_operand(const GraphInst& inst, u32 index, ValueId value) { pool_[inst.operands + index] = value; }
  /// The instruction that defines what a use of the value means; null: it is a block's parameter.
  const GraphInst* source(ValueId id) {
    const InstId inst = values_[now(id)].inst;
    return inst == kNone ? nullptr : &insts_[inst];
  }
  std::span<GraphEdge> edges_of(const GraphInst& inst) { return {edges_.data() + inst.first_edge, inst.edge_count}; }
  std::span<const GraphEdge> edges_of(const GraphInst& inst) const {
    return {edges_.data() + inst.first_edge, inst.edge_count};
  }
  GraphInst& terminator(BlockId id) { return insts_[blocks_[id].last]; }

  void replace(ValueId value, ValueId by) { values_[value].replaced_by = by; }
  /// Of a result that does not have its instruction's type: a comparison's.
  void set_type(ValueId value, Type type) { values_[value].type = type; }
  /// Takes the instruction out of its block. Its results must have been replaced, or have no use.
  void remove(InstId id);
  ValueId add_param(BlockId block, Type type);
  /// A new instruction before `before`, with a result of type `type` if it is to have one (then the result, else
  /// kNone). `inst` gives op, types, ref, imm and origin.
  ValueId insert(InstId before, GraphInst inst, std::span<const ValueId> operands, bool has_result);
  ValueId insert_const(InstId before, Type type, u64 bits);
  /// The same before another instruction; `id` must be in a block, `before` too.
  void move(InstId id, InstId before);
  u32 add_local(Type type);
  /// How often each value is read, by ValueId, by operands and by edges of blocks in `flow`.
  void count_uses(const analysis::BlockOrder& flow, analysis::Table<u32>& uses);
  /// What addresses were made of and is not read any more goes: these values, which are used up, and what only they
  /// read. `uses` are [ValueId], as far as these go; they stay true.
  void remove_unread(std::vector<ValueId>& values, analysis::Table<u32>& uses);

  /// The terminator becomes a jump along its edge of this number.
  void make_jump(BlockId block, u32 edge);
  /// `block` ends in a jump: before that, it goes to `if_true`, which has no parameters, when the condition holds.
  void make_branch(BlockId block, ValueId condition, BlockId if_true);
  /// `block` ends in a jump, and no other edge leads where that leads: the blocks become one.
  void merge_with_next(BlockId block);
  /// What stands behind the instruction goes to a new block, which nothing leads to yet; the instruction is the last
  /// one of its own, whatever it is. Linear in what moves.
  BlockId split_behind(InstId id);
  /// The last instruction of a block, whose results have been replaced, becomes a jump.
  void end_with_jump(InstId last, BlockId target, std::span<const ValueId> args);
  /// A new block, which only jumps to `target`, passing on all its parameters, for these types one each.
  BlockId add_jump_block(BlockId target, std::span<const ValueId> params_like);
  /// A new block with parameters of the same types and a copy of the terminator, which leads to the same blocks and
  /// reads the same values; nothing else stands in it.
  BlockId add_block_like(BlockId like);
  /// What the entry does moves to a new block, with its parameters, so that edges may lead there; the entry gets
  /// others, and jumps to it with them. Linear in what moves.
  BlockId open_entry();
  /// Takes these parameters away, with what edges pass for them. `gone` is by ValueId; they must have been replaced, or
  /// have no use. Only of blocks in `flow`, and none that a try_call itself passes a value for.
  void remove_params(const analysis::BlockOrder& flow, std::span<const u8> gone);

  /// Where edges of blocks lead as they are now, in the form that FlowGraph is built from.
  void list_edges(std::vector<u32>& ends, std::vector<BlockId>& targets) const;

private:
  ValueId follow(ValueId id);
  void unlink(InstId id);
  void link(InstId id, InstId before);
  struct Bases {
    u32 inst = 0, block = 0, edge = 0, value = 0, pool = 0, local = 0, slot = 0, origin = 0;
  };
  void copy(const Function& function, const Bases& bases);
  void copy_block(const Function& function, BlockId id, const Bases& bases);
  u32 new_edge(BlockId target);
  void write_block(Function& function, BlockId id, std::vector<InstId>& origins, const Marks* marks);
  void write_values(Function& function, const GraphInst& inst, Inst& out);

  std::vector<GraphInst> insts_;
  std::vector<GraphBlock> blocks_; // block_count_ are in use
  std::vector<GraphEdge> edges_;   // edge_count_ are in use
  std::vector<GraphValue> values_;
  std::vector<ValueId> pool_;
  std::vector<Slot> slots_;
  std::vector<Type> locals_;
  std::vector<Extent> extents_;
  u32 block_count_ = 0, edge_count_ = 0;
  // scratch
  analysis::FlowGraph order_;
  analysis::Table<ValueId> written_as_; // [ValueId] in the function that is written
  analysis::Table<BlockId> block_as_;
  std::vector<u32> ends_;
  std::vector<BlockId> targets_;
};

} // namespace assay::opt
