// program.cpp - declarations, scopes and memory. See program.h; constants are in constant.cpp.
#include "compiler/lang/program.h"

#include <algorithm>

namespace assay::lang {

Type air_type(Kind kind) {
  switch (kind) {
  case Kind::Bool:
  case Kind::U8: return Type::I8;
  case Kind::I64:
  case Kind::View:
  case Kind::Array: return Type::I64;
  case Kind::F32: return Type::F32;
  case Kind::F64: return Type::F64;
  default: return Type::I32;
  }
}

namespace {

std::string_view scalar_name(Kind kind) {
  switch (kind) {
  case Kind::Void: return "nothing";
  case Kind::UntypedInt: return "an integer";
  case Kind::UntypedFloat: return "a number with a fraction";
  case Kind::Bool: return "bool";
  case Kind::U8: return "u8";
  case Kind::I32: return "i32";
  case Kind::I64: return "i64";
  case Kind::F32: return "f32";
  case Kind::F64: return "f64";
  case Kind::Function: return "fn";
  default: return "an error";
  }
}

} // namespace

std::string name_of(OreType type) {
  if (type.kind == Kind::View) return "[]" + std::string(scalar_name(type.elem));
  if (type.kind == Kind::Array)
    return "[" + std::string(scalar_name(type.elem)) + "; " + std::to_string(type.index) + "]";
  return std::string(scalar_name(type.kind));
}

// ---- scopes ------------------------------------------------------------------------------------------------

u32 Program::find(std::string_view name) const {
  const auto found = visible_.find(name);
  return found == visible_.end() ? kNone : found->second;
}

u32 Program::declare(std::string_view name, Symbol symbol) {
  const u32 before = find(name);
  const std::size_t first = scopes_.empty() ? 0 : scopes_.back();
  const auto same = [&](const Undo& undo) { return undo.name == name; };
  if (!name.empty() && std::any_of(undo_.begin() + static_cast<std::ptrdiff_t>(first), undo_.end(), same)) {
    const auto [line, column] = diagnostics.place(symbols[before].at);
    diagnostics.error(symbol.at, "'" + std::string(name) + "' is declared already, at " + std::to_string(line) + ":" +
                                     std::to_string(column));
  }
  undo_.push_back({name, before});
  const u32 index = static_cast<u32>(symbols.size());
  symbols.push_back(symbol);
  visible_[name] = index;
  return index;
}

void Program::close_scope() {
  for (; undo_.size() > scopes_.back(); undo_.pop_back()) {
    const Undo& undo = undo_.back();
    if (undo.before == kNone) visible_.erase(undo.name);
    else visible_[undo.name] = undo.before;
  }
  scopes_.pop_back();
}

// ---- types -------------------------------------------------------------------------------------------------

u32 Program::function_type(std::vector<OreType> params, OreType result) {
  for (u32 i = 0; i < function_types.size(); ++i) {
    if (function_types[i].params == params && function_types[i].result == result) return i;
  }
  std::vector<Type> in, out;
  for (const OreType& param : params) in.push_back(air_type(param.kind));
  if (result.kind != Kind::Void) out.push_back(air_type(result.kind));
  FunctionType made{std::move(params), result, module.intern_signature(in, out)};
  function_types.push_back(std::move(made));
  return static_cast<u32>(function_types.size() - 1);
}

OreType Program::resolve(TypeId id) {
  const TypeNode node = ast.types[id];
  switch (node.kind) {
  case Kind::View: return {Kind::View, node.elem, 0};
  case Kind::Array: {
    if (node.length == kNone) {
      diagnostics.error(node.at, "expected a length: '_' is for a variable outside functions with an initial value");
      return {};
    }
    const Constant length = constant(node.length, Kind::I64);
    if (length.type.kind == Kind::Error) return {};
    if (!is_integer(length.type.kind) || length.bits == 0 || length.bits > kMemoryLimit) {
      diagnostics.error(ast.exprs[node.length].at, "expected a length from 1 to " + std::to_string(kMemoryLimit));
      return {};
    }
    return {Kind::Array, node.elem, static_cast<u32>(length.bits)};
  }
  case Kind::Function: {
    std::vector<OreType> params;
    for (const TypeId param : ast.items(node.params)) params.push_back(resolve(param));
    const OreType result = node.result == kNone ? OreType{Kind::Void} : resolve(node.result);
    for (const OreType& type : params) {
      if (type.kind != Kind::Array) continue;
      diagnostics.error(node.at, "an array is passed as a view: write []" + std::string(scalar_name(type.elem)));
      return {};
    }
    return {Kind::Function, Kind::Void, function_type(std::move(params), result)};
  }
  default: return {node.kind};
  }
}

// ---- items -------------------------------------------------------------------------------------------------

void Program::declare_function(const FunctionItem& item) {
  std::vector<OreType> params;
  for (const u32 index : ast.items(item.params)) {
    OreType type = resolve(ast.params[index].type);
    if (type.kind == Kind::Array) {
      diagnostics.error(ast.types[ast.params[index].type].at,
                        "an array is passed as a view: write []" + std::string(scalar_name(type.elem)));
      type = {};
    }
    params.push_back(type);
  }
  OreType result = item.result == kNone ? OreType{Kind::Void} : resolve(item.result);
  if (result.kind == Kind::Array) {
    diagnostics.error(ast.types[item.result].at, "a function does not return an array; it may return a view");
    result = {};
  }
  if (params.size() > kMaxParams) diagnostics.error(item.name.at, "expected at most 1000 parameters");
  Symbol symbol;
  symbol.kind = SymbolKind::Function;
  symbol.type = {Kind::Function, Kind::Void, function_type(std::move(params), result)};
  symbol.index = static_cast<u32>(module.functions.size());
  symbol.at = item.name.at;
  Function& function = module.functions.emplace_back();
  function.name = item.name.text;
  function.signature = function_types[symbol.type.index].signature;
  function.imported = item.imported;
  function.exported = item.exported || (item.name.text == "main" && !item.imported);
  function_symbols.push_back(declare(item.name.text, symbol));
}

void Program::declare_global(u32 index) {
  const GlobalItem item = ast.globals[index];
  Symbol symbol;
  symbol.at = item.name.at;
  symbol.index = index;
  symbol.kind = SymbolKind::Constant; // of variables only until the types of all are known
  declare(item.name.text, symbol);
}

u64 Program::allocate(u64 bytes, u32 at) {
  const u64 address = next_byte_;
  next_byte_ = (next_byte_ + bytes + 15) / 16 * 16;
  if (next_byte_ > kMemoryLimit) {
    diagnostics.error(at, "the program's arrays are larger than " + std::to_string(kMemoryLimit) + " bytes together");
    next_byte_ = kFirstByte;
  }
  return address;
}

/// The initial bytes of an array: a list of constants, or a text.
void Program::initialise(const GlobalItem& item, OreType type, u64 address) {
  const Expr value = ast.exprs[item.value];
  DataSegment data{address, {}};
  if (value.kind == ExprKind::Text && type.elem == Kind::U8) {
    data.bytes = ast.texts[value.bits];
  } else if (value.kind == ExprKind::List) {
    for (const ExprId element : ast.items(value.list)) {
      Constant constant_value = constant(element, type.elem);
      if (constant_value.type.kind == Kind::Error) return;
      if (constant_value.type.kind != type.elem) {
        diagnostics.error(ast.exprs[element].at, "expected " + std::string(scalar_name(type.elem)) + ", found " +
                                                     name_of(constant_value.type));
        return;
      }
      for (u32 i = 0; i < size_of(air_type(type.elem)); ++i)
        data.bytes += static_cast<char>(constant_value.bits >> 8 * i);
    }
  } else {
    diagnostics.error(value.at, "expected a list of values in brackets");
    return;
  }
  const u64 bytes = u64{type.index} * size_of(air_type(type.elem));
  if (data.bytes.size() > bytes) diagnostics.error(value.at, "more values than the array has elements");
  else if (!data.bytes.empty()) module.data.push_back(std::move(data));
}

void Program::declare_array(const GlobalItem& item, OreType type) {
  Symbol& symbol = symbols[find(item.name.text)];
  const u64 address = allocate(u64{type.index} * size_of(air_type(type.elem)), item.name.at);
  symbol.kind = SymbolKind::GlobalArray;
  symbol.type = type;
  symbol.bits = address;
  if (item.value != kNone) initialise(item, type, address);
}

void Program::declare_exception(const ExceptionItem& item) {
  std::vector<OreType> payload;
  for (const TypeId type : ast.items(item.params)) payload.push_back(resolve(type));
  for (const OreType& type : payload) {
    if (type.kind == Kind::Array) diagnostics.error(item.name.at, "an exception carries no array; it may carry a view");
  }
  Symbol symbol;
  symbol.kind = SymbolKind::Exception;
  symbol.at = item.name.at;
  symbol.index = static_cast<u32>(module.tags.size());
  symbol.type = {Kind::Function, Kind::Void, function_type(std::move(payload), {Kind::Void})};
  module.tags.push_back({std::string(item.name.text), function_types[symbol.type.index].signature});
  declare(item.name.text, symbol);
}

/// The type of a variable; an array of type [T; _] is as long as its initial value.
OreType Program::declared_type(const GlobalItem& item) {
  const TypeNode node = ast.types[item.type];
  if (item.constant || node.kind != Kind::Array || node.length != kNone || item.value == kNone)
    return resolve(item.type);
  const Expr& value = ast.exprs[item.value];
  const std::size_t length = value.kind == ExprKind::Text   ? ast.texts[value.bits].size()
                             : value.kind == ExprKind::List ? value.list.count
                                                            : 0;
  if (length != 0) return {Kind::Array, node.elem, static_cast<u32>(length)};
  diagnostics.error(value.at, "expected the array's values, at least one");
  return {};
}

void Program::declare_variable(const GlobalItem& item, OreType type) {
  Constant initial{type, 0};
  if (item.type == kNone) {
    initial = constant(item.value, Kind::Void);
    const Kind found = initial.type.kind;
    const i64 number = static_cast<i64>(initial.bits);
    if (found == Kind::UntypedFloat) initial.type = {Kind::F64};
    if (found == Kind::UntypedInt)
      adapt(initial, number >= -(i64{1} << 31) && number <= 0x7fffffff ? Kind::I32 : Kind::I64);
    type = initial.type;
  } else if (item.value != kNone) {
    initial = constant(item.value, type.kind);
    if (initial.type.kind != Kind::Error && initial.type != type)
      diagnostics.error(ast.exprs[item.value].at, "expected " + name_of(type) + ", found " + name_of(initial.type));
  }
  Symbol& symbol = symbols[find(item.name.text)];
  symbol.kind = SymbolKind::Global;
  symbol.type = type;
  symbol.index = static_cast<u32>(module.globals.size());
  module.globals.push_back({std::string(item.name.text), air_type(type.kind), initial.bits});
}

void Program::declare() {
  resolving_.assign(ast.globals.size(), 0);
  for (u32 i = 0; i < ast.globals.size(); ++i) declare_global(i);
  // Imports come first in a module.
  std::stable_partition(ast.functions.begin(), ast.functions.end(), [](const FunctionItem& f) { return f.imported; });
  for (const FunctionItem& item : ast.functions) declare_function(item);
  for (const ExceptionItem& item : ast.exceptions) declare_exception(item);
  // Arrays before other variables, because a constant may be an array's address.
  std::vector<OreType> types(ast.globals.size());
  for (u32 i = 0; i < ast.globals.size(); ++i) {
    if (ast.globals[i].type != kNone) types[i] = declared_type(ast.globals[i]);
    if (!ast.globals[i].constant && types[i].kind == Kind::Array) declare_array(ast.globals[i], types[i]);
  }
  for (u32 i = 0; i < ast.globals.size(); ++i) {
    const GlobalItem item = ast.globals[i];
    if (item.constant) resolve_constant(find(item.name.text));
    else if (item.type == kNone || (types[i].kind != Kind::Array && types[i].kind != Kind::Error))
      declare_variable(item, types[i]);
  }
}

u32 Program::table_index(FunctionId function) {
  if (table_indices_.size() <= function) table_indices_.resize(function + 1, 0);
  if (table_indices_[function] == 0) {
    if (module.table.empty()) module.table.push_back(kNone); // a function pointer of 0 traps
    module.has_table = true;
    table_indices_[function] = static_cast<u32>(module.table.size());
    module.table.push_back(function);
  }
  return table_indices_[function];
}

u64 Program::text_address(const std::string& bytes) {
  const auto found = texts_.find(bytes);
  if (found != texts_.end()) return found->second;
  const u64 address = allocate(std::max<u64>(1, bytes.size()), 0);
  if (!bytes.empty()) module.data.push_back({address, bytes});
  texts_.emplace(bytes, address);
  return address;
}

GlobalId Program::heap_global() {
  if (heap_global_ == kNone) {
    heap_global_ = static_cast<GlobalId>(module.globals.size());
    module.globals.push_back({"heap.", Type::I64, 0});
  }
  return heap_global_;
}

void Program::finish() {
  u64 bytes = next_byte_;
  if (heap_global_ != kNone) module.globals[heap_global_].initial = next_byte_;
  if (ast.memory != kNone) {
    const Constant wanted = constant(ast.memory, Kind::I64);
    if (wanted.type.kind == Kind::Error) return;
    if (wanted.type.kind != Kind::I64 || wanted.bits > kMemoryLimit) {
      diagnostics.error(ast.exprs[ast.memory].at, "expected at most " + std::to_string(kMemoryLimit) + " bytes");
      return;
    }
    bytes = std::max(bytes, wanted.bits);
  }
  module.has_memory = true; // views may be made from nothing
  module.memory_size = std::max<u64>((bytes + kPageSize - 1) / kPageSize, 1) * kPageSize;
  module.memory_max = std::max(module.memory_size, kDefaultMemoryMax);
  if (!module.has_table) { // function pointers of 0 may be called
    module.has_table = true;
    module.table.push_back(kNone);
  }
}

} // namespace assay::lang
