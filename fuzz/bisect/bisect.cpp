// bisect.cpp - see bisect.h.
//
// "Fails" means here: in any way, since half a pipeline may show the same wrong rewrite otherwise. Searching keeps
// that it does not fail with `low` rewrites and does with `high`, so that it ends at a rewrite that makes the
// difference also where more rewrites hide it again. Tested in fuzz/bisect/tests/bisect_test.cpp.
#include "fuzz/bisect/bisect.h"

#include "compiler/opt/pipeline.h"
#include "fuzz/bisect/decision.h"
#include "fuzz/bisect/otherwise.h"
#include "fuzz/bisect/rewrite.h"
#include "fuzz/bisect/ways_out.h"
#include "fuzz/subjects/peer_subject.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

constexpr u64 kMostSteps = u64{1} << 24; // rewrites, decisions

class Bisector {
public:
  Bisector(const Program& program, const Variant& variant, Prober& prober, const BisectOptions& options)
      : program_(program), variant_(variant), prober_(prober), options_(options) {}

  Bisection run();

private:
  Seen::State attempt(std::string name, const Variant& variant);
  template <typename Limited> u64 first_failing(Limited with_limit);
  bool find_rewrite();
  bool only_here();
  void find_decision();
  bool find_decision_in(codegen::DecisionArea area);
  bool fails_otherwise(const Variant& variant);
  void doubt(std::string_view name);
  void leave_out_passes();
  void eliminate();
  void other_places();
  bool is_of_positions() const;
  bool convention_matters() const;
  void conclude();
  void conclude_back_end();
  void choose_witness();
  const BisectTrial* cure(std::string_view name) const;
  bool tried(std::string_view name) const;
  void list_operations();
  void bisect_peer();

  const Program& program_;
  Variant variant_;
  Prober& prober_;
  const BisectOptions& options_;
  Bisection out_;
};

Seen::State Bisector::attempt(std::string name, const Variant& variant) {
  const Seen seen = prober_.ask(program_, variant);
  if (seen.state != Seen::Unavailable) out_.trials.push_back({std::move(name), seen.state, variant});
  return seen.state;
}

/// The least limit found with which the variant made of it fails, where it does not with one less; 0: with none up to
/// kMostSteps. Without any it does not fail.
template <typename Limited> u64 Bisector::first_failing(Limited with_limit) {
  const auto fails = [&](u64 limit) { return prober_.ask(program_, with_limit(limit)).fails(); };
  u64 low = 0, high = 1;
  for (; !fails(high); high *= 2) {
    low = high;
    if (high >= kMostSteps) return 0;
  }
  while (high - low > 1) {
    const u64 middle = low + (high - low) / 2;
    (fails(middle) ? high : low) = middle;
  }
  return high;
}

/// Fills `rewrite`. False when it fails without any.
bool Bisector::find_rewrite() {
  Variant without = variant_;
  without.passes.rewrite_limit = 0;
  if (attempt("without any rewrite", without) == Seen::Fails) return false;
  // Where it does not come from the number of rewrites passes alone will tell.
  out_.rewrite = first_failing([&](u64 limit) {
    Variant limited = variant_;
    limited.passes.rewrite_limit = limit;
    return limited;
  });
  return true;
}

/// Whether the same program, said otherwise, or ended where an exception arrives, fails with a finding of this kind
/// when compiled so: what junk does behind a wrong way out is an accident.
bool Bisector::fails_otherwise(const Variant& variant) {
  std::vector<Program> others = all_led_out(program_);
  for (Program& other : said_otherwise(program_)) others.push_back(std::move(other));
  return std::any_of(others.begin(), others.end(), [&](const Program& other) {
    const Seen seen = prober_.ask(other, variant);
    return seen.fails() && seen.kind == out_.seen.kind;
  });
}

/// What cures this program but not what says the same is no cause: the trials of that name are called otherwise.
void Bisector::doubt(std::string_view name) {
  for (BisectTrial& trial : out_.trials)
    if (trial.seen == Seen::Agrees && trial.name.compare(0, name.size(), name) == 0 && fails_otherwise(trial.variant))
      trial.name.insert(0, "by accident: ");
}

