// llvm_emitter.cpp - LLVM as a peer: a module of its IR, its passes, its ORC JIT.
//
// Blocks' parameters are phis; operations are instructions or, where LLVM has them, intrinsics, so that these are
// tested too. At O0 no pass runs and code is generated quickly; at O2 the standard pipeline runs ("default<O2>") for
// this machine's processor. Addresses are integers that become pointers at each access. One context a module.
// Cost: about 2 ms a random program at O0, 10 at O2. Tested in fuzz/subjects/tests/peer_test.cpp.
#include "fuzz/subjects/emitter.h"
#include "fuzz/subjects/llvm_library.h"

#include <array>
#include <deque>

namespace assay::fuzz::peers {
namespace {

// Numbers of LLVM's enumerations, which are part of its ABI.
enum Op : unsigned {
  kAdd = 8,
  kFAdd,
  kSub,
  kFSub,
  kMul,
  kFMul,
  kUDiv,
  kSDiv,
  kFDiv,
  kURem,
  kSRem,
  kFRem,
  kShl,
  kLShr,
  kAShr,
  kAnd,
  kOr,
  kXor
};
enum Cast : unsigned {
  kTrunc = 30,
  kZExt,
  kSExt,
  kFPToUI,
  kFPToSI,
  kUIToFP,
  kSIToFP,
  kFPTrunc,
  kFPExt,
  kPtrToInt,
  kIntToPtr,
  kBitCast
};
enum Compare : unsigned { kEq = 32, kNe, kUgt, kUge, kUlt, kUle, kSgt, kSge, kSlt, kSle };
enum CompareFloat : unsigned { kOeq = 1, kOgt, kOge, kOlt, kOle, kUne = 14 };
constexpr unsigned kInternal = 8, kReturnStatus = 2, kCodeGenNone = 0, kCodeGenDefault = 2, kJitDefault = 1;

Error failure(std::string message) { return {ErrorKind::Internal, {}, 0, 0, std::move(message)}; }

class LlvmPeer final : public Peer {
public:
  LlvmPeer(const LlvmApi& library, bool optimised) : api(library), optimise(optimised) {}
  ~LlvmPeer() override {
    if (jit != nullptr) static_cast<void>(api.LLVMOrcDisposeLLJIT(jit));
    if (layout != nullptr) api.LLVMDisposeTargetData(layout);
    if (machine != nullptr) api.LLVMDisposeTargetMachine(machine);
  }
  Result<void> open();
  std::string version() const override { return api.version; }
  std::unique_ptr<Emitter> emitter() override;
  /// Of an error of LLVM's, which is used up.
  std::string words_of(Ref error) const {
    char* const text = api.LLVMGetErrorMessage(error);
    return text == nullptr ? "an error without text" : api.version + ": " + text;
  }

