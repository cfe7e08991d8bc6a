// main.cpp - uses an installed Assay as its README says: loads AIR that calls back into C++, calls it, catches a trap.
//
// Prints 42 and a trap; ci/tests/consumer.cmake looks at both.
#include "assay/engine.h"

#include <cstdint>
#include <cstdio>

namespace {

constexpr const char* kProgram = R"(
import @add4(i64) -> i64
export func @twice_plus_four(i64) -> i64 {
^entry(%a: i64):
  %d = add.i64 %a, %a
  %r = call @add4(%d)
  return %r
}
export func @divide(i64, i64) -> i64 {
^entry(%a: i64, %b: i64):
  %q = div_s.i64 %a, %b
  return %q
}
)";

template <typename T> bool failed(const assay::Result<T>& result) {
  if (!result.ok()) std::printf("%s\n", result.error().to_string().c_str());
  return !result.ok();
}

} // namespace

int main() {
  assay::Engine engine;
  engine.bind("add4", [](std::int64_t x) { return x + 4; });
  auto program = engine.load_text(kProgram);
  if (failed(program)) return 1;
  auto twice_plus_four = program->function<std::int64_t(std::int64_t)>("twice_plus_four");
  auto divide = program->function<std::int64_t(std::int64_t, std::int64_t)>("divide");
  if (failed(twice_plus_four) || failed(divide)) return 1;
  std::printf("%lld\n", static_cast<long long>((*twice_plus_four)(19)));
  const auto quotient = divide->try_call(1, 0);
  if (!quotient.has_trapped()) return 1;
  std::printf("%s\n", std::string(assay::name_of(quotient.trap())).c_str());
  return 0;
}
