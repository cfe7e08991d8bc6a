// wanted_functions.h - which functions of a module are compiled, and in what order.
//
// With Entries::All every one, in the order of their ids. With Entries::Exported first those that can be entered from
// outside (exported, or in the table, which never changes), then what their code refers to, what that refers to, and so
// on: a function of which every call became a copy, and whose address nobody takes, is not among them. A reference is
// an instruction of the body as it is compiled, after the passes. When passes stop after any rewrite, what came before
// that rewrite comes in the same order. Behind all that the compiler asks of each other one whether it may be left out
// (codegen/decisions.def). Linear in instructions; nothing is looked at where there is nobody left to find. Tested in
// compiler/codegen/tests/wanted_functions_test.cpp.
#pragma once

#include "assay/compiler.h"

#include <vector>

namespace assay::codegen {

class WantedFunctions {
public:
  void begin(const Module& module, Entries entries);
  /// The next one; kNone: there are no more.
  FunctionId next() { return done_ == order_.size() ? kNone : order_[done_++]; }
  /// What `next` gave became this body.
  void refer(const Function& body);
  /// When `next` has no more: one that is not wanted, each once; kNone: there are no more.
  FunctionId next_unwanted();
  /// It comes, too.
  void want(FunctionId id);

private:
  std::vector<FunctionId> order_; // so far
  std::size_t done_ = 0;          // of them
  std::size_t looked_at_ = 0;     // functions, by next_unwanted
  std::vector<u8> is_wanted_;     // [FunctionId]
};

} // namespace assay::codegen
