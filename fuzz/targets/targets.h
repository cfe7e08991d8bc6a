// targets.h - what the fuzz targets have in common: bytes to a comparable program, and programs as mutation food.
//
// A target is LLVMFuzzerTestOneInput in a file of its own; libFuzzer, AFL++ or standalone_main.cpp calls it.
// Tested by ctest `targets.*`, which replays the corpus through each target.
#pragma once

#include "fuzz/campaign/program_source.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace assay::fuzz {

/// The longest program that a fuzzing engine should keep, bytes of text.
inline constexpr std::size_t kMaxInput = 1u << 15;

/// Parses, verifies and settles. False when the bytes are no program, or none that can be compared.
bool program_of(std::string_view text, Module& module);

/// A changed program in place of `size` bytes at `data`; the new size. Bytes that are no program with a function become
/// a generated one, and so do one in eight of those that are.
std::size_t mutate_text(std::uint8_t* data, std::size_t size, std::size_t max_size, u64 seed);

/// The first program with a function of the second; written to `out`. 0 when nothing fitted.
std::size_t cross_texts(std::string_view first, std::string_view second, std::span<std::uint8_t> out, u64 seed);

} // namespace assay::fuzz
