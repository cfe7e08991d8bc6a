// lowering.h - AIR to LIR, as far as it is the same for every target: blocks, edges, values, memory, calls, control.
//
// Walks the reachable blocks in reverse postorder and each instruction once. Constants, slot and function
// addresses are made where they are used (as immediates if they fit), so none lives in a register between uses; but
// where a target holds constants, those read in a loop at O2 are values that allocation keeps or makes again (lir.h).
// A comparison used once, by the branch or select behind it, becomes part of that. Edges with arguments out of
// blocks with several successors, and critical edges, get a block of their own (the invariants of lir.h).
// AIR slots are objects in the frame (LoweredFunction). So are locals that are no values (promotion.h); of those that
// are, a read is another name for what was set last, and blocks have parameters behind those of AIR.
// A target derives from this: its rules.def names for each operation a shape, one of the functions below or of its
// own, and its `run` is run_with(*this, ...). No virtual call: the derived class is known where it is instantiated.
// Linear; storage reused. Tested in compiler/codegen/tests/lower_test.cpp and by every differential check.
#pragma once

#include "assay/compiler.h"
#include "assay/planted.h"
#include "compiler/codegen/call_conv.h"
#include "compiler/codegen/decisions.h"
#include "compiler/codegen/flow.h"
#include "compiler/codegen/function_input.h"
#include "compiler/codegen/lir_builder.h"
#include "compiler/codegen/promotion.h"
#include "compiler/codegen/vm_context.h"

