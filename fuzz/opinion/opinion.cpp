// opinion.cpp - the oracle's side, the C file, the compiler's call, the run, the comparison. See opinion.h.
//
// Needs a shell and a host on which C compilers make programs for itself; elsewhere find_c_compilers finds none.
// Leaves files named batch.* in its folder. Tested in fuzz/opinion/tests/opinion_test.cpp and by ctest opinion.*.
#include "fuzz/opinion/opinion.h"

#include "assay/text.h"
#include "fuzz/check/finding.h"
#include "fuzz/check/run_lines.h"
#include "fuzz/export_c/export_c.h"
#include "fuzz/os/process.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace assay::fuzz {
namespace {

constexpr const char* kDriver =
#include "fuzz/opinion/driver.inc"
    ;
constexpr u32 kSeconds = 300;     // that one process may run
constexpr u32 kStack = 60u << 20; // that the shell is asked for; so much of it the programs may use:
constexpr u32 kUsedStack = 52u << 20;
constexpr std::size_t kMostDeaths = 20; // of one batch

u64 hash_of(const std::vector<u8>& memory) {
  u64 hash = memory.size();
  std::size_t at = 0;
  for (; at + 8 <= memory.size(); at += 8) {
    u64 word = 0;
    std::memcpy(&word, memory.data() + at, 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  }
  for (; at < memory.size(); ++at) hash = (hash ^ memory[at]) * 0x9e3779b97f4a7c15u;
  return hash;
}

Error failure(ErrorKind kind, std::string message) {
  Error error;
  error.kind = kind;
  error.message = std::move(message);
  return error;
}

std::string read_file(const std::string& path) {
  std::string out;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return out;
  char buffer[65536];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, file)) != 0;) out.append(buffer, got);
  std::fclose(file);
  return out;
}

std::string first_lines(const std::string& text, std::size_t most) { return text.substr(0, text.find('\n', most)); }

void put(std::string& out, u64 word) { out.append(reinterpret_cast<const char*>(&word), 8); }

/// Reads words; what is missing is 0 and noted.
struct Words {
  const std::string& bytes;
  std::size_t at = 0;
  bool short_of = false;
  u64 next() {
    u64 word = 0;
    if (at + 8 > bytes.size()) return short_of = true, 0;
    std::memcpy(&word, bytes.data() + at, 8);
    at += 8;
    return word;
  }
  u64 count() { // of words that must be there
    const u64 n = next();
    if (n <= (bytes.size() - at) / 8) return n;
    short_of = true;
    return 0;
  }
  u32 next32() { return static_cast<u32>(next()); }
};

/// A compiler may be there without what its flags ask for, a sanitizer's library.
bool makes_programs(const CCompiler& compiler) {
  const std::string program = "\"${TMPDIR:-/tmp}/assay-c-" + std::to_string(process_id()) + "\"";
  return std::system(("echo 'int main(void) { return 0; }' | " + compiler.command + " -x c -o " + program +
                      " - >/dev/null 2>&1 && " + program + "; s=$?; rm -f " + program + "; exit $s")
                         .c_str()) == 0;
}

constexpr OutcomeKind kKinds[] = {OutcomeKind::Returned, OutcomeKind::Threw, OutcomeKind::ThrewHost,
                                  OutcomeKind::Trapped};

void read_log(Words& words, Outcome& out) {
  const u64 count = words.count();
  const std::size_t end = words.at + count * 8;
  std::vector<u64> args;
  while (words.at < end && !words.short_of) {
    const auto kind = static_cast<TraceKind>(words.next());
    const u32 subject = words.next32();
    const u64 arg_count = words.next(), frames = words.next();
    args.clear();
    for (u64 i = 0; i < arg_count && !words.short_of; ++i) args.push_back(words.next());
    out.begin_event(kind, subject, args);
    for (u64 i = 0; i < frames && !words.short_of; ++i) {
      const u64 place = words.next();
      out.frames.push_back({static_cast<FunctionId>(place >> 32), static_cast<u32>(place), words.next32()});
    }
    out.end_event();
  }
}

