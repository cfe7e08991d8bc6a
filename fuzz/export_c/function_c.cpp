// function_c.cpp - one function of AIR as a C function.
//
// Needs a valid module. What no path reaches from the entry is left out, so every variable is written before it is
// read. Expressions come from operations.def; calls, edges and ends of blocks are written here. Each call leaves its
// place in the frame first, and is followed by a look at air_flying where something in the module may throw.
// Linear, but for block arguments that overlap their parameters. Tested in fuzz/export_c/tests/export_c_test.cpp and,
// by running, in fuzz/opinion/tests/.
#include "fuzz/export_c/names.h"

#include <array>
#include <cmath>

namespace assay::fuzz {
namespace {

/// A row of operations.def; null where there is none.
struct Template {
  const char* value = nullptr;
  const char* flag = nullptr;
};

constexpr std::array<Template, kOpcodeCount> make_templates() {
  std::array<Template, kOpcodeCount> out{};
#define C_OP(name, text) out[static_cast<u32>(Opcode::name)] = {text, nullptr};
#define C_OP2(name, text, flag) out[static_cast<u32>(Opcode::name)] = {text, flag};
#include "fuzz/export_c/operations.def"
  return out;
}
constexpr std::array<Template, kOpcodeCount> kTemplates = make_templates();

std::string signed_type(Type type) { return "int" + std::to_string(bits_of(type)) + "_t"; }

class FunctionWriter {
public:
  FunctionWriter(const CNames& names, const CTraits& traits, FunctionId id, std::string& out)
      : names_(names), module_(names.module), traits_(traits), id_(id), f_(module_.functions[id]), out_(out) {}

  /// The instruction that cannot be written, or kNone.
  InstId write();

private:
  void mark_reachable();
  void head();
  void variables();
  bool inst(const Inst& inst);
  bool terminator(const Inst& inst);
  void line(const std::string& text) { out_ += "  " + text + "\n"; }
  std::string value(const Inst& inst, u32 operand) const { return c_value(f_.operand(inst, operand)); }
  std::string result(const Inst& inst, u32 index = 0) const { return c_value(inst.first_result + index); }
  /// "function, block, instruction" of the current instruction.
  std::string place() const { return std::to_string(id_) + ", " + std::to_string(block_) + ", " + std::to_string(at_); }
  std::string fill(const char* text, const Inst& inst) const;
  void leave() {
    if (has_frame_) line("AIR_LEAVE();");
  }
  /// Ends the function with an exception or a tail call on its way.
  void give_up() { line("return" + names_.nothing(f_.signature) + ";"); }
  void look_for_exception();
  std::string arguments(const Inst& inst, u32 first) const;
  /// The called expression of a call and its first argument among the operands; its signature.
  std::string callee(const Inst& inst, u32& first, SignatureId& signature) const;
  void call(const Inst& inst);
  void try_call(const Inst& inst);
  void tail_call(const Inst& inst);
  void give_back(const Inst& inst);
  void throw_tag(const Inst& inst);
  void switch_over(const Inst& inst);
  void edge(const Edge& edge, const std::vector<std::string>& leading = {});

