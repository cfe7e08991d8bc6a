// mutant_naming.cpp - see mutant_naming.h.
#include "fuzz/cli/mutant_naming.h"

#include "compiler/opt/pipeline.h"

#include <string>
#include <utility>

namespace assay::cli {
namespace {

/// What the culprit says behind the target: a word begins it. Several rows a component.
struct NamingRow {
  std::string_view component, word;
};
constexpr NamingRow kNaming[] = {
    {"regalloc", "register-allocation:O0"},
    {"regalloc", "allocation/"},
    {"regalloc", "emission/cycle_in_scratch"},
    {"ranges", "register-allocation:O2"},
    {"ranges", "allocation/"},
    {"isel", "selection/"},
    {"locals", "selection/local_promoted"},
    {"locals", "register-allocation:O0"}, // of values that reach no definition
    {"isel", "code:"},
    {"folding", "selection/"}, // ARM64's, of operands into instructions
    {"encoding", "encoding/"},
    {"encoding", "emission/"},
    {"encoding", "selection/product_by_lea"}, // what only these choices have emitted
    {"encoding", "selection/scaled_address"},
    {"encoding", "unicorn-agrees,native-does-not:"}, // where the bytes lie matters
    {"functions", "selection/unwanted_left_out"},
    {"integers", "selection/fused_comparison"},
    {"integers", "selection/clean_extended"},
    {"integers", "selection/constant_count"},
    {"integers", "selection/divisor_known"},
    {"integers", "emission/flags_reused"},
    {"integers", "code:"},
    {"compare", "selection/fused_comparison"},
    {"compare", "code:"},
    {"floats", "selection/fused_comparison"},
    {"floats", "selection/packed"},
    {"floats", "code:f"},
    {"conversions", "code:f2i"},
    {"conversions", "code:i2f"},
    {"conversions", "code:f"},
    {"runtime", "unicorn-agrees,native-does-not:"},
    {"installation", "unicorn-agrees,native-does-not:"},
    {"memory", "selection/fixed_bound"},
    {"memory", "selection/check_left_out"},
    {"memory", "selection/indexed_address"},
    {"memory", "selection/address_kept"},
    {"memory", "code:address"},
    {"memory", "code:load"},
    {"memory", "code:store"},
    {"memory", "code:memory_"},
    {"memory", "code:native-memory"},
    {"memory", "unicorn-agrees,native-does-not:memory_"},
    {"switch", "emission/jump_table"},
    {"switch", "code:switch"},
    {"traps", "emission/trap_behind"},
    {"traps", "code:trap"},
    {"fuel", "code:fuel"},
    {"calls", "convention-"},
    {"calls", "code:call"},
    {"calls", "code:tail-call"},
    {"tail calls", "convention-"},
    {"tail calls", "code:tail-call"},
    {"host calls", "code:call"},
    {"frames", "emission/zeroed_by_loop"},
    {"frames", "code:slot"},
    {"frames", "code:call"},
    {"exceptions", "lowering:kept-by-the-landing"},
    {"exceptions", "code:exceptions"},
    {"exceptions", "unicorn-agrees,native-does-not:exceptions"},
    {"exceptions", "all-targets-or-oracle:exceptions"},
    {"unwinding", "unwinding/"},
};

/// Whose rows a bug of unwind tables is in, by its name; frames: what all writers are given.
std::string_view writer_in(std::string_view bug) {
  constexpr std::pair<std::string_view, std::string_view> kWriters[] = {{"unwind_dwarf_", "dwarf"},
                                                                        {"eh_augmentation", "dwarf"},
                                                                        {"unwind_win", "windows"},
                                                                        {"unwind_compact_", "compact"}};
  for (const auto& [word, writer] : kWriters)
    if (bug.find(word) != std::string_view::npos) return writer;
  return "frames";
}

bool is_pass(std::string_view culprit, std::string_view pass) {
  return culprit == pass || culprit.substr(0, culprit.find('/')) == pass;
}

} // namespace

bool names_component(std::string_view culprit, const fuzz::PlantedBug& bug) {
  const bool of_a64 = bug.component.starts_with("a64 ");
  const std::string_view component = of_a64 ? bug.component.substr(4) : bug.component;
  const bool folds = culprit.find("constant-folding:") != std::string_view::npos;
  if (component == "folding" && !of_a64) return folds;
  if (component == "rules") return is_pass(culprit, "simplify") && !folds;
  opt::PassId pass{};
  if (opt::pass_from_name(component, pass)) return is_pass(culprit, component);
  if (component == fuzz::kTableComponent) {
    const std::size_t writer = culprit.find("/unwinding/");
    return writer != std::string_view::npos && culprit.substr(writer + 11).starts_with(writer_in(bug.name));
  }
  const std::string target = bug.name.starts_with("a64_") ? "a64/" : "x64/";
  if (culprit.starts_with(target)) culprit.remove_prefix(target.size());
  for (const NamingRow& row : kNaming)
    if (row.component == component && culprit.starts_with(row.word)) return true;
  return false;
}

} // namespace assay::cli
