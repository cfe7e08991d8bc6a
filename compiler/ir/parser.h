// parser.h - the state of one parse. parser.cpp reads top-level lines, parser_function.cpp bodies.
//
// Names are resolved while reading where they are known, else noted and resolved at the end of the function
// (values, blocks) or of the text (symbols). Between the two, a forward reference to a value is an id with the
// top bit set, and an edge's target is a label number. Internal to compiler/ir.
#pragma once

#include "assay/text.h"
#include "compiler/ir/lexer.h"
#include "compiler/ir/name_map.h"
#include "compiler/ir/op_shape.h"

#include <string_view>
#include <vector>

namespace assay::ir {

enum class SymbolKind : u8 { Unknown, Function, Global, Tag };

/// What the parser keeps between parses, so that a small text costs few allocations.
struct ParserScratch {
  struct Symbol {
    SymbolKind kind = SymbolKind::Unknown;
    u32 id = kNone;
  };
  struct Forward {            // a value used before its definition
    const char* at = nullptr; // first use
    ValueId id = kNone;
  };
  struct ForwardUse {
    u32 pool_index = 0, forward = 0;
  };
  struct Label {
    const char* at = nullptr; // first mention
    BlockId id = kNone;
  };
  enum class UseKind : u8 { InstRef, EdgeTag, TableEntry };
  struct SymbolUse { // a symbol used before its declaration
    const char* at = nullptr;
    UseKind kind = UseKind::InstRef;
    SymbolKind expected = SymbolKind::Unknown;
    u32 function = kNone, index = 0, symbol = 0;
  };

  std::vector<char> text; // the text and its padding
  NameMap symbol_names, value_names, label_names, slot_names, local_names;
  std::vector<Symbol> symbols;
  std::vector<Forward> forwards;
  std::vector<ForwardUse> forward_uses;
  std::vector<Label> labels;
  std::vector<SymbolUse> symbol_uses;
  std::vector<u32> signature_table; // open addressing: SignatureId or kNone
  std::vector<Type> params, results;
  std::vector<Function> spare; // functions of the module before, for their storage
  std::size_t spare_used = 0;
};

class Parser {
public:
  /// `scratch.text` holds the text and Lexer::kPadding zero bytes.
  Parser(Module& out, SourceMap* map, ParserScratch& scratch);
  bool run();
  Error error(std::string_view file) const { return lex_.error(file); }

private:
  // parser.cpp: top level.
  bool line();
  bool memory_line(const char* at);
  bool data_line();
  bool global_line();
  bool tag_line();
  bool table_line(const char* at);
  bool function_line(std::string_view word, const char* at);
  bool string_literal(std::string& out);
  bool escape(std::string& out);
  bool finish();
  bool resolve_symbols();
  void imports_first();
  void renumber_functions(const std::vector<FunctionId>& new_ids);

  // Shared: types, signatures, symbols, literals.
  bool type(Type& out);
  bool types(std::vector<Type>& out, bool parenthesised);
  bool signature(SignatureId& out);
  SignatureId intern();
  bool literal(Type type, u64& bits);
  bool declare(SymbolKind kind, u32 id, std::string& name);
  bool symbol(SymbolKind expected, ParserScratch::UseKind kind, u32 function, u32 index, u32& ref);
  bool apply(const ParserScratch::SymbolUse& use, const ParserScratch::Symbol& symbol);
  bool wrong_symbol(const char* at, SymbolKind expected, const ParserScratch::Symbol& symbol);
  bool call_results(Function& f, const Inst& inst, SignatureId signature, const char* at);

  // parser_function.cpp: bodies.
  bool body();
  bool declaration(bool& found);
  bool slot_line();
  bool local_line();
  bool block_header();
  bool close_function();
  bool instruction();
  bool result_names();
  bool operation(Inst& inst);
  bool suffix(std::string_view word, std::size_t& at, Type& out);
  bool plain_results(Inst& inst, const char* at);
  bool form(Inst& inst);
  bool plain_operands(u32 count);
  bool access(Inst& inst);
  bool direct(Inst& inst);
  bool indirect(Inst& inst);
  bool switch_form(Inst& inst);
  bool return_form();
  bool trap_form(Inst& inst);
  bool edge(EdgeKind kind, u64 value);
  bool try_edges();
  bool value_list();
  bool use_value();
  bool define_value(u32 index, bool is_param);
  bool operation_slowly(Inst& inst);
  bool local_name(NameMap& names, char prefix, const char* what, u32& out);
  void record_inst_place();

  Function& fn() { return out_.functions[function_]; }

  Lexer lex_;
  Module& out_;
  SourceMap* map_;
  ParserScratch& s_;
  FunctionId function_ = kNone; // being read
  u32 dense_limit_ = 0;
  u32 imports_ = 0;
};

inline constexpr u32 kForwardBit = 0x80000000u;

} // namespace assay::ir
