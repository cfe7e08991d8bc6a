// printer.cpp - the canonical text of modules and functions.
//
// One pass to number the values in the order in which they appear, one to write. Needs nothing: an invalid module
// prints too, with `?` for what does not exist, since a broken invariant is reported with its IR. Of a valid module
// the text is canonical: parsing and printing it gives the same bytes. Linear; scratch is reused from one
// function to the next. Tested in tests/printer_test.cpp.
#include "assay/text.h"

#include "compiler/ir/clamp.h"
#include "compiler/ir/op_shape.h"
#include "compiler/ir/text_writer.h"

#include <vector>

namespace assay {

namespace {

using ir::clamp;
using ir::TextWriter;

class Printer {
public:
  Printer(const Module& module, std::string& out) : m_(module), w_(out) {}

  void module();
  void function(const Function& f);

private:
  void memory();
  void data(const DataSegment& segment);
  void global(const Global& global);
  void table();
  void types(std::span<const Type> types);
  void type_list(std::span<const Type> types);
  void signature(SignatureId id);
  void header(const Function& f, std::string_view keyword);

  void number_values(const Function& f);
  void declarations(const Function& f);
  void block(const Function& f, BlockId id);
  void inst(const Function& f, const Inst& inst);
  void form(const Function& f, const Inst& inst, std::span<const ValueId> operands);
  void indirect(const Inst& inst, std::span<const ValueId> operands);
  void access(const Inst& inst, std::span<const ValueId> operands);
  void further(std::span<const ValueId> ids);
  void plain_edges(const Function& f, std::span<const Edge> edges, bool first);
  void value(ValueId id);
  void values(std::span<const ValueId> ids);
  void args(std::span<const ValueId> ids);
  void edge(const Function& f, const Edge& edge);
  void switch_edges(const Function& f, const Inst& inst, std::span<const Edge> edges);
  void try_edges(const Function& f, std::span<const Edge> edges);
  void named(char sigil, u32 index);
  template <typename T> void symbol(const std::vector<T>& items, u32 index) {
    w_.text("@");
    w_.text(index < items.size() ? std::string_view(items[index].name) : std::string_view("?"));
  }

  const Module& m_;
  TextWriter w_;
  std::vector<u32> numbers_; // [ValueId] -> canonical number
};

void Printer::types(std::span<const Type> types) {
  bool first = true;
  for (Type type : types) {
    w_.room(8);
    if (!first) w_.put(", ");
    w_.put_short(name_of(type));
    first = false;
  }
}

void Printer::type_list(std::span<const Type> list) {
  w_.text("(");
  types(list);
  w_.text(")");
}

void Printer::signature(SignatureId id) {
  if (id >= m_.signatures.size()) return w_.text("(?)");
  const Signature& s = m_.signatures[id];
  type_list(clamp(m_.signature_types, s.params, s.param_count));
  if (s.result_count == 0) return;
  w_.text(" -> ");
  types(clamp(m_.signature_types, s.results, s.result_count));
}

void Printer::header(const Function& f, std::string_view keyword) {
  w_.text(keyword);
  w_.text(f.name);
  signature(f.signature);
}

void Printer::memory() {
  w_.room(64);
  w_.put("memory ");
  w_.put_number(m_.memory_size);
  const u64 usual = m_.memory_size > kDefaultMemoryMax ? m_.memory_size : kDefaultMemoryMax;
  if (m_.memory_max != usual) {
    w_.put(' ');
    w_.put_number(m_.memory_max);
  }
  w_.put('\n');
}

void Printer::data(const DataSegment& segment) {
  w_.room(64);
  w_.put("data ");
  w_.put_number(segment.offset);
  w_.put(" \"");
  for (char c : segment.bytes) {
    w_.room(8);
    const auto byte = static_cast<u8>(c);
    if (c == '\n') w_.put("\\n");
    else if (c == '"' || c == '\\') w_.put('\\'), w_.put(c);
    else if (byte >= 0x20 && byte < 0x7f) w_.put(c);
    else w_.put('\\'), w_.put("0123456789abcdef"[byte >> 4]), w_.put("0123456789abcdef"[byte & 15]);
  }
  w_.text("\"\n");
}

void Printer::global(const Global& global) {
  w_.text("global @");
  w_.text(global.name);
  w_.room(16 + ir::kMaxLiteralChars);
  w_.put(" : ");
  w_.put_short(name_of(global.type));
  w_.put(" = ");
  w_.put_literal(global.type, global.initial);
  w_.put('\n');
}

void Printer::table() {
  w_.text("table [");
  for (std::size_t i = 0; i < m_.table.size(); ++i) {
    if (i != 0) w_.text(", ");
    if (m_.table[i] == kNone) w_.text("null");
    else symbol(m_.functions, m_.table[i]);
  }
  w_.text("]\n");
}

void Printer::module() {
  bool lines = m_.has_memory || m_.has_table || !m_.data.empty() || !m_.globals.empty() || !m_.tags.empty();
  if (m_.has_memory) memory();
  for (const DataSegment& segment : m_.data) data(segment);
  for (const Global& g : m_.globals) global(g);
  for (const Tag& tag : m_.tags) {
    w_.text("tag @");
    w_.text(tag.name);
    signature(tag.signature);
    w_.text("\n");
  }
  for (const Function& f : m_.functions) {
    if (!f.imported) continue;
    header(f, "import @");
    w_.text("\n");
    lines = true;
  }
  if (m_.has_table) table();
  for (const Function& f : m_.functions) {
    if (f.imported) continue;
    if (lines) w_.text("\n");
    function(f);
    lines = true;
  }
}

void Printer::number_values(const Function& f) {
  numbers_.assign(f.value_types.size(), kNone);
  u32 next = 0;
  const auto number = [&](u32 first, u32 count) {
    for (u32 i = 0; i < count && first + i < numbers_.size() && first + i >= first; ++i) numbers_[first + i] = next++;
  };
  for (const Block& block : f.blocks) {
    number(block.first_param, block.param_count);
    for (const Inst& inst : clamp(f.insts, block.first_inst, block.inst_count))
      number(inst.first_result, inst.result_count);
  }
}

void Printer::named(char sigil, u32 index) {
  w_.room(16);
  w_.put(sigil);
  w_.put(sigil == '^' ? 'b' : 's');
  w_.put_number(index);
}

void Printer::value(ValueId id) {
  w_.room(16);
  w_.put('%');
  if (id < numbers_.size() && numbers_[id] != kNone) w_.put_number(numbers_[id]);
  else w_.put('?');
}

void Printer::values(std::span<const ValueId> ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i != 0) w_.text(", ");
    value(ids[i]);
  }
}

