// attribution.cpp - see attribution.h.
//
// Bytes are the same in two places only when compiled for what both can do: extensions that the emulator and this
// machine share, and the host convention of a real process. Where the difference does not show in such code, its own
// bytes are tried in the one place that runs them. Tested in fuzz/check/tests/attribution_test.cpp.
#include "fuzz/check/attribution.h"

#include "fuzz/check/settings.h"
#include "fuzz/check/subject_kinds.h"
#include "fuzz/subjects/peer_subject.h"
#include "qemu/unicorn/unicorn_executor.h"

#include <algorithm>
#include <optional>

namespace assay::fuzz {
namespace {

constexpr Exec kPlaces[] = {Exec::Native, Exec::Qemu, Exec::Unicorn};
constexpr Target kTargets[] = {Target::X64, Target::A64};

/// What code may use that runs alike in every place of its target.
CpuFeatures common_features(CpuFeatures wanted, Target target) {
  const CpuFeatures emulated = qemu::emulated_features(target);
  wanted.sse41 = wanted.sse41 && emulated.sse41;
  wanted.popcnt = wanted.popcnt && emulated.popcnt;
  wanted.lzcnt = wanted.lzcnt && emulated.lzcnt;
  wanted.bmi1 = wanted.bmi1 && emulated.bmi1;
  wanted.fma = wanted.fma && emulated.fma;
  return wanted;
}

u32 count(std::span<const Trial> trials, Target target, Verdict verdict) {
  return static_cast<u32>(std::count_if(trials.begin(), trials.end(), [&](const Trial& trial) {
    return trial.target == target && trial.verdict == verdict;
  }));
}

} // namespace

std::string culprit_of(Target failing, std::span<const Trial> trials) {
  const u32 differ = count(trials, failing, Verdict::Differs), agree = count(trials, failing, Verdict::Agrees);
  if (differ == 1 && agree != 0) {
    const auto odd = std::find_if(trials.begin(), trials.end(), [&](const Trial& trial) {
      return trial.target == failing && trial.verdict == Verdict::Differs;
    });
    return (odd->place == Exec::Native ? "machine: " : "emulator: ") + std::string(name_of(odd->place));
  }
  bool others_differ = false, others_agree = false;
  for (const Target target : kTargets) {
    if (target == failing) continue;
    others_differ |= count(trials, target, Verdict::Differs) != 0;
    others_agree |= count(trials, target, Verdict::Agrees) != 0;
  }
  if (agree == 0 && differ != 0 && others_differ && !others_agree) return "oracle or all targets";
  return std::string(assay::name_of(failing));
}

std::string to_string(std::span<const Trial> trials) {
  std::string out;
  for (const Target target : kTargets) {
    for (const Verdict verdict : {Verdict::Differs, Verdict::Agrees}) {
      std::string places;
      for (const Trial& trial : trials) {
        if (trial.target == target && trial.verdict == verdict)
          places += (places.empty() ? "" : ", ") + std::string(name_of(trial.place));
      }
      if (places.empty()) continue;
      out += (out.empty() ? "" : "; ") + std::string(assay::name_of(target));
      out += (verdict == Verdict::Differs ? " differs in " : " agrees in ") + places;
    }
  }
  return out;
}

struct Attributor::Impl {
  struct Call {
    const Module& module;
    FunctionId entry = kNone; // kNone: the compile itself failed
    std::span<const u64> args;
    u64 fuel = 0;
    const Outcome& expected;
  };

  Executor* executor(Exec place);
  std::optional<Verdict> attempt(const Call& call, const CompileOptions& options, Exec place);
  std::vector<Trial> own_trials(const Call& call, const SubjectRow& row);

