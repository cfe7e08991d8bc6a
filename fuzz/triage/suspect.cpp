// suspect.cpp - see suspect.h.
//
// Places are tried in the order of the text, which is that of the run but for loops. Tested in
// fuzz/triage/tests/sign_test.cpp.
#include "fuzz/triage/suspect.h"

#include "assay/verify.h"
#include "fuzz/bisect/ways_out.h"
#include "fuzz/generate/draw/opcode_index.h"
#include "fuzz/reduce/edits.h"
#include "fuzz/reduce/loose.h"
#include "fuzz/triage/catching.h"

#include <algorithm>
#include <optional>
#include <set>

namespace assay::fuzz {
namespace {

constexpr std::string_view kExceptions = "exceptions";

bool is_numeric(Type type) { return type != Type::None && type != Type::Ptr; }

class Search {
public:
  Search(const Program& program, const Variant& variant, Prober& prober)
      : program_(program), variant_(variant), prober_(prober) {}

  std::string run() {
    for (const FunctionId f : callees_first(program_)) {
      const LooseFunction body(program_.module, f);
      // What goes wrong before it is entered is its caller's.
      if (f != program_.entry && differs(f, body, 0, 0, body.blocks[0].params)) continue;
      for (u32 b = 0; b < body.blocks.size(); ++b)
        if (std::string found = in_block(f, body, b); !found.empty()) return found;
    }
    return shown_on_the_way();
  }

private:
  std::string in_block(FunctionId f, const LooseFunction& body, u32 b) {
    const LooseBlock& block = body.blocks[b];
    // What comes in: wrong there, and nothing before was.
    if (b != 0 && differs(f, body, b, 0, block.params)) return comes_from(body, b);
    for (std::size_t i = 0; i + 1 < block.insts.size(); ++i) {
      const Opcode op = block.insts[i].op;
      if (op == Opcode::Const || !differs(f, body, b, i + 1, block.insts[i].results)) continue;
      if (const LooseInst* const before = wrong_before(f, body, b, i)) return std::string(family_of(before->op));
      return is_linear_access(op) && wrong_address(f, body, b, i) ? "address" : std::string(family_of(op));
    }
    return {};
  }

  /// The operation whose result is wrong before the instruction, though not where the program ends behind it, since
  /// values are in other registers there: one that the instruction reads, or one that such a one reads. Null: none.
  const LooseInst* wrong_before(FunctionId f, const LooseFunction& body, u32 b, std::size_t i) {
    const LooseInst* found = nullptr;
    const LooseInst* at = &body.blocks[b].insts[i];
    for (bool again = true; again;) {
      again = false;
      for (const ValueId value : at->operands) {
        const LooseInst* const made_by = body.definition(value);
        if (made_by == nullptr || made_by->op == Opcode::Const || !is_numeric(body.type(value))) continue;
        const std::optional<Cut> cut = cut_behind(f, body, b, i + 1, body.blocks[b].insts[i].results, value);
        if (!cut || !cut->seen.fails() || !shows_wrong(cut->seen, cut->before_last)) continue;
        found = at = made_by;
        again = true;
        break;
      }
    }
    return found;
  }

  /// What no shorter program shows: each value in turn goes to a global, and the run goes on. The first that is wrong.
  std::string shown_on_the_way() {
    for (const FunctionId f : callees_first(program_)) {
      const LooseFunction body(program_.module, f);
      const auto& given = body.blocks[0].params;
      const auto is_wrong = [&](ValueId param) { return shows(f, body, 0, 0, param); };
      if (f != program_.entry && std::any_of(given.begin(), given.end(), is_wrong)) continue; // its caller's
      for (u32 b = 0; b < body.blocks.size(); ++b) {
        const LooseBlock& block = body.blocks[b];
        for (const ValueId param : block.params)
          if (b != 0 && shows(f, body, b, 0, param)) return comes_from(body, b);
        for (std::size_t i = 0; i + 1 < block.insts.size(); ++i)
          for (const ValueId value : block.insts[i].results)
            if (block.insts[i].op != Opcode::Const && shows(f, body, b, i + 1, value))
              return std::string(family_of(block.insts[i].op));
      }
    }
    return {};
  }

