// gccjit_emitter.cpp - GCC as a peer: libgccjit, which compiles in a process of its own to a shared library.
//
// Every value becomes a local of its function, blocks' parameters variables. Integers are unsigned; what is signed
// casts. What GCC has an operation or a builtin for is said so; the rest is made of these by computing.cpp. The
// options are those with which GCC compiles a language whose arithmetic wraps and whose memory has no types.
// libgccjit 12 keeps state from one compile to the next and dies of it after some hundred (signal SIGSEGV in
// gcc_jit_context_compile), so each compile is a forked process; one that dies is a compile error of the peer.
// Cost: some 25 ms a random program, most of it in the assembler and the linker that it starts.
// Tested in fuzz/subjects/tests/peer_test.cpp.
#include "fuzz/os/process.h"
#include "fuzz/subjects/emitter.h"
#include "fuzz/subjects/gccjit_library.h"

#include <array>
#include <bit>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>

namespace assay::fuzz::peers {
namespace {

// Numbers of libgccjit's enumerations, which are part of its ABI.
enum Kind : int { kVoid = 0, kVoidPtr = 1, kInt = 8, kUnsignedLongLong = 13, kFloat = 14, kDouble = 15, kSizeT = 18 };
constexpr int kUnsigned[] = {23, 24, 25, 26, 27}, kSigned[] = {28, 29, 30, 31, 32}; // of 8 to 128 bits
enum Binary : int { kPlus, kMinus, kMult, kDivide, kModulo, kAnd, kXor, kOr, kShiftLeft = 10, kShiftRight };
enum Compare : int { kEq, kNe, kLt, kLe, kGt, kGe };
enum Unary : int { kNegate, kAbs = 3 };
constexpr int kExported = 0, kInternal = 1, kLevelOption = 0, kDynamicLibrary = 2;
constexpr u32 kCompileMs = 60'000; // longer is an endless compile

Error failure(std::string message) { return {ErrorKind::Internal, {}, 0, 0, std::move(message)}; }

/// log2 of the bytes of an integer type.
std::size_t rank(Type type) { return static_cast<std::size_t>(std::countr_zero(size_of(type))); }

class GccjitEmitter final : public Emitter {
public:
  GccjitEmitter(const GccjitApi& api, bool optimise);
  ~GccjitEmitter() override;

  Callee declare(const std::string& name, std::span<const Type> params, std::span<const Type> results,
                 bool exported) override;
  void begin(Callee callee) override;
  Value parameter(u32 index) override;
  void end() override {}
  Value frame_bytes(u32 size, u32 align) override;
  Variable variable(Type type) override { return &locals_.emplace_back(Local{local(kind(type)), kind(type)}); }
  Label label(std::span<const Type> params) override;
  void start(Label label, std::vector<Value>& params) override;
  void jump(Label label, std::span<const Value> args) override;
  void branch(Type type, Value condition, Label nonzero, Label zero) override;
  void choose(Type type, Value value, std::span<const u64> cases, std::span<const Label> labels,
              Label otherwise) override;
  void give_back(std::span<const Value> results) override;
  void unreachable() override;
  Value constant(Type type, u64 bits) override;
  bool operation(const Operation& what, const Value* in, Value* out) override;
  Value read(Variable variable) override {
    const Local& from = *static_cast<Local*>(variable);
    return keep(from.type, api_.gcc_jit_lvalue_as_rvalue(from.place)); // as it is now
  }
  void write(Variable variable, Value value) override { assign(static_cast<Local*>(variable)->place, value); }
  Value load(Type type, Value address) override;
  void store(Type type, Value address, Value value) override;
  void clear(Value address, u32 size) override;
  void call(Callee callee, std::span<const Value> args, std::vector<Value>& results) override;
  void call_address(Value address, std::span<const Type> param_types, std::span<const Type> result_types,
                    std::span<const Value> args, std::vector<Value>& results) override;
  Value address_of(Callee callee) override;
  Value call_host(u64 address, std::span<const Value> words) override;
  Result<void> finish() override;
  Result<u64> code_of(const std::string& name) override;

private:
  /// What a function with these results returns: several are fields of a struct.
  struct Results {
    Ref type = nullptr;
    std::vector<Type> types;
    std::vector<Ref> fields;
  };
  struct Function {
    Ref function;
    const Results* results;
  };
  struct Block {
    Ref block;
    std::vector<Ref> params;
    std::vector<Type> types;
  };
  struct Local {
    Ref place, type;
  };
  static Block* block(Label label) { return static_cast<Block*>(label); }

