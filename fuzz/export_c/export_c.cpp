// export_c.cpp - the frame of a C file: prelude, and of each module its types, globals, functions and tables.
//
// Needs a valid module; leaves C that compiles by itself, in which every name of the module has its prefix. Linear.
// The prelude lies in *.inc files, which are C within quotes. Tested in fuzz/export_c/tests/export_c_test.cpp.
#include "fuzz/export_c/names.h"

namespace assay::fuzz {
namespace {

constexpr const char* kPrelude[] = {
#include "fuzz/export_c/prelude_state.inc"
    ,
#include "fuzz/export_c/prelude_numbers.inc"
    ,
#include "fuzz/export_c/prelude_run.inc"
};
constexpr const char* kMain =
#include "fuzz/export_c/prelude_main.inc"
    ;

std::string quoted(std::string_view bytes) {
  std::string out = "\"";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<u8>(bytes[i]);
    const char octal[] = {'\\', static_cast<char>('0' + (byte >> 6)), static_cast<char>('0' + (byte >> 3 & 7)),
                          static_cast<char>('0' + (byte & 7))};
    out.append(octal, 4);
    if (i % 24 == 23) out += "\"\n    \"";
  }
  return out + "\"";
}

std::string letters(std::span<const Type> types) {
  std::string out = "\"";
  for (const Type type : types) out += c_letter(type);
  return out + "\"";
}

class ModuleWriter {
public:
  ModuleWriter(const Module& module, const CModuleOptions& options, std::string& out)
      : module_(module), options_(options), names_{module, options.prefix}, traits_(traits_of(module)), out_(out) {}

  Result<void> write() {
    types();
    globals();
    declarations();
    for (FunctionId id = 0; id < module_.functions.size(); ++id) {
      if (module_.functions[id].imported) import(id);
      else if (auto done = append_c_function(names_, traits_, id, options_, out_); !done) return done;
      if (tails_away(module_.functions[id])) loop(id);
    }
    if (traits_.tails) dispatchers();
    for (FunctionId id = 0; id < module_.functions.size(); ++id)
      if (has_entry(id)) entry(id);
    table_of_functions();
    table_of_module();
    return {};
  }

private:
  std::string name(const char* what) const { return options_.prefix + "_" + what; }
  bool has_entry(FunctionId id) const { return options_.all_entries || module_.functions[id].exported; }
  SignatureId signature(FunctionId id) const { return module_.functions[id].signature; }
  void types();
  void globals();
  void declarations();
  void import(FunctionId id);
  void loop(FunctionId id);
  void dispatchers();
  void entry(FunctionId id);
  void table_of_functions();
  void table_of_module();
  /// "static TYPE NAME(TYPES)", the parameters named a0, a1, ... when `named`.
  std::string prototype(const std::string& function, FunctionId id, bool named) const;
  std::string type_list(SignatureId id, bool named) const;