void Printer::args(std::span<const ValueId> ids) {
  w_.text("(");
  values(ids);
  w_.text(")");
}

void Printer::edge(const Function& f, const Edge& edge) {
  named('^', edge.target);
  if (edge.arg_count != 0) args(clamp(f.pool, edge.args, edge.arg_count));
}

void Printer::switch_edges(const Function& f, const Inst& inst, std::span<const Edge> edges) {
  w_.text(" [");
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    w_.room(8 + ir::kMaxLiteralChars);
    if (i != 0) w_.put(", ");
    w_.put_literal(inst.type, edges[i].value);
    w_.put(": ");
    edge(f, edges[i]);
  }
  w_.text("]");
  if (edges.empty()) return;
  w_.text(", ");
  edge(f, edges.back());
}

void Printer::try_edges(const Function& f, std::span<const Edge> edges) {
  for (std::size_t i = 0; i < edges.size(); ++i) {
    w_.text(i == 0 ? " -> " : ", ");
    if (edges[i].kind == EdgeKind::Catch) {
      w_.text("catch ");
      symbol(m_.tags, edges[i].value < kNone ? static_cast<u32>(edges[i].value) : kNone);
      w_.text(" ");
    } else if (edges[i].kind == EdgeKind::CatchAll) {
      w_.text("catch_all ");
    }
    edge(f, edges[i]);
  }
}

void Printer::indirect(const Inst& inst, std::span<const ValueId> operands) {
  signature(inst.ref);
  w_.text(" ");
  value(operands.empty() ? kNone : operands[0]);
  args(operands.empty() ? operands : operands.subspan(1));
}

void Printer::further(std::span<const ValueId> ids) {
  for (ValueId id : ids) w_.text(", "), value(id);
}

void Printer::access(const Inst& inst, std::span<const ValueId> operands) {
  const std::size_t addresses = operands.empty() ? 0 : 1;
  w_.put(' ');
  values(operands.first(addresses));
  w_.room(64);
  w_.put(", ");
  w_.put_number(inst.imm);
  further(operands.subspan(addresses));
}

void Printer::plain_edges(const Function& f, std::span<const Edge> edges, bool first) {
  for (const Edge& e : edges) {
    if (!first) w_.text(", ");
    edge(f, e);
    first = false;
  }
}