namespace assay::codegen {

/// The operations that every target has, with the same numbers.
enum class CommonOp : u16 {
#define LIR(name, ...) name,
#include "compiler/codegen/common_ops.def"
#undef LIR
};

/// What lowering asks of an operation before it looks at it.
struct LoweringTraits {
  u8 pure_mask[kOpcodeCount] = {}; // all ones: without effect, left out when nobody reads its results
};
constexpr LoweringTraits make_lowering_traits() {
  constexpr u32 PURE = 1, TRAPS = 0, READS = 0, WRITES = 0, CALLS = 0, ENDS = 0, COMM = 0, FX = 0;
  constexpr bool pure[kOpcodeCount] = {
#define OP(name, text, form, operands, results, types, from, relation, flags, meaning) ((flags)&1) != 0,
#include "assay/opcodes.def"
  };
  LoweringTraits traits;
  for (u32 i = 0; i < kOpcodeCount; ++i) traits.pure_mask[i] = pure[i] ? 0xff : 0;
  return traits;
}
inline constexpr LoweringTraits kLoweringTraits = make_lowering_traits();
/// Nothing stands where their value is defined: it is made where it is used.
constexpr bool is_rematerialised(Opcode op) {
  return op == Opcode::Const || op == Opcode::SlotAddr || op == Opcode::FuncAddr;
}

/// A target's operation or a common one.
struct OpCode {
  u16 value = 0;
  template <typename Op> constexpr OpCode(Op op) : value(static_cast<u16>(op)) {} // NOLINT: meant to be implicit
};

/// LirInst::flags. The upper byte holds the size of the integers compared, for a target's Sel*.
enum : u16 {
  kFloatValue = 1,    // the value loaded, stored or chosen is a float
  kSigned = 2,        // extend by sign; signed conversion
  kCheckZero = 4,     // the divisor may be 0
  kCheckMinusOne = 8, // the divisor may be -1
  kConstAddress = 16, // the linear address is a constant, contained in aux
  kWideAddress = 32,  // the linear address has 64 bits
  kExtension = 64,    // by the instruction that a CpuFeature allows
  kMayFault = 128,    // record a fault site
  // Of accesses to linear memory alone:
  kBaseGiven = 256, // the last operand is the memory's base
  kFixedSize = 512, // the memory has the size that the module gives it as long as it lives; aux is no more than that
  kSurelyInside = 1024, // no check
  kCleanAddress = 2048, // of 32 bits, with nothing but zeros above them
  kFoldedLoad = 4096,   // x64: an operand is a load; how far its address is shifted stands above kFoldedScaleShift
                        // LirInst::cond: how far the address is shifted to the left; not if it has 64 bits
};
constexpr u32 kFoldedScaleShift = 13;
constexpr u16 with_test_size(u16 flags, u32 bytes) { return static_cast<u16>(flags | (bytes << 8)); }
constexpr u32 test_size(u16 flags) { return flags >> 8; }

/// A case of LIR's Switch: the value, zero above the operand's width, and the successor's number.
struct SwitchCase {
  u64 value = 0;
  u32 succ = 0;
};

/// A step of an instruction that works on two neighbouring f64 at once (lowering_packed.cpp). Its operands are
/// temporaries, from 0 on, then what the steps read, and the memory's base.
struct PackedStep {
  enum class Kind : u8 { Load, Join, Add, Sub, Mul, Scale, Div, Canon, Store };
  Kind kind = Kind::Load;
  u8 to = 0, from = 0;        // temporaries; operations read both, Canon only the first
  u8 operand = 0, second = 0; // of a place, the address; of two values that are put together, these; Scale's factor
  u8 scale = 0;               // of a place: LirInst::cond, flags, aux
  u16 flags = 0;
  u32 end = 0;
};

/// What the emitter must know beside the LIR.
struct LoweredFunction {
  u32 zero_bytes = 0;     // frame objects [0, zero_bytes) are zero at entry: locals and slots
  u32 object_bytes = 0;   // all frame objects, a multiple of 16
  u32 incoming_bytes = 0; // stack arguments that this function pops
  std::vector<SwitchCase> cases;
  std::vector<PackedStep> packed;
};

/// Which constants an instruction can store without a register.
enum class StoredImmediates : u8 { SignExtended32, Zero };

/// Bytes in which a value travels: narrow integers are moved whole, with junk.
inline u32 travel_size(Type type) { return is_float(type) ? size_of(type) : 8; }
/// An integer constant, sign-extended from its type.
i64 sign_extended(u64 bits, Type type);
/// Size of an operation for which junk above the value does no harm.
inline u32 word_size(Type type) { return size_of(type) == 8 ? 8 : 4; }
inline bool is_narrow(Type type) { return size_of(type) < 4; }

class LoweringBase {
public:
  const CallLayout& layout_of(SignatureId signature);

protected:
  /// The operations that make an address of linear memory (lowering_address.cpp); 0: accesses make theirs.
  struct AddressOps {
    u16 add = 0;          // d a b: a + b
    u16 add_index = 0;    // d a b: a + (the low imm bytes of b << cond)
    u16 add_constant = 0; // d a: a + imm
    u16 check = 0; // a [b]: traps unless (a << cond) + aux is within the memory's size, which is fixed; b: the most
                   // that a may be
    bool (*compares)(u64) = nullptr; // whether a comparison has room for the constant
  };
  /// What a target's instructions do beside what every target's do.
  struct Abilities {
    bool clears_upper = false;    // those of 32 bits clear the upper halves of what they write
    bool adds_scaled = false;     // one adds what it shifts by up to 3 first
    bool holds_constants = false; // at O2 what a loop reads of them are values (LirFunction::constants)
    AddressOps address;
    bool packs_doubles = false;  // one works on two f64 at once
    bool scales_doubles = false; // and multiplies both by one value
  };
  explicit LoweringBase(StoredImmediates stored, Abilities abilities) : stored_(stored), abilities_(abilities) {}

  void begin(const Module& module, const CompileOptions& options, Decisions& decisions);
  /// Overwrites both. `self.instruction(op, inst)` selects for one instruction, taking `op` for its operation.
  template <typename Self>
  Result<void> run_with(Self& self, const FunctionInput& function, LirFunction& out, LoweredFunction& info) {
    begin_function(function, out, info);
    for (BlockId id : flow_.order()) {
      open(id);
      const Block& source = fn_->blocks[id];
      const InstId end = source.first_inst + source.inst_count;
      for (InstId i = source.first_inst; i < end; ++i) {
        const Inst& inst = fn_->insts[i];
        b_.set_origin(i);
        if (i + 1 == end && !parts_.empty()) make_parts();
        self.instruction(wanted_op(inst), inst);
      }
      finish_block(fn_->insts[end - 1]);
      if (failed_) return Error{ErrorKind::Unsupported, "", 0, 0, failure_};
    }
    b_.link_predecessors();
    return {};
  }

  /// Whether a choice that need not be made may be; the place is the caller's.
  bool may(Decision decision, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) const {
    return decisions_->may(decision, file, line);
  }

