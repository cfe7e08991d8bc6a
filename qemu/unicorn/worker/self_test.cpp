// self_test.cpp - proves, before any program is judged by it, that the emulator runs what was written last and can do
// floating point: the two things that are known to go wrong silently. Three programs of one function each, some 50 us.
#include "qemu/test_host.h"
#include "qemu/unicorn/worker/machine.h"

namespace assay::qemu::unicorn {

namespace {

protocol::Program program_of(Target target, std::span<const u8> code, std::span<const Type> params, Type result) {
  protocol::Program program;
  Function function;
  function.name = "f";
  function.signature = program.module.intern_signature(params, {&result, 1});
  program.module.functions.push_back(std::move(function));
  CodeObject& object = program.object;
  object.target = target;
  object.code.assign(code.begin(), code.end());
  FunctionCode entry;
  entry.function = 0;
  entry.end = static_cast<u32>(code.size());
  object.functions = {entry};
  object.function_entry = {0};
  object.names = {"f"};
  return program;
}

} // namespace

std::string Machine::self_test() {
  struct Step {
    std::span<const u8> code;
    std::vector<Type> params;
    Type result;
    std::vector<u64> args;
    u64 expected;
    const char* meaning;
  };
  const SelfTestCode& code = isa().self_test;
  const Step steps[] = {
      {code.one, {}, Type::I64, {}, 1, "it does not run a function"},
      {code.two, {}, Type::I64, {}, 2, "it does not see code that was overwritten"},
      {code.one, {}, Type::I64, {}, 1, "it does not see code that was overwritten again"},
      // 1.5 + 2.25 is 3.75
      {code.add,
       {Type::F64, Type::F64},
       Type::F64,
       {0x3ff8000000000000, 0x4002000000000000},
       0x400e000000000000,
       "it cannot add floats"},
  };
  TestHost host;
  Outcome out;
  for (const Step& step : steps) {
    const protocol::Program program = program_of(isa().target, step.code, step.params, step.result);
    if (auto loaded = load(program); !loaded) return "self-test: " + loaded.error().message;
    run(0, step.args, 0, host, out);
    program_ = nullptr;
    if (out.kind == OutcomeKind::Returned && out.values.size() == 1 && out.values[0] == step.expected) continue;
    return std::string("self-test: ") + step.meaning + " (" + to_string(program.module, out) + ")";
  }
  return {};
}

} // namespace assay::qemu::unicorn