  const CNames& names_;
  const Module& module_;
  const CTraits& traits_;
  FunctionId id_;
  const Function& f_;
  std::string& out_;
  std::vector<u8> reachable_;
  bool has_frame_ = false;
  BlockId block_ = 0;
  u32 at_ = 0;
};

InstId FunctionWriter::write() {
  mark_reachable();
  head();
  for (block_ = 0; block_ < f_.blocks.size(); ++block_) {
    if (reachable_[block_] == 0) continue;
    const Block& block = f_.blocks[block_];
    if (block_ != 0) out_ += "b" + std::to_string(block_) + ":;\n";
    for (at_ = 0; at_ < block.inst_count; ++at_)
      if (!inst(f_.insts[block.first_inst + at_])) return block.first_inst + at_;
  }
  out_ += "}\n\n";
  return kNone;
}

void FunctionWriter::mark_reachable() {
  reachable_.assign(f_.blocks.size(), 0);
  std::vector<BlockId> todo{0};
  reachable_[0] = 1;
  while (!todo.empty()) {
    const Block& block = f_.blocks[todo.back()];
    todo.pop_back();
    for (const Inst& each : f_.insts_of(block)) {
      const bool tail = each.op == Opcode::TailCall || each.op == Opcode::TailCallIndirect;
      has_frame_ |= (info(each.op).is(kCalls) && !tail) || each.op == Opcode::Throw || each.op == Opcode::Rethrow;
    }
    for (const Edge& edge : f_.edges_of(f_.terminator(block))) {
      if (reachable_[edge.target] != 0) continue;
      reachable_[edge.target] = 1;
      todo.push_back(edge.target);
    }
  }
}

void FunctionWriter::head() {
  const Block& entry = f_.blocks[0];
  out_ += "/* @" + f_.name + " */\nstatic " + names_.returned(f_.signature) + " " +
          (tails_away(f_) ? names_.body(id_) : names_.function(id_)) + "(";
  for (u32 i = 0; i < entry.param_count; ++i) {
    const ValueId param = entry.first_param + i;
    out_ += (i == 0 ? "" : ", ") + c_type(f_.value_types[param]) + " " + c_value(param);
  }
  out_ += entry.param_count == 0 ? "void) {\n" : ") {\n";
  variables();
  if (has_frame_) line("AIR_ENTER(" + std::to_string(id_) + ");");
  for (u32 i = 0; i < f_.slots.size(); ++i) {
    const std::string name = "s" + std::to_string(i);
    line("memset(" + name + ", 0, sizeof " + name + ");");
  }
}

void FunctionWriter::variables() {
  const auto declare = [&](u32 first, u32 count) {
    for (u32 i = first; i < first + count; ++i) line(c_type(f_.value_types[i]) + " " + c_value(i) + ";");
  };
  for (BlockId id = 0; id < f_.blocks.size(); ++id) {
    if (reachable_[id] == 0) continue;
    const Block& block = f_.blocks[id];
    if (id != 0) declare(block.first_param, block.param_count);
    for (const Inst& each : f_.insts_of(block)) declare(each.first_result, each.result_count);
  }
  for (u32 i = 0; i < f_.locals.size(); ++i) line(c_type(f_.locals[i]) + " l" + std::to_string(i) + " = 0;");
  for (u32 i = 0; i < f_.slots.size(); ++i)
    line("_Alignas(" + std::to_string(std::max(1u, f_.slots[i].align)) + ") uint8_t s" + std::to_string(i) + "[" +
         std::to_string(std::max(1u, f_.slots[i].size)) + "];");
}

std::string FunctionWriter::fill(const char* text, const Inst& inst) const {
  std::string out;
  for (const char* at = text; *at != 0; ++at) {
    if (*at != '$') {
      out += *at;
      continue;
    }
    switch (*++at) {
    case 'r': out += result(inst); break;
    case 'T': out += name_of(inst.type); break;
    case 'S': out += name_of(inst.from); break;
    case 'P': out += place(); break;
    case 'U': out += c_type(inst.type); break;
    case 'I': out += signed_type(inst.type); break;
    case 'J': out += signed_type(inst.from); break;
    case 'W': out += inst.type == Type::I64 ? "uint64_t" : "uint32_t"; break;
    case 'M': out += std::to_string(bits_of(inst.type) - 1); break;
    case 'O': out += c_literal(Type::I64, inst.imm); break;
    default: out += value(inst, static_cast<u32>(*at - '0')); break;
    }
  }
  return out;
}

bool FunctionWriter::inst(const Inst& inst) {
  const Template& row = kTemplates[static_cast<u32>(inst.op)];
  if (row.value != nullptr) {
    line((inst.result_count != 0 ? result(inst) + " = " : "") + fill(row.value, inst) + ";");
    if (row.flag != nullptr) line(result(inst, 1) + " = " + fill(row.flag, inst) + ";");
    return true;
  }
  const std::string ref = std::to_string(inst.ref);
  switch (inst.op) {
  case Opcode::Const: line(result(inst) + " = " + c_literal(inst.type, inst.imm) + ";"); return true;
  case Opcode::SlotAddr: line(result(inst) + " = (air_ptr)(uintptr_t)s" + ref + ";"); return true;
  case Opcode::LocalGet: line(result(inst) + " = l" + ref + ";"); return true;
  case Opcode::LocalSet: line("l" + ref + " = " + value(inst, 0) + ";"); return true;
  case Opcode::GlobalGet: line(result(inst) + " = " + names_.global(inst.ref) + ";"); return true;
  case Opcode::GlobalSet: line(names_.global(inst.ref) + " = " + value(inst, 0) + ";"); return true;
  case Opcode::FuncAddr: line(result(inst) + " = (air_ptr)(uintptr_t)&" + names_.function(inst.ref) + ";"); return true;
  case Opcode::Fuel: line("AIR_FUEL(" + c_literal(Type::I64, inst.imm) + ", " + place() + ");"); return true;
  case Opcode::Call:
  case Opcode::CallIndirect:
  case Opcode::CallPtr: call(inst); return true;
  default: return info(inst.op).is(kEnds) && terminator(inst);
  }
}

bool FunctionWriter::terminator(const Inst& inst) {
  switch (inst.op) {
  case Opcode::Jump: edge(f_.edges_of(inst)[0]); return true;
  case Opcode::Branch:
    line("if (" + value(inst, 0) + " != 0) {");
    edge(f_.edges_of(inst)[0]);
    line("}");
    edge(f_.edges_of(inst)[1]);
    return true;
  case Opcode::Switch: switch_over(inst); return true;
  case Opcode::Return: give_back(inst); return true;
  case Opcode::Trap:
    line("air_trap(air_trap_" + std::string(name_of(static_cast<TrapKind>(inst.imm))) + ", " + place() + ");");
    return true;
  case Opcode::TailCall:
  case Opcode::TailCallIndirect: tail_call(inst); return true;
  case Opcode::Throw: throw_tag(inst); return true;
  case Opcode::Rethrow:
    line("AIR_AT(" + std::to_string(block_) + ", " + std::to_string(at_) + ");");
    line("air_rethrow(" + value(inst, 0) + ", " + place() + ");");
    leave();
    give_up();
    return true;
  case Opcode::TryCall:
  case Opcode::TryCallIndirect:
  case Opcode::TryCallPtr: try_call(inst); return true;
  default: return false;
  }
}

// -- calls -------------------------------------------------------------------------------------------

std::string FunctionWriter::arguments(const Inst& inst, u32 first) const {
  std::string out = "(";
  for (u32 i = first; i < inst.operand_count; ++i) out += (i == first ? "" : ", ") + value(inst, i);
  return out + ")";
}

std::string FunctionWriter::callee(const Inst& inst, u32& first, SignatureId& signature) const {
  const Form form = info(inst.op).form;
  first = 1;
  signature = inst.ref;
  if (form == Form::CallIndirect || form == Form::TryCallIndirect)
    return "((" + names_.signature(inst.ref) + "*)air_callee(" + names_.prefix + "_table, " +
           std::to_string(module_.table.size()) + ", " + value(inst, 0) + ", " + std::to_string(inst.ref) + ", " +
           place() + ")->code)";
  if (form == Form::CallPtr || form == Form::TryCallPtr)
    return "((" + names_.signature(inst.ref) + "*)(uintptr_t)" + value(inst, 0) + ")";
  first = 0;
  signature = module_.functions[inst.ref].signature;
  return names_.function(inst.ref);
}

void FunctionWriter::look_for_exception() {
  if (!traits_.throws) return;
  line("if (air_flying) {");
  leave();
  give_up();
  line("}");
}

void FunctionWriter::call(const Inst& inst) {
  u32 first = 0;
  SignatureId signature = 0;
  std::string called = callee(inst, first, signature);
  called += arguments(inst, first) + ";";
  line("AIR_AT(" + std::to_string(block_) + ", " + std::to_string(at_) + ");");
  if (inst.result_count < 2) {
    line((inst.result_count == 1 ? result(inst) + " = " : "") + called);
  } else {
    line("{");
    line(names_.returned(signature) + " r = " + called);
    for (u32 i = 0; i < inst.result_count; ++i) line(result(inst, i) + " = r.r" + std::to_string(i) + ";");
    line("}");
  }
  look_for_exception();
}

void FunctionWriter::try_call(const Inst& inst) {
  u32 first = 0;
  SignatureId signature = 0;
  std::string called = callee(inst, first, signature);
  called += arguments(inst, first) + ";";
  const std::size_t results = module_.results(module_.signatures[signature]).size();
  line("AIR_AT(" + std::to_string(block_) + ", " + std::to_string(at_) + ");");
  line("{");
  line((results == 0 ? "" : names_.returned(signature) + " r = ") + called);
  std::vector<std::string> leading;
  for (std::size_t i = 0; i < results; ++i) leading.push_back(results == 1 ? "r" : "r.r" + std::to_string(i));
  const std::span<const Edge> edges = f_.edges_of(inst);
  line("if (air_flying == 0) {");
  edge(edges[0], leading);
  line("}");
  for (const Edge& clause : edges.subspan(1)) {
    leading.clear();
    if (clause.kind == EdgeKind::CatchAll) {
      line("{");
      line("const uint64_t e = air_hold();");
      leading.push_back("e");
    } else {
      line("if (air_flying == 1 && air_tag == " + std::to_string(clause.value) + ") {");
      line("air_flying = 0;");
      const std::span<const Type> types = module_.params(module_.signatures[module_.tags[clause.value].signature]);
      for (u32 i = 0; i < types.size(); ++i)
        leading.push_back(c_of_bits(types[i], "air_payload[" + std::to_string(i) + "]"));
    }
    edge(clause, leading);
    line("}");
  }
  line("}");
  leave();
  give_up();
}

void FunctionWriter::tail_call(const Inst& inst) {
  const bool direct = inst.op == Opcode::TailCall;
  const SignatureId signature = direct ? module_.functions[inst.ref].signature : inst.ref;
  const std::span<const Type> types = module_.params(module_.signatures[signature]);
  const std::string to = direct ? std::to_string(inst.ref)
                                : "air_callee(" + names_.prefix + "_table, " + std::to_string(module_.table.size()) +
                                      ", " + value(inst, 0) + ", " + std::to_string(inst.ref) + ", " + place() +
                                      ")->function";
  line("air_tail = " + to + ";");
  for (u32 i = 0; i < types.size(); ++i)
    line("air_tail_args[" + std::to_string(i) + "] = " + c_bits(types[i], value(inst, i + (direct ? 0 : 1))) + ";");
  leave();
  give_up();
}

// -- ends of blocks ----------------------------------------------------------------------------------

void FunctionWriter::give_back(const Inst& inst) {
  leave();
  if (inst.operand_count < 2) return line("return" + (inst.operand_count == 1 ? " " + value(inst, 0) : "") + ";");
  line("{");
  line(names_.returned(f_.signature) + " r;");
  for (u32 i = 0; i < inst.operand_count; ++i) line("r.r" + std::to_string(i) + " = " + value(inst, i) + ";");
  line("return r;");
  line("}");
}

void FunctionWriter::throw_tag(const Inst& inst) {
  const std::string count = std::to_string(inst.operand_count), tag = std::to_string(inst.ref);
  for (u32 i = 0; i < inst.operand_count; ++i)
    line("air_payload[" + std::to_string(i) + "] = " + c_bits(f_.value_types[f_.operand(inst, i)], value(inst, i)) +
         ";");
  line("air_flying = 1, air_tag = " + tag + ", air_payload_count = " + count + ";");
  line("AIR_AT(" + std::to_string(block_) + ", " + std::to_string(at_) + ");");
  line("AIR_EVENT(1, " + tag + ", " + count + ", air_payload);");
  leave();
  give_up();
}

void FunctionWriter::switch_over(const Inst& inst) {
  line("switch (" + value(inst, 0) + ") {");
  for (const Edge& each : f_.edges_of(inst)) {
    line(each.kind == EdgeKind::Case ? "case " + c_literal(inst.type, each.value) + ": {" : std::string("default: {"));
    edge(each);
    line("}");
  }
  line("}");
}

void FunctionWriter::edge(const Edge& edge, const std::vector<std::string>& leading) {
  const ValueId first = f_.blocks[edge.target].first_param;
  const auto args = f_.args_of(edge);
  const u32 shift = static_cast<u32>(leading.size());
  // A parameter that is written before it is read as an argument needs the argument read first.
  bool overlap = false;
  for (u32 i = 0; i < args.size(); ++i) overlap |= args[i] >= first && args[i] < first + shift + i;
  if (overlap) {
    line("{");
    for (u32 i = 0; i < args.size(); ++i)
      line("const " + c_type(f_.value_types[args[i]]) + " t" + std::to_string(i) + " = " + c_value(args[i]) + ";");
  }
  for (u32 i = 0; i < shift; ++i) line(c_value(first + i) + " = " + leading[i] + ";");
  for (u32 i = 0; i < args.size(); ++i) {
    const ValueId to = first + shift + i;
    if (to != args[i]) line(c_value(to) + " = " + (overlap ? "t" + std::to_string(i) : c_value(args[i])) + ";");
  }
  if (overlap) line("}");
  line("goto b" + std::to_string(edge.target) + ";");
}

} // namespace

std::string c_literal(Type type, u64 bits) {
  bits &= bit_mask(type);
  char hex[40];
  if (!is_float(type)) {
    std::snprintf(hex, sizeof hex,
                  bits >> 32 != 0   ? "0x%llxull"
                  : bits >> 31 != 0 ? "0x%llxu"
                                    : "%lluu",
                  static_cast<unsigned long long>(bits));
    return hex;
  }
  const u64 exponent = type == Type::F32 ? 0x7f800000u : 0x7ff0000000000000u;
  if ((bits & exponent) == exponent) {
    std::snprintf(hex, sizeof hex, "0x%llxull", static_cast<unsigned long long>(bits));
    return c_of_bits(type, hex);
  }
  std::string text;
  print_literal(type, bits, text);
  return text + (type == Type::F32 ? "f" : "");
}

Result<void> append_c_function(const CNames& names, const CTraits& traits, FunctionId function,
                               const CModuleOptions& options, std::string& out) {
  const InstId failed = FunctionWriter(names, traits, function, out).write();
  if (failed == kNone) return {};
  Error error;
  error.kind = ErrorKind::Unsupported;
  error.file = options.file;
  if (options.map != nullptr && function < options.map->lines.size() && failed < options.map->lines[function].size()) {
    error.line = options.map->lines[function][failed];
    error.column = options.map->columns[function][failed];
  }
  const Function& f = names.module.functions[function];
  error.message = "cannot export: '" + std::string(info(f.insts[failed].op).name) + "' of @" + f.name +
                  " has no form in C" + (error.line == 0 ? "" : ", line " + std::to_string(error.line));
  return error;
}

} // namespace assay::fuzz