  Ref kind(Type type) const;
  Ref integer(std::size_t log_bytes, bool is_signed) const { return integers_[is_signed][log_bytes]; }
  Ref local(Ref type) { return api_.gcc_jit_function_new_local(now_->function, nullptr, type, "v"); }
  void assign(Ref place, Ref value) { api_.gcc_jit_block_add_assignment(at_, nullptr, place, value); }
  /// In a local of its own, so that it is computed here and once.
  Value keep(Ref type, Ref value);
  Ref cast(Ref value, Ref type) { return api_.gcc_jit_context_new_cast(context_, nullptr, value, type); }
  Ref bitcast(Ref value, Ref type) { return api_.gcc_jit_context_new_bitcast(context_, nullptr, value, type); }
  Ref binary(int op, Ref type, Ref a, Ref b) {
    return api_.gcc_jit_context_new_binary_op(context_, nullptr, op, type, a, b);
  }
  Ref compare(int op, Ref a, Ref b) { return api_.gcc_jit_context_new_comparison(context_, nullptr, op, a, b); }
  Ref number(Ref type, u64 value) {
    return api_.gcc_jit_context_new_rvalue_from_long(context_, type, static_cast<long>(value));
  }
  Ref builtin(const char* name, std::initializer_list<Ref> args);
  Ref place_at(Type type, Value address);
  const Results* results_of(std::span<const Type> types);
  void take_results(Ref value, const Results& given, std::vector<Value>& results);
  Ref function_pointer(std::span<const Ref> params, Ref result);

  int compile_to(const std::string& path) const;
  Result<void> compile(const std::string& path) const;
  bool integer_operation(const Operation& what, const Value* in, Value* out);
  bool comparison(const Operation& what, const Value* in, Value* out);
  bool float_operation(const Operation& what, const Value* in, Value* out);
  bool conversion(const Operation& what, const Value* in, Value* out);
  Ref high_product(const Operation& what, const Value* in);
  Value count_zeros(const Operation& what, Value x);
  Value select(const Operation& what, const Value* in);

