// features.h - what of a program is new to a campaign: its operations with their types, and which follows which.
//
// A feature is a number below kFeatureCount, a hash: of an operation with its types, or of two neighbours in a block. A
// program that has one which no earlier program had is worth keeping: the campaign's later programs are mutants of it.
// Linear in the instructions, no allocation. Tested in fuzz/campaign/tests/features_test.cpp.
#pragma once

#include "assay/module.h"

#include <atomic>
#include <span>
#include <vector>

namespace assay::fuzz {

inline constexpr u32 kFeatureCount = 1u << 16;
inline constexpr u64 kNoProgram = ~u64{0};

/// For each feature one more than the lowest number of a program that has it; kNoProgram: none; kInCorpus: the corpus
/// has it already.
using FeatureTable = std::atomic<u64>[kFeatureCount];
inline constexpr u64 kInCorpus = 0;

/// Appends the features of the module, some of them more than once.
void features_of(const Module& module, std::vector<u32>& out);

/// Lowers the table's cells to those of program `index` where the module has the feature.
void note_features(const Module& module, u64 index, FeatureTable& table);

/// A feature and the lowest program that has it.
struct FirstSeen {
  u32 feature = 0;
  u64 program = 0;
  bool operator==(const FirstSeen&) const = default;
};

/// At most `limit` of the programs, those first that are first with the most features; ties: the lower number.
/// The same list whatever the order of `seen`.
std::vector<u64> choose_programs(std::span<const FirstSeen> seen, u32 limit);

/// A smallest set, as greed finds it, of the items whose features together are those of all: indices in ascending
/// order. `sizes` breaks ties: the smaller item. Quadratic in the items kept.
std::vector<u32> minimal_cover(std::span<const std::vector<u32>> features, std::span<const std::size_t> sizes);

} // namespace assay::fuzz
