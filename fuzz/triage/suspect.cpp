// suspect.cpp - see suspect.h.
//
// Places are tried in the order of the text, which is that of the run but for loops. Tested in
// fuzz/triage/tests/sign_test.cpp.
#include "fuzz/triage/suspect.h"

#include "assay/verify.h"
#include "fuzz/reduce/edits.h"
#include "fuzz/reduce/loose.h"

#include <algorithm>
#include <set>

namespace assay::fuzz {
namespace {

bool is_numeric(Type type) { return type != Type::None && type != Type::Ptr; }

/// A global that the program does not have, to show a value in.
u32 add_global(Module& module, Type type) {
  Global global;
  global.type = type;
  for (u32 i = 0;; ++i) {
    global.name = "seen" + std::to_string(i);
    const bool taken = std::any_of(module.globals.begin(), module.globals.end(),
                                   [&](const Global& other) { return other.name == global.name; });
    if (!taken) break;
  }
  module.globals.push_back(std::move(global));
  return static_cast<u32>(module.globals.size() - 1);
}

class Search {
public:
  Search(const Program& program, const Variant& variant, Prober& prober)
      : program_(program), variant_(variant), prober_(prober) {}

  std::string run() {
    for (FunctionId f = 0; f < program_.module.functions.size(); ++f) {
      if (program_.module.functions[f].imported) continue;
      const LooseFunction body(program_.module, f);
      for (u32 b = 0; b < body.blocks.size(); ++b)
        if (std::string found = in_block(f, body, b); !found.empty()) return found;
    }
    return {};
  }

private:
  std::string in_block(FunctionId f, const LooseFunction& body, u32 b) {
    const LooseBlock& block = body.blocks[b];
    // What comes in: wrong there, and nothing before was.
    if (b != 0 && differs(f, body, b, 0, block.params)) return comes_from(body, b);
    for (std::size_t i = 0; i + 1 < block.insts.size(); ++i) {
      const Opcode op = block.insts[i].op;
      if (op != Opcode::Const && differs(f, body, b, i + 1, block.insts[i].results)) return std::string(family_of(op));
    }
    return {};
  }

  /// What decides about a way to the block: of a branch what it depends on, else the terminator's kind.
  static std::string comes_from(const LooseFunction& body, u32 b) {
    std::string out = "jump";
    for (const LooseBlock& block : body.blocks) {
      if (block.insts.empty()) continue;
      const LooseInst& last = block.insts.back();
      const bool leads =
          std::any_of(last.edges.begin(), last.edges.end(), [&](const auto& e) { return e.target == b; });
      if (!leads || last.op == Opcode::Jump) continue;
      out = family_of(last.op);
      if (last.op != Opcode::Branch) continue;
      const LooseInst* const on = body.definition(last.operands[0]);
      return on != nullptr && on->op != Opcode::Const ? std::string(family_of(on->op)) : out;
    }
    return out;
  }

  /// Ended there, with the values shown, the program fails.
  bool differs(FunctionId f, LooseFunction body, u32 b, std::size_t keep, const std::vector<ValueId>& values) {
    Program cut = program_;
    std::vector<LooseInst>& insts = body.blocks[b].insts;
    insts.resize(keep);
    for (const ValueId value : values) {
      if (!is_numeric(body.type(value))) continue;
      LooseInst& set = insts.emplace_back();
      set.op = Opcode::GlobalSet;
      set.type = body.type(value);
      set.ref = add_global(cut.module, set.type);
      set.operands = {value};
    }
    LooseInst& end = insts.emplace_back();
    end.op = Opcode::Trap;
    end.imm = static_cast<u64>(TrapKind::Unreachable);
    body.drop_unreachable();
    body.write(cut.module, f);
    return verify(cut.module).ok() && prober_.ask(cut, variant_).fails();
  }

  const Program& program_;
  const Variant& variant_;
  Prober& prober_;
};

/// What nearly every program has, and few bugs are of.
bool is_common(Opcode op) {
  switch (op) {
  case Opcode::Const:
  case Opcode::Return:
  case Opcode::Jump:
  case Opcode::Branch:
  case Opcode::Fuel:
  case Opcode::GlobalSet:
  case Opcode::Store:
  case Opcode::Trap: return true;
  default: return false;
  }
}

/// The kinds of operation in the program, the common ones only when there is no other.
std::string all_families(const Module& module) {
  std::set<std::string> words, common;
  for (const Function& function : module.functions)
    for (const Inst& inst : function.insts)
      (is_common(inst.op) ? common : words).insert(std::string(family_of(inst.op)));
  common.erase("const");
  std::string out;
  for (const std::string& word : words.empty() ? common : words) out += (out.empty() ? "" : "+") + word;
  return out;
}

} // namespace

std::string_view family_of(Opcode op) {
  const std::string_view name = info(op).name;
  switch (info(op).form) {
  case Form::Call:
  case Form::CallIndirect:
  case Form::CallPtr: return op == Opcode::TailCall || op == Opcode::TailCallIndirect ? "tail-call" : "call";
  case Form::TryCall:
  case Form::TryCallIndirect:
  case Form::TryCallPtr:
  case Form::Throw: return "exceptions";
  case Form::Access: return name[0] == 'p' ? "native-memory" : name[0] == 'l' ? "load" : "store";
  default: break;
  }
  if (op == Opcode::Rethrow) return "exceptions";
  if (is_comparison(op)) return op >= Opcode::FEq ? "float-compare" : "compare";
  if (op >= Opcode::DivS && op <= Opcode::RemU) return "division";
  if (op >= Opcode::Shl && op <= Opcode::ShrU) return "shift";
  if (op == Opcode::Rotl || op == Opcode::Rotr) return "rotation";
  if (op >= Opcode::AddOS && op <= Opcode::MulOU) return "overflow-flag";
  return name;
}

std::string suspect_of(const Program& program, const Variant& variant, Prober& prober) {
  if (instruction_count(program.module) > kMostSuspects) return {};
  if (program.entry != kNone)
    if (std::string found = Search(program, variant, prober).run(); !found.empty()) return found;
  return all_families(program.module);
}

} // namespace assay::fuzz
