// oracle_subject.cpp - the reference interpreter behind the interface of a subject, for `--subject=oracle`.
//
// It can run every valid module. Tested in fuzz/check/tests/subject_test.cpp.
#include "fuzz/check/subject_kinds.h"
#include "oracle/interpreter/interpreter.h"

namespace assay::fuzz {
namespace {

class OracleSubject final : public Subject {
public:
  Result<void> prepare(const Module& module) override {
    oracle_.prepare(module);
    return {};
  }
  void run(FunctionId entry, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) override {
    oracle_.run(entry, args, fuel, host, out);
  }

private:
  oracle::Interpreter oracle_;
};

} // namespace

Result<std::unique_ptr<Subject>> make_oracle_subject() { return std::unique_ptr<Subject>(new OracleSubject); }

} // namespace assay::fuzz
