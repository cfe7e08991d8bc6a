// unwind_check.cpp - see unwind_check.h. Tested end to end in fuzz/cli/tests/.
#include "fuzz/cli/unwind_check.h"

#include "compiler/codegen/decisions.h"
#include "oracle/unwind/unwind.h"

#include <algorithm>
#include <chrono>

namespace assay::cli {

namespace {

using qemu::protocol::kTableFormats;
using qemu::protocol::StepReport;

constexpr u64 kNoLimit = ~u64{0};
constexpr Target kX64 = Target::X64, kA64 = Target::A64;
constexpr Level kO0 = Level::O0, kO2 = Level::O2;

// clang-format off
// Every convention, and what changes the shape of frames: signed return addresses, few registers, none.
// name                     target level os           registers spill-all signed    short rows
constexpr UnwindRow kRows[] = {
  {"x64-O0-linux",            kX64, kO0, Os::Linux,    0,        false,    false},
  {"x64-O0-windows",          kX64, kO0, Os::Windows,  0,        false,    false},
  {"x64-O0-apple",            kX64, kO0, Os::Apple,    0,        false,    false},
  {"x64-O0-linux-spill-all",  kX64, kO0, Os::Linux,    0,        true,     false},
  {"a64-O0-linux",            kA64, kO0, Os::Linux,    0,        false,    false},
  {"a64-O0-linux-signed",     kA64, kO0, Os::Linux,    0,        false,    true},
  {"a64-O0-windows",          kA64, kO0, Os::Windows,  0,        false,    false},
  {"a64-O0-windows-signed",   kA64, kO0, Os::Windows,  0,        false,    true},
  {"a64-O0-apple",            kA64, kO0, Os::Apple,    0,        false,    false},
  {"a64-O0-apple-signed",     kA64, kO0, Os::Apple,    0,        false,    true},
  {"a64-O0-linux-regs4",      kA64, kO0, Os::Linux,    4,        false,    false},
  {"x64-O2-linux",            kX64, kO2, Os::Linux,    0,        false,    false},
  {"x64-O2-windows",          kX64, kO2, Os::Windows,  0,        false,    false},
  {"a64-O2-linux",            kA64, kO2, Os::Linux,    0,        false,    false},
  {"a64-O2-apple-signed",     kA64, kO2, Os::Apple,    0,        false,    true},
  // Tables in their most general forms
  {"x64-O0-linux-plain",      kX64, kO0, Os::Linux,    0,        false,    false,   0},
  {"x64-O2-windows-plain",    kX64, kO2, Os::Windows,  0,        false,    false,   0},
  {"a64-O2-windows-plain",    kA64, kO2, Os::Windows,  0,        false,    false,   0},
  {"a64-O0-apple-plain",      kA64, kO0, Os::Apple,    0,        false,    true,    0},
};
// clang-format on

constexpr std::string_view kPresets[] = {"small", "pressure", "calls", "exceptions", "memory"};

bool admits(const std::vector<std::string>& words, std::string_view word) {
  return words.empty() || std::find(words.begin(), words.end(), word) != words.end();
}

/// ud2, or udf.
bool is_undefined(const CodeObject& object, u32 at) {
  const std::span<const u8> code = std::span<const u8>(object.code).subspan(at);
  if (object.target == Target::X64) return code.size() >= 2 && code[0] == 0x0f && code[1] == 0x0b;
  return code.size() >= 4 && code[2] == 0 && code[3] == 0;
}

void add_counts(const qemu::protocol::StepEvents& more, qemu::protocol::StepEvents& sum) {
  sum.calls += more.calls;
  sum.tail_calls += more.tail_calls;
  sum.called_out += more.called_out;
  sum.caught += more.caught;
  sum.frames_left += more.frames_left;
  sum.skipped += more.skipped;
}

} // namespace

std::span<const UnwindRow> unwind_rows() { return kRows; }

Result<std::vector<const UnwindRow*>> select_unwind_rows(const fuzz::SubjectFilter& filter) {
  std::vector<const UnwindRow*> out;
  for (const UnwindRow& row : kRows) {
    if (admits(filter.names, row.name) && admits(filter.targets, name_of(row.target)) &&
        admits(filter.oses, name_of(row.os)) && admits(filter.levels, fuzz::name_of(row.level)) &&
        admits(filter.execs, "unicorn"))
      out.push_back(&row);
  }
  if (out.empty()) {
    std::string names;
    for (const UnwindRow& row : kRows) names += " " + std::string(row.name);
    return Error{
        ErrorKind::Unsupported, {}, 0, 0, "no platform of this version has what was asked for; there are" + names};
  }
  const qemu::UnicornStepper stepper;
  for (const UnwindRow* row : out) {
    if (auto able = stepper.can(row->target); !able) return able.error();
  }
  return out;
}

CompileOptions compile_options(const UnwindRow& row) {
  CompileOptions options;
  options.target = row.target;
  options.level = row.level;
  options.os = options.host_os = row.os;
  options.max_registers = row.max_registers;
  options.spill_all = row.spill_all;
  options.features.sign_return = options.features.bti = row.sign_return;
  options.passes.decision_limits[static_cast<u32>(codegen::DecisionArea::Unwinding)] = row.short_rows;
  return options;
}

std::vector<TableFormat> formats_of(const UnwindRow& row, const std::vector<std::string>& wanted) {
  std::vector<TableFormat> all{TableFormat::Dwarf};
  if (row.os == Os::Windows) all.push_back(TableFormat::Windows);
  if (row.os == Os::Apple) all.push_back(TableFormat::Compact);
  all.erase(std::remove_if(all.begin(), all.end(), [&](TableFormat f) { return !admits(wanted, name_of(f)); }),
            all.end());
  return all;
}

UnwindChecker::UnwindChecker(std::vector<const UnwindRow*> rows, std::vector<std::string> formats, UnwindLimits limits)
    : rows_(std::move(rows)), formats_(std::move(formats)), limits_(limits) {
  for (const UnwindRow* row : rows_) compilers_.push_back(std::make_unique<Compiler>(compile_options(*row)));
}

Result<void> UnwindChecker::check(const Module& module, const fuzz::Cases& cases, std::vector<UnwindFinding>& out) {
  bool any = false;
  const UnwindTotals before = totals_;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    auto done = check_row(i, module, cases, out);
    if (!done) {
      totals_ = before;
      return done.error();
    }
    any |= *done;
    if (limits_.stop_at_first && !out.empty()) break;
  }
  if (!any) return {};
  ++totals_.programs;
  totals_.functions += static_cast<u64>(
      std::count_if(module.functions.begin(), module.functions.end(), [](const auto& f) { return !f.imported; }));
  return {};
}