  /// base + (index << shift), of 64 bits, shift from 1 to 3.
  struct Scaled {
    ValueId base = kNone, index = kNone;
    u8 shift = 0;
  };
  /// Null: the operands of the addition are added as they are.
  const Scaled* scaled_sum(ValueId sum) const {
    return scaled_.empty() || scaled_[sum].index == kNone ? nullptr : &scaled_[sum];
  }

  /// Whether nothing but zeros lie above the i32 in its register.
  bool is_clean(ValueId value) const { return !clean_.empty() && clean_[value] != 0; }

  // Values (lowering.cpp).
  VReg reg(ValueId value) {
    const VReg known = vregs_[value];
    return known != kNone ? known : rematerialise(fn_->insts[fn_->value_defs[value].index]);
  }
  VReg float_constant(u64 bits, u32 size);
  /// The value that holds it; kNone: none does, it is to be made here.
  VReg held(RegClass reg_class, Constant wanted);
  VReg int_constant(i64 value, u32 size);
  VReg result(const Inst& inst, u32 index = 0) {
    const ValueId value = inst.first_result + index;
    return vregs_[value] = b_.vreg(class_of(type_of(value)));
  }
  /// Integer or pointer constants, sign-extended from their width. What has a register is none: constants are made at
  /// each use.
  bool int_const(ValueId value, i64& out) const { return vregs_[value] == kNone && unnamed_int_const(value, out); }
  /// Any constant's bits, if they can be stored without a register.
  bool stored_immediate(ValueId value, u32& out) const {
    return vregs_[value] == kNone && unnamed_stored_immediate(value, out) && may(Decision::StoredImmediate);
  }
  /// Of an operation that nobody reads and that is not made for it: whether it may be left out.
  bool may_leave_out(const Inst& inst, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) const;
  /// Which checks a division needs.
  u16 division_checks(bool is_signed, ValueId divisor, const char* file = __builtin_FILE(),
                      u32 line = __builtin_LINE()) const;
  /// For a comparison: whether its only user is a branch or select that follows it directly (constants apart). Then
  /// that makes it; noted in fused_.
  bool left_to_user(const Inst& inst);
  /// Whether nobody reads the value's register behind the instruction that is being lowered, as far as that is seen.
  bool ends_here(ValueId value) const;
  /// Whether a register that has the value is zero above its type, as loads leave it.
  bool is_loaded(ValueId value) const;
  /// The value of a type narrower than 64 bits with its upper bits made right.
  VReg extended(ValueId value, bool is_signed);
  Type type_of(ValueId value) const { return fn_->value_types[value]; }
  RegClass class_of(Type type) const { return is_float(type) ? RegClass::Float : RegClass::Int; }
  VReg new_int() { return b_.vreg(RegClass::Int); }
  VReg new_float() { return b_.vreg(RegClass::Float); }
  ValueId operand(const Inst& inst, u32 index) const {
    ASSAY_DCHECK(index < inst.operand_count);
    return fn_->operand(inst, index);
  }
  template <std::size_t N> ASSAY_ALWAYS_INLINE LirInst& add_op(OpCode op, u32 size, const Operand (&operands)[N]) {
    return b_.add(op.value, static_cast<u8>(size), operands);
  }
  struct NoOperands {};
  LirInst& add_op(OpCode op, u32 size, NoOperands) { return b_.add(op.value, static_cast<u8>(size)); }
  void fail(std::string message);

  // Places in memory (lowering_memory.cpp).
  /// Where linear memory is accessed: LirInst's.
  struct LinearPlace {
    VReg address = kNone;
    u32 end = 0; // aux
    u16 flags = 0;
    u8 scale = 0;          // cond
    VReg base = kNone;     // in place of the memory's
    ValueId index = kNone; // whose register `address` is
    void give(LirInst& inst) const {
      inst.flags = flags;
      inst.aux = end;
      inst.cond = scale;
    }
  };
  /// Whether the access can be inside; if so, says where, knowing size and flags.
  bool linear_address(const Inst& inst, u32 size, LinearPlace& place);
  u32 add_place(Operand* operands, LinearPlace& place) const;
  u32 slot_place(ValueId value, u64 offset, u32 size);

