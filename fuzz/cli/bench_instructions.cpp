// bench_instructions.cpp - see bench_instructions.h. Needs a shell for the C compilers. Some seconds.
// Tested in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/bench_instructions.h"

#include "assay/compiler.h"
#include "fuzz/check/finding.h"
#include "fuzz/cli/commands.h"
#include "fuzz/cli/work_folder.h"
#include "fuzz/opinion/opinion.h"
#include "qemu/test_host.h"
#include "qemu/user/user_executor.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

constexpr u64 kFuel = ~u64{0} >> 1;
constexpr u32 kPatienceMs = 120'000;

Error cannot_count(ErrorKind kind, std::string message) { return Error{kind, {}, 0, 0, std::move(message)}; }

struct Counts {
  unsigned long long image = 0, other = 0;
};

Result<Counts> read_counts(const std::string& file) {
  const auto text = read_source(file);
  Counts out;
  if (!text || std::sscanf(text->text.c_str(), "%llu %llu", &out.image, &out.other) != 2)
    return cannot_count(ErrorKind::Unsupported, "QEMU has not counted: it needs plugins of version 1 (7.1 to 8.2)");
  std::remove(file.c_str());
  return out;
}

class InstructionCount {
public:
  InstructionCount(const std::string& corpus, const WorkFolder& folder) : corpus_(corpus), folder_(folder) {}

  /// Finds emulator, plugin and compilers.
  Result<void> begin(InstructionFigures& out) {
    std::string reason;
    emulator_ = qemu::find_emulator(reason);
    if (emulator_.empty()) return cannot_count(ErrorKind::Unsupported, reason);
    if (qemu::counting_arguments("x").empty())
      return cannot_count(ErrorKind::Unsupported, "this build has no plugin for QEMU");
    out.engines = {"O0", "O2"};
    std::vector<std::string> names = {"aarch64-linux-gnu-gcc"};
    for (const std::string& name : fuzz::usual_c_compilers())
      if (name.find("clang") != name.npos) names.push_back(name + " --target=aarch64-linux-gnu");
    for (const std::string& name : names) {
      const std::string command = name + " -std=c11 -O2 -w -static -DAIR_PLAIN";
      if (!compiles(command)) continue;
      out.engines.push_back(name.substr(0, name.find(' ')) + " -O2");
      commands_.push_back(command);
    }
    return {};
  }

  Result<InstructionFigures::Row> row(const KernelCall& kernel) {
    InstructionFigures::Row out;
    out.kernel = kernel.file;
    const auto source = read_source(corpus_ + "/" + kernel.file + ".ore");
    if (!source) return source.error();
    auto module = load_module(*source);
    if (!module) return module.error();
    for (const Level level : {Level::O0, Level::O2}) {
      const auto once = ours(*module, kernel, level, 1), twice = ours(*module, kernel, level, 2);
      if (!once || !twice) return once ? twice.error() : once.error();
      out.counts.push_back(*twice - *once);
    }
    const auto text = kernel_as_c(*module);
    if (!text) return text.error();
    if (auto done = fuzz::write_file_atomically(folder_.file("kernel.c"), *text); !done) return done.error();
    for (const std::string& command : commands_) {
      if (!make(command, folder_.file("kernel.c")))
        return cannot_count(ErrorKind::Internal, command + " does not compile " + kernel.file);
      const FunctionId function = module->find_function(kernel.function);
      const auto once = as_c(kernel, function, 1), twice = as_c(kernel, function, 2);
      if (!once || !twice) return once ? twice.error() : once.error();
      out.counts.push_back(*twice - *once);
    }
    return out;
  }

private:
  std::string program() const { return folder_.file("program"); }
  std::string counted() const { return folder_.file("counts"); }

  bool make(const std::string& command, const std::string& file) const {
    const std::string line = command + " -o " + fuzz::shell_word(program()) + " " + fuzz::shell_word(file) + " -lm";
    return std::system((line + " >/dev/null 2>&1").c_str()) == 0;
  }
  bool compiles(const std::string& command) const {
    const std::string file = folder_.file("trial.c");
    return fuzz::write_file_atomically(file, "#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n").ok() &&
           make(command, file);
  }

  /// Instructions in compiled code of so many calls.
  Result<u64> ours(const Module& module, const KernelCall& kernel, Level level, u32 calls) {
    CompileOptions options;
    options.target = Target::A64;
    options.level = level;
    CodeObject object;
    if (auto done = Compiler(options).compile(module, object); !done) return done.error();
    qemu::UserOptions user;
    user.emulator = emulator_;
    user.time_limit_ms = kPatienceMs;
    user.emulator_arguments = qemu::counting_arguments(counted());
    const auto executor = qemu::make_user_executor(user);
    if (auto able = executor->can(Target::A64, Os::Linux); !able) return able.error();
    if (auto loaded = executor->load(module, object); !loaded) return loaded.error();
    qemu::TestHost host;
    Outcome outcome;
    for (u32 i = 0; i < calls; ++i) {
      executor->run(module.find_function(kernel.function), kernel.args, kFuel, host, outcome);
      if (outcome.kind != OutcomeKind::Returned)
        return cannot_count(ErrorKind::Internal, std::string(kernel.file) + ": " + to_string(module, outcome));
    }
    executor->finish(); // then it has counted
    const auto counts = read_counts(counted());
    return counts ? Result<u64>(counts->other) : counts.error();
  }

