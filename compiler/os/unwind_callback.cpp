// unwind_callback.cpp - see unwind_callback.h.
#include "compiler/os/unwind_callback.h"

namespace assay::os {

namespace {

u64 address(const u8* at) { return reinterpret_cast<u64>(at); }

/// Never destroyed: throws may ask until the process ends.
SectionTable& sections() {
  static SectionTable* const table = new SectionTable;
  return *table;
}

int find_sections(u64 pc, DynamicUnwindSections* out) {
  UnwindSections found;
  if (!sections().find(pc, found)) return 0;
  *out = {found.base, found.dwarf, found.dwarf_size, found.compact, found.compact_size};
  return 1;
}

} // namespace

FindUnwindSections unwind_callback() {
  sections(); // not for the first time inside a throw
  return &find_sections;
}

bool add_to_callback(const CodeTables& tables) {
  const u64 begin = address(tables.first_pc), end = address(tables.last_pc) + 1, base = address(tables.base);
  if (tables.compact == nullptr || base == 0 || base > begin || end - base > 0xffffffff) return false;
  return sections().add(
      {begin, end, address(tables.section), tables.size, address(tables.compact), tables.compact_size, base});
}

void remove_from_callback(const CodeTables& tables) { sections().remove(address(tables.first_pc)); }

} // namespace assay::os