  bool shows(FunctionId f, LooseFunction body, u32 b, std::size_t at, ValueId value) {
    const Type type = body.type(value);
    if (!is_numeric(type)) return false;
    Program shown = program_;
    LooseInst set;
    set.op = Opcode::GlobalSet;
    set.type = type;
    set.ref = add_seen_global(shown.module, type);
    set.operands = {value};
    auto& insts = body.blocks[b].insts;
    insts.insert(insts.begin() + static_cast<std::ptrdiff_t>(at), std::move(set));
    body.write(shown.module, f);
    if (!verify(shown.module)) return false;
    const Seen seen = prober_.ask(shown, variant_);
    return seen.fails() && shows_wrong(seen, shown.module.globals.back().name);
  }

  static bool shows_wrong(const Seen& seen, const std::string& global) {
    return (" " + seen.globals).find(" " + global + " ") != std::string::npos;
  }

  /// Whether a store in place of the load, or a load in place of the store, as wide and at the same address, differs
  /// too.
  bool wrong_address(FunctionId f, LooseFunction body, u32 b, std::size_t i) {
    const LooseInst access = body.blocks[b].insts[i];
    const u32 bytes = access_bytes(access.op, access.type);
    LooseInst other;
    other.type = bytes == 1 ? Type::I8 : bytes == 2 ? Type::I16 : bytes == 4 ? Type::I32 : Type::I64;
    other.imm = access.imm;
    other.operands = {access.operands[0]};
    auto& insts = body.blocks[b].insts;
    if (access.results.empty()) {
      other.op = Opcode::Load;
      other.results = {body.new_value(other.type)};
    } else { // of all ones, as memory hardly ever is
      other.op = Opcode::Store;
      LooseInst ones;
      ones.op = Opcode::Const;
      ones.type = other.type;
      ones.imm = bit_mask(other.type);
      ones.results = {body.new_value(other.type)};
      other.operands.push_back(ones.results[0]);
      insts.insert(insts.begin() + static_cast<std::ptrdiff_t>(i++), std::move(ones));
    }
    insts[i] = other;
    return differs(f, std::move(body), b, i + 1, other.results);
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

  struct Cut {
    Seen seen;
    std::string before_last; // the global that shows a value before the last instruction
  };

  /// Ended there, with the values shown, and one before the last instruction; nothing where that is no valid program.
  std::optional<Cut> cut_behind(FunctionId f, LooseFunction body, u32 b, std::size_t keep,
                                const std::vector<ValueId>& values, ValueId before_last = kNone) {
    Program cut = program_;
    std::vector<LooseInst>& insts = body.blocks[b].insts;
    insts.resize(keep);
    const auto show = [&](ValueId value, std::size_t at) {
      if (!is_numeric(body.type(value))) return;
      LooseInst set;
      set.op = Opcode::GlobalSet;
      set.type = body.type(value);
      set.ref = add_seen_global(cut.module, set.type);
      set.operands = {value};
      insts.insert(insts.begin() + static_cast<std::ptrdiff_t>(at), std::move(set));
    };
    std::string earlier;
    if (before_last != kNone) {
      show(before_last, keep - 1);
      earlier = cut.module.globals.back().name;
    }
    for (const ValueId value : values) show(value, insts.size());
    LooseInst& end = insts.emplace_back();
    end.op = Opcode::Trap;
    end.imm = static_cast<u64>(TrapKind::Unreachable);
    body.drop_unreachable();
    body.write(cut.module, f);
    if (!verify(cut.module)) return std::nullopt;
    return Cut{prober_.ask(cut, variant_), std::move(earlier)};
  }

  /// Ended there, with the values shown, the program fails; where neither run gets there nothing is said.
  bool differs(FunctionId f, const LooseFunction& body, u32 b, std::size_t keep, const std::vector<ValueId>& values) {
    const std::optional<Cut> cut = cut_behind(f, body, b, keep, values);
    const auto gets_there = [](const std::string& run) { return run.find("trapped unreachable") != std::string::npos; };
    return cut && cut->seen.fails() && (gets_there(cut->seen.expected) || gets_there(cut->seen.actual));
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

/// The kinds of operation in the program, the common ones only when there is no other. What no shorter program shows is
/// more often a matter of frames than of values: of calls of any kind the rarest stands alone.
std::string all_families(const Module& module) {
  std::set<std::string> words, common;
  for (const Function& function : module.functions)
    for (const Inst& inst : function.insts)
      (is_common(inst.op) ? common : words).insert(std::string(family_of(inst.op)));
  common.erase("const");
  for (const char* call : {"tail-call", "exceptions", "call"})
    if (words.count(call) != 0) return call;
  std::string out;
  for (const std::string& word : words.empty() ? common : words) out += (out.empty() ? "" : "+") + word;
  return out;
}

bool has_try_call(const Module& module) {
  for (const Function& function : module.functions)
    for (const Inst& inst : function.insts)
      if (is_try_call(inst.op)) return true;
  return false;
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
  case Form::Throw: return kExceptions;
  case Form::Access: return name[0] == 'p' ? "native-memory" : name[0] == 'l' ? "load" : "store";
  default: break;
  }
  if (op == Opcode::Rethrow) return kExceptions;
  if (is_comparison(op)) return op >= Opcode::FEq ? "float-compare" : "compare";
  if (op >= Opcode::DivS && op <= Opcode::RemU) return "division";
  if (op >= Opcode::Shl && op <= Opcode::ShrU) return "shift";
  if (op == Opcode::FNeg || op == Opcode::FAbs || op == Opcode::FCopysign) return "float-sign";
  if (op == Opcode::Rotl || op == Opcode::Rotr) return "rotation";
  if (op == Opcode::F2iSatS || op == Opcode::F2iSatU) return "f2i_sat";
  if (op >= Opcode::AddOS && op <= Opcode::MulOU) return "overflow-flag";
  return name;
}

std::vector<FunctionId> callees_first(const Program& program) {
  const Module& module = program.module;
  std::vector<FunctionId> out, path;
  std::vector<u8> seen(module.functions.size(), 0); // 1: what it refers to is looked at; 2: it is in `out`
  const auto visit = [&](FunctionId to) {
    if (to < seen.size() && seen[to] == 0 && !module.functions[to].imported) path.push_back(to);
  };
  visit(program.entry);
  while (!path.empty()) {
    const FunctionId f = path.back();
    if (seen[f] != 0) {
      path.pop_back();
      if (seen[f] == 1) out.push_back(f);
      seen[f] = 2;
      continue;
    }
    seen[f] = 1;
    for (const Inst& inst : module.functions[f].insts) {
      const Form form = info(inst.op).form;
      if (form == Form::Call || form == Form::TryCall || form == Form::FuncAddr) {
        visit(inst.ref);
        for (FunctionId to = 0; module.functions[inst.ref].imported && to < seen.size(); ++to) // the host may call back
          if (module.functions[to].exported) visit(to);
      }
      if (form == Form::CallIndirect || form == Form::TryCallIndirect)
        for (const FunctionId to : module.table) visit(to);
    }
  }
  return out;
}

std::string suspect_of(const Program& program, const Variant& given, Prober& prober, bool code_is_right) {
  if (instruction_count(program.module) > kMostSuspects) return {};
  const Seen seen = prober.ask(program, given);
  const Variant variant = seen.fails() ? throwing_alike(program, given, seen, prober) : given;
  std::string out;
  if (code_is_right) {
    out = has_try_call(program.module) ? catching_of(program, variant, prober) : std::string();
    if (!out.empty()) return std::string(kExceptions) + ":" + out;
    if (ended_badly(seen)) return "crashed";
  }
  if (program.entry != kNone) out = Search(program, variant, prober).run();
  if (out.empty()) out = all_families(program.module);
  if (out != kExceptions) return out;
  const std::string catching = catching_of(program, variant, prober);
  return catching.empty() ? out : out + ":" + catching;
}

} // namespace assay::fuzz
