// rounds.cpp - where a campaign's programs come from, and which are left to do. See parent.h.
//
// Without a ledger there is one round, with the corpus of the folder. With one, a round is `round_programs` numbers;
// at its end those programs join the corpus that were first with the most features. They are made again from their
// numbers, in a process of its own. All of it is a function of seed, folder and round, whoever worked in whatever
// order, and whenever it was interrupted. Tested in fuzz/campaign/tests/state_test.cpp.
#include "fuzz/campaign/parent.h"

#include "assay/text.h"
#include "assay/verify.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace assay::fuzz {
namespace {

constexpr u32 kMaxUnreadable = 16; // files of a corpus that may end the process that reads them

/// What processes that read a corpus share with the parent.
struct Reading {
  std::atomic<u32> at{0};
  std::atomic<u64> fingerprint{0};
  std::atomic<u32> length{kNone};
};

bool read_old_state(const CampaignOptions& options, u64& seed, u64& next) {
  std::ifstream file(std::filesystem::path(options.findings) / "campaign.state");
  return static_cast<bool>(file >> seed >> next);
}

} // namespace

/// Files are read in a process of their own first: one that ends it is left out, and named.
Result<void> Parent::read_folder() {
  if (options_.corpus.empty()) return {};
  const auto files = list_corpus(options_.corpus);
  if (!files) return files.error();
  std::vector<u32> skip;
  auto memory = SharedMemory::create(sizeof(Reading));
  if (!memory) return memory.error();
  auto* reading = new (memory->data()) Reading;
  while (options_.fork_workers && can_fork() && skip.size() < kMaxUnreadable) {
    bool died = false;
    const bool ended = run_aside(
        [&] {
          read_corpus(options_.corpus, *files, &reading->at, skip);
          return 0;
        },
        died);
    if ((ended && !died) || !refused_.empty()) break;
    skip.push_back(reading->at.load());
  }
  corpus_ = read_corpus(options_.corpus, *files, nullptr, skip);
  return {};
}

/// Of the programs that seed, settings and corpus lead to: some of them, and the corpus itself.
u64 Parent::fingerprint() {
  const auto compute = [this] {
    u64 hash = 0;
    const auto add = [&hash](const std::string& text) { hash = (hash ^ text_seed(text)) * 0x9e3779b97f4a7c15u; };
    for (const Corpus::Program& program : corpus_.programs) {
      add(program.path);
      add(to_text(program.module));
    }
    SourceOptions options = options_.source;
    options.seed = 1;
    ProgramSource source(options, &corpus_);
    Module module;
    Cases cases;
    for (u64 i = 0; i < 16; ++i)
      if (source.make(i, module, cases)) add(to_text(module));
    return hash;
  };
  auto memory = SharedMemory::create(sizeof(Reading));
  if (!memory || !options_.fork_workers || !can_fork()) return compute();
  auto* reading = new (memory->data()) Reading;
  bool died = false;
  run_aside(
      [&] {
        reading->fingerprint.store(compute());
        return 0;
      },
      died);
  return refused_.empty() ? reading->fingerprint.load() : compute();
}

std::string Parent::settings() {
  char hash[17];
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(fingerprint()));
  return "inputs=" + std::to_string(options_.source.inputs) + " fuel=" + std::to_string(options_.source.max_fuel) +
         " engine=" + (options_.engine ? "libfuzzer" : "plain") + " round=" + std::to_string(options_.round_programs) +
         " added=" + std::to_string(options_.added_per_round) + " programs=" + hash;
}

Result<void> Parent::open_book() {
  book_.begin(static_cast<u32>(seats_.size()), subjects_);
  if (options_.state.empty()) {
    u64 seed = 0, next = 0;
    if (options_.resume && read_old_state(options_, seed, next)) {
      options_.source.seed = seed;
      book_.done().add({0, next});
    }
    if (options_.programs != 0) end_ = book_.done().first_gap() + options_.programs;
    return {};
  }
  auto state = book_.open(options_, settings());
  if (!state) return state.error();
  if (options_.programs != 0) end_ = options_.programs;
  runs_ = state->runs;
  round_ = state->round;
  book_.adopt(options_.findings);
  if (options_.engine) return {}; // its programs do not follow from numbers
  shared_->wants_features = true;
  for (auto& cell : shared_->features) cell.store(kNoProgram);
  if (auto added = add_to_corpus(state->corpus); !added) return added;
  for (const FirstSeen& seen : state->features) shared_->features[seen.feature].store(seen.program + 1);
  return {};
}

