// windows.h - reads Windows' function tables: .pdata and .xdata, for x64 and ARM64.
//
// From Microsoft's "x64 exception handling" (RUNTIME_FUNCTION, UNWIND_INFO version 1, the unwind procedure) and "ARM64
// exception handling" (.pdata, .xdata, unwind codes, epilog scopes).
// x64: epilogues are not in the tables: they are recognised from the code, which is why it is needed: add or lea of
// rsp, pops, then ret or a jump that leaves the function (of indirect ones: through memory by `ff 25`, or with a REX.W
// prefix). A function may have several entries: chained ones go on with the codes of the entry that they name.
// ARM64: each code stands for one instruction. A return address is looked up by its call. No packed data (its flag is
// refused), no save_any_reg, no codes for frames of the kernel.
// Handlers: one (on x64 for the search, UNW_FLAG_EHANDLER) with 8 bytes of data, the same for all functions that have
// one; clean-up handlers of x64 are refused.
// "The caller's sp" at `ret n` is without the n bytes. Opening is linear; a rule: binary search and the function's
// codes. Tested in oracle/unwind/tests/windows_x64_test.cpp, windows_a64_test.cpp.
#pragma once

#include "oracle/unwind/unwind.h"

#include <memory>

namespace assay::oracle {

/// Where things are in memory; all but `code` refer to each other by distances from `base`.
struct WindowsImage {
  u64 base = 0;
  Region code;
  Region pdata;
  Region xdata;
  /// What functions with a handler must name: its address, and its data. 0: no function may have one.
  u64 handler = 0;
  u64 handler_data = 0;
};

/// One entry of .pdata, addresses.
struct WindowsFunction {
  u64 begin = 0, end = 0;
  u64 info = 0; // offset in .xdata
};

class WindowsX64Tables final : public UnwindTables {
public:
  static Result<std::unique_ptr<WindowsX64Tables>> open(const WindowsImage& image,
                                                        std::span<const CodeRange> functions);

  Result<void> rule_at(u64 pc, bool is_return, FrameRule& out) const override;
  /// Besides what `open` refuses: entries tile the functions in order. The first of a function has codes by falling
  /// offset, the first that of the prologue's end, each at the end of an instruction that does what it says; the others
  /// have no prologue, and chained ones go on with the function's first. All the others of a function have a handler or
  /// none has. Shortest forms, unused fields zero, every byte of .xdata of one entry or shared.
  Result<void> lint() const override;
  Result<void> boundaries(std::vector<u64>& out) const override;
  TableField field_at(TableRegion region, u64 at, u32 bit) const override;

  struct Info {
    u8 prologue = 0, count = 0; // bytes; slots
    u8 frame_register = 0;      // 0: none
    u32 frame_offset = 0;       // bytes
    u64 codes = 0;              // offset of the first slot in .xdata
    u64 end = 0;                // behind the last, padded, and what is chained or the handler's
    bool has_handler = false;
    bool chained = false;
    WindowsFunction next; // the entry that it goes on with
  };
  struct Code {
    u8 offset = 0, op = 0, info = 0;
    u32 slots = 1;
    u64 value = 0; // bytes: of an allocation, or from the frame's base
  };

private:
  WindowsX64Tables(const WindowsImage& image, std::span<const CodeRange> functions)
      : image_(image), expected_(functions.begin(), functions.end()) {}

  Result<void> parse();
  Result<Info> info_at(u64 at) const;
  Result<Code> code_at(const Info& info, u32 slot) const;
  Result<void> by_codes(const Info& info, u64 offset, Place& sp, FrameRule& out) const;
  const WindowsFunction* entry_of(u64 pc) const;
  u64 first_of(const WindowsFunction& function) const;
  bool leaves(const WindowsFunction& function, u64 target) const;
  bool by_epilogue(const WindowsFunction& function, const Info& info, u64 pc, FrameRule& out) const;
  Result<void> lint_info(const WindowsFunction& function, const Info& info, const WindowsFunction& first) const;
  Result<void> lint_code(const WindowsFunction& function, const Info& info, const Code& code, u64 at, bool whole) const;
  bool moves_frame(const WindowsFunction& function, const Info& info, u32 offset) const;

  WindowsImage image_;
  std::vector<CodeRange> expected_;
  std::vector<WindowsFunction> functions_;
};

class WindowsA64Tables final : public UnwindTables {
public:
  static Result<std::unique_ptr<WindowsA64Tables>> open(const WindowsImage& image,
                                                        std::span<const CodeRange> functions);

  Result<void> rule_at(u64 pc, bool is_return, FrameRule& out) const override;
  /// Besides what `open` refuses: entries tile the functions in order; scopes sorted, disjoint, inside; reserved bits
  /// zero; padding of one kind, less than a word; shortest forms; each code of a prologue or an epilogue belongs to an
  /// instruction that does, or undoes, what it says; every byte of .xdata is of one function.
  Result<void> lint() const override;
  Result<void> boundaries(std::vector<u64>& out) const override;
  TableField field_at(TableRegion region, u64 at, u32 bit) const override;

  struct Scope {
    u32 start = 0; // words from the fragment's begin
    u32 index = 0; // byte in the codes
  };
  struct Info {
    u32 words = 0; // length
    std::vector<Scope> scopes;
    u64 codes = 0, code_bytes = 0; // in .xdata
    u64 end = 0;                   // behind the codes, and the handler's
    bool has_handler = false;
    bool one_at_end = false; // E: one epilogue, that ends the function
  };
  struct Code {
    enum Kind : u8 { Alloc, SavePair, SaveOne, SaveLrPair, SetFp, AddFp, Nop, End, EndC, SaveNext, Pac } kind = Nop;
    u32 bytes = 1;    // of the code
    RegIndex reg = 0; // first register
    RegIndex second = 0;
    i64 value = 0;      // bytes: allocation, or offset from sp
    bool moves = false; // pre-indexed: sp is moved by `value`
  };

private:
  WindowsA64Tables(const WindowsImage& image, std::span<const CodeRange> functions)
      : image_(image), expected_(functions.begin(), functions.end()) {}

  Result<void> parse();
  Result<Info> info_at(u64 at) const;
  Result<Code> code_at(const Info& info, u64 index) const;
  /// Instructions from the code at `index` up to its end, which is not counted.
  Result<u32> length(const Info& info, u64 index, bool prologue) const;
  Result<void> execute(const Info& info, u64 index, u32 skip, FrameRule& out) const;
  Result<void> lint_info(const WindowsFunction& function, const Info& info) const;
  Result<void> lint_codes(const WindowsFunction& function, const Info& info) const;
  Result<void> lint_run(const WindowsFunction& function, const Info& info, u64 index, u32 from, bool prologue,
                        std::vector<bool>& used) const;

  WindowsImage image_;
  std::vector<CodeRange> expected_;
  std::vector<WindowsFunction> functions_;
};

} // namespace assay::oracle
