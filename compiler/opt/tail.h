// tail.h - tail calls of the function itself become jumps to where it begins.
//
// The entry, which no edge may lead to, passes its parameters on to a block of its own that does what the entry did;
// each such call jumps there with its arguments, and stores zeros in the function's slots first, since each activation
// finds them zero. The frame that a tail call ends is in no call stack, and the one it makes is like the one that
// stays; so nothing is seen of it, but that arguments stay in registers and loops can be optimised. A function with
// many bytes of slots stays as it is. Linear in blocks; in instructions of the entry when it has such a call.
// Tested in compiler/opt/tests/tail_test.cpp.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

class TailPass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  std::vector<InstId> calls_;
  std::vector<ValueId> args_;
};

} // namespace assay::opt
