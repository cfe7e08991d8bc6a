// exec_memory.h - memory for machine code that is never writable and executable at once.
//
// Two strategies behind one interface. Protect: pages are mapped writable, filled, then made executable;
// works everywhere but where a policy refuses to add execute permission. DualMap: one memory object seen
// twice, through a writable and through an executable view; publishing code costs no system call, which is
// what a fuzzing loop wants. Where one of them is refused (Protect by EACCES, DualMap by an emulator, see
// sees_other_view), an arena falls back to the other by itself.
//
// Every region has an inaccessible page on both sides, every byte not in use is a trap instruction, and the
// destructor gives everything back, which the unwinder's registry is told before. Regions are placed within 2 GiB of
// this library where there is room. DualMap views are shared with a forked child: a child may run what it inherits,
// but must install its own code in arenas that it creates itself. Cost: CodeArena::allocate is linear in the free
// blocks (no system call in DualMap; mprotect in Protect), BumpArena::allocate and reset are O(1) plus the bytes
// overwritten. Not thread-safe: one owner at a time. Tested in compiler/os/tests/exec_memory_test.cpp; speed in
// compiler/os/bench/.
#pragma once

#include "assay/errors.h"
#include "assay/types.h"

#include <vector>

namespace assay::os {

enum class MemoryStrategy : u8 { Protect, DualMap };

/// One mapping (DualMap: two) with guard pages. The layer that each system implements.
struct Region {
  u8* write = nullptr; // where to write; with Protect the same as `exec`
  u8* exec = nullptr;  // where it runs
  u64 size = 0;        // bytes usable, a multiple of the page size
  MemoryStrategy strategy = MemoryStrategy::Protect;
};

u64 page_size();
/// Maps `size` bytes (rounded up to pages), writable through `write`, near this library if possible.
Result<Region> map_region(u64 size, MemoryStrategy strategy);
/// Protect: changes whole pages from writable to executable, or back. DualMap: does nothing.
Result<void> make_executable(const Region& region, u64 offset, u64 size);
Result<void> make_writable(const Region& region, u64 offset, u64 size);
/// Makes new code visible to instruction fetch (nothing on x64): what was written at `write` will run at `exec`. Both
/// are the same place with Protect. ARM64: data caches are cleaned by the one address, instruction caches emptied by
/// the other.
void flush_code(u8* write, u8* exec, u64 size);
/// Whether code that is written over through the writable view of DualMap runs as written, once flushed. So it is on
/// processors. An emulator that keeps translated code may not notice a write through another view and run what was
/// there before: QEMU's user mode before 8.1 for ARM64. Tried out, once a process; false as well where DualMap cannot
/// be had.
bool sees_other_view();
void unmap_region(Region& region);
/// Whether this process may turn writable pages into executable ones. Asks the system once a call.
bool can_protect();

/// Fills with instructions that trap (x64: int3).
void fill_traps(u8* to, u64 size);

/// Blocks begin at a multiple of this: a cache line, so that neighbours do not share one.
inline constexpr u64 kBlockAlign = 64;

/// A piece of an arena. Write through `write`; it runs at `exec`.
struct CodeBlock {
  u8* write = nullptr;
  u8* exec = nullptr;
  u64 size = 0;   // bytes reserved, at least what was asked for
  u32 region = 0; // the arena's use
};

struct ArenaOptions {
  MemoryStrategy strategy = MemoryStrategy::Protect;
  bool fall_back = true;        // where the strategy does not work, use the other instead of failing
  u64 region_size = 256 * 1024; // least bytes mapped at a time; more where much is; a larger block gets its own region
};

/// Blocks of any life time. A region whose last block is freed is unmapped, one of the least size excepted.
class CodeArena {
public:
  static Result<CodeArena> create(const ArenaOptions& options = {});
  CodeArena(CodeArena&& other) noexcept : options_(other.options_), regions_(std::move(other.regions_)) {}
  CodeArena& operator=(CodeArena&& other) noexcept;
  ~CodeArena();

  /// The strategy in force, after any fall-back.
  MemoryStrategy strategy() const { return options_.strategy; }
  /// A writable block, 64-aligned, full of trap instructions. Fails when the system has no memory.
  Result<CodeBlock> allocate(u64 size);
  /// After writing: makes the block executable. It may not be written again.
  Result<void> publish(const CodeBlock& block);
  /// Gives a block back; published or not. Its bytes become traps. Where no memory is left to note its place, that is
  /// not used again before its whole region is given back.
  void free(const CodeBlock& block) noexcept;
  u64 bytes_mapped() const;

private:
  struct Span {
    u64 offset, size;
  };
  struct Slab {
    Region region;
    std::vector<Span> free; // sorted by offset, never adjacent
    u64 used = 0;
  };
  explicit CodeArena(const ArenaOptions& options) : options_(options) {}
  u64 granule() const;
  bool take(u32 index, u64 size, CodeBlock& out);
  void release_all();

  ArenaOptions options_;
  std::vector<Slab> regions_; // an unmapped one keeps its place, with size 0
};

/// One program at a time in the same pages: allocate blocks one after another, then forget them all.
/// DualMap where that works, else Protect, which costs two system calls a program and makes all pages executable at the
/// first `publish`. Grows (with a system call) when a program needs more than any before it.
class BumpArena {
public:
  static Result<BumpArena> create(u64 capacity = 256 * 1024);
  BumpArena(BumpArena&& other) noexcept;
  BumpArena& operator=(BumpArena&& other) noexcept;
  ~BumpArena();

  /// A 64-aligned block. Not after `publish`, before `reset`. Only the first allocation after `reset` may grow the
  /// arena: a program takes one block, or the arena was created large enough; otherwise Unsupported.
  Result<CodeBlock> allocate(u64 size);
  /// Call when the bytes of all blocks are written.
  Result<void> publish(const CodeBlock& block);
  /// Forgets every block. What the next program does not overwrite becomes traps at its first `allocate`.
  void reset();
  const Region& region() const { return region_; }

private:
  explicit BumpArena(const Region& region) : region_(region) {}
  Region region_;
  u64 used_ = 0;           // by this program
  u64 dirty_ = 0;          // bytes that may hold something else than traps
  bool published_ = false; // Protect: the pages are executable
};

} // namespace assay::os
