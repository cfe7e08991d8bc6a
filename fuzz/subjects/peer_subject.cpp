// peer_subject.cpp - see peer_subject.h.
//
// A module is lowered, compiled, and entered through its exported functions; where another function is asked for, it
// is compiled once more with entries for all. Tested in fuzz/subjects/tests/peer_test.cpp.
#include "fuzz/subjects/peer_subject.h"

#include "fuzz/subjects/lowering.h"

#include <map>

namespace assay::fuzz {
namespace {

constexpr u32 kTimeLimitMs = 2000;

Result<std::unique_ptr<peers::Peer>> make_peer(Exec exec, Level level) {
#ifdef _WIN32
  static_cast<void>(exec), static_cast<void>(level);
  return Error{ErrorKind::Unsupported, {}, 0, 0, "traps leave the code of other compilers by longjmp, on POSIX only"};
#else
  const bool optimise = level == Level::O2;
  return exec == Exec::Llvm ? peers::make_llvm(optimise) : peers::make_gccjit(optimise);
#endif
}

class PeerSubject final : public Subject {
public:
  PeerSubject(std::unique_ptr<peers::Peer> peer, u32 time_limit_ms)
      : peer_(std::move(peer)), time_limit_ms_(time_limit_ms == 0 ? kTimeLimitMs : time_limit_ms) {}

  Result<void> prepare(const Module& module) override {
    module_ = &module;
    return compile(false);
  }
  void run(FunctionId entry, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) override {
    if (!state_.has_entry(entry)) {
      const Result<void> again = compile(true);
      ASSAY_CHECK(again.ok() && "what compiles with some entries compiles with all");
    }
    state_.run(entry, args, fuel, host, time_limit_ms_, out);
  }

private:
  Result<void> compile(bool all_entries);

  std::unique_ptr<peers::Peer> peer_;
  u32 time_limit_ms_;
  peers::RunState state_;
  const Module* module_ = nullptr;
  std::unique_ptr<peers::Emitter> code_; // owns it
};

Result<void> PeerSubject::compile(bool all_entries) {
  code_.reset();
  state_.prepare(*module_);
  code_ = peer_->emitter();
  if (auto done = peers::lower(*module_, all_entries, state_, *code_); !done) return done;
  if (auto done = code_->finish(); !done) return done;
  std::vector<peers::RunState::Entry> entries(module_->functions.size(), nullptr);
  for (FunctionId id = 0; id < entries.size(); ++id) {
    const Function& f = module_->functions[id];
    if (f.imported || !(all_entries || f.exported)) continue;
    auto code = code_->code_of(peers::entry_name(id));
    if (!code) return code.error();
    entries[id] = reinterpret_cast<peers::RunState::Entry>(*code);
  }
  auto fill = code_->code_of(peers::kFillTable);
  if (!fill) return fill.error();
  state_.load(std::move(entries), reinterpret_cast<void (*)()>(*fill));
  return {};
}

/// What a peer is, and whether it compiles a program of nothing. Asked once a process.
struct Standing {
  std::string version, reason;
};

const Standing& standing(Exec exec) {
  static std::map<Exec, Standing> asked;
  const auto [entry, fresh] = asked.try_emplace(exec);
  if (!fresh) return entry->second;
  auto peer = make_peer(exec, Level::O0);
  if (!peer) {
    entry->second.reason = peer.error().message;
    return entry->second;
  }
  const std::string version = (*peer)->version();
  const Module nothing;
  const Result<void> tried = PeerSubject(std::move(*peer), 0).prepare(nothing);
  if (tried) entry->second.version = version;
  else entry->second.reason = tried.error().message;
  return entry->second;
}

} // namespace

Result<std::unique_ptr<Subject>> make_peer_subject(const SubjectRow& row, const SubjectOptions& options) {
  auto peer = make_peer(row.exec, row.level);
  if (!peer) return peer.error();
  return make_peer_subject(std::move(*peer), options.time_limit_ms);
}

std::unique_ptr<Subject> make_peer_subject(std::unique_ptr<peers::Peer> peer, u32 time_limit_ms) {
  return std::make_unique<PeerSubject>(std::move(peer), time_limit_ms);
}

std::string peer_unavailable_reason(const SubjectRow& row) { return standing(row.exec).reason; }

std::string peer_version(Exec exec) { return is_peer(exec) ? standing(exec).version : std::string(); }

} // namespace assay::fuzz
