// code_tools.h - tells debuggers and profilers about code that is installed (assay/code_tools.h says which, and how).
//
// Cost: an object file or records linear in the code, once for each installation; nothing for code that runs. Removal
// takes a debugger's entry away in constant time; perf's files have no removal, later code at an address wins there.
// The process's entry and trap stubs are told as well, once. Thread-safe. Tested in
// compiler/debug/tools/tests/{debugger,profiler}_test.cpp.
#pragma once

#include "assay/code_object.h"
#include "assay/code_tools.h"
#include "assay/errors.h"
#include "compiler/os/debugger.h"
#include "compiler/os/profiler.h"

#include <memory>

namespace assay::jit {

class CodeTools {
public:
  /// What removes code again.
  using Entry = std::unique_ptr<os::DebuggerObject>;

  /// Io or Unsupported when the files cannot be made.
  static Result<std::shared_ptr<CodeTools>> create(const ToolOptions& options);

  /// `code`: what is in memory, where it is. An Error when a file cannot be written; then nothing is announced.
  Result<void> add(const CodeObject& object, const u8* code, const DebugSource* source, Entry& out);

private:
  explicit CodeTools(const ToolOptions& options) : options_(options) {}
  Result<void> open_files(bool& new_map, bool& new_dump);
  Result<void> add_to_map(const CodeObject& object, const u8* code);
  Result<void> add_to_dump(const CodeObject& object, const u8* code, const DebugSource* source);

  const ToolOptions options_;
  os::ProfilerFile* map_ = nullptr;
  os::ProfilerFile* dump_ = nullptr;
};

} // namespace assay::jit
