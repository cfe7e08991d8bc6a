// reducer.cpp - see reducer.h.
//
// One edit at a time: all its places, then halves, quarters, down to single ones, from the last place to the first.
// What was asked about once is not asked again (by a hash of its text and call), which makes the last round, in which
// nothing goes any more, cheap. Tested in fuzz/reduce/tests/reducer_test.cpp.
#include "fuzz/reduce/reducer.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "fuzz/mutate/nan.h"

#include <algorithm>
#include <chrono>

namespace assay::fuzz {
namespace {

using Clock = std::chrono::steady_clock;

u64 hash_of(const Program& program, std::string& text) {
  text.clear();
  print_module(program.module, text);
  u64 hash = 0xcbf29ce484222325u;
  const auto add = [&hash](u64 word) { hash = (hash ^ word) * 0x100000001b3u; };
  for (const char c : text) add(static_cast<u8>(c));
  add(program.entry);
  for (const u64 arg : program.args) add(arg), add(arg >> 32);
  add(program.fuel);
  return hash;
}

/// What keeps the program comparable, as far as the first one has it.
struct Promises {
  bool no_pointers_seen = false;
  bool no_nans_seen = false;
  bool bounded = false;

  explicit Promises(const Program& program) {
    Module copy = program.module;
    no_pointers_seen = !exposes_pointers(copy);
    no_nans_seen = canonicalise_exposed_nans(copy) == 0;
    bounded = fuel_bounded(program.module);
  }
  /// Brings the candidate there if it can be; false when it cannot.
  bool keep(Module& module) const {
    if (no_pointers_seen && exposes_pointers(module)) return false;
    if (bounded) bound_with_fuel(module);
    if (no_nans_seen) canonicalise_exposed_nans(module);
    return true;
  }
};

class Reducer {
public:
  Reducer(const Program& program, Judge& judge, const ReduceOptions& options)
      : best_(program), judge_(judge), options_(options), promises_(program) {}

  ReduceResult run();

private:
  bool enough() const;
  bool ready(Program& candidate);
  bool accept_if_same(Program& candidate);
  void export_all();
  void begin();
  bool try_edit(const Edit& edit);
  bool try_places(const Edit& edit, std::vector<Place>& places, std::size_t size, std::size_t& end);
  bool round(bool coarse_only);

  Program best_;
  u64 best_cost_ = 0;
  Judge& judge_;
  const ReduceOptions& options_;
  Promises promises_;
  Cleaning cleaning_;
  std::unordered_set<u64> known_; // asked about, and not the same
  std::string text_;
  std::vector<Program> candidates_;
  std::vector<std::pair<std::size_t, u64>> wheres_; // of candidates: the end of their places, their hash
  ReduceResult result_;
  Clock::time_point start_ = Clock::now();
};

bool Reducer::enough() const {
  if (interrupted()) return true;
  if (options_.programs != 0 && result_.tried >= options_.programs) return true;
  return options_.seconds > 0 && std::chrono::duration<double>(Clock::now() - start_).count() >= options_.seconds;
}

/// Whether the candidate is worth asking about; makes it so where it can.
bool Reducer::ready(Program& candidate) {
  drop_unused(candidate);
  if (!verify(candidate.module)) return false;
  if (!promises_.keep(candidate.module)) return false;
  if (candidate.entry != kNone &&
      candidate.args.size() != candidate.module.params_of(candidate.module.functions[candidate.entry]).size())
    return false;
  return cost_of(candidate) < best_cost_;
}

/// For changes that are no edits.
bool Reducer::accept_if_same(Program& candidate) {
  ++result_.tried;
  if (judge_.first_same({&candidate, 1}) == kNone) return false;
  ++result_.accepted;
  best_ = std::move(candidate);
  best_cost_ = cost_of(best_);
  if (options_.on_smaller) options_.on_smaller(best_);
  return true;
}

/// Everything exported when nothing is called, so that `unexport` finds what is needed; unless the failure is of what
/// is not exported, and left out or not because of that.
void Reducer::export_all() {
  Program candidate = best_;
  bool changes = false;
  for (Function& f : candidate.module.functions) {
    changes |= f.exported == f.imported;
    f.exported = !f.imported;
  }
  if (changes && judge_.first_same({&candidate, 1}) != kNone) best_ = std::move(candidate);
  result_.tried += changes ? 1 : 0;
}

/// The unused dropped; what does nothing dropped, if it is not just that which fails; more fuel than any default asks
/// for.
void Reducer::begin() {
  if (best_.entry == kNone) export_all();
  best_cost_ = cost_of(best_);
  Program candidate = best_;
  drop_unused(candidate);
  if (ready(candidate)) accept_if_same(candidate);
  candidate = best_;
  clean_all({true, false}, candidate);
  if (ready(candidate)) cleaning_.unreachable = accept_if_same(candidate);
  candidate = best_;
  clean_all({cleaning_.unreachable, true}, candidate);
  if (ready(candidate)) cleaning_.dead = accept_if_same(candidate);
}

/// Asks about some of the next candidates: `size` places each, the first ending at `end`. True when one was taken;
/// `end` is where to go on in any case.
bool Reducer::try_places(const Edit& edit, std::vector<Place>& places, std::size_t size, std::size_t& end) {
  candidates_.clear();
  wheres_.clear();
  while (end != 0 && candidates_.size() < judge_.width()) {
    const std::size_t first = end - std::min(size, end);
    Program candidate = best_;
    const bool changed = apply(edit, {places.data() + first, end - first}, cleaning_, candidate);
    end = first;
    if (!changed || !ready(candidate)) continue;
    const u64 hash = hash_of(candidate, text_);
    if (known_.count(hash) != 0) continue;
    candidates_.push_back(std::move(candidate));
    wheres_.push_back({first, hash});
  }
  if (candidates_.empty()) return false;
  const u32 same = judge_.first_same(candidates_);
  const std::size_t looked = same == kNone ? candidates_.size() : std::size_t{same};
  for (std::size_t i = 0; i < looked; ++i) known_.insert(wheres_[i].second);
  result_.tried += same == kNone ? looked : looked + 1;
  if (same == kNone) return false;
  ++result_.accepted;
  best_ = std::move(candidates_[same]);
  best_cost_ = cost_of(best_);
  end = wheres_[same].first;
  if (options_.on_smaller) options_.on_smaller(best_);
  return true;
}

bool Reducer::try_edit(const Edit& edit) {
  bool progress = false;
  std::vector<Place> places;
  edit.list(best_, places);
  for (std::size_t size = places.size(); size != 0; size /= 2) {
    std::size_t end = places.size();
    while (end != 0) {
      if (enough()) return progress;
      if (!try_places(edit, places, size, end)) continue;
      progress = true;
      places.clear();
      edit.list(best_, places);
      end = std::min(end, places.size());
    }
  }
  return progress;
}

bool Reducer::round(bool coarse_only) {
  bool progress = false;
  for (const Edit& edit : edits()) {
    if (edit.coarse || !coarse_only) progress |= try_edit(edit);
    if (enough()) return false;
  }
  return progress;
}

ReduceResult Reducer::run() {
  result_.instructions_before = instruction_count(best_.module);
  begin();
  while (round(true)) {}
  while (round(false)) {}
  result_.done = !enough();
  result_.instructions = instruction_count(best_.module);
  result_.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  result_.program = std::move(best_);
  return std::move(result_);
}

} // namespace

ReduceResult reduce(const Program& program, Judge& judge, const ReduceOptions& options) {
  return Reducer(program, judge, options).run();
}

} // namespace assay::fuzz
