// cmd_corpus.cpp - `assay corpus minimise IN... --out DIR`: the fewest programs that have all features of all of them.
//
// What a feature is, says fuzz/campaign/features.h: an operation with its types, or two neighbours. Each file is read
// in a process of its own first, as campaigns do; what is no program, too long, or ends that process is left out and
// named. Files are copied as they are. The same files give the same choice. Tested in fuzz/cli/tests/cli_test.cmake,
// the choice itself in fuzz/campaign/tests/features_test.cpp.
#include "fuzz/campaign/features.h"
#include "fuzz/campaign/program_source.h"
#include "fuzz/check/finding.h"
#include "fuzz/cli/commands.h"
#include "fuzz/os/process.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace assay::cli {
namespace {

namespace fs = std::filesystem;
constexpr u32 kReadMs = 10'000;
constexpr char kRead = '\x01'; // begins the answer when the file is a program

struct MinimiseOptions {
  std::vector<std::string> in;
  std::string out;
  bool json = false;
};

struct Item {
  std::string path;
  std::size_t bytes = 0;
  std::vector<u32> features; // in ascending order, each once
};

struct Minimised {
  std::vector<Item> items;
  std::vector<std::pair<std::string, std::string>> left_out; // file, why
  std::vector<u32> kept;                                     // in items
  std::size_t features = 0, bytes = 0, bytes_kept = 0;
};

/// kRead and the features' numbers, each behind a blank; or the reason why there is no program.
std::string look_at(std::string_view path) {
  const fuzz::Corpus read = fuzz::read_corpus(".", {std::string(path)});
  if (read.programs.empty()) return read.ignored_because.empty() ? "it is no program" : read.ignored_because[0];
  std::vector<u32> features;
  fuzz::features_of(read.programs[0].module, features);
  std::sort(features.begin(), features.end());
  features.erase(std::unique(features.begin(), features.end()), features.end());
  std::string out(1, kRead);
  for (const u32 feature : features) out += " " + std::to_string(feature);
  return out;
}

/// Looks at files in a process that may die of one.
class Reader {
public:
  std::string look(const std::string& path) {
    if (!fuzz::can_fork()) return look_at(path);
    if (!companion_) {
      auto started = fuzz::Companion::start(look_at);
      if (!started) return started.error().message;
      companion_.emplace(std::move(*started));
    }
    std::string out;
    if (companion_->ask(path) && companion_->answer(kReadMs, out) == fuzz::Companion::Reply::Ready) return out;
    out = path + ": reading it ended the process (" + companion_->end() + ")";
    companion_.reset();
    return out;
  }

private:
  std::optional<fuzz::Companion> companion_;
};

void read_item(Reader& reader, const std::string& path, Minimised& all) {
  const std::string answer = reader.look(path);
  if (answer.empty() || answer[0] != kRead) {
    all.left_out.push_back({path, answer});
    std::fprintf(stderr, "left out: %s\n", answer.c_str());
    return;
  }
  Item& item = all.items.emplace_back();
  item.path = path;
  std::error_code failure;
  item.bytes = static_cast<std::size_t>(fs::file_size(path, failure));
  const char* at = answer.c_str() + 1;
  for (char* end = nullptr; *at == ' '; at = end) item.features.push_back(static_cast<u32>(std::strtoul(at, &end, 10)));
}

/// Files under the folders, in the order of the command line, then of names; each once.
Result<std::vector<std::string>> list_files(const std::vector<std::string>& in) {
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const std::string& path : in) {
    std::error_code failure;
    std::vector<std::string> files = {path};
    if (fs::is_directory(path, failure)) {
      auto listed = fuzz::list_corpus(path);
      if (!listed) return listed.error();
      files = std::move(*listed);
    } else if (!fs::exists(path, failure)) {
      return Error{ErrorKind::Io, path, 0, 0, "expected a folder with programs, or a program"};
    }
    for (std::string& file : files)
      if (seen.insert(fs::weakly_canonical(file, failure).string()).second) out.push_back(std::move(file));
  }
  return out;
}

