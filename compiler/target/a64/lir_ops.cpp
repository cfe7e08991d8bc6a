// lir_ops.cpp - names and details of a64 LIR for dumps. Cold code. Tested in compiler/target/a64/tests/lower_test.cpp.
#include "compiler/target/a64/lir_ops.h"

#include "compiler/target/a64/backend.h"

namespace assay::a64 {

namespace {

constexpr std::string_view kOpNames[kOpCount] = {
#define LIR(name, text, emitter, param, meaning) text,
#include "compiler/target/a64/lir_ops.def"
};
constexpr std::string_view kRegNames[64] = {
    "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
    "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",
    "v0",  "v1",  "v2",  "v3",  "v4",  "v5",  "v6",  "v7",  "v8",  "v9",  "v10", "v11", "v12", "v13", "v14", "v15",
    "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"};
constexpr std::string_view kCondNames[16] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc",
                                             "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};

bool has_condition(Op op) { return op == Op::MinMax || (op >= Op::SetCmp && op <= Op::SelMask); }

void details(const codegen::LirInst& inst, std::string& out) {
  out += "." + std::to_string(inst.size * 8);
  if (has_condition(static_cast<Op>(inst.op))) {
    out += '.';
    out += kCondNames[inst.cond & 15];
  }
  if (inst.imm != 0) out += " imm=" + std::to_string(inst.imm);
  if (inst.aux != 0) out += " aux=" + std::to_string(inst.aux);
  constexpr std::string_view names[8] = {"float",         "signed",       "check_zero", "check_minus_one",
                                         "const_address", "wide_address", "extension",  "may_fault"};
  for (u32 i = 0; i < 8; ++i) {
    if ((inst.flags & (1u << i)) != 0) out.append(" ").append(names[i]);
  }
}

} // namespace

std::string_view name_of(Op op) { return kOpNames[static_cast<u32>(op)]; }

const codegen::LirNames& lir_names() {
  static const codegen::LirNames names = {
      [](u16 op) { return op < kOpCount ? kOpNames[op] : std::string_view("?"); }, details,
      [](codegen::PReg reg) { return reg < 64 ? kRegNames[reg] : std::string_view("?"); }};
  return names;
}

} // namespace assay::a64
