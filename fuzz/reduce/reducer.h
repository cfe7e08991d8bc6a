// reducer.h - makes a failing program small while it fails in the same way.
//
// From coarse to fine (edits.h): at many places at once, then at half as many, down to one; again until nothing goes
// any more. A candidate must be valid, cheaper than what there is, and comparable (no NaN payload and no pointer seen,
// loops bounded by fuel, as far as the program itself is) before the judge is asked. The same program, judge and limits
// give the same result, whatever the number of candidates that the judge takes at once. Tested in
// fuzz/reduce/tests/reducer_test.cpp.
#pragma once

#include "fuzz/probe/prober.h"
#include "fuzz/reduce/edits.h"

#include <functional>
#include <memory>
#include <unordered_set>

namespace assay::fuzz {

/// Says whether programs fail as the one does that is reduced.
class Judge {
public:
  virtual ~Judge() = default;
  /// The first of these that does, kNone: none. They are alternatives, tried in this order.
  virtual u32 first_same(std::span<const Program> candidates) = 0;
  /// How many alternatives it likes to be given.
  virtual u32 width() const { return 1; }
};

/// Fails as `seen` says when made as `variant` says, and does not fail in the witness's way: then it would have
/// another cause. Several processes are asked at once.
class DifferenceJudge final : public Judge {
public:
  DifferenceJudge(Seen seen, Variant variant, u32 jobs, u32 timeout_ms);
  void set_witness(const Variant& witness) { witness_ = witness; }
  u32 first_same(std::span<const Program> candidates) override;
  u32 width() const override { return static_cast<u32>(probers_.size()); }
  u64 asked() const;
  u64 deaths() const;

private:
  Seen seen_;
  Variant variant_;
  std::optional<Variant> witness_;
  std::vector<Prober> probers_;
};

struct ReduceOptions {
  double seconds = 60; // 0: no limit
  u64 programs = 0;    // candidates asked about; 0: no limit
  /// Told of each smaller program, and how far it is; may be empty.
  std::function<void(const Program&)> on_smaller;
};

struct ReduceResult {
  Program program;
  u32 instructions_before = 0, instructions = 0;
  u64 tried = 0;    // candidates that the judge was asked about
  u64 accepted = 0; // smaller programs on the way
  double seconds = 0;
  bool done = false; // nothing goes any more; else a limit was reached, or an interruption
};

/// `program` must fail. What the result fails in is the judge's to say.
ReduceResult reduce(const Program& program, Judge& judge, const ReduceOptions& options = {});

} // namespace assay::fuzz
