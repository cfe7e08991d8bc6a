// attribution.h - who is at fault when a subject's answer is not the oracle's: the code generator of one target, an
// emulator or
// the machine, or what all targets share, the oracle included.
//
// The failing call is tried again: the same bytes in every place that runs the target (this process, QEMU, Unicorn),
// and the other targets' code. A fault of one target shows wherever its code runs; a fault of a place shows there
// alone; what shows everywhere is the oracle's or everybody's. Executors are made when first needed and kept, so the
// first finding costs some milliseconds and further ones microseconds. Tested in fuzz/check/tests/attribution_test.cpp.
#pragma once

#include "fuzz/check/check.h"

namespace assay::fuzz {

enum class Verdict : u8 { Agrees, Differs };

/// The failing call once more.
struct Trial {
  Target target = Target::X64;
  Exec place = Exec::Native;
  Verdict verdict = Verdict::Agrees;
};

struct Attribution {
  std::string culprit; // see culprit_of
  std::string trials;  // "a64 differs in unicorn, qemu; x64 agrees in native"
};

/// What the trials say about a difference of a subject with the target `failing`. Those of one target ran the same
/// bytes.
///  "a64"                      its code differs wherever it ran, another target's does not
///  "emulator: unicorn"        the same bytes differ there alone
///  "machine: native"          likewise, in this process
///  "oracle or all targets"    no target's code does what the oracle says
/// With trials of one target only, it is the culprit, or shares the fault with what could not be tried.
/// Of a peer (another compiler) the trials are the bundled compiler's: "LLVM 19.1.7 as llvm-O2" where that agrees with
/// the oracle, or cannot be tried; else "oracle or all compilers".
std::string culprit_of(Target failing, std::span<const Trial> trials);

/// The trials in words.
std::string to_string(std::span<const Trial> trials);

class Attributor {
public:
  Attributor();
  ~Attributor();

  /// Of a difference that the checker found in a subject of this row, which is in subject_rows().
  Attribution attribute(const SubjectRow& row, const Module& module, const Cases& cases, const Difference& difference,
                        const Outcome& expected);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Of the difference that the last check of `checker` found; empty when its subject is not in the table.
Attribution attribute(Attributor& attributor, const Module& module, const Cases& cases, const Checker& checker);

} // namespace assay::fuzz
