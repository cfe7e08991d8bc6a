// spoiler.h - what tests of campaigns share: a subject that errs on purpose, and a fixture with a folder of its own.
#pragma once

#include "fuzz/campaign/campaign.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace assay::fuzz {

/// The oracle, with its answer or its process spoilt.
class Spoiler final : public Subject {
public:
  using Spoil = std::function<void(const Module&, Outcome&)>;
  explicit Spoiler(Spoil spoil) : spoil_(std::move(spoil)) {}
  Result<void> prepare(const Module& module) override {
    module_ = &module;
    oracle_.prepare(module);
    return {};
  }
  void run(FunctionId entry, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) override {
    oracle_.run(entry, args, fuel, host, out);
    if (spoil_) spoil_(*module_, out);
  }

private:
  Spoil spoil_;
  const Module* module_ = nullptr;
  oracle::Interpreter oracle_;
};

inline CheckerFactory factory(Spoiler::Spoil spoil = {}) {
  return [spoil]() -> Result<Checker> {
    std::vector<Checker::Entry> entries;
    entries.push_back({"spoiler", std::make_unique<Spoiler>(spoil)});
    return Checker(std::move(entries));
  };
}

inline bool has_op(const Module& module, Opcode op) {
  for (const Function& function : module.functions)
    for (const Inst& inst : function.insts)
      if (inst.op == op) return true;
  return false;
}

/// A campaign of 300 programs; everything it writes lies in one folder, which goes with the test.
class CampaignFixture : public testing::Test {
protected:
  explicit CampaignFixture(const std::string& what)
      : folder_(std::filesystem::temp_directory_path() /
                ("assay-" + what + "-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()))) {
    std::filesystem::remove_all(folder_);
    options_.source.seed = 5;
    options_.programs = 300;
    options_.print_findings = false;
  }
  ~CampaignFixture() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  CampaignResult run(const CheckerFactory& make_checker) {
    auto result = run_campaign(options_, make_checker);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().to_string());
    return result ? std::move(*result) : CampaignResult();
  }
  /// The files of findings, in order of their names.
  std::vector<std::filesystem::path> findings() const {
    std::vector<std::filesystem::path> out;
    for (const auto& entry : std::filesystem::directory_iterator(options_.findings))
      if (entry.path().extension() == ".air") out.push_back(entry.path());
    std::sort(out.begin(), out.end());
    return out;
  }
  std::filesystem::path folder_;
  CampaignOptions options_;
};

} // namespace assay::fuzz