  // Two f64 at once (lowering_packed.cpp).
  static constexpr u32 kMostPackedNodes = 8; // of one pair
  static constexpr u32 kPackedHalf = 8;      // bytes of each half
  /// What two stores store: by an operation of two other nodes, a load from neighbouring places, or, where `op` is
  /// Const, any two values.
  struct PackedNode {
    Opcode op = Opcode::Const;
    ValueId values[2] = {}; // for the lower place and the higher
    u32 parts[2] = {};      // in packed_nodes_
    u32 part_count = 0;
  };
  /// Two stores that are one, made where the later stands.
  struct Packed {
    InstId earlier = kNone, later = kNone, low = kNone; // low: the one of the two with the lower place
    u32 root = 0;                                       // in packed_nodes_
  };
  bool is_packed_load(ValueId value) const;

  // Calls (lowering_call.cpp).
  void call_runtime(RuntimeFn fn, std::span<const VReg> args, VReg result);

  // One function a shape. `op`: the operation it mostly makes; param: see a target's rules.def.
  // clang-format off
#define ASSAY_SHAPE(name) void name(const Inst& inst, OpCode op, u32 param);
  ASSAY_SHAPE(rematerialised) ASSAY_SHAPE(same_register)
  ASSAY_SHAPE(linear_load) ASSAY_SHAPE(linear_store) ASSAY_SHAPE(memory_size) ASSAY_SHAPE(memory_grow)
  ASSAY_SHAPE(memory_bulk) ASSAY_SHAPE(pointer_load) ASSAY_SHAPE(pointer_store) ASSAY_SHAPE(local_get)
  ASSAY_SHAPE(local_set) ASSAY_SHAPE(global_get) ASSAY_SHAPE(global_set)
  ASSAY_SHAPE(call) ASSAY_SHAPE(call_indirect) ASSAY_SHAPE(call_pointer) ASSAY_SHAPE(jump)
  ASSAY_SHAPE(switch_) ASSAY_SHAPE(return_) ASSAY_SHAPE(trap) ASSAY_SHAPE(tail_call) ASSAY_SHAPE(tail_call_indirect)
  ASSAY_SHAPE(fuel) ASSAY_SHAPE(throw_) ASSAY_SHAPE(rethrow)
  ASSAY_SHAPE(try_call) ASSAY_SHAPE(try_call_indirect) ASSAY_SHAPE(try_call_pointer)
#undef ASSAY_SHAPE
      // clang-format on

      // The module.
      const Module* module_ = nullptr;
  Decisions* decisions_ = nullptr;
  CompileOptions options_;
  const CallConv* conv_ = nullptr; // between AIR functions
  const CallConv* host_ = nullptr; // of the runtime

  // The function.
  const Function* fn_ = nullptr;
  std::span<const u8> inside_; // FunctionInput's
  std::span<const opt::AccessExtent> extents_;
  LoweredFunction* info_ = nullptr;
  LirBuilder b_;
  Flow flow_;
  analysis::Table<VReg> vregs_;   // [ValueId]; kNone: not computed, or made at each use
  std::vector<Operand> operands_; // of the call being built
  ValueId fused_ = kNone;         // the comparison that its user will make itself
  bool fixed_memory_ = false;     // O2: nothing in the module makes the memory larger
  VReg memory_base_ = kNone;      // O2: what has the base of linear memory in this function
  std::vector<Packed> packed_;
  std::vector<PackedNode> packed_nodes_; // of all pairs, what a node is made of before it

private:
  // Blocks and edges (lowering.cpp).
  void begin_function(const FunctionInput& function, LirFunction& out, LoweredFunction& info);
  void promote_locals();
  void layout_frame();
  void number_blocks();
  void note_loops();
  void entry();
  void open(BlockId id);
  void open_locals(BlockId id);
  void pass_on_locals(const Inst& terminator);
  VReg local_value(LocalId local);
  void finish_block(const Inst& terminator);
  bool needs_split(const Inst& terminator, const Edge& edge) const;
  void pass_args(const Edge& edge, std::span<const VReg> leading = {});
  void jump_along(const Edge& edge, std::span<const VReg> leading = {});
  VReg rematerialise(const Inst& source);
  bool unnamed_int_const(ValueId value, i64& out) const;
  bool unnamed_stored_immediate(ValueId value, u32& out) const;
  /// The instruction's operation; Const, for which nothing stands where it is, when nobody reads what it gives and it
  /// does nothing else. Without branches: the one on the operation will be mispredicted as it is.
  Opcode wanted_op(const Inst& inst) const {
    if (ASSAY_PLANTED(isel_dead_division) && inst.op == Opcode::DivU && flow_.uses(inst.first_result) == 0)
      return Opcode::Const;
    // Pure operations have one or two results. The reads are of value 0, whoever that is, where there are none.
    const u32 pure = 0u - (kLoweringTraits.pure_mask[static_cast<u32>(inst.op)] & 1u);
    const u32 uses =
        flow_.uses(inst.first_result & pure) | flow_.uses((inst.first_result + inst.result_count - 1) & pure);
    return (static_cast<u32>(uses == 0) & pure) != 0 ? Opcode::Const : inst.op;
  }

