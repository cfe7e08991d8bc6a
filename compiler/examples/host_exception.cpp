// host_exception.cpp - a C++ exception of a bound function passes through compiled frames to the caller in C++.
//
// Between the two compiled frames lies a C++ frame with an object on it: its destructor runs exactly once.
#include "example.h"

#include <optional>
#include <stdexcept>

namespace {

int destroyed = 0;
struct Counted {
  ~Counted() { ++destroyed; }
};

} // namespace

int main() {
  assay::Engine engine;
  std::optional<assay::TypedFunction<int64_t(int64_t)>> inner;
  engine.bind("fail", [](int64_t code) -> int64_t { throw std::runtime_error("code " + std::to_string(code)); });
  engine.bind("through_host", [&inner](int64_t x) {
    const Counted counted;
    return (*inner)(x);
  });
  const auto program = example::must(engine.load_text(R"(
import @fail(i64) -> i64
import @through_host(i64) -> i64
export func @inner(i64) -> i64 {
^entry(%x: i64):
  %r = call @fail(%x)
  return %r
}
export func @outer(i64) -> i64 {
^entry(%x: i64):
  %r = call @through_host(%x)
  return %r
}
)"));
  inner = example::must(program.function<int64_t(int64_t)>("inner"));
  const auto outer = example::must(program.function<int64_t(int64_t)>("outer"));
  bool caught = false;
  try {
    outer(7);
  } catch (const std::runtime_error& error) {
    caught = true;
    std::printf("caught: %s, %d destroyed\n", error.what(), destroyed);
    example::expect(std::string_view(error.what()) == "code 7", "the text is kept");
  }
  example::expect(caught && destroyed == 1, "caught here, destroyed once");
  inner.reset(); // the bound function would otherwise hold the program that holds it
}
