// unwind_culprit.cpp - see unwind_culprit.h.
#include "fuzz/cli/unwind_culprit.h"

#include "compiler/codegen/backend.h"
#include "compiler/codegen/observer.h"
#include "fuzz/probe/program.h"
#include "fuzz/triage/cause.h"

#include <algorithm>

namespace assay::cli {
namespace {

using codegen::DecisionArea;

constexpr u64 kMostRows = u64{1} << 20;

class RowListener final : public codegen::Observer {
public:
  void decided(const codegen::Decisions& decisions) override { last = decisions.last(DecisionArea::Unwinding); }
  codegen::LastDecision last;
};

UnwindLimits step_limits() {
  UnwindLimits out;
  out.instructions = 4000;
  out.sweep = 200'000;
  return out;
}

class CulpritSearch {
public:
  CulpritSearch(const Module& module, const fuzz::Cases& cases, const UnwindRow& row, const UnwindFinding& finding)
      : module_(module), cases_(cases), row_(row), finding_(finding) {}

  /// The first row whose short form makes the difference; 0: none does.
  u64 first_short_row() {
    if (fails(0)) return 0;
    u64 low = 0, high = 1;
    for (; !fails(high); high *= 2) {
      low = high;
      if (high >= kMostRows) return 0;
    }
    while (high - low > 1) {
      const u64 middle = low + (high - low) / 2;
      (fails(middle) ? high : low) = middle;
    }
    return high;
  }

  /// The row that says at the instruction what was found wrong, by number; 0: the one that an entry begins with.
  u64 row_in_force() {
    CodeObject object;
    if (finding_.offset == kNone || !Compiler(compile_options(row_)).compile(module_, object)) return 0;
    const u32 reg = register_called(finding_.what.substr(0, finding_.what.find(':')));
    u64 found = 0;
    for (const FunctionCode& function : object.functions) {
      if (finding_.offset < function.begin || finding_.offset >= function.end) continue;
      const auto ops = object.frame_of(function);
      for (u32 i = 0; i < ops.size() && ops[i].offset <= finding_.offset - function.begin; ++i)
        if (concerns(ops[i], reg)) found = function.first_frame_op + i + 1;
    }
    return found;
  }

  codegen::LastDecision describe(u64 number) const {
    RowListener listener;
    CompileOptions options = compile_options(row_);
    options.passes.decision_limits[static_cast<u32>(DecisionArea::Unwinding)] = number;
    options.observer = &listener;
    CodeObject object;
    static_cast<void>(Compiler(options).compile(module_, object));
    return listener.last;
  }

private:
  bool fails(u64 short_rows) {
    UnwindRow limited = row_;
    limited.short_rows = short_rows;
    UnwindChecker checker({&limited}, {finding_.format}, step_limits());
    std::vector<UnwindFinding> findings;
    if (!checker.check(module_, cases_, findings)) return false;
    return std::any_of(findings.begin(), findings.end(), [&](const auto& f) { return same_way(f, finding_); });
  }

  /// kNone of "sp", "pc" and of what a decoder complains of: where the frame is.
  u32 register_called(std::string_view name) const {
    const codegen::LirNames& names = codegen::lir_names(row_.target);
    for (u32 reg = 0; reg < 64; ++reg)
      if (names.reg_name(static_cast<codegen::PReg>(reg)) == name) return reg;
    return kNone;
  }
  static bool concerns(const FrameOp& op, u32 reg) {
    switch (op.effect) {
    case FrameEffect::Push:
    case FrameEffect::Pop: return reg == kNone || op.reg == reg;
    case FrameEffect::Save:
    case FrameEffect::Restore: return op.reg == reg;
    case FrameEffect::SignReturn:
    case FrameEffect::AuthReturn: return reg == kNone;
    case FrameEffect::EpilogueBegin: return false;
    case FrameEffect::EpilogueEnd: return true;
    default: return reg == kNone;
    }
  }

  const Module& module_;
  const fuzz::Cases& cases_;
  const UnwindRow& row_;
  const UnwindFinding& finding_;
};

/// Whose rows are wrong on any platform. Apple's tables refer to DWARF where their own encoding does not do.
std::string writer_of(const UnwindFinding& finding, const std::vector<UnwindFinding>& all) {
  const auto is_wrong = [&](std::string_view format) {
    return std::any_of(all.begin(), all.end(), [&](const auto& f) { return f.format == format; });
  };
  if (is_wrong("windows")) return is_wrong("dwarf") || is_wrong("compact") ? "frames" : "windows";
  return is_wrong("dwarf") ? "dwarf" : finding.format;
}

/// The words of a complaint, but for the place before them and what depends on the program behind them.
std::string complaint_in(const std::string& what) {
  constexpr std::size_t kMost = 60;
  std::string words = fuzz::without_names(what);
  const std::size_t place = words.find('#'), colon = words.find(": ", place == std::string::npos ? 0 : place);
  if (place != std::string::npos && colon != std::string::npos) words.erase(0, colon + 2);
  return fuzz::as_word(words.substr(0, std::min(words.find('#'), kMost)));
}

} // namespace

bool same_way(const UnwindFinding& a, const UnwindFinding& b) {
  return a.row == b.row && a.format == b.format && (a.where == "tables") == (b.where == "tables") &&
         fuzz::without_names(a.what) == fuzz::without_names(b.what);
}

TableCulprit culprit_of(const Module& module, const fuzz::Cases& cases, const UnwindRow& row,
                        const UnwindFinding& finding, const std::vector<UnwindFinding>& all) {
  TableCulprit out;
  out.culprit = std::string(name_of(row.target)) + "/unwinding/" + fuzz::as_word(writer_of(finding, all)) + ":";
  if (finding.where == "tables" || finding.where == "table") {
    out.culprit += "reader:" + complaint_in(finding.what);
    out.words = out.culprit;
    return out;
  }
  CulpritSearch search(module, cases, row, finding);
  u64 number = search.first_short_row();
  const bool by_form = number != 0;
  if (!by_form) number = search.row_in_force();
  const codegen::LastDecision last = number == 0 ? codegen::LastDecision() : search.describe(number);
  if (last.number == 0) {
    out.culprit += "row_at_entry";
    out.words = out.culprit;
    return out;
  }
  out.culprit += codegen::decision_info(last.decision).name;
  out.words = out.culprit + ", row " + std::to_string(last.number) + " (" + std::to_string(last.in_function) + " in @" +
              module.functions[last.function].name + ") of " + std::string(last.file) + ":" +
              std::to_string(last.line) + (by_form ? ", in its short form only" : "");
  return out;
}

} // namespace assay::cli