std::size_t count_features(const std::vector<Item>& items, const std::vector<u32>* only) {
  std::set<u32> all;
  for (u32 i = 0; i < items.size(); ++i)
    if (only == nullptr || std::binary_search(only->begin(), only->end(), i))
      all.insert(items[i].features.begin(), items[i].features.end());
  return all.size();
}

void choose_items(Minimised& all) {
  std::vector<std::vector<u32>> features;
  std::vector<std::size_t> sizes;
  for (const Item& item : all.items) {
    features.push_back(item.features);
    sizes.push_back(item.bytes);
    all.bytes += item.bytes;
  }
  all.kept = fuzz::minimal_cover(features, sizes);
  for (const u32 i : all.kept) all.bytes_kept += all.items[i].bytes;
  all.features = count_features(all.items, nullptr);
}

/// Copies what is kept; files of the same name get a number.
Result<void> write_kept(const Minimised& all, const std::string& folder) {
  std::set<std::string> names;
  for (const u32 i : all.kept) {
    const fs::path from(all.items[i].path);
    std::string name = from.filename().string();
    for (u32 n = 2; !names.insert(name).second; ++n)
      name = from.stem().string() + "-" + std::to_string(n) + from.extension().string();
    const auto source = read_source(all.items[i].path);
    if (!source) return source.error();
    if (auto written = fuzz::write_file_atomically((fs::path(folder) / name).string(), source->text); !written)
      return written;
  }
  return {};
}

void tell(const Minimised& all, const MinimiseOptions& options) {
  if (options.json) {
    nlohmann::ordered_json json{{"files", all.items.size()},
                                {"kept", all.kept.size()},
                                {"features", all.features},
                                {"bytes", all.bytes},
                                {"bytes_kept", all.bytes_kept},
                                {"out", options.out},
                                {"left_out", nlohmann::ordered_json::array()}};
    for (const auto& [file, why] : all.left_out) json["left_out"].push_back({{"file", file}, {"why", why}});
    std::printf("%s\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  std::printf(
      "%zu programs of %zu bytes have %zu features; %zu programs of %zu bytes have them all, in %s; %zu files left out\n",
      all.items.size(), all.bytes, all.features, all.kept.size(), all.bytes_kept, options.out.c_str(),
      all.left_out.size());
}

int minimise(const MinimiseOptions& options) {
  std::error_code failure;
  if (fs::exists(options.out, failure) && !fs::is_empty(options.out, failure))
    return usage_error("corpus minimise",
                       options.out + " is not empty: expected a new folder, so that nothing is lost");
  const auto files = list_files(options.in);
  if (!files) return report(files.error());
  Minimised all;
  Reader reader;
  for (const std::string& file : *files) read_item(reader, file, all);
  choose_items(all);
  if (count_features(all.items, &all.kept) != all.features)
    return report(Error{ErrorKind::Internal, "", 0, 0, "the choice has not all features"});
  auto written = fuzz::prepare_findings_folder(options.out);
  if (written) written = write_kept(all, options.out);
  if (!written) return static_cast<void>(report(written.error())), static_cast<int>(kCannot);
  tell(all, options);
  return all.left_out.empty() ? kClean : kBadInput;
}

} // namespace

void add_corpus(CLI::App& app, int& status) {
  auto options = std::make_shared<MinimiseOptions>();
  CLI::App* corpus = app.add_subcommand("corpus", "what campaigns start from");
  corpus->require_subcommand(1, 1);
  CLI::App* command =
      corpus->add_subcommand("minimise", "the fewest programs of these folders that have all features of all of them");
  command->add_option("IN", options->in, "folders with programs, or programs")->required();
  command->add_option("--out", options->out, "new folder for the programs that are kept")->required();
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options, &status] { status = minimise(*options); });
}

} // namespace assay::cli