/// One answer of the driver; false when it is cut off.
bool read_outcome(Words& words, const Module& module, FunctionId entry, Outcome& out, u64& memory_size,
                  u64& memory_hash) {
  out.clear();
  out.kind = kKinds[words.next() & 3];
  const auto trap = static_cast<TrapKind>(words.next());
  const u32 function = words.next32(), block = words.next32(), inst = words.next32();
  const TagId tag = words.next32();
  const u64 values = words.count();
  for (u64 i = 0; i < values; ++i) out.values.push_back(words.next());
  const u64 text = words.count();
  if (!words.short_of) out.text = std::string(words.bytes.data() + words.at, text * 8).c_str();
  words.at += text * 8;
  memory_size = words.next();
  memory_hash = words.next();
  const u64 globals = words.count();
  for (u64 i = 0; i < globals; ++i) out.globals.push_back(words.next());
  out.fuel_left = words.next();
  read_log(words, out);
  if (words.short_of) return false;
  if (out.kind == OutcomeKind::Trapped) out.trap = trap, out.position = {function, block, inst};
  std::span<const Type> types;
  if (out.kind == OutcomeKind::Returned) types = module.results_of(module.functions[entry]);
  if (out.kind == OutcomeKind::Threw && tag < module.tags.size()) {
    out.tag = tag;
    types = module.params(module.signatures[module.tags[tag].signature]);
  }
  out.value_types.assign(types.begin(), types.end());
  return true;
}

} // namespace