  const LlvmApi& api;
  const bool optimise;
  Ref jit = nullptr, dylib = nullptr, machine = nullptr, layout = nullptr;
  std::string triple;

private:
  Ref make_machine(Ref target) const;
};

Ref LlvmPeer::make_machine(Ref target) const {
  char* const cpu = api.LLVMGetHostCPUName();
  char* const features = api.LLVMGetHostCPUFeatures();
  const Ref out = api.LLVMCreateTargetMachine(target, triple.c_str(), cpu, features,
                                              optimise ? kCodeGenDefault : kCodeGenNone, 0, kJitDefault);
  api.LLVMDisposeMessage(cpu);
  api.LLVMDisposeMessage(features);
  return out;
}

Result<void> LlvmPeer::open() {
  char* const name = api.LLVMGetDefaultTargetTriple();
  triple = name;
  api.LLVMDisposeMessage(name);
  Ref target = nullptr;
  char* message = nullptr;
  if (api.LLVMGetTargetFromTriple(triple.c_str(), &target, &message) != 0)
    return Error{ErrorKind::Unsupported, {}, 0, 0, api.version + ": " + message};
  machine = make_machine(target); // for the passes
  layout = api.LLVMCreateTargetDataLayout(machine);
  const Ref builder = api.LLVMOrcCreateLLJITBuilder();
  api.LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(
      builder, api.LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(make_machine(target)));
  if (Ref error = api.LLVMOrcCreateLLJIT(&jit, builder)) return failure(words_of(error));
  dylib = api.LLVMOrcLLJITGetMainJITDylib(jit);
  Ref generator = nullptr; // for the functions of the C library that some operations are
  if (Ref error = api.LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(
          &generator, api.LLVMOrcLLJITGetGlobalPrefix(jit), nullptr, nullptr))
    return failure(words_of(error));
  api.LLVMOrcJITDylibAddGenerator(dylib, generator);
  return {};
}

/// What an operation is in LLVM.
struct Row {
  enum How : u8 { None, Binary, Integer, Float, Cast, Intrinsic, Overflow } how = None;
  unsigned code = 0;
  const char* name = nullptr; // of the intrinsic
};

constexpr std::array<Row, kOpcodeCount> make_rows() {
  std::array<Row, kOpcodeCount> out{};
  const auto set = [&out](Opcode op, Row row) { out[static_cast<u32>(op)] = row; };
  const auto binary = [&](Opcode op, unsigned code) { set(op, {Row::Binary, code}); };
  binary(Opcode::Add, kAdd), binary(Opcode::Sub, kSub), binary(Opcode::Mul, kMul), binary(Opcode::DivS, kSDiv);
  binary(Opcode::DivU, kUDiv), binary(Opcode::RemS, kSRem), binary(Opcode::RemU, kURem), binary(Opcode::And, kAnd);
  binary(Opcode::Or, kOr), binary(Opcode::Xor, kXor), binary(Opcode::Shl, kShl), binary(Opcode::ShrS, kAShr);
  binary(Opcode::ShrU, kLShr), binary(Opcode::FAdd, kFAdd), binary(Opcode::FSub, kFSub), binary(Opcode::FMul, kFMul);
  binary(Opcode::FDiv, kFDiv);
  const auto integer = [&](Opcode op, unsigned code) { set(op, {Row::Integer, code}); };
  integer(Opcode::Eq, kEq), integer(Opcode::Ne, kNe), integer(Opcode::LtS, kSlt), integer(Opcode::LtU, kUlt);
  integer(Opcode::LeS, kSle), integer(Opcode::LeU, kUle), integer(Opcode::GtS, kSgt), integer(Opcode::GtU, kUgt);
  integer(Opcode::GeS, kSge), integer(Opcode::GeU, kUge);
  const auto floating = [&](Opcode op, unsigned code) { set(op, {Row::Float, code}); };
  floating(Opcode::FEq, kOeq), floating(Opcode::FNe, kUne), floating(Opcode::FLt, kOlt), floating(Opcode::FLe, kOle);
  floating(Opcode::FGt, kOgt), floating(Opcode::FGe, kOge);
  const auto cast = [&](Opcode op, unsigned code) { set(op, {Row::Cast, code}); };
  cast(Opcode::Sext, kSExt), cast(Opcode::Zext, kZExt), cast(Opcode::Trunc, kTrunc), cast(Opcode::F2iS, kFPToSI);
  cast(Opcode::F2iU, kFPToUI), cast(Opcode::I2fS, kSIToFP), cast(Opcode::I2fU, kUIToFP);
  cast(Opcode::FPromote, kFPExt), cast(Opcode::FDemote, kFPTrunc), cast(Opcode::Bitcast, kBitCast);
  const auto intrinsic = [&](Opcode op, const char* name) { set(op, {Row::Intrinsic, 0, name}); };
  intrinsic(Opcode::MinS, "smin"), intrinsic(Opcode::MinU, "umin"), intrinsic(Opcode::MaxS, "smax");
  intrinsic(Opcode::MaxU, "umax"), intrinsic(Opcode::Popcnt, "ctpop"), intrinsic(Opcode::Bitrev, "bitreverse");
  intrinsic(Opcode::Bswap, "bswap"), intrinsic(Opcode::FSqrt, "sqrt"), intrinsic(Opcode::Fma, "fma");
  intrinsic(Opcode::FAbs, "fabs"), intrinsic(Opcode::FCopysign, "copysign"), intrinsic(Opcode::FCeil, "ceil");
  intrinsic(Opcode::FFloor, "floor"), intrinsic(Opcode::FTrunc, "trunc"), intrinsic(Opcode::FNearest, "roundeven");
  const auto overflow = [&](Opcode op, const char* name) { set(op, {Row::Overflow, 0, name}); };
  overflow(Opcode::AddOS, "sadd"), overflow(Opcode::AddOU, "uadd"), overflow(Opcode::SubOS, "ssub");
  overflow(Opcode::SubOU, "usub"), overflow(Opcode::MulOS, "smul"), overflow(Opcode::MulOU, "umul");
  return out;
}
constexpr std::array<Row, kOpcodeCount> kRows = make_rows();

class LlvmEmitter final : public Emitter {
public:
  explicit LlvmEmitter(LlvmPeer& peer);
  ~LlvmEmitter() override;

