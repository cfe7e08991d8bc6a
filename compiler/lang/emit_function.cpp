// emit_function.cpp - a body's frame, and the functions that throw for others. See emitter.h.
#include "compiler/lang/emitter.h"

namespace assay::lang {

FunctionId Throwers::add(std::string name, SignatureId signature) {
  const FunctionId id = static_cast<FunctionId>(module_.functions.size());
  Function& function = module_.functions.emplace_back();
  function.name = std::move(name);
  function.signature = signature;
  return id;
}

FunctionId Throwers::of_tag(TagId tag) {
  const auto found = by_tag_.find(tag);
  if (found != by_tag_.end()) return found->second;
  const FunctionId id = add("throw." + module_.tags[tag].name, module_.tags[tag].signature);
  by_tag_.emplace(tag, id);
  return id;
}

FunctionId Throwers::of_rethrow() {
  const Type exception = Type::Ptr;
  if (rethrow_ == kNone) rethrow_ = add("rethrow.", module_.intern_signature({&exception, 1}, {}));
  return rethrow_;
}

void Throwers::fill() {
  const auto body = [&](FunctionId id, Opcode op, u32 ref) {
    FunctionBuilder builder(module_, id);
    const BlockId entry = builder.entry();
    builder.begin(entry);
    std::vector<ValueId> payload;
    for (u32 i = 0; i < module_.params_of(module_.functions[id]).size(); ++i)
      payload.push_back(builder.param(entry, i));
    builder.end(op, Type::None, payload, {}, ref);
  };
  for (const auto& [tag, id] : by_tag_) body(id, Opcode::Throw, tag);
  if (rethrow_ != kNone) body(rethrow_, Opcode::Rethrow, kNone);
}

FunctionEmitter::FunctionEmitter(Program& program, Throwers& throwers, const FunctionItem& item, u32 symbol)
    : program_(program), ast_(program.ast), throwers_(throwers), checker_(program), item_(item), symbol_(symbol),
      function_(program.symbols[symbol].index), builder_(program.module, function_),
      result_(program.function_types[program.symbols[symbol].type.index].result) {}

void FunctionEmitter::begin(BlockId block, bool live) {
  builder_.begin(block);
  open_ = true;
  live_ = live;
}

/// Behind a terminator: what follows cannot be reached, but is looked at.
void FunctionEmitter::start_if_ended() {
  if (!open_) begin(builder_.block(), false);
}

void FunctionEmitter::jump_to(BlockId block) {
  if (!open_) return;
  builder_.jump(block);
  open_ = false;
}

ValueId FunctionEmitter::zero(OreType type) {
  const Type air = air_type(type.kind);
  return is_float(air) ? builder_.fconst(air, 0) : builder_.iconst(air, 0);
}

void FunctionEmitter::fuel() {
  if (program_.options.fuel) builder_.fuel(1);
}

void FunctionEmitter::declare_params() {
  const FunctionType& type = program_.function_types[program_.symbols[symbol_].type.index];
  const std::vector<OreType> types = type.params;
  u32 index = 0;
  for (const u32 param : ast_.items(item_.params)) {
    const Name& name = ast_.params[param].name;
    Symbol symbol;
    symbol.kind = SymbolKind::Let;
    symbol.type = types[index];
    symbol.index = builder_.param(0, index);
    symbol.at = name.at;
    program_.declare(name.text, symbol);
    ++index;
  }
}

void FunctionEmitter::run() {
  program_.open_scope();
  begin(builder_.entry(), true);
  declare_params();
  fuel();
  if (item_.infer_result) {
    const ExprId lone = ast_.stmts[ast_.items(ast_.stmts[item_.body].list)[0]].a;
    const OreType type = checker_.check(lone);
    result_ = settled(lone, type);
    if (result_.kind == Kind::Array) result_ = {Kind::View, result_.elem, 0};
    Symbol& symbol = program_.symbols[symbol_];
    symbol.type.index = program_.function_type({}, result_);
    program_.module.functions[function_].signature = program_.function_types[symbol.type.index].signature;
  }
  block(item_.body);
  if (open_) {
    if (result_.kind == Kind::Void) {
      builder_.ret({});
    } else {
      if (live_ && result_.kind != Kind::Error)
        program_.diagnostics.error(item_.name.at, "'" + std::string(item_.name.text) + "' may end without 'return'");
      builder_.trap(TrapKind::Unreachable);
    }
  }
  program_.close_scope();
}

} // namespace assay::lang
