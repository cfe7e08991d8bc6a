// picture.cpp - see picture.h.
#include "fuzz/cli/picture.h"

#include "fuzz/check/finding.h"
#include "qemu/test_host.h"

namespace assay::cli {
namespace {

Error refuse(std::string message) { return {ErrorKind::BadInput, {}, 0, 0, std::move(message)}; }

/// What the exported function of that name and result gives.
Result<u64> ask(const Module& module, fuzz::Subject& subject, const char* name, Type result) {
  const FunctionId function = module.find_function(name);
  const bool known = function != kNone && module.functions[function].exported &&
                     module.params_of(module.functions[function]).empty() &&
                     module.results_of(module.functions[function]).size() == 1 &&
                     module.results_of(module.functions[function])[0] == result;
  if (!known)
    return refuse("a picture needs an exported function @" + std::string(name) + "() -> " +
                  std::string(name_of(result)));
  qemu::TestHost host;
  Outcome outcome;
  constexpr u64 fuel = 1'000'000;
  subject.run(function, {}, fuel, host, outcome);
  if (outcome.kind != OutcomeKind::Returned) return refuse("@" + std::string(name) + " " + to_string(module, outcome));
  return outcome.values[0];
}

} // namespace

Result<void> write_picture(const std::string& path, const Module& module, fuzz::Subject& subject,
                           const Outcome& outcome) {
  auto width = ask(module, subject, "image_width", Type::I32);
  if (!width) return width.error();
  auto height = ask(module, subject, "image_height", Type::I32);
  if (!height) return height.error();
  auto at = ask(module, subject, "image", Type::I64);
  if (!at) return at.error();
  const u64 bytes = *width * *height; // of 32-bit numbers
  const u64 memory = outcome.memory.size();
  if (bytes == 0 || *at > memory || bytes > memory - *at)
    return refuse("the picture of " + std::to_string(*width) + " by " + std::to_string(*height) + " at " +
                  std::to_string(*at) + " does not lie in the " + std::to_string(memory) + " bytes of memory");
  std::string text = "P5\n" + std::to_string(*width) + " " + std::to_string(*height) + "\n255\n";
  text.append(reinterpret_cast<const char*>(outcome.memory.data()) + *at, bytes);
  return fuzz::write_file_atomically(path, text);
}

} // namespace assay::cli
