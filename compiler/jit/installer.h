// installer.h - a CodeObject becomes code in memory, and stops being it.
//
// One block: code (at a multiple of CodeObject::alignment), padding to 16, rodata, padding to 8, .eh_frame with its
// zero word (on Windows function tables, and before them, where there are handlers, a jump to their routine; on
// macOS 14 and later compact unwind behind it). So every table is within 2 GiB of its code, one registration covers one
// contiguous range, and removal is one free. Two ways: Arena, for code of any life time, and OneAtATime, for a loop
// that installs, runs and removes a program in the same pages without a system call.
// `object` must stay unchanged while installed: the position and fault tables are read in place.
// Cost: the bytes copied plus a registration. One owner at a time. Tested in compiler/jit/tests/installer_test.cpp.
#pragma once

#include "assay/code_object.h"
#include "assay/code_tools.h"
#include "assay/exception_model.h"
#include "compiler/jit/code_tools.h"
#include "compiler/os/exec_memory.h"
#include "compiler/os/fault_handler.h"
#include "compiler/os/personality.h"
#include "compiler/os/unwind_registry.h"
#include "compiler/unwind/tables.h"

#include <memory>
#include <optional>
#include <vector>

namespace assay::jit {

struct InstallOptions {
  bool one_at_a_time = false;
  os::MemoryStrategy strategy = os::MemoryStrategy::Protect; // of Arena; OneAtATime is DualMap where that works
  bool fall_back = true;
  bool verify_unwind = true;        // ask the unwinder after each registration and removal
  std::shared_ptr<CodeTools> tools; // debuggers and profilers to tell; null: none
  ExceptionModel exceptions = ExceptionModel::Automatic;
};

/// Installed code. At a fixed place in memory while installed, because the fault handler's list points into it.
class Installed {
public:
  Installed() : landing_pads_{&find_landing_pad, this} {}
  Installed(const Installed&) = delete;
  Installed& operator=(const Installed&) = delete;

  const CodeObject* object() const { return object_; }
  u64 base() const { return base_; }
  u64 end() const { return range_.end; }
  /// Address of the function's entry; the function must be in the object.
  u64 entry(FunctionId function) const { return base_ + object_->code_of(function).begin; }
  /// The AIR position of a return address, also of one that the fault handler made; false when it has none.
  bool position_of(u64 return_address, SourcePosition& out) const;
  /// Whether the system's unwinder can pass; if not, exceptions are deferred.
  bool unwindable() const { return unwindable_; }

private:
  friend class Installer;
  const CodeObject* object_ = nullptr;
  static u64 find_landing_pad(const void* installed, u64 return_address, const os::FlyingException& exception);

  u64 base_ = 0;
  os::LandingPads landing_pads_; // what the unwind tables refer to
  os::CodeBlock block_;
  os::UnwindRegistration unwind_;
  os::CodeRange range_;
  CodeTools::Entry tools_;
  bool unwindable_ = true;
};

class Installer {
public:
  /// `trap_entries` ([kTrapCount] addresses, or null) is where faults at the code's fault sites go; it must stay.
  static Result<Installer> create(const InstallOptions& options = {}, const u64* trap_entries = nullptr);

  const InstallOptions& options() const { return options_; }
  /// `out` must be empty. On an Error it stays so. Unsupported when the object is for another target than this
  /// host's processor or another host convention, or has exception handlers where os::personality() has no routine or
  /// exceptions are deferred. `source`, when given, lets debuggers and profilers name lines.
  Result<void> install(const CodeObject& object, Installed& out, const DebugSource* source = nullptr);
  /// Does nothing when empty. No frame of the code may be active on any thread. On an Error, which is that the unwinder
  /// does not let go of it, its memory is never used again; `installed` is empty all the same.
  Result<void> uninstall(Installed& installed);

private:
  Installer(const InstallOptions& options, const u64* trap_entries) : options_(options), trap_entries_(trap_entries) {}
  Result<os::CodeBlock> allocate(u64 size);
  Result<void> write_frames(const CodeObject& object, u64 at, Installed& out);
  Result<void> publish(const os::CodeBlock& block);
  Result<void> announce(const CodeObject& object, const u8* exec, u64 eh_frame_at, Installed& out);
  Result<void> register_frames(const CodeObject& object, const u8* exec, u64 eh_frame_at, Installed& out);
  Result<void> withdraw(os::UnwindRegistration& registration, const os::CodeBlock& block);

  InstallOptions options_;
  const u64* trap_entries_ = nullptr;
  std::optional<os::CodeArena> arena_;
  std::optional<os::BumpArena> bump_;
  std::vector<u8> eh_frame_; // reused; Windows: function tables, before them a way to os::personality()
  std::vector<u8> far_jump_; // reused
  unwind::TableSection registered_, compact_; // in eh_frame_
  bool stuck_ = false;                        // one_at_a_time: the unwinder still knows what was in the pages
};

} // namespace assay::jit
