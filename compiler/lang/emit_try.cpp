// emit_try.cpp - `throw`, `try`, `rethrow`. See emitter.h.
#include "compiler/lang/emitter.h"

namespace assay::lang {

void FunctionEmitter::throw_statement(const Stmt& stmt) {
  const u32 id = program_.find(stmt.text);
  if (id == kNone || program_.symbols[id].kind != SymbolKind::Exception) {
    program_.diagnostics.error(stmt.at, "expected an exception, found '" + std::string(stmt.text) + "'");
    return;
  }
  const TagId tag = program_.symbols[id].index;
  const std::vector<OreType> payload = program_.function_types[program_.symbols[id].type.index].params;
  if (payload.size() != stmt.list.count) {
    program_.diagnostics.error(stmt.at, "expected " + std::to_string(payload.size()) + " values, found " +
                                            std::to_string(stmt.list.count));
    return;
  }
  std::vector<ValueId> values;
  for (u32 i = 0; i < stmt.list.count; ++i) {
    const ExprId given = ast_.lists[stmt.list.first + i];
    values.push_back(checker_.check_as(given, payload[i]) ? value(given, payload[i]) : zero(payload[i]));
  }
  if (tries_.empty()) {
    builder_.end(Opcode::Throw, Type::None, values, {}, tag);
  } else {
    emit_call(Opcode::Call, throwers_.of_tag(tag), values, {Kind::Void});
    builder_.trap(TrapKind::Unreachable);
  }
  open_ = false;
}

void FunctionEmitter::rethrow_statement(const Stmt& stmt) {
  if (caught_.empty()) {
    program_.diagnostics.error(stmt.at, "expected to be inside a `catch` of everything");
    return;
  }
  const ValueId exception = caught_.back();
  if (tries_.empty()) {
    builder_.end(Opcode::Rethrow, Type::None, {&exception, 1}, {});
  } else {
    emit_call(Opcode::Call, throwers_.of_rethrow(), {&exception, 1}, {Kind::Void});
    builder_.trap(TrapKind::Unreachable);
  }
  open_ = false;
}

/// kNone: a clause for everything.
TagId FunctionEmitter::clause_tag(const Clause& clause) {
  if (clause.text.empty()) return kNone;
  const u32 id = program_.find(clause.text);
  if (id == kNone || program_.symbols[id].kind != SymbolKind::Exception) {
    program_.diagnostics.error(clause.at, "expected an exception, found '" + std::string(clause.text) + "'");
    return kNone;
  }
  if (program_.function_types[program_.symbols[id].type.index].params.size() != clause.names.count) {
    program_.diagnostics.error(clause.at, "expected a name for each value of '" + std::string(clause.text) + "'");
    return kNone;
  }
  return program_.symbols[id].index;
}

void FunctionEmitter::try_statement(const Stmt& stmt) {
  const Type exception = Type::Ptr;
  std::vector<Handler> handlers;
  const bool live = live_;
  for (u32 i = 0; i < stmt.list.count; ++i) {
    const Clause clause = ast_.clauses[ast_.lists[stmt.list.first + i]];
    const TagId tag = clause_tag(clause);
    std::vector<Type> types{exception};
    if (tag != kNone) {
      const auto payload = program_.module.params(program_.module.signatures[program_.module.tags[tag].signature]);
      types.assign(payload.begin(), payload.end());
    }
    if (!handlers.empty() && handlers.back().tag == kNone)
      program_.diagnostics.error(clause.at, "a clause behind one for everything catches nothing");
    handlers.push_back({tag, builder_.block(types)});
  }
  const BlockId done = builder_.block();
  tries_.push_back(handlers);
  block(stmt.body);
  tries_.pop_back();
  bool reached = open_ && live_;
  jump_to(done);
  for (u32 i = 0; i < stmt.list.count; ++i) {
    begin(handlers[i].block, live);
    handler_body(ast_.clauses[ast_.lists[stmt.list.first + i]], handlers[i].block, handlers[i].tag);
    reached = reached || (open_ && live_);
    jump_to(done);
  }
  begin(done, reached);
}

void FunctionEmitter::handler_body(const Clause& clause, BlockId at, TagId tag) {
  program_.open_scope();
  if (tag == kNone) caught_.push_back(builder_.param(at, 0));
  for (u32 i = 0; tag != kNone && i < clause.names.count; ++i) {
    const Name name = ast_.names[ast_.lists[clause.names.first + i]];
    const u32 id = program_.find(clause.text);
    Symbol symbol;
    symbol.kind = SymbolKind::Let;
    symbol.type = program_.function_types[program_.symbols[id].type.index].params[i];
    symbol.index = builder_.param(at, i);
    symbol.at = name.at;
    program_.declare(name.text, symbol);
  }
  block(clause.body);
  if (tag == kNone) caught_.pop_back();
  program_.close_scope();
}

} // namespace assay::lang
