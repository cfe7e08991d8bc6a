// engine.h - one emulated processor with a fixed map of memory, kept from program to program.
//
// The map: code (read, execute) | pads (execute): where code goes when it leaves the program | context | globals |
// function table (read) | stack | linear memory; each zone far from the next, so that what runs out of one faults.
// Zones are memory of this process, given to the emulator in place. A zone grows when a program needs more; growing is
// slow and rare. After code was changed, `forget_code` must be called, or the emulator runs what was there before.
// Work is counted in units of protocol::Limits::work. Cost of `run`: 0.3 us and what the code does; fresh code is
// translated first, about 0.5 us an instruction. Tested by qemu/unicorn/tests/.
#pragma once

#include "assay/errors.h"
#include "compiler/jit/linear_memory.h"
#include "qemu/unicorn/worker/isa.h"

#include <memory>
#include <string>
#include <vector>

namespace assay::qemu::unicorn {

// Guest addresses. All above 4 GiB, so that an address cut to 32 bits leads nowhere.
inline constexpr u64 kCodeAt = 0x5550000000, kPadsAt = 0x6660000000, kContextAt = 0x2100000000,
                     kGlobalsAt = 0x2200000000;
inline constexpr u64 kTableAt = 0x2300000000, kStackAt = 0x7f00000000, kMemoryAt = 0x3000000000;
inline constexpr u64 kPadStride = 16;
inline constexpr u32 kPads = 64;

enum class Zone : u8 { Code, Pads, Context, Globals, Table, Stack };
inline constexpr u32 kZones = 6;

/// A register file, by unified index; general registers use the first word.
struct Registers {
  u64 value[kRegisters][2] = {};
};

/// Why the emulation ended.
struct Stop {
  enum Kind : u8 { Pad, Fault, OutOfWork } kind = Fault;
  u32 pad = 0; // which, of Pad
  u64 pc = 0;  // of Fault; for accesses to memory anywhere in or behind the basic block, unless run precisely
  uc_err error = UC_ERR_OK;
  u64 address = 0; // of the access, for faults of memory
  bool is_memory() const { return error != UC_ERR_EXCEPTION && error != UC_ERR_INSN_INVALID && error != UC_ERR_OK; }
};

/// "read of unmapped memory at code+0x1f, address 0x10"
std::string to_string(const Stop& stop);

/// Told of each instruction of the program before it runs.
class InstructionObserver {
public:
  virtual ~InstructionObserver() = default;
  /// False: the instruction shall not run; `elsewhere` is asked at once.
  virtual bool on_instruction(u64 pc, u32 size) = 0;
  /// Where the run goes on, with registers set as is wanted there; false: nowhere, as if its work were done.
  virtual bool elsewhere(u64& pc) = 0;
};

class Engine {
public:
  static Result<std::unique_ptr<Engine>> create(const Isa& isa);
  ~Engine();

  const Isa& isa() const { return isa_; }
  /// Where the zone lies in this process; at least `bytes`, all of it mapped. Contents are lost when it grows. Null: no
  /// memory.
  u8* zone(Zone zone, u64 bytes);
  u64 zone_size(Zone zone) const { return zones_[static_cast<u32>(zone)].size; }
  /// Makes the linear memory, its front guard page included, be what the emulated code sees.
  bool map_memory(const jit::LinearMemory& memory);
  void unmap_memory();
  /// Where `bytes` from the guest address on lie in this process, if all of them may be written by compiled code; else
  /// null.
  u8* writable(u64 guest, u64 bytes);

  /// Code in the first `bytes` of its zone has changed.
  void forget_code(u64 bytes);
  /// So much code was forgotten that this engine should be replaced: see kWornBytes in engine.cpp.
  bool worn() const;
  /// Registers of the set, to and from the emulator.
  void write(const Registers& registers, codegen::RegSet set);
  void read(Registers& registers, codegen::RegSet set);
  /// Registers by Unicorn's numbers, each to its place. Also while the emulation runs.
  void read_batch(std::span<const int> ids, std::span<void* const> places);
  void write_batch(std::span<const int> ids, std::span<void* const> places);
  u64 read_control(const ControlRegister& control);
  void reset_controls();

  /// Runs from `pc` until a pad is reached, a fault, or the work is done. `precise`: notes the pc at each instruction,
  /// which is slow; to be followed by forget_code, as well as a change of it.
  Stop run(u64 pc, bool precise);
  /// For all precise runs from now on; null: nobody.
  void observe(InstructionObserver* observer) { observer_ = observer; }
  void set_work(u64 work) { work_ = static_cast<i64>(work); }
  void spend(u64 work) { work_ -= static_cast<i64>(work); }

private:
  struct Area {
    u64 guest = 0, size = 0;
    u32 rights = 0;
    u8* host = nullptr;
  };

  explicit Engine(const Isa& isa) : isa_(isa) {}
  bool setup();
  void set_precise(bool precise);
  static void on_block(uc_engine* uc, u64 address, u32 size, void* self);
  static void on_instruction(uc_engine* uc, u64 address, u32 size, void* self);
  static bool on_bad_access(uc_engine* uc, uc_mem_type type, u64 address, int size, i64 value, void* self);
  u32 gather(codegen::RegSet set, Registers& registers);

  const Isa& isa_;
  uc_engine* uc_ = nullptr;
  Area zones_[kZones];
  Area memory_; // of the linear memory, from its front guard page on
  i64 work_ = 0;
  u64 forgotten_ = 0;            // bytes of code, ever
  u64 access_ = 0;               // address of the last bad access
  u64 instruction_ = 0;          // pc of the last instruction, when precise
  bool bad_data_access_ = false; // in this run
  bool precise_ = false;
  bool diverted_ = false; // the observer does not want the instruction
  InstructionObserver* observer_ = nullptr;
  uc_hook instruction_hook_ = 0;
  int ids_[kRegisters] = {};
  void* places_[kRegisters] = {};
};

} // namespace assay::qemu::unicorn
