// gvn.cpp - see gvn.h.
#include "compiler/opt/gvn.h"

#include "assay/planted.h"
#include "compiler/analysis/fill.h"
#include "compiler/ir/always_inline.h"

namespace assay::opt {

using analysis::Node;

namespace {

/// The load that finds what this store left; Trap when there is none.
Opcode load_of(Opcode store) {
  switch (store) {
  case Opcode::Store: return Opcode::Load;
  case Opcode::PStore: return Opcode::PLoad;
  case Opcode::GlobalSet: return Opcode::GlobalGet;
  case Opcode::Store8: return ASSAY_PLANTED(gvn_narrow_store) ? Opcode::Load8U : Opcode::Trap;
  default: return Opcode::Trap;
  }
}

constexpr u32 kMostApart = 16; // stores between a load and the same one before it

constexpr u64 kFactor = 0x9e3779b97f4a7c15u, kOtherFactor = 0xc2b2ae3d27d4eb4fu; // odd, without a pattern

} // namespace

/// Of the operation with the first `count` operands. High bits of products are the good ones.
ASSAY_ALWAYS_INLINE u32 GvnPass::hash_of(Graph& graph, const GraphInst& inst, Opcode op, u32 count, u32 version) {
  const u64 what = static_cast<u64>(op) << 16 | static_cast<u64>(inst.type) << 8 | static_cast<u64>(inst.from);
  u64 hash = (what | u64{inst.ref} << 32) * kFactor + (inst.imm ^ u64{version} << 32) * kOtherFactor;
  u32 i = 0;
  if (info(op).is(kCommutes)) {
    const u64 a = graph.operand(inst, 0), b = graph.operand(inst, 1);
    hash = (hash ^ hash >> 32 ^ (a < b ? a << 32 | b : b << 32 | a)) * kFactor;
    i = 2;
  }
  for (; i < count; ++i) hash = (hash ^ hash >> 32 ^ graph.operand(inst, i)) * kFactor;
  return static_cast<u32>(hash >> 32);
}

bool GvnPass::matches(Graph& graph, const GraphInst& inst, const Entry& entry) {
  const GraphInst& known = graph.inst(entry.inst);
  const bool stored = info(known.op).is(kWrites);
  if ((stored ? load_of(known.op) : known.op) != inst.op || known.type != inst.type || known.from != inst.from ||
      known.ref != inst.ref || known.imm != inst.imm)
    return false;
  const auto same = [&](u32 a, u32 b) { return graph.operand(inst, a) == graph.operand(known, b); };
  u32 i = 0;
  if (info(inst.op).is(kCommutes)) {
    if (!(same(0, 0) && same(1, 1)) && !(same(0, 1) && same(1, 0))) return false;
    i = 2;
  }
  for (; i < inst.operand_count; ++i)
    if (!same(i, i)) return false;
  return true;
}

ASSAY_ALWAYS_INLINE void GvnPass::add(u32 hash, InstId inst, u32 version) {
  u32& bucket = buckets_[hash & mask_];
  entries_[entry_count_] = {hash, inst, version, bucket, static_cast<u32>(apart_.size())};
  bucket = entry_count_++;
}

void GvnPass::leave(u32 entries) {
  while (entry_count_ > entries) {
    const Entry& last = entries_[--entry_count_];
    buckets_[last.hash & mask_] = last.next;
  }
}

void GvnPass::raise(MemoryMask mask) {
  for (u32 kind = 0; kind < kMemoryKinds; ++kind)
    if ((mask >> kind & 1) != 0) now_.of[kind] = ++last_version_;
}

/// Whether no store since then that raised no version may have written what the load reads.
bool GvnPass::is_left_alone(const Graph& graph, const GraphInst& load, const Entry& entry) const {
  if (entry.apart == apart_.size() || ASSAY_PLANTED(gvn_stores_apart)) return true;
  const Extent* const bytes = graph.extent(load);
  if (bytes == nullptr || apart_.size() - entry.apart > kMostApart) return false;
  for (std::size_t i = entry.apart; i < apart_.size(); ++i)
    if (apart_[i].begin < bytes->end && bytes->begin < apart_[i].end) return false;
  return true;
}

/// Raises the versions of what the instruction may write, and notes what it leaves there.
void GvnPass::write(Graph& graph, InstId id) {
  const GraphInst& inst = graph.inst(id);
  const Extent* const bytes = inst.op == Opcode::Store ? graph.extent(inst) : nullptr;
  if (bytes != nullptr) apart_.push_back(*bytes);
  raise(written_by(graph, inst) & static_cast<MemoryMask>(bytes != nullptr ? ~mask_of(kLinear) : kAllMemory));
  const Opcode load = load_of(inst.op);
  if (load == Opcode::Trap) return;
  const u32 version = now_.of[kind_of(graph, inst)];
  add(hash_of(graph, inst, load, inst.operand_count - 1, version), id, version);
}

/// What it is to replace an instruction by what is known.
RewriteKind GvnPass::kind_of_rewrite(Graph& graph, const GraphInst& inst, const GraphInst& known) {
  if (kind_of(graph, inst) == kMemoryKinds) return RewriteKind::GvnSameOperation;
  if (known.block != inst.block) return RewriteKind::GvnLoadKnownAbove;
  return info(known.op).is(kWrites) ? RewriteKind::GvnLoadAfterStore : RewriteKind::GvnLoadAfterLoad;
}

GvnPass::GvnPass() : parts_(kOpcodeCount) {
  for (u32 i = 0; i < kOpcodeCount; ++i) {
    const OpcodeInfo& row = info(static_cast<Opcode>(i));
    parts_[i] = row.is(kWrites | kCalls)  ? Part::Writes
                : row.is(kEnds | kEffect) ? Part::None
                : row.is(kReads)          ? Part::Reads
                                          : Part::Plain;
  }
}

ASSAY_ALWAYS_INLINE void GvnPass::instruction(PassContext& c, InstId id) {
  Graph& graph = c.graph;
  const GraphInst& inst = graph.inst(id);
  const Part part = parts_[static_cast<u32>(inst.op)];
  if (part == Part::Writes) return write(graph, id);
  if (part == Part::None) return;
  const u32 version = now_.of[part == Part::Reads ? kind_of(graph, inst) : kMemoryKinds];
  const u32 hash = hash_of(graph, inst, inst.op, inst.operand_count, version);
  for (u32 i = buckets_[hash & mask_]; i != kNone; i = entries_[i].next) {
    const Entry& entry = entries_[i];
    if (entry.hash != hash || entry.version != version || !matches(graph, inst, entry)) continue;
    if (part == Part::Reads && !is_left_alone(graph, inst, entry)) continue;
    const GraphInst& known = graph.inst(entry.inst);
    const bool over = part == Part::Reads && entry.apart != apart_.size();
    if (!c.may_rewrite(over ? RewriteKind::GvnLoadLeftAlone : kind_of_rewrite(graph, inst, known))) return;
    if (info(known.op).is(kWrites)) {
      graph.replace(inst.first_result, graph.operand(known, known.operand_count - 1));
    } else {
      for (u32 r = 0; r < inst.result_count; ++r) graph.replace(inst.first_result + r, known.first_result + r);
    }
    graph.remove(id);
    return;
  }
  add(hash, id, version);
}

void GvnPass::enter(PassContext& c, Node node, const Versions& before, u32 apart) {
  now_ = before;
  apart_.resize(apart);
  const bool continues = flow_->preds(node).size() == 1 || ASSAY_PLANTED(gvn_join_keeps_memory);
  if (!continues) raise(kAllMemory);
  for (InstId at = c.graph.block(flow_->block(node)).first; at != kNone;) {
    const InstId next = c.graph.inst(at).next;
    instruction(c, at);
    at = next;
  }
  stack_.back().versions = now_;
  stack_.back().apart = static_cast<u32>(apart_.size());
}

void GvnPass::run(PassContext& c) {
  flow_ = &c.analyses.flow();
  const analysis::Dominators& dominators = c.analyses.dominators();
  std::size_t buckets = 64;
  while (buckets < c.graph.inst_count()) buckets *= 2;
  analysis::fill_none(buckets_, buckets);
  mask_ = static_cast<u32>(buckets - 1);
  entry_count_ = 0;
  if (entries_.size() < c.graph.inst_count()) entries_.resize(buckets);
  last_version_ = 0;
  stack_.assign(1, {0, 0, 0, {}, 0});
  enter(c, 0, {}, 0);
  while (!stack_.empty()) {
    Visit& top = stack_.back();
    const auto children = dominators.children(top.node);
    if (top.next_child == children.size()) {
      if (stack_.size() > 1) leave(top.entries);
      stack_.pop_back();
      continue;
    }
    const Node child = children[top.next_child++];
    const Versions before = top.versions;
    const u32 apart = top.apart;
    stack_.push_back({child, 0, entry_count_, {}, apart});
    enter(c, child, before, apart);
  }
}

} // namespace assay::opt
