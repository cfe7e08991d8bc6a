// bench_growth_shapes.cpp - the functions of bench_growth.h: each does something that no pass can take away.
//
// Linear in what is made, from the fuzzer's random numbers where something is drawn.
#include "assay/builder.h"
#include "fuzz/cli/bench_growth.h"
#include "fuzz/generate/random.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace assay::cli {
namespace {

constexpr Type kWord = Type::I64;
constexpr Type kParams[] = {kWord, kWord, kWord};

/// A module with memory and one function (i64, i64, i64) -> i64, whose entry is being built.
struct Shape {
  Shape() : module(with_one_function()), b(module, 0), entry(b.entry()) { b.begin(entry); }

  Module take(ValueId result) {
    b.ret({result});
    return std::move(module);
  }

  Module module;
  FunctionBuilder b;
  BlockId entry;

private:
  static Module with_one_function() {
    Module made;
    made.has_memory = true;
    made.memory_size = made.memory_max = kPageSize;
    made.functions.resize(1);
    Function& function = made.functions[0];
    function.name = "f";
    function.signature = made.intern_signature(kParams, {kParams, 1});
    function.exported = true;
    return made;
  }
};

/// `size` operations without a branch, on values computed shortly before.
Module straight(u32 size) {
  Shape shape;
  FunctionBuilder& b = shape.b;
  fuzz::Random random(1);
  std::vector<ValueId> values;
  for (u32 i = 0; i < 3; ++i) values.push_back(b.param(shape.entry, i));
  const auto recent = [&] {
    return values[values.size() - 1 - random.below(static_cast<u32>(std::min<std::size_t>(8, values.size())))];
  };
  constexpr Opcode kOps[] = {Opcode::Add, Opcode::Sub, Opcode::Mul, Opcode::And, Opcode::Or, Opcode::Xor, Opcode::Shl};
  for (u32 i = 0; i < size; ++i) {
    const ValueId a = recent(), c = recent();
    values.push_back(b.binary(kOps[random.below(std::size(kOps))], kWord, a, c));
  }
  return shape.take(values.back());
}

/// `size` blocks: decisions one after another, each with a way that stores.
Module blocks(u32 size) {
  Shape shape;
  FunctionBuilder& b = shape.b;
  ValueId value = b.param(shape.entry, 0);
  const ValueId step = b.param(shape.entry, 1), address = b.param(shape.entry, 2);
  for (u32 i = 0; i + 2 < size; i += 2) {
    const BlockId store = b.block(), join = b.block({kParams, 1});
    const ValueId kept[] = {value};
    b.branch(b.binary(Opcode::LtS, kWord, value, step), {store, {}}, {join, kept});
    b.begin(store);
    b.store(Opcode::Store, kWord, address, 0, value);
    b.jump(join, {b.binary(Opcode::Add, kWord, value, step)});
    b.begin(join);
    value = b.binary(Opcode::Xor, kWord, b.param(join, 0), step);
  }
  return shape.take(value);
}

/// One switch of `size` ways, each with a block that stores.
Module ways(u32 size) {
  Shape shape;
  FunctionBuilder& b = shape.b;
  const ValueId value = b.param(shape.entry, 0), other = b.param(shape.entry, 1), address = b.param(shape.entry, 2);
  const BlockId join = b.block({kParams, 1});
  std::vector<EdgeTarget> targets;
  for (u32 i = 0; i <= size; ++i) {
    EdgeTarget target;
    target.block = b.block();
    target.kind = i < size ? EdgeKind::Case : EdgeKind::Normal;
    target.value = i < size ? i : 0;
    targets.push_back(target);
  }
  b.end(Opcode::Switch, kWord, {&value, 1}, targets);
  for (u32 i = 0; i <= size; ++i) {
    b.begin(targets[i].block);
    const ValueId made = b.binary(Opcode::Mul, kWord, other, b.iconst(kWord, i + 3));
    b.store(Opcode::Store, kWord, address, 0, made);
    b.jump(join, {made});
  }
  b.begin(join);
  return shape.take(b.param(join, 0));
}

/// Loops in one another, `size` deep, each with a counter of its own; all work is done innermost.
Module nest(u32 size) {
  Shape shape;
  FunctionBuilder& b = shape.b;
  const ValueId limit = b.param(shape.entry, 1);
  ValueId sum = b.param(shape.entry, 0);
  std::vector<BlockId> headers, exits;
  for (u32 i = 0; i < size; ++i) {
    headers.push_back(b.block({kParams, 2}));
    exits.push_back(b.block({kParams, 1}));
    b.jump(headers[i], {b.iconst(kWord, 0), sum});
    b.begin(headers[i]);
    sum = b.param(headers[i], 1);
  }
  sum = b.binary(Opcode::Add, kWord, b.binary(Opcode::Mul, kWord, sum, limit), limit);
  for (u32 i = size; i-- > 0;) {
    const ValueId next = b.binary(Opcode::Add, kWord, b.param(headers[i], 0), b.iconst(kWord, 1));
    const ValueId again[] = {next, sum};
    b.branch(b.binary(Opcode::LtS, kWord, next, limit), {headers[i], again}, {exits[i], {again + 1, 1}});
    b.begin(exits[i]);
    sum = b.param(exits[i], 0);
  }
  return shape.take(sum);
}

/// `size` blocks as in `blocks`, over a local for every hundred of them: what a front end leaves that has variables.
Module locals(u32 size) {
  Shape shape;
  FunctionBuilder& b = shape.b;
  fuzz::Random random(1);
  std::vector<LocalId> variables;
  for (u32 i = 0; i < size / 100 + 8; ++i) variables.push_back(b.local(kWord));
  const ValueId step = b.param(shape.entry, 1);
  const auto get = [&](LocalId local) { return b.emit(Opcode::LocalGet, kWord, Type::None, {}, local); };
  const auto set = [&](LocalId local, ValueId value) {
    b.emit(Opcode::LocalSet, kWord, Type::None, {&value, 1}, local);
  };
  for (u32 i = 0; i + 2 < size; i += 2) {
    if (i % 100 == 0) set(variables[i / 100 + 7], step); // else it would be zero from the beginning up to here
    const LocalId local = variables[random.below(8) + i / 100];
    const BlockId store = b.block(), join = b.block();
    b.branch(b.binary(Opcode::LtS, kWord, get(local), step), {store, {}}, {join, {}});
    b.begin(store);
    b.store(Opcode::Store, kWord, b.param(shape.entry, 2), 0, step);
    set(local, b.binary(Opcode::Add, kWord, get(local), step));
    b.jump(join);
    b.begin(join);
  }
  return shape.take(get(variables[variables.size() - 2]));
}

} // namespace

const std::vector<GrowthShape>& growth_shapes() {
  static const std::vector<GrowthShape> shapes = {
      {"straight", "operations without a branch", &straight, {100, 10000, 1000000}},
      {"blocks", "blocks of decisions one after another", &blocks, {100, 10000, 100000}},
      {"switch", "ways of one switch", &ways, {100, 10000}},
      {"nest", "loops in one another", &nest, {10, 100, 1000}},
      {"locals", "blocks, and a local for each hundred", &locals, {100, 10000, 100000}},
  };
  return shapes;
}

} // namespace assay::cli
