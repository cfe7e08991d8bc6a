// ledger_sqlite.cpp - see ledger.h.
//
// SQLite in write-ahead mode, synchronous NORMAL: after a kill everything that was committed is there; after a power
// cut the last transactions may lack, but each as a whole, and their programs are then checked again. The file
// carries an application id, so that no other program's database is ever written to. Tested in
// fuzz/campaign/tests/ledger_test.cpp.
#ifdef ASSAY_SQLITE
#include "fuzz/campaign/ledger.h"

#include "fuzz/os/limits.h"

#include <functional>
#include <optional>
#include <sqlite3.h>

namespace assay::fuzz {
namespace {

constexpr i64 kApplication = 0x41534159; // "ASAY"
constexpr i64 kVersion = 1;
constexpr const char* kSchema =
#include "ledger_schema.inc"
    ;

Error error_of(ErrorKind kind, const std::string& path, std::string message) {
  Error error;
  error.kind = kind;
  error.file = path;
  error.message = std::move(message);
  return error;
}

/// A prepared statement, its parameters bound in order; the first failure is kept.
class Statement {
public:
  Statement(sqlite3* db, const char* sql) { status_ = sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr); }
  Statement(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  Statement& operator<<(u64 number) { return note(sqlite3_bind_int64(statement_, ++bound_, static_cast<i64>(number))); }
  Statement& operator<<(double number) { return note(sqlite3_bind_double(statement_, ++bound_, number)); }
  Statement& operator<<(const std::string& text) {
    return note(sqlite3_bind_text64(statement_, ++bound_, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  /// The next row; false at the end or on a failure.
  bool row() {
    if (status_ != SQLITE_OK) return false;
    const int status = sqlite3_step(statement_);
    if (status == SQLITE_ROW) return true;
    if (status != SQLITE_DONE) status_ = status;
    return false;
  }
  /// Runs it to its end, ready to be bound again; false when anything failed.
  bool run() {
    while (row()) {}
    sqlite3_reset(statement_);
    bound_ = 0;
    return status_ == SQLITE_OK;
  }
  u64 number(int column) const { return static_cast<u64>(sqlite3_column_int64(statement_, column)); }
  std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes == nullptr ? std::string()
                            : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  bool ok() const { return status_ == SQLITE_OK; }

private:
  Statement& note(int status) {
    if (status_ == SQLITE_OK) status_ = status;
    return *this;
  }
  sqlite3_stmt* statement_ = nullptr;
  int status_ = SQLITE_OK, bound_ = 0;
};

u64 pragma(sqlite3* db, const char* sql) {
  Statement statement(db, sql);
  return statement.row() ? statement.number(0) : 0;
}

bool execute(sqlite3* db, const char* sql) { return sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK; }

} // namespace

struct Ledger::Impl {
  std::string path;
  std::optional<FileLock> lock;
  sqlite3* db = nullptr;
  u64 stream = 0, run = 0;

  ~Impl() { sqlite3_close(db); }
  Error failure(const std::string& what) const {
    return error_of(ErrorKind::Io, path, what + ": " + sqlite3_errmsg(db));
  }
  Result<void> make_or_check();
  Result<void> in_transaction(const char* what, const std::function<bool()>& body);
  bool save_findings(const LedgerEntry& entry);
  bool save_counts(const LedgerEntry& entry);
  bool save_done(const RangeSet& done);
  bool save_run(const LedgerEntry& entry);
  bool load(StreamState& out);
};

/// A file without tables becomes a ledger; any other must be one.
Result<void> Ledger::Impl::make_or_check() {
  const auto foreign = [this](const std::string& what) { return error_of(ErrorKind::BadInput, path, what); };
  u64 count = 0;
  { // open statements are in the way of changing modes
    Statement tables(db, "SELECT count(*) FROM sqlite_master");
    if (!tables.row()) {
      const int code = sqlite3_errcode(db);
      if (code == SQLITE_NOTADB)
        return foreign("this is no SQLite database; expected the state of a campaign, or no file");
      if (code == SQLITE_CORRUPT) return foreign("the state of the campaign is damaged; move it away to begin anew");
      return failure("cannot read the state of the campaign");
    }
    count = tables.number(0);
  }
  const bool empty = count == 0 && pragma(db, "PRAGMA application_id") == 0;
  if (!empty) {
    if (pragma(db, "PRAGMA application_id") != static_cast<u64>(kApplication))
      return foreign("this database is another program's; expected the state of a campaign, or no file");
    if (pragma(db, "PRAGMA user_version") != static_cast<u64>(kVersion))
      return foreign("the state of a campaign of version " + std::to_string(pragma(db, "PRAGMA user_version")) +
                     "; this assay knows version " + std::to_string(kVersion));
    Statement check(db, "PRAGMA quick_check(1)");
    const std::string answer = check.row() ? check.text(0) : sqlite3_errmsg(db);
    if (answer != "ok")
      return foreign("the state of the campaign is damaged (" + answer + "); move it away to begin anew");
  }
  if (!execute(db, "PRAGMA journal_mode=WAL") || !execute(db, "PRAGMA synchronous=NORMAL"))
    return failure("cannot write the state of the campaign");
  if (!empty) return {};
  return in_transaction("cannot make the state of the campaign", [this] {
    return execute(db, kSchema) && execute(db, ("PRAGMA application_id=" + std::to_string(kApplication)).c_str()) &&
           execute(db, ("PRAGMA user_version=" + std::to_string(kVersion)).c_str());
  });
}

Result<void> Ledger::Impl::in_transaction(const char* what, const std::function<bool()>& body) {
  if (execute(db, "BEGIN IMMEDIATE") && body() && execute(db, "COMMIT")) return {};
  const Error error = failure(what);
  if (sqlite3_get_autocommit(db) == 0) execute(db, "ROLLBACK");
  return error;
}

Result<Ledger> Ledger::open(const std::string& path) {
  auto impl = std::make_shared<Impl>();
  impl->path = path;
  // A lock of its own file: SQLite's are taken and given back with each transaction.
  auto lock = FileLock::take(path + ".lock");
  if (!lock) return lock.error();
  impl->lock.emplace(std::move(*lock));
  if (sqlite3_open_v2(path.c_str(), &impl->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) != SQLITE_OK)
    return impl->failure("cannot open the state of the campaign");
  sqlite3_busy_timeout(impl->db, 2000); // somebody reads it
  sqlite3_extended_result_codes(impl->db, 0);
  if (auto ready = impl->make_or_check(); !ready) return ready.error();
  return Ledger(path, std::move(impl));
}

bool Ledger::last_seed(const StreamKey& key, u64& seed) const {
  Statement find(impl_->db,
                 "SELECT seed FROM stream WHERE preset=? AND subjects=? AND settings=? ORDER BY id DESC LIMIT 1");
  find << key.preset << key.subjects << key.settings;
  if (!find.row()) return false;
  seed = std::stoull(find.text(0));
  return true;
}

Result<StreamState> Ledger::begin(const StreamKey& key, u32 jobs) {
  Impl& own = *impl_;
  const auto done = own.in_transaction("cannot write the state of the campaign", [&] {
    Statement make(own.db, "INSERT OR IGNORE INTO stream(seed, preset, subjects, settings, tool) VALUES(?,?,?,?,?)");
    make << std::to_string(key.seed) << key.preset << key.subjects << key.settings << key.tool;
    if (!make.run()) return false;
    Statement find(own.db, "SELECT id FROM stream WHERE seed=? AND preset=? AND subjects=? AND settings=?");
    find << std::to_string(key.seed) << key.preset << key.subjects << key.settings;
    if (!find.row()) return false;
    own.stream = find.number(0);
    Statement subject(own.db, "INSERT OR IGNORE INTO stream_subject VALUES(?,?)");
    for (std::size_t at = 0; at < key.subjects.size();) {
      const std::size_t comma = std::min(key.subjects.find(',', at), key.subjects.size());
      subject << own.stream << key.subjects.substr(at, comma - at);
      if (!subject.run()) return false;
      at = comma + 1;
    }
    Statement run(own.db, "INSERT INTO run(stream, jobs) VALUES(?,?)");
    run << own.stream << u64{jobs};
    if (!run.run()) return false;
    own.run = static_cast<u64>(sqlite3_last_insert_rowid(own.db));
    return true;
  });
  if (!done) return done.error();
  StreamState out;
  const auto loaded = own.in_transaction("cannot read the state of the campaign", [&] { return own.load(out); });
  if (!loaded) return loaded.error();
  return out;
}

/// False when any of it could not be read to its end: half a state would pass for a whole one.
bool Ledger::Impl::load(StreamState& out) {
  Statement done(db, "SELECT first, past FROM done WHERE stream=?");
  for (done << stream; done.row();) out.done.add({done.number(0), done.number(1)});
  out.fresh = out.done.count() == 0;
  Statement counters(db, "SELECT name, value FROM counter WHERE stream=?");
  for (counters << stream; counters.row();) out.counters[counters.text(0)] = counters.number(1);
  Statement groups(db, "SELECT grouped, seen FROM finding_count WHERE stream=?");
  for (groups << stream; groups.row();) out.groups[groups.text(0)] = groups.number(1);
  Statement findings(db, "SELECT grouped, signature FROM finding");
  while (findings.row()) {
    ++out.group_files[findings.text(0)];
    out.signatures.push_back(findings.text(1));
  }
  Statement features(db, "SELECT feature, program FROM feature WHERE stream=?");
  for (features << stream; features.row();)
    if (features.number(0) < kFeatureCount)
      out.features.push_back({static_cast<u32>(features.number(0)), features.number(1)});
  Statement corpus(db, "SELECT program, round, text FROM corpus WHERE stream=? ORDER BY round, program");
  for (corpus << stream; corpus.row();) out.corpus.push_back({corpus.number(0), corpus.number(1), corpus.text(2)});
  Statement round(db, "SELECT round FROM stream WHERE id=?");
  if ((round << stream).row()) out.round = round.number(0);
  Statement runs(db, "SELECT count(*) FROM run WHERE stream=? AND id<>?");
  if ((runs << stream << run).row()) out.runs = runs.number(0);
  return done.ok() && counters.ok() && groups.ok() && findings.ok() && features.ok() && corpus.ok() && round.ok() &&
         runs.ok();
}

bool Ledger::Impl::save_findings(const LedgerEntry& entry) {
  Statement finding(db, "INSERT OR IGNORE INTO finding(signature, grouped, kind, subject, observable, culprit, stream, "
                        "program, text) VALUES(?,?,?,?,?,?,?,?,?)");
  for (const FindingRow& row : entry.findings) {
    finding << row.signature << row.group << row.kind << row.subject << row.observable << row.culprit << stream
            << row.program << row.text;
    if (!finding.run()) return false;
  }
  Statement group(db, "INSERT INTO finding_count VALUES(?,?,?) ON CONFLICT DO UPDATE SET seen=seen+excluded.seen");
  for (const auto& [name, count] : entry.groups) {
    group << stream << name << count;
    if (!group.run()) return false;
  }
  return true;
}

bool Ledger::Impl::save_counts(const LedgerEntry& entry) {
  Statement counter(db, "INSERT INTO counter VALUES(?,?,?) ON CONFLICT DO UPDATE SET value=value+excluded.value");
  for (const auto& [name, count] : entry.counters) {
    if (count == 0) continue;
    counter << stream << name << count;
    if (!counter.run()) return false;
  }
  Statement skip(db, "INSERT INTO skip VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET programs=programs+excluded.programs");
  for (const auto& [what, count] : entry.skips) {
    skip << stream << what.first << what.second << count;
    if (!skip.run()) return false;
  }
  Statement feature(
      db, "INSERT INTO feature VALUES(?,?,?) ON CONFLICT DO UPDATE SET program=min(program, excluded.program)");
  for (const FirstSeen& seen : entry.features) {
    feature << stream << u64{seen.feature} << seen.program;
    if (!feature.run()) return false;
  }
  return true;
}

bool Ledger::Impl::save_done(const RangeSet& done) {
  Statement old(db, "DELETE FROM done WHERE stream=?");
  if (!(old << stream).run()) return false;
  Statement range(db, "INSERT INTO done VALUES(?,?,?)");
  for (const NumberRange& one : done.ranges()) {
    range << stream << one.begin << one.end;
    if (!range.run()) return false;
  }
  return true;
}

bool Ledger::Impl::save_run(const LedgerEntry& entry) {
  Statement worker(db, "INSERT INTO worker VALUES(?,?,?,?,?,?,?)");
  for (const WorkerRow& row : entry.workers) {
    worker << run << u64{row.seat} << row.process << row.began << row.ended << row.how << row.program;
    if (!worker.run()) return false;
  }
  Statement time(db, "UPDATE run SET seconds=?, cpu_seconds=? WHERE id=?");
  if (!(time << entry.seconds << entry.cpu_seconds << run).run()) return false;
  if (entry.end.empty()) return true;
  Statement end(db, "UPDATE run SET how=? WHERE id=?");
  return (end << entry.end << run).run();
}

Result<void> Ledger::save(const LedgerEntry& entry, const RangeSet& done) {
  return impl_->in_transaction("cannot write the state of the campaign", [&] {
    return impl_->save_findings(entry) && impl_->save_counts(entry) && impl_->save_done(done) && impl_->save_run(entry);
  });
}

Result<void> Ledger::begin_round(u64 round, std::span<const CorpusRow> added) {
  Impl& own = *impl_;
  return own.in_transaction("cannot write the state of the campaign", [&] {
    Statement corpus(own.db, "INSERT OR IGNORE INTO corpus VALUES(?,?,?,?)");
    for (const CorpusRow& row : added) {
      corpus << own.stream << row.program << row.round << row.text;
      if (!corpus.run()) return false;
    }
    Statement forget(own.db, "DELETE FROM feature WHERE stream=?");
    Statement now(own.db, "UPDATE stream SET round=? WHERE id=?");
    return (forget << own.stream).run() && (now << round << own.stream).run();
  });
}

} // namespace assay::fuzz
#endif
