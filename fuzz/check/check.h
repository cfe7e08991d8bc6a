// check.h - the differential check: the oracle says what a program must do, each subject must do the same.
//
// One Checker serves one thread and keeps all storage, so that nothing is allocated in the steady state.
// Cost: one oracle run a case, one prepare a subject, one run and one comparison a case and subject.
// Tested in fuzz/check/tests/check_test.cpp.
#pragma once

#include "fuzz/check/subject.h"
#include "oracle/interpreter/interpreter.h"
#include "qemu/test_host.h"

#include <array>
#include <atomic>

namespace assay::fuzz {

/// The calls that are made of one program: entry functions with their arguments.
class Cases {
public:
  void clear();
  /// `args`: one for each parameter of the entry.
  void add(FunctionId entry, std::span<const u64> args, u64 fuel);
  u32 size() const { return static_cast<u32>(cases_.size()); }
  FunctionId entry(u32 index) const { return cases_[index].entry; }
  u64 fuel(u32 index) const { return cases_[index].fuel; }
  void set_fuel(u32 index, u64 fuel) { cases_[index].fuel = fuel; }
  std::span<const u64> args(u32 index) const {
    return {args_.data() + cases_[index].first_arg, cases_[index].arg_count};
  }

private:
  struct Case {
    FunctionId entry;
    u32 first_arg, arg_count;
    u64 fuel;
  };
  std::vector<Case> cases_;
  std::vector<u64> args_;
};

/// `per_entry` argument vectors (one where there is no parameter) for each exported function, from `seed`.
void make_cases(const Module& module, u64 seed, u32 per_entry, u64 fuel, Cases& out);

enum class FindingKind : u8 {
  Miscompile,   // the outcomes differ
  Crash,        // a signal where there is no trap
  Hang,         // no end in the time allowed
  Breach,       // the machine contract was broken
  Checker,      // the symbolic checker refused an allocation
  CompileError, // the compiler failed, not for lack of support
  Invalid,      // a generator or mutator made a program that the verifier refuses
};
std::string_view name_of(FindingKind kind); // "miscompile", "compile-error"
bool finding_kind_from_name(std::string_view name, FindingKind& out);

/// What went wrong first.
struct Difference {
  FindingKind kind = FindingKind::Miscompile;
  u32 subject = 0;        // index in Checker::subjects
  u32 case_index = kNone; // kNone: before any run
  std::string what;       // the first difference, in words
};

struct CheckCounts {
  u64 programs = 0;
  u64 runs = 0;                  // of the oracle
  std::array<u64, 8> outcomes{}; // [OutcomeKind] of the oracle
  u64 compared = 0;              // runs of a subject that were compared
  u64 agree = 0;
  u64 unknown = 0; // stack_overflow in one: not comparable
  u64 refused = 0; // cases that the oracle refuses: not compared
  u64 skipped = 0; // a program that a subject cannot run
};

/// Whether programs ran out of stack in more runs than agree, so that no difference would have been seen. The process
/// has too little of it then: few random programs recur without end.
inline bool is_undecided(u64 agree, u64 unknown) { return unknown > agree; }
inline constexpr std::string_view kUndecided =
    "most runs ended for want of stack, in the oracle or in a subject, and tell nothing; give this process more";

/// Why a subject left programs out, and how many.
struct Skip {
  u32 subject = 0;
  std::string reason;
  u64 count = 0;
};

/// Where a check stands, readable from another process when the check kills its own.
struct Progress {
  std::atomic<u32> subject{kNone};    // index in Checker::subjects; kNone: the oracle
  std::atomic<u32> case_index{kNone}; // kNone: preparing
};

class Checker {
public:
  /// A subject under test with its name.
  struct Entry {
    std::string name;
    std::unique_ptr<Subject> subject;
  };

  explicit Checker(std::vector<Entry> subjects);
  ~Checker();
  Checker(Checker&&) noexcept;
  Checker& operator=(Checker&&) noexcept;

  /// One of each row (the oracle, which is always there, may be among them and is left out).
  static Result<Checker> make(std::span<const SubjectRow* const> rows, const SubjectOptions& options = {});

  /// Runs each case on the oracle and on each subject; stops at the first difference and returns false.
  bool check(const Module& module, const Cases& cases);

  /// Only one case on one subject, for replays.
  bool check_one(const Module& module, const Cases& cases, u32 case_index, u32 subject);

  /// Of the last check that returned false.
  const Difference& difference() const { return difference_; }
  /// The oracle's outcome of a case of the last check.
  const Outcome& expected(u32 case_index) const { return expected_[case_index]; }
  /// The outcome of the last run of a subject.
  const Outcome& actual() const { return actual_; }

  std::span<const Entry> subjects() const { return subjects_; }
  u32 find_subject(std::string_view name) const;
  const CheckCounts& counts() const { return counts_; }
  std::span<const Skip> skips() const { return skips_; }
  void set_progress(Progress* progress) { progress_ = progress; }
  /// Nothing is left out of what the oracle says: true when every case of the last check was refused.
  bool all_refused() const { return all_refused_; }

private:
  void run_oracle(const Module& module, const Cases& cases, u32 first, u32 last);
  bool check_subject(const Module& module, const Cases& cases, u32 first, u32 last, u32 subject);
  bool prepare(const Module& module, u32 subject, bool& skipped);
  bool compare_case(const Module& module, u32 case_index, u32 subject);
  void count_skip(u32 subject, const std::string& reason);
  void at(u32 subject, u32 case_index);

  std::vector<Entry> subjects_;
  std::unique_ptr<oracle::Interpreter> oracle_;
  qemu::TestHost host_;
  std::vector<Outcome> expected_;
  std::vector<RunRequest> requests_;
  Outcome actual_;
  Difference difference_;
  CheckCounts counts_;
  std::vector<Skip> skips_;
  Progress* progress_ = nullptr;
  bool all_refused_ = false;
};

} // namespace assay::fuzz
