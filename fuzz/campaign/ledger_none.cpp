// ledger_none.cpp - ledger.h where the build has no SQLite: `open` says so, and nothing else can be reached.
//
// Tested in fuzz/campaign/tests/ledger_test.cpp.
#ifndef ASSAY_SQLITE
#include "fuzz/campaign/ledger.h"

namespace assay::fuzz {

Result<Ledger> Ledger::open(const std::string& path) {
  Error error;
  error.kind = ErrorKind::Unsupported;
  error.file = path;
  error.message = "the state of a campaign needs SQLite, which this build was made without (package libsqlite3-dev)";
  return error;
}
bool Ledger::last_seed(const StreamKey&, u64&) const { return false; }
Result<StreamState> Ledger::begin(const StreamKey&, u32) { return StreamState(); }
Result<void> Ledger::save(const LedgerEntry&, const RangeSet&) { return {}; }
Result<void> Ledger::begin_round(u64, std::span<const CorpusRow>) { return {}; }

} // namespace assay::fuzz
#endif
