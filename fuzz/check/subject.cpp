// subject.cpp - the table of subjects, what of it this host can run, and how one is chosen.
//
// The reasons given here are about the host and the build; what a subject cannot do with one module is
// said by its `prepare`. Linear in the table. Tested in fuzz/check/tests/subject_test.cpp.
#include "fuzz/check/subject.h"

#include "fuzz/check/settings.h"
#include "fuzz/check/subject_kinds.h"
#include "fuzz/subjects/peer_subject.h"
#include "qemu/unicorn/unicorn_executor.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

constexpr Target kX64 = Target::X64, kA64 = Target::A64;
constexpr Level kO0 = Level::O0, kO2 = Level::O2;
constexpr Exec kNative = Exec::Native, kUnicorn = Exec::Unicorn, kQemu = Exec::Qemu;
constexpr Exec kLlvm = Exec::Llvm, kGccjit = Exec::Gccjit;
constexpr Os kLinux = Os::Linux, kWindows = Os::Windows, kApple = Os::Apple;

// clang-format off
// The lattice: target x level x place x convention. `extensions`: what this machine's processor has, or the emulated
// one; else the target's baseline. What cannot run here stays in the table, and is listed with the reason.
// name                                 where         target level convention extensions registers spill-all  meaning
constexpr SubjectRow kRows[] = {
  {"oracle",                            Exec::Oracle, kX64, kO0, kLinux,    true,      0,        false, "the reference interpreter"},
  {"x64-O0-native-linux",               kNative,      kX64, kO0, kLinux,    true,      0,        false, "System V convention"},
  {"x64-O0-native-windows",             kNative,      kX64, kO0, kWindows,  true,      0,        false, "Windows convention between AIR functions, run here"},
  {"x64-O0-native-linux-baseline",      kNative,      kX64, kO0, kLinux,    false,     0,        false, "only SSE2: no processor extensions"},
  {"x64-O0-native-linux-regs4",         kNative,      kX64, kO0, kLinux,    true,      4,        false, "four registers of each class"},
  {"x64-O0-native-windows-regs6",       kNative,      kX64, kO0, kWindows,  true,      6,        false, "six registers of each class"},
  {"x64-O0-native-linux-spill-all",     kNative,      kX64, kO0, kLinux,    true,      0,        true,  "every value in its stack slot"},
  {"x64-O2-native-linux",               kNative,      kX64, kO2, kLinux,    true,      0,        false, "optimised, System V convention"},
  {"x64-O2-native-windows",             kNative,      kX64, kO2, kWindows,  true,      0,        false, "optimised, Windows convention between AIR functions, run here"},
  {"x64-O2-native-linux-regs4",         kNative,      kX64, kO2, kLinux,    true,      4,        false, "optimised, four registers of each class"},
  {"x64-O2-native-linux-orders",        kNative,      kX64, kO2, kLinux,    true,      0,        false, "optimised by any passes in any order, drawn from the program", Drawn::Passes},
  {"x64-native-lattice",                kNative,      kX64, kO2, kLinux,    true,      0,        false, "level, convention, extensions, registers, padding, decisions and passes drawn from the program", Drawn::Settings},
  {"a64-O0-native-linux",               kNative,      kA64, kO0, kLinux,    true,      0,        false, "AAPCS64"},
  {"a64-O0-native-apple",               kNative,      kA64, kO0, kApple,    true,      0,        false, "Apple convention between AIR functions, run here"},
  {"a64-O0-native-linux-regs4",         kNative,      kA64, kO0, kLinux,    true,      4,        false, "four registers of each class"},
  {"a64-O0-native-linux-spill-all",     kNative,      kA64, kO0, kLinux,    true,      0,        true,  "every value in its stack slot"},
  {"a64-O2-native-linux",               kNative,      kA64, kO2, kLinux,    true,      0,        false, "optimised, AAPCS64"},
  {"a64-native-lattice",                kNative,      kA64, kO2, kLinux,    true,      0,        false, "settings drawn from the program", Drawn::Settings},
  {"x64-O0-unicorn-linux",              kUnicorn,     kX64, kO0, kLinux,    true,      0,        false, "emulated, System V convention"},
  {"x64-O0-unicorn-windows",            kUnicorn,     kX64, kO0, kWindows,  false,     0,        false, "emulated as on a Windows host, only SSE2"},
  {"a64-O0-unicorn-linux",              kUnicorn,     kA64, kO0, kLinux,    false,     0,        false, "emulated, AAPCS64"},
  {"a64-O0-unicorn-windows",            kUnicorn,     kA64, kO0, kWindows,  false,     0,        false, "emulated as on a Windows host"},
  {"a64-O0-unicorn-apple",              kUnicorn,     kA64, kO0, kApple,    true,      0,        false, "emulated as on Apple silicon, signed return addresses, branch targets"},
  {"a64-O2-unicorn-linux",              kUnicorn,     kA64, kO2, kLinux,    false,     0,        false, "emulated, optimised, AAPCS64"},
  {"a64-O0-unicorn-linux-regs4",        kUnicorn,     kA64, kO0, kLinux,    false,     4,        false, "emulated, four registers of each class"},
  {"a64-O0-unicorn-linux-spill-all",    kUnicorn,     kA64, kO0, kLinux,    false,     0,        true,  "emulated, every value in its stack slot"},
  {"x64-unicorn-lattice",               kUnicorn,     kX64, kO2, kLinux,    true,      0,        false, "emulated, settings drawn from the program", Drawn::Settings},
  {"a64-unicorn-lattice",               kUnicorn,     kA64, kO2, kLinux,    false,     0,        false, "emulated, settings drawn from the program", Drawn::Settings},
  {"a64-O0-qemu-linux",                 kQemu,        kA64, kO0, kLinux,    false,     0,        false, "in a process under qemu-aarch64, AAPCS64"},
  {"a64-O0-qemu-apple",                 kQemu,        kA64, kO0, kApple,    true,      0,        false, "so, Apple convention between AIR functions, signed return addresses"},
  {"a64-O2-qemu-linux",                 kQemu,        kA64, kO2, kLinux,    false,     0,        false, "in a process under qemu-aarch64, optimised, AAPCS64"},
  {"a64-qemu-lattice",                  kQemu,        kA64, kO2, kLinux,    false,     0,        false, "in a process under qemu-aarch64, settings drawn from the program", Drawn::Settings},
  // Other compilers, for this machine; only when they are asked for.
  {"llvm-O0",                           kLlvm,        kX64, kO0, kLinux,    true,      0,        false, "LLVM's ORC JIT, not optimised"},
  {"llvm-O2",                           kLlvm,        kX64, kO2, kLinux,    true,      0,        false, "LLVM's ORC JIT, optimised"},
  {"gccjit-O0",                         kGccjit,      kX64, kO0, kLinux,    true,      0,        false, "GCC by libgccjit, not optimised"},
  {"gccjit-O2",                         kGccjit,      kX64, kO2, kLinux,    true,      0,        false, "GCC by libgccjit, optimised"},
};
// clang-format on