/// False: this row cannot have the program.
Result<bool> UnwindChecker::check_row(std::size_t index, const Module& module, const fuzz::Cases& cases,
                                      std::vector<UnwindFinding>& out) {
  const UnwindRow& row = *rows_[index];
  const std::size_t before = out.size();
  if (auto compiled = compilers_[index]->compile(module, object_); !compiled) {
    if (compiled.error().kind != ErrorKind::Unsupported) return compiled.error();
    skip(std::string(row.name) + ": " + compiled.error().message);
    return false;
  }
  map_.make(object_);
  totals_.compiled += object_.functions.size();
  if (const std::string bad = lint_call_sites(object_, map_); !bad.empty())
    out.push_back({row.name, "call sites", "table", bad});
  std::vector<StepTable> tables;
  if (auto written = write(row, tables, out); !written) return written.error();
  if (tables.empty() || (limits_.stop_at_first && out.size() != before)) return true;
  if (auto loaded = stepper_.load(module, object_); !loaded) return loaded.error();
  stepper_.set_tables(tables);
  if (auto done = step(row, cases, out); !done) return done.error();
  if (on_clean && out.size() == before && row.short_rows == kNoLimit) {
    if (auto done = on_clean(row, object_, map_, cases, tables); !done) return done.error();
  }
  return true;
}

