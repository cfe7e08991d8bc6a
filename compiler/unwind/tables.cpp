// tables.cpp - checks what all formats rely on, then calls the writer of the format.
//
// The checks (functions sorted, inside the code, their frame effects sorted and inside the function) cost one pass over
// the effects and let the writers index without fear. Tested in compiler/unwind/tests/tables_test.cpp.
#include "compiler/unwind/tables.h"

#include "compiler/unwind/apple_compact.h"
#include "compiler/unwind/dwarf.h"
#include "compiler/unwind/windows.h"

namespace assay::unwind {

namespace {

Error malformed(const char* what) { return Error{ErrorKind::BadInput, {}, 0, 0, what}; }
Error unsupported(const char* what) { return Error{ErrorKind::Unsupported, {}, 0, 0, what}; }

Result<void> check(const CodeObject& object, const UnwindPlace& place) {
  u32 last = 0;
  for (const FunctionCode& function : object.functions) {
    if (function.begin < last || function.end <= function.begin || function.end > object.code.size())
      return malformed("functions are not sorted and disjoint inside the code");
    last = function.end;
    if (u64{function.first_frame_op} + function.frame_op_count > object.frame_ops.size())
      return malformed("frame effects outside of the object");
    u32 at = 0;
    for (const FrameOp& op : object.frame_of(function)) {
      if (op.offset < at || op.offset > function.end - function.begin)
        return malformed("frame effects are not sorted inside their function");
      at = op.offset;
    }
  }
  if (place.tables_at % 8 != 0 || place.code_rva % 4 != 0) return malformed("unwind tables at an unaligned place");
  if (place.tables_at < object.code.size()) return malformed("unwind tables on top of the code");
  if (place.handler_at != 0 && place.handler_at < object.code.size()) return malformed("a handler inside the code");
  return {};
}

Result<void> write_dwarf(const CodeObject& object, const UnwindPlace& place, UnwindTables& out) {
  if (!write_eh_frame(object, static_cast<i64>(place.tables_at), out.bytes))
    return unsupported("code and unwind tables lie 2 GiB apart or more");
  out.eh_frame.size = static_cast<u32>(out.bytes.size());
  return {};
}

Result<void> dispatch(UnwindFormat format, const CodeObject& object, const UnwindPlace& place, UnwindTables& out) {
  if (auto checked = check(object, place); !checked) return checked;
  if (place.tables_at > 0x7fffffff) return unsupported("code and unwind tables lie 2 GiB apart or more");
  if (place.handler_at != 0 && format != UnwindFormat::Windows)
    return unsupported("a handler in unwind tables other than those of Windows");
  if (place.handler_at > 0x7fffffff)
    return unsupported("code and the handler of its exceptions lie 2 GiB apart or more");
  if ((place.personality != 0 || place.lsda != 0) && format != UnwindFormat::AppleCompact)
    return unsupported("a personality routine's address in unwind tables other than Apple's");
  switch (format) {
  case UnwindFormat::EhFrame: return write_dwarf(object, place, out);
  case UnwindFormat::Windows:
    return object.target == Target::X64 ? write_windows_x64(object, place, out) : write_windows_a64(object, place, out);
  case UnwindFormat::AppleCompact: return write_apple_compact(object, place, out);
  }
  return malformed("no such unwind format");
}

} // namespace

void UnwindTables::clear() {
  bytes.clear();
  eh_frame = entries = info = {};
}

Result<void> write_tables(UnwindFormat format, const CodeObject& object, const UnwindPlace& place, UnwindTables& out) {
  out.clear();
  auto done = dispatch(format, object, place, out);
  if (!done) out.clear();
  return done;
}

} // namespace assay::unwind
