// run_state.h - a run of a peer's code: the memory that the code works on, what it calls, and the Outcome it makes.
//
// The code has the addresses of these words in it, so a RunState stays where it is while code of it exists. A trap
// is a longjmp to where C++ entered the code last, and a C++ exception from there, as docs/air.md wants it of hosts; an
// exception is the word `flying`, which the code looks at after each call. Frames of AIR functions that call are linked
// by their addresses, so that every event has its call stack. Native stack: kStackBytes, then stack_overflow.
// The code is run where signals and endless runs are caught (compiler/os/fault_handler.h).
// Cost: a run some 0.5 us besides the bytes of memory. One thread. Tested in fuzz/subjects/tests/.
#pragma once

#include "assay/host.h"
#include "assay/module.h"
#include "assay/outcome.h"

#include <csetjmp>
#include <exception>
#include <span>
#include <vector>

namespace assay::fuzz::peers {

inline constexpr u64 kStackBytes = u64{4} << 20;
inline constexpr u64 kNoFunction = ~u64{0};

/// An entry of the table, as the code sees it.
struct TableEntry {
  u64 signature = kNoFunction; // null entries have no signature
  u64 function = kNoFunction;
  u64 code = 0; // written by the code itself
};

/// The record that a function which calls keeps in its frame.
struct FrameRecord {
  u64 up;
  u32 function, block, inst, unused;
};

class RunState final : public Reentry {
public:
  /// What an exported function, or with all entries any, is entered by.
  using Entry = void (*)(const u64* args, u64* results);

  /// Memory, globals and table of the module, which must stay.
  void prepare(const Module& module);
  /// `entries`: by function, null where there is none. `fill_table` writes TableEntry::code.
  void load(std::vector<Entry> entries, void (*fill_table)());
  bool has_entry(FunctionId function) const {
    return module_->functions[function].imported || entries_[function] != nullptr;
  }
  void run(FunctionId function, std::span<const u64> args, u64 fuel, Host& host, u32 time_limit_ms, Outcome& out);
  /// Re-entry from a host function (host.h).
  void call(FunctionId function, std::span<const u64> args, std::span<u64> results) override;

  // -- words that the code reads and writes
  u64 memory = 0, memory_size = 0;
  u64 fuel = 0;
  u64 top = 0;       // of the chain of FrameRecords
  u64 stack_end = 0; // no frame lies below
  u64 flying = 0;    // an exception is on its way: 1 of AIR, 2 of the host
  u64 tag = 0, payload_count = 0;
  u64 tail = kNoFunction; // the function that a tail call goes on with
  std::vector<u64> payload, tail_args, globals;
  std::vector<TableEntry> table;

  // -- what the code calls, by these addresses; the first argument is the RunState
  static u64 trap_address();    // kind, function, block << 32 | inst: does not come back
  static u64 throw_address();   // notes the event of what flies
  static u64 hold_address();    // ends the flight, gives the ptr of the exception
  static u64 rethrow_address(); // ptr, function, place
  static u64 import_address();  // import, address of arguments, of results
  static u64 grow_address();    // pages; gives the old size or -1
  static u64 fill_address();    // to, byte, length; the range is in bounds
  static u64 copy_address();    // to, from, length; both ranges are in bounds

private:
  struct Calls; // of the functions above
  struct Held {
    u64 flying = 0;
    TagId tag = kNone;
    std::vector<u64> payload;
    std::exception_ptr origin;
  };

  void begin(u64 budget);
  /// False: trapped.
  bool enter(FunctionId function, std::span<const u64> args, u64* results);
  [[noreturn]] void leave_by_trap();
  [[noreturn]] void throw_flying();
  void call_import(FunctionId import, const u64* args, u64* results);
  void record(TraceKind kind, u32 subject, std::span<const u64> args);
  void catch_from_host();
  void run_and_catch(FunctionId function, std::span<const u64> args);
  void observe();

  const Module* module_ = nullptr;
  std::vector<Entry> entries_;
  Host* host_ = nullptr;
  Outcome* out_ = nullptr;
  std::jmp_buf* exit_ = nullptr; // of the innermost activation
  bool trapped_ = false;         // since the innermost host call began
  TrapKind trap_kind_ = TrapKind::Unreachable;
  Position trap_position_;
  std::exception_ptr origin_; // of what flies, where the host has seen it
  std::vector<Held> held_;
  std::vector<u8> bytes_; // of the linear memory
};

} // namespace assay::fuzz::peers
