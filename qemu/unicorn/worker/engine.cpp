// engine.cpp - see engine.h.
//
// Why it is as it is (Unicorn 2.0): hooks on blocks cost half of what counting instructions does; a page that is mapped
// and unmapped for each program costs more than the program; stopping by an instruction needs no hook at all; the pc of
// a memory fault is that of its basic block unless a hook on instructions is set; a timeout would start a thread each
// time. Tested by qemu/unicorn/tests/.
#include "qemu/unicorn/worker/engine.h"

#include "compiler/os/address_space.h"
#include "qemu/unicorn/worker/library_overrides.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace assay::qemu::unicorn {

namespace {

constexpr u64 kPage = 4096;
constexpr u64 kNowhere = 0xfffffffffffffff0; // where no code goes and the emulation would end
constexpr u64 kBlockWork = 16;
constexpr u64 kMemoryGuard = 64; // behind the linear memory (linear_memory.h)
constexpr u64 kKeptMapping = 1u << 20;
// What was translated stays in a buffer of 1 GiB also when it is forgotten, and Unicorn 2.0 dies when that is full,
// after some 100,000 programs. A byte of code becomes up to 30; so 128 MiB of the buffer are used when an engine is
// replaced.
constexpr u64 kWornBytes = 4u << 20;

u64 round_up(u64 value, u64 unit) { return (value + unit - 1) / unit * unit; }

const char* describe(uc_err error) {
  switch (error) {
  case UC_ERR_OK: return "an instruction that stops the processor";
  case UC_ERR_READ_UNMAPPED: return "read of unmapped memory";
  case UC_ERR_WRITE_UNMAPPED: return "write to unmapped memory";
  case UC_ERR_FETCH_UNMAPPED: return "jump to unmapped memory";
  case UC_ERR_READ_PROT: return "read of protected memory";
  case UC_ERR_WRITE_PROT: return "write to read-only memory";
  case UC_ERR_FETCH_PROT: return "jump to memory that is not code";
  case UC_ERR_INSN_INVALID: return "invalid instruction";
  case UC_ERR_EXCEPTION: return "processor exception";
  default: return uc_strerror(error);
  }
}

std::string hex(u64 value) {
  char text[20];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

} // namespace

std::string to_string(const Stop& stop) {
  std::string text = describe(stop.error);
  const bool in_code = stop.pc >= kCodeAt && stop.pc < kPadsAt;
  text += in_code ? " at code+" + hex(stop.pc - kCodeAt) : " outside compiled code";
  if (stop.is_memory()) text += ", address " + hex(stop.address);
  return text;
}

Result<std::unique_ptr<Engine>> Engine::create(const Isa& isa) {
  std::unique_ptr<Engine> engine(new Engine(isa));
  if (!engine->setup()) return Error{ErrorKind::Unsupported, {}, 0, 0, "the emulator cannot be set up"};
  return engine;
}

Engine::~Engine() {
  if (uc_ != nullptr) uc_close(uc_);
  for (const Area& area : zones_) os::release_pages(area.host, area.size);
}

bool Engine::setup() {
  if (uc_open(isa_.arch, isa_.mode, &uc_) != UC_ERR_OK) return false;
  const u32 code = UC_PROT_READ | UC_PROT_EXEC, data = UC_PROT_READ | UC_PROT_WRITE;
  const Area areas[kZones] = {{kCodeAt, 0, code},    {kPadsAt, 0, code},          {kContextAt, 0, data},
                              {kGlobalsAt, 0, data}, {kTableAt, 0, UC_PROT_READ}, {kStackAt, 0, data}};
  std::copy(areas, areas + kZones, zones_);
  constexpr u64 kFirstSizes[kZones] = {1u << 20, kPage, kPage, 16 * kPage, 16 * kPage, 1u << 20};
  for (u32 i = 0; i < kZones; ++i) {
    if (zone(static_cast<Zone>(i), kFirstSizes[i]) == nullptr) return false;
  }
  u8* pads = zones_[static_cast<u32>(Zone::Pads)].host;
  static_assert(kPads * kPadStride <= kPage);
  for (u64 at = 0; at + isa_.stop.size() <= kPage; at += isa_.stop.size())
    std::copy(isa_.stop.begin(), isa_.stop.end(), pads + at);
  std::memset(zones_[0].host, isa_.filler, zones_[0].size);
  uc_hook ignored = 0;
  // Unicorn takes every callback as an object pointer.
  const auto callback = [](auto* function) { return reinterpret_cast<void*>(function); };
  if (uc_hook_add(uc_, &ignored, UC_HOOK_BLOCK, callback(&on_block), this, 1, 0) != UC_ERR_OK) return false;
  if (uc_hook_add(uc_, &ignored, UC_HOOK_MEM_INVALID, callback(&on_bad_access), this, 1, 0) != UC_ERR_OK) return false;
  if (!isa_.prepare(uc_)) return false;
  reset_controls();
  return true;
}

u8* Engine::zone(Zone which, u64 bytes) {
  Area& area = zones_[static_cast<u32>(which)];
  if (bytes <= area.size) return area.host;
  const u64 size = std::bit_ceil(round_up(bytes, kPage));
  auto memory = os::reserve_pages(size);
  if (!memory) return nullptr;
  if (!os::commit_pages(*memory, size)) {
    os::release_pages(*memory, size);
    return nullptr;
  }
  if (area.size != 0) {
    uc_ctl_remove_cache(uc_, area.guest, area.guest + area.size);
    uc_mem_unmap(uc_, area.guest, area.size);
    os::release_pages(area.host, area.size);
  }
  area.host = *memory;
  area.size = size;
  if (which == Zone::Code) std::memset(area.host, isa_.filler, size);
  return uc_mem_map_ptr(uc_, area.guest, size, area.rights, area.host) == UC_ERR_OK ? area.host : nullptr;
}

void Engine::unmap_memory() {
  if (memory_.size != 0) uc_mem_unmap(uc_, memory_.guest, memory_.size);
  memory_ = {};
}

bool Engine::map_memory(const jit::LinearMemory& memory) {
  u8* host = memory.base() - kPage;
  const u64 needed = kPage + round_up(memory.size() + kMemoryGuard, kPage);
  const bool oversized = memory_.size > kKeptMapping && needed < memory_.size / 4;
  if (host == memory_.host && needed <= memory_.size && !oversized) return true;
  unmap_memory();
  memory_ = {kMemoryAt - kPage, needed, UC_PROT_READ | UC_PROT_WRITE, host};
  if (uc_mem_map_ptr(uc_, memory_.guest, needed, memory_.rights, host) == UC_ERR_OK) return true;
  memory_ = {};
  return false;
}

u8* Engine::writable(u64 guest, u64 bytes) {
  const auto inside = [&](const Area& area) {
    return guest >= area.guest && guest - area.guest <= area.size && bytes <= area.size - (guest - area.guest);
  };
  for (const Area& area : zones_) {
    if ((area.rights & UC_PROT_WRITE) != 0 && inside(area)) return area.host + (guest - area.guest);
  }
  return inside(memory_) ? memory_.host + (guest - memory_.guest) : nullptr;
}

void Engine::forget_code(u64 bytes) {
  uc_ctl_remove_cache(uc_, kCodeAt, kCodeAt + bytes);
  forgotten_ += bytes;
}

bool Engine::worn() const { return forgotten_ > kWornBytes; }

u32 Engine::gather(codegen::RegSet set, Registers& registers) {
  u32 count = 0;
  for (; set != 0; set &= set - 1) {
    const u32 reg = static_cast<u32>(std::countr_zero(set));
    if (isa_.registers[reg] == 0) continue;
    ids_[count] = isa_.registers[reg];
    places_[count++] = registers.value[reg];
  }
  return count;
}

void Engine::write(const Registers& registers, codegen::RegSet set) {
  const u32 count = gather(set, const_cast<Registers&>(registers)); // only read, but Unicorn's pointers are not const
  uc_reg_write_batch(uc_, ids_, places_, static_cast<int>(count));
}

void Engine::read(Registers& registers, codegen::RegSet set) {
  const u32 count = gather(set, registers);
  uc_reg_read_batch(uc_, ids_, places_, static_cast<int>(count));
}

void Engine::read_batch(std::span<const int> ids, std::span<void* const> places) {
  // Only read, but Unicorn's pointers are not const.
  uc_reg_read_batch(uc_, const_cast<int*>(ids.data()), const_cast<void**>(places.data()), static_cast<int>(ids.size()));
}

void Engine::write_batch(std::span<const int> ids, std::span<void* const> places) {
  uc_reg_write_batch(uc_, const_cast<int*>(ids.data()), places.data(), static_cast<int>(ids.size()));
}

u64 Engine::read_control(const ControlRegister& control) {
  u64 value = 0;
  uc_reg_read(uc_, control.id, &value);
  return value;
}

void Engine::reset_controls() {
  for (const ControlRegister& control : isa_.controls) {
    u64 value = control.initial;
    uc_reg_write(uc_, control.id, &value);
  }
}

void Engine::on_block(uc_engine* uc, u64, u32 size, void* self) {
  Engine& engine = *static_cast<Engine*>(self);
  engine.work_ -= static_cast<i64>(size + kBlockWork);
  if (engine.work_ < 0) uc_emu_stop(uc);
}

void Engine::on_instruction(uc_engine* uc, u64 address, u32 size, void* self) {
  Engine& engine = *static_cast<Engine*>(self);
  engine.instruction_ = address;
  if (engine.observer_ == nullptr || engine.observer_->on_instruction(address, size)) return;
  engine.diverted_ = true;
  uc_emu_stop(uc);
}

bool Engine::on_bad_access(uc_engine*, uc_mem_type type, u64 address, int, i64, void* self) {
  Engine& engine = *static_cast<Engine*>(self);
  const bool fetch = type == UC_MEM_FETCH_UNMAPPED || type == UC_MEM_FETCH_PROT;
  if (!engine.bad_data_access_) engine.access_ = address;
  engine.bad_data_access_ |= !fetch;
  return false;
}

void Engine::set_precise(bool precise) {
  if (precise) {
    uc_hook_add(uc_, &instruction_hook_, UC_HOOK_CODE, reinterpret_cast<void*>(&on_instruction), this, kCodeAt,
                kPadsAt - 1);
  } else {
    uc_hook_del(uc_, instruction_hook_);
  }
  set_leave_at_once(precise);
  precise_ = precise;
}

Stop Engine::run(u64 pc, bool precise) {
  if (precise != precise_) set_precise(precise);
  Stop stop;
  if (work_ < 0) {
    stop.kind = Stop::OutOfWork;
    return stop;
  }
  access_ = instruction_ = 0;
  bad_data_access_ = false;
  set_writable_page([](void* self, u64 address) { return static_cast<Engine*>(self)->writable(address, 1) != nullptr; },
                    this);
  do {
    diverted_ = false;
    stop.error = uc_emu_start(uc_, pc, kNowhere, 0, 0);
  } while (diverted_ && observer_->elsewhere(pc));
  set_writable_page(nullptr, nullptr); // the library fills pages in between, too, and then this engine may be gone
  if (diverted_) {
    stop.kind = Stop::OutOfWork;
    work_ = -1;
    return stop;
  }
  uc_reg_read(uc_, isa_.pc, &stop.pc);
  stop.address = access_;
  // The block ran on after the access, and may have ended in any way.
  if (bad_data_access_ && !precise) {
    stop.error = UC_ERR_READ_UNMAPPED;
    return stop;
  }
  if (stop.error == UC_ERR_OK) {
    if (work_ < 0) {
      stop.kind = Stop::OutOfWork;
      return stop;
    }
    const u64 offset = stop.pc - isa_.stop_skip - kPadsAt;
    if (offset < kPads * kPadStride && offset % kPadStride == 0) {
      stop.kind = Stop::Pad;
      stop.pad = static_cast<u32>(offset / kPadStride);
      return stop;
    }
  }
  if (precise && stop.is_memory() && instruction_ != 0 && stop.error != UC_ERR_FETCH_UNMAPPED &&
      stop.error != UC_ERR_FETCH_PROT) {
    stop.pc = instruction_;
  }
  return stop;
}

} // namespace assay::qemu::unicorn
