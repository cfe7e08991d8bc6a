// decisions.h - counts what the back end chose to do and need not have done, and stops it at a limit.
//
// One a Compiler. Instruction selection, allocation, emission, and on its behalf assemblers and writers of unwind
// tables, ask `may` before each choice of decisions.def, each area with a count and a limit of its own; beyond the
// limit the answer is no, and they take the plain way. So any limits give a right program, and who halves over one
// finds the choice that makes a program wrong (fuzz/bisect). A question costs a subtraction and a branch that is always
// the same; which choice it is, and where it is asked, is looked at only at the limit. Tested in
// compiler/codegen/tests/decisions_test.cpp.
#pragma once

#include "assay/types.h"

#include <limits>
#include <span>
#include <string_view>

namespace assay::codegen {

enum class Decision : u8 {
#define DECISION(area, name, text, meaning) name,
#include "compiler/codegen/decisions.def"
};
enum class DecisionArea : u8 { Selection, Allocation, Emission, Encoding, Unwinding };
inline constexpr u32 kDecisionAreas = 5;
inline constexpr DecisionArea kAreaOf[] = {
#define DECISION(area, name, text, meaning) DecisionArea::area,
#include "compiler/codegen/decisions.def"
};

struct DecisionInfo {
  std::string_view name, meaning;
};
std::span<const DecisionInfo> decision_infos();
inline const DecisionInfo& decision_info(Decision decision) {
  return decision_infos()[static_cast<std::size_t>(decision)];
}
std::string_view name_of(DecisionArea area); // "selection", "allocation", "emission", "encoding", "unwinding"

/// The decision that reached its area's limit.
struct LastDecision {
  u64 number = 0; // in the module, among those of its area, from 1; 0: the limit was not reached, or is 0
  Decision decision = {};
  u64 in_function = 0; // the same in its function, from 1
  FunctionId function = kNone;
  std::string_view file; // where it is asked for, "lower_int.cpp"
  u32 line = 0;
};

class Decisions {
public:
  Decisions() {
    constexpr u64 kAll[kDecisionAreas] = {kMost, kMost, kMost, kMost, kMost};
    begin(kAll);
  }
  /// Starts a module.
  void begin(std::span<const u64, kDecisionAreas> limits) {
    for (u32 i = 0; i < kDecisionAreas; ++i) {
      areas_[i] = {};
      areas_[i].limit = areas_[i].left = static_cast<i64>(limits[i] < kMost ? limits[i] : kMost);
    }
    enter(kNone);
  }
  /// The decisions that follow are about this function.
  void enter(FunctionId function) {
    function_ = function;
    for (Area& area : areas_) area.before = area.made();
  }
  /// Whether it may be taken. The place is the caller's.
  bool may(Decision decision, const char* file = __builtin_FILE(), u32 line = __builtin_LINE()) {
    Area& area = areas_[static_cast<u32>(kAreaOf[static_cast<u32>(decision)])];
    if (--area.left > 0) [[likely]]
      return true;
    return at_limit(area, decision, file, line);
  }
  bool is_limited(DecisionArea area) const { return areas_[static_cast<u32>(area)].limit != static_cast<i64>(kMost); }
  /// Taken since `begin`.
  u64 made(DecisionArea area) const { return areas_[static_cast<u32>(area)].made(); }
  const LastDecision& last(DecisionArea area) const { return areas_[static_cast<u32>(area)].last; }
  /// The first that was not taken, which comes next behind the limit; number 0: there was none.
  const LastDecision& first_refused(DecisionArea area) const { return areas_[static_cast<u32>(area)].first_refused; }

private:
  static constexpr u64 kMost = static_cast<u64>(std::numeric_limits<i64>::max());
  struct Area {
    i64 left = 0, limit = 0;
    u64 before = 0; // taken before the function
    LastDecision last, first_refused;
    u64 made() const { return static_cast<u64>(limit - (left > 0 ? left : 0)); }
  };
  bool at_limit(Area& area, Decision decision, const char* file, u32 line);

  Area areas_[kDecisionAreas];
  FunctionId function_ = kNone;
};

} // namespace assay::codegen
