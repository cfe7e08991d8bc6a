// extent.h - which bytes of linear memory an access may touch, wherever it runs.
#pragma once

#include "assay/types.h"

namespace assay::opt {

struct Extent {
  u32 begin = 0, end = 0; // one behind the last
};

/// That of an instruction of a function that was written (Graph::write).
struct AccessExtent {
  InstId inst = kNone;
  Extent bytes;
};

} // namespace assay::opt
