// operations.cpp - programs for each row of opcodes.def, as text. See operations.h.
//
// A function a row and choice of types: its parameters are the operands, its results the operation's. A ptr comes from
// an i64 and goes back to one, so that its number is known; the NaN of an arithmetic operation is made canonical.
// Tested in fuzz/opinion/tests/operations_test.cpp.
#include "fuzz/opinion/operations.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "fuzz/generate/draw/opcode_index.h"
#include "fuzz/opinion/operations_control.h"

#include <algorithm>
#include <cstdio>

namespace assay::fuzz {
namespace {

constexpr Type kAllTypes[] = {Type::None, Type::I8, Type::I16, Type::I32, Type::I64, Type::F32, Type::F64, Type::Ptr};
constexpr u64 kFuel = 1000;

/// Whether the operation gives a NaN as it is; the others may give any.
bool keeps_nan(Opcode op) {
  switch (op) {
  case Opcode::FNeg:
  case Opcode::FAbs:
  case Opcode::FCopysign:
  case Opcode::FCanon:
  case Opcode::Select:
  case Opcode::Bitcast: return true;
  default: return false;
  }
}

std::string suffix(Opcode op, Type type, Type from) {
  std::string out(info(op).name);
  if (info(op).has_type()) out += "." + std::string(name_of(type));
  if (info(op).has_from()) out += "." + std::string(name_of(from));
  return out;
}

/// Collects functions and their cases; a program at the end.
class Program {
public:
  explicit Program(std::string name, std::string head = {}) : name_(std::move(name)), text_(std::move(head)) {}

  void function(const std::string& body, std::vector<std::vector<u64>> cases) {
    text_ += body;
    cases_.push_back(std::move(cases));
  }
  std::string next_name() const { return "@f" + std::to_string(cases_.size()); }
  bool empty() const { return cases_.empty(); }