  Callee declare(const std::string& name, std::span<const Type> params, std::span<const Type> results,
                 bool exported) override;
  void begin(Callee callee) override;
  Value parameter(u32 index) override { return api_.LLVMGetParam(now_->function, index); }
  void end() override {}
  Value frame_bytes(u32 size, u32 align) override;
  Variable variable(Type type) override;
  Label label(std::span<const Type> params) override;
  void start(Label label, std::vector<Value>& params) override;
  void jump(Label label, std::span<const Value> args) override;
  void branch(Type type, Value condition, Label nonzero, Label zero) override;
  void choose(Type type, Value value, std::span<const u64> cases, std::span<const Label> labels,
              Label otherwise) override;
  void give_back(std::span<const Value> results) override;
  void unreachable() override { api_.LLVMBuildUnreachable(b_); }
  Value constant(Type type, u64 bits) override;
  bool operation(const Operation& what, const Value* in, Value* out) override;
  Value read(Variable variable) override;
  void write(Variable variable, Value value) override;
  Value load(Type type, Value address) override;
  void store(Type type, Value address, Value value) override;
  void clear(Value address, u32 size) override;
  void call(Callee callee, std::span<const Value> args, std::vector<Value>& results) override;
  void call_address(Value address, std::span<const Type> param_types, std::span<const Type> result_types,
                    std::span<const Value> args, std::vector<Value>& results) override;
  Value address_of(Callee callee) override { return cast(kPtrToInt, function(callee)->function, word_); }
  Value call_host(u64 address, std::span<const Value> words) override;
  Result<void> finish() override;
  Result<u64> code_of(const std::string& name) override;

private:
  struct Function {
    Ref function, type, result;
    std::vector<Type> results;
  };
  struct Block {
    Ref block;
    std::vector<Ref> phis;
  };
  struct Local {
    Ref place, type;
  };
  static Function* function(Callee callee) { return static_cast<Function*>(callee); }
  static Block* block(Label label) { return static_cast<Block*>(label); }
  static std::string suffix(Type type) { return (is_float(type) ? ".f" : ".i") + std::to_string(bits_of(type)); }

  Ref type(Type type) const { return types_[static_cast<u32>(type)]; }
  Ref type_among_several(Type of) const { return type(!is_float(of) ? of : bits_of(of) == 32 ? Type::I32 : Type::I64); }
  Ref result_type(std::span<const Type> results);
  Ref function_type(std::span<const Type> params, Ref result);
  Ref cast(unsigned code, Ref value, Ref to) { return api_.LLVMBuildCast(b_, code, value, to, ""); }
  Ref pointer(Value address) { return cast(kIntToPtr, address, pointer_); }
  Ref is_nonzero(Type of, Value value) {
    return api_.LLVMBuildICmp(b_, kNe, value, api_.LLVMConstInt(type(of), 0, 0), "");
  }
  Ref flag(Ref bit) { return cast(kZExt, bit, type(Type::I8)); }
  Ref intrinsic(const std::string& name, Ref result, std::initializer_list<Ref> args,
                std::initializer_list<Ref> arg_types);
  bool special(const Operation& what, const Value* in, Value* out);
  Ref high_product(const Operation& what, const Value* in);
  void take_results(Ref value, std::span<const Type> types, std::vector<Value>& results);

