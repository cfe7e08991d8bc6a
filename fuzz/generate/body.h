// body.h - what the parts of the generator share: the plan of a module and the state of one function body.
//
// Internal to fuzz/generate. Values that may be used at the point being filled lie in one stack a type; a
// Mark remembers the tops, and leaving a scope drops what was defined inside it, so that every operand
// dominates its use by construction. Split by concern: shape.cpp plans the module; body.cpp runs a
// function and picks operands; operations.cpp, identities.cpp, memory.cpp, pointers.cpp, watched.cpp, calls.cpp make
// statements; control.cpp, loops.cpp, regions.cpp and handlers.cpp make blocks. Tested in fuzz/generate/tests/.
#pragma once

#include "fuzz/generate/config.h"
#include "fuzz/generate/draw/opcode_index.h"
#include "fuzz/generate/emitter.h"
#include "fuzz/generate/generator.h"
#include "fuzz/generate/random.h"

#include <array>
#include <span>
#include <vector>

namespace assay::fuzz {

/// Bytes that every pointer handed to a block or a function has before the end of its slot.
inline constexpr u32 kPromisedBytes = 16;
/// The most types in a list of parameters, results or arguments.
inline constexpr u32 kMaxList = 64;

/// A short list on the stack.
template <typename T> struct List {
  u32 count = 0;
  std::array<T, kMaxList> items;

  void push(T item) {
    if (count < kMaxList) items[count++] = item;
  }
  std::span<const T> span() const { return {items.data(), count}; }
};
using TypeList = List<Type>;
using ValueList = List<ValueId>;

/// What is known of a function before its callers are generated.
struct FunctionPlan {
  u64 cost = 1;            // estimate of the instructions that one call executes
  u32 depth_param = kNone; // of a recursive function: the i32 parameter that counts down
  bool throws = false;     // it, or what it calls, may
};

struct ModulePlan {
  std::vector<FunctionPlan> functions; // by FunctionId
  FunctionId first_body = 0;
  FunctionId callback_import = kNone; // @call_back, and the function that it calls
  FunctionId callback_target = kNone;
  std::vector<FunctionId> throwing; // imports that throw

  void clear(u32 first) {
    functions.clear();
    throwing.clear();
    callback_import = callback_target = kNone;
    first_body = first;
  }
};

/// Decides everything but bodies: memory, globals, tags, imports, signatures, exports, table.
/// `module` was cleared; `spare` holds functions whose storage may be used.
void plan_module(Random& random, const GeneratorConfig& config, Module& module, ModulePlan& plan,
                 std::vector<Function>& spare);

/// A value type by weight: mostly i32, i64 and floats.
Type random_type(Random& random);

class Body {
public:
  Body(const GeneratorConfig& config, Random& random);

  /// Fills the body of `function` with about `instructions` instructions and sets its cost in the plan.
  void run(Module& module, ModulePlan& plan, FunctionId function, u32 instructions);

private:
  /// A pointer into a slot, with how far it may be followed.
  struct Pointer {
    ValueId value = kNone;
    u32 before = 0, after = 0; // bytes of the slot on both sides of it
    u32 origin = kNone;        // slot, or kNone when that is not plain from the definition
  };
  /// A linear address no greater than `bound`.
  struct Address {
    ValueId value = kNone;
    Type type = Type::I32;
    u64 bound = 0;
  };
  struct Mark {
    std::array<u32, kTypeCount> values;
    u32 pointers, addresses;
  };
  /// How a counter runs. Trips is exact in each, whatever the type's width.
  enum CounterRule : u32 { kCountsDownToZero, kCountsUpUnsigned, kCountsUpSigned, kCountsInSteps, kCounterRules };
  /// A loop around the point being filled.
  struct Loop {
    BlockId header = kNone, exit = kNone;
    TypeList carried, exit_types;
    ValueId counter = kNone;
    Type counter_type = Type::I32;
    u64 step = 1;
    u32 rule = 0; // CounterRule
    u32 trips = 0;
    ValueId limit = kNone;
  };
  /// An operation that may be done again.
  struct Done {
    Opcode op;
    Type type, from;
    u32 count;
    std::array<ValueId, 3> operands;
  };
  /// Where one value of a type lies: a global, or in memory, where an address and an offset lead.
  struct Place {
    Opcode load = Opcode::GlobalGet, store = Opcode::GlobalSet;
    Type type = Type::I32;
    ValueId address = kNone; // kNone: a global
    u64 offset = 0;
    GlobalId global = kNone;
  };
  /// A loop over elements of linear memory, in `most` turns at most: what its turns need.
  struct Walk {
    Type type = Type::I32, sum_type = Type::I32; // of the counter and of the sum
    Type index_type = Type::I32;                 // to which counters are extended
    u32 most = 0, shift = 0;                     // an element is 1 << shift bytes from the one before
    u64 more = 0;                                // what indices have added, at most: `apart`, or a constant
    ValueId apart = kNone;
    ValueId counter = kNone, sum = kNone;
    ValueId falling = kNone; // the limit, where it falls to meet the counter
  };
  /// How a call finds its callee.
  enum class Passage : u8 { Direct, Table, Address };
  /// A region of blocks that jump among each other; see regions.cpp.
  struct Region;

