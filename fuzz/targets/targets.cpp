// targets.cpp - see targets.h.
//
// The objects that mutate are kept for the life of the process, as everything in a target's loop.
// Tested in fuzz/targets/tests/mutation_test.cpp and by ctest `targets.*`.
#include "fuzz/targets/targets.h"

#include "assay/text.h"
#include "assay/verify.h"

#include <algorithm>
#include <cstring>

namespace assay::fuzz {
namespace {

struct Tools {
  Generator generator;
  Mutator mutator;
  Module module, other;
  std::string text;
  // The program printed last, and its text. An engine runs, and mutates on, what it was just given.
  Module printed;
  std::string printed_text;
};

Tools& tools() {
  static Tools tools;
  return tools;
}

bool parse(std::string_view text, Module& module) {
  if (!text.empty() && text == tools().printed_text) {
    module = tools().printed;
    return true;
  }
  return parse_module_into(text, "<input>", module).ok() && verify(module, "<input>").ok();
}

/// Writes the program, which is settled, to `out` and remembers it. 0 when there is no room.
std::size_t print(Module& module, std::span<std::uint8_t> out) {
  Tools& t = tools();
  t.text.clear();
  print_module(module, t.text);
  if (t.text.size() > out.size()) return 0;
  std::memcpy(out.data(), t.text.data(), t.text.size());
  std::swap(t.printed, module);
  std::swap(t.printed_text, t.text);
  return t.printed_text.size();
}

/// Whether there is a function that can be mutated: an empty text is a module, too.
bool has_body(const Module& module) {
  return std::any_of(module.functions.begin(), module.functions.end(), [](const Function& f) { return !f.imported; });
}

/// How many inputs are new programs, however well mutants of the others do.
constexpr Chance kFresh{1, 8};

} // namespace

bool program_of(std::string_view text, Module& module) { return parse(text, module) && settle(module); }

std::size_t mutate_text(std::uint8_t* data, std::size_t size, std::size_t max_size, u64 seed) {
  Tools& t = tools();
  Random random(seed);
  const bool is_program = parse({reinterpret_cast<const char*>(data), size}, t.module) && has_body(t.module);
  if (is_program && !random.chance(kFresh)) t.mutator.mutate(t.module, random.next());
  else t.generator.generate(random.next(), t.module);
  if (!settle(t.module)) return size;
  const std::size_t printed = print(t.module, {data, max_size});
  return printed == 0 ? size : printed;
}

std::size_t cross_texts(std::string_view first, std::string_view second, std::span<std::uint8_t> out, u64 seed) {
  Tools& t = tools();
  if (!parse(first, t.module) || !parse(second, t.other)) return 0;
  if (!t.mutator.crossover(t.module, t.other, seed) || !settle(t.module)) return 0;
  return print(t.module, out);
}

} // namespace assay::fuzz
