// compiler.h - Module to CodeObject.
//
// `module` must be valid (verify.h). Pure: no system call, any host compiles for any target, and the
// same input gives the same bytes everywhere. A Compiler keeps its arenas from one compile to the next.
// Tested in compiler/codegen/tests/ and by every differential check.
#pragma once

#include "assay/code_object.h"
#include "assay/errors.h"
#include "assay/module.h"

#include <memory>

namespace assay {

namespace codegen {
class Observer;
}

enum class Level : u8 { O0, O2 };

/// Instruction-set extensions the code may use beyond the target's baseline (x64: SSE2; a64: Armv8.0).
struct CpuFeatures {
  // x64
  bool sse41 = false;
  bool popcnt = false;
  bool lzcnt = false;
  bool bmi1 = false;
  bool fma = false;
  // a64. Both do nothing on processors without them; asked for by those who want the protection.
  bool bti = false;         // functions and the targets of jump tables begin with bti
  bool sign_return = false; // return addresses are signed (paciasp, autiasp)
};

/// What this machine has (CPUID); baseline on other hosts. Defined in compiler/os.
CpuFeatures host_features();
/// The OS convention of this host.
constexpr Os host_os() {
#if defined(_WIN32)
  return Os::Windows;
#elif defined(__APPLE__)
  return Os::Apple;
#else
  return Os::Linux;
#endif
}
/// The target whose code this host's processor runs; x64 on processors that run neither.
constexpr Target host_target() {
#if defined(__aarch64__) || defined(_M_ARM64)
  return Target::A64;
#else
  return Target::X64;
#endif
}

/// Which passes -O2 runs, by their numbers (compiler/opt/passes.def). A function's locals become values first, always.
struct PassOptions {
  u32 switched_off = 0; // bit n: pass n is left out of the standard order
  u8 order[64] = {};    // in place of the standard order, when order_count is not 0
  u32 order_count = 0;
  u64 rewrite_limit = ~u64{0}; // passes change nothing more after so many changes in a module
  /// Of both levels: after so many choices in a module instruction selection, register allocation, emission, encoding
  /// and unwind tables take the plain way in everything (codegen/decisions.def).
  u64 decision_limits[5] = {~u64{0}, ~u64{0}, ~u64{0}, ~u64{0}, ~u64{0}};
};

/// Which functions can be entered from outside. The table's always can.
enum class Entries : u8 {
  All,      // any, by its number
  Exported, // those that are exported. What neither these nor the table lead to is left out (CodeObject::function_entry)
};

inline constexpr u32 kMostBlockPadding = 1u << 16;

struct CompileOptions {
  Target target = assay::host_target();
  Level level = Level::O0;
  Os os = assay::host_os();      // convention between AIR functions
  Os host_os = assay::host_os(); // convention of runtime and host calls
  CpuFeatures features;
  Entries entries = Entries::All;
  /// Limits the allocator to this many registers of each class, to raise pressure; 0: all.
  u32 max_registers = 0;
  /// Keep every value in its stack slot: the allocator's plain twin.
  bool spill_all = false;
  /// Bytes that do nothing before each block of a function but its first, to have branches reach far; at most
  /// kMostBlockPadding.
  u32 block_padding = 0;
  PassOptions passes; // of O2 only, but for the limits of decisions
  /// Told of intermediate forms (dumps, the allocation checker). Not owned, may be null.
  codegen::Observer* observer = nullptr;
};

class Compiler {
public:
  explicit Compiler(CompileOptions options);
  ~Compiler();
  Compiler(Compiler&&) noexcept;
  Compiler& operator=(Compiler&&) noexcept;

  const CompileOptions& options() const;
  /// For the next compiles; the target stays.
  void set_options(const CompileOptions& options);
  /// Compiles every function of the module that `entries` does not leave out. `out` is overwritten, its storage reused.
  /// Unsupported when the module uses an operation that this target cannot compile yet (the message names it), Io when
  /// memory runs out; the next compile is not affected.
  Result<void> compile(const Module& module, CodeObject& out);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace assay
