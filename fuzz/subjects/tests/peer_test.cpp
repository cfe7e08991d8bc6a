// peer_test.cpp - other compilers as subjects: every operation on edge values, calls and traps through the host,
// random programs; and as a control, peers that are asked for the wrong operation, which must be seen.
//
// What is kept in corpus/peers must still be got wrong by the version that it names. That the rest of the corpus
// agrees is the business of ctest peers.*. Skipped, with the reason, where a library is not here.
#include "fuzz/subjects/peer_subject.h"

#include "assay/verify.h"
#include "fuzz/check/check.h"
#include "fuzz/check/finding.h"
#include "fuzz/generate/generator.h"
#include "fuzz/opinion/operations.h"
#include "fuzz/subjects/emitter.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace assay::fuzz {
namespace {

/// Passes everything on, but asks for another operation than it was asked for.
class WrongEmitter final : public peers::Emitter {
public:
  using Types = std::span<const Type>;
  using Values = std::span<const peers::Value>;
  WrongEmitter(std::unique_ptr<Emitter> to, Opcode from, Opcode instead)
      : e_(std::move(to)), from_(from), instead_(instead) {}

  bool operation(const peers::Operation& what, const peers::Value* in, peers::Value* out) override {
    peers::Operation asked = what;
    if (what.op == from_) asked.op = instead_;
    return e_->operation(asked, in, out);
  }
  peers::Callee declare(const std::string& name, Types params, Types results, bool exported) override {
    return e_->declare(name, params, results, exported);
  }
  void begin(peers::Callee callee) override { e_->begin(callee); }
  peers::Value parameter(u32 index) override { return e_->parameter(index); }
  void end() override { e_->end(); }
  peers::Value frame_bytes(u32 size, u32 align) override { return e_->frame_bytes(size, align); }
  peers::Variable variable(Type type) override { return e_->variable(type); }
  peers::Label label(Types params) override { return e_->label(params); }
  void start(peers::Label label, std::vector<peers::Value>& params) override { e_->start(label, params); }
  void jump(peers::Label label, Values args) override { e_->jump(label, args); }
  void branch(Type type, peers::Value condition, peers::Label nonzero, peers::Label zero) override {
    e_->branch(type, condition, nonzero, zero);
  }
  void choose(Type type, peers::Value value, std::span<const u64> cases, std::span<const peers::Label> labels,
              peers::Label otherwise) override {
    e_->choose(type, value, cases, labels, otherwise);
  }
  void give_back(Values results) override { e_->give_back(results); }
  void unreachable() override { e_->unreachable(); }
  peers::Value constant(Type type, u64 bits) override { return e_->constant(type, bits); }
  peers::Value read(peers::Variable variable) override { return e_->read(variable); }
  void write(peers::Variable variable, peers::Value value) override { e_->write(variable, value); }
  peers::Value load(Type type, peers::Value address) override { return e_->load(type, address); }
  void store(Type type, peers::Value address, peers::Value value) override { e_->store(type, address, value); }
  void clear(peers::Value address, u32 size) override { e_->clear(address, size); }
  void call(peers::Callee callee, Values args, std::vector<peers::Value>& results) override {
    e_->call(callee, args, results);
  }
  void call_address(peers::Value address, Types params, Types types, Values args,
                    std::vector<peers::Value>& results) override {
    e_->call_address(address, params, types, args, results);
  }
  peers::Value address_of(peers::Callee callee) override { return e_->address_of(callee); }
  peers::Value call_host(u64 address, Values words) override { return e_->call_host(address, words); }
  Result<void> finish() override { return e_->finish(); }
  Result<u64> code_of(const std::string& name) override { return e_->code_of(name); }

private:
  std::unique_ptr<Emitter> e_;
  Opcode from_, instead_;
};

class WrongPeer final : public peers::Peer {
public:
  WrongPeer(std::unique_ptr<Peer> to, Opcode from, Opcode instead)
      : to_(std::move(to)), from_(from), instead_(instead) {}
  std::string version() const override { return to_->version(); }
  std::unique_ptr<peers::Emitter> emitter() override {
    return std::make_unique<WrongEmitter>(to_->emitter(), from_, instead_);
  }

private:
  std::unique_ptr<Peer> to_;
  Opcode from_, instead_;
};

class Peers : public testing::TestWithParam<const char*> {
protected:
  void SetUp() override {
    row_ = find_subject_row(GetParam());
    ASSERT_NE(row_, nullptr);
    const std::string reason = unavailable_reason(*row_);
    if (!reason.empty()) GTEST_SKIP() << "skipped: " << reason;
  }
  Checker checker() const {
    auto made = Checker::make({&row_, 1});
    EXPECT_TRUE(made.ok());
    return std::move(*made);
  }
  /// What differs first, with the call; empty: nothing does.
  static std::string failure_of(Checker& checker, const std::string& name, const Module& module, const Cases& cases) {
    if (checker.check(module, cases)) return {};
    const Difference& difference = checker.difference();
    std::string out = name + ": " + difference.what;
    if (difference.case_index != kNone)
      out += "; oracle " + to_string(module, checker.expected(difference.case_index)) + ", peer " +
             to_string(module, checker.actual());
    return out;
  }
  std::string operations_with(Opcode from, Opcode instead, const char* program) const {
    auto peer = row_->exec == Exec::Llvm ? peers::make_llvm(false) : peers::make_gccjit(false);
    EXPECT_TRUE(peer.ok());
    std::vector<Checker::Entry> entries;
    entries.push_back({"wrong", make_peer_subject(std::make_unique<WrongPeer>(std::move(*peer), from, instead))});
    Checker checker(std::move(entries));
    for (const OpinionProgram& each : operation_programs())
      if (each.name == program) return failure_of(checker, each.name, each.module, each.cases);
    return "there is no such program";
  }