  const Module& module_;
  const CModuleOptions& options_;
  CNames names_;
  CTraits traits_;
  std::string& out_;
};

std::string ModuleWriter::type_list(SignatureId id, bool named) const {
  const std::span<const Type> types = module_.params(module_.signatures[id]);
  std::string out;
  for (u32 i = 0; i < types.size(); ++i)
    out += (i == 0 ? "" : ", ") + c_type(types[i]) + (named ? " a" + std::to_string(i) : "");
  return "(" + (types.empty() ? "void" : out) + ")";
}

std::string ModuleWriter::prototype(const std::string& function, FunctionId id, bool named) const {
  return "static " + names_.returned(signature(id)) + " " + function + type_list(signature(id), named);
}

void ModuleWriter::types() {
  for (SignatureId id = 0; id < module_.signatures.size(); ++id) {
    const std::span<const Type> results = module_.results(module_.signatures[id]);
    if (results.size() > 1 && names_.results_id(id) == id) {
      out_ += "typedef struct {";
      for (u32 i = 0; i < results.size(); ++i) out_ += " " + c_type(results[i]) + " r" + std::to_string(i) + ";";
      out_ += " } " + names_.returned(id) + ";\n";
    }
    out_ += "typedef " + names_.returned(id) + " " + names_.signature(id) + type_list(id, false) + ";\n";
  }
}

void ModuleWriter::globals() {
  for (GlobalId id = 0; id < module_.globals.size(); ++id)
    out_ += "static " + c_type(module_.globals[id].type) + " " + names_.global(id) + "; /* @" +
            module_.globals[id].name + " */\n";
  out_ += "static void " + name("reset") + "(void) {\n";
  for (GlobalId id = 0; id < module_.globals.size(); ++id)
    out_ += "  " + names_.global(id) + " = " + c_literal(module_.globals[id].type, module_.globals[id].initial) + ";\n";
  out_ += "}\nstatic uint64_t " + name("global") + "(uint32_t index) {\n  switch (index) {\n";
  for (GlobalId id = 0; id < module_.globals.size(); ++id)
    out_ += "  case " + std::to_string(id) + ": return " + c_bits(module_.globals[id].type, names_.global(id)) + ";\n";
  out_ += "  default: return 0;\n  }\n}\n";
}

void ModuleWriter::declarations() {
  std::size_t imports = 0;
  for (FunctionId id = 0; id < module_.functions.size(); ++id) {
    out_ += prototype(names_.function(id), id, false) + ";\n";
    imports += module_.functions[id].imported ? 1 : 0;
  }
  if (traits_.tails)
    for (SignatureId id = 0; id < module_.signatures.size(); ++id)
      if (names_.results_id(id) == id) out_ += "static " + names_.returned(id) + " " + names_.tail(id) + "(void);\n";
  out_ += "static const air_module " + name("module") + ";\n";
  out_ += "static air_host* " + name("hosts") + "[" + std::to_string(imports + 1) + "];\n";
  out_ += "static const air_entry " + name("table") + "[] = {\n";
  for (const FunctionId id : module_.table)
    out_ += id == kNone ? std::string("  {AIR_NONE, AIR_NONE, 0},\n")
                        : "  {" + std::to_string(signature(id)) + ", " + std::to_string(id) + ", (void (*)(void))" +
                              names_.function(id) + "},\n";
  out_ += "  {AIR_NONE, AIR_NONE, 0}};\n\n";
}

void ModuleWriter::import(FunctionId id) {
  const Function& f = module_.functions[id];
  const std::span<const Type> params = module_.params_of(f), results = module_.results_of(f);
  const std::string number = std::to_string(id);
  out_ += "/* import @" + f.name + " */\n" + prototype(names_.function(id), id, true) + " {\n";
  out_ += "  uint64_t args[" + std::to_string(params.size() + 1) + "] = {0}, results[" +
          std::to_string(results.size() + 1) + "] = {0};\n";
  for (u32 i = 0; i < params.size(); ++i)
    out_ += "  args[" + std::to_string(i) + "] = " + c_bits(params[i], "a" + std::to_string(i)) + ";\n";
  out_ += "  AIR_EVENT(0, " + number + ", " + std::to_string(params.size()) + ", args);\n";
  out_ += "  " + name("hosts") + "[" + number + "](&" + name("module") + ", " + number + ", args, results);\n";
  if (results.size() == 1) out_ += "  return " + c_of_bits(results[0], "results[0]") + ";\n";
  if (results.size() > 1) {
    out_ += "  " + names_.returned(f.signature) + " r;\n";
    for (u32 i = 0; i < results.size(); ++i)
      out_ += "  r.r" + std::to_string(i) + " = " + c_of_bits(results[i], "results[" + std::to_string(i) + "]") + ";\n";
    out_ += "  return r;\n";
  }
  out_ += "}\n\n";
}

/// Around a function that ends by tail calls: goes on with what they name until something returns.
void ModuleWriter::loop(FunctionId id) {
  const SignatureId results = names_.results_id(signature(id));
  const bool gives = !module_.results(module_.signatures[results]).empty();
  out_ += prototype(names_.function(id), id, true) + " {\n  ";
  if (gives) out_ += names_.returned(results) + " r = ";
  out_ += names_.body(id) + "(";
  const std::size_t params = module_.params_of(module_.functions[id]).size();
  for (std::size_t i = 0; i < params; ++i) out_ += (i == 0 ? "a" : ", a") + std::to_string(i);
  out_ += ");\n  while (air_tail != AIR_NONE) " + std::string(gives ? "r = " : "") + names_.tail(results) + "();\n";
  out_ += gives ? "  return r;\n}\n\n" : "}\n\n";
}

/// For each list of results: calls the function that air_tail names with air_tail_args.
void ModuleWriter::dispatchers() {
  for (SignatureId id = 0; id < module_.signatures.size(); ++id) {
    if (names_.results_id(id) != id) continue;
    const bool gives = !module_.results(module_.signatures[id]).empty();
    out_ += "static " + names_.returned(id) + " " + names_.tail(id) + "(void) {\n";
    out_ += "  const uint32_t function = air_tail;\n  air_tail = AIR_NONE;\n  switch (function) {\n";
    for (FunctionId to = 0; to < module_.functions.size(); ++to) {
      const Function& f = module_.functions[to];
      if (names_.results_id(f.signature) != id) continue;
      out_ += "  case " + std::to_string(to) + ": " + (gives ? "return " : "") +
              (tails_away(f) ? names_.body(to) : names_.function(to)) + "(";
      const std::span<const Type> types = module_.params_of(f);
      for (u32 i = 0; i < types.size(); ++i)
        out_ += (i == 0 ? "" : ", ") + c_of_bits(types[i], "air_tail_args[" + std::to_string(i) + "]");
      out_ += gives ? ");\n" : "); return;\n";
    }
    out_ += "  default: return" + names_.nothing(id) + ";\n  }\n}\n\n";
  }
}

void ModuleWriter::entry(FunctionId id) {
  const std::span<const Type> params = module_.params_of(module_.functions[id]),
                              results = module_.results_of(module_.functions[id]);
  out_ += "static void " + names_.entry(id) + "(const uint64_t* args, uint64_t* results) {\n  ";
  if (!results.empty()) out_ += names_.returned(signature(id)) + " r = ";
  out_ += names_.function(id) + "(";
  for (u32 i = 0; i < params.size(); ++i)
    out_ += (i == 0 ? "" : ", ") + c_of_bits(params[i], "args[" + std::to_string(i) + "]");
  out_ += ");\n";
  for (u32 i = 0; i < results.size(); ++i)
    out_ += "  results[" + std::to_string(i) +
            "] = " + c_bits(results[i], results.size() == 1 ? "r" : "r.r" + std::to_string(i)) + ";\n";
  out_ += "}\n";
}

void ModuleWriter::table_of_functions() {
  out_ += "\nstatic const air_function " + name("functions") + "[] = {\n";
  for (FunctionId id = 0; id < module_.functions.size(); ++id) {
    const Function& f = module_.functions[id];
    out_ += "  {\"" + f.name + "\", " + letters(module_.params_of(f)) + ", " + letters(module_.results_of(f)) + ", " +
            (f.imported ? "1, " : "0, ") + (f.exported ? "1, " : "0, ") + (has_entry(id) ? names_.entry(id) : "0") +
            "},\n";
  }
  out_ += "  {0, 0, 0, 0, 0, 0}};\n";
}

void ModuleWriter::table_of_module() {
  out_ += "static const air_data " + name("data") + "[] = {\n";
  for (const DataSegment& data : module_.data)
    out_ += "  {" + c_literal(Type::I64, data.offset) + ", " + std::to_string(data.bytes.size()) + ",\n    " +
            quoted(data.bytes) + "},\n";
  out_ += "  {0, 0, 0}};\nstatic const char* const " + name("tag_names") + "[] = {";
  for (const Tag& tag : module_.tags) out_ += "\"" + tag.name + "\", ";
  out_ += "0};\nstatic const char* const " + name("tag_types") + "[] = {";
  for (const Tag& tag : module_.tags) out_ += letters(module_.params(module_.signatures[tag.signature])) + ", ";
  std::vector<Type> global_types;
  for (const Global& global : module_.globals) global_types.push_back(global.type);
  out_ += "0};\nstatic const air_module " + name("module") + " = {\n";
  out_ += "  " + c_literal(Type::I64, module_.memory_size) + ", " + c_literal(Type::I64, module_.memory_max) + ", " +
          std::to_string(module_.data.size()) + ", " + std::to_string(module_.globals.size()) + ", " +
          std::to_string(module_.tags.size()) + ", " + std::to_string(module_.functions.size()) + ",\n";
  out_ += "  " + name("data") + ", " + name("reset") + ", " + name("global") + ", " + letters(global_types) + ",\n";
  out_ +=
      "  " + name("tag_names") + ", " + name("tag_types") + ", " + name("functions") + ", " + name("hosts") + "};\n\n";
}

} // namespace

