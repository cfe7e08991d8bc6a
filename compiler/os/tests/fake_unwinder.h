// fake_unwinder.h - a stand-in for macOS's unwinder, and for ones that fail, as far as registration asks.
//
// It looks a pc up in the order of LLVM's libunwind: the callbacks that it was given, then the entries that were
// registered one by one. Compact unwind it reads as the system does: index, pages, and in DWARF mode on to the entry
// whose offset the encoding has. It moves no frame, and keeps no second opinion on encodings: oracle/unwind has that.
// One at a time. Needs tables as compiler/unwind writes them: pc-relative entries, regular pages.
#pragma once

#include "compiler/os/unwinder_calls.h"

#include <cstring>
#include <set>
#include <vector>

namespace assay::os::testing {

struct FakeUnwinder {
  static inline std::vector<FindUnwindSections> finders;
  static inline std::multiset<const u8*> entries;
  static inline int refusal = 0;       // what it says to a callback
  static inline bool asks_back = true; // whether it ever calls it
  static inline bool sees_entries = true;
  static inline bool forgets_removal = false; // keeps entries that were taken away

  /// As macOS 14 and later, or with `callbacks` false as before. Everything above as at first.
  static UnwinderCalls calls(bool callbacks = true) {
    finders.clear();
    entries.clear();
    refusal = 0;
    asks_back = sees_entries = true;
    forgets_removal = false;
    UnwinderCalls out;
    out.add_frame = [](void* fde) { entries.insert(static_cast<const u8*>(fde)); };
    out.remove_frame = [](void* fde) {
      const auto found = entries.find(static_cast<const u8*>(fde));
      if (found != entries.end() && !forgets_removal) entries.erase(found);
    };
    out.find_frame = find;
    out.each_entry = true;
    if (callbacks) {
      out.add_find_sections = [](FindUnwindSections one) {
        if (refusal == 0) finders.push_back(one);
        return refusal;
      };
    }
    return out;
  }

  static u32 word(u64 at) {
    u32 value = 0;
    std::memcpy(&value, reinterpret_cast<const void*>(at), 4);
    return value;
  }
  static bool covers(u64 fde, u64 pc) {
    const u64 begin = fde + 8 + static_cast<u64>(static_cast<i64>(static_cast<i32>(word(fde + 8))));
    return pc >= begin && pc < begin + word(fde + 12);
  }

  struct Compact {
    u64 function = 0; // 0: not in the table
    u32 encoding = 0;
  };
  /// The last row of the section that begins at `pc` or before it.
  static Compact look_up(const DynamicUnwindSections& in, u64 pc) {
    Compact out;
    const u64 table = in.compact, index = table + word(table + 20), rows = word(table + 24);
    if (word(table) != 1 || pc < in.dso_base || pc - in.dso_base >= word(index + 12 * (rows - 1))) return out;
    for (u64 i = 0; i + 1 < rows; ++i) {
      const u64 page = table + word(index + 12 * i + 4);
      const u32 sizes = word(page + 4);
      for (u64 j = 0; j < sizes >> 16; ++j) {
        const u64 row = page + (sizes & 0xffff) + 8 * j;
        if (in.dso_base + word(row) <= pc) out = {in.dso_base + word(row), word(row + 4)};
      }
    }
    return out;
  }
  static const void* find(const void* at, EhBases* bases) {
    const u64 pc = reinterpret_cast<u64>(at);
    for (const FindUnwindSections finder : finders) {
      DynamicUnwindSections in{};
      if (!asks_back || finder(pc, &in) == 0) continue;
      const Compact row = look_up(in, pc);
      if (row.function == 0) continue;
      bases->text = reinterpret_cast<void*>(in.dso_base);
      bases->function = reinterpret_cast<void*>(row.function);
      const u32 mode = row.encoding & 0x0f000000;
#if defined(__aarch64__)
      const bool is_dwarf = mode == 0x03000000;
#else
      const bool is_dwarf = mode == 0x04000000;
#endif
      const u64 fde = in.dwarf + (row.encoding & 0xffffff);
      return is_dwarf && fde < in.dwarf + in.dwarf_size && covers(fde, pc) ? reinterpret_cast<void*>(fde) : nullptr;
    }
    for (const u8* fde : entries) {
      if (!sees_entries || !covers(reinterpret_cast<u64>(fde), pc)) continue;
      bases->function = const_cast<u8*>(fde); // anything but null
      return fde;
    }
    return nullptr;
  }
};

} // namespace assay::os::testing
