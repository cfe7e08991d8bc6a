// cmd_gen.cpp - `assay gen --seed N`: prints a random program, or writes many.
//
// The same seed gives the same bytes on every host and in every build. With --count, program i is that of seed N + i,
// and its file is called after it. Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/check/finding.h"
#include "fuzz/cli/commands.h"
#include "fuzz/generate/generator.h"

#include <cstdio>
#include <filesystem>
#include <memory>

namespace assay::cli {
namespace {

struct GenOptions {
  u64 seed = 0;
  u64 count = 1;
  std::string out, preset = "small";
};

int generate(const GenOptions& options) {
  fuzz::GeneratorConfig config;
  if (!fuzz::preset(options.preset, config)) {
    std::fprintf(stderr, "assay gen: --preset has no '%s'; expected one of", options.preset.c_str());
    for (const std::string_view name : fuzz::preset_names())
      std::fprintf(stderr, " %.*s", static_cast<int>(name.size()), name.data());
    std::fputc('\n', stderr);
    return kUsage;
  }
  if (!options.out.empty()) {
    std::error_code failure;
    std::filesystem::create_directories(options.out, failure);
  }
  fuzz::Generator generator(config);
  Module module;
  std::string text;
  for (u64 i = 0; i < options.count; ++i) {
    const u64 seed = options.seed + i;
    generator.generate(seed, module);
    text.clear();
    print_module(module, text);
    if (options.out.empty()) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      continue;
    }
    const std::string path = (std::filesystem::path(options.out) / (std::to_string(seed) + ".air")).string();
    if (auto written = fuzz::write_file_atomically(path, text); !written) {
      report(written.error());
      return kCannot;
    }
  }
  return kClean;
}

} // namespace

void add_gen(CLI::App& app, int& status) {
  auto options = std::make_shared<GenOptions>();
  CLI::App* command = app.add_subcommand("gen", "print random program N");
  command->add_option("--seed", options->seed, "which program")->required();
  CLI::Option* count = command->add_option("--count", options->count, "so many, from seed N on")->capture_default_str();
  CLI::Option* out = command->add_option("--out", options->out, "folder to write them into, N.air each");
  count->needs(out);
  command
      ->add_option("--preset", options->preset, "kind of programs: small large calls memory floats pressure exceptions")
      ->capture_default_str();
  command->callback([options, &status] { status = generate(*options); });
}

} // namespace assay::cli
