// custom_mutator.cpp - libFuzzer's hooks for inputs with structure: mutate and cross programs, not bytes.
//
// Linked into every target whose inputs are AIR text. Tested by ctest `targets.*`.
#include "fuzz/targets/targets.h"

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return assay::fuzz::mutate_text(data, size, max_size, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* data1, std::size_t size1,
                                                 const std::uint8_t* data2, std::size_t size2, std::uint8_t* out,
                                                 std::size_t max_size, unsigned seed) {
  const auto text = [](const std::uint8_t* data, std::size_t size) {
    return std::string_view(reinterpret_cast<const char*>(data), size);
  };
  return assay::fuzz::cross_texts(text(data1, size1), text(data2, size2), {out, max_size}, seed);
}