  // Calls (lowering_call.cpp).
  void store_stack_args(const CallLayout& layout, std::span<const ValueId> args);
  void fixed_args(const CallLayout& layout, std::span<const ValueId> args, VReg result_pointer);
  u32 results_at() const { return (info_->zero_bytes + 15) & ~15u; }
  VReg results_address(u32 bytes);
  void make_call(CommonOp op, FunctionId ref, const CallLayout& layout, std::span<const ValueId> args, VReg target);
  void load_results(const CallLayout& layout);
  void any_call(const Inst& inst, const CallLayout& layout, std::span<const ValueId> args, VReg target);
  void any_tail_call(const Inst& inst, const CallLayout& layout, std::span<const ValueId> args, VReg target);
  VReg table_entry(const Inst& inst);

  // Exceptions (lowering_try.cpp).
  void any_try_call(const Inst& inst, const CallLayout& layout, std::span<const ValueId> args, VReg target);
  void finish_try(const Inst& terminator);
  void landing_pad(const Edge& edge);

  // Memory (lowering_memory.cpp).
  struct Access {
    u32 size = 0;
    u16 flags = 0;
  };
  Access access_of(const Inst& inst, u32 param) const;
  /// An address that is a constant beyond an i32, which was extended and shifted.
  struct Indexed {
    ValueId index = kNone;
    u32 beyond = 0;
    u8 scale = 0;
    bool is_signed = false;
  };
  void find_memory();
  void hold_memory_base();
  const Inst* made_by(ValueId value) const;
  Indexed as_indexed(ValueId address) const;
  void find_indexed();
  void find_scaled();
  void forget_use(ValueId value);
  /// base + (index << scale) + far.
  struct KeptAddress {
    VReg index = kNone;
    u32 far = 0;
    u8 scale = 0;
    VReg address = kNone;
    VReg base = kNone;
  };
  void keep_address(LinearPlace& place, u32 size); // lowering_address.cpp
  void keep_both(LinearPlace& place);
  VReg kept_address(const LinearPlace& place, u32 far);
  bool on_held_base(LinearPlace& place, u32 size, ValueId index);
  VReg held_base(u32 far);
  void check_apart(LinearPlace& place);
  void add_index(VReg address, VReg base, const LinearPlace& place);
  void find_shared();
  /// A value from before a loop and the base of linear memory.
  struct Part {
    ValueId value = kNone;
    VReg sum = kNone;
    u32 from = 0; // the number of the block that makes the value
    u8 scale = 0; // of an i32
    bool is_wide = false;
  };
  /// base + (index << scale) + beyond, where the base comes from before the loop.
  struct Parted {
    ValueId base = kNone, index = kNone;
    u32 beyond = 0;
    u8 scale = 0;
    bool is_wide = false;
  };
  /// Of an address: accesses in loops that are inside, the number of the first head of these, the most beyond it.
  struct Looped {
    u32 accesses = 0, head = kNone, imm = 0;
  };
  u32 place_of(ValueId value) const; // lowering_parted.cpp
  Part* part_of(ValueId value, u8 scale);
  bool want_part(ValueId value, u8 scale, bool is_wide);
  Parted as_parted(ValueId address, u32 head);
  void forget_sum(ValueId value);
  void find_parted();
  void share_part(ValueId address, u32 head);
  void part_addresses();
  void make_parts();
  void parted_place(const Parted& parted, LinearPlace& place);
  bool already_checked(ValueId address, u32 end);

