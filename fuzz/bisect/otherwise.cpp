// otherwise.cpp - see otherwise.h.
//
// The entry with constants as arguments is a function of its own, so that whoever else calls the entry need not know.
// Linear in the program. Tested in fuzz/bisect/tests/bisect_test.cpp.
#include "fuzz/bisect/otherwise.h"

#include "assay/verify.h"
#include "fuzz/metamorph/metamorph.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

constexpr std::size_t kMostParams = 48;

/// Each constant of the entry becomes an argument. False: it has none, or too many.
bool pass_constants(Program& program) {
  Module& module = program.module;
  const auto given = module.params_of(module.functions[program.entry]);
  const auto results = module.results_of(module.functions[program.entry]);
  std::vector<Type> params(given.begin(), given.end()), types(results.begin(), results.end());
  LooseFunction body(module, program.entry);
  for (LooseBlock& block : body.blocks) {
    for (LooseInst& inst : block.insts) {
      if (inst.op != Opcode::Const || inst.type == Type::Ptr || params.size() == kMostParams) continue;
      const ValueId param = body.new_value(inst.type);
      body.blocks[0].params.push_back(param);
      body.replace(inst.results[0], param);
      params.push_back(inst.type);
      program.args.push_back(inst.imm & bit_mask(inst.type));
    }
  }
  if (params.size() == given.size()) return false;
  body.drop_dead();
  Function other = module.functions[program.entry];
  for (u32 i = 0; module.find_function(other.name) != kNone; ++i) other.name = "given" + std::to_string(i);
  other.exported = true;
  other.signature = module.intern_signature(params, types);
  module.functions.push_back(std::move(other));
  program.entry = static_cast<FunctionId>(module.functions.size() - 1);
  body.write(module, program.entry);
  return true;
}

} // namespace

std::vector<Program> said_otherwise(const Program& program) {
  std::vector<Program> out;
  if (program.entry == kNone) return out;
  Program given = program;
  if (pass_constants(given) && verify(given.module)) out.push_back(given);
  const std::size_t bases = out.size() + 1;
  for (u64 seed = 0; out.size() < kSaidOtherwise && seed < kSaidOtherwise; ++seed) {
    Program other = bases == 2 && seed % 2 == 0 ? given : program;
    if (!morph(other.module, seed).empty() && verify(other.module)) out.push_back(std::move(other));
  }
  return out;
}

} // namespace assay::fuzz
