// emitter.h - what a peer, another compiler as a subject, must be able to do: the interface that its file implements.
//
// lowering.h walks a module of AIR and says by these words what is wanted; a peer makes its own program of it. Values,
// labels and functions are the peer's own things, which only it looks into. A ptr is an i64 here. Nothing that a peer
// is asked for is undefined: guards stand in front of it, counts of shifts are below the width, divisors not zero.
// Implemented in llvm_emitter.cpp and gccjit_emitter.cpp; tested in fuzz/subjects/tests/.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace assay::fuzz::peers {

using Value = void*;
using Label = void*;
using Callee = void*;
using Variable = void*;

/// An operation of AIR with its types; of `select`, `from` is the type of the condition.
struct Operation {
  Opcode op;
  Type type;
  Type from = Type::None;
};

/// One module on its way into the peer. Made afresh for each.
class Emitter {
public:
  virtual ~Emitter() = default;

  // -- functions: all are declared before the first begins
  /// With `exported`, code_of finds it by its name.
  virtual Callee declare(const std::string& name, std::span<const Type> params, std::span<const Type> results,
                         bool exported) = 0;
  /// What follows is its body.
  virtual void begin(Callee callee) = 0;
  virtual Value parameter(u32 index) = 0;
  virtual void end() = 0;

  // -- what must stand at the beginning of a body
  /// The address, an i64, of bytes of the frame.
  virtual Value frame_bytes(u32 size, u32 align) = 0;
  virtual Variable variable(Type type) = 0;

  // -- blocks
  /// Of a block with these parameters.
  virtual Label label(std::span<const Type> params) = 0;
  /// What follows is that block; each is started once. `params`: the values of its parameters.
  virtual void start(Label label, std::vector<Value>& params) = 0;
  virtual void jump(Label label, std::span<const Value> args) = 0;
  /// By an integer; neither label has parameters.
  virtual void branch(Type type, Value condition, Label nonzero, Label zero) = 0;
  /// No label has parameters.
  virtual void choose(Type type, Value value, std::span<const u64> cases, std::span<const Label> labels,
                      Label otherwise) = 0;
  virtual void give_back(std::span<const Value> results) = 0;
  /// Behind a call that does not come back.
  virtual void unreachable() = 0;

  // -- values
  virtual Value constant(Type type, u64 bits) = 0;
  /// False: the peer has nothing of its own for it; lowering.cpp makes it of simpler ones. Conversions of floats to
  /// integers are in range.
  virtual bool operation(const Operation& what, const Value* operands, Value* results) = 0;
  virtual Value read(Variable variable) = 0;
  virtual void write(Variable variable, Value value) = 0;
  /// Any alignment.
  virtual Value load(Type type, Value address) = 0;
  virtual void store(Type type, Value address, Value value) = 0;
  /// So many bytes become zero.
  virtual void clear(Value address, u32 size) = 0;

  // -- calls
  virtual void call(Callee callee, std::span<const Value> args, std::vector<Value>& results) = 0;
  virtual void call_address(Value address, std::span<const Type> param_types, std::span<const Type> result_types,
                            std::span<const Value> args, std::vector<Value>& results) = 0;
  virtual Value address_of(Callee callee) = 0;
  /// A C function that takes and gives u64; what it gives may be left alone.
  virtual Value call_host(u64 address, std::span<const Value> words) = 0;

  // -- the code
  /// Compiles. Internal: the peer refused or failed; the message is its own.
  virtual Result<void> finish() = 0;
  /// After finish, until the emitter is destroyed.
  virtual Result<u64> code_of(const std::string& name) = 0;
};

/// A peer, ready to take modules.
class Peer {
public:
  virtual ~Peer() = default;
  /// "LLVM 19.1.7"
  virtual std::string version() const = 0;
  virtual std::unique_ptr<Emitter> emitter() = 0;
};

/// Unsupported, with the reason: the library is not here, or does not work.
Result<std::unique_ptr<Peer>> make_llvm(bool optimise);
Result<std::unique_ptr<Peer>> make_gccjit(bool optimise);

} // namespace assay::fuzz::peers
