// counted.cpp - see counted.h.
#include "fuzz/mutate/counted.h"

#include "assay/opcodes.h"

#include <optional>

namespace assay::fuzz {
namespace {

constexpr u64 kMostValues = 16;
constexpr u32 kMostSteps = 3; // from a value back to its mask

/// `count` numbers from `first` on, around the end of the type.
struct Numbers {
  u64 first = 0, count = 0;
};

struct CountedLoop {
  BlockId header = kNone, body = kNone; // the same: one block
  u32 way_back = kNone;                 // edges
};

const Inst* source(const Function& f, ValueId value) {
  return f.value_defs[value].is_param ? nullptr : &f.insts[f.value_defs[value].index];
}

std::optional<u64> constant(const Function& f, ValueId value) {
  const Inst* const inst = source(f, value);
  if (inst == nullptr || inst->op != Opcode::Const) return std::nullopt;
  return inst->imm;
}

/// What the value may be: a constant, what a small mask leaves, either with a constant added.
Numbers numbers_of(const Function& f, ValueId value, u32 steps = 0) {
  if (const std::optional<u64> known = constant(f, value)) return {*known, 1};
  const Inst* const inst = source(f, value);
  if (inst == nullptr || inst->operand_count != 2 || steps == kMostSteps) return {};
  const std::optional<u64> right = constant(f, f.operand(*inst, 1));
  if (!right) return {};
  if (inst->op == Opcode::And) return *right < kMostValues ? Numbers{0, *right + 1} : Numbers{};
  if (inst->op != Opcode::Add && inst->op != Opcode::Sub) return {};
  Numbers out = numbers_of(f, f.operand(*inst, 0), steps + 1);
  out.first = inst->op == Opcode::Add ? out.first + *right : out.first - *right;
  return out;
}

bool compare(Opcode op, Type type, u64 a, u64 b) {
  const u32 unused = 64 - bits_of(type);
  a <<= unused;
  b <<= unused;
  const i64 x = static_cast<i64>(a), y = static_cast<i64>(b);
  switch (op) {
  case Opcode::Eq: return a == b;
  case Opcode::Ne: return a != b;
  case Opcode::LtU: return a < b;
  case Opcode::LeU: return a <= b;
  case Opcode::GtU: return a > b;
  case Opcode::GeU: return a >= b;
  case Opcode::LtS: return x < y;
  case Opcode::LeS: return x <= y;
  case Opcode::GtS: return x > y;
  case Opcode::GeS: return x >= y;
  default: return true;
  }
}

/// The blocks and the way back, if they have the shape.
CountedLoop loop_at(const Function& f, BlockId header) {
  const Inst& last = f.terminator(f.blocks[header]);
  if (last.op != Opcode::Branch) return {};
  const BlockId targets[] = {f.edges[last.first_edge].target, f.edges[last.first_edge + 1].target};
  if (targets[0] == targets[1]) return {};
  for (u32 side = 0; side < 2; ++side) {
    if (targets[side] == header) return {header, header, last.first_edge + side};
  }
  for (const BlockId body : targets) {
    const Inst& end = f.terminator(f.blocks[body]);
    if (body != 0 && end.op == Opcode::Jump && f.edges[end.first_edge].target == header)
      return {header, body, end.first_edge};
  }
  return {};
}

/// A parameter of the header, and what each turn adds to it.
struct Counter {
  u32 param = kNone;
  ValueId now = kNone, next = kNone;
  u64 step = 0;
};

Counter counter_at(const Function& f, const CountedLoop& loop, u32 param) {
  const ValueId now = f.blocks[loop.header].first_param + param, next = f.args_of(f.edges[loop.way_back])[param];
  const Inst* const inst = source(f, next);
  if (inst == nullptr || (inst->op != Opcode::Add && inst->op != Opcode::Sub) || f.operand(*inst, 0) != now) return {};
  const std::optional<u64> by = constant(f, f.operand(*inst, 1));
  if (!by) return {};
  return {param, now, next, inst->op == Opcode::Add ? *by : u64{0} - *by};
}

/// The test that ends the header, with the counter on its left.
struct Test {
  const Inst* inst = nullptr;
  bool swapped = false, of_next = false;
  bool stays = true; // while it holds
  Numbers limits;
};

/// Whether an instruction of the loop makes the value, or it is a parameter of one of its blocks.
bool is_made_in(const Function& f, const CountedLoop& loop, ValueId value) {
  const ValueDef def = f.value_defs[value];
  for (const BlockId block : {loop.header, loop.body}) {
    const Block& b = f.blocks[block];
    if (def.is_param ? def.index == block : def.index - b.first_inst < b.inst_count) return true;
  }
  return false;
}

/// Of this comparison, which stands in the header if it reads the counter, as the header's end reads it.
Test test_by(const Function& f, const CountedLoop& loop, const Counter& counter, const Inst& inst, bool stays) {
  if (!is_comparison(inst.op) || !is_int(inst.type)) return {};
  for (u32 side = 0; side < 2; ++side) {
    const ValueId left = f.operand(inst, side), limit = f.operand(inst, 1 - side);
    if ((left != counter.now && left != counter.next) || (is_made_in(f, loop, limit) && !constant(f, limit))) continue;
    return {&inst, side == 1, left != counter.now, stays, numbers_of(f, limit)};
  }
  return {};
}

/// Of the comparison that the header's branch reads, or which is compared with 0 for it.
Test test_of(const Function& f, const CountedLoop& loop, const Counter& counter) {
  const Inst& branch = f.terminator(f.blocks[loop.header]);
  const bool stays = f.edges[branch.first_edge].target == loop.body;
  const Inst* const inst = source(f, f.operand(branch, 0));
  if (inst == nullptr) return {};
  const Test plain = test_by(f, loop, counter, *inst, stays);
  if (plain.inst != nullptr || inst->op != Opcode::Eq || constant(f, f.operand(*inst, 1)) != 0) return plain;
  const Inst* const inverted = source(f, f.operand(*inst, 0));
  return inverted == nullptr ? Test{} : test_by(f, loop, counter, *inverted, !stays);
}

bool ends(const Test& test, const Counter& counter, u64 first, u64 limit) {
  u64 number = test.of_next ? first + counter.step : first;
  for (u32 turn = 0; turn < kMostCountedTurns; ++turn, number += counter.step) {
    const u64 a = test.swapped ? limit : number, b = test.swapped ? number : limit;
    if (compare(test.inst->op, test.inst->type, a, b) != test.stays) return true;
  }
  return false;
}

bool ends_from(const Test& test, const Counter& counter, const Numbers& firsts) {
  if (firsts.count == 0 || test.limits.count == 0) return false;
  for (u64 i = 0; i < firsts.count; ++i) {
    for (u64 k = 0; k < test.limits.count; ++k) {
      if (!ends(test, counter, firsts.first + i, test.limits.first + k)) return false;
    }
  }
  return true;
}

/// Whether each other way into the header begins with a number from which the loop ends, and none but the header leads
/// to the other block.
bool is_entered_well(const Function& f, const CountedLoop& loop, const Counter& counter, const Test& test) {
  u32 into_body = 0;
  for (const Inst& inst : f.insts) {
    for (u32 e = inst.first_edge; e < inst.first_edge + inst.edge_count; ++e) {
      const Edge& edge = f.edges[e];
      if (edge.target == loop.body) ++into_body;
      if (edge.target != loop.header || e == loop.way_back) continue;
      // What a try_call passes stands before the arguments.
      const u32 given = f.blocks[loop.header].param_count - edge.arg_count;
      if (counter.param < given) return false;
      if (!ends_from(test, counter, numbers_of(f, f.args_of(edge)[counter.param - given]))) return false;
    }
  }
  return loop.body == loop.header || into_body == 1;
}

} // namespace

u32 counted_way_back(const Function& f, BlockId header) {
  if (header == 0) return kNone; // a function's parameters may begin with anything
  const CountedLoop loop = loop_at(f, header);
  if (loop.header == kNone) return kNone;
  for (u32 param = 0; param < f.blocks[header].param_count; ++param) {
    const Counter counter = counter_at(f, loop, param);
    if (counter.param == kNone) continue;
    const Test test = test_of(f, loop, counter);
    if (test.inst != nullptr && is_entered_well(f, loop, counter, test)) return loop.way_back;
  }
  return kNone;
}

} // namespace assay::fuzz