void append_c_prelude(u64 memory_max, std::string& out) {
  out += "#define AIR_MEMORY_MAX " + std::to_string(std::max<u64>(1, memory_max)) + "ull\n";
  std::string names;
  out += "enum {";
  for (u32 kind = 0; kind < kTrapCount; ++kind) {
    out += " air_trap_" + std::string(name_of(static_cast<TrapKind>(kind))) + ",";
    names += "\"" + std::string(name_of(static_cast<TrapKind>(kind))) + "\", ";
  }
  out += " air_trap_count };\n";
  for (const char* part : kPrelude) out += part;
  out += "static const char* const air_trap_names[] = {" + names + "0};\n\n";
}

Result<void> append_c_module(const Module& module, const CModuleOptions& options, std::string& out) {
  return ModuleWriter(module, options, out).write();
}

Result<std::string> export_c(const Module& module, std::string_view file, const SourceMap* map) {
  std::string out =
      "/* AIR as C11 by `assay compile --emit=c`. Compile with -std=c11 and -lm; see AIR_MAIN, AIR_QUIET\n"
      "   and AIR_PLAIN. A host calls air_begin, then air_call, with air_module's hosts set. */\n";
  append_c_prelude(module.memory_max, out);
  CModuleOptions options;
  options.file = file;
  options.map = map;
  options.prefix = "m";
  if (auto done = append_c_module(module, options, out); !done) return done.error();
  out += "static const air_module* const air_main_module = &m_module;\n";
  return out + kMain;
}

} // namespace assay::fuzz
