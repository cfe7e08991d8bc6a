// trap_as_value.cpp - a trap is a value, not the end of the program: try_call throws nothing.
#include "example.h"

int main() {
  assay::Engine engine;
  const auto program = example::must(engine.load_text(R"(
export func @divide(i32, i32) -> i32 {
^entry(%a: i32, %b: i32):
  %q = div_s.i32 %a, %b
  return %q
}
)"));
  const auto divide = example::must(program.function<int32_t(int32_t, int32_t)>("divide"));
  const auto fine = divide.try_call(84, 2);
  example::expect(fine.ok() && fine.value() == 42, "84 / 2 is 42");
  const auto trapped = divide.try_call(1, 0);
  example::expect(trapped.has_trapped() && trapped.trap() == assay::TrapKind::DivByZero, "1 / 0 traps");
  example::expect(trapped.position() == assay::Position{0, 0, 0}, "at the first instruction");
  const std::string_view name = assay::name_of(trapped.trap());
  std::printf("%d, then %.*s\n", fine.value(), static_cast<int>(name.size()), name.data());

  const auto wrong = program.function<int64_t(int32_t)>("divide");
  example::expect(!wrong, "a wrong signature is an error");
  std::printf("%s\n", wrong.error().to_string().c_str());
}
