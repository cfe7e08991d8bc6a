// peer_subject.h - other compilers as subjects: LLVM and GCC, behind the interface that all subjects have.
//
// What they make of a program is compared like anything else: results, memory, globals, fuel, host calls, throws, and
// call stacks, which the code keeps itself (lowering.h). Only the registers that a function must keep, and the unwind
// tables, are not looked at: those are the peer's own, and no C++ frame is ever unwound through its code.
// Available where the library can be opened (fuzz/os/library.h); POSIX only, because a trap leaves by longjmp, which on
// Windows wants unwind tables. Tested in fuzz/subjects/tests/.
#pragma once

#include "fuzz/check/subject.h"

namespace assay::fuzz {

namespace peers {
class Peer;
}

/// Rows whose exec is a peer's.
Result<std::unique_ptr<Subject>> make_peer_subject(const SubjectRow& row, const SubjectOptions& options);
std::unique_ptr<Subject> make_peer_subject(std::unique_ptr<peers::Peer> peer, u32 time_limit_ms = 0);
/// Empty: it can run here.
std::string peer_unavailable_reason(const SubjectRow& row);
/// "LLVM 19.1.7"; empty where it is not available, and for rows that are none of a peer.
std::string peer_version(Exec exec);

} // namespace assay::fuzz
