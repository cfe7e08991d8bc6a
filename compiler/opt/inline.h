// inline.h - calls of small functions become their bodies.
//
// A direct call of a function of this module, which is short, has few stack slots and makes no tail call, is replaced
// by a copy of its body: parameters become a block's parameters, each `return` a jump to what stood behind the call,
// locals and slots more of them, zero at each entry. Calls in the copy may follow, a few deep, the deeper the
// shorter, but not of a function whose copy they stand in. One exception: a very short function that calls itself is
// copied into itself, so that it is called less often. A call through the table at a constant place, which a copy may
// have been passed, is a direct call first: the table never changes. Where functions are passed to functions so, more
// is copied than elsewhere. What was called stays a function of its own. The call stack is kept: SourceMap notes for
// each instruction of a copy the call that it stands for. A `try_call` stays as it is, since its handlers are of that
// one call. Comes before SSA is made; if it comes later, and brings locals, SSA is made again. Linear in what is
// copied, which has a limit a function. Tested in compiler/opt/tests/inline_test.cpp.
#pragma once

#include "compiler/opt/pass.h"

namespace assay::opt {

class InlinePass final : public Pass {
public:
  void run(PassContext& context) override;

private:
  struct Site {
    InstId call = kNone;
    u32 depth = 0;         // of copies that it stands in
    bool is_known = false; // it went through the table, or passes what a call there takes; or stands in such a copy
  };
  struct Copy {
    BlockId entry;
    InstId call; // now the jump that leads there
  };

  u32 turns(PassContext& context, const Site& site) const;
  static RewriteKind kind_of_rewrite(PassContext& context, const Site& site);
  bool is_wanted(PassContext& context, const Site& site) const;
  void find_calls(Graph& graph, InstId from, InstId to, const Site& within);
  ValueId passed(Graph& graph, ValueId value) const;
  bool passes_callee(PassContext& context, InstId call) const;
  bool make_direct(PassContext& context, Site& site);
  void replace(PassContext& context, const Site& site);
  void return_to(Graph& graph, BlockId first, BlockId end, BlockId behind);
  void zero_locals(Graph& graph, BlockId entry, u32 first);

  std::vector<Site> sites_; // to be looked at
  std::vector<Copy> copies_;
  std::vector<ValueId> args_;
};

} // namespace assay::opt