/// Of one area of the back end; false when leaving out all its choices cures nothing, or only by accident.
bool Bisector::find_decision_in(codegen::DecisionArea area) {
  const auto limited_to = [&](u64 limit) {
    Variant limited = variant_;
    limited.passes.decision_limits[static_cast<u32>(area)] = limit;
    return limited;
  };
  if (attempt("without choices of " + std::string(codegen::name_of(area)), limited_to(0)) != Seen::Agrees) return false;
  doubt("without choices of " + std::string(codegen::name_of(area)));
  if (cure("without choices of " + std::string(codegen::name_of(area))) == nullptr) return false;
  out_.decision = first_failing(limited_to);
  if (out_.decision != 0 && describe_decision(program_, variant_, area, out_)) return true;
  out_.decision = 0;
  return false;
}

/// Whether the same bytes are right in an emulator, and for the same program said otherwise, too: then it matters where
/// they lie and what runs them, and a choice that cures has only moved them.
bool Bisector::only_here() {
  if (variant_.exec != Exec::Native || out_.seen.kind == FindingKind::Breach) return false;
  Variant emulated = variant_;
  emulated.exec = Exec::Unicorn;
  return attempt("in " + std::string(name_of(emulated.exec)), emulated) == Seen::Agrees && !fails_otherwise(emulated);
}

/// An allocation that its checker has approved is not at fault, however other places of values may cure; and of what
/// the checker refuses only allocation is. None was approved where the compiler found an invariant of its own broken.
/// A choice brings about what later ones do with it, so the last area comes first: the tables say nothing of what the
/// code does, the encoding of what is encoded, emission of what was allocated, allocation of what was selected.
void Bisector::find_decision() {
  if (out_.seen.kind == FindingKind::Checker) {
    find_decision_in(codegen::DecisionArea::Allocation);
    return;
  }
  if (find_decision_in(codegen::DecisionArea::Unwinding) || (options_.other_places && only_here())) return;
  const bool is_approved = variant_.check_allocation && out_.seen.what.find("broken invariant") == std::string::npos;
  for (const auto area : {codegen::DecisionArea::Encoding, codegen::DecisionArea::Emission,
                          codegen::DecisionArea::Allocation, codegen::DecisionArea::Selection})
    if ((area != codegen::DecisionArea::Allocation || !is_approved) && find_decision_in(area)) return;
}

void Bisector::leave_out_passes() {
  for (u32 pass = 0; pass < opt::kPassCount; ++pass) {
    if (static_cast<opt::PassId>(pass) == opt::PassId::Ssa) continue;
    Variant without = variant_;
    PassOptions& passes = without.passes;
    if (passes.order_count != 0) {
      auto* const end = std::remove(passes.order, passes.order + passes.order_count, static_cast<u8>(pass));
      const u32 left = static_cast<u32>(end - passes.order);
      if (left == passes.order_count) continue;
      passes.order_count = left;
      if (left == 0) passes.switched_off = ~u32{0}; // an empty order would be the standard one
    } else {
      if ((passes.switched_off >> pass & 1) != 0) continue;
      passes.switched_off |= 1u << pass;
    }
    const std::string name(opt::pass_info(static_cast<opt::PassId>(pass)).name);
    if (attempt("without " + name, without) == Seen::Agrees) out_.cures.push_back(name);
  }
}

/// What of the back end can be left out or changed.
void Bisector::eliminate() {
  Variant changed = variant_;
  if (!variant_.spill_all) {
    changed.spill_all = true;
    attempt("every value in its slot", changed);
  }
  if (variant_.max_registers != 0) {
    changed = variant_;
    changed.max_registers = 0;
    attempt("all registers", changed);
  }
  if (variant_.block_padding != 0) {
    changed = variant_;
    changed.block_padding = 0;
    attempt("no padding of blocks", changed);
  }
  if (variant_.extensions) {
    changed = variant_;
    changed.extensions = false;
    attempt("no processor extensions", changed);
  }
  for (const Os os : {Os::Linux, Os::Windows, Os::Apple}) {
    changed = variant_;
    if (os == variant_.os) continue;
    changed.os = os;
    attempt("convention " + std::string(assay::name_of(os)), changed);
  }
}