void Printer::form(const Function& f, const Inst& inst, std::span<const ValueId> operands) {
  const std::span<const Edge> edges = clamp(f.edges, inst.first_edge, inst.edge_count);
  w_.room(64 + ir::kMaxLiteralChars);
  switch (ir::shape(inst.op).form) {
  case Form::Plain:
  case Form::Return:
    if (!operands.empty()) w_.put(' ');
    return values(operands);
  case Form::Const: w_.put(' '); return w_.put_literal(inst.type, inst.imm);
  case Form::Access: return access(inst, operands);
  case Form::Slot: w_.put(" $s"); return w_.put_number(inst.ref);
  case Form::Local:
    w_.put(" $l");
    w_.put_number(inst.ref);
    return further(operands);
  case Form::Global:
    w_.put(' ');
    symbol(m_.globals, inst.ref);
    return further(operands);
  case Form::FuncAddr: w_.put(' '); return symbol(m_.functions, inst.ref);
  case Form::Call:
  case Form::TryCall:
    w_.put(' ');
    symbol(m_.functions, inst.ref);
    args(operands);
    return try_edges(f, edges);
  case Form::CallIndirect:
  case Form::CallPtr:
  case Form::TryCallIndirect:
  case Form::TryCallPtr:
    w_.put(' ');
    indirect(inst, operands);
    return try_edges(f, edges);
  case Form::Jump:
  case Form::Branch:
    w_.put(' ');
    values(operands);
    return plain_edges(f, edges, operands.empty());
  case Form::Switch:
    w_.put(' ');
    values(operands);
    return switch_edges(f, inst, edges);
  case Form::Trap:
    w_.put(' ');
    return w_.put_short(name_of(static_cast<TrapKind>(inst.imm < kTrapCount ? inst.imm : 255)));
  case Form::Throw:
    w_.put(' ');
    symbol(m_.tags, inst.ref);
    return args(operands);
  case Form::Fuel: w_.put(' '); return w_.put_number(inst.imm);
  }
}

void Printer::inst(const Function& f, const Inst& inst) {
  w_.room(64);
  w_.put("  ");
  for (u32 i = 0; i < inst.result_count; ++i) {
    if (i != 0) w_.text(", ");
    value(inst.first_result + i);
    if (inst.first_result + i >= numbers_.size()) break; // an invalid count, perhaps of billions
  }
  w_.room(64);
  if (inst.result_count != 0) w_.put(" = ");
  if (static_cast<u32>(inst.op) >= kOpcodeCount) return w_.text("?\n");
  w_.put_short(info(inst.op).name);
  const ir::OpShape& row = ir::shape(inst.op);
  if (row.has_type()) w_.put('.'), w_.put_short(name_of(inst.type));
  if (row.has_from()) w_.put('.'), w_.put_short(name_of(inst.from));
  form(f, inst, clamp(f.pool, inst.operands, inst.operand_count));
  w_.text("\n");
}

void Printer::block(const Function& f, BlockId id) {
  const Block& block = f.blocks[id];
  named('^', id);
  if (block.param_count != 0) {
    const std::span<const Type> params = clamp(f.value_types, block.first_param, block.param_count);
    w_.text("(");
    for (u32 i = 0; i < params.size(); ++i) {
      if (i != 0) w_.text(", ");
      value(block.first_param + i);
      w_.room(16);
      w_.put(": ");
      w_.put_short(name_of(params[i]));
    }
    w_.text(")");
  }
  w_.text(":\n");
  for (const Inst& i : clamp(f.insts, block.first_inst, block.inst_count)) inst(f, i);
}

void Printer::declarations(const Function& f) {
  for (u32 i = 0; i < f.slots.size(); ++i) {
    w_.room(96);
    w_.put("  slot $s");
    w_.put_number(i);
    w_.put(" : ");
    w_.put_number(f.slots[i].size);
    w_.put(" align ");
    w_.put_number(f.slots[i].align);
    w_.put('\n');
  }
  for (u32 i = 0; i < f.locals.size(); ++i) {
    w_.room(64);
    w_.put("  local $l");
    w_.put_number(i);
    w_.put(" : ");
    w_.put_short(name_of(f.locals[i]));
    w_.put('\n');
  }
}

void Printer::function(const Function& f) {
  if (f.imported) {
    header(f, "import @");
    return w_.text("\n");
  }
  header(f, f.exported ? "export func @" : "func @");
  w_.text(" {\n");
  number_values(f);
  declarations(f);
  for (BlockId id = 0; id < f.blocks.size(); ++id) block(f, id);
  w_.text("}\n");
}

} // namespace

void print_module(const Module& module, std::string& out) { Printer(module, out).module(); }

void print_function(const Module& module, FunctionId function, std::string& out) {
  Printer printer(module, out);
  if (function < module.functions.size()) printer.function(module.functions[function]);
}

std::string to_text(const Module& module) {
  std::string out;
  print_module(module, out);
  return out;
}

} // namespace assay
