// outcome_output.cpp - see outcome_output.h.
//
// Ranges closer than eight bytes are shown as one; at most kMaxRanges are shown, the rest is counted.
// Tested end to end in fuzz/cli/tests/cli_test.cmake.
#include "fuzz/cli/outcome_output.h"

#include "assay/text.h"

#include <algorithm>
#include <fmt/format.h>

namespace assay::cli {
namespace {

constexpr std::size_t kMaxRanges = 32;
constexpr std::size_t kMaxBytesShown = 16;
constexpr std::string_view kKindNames[] = {"returned", "threw", "threw_host", "trapped",
                                           "crashed",  "hung",  "breached",   "refused"};

u64 digest(const std::vector<u8>& bytes) {
  u64 hash = 0xcbf29ce484222325u; // FNV-1a
  for (const u8 byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  return hash;
}

std::vector<u8> initial_memory(const Module& module, std::size_t size) {
  std::vector<u8> out(size);
  for (const DataSegment& segment : module.data)
    if (segment.offset <= size)
      std::copy_n(segment.bytes.begin(), std::min<std::size_t>(segment.bytes.size(), size - segment.offset),
                  out.begin() + static_cast<std::ptrdiff_t>(segment.offset));
  return out;
}

std::string literal(Type type, u64 bits) {
  std::string out;
  if (type == Type::Ptr) return "ptr";
  print_literal(type, bits, out);
  return out;
}

nlohmann::ordered_json position_to_json(const Module& module, const Position& position) {
  if (position.function >= module.functions.size()) return nullptr;
  return {{"function", module.functions[position.function].name},
          {"block", position.block},
          {"instruction", position.inst}};
}

/// Host calls under "calls", throws and rethrows under "throws", each with the number of host calls before it.
void add_trace(const Module& module, const Outcome& outcome, nlohmann::ordered_json& json) {
  json["calls"] = nlohmann::ordered_json::array();
  json["throws"] = nlohmann::ordered_json::array();
  for (const TraceEvent& event : outcome.trace) {
    const bool call = event.kind == TraceKind::HostCall;
    nlohmann::ordered_json entry;
    if (call) {
      entry["function"] = module.functions[event.subject].name;
    } else {
      if (event.subject == kNone) entry["tag"] = nullptr;
      else entry["tag"] = module.tags[event.subject].name;
      entry["again"] = event.kind == TraceKind::Rethrow;
      entry["calls_before"] = json["calls"].size();
    }
    entry["args"] = nlohmann::ordered_json::array();
    entry["frames"] = nlohmann::ordered_json::array();
    const std::span<const Type> types = arg_types(module, event);
    for (u32 i = 0; i < event.arg_count; ++i)
      entry["args"].push_back(literal(types[i], outcome.trace_args[event.args + i]));
    for (u32 i = 0; i < event.frame_count; ++i)
      entry["frames"].push_back(position_to_json(module, outcome.frames[event.frames + i]));
    json[call ? "calls" : "throws"].push_back(std::move(entry));
  }
}

} // namespace

std::string memory_to_string(const Module& module, const Outcome& outcome) {
  const std::vector<u8>& now = outcome.memory;
  const std::vector<u8> before = initial_memory(module, now.size());
  std::string out = fmt::format("memory {} bytes, digest {:016x}\n", now.size(), digest(now));
  std::size_t ranges = 0;
  for (std::size_t at = 0; at < now.size(); ++at) {
    if (now[at] == before[at]) continue;
    std::size_t end = at + 1;
    for (std::size_t next = end; next < now.size() && next < end + 8; ++next)
      if (now[next] != before[next]) end = next + 1;
    if (++ranges <= kMaxRanges) {
      out += fmt::format("  [{:#x}, {:#x}):", at, end);
      for (std::size_t i = at; i < std::min(end, at + kMaxBytesShown); ++i) out += fmt::format(" {:02x}", now[i]);
      out += end - at > kMaxBytesShown ? " ...\n" : "\n";
    }
    at = end;
  }
  if (ranges > kMaxRanges) out += fmt::format("  and {} more ranges\n", ranges - kMaxRanges);
  return out;
}

nlohmann::ordered_json outcome_to_json(const Module& module, const Outcome& outcome) {
  nlohmann::ordered_json json;
  json["kind"] = kKindNames[static_cast<u32>(outcome.kind)];
  json["text"] = to_string(module, outcome);
  if (outcome.kind == OutcomeKind::Returned || outcome.kind == OutcomeKind::Threw) {
    json["values"] = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < outcome.values.size(); ++i)
      json["values"].push_back(literal(outcome.value_types[i], outcome.values[i]));
  }
  if (outcome.kind == OutcomeKind::Threw && outcome.tag < module.tags.size())
    json["tag"] = module.tags[outcome.tag].name;
  if (outcome.kind == OutcomeKind::Trapped) {
    json["trap"] = name_of(outcome.trap);
    json["position"] = position_to_json(module, outcome.position);
  }
  for (std::size_t i = 0; i < outcome.globals.size() && i < module.globals.size(); ++i)
    json["globals"][module.globals[i].name] = literal(module.globals[i].type, outcome.globals[i]);
  json["memory"] = {{"bytes", outcome.memory.size()}, {"digest", fmt::format("{:016x}", digest(outcome.memory))}};
  add_trace(module, outcome, json);
  json["fuel_left"] = outcome.fuel_left;
  return json;
}

} // namespace assay::cli