  LlvmPeer& peer_;
  const LlvmApi& api_;
  Ref context_ = nullptr, bare_ = nullptr, module_ = nullptr, b_ = nullptr, tracker_ = nullptr;
  std::array<Ref, kTypeCount> types_{};
  Ref void_ = nullptr, pointer_ = nullptr, word_ = nullptr;
  std::deque<Function> functions_;
  std::deque<Block> blocks_;
  std::deque<Local> locals_;
  Function* now_ = nullptr;
};

LlvmEmitter::LlvmEmitter(LlvmPeer& peer) : peer_(peer), api_(peer.api) {
  context_ = api_.LLVMOrcCreateNewThreadSafeContext();
  bare_ = api_.LLVMOrcThreadSafeContextGetContext(context_);
  module_ = api_.LLVMModuleCreateWithNameInContext("assay", bare_);
  api_.LLVMSetTarget(module_, peer_.triple.c_str());
  api_.LLVMSetModuleDataLayout(module_, peer_.layout);
  b_ = api_.LLVMCreateBuilderInContext(bare_);
  for (const Type each : {Type::I8, Type::I16, Type::I32, Type::I64})
    types_[static_cast<u32>(each)] = api_.LLVMIntTypeInContext(bare_, bits_of(each));
  word_ = types_[static_cast<u32>(Type::Ptr)] = type(Type::I64);
  types_[static_cast<u32>(Type::F32)] = api_.LLVMFloatTypeInContext(bare_);
  types_[static_cast<u32>(Type::F64)] = api_.LLVMDoubleTypeInContext(bare_);
  void_ = api_.LLVMVoidTypeInContext(bare_);
  pointer_ = api_.LLVMPointerTypeInContext(bare_, 0);
}

LlvmEmitter::~LlvmEmitter() {
  api_.LLVMDisposeBuilder(b_);
  if (tracker_ != nullptr) {
    if (Ref error = api_.LLVMOrcResourceTrackerRemove(tracker_)) peer_.words_of(error); // nothing can be done
    api_.LLVMOrcReleaseResourceTracker(tracker_);
  }
  if (module_ != nullptr) api_.LLVMDisposeModule(module_);
  api_.LLVMOrcDisposeThreadSafeContext(context_);
}

// -- functions and blocks ----------------------------------------------------------------------------

/// Nothing, a value, or a struct of several. There floats are numbers with their bits: LLVM for x86-64 returns the
/// third double of a struct in a register of the x87 (RetCC_X86Common), and fld makes a signalling NaN quiet.
Ref LlvmEmitter::result_type(std::span<const Type> results) {
  if (results.empty()) return void_;
  if (results.size() == 1) return type(results[0]);
  std::vector<Ref> out;
  for (const Type each : results) out.push_back(type_among_several(each));
  return api_.LLVMStructTypeInContext(bare_, out.data(), static_cast<u32>(out.size()), 0);
}

Ref LlvmEmitter::function_type(std::span<const Type> params, Ref result) {
  std::vector<Ref> in;
  for (const Type each : params) in.push_back(type(each));
  return api_.LLVMFunctionType(result, in.data(), static_cast<u32>(in.size()), 0);
}

Callee LlvmEmitter::declare(const std::string& name, std::span<const Type> params, std::span<const Type> results,
                            bool exported) {
  const Ref result = result_type(results), of_type = function_type(params, result);
  const Ref made = api_.LLVMAddFunction(module_, name.c_str(), of_type);
  if (!exported) api_.LLVMSetLinkage(made, kInternal);
  return &functions_.emplace_back(Function{made, of_type, result, {results.begin(), results.end()}});
}

void LlvmEmitter::begin(Callee callee) {
  now_ = function(callee);
  api_.LLVMPositionBuilderAtEnd(b_, api_.LLVMAppendBasicBlockInContext(bare_, now_->function, ""));
}

Value LlvmEmitter::frame_bytes(u32 size, u32 align) {
  const Ref place = api_.LLVMBuildAlloca(b_, api_.LLVMArrayType(type(Type::I8), size), "");
  api_.LLVMSetAlignment(place, align);
  return cast(kPtrToInt, place, word_);
}

Variable LlvmEmitter::variable(Type of) {
  return &locals_.emplace_back(Local{api_.LLVMBuildAlloca(b_, type(of), ""), type(of)});
}

Label LlvmEmitter::label(std::span<const Type> params) {
  const Ref here = api_.LLVMGetInsertBlock(b_);
  Block& out = blocks_.emplace_back(Block{api_.LLVMAppendBasicBlockInContext(bare_, now_->function, ""), {}});
  api_.LLVMPositionBuilderAtEnd(b_, out.block);
  for (const Type each : params) out.phis.push_back(api_.LLVMBuildPhi(b_, type(each), ""));
  api_.LLVMPositionBuilderAtEnd(b_, here);
  return &out;
}

void LlvmEmitter::start(Label label, std::vector<Value>& params) {
  params.assign(block(label)->phis.begin(), block(label)->phis.end());
  api_.LLVMPositionBuilderAtEnd(b_, block(label)->block);
}

void LlvmEmitter::jump(Label label, std::span<const Value> args) {
  Ref here = api_.LLVMGetInsertBlock(b_);
  const Block& to = *block(label);
  for (std::size_t i = 0; i < to.phis.size(); ++i) {
    Ref value = args[i];
    api_.LLVMAddIncoming(to.phis[i], &value, &here, 1);
  }
  api_.LLVMBuildBr(b_, to.block);
}

void LlvmEmitter::branch(Type type, Value condition, Label nonzero, Label zero) {
  api_.LLVMBuildCondBr(b_, is_nonzero(type, condition), block(nonzero)->block, block(zero)->block);
}

void LlvmEmitter::choose(Type of, Value value, std::span<const u64> cases, std::span<const Label> labels,
                         Label otherwise) {
  const Ref made = api_.LLVMBuildSwitch(b_, value, block(otherwise)->block, static_cast<u32>(cases.size()));
  for (std::size_t i = 0; i < cases.size(); ++i)
    api_.LLVMAddCase(made, api_.LLVMConstInt(type(of), cases[i], 0), block(labels[i])->block);
}

void LlvmEmitter::give_back(std::span<const Value> results) {
  if (results.empty()) {
    api_.LLVMBuildRetVoid(b_);
  } else if (results.size() == 1) {
    api_.LLVMBuildRet(b_, results[0]);
  } else {
    Ref all = api_.LLVMGetUndef(now_->result);
    for (u32 i = 0; i < results.size(); ++i) {
      const Type of = now_->results[i];
      const Ref value = is_float(of) ? cast(kBitCast, results[i], type_among_several(of)) : results[i];
      all = api_.LLVMBuildInsertValue(b_, all, value, i, "");
    }
    api_.LLVMBuildRet(b_, all);
  }
}

// -- values ------------------------------------------------------------------------------------------

Value LlvmEmitter::constant(Type of, u64 bits) {
  if (!is_float(of)) return api_.LLVMConstInt(type(of), bits, 0);
  const Ref number = api_.LLVMConstInt(type(of == Type::F32 ? Type::I32 : Type::I64), bits, 0);
  return api_.LLVMConstBitCast(number, type(of));
}

Ref LlvmEmitter::intrinsic(const std::string& name, Ref result, std::initializer_list<Ref> args,
                           std::initializer_list<Ref> arg_types) {
  std::vector<Ref> types(arg_types), values(args);
  const u32 count = static_cast<u32>(values.size());
  const Ref of_type = api_.LLVMFunctionType(result, types.data(), count, 0);
  Ref callee = api_.LLVMGetNamedFunction(module_, name.c_str());
  if (callee == nullptr) callee = api_.LLVMAddFunction(module_, name.c_str(), of_type);
  return api_.LLVMBuildCall2(b_, of_type, callee, values.data(), count, "");
}

/// The high half, in twice the width.
Ref LlvmEmitter::high_product(const Operation& what, const Value* in) {
  const u32 bits = bits_of(what.type);
  const Ref wide = api_.LLVMIntTypeInContext(bare_, 2 * bits);
  const unsigned widen = what.op == Opcode::MulHS ? kSExt : kZExt;
  const Ref product = api_.LLVMBuildBinOp(b_, kMul, cast(widen, in[0], wide), cast(widen, in[1], wide), "");
  return cast(kTrunc, api_.LLVMBuildBinOp(b_, kLShr, product, api_.LLVMConstInt(wide, bits, 0), ""), type(what.type));
}

/// What is not one row.
bool LlvmEmitter::special(const Operation& what, const Value* in, Value* out) {
  const Ref t = type(what.type), bit = api_.LLVMIntTypeInContext(bare_, 1);
  const std::string of = suffix(what.type);
  switch (what.op) {
  case Opcode::MulHS:
  case Opcode::MulHU: return out[0] = high_product(what, in), true;
  case Opcode::Rotl: return out[0] = intrinsic("llvm.fshl" + of, t, {in[0], in[0], in[1]}, {t, t, t}), true;
  case Opcode::Rotr: return out[0] = intrinsic("llvm.fshr" + of, t, {in[0], in[0], in[1]}, {t, t, t}), true;
  case Opcode::Clz:
  case Opcode::Ctz: {
    const char* const name = what.op == Opcode::Clz ? "llvm.ctlz" : "llvm.cttz";
    return out[0] = intrinsic(name + of, t, {in[0], api_.LLVMConstInt(bit, 0, 0)}, {t, bit}), true;
  }
  case Opcode::Select: return out[0] = api_.LLVMBuildSelect(b_, is_nonzero(what.from, in[0]), in[1], in[2], ""), true;
  case Opcode::FNeg: return out[0] = api_.LLVMBuildFNeg(b_, in[0], ""), true;
  case Opcode::FMin:
  case Opcode::FMax: {
    if (api_.major < 19) return false; // processors without such an instruction were not provided for
    const char* const name = what.op == Opcode::FMin ? "llvm.minimum" : "llvm.maximum";
    return out[0] = intrinsic(name + of, t, {in[0], in[1]}, {t, t}), true;
  }
  case Opcode::F2iSatS:
  case Opcode::F2iSatU: {
    const char* const name = what.op == Opcode::F2iSatS ? "llvm.fptosi.sat" : "llvm.fptoui.sat";
    return out[0] = intrinsic(name + of + suffix(what.from), t, {in[0]}, {type(what.from)}), true;
  }
  default: return false;
  }
}

bool LlvmEmitter::operation(const Operation& what, const Value* in, Value* out) {
  const Row& row = kRows[static_cast<u32>(what.op)];
  const Ref t = type(what.type);
  switch (row.how) {
  case Row::Binary: return out[0] = api_.LLVMBuildBinOp(b_, row.code, in[0], in[1], ""), true;
  case Row::Integer: return out[0] = flag(api_.LLVMBuildICmp(b_, row.code, in[0], in[1], "")), true;
  case Row::Float: return out[0] = flag(api_.LLVMBuildFCmp(b_, row.code, in[0], in[1], "")), true;
  case Row::Cast: return out[0] = cast(row.code, in[0], t), true;
  case Row::Intrinsic: {
    const std::string name = "llvm." + std::string(row.name) + suffix(what.type);
    const std::string_view operands = info(what.op).operands;
    if (operands.size() == 1) out[0] = intrinsic(name, t, {in[0]}, {t});
    else if (operands.size() == 2) out[0] = intrinsic(name, t, {in[0], in[1]}, {t, t});
    else out[0] = intrinsic(name, t, {in[0], in[1], in[2]}, {t, t, t});
    return true;
  }
  case Row::Overflow: {
    Ref both[] = {t, api_.LLVMIntTypeInContext(bare_, 1)};
    const std::string name = "llvm." + std::string(row.name) + ".with.overflow" + suffix(what.type);
    const Ref pair = intrinsic(name, api_.LLVMStructTypeInContext(bare_, both, 2, 0), {in[0], in[1]}, {t, t});
    out[0] = api_.LLVMBuildExtractValue(b_, pair, 0, "");
    out[1] = flag(api_.LLVMBuildExtractValue(b_, pair, 1, ""));
    return true;
  }
  case Row::None: break;
  }
  return special(what, in, out);
}

Value LlvmEmitter::read(Variable variable) {
  const auto* local = static_cast<const Local*>(variable);
  return api_.LLVMBuildLoad2(b_, local->type, local->place, "");
}

void LlvmEmitter::write(Variable variable, Value value) {
  api_.LLVMBuildStore(b_, value, static_cast<const Local*>(variable)->place);
}

Value LlvmEmitter::load(Type of, Value address) {
  const Ref out = api_.LLVMBuildLoad2(b_, type(of), pointer(address), "");
  api_.LLVMSetAlignment(out, 1);
  return out;
}

void LlvmEmitter::store(Type, Value address, Value value) {
  api_.LLVMSetAlignment(api_.LLVMBuildStore(b_, value, pointer(address)), 1);
}

void LlvmEmitter::clear(Value address, u32 size) {
  api_.LLVMBuildMemSet(b_, pointer(address), constant(Type::I8, 0), constant(Type::I64, size), 1);
}

// -- calls -------------------------------------------------------------------------------------------

void LlvmEmitter::take_results(Ref value, std::span<const Type> types, std::vector<Value>& results) {
  results.clear();
  if (types.size() == 1) return results.push_back(value);
  for (u32 i = 0; i < types.size(); ++i) {
    const Ref result = api_.LLVMBuildExtractValue(b_, value, i, "");
    results.push_back(is_float(types[i]) ? cast(kBitCast, result, type(types[i])) : result);
  }
}

void LlvmEmitter::call(Callee callee, std::span<const Value> args, std::vector<Value>& results) {
  const Function& to = *function(callee);
  std::vector<Ref> values(args.begin(), args.end());
  const Ref value = api_.LLVMBuildCall2(b_, to.type, to.function, values.data(), static_cast<u32>(values.size()), "");
  take_results(value, to.results, results);
}

void LlvmEmitter::call_address(Value address, std::span<const Type> param_types, std::span<const Type> result_types,
                               std::span<const Value> args, std::vector<Value>& results) {
  std::vector<Ref> values(args.begin(), args.end());
  const Ref of_type = function_type(param_types, result_type(result_types));
  const Ref value =
      api_.LLVMBuildCall2(b_, of_type, pointer(address), values.data(), static_cast<u32>(values.size()), "");
  take_results(value, result_types, results);
}

Value LlvmEmitter::call_host(u64 address, std::span<const Value> words) {
  std::vector<Ref> values(words.begin(), words.end()), types(words.size(), word_);
  const u32 count = static_cast<u32>(words.size());
  const Ref of_type = api_.LLVMFunctionType(word_, types.data(), count, 0);
  return api_.LLVMBuildCall2(b_, of_type, pointer(constant(Type::I64, address)), values.data(), count, "");
}

// -- the code ----------------------------------------------------------------------------------------

Result<void> LlvmEmitter::finish() {
  char* message = nullptr;
  const bool broken = api_.LLVMVerifyModule(module_, kReturnStatus, &message) != 0;
  const std::string words = message == nullptr ? "" : message;
  if (message != nullptr) api_.LLVMDisposeMessage(message);
  if (broken) return failure("the lowering makes IR that " + api_.version + " refuses: " + words);
  if (peer_.optimise) {
    const Ref options = api_.LLVMCreatePassBuilderOptions();
    const Ref error = api_.LLVMRunPasses(module_, "default<O2>", peer_.machine, options);
    api_.LLVMDisposePassBuilderOptions(options);
    if (error != nullptr) return failure(peer_.words_of(error));
  }
  const Ref safe = api_.LLVMOrcCreateNewThreadSafeModule(module_, context_);
  module_ = nullptr; // is the JIT's
  tracker_ = api_.LLVMOrcJITDylibCreateResourceTracker(peer_.dylib);
  if (Ref error = api_.LLVMOrcLLJITAddLLVMIRModuleWithRT(peer_.jit, tracker_, safe))
    return failure(peer_.words_of(error));
  return {};
}

Result<u64> LlvmEmitter::code_of(const std::string& name) {
  u64 address = 0;
  if (Ref error = api_.LLVMOrcLLJITLookup(peer_.jit, &address, name.c_str())) return failure(peer_.words_of(error));
  return address;
}

std::unique_ptr<Emitter> LlvmPeer::emitter() { return std::make_unique<LlvmEmitter>(*this); }

} // namespace

Result<std::unique_ptr<Peer>> make_llvm(bool optimise) {
  auto api = llvm_api();
  if (!api) return api.error();
  auto peer = std::make_unique<LlvmPeer>(**api, optimise);
  if (auto done = peer->open(); !done) return done.error();
  return std::unique_ptr<Peer>(std::move(peer));
}

} // namespace assay::fuzz::peers
