// catching.cpp - see catching.h. Tested in fuzz/triage/tests/sign_test.cpp.
#include "fuzz/triage/catching.h"

#include "assay/verify.h"
#include "fuzz/bisect/ways_out.h"
#include "fuzz/triage/suspect.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

Opcode plain_call(Opcode op) {
  return op == Opcode::TryCall ? Opcode::Call : op == Opcode::TryCallIndirect ? Opcode::CallIndirect : Opcode::CallPtr;
}

bool starts_with(const std::string& text, std::string_view word) { return text.rfind(word, 0) == 0; }

class Catching {
public:
  Catching(const Program& program, const Variant& variant, Prober& prober)
      : program_(program), variant_(variant), prober_(prober) {}

  std::string run() {
    for (const FunctionId f : callees_first(program_)) {
      LooseFunction body(program_.module, f);
      body.drop_unreachable();
      for (const TrySite& site : try_sites(f, body)) {
        site_ = site;
        if (std::string found = at_site(body); !found.empty()) return found;
      }
    }
    return leaves();
  }

private:
  /// Empty: what the site does is right, or what comes to it is another's business.
  std::string at_site(const LooseFunction& body) {
    const Seen plainly = without_clauses(body);
    if (plainly.fails()) return {};
    std::vector<u32> all(body.blocks[site_.block].insts.back().edges.size());
    for (u32 i = 0; i < all.size(); ++i) all[i] = i;
    const Seen seen = leave(body, all, Shown::Nothing);
    if (seen.fails()) return wrong_way(body, seen, plainly.expected);
    const u32 way = way_of(seen.expected);
    if (way == kNoWay || way == 0) return {};
    if (leave(body, all, Shown::Payload).fails()) return "payload";
    return leave(body, all, Shown::Everything).fails() ? "kept-values" : std::string();
  }

  /// `flies`: how the call ends without clauses.
  std::string wrong_way(const LooseFunction& body, const Seen& seen, const std::string& flies) {
    const u32 wanted = way_of(seen.expected), taken = way_of(seen.actual);
    if (wanted == taken || wanted == 0) return {};
    if (wanted == kNoWay) return starts_with(flies, "trapped") ? "trap-caught" : "unfit-clause";
    if (const Seen alone = leave(body, {0, wanted}, Shown::Nothing); alone.fails()) {
      if (ended_badly(alone)) return "entered";
      if (simply_thrown(body, wanted).fails()) return "missed";
      return starts_with(flies, "threw host") ? "missed-host" : "missed-call";
    }
    return among_several(body, wanted);
  }

  /// Alone the clause does right: which other one is in its way, however that ends.
  std::string among_several(const LooseFunction& body, u32 wanted) {
    const u32 count = static_cast<u32>(body.blocks[site_.block].insts.back().edges.size());
    for (u32 other = 1; other < count; ++other) {
      if (other == wanted ||
          !leave(body, {0, std::min(other, wanted), std::max(other, wanted)}, Shown::Nothing).fails())
        continue;
      if (other > wanted) return "later-of-several";
      return leave(body, {0, other}, Shown::Nothing).fails() ? "unfit-clause" : "earlier-of-several";
    }
    return "several";
  }

  /// Every try_call does right: the event of throwing is wrong, or what the host is given.
  std::string leaves() const {
    const auto& functions = program_.module.functions;
    const auto has = [&](Opcode op) {
      return std::any_of(functions.begin(), functions.end(), [&](const Function& function) {
        return std::any_of(function.insts.begin(), function.insts.end(), [&](const Inst& i) { return i.op == op; });
      });
    };
    return has(Opcode::Rethrow) ? "rethrown" : has(Opcode::Throw) ? "thrown" : "";
  }

  /// Calls plainly, and ends.
  Seen without_clauses(LooseFunction body) {
    Program cut = program_;
    LooseInst& call = body.blocks[site_.block].insts.back();
    const std::vector<Type> results = results_of_call(cut.module, call);
    call.op = plain_call(call.op);
    call.edges.clear();
    for (const Type type : results) call.results.push_back(body.new_value(type));
    end_in_way(cut.module, body.blocks[site_.block].insts, 0);
    return ask(std::move(cut), std::move(body));
  }

  Seen leave(LooseFunction body, const std::vector<u32>& edges, Shown shown) {
    Program cut = program_;
    lead_out(cut.module, body, site_, edges, shown);
    return ask(std::move(cut), std::move(body));
  }

  /// One clause, and a callee that does nothing but throw what it takes.
  Seen simply_thrown(LooseFunction body, u32 wanted) {
    Program cut = program_;
    lead_out(cut.module, body, site_, {0, wanted}, Shown::Nothing);
    LooseInst& call = body.blocks[site_.block].insts.back();
    TagId tag = static_cast<TagId>(call.edges.back().value);
    if (call.edges.back().kind == EdgeKind::CatchAll) {
      tag = static_cast<TagId>(cut.module.tags.size());
      cut.module.tags.push_back({"thrown_simply", cut.module.intern_signature({}, {})});
    }
    const std::vector<Type> results = results_of_call(cut.module, call);
    const FunctionId thrower = add_thrower(cut.module, results, tag);
    if (thrower == kNone) return {};
    call.op = Opcode::TryCall;
    call.operands.clear();
    call.ref = thrower;
    return ask(std::move(cut), std::move(body));
  }

  Seen ask(Program cut, LooseFunction body) {
    body.drop_unreachable();
    body.write(cut.module, site_.function);
    return verify(cut.module) ? prober_.ask(cut, variant_) : Seen();
  }

  const Program& program_;
  const Variant& variant_;
  Prober& prober_;
  TrySite site_;
};

} // namespace

bool ended_badly(const Seen& seen) { // a process that died may leave no words
  const std::string& run = seen.actual;
  return run.empty() || starts_with(run, "the process ended") || starts_with(run, "crashed") ||
         starts_with(run, "hung") || starts_with(run, "breached");
}

std::string catching_of(const Program& program, const Variant& variant, Prober& prober) {
  return program.entry == kNone ? std::string() : Catching(program, variant, prober).run();
}

} // namespace assay::fuzz
