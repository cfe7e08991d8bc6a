// gvn.h - an instruction that computes or loads what is known already goes.
//
// One walk down the tree of dominators with a table of what is available, undone on the way up (Briggs, Cooper and
// Simpson, "Value Numbering", 1997, section 3.2). Operands are compared as what they mean by then, so equal things
// become one on the way. Divisions count: the same one before did not trap. Each kind of memory (alias.h) has a
// version, which writes raise; a load is known if the same one was made of the same version, or a store of the same
// width made it. A block with one edge into it goes on with the versions that its predecessor ends with, any other
// begins with new ones. A store of an f64 of which Bounds knows where it may be raises no version of linear memory:
// loads of which that is known, too, and that it does not meet, are known as before. Linear. Tested in
// compiler/opt/tests/passes_test.cpp and gvn_apart_test.cpp.
#pragma once

#include "compiler/opt/alias.h"
#include "compiler/opt/pass.h"

namespace assay::opt {

class GvnPass final : public Pass {
public:
  GvnPass();
  void run(PassContext& context) override;

private:
  struct Versions {
    u32 of[kMemoryKinds + 1] = {}; // the last is that of what reads no memory: never raised
  };
  /// What is to be done about an operation.
  enum class Part : u8 { None, Plain, Reads, Writes };
  /// What an instruction gives, or what is in memory after a store.
  struct Entry {
    u32 hash;
    InstId inst;
    u32 version;
    u32 next;  // in its bucket
    u32 apart; // stores of apart_ before it
  };
  struct Visit {
    analysis::Node node;
    u32 next_child;
    u32 entries;       // as many before it
    Versions versions; // at its end
    u32 apart;         // so many stores in apart_ there
  };

  void enter(PassContext& context, analysis::Node node, const Versions& before, u32 apart);
  void instruction(PassContext& context, InstId id);
  void write(Graph& graph, InstId id);
  u32 hash_of(Graph& graph, const GraphInst& inst, Opcode op, u32 count, u32 version);
  bool matches(Graph& graph, const GraphInst& inst, const Entry& entry);
  bool is_left_alone(const Graph& graph, const GraphInst& load, const Entry& entry) const;
  static RewriteKind kind_of_rewrite(Graph& graph, const GraphInst& inst, const GraphInst& known);
  void add(u32 hash, InstId inst, u32 version);
  void leave(u32 entries);
  void raise(MemoryMask mask);

  const analysis::FlowGraph* flow_ = nullptr;
  std::vector<Part> parts_;    // [Opcode]
  std::vector<Entry> entries_; // entry_count_ are in use; there is room for all instructions
  u32 entry_count_ = 0;
  analysis::Table<u32> buckets_;
  u32 mask_ = 0; // their number, a power of two, less 1
  std::vector<Visit> stack_;
  std::vector<Extent> apart_; // of stores on the way here that raised no version
  Versions now_;
  u32 last_version_ = 0;
};

} // namespace assay::opt
