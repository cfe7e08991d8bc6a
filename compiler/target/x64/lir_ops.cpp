// lir_ops.cpp - names and details of x64 LIR for dumps. Cold code. Tested in compiler/codegen/tests/lower_test.cpp.
#include "compiler/target/x64/lir_ops.h"

#include "compiler/target/x64/backend.h"

namespace assay::x64 {

namespace {

constexpr std::string_view kOpNames[kOpCount] = {
#define LIR(name, text, emitter, param, meaning) text,
#include "compiler/target/x64/lir_ops.def"
};
constexpr std::string_view kGprNames[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                            "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
constexpr std::string_view kXmmNames[16] = {"xmm0", "xmm1", "xmm2",  "xmm3",  "xmm4",  "xmm5",  "xmm6",  "xmm7",
                                            "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"};
constexpr std::string_view kCondNames[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                             "s", "ns", "p", "np", "l", "ge", "le", "g"};
constexpr std::string_view kFCondNames[4] = {"eq", "ne", "gt", "ge"};

std::string_view reg_name(codegen::PReg reg) {
  if (reg < 16) return kGprNames[reg];
  return reg >= 32 && reg < 48 ? kXmmNames[reg - 32] : "?";
}

bool has_condition(Op op) {
  return op == Op::MinMax || op == Op::AddO || op == Op::SubO || op == Op::MulO || (op >= Op::SetCmp && op <= Op::SelF);
}
bool tests_floats(Op op) { return op == Op::SetF || op == Op::BrF || op == Op::SelF; }

void details(const codegen::LirInst& inst, std::string& out) {
  const Op op = static_cast<Op>(inst.op);
  out += "." + std::to_string(inst.size * 8);
  if (has_condition(op)) {
    out += '.';
    out += tests_floats(op) ? kFCondNames[inst.cond & 3] : kCondNames[inst.cond & 15];
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
  static const codegen::LirNames names = {[](u16 op) { return op < kOpCount ? kOpNames[op] : std::string_view("?"); },
                                          details, reg_name};
  return names;
}

} // namespace assay::x64
