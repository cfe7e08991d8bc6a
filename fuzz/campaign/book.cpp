// book.cpp - see book.h. Tested in fuzz/campaign/tests/state_test.cpp.
#include "fuzz/campaign/book.h"

#include "fuzz/check/finding.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace assay::fuzz {

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string group_of(const std::string& signature) { return signature.substr(0, signature.rfind('-')); }

void Book::begin(u32 seats, std::vector<std::string> subjects) {
  last_.assign(seats, {});
  subjects_ = std::move(subjects);
}

Result<StreamState> Book::open(CampaignOptions& options, const std::string& settings) {
  auto ledger = Ledger::open(options.state);
  if (!ledger) return ledger.error();
  ledger_.emplace(std::move(*ledger));
  findings_ = options.findings;
  StreamKey key;
  key.preset = options.preset;
  key.settings = settings;
  key.tool = tool_version();
  for (const std::string& name : subjects_) key.subjects += (key.subjects.empty() ? "" : ",") + name;
  if (!options.has_seed) ledger_->last_seed(key, options.source.seed);
  key.seed = options.source.seed;
  auto state = ledger_->begin(key, options.jobs);
  if (!state) return state;
  done_ = state->done;
  group_files_ = state->group_files;
  groups_ = state->groups;
  programs_ = state->counters["programs"];
  signatures_ = state->signatures;
  std::sort(signatures_.begin(), signatures_.end());
  features_.assign(kFeatureCount, kNoProgram);
  for (const FirstSeen& seen : state->features) features_[seen.feature] = seen.program;
  return state;
}

void Book::drain(u32 seat, WorkerState& state) {
  // Batches first: what a worker found in them it has posted before.
  std::vector<BatchRecord> batches;
  for (BatchRecord record; state.batches.pop(record);) batches.push_back(record);
  for (Occurrence found; state.occurrences.pop(found);) {
    see(found.index, found.group);
    if (found.signature[0] == '\0' || !ledger_) continue;
    const std::filesystem::path path = std::filesystem::path(findings_) / (std::string(found.signature) + ".air");
    add_finding(found.signature, read_text(path.string()));
  }
  for (const BatchRecord& record : batches) account(seat, state, record);
}

void Book::account(u32 seat, const WorkerState& state, const BatchRecord& record) {
  done_.add(record.range);
  for (auto it = waiting_.lower_bound(record.range.begin); it != waiting_.end() && it->first < record.range.end;) {
    ++entry_.groups[it->second];
    ++groups_[it->second];
    it = waiting_.erase(it);
  }
  CounterValues& last = last_[seat];
  const CounterValues& now = record.now;
  programs_ += now.programs - last.programs;
  const auto add = [this](const char* name, u64 more) { entry_.counters[name] += more; };
  add("programs", now.programs - last.programs);
  add("discarded", now.discarded - last.discarded);
  add("runs", now.runs - last.runs);
  add("compared", now.compared - last.compared);
  add("agree", now.agree - last.agree);
  add("unknown", now.unknown - last.unknown);
  add("refused", now.refused - last.refused);
  add("skipped", now.skipped - last.skipped);
  add("variants", now.variants - last.variants);
  add("unreproduced", now.unreproduced - last.unreproduced);
  for (u32 i = 0; i < kMaxSharedSkips; ++i) {
    if (now.skips[i] == last.skips[i]) continue;
    const WorkerState::SharedSkip& skip = state.skips[i];
    const std::string subject = skip.subject < subjects_.size() ? subjects_[skip.subject] : "?";
    entry_.skips[{subject, skip.reason}] += now.skips[i] - last.skips[i];
  }
  last = now;
}

void Book::add_finding(const std::string& signature, const std::string& text) {
  if (!ledger_) return;
  const auto place = std::lower_bound(signatures_.begin(), signatures_.end(), signature);
  if (place != signatures_.end() && *place == signature) return;
  signatures_.insert(place, signature);
  FindingRow row;
  row.signature = signature;
  row.group = group_of(signature);
  row.text = text;
  if (const auto finding = parse_finding(text, signature)) {
    row.kind = name_of(finding->kind);
    row.subject = finding->subject;
    row.observable = observable(finding->difference);
    row.culprit = finding->culprit;
    row.program = finding->program_index;
  }
  ++group_files_[row.group];
  entry_.findings.push_back(std::move(row));
}

void Book::adopt(const std::string& folder) {
  if (!ledger_) return;
  std::error_code failure;
  for (std::filesystem::directory_iterator it(folder, failure), end; !failure && it != end; it.increment(failure)) {
    std::error_code odd;
    if (it->path().extension() != ".air" || !it->is_regular_file(odd)) continue;
    const std::string text = read_text(it->path().string());
    if (parse_finding(text, "")) add_finding(it->path().stem().string(), text);
  }
}

void Book::add_worker(WorkerRow row) {
  if (ledger_) entry_.workers.push_back(std::move(row));
}

void Book::add_features(const FeatureTable& table) {
  for (u32 i = 0; i < features_.size(); ++i) {
    const u64 cell = table[i].load(std::memory_order_relaxed);
    if (cell == kInCorpus || cell == kNoProgram || cell - 1 >= features_[i]) continue;
    features_[i] = cell - 1;
    entry_.features.push_back({i, features_[i]});
  }
}

std::vector<FirstSeen> Book::take_features() {
  std::vector<FirstSeen> out;
  for (u32 i = 0; i < features_.size(); ++i)
    if (features_[i] != kNoProgram) out.push_back({i, features_[i]});
  return out;
}

Result<void> Book::begin_round(u64 round, std::span<const CorpusRow> added) {
  if (!ledger_) return {};
  if (auto done = ledger_->begin_round(round, added); !done) return done;
  features_.assign(kFeatureCount, kNoProgram);
  entry_.features.clear();
  return {};
}

Result<void> Book::save(double seconds, double cpu_seconds, const std::string& end) {
  if (!ledger_) return {};
  entry_.seconds = seconds;
  entry_.cpu_seconds = cpu_seconds;
  entry_.end = end;
  if (auto saved = ledger_->save(entry_, done_); !saved) return saved;
  entry_ = {};
  return {};
}

} // namespace assay::fuzz
