// program_source.h - program number i of a campaign: generated, or a mutant of a program of the corpus.
//
// A function of (seed, corpus, i) alone, so that any process can make any program again: a worker that dies
// leaves only its index behind. Without a corpus every fourth program is a mutant of a generated one; with one, half
// are mutants of its programs. A mutant that may show a pointer's number is dropped and counted. One program in sixteen
// is then said otherwise (fuzz/metamorph), and what it was before is there to be compared with.
// Storage is reused. Tested in fuzz/campaign/tests/program_source_test.cpp.
#pragma once

#include "assay/errors.h"
#include "fuzz/check/check.h"
#include "fuzz/generate/generator.h"
#include "fuzz/mutate/mutator.h"

#include <atomic>
#include <span>
#include <string>
#include <vector>

namespace assay::fuzz {

/// The programs of a folder that parse and verify, in the order of their paths.
struct Corpus {
  struct Program {
    std::string path; // relative to the folder
    Module module;
  };
  std::vector<Program> programs;
  u32 ignored = 0; // files that are not valid AIR (tests of errors), cannot be read, or are too long
  std::vector<std::string> ignored_because{}; // of the first of them
};
inline constexpr u64 kMaxCorpusFile = 4u << 20; // bytes
/// The .air files below a folder, in order. Links to files are followed, folders that may not be read are left out.
Result<std::vector<std::string>> list_corpus(const std::string& folder);
/// Those files. `at` (may be null) has the index of the one that is read; `skip`: indices of files to leave alone.
Corpus read_corpus(const std::string& folder, const std::vector<std::string>& files, std::atomic<u32>* at = nullptr,
                   std::span<const u32> skip = {});
Result<Corpus> load_corpus(const std::string& folder);

struct SourceOptions {
  u64 seed = 0;
  GeneratorConfig generator;
  u32 inputs = 2;       // argument vectors an entry
  bool mutants = true;  // some programs are mutants
  bool variants = true; // some programs are said otherwise
  u64 max_fuel = 1'000'000;
  u32 usual_fuel = 2'000; // most cases get at most this, many a tenth of it; a few get all of max_fuel
};

class ProgramSource {
public:
  /// `corpus` may be null; it must outlive the source.
  ProgramSource(const SourceOptions& options, const Corpus* corpus);

  /// Makes program `index` with its cases. False when it had to be dropped.
  bool make(u64 index, Module& module, Cases& cases);
  /// "generated", "mutant of a generated program", "mutant of corpus program run/x.air, said otherwise: split+outline"
  const std::string& origin() const { return origin_; }
  /// The program before it was said otherwise, of which the cases are, too; null: it was not.
  const Module* original() const { return varied_ ? &before_ : nullptr; }
  const SourceOptions& options() const { return options_; }

private:
  bool mutate(Random& random, Module& module);
  void vary(u64 seed, Module& module);
  void choose_donor(Random& random, Module& out);

  SourceOptions options_;
  const Corpus* corpus_;
  Generator generator_;
  Mutator mutator_;
  Module donor_, before_;
  bool varied_ = false;
  std::string origin_;
};

/// Cases of a program whose inputs and fuel follow from `seed`.
void make_seeded_cases(const Module& module, u64 seed, const SourceOptions& options, Cases& out);

/// The seed that belongs to a program which is known by its text.
u64 text_seed(std::string_view text);

} // namespace assay::fuzz
