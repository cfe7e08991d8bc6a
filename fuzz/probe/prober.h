// prober.h - asks Probe in a process of its own, which may die or hang of the question.
//
// The program goes there as text, so that what fails is what a file of it shows. A process that has died is replaced.
// How it died, and the last words of a broken invariant, are what is seen then. Where a process cannot be forked the
// question is asked in this one. About 0.2 ms a question for a small program. Tested in
// fuzz/probe/tests/probe_test.cpp.
#pragma once

#include "fuzz/os/process.h"
#include "fuzz/probe/program.h"

#include <optional>

namespace assay::fuzz {

class Prober {
public:
  /// A process that does not answer within the time hangs.
  explicit Prober(u32 timeout_ms = 10'000) : timeout_ms_(timeout_ms) {}

  Seen ask(const Program& program, const Variant& variant);
  /// The same in two steps, so that several can be asked at once: between them, no other question.
  void start(const Program& program, const Variant& variant);
  Seen finish();

  u64 asked() const { return asked_; }
  u64 deaths() const { return deaths_; }
  void set_timeout(u32 milliseconds) { timeout_ms_ = milliseconds; }

private:
  Seen of_death(bool late);

  u32 timeout_ms_;
  std::optional<Companion> companion_;
  std::optional<Probe> own_; // where there are no processes
  Seen own_seen_;
  u64 asked_ = 0, deaths_ = 0;
};

/// The variant with every trap thrown, if the program fails as `seen` so too: which traps are thrown depends on how
/// large the code is, and what is changed shall not decide about that. Else the variant.
Variant throwing_alike(const Program& program, const Variant& variant, const Seen& seen, Prober& prober);

} // namespace assay::fuzz