void Bisector::other_places() {
  Variant other = variant_;
  for (const Exec exec : {Exec::Native, Exec::Unicorn, Exec::Qemu}) {
    if (exec == variant_.exec || tried("in " + std::string(name_of(exec)))) continue;
    other.exec = exec;
    attempt("in " + std::string(name_of(exec)), other);
  }
  other = variant_;
  other.target = variant_.target == Target::X64 ? Target::A64 : Target::X64;
  other.os = Os::Linux;
  for (const Exec exec : {Exec::Native, Exec::Unicorn, Exec::Qemu}) {
    other.exec = exec;
    const std::string name = std::string(assay::name_of(other.target)) + " in " + std::string(name_of(exec));
    const Seen::State seen = attempt(name, other);
    if (seen == Seen::Agrees || seen == Seen::Fails) break;
  }
}

/// The trial of that name, if it did not fail.
const BisectTrial* Bisector::cure(std::string_view name) const {
  const auto found = std::find_if(out_.trials.begin(), out_.trials.end(), [&](const BisectTrial& trial) {
    return trial.seen == Seen::Agrees && trial.name.compare(0, name.size(), name) == 0;
  });
  return found == out_.trials.end() ? nullptr : &*found;
}

bool Bisector::tried(std::string_view name) const {
  return std::any_of(out_.trials.begin(), out_.trials.end(), [&](const BisectTrial& t) { return t.name == name; });
}

/// Whether only places in the program differ, which passes may change: the oracle cannot judge those.
bool Bisector::is_of_positions() const {
  const std::string& observable = out_.seen.observable;
  const std::size_t comma = observable.find(", ");
  const bool same_end = observable.rfind("end: ", 0) == 0 && comma != std::string::npos &&
                        observable.substr(5, comma - 5) == observable.substr(comma + 2);
  return same_end || out_.seen.what.substr(0, out_.seen.what.find(':')).find("frame") != std::string::npos;
}

void Bisector::conclude() {
  if (out_.optimised_is_right) return conclude_back_end();
  if (!out_.pass.empty()) out_.component = out_.pass;
  else if (!out_.cures.empty()) out_.component = out_.cures.front();
  else conclude_back_end();
}

void Bisector::conclude_back_end() {
  const std::string other(assay::name_of(variant_.target == Target::X64 ? Target::A64 : Target::X64));
  const bool elsewhere = std::any_of(out_.trials.begin(), out_.trials.end(), [&](const BisectTrial& trial) {
    return trial.seen == Seen::Fails && trial.name.compare(0, other.size(), other) == 0;
  });
  if (out_.decision != 0) {
    out_.component = elsewhere ? "all targets, " : std::string(assay::name_of(variant_.target)) + " ";
    out_.component += out_.area;
  } else if (out_.seen.kind == FindingKind::Checker) {
    out_.component = "register allocation";
  } else if (out_.seen.kind != FindingKind::Breach && cure("in ") != nullptr) { // emulators do not look for those
    out_.code_is_right = true;
    out_.component = cure("in ")->name.substr(3) + " agrees, " + std::string(name_of(variant_.exec)) + " does not";
  } else if (cure("no processor extensions") != nullptr) {
    out_.component = "processor extensions";
  } else if (cure("convention ") != nullptr && convention_matters()) {
    out_.component = "convention " + std::string(assay::name_of(variant_.os));
  } else {
    // The symbolic checker has approved the allocation by now.
    if (elsewhere) out_.component = "all targets or the oracle";
    else out_.component = std::string(assay::name_of(variant_.target)) + " code";
    if (cure("every value in its slot") != nullptr) out_.component += ", with values in registers";
  }
}

/// Where nothing is called, another convention only takes other registers; what it keeps for the caller apart.
bool Bisector::convention_matters() const {
  return out_.seen.kind == FindingKind::Breach ||
         std::any_of(out_.operations.begin(), out_.operations.end(), [](const std::string& name) {
           return name.find("call") != std::string::npos || name.find("throw") != std::string::npos;
         });
}

