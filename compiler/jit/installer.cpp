// installer.cpp - see installer.h.
//
// Order: allocate, copy and relocate through the writable view, publish, register with the unwinder, then with the
// fault handler, last with debuggers and profilers; removal goes the other way round, so at no time can the unwinder or
// the handler see memory that is not what they were told. Tested in compiler/jit/tests/installer_test.cpp.
#include "compiler/jit/installer.h"

#include "assay/compiler.h"
#include "assay/planted.h"
#include "compiler/codegen/relocate.h"
#include "compiler/target/a64/stubs.h"
#include "compiler/target/x64/stubs.h"
#include "compiler/unwind/dwarf.h"

#include <cstring>

namespace assay::jit {

namespace {

Error unsupported(std::string what) { return Error{ErrorKind::Unsupported, {}, 0, 0, std::move(what)}; }

Result<void> check_host(const CodeObject& object) {
#if defined(__aarch64__) || defined(_M_ARM64)
  const bool is_ours = object.target == Target::A64;
#elif defined(__x86_64__) || defined(_M_X64)
  const bool is_ours = object.target == Target::X64;
#else
  const bool is_ours = false;
#endif
  if (!is_ours) return unsupported("this processor does not run " + std::string(name_of(object.target)) + " code");
  if (object.host_os != host_os())
    return unsupported("the code calls its host as on " + std::string(name_of(object.host_os)));
  return {};
}

/// The first byte of the block, or the first behind it that lies where the code wants to.
u64 skip_to(u64 alignment, const os::CodeBlock& block) {
  return (0 - reinterpret_cast<u64>(block.exec)) & (alignment - 1);
}

} // namespace

bool Installed::position_of(u64 return_address, SourcePosition& out) const {
  const u32 offset = static_cast<u32>(return_address - base_);
  if (return_address < base_ || return_address - base_ > object_->code.size()) return false;
  if (const PcPosition* found = object_->position_at(offset)) {
    out = {found->position, found->inlined_at};
    return true;
  }
  // The fault handler makes return addresses of its own.
  const u32 back = os::kFaultReturn;
  if (const FaultSite* found = offset < back ? nullptr : object_->fault_at(offset - back)) {
    out = {found->position, kNone}; // of a fault only the innermost position is wanted
    return true;
  }
  return false;
}

/// The first clause that fits. Tags of another module do not, nor does an exception that a host function made up with
/// another payload than its tag has; catch_all takes them.
u64 Installed::find_landing_pad(const void* installed, u64 return_address, const os::FlyingException& exception) {
  const Installed& self = *static_cast<const Installed*>(installed);
  const CodeObject& object = *self.object_;
  const CallSite* site = object.call_site_at(static_cast<u32>(return_address - self.base_));
  if (site == nullptr || (exception.is_trap && !ASSAY_PLANTED(eh_trap_caught))) return 0;
  const AirException* air = exception.air;
  if (air != nullptr && air->module() != nullptr && air->module() != &object) air = nullptr;
  for (const Clause& clause : object.clauses_of(*site)) {
    if (ASSAY_PLANTED(eh_last_clause) && &clause != &object.clauses_of(*site).back()) continue;
    if (ASSAY_PLANTED(eh_host_missed) && clause.tag == kNone && air == nullptr) continue;
    const bool named = air != nullptr && (air->tag() == clause.tag || ASSAY_PLANTED(eh_any_tag));
    const bool fits = clause.tag == kNone || (named && air->payload().size() == clause.payload);
    if (fits) return self.base_ + (ASSAY_PLANTED(eh_first_pad) ? object.clauses_of(*site)[0] : clause).landing_pad;
  }
  return 0;
}

Result<Installer> Installer::create(const InstallOptions& options, const u64* trap_entries) {
  Installer out(options, trap_entries);
  if (options.one_at_a_time) {
    auto arena = os::BumpArena::create();
    if (!arena) return arena.error();
    out.bump_.emplace(std::move(arena).value());
  } else {
    os::ArenaOptions arena_options;
    arena_options.strategy = options.strategy;
    arena_options.fall_back = options.fall_back;
    auto arena = os::CodeArena::create(arena_options);
    if (!arena) return arena.error();
    out.arena_.emplace(std::move(arena).value());
  }
  return out;
}

Result<os::CodeBlock> Installer::allocate(u64 size) {
  if (arena_) return arena_->allocate(size);
  if (stuck_) return Error{ErrorKind::Internal, {}, 0, 0, "the unwinder still knows the code that was here before"};
  bump_->reset();
  return bump_->allocate(size);
}

Result<void> Installer::publish(const os::CodeBlock& block) {
  return arena_ ? arena_->publish(block) : bump_->publish(block);
}

/// Tells the unwinder, then gives the memory back, unless the unwinder may still read it.
Result<void> Installer::withdraw(os::UnwindRegistration& registration, const os::CodeBlock& block) {
  auto done = registration.remove();
  if (done && arena_) arena_->free(block);
  stuck_ |= !done;
  return done;
}

/// The unwind tables, and which part of them is registered.
Result<void> Installer::write_frames(const CodeObject& object, u64 at, Installed& out) {
#if defined(_WIN32)
  unwind::UnwindPlace place{at, 0};
  far_jump_.clear();
  if (!object.call_sites.empty()) {
    // Infos have 32 bits for the handler's address, which the code may be too far away for.
    if (os::personality() == 0) return unsupported("exception handlers in compiled code on this system");
    const bool is_x64 = object.target == Target::X64;
    if (is_x64) x64::make_far_jump(os::personality(), far_jump_);
    else a64::make_far_jump(os::personality(), far_jump_);
    far_jump_.resize(((is_x64 ? x64::kFarJumpBytes : a64::kFarJumpBytes) + 7) / 8 * 8);
    place = {at + far_jump_.size(), 0, at, reinterpret_cast<u64>(&out.landing_pads_)};
  }
  unwind::UnwindTables tables;
  tables.bytes.swap(eh_frame_);
  auto done = unwind::write_tables(unwind::UnwindFormat::Windows, object, place, tables);
  eh_frame_.swap(tables.bytes);
  registered_ = tables.entries;
  registered_.at += static_cast<u32>(far_jump_.size());
  if (done) eh_frame_.insert(eh_frame_.begin(), far_jump_.begin(), far_jump_.end());
  return done;
#else
  unwind::EhFrameOptions options;
  if (!object.call_sites.empty()) {
    options.personality = os::personality();
    options.lsda = reinterpret_cast<u64>(&out.landing_pads_);
    if (options.personality == 0) return unsupported("exception handlers in compiled code on this system");
  }
  compact_ = {};
  if (os::unwinder_takes_compact()) {
    unwind::UnwindPlace place{at};
    place.personality = options.personality;
    place.lsda = options.lsda;
    unwind::UnwindTables tables;
    tables.bytes.swap(eh_frame_);
    auto done = unwind::write_tables(unwind::UnwindFormat::AppleCompact, object, place, tables);
    eh_frame_.swap(tables.bytes);
    registered_ = tables.eh_frame;
    compact_ = tables.entries;
    return done;
  }
  if (!unwind::write_eh_frame(object, static_cast<i64>(at), eh_frame_, options))
    return unsupported("code of 2 GiB or more");
  registered_ = {0, static_cast<u32>(eh_frame_.size())};
  return {};
#endif
}

Result<void> Installer::install(const CodeObject& object, Installed& out, const DebugSource* source) {
  ASSAY_CHECK(out.object_ == nullptr);
  if (auto done = check_host(object); !done) return done;
  if (options_.exceptions == ExceptionModel::Defer && !object.call_sites.empty())
    return unsupported("exception handlers in compiled code, where exceptions are deferred past it");
  const u64 rodata_at = object.rodata_offset();
  const u64 eh_frame_at = (rodata_at + object.rodata.size() + 7) & ~u64{7};
  if (auto done = write_frames(object, eh_frame_at, out); !done) return done;
  const u64 size = eh_frame_at + eh_frame_.size();
  const u64 slack = object.alignment > os::kBlockAlign ? object.alignment - os::kBlockAlign : 0;
  auto block = allocate(size + slack);
  if (!block) return block.error();
  struct Begun { // taken back unless it ends well, also when memory runs out on the way
    Installer& self;
    Installed& out;
    const os::CodeBlock& block;
    ~Begun() {
      if (out.object_ == nullptr) static_cast<void>(self.withdraw(out.unwind_, block));
    }
  };
  const Begun begun{*this, out, *block};
  const u64 skip = skip_to(object.alignment, *block);
  u8* const write = block->write + skip;
  u8* const exec = block->exec + skip;
  const u64 stale = ASSAY_PLANTED(install_stale_line) ? object.code.size() % 64 : 0;
  if (!object.code.empty()) std::memcpy(write, object.code.data(), object.code.size() - stale);
  if (!object.rodata.empty()) std::memcpy(write + rodata_at, object.rodata.data(), object.rodata.size());
  std::memcpy(write + eh_frame_at, eh_frame_.data(), eh_frame_.size());
  auto done = codegen::relocate(object, write, reinterpret_cast<u64>(exec));
  if (done) done = publish(*block);
  if (done) done = announce(object, exec, eh_frame_at, out);
  if (!done) return done;
  out.object_ = &object;
  out.base_ = reinterpret_cast<u64>(exec);
  out.block_ = *block;
  if (options_.tools == nullptr) return {};
  auto told = options_.tools->add(object, exec, source, out.tools_);
  if (!told) static_cast<void>(uninstall(out));
  return told;
}

/// Where the unwinder does not take them, exceptions are deferred, if they may be.
Result<void> Installer::register_frames(const CodeObject& object, const u8* exec, u64 eh_frame_at, Installed& out) {
  out.unwindable_ = options_.exceptions != ExceptionModel::Defer;
  if (!out.unwindable_ || object.functions.empty()) return {};
  os::CodeTables tables;
  tables.section = exec + eh_frame_at + registered_.at;
  tables.size = registered_.size;
  tables.first_pc = exec + object.functions.front().begin;
  tables.last_pc = exec + object.functions.back().end - 1;
  tables.base = exec;
  tables.compact = compact_.size == 0 ? nullptr : exec + eh_frame_at + compact_.at;
  tables.compact_size = compact_.size;
  auto registered = os::UnwindRegistration::add(tables, options_.verify_unwind);
  if (registered) {
    out.unwind_ = std::move(registered).value();
    return {};
  }
  const bool unseen = registered.error().kind == ErrorKind::Unsupported;
  if (!unseen || options_.exceptions == ExceptionModel::Unwind || !object.call_sites.empty()) return registered.error();
  out.unwindable_ = false;
  return {};
}

/// Tells the unwinder and the fault handler about published code.
Result<void> Installer::announce(const CodeObject& object, const u8* exec, u64 eh_frame_at, Installed& out) {
  if (auto done = register_frames(object, exec, eh_frame_at, out); !done) return done;
  const u64 begin = reinterpret_cast<u64>(exec);
  out.range_ = os::CodeRange{begin, begin + object.code.size(), object.faults.data(),
                             static_cast<u32>(object.faults.size()), trap_entries_};
  return os::add_code_range(out.range_);
}

Result<void> Installer::uninstall(Installed& installed) {
  if (installed.object_ == nullptr) return {};
  installed.tools_.reset();
  os::remove_code_range(installed.range_);
  auto done = withdraw(installed.unwind_, installed.block_);
  installed.object_ = nullptr;
  installed.base_ = 0;
  return done;
}

} // namespace assay::jit
