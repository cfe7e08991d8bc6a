// outcome.cpp - comparison and printing of what was observed of a run.
//
// One walk finds the first difference in a fixed order (end of the run, host calls and throws with their stacks,
// memory, globals, fuel); `compare` asks only whether there is one and allocates nothing. Floats are compared by bits;
// values of type ptr are skipped, and printed as "ptr", since their number is free. Ranges that a broken
// engine left inconsistent are clamped. Linear. Tested in tests/outcome_test.cpp.
#include "assay/outcome.h"

#include "assay/text.h"
#include "compiler/ir/clamp.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace assay {

namespace {

using ir::clamp;

constexpr std::string_view kKindNames[] = {"returned", "threw", "threw host", "trapped",
                                           "crashed",  "hung",  "breached",   "refused"};

std::string_view name_of(OutcomeKind kind) {
  const auto index = static_cast<u32>(kind);
  return index < std::size(kKindNames) ? kKindNames[index] : std::string_view("?");
}

std::string literal(Type type, u64 bits) {
  if (type == Type::Ptr) return "ptr";
  std::string text;
  print_literal(type, bits, text);
  return text;
}

Type type_at(std::span<const Type> types, std::size_t index) { return index < types.size() ? types[index] : Type::I64; }

std::string symbol(const Module& m, FunctionId function) {
  return "@" + (function < m.functions.size() ? m.functions[function].name : std::string("?"));
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<u8>(c);
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (c == '\n') out += "\\n";
    else if (byte < 0x20 || byte == 0x7f)
      out += '\\', out += "0123456789abcdef"[byte >> 4], out += "0123456789abcdef"[byte & 15];
    else out += c;
  }
  return out + '"';
}

constexpr std::string_view kTraceNames[] = {"host call", "throw", "rethrow"};
static_assert(std::size(kTraceNames) == kTraceKinds);

std::string_view name_of(TraceKind kind) {
  const auto index = static_cast<u32>(kind);
  return index < kTraceKinds ? kTraceNames[index] : std::string_view("?");
}

std::string subject_to_string(const Module& m, const TraceEvent& event) {
  if (event.kind == TraceKind::HostCall) return symbol(m, event.subject);
  if (event.subject == kNone) return "host exception";
  return "@" + (event.subject < m.tags.size() ? m.tags[event.subject].name : std::string("?"));
}

/// "@log(3)", "@tag(3)", "host exception"
std::string event_to_string(const Module& m, const Outcome& outcome, const TraceEvent& event) {
  std::string out = subject_to_string(m, event);
  if (event.kind != TraceKind::HostCall && event.subject == kNone) return out;
  out += '(';
  const std::span<const Type> types = arg_types(m, event);
  const std::span<const u64> args = clamp(outcome.trace_args, event.args, event.arg_count);
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (i != 0) out += ", ";
    out += literal(type_at(types, i), args[i]);
  }
  return out + ")";
}

/// The same, and what happened where it was no host call: "throw @tag(3)".
std::string whole_event(const Module& m, const Outcome& outcome, const TraceEvent& event) {
  const std::string text = event_to_string(m, outcome, event);
  return event.kind == TraceKind::HostCall ? text : std::string(name_of(event.kind)) + " " + text;
}

/// Walks two outcomes. With `words` null it only answers whether they differ.
class Difference {
public:
  Difference(const Module& module, const Outcome& a, const Outcome& b, std::string* words)
      : m_(module), a_(a), b_(b), words_(words) {}

  bool any() { return end() || trace() || memory() || globals() || fuel(); }

private:
  template <typename Left, typename Right> bool found(std::string_view what, Left left, Right right) {
    if (words_ != nullptr) *words_ = std::string(what) + ": " + left() + " != " + right();
    return true;
  }
  bool found_numbers(std::string_view what, u64 left, u64 right) {
    return found(
        what, [&] { return std::to_string(left); }, [&] { return std::to_string(right); });
  }
  std::string whole(const Outcome& outcome) const { return to_string(m_, outcome); }

  bool end() {
    bool differ = a_.kind != b_.kind;
    if (a_.kind == OutcomeKind::Trapped) differ = differ || a_.trap != b_.trap || !(a_.position == b_.position);
    if (a_.kind == OutcomeKind::Threw) differ = differ || a_.tag != b_.tag;
    if (a_.kind == OutcomeKind::ThrewHost) differ = differ || a_.text != b_.text;
    if (differ)
      return found(
          "end", [&] { return whole(a_); }, [&] { return whole(b_); });
    return (a_.kind == OutcomeKind::Returned || a_.kind == OutcomeKind::Threw) && values();
  }

