// unwind_mutate.cpp - see unwind_mutate.h. Tested end to end in fuzz/cli/tests/.
#include "fuzz/cli/unwind_mutate.h"

#include "oracle/unwind/unwind.h"

#include <numeric>

namespace assay::cli {

namespace {

/// Whether a run of the cases, a sweep, or the emulator's decoder notices what is wrong with the table.
Result<bool> noticed_by_step(UnwindChecker& checker, const CodeMap& map, const fuzz::Cases& cases,
                             const StepTable& table) {
  qemu::UnicornStepper& stepper = checker.stepper();
  qemu::protocol::StepReport report;
  stepper.set_tables({&table, 1});
  const auto shows = [&](const Result<void>& done) -> Result<bool> {
    if (!done && done.error().kind == ErrorKind::BadInput) return true; // the tables cannot be opened
    if (!done) return done.error();
    return !report.failures.empty();
  };
  for (u32 i = 0; i < cases.size(); ++i) {
    auto found =
        shows(stepper.step(cases.entry(i), cases.args(i), cases.fuel(i), checker.limits().instructions, report));
    if (!found || *found) return found;
  }
  if (map.starts.empty()) return false;
  return shows(stepper.sweep(map.starts, checker.limits().sweep, report));
}

std::string field_of(const StepTable& table, u32 byte) {
  const auto in = [&](qemu::protocol::TablePart p) { return byte >= p.at && byte - p.at < p.size; };
  const auto at = [&](const char* part, qemu::protocol::TablePart p) {
    return std::string(name_of(table.format)) + " " + part + "+" + oracle::hex(byte - p.at);
  };
  if (in(table.entries)) return at("entries", table.entries);
  if (in(table.info)) return at("info", table.info);
  if (in(table.eh_frame)) return at("eh_frame", table.eh_frame);
  return std::string(name_of(table.format)) + " padding between parts";
}

} // namespace

u64 MutationTotals::unnoticed_total() const {
  return std::accumulate(unnoticed.begin(), unnoticed.end(), u64{0},
                         [](u64 sum, const auto& one) { return sum + one.second; });
}

Result<void> mutate_tables(UnwindChecker& checker, const UnwindRow& row, const CodeObject& object, const CodeMap& map,
                           const fuzz::Cases& cases, std::span<const StepTable> tables, MutationTotals& totals) {
  for (const StepTable& right : tables) {
    StepTable table = right;
    ++totals.tables;
    for (u32 bit = 0; bit < 8 * table.bytes.size(); ++bit) {
      u8& byte = table.bytes[bit / 8];
      const u8 flip = static_cast<u8>(1u << bit % 8);
      byte ^= flip;
      ++totals.flipped;
      if (!lint_table(table, object, map).empty()) {
        ++totals.by_reader;
      } else {
        auto noticed = noticed_by_step(checker, map, cases, table);
        if (!noticed) return noticed.error();
        if (*noticed) ++totals.by_step;
        else
          ++totals
                .unnoticed[std::string(row.name) + ": " + field_of(table, bit / 8) + " bit " + std::to_string(bit % 8)];
      }
      byte ^= flip;
    }
  }
  return {};
}

} // namespace assay::cli
