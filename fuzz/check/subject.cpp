// subject.cpp - the table of subjects, what of it this host can run, and how one is chosen.
//
// The reasons given here are about the host and the build; what a subject cannot do with one module is
// said by its `prepare`. Linear in the table. Tested in fuzz/check/tests/subject_test.cpp.
#include "fuzz/check/subject.h"

#include "fuzz/check/subject_kinds.h"

#include <algorithm>

namespace assay::fuzz {
namespace {

constexpr Target kX64 = Target::X64;
constexpr Level kO0 = Level::O0;
constexpr Exec kNative = Exec::Native;

// clang-format off
// name                                 where         target level convention   host cpu  registers spill-all  meaning
constexpr SubjectRow kRows[] = {
  {"oracle",                            Exec::Oracle, kX64, kO0, Os::Linux,     true,     0,        false, "the reference interpreter"},
  {"x64-O0-native-linux",               kNative,      kX64, kO0, Os::Linux,     true,     0,        false, "System V convention"},
  {"x64-O0-native-windows",             kNative,      kX64, kO0, Os::Windows,   true,     0,        false, "Windows convention between AIR functions, run here"},
  {"x64-O0-native-linux-baseline",      kNative,      kX64, kO0, Os::Linux,     false,    0,        false, "only SSE2: no processor extensions"},
  {"x64-O0-native-linux-regs4",         kNative,      kX64, kO0, Os::Linux,     true,     4,        false, "four registers of each class"},
  {"x64-O0-native-windows-regs6",       kNative,      kX64, kO0, Os::Windows,   true,     6,        false, "six registers of each class"},
  {"x64-O0-native-linux-spill-all",     kNative,      kX64, kO0, Os::Linux,     true,     0,        true,  "every value in its stack slot"},
};
// clang-format on

// Words of the command line that some version knows; which of them have a subject here is the table's matter.
constexpr std::string_view kTargets[] = {"x64", "a64"};
constexpr std::string_view kLevels[] = {"O0", "O2"};
constexpr std::string_view kExecs[] = {"native", "qemu", "unicorn"};
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

const SubjectRow* find_row(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kRows), std::end(kRows), [&](const SubjectRow& r) { return r.name == name; });
  return found == std::end(kRows) ? nullptr : found;
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
    const SubjectRow* row = find_row(name);
    if (row == nullptr) {
      Error error;
      error.message = "there is no subject '" + name + "'; 'assay subjects' lists them";
      return error;
    }
    const std::string reason = unavailable_reason(*row);
    if (!reason.empty()) return unsupported("subject " + name + " cannot run here: " + reason);
    rows.push_back(row);
  }
  return rows;
}

} // namespace

std::string_view name_of(Exec exec) { return exec == Exec::Oracle ? "oracle" : "native"; }
std::string_view name_of(Level level) { return level == Level::O0 ? "O0" : "O2"; }

std::span<const SubjectRow> subject_rows() { return kRows; }

std::string unavailable_reason(const SubjectRow& row) {
  return row.exec == Exec::Oracle ? std::string() : native_unavailable_reason(row);
}

CompileOptions compile_options(const SubjectRow& row) {
  CompileOptions options;
  options.target = row.target;
  options.level = row.level;
  options.os = row.os;
  options.host_os = host_os();
  if (row.host_cpu) options.features = host_features();
  options.max_registers = row.max_registers;
  options.spill_all = row.spill_all;
  return options;
}

Result<std::unique_ptr<Subject>> make_subject(const SubjectRow& row, const SubjectOptions& options) {
  const std::string reason = unavailable_reason(row);
  if (!reason.empty()) return unsupported("subject " + std::string(row.name) + " cannot run here: " + reason);
  return row.exec == Exec::Oracle ? make_oracle_subject() : make_native_subject(row, options);
}

Result<std::vector<const SubjectRow*>> select_subjects(const SubjectFilter& filter) {
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

  std::vector<const SubjectRow*> rows;
  std::string reason = "no subject of this version has what was asked for";
  for (const SubjectRow& row : kRows) {
    if (row.exec == Exec::Oracle || !contains(filter.targets, assay::name_of(row.target)) ||
        !contains(filter.levels, name_of(row.level)) || !contains(filter.execs, name_of(row.exec)) ||
        !contains(filter.oses, assay::name_of(row.os)))
      continue;
    const std::string unavailable = unavailable_reason(row);
    if (unavailable.empty()) rows.push_back(&row);
    else reason = "no subject can run here: " + unavailable;
  }
  if (rows.empty()) return unsupported(std::move(reason));
  return rows;
}

} // namespace assay::fuzz
