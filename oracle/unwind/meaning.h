// meaning.h - whether two tables mean the same: the same rule at every instruction and for every return address.
//
// What proves that a changed bit of a table has no meaning. Rules are compared as they are decoded, by place, not by
// what a run finds there; who knows that two places hold the same says so. Cost: two decodings an instruction, up to
// the first difference. Tested in oracle/unwind/tests/meaning_test.cpp.
#pragma once

#include "oracle/unwind/unwind.h"

#include <functional>

namespace assay::oracle {

/// The same caller, found in the same places; in which order registers are listed does not matter.
bool same_rule(const FrameRule& a, const FrameRule& b);

/// What tables say at addresses of code.
class Meaning {
public:
  /// Decodes the rules at each of `pcs`, where an instruction runs next, and of `returns`, where calls may return to.
  Meaning(const UnwindTables& tables, std::span<const u64> pcs, std::span<const u64> returns);

  /// Two rules that differ, at an instruction that runs next, or one that a call returns to: whether they find the same
  /// caller there.
  using SameCaller = std::function<bool(u64 pc, bool is_return, const FrameRule& a, const FrameRule& b)>;

  /// The first address where `other` says something else that `same` (may be null) does not know to be the same; 0:
  /// nowhere. Two Errors are the same.
  u64 first_difference(const UnwindTables& other, const SameCaller& same = nullptr) const;

private:
  struct Said {
    u64 pc = 0;
    bool is_return = false;
    bool known = false; // else an Error
    FrameRule rule;
  };
  std::vector<Said> said_;
};

} // namespace assay::oracle