  OpinionProgram finish() {
    OpinionProgram out;
    out.name = "operations: " + name_;
    auto module = parse_and_verify(text_, name_);
    if (!module) std::fprintf(stderr, "%s\n%s\n", module.error().to_string().c_str(), text_.c_str());
    ASSAY_CHECK(module.ok());
    out.module = std::move(*module);
    for (FunctionId id = 0; id < cases_.size(); ++id)
      for (const std::vector<u64>& args : cases_[id]) out.cases.add(id, args, kFuel);
    return out;
  }

private:
  std::string name_, text_;
  std::vector<std::vector<std::vector<u64>>> cases_;
};

/// Every way to take one value of each list.
std::vector<std::vector<u64>> product(const std::vector<std::vector<u64>>& lists) {
  std::vector<std::vector<u64>> out{{}};
  for (const std::vector<u64>& list : lists) {
    std::vector<std::vector<u64>> longer;
    for (const std::vector<u64>& start : out)
      for (const u64 value : list) {
        longer.push_back(start);
        longer.back().push_back(value);
      }
    out = std::move(longer);
  }
  return out;
}

std::vector<u64> some(std::vector<u64> values, std::size_t count) {
  std::vector<u64> out;
  for (std::size_t i = 0; i < values.size(); i += std::max<std::size_t>(1, (values.size() + count - 1) / count))
    out.push_back(values[i]);
  return out;
}

// -- rows of the form Plain ---------------------------------------------------------------------------

/// `free` is that of letters which leave a choice.
Type type_of(char letter, Type type, Type from, Type free) {
  const Type fixed = type_of_letter(letter, type, from);
  return fixed == Type::None ? free : fixed;
}

/// A function whose parameters are the operands. `free` is the type of an operand that may have several.
std::string plain_function(const std::string& name, Opcode op, Type type, Type from, Type free) {
  const OpcodeInfo& row = info(op);
  std::string types, params, casts, operands, results, result_types, after, returns;
  for (std::size_t i = 0; i < row.operands.size(); ++i) {
    const Type t = type_of(row.operands[i], type, from, free);
    const std::string passed(name_of(t == Type::Ptr ? Type::I64 : t)), n = std::to_string(i),
                                                                       comma = i == 0 ? "" : ", ";
    types += comma + passed;
    params += comma + "%p" + n + ": " + passed;
    if (t == Type::Ptr) casts += "  %q" + n + " = bitcast.ptr.i64 %p" + n + "\n";
    operands += comma + (t == Type::Ptr ? "%q" : "%p") + n;
  }
  for (std::size_t i = 0; i < row.results.size(); ++i) {
    const Type t = type_of(row.results[i], type, from, free);
    const std::string n = std::to_string(i), comma = i == 0 ? "" : ", ";
    results += comma + "%r" + n;
    result_types += comma + std::string(name_of(t == Type::Ptr ? Type::I64 : t));
    const bool canon = is_float(t) && !keeps_nan(op);
    if (t == Type::Ptr) after += "  %s" + n + " = bitcast.i64.ptr %r" + n + "\n";
    if (canon) after += "  %s" + n + " = fcanon." + std::string(name_of(t)) + " %r" + n + "\n";
    returns += comma + (t == Type::Ptr || canon ? "%s" : "%r") + n;
  }
  return "export func " + name + "(" + types + ")" + (result_types.empty() ? "" : " -> " + result_types) +
         " {\n^entry" + (params.empty() ? "" : "(" + params + ")") + ":\n" + casts + "  " +
         (results.empty() ? "" : results + " = ") + suffix(op, type, from) + (operands.empty() ? "" : " " + operands) +
         "\n" + after + "  return" + (returns.empty() ? "" : " " + returns) + "\n}\n";
}

std::vector<std::vector<u64>> plain_cases(Opcode op, Type type, Type from, Type free, bool memory) {
  std::vector<std::vector<u64>> lists;
  const std::string_view operands = info(op).operands;
  for (const char letter : operands) {
    const Type t = type_of(letter, type, from, free);
    if (memory && t == type) {
      // Around the ends of a memory of 24 bytes and of the type.
      std::vector<u64> near{0, 1, 12, 23, 24, 25, bit_mask(type) - 1, bit_mask(type)};
      if (operands.size() == 1) near.insert(near.end(), {2, 3, 255, 256, 65535, 65536});
      lists.push_back(near);
    } else {
      lists.push_back(operands.size() == 3 ? some(edge_values(t), 12) : edge_values(t));
    }
  }
  return product(lists);
}

void add_plain(Opcode op, std::vector<OpinionProgram>& out) {
  const OpcodeInfo& row = info(op);
  const bool memory = row.is(kReads) || row.is(kWrites);
  Program program(std::string(row.name),
                  memory ? "memory 24 200000\ndata 0 \"\\80\\01\\ff\\7f\\00abcdefghijkl\"\n" : std::string());
  for (const Type type : kAllTypes)
    for (const Type from : kAllTypes) {
      if (!types_allowed(op, type, from)) continue;
      const bool any = row.operands.find('C') != std::string_view::npos;
      for (const Type free : {Type::I8, Type::I16, Type::I32, Type::I64}) {
        if (!any && free != Type::I8) continue;
        program.function(plain_function(program.next_name(), op, type, from, free),
                         plain_cases(op, type, from, free, memory));
      }
    }
  if (!program.empty()) out.push_back(program.finish());
}

// -- rows of the form Access --------------------------------------------------------------------------

/// Linear memory: offsets and addresses around its end, and where their sum wraps.
void add_linear(Opcode op, std::vector<OpinionProgram>& out) {
  const bool stores = info(op).is(kWrites);
  Program program(
      std::string(info(op).name),
      "memory 24\ndata 0 \"\\80\\01\\ff\\7f\\f0abcde\\00\\00\\81\\80\\c0\\7f\\01\\00\\f0\\ff\\ff\\7f\\02\\e3\"\n");
  for (const Type type : kAllTypes) {
    if (!types_allowed(op, type, Type::None)) continue;
    const std::string name(name_of(type));
    for (const Type address : {Type::I32, Type::I64})
      for (const char* offset : {"0", "1", "17", "4294967295", "9223372036854775808", "18446744073709551615"}) {
        const std::string a(name_of(address)), f = program.next_name();
        const std::string access = std::string(info(op).name) + "." + name + " %a, " + offset;
        std::vector<u64> places{
            0, 1, 7, 8, 15, 16, 17, 20, 21, 22, 23, 24, 25, bit_mask(address), bit_mask(address) - 7};
        if (address == Type::I64) places.insert(places.end(), {u64{1} << 32, u64{1} << 63});
        if (stores)
          program.function("export func " + f + "(" + a + ", " + name + ") {\n^entry(%a: " + a + ", %v: " + name +
                               "):\n  " + access + ", %v\n  return\n}\n",
                           product({places, some(edge_values(type), 3)}));
        else
          program.function("export func " + f + "(" + a + ") -> " + name + " {\n^entry(%a: " + a +
                               "):\n  %r = " + access + "\n  return %r\n}\n",
                           product({places}));
      }
  }
  out.push_back(program.finish());
}

/// Native memory: a slot of two words, filled, written at some place, read back.
void add_native(Opcode op, std::vector<OpinionProgram>& out) {
  const bool stores = info(op).is(kWrites);
  Program program(std::string(info(op).name));
  for (const Type type : kAllTypes) {
    if (!types_allowed(op, type, Type::None)) continue;
    const std::string name(name_of(type == Type::Ptr ? Type::I64 : type)), own(name_of(type));
    for (const char* place : {"0", "1", "3", "8"}) {
      std::string body = "export func " + program.next_name() + "(i64, i64, " + name + ") -> i64, i64, " + name +
                         " {\n  slot $s : 16\n^entry(%x: i64, %y: i64, %v: " + name +
                         "):\n  %s = slot_addr $s\n  pstore.i64 %s, 0, %x\n  pstore.i64 %s, 8, %y\n"
                         "  %one = const.i64 1\n  %back = const.i64 -1\n  %t = ptr_add %s, %one\n"
                         "  %u = ptr_add %t, %back\n";
      if (stores) {
        if (type == Type::Ptr) body += "  %w = bitcast.ptr.i64 %v\n";
        body +=
            "  " + std::string(info(op).name) + "." + own + " %u, " + place + (type == Type::Ptr ? ", %w\n" : ", %v\n");
      } else {
        body += "  %r = " + std::string(info(op).name) + "." + own + " %u, " + place + "\n";
        if (type == Type::Ptr) body += "  %q = bitcast.i64.ptr %r\n";
      }
      const std::string last = stores ? "%v" : type == Type::Ptr ? "%q" : "%r";
      program.function(body + "  %a = pload.i64 %s, 0\n  %b = pload.i64 %s, 8\n  return %a, %b, " + last + "\n}\n",
                       product({{0x8182838485868788u, 0x7fc0000100ff80ffu}, {0xfff0000000000001u}, edge_values(type)}));
    }
  }
  out.push_back(program.finish());
}

/// The values of a type as literals.
void add_constants(std::vector<OpinionProgram>& out) {
  Program program("const");
  for (const Type type : kAllTypes) {
    if (type == Type::None) continue;
    const std::string name(name_of(type == Type::Ptr ? Type::I64 : type));
    for (const u64 value : edge_values(type)) {
      std::string literal;
      print_literal(type, value, literal);
      std::string body = "export func " + program.next_name() + "() -> " + name + " {\n^entry:\n  %r = const." +
                         std::string(name_of(type)) + " " + literal + "\n";
      if (type == Type::Ptr) body += "  %q = bitcast.i64.ptr %r\n";
      program.function(body + (type == Type::Ptr ? "  return %q\n}\n" : "  return %r\n}\n"), {{}});
    }
  }
  out.push_back(program.finish());
}

} // namespace

std::vector<u64> edge_values(Type type) {
  if (is_float(type)) {
    static constexpr const char* kFloats[] = {"0x0p+0",
                                              "-0x0p+0",
                                              "0x1p+0",
                                              "-0x1p+0",
                                              "1.5",
                                              "-2.5",
                                              "0.5",
                                              "-0.5",
                                              "0.99999994",
                                              "3.5",
                                              "127.5",
                                              "128",
                                              "-128.5",
                                              "-129",
                                              "255.5",
                                              "256",
                                              "32767.5",
                                              "32768",
                                              "-32769",
                                              "65536",
                                              "2147483520",
                                              "2147483648",
                                              "-2147483648",
                                              "4294967296",
                                              "0x1p+63",
                                              "-0x1p+63",
                                              "0x1p+64",
                                              "0x1.fffffep+63",
                                              "-0x1.000002p+63",
                                              "8388609.0",
                                              "-0x1p-149",
                                              "0x1p-126",
                                              "0x1.fffffcp-127",
                                              "0x1.fffffep+127",
                                              "-0x1.fffffep+127",
                                              "inf",
                                              "-inf",
                                              "nan"};
    std::vector<u64> out;
    for (const char* text : kFloats) out.push_back(parse_literal(text, type).value());
    const std::initializer_list<u64> doubles = {0x0000000000000001u, 0x800fffffffffffffu, 0x7fefffffffffffffu,
                                                0x41dfffffffffffffu, 0x47efffffffffffffu, 0x36a0000000000001u,
                                                0x3feffffffffffffeu};
    if (type == Type::F64) out.insert(out.end(), doubles.begin(), doubles.end());
    for (const u64 bits : {0x7f800001u, 0xffc12345u, 0xffffffffu})
      out.push_back(type == Type::F32 ? u64{bits} : u64{bits} << 32 | 1);
    return out;
  }
  const u32 bits = bits_of(type);
  const u64 mask = bit_mask(type), least = u64{1} << (bits - 1);
  std::vector<u64> out{0,
                       1,
                       2,
                       3,
                       7,
                       bits - 1,
                       bits,
                       bits + 1,
                       mask,
                       mask - 1,
                       least,
                       least + 1,
                       least - 1,
                       least - 2,
                       0x5555555555555555u & mask,
                       mask >> (bits / 2),
                       (mask >> (bits / 2)) + 1,
                       mask - bits};
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<OpinionProgram> operation_programs() {
  std::vector<OpinionProgram> out;
  for (u32 number = 0; number < kOpcodeCount; ++number) {
    const auto op = static_cast<Opcode>(number);
    const OpcodeInfo& row = info(op);
    if (row.form == Form::Access) row.operands[0] == 'A' ? add_linear(op, out) : add_native(op, out);
    else if (row.form == Form::Plain && !row.is(kEnds)) add_plain(op, out);
  }
  add_constants(out);
  for (const ControlProgram& each : control_programs()) {
    Program program(each.name, each.text);
    OpinionProgram done = program.finish();
    for (const ControlCase& one : each.cases)
      done.cases.add(done.module.find_function(one.function), one.args, one.fuel);
    out.push_back(std::move(done));
  }
  return out;
}

u32 combination_count() {
  u32 count = 0;
  for (u32 op = 0; op < kOpcodeCount; ++op)
    for (const Type type : kAllTypes)
      for (const Type from : kAllTypes) count += types_allowed(static_cast<Opcode>(op), type, from) ? 1 : 0;
  return count;
}

std::vector<std::string> missing_operations(const std::vector<OpinionProgram>& programs) {
  std::vector<u8> seen(kOpcodeCount * kTypeCount * kTypeCount, 0);
  const auto index = [](Opcode op, Type type, Type from) {
    return (static_cast<u32>(op) * kTypeCount + static_cast<u32>(type)) * kTypeCount + static_cast<u32>(from);
  };
  for (const OpinionProgram& program : programs)
    for (const Function& function : program.module.functions)
      for (const Inst& inst : function.insts) seen[index(inst.op, inst.type, inst.from)] = 1;
  std::vector<std::string> out;
  for (u32 op = 0; op < kOpcodeCount; ++op)
    for (const Type type : kAllTypes)
      for (const Type from : kAllTypes)
        if (types_allowed(static_cast<Opcode>(op), type, from) && seen[index(static_cast<Opcode>(op), type, from)] == 0)
          out.push_back(suffix(static_cast<Opcode>(op), type, from));
  return out;
}

} // namespace assay::fuzz