// Words of the command line that some version knows; which of them have a subject here is the table's matter.
constexpr std::string_view kTargets[] = {"x64", "a64"};
constexpr std::string_view kLevels[] = {"O0", "O2"};
constexpr std::string_view kExecs[] = {"native", "qemu", "unicorn", "llvm", "gccjit"};
constexpr std::string_view kOses[] = {"linux", "windows", "apple"};

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return words.empty() || std::find(words.begin(), words.end(), word) != words.end();
}

Result<void> check_words(const std::vector<std::string>& words, std::span<const std::string_view> known,
                         std::string_view option) {
  for (const std::string& word : words) {
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    Error error;
    error.message = "--" + std::string(option) + " has no '" + word + "'; expected one of";
    for (const std::string_view name : known) error.message += " " + std::string(name);
    return error;
  }
  return {};
}

Error unsupported(std::string message) {
  Error error;
  error.kind = ErrorKind::Unsupported;
  error.message = std::move(message);
  return error;
}

Result<std::vector<const SubjectRow*>> by_name(const SubjectFilter& filter) {
  std::vector<const SubjectRow*> rows;
  for (const std::string& name : filter.names) {
    const SubjectRow* row = find_subject_row(name);
    if (row == nullptr) {
      Error error;
      error.message = "there is no subject '" + name + "'; 'assay subjects' lists them, and settings make others: "
                      "TARGET-LEVEL-PLACE-CONVENTION[-baseline|-extensions][-regsN][-spill-all][-padN][-decisionsN]";
      return error;
    }
    const std::string reason = unavailable_reason(*row);
    if (!reason.empty()) return unsupported("subject " + name + " cannot run here: " + reason);
    rows.push_back(row);
  }
  return rows;
}

