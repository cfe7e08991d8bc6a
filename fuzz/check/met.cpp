// met.cpp - see met.h. Tested in fuzz/check/tests/met_test.cpp.
#include "fuzz/check/met.h"

#include <bit>

namespace assay::fuzz {

namespace {

u8* met_counters = nullptr;

enum class Met : u8 { Operation, Instruction, Edit, Slots, Rule, Run };

/// What is counted is told apart by a few numbers below 2^24.
void met(Met what, u64 a, u64 b = 0, u64 c = 0) {
  u64 bits = (static_cast<u64>(what) << 56 ^ a << 40 ^ b << 20 ^ c) + 0x9e3779b97f4a7c15u;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
  u8& counter = met_counters[(bits ^ bits >> 31) % kMetCount];
  if (counter != 255) ++counter;
}

/// What a place is: register, slot.
u32 kind_of(codegen::Location at) { return at.is_reg() ? 1 : 2; }

} // namespace

void want_met(u8* counters) { met_counters = counters; }
bool is_met_wanted() { return met_counters != nullptr; }

void note_optimised(const Function& body) {
  if (met_counters == nullptr) return;
  for (const Inst& inst : body.insts)
    met(Met::Operation, static_cast<u64>(inst.op), static_cast<u64>(inst.type), static_cast<u64>(inst.from));
}

void note_compiled(Target target, const codegen::LirFunction& function, const codegen::Allocation& allocation) {
  if (met_counters == nullptr) return;
  const u64 on = static_cast<u64>(target);
  for (const codegen::LirInst& inst : function.insts) met(Met::Instruction, on << 12 | inst.op, inst.flags, inst.size);
  for (const codegen::Edit& edit : allocation.edits)
    met(Met::Edit, on, static_cast<u64>(edit.reg_class), kind_of(edit.from) * 4u + kind_of(edit.to));
  met(Met::Slots, on, static_cast<u64>(std::bit_width(allocation.slot_count)), allocation.cycle_slot != kNone ? 1 : 0);
}

void note_rules(std::span<const u64> fired, std::vector<u64>& before) {
  if (met_counters == nullptr) return;
  before.resize(fired.size());
  for (std::size_t i = 0; i < fired.size(); ++i) {
    if (fired[i] != before[i]) met(Met::Rule, i);
    before[i] = fired[i];
  }
}

void note_run(const SubjectRow& row, const Outcome& outcome) {
  if (met_counters == nullptr) return;
  const bool trapped = outcome.kind == OutcomeKind::Trapped;
  met(Met::Run, static_cast<u64>(row.exec) << 8 | static_cast<u64>(row.target), static_cast<u64>(row.level),
      static_cast<u64>(outcome.kind) << 8 | (trapped ? static_cast<u64>(outcome.trap) + 1 : 0));
}

} // namespace assay::fuzz
