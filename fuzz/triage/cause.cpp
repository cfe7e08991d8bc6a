// cause.cpp - see cause.h. Tested in fuzz/triage/tests/cause_test.cpp.
#include "fuzz/triage/cause.h"

#include "compiler/opt/pipeline.h"

#include <array>

namespace assay::fuzz {
namespace {

constexpr std::string_view kUnknown = "unknown";
constexpr std::string_view kFolding = "constant folding";

std::string word_or(std::string_view text, std::string_view otherwise) {
  std::string out = as_word(text);
  return out.empty() ? std::string(otherwise) : out;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

/// The operation on the first line of `before` that `after` has otherwise: what was folded. "sext".
std::string rewritten_operation(std::string_view before, std::string_view after) {
  while (!before.empty()) {
    const std::string_view line = take_line(before);
    if (line == take_line(after)) continue;
    const std::size_t equals = line.find(" = ");
    if (equals == std::string_view::npos) return {};
    const std::string_view rest = line.substr(equals + 3);
    return std::string(rest.substr(0, rest.find_first_of(". (")));
  }
  return {};
}

/// What rests on one finding of an analysis: which of its uses a program shows first, is an accident.
struct Fact {
  std::string_view use, of;
};
constexpr Fact kFacts[] = {
    {"sccp/parameter", "sccp/constants"}, // opt/sccp.h: its lattice
    {"sccp/parameter_past_way", "sccp/constants"},
    {"sccp/operation", "sccp/constants"},
    {"thread/past_branch", "thread/decided"}, // opt/thread.h: which way a value is known to take
    {"thread/past_switch", "thread/decided"},
    {"thread/with_effects", "thread/decided"},
    {"inline/own_body", "inline/body"}, // opt/inline.h: one copies the body, whoever calls it
    {"inline/body_in_body", "inline/body"},
    {"bounds/extension", "bounds/ranges"}, // opt/bounds.h: the interval that each value is in
    {"bounds/inside", "bounds/ranges"},
    {"choose/select_of_work", "choose/select"},        // opt/choose.h: which way each select stands for
    {"/selection/clean_extended", "/selection/clean"}, // codegen: which i32 have zeros above them
    {"/selection/clean_address", "/selection/clean"},
    {"/emission/branch_short", "/emission/places"}, // codegen: where each instruction comes to lie
    {"/emission/loop_aligned", "/emission/places"},
    {":overwritten-by", ":one-register-for-two"}, // allocation: what lives at the same time
    {":may-not-share", ":one-register-for-two"},
};

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// Passes that let an operation run where it did not: each asks one question about all that may trap.
bool runs_early(std::string_view pass) {
  return pass == opt::pass_info(opt::PassId::Licm).name || pass == opt::pass_info(opt::PassId::Choose).name;
}

std::string culprit_in_pass(const Bisection& b) {
  std::string out = as_word(b.component);
  if (b.component != b.pass || b.rule.empty()) return out; // found by leaving it out, not by its rewrite
  // What all passes fold constants with; whichever asked.
  if (!b.wrongly_folded.empty()) return as_word(kFolding) + ":" + as_word(b.wrongly_folded);
  if (b.runs_trap && runs_early(b.pass)) return out + "/runs_trap";
  out += "/" + as_word(b.rule);
  if (b.rule != kFolding) return out;
  const std::string operation = rewritten_operation(b.before, b.after);
  return operation.empty() ? out : out + ":" + as_word(operation);
}

/// What the checker of allocations complains of, without places: "lost-over", "may-not-share", "an-edit-stands-before".
/// Of a value that is not where it is used, how it was lost (oracle/alloc/checker_words.cpp).
std::string complaint_of(std::string_view what) {
  constexpr u32 kWords = 4;
  const std::size_t missing = what.find(" is not there: ");
  if (missing != std::string_view::npos) {
    const std::size_t holds = what.find('}', missing);
    what.remove_prefix(holds == std::string_view::npos || holds + 3 > what.size() ? missing + 1 : holds + 3);
  } else if (const std::size_t inst = what.find(", inst "); inst != std::string_view::npos) {
    what.remove_prefix(std::min(what.find(": ", inst) + 2, what.size()));
    if (const std::size_t operand = what.find(") "); operand != std::string_view::npos) what.remove_prefix(operand + 2);
  }
  std::string out;
  for (u32 i = 0; i < kWords && !what.empty(); ++i) {
    const std::size_t end = std::min(what.find(' '), what.size());
    const std::string_view word = what.substr(0, end);
    if (word == "inst" || word.find_first_of("0123456789(,") != std::string_view::npos) break;
    out += (out.empty() ? "" : "-") + as_word(word);
    what.remove_prefix(std::min(end + 1, what.size()));
  }
  return out;
}

/// Which handler an exception finds: a convention decides what is on the stack meanwhile, and nothing of that.
bool is_of_lookup(std::string_view suspect) {
  constexpr std::string_view kWord = "exceptions:";
  if (suspect.substr(0, kWord.size()) != kWord) return false;
  suspect.remove_prefix(kWord.size());
  return suspect != "payload" && suspect != "kept-values" && suspect != "thrown" && suspect != "rethrown";
}

/// "x64 code, with values in registers" is "x64/code": in which registers is an accident of the program.
std::string culprit_in_back_end(const Bisection& b, const Variant& variant, std::string_view suspect) {
  const std::string target(assay::name_of(variant.target));
  std::string out;
  if (b.seen.kind == FindingKind::Checker) {
    // Which choice put a value at risk is an accident of the program. Each level has an allocator of its own.
    const std::string complaint = complaint_of(b.seen.what);
    if (complaint.rfind("kept-by-", 0) == 0) return target + "/lowering:" + complaint; // as allocators were told
    out = target + "/register-allocation:" + std::string(name_of(b.level));
    return complaint.empty() ? out : out + ":" + complaint;
  }
  if (b.decision != 0) {
    out = target + "/" + b.area + "/" + as_word(b.rule);
    return b.area == "allocation" ? out + ":" + std::string(name_of(b.level)) : out;
  }
  if (b.component.rfind(target + " code", 0) == 0) out = target + "/code";
  else if (b.component.rfind("convention ", 0) == 0 && is_of_lookup(suspect)) out = target + "/code";
  else if (b.component.rfind("convention ", 0) == 0 || b.component == "processor extensions")
    out = target + "/" + as_word(b.component);
  else if (b.component.rfind("all targets", 0) == 0) out = "all-targets-or-oracle";
  else out = target + "/" + word_or(b.component, kUnknown); // "unicorn-agrees,native-does-not"
  return suspect.empty() ? out : out + ":" + as_word(suspect);
}

} // namespace

std::string as_word(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("_./:,+").find(c) != std::string_view::npos;
    if (kept) out += c;
    else if (!out.empty() && out.back() != '-' && out.back() != ',' && out.back() != ':') out += '-';
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

std::string to_string(const Cause& cause) {
  return std::string(name_of(cause.kind)) + " " + cause.target + " " + cause.level + " " + cause.observable + " " +
         cause.culprit;
}

std::optional<Cause> parse_cause(std::string_view line, std::string& expected, u32& word) {
  std::array<std::string, 5> words;
  for (word = 0; word < words.size(); ++word) {
    const std::size_t end = std::min(line.find(' '), line.size());
    words[word] = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    if (!words[word].empty() && as_word(words[word]) == words[word]) continue;
    static constexpr const char* kNames[] = {"a kind of finding", "a target", "a level", "an observable", "a culprit"};
    expected = std::string("expected ") + kNames[word];
    return std::nullopt;
  }
  Cause out;
  word = 0;
  expected = "expected a kind of finding, such as 'miscompile'";
  if (!finding_kind_from_name(words[0], out.kind)) return std::nullopt;
  word = 2;
  expected = "expected a level: O0, O2 or any";
  if (words[2] != "O0" && words[2] != "O2" && words[2] != "any") return std::nullopt;
  word = 5;
  expected = "expected the end of the line";
  if (!line.empty()) return std::nullopt;
  expected.clear();
  out.target = std::move(words[1]);
  out.level = std::move(words[2]);
  out.observable = std::move(words[3]);
  out.culprit = std::move(words[4]);
  return out;
}

std::string group_key(const Cause& cause) {
  const bool named = cause.culprit.find_first_of("/:") != std::string::npos;
  opt::PassId pass{};
  if (!named && !opt::pass_from_name(cause.culprit, pass)) return to_string(cause);
  for (const Fact& fact : kFacts)
    if (ends_with(cause.culprit, fact.use))
      return cause.culprit.substr(0, cause.culprit.size() - fact.use.size()) + std::string(fact.of);
  return cause.culprit;
}

Cause cause_of(const Finding& finding) {
  std::string ignored;
  u32 word = 0;
  if (auto given = parse_cause(finding.cause, ignored, word)) return *given;
  Cause out;
  out.kind = finding.kind;
  out.target = out.level = "any";
  if (const SubjectRow* const row = find_subject_row(finding.subject); row != nullptr) {
    out.target = is_peer(row->exec) ? name_of(row->exec) : assay::name_of(row->target);
    out.level = name_of(row->level);
  }
  out.observable = observable(finding.difference);
  out.culprit = kUnknown;
  return out;
}

bool names_decision(const Bisection& bisection) { return bisection.decision != 0; }

bool names_pass(const Bisection& bisection) {
  opt::PassId pass{};
  return !bisection.optimised_is_right && opt::pass_from_name(bisection.component, pass);
}

bool names_one_of_several(const Bisection& bisection) {
  opt::PassId pass{};
  if (!names_pass(bisection) || !opt::pass_from_name(bisection.component, pass)) return false;
  switch (pass) {
  case opt::PassId::Inline:
  case opt::PassId::Tail:
  case opt::PassId::Sccp:
  case opt::PassId::Choose:
  case opt::PassId::Thread: return true;
  default: return false;
  }
}

Cause cause_of(const Failure& failure, const Bisection& bisection, std::string_view suspect) {
  Cause out;
  out.kind = failure.seen.kind;
  const bool peer = is_peer(failure.variant.exec);
  out.target = peer ? name_of(failure.variant.exec) : assay::name_of(failure.variant.target);
  out.level = name_of(bisection.level);
  out.observable = word_or(failure.seen.observable.empty() ? failure.seen.what : failure.seen.observable, "other");
  if (bisection.component.empty()) out.culprit = kUnknown;
  else if (names_pass(bisection)) out.culprit = culprit_in_pass(bisection);
  else if (peer) out.culprit = word_or(bisection.component, kUnknown) + (suspect.empty() ? "" : ":" + as_word(suspect));
  else out.culprit = culprit_in_back_end(bisection, failure.variant, suspect);
  return out;
}

} // namespace assay::fuzz
