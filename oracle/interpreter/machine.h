// machine.h - the state of a run, and the few ways in which operations change it.
//
// Frames are a vector; the values of all frames lie in one array that never moves (host functions hold spans
// into it), each frame's at [values_base, values_base + value_count), its locals behind them. The top frame's
// place is cached in `block` and `at`; `save_place` writes it to the frame before anything may look at it: a call,
// a throw. The places lie a second time in `places`, downwards, so that a call stack is recorded by one copy.
// `transfer` carries values from where they are known to where they are wanted: arguments, results, payloads, block
// arguments. An activation is what one entry from C++ started: frames above `activation_base`. It is over when those
// are gone, or at a trap. Re-entry from a host function makes a further activation above the same frames.
// Integers in a value are zero above their width, floats are their bits.
#pragma once

#include "assay/errors.h"
#include "assay/host.h"
#include "assay/module.h"
#include "assay/outcome.h"
#include "oracle/interpreter/interpreter.h"

#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace assay::oracle {

/// What the run does after an operation.
enum class Flow : u8 {
  Next,  // goes on with the instruction that follows
  Moved, // goes on where the operation has set block and at
  Ended, // the activation is over; Machine::ending says how
};

enum class Ending : u8 { Returned, Threw, Trapped, Refused };

struct Frame {
  FunctionId function = kNone;
  BlockId block = 0;
  const Inst* at = nullptr; // the call that is under way, when this is not the top frame
  u32 values_base = 0;      // in Machine::stack
  u32 first_slot = 0;       // live slots when the frame was made, in Machine::slots
  u32 slot_bytes = 0;       // bytes of slots when the frame was made
};

/// A slot of an active frame. Serials ascend, so the live ones are sorted.
struct LiveSlot {
  u32 serial = 0;
  u32 offset = 0; // in Machine::slot_memory
  u32 size = 0;
};

/// An exception on its way: an AIR tag with its payload, or a C++ exception of the host (tag == kNone).
/// `origin` is the C++ object when the host has seen it, so that it is the same one that is thrown on.
struct Exception {
  TagId tag = kNone;
  std::vector<u64> payload;
  std::exception_ptr origin;
};

/// Values in a row. Like a vector, but making room for more does not write zeros first.
class Words {
public:
  void clear() { count_ = 0; }
  size_t size() const { return count_; }
  const u64* begin() const { return words_.data(); }
  const u64* end() const { return words_.data() + count_; }
  /// `count` more words, to be written.
  u64* extend(size_t count) {
    if (count > words_.size() - count_) words_.resize(2 * (count_ + count));
    count_ += count;
    return words_.data() + count_ - count;
  }
  void push_back(u64 word) { *extend(1) = word; }

private:
  std::vector<u64> words_;
  size_t count_ = 0;
};

/// Copies a few words, without the call that std::copy makes.
inline void copy_words(const u64* from, size_t count, u64* to) {
  for (size_t i = 0; i < count; ++i) to[i] = from[i];
}

/// bit_mask by table, because every integer operation ends with it.
inline constexpr u64 kBitMasks[kTypeCount] = {bit_mask(Type::None), bit_mask(Type::I8),  bit_mask(Type::I16),
                                              bit_mask(Type::I32),  bit_mask(Type::I64), bit_mask(Type::F32),
                                              bit_mask(Type::F64),  bit_mask(Type::Ptr)};

struct Machine final : Reentry {
  Machine();

  void run(FunctionId entry, std::span<const u64> args, u64 initial_fuel, Host& with, Outcome& to);
  /// Re-entry from a host function (host.h).
  void call(FunctionId function, std::span<const u64> args, std::span<u64> results) override;

  // -- values --------------------------------------------------------------------------------------
  u64 operand(const Inst& inst, u32 index) const { return values[pool[inst.operands + index]]; }
  Flow give(const Inst& inst, u64 value) {
    values[inst.first_result] = value;
    return Flow::Next;
  }
  Flow give_int(const Inst& inst, u64 value) { return give(inst, value & kBitMasks[static_cast<u32>(inst.type)]); }
  Flow give_with_flag(const Inst& inst, u64 value, bool flag) {
    values[inst.first_result + 1] = flag ? 1 : 0;
    return give_int(inst, value);
  }
  u64& local(LocalId index) { return values[function->value_count() + index]; }

  /// False at the step limit.
  bool spend(u64 more) {
    if (steps < more) return false;
    steps -= more;
    return true;
  }

