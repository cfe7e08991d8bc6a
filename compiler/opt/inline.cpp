// inline.cpp - see inline.h.
#include "compiler/opt/inline.h"

#include "assay/planted.h"
#include "compiler/opt/slots.h"

#include <algorithm>

namespace assay::opt {

namespace {

// Of a function that is copied. Constants are no work: they are counted only to bound what is looked at.
constexpr std::size_t kMostInsts = 120;
constexpr u32 kMostWork = 50;    // halved for each copy that the call stands in
constexpr u32 kMostGrowth = 160; // instructions copied into one function
constexpr u32 kMostGrowthOfKnown =
    320;                        // by calls through the table whose callee is known: functions that take functions
constexpr u32 kWrapperWork = 3; // it hardly does more than call: what it calls stands as deep as it does
constexpr u32 kMostDepth = 4;
constexpr u32 kMostTurns = 2;     // of a function within itself
constexpr u32 kMostTurnWork = 16; // of a function that is copied into itself

/// Of a function of at most kMostInsts.
u32 work_of(const Function& function) {
  u32 work = 0;
  for (const Inst& inst : function.insts) work += inst.op != Opcode::Const ? 1 : 0;
  return work;
}

/// Looks at no more than kMostInsts.
bool may_be_copied(const Function& function, u32 most_work) {
  if (function.imported || function.insts.size() > kMostInsts) return false;
  if (with_slots(0, function.slots) > kMostSlotBytes) return false;
  bool returns = false;
  for (const Inst& inst : function.insts) {
    if (inst.op == Opcode::TailCall || inst.op == Opcode::TailCallIndirect) return false;
    returns = returns || inst.op == Opcode::Return;
  }
  return returns && work_of(function) <= most_work;
}

} // namespace

/// How often the call stands within the function that it calls: as the one that is optimised, or as a copy.
u32 InlinePass::turns(PassContext& c, const Site& site) const {
  const GraphInst& call = c.graph.inst(site.call);
  u32 count = call.ref == c.source.function ? 1 : 0;
  const SourcePosition* at = &c.source.positions[call.origin];
  for (; at->inlined_at != kNone; at = &c.source.calls[at->inlined_at])
    count += at->position.function == call.ref ? 1 : 0;
  return count;
}

/// A function is copied into itself when it is very short, and a few deep; into copies of itself elsewhere it is not.
bool InlinePass::is_wanted(PassContext& c, const Site& site) const {
  const FunctionId callee = c.graph.inst(site.call).ref;
  const u32 turn = turns(c, site);
  if (site.depth >= kMostDepth || turn > kMostTurns || (turn != 0 && callee != c.source.function)) return false;
  return may_be_copied(c.module.functions[callee], turn != 0 ? kMostTurnWork : kMostWork >> site.depth);
}

/// Whether the callee calls through the table at a place that this call passes, and which is known.
bool InlinePass::passes_callee(PassContext& c, InstId call) const {
  const GraphInst& inst = c.graph.inst(call);
  const Function& callee = c.module.functions[inst.ref];
  for (const Inst& each : callee.insts) {
    if (each.op != Opcode::CallIndirect) continue;
    const u32 param = callee.operand(each, 0) - callee.blocks[0].first_param; // wraps where it is none
    if (param < inst.operand_count && c.graph.constant(passed(c.graph, c.graph.operand(inst, param))) != nullptr)
      return true;
  }
  return false;
}

RewriteKind InlinePass::kind_of_rewrite(PassContext& c, const Site& site) {
  const FunctionId callee = c.graph.inst(site.call).ref;
  if (callee == c.source.function) return RewriteKind::InlineOwnBody;
  if (!c.module.functions[callee].slots.empty()) return RewriteKind::InlineBodyWithSlots;
  const bool in_body = c.source.positions[c.graph.inst(site.call).origin].inlined_at != kNone;
  return in_body ? RewriteKind::InlineBodyInBody : RewriteKind::InlineBody;
}

void InlinePass::find_calls(Graph& graph, InstId from, InstId to, const Site& within) {
  for (InstId id = from; id < to; ++id) {
    const GraphInst& inst = graph.inst(id);
    if (inst.op != Opcode::Call && inst.op != Opcode::CallIndirect) continue;
    if (inst.block != kNone && inst.origin != kNone) sites_.push_back({id, within.depth, within.is_known});
  }
}

/// What the value is for the one call that each copied body stands for: its entry's parameters are what that passes.
ValueId InlinePass::passed(Graph& graph, ValueId value) const {
  for (bool found = true; found;) {
    found = false;
    value = graph.now(value);
    if (graph.source(value) != nullptr) break;
    const BlockId block = graph.value(value).block;
    for (const Copy& copy : copies_) {
      if (copy.entry != block) continue;
      const std::vector<ValueId>& params = graph.block(block).params;
      const u32 index = static_cast<u32>(std::find(params.begin(), params.end(), value) - params.begin());
      value = graph.edges_of(graph.inst(copy.call))[0].args[index];
      found = true;
      break;
    }
  }
  return value;
}

/// A call through the table at a place that is known becomes one of the function there, unless it traps.
bool InlinePass::make_direct(PassContext& c, Site& site) {
  Graph& graph = c.graph;
  GraphInst& call = graph.inst(site.call);
  const GraphInst* const known = graph.constant(passed(graph, graph.operand(call, 0)));
  if (known == nullptr) return false;
  const u64 index = (known->imm & bit_mask(known->type)) + (ASSAY_PLANTED(inline_next_entry) ? 1 : 0);
  if (index >= c.module.table.size()) return false;
  const FunctionId callee = c.module.table[index];
  if (callee == kNone || c.module.functions[callee].signature != call.ref) return false;
  if (!c.may_rewrite(RewriteKind::InlineKnownCallee)) return false;
  call.op = Opcode::Call;
  call.ref = callee;
  ++call.operands;
  --call.operand_count;
  site.is_known = true;
  return true;
}

/// Each `return` of the blocks [first, end) becomes a jump with what it returns.
void InlinePass::return_to(Graph& graph, BlockId first, BlockId end, BlockId behind) {
  for (BlockId block = first; block < end; ++block) {
    const InstId last = graph.block(block).last;
    const GraphInst& inst = graph.inst(last);
    if (inst.op != Opcode::Return) continue;
    args_.clear();
    for (u32 i = 0; i < inst.operand_count; ++i) args_.push_back(graph.operand(inst, i));
    graph.end_with_jump(last, behind, args_);
  }
}

void InlinePass::zero_locals(Graph& graph, BlockId entry, u32 first) {
  const InstId before = graph.block(entry).first;
  for (u32 local = first; local < graph.locals().size(); ++local) {
    const Type type = graph.locals()[local];
    const ValueId zero[] = {graph.insert_const(before, type, 0)};
    GraphInst set;
    set.op = Opcode::LocalSet;
    set.type = type;
    set.ref = local;
    graph.insert(before, set, zero, false);
  }
}

void InlinePass::replace(PassContext& c, const Site& site) {
  Graph& graph = c.graph;
  const GraphInst call = graph.inst(site.call);
  const Function& callee = c.module.functions[call.ref];
  const u32 call_index = static_cast<u32>(c.source.calls.size());
  c.source.calls.push_back(c.source.positions[call.origin]);
  const InstId first_origin = c.source.add(call.ref, callee, ASSAY_PLANTED(inline_frame_lost) ? kNone : call_index);

  const BlockId behind = graph.split_behind(site.call);
  for (u32 r = 0; r < call.result_count; ++r) {
    const Type type = graph.value(call.first_result + r).type; // adding a parameter moves values
    graph.replace(call.first_result + r, graph.add_param(behind, type));
  }
  const u32 first_local = static_cast<u32>(graph.locals().size());
  const u32 first_slot = static_cast<u32>(graph.slots().size());
  const InstId first_inst = graph.inst_count();
  const BlockId entry = graph.append(callee, first_origin);
  const u32 deeper = work_of(callee) <= kWrapperWork ? 0 : 1;
  find_calls(graph, first_inst, first_inst + static_cast<u32>(callee.insts.size()),
             {site.call, site.depth + deeper, site.is_known});
  return_to(graph, entry, graph.block_count(), behind);
  zero_locals(graph, entry, first_local);
  for (u32 slot = first_slot; slot < graph.slots().size() && !ASSAY_PLANTED(inline_slot_kept); ++slot)
    zero_slot(graph, graph.block(entry).first, slot);
  args_.clear();
  for (u32 i = 0; i < call.operand_count; ++i) args_.push_back(graph.operand(call, i));
  graph.end_with_jump(site.call, entry, args_);
  copies_.push_back({entry, site.call});
}

void InlinePass::run(PassContext& c) {
  sites_.clear();
  copies_.clear();
  u32 growth = 0;
  u64 slot_bytes = with_slots(0, c.graph.slots());
  bool changed = false;
  find_calls(c.graph, 0, c.graph.inst_count(), {});
  for (std::size_t i = 0; i < sites_.size(); ++i) {
    Site site = sites_[i];
    if (c.graph.inst(site.call).op == Opcode::CallIndirect && !make_direct(c, site)) continue;
    const FunctionId callee = c.graph.inst(site.call).ref;
    if (!is_wanted(c, site)) continue;
    const u32 size = static_cast<u32>(c.module.functions[callee].insts.size());
    const u64 all_slots = with_slots(slot_bytes, c.module.functions[callee].slots);
    if (growth + size > kMostGrowthOfKnown || all_slots > kMaxFrameSlots) continue;
    site.is_known = site.is_known || (growth + size > kMostGrowth && passes_callee(c, site.call));
    if (growth + size > kMostGrowth && !site.is_known) continue;
    if (!c.may_rewrite(kind_of_rewrite(c, site))) break;
    replace(c, site);
    growth += size;
    slot_bytes = all_slots;
    changed = true;
  }
  if (changed) c.analyses.control_changed();
}

} // namespace assay::opt
