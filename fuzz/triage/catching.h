// catching.h - what of throwing and catching a small failing program shows to be wrong.
//
// Of each try_call in turn, callees before their callers, every way out is led to a place of its own, where the run
// ends: which way the oracle takes and which the subject does, and what arrives there, tells kinds of bugs apart that
// all show as an exception gone astray. Then the question is made smaller: one clause alone, and a callee that does
// nothing but throw. Where every try_call does right, what is thrown is wrong. About five questions a try_call. Tested
// in fuzz/triage/tests/sign_test.cpp.
#pragma once

#include "fuzz/probe/prober.h"

#include <string>

namespace assay::fuzz {

/// "trap-caught", "unfit-clause": a clause that must not take it does. "missed": none takes it, nor what a simpler
/// callee throws; "missed-host", "missed-call": none takes what a host function throws, or this callee does.
/// "later-of-several", "earlier-of-several": among others the clause is not the one taken. "entered": the run ends
/// badly in between. "payload", "kept-values": what arrives; "thrown", "rethrown": what leaves. Else empty.
std::string catching_of(const Program& program, const Variant& variant, Prober& prober);

/// The subject's run crashed, hung or breached its limits, or its process died.
bool ended_badly(const Seen& seen);

} // namespace assay::fuzz
