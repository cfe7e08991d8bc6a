// libfuzzer_engine.cpp - see libfuzzer_engine.h.
//
// New inputs go to FINDINGS/corpus, which all workers of a campaign share; the --corpus folder is only read.
// libFuzzer's signal handlers, timer and memory thread are off: signals belong to the native executor, hangs and deaths
// to the campaign's parent. ctest does not build it:
// `ci/fuzz 60` is its test.
#include "fuzz/targets/libfuzzer_engine.h"

#include "fuzz/check/met.h"
#include "fuzz/os/process.h"
#include "fuzz/targets/targets.h"

#include <cstring>
#include <filesystem>

extern "C" int LLVMFuzzerRunDriver(int* argc, char*** argv,
                                   int (*callback)(const std::uint8_t* data, std::size_t size));

namespace assay::fuzz {
namespace {

#ifdef __linux__
/// libFuzzer finds them by their section, zeroes them before each input, and takes those that are not zero behind it as
/// features, by how large they are (FuzzerExtraCounters.cpp of compiler-rt; not on every system).
__attribute__((used, section("__libfuzzer_extra_counters"))) u8 met_features[kMetCount];
#endif

WorkerContext* context = nullptr; // of this process: libFuzzer's callback has no argument of its own

[[noreturn]] void finish() {
  context->finish();
  leave_process(0);
}

int on_input(const std::uint8_t* data, std::size_t size) {
  static Module module;
  static Cases cases;
  if (context->should_stop()) finish();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.size() > kMaxSharedText) return -1;
  std::memcpy(context->state.text, text.data(), text.size());
  context->state.text_length.store(static_cast<u32>(text.size()), std::memory_order_relaxed);
  if (!program_of(text, module)) {
    context->state.discarded.fetch_add(1, std::memory_order_relaxed);
    return -1;
  }
  make_seeded_cases(module, text_seed(text), context->options.source, cases);
  u64 index = 0;
  if (!context->take(index)) finish();
  context->check(module, cases, "libFuzzer");
  return 0;
}

} // namespace

int run_libfuzzer(WorkerContext& worker) {
  context = &worker;
#ifdef __linux__
  want_met(met_features);
#endif
  namespace fs = std::filesystem;
  const fs::path own = fs::path(worker.options.findings) / "corpus";
  std::error_code failure;
  fs::create_directories(own, failure);
  std::vector<std::string> words = {
      "assay", "-max_len=" + std::to_string(kMaxInput), "-print_funcs=0", "-timeout=0", "-rss_limit_mb=0",
      "-detect_leaks=0", "-handle_segv=0", "-handle_bus=0", "-handle_abrt=0", "-handle_ill=0", "-handle_fpe=0",
      "-handle_int=0", "-handle_term=0", "-handle_xfsz=0", "-verbosity=0", "-print_final_stats=0", "-reload=1",
      // Its bookkeeping of rare features cost a third of the time, more than running the programs.
      "-entropic=0",
      // 0 would mean "by time".
      "-seed=" + std::to_string((derive_seed(worker.options.source.seed, worker.number) & 0x7fffffff) | 1),
      "-artifact_prefix=" + worker.options.findings + "/", own.string()};
  // Lengths begin at that of the longest program there is. Where there is none, that would be some bytes.
  words.push_back(worker.options.corpus.empty() ? "-len_control=0" : "-len_control=100");
  if (!worker.options.corpus.empty()) words.push_back(worker.options.corpus);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int argc = static_cast<int>(words.size());
  char** arguments = argv.data();
  return LLVMFuzzerRunDriver(&argc, &arguments, on_input);
}

} // namespace assay::fuzz
