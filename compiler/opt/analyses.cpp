// analyses.cpp - see pass.h: each analysis at most once between two changes of control flow.
#include "compiler/opt/pass.h"

namespace assay::opt {

const analysis::FlowGraph& Analyses::flow() {
  if (!have_flow_) graph_->flow(flow_);
  have_flow_ = true;
  return flow_;
}

const analysis::Dominators& Analyses::dominators() {
  if (!have_dominators_) dominators_.compute(flow());
  have_dominators_ = true;
  return dominators_;
}

const analysis::Loops& Analyses::loops() {
  if (!have_loops_) loops_.compute(flow());
  have_loops_ = true;
  return loops_;
}

} // namespace assay::opt
