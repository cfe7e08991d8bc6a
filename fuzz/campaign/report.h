// report.h - how a campaign tells of itself: status line, events, summary. Internal to fuzz/campaign.
#pragma once

#include "fuzz/campaign/campaign.h"

#include <string>

namespace assay::fuzz {

/// One line of a terminal, written over each second.
class StatusLine {
public:
  void show(const Totals& totals, u64 findings, double seconds);
  void clear();

private:
  u64 last_programs_ = 0;
  double last_seconds_ = 0;
  bool shown_ = false;
};

// Lines of the events file.
std::string start_event(const CampaignOptions& options, const std::vector<std::string>& subjects);
std::string status_event(const Totals& totals, u64 findings, double seconds);
std::string end_event(const CampaignResult& result, const CampaignOptions& options);

} // namespace assay::fuzz
