// interpreter.cpp - the public face of Machine. Tested in oracle/interpreter/tests/.
#include "oracle/interpreter/interpreter.h"

#include "oracle/interpreter/machine.h"

namespace assay::oracle {

Interpreter::Interpreter() : machine_(std::make_unique<Machine>()) {}
Interpreter::~Interpreter() = default;
Interpreter::Interpreter(Interpreter&&) noexcept = default;
Interpreter& Interpreter::operator=(Interpreter&&) noexcept = default;

void Interpreter::prepare(const Module& module) { machine_->module = &module; }

void Interpreter::run(FunctionId entry, std::span<const u64> args, u64 fuel, Host& host, Outcome& out) {
  ASSAY_CHECK(machine_->module != nullptr && entry < machine_->module->functions.size());
  machine_->run(entry, args, fuel, host, out);
}

void Interpreter::set_step_limit(u64 steps) { machine_->step_limit = steps; }

} // namespace assay::oracle
