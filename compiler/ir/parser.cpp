// parser.cpp - top-level lines, types, signatures and symbols of AIR text.
//
// Needs: text of at most 2 GiB, so that 31-bit ids suffice. Leaves: a module whose references are all resolved,
// imports before bodies, with value_types and value_defs filled; nothing else is checked (verify.cpp does). On an
// error the module is empty. Linear in the text; no recursion. Functions of the module before are reused for their
// storage. Tested in tests/parser_test.cpp and tests/robustness_test.cpp.
#include "compiler/ir/parser.h"

#include "compiler/ir/literal.h"

#include <algorithm>
#include <utility>

namespace assay {

namespace ir {

namespace {

constexpr const char* kSymbolWords[] = {"a name", "a function", "a global", "a tag"};

constexpr const char* word_for(SymbolKind kind) { return kSymbolWords[static_cast<u32>(kind)]; }

u64 hash_types(const std::vector<Type>& params, const std::vector<Type>& results) {
  const u64 a = hash_bytes(reinterpret_cast<const char*>(params.data()), params.size());
  return a * 31 + hash_bytes(reinterpret_cast<const char*>(results.data()), results.size());
}

} // namespace

Parser::Parser(Module& out, SourceMap* map, ParserScratch& scratch)
    : lex_({scratch.text.data(), scratch.text.size() - Lexer::kPadding}), out_(out), map_(map), s_(scratch) {
  s_.spare.swap(out_.functions);
  s_.spare_used = 0;
  out_.clear();
  if (map_ != nullptr) *map_ = SourceMap();
  // A canonical module of n bytes has fewer than n / 8 values in a function.
  dense_limit_ = static_cast<u32>(s_.text.size() / 8 + 64);
  s_.symbol_names.reset(0);
  s_.symbols.clear();
  s_.symbol_uses.clear();
  s_.signature_table.assign(16, kNone);
}

bool Parser::run() {
  for (lex_.skip(); !lex_.at_end(); lex_.skip())
    if (!line()) return false;
  return finish();
}

bool Parser::line() {
  const char* at = lex_.here();
  const std::string_view word = lex_.word();
  if (word == "func" || word == "export" || word == "import") return function_line(word, at);
  if (word == "memory") return memory_line(at);
  if (word == "data") return data_line();
  if (word == "global") return global_line();
  if (word == "tag") return tag_line();
  if (word == "table") return table_line(at);
  return lex_.fail(at, "memory, data, global, tag, import, table, func or export");
}

bool Parser::memory_line(const char* at) {
  if (out_.has_memory) return lex_.fail_with(at, "a second memory line; a module has one memory");
  out_.has_memory = true;
  if (!lex_.number(~u64{0}, "the memory's size in bytes", out_.memory_size)) return false;
  out_.memory_max = std::max(out_.memory_size, kDefaultMemoryMax);
  lex_.skip();
  if (!is_digit(lex_.peek())) return true;
  return lex_.number(~u64{0}, "the memory's maximum in bytes", out_.memory_max);
}

bool Parser::data_line() {
  DataSegment& segment = out_.data.emplace_back();
  return lex_.number(~u64{0}, "the offset of the data", segment.offset) && string_literal(segment.bytes);
}

bool Parser::string_literal(std::string& out) {
  if (!lex_.accept('"')) return lex_.fail(lex_.here(), "a string in double quotes");
  for (;;) {
    const char* start = lex_.here();
    const char* p = start;
    while (p != lex_.limit() && *p != '"' && *p != '\\' && *p != '\n') ++p;
    out.append(start, p);
    lex_.move_to(p);
    if (p == lex_.limit() || *p == '\n') return lex_.fail(p, "'\"' at the end of the string");
    lex_.move_to(p + 1);
    if (*p == '"') return true;
    if (!escape(out)) return false;
  }
}

bool Parser::escape(std::string& out) {
  const char* p = lex_.here();
  const auto left = lex_.limit() - p;
  if (left >= 1 && (*p == '\\' || *p == '"' || *p == 'n')) {
    out += *p == 'n' ? '\n' : *p;
    lex_.move_to(p + 1);
    return true;
  }
  if (left < 2 || digit_of(p[0]) > 15 || digit_of(p[1]) > 15)
    return lex_.fail(p, "\\, \", n or two hexadecimal digits after the backslash");
  out += static_cast<char>(digit_of(p[0]) * 16 + digit_of(p[1]));
  lex_.move_to(p + 2);
  return true;
}

bool Parser::global_line() {
  Global global;
  const u32 id = static_cast<u32>(out_.globals.size());
  if (!declare(SymbolKind::Global, id, global.name) || !lex_.expect(':') || !type(global.type) || !lex_.expect('=') ||
      !literal(global.type, global.initial))
    return false;
  out_.globals.push_back(std::move(global));
  return true;
}

bool Parser::tag_line() {
  Tag tag;
  if (!declare(SymbolKind::Tag, static_cast<u32>(out_.tags.size()), tag.name)) return false;
  if (!types(s_.params, true)) return false;
  s_.results.clear();
  tag.signature = intern();
  out_.tags.push_back(std::move(tag));
  return true;
}

bool Parser::table_line(const char* at) {
  if (out_.has_table) return lex_.fail_with(at, "a second table line; a module has one table");
  out_.has_table = true;
  if (!lex_.expect('[')) return false;
  if (lex_.accept(']')) return true;
  do {
    lex_.skip();
    const u32 index = static_cast<u32>(out_.table.size());
    out_.table.push_back(kNone);
    const char* entry = lex_.here();
    if (lex_.peek() != '@') {
      if (lex_.word() != "null") return lex_.fail(entry, "a function or null");
    } else if (u32 ref = kNone; symbol(SymbolKind::Function, ParserScratch::UseKind::TableEntry, kNone, index, ref)) {
      out_.table[index] = ref;
    } else {
      return false;
    }
  } while (lex_.accept(','));
  return lex_.expect(']');
}

bool Parser::function_line(std::string_view word, const char* at) {
  const u32 line = lex_.line();
  function_ = static_cast<FunctionId>(out_.functions.size());
  if (s_.spare_used < s_.spare.size()) out_.functions.push_back(std::move(s_.spare[s_.spare_used++]));
  else out_.functions.emplace_back();
  Function& f = fn();
  f.clear_body();
  f.exported = word == "export";
  f.imported = word == "import";
  if (f.exported) {
    lex_.skip();
    at = lex_.here();
    if (lex_.word() != "func") return lex_.fail(at, "func after export");
  }
  if (map_ != nullptr) {
    map_->lines.emplace_back();
    map_->columns.emplace_back();
    map_->block_lines.emplace_back();
    map_->function_lines.push_back(line);
  }
  if (!declare(SymbolKind::Function, function_, f.name) || !signature(f.signature)) return false;
  if (!f.imported) return lex_.expect('{') && body();
  ++imports_;
  return true;
}

bool Parser::type(Type& out) {
  lex_.skip();
  const char* at = lex_.here();
  const std::string_view word = lex_.word();
  for (u32 i = 1; i < kTypeCount; ++i) {
    out = static_cast<Type>(i);
    if (word == name_of(out)) return true;
  }
  return lex_.fail(at, "a type (i8, i16, i32, i64, f32, f64 or ptr)");
}

bool Parser::types(std::vector<Type>& out, bool parenthesised) {
  out.clear();
  if (parenthesised) {
    if (!lex_.expect('(')) return false;
    if (lex_.accept(')')) return true;
  }
  do {
    if (!type(out.emplace_back())) return false;
  } while (lex_.accept(','));
  return !parenthesised || lex_.expect(')');
}

bool Parser::signature(SignatureId& out) {
  s_.results.clear();
  if (!types(s_.params, true)) return false;
  if (lex_.accept_arrow() && !types(s_.results, false)) return false;
  out = intern();
  return true;
}

SignatureId Parser::intern() {
  const std::size_t count = out_.signatures.size();
  if ((count + 1) * 2 > s_.signature_table.size()) {
    s_.signature_table.assign(s_.signature_table.size() * 2, kNone);
    const std::vector<Type> params = s_.params, results = s_.results; // rebuilt below through the same scratch
    for (u32 id = 0; id < count; ++id) {
      const auto p = out_.params(out_.signatures[id]), r = out_.results(out_.signatures[id]);
      s_.params.assign(p.begin(), p.end());
      s_.results.assign(r.begin(), r.end());
      std::size_t at = hash_types(s_.params, s_.results) & (s_.signature_table.size() - 1);
      while (s_.signature_table[at] != kNone) at = (at + 1) & (s_.signature_table.size() - 1);
      s_.signature_table[at] = id;
    }
    s_.params = params;
    s_.results = results;
  }
  const std::size_t mask = s_.signature_table.size() - 1;
  std::size_t at = hash_types(s_.params, s_.results) & mask;
  for (; s_.signature_table[at] != kNone; at = (at + 1) & mask) {
    const Signature& known = out_.signatures[s_.signature_table[at]];
    const auto p = out_.params(known), r = out_.results(known);
    if (std::equal(p.begin(), p.end(), s_.params.begin(), s_.params.end()) &&
        std::equal(r.begin(), r.end(), s_.results.begin(), s_.results.end()))
      return s_.signature_table[at];
  }
  s_.signature_table[at] = static_cast<SignatureId>(count);
  Signature made;
  made.params = static_cast<u32>(out_.signature_types.size());
  made.param_count = static_cast<u32>(s_.params.size());
  made.results = made.params + made.param_count;
  made.result_count = static_cast<u32>(s_.results.size());
  out_.signature_types.insert(out_.signature_types.end(), s_.params.begin(), s_.params.end());
  out_.signature_types.insert(out_.signature_types.end(), s_.results.begin(), s_.results.end());
  out_.signatures.push_back(made);
  return static_cast<SignatureId>(count);
}

bool Parser::literal(Type type, u64& bits) {
  lex_.skip();
  const char* at = lex_.here();
  if (!is_float(type)) {
    const bool negative = *at == '-';
    if (lex_.short_number(at + negative, bits) && bits <= (negative ? bit_mask(type) / 2 + 1 : bit_mask(type))) {
      if (negative) bits = (u64{0} - bits) & bit_mask(type);
      return true;
    }
  }
  const char* end = scan_literal(at, lex_.limit(), type);
  lex_.move_to(end);
  const char* expected = read_literal({at, static_cast<std::size_t>(end - at)}, type, bits);
  return expected == nullptr || lex_.fail(at, expected);
}

bool Parser::declare(SymbolKind kind, u32 id, std::string& name) {
  lex_.skip();
  const char* at = lex_.here();
  std::string_view text;
  if (!lex_.symbol("a name that starts with '@'", text)) return false;
  name = text;
  u32& index = s_.symbol_names.find(text, kNone);
  if (index == kNone) {
    index = static_cast<u32>(s_.symbols.size());
    s_.symbols.emplace_back();
  }
  ParserScratch::Symbol& symbol = s_.symbols[index];
  if (symbol.kind != SymbolKind::Unknown)
    return lex_.fail_with(at, "'@" + name + "' is declared already, as " + word_for(symbol.kind));
  symbol = {kind, id};
  return true;
}

bool Parser::wrong_symbol(const char* at, SymbolKind expected, const ParserScratch::Symbol& symbol) {
  const std::string what = symbol.kind == SymbolKind::Unknown ? std::string(", which the module does not declare")
                                                              : std::string(", which is ") + word_for(symbol.kind);
  lex_.fail(at, word_for(expected));
  lex_.extend_error(what);
  return false;
}

/// Reads '@name'. `ref` is set when the symbol is known; else the use is noted.
bool Parser::symbol(SymbolKind expected, ParserScratch::UseKind kind, u32 function, u32 index, u32& ref) {
  lex_.skip();
  const char* at = lex_.here();
  std::string_view text;
  if (!lex_.symbol(word_for(expected), text)) return false;
  u32& known = s_.symbol_names.find(text, kNone);
  if (known == kNone) {
    known = static_cast<u32>(s_.symbols.size());
    s_.symbols.emplace_back();
  }
  const ParserScratch::Symbol& symbol = s_.symbols[known];
  if (symbol.kind == expected) ref = symbol.id;
  else if (symbol.kind != SymbolKind::Unknown) return wrong_symbol(at, expected, symbol);
  else s_.symbol_uses.push_back({at, kind, expected, function, index, known});
  return true;
}

/// The results of a call have the types of the signature; their number was read from the text.
bool Parser::call_results(Function& f, const Inst& inst, SignatureId id, const char* at) {
  const std::span<const Type> types = out_.results(out_.signatures[id]);
  if (types.size() != inst.result_count)
    return lex_.fail_with(at, "expected " + std::to_string(types.size()) +
                                  " result names, as the signature has results, found " +
                                  std::to_string(inst.result_count));
  std::copy(types.begin(), types.end(), f.value_types.begin() + inst.first_result);
  return true;
}

bool Parser::apply(const ParserScratch::SymbolUse& use, const ParserScratch::Symbol& symbol) {
  if (use.kind == ParserScratch::UseKind::TableEntry) {
    out_.table[use.index] = symbol.id;
    return true;
  }
  Function& f = out_.functions[use.function];
  if (use.kind == ParserScratch::UseKind::EdgeTag) {
    f.edges[use.index].value = symbol.id;
    return true;
  }
  Inst& inst = f.insts[use.index];
  inst.ref = symbol.id;
  return !shape(inst.op).any_results || call_results(f, inst, out_.functions[symbol.id].signature, use.at);
}

bool Parser::resolve_symbols() {
  for (const ParserScratch::SymbolUse& use : s_.symbol_uses) {
    const ParserScratch::Symbol& symbol = s_.symbols[use.symbol];
    if (symbol.kind != use.expected) return wrong_symbol(use.at, use.expected, symbol);
    if (!apply(use, symbol)) return false;
  }
  return true;
}

bool Parser::finish() {
  if (!resolve_symbols()) return false;
  imports_first();
  return true;
}

void Parser::imports_first() {
  const u32 count = static_cast<u32>(out_.functions.size());
  std::vector<FunctionId> new_ids(count);
  bool moved = false;
  u32 next_import = 0, next_body = imports_;
  for (u32 id = 0; id < count; ++id) {
    new_ids[id] = out_.functions[id].imported ? next_import++ : next_body++;
    moved |= new_ids[id] != id;
  }
  if (moved) renumber_functions(new_ids);
}

void Parser::renumber_functions(const std::vector<FunctionId>& new_ids) {
  const std::size_t count = new_ids.size();
  std::vector<Function> functions(count);
  SourceMap places;
  if (map_ != nullptr) {
    places.lines.resize(count);
    places.columns.resize(count);
    places.block_lines.resize(count);
    places.function_lines.resize(count);
  }
  for (std::size_t id = 0; id < count; ++id) {
    Function& f = functions[new_ids[id]] = std::move(out_.functions[id]);
    for (Inst& inst : f.insts) {
      const Form form = shape(inst.op).form;
      if (form == Form::Call || form == Form::TryCall || form == Form::FuncAddr) inst.ref = new_ids[inst.ref];
    }
    if (map_ == nullptr) continue;
    places.lines[new_ids[id]] = std::move(map_->lines[id]);
    places.columns[new_ids[id]] = std::move(map_->columns[id]);
    places.block_lines[new_ids[id]] = std::move(map_->block_lines[id]);
    places.function_lines[new_ids[id]] = map_->function_lines[id];
  }
  out_.functions = std::move(functions);
  if (map_ != nullptr) *map_ = std::move(places);
  for (FunctionId& entry : out_.table)
    if (entry != kNone) entry = new_ids[entry];
}

} // namespace ir

namespace {
constexpr std::size_t kMaxText = std::size_t{1} << 31;
}

Result<void> parse_module_into(std::string_view text, std::string_view file, Module& out, SourceMap* map) {
  if (text.size() > kMaxText) {
    out.clear();
    return Error{ErrorKind::BadInput, std::string(file), 0, 0, "expected a text of at most 2 GiB, found a larger one"};
  }
  thread_local ir::ParserScratch scratch;
  scratch.text.clear();
  scratch.text.reserve(text.size() + ir::Lexer::kPadding);
  scratch.text.assign(text.begin(), text.end());
  scratch.text.resize(text.size() + ir::Lexer::kPadding, '\0');
  ir::Parser parser(out, map, scratch);
  if (parser.run()) return {};
  out.clear();
  return parser.error(file);
}

Result<Module> parse_module(std::string_view text, std::string_view file, SourceMap* map) {
  Module module;
  Result<void> result = parse_module_into(text, file, module, map);
  if (!result) return result.error();
  return module;
}

} // namespace assay
