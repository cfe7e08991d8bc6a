// module.h - a program in memory: Module, Function, and their dense arrays.
//
// Everything is an index into an array; there is no object for an instruction and no pointer between
// instructions. A block is a contiguous run of Function::insts, a block's parameters and an
// instruction's results are contiguous runs of value ids, and operands of any number lie in
// Function::pool. Nothing here checks anything: verify.h does. Tested in compiler/ir/tests/.
#pragma once

#include "assay/opcodes.h"
#include "assay/types.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// One operation. 40 bytes, trivially copyable.
struct Inst {
  Opcode op = Opcode::Trap;
  Type type = Type::None; // T
  Type from = Type::None; // S (casts only)
  u32 operands = 0;       // first of operand_count value ids in Function::pool
  u32 operand_count = 0;
  u32 first_result = 0; // first of result_count value ids
  u32 result_count = 0;
  u32 first_edge = 0; // first of edge_count in Function::edges; terminators only
  u32 edge_count = 0;
  u32 ref = kNone; // symbol, slot, local or signature, by Form
  u64 imm = 0;     // literal bits, offset, fuel, trap kind
};

/// What an edge out of a terminator stands for.
enum class EdgeKind : u8 {
  Normal,   // jump, branch arm, switch default, the ^ok edge of a try_call
  Case,     // a switch case; `value` is its literal, truncated to the operand's width
  Catch,    // a try_call clause; `value` is the TagId
  CatchAll, // a try_call clause
};

/// A way from a terminator to a block, with the arguments for its parameters.
/// A try_call edge passes leading values that are not written in `args`: ^ok gets the call's results
/// first, a catch gets the tag's payload first, a catch_all gets the exception (ptr) first.
struct Edge {
  BlockId target = kNone;
  u32 args = 0; // first of arg_count value ids in Function::pool
  u32 arg_count = 0;
  EdgeKind kind = EdgeKind::Normal;
  u64 value = 0;
};

/// A block: its instructions are insts[first_inst, first_inst + inst_count), the last one a terminator.
struct Block {
  u32 first_inst = 0;
  u32 inst_count = 0;
  ValueId first_param = 0;
  u32 param_count = 0;
};

/// Where a value is defined: by an instruction, or as a parameter of a block.
struct ValueDef {
  u32 index = kNone; // InstId, or BlockId when is_param
  bool is_param = false;
};

struct Slot {
  u32 size = 0;  // bytes
  u32 align = 1; // power of two, at most 4096
};

/// A function or, when `imported`, the name and signature of a host function (then it has no blocks).
struct Function {
  std::string name; // without '@'
  SignatureId signature = 0;
  bool exported = false;
  bool imported = false;

  std::vector<Inst> insts;
  std::vector<Block> blocks; // blocks[0] is the entry; its parameters are the function's
  std::vector<Type> value_types;
  std::vector<ValueDef> value_defs;
  std::vector<u32> pool; // operand and argument value ids
  std::vector<Edge> edges;
  std::vector<Slot> slots;
  std::vector<Type> locals;

  std::span<const Inst> insts_of(const Block& block) const {
    return {insts.data() + block.first_inst, block.inst_count};
  }
  std::span<const ValueId> operands_of(const Inst& inst) const {
    return {pool.data() + inst.operands, inst.operand_count};
  }
  ValueId operand(const Inst& inst, u32 index) const { return pool[inst.operands + index]; }
  std::span<const Edge> edges_of(const Inst& inst) const { return {edges.data() + inst.first_edge, inst.edge_count}; }
  std::span<const ValueId> args_of(const Edge& edge) const { return {pool.data() + edge.args, edge.arg_count}; }
  const Inst& terminator(const Block& block) const { return insts[block.first_inst + block.inst_count - 1]; }
  u32 value_count() const { return static_cast<u32>(value_types.size()); }

  /// Forgets the body, keeping the arrays' capacity.
  void clear_body();
};

/// Parameter and result types, as ranges of Module::signature_types.
struct Signature {
  u32 params = 0, param_count = 0;
  u32 results = 0, result_count = 0;
};

struct Global {
  std::string name;
  Type type = Type::I64; // integer or float
  u64 initial = 0;       // bits
};

struct Tag {
  std::string name;
  SignatureId signature = 0; // parameters are the payload, no results
};

struct DataSegment {
  u64 offset = 0; // in linear memory
  std::string bytes;
};

/// Limits that the verifier enforces, so that every later stage may rely on them.
inline constexpr u64 kPageSize = 65536;             // unit of memory_size and memory_grow
inline constexpr u64 kMemoryLimit = u64{1} << 30;   // no memory is larger
inline constexpr u64 kDefaultMemoryMax = 16u << 20; // maximum when none is written (or the size, if larger)
inline constexpr u32 kMaxParams = 1000;             // parameters, results and payloads, each
inline constexpr u32 kMaxFrameSlots = 1u << 20;     // bytes of slots in one function

struct Module {
  bool has_memory = false;
  u64 memory_size = 0; // bytes at the start, need not be whole pages
  u64 memory_max = 0;  // bytes; >= memory_size
  std::vector<DataSegment> data;
  std::vector<Global> globals;
  std::vector<Tag> tags;
  std::vector<Function> functions; // every import comes before every body
  std::vector<FunctionId> table;   // kNone is null
  bool has_table = false;
  std::vector<Signature> signatures; // distinct: equal types have equal ids
  std::vector<Type> signature_types;

  std::span<const Type> params(const Signature& s) const { return {signature_types.data() + s.params, s.param_count}; }
  std::span<const Type> results(const Signature& s) const {
    return {signature_types.data() + s.results, s.result_count};
  }
  std::span<const Type> params_of(const Function& f) const { return params(signatures[f.signature]); }
  std::span<const Type> results_of(const Function& f) const { return results(signatures[f.signature]); }

  /// The id of the signature with these types, made if it is new.
  SignatureId intern_signature(std::span<const Type> params, std::span<const Type> results);
  /// The function of that name, or kNone. Linear.
  FunctionId find_function(std::string_view name) const;
  /// Forgets everything, keeping the capacity of the outer arrays.
  void clear();
};

} // namespace assay
