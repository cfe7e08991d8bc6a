// code_tools.cpp - see code_tools.h. Records are made apart and written in one piece, so that records of other threads
// do not come between. Tested in compiler/debug/tools/tests/{debugger,profiler}_test.cpp.
#include "compiler/jit/code_tools.h"

#include "compiler/debug/info/elf_object.h"
#include "compiler/debug/info/perf_records.h"
#include "compiler/jit/stubs.h"

#include <atomic>

namespace assay::jit {

namespace {

/// Functions in jitdump files are numbered; a number need only be unique in its file.
std::atomic<u64> next_dump_index{0};

debug::DumpProcess this_process() { return {os::process_number(), os::thread_number(), os::profiler_clock()}; }

/// The stubs stay for ever, so their object does too.
void announce_stubs(const Stubs& stubs) {
  static auto* const announced =
      new os::DebuggerObject(debug::write_elf_object(*stubs.object, reinterpret_cast<u64>(stubs.base), nullptr));
  static_cast<void>(announced);
}

} // namespace

Result<void> CodeTools::open_files(bool& new_map, bool& new_dump) {
  const std::string number = std::to_string(os::process_number());
  if (options_.perf_map) {
    auto opened = os::open_profiler_file(options_.directory + "/perf-" + number + ".map", false);
    if (!opened) return opened.error();
    map_ = opened->file;
    new_map = opened->made;
  }
  if (options_.perf_dump) {
    auto opened = os::open_profiler_file(options_.directory + "/jit-" + number + ".dump", true);
    if (!opened) return opened.error();
    dump_ = opened->file;
    new_dump = opened->made;
  }
  return {};
}

Result<std::shared_ptr<CodeTools>> CodeTools::create(const ToolOptions& options) {
  auto stubs = process_stubs();
  if (!stubs) return stubs.error();
  const Stubs& known = **stubs;
  std::shared_ptr<CodeTools> out(new CodeTools(options));
  bool new_map = false, new_dump = false;
  if (auto done = out->open_files(new_map, new_dump); !done) return done.error();
  if (new_map) {
    if (auto done = out->add_to_map(*known.object, known.base); !done) return done.error();
  }
  if (new_dump) {
    std::vector<u8> header;
    debug::append_dump_header(known.object->target, this_process(), header);
    if (auto done = out->dump_->append(header.data(), header.size()); !done) return done.error();
    if (auto done = out->add_to_dump(*known.object, known.base, nullptr); !done) return done.error();
  }
  if (options.debugger) announce_stubs(known);
  return out;
}

Result<void> CodeTools::add_to_map(const CodeObject& object, const u8* code) {
  std::string lines;
  debug::append_perf_map(object, reinterpret_cast<u64>(code), lines);
  return map_->append(lines.data(), lines.size());
}

Result<void> CodeTools::add_to_dump(const CodeObject& object, const u8* code, const DebugSource* source) {
  std::vector<u8> records;
  u64 index = next_dump_index.fetch_add(object.functions.size());
  debug::append_dump_code(object, code, reinterpret_cast<u64>(code), source, this_process(), index, records);
  return dump_->append(records.data(), records.size());
}

Result<void> CodeTools::add(const CodeObject& object, const u8* code, const DebugSource* source, Entry& out) {
  if (object.functions.empty()) return {};
  if (map_ != nullptr) {
    if (auto done = add_to_map(object, code); !done) return done;
  }
  if (dump_ != nullptr) {
    if (auto done = add_to_dump(object, code, source); !done) return done;
  }
  if (!options_.debugger) return {};
  std::vector<u8> file = debug::write_elf_object(object, reinterpret_cast<u64>(code), source);
  if (file.empty()) return Error{ErrorKind::Unsupported, {}, 0, 0, "for debuggers: code of 2 GiB or more"};
  out = std::make_unique<os::DebuggerObject>(std::move(file));
  return {};
}

} // namespace assay::jit
