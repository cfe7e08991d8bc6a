// wanted_functions.cpp - see wanted_functions.h. Tested in compiler/codegen/tests/wanted_functions_test.cpp.
#include "compiler/codegen/wanted_functions.h"

#include "assay/planted.h"

namespace assay::codegen {

namespace {

bool names_function(Opcode op) {
  const Form form = info(op).form;
  return form == Form::Call || form == Form::TryCall || (form == Form::FuncAddr && !ASSAY_PLANTED(wanted_address_lost));
}

} // namespace

void WantedFunctions::begin(const Module& module, Entries entries) {
  order_.clear();
  done_ = looked_at_ = 0;
  is_wanted_.assign(module.functions.size(), 0);
  if (entries == Entries::Exported && !ASSAY_PLANTED(wanted_table_lost))
    for (const FunctionId id : module.table)
      if (id != kNone) is_wanted_[id] = 1;
  for (FunctionId id = 0; id < module.functions.size(); ++id) {
    if (entries == Entries::All || module.functions[id].exported) is_wanted_[id] = 1;
    if (is_wanted_[id] != 0) order_.push_back(id);
  }
}

void WantedFunctions::want(FunctionId id) {
  if (is_wanted_[id] != 0) return;
  is_wanted_[id] = 1;
  order_.push_back(id);
}

FunctionId WantedFunctions::next_unwanted() {
  while (looked_at_ < is_wanted_.size())
    if (is_wanted_[looked_at_++] == 0) return static_cast<FunctionId>(looked_at_ - 1);
  return kNone;
}

void WantedFunctions::refer(const Function& body) {
  if (order_.size() == is_wanted_.size()) return;
  for (const Inst& inst : body.insts)
    if (names_function(inst.op)) want(inst.ref);
}

} // namespace assay::codegen
