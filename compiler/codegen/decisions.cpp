// decisions.cpp - see decisions.h. Tested in compiler/codegen/tests/decisions_test.cpp.
#include "compiler/codegen/decisions.h"

namespace assay::codegen {
namespace {

constexpr DecisionInfo kDecisionInfos[] = {
#define DECISION(area, name, text, meaning) {text, meaning},
#include "compiler/codegen/decisions.def"
};

} // namespace

std::span<const DecisionInfo> decision_infos() { return kDecisionInfos; }

std::string_view name_of(DecisionArea area) {
  switch (area) {
  case DecisionArea::Selection: return "selection";
  case DecisionArea::Allocation: return "allocation";
  case DecisionArea::Emission: return "emission";
  case DecisionArea::Encoding: return "encoding";
  case DecisionArea::Unwinding: break;
  }
  return "unwinding";
}

/// The one that reaches the limit is taken; none behind it is. Both that one and the first that is not are noted.
bool Decisions::at_limit(Area& area, Decision decision, const char* file, u32 line) {
  const bool taken = area.left == 0;
  if (!taken) area.left = -1; // however often it is asked: never near the end of the numbers
  LastDecision& noted = taken ? area.last : area.first_refused;
  if (noted.number != 0) return taken;
  const std::string_view path(file);
  const std::size_t slash = path.find_last_of("/\\");
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  const u64 number = area.made() + (taken ? 0 : 1);
  noted = {number, decision, number - area.before, function_, name, line};
  return taken;
}

} // namespace assay::codegen