  std::array<std::optional<Result<std::unique_ptr<Executor>>>, 4> executors; // [Exec]
  qemu::TestHost host;
  CodeObject object;
  Outcome actual;
};

Executor* Attributor::Impl::executor(Exec place) {
  auto& made = executors[static_cast<u32>(place)];
  if (!made) made.emplace(make_executor(place));
  return made->ok() ? made->value().get() : nullptr;
}

/// Nothing when the code cannot be made or run there, or the comparison says nothing.
std::optional<Verdict> Attributor::Impl::attempt(const Call& call, const CompileOptions& options, Exec place) {
  Executor* const runner = executor(place);
  if (runner == nullptr || !runner->can(options.target, options.os)) return std::nullopt;
  const Result<void> compiled = Compiler(options).compile(call.module, object);
  if (!compiled && compiled.error().kind == ErrorKind::Unsupported) return std::nullopt;
  if (!compiled || call.entry == kNone) return compiled ? Verdict::Agrees : Verdict::Differs;
  if (!runner->load(call.module, object)) return std::nullopt;
  runner->run(call.entry, call.args, call.fuel, host, actual);
  runner->unload();
  switch (compare(call.module, call.expected, actual)) {
  case Agreement::Agree: return Verdict::Agrees;
  case Agreement::Differ: return Verdict::Differs;
  case Agreement::Unknown: break;
  }
  return std::nullopt;
}

/// The failing target, in every place with the same bytes if that shows the difference.
std::vector<Trial> Attributor::Impl::own_trials(const Call& call, const SubjectRow& row) {
  std::vector<Trial> trials;
  const Settings settings = settings_for(row, call.module, {});
  CompileOptions options = compile_options(settings, call.module, call.entry);
  options.features = common_features(options.features, row.target);
  options.host_os = row.target == Target::X64 ? host_os() : Os::Linux;
  const std::optional<Verdict> here = attempt(call, options, row.exec);
  if (here != Verdict::Differs) {
    options = compile_options(settings, call.module, call.entry);
    if (const auto verdict = attempt(call, options, row.exec)) trials.push_back({row.target, row.exec, *verdict});
    return trials;
  }
  for (const Exec place : kPlaces) {
    const auto verdict = place == row.exec ? here : attempt(call, options, place);
    if (verdict) trials.push_back({row.target, place, *verdict});
  }
  return trials;
}

Attributor::Attributor() : impl_(std::make_unique<Impl>()) {}
Attributor::~Attributor() = default;

Attribution Attributor::attribute(const SubjectRow& row, const Module& module, const Cases& cases,
                                  const Difference& difference, const Outcome& expected) {
  if (difference.kind == FindingKind::Checker) return {std::string(assay::name_of(row.target)), {}};
  const bool ran = difference.case_index != kNone;
  const u32 index = difference.case_index;
  const Impl::Call call{module, ran ? cases.entry(index) : kNone, ran ? cases.args(index) : std::span<const u64>(),
                        ran ? cases.fuel(index) : 0, expected};
  const bool peer = is_peer(row.exec);
  std::vector<Trial> trials;
  if (!peer) trials = impl_->own_trials(call, row);
  for (const Target target : kTargets) {
    if (target == row.target && !peer) continue;
    CompileOptions options;
    options.target = target;
    options.os = options.host_os = Os::Linux;
    for (const Exec place : kPlaces) {
      const auto verdict = impl_->attempt(call, options, place);
      if (!verdict) continue;
      trials.push_back({target, place, *verdict});
      break;
    }
  }
  if (!peer) return {culprit_of(row.target, trials), to_string(trials)};
  const bool right =
      std::any_of(trials.begin(), trials.end(), [](const Trial& t) { return t.verdict == Verdict::Agrees; });
  if (!right && !trials.empty()) return {"oracle or all compilers", to_string(trials)};
  return {peer_version(row.exec) + " as " + std::string(row.name), to_string(trials)};
}

Attribution attribute(Attributor& attributor, const Module& module, const Cases& cases, const Checker& checker) {
  const Difference& difference = checker.difference();
  const SubjectRow* row = find_subject_row(checker.subjects()[difference.subject].name);
  if (row == nullptr || row->exec == Exec::Oracle) return {};
  static const Outcome kNothing;
  const bool ran = difference.case_index != kNone;
  return attributor.attribute(*row, module, cases, difference,
                              ran ? checker.expected(difference.case_index) : kNothing);
}

} // namespace assay::fuzz
