// reach.cpp - see reach.h. Tested in fuzz/check/tests/reach_test.cpp.
#include "fuzz/check/reach.h"

#include "compiler/codegen/backend.h"
#include "compiler/opt/rules.h"
#include "fuzz/check/subject.h"

#include <algorithm>
#include <type_traits>

namespace assay::fuzz {

static_assert(std::is_trivial_v<Reach> && sizeof(Reach) % sizeof(u8) == 0, "it is added up byte by byte");

namespace {

Reach* reach_now = nullptr;

constexpr Target kReachTargets[] = {Target::X64, Target::A64};
constexpr Level kReachLevels[] = {Level::O0, Level::O2};

/// Locals are values at O2.
bool reaches_selection(Opcode op, Level level) {
  return level == Level::O0 || (op != Opcode::LocalGet && op != Opcode::LocalSet);
}

ReachRow selection_row(const Reach& reach, Target target, Level level) {
  ReachRow out{
      std::string(name_of(target)) + " " + std::string(name_of(level)) + ": operations with their types", 0, 0, {}};
  const u8* const seen = reach.combinations[static_cast<u32>(target)][static_cast<u32>(level)];
  each_combination([&](Opcode op, Type type, Type from) {
    if (!reaches_selection(op, level)) return;
    ++out.all;
    if (seen[GeneratorCounts::combination(op, type, from)] != 0) ++out.reached;
    else out.missing.push_back(combination_name(op, type, from));
  });
  return out;
}

ReachRow instruction_row(const Reach& reach, Target target) {
  ReachRow out{std::string(name_of(target)) + ": the target's own operations", 0, 0, {}};
  const auto name = codegen::lir_names(target).op_name;
  for (u16 op = 0; op < Reach::kMaxInstructions && name(op) != "?"; ++op) {
    ++out.all;
    if (reach.instructions[static_cast<u32>(target)][op] != 0) ++out.reached;
    else out.missing.emplace_back(name(op));
  }
  return out;
}

/// Planted bugs among the rules are none.
ReachRow rule_row(const Reach& reach) {
  ReachRow out{"rules of simplification", 0, 0, {}};
  const auto rules = opt::RuleSet::standard().rules();
  ASSAY_CHECK(rules.size() <= Reach::kMaxRules);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].planted != nullptr) continue;
    ++out.all;
    if (reach.rules[i] != 0) ++out.reached;
    else out.missing.emplace_back(rules[i].name);
  }
  return out;
}

bool any(std::span<const u8> bits) {
  return std::any_of(bits.begin(), bits.end(), [](u8 bit) { return bit != 0; });
}

} // namespace

void Reach::add(const Reach& other) {
  u8* const here = reinterpret_cast<u8*>(this);
  const u8* const there = reinterpret_cast<const u8*>(&other);
  for (std::size_t i = 0; i < sizeof(Reach); ++i) here[i] |= there[i];
}

void want_reach(Reach* where) { reach_now = where; }
bool is_reach_wanted() { return reach_now != nullptr; }

void reach_selected(Target target, Level level, const Function& body) {
  if (reach_now == nullptr) return;
  u8* const seen = reach_now->combinations[static_cast<u32>(target)][static_cast<u32>(level)];
  for (const Inst& inst : body.insts) seen[GeneratorCounts::combination(inst.op, inst.type, inst.from)] = 1;
}

void reach_made(Target target, const codegen::LirFunction& function) {
  if (reach_now == nullptr) return;
  u8* const seen = reach_now->instructions[static_cast<u32>(target)];
  for (const codegen::LirInst& inst : function.insts) {
    ASSAY_CHECK(inst.op < Reach::kMaxInstructions);
    seen[inst.op] = 1;
  }
}

void reach_rules(std::span<const u64> fired) {
  if (reach_now == nullptr) return;
  ASSAY_CHECK(fired.size() <= Reach::kMaxRules);
  for (std::size_t i = 0; i < fired.size(); ++i) reach_now->rules[i] |= fired[i] != 0;
}

std::vector<ReachRow> reach_rows(const Reach& reach) {
  std::vector<ReachRow> out;
  for (const Target target : kReachTargets) {
    if (!any(reach.instructions[static_cast<u32>(target)])) continue;
    for (const Level level : kReachLevels)
      if (any(reach.combinations[static_cast<u32>(target)][static_cast<u32>(level)]))
        out.push_back(selection_row(reach, target, level));
    out.push_back(instruction_row(reach, target));
  }
  if (any(reach.rules)) out.push_back(rule_row(reach));
  return out;
}

} // namespace assay::fuzz