  // -- ends ----------------------------------------------------------------------------------------
  /// At the current instruction.
  Flow trap(TrapKind kind) { return trap_at(kind, {frames.back().function, block, inst_index()}); }
  Flow trap_at(TrapKind kind, Position where);
  Flow refuse(std::string why);
  Flow refuse_recording();

  // -- moves ---------------------------------------------------------------------------------------
  /// Follows an edge, with `transfer` as its leading values.
  Flow take_edge_with_transfer(const Edge& edge);
  Flow take_edge(const Edge& edge);
  /// Puts operands [first, ...) into `transfer`.
  void collect(const Inst& inst, u32 first);
  /// Calls a function with the arguments in `transfer`; the place is saved, or the frame dropped, before.
  Flow invoke(FunctionId callee);
  /// Hands the results in `transfer` to whoever called the frame that has just been dropped.
  Flow deliver();
  void save_place();
  void drop_frame();
  /// `flying` is thrown at the current instruction.
  Flow throw_flying(TraceKind how);
  /// Looks for the handler of `flying` from the top frame down.
  Flow unwind();
  /// Notes an event of the run with the call stack; false when there is no room left for that.
  bool record(TraceKind kind, u32 subject, std::span<const u64> args);

  // -- native memory and pointers ------------------------------------------------------------------
  u64 slot_pointer(SlotId slot) const;
  /// The bytes [pointer, pointer + size) if they lie in one live slot, else null.
  u8* native_bytes(u64 pointer, u32 size);
  static u64 function_pointer(FunctionId function);
  /// The function whose address it is, or kNone.
  FunctionId function_of(u64 pointer) const;
  /// The ptr of `flying`, which is kept until the run ends.
  u64 catch_flying();
  /// Sets `flying` to the exception that has this ptr, or returns false.
  bool fly_again(u64 pointer);

  // -- state ---------------------------------------------------------------------------------------
  const Module* module = nullptr;
  Host* host = nullptr;
  Outcome* out = nullptr; // its memory and globals are the run's own
  u64 fuel = 0;
  u64 step_limit = kDefaultStepLimit;
  u64 steps = 0; // left

  std::unique_ptr<u64[]> stack; // kMaxValueBytes, touched as far as it is used
  u32 stack_top = 0;
  std::vector<Frame> frames;
  std::unique_ptr<Position[]> places; // [kMaxDepth - 1 - i]: of frame i
  std::vector<LiveSlot> slots;
  std::vector<u8> slot_memory;
  u32 next_serial = 1;
  u32 activation_base = 0;
  u32 host_depth = 0;

  // The top frame, unpacked.
  const Function* function = nullptr;
  const Inst* insts = nullptr;
  const ValueId* pool = nullptr;
  u64* values = nullptr;
  BlockId block = 0;
  const Inst* at = nullptr;

  Words transfer;
  Exception flying;
  std::deque<Exception> caught; // by catch_all, the latest kHeldExceptions
  u32 caught_before = 0;        // how many were, and are no longer held

  Ending ending = Ending::Returned;
  TrapKind trap_kind = TrapKind::Unreachable;
  Position trap_position;
  bool refused = false; // no host function can undo it
  std::string refusal;

private:
  u32 inst_index() const { return static_cast<u32>(at - insts) - function->blocks[block].first_inst; }
  void start(FunctionId entry, std::span<const u64> args, u64 initial_fuel);
  void execute(Flow flow);
  void finish(FunctionId entry);
  void unpack_top();
  Flow enter_block(BlockId target);
  Flow push_frame(FunctionId callee);
  void push_slots(const Function& callee);
  Flow call_host(FunctionId import);
  void note_air_exception(const AirException& exception);
  [[noreturn]] void leave_activation_by_throwing();
};

/// The evaluation of one operation. Only specialisations exist, one for each row of opcodes.def, in *_ops.cpp:
/// an operation without one does not link.
template <Opcode op> Flow evaluate(Machine& m, const Inst& inst);
#define OP(name, ...) template <> Flow evaluate<Opcode::name>(Machine & m, const Inst& inst);
#include "assay/opcodes.def"

/// Head of such a specialisation.
#define ASSAY_EVALUATE(name) \
  template <> Flow evaluate<Opcode::name>([[maybe_unused]] Machine & m, [[maybe_unused]] const Inst& inst)

} // namespace assay::oracle
