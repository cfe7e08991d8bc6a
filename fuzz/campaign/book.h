// book.h - the parent's account of a campaign: which programs are done, with which counts and findings, and its ledger.
//
// Workers post batches and findings in shared memory; the book takes them, and writes them to the ledger, if there is
// one, in one transaction a second. What could not be written stays and is tried again: it is sums and ranges, so it
// does not grow with time. Internal to fuzz/campaign. Tested in fuzz/campaign/tests/state_test.cpp.
#pragma once

#include "fuzz/campaign/campaign.h"
#include "fuzz/campaign/ledger.h"

#include <optional>

namespace assay::fuzz {

class Book {
public:
  /// For so many workers, checking these subjects.
  void begin(u32 seats, std::vector<std::string> subjects);
  /// Takes the ledger of `options.state`; the seed too, when `options` has none of its own. `settings`: what programs
  /// follow from.
  Result<StreamState> open(CampaignOptions& options, const std::string& settings);
  bool has_ledger() const { return ledger_.has_value(); }

  /// Takes what a worker has posted.
  void drain(u32 seat, WorkerState& state);
  /// A finding in this program. It counts when the program's batch is done.
  void see(u64 index, const std::string& group) { waiting_[index] = group; }
  /// A finding that is kept, with its file's text.
  void add_finding(const std::string& signature, const std::string& text);
  void add_worker(WorkerRow row);
  /// What the table has that is not `known`, and lower than before.
  void add_features(const FeatureTable& table);
  /// The features of the round, from all runs; the next round begins without.
  std::vector<FirstSeen> take_features();
  /// Numbers in the ledger's corpus from `round` on.
  Result<void> begin_round(u64 round, std::span<const CorpusRow> added);
  /// Findings of the folder that the ledger does not know: of a run that was killed.
  void adopt(const std::string& folder);

  /// Writes what is new. Without a ledger nothing.
  Result<void> save(double seconds, double cpu_seconds, const std::string& end = {});
  RangeSet& done() { return done_; }
  /// Of findings: how many files a kind has.
  const std::map<std::string, u32>& group_files() const { return group_files_; }
  /// How often each kind was seen, and programs that were checked, in all runs.
  const std::map<std::string, u64>& groups() const { return groups_; }
  u64 programs() const { return programs_; }

private:
  void account(u32 seat, const WorkerState& state, const BatchRecord& record);

  std::optional<Ledger> ledger_;
  std::vector<std::string> subjects_;
  std::string findings_;
  LedgerEntry entry_; // not written yet
  RangeSet done_;
  std::vector<CounterValues> last_; // of each worker, at its last batch
  std::map<u64, std::string> waiting_;
  std::map<std::string, u32> group_files_;
  std::map<std::string, u64> groups_;
  std::vector<std::string> signatures_;
  u64 programs_ = 0;
  std::vector<u64> features_; // as written; empty: none are wanted
};

/// The text of a file; empty when it cannot be read.
std::string read_text(const std::string& path);
/// A signature without the hash of the program.
std::string group_of(const std::string& signature);

} // namespace assay::fuzz
