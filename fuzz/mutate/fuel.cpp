// fuel.cpp - makes every run end: fuel in the headers of loops, but for those that end by themselves (counted.h), and
// at the entries of recursive functions.
//
// A cycle of blocks contains an edge back to a block that is being visited in a depth-first walk, whatever the
// shape of the graph; so fuel at the targets of such edges, walking past no block that has it, cuts every cycle. The
// same holds for the graph of calls, where an address that is taken may be called by every call_ptr of its signature, a
// table entry by every indirect call of its signature, and @call_back calls an exported function. Linear. Tested in
// fuzz/mutate/tests/fuel_test.cpp.
#include "fuzz/mutate/counted.h"
#include "fuzz/mutate/edit.h"
#include "fuzz/mutate/nan.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

constexpr u32 kNoWay = kNone - 1; // in place of a successor: a way that is not taken

/// Marks the targets of back edges of a depth-first walk, every node being a root in turn.
/// `successors(node, k)` is the k-th successor, or kNoWay, or kNone after the last; a node that takes fuel has none, so
/// what is found are the cycles without fuel.
template <typename Successors> void find_back_targets(u32 nodes, Successors successors, std::vector<bool>& is_target) {
  struct Visit {
    u32 node, next;
  };
  thread_local std::vector<u8> state; // 0 not met, 1 on the way, 2 done
  thread_local std::vector<Visit> stack;
  state.assign(nodes, 0);
  stack.clear();
  is_target.assign(nodes, false);
  for (u32 root = 0; root < nodes; ++root) {
    if (state[root] != 0) continue;
    state[root] = 1;
    stack.push_back({root, 0});
    while (!stack.empty()) {
      const u32 node = stack.back().node;
      const u32 to = successors(node, stack.back().next++);
      if (to == kNone) {
        state[node] = 2;
        stack.pop_back();
      } else if (to == kNoWay) {
        continue;
      } else if (state[to] == 1) {
        is_target[to] = true;
      } else if (state[to] == 0) {
        state[to] = 1;
        stack.push_back({to, 0});
      }
    }
  }
}

/// Whether the block takes fuel; `before_calls`: before anything that may not come back.
bool has_fuel(const Function& f, const Block& block, bool before_calls) {
  for (const Inst& inst : f.insts_of(block)) {
    if (inst.op == Opcode::Fuel && inst.imm != 0) return true;
    if (before_calls && info(inst.op).is(kCalls)) return false;
  }
  return false;
}

/// The ways back of loops that end by themselves, of those that such blocks head.
void find_counted(const Function& f, const std::vector<bool>& is_header, std::vector<u32>& ways) {
  ways.clear();
  for (BlockId b = 0; b < f.blocks.size(); ++b) {
    const u32 way = is_header[b] ? counted_way_back(f, b) : kNone;
    if (way != kNone) ways.push_back(way);
  }
}

void find_headers(const Function& f, std::vector<bool>& is_header) {
  thread_local std::vector<u32> counted;
  counted.clear();
  const auto successors = [&f](u32 block, u32 k) {
    const Inst& last = f.terminator(f.blocks[block]);
    if (k >= last.edge_count || (k == 0 && has_fuel(f, f.blocks[block], false))) return kNone;
    if (std::find(counted.begin(), counted.end(), last.first_edge + k) != counted.end()) return kNoWay;
    return f.edges[last.first_edge + k].target;
  };
  find_back_targets(static_cast<u32>(f.blocks.size()), successors, is_header);
  find_counted(f, is_header, counted);
  if (!counted.empty()) find_back_targets(static_cast<u32>(f.blocks.size()), successors, is_header);
}

/// Who calls whom, as far as can be known. Its storage may be used again.
struct CallGraph {
  /// By FunctionId, then two nodes a signature: its table entries, and its functions whose address is taken.
  /// `nodes` of them are in use.
  std::vector<std::vector<u32>> callees;
  u32 functions = 0, nodes = 0;

  void compute(const Module& module) {
    functions = static_cast<u32>(module.functions.size());
    signatures_ = static_cast<u32>(module.signatures.size());
    nodes = functions + 2 * signatures_;
    if (callees.size() < nodes) callees.resize(nodes);
    for (u32 node = 0; node < nodes; ++node) callees[node].clear();
    for (const FunctionId entry : module.table) {
      if (entry != kNone) callees[functions + module.functions[entry].signature].push_back(entry);
    }
    for (FunctionId f = 0; f < functions; ++f) add(module, f);
  }

private:
  u32 signatures_ = 0;

