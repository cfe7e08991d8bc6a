// installer.cpp - see installer.h.
//
// Order: allocate, copy and relocate through the writable view, publish, register with the unwinder, then with the
// fault handler; removal goes the other way round, so at no time can the unwinder or the handler see memory
// that is not what they were told. Tested in compiler/jit/tests/installer_test.cpp.
#include "compiler/jit/installer.h"

#include "assay/compiler.h"
#include "assay/planted.h"
#include "compiler/unwind/dwarf.h"

#include <cstring>

namespace assay::jit {

namespace {

Error unsupported(std::string what) { return Error{ErrorKind::Unsupported, {}, 0, 0, std::move(what)}; }

Result<void> check_host(const CodeObject& object) {
#if defined(__aarch64__) || defined(_M_ARM64)
  constexpr Target kHere = Target::A64;
#else
  constexpr Target kHere = Target::X64;
#endif
  if (object.target != kHere)
    return unsupported("this processor does not run " + std::string(name_of(object.target)) + " code");
  if (object.host_os != host_os())
    return unsupported("the code calls its host as on " + std::string(name_of(object.host_os)));
  return {};
}

/// Fills each field with the address of the function's entry, as seen from the executable view.
Result<void> relocate(const CodeObject& object, const os::CodeBlock& block) {
  for (const Reloc& reloc : object.relocs) {
    const u64 target = object.functions[object.function_entry[reloc.function]].begin;
    u8* field = block.write + reloc.offset;
    if (reloc.kind == RelocKind::Abs64) {
      const u64 address = reinterpret_cast<u64>(block.exec) + target + static_cast<u64>(i64{reloc.addend});
      std::memcpy(field, &address, 8);
    } else {
      const i64 distance = static_cast<i64>(target) - static_cast<i64>(u64{reloc.offset} + 4) + reloc.addend;
      const i32 narrow = static_cast<i32>(distance); // both lie in one block of less than 2 GiB
      if (narrow != distance) return unsupported("code of 2 GiB or more");
      std::memcpy(field, &narrow, 4);
    }
  }
  return {};
}

} // namespace

bool Installed::position_of(u64 return_address, Position& out) const {
  const u32 offset = static_cast<u32>(return_address - base_);
  if (return_address < base_ || return_address - base_ > object_->code.size()) return false;
  if (const PcPosition* found = object_->position_at(offset)) {
    out = found->position;
    return true;
  }
  // The fault handler makes return addresses of its own: one past the first byte of the instruction.
  if (const FaultSite* found = offset == 0 ? nullptr : object_->fault_at(offset - 1)) {
    out = found->position;
    return true;
  }
  return false;
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
  bump_->reset();
  return bump_->allocate(size);
}

Result<void> Installer::publish(const os::CodeBlock& block) {
  if (arena_) return arena_->publish(block);
  bump_->publish(block);
  return {};
}

void Installer::free(const os::CodeBlock& block) {
  if (arena_) arena_->free(block);
}

Result<void> Installer::install(const CodeObject& object, Installed& out) {
  ASSAY_CHECK(out.object_ == nullptr);
  if (auto done = check_host(object); !done) return done;
  const u64 rodata_at = object.rodata_offset();
  const u64 eh_frame_at = (rodata_at + object.rodata.size() + 7) & ~u64{7};
  if (!unwind::write_eh_frame(object, static_cast<i64>(eh_frame_at), eh_frame_))
    return unsupported("code of 2 GiB or more");
  const u64 size = eh_frame_at + eh_frame_.size();
  auto block = allocate(size);
  if (!block) return block.error();
  const u64 stale = ASSAY_PLANTED(install_stale_line) ? object.code.size() % 64 : 0;
  std::memcpy(block->write, object.code.data(), object.code.size() - stale);
  if (!object.rodata.empty()) std::memcpy(block->write + rodata_at, object.rodata.data(), object.rodata.size());
  std::memcpy(block->write + eh_frame_at, eh_frame_.data(), eh_frame_.size());
  auto done = relocate(object, *block);
  if (done) done = publish(*block);
  if (done && !object.functions.empty()) {
    const u8* first = block->exec + object.functions.front().begin;
    const u8* last = block->exec + object.functions.back().end - 1;
    auto registered =
        os::UnwindRegistration::add(block->exec + eh_frame_at, eh_frame_.size(), first, last, options_.verify_unwind);
    if (registered) out.unwind_ = std::move(registered).value();
    else done = registered.error();
  }
  if (done) {
    out.range_ =
        os::CodeRange{reinterpret_cast<u64>(block->exec), reinterpret_cast<u64>(block->exec) + object.code.size(),
                      object.faults.data(), static_cast<u32>(object.faults.size()), trap_entries_};
    done = os::add_code_range(out.range_);
  }
  if (!done) {
    static_cast<void>(out.unwind_.remove());
    free(*block);
    return done;
  }
  out.object_ = &object;
  out.base_ = reinterpret_cast<u64>(block->exec);
  out.block_ = *block;
  return {};
}

Result<void> Installer::uninstall(Installed& installed) {
  if (installed.object_ == nullptr) return {};
  os::remove_code_range(installed.range_);
  auto done = installed.unwind_.remove();
  free(installed.block_);
  installed.object_ = nullptr;
  installed.base_ = 0;
  return done;
}

} // namespace assay::jit