std::string shell_word(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Opinion::Opinion(std::vector<CCompiler> compilers, std::string folder)
    : compilers_(std::move(compilers)), folder_(std::move(folder)) {}

bool is_command(const std::string& name) {
  return std::system(("command -v -- " + shell_word(name) + " >/dev/null 2>&1").c_str()) == 0;
}

std::vector<std::string> usual_c_compilers() {
  for (const char* clang : {"clang-21", "clang-20", "clang-19", "clang-18", "clang-17"})
    if (is_command(clang)) return {"gcc", clang};
  return {"gcc", "clang"};
}

std::vector<CCompiler> find_c_compilers(const std::vector<std::string>& names, const std::string& flags,
                                        std::vector<std::string>& missing) {
  std::vector<CCompiler> out;
  for (const std::string& name : names) {
    const CCompiler compiler{name, shell_word(name) + " " + flags};
    if (!is_command(name)) missing.push_back("there is no C compiler '" + name + "'");
    else if (!makes_programs(compiler)) missing.push_back(compiler.command + " makes no programs here");
    else out.push_back(compiler);
  }
  return out;
}

Result<void> Opinion::ask(const std::vector<OpinionProgram>& programs) {
  auto text = write_c(programs);
  if (!text) return text.error();
  if (auto written = write_file_atomically(folder_ + "/batch.c", *text); !written) return written;
  run_oracle(programs);
  for (const CCompiler& compiler : compilers_) {
    if (auto done = build(compiler); !done) return done;
    if (auto done = run_all(programs, compiler); !done) return done;
  }
  return {};
}

Result<std::string> Opinion::write_c(const std::vector<OpinionProgram>& programs) {
  std::string out = "#define AIR_STACK_BYTES " + std::to_string(kUsedStack) + "u\n#define DRIVER_SECONDS " +
                    std::to_string(kSeconds) + "\n";
  append_c_prelude(1, out);
  std::string table = "static const air_module* const driver_modules[] = {";
  exported_.assign(programs.size(), 0);
  for (std::size_t i = 0; i < programs.size(); ++i) {
    CModuleOptions options;
    options.prefix = "m" + std::to_string(i);
    options.all_entries = true;
    options.file = programs[i].name;
    const std::size_t before = out.size();
    if (auto done = append_c_module(programs[i].module, options, out); !done) {
      out.resize(before);
      counts_.cannot.push_back(done.error().to_string());
      table += "0, ";
      continue;
    }
    exported_[i] = 1;
    table += "&" + options.prefix + "_module, ";
  }
  return out + table + "0};\n" + kDriver;
}

void Opinion::run_oracle(const std::vector<OpinionProgram>& programs) {
  oracle::Interpreter oracle;
  qemu::TestHost host;
  runs_.clear();
  for (u32 p = 0; p < programs.size(); ++p) {
    if (exported_[p] == 0) continue;
    ++counts_.programs;
    const Cases& cases = programs[p].cases;
    oracle.prepare(programs[p].module);
    for (u32 c = 0; c < cases.size(); ++c) {
      Run run{p, c, {}, 0, 0};
      oracle.run(cases.entry(c), cases.args(c), cases.fuel(c), host, run.expected);
      ++counts_.runs;
      if (run.expected.kind == OutcomeKind::Refused) {
        ++counts_.refused;
        continue;
      }
      run.memory_size = run.expected.memory.size();
      run.memory_hash = hash_of(run.expected.memory);
      std::vector<u8>().swap(run.expected.memory);
      runs_.push_back(std::move(run));
    }
  }
}

Result<void> Opinion::build(const CCompiler& compiler) {
  const std::string base = folder_ + "/batch";
  const std::string command = compiler.command + " -o " + shell_word(base) + " " + shell_word(base + ".c") + " -lm >" +
                              shell_word(base + ".err") + " 2>&1";
  if (std::system(command.c_str()) == 0) return {};
  return failure(ErrorKind::Internal, compiler.name + " does not compile " + folder_ +
                                          "/batch.c: " + first_lines(read_file(folder_ + "/batch.err"), 600));
}

/// Runs batch.in into `answers_`; how the process ended when it was not well.
std::string Opinion::run_batch() {
  const std::string base = folder_ + "/batch";
  const int status =
      std::system(("ulimit -s " + std::to_string(kStack / 1024) + " && " + shell_word(base) + " <" +
                   shell_word(base + ".in") + " >" + shell_word(base + ".out") + " 2>" + shell_word(base + ".err"))
                      .c_str());
  answers_ = read_file(folder_ + "/batch.out");
  return status == 0 ? ""
                     : "status " + std::to_string(status) + ": " + first_lines(read_file(folder_ + "/batch.err"), 300);
}

Result<void> Opinion::run_all(const std::vector<OpinionProgram>& programs, const CCompiler& compiler) {
  std::size_t next = 0, deaths = 0;
  Outcome actual;
  while (next < runs_.size()) {
    std::string input;
    for (std::size_t i = next; i < runs_.size(); ++i) {
      const Cases& cases = programs[runs_[i].program].cases;
      const u32 c = runs_[i].case_index;
      put(input, runs_[i].program), put(input, cases.entry(c)), put(input, cases.args(c).size());
      put(input, cases.fuel(c));
      for (const u64 arg : cases.args(c)) put(input, arg);
    }
    if (auto written = write_file_atomically(folder_ + "/batch.in", input); !written) return written;
    const std::string death = run_batch();
    Words words{answers_};
    for (; next < runs_.size(); ++next) {
      const Run& run = runs_[next];
      const OpinionProgram& program = programs[run.program];
      u64 size = 0, hash = 0;
      if (!read_outcome(words, program.module, program.cases.entry(run.case_index), actual, size, hash)) break;
      judge(program, compiler, run, actual, size, hash);
    }
    if (next == runs_.size()) break;
    if (++deaths > kMostDeaths) return failure(ErrorKind::Internal, "the C programs die again and again: " + death);
    ++counts_.compared;
    disagree(programs[runs_[next].program], compiler, runs_[next], "the C program died", death);
    ++next;
  }
  return {};
}

void Opinion::judge(const OpinionProgram& program, const CCompiler& compiler, const Run& run, const Outcome& actual,
                    u64 memory_size, u64 memory_hash) {
  ++counts_.compared;
  const auto overflow = [](const Outcome& o) {
    return o.kind == OutcomeKind::Trapped && o.trap == TrapKind::StackOverflow;
  };
  const Agreement agreement = compare(program.module, run.expected, actual);
  const bool memory = memory_size == run.memory_size && memory_hash == run.memory_hash;
  if (agreement == Agreement::Agree && memory) {
    ++counts_.agree;
    return;
  }
  if (agreement != Agreement::Differ && (overflow(run.expected) || overflow(actual))) {
    ++counts_.unknown;
    return;
  }
  disagree(program, compiler, run,
           agreement == Agreement::Agree ? "memory: " + std::to_string(run.memory_size) + " bytes, " +
                                               std::to_string(memory_size) + " bytes in C, or their digest"
                                         : first_difference(program.module, run.expected, actual),
           to_string(program.module, actual));
}

void Opinion::disagree(const OpinionProgram& program, const CCompiler& compiler, const Run& run,
                       const std::string& what, const std::string& actual) {
  ++counts_.failed;
  Disagreement out;
  out.program = program.name;
  out.compiler = compiler.name;
  out.what = what + "\n  call    " +
             call_to_string(program.module, program.cases.entry(run.case_index), program.cases.args(run.case_index)) +
             ", fuel " + std::to_string(program.cases.fuel(run.case_index)) + "\n  oracle  " +
             to_string(program.module, run.expected) + "\n  C       " + actual;
  disagreements_.push_back(std::move(out));
}

} // namespace assay::fuzz
