// meaning.cpp - see meaning.h. Tested in oracle/unwind/tests/meaning_test.cpp.
#include "oracle/unwind/meaning.h"

namespace assay::oracle {

namespace {

bool same_place(Place a, Place b) { return a.base == b.base && a.offset == b.offset; }

} // namespace

bool same_rule(const FrameRule& a, const FrameRule& b) {
  if (!same_place(a.caller_sp, b.caller_sp) || a.return_in != b.return_in || a.return_signed != b.return_signed)
    return false;
  if (a.return_in == kNoRegister && !same_place(a.return_at, b.return_at)) return false;
  if (a.saved_count != b.saved_count) return false;
  for (u32 i = 0; i < a.saved_count; ++i) { // no register is listed twice
    const SavedRegister* other = b.find(a.saved[i].reg);
    if (other == nullptr || other->bytes != a.saved[i].bytes) return false;
    if (other->bytes != 0 && !same_place(other->at, a.saved[i].at)) return false;
  }
  return true;
}

Meaning::Meaning(const UnwindTables& tables, std::span<const u64> pcs, std::span<const u64> returns) {
  said_.reserve(pcs.size() + returns.size());
  const auto ask = [&](u64 pc, bool is_return) {
    Said said{pc, is_return, false, {}};
    said.known = tables.rule_at(pc, is_return, said.rule).ok();
    said_.push_back(said);
  };
  for (const u64 pc : pcs) ask(pc, false);
  for (const u64 pc : returns) ask(pc, true);
}

u64 Meaning::first_difference(const UnwindTables& other, const SameCaller& same) const {
  FrameRule rule;
  for (const Said& said : said_) {
    const bool known = other.rule_at(said.pc, said.is_return, rule).ok();
    if (known != said.known) return said.pc;
    if (!known || same_rule(rule, said.rule)) continue;
    if (!same || !same(said.pc, said.is_return, said.rule, rule)) return said.pc;
  }
  return 0;
}

} // namespace assay::oracle