bool admits(const SubjectFilter& filter, const SubjectRow& row) {
  if (is_peer(row.exec)) // neither target nor convention is ours to choose
    return !filter.execs.empty() && contains(filter.execs, name_of(row.exec)) &&
           contains(filter.levels, name_of(row.level)) && filter.targets.empty() && filter.oses.empty();
  return row.exec != Exec::Oracle && contains(filter.targets, assay::name_of(row.target)) &&
         contains(filter.levels, name_of(row.level)) && contains(filter.execs, name_of(row.exec)) &&
         contains(filter.oses, assay::name_of(row.os));
}

/// The rows with what was asked for that can run here; the others of them are appended to `left_out`.
std::vector<const SubjectRow*> admitted(const SubjectFilter& filter, bool emulated, std::vector<LeftOut>& left_out) {
  std::vector<const SubjectRow*> rows;
  for (const SubjectRow& row : kRows) {
    if (!admits(filter, row) || (row.exec != Exec::Native && !emulated)) continue;
    std::string reason = unavailable_reason(row);
    if (reason.empty()) rows.push_back(&row);
    else left_out.push_back({&row, std::move(reason)});
  }
  return rows;
}

} // namespace

std::string_view name_of(Exec exec) {
  switch (exec) {
  case Exec::Oracle: return "oracle";
  case Exec::Native: return "native";
  case Exec::Qemu: return "qemu";
  case Exec::Unicorn: return "unicorn";
  case Exec::Llvm: return "llvm";
  case Exec::Gccjit: return "gccjit";
  }
  return "?";
}
std::string_view name_of(Level level) { return level == Level::O0 ? "O0" : "O2"; }

std::span<const SubjectRow> subject_rows() { return kRows; }

const SubjectRow* find_subject_row(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kRows), std::end(kRows), [&](const SubjectRow& r) { return r.name == name; });
  return found == std::end(kRows) ? composed_row(name) : found;
}

std::string unavailable_reason(const SubjectRow& row) {
  if (row.exec == Exec::Oracle) return {};
  return is_peer(row.exec) ? peer_unavailable_reason(row) : compiled_unavailable_reason(row);
}

CompileOptions compile_options(const SubjectRow& row) {
  CompileOptions options;
  options.target = row.target;
  options.level = row.level;
  options.os = row.os;
  // Where nothing outside is real, the host may be of any kind; elsewhere it is what it is.
  options.host_os = row.exec == Exec::Unicorn ? row.os : row.exec == Exec::Qemu ? Os::Linux : host_os();
  if (row.extensions)
    options.features = row.exec == Exec::Native ? host_features() : qemu::emulated_features(row.target);
  options.max_registers = row.max_registers;
  options.spill_all = row.spill_all;
  options.block_padding = row.block_padding;
  if (row.decisions != 0)
    for (u64& limit : options.passes.decision_limits) limit = row.decisions;
  return options;
}

Result<std::unique_ptr<Subject>> make_subject(const SubjectRow& row, const SubjectOptions& options) {
  const std::string reason = unavailable_reason(row);
  if (!reason.empty()) return unsupported("subject " + std::string(row.name) + " cannot run here: " + reason);
  if (row.exec == Exec::Oracle) return make_oracle_subject();
  return is_peer(row.exec) ? make_peer_subject(row, options) : make_compiled_subject(row, options);
}

Result<std::vector<const SubjectRow*>> select_subjects(const SubjectFilter& filter, std::vector<LeftOut>* left_out) {
  const std::pair<const std::vector<std::string>*, std::pair<std::span<const std::string_view>, std::string_view>>
      lists[] = {{&filter.targets, {kTargets, "target"}},
                 {&filter.levels, {kLevels, "level"}},
                 {&filter.execs, {kExecs, "exec"}},
                 {&filter.oses, {kOses, "os"}}};
  for (const auto& [words, known] : lists) {
    auto checked = check_words(*words, known.first, known.second);
    if (!checked) return checked.error();
  }
  if (filter.names_given()) return by_name(filter);

  std::vector<LeftOut> out;
  const bool emulated = filter.emulated || !filter.execs.empty();
  std::vector<const SubjectRow*> rows = admitted(filter, emulated, out);
  if (rows.empty() && !emulated) {
    out.clear();
    rows = admitted(filter, true, out);
  }
  if (rows.empty() && out.empty()) return unsupported("no subject of this version has what was asked for");
  if (rows.empty()) return unsupported("no subject can run here: " + out.back().reason);
  if (left_out != nullptr) *left_out = std::move(out);
  return rows;
}

} // namespace assay::fuzz
