// thrown_outcome.h - what leaves a run as a C++ exception becomes its Outcome.
//
// For executors whose code runs in this process: traps, AIR exceptions and the host's own reach their caller as C++
// exceptions (assay/errors.h, docs/air.md "Exceptions"). Costs nothing where nothing is thrown. Tested with those that
// use it: qemu/native/tests, fuzz/subjects/tests.
#pragma once

#include "assay/errors.h"
#include "assay/module.h"
#include "assay/outcome.h"

namespace assay::qemu {

/// Calls `body`, which says in `out` how the run ended unless it throws; then `out` says what was thrown.
template <typename Body> void with_thrown_outcome(const Module& module, Outcome& out, Body&& body) {
  try {
    body();
    return;
  } catch (const TrapException& trap) {
    out.kind = OutcomeKind::Trapped;
    out.trap = trap.kind();
    out.position = trap.position();
  } catch (const AirException& exception) {
    const std::span<const Type> payload = module.params(module.signatures[module.tags[exception.tag()].signature]);
    out.kind = OutcomeKind::Threw;
    out.tag = exception.tag();
    out.values.assign(exception.payload().begin(), exception.payload().end());
    out.value_types.assign(payload.begin(), payload.end());
    return;
  } catch (const std::exception& exception) {
    out.kind = OutcomeKind::ThrewHost;
    out.text = exception.what();
  } catch (...) {
    out.kind = OutcomeKind::ThrewHost;
    out.text = "an exception without text";
  }
  out.values.clear();
}

} // namespace assay::qemu