  bool values() {
    if (a_.values.size() != b_.values.size())
      return found_numbers("number of results", a_.values.size(), b_.values.size());
    for (std::size_t i = 0; i < a_.values.size(); ++i) {
      const Type type = type_at(a_.value_types, i), other = type_at(b_.value_types, i);
      if (type != other)
        return found(
            result_name(i) + " type", [&] { return std::string(assay::name_of(type)); },
            [&] { return std::string(assay::name_of(other)); });
      if (type == Type::Ptr || a_.values[i] == b_.values[i]) continue;
      return found(
          result_name(i), [&] { return literal(type, a_.values[i]); }, [&] { return literal(type, b_.values[i]); });
    }
    return false;
  }
  std::string result_name(std::size_t index) const {
    return (a_.kind == OutcomeKind::Threw ? "payload " : "result ") + std::to_string(index);
  }

  bool trace() {
    const std::size_t common = std::min(a_.trace.size(), b_.trace.size());
    for (std::size_t i = 0; i < common; ++i) {
      const TraceEvent &x = a_.trace[i], &y = b_.trace[i];
      if (x.kind != y.kind)
        return found(
            "event " + std::to_string(i), [&] { return whole_event(m_, a_, x); },
            [&] { return whole_event(m_, b_, y); });
      if (!same_event(x, y))
        return found(
            name_and_number(i), [&] { return event_to_string(m_, a_, x); }, [&] { return event_to_string(m_, b_, y); });
      if (stacks(i, x, y)) return true;
    }
    if (a_.trace.size() == b_.trace.size()) return false;
    for (const TraceKind kind : {TraceKind::HostCall, TraceKind::Throw, TraceKind::Rethrow}) {
      const std::size_t left = count_of(a_, kind, a_.trace.size()), right = count_of(b_, kind, b_.trace.size());
      if (left != right) return found_numbers("number of " + std::string(name_of(kind)) + "s", left, right);
    }
    return false;
  }

  static std::size_t count_of(const Outcome& outcome, TraceKind kind, std::size_t before) {
    return static_cast<std::size_t>(std::count_if(outcome.trace.begin(),
                                                  outcome.trace.begin() + static_cast<std::ptrdiff_t>(before),
                                                  [kind](const TraceEvent& event) { return event.kind == kind; }));
  }
  /// Of the event `index`, whose kind is the same on both sides, as are those before: "throw 2".
  std::string name_and_number(std::size_t index) const {
    if (words_ == nullptr) return {};
    const TraceKind kind = a_.trace[index].kind;
    return std::string(name_of(kind)) + " " + std::to_string(count_of(a_, kind, index));
  }

  bool same_event(const TraceEvent& x, const TraceEvent& y) const {
    if (x.subject != y.subject || x.arg_count != y.arg_count) return false;
    const std::span<const Type> types = arg_types(m_, x);
    const std::span<const u64> left = clamp(a_.trace_args, x.args, x.arg_count),
                               right = clamp(b_.trace_args, y.args, y.arg_count);
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i)
      if (left[i] != right[i] && type_at(types, i) != Type::Ptr) return false;
    return true;
  }

  bool stacks(std::size_t event, const TraceEvent& x, const TraceEvent& y) {
    const std::span<const Position> left = clamp(a_.frames, x.frames, x.frame_count),
                                    right = clamp(b_.frames, y.frames, y.frame_count);
    const std::size_t common = std::min(left.size(), right.size());
    static_assert(std::has_unique_object_representations_v<Position>, "positions are compared as bytes");
    if (left.size() == right.size() &&
        (common == 0 || std::memcmp(left.data(), right.data(), common * sizeof(Position)) == 0)) {
      return false;
    }
    const auto where = [&] { return name_and_number(event) + " "; };
    for (std::size_t i = 0; i < common; ++i) {
      if (left[i] == right[i]) continue;
      return found(
          words_ == nullptr ? std::string() : where() + "frame " + std::to_string(i),
          [&] { return to_string(m_, left[i]); }, [&] { return to_string(m_, right[i]); });
    }
    if (left.size() == right.size()) return false;
    return found_numbers(words_ == nullptr ? std::string() : where() + "number of frames", left.size(), right.size());
  }

  bool memory() {
    if (a_.memory.size() != b_.memory.size()) return found_numbers("memory size", a_.memory.size(), b_.memory.size());
    if (a_.memory.empty() || std::memcmp(a_.memory.data(), b_.memory.data(), a_.memory.size()) == 0) return false;
    const std::size_t at = static_cast<std::size_t>(
        std::mismatch(a_.memory.begin(), a_.memory.end(), b_.memory.begin()).first - a_.memory.begin());
    const auto hex = [](u8 byte) {
      return std::string("0x") + "0123456789abcdef"[byte >> 4] + "0123456789abcdef"[byte & 15];
    };
    return found(
        "memory byte " + std::to_string(at), [&] { return hex(a_.memory[at]); }, [&] { return hex(b_.memory[at]); });
  }

  bool globals() {
    if (a_.globals.size() != b_.globals.size())
      return found_numbers("number of globals", a_.globals.size(), b_.globals.size());
    for (std::size_t i = 0; i < a_.globals.size(); ++i) {
      if (a_.globals[i] == b_.globals[i]) continue;
      const bool known = i < m_.globals.size();
      const Type type = known ? m_.globals[i].type : Type::I64;
      return found(
          "global @" + (known ? m_.globals[i].name : std::string("?")), [&] { return literal(type, a_.globals[i]); },
          [&] { return literal(type, b_.globals[i]); });
    }
    return false;
  }

  bool fuel() { return a_.fuel_left != b_.fuel_left && found_numbers("fuel left", a_.fuel_left, b_.fuel_left); }

  const Module& m_;
  const Outcome& a_;
  const Outcome& b_;
  std::string* words_;
};

