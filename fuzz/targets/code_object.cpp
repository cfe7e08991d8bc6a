// code_object.cpp - target: any bytes through the reader of CodeObject files; what it accepts must survive writing.
//
// Tested by ctest `targets.code_object`.
#include "compiler/jit/code_object_file.h"

#include <cstddef>
#include <cstdint>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto object = assay::jit::deserialise({data, size});
  if (!object) return 0;
  std::vector<assay::u8> once, twice;
  assay::jit::serialise(*object, once);
  const auto again = assay::jit::deserialise(once);
  ASSAY_CHECK(again.ok());
  assay::jit::serialise(*again, twice);
  ASSAY_CHECK(once == twice);
  return 0;
}