  const SubjectRow* row_ = nullptr;
};

TEST_P(Peers, agree_on_every_operation_with_every_type_on_edge_values) {
  Checker checker = this->checker();
  for (const OpinionProgram& each : operation_programs())
    EXPECT_EQ(failure_of(checker, each.name, each.module, each.cases), "");
  EXPECT_EQ(checker.counts().skipped, 0u);
  EXPECT_GT(checker.counts().agree, 100000u);
}

TEST_P(Peers, agree_on_random_programs) {
  const u64 programs = row_->exec == Exec::Llvm ? 100 : 25;
  Checker checker = this->checker();
  Generator generator(GeneratorConfig{});
  Module module;
  Cases cases;
  for (u64 seed = 1; seed <= programs; ++seed) {
    generator.generate(seed, module);
    make_cases(module, seed, 2, 10000, cases);
    EXPECT_EQ(failure_of(checker, "seed " + std::to_string(seed), module, cases), "");
  }
  EXPECT_EQ(checker.counts().skipped, 0u);
  EXPECT_GT(checker.counts().agree, programs);
}

TEST_P(Peers, run_functions_that_are_not_exported_and_imports) {
  auto module = parse_and_verify("import @id_1(i64) -> i64\nfunc @twice(i64) -> i64 {\n^e(%x: i64):\n"
                                 "  %y = call @id_1(%x)\n  %r = add.i64 %x, %y\n  return %r\n}\n");
  ASSERT_TRUE(module.ok());
  Cases cases;
  const u64 args[] = {21};
  for (FunctionId function = 0; function < 2; ++function) cases.add(function, args, 100);
  Checker checker = this->checker();
  EXPECT_EQ(failure_of(checker, "not exported", *module, cases), "");
  EXPECT_EQ(checker.counts().agree, 2u);
  EXPECT_EQ(to_string(*module, checker.actual()), "returned 42");
}

TEST_P(Peers, are_seen_when_they_do_something_else) {
  const std::tuple<Opcode, Opcode, const char*> wrong[] = {
      {Opcode::Sub, Opcode::Add, "operations: sub"},         {Opcode::ShrS, Opcode::ShrU, "operations: shr_s"},
      {Opcode::LtS, Opcode::LtU, "operations: lt_s"},        {Opcode::Sext, Opcode::Zext, "operations: sext"},
      {Opcode::FFloor, Opcode::FCeil, "operations: ffloor"}, {Opcode::FLe, Opcode::FLt, "operations: fle"},
      {Opcode::MulHS, Opcode::MulHU, "operations: mulh_s"},
  };
  for (const auto& [from, instead, program] : wrong) {
    const std::string failure = operations_with(from, instead, program);
    EXPECT_EQ(failure.substr(0, std::string_view(program).size() + 9), std::string(program) + ": result ") << failure;
  }
}

TEST_P(Peers, without_an_end_hang_and_go_on) {
  auto module = parse_and_verify("export func @f(i64) -> i64 {\n^e(%x: i64):\n  branch %x, ^loop(%x), ^out\n^loop(%n: "
                                 "i64):\n  fuel 0\n  jump ^loop(%n)\n^out:\n  return %x\n}\n");
  ASSERT_TRUE(module.ok());
  SubjectOptions options;
  options.time_limit_ms = 50;
  auto subject = make_subject(*row_, options);
  ASSERT_TRUE(subject.ok());
  ASSERT_TRUE((*subject)->prepare(*module).ok());
  qemu::TestHost host;
  Outcome outcome;
  u64 args[] = {1};
  (*subject)->run(0, args, 100, host, outcome);
  EXPECT_EQ(outcome.kind, OutcomeKind::Hung);
  args[0] = 0;
  (*subject)->run(0, args, 100, host, outcome);
  EXPECT_EQ(to_string(*module, outcome), "returned 0");
}

INSTANTIATE_TEST_SUITE_P(Rows, Peers, testing::Values("llvm-O0", "llvm-O2", "gccjit-O0", "gccjit-O2"),
                         [](const auto& row) {
                           std::string name = row.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

/// What a finding says that it needs of the processor ("; needs: avx512dq"), where this one has it not; else nothing.
std::string missing_here(const std::string& text) {
  constexpr std::string_view kNeeds = "\n; needs: ";
  const std::size_t at = text.find(kNeeds);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + kNeeds.size();
  const std::string feature = text.substr(begin, text.find('\n', begin) - begin);
  EXPECT_EQ(feature, "avx512dq") << "the one that this test asks for";
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512dq")) return {};
#endif
  return feature;
}

TEST(PeersFindings, are_still_shown_by_the_version_that_they_name) {
  std::string not_tried;
  u32 tried = 0;
  for (const auto& file : std::filesystem::directory_iterator(ASSAY_SOURCE_DIR "/corpus/peers")) {
    const std::string path = file.path().string();
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    auto finding = parse_finding(text.str(), path);
    ASSERT_TRUE(finding.ok()) << finding.error().message;
    const SubjectRow* const row = find_subject_row(finding->subject);
    ASSERT_NE(row, nullptr) << path;
    std::string reason = unavailable_reason(*row);
    if (reason.empty() && !finding->tool.ends_with(peer_version(row->exec)))
      reason = "here is " + peer_version(row->exec) + ", not " + finding->tool;
    const std::string missing = missing_here(text.str());
    if (reason.empty() && !missing.empty()) reason = "the processor has no " + missing;
    if (!reason.empty()) {
      not_tried += "\n" + path + ": " + reason;
      continue;
    }
    auto checker = Checker::make({&row, 1});
    auto module = parse_and_verify(finding->program, path);
    ASSERT_TRUE(checker.ok() && module.ok());
    auto shown = replay(*finding, *module, *checker);
    ASSERT_TRUE(shown.ok()) << shown.error().message;
    EXPECT_TRUE(*shown) << path << ": " << finding->tool << " does as the oracle says";
    ++tried;
  }
  if (tried == 0) GTEST_SKIP() << "skipped:" << not_tried;
}

} // namespace
} // namespace assay::fuzz
