// increment.cpp - state: a module variable and linear memory, seen from both sides.
#include "example.h"

int main() {
  assay::Engine engine;
  const auto program = example::must(engine.load_text(R"(
memory 64
global @count : i64 = 0
export func @increment(i32) {
^entry(%address: i32):
  %one = const.i64 1
  %count = global_get.i64 @count
  %next = add.i64 %count, %one
  global_set.i64 @count, %next
  %old = load.i64 %address, 0
  %new = add.i64 %old, %one
  store.i64 %address, 0, %new
  return
}
)"));
  const auto increment = example::must(program.function<void(int32_t)>("increment"));
  for (int i = 0; i < 5; ++i) increment(16);
  const int64_t count = example::must(program.global<int64_t>("count"));
  std::printf("count %lld, memory %d\n", static_cast<long long>(count), program.memory()[16]);
  example::expect(count == 5 && program.memory()[16] == 5, "five increments");
  program.reset();
  example::expect(example::must(program.global<int64_t>("count")) == 0 && program.memory()[16] == 0,
                  "reset clears both");
}
