// worker.h - what a campaign's worker process does, and how one program is checked again after a death.
// Internal to fuzz/campaign.
#pragma once

#include "fuzz/campaign/campaign.h"
#include "fuzz/check/finding.h"

namespace assay::fuzz {

/// A worker's whole life; its exit status: 0, or 5 when the checker could not be made. `on_batch`: null in a process
/// of its own.
int work(const CampaignOptions& options, const CheckerFactory& make_checker, const Corpus* corpus,
         CampaignState& shared, WorkerState& state, u32 number, const std::function<void()>& on_batch = {});

/// Checks the program that `dead` was at once more. For a process of its own, which may die of it.
int check_again(const CampaignOptions& options, const CheckerFactory& make_checker, const Corpus* corpus,
                WorkerState& dead);

/// Writes into `dead.text` the file of a finding about the program that `dead` was at, its kind `kind`.
int describe(const CampaignOptions& options, const CheckerFactory& make_checker, const Corpus* corpus,
             WorkerState& dead, FindingKind kind);

/// The program that `state` is at: number `index`, or its text. False when there is none.
bool remake(WorkerState& state, ProgramSource& source, Module& module, Cases& cases);

/// Appends one line to the events file; nothing when there is none.
void append_event(const std::string& path, const std::string& json);
/// The event that tells of a finding.
std::string finding_event(const Finding& finding, const std::string& path);
/// One line on the error stream.
void print_finding(const Finding& finding, const std::string& path);

} // namespace assay::fuzz
