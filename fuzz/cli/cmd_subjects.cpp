// cmd_subjects.cpp - `assay subjects`: what can run here, and for what cannot, why.
//
// Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/commands.h"
#include "fuzz/subjects/peer_subject.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

namespace assay::cli {
namespace {

int list(bool as_json) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const fuzz::SubjectRow& row : fuzz::subject_rows()) {
    const std::string reason = fuzz::unavailable_reason(row);
    const bool compiled = row.exec != fuzz::Exec::Oracle && !fuzz::is_peer(row.exec);
    const std::string version = fuzz::peer_version(row.exec);
    const std::string meaning = std::string(row.meaning) + (version.empty() ? "" : ", " + version);
    if (!as_json) {
      std::printf("%-30s %-4s %s%s%s\n", std::string(row.name).c_str(), reason.empty() ? "yes" : "no", meaning.c_str(),
                  reason.empty() ? "" : ": ", reason.c_str());
      continue;
    }
    nlohmann::ordered_json entry{{"name", row.name}, {"exec", fuzz::name_of(row.exec)}};
    if (compiled) {
      entry["target"] = name_of(row.target);
      entry["level"] = fuzz::name_of(row.level);
      entry["os"] = name_of(row.os);
    }
    if (fuzz::is_peer(row.exec)) {
      entry["level"] = fuzz::name_of(row.level);
      if (!version.empty()) entry["version"] = version;
    }
    entry["meaning"] = row.meaning;
    entry["available"] = reason.empty();
    if (!reason.empty()) entry["reason"] = reason;
    json.push_back(std::move(entry));
  }
  if (as_json) std::printf("%s\n", json.dump(2).c_str());
  return kClean;
}

} // namespace

void add_subjects(CLI::App& app, int& status) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("subjects", "what can run here, and for what cannot, why");
  command->add_flag("--json", *json, "as JSON");
  command->callback([json, &status] { status = list(*json); });
}

} // namespace assay::cli