  /// Where an access is that needs no check.
  struct PackedPlace {
    ValueId base = kNone; // kNone: the offset is all
    u64 offset = 0;
    u32 bytes = 0;      // 0: it may need a check
    opt::Extent extent; // end 0: not known
  };
  void find_packed();
  void find_packed_in(const Block& block);
  PackedPlace packed_place_of(InstId id) const;
  static bool are_apart(const PackedPlace& a, const PackedPlace& b);
  bool may_pass(const PackedPlace& place, InstId first, InstId last, InstId but, bool is_store) const;
  u32 pack_values(InstId start, ValueId low, ValueId high, u32 depth);
  bool may_pack(InstId earlier, InstId later) const;
  bool pack(InstId start, InstId earlier, InstId later);
  const Packed* packed_of(InstId store) const;
  struct PackedBuild; // lowering_packed_steps.cpp
  void packed_place(PackedBuild& out, InstId access, PackedStep& step);
  u32 packed_factor(const PackedNode& node) const;
  u8 packed_value(PackedBuild& out, u32 node);
  void store_packed(const Packed& pair);

  // What lies above i32s (lowering_upper.cpp).
  void find_clean();
  bool clears_above(const Inst& inst) const;
  bool drop_unclean_parameters(bool all);

  StoredImmediates stored_;
  Abilities abilities_;
  std::vector<CallLayout> layouts_; // [SignatureId]
  std::vector<u8> layout_known_;    // [SignatureId]
  analysis::Table<u32> lir_block_;  // [BlockId]
  std::vector<u32> slot_offset_;    // [SlotId]: frame object offset
  std::vector<u32> local_offset_;   // [LocalId]: the same; kNone: it is a value
  Promotion promotion_;             // whose rows have a VReg a local
  std::vector<VReg> local_now_;     // [LocalId] of the values, here; kNone: zero, since it was not set
  std::vector<u32> split_edges_;    // of the terminator being finished: indices in Function::edges
  /// An access with that address went well: memory reaches up to `end` beyond it wherever the block has been.
  struct Checked {
    u32 end = 0;
    BlockId block = kNone;
  };
  std::vector<Checked> checked_;  // [ValueId] of addresses; O2
  std::vector<KeptAddress> kept_; // of this block
  std::vector<u32> loop_head_;    // [BlockId] the number of the innermost loop's first block; where in_loop_ is
  struct LoopAround {
    u32 head, end; // numbers
  };
  std::vector<LoopAround> loops_around_; // scratch
  struct InLoop {
    InstId access;
    u32 head; // of the innermost loop
  };
  std::vector<InLoop> in_loops_; // accesses to linear memory
  std::vector<Part> parts_;
  std::vector<Parted> parted_; // [ValueId] of addresses; empty where there is none
  std::vector<Looped> looped_; // [ValueId] of addresses
  std::vector<u32> in_loop_;   // [BlockId] whether it may be come to again; O2, empty without loops
  bool may_hold_ = false;      // FunctionInput's
  bool holds_ = false;         // the block is in a loop, and the target holds constants
  struct Met {
    BlockId block = kNone;
    u64 offsets[2] = {~u64{0}, ~u64{0}};
    bool shared = false; // a block accesses more places than two at this index
  };
  std::vector<Met> met_;                   // [ValueId] of indices; O2, empty where no constants are held
  std::vector<ValueId> addresses_;         // of the function's accesses, in order; O2
  std::vector<u32> accesses_;              // [ValueId] of addresses: how many; O2
  std::vector<Scaled> scaled_;             // [ValueId] addresses that are such sums; O2, empty where there is none
  std::vector<u8> clean_;                  // [ValueId] an i32 with zeros above it; O2, where memory is accessed
  std::vector<Indexed> indexed_;           // [ValueId] of addresses that are not computed; O2
  std::vector<BlockId> only_pred_;         // [BlockId] the block of the only edge that leads there; O2
  std::vector<VReg> results_;              // of the call being built, or given to a handler; kNone: nobody reads it
  const CallLayout* try_layout_ = nullptr; // of the try_call that ends the block
  BlockId block_ = kNone;                  // being lowered
  VReg result_pointer_ = kNone;
  u32 packed_start_ = 0; // the first node of the pair that is being looked at, and its later store
  InstId packed_end_ = kNone;
  bool failed_ = false;
  std::string failure_;
};

} // namespace assay::codegen
