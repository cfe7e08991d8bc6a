// settings.cpp - see settings.h.
//
// Settings are drawn one by one and independently, each with a share for the usual one, so that every pair of two is
// met within some thousand programs (a test says so). Tested in fuzz/check/tests/settings_test.cpp.
#include "fuzz/check/settings.h"

#include "compiler/opt/pipeline.h"
#include "fuzz/generate/random.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <iterator>
#include <mutex>

namespace assay::fuzz {
namespace {

constexpr Target kTargets[] = {Target::X64, Target::A64};
constexpr Level kLevels[] = {Level::O0, Level::O2};
constexpr Exec kExecs[] = {Exec::Native, Exec::Unicorn, Exec::Qemu};
constexpr Os kOses[] = {Os::Linux, Os::Windows, Os::Apple};

/// The same for equal programs, so that a finding is found again.
u64 hash_of(const Module& module) {
  u64 hash = 0;
  const auto add = [&hash](u64 word) { hash = (hash ^ word) * 0x9e3779b97f4a7c15u + (hash >> 32); };
  for (const Function& function : module.functions) {
    add(function.blocks.size());
    for (const Block& block : function.blocks) // in the order of the text, which need not be that of `insts`
      for (const Inst& inst : function.insts_of(block)) add(static_cast<u64>(inst.op) << 32 ^ inst.imm);
  }
  return hash;
}

PassOptions any_order(Random& random) {
  constexpr u32 kMost = 12; // passes may be missing, or come several times
  PassOptions out;
  out.order_count = random.between(1, kMost);
  for (u32 i = 0; i < out.order_count; ++i) out.order[i] = static_cast<u8>(random.below(opt::kPassCount));
  return out;
}

PassOptions some_left_out(Random& random) {
  PassOptions out;
  for (u32 pass = 0; pass < opt::kPassCount; ++pass) {
    const bool needed = static_cast<opt::PassId>(pass) == opt::PassId::Ssa;
    if (!needed && random.chance({1, 3})) out.switched_off |= 1u << pass;
  }
  return out;
}

/// Conventions between AIR functions with which the code can run there.
u32 conventions(const SubjectRow& row) {
  if (row.target == Target::X64) return 2;
  return row.exec == Exec::Unicorn ? 3 : 1;
}

u32 draw_padding(Random& random) {
  if (random.chance({5, 8})) return 0;
  if (random.chance({3, 4})) return random.between(1, 200); // about the reach of a short branch
  return random.between(20'000, 40'000);                    // about that of a64's tbz
}

void draw_settings(Random& random, SubjectRow& row, PassOptions& passes) {
  row.level = random.chance({3, 4}) ? Level::O2 : Level::O0;
  row.os = kOses[random.below(conventions(row))];
  if (row.target == Target::A64 && row.exec != Exec::Unicorn && random.chance({1, 2})) row.os = Os::Apple;
  row.extensions = random.chance({1, 2});
  row.max_registers = random.chance({1, 2}) ? 0 : random.between(3, 14);
  row.spill_all = random.chance({1, 8});
  row.block_padding = draw_padding(random);
  row.decisions = random.chance({3, 4}) ? 0 : random.between(1, 1u << random.between(0, 10));
  const u32 kind = random.below(4);
  if (kind == 0) passes = any_order(random);
  if (kind == 1) passes = some_left_out(random);
}

/// What is usual for target, place and convention: what their rows in the table have.
bool usual_extensions(const SubjectRow& row) {
  if (row.exec == Exec::Native) return true;
  return row.target == Target::X64 ? row.os == Os::Linux : row.os == Os::Apple;
}

/// Takes `word` from the front of `text`, if it stands there.
bool take(std::string_view& text, std::string_view word) {
  if (text.substr(0, word.size()) != word) return false;
  text.remove_prefix(word.size());
  return true;
}

bool take_number(std::string_view& text, std::string_view word, u32 most, u32& out) {
  std::string_view rest = text;
  if (!take(rest, word)) return false;
  const auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), out);
  if (failure != std::errc() || out == 0 || out > most) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

/// Takes one of the values whose names are known, and the hyphen before it where one belongs.
template <typename T, std::size_t N> bool take_one(std::string_view& text, const T (&values)[N], T& out) {
  for (const T value : values) {
    if (!take(text, name_of(value))) continue;
    out = value;
    return true;
  }
  return false;
}

bool parse_settings(std::string_view text, SubjectRow& row) {
  const bool placed = take_one(text, kTargets, row.target) && take(text, "-") && take_one(text, kLevels, row.level) &&
                      take(text, "-") && take_one(text, kExecs, row.exec) && take(text, "-") &&
                      take_one(text, kOses, row.os);
  if (!placed) return false;
  row.extensions = usual_extensions(row);
  if (take(text, row.extensions ? "-baseline" : "-extensions")) row.extensions = !row.extensions;
  constexpr u32 kMostRegisters = 32;
  take_number(text, "-regs", kMostRegisters, row.max_registers);
  row.spill_all = take(text, "-spill-all");
  take_number(text, "-pad", kMostBlockPadding, row.block_padding);
  constexpr u32 kMostDecisions = 1u << 20;
  take_number(text, "-decisions", kMostDecisions, row.decisions);
  return text.empty();
}

} // namespace

Settings settings_for(const SubjectRow& row, const Module& module, const PassOptions& otherwise) {
  Settings out{row, otherwise};
  out.row.drawn = Drawn::Nothing;
  if (row.drawn == Drawn::Nothing) return out;
  Random random(hash_of(module));
  if (row.drawn == Drawn::Passes) out.passes = any_order(random);
  else draw_settings(random, out.row, out.passes);
  return out;
}

Entries entries_for(const Module& module, FunctionId entry) {
  return entry == kNone || module.functions[entry].exported ? Entries::Exported : Entries::All;
}

CompileOptions compile_options(const Settings& settings, const Module& module, FunctionId entry) {
  CompileOptions options = compile_options(settings.row);
  options.entries = entries_for(module, entry);
  const PassOptions of_row = options.passes;
  options.passes = settings.passes;
  for (u32 area = 0; area < std::size(of_row.decision_limits); ++area) {
    u64& limit = options.passes.decision_limits[area];
    limit = std::min(limit, of_row.decision_limits[area]);
  }
  return options;
}

std::string name_of_settings(const SubjectRow& row) {
  std::string out(assay::name_of(row.target));
  for (const std::string_view word : {name_of(row.level), name_of(row.exec), assay::name_of(row.os)})
    out.append("-").append(word);
  if (row.extensions != usual_extensions(row)) out += row.extensions ? "-extensions" : "-baseline";
  if (row.max_registers != 0) out += "-regs" + std::to_string(row.max_registers);
  if (row.spill_all) out += "-spill-all";
  if (row.block_padding != 0) out += "-pad" + std::to_string(row.block_padding);
  if (row.decisions != 0) out += "-decisions" + std::to_string(row.decisions);
  return out;
}

const SubjectRow* composed_row(std::string_view name) {
  struct Made {
    std::string name;
    SubjectRow row;
  };
  static std::mutex mutex;
  static std::deque<Made> made; // never moved: rows are referred to
  SubjectRow row;
  if (!parse_settings(name, row) || name_of_settings(row) != name) return nullptr;
  const std::lock_guard<std::mutex> lock(mutex);
  for (const Made& one : made)
    if (one.name == name) return &one.row;
  Made& one = made.emplace_back(Made{std::string(name), row});
  one.row.name = one.name;
  one.row.meaning = "the settings of its name";
  return &one.row;
}

} // namespace assay::fuzz
