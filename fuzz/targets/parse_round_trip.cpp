// parse_round_trip.cpp - target: any bytes through parser and verifier; what is valid must survive printing.
//
// Nothing may crash, and print(parse(print(m))) == print(m). Tested by ctest `targets.parse_round_trip`.
#include "assay/text.h"
#include "assay/verify.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto module = assay::parse_module({reinterpret_cast<const char*>(data), size}, "<input>");
  if (!module) {
    ASSAY_CHECK(!module.error().message.empty());
    return 0;
  }
  if (!assay::verify(*module, "<input>")) return 0;
  const std::string once = assay::to_text(*module);
  const auto again = assay::parse_and_verify(once, "<printed>");
  ASSAY_CHECK(again.ok());
  ASSAY_CHECK(assay::to_text(*again) == once);
  return 0;
}
