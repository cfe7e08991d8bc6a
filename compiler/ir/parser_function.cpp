// parser_function.cpp - function bodies of AIR text: declarations, blocks, instructions.
//
// An instruction is read by the form of its row in opcodes.def. Ids are given in order of appearance, so that a
// canonical text keeps its numbers. References forward are resolved by `close_function`. No allocation, no string
// an instruction (arrays grow amortised). Tested in tests/parser_test.cpp and tests/printer_test.cpp.
#include "compiler/ir/parser.h"

#include "compiler/ir/mnemonic.h"

namespace assay::ir {

namespace {

template <typename T> u32 count_of(const std::vector<T>& items) { return static_cast<u32>(items.size()); }

/// "i32" at the start of a suffix; None when it is no type.
Type type_from_suffix(std::string_view word) {
  if (word == "ptr") return Type::Ptr;
  if (word.size() == 2) return word[0] == 'i' && word[1] == '8' ? Type::I8 : Type::None;
  if (word.size() != 3) return Type::None;
  const u32 bits = static_cast<u32>(word[1]) << 8 | static_cast<u8>(word[2]);
  const bool sixteen = bits == ('1' << 8 | '6'), word32 = bits == ('3' << 8 | '2'), word64 = bits == ('6' << 8 | '4');
  if (word[0] == 'i') return sixteen ? Type::I16 : word32 ? Type::I32 : word64 ? Type::I64 : Type::None;
  if (word[0] == 'f') return word32 ? Type::F32 : word64 ? Type::F64 : Type::None;
  return Type::None;
}

} // namespace

bool Parser::body() {
  s_.value_names.reset(dense_limit_);
  s_.label_names.reset(dense_limit_);
  s_.slot_names.reset(dense_limit_);
  s_.local_names.reset(dense_limit_);
  s_.forwards.clear();
  s_.forward_uses.clear();
  s_.labels.clear();
  for (bool found = true; found;)
    if (!declaration(found)) return false;
  for (;;) {
    lex_.skip();
    const char c = lex_.peek();
    if (c == '^') {
      if (!block_header()) return false;
    } else if (c == '}') {
      lex_.move_to(lex_.here() + 1);
      return close_function();
    } else if (fn().blocks.empty()) {
      return lex_.fail(lex_.here(), "slot, local, a block label or '}'");
    } else if (!instruction()) {
      return false;
    }
  }
}

bool Parser::declaration(bool& found) {
  lex_.skip();
  const char* at = lex_.here();
  const std::string_view word = lex_.word();
  found = true;
  if (word == "slot") return slot_line();
  if (word == "local") return local_line();
  lex_.move_to(at);
  found = false;
  return true;
}

bool Parser::slot_line() {
  lex_.skip();
  const char* at = lex_.here();
  Name name;
  if (!lex_.name('$', 's', "a slot name that starts with '$'", name)) return false;
  u32& id = s_.slot_names.find(name.text, name.number);
  if (id != kNone)
    return lex_.fail_with(at, "slot '$" + std::string(name.text) + "' is declared already in this function");
  id = count_of(fn().slots);
  u64 size = 0, align = 8;
  if (!lex_.expect(':') || !lex_.number(0xffffffff, "the slot's size in bytes", size)) return false;
  lex_.skip();
  const char* before = lex_.here();
  if (lex_.word() != "align") lex_.move_to(before);
  else if (!lex_.number(0xffffffff, "the slot's alignment in bytes", align)) return false;
  fn().slots.push_back({static_cast<u32>(size), static_cast<u32>(align)});
  return true;
}

bool Parser::local_line() {
  lex_.skip();
  const char* at = lex_.here();
  Name name;
  if (!lex_.name('$', 'l', "a local's name that starts with '$'", name)) return false;
  u32& id = s_.local_names.find(name.text, name.number);
  if (id != kNone)
    return lex_.fail_with(at, "local '$" + std::string(name.text) + "' is declared already in this function");
  id = count_of(fn().locals);
  return lex_.expect(':') && type(fn().locals.emplace_back());
}

bool Parser::block_header() {
  Function& f = fn();
  const char* at = lex_.here();
  if (map_ != nullptr) map_->block_lines[function_].push_back(lex_.line());
  Name name;
  if (!lex_.name('^', 'b', "a block label that starts with '^'", name)) return false;
  u32& label = s_.label_names.find(name.text, name.number);
  if (label == kNone) {
    label = count_of(s_.labels);
    s_.labels.push_back({at, kNone});
  }
  if (s_.labels[label].id != kNone)
    return lex_.fail_with(at, "block '^" + std::string(name.text) + "' is defined already in this function");
  const BlockId id = s_.labels[label].id = count_of(f.blocks);
  Block block;
  block.first_inst = count_of(f.insts);
  block.first_param = f.value_count();
  if (lex_.accept('(') && !lex_.accept(')')) {
    do {
      if (!define_value(id, true) || !lex_.expect(':') || !type(f.value_types.back())) return false;
      ++block.param_count;
    } while (lex_.accept(','));
    if (!lex_.expect(')')) return false;
  }
  f.blocks.push_back(block);
  return lex_.expect(':');
}

bool Parser::close_function() {
  Function& f = fn();
  const char* bad = nullptr; // the first name in the text that has no definition
  for (const ParserScratch::Forward& forward : s_.forwards) {
    if (forward.id != kNone) continue;
    bad = forward.at;
    break;
  }
  for (const ParserScratch::Label& label : s_.labels) {
    if (label.id != kNone) continue;
    if (bad == nullptr || label.at < bad) bad = label.at;
    break;
  }
  if (bad != nullptr)
    return lex_.fail(bad, *bad == '^' ? "a block of this function" : "a value defined in this function");
  for (const ParserScratch::ForwardUse& use : s_.forward_uses) f.pool[use.pool_index] = s_.forwards[use.forward].id;
  for (Edge& edge : f.edges) edge.target = s_.labels[edge.target].id;
  return true;
}

/// The name at the cursor becomes the next value, its type not yet known.
bool Parser::define_value(u32 index, bool is_param) {
  lex_.skip();
  const char* at = lex_.here();
  Name name;
  if (!lex_.name('%', 0, "a value name that starts with '%'", name)) return false;
  Function& f = fn();
  const ValueId id = f.value_count();
  u32& known = s_.value_names.find(name.text, name.number);
  if (known != kNone) {
    if ((known & kForwardBit) == 0)
      return lex_.fail_with(at, "value '%" + std::string(name.text) + "' is defined already in this function");
    s_.forwards[known & ~kForwardBit].id = id;
  }
  known = id;
  f.value_types.push_back(Type::None);
  f.value_defs.push_back({index, is_param});
  return true;
}

/// A value name, appended to the pool.
bool Parser::use_value() {
  lex_.skip();
  const char* at = lex_.here();
  Name name;
  if (!lex_.name('%', 0, "a value", name)) return false;
  Function& f = fn();
  u32& known = s_.value_names.find(name.text, name.number);
  if (known == kNone) {
    known = count_of(s_.forwards) | kForwardBit;
    s_.forwards.push_back({at, kNone});
  }
  if ((known & kForwardBit) != 0) s_.forward_uses.push_back({count_of(f.pool), known & ~kForwardBit});
  f.pool.push_back(known);
  return true;
}

/// "(%a, ...)", appended to the pool.
bool Parser::value_list() {
  if (!lex_.expect('(')) return false;
  if (lex_.accept(')')) return true;
  do {
    if (!use_value()) return false;
  } while (lex_.accept(','));
  return lex_.expect(')');
}

void Parser::record_inst_place() {
  map_->lines[function_].push_back(lex_.line());
  map_->columns[function_].push_back(lex_.column());
}

bool Parser::instruction() {
  Function& f = fn();
  if (map_ != nullptr) record_inst_place();
  const char* at = lex_.here();
  Inst inst;
  inst.first_result = f.value_count();
  if (lex_.peek() == '%' && !result_names()) return false;
  inst.result_count = f.value_count() - inst.first_result;
  if (!operation(inst)) return false;
  inst.operands = count_of(f.pool);
  inst.first_edge = count_of(f.edges);
  if (!plain_results(inst, at) || !form(inst)) return false;
  // The operands come before the arguments of the first edge.
  const u32 end = f.edges.size() == inst.first_edge ? count_of(f.pool) : f.edges[inst.first_edge].args;
  inst.operand_count = end - inst.operands;
  inst.edge_count = count_of(f.edges) - inst.first_edge;
  f.insts.push_back(inst);
  ++f.blocks.back().inst_count;
  return true;
}

/// "%a, %b ="
bool Parser::result_names() {
  const InstId id = count_of(fn().insts);
  do {
    if (!define_value(id, false)) return false;
  } while (lex_.accept(','));
  return lex_.expect('=');
}

bool Parser::operation(Inst& inst) {
  lex_.skip();
  const char* at = lex_.here();
  if (!read_mnemonic(at, inst.op, inst.type, inst.from)) return operation_slowly(inst);
  lex_.move_to(at);
  return true;
}

/// The same without the tables: for what is unusual, and for errors.
bool Parser::operation_slowly(Inst& inst) {
  inst.type = inst.from = Type::None;
  const char* at = lex_.here();
  const std::string_view word = lex_.word();
  std::size_t dot = 0;
  while (dot < word.size() && word[dot] != '.') ++dot;
  const std::string_view name = word.substr(0, dot);
  if (!opcode_from_name(name, inst.op)) {
    if (name == "slot" || name == "local")
      return lex_.fail_with(at, std::string(name) + " lines come before the first block");
    return lex_.fail(at, "an operation");
  }
  const OpShape& row = shape(inst.op);
  if (row.has_type() && !suffix(word, dot, inst.type)) return false;
  if (row.has_from() && !suffix(word, dot, inst.from)) return false;
  if (dot != word.size()) return lex_.fail(at, "'" + std::string(word.substr(0, dot)) + "' without a further suffix");
  return true;
}

/// One ".type" of the word, at offset `at`.
bool Parser::suffix(std::string_view word, std::size_t& at, Type& out) {
  std::size_t end = at + 1;
  while (end < word.size() && word[end] != '.') ++end;
  if (at < word.size()) out = type_from_suffix(word.substr(at + 1, end - at - 1));
  if (out == Type::None)
    return lex_.fail(word.data(),
                     "a type after '" + std::string(word.substr(0, at < word.size() ? at : word.size())) + ".'");
  at = end;
  return true;
}

/// Result types that the row alone gives.
bool Parser::plain_results(Inst& inst, const char* at) {
  const OpShape& row = shape(inst.op);
  if (row.any_results) return true;
  if (inst.result_count != row.result_count)
    return lex_.fail_with(at, "expected " + std::to_string(row.result_count) + " result names before '" +
                                  std::string(info(inst.op).name) + "', found " + std::to_string(inst.result_count));
  Function& f = fn();
  for (u32 i = 0; i < inst.result_count; ++i)
    f.value_types[inst.first_result + i] = result_type(row.results[i], inst.type, inst.from);
  return true;
}

bool Parser::plain_operands(u32 count) {
  for (u32 i = 0; i < count; ++i)
    if ((i != 0 && !lex_.expect(',')) || !use_value()) return false;
  return true;
}

/// "%address, OFFSET [, %value]"; the offset may be missing, and is 0 then.
bool Parser::access(Inst& inst) {
  const bool store = shape(inst.op).operand_count == 2;
  if (!use_value()) return false;
  if (!lex_.accept(',')) return !store || lex_.expect(',');
  lex_.skip();
  if (store && lex_.peek() == '%') return use_value();
  if (!lex_.number(~u64{0},
                   store ? "an offset (0 to 18446744073709551615) or a value" : "an offset (0 to 18446744073709551615)",
                   inst.imm))
    return false;
  return !store || (lex_.expect(',') && use_value());
}

/// "@f(%a, ...)", or for throw "@tag(%a, ...)".
bool Parser::direct(Inst& inst) {
  const bool is_throw = shape(inst.op).form == Form::Throw;
  lex_.skip();
  const char* at = lex_.here();
  const SymbolKind kind = is_throw ? SymbolKind::Tag : SymbolKind::Function;
  if (!symbol(kind, ParserScratch::UseKind::InstRef, function_, count_of(fn().insts), inst.ref)) return false;
  const bool known = inst.ref != kNone;
  if (known && shape(inst.op).any_results && !call_results(fn(), inst, out_.functions[inst.ref].signature, at))
    return false;
  return value_list();
}

/// "(types) -> types %index(%a, ...)"
bool Parser::indirect(Inst& inst) {
  lex_.skip();
  const char* at = lex_.here();
  if (!signature(inst.ref)) return false;
  if (shape(inst.op).any_results && !call_results(fn(), inst, inst.ref, at)) return false;
  return use_value() && value_list();
}

bool Parser::edge(EdgeKind kind, u64 value) {
  lex_.skip();
  const char* at = lex_.here();
  Name name;
  if (!lex_.name('^', 'b', "a block that starts with '^'", name)) return false;
  u32& label = s_.label_names.find(name.text, name.number);
  if (label == kNone) {
    label = count_of(s_.labels);
    s_.labels.push_back({at, kNone});
  }
  Function& f = fn();
  Edge edge;
  edge.target = label;
  edge.kind = kind;
  edge.value = value;
  edge.args = count_of(f.pool);
  lex_.skip();
  if (lex_.peek() == '(' && !value_list()) return false;
  edge.arg_count = count_of(f.pool) - edge.args;
  f.edges.push_back(edge);
  return true;
}

/// "-> ^ok(...), catch @tag ^h(...), catch_all ^x(...)"
bool Parser::try_edges() {
  if (!lex_.accept_arrow()) return lex_.fail(lex_.here(), "'->' and the block to continue at");
  if (!edge(EdgeKind::Normal, 0)) return false;
  while (lex_.accept(',')) {
    lex_.skip();
    const char* at = lex_.here();
    const std::string_view word = lex_.word();
    if (word == "catch_all") {
      if (!edge(EdgeKind::CatchAll, 0)) return false;
      continue;
    }
    if (word != "catch") return lex_.fail(at, "catch or catch_all");
    u32 tag = kNone;
    const u32 index = count_of(fn().edges);
    if (!symbol(SymbolKind::Tag, ParserScratch::UseKind::EdgeTag, function_, index, tag)) return false;
    if (!edge(EdgeKind::Catch, tag)) return false;
  }
  return true;
}

/// "%v [0: ^a, 7: ^b(%x)], ^default"
bool Parser::switch_form(Inst& inst) {
  if (!use_value() || !lex_.expect('[')) return false;
  if (!lex_.accept(']')) {
    do {
      u64 value = 0;
      if (!literal(inst.type, value) || !lex_.expect(':') || !edge(EdgeKind::Case, value)) return false;
    } while (lex_.accept(','));
    if (!lex_.expect(']')) return false;
  }
  return lex_.expect(',') && edge(EdgeKind::Normal, 0);
}

/// "" or "%a, ..."
bool Parser::return_form() {
  lex_.skip();
  if (lex_.peek() != '%') return true;
  do {
    if (!use_value()) return false;
  } while (lex_.accept(','));
  return true;
}

bool Parser::trap_form(Inst& inst) {
  lex_.skip();
  const char* at = lex_.here();
  TrapKind kind{};
  if (!trap_from_name(lex_.word(), kind)) return lex_.fail(at, "the name of a trap");
  inst.imm = static_cast<u64>(kind);
  return true;
}

bool Parser::local_name(NameMap& names, char prefix, const char* what, u32& out) {
  lex_.skip();
  const char* at = lex_.here();
  Name name;
  if (!lex_.name('$', prefix, what, name)) return false;
  out = names.find(name.text, name.number);
  return out != kNone || lex_.fail(at, what);
}

bool Parser::form(Inst& inst) {
  const OpShape& row = shape(inst.op);
  const u32 operands = row.operand_count;
  switch (row.form) {
  case Form::Plain: return plain_operands(operands);
  case Form::Const: return literal(inst.type, inst.imm);
  case Form::Access: return access(inst);
  case Form::Slot: return local_name(s_.slot_names, 's', "a slot of this function", inst.ref);
  case Form::Local:
    if (!local_name(s_.local_names, 'l', "a local of this function", inst.ref)) return false;
    return operands == 0 || (lex_.expect(',') && use_value());
  case Form::Global:
    if (!symbol(SymbolKind::Global, ParserScratch::UseKind::InstRef, function_, count_of(fn().insts), inst.ref))
      return false;
    return operands == 0 || (lex_.expect(',') && use_value());
  case Form::FuncAddr:
    return symbol(SymbolKind::Function, ParserScratch::UseKind::InstRef, function_, count_of(fn().insts), inst.ref);
  case Form::Call:
  case Form::Throw: return direct(inst);
  case Form::CallIndirect:
  case Form::CallPtr: return indirect(inst);
  case Form::TryCall: return direct(inst) && try_edges();
  case Form::TryCallIndirect:
  case Form::TryCallPtr: return indirect(inst) && try_edges();
  case Form::Jump: return edge(EdgeKind::Normal, 0);
  case Form::Branch:
    return use_value() && lex_.expect(',') && edge(EdgeKind::Normal, 0) && lex_.expect(',') &&
           edge(EdgeKind::Normal, 0);
  case Form::Switch: return switch_form(inst);
  case Form::Return: return return_form();
  case Form::Trap: return trap_form(inst);
  case Form::Fuel: return lex_.number(~u64{0}, "an amount of fuel (0 to 18446744073709551615)", inst.imm);
  }
  return false;
}

} // namespace assay::ir
