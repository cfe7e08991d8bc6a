// config.cpp - the presets: the default configuration with a few knobs turned.
//
// Constant time. Tested in fuzz/generate/tests/generator_test.cpp, which runs every preset.
#include "fuzz/generate/config.h"

namespace assay::fuzz {
namespace {

constexpr std::string_view kNames[] = {"small", "large", "calls", "memory", "floats", "pressure", "exceptions"};

void large(GeneratorConfig& config) {
  config.instructions = {300, 1500};
  config.functions = {1, 8};
  config.imports = {0, 5};
  config.globals = {0, 8};
  config.table_entries = {1, 12};
  config.max_depth = 6;
  config.max_dynamic = 12000;
  config.unguarded = {1, 10}; // there are many more places for a trap
  config.out_of_bounds = {1, 24};
  config.switch_cases = {1, 40};
  config.slots = {0, 5};
}

void calls(GeneratorConfig& config) {
  config.instructions = {40, 120};
  config.functions = {3, 8};
  config.imports = {1, 6};
  config.has_table = {7, 8};
  config.many_params = {1, 3};
  config.many_results = {1, 5};
  config.pointer_params = {1, 3};
  config.tail_call = {1, 2};
  config.recursive = {1, 3};
  config.callback_import = {1, 3};
  config.statements.call = 40;
}

void memory(GeneratorConfig& config) {
  config.has_memory = {1, 1};
  config.globals = {1, 6};
  config.slots = {1, 5};
  config.large_slot = {1, 12};
  config.statements.memory = 60;
  config.statements.native = 40;
  config.statements.global = 16;
}

void floats(GeneratorConfig& config) {
  config.families.integer = 3;
  config.families.floating = 30;
  config.families.cast = 15;
  config.families.compare = 2;
}

void pressure(GeneratorConfig& config) {
  config.instructions = {80, 200};
  config.statements.pressure = 14;
  config.statements.call = 12;
  config.statements.loop = 8;
  config.pressure_values = {16, 60};
  config.block_params = {2, 14};
  config.many_params = {1, 4};
}

} // namespace

std::span<const std::string_view> preset_names() { return kNames; }

bool preset(std::string_view name, GeneratorConfig& out) {
  out = GeneratorConfig{};
  if (name == "small") return true;
  if (name == "large") return large(out), true;
  if (name == "calls") return calls(out), true;
  if (name == "memory") return memory(out), true;
  if (name == "floats") return floats(out), true;
  if (name == "pressure") return pressure(out), true;
  if (name == "exceptions") {
    calls(out);
    out.exceptions = {1, 1};
    return true;
  }
  return false;
}

} // namespace assay::fuzz
