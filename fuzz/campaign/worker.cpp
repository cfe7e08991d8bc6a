// worker.cpp - see worker.h.
//
// A difference becomes a finding when the program, read back from its own text, shows it three times out of three; what
// does not is counted and told, never silently dropped. Of one kind, subject and observable only the first few
// are kept as files, so that one compiler bug does not fill a disk. Tested in fuzz/campaign/tests/campaign_test.cpp.
#include "fuzz/campaign/worker.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "fuzz/campaign/book.h"
#include "fuzz/campaign/stopwatch.h"
#include "fuzz/check/run_lines.h"
#include "fuzz/metamorph/metamorph.h"
#include "fuzz/os/limits.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

namespace assay::fuzz {
namespace {

constexpr u32 kReplays = 3;
constexpr u32 kAttempts = 3; // to check a program whose differences do not come again
constexpr auto kRelaxed = std::memory_order_relaxed;

/// How often of kReplays the finding shows again in the program read back from text.
u32 reproduce(const Finding& finding, Checker& checker) {
  const auto module = parse_and_verify(finding.program, "<finding>");
  if (!module) return 0;
  u32 shown = 0;
  for (u32 i = 0; i < kReplays; ++i) {
    const Result<bool> again = replay(finding, *module, checker);
    shown += again.ok() && *again;
  }
  return shown;
}

/// Posts one message, waiting while the parent has not taken the last ones. A parent that dies takes this process
/// with it.
template <typename Queue, typename Value> void push(WorkerContext& context, Queue& queue, const Value& value) {
  while (!queue.push(value)) {
    if (context.on_batch) context.on_batch();
    else sleep_ms(2);
    context.state.beat.fetch_add(1, kRelaxed);
  }
}

/// Writes the finding; on a full disk again and again, as long as the campaign is patient.
Result<std::string> write_patiently(WorkerContext& context, const Finding& finding) {
  Stopwatch watch(context.options.clock);
  for (u32 wait_ms = 50;; wait_ms = std::min(wait_ms * 2, 2000u)) {
    auto path = write_finding(finding, context.options.findings);
    if (path || watch.look() >= context.options.write_patience || context.should_stop()) return path;
    if (wait_ms == 50)
      std::fprintf(stderr, "\n%s; worker %u waits until it can be\n", path.error().to_string().c_str(), context.number);
    for (u32 waited = 0; waited < wait_ms && !context.should_stop(); waited += 50) sleep_ms(50);
    context.state.beat.fetch_add(1, kRelaxed); // this is no hang
    watch.look();
  }
}

void copy_text(const std::string& text, std::span<char> out) {
  const std::size_t length = std::min(text.size(), out.size() - 1);
  std::memcpy(out.data(), text.data(), length);
  out[length] = '\0';
}

void keep(WorkerContext& context, const Finding& finding) {
  const u64 total = context.shared.finding_total.fetch_add(1, kRelaxed) + 1;
  if (context.options.max_findings != 0 && total >= context.options.max_findings)
    context.shared.stop.store(1, kRelaxed);
  const std::string name = signature(finding);
  Occurrence occurrence;
  occurrence.index = context.state.index.load(kRelaxed);
  copy_text(group_of(name), occurrence.group);
  if (context.kept[group_of(name)]++ >= context.options.kept_per_kind) {
    context.state.similar.fetch_add(1, kRelaxed);
    push(context, context.state.occurrences, occurrence);
    return;
  }
  const Result<std::string> path = write_patiently(context, finding);
  if (!path) {
    context.shared.write_failed.store(1);
    context.unwritten = context.options.write_patience != 0;
    const std::string text = to_text(finding, "FILE");
    std::fprintf(stderr, "%s\nthe finding, so that it is not lost:\n%s\n", path.error().to_string().c_str(),
                 text.c_str());
    return;
  }
  copy_text(name, occurrence.signature);
  push(context, context.state.occurrences, occurrence);
  context.state.findings.fetch_add(1, kRelaxed);
  if (context.options.print_findings) print_finding(finding, *path);
  append_event(context.options.events, finding_event(finding, *path));
}

/// The generator's promise, judged in builds that verify.
bool valid([[maybe_unused]] const Module& module, [[maybe_unused]] std::string& why) {
#ifdef ASSAY_VERIFY
  const Result<void> verified = verify(module, "<program>");
  if (!verified) why = verified.error().to_string();
  return verified.ok();
#else
  return true;
#endif
}

void keep_invalid(WorkerContext& context, const Module& module, const std::string& origin, const std::string& why) {
  Finding finding;
  finding.kind = FindingKind::Invalid;
  finding.seed = context.options.source.seed;
  finding.program_index = context.state.index.load(kRelaxed);
  finding.origin = origin;
  finding.difference = "verifier: " + why;
  finding.culprit = "generator";
  finding.tool = tool_version();
  finding.sizes = sizes_of(module);
  finding.program = to_text(module);
  keep(context, finding);
}

} // namespace

/// Of a difference just found: true when it is a finding. Else what was not compared because of it is still to be.
bool WorkerContext::judge(const Module& module, const Cases& cases, const std::string& origin) {
  Finding finding = make_finding(module, cases, checker, &attributor);
  finding.seed = options.source.seed;
  finding.program_index = state.index.load(kRelaxed);
  finding.origin = origin;
  finding.replays = kReplays;
  finding.reproduced = reproduce(finding, checker);
  published = checker.counts(); // replays are not part of the campaign's counts
  if (finding.reproduced == kReplays) {
    keep(*this, finding);
    return true;
  }
  state.unreproduced.fetch_add(1, kRelaxed);
  std::fprintf(stderr, "\nnot reproduced (%u of %u): program %llu of seed %llu on %s: %s\n", finding.reproduced,
               kReplays, static_cast<unsigned long long>(finding.program_index),
               static_cast<unsigned long long>(finding.seed), finding.subject.c_str(), finding.difference.c_str());
  return false;
}

bool WorkerContext::take(u64& index) {
  Lease& lease = state.lease;
  if (unwritten) return false;
  if (busy) lease.done.fetch_add(1, kRelaxed);
  busy = false;
  if (lease.done.load(kRelaxed) >= lease.end.load(kRelaxed)) {
    post();
    if (on_batch) on_batch();
    if (should_stop() || !take_lease(shared, lease)) return false;
  }
  if (should_stop()) return false;
  index = lease.done.load(kRelaxed);
  state.index.store(index, kRelaxed);
  busy = true;
  return true;
}

void WorkerContext::post() {
  Lease& lease = state.lease;
  BatchRecord record;
  record.range = {lease.begin.load(kRelaxed), std::min(lease.done.load(kRelaxed), lease.end.load(kRelaxed))};
  if (record.range.begin >= record.range.end) return;
  publish_skips(checker.skips(), published_skips, state);
  record.now = counters_of(state);
  push(*this, state.batches, record);
  lease.begin.store(record.range.end, kRelaxed);
}

void WorkerContext::finish() {
  if (busy && !unwritten) state.lease.done.fetch_add(1, kRelaxed);
  busy = false;
  if (unwritten) shared.stop.store(1, kRelaxed);
  post();
}

/// What the oracle says of a program, and of the one that it says otherwise; both have been checked to be the same on
/// all subjects. Where they differ the oracle or fuzz/metamorph is wrong: the finding has the program with what the
/// other one does as its check line, which `assay check` asks the oracle for.
void WorkerContext::compare(const Module& original, const Module& module, const Cases& cases,
                            const std::string& origin) {
  state.variants.fetch_add(1, kRelaxed);
  oracle_alone.check(original, cases);
  for (u32 i = 0; i < cases.size(); ++i) {
    const std::string what = morph_difference(module, oracle_alone.expected(i), checker.expected(i));
    if (what.empty()) continue;
    Finding finding;
    finding.kind = FindingKind::Miscompile;
    finding.subject = "oracle";
    finding.culprit = "the oracle, or fuzz/metamorph";
    finding.seed = options.source.seed;
    finding.program_index = state.index.load(kRelaxed);
    finding.origin = origin;
    const Function& entry = module.functions[cases.entry(i)];
    const auto types = module.params_of(entry);
    finding.entry = entry.name;
    finding.fuel = cases.fuel(i);
    for (std::size_t a = 0; a < types.size(); ++a)
      print_literal(types[a], cases.args(i)[a], finding.args.emplace_back());
    finding.difference = what;
    finding.expected = to_string(original, oracle_alone.expected(i));
    finding.actual = to_string(module, checker.expected(i));
    finding.run_line = write_run_line(original, cases.entry(i), cases.args(i), oracle_alone.expected(i));
    finding.tool = tool_version();
    finding.sizes = sizes_of(module);
    finding.program = to_text(module);
    return keep(*this, finding);
  }
}

void WorkerContext::check(const Module& module, const Cases& cases, const std::string& origin, const Module* original) {
  note_coverage(module, state);
  if (shared.wants_features) note_features(module, state.index.load(kRelaxed), shared.features);
  note_emulator_faults(module, emulator_faults, state);
  std::string why;
  if (!valid(module, why)) {
    keep_invalid(*this, module, origin, why);
    return;
  }
  for (u32 attempt = 0; attempt < kAttempts; ++attempt) {
    const bool same = checker.check(module, cases);
    if (attempt != 0) ++published.programs; // it is the same program
    publish_counts(checker.counts(), published, state);
    if (same && original != nullptr) compare(*original, module, cases, origin);
    if (same || judge(module, cases, origin)) break;
  }
  state.beat.fetch_add(1, kRelaxed);
}

int work(const CampaignOptions& options, const CheckerFactory& make_checker, const Corpus* corpus,
         CampaignState& shared, WorkerState& state, u32 number, const std::function<void()>& on_batch) {
  auto checker = make_checker();
  if (!checker) {
    std::fprintf(stderr, "%s\n", checker.error().to_string().c_str());
    return 5;
  }
  checker->set_progress(&state.progress);
  want_reach(options.reach ? &state.reach : nullptr);
  ProgramSource source(options.source, corpus);
  WorkerContext context{options, shared, state, source, *checker, number};
  context.kept = options.kept_before;
  context.on_batch = on_batch;
  for (const Checker::Entry& entry : checker->subjects()) {
    if (const SubjectRow* row = find_subject_row(entry.name)) context.emulator_faults |= emulator_faults_of(*row);
  }
  int status = 0;
  if (options.engine) {
    status = options.engine(context);
  } else {
    Module module;
    Cases cases;
    for (u64 index = 0; context.take(index);) {
      state.text_length.store(kNone, kRelaxed);
      if (source.make(index, module, cases)) context.check(module, cases, source.origin(), source.original());
      else state.discarded.fetch_add(1, kRelaxed);
    }
  }
  context.finish();
  want_reach(nullptr);
  return status;
}

bool remake(WorkerState& state, ProgramSource& source, Module& module, Cases& cases) {
  const u32 length = state.text_length.load(kRelaxed);
  if (length == kNone) return source.make(state.index.load(kRelaxed), module, cases);
  if (length > kMaxSharedText) return false;
  auto parsed = parse_and_verify({state.text, length}, "<program>");
  if (!parsed) return false;
  module = std::move(*parsed);
  if (!settle(module)) return false;
  make_seeded_cases(module, text_seed({state.text, length}), source.options(), cases);
  return cases.size() != 0;
}

int check_again(const CampaignOptions& options, const CheckerFactory& make_checker, const Corpus* corpus,
                WorkerState& dead) {
  ProgramSource source(options.source, corpus);
  Module module;
  Cases cases;
  if (!remake(dead, source, module, cases)) return 0;
  auto checker = make_checker();
  if (!checker) return 0;
  checker->set_progress(&dead.progress);
  checker->check(module, cases);
  return 0;
}

int describe(const CampaignOptions& options, const CheckerFactory& make_checker, const Corpus* corpus,
             WorkerState& dead, FindingKind kind) {
  ProgramSource source(options.source, corpus);
  Module module;
  Cases cases;
  if (!remake(dead, source, module, cases)) return 1;
  Finding finding;
  finding.kind = kind;
  finding.origin = dead.text_length.load(kRelaxed) == kNone ? source.origin() : "libFuzzer";
  finding.sizes = sizes_of(module);
  finding.program = to_text(module);
  const auto checker = make_checker();
  const u32 subject = dead.progress.subject.load(), index = dead.progress.case_index.load();
  if (checker && subject < checker->subjects().size()) finding.subject = checker->subjects()[subject].name;
  if (index < cases.size()) {
    const Function& function = module.functions[cases.entry(index)];
    const std::span<const Type> types = module.params_of(function);
    finding.entry = function.name;
    finding.fuel = cases.fuel(index);
    for (std::size_t i = 0; i < types.size(); ++i)
      print_literal(types[i], cases.args(index)[i], finding.args.emplace_back());
  }
  const std::string text = to_text(finding, "FILE");
  if (text.size() > kMaxSharedText) return 1;
  std::memcpy(dead.text, text.data(), text.size());
  dead.text_length.store(static_cast<u32>(text.size()));
  return 0;
}

void append_event(const std::string& path, const std::string& json) {
  if (path.empty()) return;
  std::FILE* file = std::fopen(path.c_str(), "ab");
  if (file == nullptr) return; // the parent checked that it can be written; a later failure does not end a campaign
  const std::string line = json + "\n"; // one write: lines of several processes do not mix
  std::fwrite(line.data(), 1, line.size(), file);
  std::fclose(file);
}

std::string finding_event(const Finding& finding, const std::string& path) {
  nlohmann::ordered_json event;
  event["event"] = "finding";
  event["kind"] = name_of(finding.kind);
  event["signature"] = signature(finding);
  event["subject"] = finding.subject;
  event["seed"] = finding.seed;
  event["program"] = finding.program_index;
  event["difference"] = finding.difference;
  event["culprit"] = finding.culprit;
  event["path"] = path;
  return event.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void print_finding(const Finding& finding, const std::string& path) {
  const char* clear = error_stream_is_terminal() ? "\r\033[K" : "";
  const std::string culprit = finding.culprit.empty() ? "" : " (" + finding.culprit + ")";
  const char* command = finding.kind == FindingKind::Invalid ? "replay" : "reduce";
  std::fprintf(stderr, "%s%s: %s: %s%s\n  assay %s %s\n", clear, std::string(name_of(finding.kind)).c_str(),
               finding.subject.c_str(), finding.difference.c_str(), culprit.c_str(), command, path.c_str());
}

} // namespace assay::fuzz
