// feature_switches.cpp - see feature_switches.h. Tested in fuzz/campaign/tests/program_source_test.cpp.
#include "fuzz/campaign/feature_switches.h"

namespace assay::fuzz {
namespace {

constexpr Chance kNever{0, 1};

constexpr FeatureSwitch kSwitches[] = {
    {"mutators", [](SourceOptions& o) { o.mutants = false; }, "programs are generated only"},
    {"variants", [](SourceOptions& o) { o.variants = false; }, "no program is said otherwise"},
    {"exceptions", [](SourceOptions& o) { o.generator.exceptions = o.generator.throwing_import = kNever; },
     "nothing throws or catches"},
    {"pressure",
     [](SourceOptions& o) {
       o.generator.statements.pressure = 0;
       o.generator.many_params = o.generator.many_results = kNever;
     },
     "never many values at once, as parameters neither"},
    {"loops",
     [](SourceOptions& o) {
       o.generator.statements.loop = o.generator.statements.irreducible = 0;
       o.generator.sure_loop = kNever;
     },
     "no loop and no irreducible region is generated"},
    {"idioms", [](SourceOptions& o) { o.generator.statements.idiom = o.generator.statements.repeat = 0; },
     "no shape that compilers match, nothing said twice"},
};

} // namespace

std::span<const FeatureSwitch> feature_switches() { return kSwitches; }

bool leave_out(std::string_view feature, SourceOptions& options) {
  for (const FeatureSwitch& one : kSwitches) {
    if (one.name != feature) continue;
    one.leave_out(options);
    return true;
  }
  return false;
}

} // namespace assay::fuzz
