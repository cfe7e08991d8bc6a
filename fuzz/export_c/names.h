// names.h - how the things of a module are called in its C, for the files of this folder.
//
// Everything is named by a letter and its number, so that no name of AIR can be a word of C or clash with another.
// Pure, allocates the strings it gives. Tested through fuzz/export_c/tests/export_c_test.cpp.
#pragma once

#include "fuzz/export_c/export_c.h"

#include <algorithm>
#include <string>

namespace assay::fuzz {

/// "i32", "f64", "ptr", as in docs/air.md; the C type is air_ and that.
inline std::string c_type(Type type) { return "air_" + std::string(name_of(type)); }
inline std::string c_value(ValueId value) { return "v" + std::to_string(value); }

/// The letter of a type in the tables of functions.
inline char c_letter(Type type) { return "?bhwlfdp"[static_cast<u32>(type)]; }

struct CNames {
  const Module& module;
  std::string prefix;

  std::string function(FunctionId id) const { return prefix + "_f" + std::to_string(id); }
  std::string body(FunctionId id) const { return function(id) + "_body"; }
  std::string entry(FunctionId id) const { return prefix + "_e" + std::to_string(id); }
  std::string global(GlobalId id) const { return prefix + "_g" + std::to_string(id); }
  /// A function type.
  std::string signature(SignatureId id) const { return prefix + "_s" + std::to_string(id); }
  std::string tail(SignatureId results) const { return prefix + "_tail" + std::to_string(results); }

  /// The first signature with the same results: it stands for them.
  SignatureId results_id(SignatureId id) const {
    const std::span<const Type> wanted = module.results(module.signatures[id]);
    for (SignatureId other = 0; other < id; ++other) {
      const std::span<const Type> types = module.results(module.signatures[other]);
      if (std::equal(types.begin(), types.end(), wanted.begin(), wanted.end())) return other;
    }
    return id;
  }
  /// What a C function with these results returns: nothing, the value, or a struct of r0, r1, ...
  std::string returned(SignatureId id) const {
    const std::span<const Type> types = module.results(module.signatures[id]);
    if (types.empty()) return "void";
    return types.size() == 1 ? c_type(types[0]) : prefix + "_r" + std::to_string(results_id(id));
  }
  /// A value of that, for returns that nobody reads.
  std::string nothing(SignatureId id) const {
    const std::span<const Type> types = module.results(module.signatures[id]);
    if (types.empty()) return "";
    return types.size() == 1 ? " 0" : " (" + returned(id) + "){0}";
  }
};

/// The bits of a value, zero above its width, and the value of bits.
inline std::string c_bits(Type type, const std::string& value) {
  return is_float(type) ? "air_bits_" + std::string(name_of(type)) + "(" + value + ")" : "(uint64_t)" + value;
}
inline std::string c_of_bits(Type type, const std::string& bits) {
  return is_float(type) ? "air_of_" + std::string(name_of(type)) + "(" + bits + ")" : "(" + c_type(type) + ")" + bits;
}
/// A literal.
std::string c_literal(Type type, u64 bits);

inline bool tails_away(const Function& function) {
  for (const Inst& inst : function.insts)
    if (inst.op == Opcode::TailCall || inst.op == Opcode::TailCallIndirect) return true;
  return false;
}

/// What holds of a whole module.
struct CTraits {
  bool tails = false;  // a function has a tail call
  bool throws = false; // something may throw: a throw, a rethrow, a host function
};
inline CTraits traits_of(const Module& module) {
  CTraits out;
  for (const Function& function : module.functions) {
    out.throws |= function.imported;
    out.tails |= tails_away(function);
    for (const Inst& inst : function.insts) out.throws |= inst.op == Opcode::Throw || inst.op == Opcode::Rethrow;
  }
  return out;
}

/// Appends the definition of a function, with its parameters as the values of its entry block.
Result<void> append_c_function(const CNames& names, const CTraits& traits, FunctionId function,
                               const CModuleOptions& options, std::string& out);

} // namespace assay::fuzz