  /// The standard host calls the first exported function that takes one i64.
  void add_callback(const Module& module, FunctionId id) {
    for (FunctionId other = 0; other < functions; ++other) {
      const Function& target = module.functions[other];
      const std::span<const Type> params = module.params_of(target);
      if (target.exported && params.size() == 1 && params[0] == Type::I64) return callees[id].push_back(other);
    }
  }

  void add(const Module& module, FunctionId id) {
    const Function& f = module.functions[id];
    if (f.imported && f.name.rfind("call_back", 0) == 0) add_callback(module, id);
    const u32 any_address = functions + signatures_;
    for (const Inst& inst : f.insts) {
      switch (info(inst.op).form) {
      case Form::Call:
      case Form::TryCall: callees[id].push_back(inst.ref); break;
      case Form::FuncAddr: callees[any_address + module.functions[inst.ref].signature].push_back(inst.ref); break;
      case Form::CallIndirect:
      case Form::TryCallIndirect: callees[id].push_back(functions + inst.ref); break;
      case Form::CallPtr:
      case Form::TryCallPtr: callees[id].push_back(any_address + inst.ref); break;
      default: break;
      }
    }
  }
};

/// Functions whose entry must take fuel.
void find_recursive(const Module& module, std::vector<bool>& is_recursive) {
  thread_local CallGraph graph;
  graph.compute(module);
  const u32 count = graph.functions, nodes = graph.nodes;
  const auto successors = [&](u32 node, u32 k) {
    if (k >= graph.callees[node].size()) return kNone;
    const bool is_body = node < count && !module.functions[node].imported;
    if (k == 0 && is_body && has_fuel(module.functions[node], module.functions[node].blocks[0], true)) return kNone;
    return graph.callees[node][k];
  };
  find_back_targets(nodes, successors, is_recursive);
  // A cycle may be closed at a node that is no function: then at what it leads to.
  for (u32 node = count; node < nodes; ++node) {
    if (!is_recursive[node]) continue;
    for (const u32 callee : graph.callees[node]) is_recursive[callee] = true;
  }
  // And at an import, which takes no fuel: at what it calls.
  for (FunctionId f = 0; f < count; ++f) {
    if (!is_recursive[f] || !module.functions[f].imported) continue;
    for (const u32 callee : graph.callees[f]) is_recursive[callee] = true;
  }
  is_recursive.resize(count);
}

/// Finds where fuel is missing; `found` gets the blocks of one function.
void missing_fuel(const Function& f, bool is_recursive, std::vector<bool>& is_header, std::vector<BlockId>& found) {
  found.clear();
  if (f.blocks.empty()) return;
  find_headers(f, is_header);
  for (BlockId b = 0; b < f.blocks.size(); ++b) {
    const bool at_entry = b == 0 && is_recursive && !has_fuel(f, f.blocks[0], true);
    if (is_header[b] || at_entry) found.push_back(b);
  }
}

} // namespace

u32 bound_with_fuel(Module& module) {
  thread_local std::vector<bool> is_recursive, is_header;
  thread_local std::vector<BlockId> found;
  thread_local std::vector<Insertion> insertions;
  u32 count = 0;
  find_recursive(module, is_recursive);
  for (FunctionId id = 0; id < module.functions.size(); ++id) {
    Function& f = module.functions[id];
    missing_fuel(f, is_recursive[id], is_header, found);
    insertions.clear();
    for (const BlockId block : found) {
      Inst inst = make_inst(f, Opcode::Fuel, Type::None, Type::None, {}, Type::None);
      inst.imm = 1;
      insertions.push_back({f.blocks[block].first_inst, inst});
    }
    std::sort(insertions.begin(), insertions.end(),
              [](const Insertion& a, const Insertion& b) { return a.before < b.before; });
    insert_all(f, insertions);
    count += static_cast<u32>(insertions.size());
  }
  return count;
}

bool fuel_bounded(const Module& module) {
  std::vector<bool> is_recursive, is_header;
  std::vector<BlockId> found;
  find_recursive(module, is_recursive);
  for (FunctionId id = 0; id < module.functions.size(); ++id) {
    missing_fuel(module.functions[id], is_recursive[id], is_header, found);
    if (!found.empty()) return false;
  }
  return true;
}

} // namespace assay::fuzz