/// What differs least from the failing way comes first.
void Bisector::choose_witness() {
  const BisectTrial* found = nullptr;
  if (!out_.component.empty()) found = cure("without " + out_.component);
  for (const char* name : {"without any rewrite", "at O0", "without choices", "every value", "all registers",
                           "convention", "no processor", ""})
    if (found == nullptr) found = cure(name);
  if (found == nullptr) return;
  out_.has_witness = true;
  out_.witness = found->variant;
}

void Bisector::list_operations() {
  for (const Function& function : program_.module.functions) {
    for (const Inst& inst : function.insts) {
      if (inst.op == Opcode::Const) continue;
      std::string name(info(inst.op).name);
      if (inst.type != Type::None) name += "." + std::string(assay::name_of(inst.type));
      if (inst.from != Type::None) name += "." + std::string(assay::name_of(inst.from));
      if (std::find(out_.operations.begin(), out_.operations.end(), name) == out_.operations.end())
        out_.operations.push_back(std::move(name));
    }
  }
}

/// Of another compiler only its levels can be told apart.
void Bisector::bisect_peer() {
  Variant other = variant_;
  other.level = variant_.level == Level::O2 ? Level::O0 : Level::O2;
  const std::string other_name(name_of(other.level));
  const Seen::State seen = attempt("at " + other_name, other);
  if (variant_.level == Level::O2 && seen == Seen::Fails) out_.level = Level::O0;
  out_.component = peer_version(variant_.exec);
  if (seen == Seen::Agrees) out_.component += " at " + std::string(name_of(variant_.level)) + ", not at " + other_name;
  choose_witness();
}

Bisection Bisector::run() {
  out_.seen = prober_.ask(program_, variant_);
  if (!out_.seen.fails()) return std::move(out_);
  variant_ = throwing_alike(program_, variant_, out_.seen, prober_);
  list_operations();
  out_.level = variant_.level;
  if (is_peer(variant_.exec)) {
    bisect_peer();
    return std::move(out_);
  }
  bool optimiser = false;
  if (variant_.level == Level::O2) {
    Variant quick = variant_;
    quick.level = Level::O0;
    if (attempt("at O0", quick) == Seen::Fails) out_.level = Level::O0;
    optimiser = find_rewrite();
    if (optimiser) leave_out_passes();
    if (out_.rewrite != 0) describe_rewrite(program_, variant_.passes, out_);
    const bool judged = optimiser && program_.entry != kNone && !is_of_positions();
    out_.optimised_is_right =
        out_.seen.kind == FindingKind::Checker || (judged && optimised_is_right(program_, variant_.passes));
  }
  if (!optimiser || out_.optimised_is_right) {
    find_decision();
    eliminate();
    if (options_.other_places) other_places();
    if (out_.decision == 0 && out_.seen.kind != FindingKind::Checker)
      for (const char* name : {"no processor extensions", "convention ", "in "}) doubt(name);
  }
  conclude();
  choose_witness();
  return std::move(out_);
}

} // namespace

Bisection bisect(const Program& program, const Variant& variant, Prober& prober, const BisectOptions& options) {
  return Bisector(program, variant, prober, options).run();
}

std::string to_string(const Bisection& bisection) {
  std::string out = bisection.component;
  if (bisection.optimised_is_right && !bisection.pass.empty()) out += ", brought about by " + bisection.pass;
  if (bisection.rewrite != 0) {
    out += ", rewrite " + std::to_string(bisection.rewrite);
    if (!bisection.pass.empty())
      out += " (" + std::to_string(bisection.rewrite_in_run) + " of run " + std::to_string(bisection.run) + " in @" +
             bisection.function + ")";
  }
  if (bisection.decision != 0)
    out += ", decision " + std::to_string(bisection.decision) + " (" + std::to_string(bisection.decision_in_function) +
           " in @" + bisection.decision_function + ")";
  if (!bisection.rule.empty()) out += ", rule " + bisection.rule;
  if (bisection.rule_line != 0) out += " (" + bisection.rule_file + ":" + std::to_string(bisection.rule_line) + ")";
  return out;
}

} // namespace assay::fuzz
