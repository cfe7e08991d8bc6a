// unwind_mutate.cpp - see unwind_mutate.h. Tested end to end in fuzz/cli/tests/.
#include "fuzz/cli/unwind_mutate.h"

#include "fuzz/cli/unwind_frames.h"
#include "oracle/unwind/meaning.h"

#include <algorithm>
#include <optional>

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

/// The field of the right table that has the bit.
oracle::TableField field_of(const StepTable& table, const oracle::UnwindTables& right, u32 byte, u32 bit) {
  const auto in = [&](qemu::protocol::TablePart p) { return byte >= p.at && byte - p.at < p.size; };
  if (in(table.entries)) return right.field_at(oracle::TableRegion::Entries, byte - table.entries.at, bit);
  if (in(table.info)) return right.field_at(oracle::TableRegion::Info, byte - table.info.at, bit);
  if (in(table.eh_frame)) return right.field_at(oracle::TableRegion::Frames, byte - table.eh_frame.at, bit);
  return {"between parts", "padding: no reader is told of it"};
}

/// What is tried instead of a byte: each bit flipped, then whole bytes that differ in more than one bit.
std::vector<u8> instead_of(u8 byte) {
  std::vector<u8> out;
  for (u32 bit = 0; bit < 8; ++bit) out.push_back(static_cast<u8>(byte ^ 1u << bit));
  for (const u32 other : {0x00u, 0xffu, byte + 1u, byte - 1u, ~u32{byte}}) {
    const u8 value = static_cast<u8>(other);
    if (value != byte && std::find(out.begin(), out.end(), value) == out.end()) out.push_back(value);
  }
  return out;
}

u32 lowest_bit(u32 word) {
  u32 bit = 0;
  while (word != 0 && (word >> bit & 1) == 0) ++bit;
  return bit;
}

/// All changes of one table.
class TableMutator {
public:
  TableMutator(UnwindChecker& checker, const UnwindRow& row, const CodeObject& object, const CodeMap& map,
               const fuzz::Cases& cases, const StepTable& right, const oracle::UnwindTables& decoded,
               MutationTotals& totals)
      : checker_(checker), row_(row), object_(object), map_(map), cases_(cases), right_(right), decoded_(decoded),
        table_(right), totals_(totals), counts_(totals.formats[static_cast<u32>(right.format)]) {
    std::vector<u64> pcs, returns; // no function ends with a call: its first instruction is nobody's return address
    const auto begins = [&](u32 at) {
      return std::any_of(object.functions.begin(), object.functions.end(),
                         [at](const auto& f) { return f.begin == at; });
    };
    for (const u32 start : map.starts) {
      pcs.push_back(kCodeAt + start);
      if (!begins(start)) returns.push_back(kCodeAt + start);
    }
    meaning_.emplace(decoded, pcs, returns);
  }

  Result<void> run() {
    ++counts_.tables;
    for (u32 at = 0; at < table_.bytes.size(); ++at) {
      const u8 byte = right_.bytes[at];
      for (const u8 other : instead_of(byte)) {
        table_.bytes[at] = other;
        if (auto done = judge(at, lowest_bit(byte ^ other)); !done) return done;
      }
      table_.bytes[at] = byte;
    }
    return {};
  }

private:
  Result<void> judge(u32 at, u32 bit) {
    ++counts_.changed;
    if (!lint_table(table_, object_, map_).empty()) return ++counts_.by_reader, Result<void>();
    auto opened = open_table(table_, object_, kCodeAt);
    if (!opened) return ++counts_.by_reader, Result<void>();
    if (meaning_->first_difference(**opened) == 0) {
      const oracle::TableField field = field_of(right_, decoded_, at, bit);
      explain(at, bit, field.why[0] != 0 ? field.why : "the same rule at every instruction");
      return {};
    }
    auto noticed = noticed_by_step(checker_, map_, cases_, table_);
    if (!noticed) return noticed.error();
    if (*noticed) return ++counts_.by_step, Result<void>();
    const auto same = [this](u64 pc, bool is_return, const oracle::FrameRule& a, const oracle::FrameRule& b) {
      return states_.same_caller(static_cast<u32>(pc - kCodeAt), is_return, a, b);
    };
    const u64 differs = meaning_->first_difference(**opened, same);
    if (differs == 0) {
      explain(at, bit,
              "where rules differ they find the same caller: by sp or the frame register at a known distance, in "
              "a register or where it was just saved");
      return {};
    }
    ++counts_.unexplained;
    const oracle::TableField field = field_of(right_, decoded_, at, bit);
    ++totals_.unexplained[std::string(row_.name) + ": " + std::string(name_of(right_.format)) + " " + field.name +
                          " (byte " + oracle::hex(at) + " " + oracle::hex(right_.bytes[at]) + " as " +
                          oracle::hex(table_.bytes[at]) + ") says something else at " +
                          place_in_code(object_, static_cast<u32>(differs - kCodeAt))];
    return {};
  }

  void explain(u32 at, u32 bit, const char* why) {
    ++counts_.explained;
    const oracle::TableField field = field_of(right_, decoded_, at, bit);
    ++totals_.explained[std::string(name_of(right_.format)) + " " + field.name + ": " + why];
  }

  UnwindChecker& checker_;
  const UnwindRow& row_;
  const CodeObject& object_;
  const CodeMap& map_;
  const fuzz::Cases& cases_;
  const StepTable& right_;
  const oracle::UnwindTables& decoded_;
  StepTable table_;
  MutationTotals& totals_;
  MutationCounts& counts_;
  FrameStates states_{object_};
  std::optional<oracle::Meaning> meaning_;
};

} // namespace

MutationCounts MutationTotals::sum() const {
  MutationCounts sum;
  for (const MutationCounts& one : formats) {
    sum.tables += one.tables, sum.changed += one.changed;
    sum.by_reader += one.by_reader, sum.by_step += one.by_step;
    sum.explained += one.explained, sum.unexplained += one.unexplained;
  }
  return sum;
}

Result<void> mutate_tables(UnwindChecker& checker, const UnwindRow& row, const CodeObject& object, const CodeMap& map,
                           const fuzz::Cases& cases, std::span<const StepTable> tables, MutationTotals& totals) {
  for (const StepTable& right : tables) {
    auto decoded = open_table(right, object, kCodeAt);
    if (!decoded) return decoded.error();
    TableMutator mutator(checker, row, object, map, cases, right, **decoded, totals);
    if (auto done = mutator.run(); !done) return done;
  }
  return {};
}

} // namespace assay::cli
