// dump.cpp - see dump.h. Cold code; strings are fine here.
#include "compiler/codegen/dump.h"

#include "compiler/codegen/backend.h"

namespace assay::codegen {

namespace {

class Dumper {
public:
  Dumper(Target target, const LirFunction& function, const Allocation* allocation, std::string& out)
      : names_(lir_names(target)), function_(function), allocation_(allocation), out_(out) {}

  void run() {
    for (u32 b = 0; b < function_.blocks.size(); ++b) block(b);
  }

private:
  void block(u32 index) {
    const LirBlock& block = function_.blocks[index];
    out_ += "b" + std::to_string(index);
    vregs(function_.params_of(block));
    out_ += ":";
    if (block.origin != kNone) out_ += "  ; ^" + std::to_string(block.origin);
    list("  preds", function_.preds_of(block));
    out_ += '\n';
    for (u32 i = block.first_inst; i < block.first_inst + block.inst_count; ++i) {
      moves_before(i);
      instruction(function_.insts[i]);
    }
    list("  ->", function_.succs_of(block));
    vregs(function_.args_of(block));
    out_ += '\n';
  }

  void vregs(std::span<const VReg> list) {
    if (list.empty()) return;
    out_ += '(';
    for (std::size_t i = 0; i < list.size(); ++i) out_.append(i == 0 ? "v" : ", v").append(std::to_string(list[i]));
    out_ += ')';
  }
  void list(std::string_view head, std::span<const u32> blocks) {
    if (blocks.empty()) return;
    out_ += head;
    for (u32 b : blocks) out_ += " b" + std::to_string(b);
  }

  void moves_before(u32 inst) {
    if (allocation_ == nullptr) return;
    for (; next_edit_ < allocation_->edits.size() && allocation_->edits[next_edit_].inst <= inst; ++next_edit_) {
      const Edit& edit = allocation_->edits[next_edit_];
      out_ += "    move ";
      location(edit.to);
      out_ += " <- ";
      location(edit.from);
      out_ += '\n';
    }
  }
  void location(Location where) {
    if (!where.valid()) out_ += '?';
    else if (where.is_reg()) out_ += names_.reg_name(where.preg());
    else out_ += "[s" + std::to_string(where.slot_index()) + "]";
  }

  void instruction(const LirInst& inst) {
    out_ += "  ";
    bool first = true;
    for (u32 i = 0; i < inst.operand_count; ++i) {
      const Role role = function_.operands[inst.operands + i].role;
      if (role == Role::Def || role == Role::DefEarly) operand(inst.operands + i, first);
    }
    out_ += first ? "" : " = ";
    out_ += names_.op_name(inst.op);
    names_.details(inst, out_);
    first = true;
    for (u32 i = 0; i < inst.operand_count; ++i) {
      const Role role = function_.operands[inst.operands + i].role;
      if (role == Role::Def || role == Role::DefEarly) continue;
      if (first) out_ += ' ';
      operand(inst.operands + i, first);
    }
    if (inst.clobbers != 0) clobbers(function_.clobber_sets[inst.clobbers]);
    if (inst.origin != kNone) out_ += "  ; #" + std::to_string(inst.origin);
    out_ += '\n';
  }

  void operand(u32 index, bool& first) {
    const Operand& operand = function_.operands[index];
    if (!first) out_ += ", ";
    first = false;
    constexpr std::string_view roles[] = {"", "late ", "", "early ", "temp "};
    out_ += roles[static_cast<u32>(operand.role)];
    out_ += "v" + std::to_string(operand.vreg);
    if (operand.where == Where::Fixed) out_.append(":").append(names_.reg_name(operand.index));
    if (operand.where == Where::Tied) out_ += ":=" + std::to_string(operand.index);
    if (operand.where == Where::Any) out_ += ":any";
    if (allocation_ != nullptr) {
      out_ += '@';
      location(allocation_->locations[index]);
    }
  }

  void clobbers(RegSet set) {
    out_ += " clobbers";
    for (PReg reg = 0; reg < 64; ++reg) {
      if ((set & bit(reg)) != 0) out_.append(" ").append(names_.reg_name(reg));
    }
  }

  const LirNames& names_;
  const LirFunction& function_;
  const Allocation* allocation_;
  std::string& out_;
  std::size_t next_edit_ = 0;
};

} // namespace

void dump_lir(Target target, const LirFunction& function, const Allocation* allocation, std::string& out) {
  Dumper(target, function, allocation, out).run();
}

} // namespace assay::codegen