  const GccjitApi& api_;
  Ref context_;
  std::optional<SharedLibrary> code_;
  Ref integers_[2][5]{}, floats_[2]{}, word_ = nullptr;
  std::deque<Function> functions_;
  std::deque<Block> blocks_;
  std::deque<Local> locals_;
  std::map<std::vector<Type>, Results> results_;
  Function* now_ = nullptr;
  Ref at_ = nullptr; // the block
};

GccjitEmitter::GccjitEmitter(const GccjitApi& api, bool optimise) : api_(api), context_(api.gcc_jit_context_acquire()) {
  api_.gcc_jit_context_set_int_option(context_, kLevelOption, optimise ? 2 : 0);
  api_.gcc_jit_context_set_bool_allow_unreachable_blocks(context_, 1);
  api_.gcc_jit_context_set_bool_print_errors_to_stderr(context_, 0);
  for (const char* option : {"-fwrapv", "-fno-strict-aliasing", "-ffp-contract=off", "-fno-delete-null-pointer-checks",
                             "-fno-math-errno", "-fno-finite-loops"})
    api_.gcc_jit_context_add_command_line_option(context_, option);
  for (std::size_t i = 0; i < 5; ++i) {
    integers_[0][i] = api_.gcc_jit_context_get_type(context_, kUnsigned[i]);
    integers_[1][i] = api_.gcc_jit_context_get_type(context_, kSigned[i]);
  }
  floats_[0] = api_.gcc_jit_context_get_type(context_, kFloat);
  floats_[1] = api_.gcc_jit_context_get_type(context_, kDouble);
  word_ = integer(3, false);
}

GccjitEmitter::~GccjitEmitter() {
  if (code_) code_->close();
  api_.gcc_jit_context_release(context_);
}

Ref GccjitEmitter::kind(Type type) const {
  if (is_float(type)) return floats_[type == Type::F64];
  return integer(rank(type), false);
}

Value GccjitEmitter::keep(Ref type, Ref value) {
  const Ref place = local(type);
  assign(place, value);
  return api_.gcc_jit_lvalue_as_rvalue(place);
}

// -- functions and blocks ----------------------------------------------------------------------------

const GccjitEmitter::Results* GccjitEmitter::results_of(std::span<const Type> types) {
  const auto [entry, fresh] = results_.try_emplace(std::vector<Type>(types.begin(), types.end()));
  Results& out = entry->second;
  if (!fresh) return &out;
  out.types.assign(types.begin(), types.end());
  if (types.size() < 2) {
    out.type = types.empty() ? api_.gcc_jit_context_get_type(context_, kVoid) : kind(types[0]);
    return &out;
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    const std::string name = "r" + std::to_string(i);
    out.fields.push_back(api_.gcc_jit_context_new_field(context_, nullptr, kind(types[i]), name.c_str()));
  }
  const std::string name = "results" + std::to_string(results_.size());
  out.type = api_.gcc_jit_struct_as_type(api_.gcc_jit_context_new_struct_type(
      context_, nullptr, name.c_str(), static_cast<int>(out.fields.size()), out.fields.data()));
  return &out;
}

Callee GccjitEmitter::declare(const std::string& name, std::span<const Type> params, std::span<const Type> results,
                              bool exported) {
  std::vector<Ref> taken;
  for (const Type type : params) taken.push_back(api_.gcc_jit_context_new_param(context_, nullptr, kind(type), "p"));
  const Results* given = results_of(results);
  const Ref made = api_.gcc_jit_context_new_function(context_, nullptr, exported ? kExported : kInternal, given->type,
                                                     name.c_str(), static_cast<int>(taken.size()), taken.data(), 0);
  return &functions_.emplace_back(Function{made, given});
}

void GccjitEmitter::begin(Callee callee) {
  now_ = static_cast<Function*>(callee);
  at_ = api_.gcc_jit_function_new_block(now_->function, nullptr);
}

Value GccjitEmitter::parameter(u32 index) {
  return api_.gcc_jit_param_as_rvalue(api_.gcc_jit_function_get_param(now_->function, static_cast<int>(index)));
}

Value GccjitEmitter::frame_bytes(u32 size, u32 align) {
  const Ref bytes = api_.gcc_jit_context_new_array_type(context_, nullptr, integer(0, false), static_cast<int>(size));
  const Ref place = local(bytes);
  api_.gcc_jit_lvalue_set_alignment(place, align);
  return keep(word_, bitcast(api_.gcc_jit_lvalue_get_address(place, nullptr), word_));
}

Label GccjitEmitter::label(std::span<const Type> params) {
  Block& out = blocks_.emplace_back();
  out.block = api_.gcc_jit_function_new_block(now_->function, nullptr);
  for (const Type type : params) {
    out.params.push_back(local(kind(type)));
    out.types.push_back(type);
  }
  return &out;
}

/// What a block is given is copied, because a jump back to it writes its variables one after the other.
void GccjitEmitter::start(Label label, std::vector<Value>& params) {
  const Block& from = *block(label);
  at_ = from.block;
  params.clear();
  for (std::size_t i = 0; i < from.params.size(); ++i)
    params.push_back(keep(kind(from.types[i]), api_.gcc_jit_lvalue_as_rvalue(from.params[i])));
}

void GccjitEmitter::jump(Label label, std::span<const Value> args) {
  const Block& to = *block(label);
  for (std::size_t i = 0; i < to.params.size(); ++i) assign(to.params[i], args[i]);
  api_.gcc_jit_block_end_with_jump(at_, nullptr, to.block);
}

void GccjitEmitter::branch(Type type, Value condition, Label nonzero, Label zero) {
  const Ref flag = compare(kNe, condition, number(kind(type), 0));
  api_.gcc_jit_block_end_with_conditional(at_, nullptr, flag, block(nonzero)->block, block(zero)->block);
}

void GccjitEmitter::choose(Type type, Value value, std::span<const u64> cases, std::span<const Label> labels,
                           Label otherwise) {
  std::vector<Ref> rows;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Ref literal = constant(type, cases[i]);
    rows.push_back(api_.gcc_jit_context_new_case(context_, literal, literal, block(labels[i])->block));
  }
  api_.gcc_jit_block_end_with_switch(at_, nullptr, value, block(otherwise)->block, static_cast<int>(rows.size()),
                                     rows.data());
}

void GccjitEmitter::give_back(std::span<const Value> results) {
  if (results.empty()) return api_.gcc_jit_block_end_with_void_return(at_, nullptr);
  if (results.size() == 1) return api_.gcc_jit_block_end_with_return(at_, nullptr, results[0]);
  const Ref all = local(now_->results->type);
  for (std::size_t i = 0; i < results.size(); ++i)
    assign(api_.gcc_jit_lvalue_access_field(all, nullptr, now_->results->fields[i]), results[i]);
  api_.gcc_jit_block_end_with_return(at_, nullptr, api_.gcc_jit_lvalue_as_rvalue(all));
}

void GccjitEmitter::unreachable() {
  std::vector<Value> results;
  for (const Type type : now_->results->types) results.push_back(constant(type, 0));
  give_back(results);
}

// -- values ------------------------------------------------------------------------------------------

Value GccjitEmitter::constant(Type type, u64 bits) {
  const Type same_size = type == Type::F32 ? Type::I32 : type == Type::F64 ? Type::I64 : type;
  const Ref literal = number(kind(same_size), bits);
  return is_float(type) ? keep(kind(type), bitcast(literal, kind(type))) : literal;
}

Ref GccjitEmitter::place_at(Type type, Value address) {
  const Ref unaligned = api_.gcc_jit_type_get_aligned(kind(type), 1);
  const Ref pointer = bitcast(address, api_.gcc_jit_type_get_pointer(unaligned));
  return api_.gcc_jit_rvalue_dereference(pointer, nullptr);
}

Value GccjitEmitter::load(Type type, Value address) {
  return keep(kind(type), api_.gcc_jit_lvalue_as_rvalue(place_at(type, address)));
}

void GccjitEmitter::store(Type type, Value address, Value value) { assign(place_at(type, address), value); }

void GccjitEmitter::clear(Value address, u32 size) {
  const Ref pointer = bitcast(address, api_.gcc_jit_context_get_type(context_, kVoidPtr));
  const Ref byte = number(api_.gcc_jit_context_get_type(context_, kInt), 0);
  const Ref length = number(api_.gcc_jit_context_get_type(context_, kSizeT), size);
  api_.gcc_jit_block_add_eval(at_, nullptr, builtin("__builtin_memset", {pointer, byte, length}));
}

Ref GccjitEmitter::builtin(const char* name, std::initializer_list<Ref> args) {
  std::vector<Ref> values(args);
  return api_.gcc_jit_context_new_call(context_, nullptr, api_.gcc_jit_context_get_builtin_function(context_, name),
                                       static_cast<int>(values.size()), values.data());
}

Ref GccjitEmitter::high_product(const Operation& what, const Value* in) {
  const bool is_signed = what.op == Opcode::MulHS;
  const std::size_t log_bytes = rank(what.type);
  const Ref wide = integer(log_bytes + 1, is_signed), narrow = integer(log_bytes, is_signed);
  const auto widened = [&](Value x) { return cast(cast(x, narrow), wide); };
  const Ref product = binary(kMult, wide, widened(in[0]), widened(in[1]));
  return cast(binary(kShiftRight, wide, product, number(wide, bits_of(what.type))), kind(what.type));
}

/// GCC's counts say nothing of zero: a bit is added that no other number's count reaches, and zero is told apart.
Value GccjitEmitter::count_zeros(const Operation& what, Value x) {
  const bool leading = what.op == Opcode::Clz;
  const u32 width = bits_of(what.type);
  const Ref wide = api_.gcc_jit_context_get_type(context_, kUnsignedLongLong), t = kind(what.type);
  const Ref some = binary(kOr, wide, cast(x, wide), number(wide, leading ? 1 : u64{1} << (width - 1)));
  const Ref count = cast(builtin(leading ? "__builtin_clzll" : "__builtin_ctzll", {some}), t);
  const Value number_of_it = keep(t, leading ? binary(kMinus, t, count, number(t, 64 - width)) : count);
  const Value zero = keep(integer(0, false), cast(compare(kEq, x, number(t, 0)), integer(0, false)));
  const Value in[] = {zero, number(t, width), number_of_it};
  return select({Opcode::Select, what.type, Type::I8}, in);
}

Value GccjitEmitter::select(const Operation& what, const Value* in) {
  const Ref place = local(kind(what.type));
  assign(place, in[2]);
  const Label other = label({}), join = label({});
  branch(what.from, in[0], other, join);
  at_ = block(other)->block;
  assign(place, in[1]);
  jump(join, {});
  at_ = block(join)->block;
  return keep(kind(what.type), api_.gcc_jit_lvalue_as_rvalue(place));
}

bool GccjitEmitter::integer_operation(const Operation& what, const Value* in, Value* out) {
  const Ref t = kind(what.type);
  const auto plain = [&](int op) { return out[0] = keep(t, binary(op, t, in[0], in[1])), true; };
  const auto as_signed = [&](int op) {
    const Ref s = integer(rank(what.type), true);
    return out[0] = keep(t, cast(binary(op, s, cast(in[0], s), cast(in[1], s)), t)), true;
  };
  switch (what.op) {
  case Opcode::Add: return plain(kPlus);
  case Opcode::Sub: return plain(kMinus);
  case Opcode::Mul: return plain(kMult);
  case Opcode::DivU: return plain(kDivide);
  case Opcode::RemU: return plain(kModulo);
  case Opcode::And: return plain(kAnd);
  case Opcode::Or: return plain(kOr);
  case Opcode::Xor: return plain(kXor);
  case Opcode::Shl: return plain(kShiftLeft);
  case Opcode::ShrU: return plain(kShiftRight);
  case Opcode::ShrS: return as_signed(kShiftRight);
  case Opcode::DivS: return as_signed(kDivide);
  case Opcode::RemS: return as_signed(kModulo);
  case Opcode::MulHS:
  case Opcode::MulHU: return out[0] = keep(t, high_product(what, in)), true;
  case Opcode::Clz:
  case Opcode::Ctz: return out[0] = count_zeros(what, in[0]), true;
  case Opcode::Popcnt: {
    const Ref wide = api_.gcc_jit_context_get_type(context_, kUnsignedLongLong);
    return out[0] = keep(t, cast(builtin("__builtin_popcountll", {cast(in[0], wide)}), t)), true;
  }
  default: return false;
  }
}

bool GccjitEmitter::comparison(const Operation& what, const Value* in, Value* out) {
  const auto give = [&](Ref flag) { return out[0] = keep(integer(0, false), cast(flag, integer(0, false))), true; };
  const auto plain = [&](int op) { return give(compare(op, in[0], in[1])); };
  const auto as_signed = [&](int op) {
    const Ref s = integer(rank(what.type), true);
    return give(compare(op, cast(in[0], s), cast(in[1], s)));
  };
  switch (what.op) {
  case Opcode::Eq:
  case Opcode::FEq: return plain(kEq);
  case Opcode::Ne:
  case Opcode::FNe: return plain(kNe);
  case Opcode::LtU:
  case Opcode::FLt: return plain(kLt);
  case Opcode::LeU:
  case Opcode::FLe: return plain(kLe);
  case Opcode::GtU:
  case Opcode::FGt: return plain(kGt);
  case Opcode::GeU:
  case Opcode::FGe: return plain(kGe);
  case Opcode::LtS: return as_signed(kLt);
  case Opcode::LeS: return as_signed(kLe);
  case Opcode::GtS: return as_signed(kGt);
  case Opcode::GeS: return as_signed(kGe);
  default: return false;
  }
}

bool GccjitEmitter::float_operation(const Operation& what, const Value* in, Value* out) {
  const Ref t = kind(what.type);
  const auto plain = [&](int op) { return out[0] = keep(t, binary(op, t, in[0], in[1])), true; };
  const bool wide = what.type == Type::F64;
  const auto one = [&](const char* narrow_name, const char* wide_name) {
    return out[0] = keep(t, builtin(wide ? wide_name : narrow_name, {in[0]})), true;
  };
  switch (what.op) {
  case Opcode::FAdd: return plain(kPlus);
  case Opcode::FSub: return plain(kMinus);
  case Opcode::FMul: return plain(kMult);
  case Opcode::FDiv: return plain(kDivide);
  case Opcode::FNeg:
    return out[0] = keep(t, api_.gcc_jit_context_new_unary_op(context_, nullptr, kNegate, t, in[0])), true;
  case Opcode::FAbs:
    return out[0] = keep(t, api_.gcc_jit_context_new_unary_op(context_, nullptr, kAbs, t, in[0])), true;
  case Opcode::FCopysign:
    return out[0] = keep(t, builtin(wide ? "__builtin_copysign" : "__builtin_copysignf", {in[0], in[1]})), true;
  case Opcode::Fma:
    return out[0] = keep(t, builtin(wide ? "__builtin_fma" : "__builtin_fmaf", {in[0], in[1], in[2]})), true;
  case Opcode::FSqrt: return one("__builtin_sqrtf", "__builtin_sqrt");
  case Opcode::FCeil: return one("__builtin_ceilf", "__builtin_ceil");
  case Opcode::FFloor: return one("__builtin_floorf", "__builtin_floor");
  case Opcode::FTrunc: return one("__builtin_truncf", "__builtin_trunc");
  case Opcode::FNearest: return one("__builtin_roundevenf", "__builtin_roundeven");
  default: return false;
  }
}

bool GccjitEmitter::conversion(const Operation& what, const Value* in, Value* out) {
  const Ref t = kind(what.type);
  const auto give = [&](Ref value) { return out[0] = keep(t, value), true; };
  switch (what.op) {
  case Opcode::Sext:
    return give(cast(cast(cast(in[0], integer(rank(what.from), true)), integer(rank(what.type), true)), t));
  case Opcode::I2fS: return give(cast(cast(in[0], integer(rank(what.from), true)), t));
  case Opcode::F2iS: return give(cast(cast(in[0], integer(rank(what.type), true)), t));
  case Opcode::Zext:
  case Opcode::Trunc:
  case Opcode::I2fU:
  case Opcode::F2iU:
  case Opcode::FPromote:
  case Opcode::FDemote: return give(cast(in[0], t));
  case Opcode::Bitcast: return give(bitcast(in[0], t));
  default: return false;
  }
}

bool GccjitEmitter::operation(const Operation& what, const Value* in, Value* out) {
  if (what.op == Opcode::Select) return out[0] = select(what, in), true;
  return integer_operation(what, in, out) || comparison(what, in, out) || float_operation(what, in, out) ||
         conversion(what, in, out);
}

// -- calls -------------------------------------------------------------------------------------------

void GccjitEmitter::take_results(Ref value, const Results& given, std::vector<Value>& results) {
  results.clear();
  if (given.types.empty()) return api_.gcc_jit_block_add_eval(at_, nullptr, value);
  if (given.types.size() == 1) return results.push_back(keep(given.type, value));
  const Ref all = local(given.type);
  assign(all, value);
  for (std::size_t i = 0; i < given.types.size(); ++i)
    results.push_back(keep(kind(given.types[i]), api_.gcc_jit_lvalue_as_rvalue(
                                                     api_.gcc_jit_lvalue_access_field(all, nullptr, given.fields[i]))));
}

void GccjitEmitter::call(Callee callee, std::span<const Value> args, std::vector<Value>& results) {
  const Function& to = *static_cast<Function*>(callee);
  std::vector<Ref> values(args.begin(), args.end());
  take_results(
      api_.gcc_jit_context_new_call(context_, nullptr, to.function, static_cast<int>(values.size()), values.data()),
      *to.results, results);
}

Ref GccjitEmitter::function_pointer(std::span<const Ref> params, Ref result) {
  std::vector<Ref> types(params.begin(), params.end());
  return api_.gcc_jit_context_new_function_ptr_type(context_, nullptr, result, static_cast<int>(types.size()),
                                                    types.data(), 0);
}

void GccjitEmitter::call_address(Value address, std::span<const Type> param_types, std::span<const Type> result_types,
                                 std::span<const Value> args, std::vector<Value>& results) {
  std::vector<Ref> types, values(args.begin(), args.end());
  for (const Type type : param_types) types.push_back(kind(type));
  const Results* given = results_of(result_types);
  const Ref pointer = bitcast(address, function_pointer(types, given->type));
  take_results(api_.gcc_jit_context_new_call_through_ptr(context_, nullptr, pointer, static_cast<int>(values.size()),
                                                         values.data()),
               *given, results);
}

Value GccjitEmitter::address_of(Callee callee) {
  const Ref address = api_.gcc_jit_function_get_address(static_cast<Function*>(callee)->function, nullptr);
  return keep(word_, bitcast(address, word_));
}

Value GccjitEmitter::call_host(u64 address, std::span<const Value> words) {
  std::vector<Ref> values(words.begin(), words.end()), types(words.size(), word_);
  const Ref pointer = api_.gcc_jit_context_new_rvalue_from_ptr(context_, function_pointer(types, word_),
                                                               reinterpret_cast<void*>(address));
  return keep(word_, api_.gcc_jit_context_new_call_through_ptr(context_, nullptr, pointer,
                                                               static_cast<int>(values.size()), values.data()));
}

// -- the code ----------------------------------------------------------------------------------------

/// In the other process: the library, or the error as text, in a file of that name.
int GccjitEmitter::compile_to(const std::string& path) const {
  api_.gcc_jit_context_compile_to_file(context_, kDynamicLibrary, path.c_str());
  const char* const error = api_.gcc_jit_context_get_first_error(context_);
  if (error == nullptr) return 0;
  if (std::FILE* file = std::fopen(path.c_str(), "wb")) {
    std::fputs(error, file);
    std::fclose(file);
  }
  return 1;
}

Result<void> GccjitEmitter::compile(const std::string& path) const {
  auto worker = start_worker([&] { return compile_to(path); });
  if (!worker) return worker.error();
  WorkerStatus status = poll_worker(*worker);
  for (u32 waited = 0; status.state == WorkerStatus::Running; ++waited, status = poll_worker(*worker)) {
    if (waited == kCompileMs) {
      kill_worker(*worker);
      return failure(api_.version + " does not come to an end of compiling");
    }
    sleep_ms(1);
  }
  if (status.state == WorkerStatus::Killed) return failure(api_.version + " died of compiling: " + status.what);
  if (status.code == 0) return {};
  char text[1024] = {0};
  if (std::FILE* file = std::fopen(path.c_str(), "rb")) {
    text[std::fread(text, 1, sizeof text - 1, file)] = 0;
    std::fclose(file);
  }
  return failure(api_.version + ": " + (text[0] == 0 ? status.what : text));
}

Result<void> GccjitEmitter::finish() {
  static u32 counter = 0;
  std::error_code ignored;
  const std::string name = "assay-gccjit-" + std::to_string(process_id()) + "-" + std::to_string(++counter) + ".so";
  const std::string path = (std::filesystem::temp_directory_path(ignored) / name).string();
  auto done = compile(path);
  if (done) {
    const char* const names[] = {path.c_str()};
    auto library = SharedLibrary::open(names);
    if (library) code_.emplace(std::move(*library));
    else done = failure(api_.version + " made a library that cannot be opened: " + library.error().message);
  }
  std::filesystem::remove(path, ignored); // what is open stays
  return done;
}

Result<u64> GccjitEmitter::code_of(const std::string& name) {
  void* const code = code_->find(name.c_str());
  if (code == nullptr) return failure(api_.version + ": the code has no function " + name);
  return reinterpret_cast<u64>(code);
}

class GccjitPeer final : public Peer {
public:
  GccjitPeer(const GccjitApi& api, bool optimise) : api_(api), optimise_(optimise) {}
  std::string version() const override { return api_.version; }
  std::unique_ptr<Emitter> emitter() override { return std::make_unique<GccjitEmitter>(api_, optimise_); }

private:
  const GccjitApi& api_;
  bool optimise_;
};

} // namespace

Result<std::unique_ptr<Peer>> make_gccjit(bool optimise) {
  auto api = gccjit_api();
  if (!api) return api.error();
  return std::unique_ptr<Peer>(new GccjitPeer(**api, optimise));
}

} // namespace assay::fuzz::peers
