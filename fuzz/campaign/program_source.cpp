// program_source.cpp - see program_source.h.
//
// Most runs get little fuel, because a mutant's loop may be endless but for it, and a campaign lives by the number
// of programs. Tested in fuzz/campaign/tests/program_source_test.cpp.
#include "fuzz/campaign/program_source.h"

#include "assay/text.h"
#include "assay/verify.h"
#include "fuzz/metamorph/metamorph.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace assay::fuzz {

Result<std::vector<std::string>> list_corpus(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> out;
  std::error_code failure, odd;
  for (fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, failure), end;
       !failure && it != end; it.increment(failure))
    if (it->path().extension() == ".air" && it->is_regular_file(odd)) out.push_back(it->path().string());
  if (failure) {
    Error error;
    error.kind = ErrorKind::Io;
    error.file = folder;
    error.message = "cannot read the corpus: " + failure.message();
    return error;
  }
  std::sort(out.begin(), out.end());
  return out;
}

namespace {

/// The file's program; else why there is none.
std::string read_program(const std::string& path, Module& out) {
  std::error_code failure;
  const auto size = std::filesystem::file_size(path, failure);
  if (!failure && size > kMaxCorpusFile) return path + ": longer than " + std::to_string(kMaxCorpusFile) + " bytes";
  std::ifstream file(path, std::ios::binary);
  if (failure || !file) return path + ": cannot be read";
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto module = parse_and_verify(text, path);
  if (!module) return module.error().to_string();
  if (module->functions.empty()) return path + ": has no function";
  out = std::move(*module);
  return {};
}

} // namespace

Corpus read_corpus(const std::string& folder, const std::vector<std::string>& files, std::atomic<u32>* at,
                   std::span<const u32> skip) {
  constexpr std::size_t kMaxReasons = 5;
  Corpus out;
  for (u32 i = 0; i < files.size(); ++i) {
    if (at != nullptr) at->store(i);
    Corpus::Program program;
    const bool skipped = std::find(skip.begin(), skip.end(), i) != skip.end();
    const std::string why =
        skipped ? files[i] + ": reading it ended the process" : read_program(files[i], program.module);
    if (!why.empty()) {
      ++out.ignored;
      if (out.ignored_because.size() < kMaxReasons) out.ignored_because.push_back(why);
      continue;
    }
    std::error_code failure;
    program.path = std::filesystem::relative(files[i], folder, failure).generic_string();
    out.programs.push_back(std::move(program));
  }
  return out;
}

Result<Corpus> load_corpus(const std::string& folder) {
  const auto files = list_corpus(folder);
  if (!files) return files.error();
  return read_corpus(folder, *files);
}

ProgramSource::ProgramSource(const SourceOptions& options, const Corpus* corpus)
    : options_(options), corpus_(corpus != nullptr && !corpus->programs.empty() ? corpus : nullptr),
      generator_(options.generator) {}

bool ProgramSource::make(u64 index, Module& module, Cases& cases) {
  const u64 seed = derive_seed(options_.seed, index);
  Random random(seed);
  const bool wants_mutant = random.chance(1, corpus_ != nullptr ? 2 : 4) && options_.mutants;
  origin_ = "generated";
  if (!wants_mutant) {
    generator_.generate(random.next(), module);
  } else if (!mutate(random, module)) {
    return false;
  }
  make_seeded_cases(module, random.next(), options_, cases);
  vary(derive_seed(seed, 1), module);
  return cases.size() != 0;
}

/// Of a stream of its own, so that all other programs are the same without it. Functions keep their numbers.
void ProgramSource::vary(u64 seed, Module& module) {
  varied_ = false;
  Random random(seed);
  if (!random.chance(1, 16) || !options_.variants) return;
  before_ = module;
  const std::string changes = morph(module, random.next());
  varied_ = !changes.empty();
  if (varied_) origin_ += ", said otherwise: " + changes;
}

void ProgramSource::choose_donor(Random& random, Module& out) {
  if (corpus_ != nullptr && random.chance(7, 8)) {
    const Corpus::Program& program = corpus_->programs[random.below(static_cast<u32>(corpus_->programs.size()))];
    out = program.module;
    origin_ = "mutant of corpus program " + program.path;
    return;
  }
  generator_.generate(random.next(), out);
  origin_ = "mutant of a generated program";
}

bool ProgramSource::mutate(Random& random, Module& module) {
  constexpr u32 kMaxRounds = 4;
  u64 seeds[1 + kMaxRounds];
  u32 count = 0;
  const bool crosses = random.chance(1, 5);
  if (crosses) choose_donor(random, donor_);
  choose_donor(random, module);
  if (crosses) seeds[count++] = random.next();
  for (u32 rounds = random.between(1, kMaxRounds); rounds != 0; --rounds) seeds[count++] = random.next();
  mutator_.mutate_series(module, crosses ? &donor_ : nullptr, {seeds, count});
  return settle(module);
}

namespace {

/// A generated program hardly ever needs 50, but a mutant's loop or recursion may take all there is, and recursion
/// costs the square of its depth in call stacks. Now and then there is so little that the run ends in the middle.
u64 draw_fuel(Random& random, const SourceOptions& options) {
  const u32 usual = static_cast<u32>(std::min<u64>(options.max_fuel, options.usual_fuel));
  if (random.chance(1, 1024)) return options.max_fuel;
  if (random.chance(1, 8)) return random.below(std::min(usual, 24u));
  if (random.coin()) return random.between(usual / 20, usual / 20 * 3);
  return random.between(usual / 20 * 3, usual);
}

} // namespace

void make_seeded_cases(const Module& module, u64 seed, const SourceOptions& options, Cases& out) {
  Random random(seed);
  make_cases(module, random.next(), options.inputs, 0, out);
  for (u32 i = 0; i < out.size(); ++i) out.set_fuel(i, draw_fuel(random, options));
}

u64 text_seed(std::string_view text) {
  u64 hash = 0xcbf29ce484222325u; // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<u8>(c)) * 0x100000001b3u;
  return hash;
}

} // namespace assay::fuzz