/// Programs of the ledger join the corpus; what they and the folder have is not new any more.
Result<void> Parent::add_to_corpus(std::span<const CorpusRow> rows) {
  for (const CorpusRow& row : rows) {
    const std::string name = "program " + std::to_string(row.program) + " of the corpus in " + options_.state;
    auto module = parse_and_verify(row.text, name);
    if (!module) return module.error();
    corpus_.programs.push_back({"number " + std::to_string(row.program), std::move(*module)});
    ++added_;
    digest_ = (digest_ ^ text_seed(row.text) ^ row.program) * 0x9e3779b97f4a7c15u;
  }
  std::vector<u32> known;
  for (const Corpus::Program& program : corpus_.programs) features_of(program.module, known);
  for (auto& cell : shared_->features) cell.store(kNoProgram);
  for (const u32 feature : known) shared_->features[feature].store(kInCorpus);
  return {};
}

bool Parent::hand_out() {
  u64 end = end_;
  if (shared_->wants_features) end = std::min(end, (round_ + 1) * options_.round_programs);
  const auto holes = book_.done().gaps(std::min(end, book_.done().end()), shared_->batch);
  shared_->hole_count = static_cast<u32>(std::min<std::size_t>(holes.size(), kMaxHoles));
  std::copy_n(holes.begin(), shared_->hole_count, shared_->holes);
  shared_->next_hole.store(0);
  shared_->next_index.store(std::min(end, book_.done().end()));
  shared_->end_index.store(end);
  return shared_->hole_count != 0 || shared_->next_index.load() < end;
}

bool Parent::round_is_complete() {
  return shared_->wants_features && book_.done().first_gap() >= (round_ + 1) * options_.round_programs;
}

/// What is missing although all have gone home is handed out again; a round without gaps is followed by the next.
Result<void> Parent::finish_round() {
  drain_all();
  if (!shared_->wants_features) return {};
  if (!round_is_complete()) return {};
  const auto added = new_programs();
  if (!added) return added.error();
  save(); // that the round is done is known before the next begins
  if (!save_trouble_.empty()) {
    Error error;
    error.kind = ErrorKind::Io;
    error.message = save_trouble_;
    return error;
  }
  if (auto begun = book_.begin_round(round_ + 1, *added); !begun) return begun;
  ++round_;
  return add_to_corpus(*added);
}

Result<std::vector<CorpusRow>> Parent::new_programs() {
  book_.add_features(shared_->features);
  std::vector<CorpusRow> out;
  auto memory = SharedMemory::create(sizeof(Reading) + kMaxSharedText);
  if (!memory) return memory.error();
  auto* reading = new (memory->data()) Reading;
  char* const text = static_cast<char*>(memory->data()) + sizeof(Reading);
  std::vector<u64> programs = choose_programs(book_.take_features(), options_.added_per_round);
  std::sort(programs.begin(), programs.end());
  for (const u64 index : programs) {
    const auto make = [&] {
      ProgramSource source(options_.source, &corpus_);
      Module module;
      Cases cases;
      if (!source.make(index, module, cases)) return 0;
      const std::string made = to_text(module);
      if (made.size() > kMaxSharedText) return 0;
      std::memcpy(text, made.data(), made.size());
      reading->length.store(static_cast<u32>(made.size()));
      return 0;
    };
    reading->length.store(kNone);
    bool died = false;
    if (options_.fork_workers && can_fork()) run_aside(make, died);
    else make();
    if (!refused_.empty() || interrupted()) {
      Error error;
      error.kind = ErrorKind::Io;
      error.message = refused_.empty() ? "interrupted between two rounds" : refused_;
      return error;
    }
    if (reading->length.load() != kNone) out.push_back({index, round_ + 1, {text, reading->length.load()}});
  }
  return out;
}

} // namespace assay::fuzz