bool is_defect(OutcomeKind kind) {
  return kind == OutcomeKind::Crashed || kind == OutcomeKind::Hung || kind == OutcomeKind::Breached;
}

bool overflowed(const Outcome& o) { return o.kind == OutcomeKind::Trapped && o.trap == TrapKind::StackOverflow; }

} // namespace

void Outcome::clear() {
  kind = OutcomeKind::Returned;
  trap = TrapKind::Unreachable;
  position = {};
  tag = kNone;
  text.clear();
  values.clear();
  value_types.clear();
  memory.clear();
  globals.clear();
  trace.clear();
  trace_args.clear();
  frames.clear();
  fuel_left = 0;
}

void Outcome::begin_event(TraceKind event, u32 subject, std::span<const u64> args) {
  trace.push_back({event, subject, static_cast<u32>(trace_args.size()), static_cast<u32>(args.size()),
                   static_cast<u32>(frames.size()), 0});
  trace_args.insert(trace_args.end(), args.begin(), args.end());
}

std::span<const Type> arg_types(const Module& module, const TraceEvent& event) {
  SignatureId signature = kNone;
  if (event.kind == TraceKind::HostCall) {
    if (event.subject < module.functions.size()) signature = module.functions[event.subject].signature;
  } else if (event.subject < module.tags.size()) {
    signature = module.tags[event.subject].signature;
  }
  if (signature >= module.signatures.size()) return {};
  return module.params(module.signatures[signature]);
}

bool is_tag_with(const Module& module, TagId tag, std::size_t payload) {
  return tag < module.tags.size() && module.params(module.signatures[module.tags[tag].signature]).size() == payload;
}

Agreement compare(const Module& module, const Outcome& a, const Outcome& b) {
  if (a.kind == OutcomeKind::Refused || b.kind == OutcomeKind::Refused) return Agreement::Unknown;
  if (!Difference(module, a, b, nullptr).any()) return Agreement::Agree;
  if (is_defect(a.kind) || is_defect(b.kind)) return Agreement::Differ;
  return overflowed(a) || overflowed(b) ? Agreement::Unknown : Agreement::Differ;
}

std::string first_difference(const Module& module, const Outcome& a, const Outcome& b) {
  std::string words;
  Difference(module, a, b, &words).any();
  return words;
}

std::string to_string(const Module& module, const Position& position) {
  std::string out = symbol(module, position.function);
  if (position.block != kNone) out += " ^b" + std::to_string(position.block);
  if (position.inst != kNone) out += " #" + std::to_string(position.inst);
  return out;
}

std::string to_string(const Module& module, const Outcome& outcome) {
  std::string out(name_of(outcome.kind));
  switch (outcome.kind) {
  case OutcomeKind::Threw:
    out += " @" + (outcome.tag < module.tags.size() ? module.tags[outcome.tag].name : std::string("?"));
    [[fallthrough]];
  case OutcomeKind::Returned:
    for (std::size_t i = 0; i < outcome.values.size(); ++i)
      out += " " + literal(type_at(outcome.value_types, i), outcome.values[i]);
    return out;
  case OutcomeKind::ThrewHost: return out + " " + quoted(outcome.text);
  case OutcomeKind::Trapped:
    out += " " + std::string(assay::name_of(outcome.trap));
    return outcome.position.function == kNone ? out : out + " at " + to_string(module, outcome.position);
  default: return outcome.text.empty() ? out : out + " " + quoted(outcome.text);
  }
}

std::string trace_to_string(const Module& module, const Outcome& outcome) {
  std::string out;
  for (const TraceEvent& event : outcome.trace) {
    out += whole_event(module, outcome, event);
    const char* separator = " at ";
    for (const Position& frame : clamp(outcome.frames, event.frames, event.frame_count)) {
      out += separator + to_string(module, frame);
      separator = ", ";
    }
    out += '\n';
  }
  return out;
}

} // namespace assay
