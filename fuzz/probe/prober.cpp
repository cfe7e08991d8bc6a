// prober.cpp - see prober.h.
//
// Questions and answers are bytes between two processes of one image, so numbers go as they are in memory.
// Tested in fuzz/probe/tests/probe_test.cpp.
#include "fuzz/probe/prober.h"

#include "assay/text.h"
#include "assay/verify.h"

#include <cstring>
#include <type_traits>

namespace assay::fuzz {
namespace {

class Writer {
public:
  template <typename T> void number(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const std::size_t at = out_.size();
    out_.resize(at + sizeof value);
    std::memcpy(out_.data() + at, &value, sizeof value);
  }
  void text(std::string_view value) {
    number(value.size());
    out_ += value;
  }
  std::string take() { return std::move(out_); }

private:
  std::string out_;
};

class Reader {
public:
  explicit Reader(std::string_view text) : text_(text) {}
  template <typename T> void number(T& value) {
    std::memcpy(&value, text_.data(), sizeof value);
    text_.remove_prefix(sizeof value);
  }
  void text(std::string& value) {
    std::size_t size = 0;
    number(size);
    value.assign(text_.substr(0, size));
    text_.remove_prefix(size);
  }

private:
  std::string_view text_;
};

template <typename Stream, typename V> void each_field(Stream& s, V& variant) {
  s.text(variant.subject);
  s.number(variant.target);
  s.number(variant.level);
  s.number(variant.os);
  s.number(variant.exec);
  s.number(variant.extensions);
  s.number(variant.max_registers);
  s.number(variant.spill_all);
  s.number(variant.block_padding);
  s.number(variant.decisions);
  s.number(variant.passes);
  s.number(variant.check_allocation);
  s.number(variant.time_limit_ms);
  s.number(variant.throw_traps);
}

template <typename Stream, typename S> void each_field_of_seen(Stream& s, S& seen) {
  s.number(seen.state);
  s.number(seen.kind);
  s.text(seen.observable);
  s.text(seen.what);
  s.text(seen.expected);
  s.text(seen.actual);
  s.text(seen.run_line);
  s.text(seen.globals);
}

std::string question(const Program& program, const Variant& variant) {
  Writer out;
  each_field(out, variant);
  out.number(program.entry);
  out.number(program.fuel);
  out.number(program.args.size());
  for (const u64 arg : program.args) out.number(arg);
  out.text(to_text(program.module));
  return out.take();
}

std::string answer(Probe& probe, std::string_view text) {
  Reader in(text);
  Variant variant;
  Program program;
  std::size_t args = 0;
  std::string source;
  each_field(in, variant);
  in.number(program.entry);
  in.number(program.fuel);
  in.number(args);
  program.args.resize(args);
  for (u64& arg : program.args) in.number(arg);
  in.text(source);
  Seen seen;
  auto module = parse_and_verify(source, "<program>");
  if (module) {
    program.module = std::move(*module);
    seen = probe.ask(program, variant);
  } else {
    seen.state = Seen::Refused;
    seen.what = module.error().to_string();
  }
  Writer out;
  each_field_of_seen(out, seen);
  return out.take();
}

/// "regalloc.cpp:12: condition" of a broken invariant's words, else nothing.
std::string invariant_of(const std::string& words) {
  constexpr std::string_view kBegin = "assay: broken invariant at ";
  const std::size_t at = words.rfind(kBegin);
  if (at == std::string::npos) return {};
  std::string line = words.substr(at + kBegin.size());
  line.resize(std::min(line.find('\n'), line.size()));
  const std::size_t folder = line.substr(0, line.find(": ")).rfind('/');
  return folder == std::string::npos ? line : line.substr(folder + 1);
}

} // namespace

void Prober::start(const Program& program, const Variant& variant) {
  ++asked_;
  if (!can_fork()) {
    if (!own_) own_.emplace();
    own_seen_ = own_->ask(program, variant);
    return;
  }
  if (!companion_) {
    auto probe = std::make_shared<Probe>();
    auto companion = Companion::start([probe](std::string_view text) { return answer(*probe, text); });
    if (!companion) {
      own_seen_ = {};
      own_seen_.state = Seen::Unavailable;
      own_seen_.what = companion.error().to_string();
      return;
    }
    companion_.emplace(std::move(*companion));
  }
  companion_->ask(question(program, variant)); // that it is dead shows when it does not answer
}

Seen Prober::finish() {
  if (!companion_) return own_seen_;
  std::string text;
  const Companion::Reply reply = companion_->answer(timeout_ms_, text);
  if (reply != Companion::Reply::Ready) return of_death(reply == Companion::Reply::Late);
  Seen seen;
  Reader in(text);
  each_field_of_seen(in, seen);
  return seen;
}

Seen Prober::of_death(bool late) {
  ++deaths_;
  Seen seen;
  seen.state = Seen::Fails;
  seen.exact = false;
  seen.kind = late ? FindingKind::Hang : FindingKind::Crash;
  seen.what = late ? "no progress" : companion_->end();
  const std::string invariant = invariant_of(companion_->words());
  seen.observable = invariant.empty() ? seen.what : invariant;
  if (!late && !invariant.empty()) seen.what += ": broken invariant at " + invariant;
  seen.actual = "the process ended: " + seen.what;
  companion_.reset();
  return seen;
}

Seen Prober::ask(const Program& program, const Variant& variant) {
  start(program, variant);
  return finish();
}

Variant throwing_alike(const Program& program, const Variant& variant, const Seen& seen, Prober& prober) {
  Variant throwing = variant;
  throwing.throw_traps = variant.exec == Exec::Native;
  const bool asks = throwing.throw_traps != variant.throw_traps;
  return asks && prober.ask(program, throwing).same(seen) ? throwing : variant;
}

} // namespace assay::fuzz