  Result<u64> as_c(const KernelCall& kernel, FunctionId function, u32 calls) const {
    std::string line = fuzz::shell_word(emulator_);
    for (const std::string& argument : qemu::counting_arguments(counted())) line += " " + fuzz::shell_word(argument);
    line += " " + fuzz::shell_word(program()) + " " + std::to_string(function) + " " + std::to_string(calls);
    for (const u64 arg : kernel.args) line += " " + std::to_string(arg);
    if (std::system((line + " >/dev/null").c_str()) != 0)
      return cannot_count(ErrorKind::Internal, std::string(kernel.file) + " as C does not end well");
    const auto counts = read_counts(counted());
    return counts ? Result<u64>(counts->image + counts->other) : counts.error();
  }

  const std::string& corpus_;
  const WorkFolder& folder_;
  std::string emulator_;
  std::vector<std::string> commands_; // of the C compilers
};

/// How many instructions engine 1 executes for one of `other`: geometric mean, the most and where.
struct InstructionRatio {
  double mean = 0, most = 0;
  std::string kernel;
};

InstructionRatio instruction_ratio(const InstructionFigures& figures, std::size_t other) {
  InstructionRatio out;
  double logs = 0;
  for (const InstructionFigures::Row& row : figures.rows) {
    const double ratio = static_cast<double>(row.counts[1]) / static_cast<double>(std::max<u64>(1, row.counts[other]));
    logs += std::log(std::max(ratio, 1e-9));
    if (ratio > out.most) out.most = ratio, out.kernel = row.kernel;
  }
  out.mean = std::exp(logs / static_cast<double>(std::max<std::size_t>(1, figures.rows.size())));
  return out;
}

} // namespace

Result<InstructionFigures> count_instructions(const std::string& corpus, const std::vector<std::string>& only) {
  std::vector<KernelCall> wanted;
  for (const KernelCall& kernel : kernel_calls())
    if (only.empty() || std::find(only.begin(), only.end(), kernel.file) != only.end()) wanted.push_back(kernel);
  if (wanted.empty()) return unknown_kernel();
  const WorkFolder folder("instructions");
  InstructionFigures out;
  InstructionCount count(corpus, folder);
  if (auto begun = count.begin(out); !begun) return begun.error();
  for (const KernelCall& kernel : wanted) {
    auto row = count.row(kernel);
    if (!row) return row.error();
    out.rows.push_back(std::move(*row));
  }
  return out;
}

std::string to_text(const InstructionFigures& figures) {
  std::string out = fmt::format("{:<22}", "instructions a call");
  for (const std::string& engine : figures.engines) out += fmt::format("{:>26}", engine);
  out += "\n";
  for (const InstructionFigures::Row& row : figures.rows) {
    out += fmt::format("{:<22}", row.kernel);
    for (const u64 count : row.counts) out += fmt::format("{:>26}", count);
    out += "\n";
  }
  out += "\nO2's for one of                            geometric mean    most\n";
  for (std::size_t i = 2; i < figures.engines.size(); ++i) {
    const InstructionRatio ratio = instruction_ratio(figures, i);
    out += fmt::format("{:<42} {:>14.2f} {:>7.2f}  {}\n", figures.engines[i], ratio.mean, ratio.most, ratio.kernel);
  }
  return out;
}

std::string to_json(const InstructionFigures& figures) {
  nlohmann::ordered_json json{{"tool", fuzz::tool_version()}, {"kernels", nlohmann::ordered_json::array()}};
  for (const InstructionFigures::Row& row : figures.rows) {
    nlohmann::ordered_json counts;
    for (std::size_t i = 0; i < figures.engines.size(); ++i) counts[figures.engines[i]] = row.counts[i];
    json["kernels"].push_back({{"name", row.kernel}, {"instructions", counts}});
  }
  for (std::size_t i = 2; i < figures.engines.size(); ++i) {
    const InstructionRatio ratio = instruction_ratio(figures, i);
    json["ratios"].push_back({{"of", "O2"},
                              {"to", figures.engines[i]},
                              {"geometric_mean", ratio.mean},
                              {"most", ratio.most},
                              {"kernel", ratio.kernel}});
  }
  return json.dump(2);
}

} // namespace assay::cli
