// sign.cpp - see sign.h. Tested in fuzz/triage/tests/sign_test.cpp.
#include "fuzz/triage/sign.h"

#include "fuzz/check/run_lines.h"
#include "fuzz/reduce/edits.h"
#include "fuzz/triage/suspect.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/test_host.h"

#include <algorithm>
#include <map>
#include <set>

namespace assay::fuzz {
namespace {

/// What the oracle says of the call.
void ask_oracle(const Program& program, Finding& out) {
  oracle::Interpreter oracle;
  qemu::TestHost host;
  Outcome outcome;
  oracle.prepare(program.module);
  oracle.run(program.entry, program.args, program.fuel, host, outcome);
  out.expected = to_string(program.module, outcome);
  out.run_line = write_run_line(program.module, program.entry, program.args, outcome);
}

} // namespace

void explain(Signed& out, const SignOptions& options) {
  Failure& failure = *out.failure;
  Prober prober(options.triage.timeout_ms);
  out.instructions_before = out.instructions = instruction_count(failure.program.module);
  out.bisection = bisect(failure.program, failure.variant, prober);
  std::string suspect;
  if (options.reduce || !names_pass(out.bisection) || names_one_of_several(out.bisection)) {
    ReduceOptions how;
    how.seconds = options.seconds;
    Reduced reduced = reduce_failure(failure, options.triage, how);
    // What comes and goes when it is small is kept as it was.
    if (reduced.failure.reproduced == kTriageReplays) {
      failure = std::move(reduced.failure);
      out.bisection = std::move(reduced.after);
      out.instructions = reduced.reduction.instructions;
      out.reduced = out.instructions < out.instructions_before;
    }
    if (!names_pass(out.bisection) && !names_decision(out.bisection))
      suspect = suspect_of(failure.program, failure.variant, prober, out.bisection.code_is_right);
  }
  out.cause = cause_of(failure, out.bisection, suspect);
}

Signed sign(const Finding& finding, const Module& module, const SignOptions& options) {
  Signed out;
  out.cause = cause_of(finding);
  if (finding.subject.empty() || finding.kind == FindingKind::Invalid) {
    out.why = "it is not of a subject";
    return out;
  }
  if (const SubjectRow* const row = find_subject_row(finding.subject); row != nullptr && row->exec == Exec::Oracle) {
    out.why = "it is the oracle's: assay check shows it";
    return out;
  }
  auto failure = failure_of(finding, module, options.triage);
  if (!failure) {
    out.why = failure.error().message;
  } else if (!*failure) {
    out.state = Signed::Gone;
  } else {
    out.failure = std::move(**failure);
    out.state = out.failure->reproduced == kTriageReplays ? Signed::Fails : Signed::Flaky;
    if (out.state == Signed::Fails) explain(out, options);
  }
  return out;
}

Finding finding_of(const Signed& result, const Finding& from) {
  if (result.state != Signed::Fails) {
    Finding out = from;
    out.cause = to_string(result.cause);
    return out;
  }
  Finding out = finding_of(*result.failure, &from, &result.bisection);
  const Program& program = result.failure->program;
  if (program.entry != kNone && result.failure->seen.run_line.empty()) ask_oracle(program, out);
  out.cause = to_string(result.cause);
  if (result.reduced)
    out.reduced = "from " + std::to_string(result.instructions_before) + " to " + std::to_string(result.instructions) +
                  " instructions";
  return out;
}

namespace {

/// "all-targets-or-oracle" and {"add", "shift"} of "all-targets-or-oracle:add+shift".
std::pair<std::string_view, std::set<std::string_view>> operations_of(std::string_view key) {
  std::pair<std::string_view, std::set<std::string_view>> out;
  const std::size_t colon = std::min(key.rfind(':'), key.size());
  out.first = key.substr(0, colon);
  for (std::size_t at = colon; at < key.size();) {
    const std::size_t end = std::min(key.find('+', at + 1), key.size());
    out.second.insert(key.substr(at + 1, end - at - 1));
    at = end;
  }
  return out;
}

/// The key of the largest other group that has some of the operations of this one, and none beside them: which more a
/// program needs is an accident of it. Empty: there is none.
std::string key_of_fewer(const std::string& key, const std::map<std::string, Group>& groups) {
  const auto [place, all] = operations_of(key);
  if (all.size() < 2) return {};
  const std::pair<const std::string, Group>* found = nullptr;
  for (const auto& other : groups) {
    const auto [other_place, some] = operations_of(other.first);
    const bool fits = other_place == place && !some.empty() && some.size() < all.size() &&
                      std::includes(all.begin(), all.end(), some.begin(), some.end());
    if (fits && (found == nullptr || other.second.members.size() > found->second.members.size())) found = &other;
  }
  return found == nullptr ? std::string() : found->first;
}

} // namespace

std::vector<Group> merge(std::span<const Cause> causes) {
  std::map<std::string, Group> by_key;
  for (u32 i = 0; i < causes.size(); ++i) by_key[group_key(causes[i])].members.push_back(i);
  std::map<std::string, Group> joined;
  for (const auto& [key, group] : by_key) {
    std::string into = key;
    for (std::string fewer = key; !fewer.empty(); fewer = key_of_fewer(fewer, by_key)) into = fewer;
    std::vector<u32>& members = joined[into].members;
    members.insert(members.end(), group.members.begin(), group.members.end());
  }
  std::vector<Group> out;
  for (auto& [key, group] : joined) {
    group.key = key;
    std::sort(group.members.begin(), group.members.end());
    out.push_back(std::move(group));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Group& a, const Group& b) { return a.members.size() > b.members.size(); });
  return out;
}

} // namespace assay::fuzz