/// The tables that the strict reader accepts.
Result<void> UnwindChecker::write(const UnwindRow& row, std::vector<StepTable>& tables,
                                  std::vector<UnwindFinding>& out) {
  for (const TableFormat format : formats_of(row, formats_)) {
    auto table = write_table(format, object_);
    if (!table && table.error().kind == ErrorKind::Unsupported) {
      skip(std::string(row.name) + ", " + std::string(name_of(format)) + ": " + table.error().message);
      continue;
    }
    if (!table) return table.error();
    ++totals_.linted[static_cast<u32>(format)];
    const bool strictly = row.short_rows == kNoLimit;
    std::string bad = strictly ? lint_table(*table, object_, map_) : std::string();
    if (bad.empty() && strictly && format == TableFormat::Dwarf && !object_.call_sites.empty()) {
      bad = lint_with_handlers(*table, object_, map_);
      if (!bad.empty()) bad = "with a personality routine: " + bad;
    }
    if (bad.empty()) tables.push_back(std::move(*table));
    else out.push_back({row.name, std::string(name_of(format)), "tables", std::move(bad)});
  }
  return {};
}

Result<void> UnwindChecker::step(const UnwindRow& row, const fuzz::Cases& cases, std::vector<UnwindFinding>& out) {
  const auto start = std::chrono::steady_clock::now();
  u32 executed = 0;
  for (u32 i = 0; i < cases.size(); ++i) {
    auto done = stepper_.step(cases.entry(i), cases.args(i), cases.fuel(i), limits_.instructions, report_);
    if (!done) return done;
    ++totals_.runs;
    totals_.cut += report_.cut;
    totals_.traps += report_.outcome == OutcomeKind::Trapped;
    executed = report_.pcs;
    add(report_, row, out);
  }
  u64 unseen = map_.starts.size() - executed;
  if (limits_.sweep != 0 && !map_.starts.empty()) {
    if (auto done = stepper_.sweep(map_.starts, limits_.sweep, report_); !done) return done;
    totals_.swept += report_.instructions;
    unseen = report_.unseen.size();
    add(report_, row, out);
    for (const u32 at : report_.unseen) {
      totals_.never += is_undefined(object_, at);
      if (on_unseen) on_unseen(row.name, place_in_code(object_, at));
    }
  }
  totals_.code += map_.starts.size();
  totals_.executed += executed;
  totals_.by_sweep += map_.starts.size() - executed - unseen;
  totals_.step_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return {};
}

void UnwindChecker::add(const StepReport& report, const UnwindRow& row, std::vector<UnwindFinding>& out) {
  totals_.instructions += report.instructions;
  totals_.max_depth = std::max(totals_.max_depth, report.max_depth);
  add_counts(report.events, totals_.events);
  for (u32 i = 0; i < kTableFormats; ++i) {
    totals_.counts[i].checked += report.counts[i].checked;
    totals_.counts[i].left_out += report.counts[i].left_out;
    totals_.counts[i].walked += report.counts[i].walked;
    totals_.counts[i].failed += report.counts[i].failed;
  }
  for (const qemu::protocol::StepFailure& f : report.failures) {
    std::string what = f.what;
    if (f.expected != 0 || f.found != 0)
      what += ": expected " + oracle::hex(f.expected) + ", found " + oracle::hex(f.found);
    if (f.walk) what += " (of a frame that waits, or in a walk through all frames)";
    out.push_back(
        {row.name, std::string(name_of(f.format)), place_in_code(object_, f.offset), std::move(what), f.offset});
  }
}

// ---- random programs -----------------------------------------------------------------------------------

std::span<const std::string_view> UnwindPrograms::presets() { return kPresets; }

UnwindPrograms::UnwindPrograms(const std::string& preset, u32 inputs, u64 fuel) : inputs_(inputs), fuel_(fuel) {
  for (const std::string_view name : kPresets) {
    if (!preset.empty() && preset != name) continue;
    fuzz::GeneratorConfig config;
    if (fuzz::preset(name, config)) generators_.emplace_back(config);
  }
}

void UnwindPrograms::make(u64 seed, Module& module, fuzz::Cases& cases) {
  generators_[seed % generators_.size()].generate(seed, module);
  fuzz::make_cases(module, seed, inputs_, fuel_, cases);
}

} // namespace assay::cli