  // -- body.cpp: the function, emission, operands
  void prologue();
  void sure_statements();
  void statements(u32 end, u32 depth);
  void statement(u32 depth);
  void return_values();
  void sink();
  ValueId fold(Type type, u32 most);
  void enter(BlockId block, std::span<const Type> types);
  void start(BlockId block);
  Mark mark() const;
  void release(const Mark& mark);
  u32 emitted() const { return emitted_; }
  u32 share(u32 of) const;
  ValueId emit(Opcode op, Type type, Type from, std::span<const ValueId> operands, u32 ref = kNone, u64 imm = 0);
  ValueId emit(Opcode op, Type type, std::initializer_list<ValueId> operands, u32 ref = kNone, u64 imm = 0);
  void end(Opcode op, std::span<const ValueId> operands, std::span<const EdgeTarget> targets, u32 ref = kNone,
           u64 imm = 0, Type type = Type::None);
  ValueId literal(Type type, u64 bits);
  ValueId edge_literal(Type type);
  void offer(Type type, ValueId value);
  void offer_results(ValueId first, std::span<const Type> types);
  bool has(Type type) const { return !values_[static_cast<u32>(type)].empty(); }
  ValueId pick_available(Type type);
  ValueId pick(Type type);
  ValueId pick_or_convert(Type type);
  Type int_type_in_use();
  void arguments(std::span<const Type> types, ValueList& out);
  void draw_types(Range count, TypeList& out);

  // -- operations.cpp
  void operation();
  void idiom();
  void repeat();
  void pressure(u32 depth);
  ValueId condition();
  ValueId unlikely(bool likely = false);
  Combination draw_combination();
  void emit_combination(const Combination& combination);
  ValueId guarded_divisor(const OpcodeInfo& row, Type type);
  ValueId guarded_float(Opcode op, Type to, Type from);
  void folded_operand();
  void part_of_wider();
  void limit_operand(Type type);
  void rounding_error();
  void barely_negative(Type type);
  void bit_field();
  void double_shift(Type type);
  void nested(Type type);
  void nested_constants(Type type);
  void compared_with_limit(Type type);
  void compared_extended(Type type);
  void multiply_and_add();
  void carry_chain(Type type);
  void rounded_conversion();
  void masked_and_extended(Type type);
  void inverted_operand(Type type);
  void signed_zeros();
  void folded_constants();
  ValueId combine(Type type, ValueId a, ValueId b);
  ValueId masked(Type type, u64 mask);
  void global_access();
  void local_access();

  // -- identities.cpp
  void identity(Type type);
  void twins(Type type);
  void shifted_apart(Type type);
  void absorbed(Type type);
  void constants_meet(Type type);
  void turned_both(Type type);
  void chosen_constants(Type type);
  void wider_and_back(Type type);
  void float_identity();
  ValueId turned(Type type, u32 way, ValueId x);
  ValueId outer(Type type, ValueId a, ValueId b);
  Opcode of_two();
  u64 identity_constant(Type type);
  u64 constant_near(Type type, u64 other);

  // -- memory.cpp
  void memory_access();
  void memory_bulk();
  void memory_bulk_wrapping(Type type);
  ValueId scaled_index(u64 mask, u32 shift);
  ValueId make_number(Type type, u64 most, u64& bound);
  Address find_address(u64 most);
  u64 draw_offset(u64 room, u64 near);
  void access_out_of_bounds();
  ValueId limited(Type type, u64 most);
  ValueId sum_of_limited(Type type);
  bool store_to_memory(Type type, ValueId value);

  // -- indexed.cpp
  void access_at_end(ValueId index, Type type, u64 most);
  void counter_access(const Loop& loop);
  void compared_access();
  u64 walk_offset(u64 last, u32 bytes);
  ValueId walk_turn(const Walk& walk);
  void walk();
  void neighbours();

