// ledger.h - what a campaign of weeks must not forget, in one SQLite file: which programs are done, what was found,
// who worked.
//
// Everything of some seconds is one transaction: a range of programs is done in the same moment in which its counts
// and its findings are there. So a process that is killed, or a disk that is full, costs the programs since the last
// transaction, which the next run checks again: none is counted twice, no finding is lost. One process writes; a lock
// beside the file keeps a second campaign away; reading (`sqlite3 FILE`) is always possible. Not for use across fork:
// the parent's alone.
//
// Without SQLite (ledger_none.cpp) `open` says so. Tested in fuzz/campaign/tests/ledger_test.cpp.
#pragma once

#include "assay/errors.h"
#include "fuzz/campaign/features.h"
#include "fuzz/campaign/ranges.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace assay::fuzz {

/// Within a stream a program's number says what the program is.
struct StreamKey {
  u64 seed = 0;
  std::string preset;
  std::string subjects; // names between commas
  std::string settings; // all else that programs follow from
  std::string tool;     // who wrote it; not part of the key
};

struct FindingRow {
  std::string signature; // with the hash of the program: the finding's file without ".air"
  std::string group;     // without
  std::string kind, subject, observable, culprit;
  u64 program = 0;
  std::string text; // the whole file
};

struct WorkerRow {
  u32 seat = 0;
  u64 process = 0;
  double began = 0, ended = 0; // seconds of the run
  std::string how;             // "done", "signal SIGSEGV", "no progress"
  u64 program = 0;             // the one under way
};

/// One transaction.
struct LedgerEntry {
  std::map<std::string, u64> counters;                      // to add
  std::map<std::pair<std::string, std::string>, u64> skips; // subject, reason; to add
  std::map<std::string, u64> groups;                        // of findings: how often seen; to add
  std::vector<FindingRow> findings;                         // new ones; one that is there already stays as it is
  std::vector<WorkerRow> workers;                           // that ended
  std::vector<FirstSeen> features;                          // lower than before
  double seconds = 0, cpu_seconds = 0;                      // of the run, so far
  std::string end;                                          // how the run ended; empty: not yet
};

/// A program that the campaign has added to its corpus.
struct CorpusRow {
  u64 program = 0; // its number
  u64 round = 0;   // from this round on programs are mutants of it
  std::string text;
};

/// What is known of a stream when a campaign goes on.
struct StreamState {
  bool fresh = true; // nothing was done in it
  RangeSet done;
  std::map<std::string, u64> counters;
  std::map<std::string, u64> groups;      // how often seen
  std::map<std::string, u32> group_files; // findings of the group that are kept
  std::vector<std::string> signatures;    // of all findings in the file, of whatever stream
  std::vector<FirstSeen> features;        // of the round under way
  std::vector<CorpusRow> corpus;
  u64 round = 0;
  u64 runs = 0; // before this one
};

class Ledger {
public:
  /// Makes the file or opens it. BadInput: it is not a ledger, or a newer one, or damaged (it is left as it is). Io:
  /// it cannot be read or written, or another campaign uses it. Unsupported: this build has no SQLite.
  static Result<Ledger> open(const std::string& path);
  Ledger(Ledger&&) noexcept = default;
  Ledger& operator=(Ledger&&) noexcept = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  /// The seed of the last stream with this key but for its seed; false when there is none.
  bool last_seed(const StreamKey& key, u64& seed) const;
  /// Takes up the stream, begins a run in it.
  Result<StreamState> begin(const StreamKey& key, u32 jobs);
  /// One transaction. On failure nothing of it is there, and it can be tried again.
  Result<void> save(const LedgerEntry& entry, const RangeSet& done);
  /// One transaction: `added` joins the corpus, the round's features are forgotten, `round` is the one under way.
  Result<void> begin_round(u64 round, std::span<const CorpusRow> added);
  const std::string& path() const { return path_; }

private:
  struct Impl;
  Ledger(const std::string& path, std::shared_ptr<Impl> impl) : path_(path), impl_(std::move(impl)) {}
  std::string path_;
  std::shared_ptr<Impl> impl_; // one owner; shared_ptr for what it knows of an incomplete type
};

} // namespace assay::fuzz