  // -- watched.cpp
  void watched_place();
  void narrow_place();
  void place_over_join();
  void remembered_slot();
  Place draw_place();
  ValueId read(const Place& place);
  void write(const Place& place, ValueId value);
  void observe(Type type, ValueId value);
  void show(Type type, ValueId value);

  // -- pointers.cpp
  void native_access();
  void pointer_operation();
  void watched_bytes();
  void pointer_cell();
  void pointer_compare();
  Pointer find_pointer(u32 bytes);
  Pointer slot_pointer(u32 bytes);
  SlotId new_slot(u32 bytes);
  void offer_pointer(Pointer pointer);

  // -- calls.cpp
  void call_statement(u32 depth);
  bool may_call(FunctionId function) const;
  FunctionId draw_callee();
  FunctionId draw_twin(FunctionId callee);
  ValueId function_pointer(FunctionId callee);
  bool table_index(SignatureId signature, ValueId& index);
  bool bad_index(SignatureId signature, Type type, ValueId& index);
  FunctionId draw_table_callee();
  void self_call();
  bool tail_call();
  void emit_call(FunctionId callee);
  Passage call_operands(FunctionId callee, u32 way, ValueList& operands);
  void charge_call(FunctionId callee);
  bool may_go_through(SignatureId signature, bool table) const;

  // -- control.cpp
  ValueId short_circuit();
  void short_way();
  void if_else(u32 depth);
  void arm(BlockId block, std::span<const Type> params, BlockId join, const TypeList& types, u32 depth, u32 size,
           bool leaves);
  void multiway(u32 depth);
  void throw_exit();
  void escape();
  void may_throw(bool likely);
  BlockId escape_if(ValueId chosen);
  void leave();
  void trap_exit();
  void jump(BlockId target, const ValueList& args);
  void branch(ValueId condition, const EdgeTarget& taken, const EdgeTarget& other);
  void unreachable_block();

  // -- handlers.cpp
  struct Arm;
  struct Try;
  FunctionId draw_thrower();
  bool try_thrower(u32 depth);
  void try_statement(FunctionId callee, u32 depth);
  void plan_try(FunctionId callee, Try& plan);
  void add_arm(Try& plan, std::span<const Type> leading, EdgeKind kind, u64 value);
  void try_arm(const Arm& arm, const Try& plan, u32 depth);
  void fill_handler(const Arm& arm, u32 depth);

  // -- loops.cpp
  void loop(u32 depth);
  void plain_loop();
  void plain_turn(Type counter, const TypeList& types, BlockId header, ValueList& next);
  u32 draw_trips(u32 size);
  void set_counter(Loop& loop);
  ValueId next_counter(const Loop& loop);
  ValueId loop_goes_on(const Loop& loop, ValueId counter);
  u32 next_drawn(const Loop& loop, ValueList& next);
  void next_carried(const Loop& loop, ValueList& out);
  void leave_or_repeat_loop();

  // -- regions.cpp
  void irreducible(u32 depth);
  void plan_region(Region& region);
  void region_block(Region& region, u32 index, u32 depth);
  void region_jump(Region& region, u32 index);

  const GeneratorConfig& config_;
  Random& random_;
  const OpcodeIndex& index_;
  std::array<u32, 15> weights_{};
  std::array<u32, kFamilyCount> family_weights_{};

  Module* module_ = nullptr;
  ModulePlan* plan_ = nullptr;
  FunctionId self_ = kNone;
  Emitter emitter_;
  u32 emitted_ = 0;      // instructions so far
  u32 goal_ = 0;         // instructions wanted
  u64 multiplicity_ = 1; // how often the point being filled runs in one call, at most
  u64 cost_ = 0;         // estimate for the whole call so far
  bool locals_ = false;
  bool self_called_ = false;
  bool entry_fuel_ = false; // the function starts with fuel

  std::array<std::vector<ValueId>, kTypeCount> values_;
  std::vector<Pointer> pointers_;
  std::vector<Address> addresses_;
  std::vector<u8> used_; // by ValueId
  std::vector<Loop> loops_;
  std::vector<Done> done_;          // of the block being filled
  std::vector<ValueId> held_;       // stack of the values of pressure statements
  std::vector<ValueId> exceptions_; // stack of what the handlers of catch_all around here caught
  std::vector<SlotId> open_slots_;  // slots that pointers may lead to
  SlotId cell_ = kNone;             // a slot that holds nothing but a pointer
  LocalId pointer_local_ = kNone;
};

} // namespace assay::fuzz
